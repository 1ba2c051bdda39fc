"""netrc is read the same under every Python."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_tagtog.client._netrc import NetrcEntry, NetrcError, find_in_netrc


def found(folder: Path, content: str, host: str = "a.example", *, private: bool = False) -> NetrcEntry | None:
    path = folder / "netrc"
    path.write_text(content, encoding="utf-8")
    return find_in_netrc(path, host, private=private)


@pytest.mark.parametrize(
    "content",
    [
        "machine a.example login ann password pä’ss",
        "machine a.example\n  user ann\n  account x\n  password pä’ss\n",
        'machine "a.example" password "pä’ss" login ann',
        "machine a.example login an\\n password pä\\’ss",
        "# mine\n#all mine\nmachine a.example # here\nlogin ann\npassword pä’ss",
        "machine b.example login eve\nmachine a.example login ann password pä’ss",
        "default login ann password pä’ss",
        "machine a.example login eve password x\nmachine a.example login ann password pä’ss",
        "macdef init\ncd /machine x\nbye\n\nmachine a.example login ann password pä’ss\n",
        "machine a.example login ann password pä’ss\nmacdef init\nbye",
    ],
)
def test_an_entry_is_found_however_it_is_written(tmp_path: Path, content: str) -> None:
    assert found(tmp_path, content) == NetrcEntry("ann", "pä’ss")


@pytest.mark.parametrize(
    ("content", "entry"),
    [
        ("", None),
        ("machine b.example login ann password x", None),
        ("machine a.example", NetrcEntry("", "")),
        ("machine a.example login ann", NetrcEntry("ann", "")),
        ('machine a.example login ann password "p ss#"', NetrcEntry("ann", "p ss#")),
        ("machine a.example login ann password #1", NetrcEntry("ann", "#1")),
        ('machine a.example login ann password p"s', NetrcEntry("ann", 'p"s')),
        ("default login ann password x\nmachine a.example login bob", NetrcEntry("bob", "")),
    ],
)
def test_what_is_not_there_is_empty(tmp_path: Path, content: str, entry: NetrcEntry | None) -> None:
    assert found(tmp_path, content) == entry


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("secret", 1),
        ("machine", 1),
        ("machine a.example\nlogin", 2),
        ("machine a.example\n\nlogin ann secret", 3),
        ('machine a.example\nlogin "secret', 2),
        ("machine a.example login ann password secret\\", 1),
    ],
)
def test_a_file_of_another_form_is_refused_and_not_quoted(tmp_path: Path, content: str, line: int) -> None:
    with pytest.raises(NetrcError) as caught:
        found(tmp_path, content)
    assert caught.value.line == line
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(NetrcEntry("ann", "secret"))


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_a_file_with_passwords_must_be_private(tmp_path: Path) -> None:
    (tmp_path / "netrc").touch(mode=0o644)
    assert found(tmp_path, "machine a.example login ann", private=True) == NetrcEntry("ann")
    content = "machine a.example login ann password x"
    with pytest.raises(NetrcError, match="others may read it"):
        found(tmp_path, content, private=True)
    assert found(tmp_path, content) == NetrcEntry("ann", "x")
    (tmp_path / "netrc").chmod(0o600)
    assert found(tmp_path, content, private=True) == NetrcEntry("ann", "x")


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


def written(word: str, quoted: bool) -> str:
    """A word as netrc holds it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    if quoted:
        return f'"{escaped}"'
    return "".join(f"\\{c}" if c.isspace() or c == "#" else c for c in escaped)


@settings(deadline=None)  # files are written
@given(st.lists(st.tuples(WORDS, WORDS, WORDS, st.booleans(), st.booleans()), min_size=1, max_size=4))
def test_what_is_written_is_read_as_python_reads_it(
    tmp_path_factory: pytest.TempPathFactory, machines: list[tuple[str, str, str, bool, bool]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    content = "\n".join(
        f"machine {written(host, one)} login {written(login, two)}\tpassword {written(password, one)}"
        for host, login, password, one, two in machines
    )
    expected = {host: NetrcEntry(login, password) for host, login, password, _, _ in machines}
    for host, entry in expected.items():
        assert found(folder, content, host) == entry
    if sys.version_info >= (3, 11):
        import netrc

        theirs = netrc.netrc(str(folder / "netrc")).hosts
        assert {host: NetrcEntry(login, password) for host, (login, _, password) in theirs.items()} == (
            expected
        )


@settings(deadline=None)
@given(st.text(st.sampled_from('machinelogpswrdf \n\t"\\#x'), max_size=60))
def test_anything_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    with suppress(NetrcError):
        found(tmp_path_factory.getbasetemp(), content)

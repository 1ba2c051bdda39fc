"""``spacy-tagtog user``: the users of the local tagtog."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from local_api import LEGEND
from typer.testing import CliRunner

from spacy_tagtog.cli import app
from spacy_tagtog.server import Database, create_project, settings_from_legend
from spacy_tagtog.server.db.members import members_of
from spacy_tagtog.server.db.users import Passwords


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("TAGTOG_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    database = Database(Path("local-tagtog.db"))
    database.write(create_project, "local", "proteins", settings_from_legend(LEGEND))
    database.close()


def run(*arguments: str, typed: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["user", *arguments], input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def may_log_in(name: str, password: str) -> bool:
    database = Database(Path("local-tagtog.db"))
    try:
        return Passwords(database).check(name, password)
    finally:
        database.close()


def roles() -> dict[str, str]:
    database = Database(Path("local-tagtog.db"))
    try:
        return dict(database.read(members_of, "local", "proteins"))
    finally:
        database.close()


def test_a_password_is_made_and_shown_once() -> None:
    code, out = run("add", "ada", "--project", "proteins", "--role", "reviewer")
    assert code == 0, out
    made = re.search(r"password (\S+)   \(shown this once\)", out)
    assert made is not None
    assert may_log_in("ada", made[1])
    assert roles() == {"ada": "reviewer", "local": "admin"}
    assert made[1].encode() not in Path("local-tagtog.db").read_bytes()
    assert "changed the password" in run("add", "ada")[1]
    assert not may_log_in("ada", made[1])


def test_a_password_comes_from_the_environment_or_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    code, out = run("add", "bob", "--prompt", typed="typed\ntyped\n")
    assert (code, may_log_in("bob", "typed")) == (0, True)
    monkeypatch.setenv("TAGTOG_NEW_PASSWORD", "given")
    code, out = run("add", "ada", "--admin")
    assert (code, may_log_in("ada", "given")) == (0, True)
    assert "given" not in out
    code, out = run("add", "bob", "--project", "proteins", "--keep-password")
    assert (code, may_log_in("bob", "typed"), roles()["bob"]) == (0, True, "curator")
    listed = run("list")[1]
    assert re.search(r"ada\s+admin of every project", listed)
    assert re.search(r"bob\s+curator of local/proteins", listed)


def test_a_removed_user_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGTOG_NEW_PASSWORD", "given")
    run("add", "ada", "--project", "proteins")
    assert run("remove", "ada")[0] == 0
    assert not may_log_in("ada", "given")
    assert roles() == {"local": "admin"}
    assert "has no user" in run("list")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "a b"], ["user name"]),
        (["add", "ada", "--project", "none"], ["no such project", "local/proteins"]),
        (["add", "ada", "--project", "proteins", "--role", "boss"], ["no such role", "supercurator"]),
        (["add", "ada", "--keep-password"], ["no such user"]),
        (["remove", "ada"], ["no such user"]),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], words: list[str]) -> None:
    code, out = run(*arguments)
    assert code == 1
    for word in words:
        assert word in out

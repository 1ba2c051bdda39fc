"""``spacy-tagtog user``: the users of the local tagtog."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from commands import run
from local_api import LEGEND

from spacy_tagtog.server import Database, create_project, settings_from_legend
from spacy_tagtog.server.db.members import members_of
from spacy_tagtog.server.db.users import Passwords


@pytest.fixture(autouse=True)
def _project(own_folder: None) -> None:
    database = Database(Path("local-tagtog.db"))
    database.write(create_project, "local", "proteins", settings_from_legend(LEGEND))
    database.close()


def user(*arguments: str, typed: str = "") -> tuple[int, str]:
    code, out, err = run("user", *arguments, typed=typed)
    return code, out + err


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
    code, out = user("add", "ada", "--project", "proteins", "--role", "reviewer")
    assert code == 0, out
    made = re.search(r"password (\S+)   \(shown this once\)", out)
    assert made is not None
    assert may_log_in("ada", made[1])
    assert roles() == {"ada": "reviewer", "local": "admin"}
    assert made[1].encode() not in Path("local-tagtog.db").read_bytes()
    assert "changed the password" in user("add", "ada")[1]
    assert not may_log_in("ada", made[1])


def test_a_password_comes_from_the_environment_or_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    code, out = user("add", "bob", "--prompt", typed="typed by hand\ntyped by hand\n")
    assert (code, may_log_in("bob", "typed by hand")) == (0, True)
    monkeypatch.setenv("TAGTOG_NEW_PASSWORD", "given by variable")
    code, out = user("add", "ada", "--admin")
    assert (code, may_log_in("ada", "given by variable")) == (0, True)
    assert "given by variable" not in out
    code, out = user("add", "bob", "--project", "proteins", "--keep-password")
    assert (code, may_log_in("bob", "typed by hand"), roles()["bob"]) == (0, True, "curator")
    listed = user("list")[1]
    assert re.search(r"ada\s+admin of every project", listed)
    assert re.search(r"bob\s+curator of local/proteins", listed)


def test_a_removed_user_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGTOG_NEW_PASSWORD", "given by variable")
    user("add", "ada", "--project", "proteins")
    assert user("remove", "ada")[0] == 0
    assert not may_log_in("ada", "given by variable")
    assert roles() == {"local": "admin"}
    assert "has no user" in user("list")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "a b"], ["user name"]),
        (["add", "ada", "--project", "none"], ["no such project", "local/proteins"]),
        (
            ["add", "ada", "--project", "proteins", "--role", "boss"],
            ["unknown value of --role", "supercurator"],
        ),
        (["add", "ada", "--keep-password"], ["no such user"]),
        (["remove", "ada"], ["no such user"]),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], words: list[str]) -> None:
    code, out = user(*arguments)
    assert code == (2 if arguments[-1] in ("boss", "--keep-password") else 1)
    for word in words:
        assert word in out

"""The page of people: the same rules as ``spacy-tagtog user``, for admins of every project alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from local_api import LEGEND, password_of
from logins import PAGE, Surfer
from lxml import html as lxml_html

from spacy_tagtog.server import LocalTagtog, add_user, create_project, local_tagtog, settings_from_legend
from spacy_tagtog.server.db.members import members_of
from spacy_tagtog.server.db.users import list_users

ACTIONS = ("add", "password", "remove", "role")


class Site(Surfer):
    """A browser in which somebody is logged in."""

    def __init__(self, server: LocalTagtog, name: str, password: str) -> None:
        super().__init__(server.url)
        self.log_in(name, password)

    @property
    def token(self) -> str:
        tree = lxml_html.fromstring(self.open("/-local/people").content.decode())
        return str(tree.xpath("//input[@name='token']/@value")[0])

    def act(self, action: str, **fields: str) -> requests.Response:
        data = {"token": self.token, **fields}
        headers = {"Origin": self.url}
        return self.post(f"{self.url}/-local/people/{action}", data=data, headers=headers, timeout=20)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalTagtog]:
    with local_tagtog(tmp_path / "tagtog.db") as running:
        running.database.write(create_project, "local", "stars", settings_from_legend(LEGEND))
        running.database.write(create_project, "ada", "moons", settings_from_legend(LEGEND))
        for name, admin in (("ada", False), ("boss", True)):
            running.database.write(add_user, name, password_of(name), admin=admin)
        yield running


@pytest.fixture
def boss(server: LocalTagtog) -> Iterator[Site]:
    with Site(server, "boss", password_of("boss")) as made:
        yield made


def users(server: LocalTagtog) -> dict[str, bool]:
    return dict(server.database.read(list_users))


def shown_password(answer: requests.Response) -> str:
    (password,) = lxml_html.fromstring(answer.content.decode()).xpath("//code[@class='password']/text()")
    return str(password)


def test_a_user_is_added_with_a_password_that_is_shown_once(server: LocalTagtog, boss: Site) -> None:
    answer = boss.act("add", name=" bob ")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    password = shown_password(answer)
    assert password not in boss.open("/-local/people").text
    assert requests.get(server.url, auth=("bob", password), timeout=20).status_code == 200
    assert boss.act("add", name="eve", admin="yes").status_code == 200
    assert users(server) == {"ada": False, "bob": False, "boss": True, "eve": True}


def test_a_new_password_ends_the_sessions_of_its_user(server: LocalTagtog, boss: Site) -> None:
    with Site(server, "ada", password_of("ada")) as ada:
        assert "<h1>moons</h1>" in ada.open("/ada/moons").text
        password = shown_password(boss.act("password", name="ada"))
        assert "<h1>Log in</h1>" in ada.open("/ada/moons").text
        assert "moons" in ada.log_in("ada", password).text
    assert users(server) == {"ada": False, "boss": True}


def test_roles_are_shown_given_and_taken(server: LocalTagtog, boss: Site) -> None:
    page = boss.open("/-local/people").text
    assert "admin of ada/moons" in page
    assert "admin of every project" in page
    for role in ("reviewer", "curator"):
        assert (
            f"ada is {role} of local/stars."
            in boss.act("role", name="ada", project="local/stars", role=role).text
        )
        assert server.database.read(members_of, "local", "stars")["ada"] == role
    assert "ada is no member" in boss.act("role", name="ada", project="local/stars", role="none").text
    assert "ada" not in server.database.read(members_of, "local", "stars")


@pytest.mark.parametrize(
    ("action", "fields", "status", "words"),
    [
        ("add", {"name": "a b"}, 400, "can&#39;t be a user name"),
        ("add", {"name": "master"}, 400, "can&#39;t be a user name"),
        ("add", {"name": "<b>"}, 400, "can&#39;t be a user name"),
        ("add", {"name": "ada"}, 409, "a user ada already"),
        ("password", {"name": "none"}, 404, "no user none"),
        ("remove", {"name": "none"}, 400, "no such user"),
        ("remove", {"name": "boss"}, 409, "remove yourself"),
        ("role", {"name": "ada", "project": "local/none", "role": "reader"}, 404, "no such project"),
        ("role", {"name": "ada", "project": "x", "role": "reader"}, 404, "no such project"),
        ("role", {"name": "ada", "project": "local/stars", "role": "boss"}, 400, "no such role"),
        ("role", {"name": "none", "project": "local/stars", "role": "reader"}, 404, "no such user"),
        ("role", {"name": "ada", "project": "ada/moons", "role": "reader"}, 409, "is its admin"),
        ("role", {"name": "boss", "project": "local/stars", "role": "none"}, 404, "no such member"),
        ("add", {}, 400, "no text name"),
    ],
)
def test_what_cannot_be_done_is_said(
    server: LocalTagtog, boss: Site, action: str, fields: dict[str, str], status: int, words: str
) -> None:
    answer = boss.act(action, **fields)
    assert answer.status_code == status
    assert words in answer.text.lower() or words in answer.text
    assert users(server) == {"ada": False, "boss": True}
    assert requests.get(server.url, auth=("ada", password_of("ada")), timeout=20).status_code == 200


@pytest.mark.parametrize("action", ACTIONS)
def test_only_admins_of_every_project_manage_people(server: LocalTagtog, boss: Site, action: str) -> None:
    fields: dict[str, Any] = {"name": "boss", "project": "ada/moons", "role": "admin", "token": boss.token}
    with Site(server, "ada", password_of("ada")) as ada:
        assert ada.open("/-local/people").status_code == 403
        own = {"Origin": server.url}
        path = f"{server.url}/-local/people/{action}"
        assert ada.post(path, data=fields, headers=own, timeout=20).status_code == 403
        assert ada.post(path, json=fields, headers=own, timeout=20).status_code == 403
    for wrong in ({**fields, "token": ""}, {**fields, "token": "x" * 64}):
        assert boss.post(path, data=wrong, headers=own, timeout=20).status_code == 403
    assert boss.post(path, data=fields, timeout=20).status_code == 403  # no Origin
    assert requests.post(path, data=fields, headers={**own, **PAGE}, timeout=20).status_code == 401
    assert users(server) == {"ada": False, "boss": True}


def test_who_runs_the_server_may_remove_all(server: LocalTagtog) -> None:
    with Site(server, "local", server.password) as operator:
        for name in ("ada", "boss"):
            assert f"{name} was removed." in operator.act("remove", name=name).text
    assert users(server) == {}

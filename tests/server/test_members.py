"""Members, roles and versions on the local tagtog, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import requests
from local_api import LEGEND, ROLES, People, annotated, entity, password_of, refused

from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server import (
    LocalTagtog,
    add_user,
    settings_from_legend,
)
from spacy_tagtog.server.db.folders import import_settings
from spacy_tagtog.server.db.users import remove_user

_NUMBERS = count()


# --- Roles × actions

SETTINGS = settings_from_legend(LEGEND, ["pool/train"])


class Stage:
    """A project for the table of roles: a document with versions of master, another member and each role."""

    def __init__(self, people: People) -> None:
        self.people = people
        people.server.database.write(add_user, "newcomer", password_of("newcomer"))
        self.docid = people.save("Ada in London", annotated(entity("e_1", 0, "Ada")))
        for member in ("other", *ROLES):
            people.save(
                "Ada in London", annotated(complete=member == "other"), name=self.docid, member=member
            )

    def pair(self, role: str, member: str) -> requests.Response:
        content = self.people.call(
            "local", "GET", "documents/v1", ids=self.docid, output="plain.html"
        ).content
        files = [
            ("f", ("x.plain.html", content)),
            ("f", ("x.ann.json", annotated(entity("e_2", 7, "London")).dumps())),
        ]
        return self.people.call(
            role, "POST", "documents/v1", files=files, format="anndoc", output="null", member=member
        )

    def act(self, action: str, role: str) -> requests.Response:
        call, docid = self.people.call, self.docid
        new_member = "newcomer"
        folder = f"pool/f{next(_NUMBERS)}"
        if action in ("rename a folder", "remove a folder"):
            assert call("local", "POST", "settings/v1/folders/add", json={"path": folder}).status_code == 200
        if action.endswith("a member"):
            call("local", "DELETE", f"settings/v1/members/{new_member}")
        if action in ("change a member", "remove a member"):
            assert (
                call(
                    "local", "POST", "settings/v1/members", json={"loginid": new_member, "roleName": "reader"}
                ).status_code
                == 205
            )
        page = f"/owner/{self.people.name}/pool/{docid}"
        steps: dict[str, Any] = {
            "see the project's page": lambda: call(role, "GET", f"/owner/{self.people.name}"),
            "see the master version": lambda: call(role, "GET", page),
            "see their own version": lambda: call(role, "GET", page, member=role),
            "see another's version": lambda: call(role, "GET", page, member="other"),
            "search": lambda: call(role, "GET", "documents/v1", search="*"),
            "download": lambda: call(role, "GET", "documents/v1", ids=docid, output="ann.json"),
            "download their own version": lambda: call(
                role, "GET", "documents/v1", ids=docid, output="ann.json", member=role
            ),
            "download another's version": lambda: call(
                role, "GET", "documents/v1", ids=docid, output="ann.json", member="other"
            ),
            "import": lambda: call(
                role, "POST", "documents/v1", data={"text": f"text {next(_NUMBERS)}"}, output="null"
            ),
            "save master": lambda: self.pair(role, "master"),
            "save their own version": lambda: self.pair(role, role),
            "save another's version": lambda: self.pair(role, "other"),
            "delete": lambda: call(role, "DELETE", "documents/v1", search="nothing"),
            "add a folder": lambda: call(role, "POST", "settings/v1/folders/add", json={"path": folder}),
            "rename a folder": lambda: call(
                role, "POST", "settings/v1/folders/rename", json={"path": folder, "newFolderName": folder[6:]}
            ),
            "remove a folder": lambda: call(
                role, "POST", "settings/v1/folders/remove", json={"path": folder}
            ),
            "read the legend": lambda: call(role, "GET", "settings/v1/annotationsLegend"),
            "read the settings": lambda: call(role, "GET", "settings/v1/export"),
            "read members": lambda: call(role, "GET", "settings/v1/members"),
            "add a member": lambda: call(
                role, "POST", "settings/v1/members", json={"loginid": new_member, "roleName": "curator"}
            ),
            "change a member": lambda: call(
                role, "PUT", f"settings/v1/members/{new_member}", json={"roleName": "curator"}
            ),
            "remove a member": lambda: call(role, "DELETE", f"settings/v1/members/{new_member}"),
            "import settings": lambda: call(role, "POST", "settings/v1/import", json=SETTINGS),
        }
        answer: requests.Response = steps[action]()
        return answer


# The facts' table of roles, action by action: who may.
EVERYONE, FROM_SUPERCURATOR, FROM_REVIEWER, ADMIN = ROLES, ROLES[2:], ROLES[3:], ROLES[4:]
TABLE: dict[str, tuple[str, ...]] = {
    "see the project's page": EVERYONE,
    "see the master version": EVERYONE,
    "see their own version": EVERYONE,
    "see another's version": FROM_REVIEWER,
    "search": FROM_SUPERCURATOR,
    "download": FROM_SUPERCURATOR,
    "download their own version": FROM_SUPERCURATOR,
    "download another's version": FROM_REVIEWER,
    "import": FROM_SUPERCURATOR,
    "save master": FROM_SUPERCURATOR,
    "save their own version": FROM_SUPERCURATOR,
    "save another's version": FROM_REVIEWER,
    "delete": FROM_SUPERCURATOR,
    "add a folder": FROM_SUPERCURATOR,
    "rename a folder": FROM_SUPERCURATOR,
    "remove a folder": FROM_SUPERCURATOR,
    "read the legend": FROM_SUPERCURATOR,
    "read the settings": FROM_SUPERCURATOR,
    "read members": FROM_REVIEWER,
    "add a member": ADMIN,
    "change a member": ADMIN,
    "remove a member": ADMIN,
    "import settings": ADMIN,
}


@pytest.fixture(scope="module")
def stage(server: LocalTagtog) -> Iterator[Stage]:
    people = People(server, "stage")
    yield Stage(people)
    people.close()


@pytest.mark.parametrize("action", TABLE)
def test_each_role_may_do_what_the_table_says(stage: Stage, action: str) -> None:
    for role in (*ROLES, "owner", "local"):
        answer = stage.act(action, role)
        if role in TABLE[action] or role in ("owner", "local"):
            assert answer.status_code in (200, 205), f"{role}: {answer.text}"
        else:
            refused(
                answer,
                403,
                f"{role} may not",
                f"{role}, {role} of owner/stage",
                "legal: the role ",
                TABLE[action][-1],
            )
    # For who isn't a member, the project isn't there.
    refused(stage.act(action, "stranger"), 404, "no such project, or you aren't a member")


def test_a_refused_call_changes_nothing(people: People) -> None:
    docid = people.save("Ada", annotated(entity("e_1", 0, "Ada")))
    before = (
        people.docs(),
        people.ann(docid).content,
        people.call("local", "GET", "settings/v1/export").content,
    )
    for role in ("stranger", "reader", "curator"):
        for method, path, body in (
            ("POST", "documents/v1", {"data": {"text": "x"}}),
            ("DELETE", "documents/v1?search=*", {}),
            ("POST", "settings/v1/import", {"json": SETTINGS}),
            ("POST", "settings/v1/members", {"json": {"loginid": role, "roleName": "admin"}}),
            ("PUT", f"settings/v1/members/{role}", {"json": {"roleName": "admin"}}),
            ("POST", "settings/v1/folders/remove", {"json": {"path": "pool/train"}}),
        ):
            assert people.call(role, method, path, **body).status_code in (403, 404)
    assert (
        people.docs(),
        people.ann(docid).content,
        people.call("local", "GET", "settings/v1/export").content,
    ) == before


# --- Members


def test_members_are_read_added_changed_and_removed(people: People) -> None:
    def roles() -> dict[str, str]:
        answer = people.call("owner", "GET", "settings/v1/members").json()
        assert (answer["pendingMembers"], answer["teams"]) == ([], [])
        assert all(member["inTeams"] == [] for member in answer["members"])
        return {member["username"]: member["role"]["name"] for member in answer["members"]}

    everybody: dict[str, str] = {role: role for role in ROLES}
    assert roles() == {**everybody, "owner": "admin"}
    answer = people.call(
        "owner", "POST", "settings/v1/members", json={"loginid": "stranger", "roleName": "supercurator"}
    )
    assert (answer.status_code, answer.content) == (205, b"")
    assert people.call("stranger", "GET", "documents/v1", search="*").status_code == 200
    assert (
        people.call("owner", "PUT", "settings/v1/members/stranger", json={"roleName": "reader"}).status_code
        == 205
    )
    assert people.call("stranger", "GET", "documents/v1", search="*").status_code == 403
    assert roles()["stranger"] == "reader"
    assert people.call("owner", "DELETE", "settings/v1/members/stranger").status_code == 205
    assert people.call("stranger", "GET", "documents/v1", search="*").status_code == 404
    assert "stranger" not in roles()


def test_nobody_is_invited(people: People) -> None:
    answer = people.call("reviewer", "GET", "settings/v1/pending-members")
    assert (answer.status_code, answer.json()) == (200, {"pendingMembers": []})
    refused(people.call("supercurator", "GET", "settings/v1/pending-members"), 403, "supercurator")
    address = "settings/v1/pending-members/invt-1"
    refused(people.call("owner", "DELETE", address), 404, "no such invitation", "invt-1")
    refused(people.call("reviewer", "DELETE", address), 403, "reviewer")


@pytest.mark.parametrize(
    ("method", "login", "body", "status", "words"),
    [
        ("POST", "", {"loginid": "nobody", "roleName": "reader"}, 404, ["user add nobody"]),
        ("POST", "", {"loginid": "stranger", "roleName": "boss"}, 400, ["boss", "reader, curator"]),
        ("POST", "", {"loginid": "stranger"}, 400, ["roleName"]),
        ("POST", "", {"roleName": "reader"}, 400, ["loginid"]),
        ("POST", "", {"loginid": "curator", "roleName": "reader"}, 409, ["already"]),
        ("PUT", "/stranger", {"roleName": "reader"}, 404, ["stranger", "curator"]),
        ("PUT", "/owner", {"roleName": "reader"}, 409, ["creator"]),
        ("DELETE", "/stranger", None, 404, ["stranger"]),
        ("DELETE", "/owner", None, 409, ["creator"]),
    ],
)
def test_bad_changes_of_members_are_refused(
    people: People, method: str, login: str, body: Any, status: int, words: list[str]
) -> None:
    before = people.call("owner", "GET", "settings/v1/members").json()
    refused(people.call("owner", method, f"settings/v1/members{login}", json=body), status, *words)
    assert people.call("owner", "GET", "settings/v1/members").json() == before


def test_a_former_member_loses_the_project_but_not_their_work(people: People) -> None:
    docid = people.save("Ada", annotated(entity("e_1", 0, "Ada"), complete=True), member="curator")
    assert people.call("owner", "DELETE", "settings/v1/members/curator").status_code == 205
    assert len(people.ann(docid, member="curator").json()["entities"]) == 1
    assert people.docs()[0]["members_anncomplete"] == ["curator"]


def test_pages_show_only_what_the_reader_may_see(people: People) -> None:
    docid = people.save("Ada", annotated())
    people.save("Ada", annotated(), name=docid, member="curator")
    people.save("Ada", annotated(), name=docid, member="reviewer")
    page = f"/owner/{people.name}/pool/{docid}"
    shown = {user: people.call(user, "GET", page).text for user in ("reader", "curator", "reviewer")}
    assert {
        user: [member for member in ("curator", "reviewer") if f"member={member}" in text]
        for user, text in shown.items()
    } == {
        "reader": [],
        "curator": ["curator"],
        "reviewer": ["curator", "reviewer"],
    }
    assert people.name in people.call("reader", "GET", "/").text
    assert people.name not in people.call("stranger", "GET", "/").text
    assert people.name in people.call("local", "GET", "/").text


def test_webhooks_are_hidden_from_who_may_not_edit_them(people: People) -> None:
    hooks = {
        "w_1": {
            "endpoint": "http://127.0.0.1:9/",
            "authentication": {"type": "basic", "username": "u", "password": "hidden"},
        }
    }
    people.server.database.write(import_settings, "owner", people.name, {**SETTINGS, "webhooks": hooks})
    seen = {user: people.call(user, "GET", "settings/v1/export").json()["webhooks"] for user in ROLES[2:]}
    assert seen == {"supercurator": {}, "reviewer": hooks, "admin": hooks}
    answer = people.call("supercurator", "POST", "settings/v1/folders/add", json={"path": "pool/new"})
    assert answer.json()["newSettings"]["folders"]["pool"]["children"]["new"]["children"] == {}
    assert "hidden" not in answer.text


def test_the_admin_of_a_server_is_admin_of_every_project(people: People) -> None:
    people.server.database.write(add_user, "boss", password_of("boss"), admin=True)
    assert people.call("boss", "GET", "settings/v1/members").status_code == 200
    people.server.database.write(
        add_user, "boss", password_of("boss")
    )  # a new password leaves them what they are
    assert people.call("boss", "GET", "settings/v1/members").status_code == 200
    people.server.database.write(add_user, "boss", password_of("boss"), admin=False)
    assert people.call("boss", "GET", "settings/v1/members").status_code == 404


def test_a_removed_user_is_out_everywhere(people: People) -> None:
    database = people.server.database
    database.write(add_user, "eve", password_of("eve"))
    assert (
        people.call(
            "owner", "POST", "settings/v1/members", json={"loginid": "eve", "roleName": "admin"}
        ).status_code
        == 205
    )
    people.text("given", distributeToMembers="eve,owner")
    database.write(remove_user, "eve")
    assert people.docs()[0]["members_assigned"] == ["owner"]
    assert people.call("eve", "GET", "settings/v1/members").status_code == 401
    database.write(add_user, "eve", password_of("eve"))  # another person of the same name
    assert people.call("eve", "GET", "settings/v1/members").status_code == 404
    with pytest.raises(LocalServerError, match="no such user"):
        database.write(remove_user, "nobody")

"""Calls to a local tagtog over real HTTP, as its different users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import requests

from spacy_tagtog._tagtog import ROLES as ROLES  # noqa: PLC0414  for the tests
from spacy_tagtog.anndoc import Annotations, Legend, confidence, html_from_blocks
from spacy_tagtog.server import LocalTagtog, add_user, create_project, settings_from_legend
from spacy_tagtog.server.db.members import set_member
from spacy_tagtog.server.db.users import list_users

LEGEND = Legend(
    {"e_1": "Person", "e_2": "Place", "f_3": "role", "m_4": "topic", "n_5": "Wikidata", "r_6": "lives_in"}
)


class People:
    """A project of its own, with one member of each role, who is called as the role is.

    ``owner`` created it, and ``local`` runs the server.
    """

    def __init__(self, server: LocalTagtog, name: str, *, roles: Sequence[str] = ROLES) -> None:
        self.server, self.name = server, name
        self.project = {"owner": "owner", "project": name}
        self.sessions: dict[str, requests.Session] = {}
        server.database.write(create_project, "owner", name, settings_from_legend(LEGEND, ["pool/train"]))
        known = [user for user, _ in server.database.read(list_users)]
        for user in ("owner", "stranger", *roles):
            if user not in known:
                server.database.write(add_user, user, user)
            if user in roles:
                server.database.write(set_member, "owner", name, user, user)

    def call(
        self,
        user: str,
        method: str,
        path: str,
        /,
        *,
        files: Any = None,
        data: Any = None,
        json: Any = None,
        headers: Any = None,
        **query: Any,
    ) -> requests.Response:
        """A call.

        ``path`` is below ``/-api/`` unless it begins with a slash. A parameter of ``query`` whose name is a
        keyword of Python gets an underscore at its end.
        """
        session = self.sessions.get(user)
        if session is None:
            session = self.sessions[user] = requests.Session()
            session.auth = ("local", self.server.password) if user == "local" else (user, user)
        params = {**self.project, **{name.rstrip("_"): value for name, value in query.items()}}
        address = self.server.url + (path if path.startswith("/") else f"/-api/{path}")
        return session.request(
            method,
            address,
            params=params,
            files=files,
            data=data,
            json=json,
            headers=headers,
            timeout=20,
            allow_redirects=False,
        )

    def close(self) -> None:
        for session in self.sessions.values():
            session.close()

    # ---------------------------------------------------------------------------------------------- documents

    def save(
        self, text: str, own: Annotations, *, user: str = "local", name: str = "doc", **query: Any
    ) -> str:
        """Upload a document of one paragraph with a version of its annotations. Gives its id."""
        html = html_from_blocks([("p", text)], doc_id="x", origid=name).data
        files = [("f", (f"{name}.plain.html", html)), ("f", (f"{name}.ann.json", own.dumps().encode()))]
        answer = self.call(
            user, "POST", "documents/v1", files=files, **{"format": "anndoc", "output": "null", **query}
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["items"][0]["docid"])

    def text(self, text: str, *, user: str = "local", **query: Any) -> str:
        answer = self.call(user, "POST", "documents/v1", data={"text": text}, **{"output": "null", **query})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["items"][0]["docid"])

    def ann(self, docid: str, *, user: str = "local", **query: Any) -> requests.Response:
        return self.call(user, "GET", "documents/v1", ids=docid, output="ann.json", **query)

    def docs(self, query: str = "*", *, user: str = "local", **more: Any) -> list[dict[str, Any]]:
        answer = self.call(user, "GET", "documents/v1", search=query, **more)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["docs"]
        return found


def entity(class_id: str, start: int, text: str, **more: Any) -> dict[str, Any]:
    own = {
        "confidence": confidence(state="", who=["user:ann"], prob=1),
        "fields": {},
        "normalizations": {},
        **more,
    }
    return {
        "classId": class_id,
        "part": "s1p1",
        "offsets": [{"start": start, "text": text}],
        "coordinates": [],
        **own,
    }


def annotated(*entities: dict[str, Any], complete: bool = False, **more: Any) -> Annotations:
    made = Annotations.empty(["s1p1"], complete=complete)
    return Annotations({**made.data, "entities": list(entities), **more})


def refused(answer: requests.Response, status: int, *words: str) -> None:
    """The answer is an error that a person can act on."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "Traceback" not in answer.text
    for word in words:
        assert word in answer.text

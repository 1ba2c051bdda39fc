"""Uploading on the project's page: each file by itself, with the reason where one is refused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest
import requests
from local_api import People, annotated, entity, password_of
from logins import Surfer
from lxml import html as lxml_html

from spacy_tagtog.server.api import page_uploads

Files = Sequence[tuple[str, bytes]]


class Uploader:
    """A browser on the project's page."""

    def __init__(self, people: People, user: str = "admin") -> None:
        self.people = people
        self.surfer = Surfer(people.server.url)
        assert self.surfer.log_in(user, password_of(user)).ok
        self.page = f"/owner/{people.name}"

    def form(self) -> Any:
        tree = lxml_html.fromstring(self.surfer.open(self.page).content.decode())
        (form,) = [form for form in tree.forms if "/-local/upload" in form.action]
        return form

    def send(self, files: Files, *, as_page: bool = False, **fields: str) -> requests.Response:
        form = self.form()
        given = {"token": form.fields["token"], "folder": form.fields["folder"], **fields}
        headers = {"Origin": self.people.server.url, "Sec-Fetch-Site": "same-origin"}
        if not as_page:
            headers["Accept"] = "application/json"
        return self.surfer.post(
            self.people.server.url + form.action,
            data=given,
            files=[("files", one) for one in files],
            headers=headers,
            timeout=20,
        )

    def outcomes(self, files: Files, **fields: str) -> dict[str, tuple[str, str]]:
        """What became of each file: names → result and reason."""
        answer = self.send(files, **fields)
        assert answer.status_code == 200, answer.text
        found = {}
        for one in answer.json()["files"]:
            found[" ".join(one["names"])] = one["result"], one["said"]
            assert (one["address"] != "") == (one["result"] in ("created", "present"))
        return found


def test_each_file_is_stored_or_refused_by_itself(people: People) -> None:
    uploader = Uploader(people)
    files = [
        ("good.txt", b"Vega rose."),
        ("picture.png", b"\x89PNG"),
        ("latin.txt", "Édith".encode("latin-1")),
        ("empty.txt", b""),
        ("table.csv", b"title,body\na,Vega\nb,Mars\n"),
        (".DS_Store", b"x"),
        ("broken.pdf", b"%PDF-1.4 nothing"),
        ("later.txt", b"Mars set."),
    ]
    found = uploader.outcomes(files, folder="pool/train")
    assert {name: result for name, (result, _) in found.items()} == {
        "good.txt": "created",
        "picture.png": "refused",
        "latin.txt": "refused",
        "empty.txt": "refused",
        "table.csv": "created",
        ".DS_Store": "hidden",
        "broken.pdf": "refused",
        "later.txt": "created",
    }
    assert "can't import files of this kind" in found["picture.png"][1]
    assert "isn't UTF-8" in found["latin.txt"][1]
    assert "the text is empty" in found["empty.txt"][1]
    assert found["table.csv"][1] == "2 new documents"
    stored = {one["filename"]: one["folder"] for one in people.docs()}
    assert stored == dict.fromkeys(["good.txt", "table-1.csv", "table-2.csv", "later.txt"], "pool/train")


def test_annotations_belong_to_the_document_of_their_name(people: People) -> None:
    own = annotated(entity("e_1", 0, "Ada")).dumps().encode()
    unknown = annotated(entity("e_99", 0, "Ada")).dumps().encode()
    found = Uploader(people).outcomes(
        [
            ("a/one.ann.json", own),
            ("a/one.txt", b"Ada"),
            ("b/one.ann.json", own),
            ("c/two.txt", b"Ada Ada"),
            ("c/two.md", b"Ada"),
            ("c/two.ann.json", own),
            ("three.txt", b"Ada"),
            ("three.ann.json", unknown),
            ("four.txt", b"Ada"),
            ("four.ann.json", b"{"),
        ],
        format="formatted",
    )
    assert found["a/one.txt a/one.ann.json"] == ("created", "new")
    assert found["b/one.ann.json"][0] == "refused"
    assert "need their document beside them" in found["b/one.ann.json"][1]
    assert found["c/two.ann.json"][0] == "refused"  # of which of the two?
    assert found["c/two.txt"][0] == found["c/two.md"][0] == "created"
    assert "don't have this class" in found["three.txt three.ann.json"][1]
    assert found["four.txt four.ann.json"][0] == "refused"
    (docid,) = [one["id"] for one in people.docs("entity:Person")]
    assert [one["offsets"] for one in people.ann(docid).json()["entities"]] == [[{"start": 0, "text": "Ada"}]]


def test_what_people_confirmed_is_left_as_it_is(people: People) -> None:
    uploader = Uploader(people)
    first = [("one.txt", b"Ada"), ("one.ann.json", annotated(complete=True).dumps().encode())]
    assert uploader.outcomes(first, format="formatted")["one.txt one.ann.json"] == ("created", "new")
    other = annotated(entity("e_1", 0, "Ada")).dumps().encode()
    again = uploader.outcomes([("one.txt", b"Ada"), ("one.ann.json", other)], format="formatted")
    assert again["one.txt one.ann.json"] == (
        "present",
        "was there already, and people reviewed it: left as it is",
    )
    (document,) = people.docs()
    assert people.ann(document["id"]).json()["entities"] == []
    assert uploader.outcomes([("two.txt", b"Eve")])["two.txt"][0] == "created"
    assert uploader.outcomes([("two.txt", b"Eve")])["two.txt"] == (
        "present",
        "was there already: nothing changed",
    )


def test_the_form_works_without_a_script(people: People) -> None:
    uploader = Uploader(people)
    answer = uploader.send([("good.txt", b"Vega"), ("<b>.png", b"x")], as_page=True)
    tree = lxml_html.fromstring(answer.content.decode())
    said = " ".join(tree.text_content().split())
    assert "1 new, 0 there already, 1 refused." in said
    assert "<b>.png: the local tagtog can't import files of this kind" in said
    (document,) = tree.xpath("//a[.='good.txt']/@href")
    assert "Vega" in uploader.surfer.open(document).text
    # As browsers send it where nobody chose a file.
    empty = uploader.send([("", b"")], as_page=True)
    assert "No file was chosen." in empty.text
    assert len(people.docs()) == 1


@pytest.mark.parametrize("user", ["reader", "curator", "stranger"])
def test_who_may_not_upload_can_not(people: People, user: str) -> None:
    uploader = Uploader(people, user)
    answer = uploader.surfer.post(
        f"{people.server.url}/-local/upload",
        params=people.project,
        data={"token": "x"},
        files=[("files", ("a.txt", b"Vega"))],
        headers={"Origin": people.server.url},
        timeout=20,
    )
    assert answer.status_code == (404 if user == "stranger" else 403)
    assert people.docs() == []


@pytest.mark.parametrize(
    ("fields", "headers", "status"),
    [
        ({"token": "0" * 64}, {}, 403),
        ({"token": ""}, {}, 403),
        ({}, {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({}, {"Origin": None, "Sec-Fetch-Site": None}, 403),
        ({"folder": "pool/none"}, {}, 400),
        ({"format": "docx"}, {}, 200),
    ],
)
def test_a_form_that_is_not_ours_stores_nothing(
    people: People, fields: dict[str, str], headers: dict[str, Any], status: int
) -> None:
    uploader = Uploader(people)
    form = uploader.form()
    answer = uploader.surfer.post(
        people.server.url + form.action,
        data={"token": form.fields["token"], "folder": "0", **fields},
        files=[("files", ("a.txt", b"Vega"))],
        headers={"Origin": people.server.url, "Accept": "application/json", **headers},
        timeout=20,
    )
    assert answer.status_code == status, answer.text
    assert people.docs() == []


def test_a_full_disk_is_said_of_the_files_that_it_met(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = page_uploads.store_uploads

    def full(connection: sqlite3.Connection, owner: str, name: str, uploads: Any, **more: Any) -> Any:
        if uploads[0].filename == "late.txt":
            raise sqlite3.OperationalError("database or disk is full")
        return store(connection, owner, name, uploads, **more)

    monkeypatch.setattr(page_uploads, "store_uploads", full)
    found = Uploader(people).outcomes([("early.txt", b"Vega"), ("late.txt", b"Mars"), ("last.txt", b"Ada")])
    assert {name: result for name, (result, _) in found.items()} == {
        "early.txt": "created",
        "late.txt": "failed",
        "last.txt": "created",
    }
    assert "no space left" in found["late.txt"][1]
    assert sorted(one["filename"] for one in people.docs()) == ["early.txt", "last.txt"]


def test_uploads_stand_in_the_history_as_made_on_a_page(people: People) -> None:
    pair = [("one.txt", b"Ada"), ("one.ann.json", annotated().dumps().encode())]
    Uploader(people).outcomes(pair, format="formatted")
    (document,) = people.docs()
    history = people.call("admin", "GET", "/-local/history", docid=document["id"]).json()["history"]
    assert [(one["author"], one["source"], one["action"]) for one in history] == [
        ("admin", "GUI", "uploaded")
    ]
    assert json.dumps(history)

"""The history of a document's versions on the local tagtog, over real HTTP."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from local_api import People, annotated, entity, refused
from lxml import html as lxml_html

from spacy_tagtog.anndoc import html_from_blocks

TEXT = "Ada in London"
ADA, LONDON, PLACE = entity("e_1", 0, "Ada"), entity("e_2", 7, "London"), entity("e_2", 0, "Ada")


def history(people: People, docid: str, user: str = "local", **query: Any) -> list[dict[str, Any]]:
    answer = people.call(user, "GET", "/-local/history", docid=docid, **query)
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["history"]
    return entries


def classes(answer: Any) -> list[str]:
    return [one["classId"] for one in answer.json()["entities"]]


def test_every_save_is_kept_with_who_when_and_what(people: People) -> None:
    docid = people.save(TEXT, annotated(ADA))
    people.save(TEXT, annotated(ADA), name=docid)  # the same again is no save
    people.save(TEXT, annotated(ADA, LONDON, complete=True), name=docid, user="reviewer")
    people.save(TEXT, annotated(), name=docid, user="supercurator", member="supercurator")
    entries = history(people, docid)
    assert [
        (one["member"], one["author"], one["source"], one["action"], one["anncomplete"], one["is_current"])
        for one in entries
    ] == [
        ("supercurator", "supercurator", "API", "uploaded", False, True),
        ("master", "reviewer", "API", "uploaded", True, True),
        ("master", "local", "API", "uploaded", False, False),
    ]
    assert [one["previous"] for one in entries] == [None, entries[2]["id"], None]
    assert people.docs()[0]["created"] <= entries[2]["saved"] <= entries[0]["saved"]
    first, second = (
        people.call("local", "GET", "/-local/history/version", docid=docid, id=one["id"])
        for one in entries[:0:-1]
    )
    assert (classes(first), classes(second)) == (["e_1"], ["e_1", "e_2"])
    assert second.headers["ETag"] == people.ann(docid).headers["ETag"] == f'"{entries[1]["sha256"]}"'
    assert [one["member"] for one in history(people, docid, member="master")] == ["master", "master"]


def test_equal_contents_are_stored_once(people: People) -> None:
    connection = sqlite3.connect(people.server.database.path)

    def numbers() -> tuple[int, int]:
        return connection.execute(
            "SELECT (SELECT count(*) FROM history), (SELECT count(*) FROM blobs)"
        ).fetchone()

    one, two = annotated(ADA, extra=1), annotated(LONDON, extra=1)  # in no other test
    saves, blobs = numbers()
    people.text("one")
    docid = people.save(TEXT, two)
    for _ in range(5):
        people.save(TEXT, one, name=docid)
        people.save(TEXT, two, name=docid)
    other = people.save(TEXT, two, name="other")
    added = numbers()
    assert (added[0] - saves, added[1] - blobs) == (12, 2)
    # What nobody needs any more goes, what somebody needs stays.
    people.call("local", "DELETE", "documents/v1", ids=docid)
    assert numbers()[1] - blobs == 1
    assert classes(people.ann(other)) == ["e_2"]
    people.call("local", "DELETE", "documents/v1", search="*")
    assert numbers() == (saves, blobs)
    connection.close()


def test_two_saves_are_compared(people: People) -> None:
    docid = people.save(TEXT, annotated(ADA))
    people.save(TEXT, annotated(PLACE, LONDON, metas={"m_4": {"value": "people"}}), name=docid)
    people.save(TEXT, annotated(), name=docid)
    third, second, first = history(people, docid)

    def compare(**query: Any) -> dict[str, Any]:
        answer = people.call("local", "GET", "/-local/history/compare", docid=docid, **query)
        assert answer.status_code == 200, answer.text
        changes: dict[str, Any] = answer.json()
        return changes

    changes = compare(to=second["id"])
    assert (changes["from"], changes["to"]) == (first["id"], second["id"])
    assert [one["kind"] for one in changes["entities"]] == ["relabelled", "added"]
    assert changes["labels"] == [{"task": "m_4", "where": "", "before": None, "after": "people"}]
    assert [one["kind"] for one in compare(to=first["id"])["entities"]] == ["added"]
    assert [one["kind"] for one in compare(from_=first["id"], to=third["id"])["entities"]] == ["removed"]


def test_an_old_save_is_restored_as_a_new_one(people: People) -> None:
    docid = people.save(TEXT, annotated(ADA, complete=True))
    people.save(TEXT, annotated(LONDON), name=docid)
    first = history(people, docid)[1]
    updated = people.docs()[0]["updated"]
    answer = people.call("owner", "POST", "/-local/history/restore", docid=docid, id=first["id"], json={})
    assert answer.status_code == 200, answer.text
    assert classes(people.ann(docid)) == ["e_1"]
    assert people.docs("entity:Person AND anncomplete:true")[0]["updated"] > updated
    entries = history(people, docid)
    assert len(entries) == 3
    assert entries[0] == answer.json()
    assert (entries[0]["author"], entries[0]["source"], entries[0]["sha256"]) == (
        "owner",
        "GUI",
        first["sha256"],
    )
    assert first["saved"] in entries[0]["action"]


def test_other_bytes_for_the_same_text_are_no_other_text(people: People) -> None:
    """Somebody uploaded the document's content again, written in another way."""
    docid = people.save(TEXT, annotated(ADA))
    html = people.call("local", "GET", "documents/v1", ids=docid, output="plain.html").content
    files = [
        ("f", (f"{docid}.plain.html", html.replace(b"<body>", b"<body >"))),
        ("f", (f"{docid}.ann.json", annotated().dumps().encode())),
    ]
    answer = people.call("local", "POST", "documents/v1", files=files, format="anndoc", output="null")
    assert answer.status_code == 200, answer.text
    stored = people.call("local", "GET", "documents/v1", ids=docid, output="plain.html").content
    assert stored != html
    second, first = history(people, docid)
    assert not first["text_changed"]
    assert not second["text_changed"]
    restored = people.call("owner", "POST", "/-local/history/restore", docid=docid, id=first["id"], json={})
    assert restored.status_code == 200, restored.text
    assert classes(people.ann(docid)) == ["e_1"]


def test_a_save_for_another_text_is_not_restored(people: People) -> None:
    docid = people.save(TEXT, annotated(ADA))
    html = html_from_blocks([("p", "Bob")], doc_id="x", origid="x").data
    files = [
        ("f", (f"{docid}.plain.html", html)),
        ("f", (f"{docid}.ann.json", annotated(entity("e_1", 0, "Bob")).dumps().encode())),
    ]
    assert (
        people.call("local", "POST", "documents/v1", files=files, format="anndoc", output="null").status_code
        == 200
    )
    second, first = history(people, docid)
    assert (first["text_changed"], second["text_changed"]) == (True, False)
    old = people.call(
        "local", "GET", "/-local/history/version", docid=docid, id=first["id"], output="plain.html"
    )
    assert TEXT in old.text
    assert [
        one["kind"]
        for one in people.call("local", "GET", "/-local/history/compare", docid=docid, to=first["id"]).json()[
            "entities"
        ]
    ] == ["added"]
    refused(
        people.call("local", "POST", "/-local/history/restore", docid=docid, id=first["id"], json={}),
        409,
        "another text",
    )
    assert people.ann(docid).json()["entities"][0]["offsets"][0]["text"] == "Bob"
    # The same text in other bytes is no hindrance.
    files[0] = ("f", (f"{docid}.plain.html", html.replace(b"<p ", b"<p class='x' ")))
    files[1] = ("f", (f"{docid}.ann.json", annotated().dumps().encode()))
    assert (
        people.call("local", "POST", "documents/v1", files=files, format="anndoc", output="null").status_code
        == 200
    )
    assert (
        people.call(
            "local", "POST", "/-local/history/restore", docid=docid, id=second["id"], json={}
        ).status_code
        == 200
    )
    assert people.ann(docid).json()["entities"][0]["offsets"][0]["text"] == "Bob"


@pytest.mark.parametrize(
    ("role", "own", "others"),
    [
        ("reader", False, False),
        ("curator", True, False),
        ("supercurator", True, False),
        ("reviewer", True, True),
    ],
)
def test_who_sees_and_restores_whose_saves(people: People, role: str, own: bool, others: bool) -> None:
    docid = people.save(TEXT, annotated())
    for member in (role, "other"):
        for entities in ([ADA], []):
            people.save(TEXT, annotated(*entities), name=docid, member=member)
    listed = history(people, docid, role)
    assert {one["member"] for one in listed} == {"master", role, *(["other"] if others else [])}
    entries = history(people, docid)
    for member, allowed in ((role, own), ("other", others)):
        first = [one for one in entries if one["member"] == member][-1]
        answer = people.call(role, "POST", "/-local/history/restore", docid=docid, id=first["id"], json={})
        if allowed:
            assert answer.status_code == 200, answer.text
        else:
            refused(answer, 403, role)
        assert classes(people.ann(docid, member=member)) == (["e_1"] if allowed else [])
    theirs = next(one for one in entries if one["member"] == "other")
    for path, name in (("version", "id"), ("compare", "to")):
        answer = people.call(role, "GET", f"/-local/history/{path}", docid=docid, **{name: theirs["id"]})
        assert answer.status_code == (200 if others else 403)
    refused(people.call("stranger", "GET", "/-local/history", docid=docid), 404)


@pytest.mark.parametrize(
    ("path", "query", "status", "word"),
    [
        ("", {"docid": "none"}, 404, "none"),
        ("", {"docid": ""}, 400, "docid"),
        ("/version", {"id": "999999"}, 404, "history"),
        ("/version", {"id": "x"}, 400, "not the id"),
        ("/version", {}, 400, "id"),
        ("/version", {"id": "1", "output": "pdf"}, 400, "plain.html"),
        ("/compare", {"from": "1"}, 400, "to"),
        ("/nowhere", {}, 404, "nothing"),
    ],
)
def test_bad_questions_are_refused(
    people: People, path: str, query: dict[str, str], status: int, word: str
) -> None:
    docid = people.text("x")
    refused(people.call("local", "GET", f"/-local/history{path}", **{"docid": docid, **query}), status, word)


def test_the_history_of_another_document_is_not_reached(people: People) -> None:
    first, second = (
        people.save(TEXT, annotated(ADA), name="first"),
        people.save(TEXT, annotated(), name="second"),
    )
    number = history(people, first)[0]["id"]
    refused(people.call("local", "GET", "/-local/history/version", docid=second, id=number), 404)
    refused(people.call("local", "POST", "/-local/history/restore", docid=second, id=number, json={}), 404)


# --------------------------------------------------------------------------------------------------- the page


def test_the_page_lists_the_saves_and_restores(people: People) -> None:
    docid = people.save(TEXT, annotated(ADA), user="owner")
    people.save(TEXT, annotated(PLACE, LONDON, complete=True), name=docid, user="reviewer")
    address = f"/owner/{people.name}/pool/{docid}"
    assert "?view=history" in people.call("reviewer", "GET", address).text
    answer = people.call("reviewer", "GET", address, view="history")
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
    page = lxml_html.fromstring(answer.content.decode())
    assert not page.xpath("//script | //@style | //@onclick")
    rows = [" ".join(row.text_content().split()) for row in page.xpath("//tbody/tr")]
    assert len(rows) == 2
    for word in (
        "reviewer",
        "API",
        "master",
        "confirmed",
        "current",
        "1 added, 1 relabelled",
        "relabelled: Person Ada s1p1, 0 → Place Ada s1p1, 0",
    ):
        assert word in rows[0]
    assert "added: Place London s1p1, 7" in rows[0]
    (form,) = page.xpath("//form")
    assert form.method == "POST"
    fields = dict(form.fields)
    refused(people.call("reviewer", "POST", form.action, data={}), 403, "form")
    refused(people.call("reviewer", "POST", form.action, data={"token": "0" * 64}), 403, "form")
    refused(
        people.call("owner", "POST", form.action, data=fields), 403, "form"
    )  # the token is the reader's own
    refused(
        people.call("reviewer", "POST", form.action, data=fields, headers={"Origin": "http://evil.example"}),
        403,
        "web site",
    )
    assert classes(people.ann(docid)) == ["e_2", "e_2"]
    done = people.call("reviewer", "POST", form.action, data=fields)
    assert (done.status_code, done.headers["Location"]) == (303, f"{address}?view=history")
    assert classes(people.ann(docid)) == ["e_1"]
    assert people.call("reader", "GET", address, view="history").text.count("<form") == 0


def test_nothing_of_a_history_becomes_markup(people: People) -> None:
    hostile = "<b>&'\""
    docid = people.save(hostile, annotated(entity("e_1", 0, hostile)), name="a<i>b")
    people.save(hostile, annotated(metas={"m_4": {"value": hostile}}), name=docid)
    page = lxml_html.fromstring(
        people.call("local", "GET", f"/owner/{people.name}/pool/{docid}", view="history").content.decode()
    )
    assert not page.xpath("//b | //i")
    assert page.text_content().count(hostile) == 3


def test_a_long_history_has_pages(people: People) -> None:
    docid = people.save(TEXT, annotated())
    for number in range(52):
        people.save(TEXT, annotated(*[ADA] * (number % 2)), name=docid)
    saves = len(history(people, docid))
    assert saves == 52
    pages = [
        lxml_html.fromstring(
            people.call("local", "GET", f"/owner/{people.name}/pool/{docid}", view="history", page=n).text
        )
        for n in (0, 1)
    ]
    assert [len(page.xpath("//tbody/tr")) for page in pages] == [50, 2]
    assert pages[0].xpath("//a[contains(., 'next')]/@href")[0].endswith("?view=history&page=1")


# ----------------------------------------------------------------------------------- saving as an editor does


def test_a_curator_saves_their_own_version(people: People) -> None:
    docid = people.save(TEXT, annotated())
    answer = people.call(
        "curator", "PUT", "/-local/annotations", docid=docid, json=annotated(ADA, complete=True).data
    )
    assert answer.status_code == 200, answer.text
    assert (classes(answer), people.docs()[0]["members_anncomplete"]) == (["e_1"], ["curator"])
    assert history(people, docid)[0]["source"] == "GUI"
    refused(
        people.call(
            "curator", "PUT", "/-local/annotations", docid=docid, member="master", json=annotated().data
        ),
        403,
        "master",
    )
    refused(
        people.call("reader", "PUT", "/-local/annotations", docid=docid, json=annotated().data),
        403,
        "reader",
    )


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ([], "ann.json"),
        ({"entities": [{"classId": "e_1"}]}, "part"),
        (annotated(entity("e_9", 0, "Ada")).data, "e_9"),
    ],
)
def test_only_annotations_of_the_project_are_saved(people: People, body: Any, word: str) -> None:
    docid = people.save(TEXT, annotated())
    refused(
        people.call("owner", "PUT", "/-local/annotations", docid=docid, member="master", json=body), 400, word
    )
    assert len(history(people, docid)) == 1


def test_no_update_is_lost_between_two_editors(people: People) -> None:
    docid = people.save(TEXT, annotated())
    tag = people.ann(docid).headers["ETag"]

    def save(number: int) -> int:
        body = annotated(entity("e_1", 0, "Ada", number=number)).data
        answer = people.call(
            "owner",
            "PUT",
            "/-local/annotations",
            docid=docid,
            member="master",
            json=body,
            headers={"If-Match": tag},
        )
        return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(save, range(8)))
    assert sorted(statuses) == [200] + [412] * 7
    assert people.ann(docid).json()["entities"][0]["number"] == statuses.index(200)
    refused(
        people.call("owner", "PUT", "/-local/annotations", docid=docid, json={}, headers={"If-Match": tag}),
        412,
        "somebody else",
    )

"""Two versions side by side on the local tagtog, over real HTTP: compared, decided, copied, merged."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from local_api import ROLES, People, annotated, entity, refused
from lxml import html as lxml_html

from spacy_tagtog.agreement import adjudicate
from spacy_tagtog.anndoc import Annotations, confidence

TEXT = "Ada in London, Bob in Paris"
ADA, LONDON, PLACE = entity("e_1", 0, "Ada"), entity("e_2", 7, "London"), entity("e_2", 0, "Ada")
BOB, PARIS = entity("e_1", 15, "Bob"), entity("e_2", 22, "Paris")
COMPARE, DOCUMENTS, VERSIONS = "/-local/compare", "/-local/compare/documents", "/-local/versions"
COPY, MERGE = "/-local/versions/copy", "/-local/versions/merge"


def two_members(people: People, name: str = "doc") -> str:
    """A document that the curator and the supercurator annotated otherwise."""
    docid = people.save(TEXT, annotated(), name=name)
    people.save(TEXT, annotated(ADA, LONDON, BOB, complete=True), name=docid, member="curator")
    people.save(TEXT, annotated(PLACE, LONDON, PARIS, complete=True), name=docid, member="supercurator")
    return docid


def compared(
    people: People, docid: str, left: str = "curator", right: str = "supercurator"
) -> dict[str, Any]:
    answer = people.call("reviewer", "GET", COMPARE, docid=docid, left=left, right=right)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def decide(
    people: People,
    docid: str,
    choices: list[str | None],
    given: dict[str, Any],
    *,
    user: str = "reviewer",
    confirm: bool = False,
    headers: Any = None,
) -> requests.Response:
    ids = [one["id"] for one in given["differences"]]
    decisions = {name: choice for name, choice in zip(ids, choices, strict=True) if choice}
    body = {"decisions": decisions, "tags": given["tags"], "confirm": confirm}
    sides = {side: given[side]["side"] for side in ("left", "right")}
    return people.call(user, "PUT", COMPARE, docid=docid, json=body, headers=headers, **sides)


def history(people: People, docid: str, **query: Any) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = people.call(
        "reviewer", "GET", "/-local/history", docid=docid, **query
    ).json()["history"]
    return entries


def moment(save: dict[str, Any]) -> str:
    return str(save["saved"])[:19].replace("T", " ")


def texts(annotations: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["classId"], one["offsets"][0]["text"]) for one in annotations["entities"]]


# --- Comparing


def test_two_members_are_compared(people: People) -> None:
    docid = two_members(people)
    given = compared(people, docid)
    assert [(one["kind"], one["how"]) for one in given["differences"]] == [
        ("entity", "type"),
        ("entity", "only"),
        ("entity", "only"),
    ]
    assert given["agreed"] == 1
    assert [(one["side"], one["offsets"][0]["text"]) for one in given["entities"]] == [
        ("left", "Ada"),
        ("right", "Ada"),
        ("both", "London"),
        ("left", "Bob"),
        ("right", "Paris"),
    ]
    first = given["differences"][0]
    assert (first["left"]["mark"], first["right"]["mark"]) == (0, 1)
    assert given["differences"][1]["right"] is None
    assert (given["left"]["title"], given["left"]["complete"]) == ("curator", True)


def test_what_can_be_compared_is_listed_for_each_role(people: People) -> None:
    docid = two_members(people)
    people.save(TEXT, annotated(ADA), name=docid)

    def listed(user: str) -> dict[str, Any]:
        answer = people.call(user, "GET", VERSIONS, docid=docid)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    seen = {user: [one["side"] for one in listed(user)["versions"]] for user in ROLES}
    assert seen == {
        "reader": ["master"],
        "curator": ["master", "curator"],
        "supercurator": ["master", "supercurator"],
        "reviewer": ["master", "curator", "supercurator"],
        "admin": ["master", "curator", "supercurator"],
    }
    assert listed("reviewer")["suggested"] == ["curator", "supercurator"]
    assert listed("curator")["suggested"] == ["master", "curator"]
    (before,) = listed("reader")["saves"]
    assert (before["member"], before["action"]) == ("master", "uploaded")
    assert listed("reader")["suggested"] == [before["side"], "master"]
    assert [listed(user)["may"]["master"] for user in ROLES] == [False, False, True, True, True]
    assert listed("curator")["may"]["why_not"] == "A curator may not edit the master version."
    assert [listed(user)["may"]["mine"] for user in ROLES] == [False, True, True, True, True]
    assert [listed(user)["may"]["merge"] for user in ROLES] == [False, False, False, True, True]


def test_now_and_then_and_the_model(people: People) -> None:
    suggestion = {**ADA, "confidence": confidence(state="pre-added", who=["ml:model"], prob=0.7)}
    docid = people.save(TEXT, annotated(suggestion, LONDON))
    people.save(TEXT, annotated(ADA), name=docid)
    (now, then) = history(people, docid)
    given = compared(people, docid, f"save:{then['id']}", "master")
    assert [one["how"] for one in given["differences"]] == ["only"]
    assert given["left"]["title"] == f"master, {moment(then)}"
    model = compared(people, docid, "save:model", "master")
    assert model["left"]["title"] == "the model's version"
    assert model["left"]["tag"] == then["sha256"]
    # The model's suggestion that people have, too, counts as theirs; what it alone has keeps its probability.
    assert decide(people, docid, ["left"], model).status_code == 200
    assert texts(people.ann(docid).json()) == [("e_1", "Ada"), ("e_2", "London")]
    assert now["is_current"]
    nothing = people.text("no model here")
    refused(
        people.call("reviewer", "GET", COMPARE, docid=nothing, left="save:model", right="master"),
        404,
        "no model's suggestions",
    )


# --- Deciding


@pytest.mark.parametrize("confirm", [False, True])
def test_what_is_decided_becomes_master_as_python_writes_it(people: People, confirm: bool) -> None:
    docid = two_members(people)
    given = compared(people, docid)
    answer = decide(people, docid, ["right", "left", None], given, confirm=confirm)
    assert answer.status_code == 200, answer.text
    versions = {
        name: Annotations(people.ann(docid, member=name).json()) for name in ("curator", "supercurator")
    }
    ids = [one["id"] for one in given["differences"]]
    expected = adjudicate(
        versions, "curator", "supercurator", {ids[0]: "right", ids[1]: "left"}, who="user:reviewer"
    ).annotations.data
    expected["anncomplete"] = confirm
    assert people.ann(docid).json() == answer.json()["annotations"] == expected
    assert texts(expected) == [("e_2", "Ada"), ("e_2", "London"), ("e_1", "Bob")]
    assert expected["entities"][2]["confidence"] == confidence(state="", who=["user:curator"], prob=0.5)
    last = history(people, docid, member="master")[0]
    assert (last["author"], last["source"], last["action"]) == (
        "reviewer",
        "GUI",
        "adjudicated curator and supercurator",
    )
    assert answer.headers["ETag"] == f'"{last["sha256"]}"'
    restored = people.call(
        "reviewer", "POST", "/-local/history/restore", docid=docid, id=last["previous"], json={}
    )
    assert restored.status_code == 200
    assert people.ann(docid).json()["entities"] == []


def test_nobody_loses_what_was_saved_in_between(people: People) -> None:
    docid = two_members(people)
    given = compared(people, docid)
    if_match = {"If-Match": given["master"]["etag"]}
    people.save(TEXT, annotated(LONDON), name=docid)  # somebody else saved master
    refused(decide(people, docid, ["left"] * 3, given, headers=if_match), 412, "somebody else saved")
    assert texts(people.ann(docid).json()) == [("e_2", "London")]
    again = compared(people, docid)
    assert [one["id"] for one in again["differences"]] == [one["id"] for one in given["differences"]]
    people.save(TEXT, annotated(ADA, LONDON, complete=True), name=docid, member="curator")  # and a member
    refused(decide(people, docid, ["left"] * 3, again), 412, "the left version was changed meanwhile")
    anew = compared(people, docid)
    # Bob is no difference any more, the others still are the same.
    assert [one["id"] for one in anew["differences"]] == [
        given["differences"][0]["id"],
        given["differences"][2]["id"],
    ]
    if_match = {"If-Match": anew["master"]["etag"]}
    assert decide(people, docid, ["left", "right"], anew, headers=if_match).status_code == 200


def test_a_text_that_was_replaced_is_said(people: People) -> None:
    docid = people.save(TEXT, annotated(ADA))
    people.save(TEXT, annotated(ADA, LONDON), name=docid)
    then = f"save:{history(people, docid)[1]['id']}"
    given = compared(people, docid, then, "master")
    people.save(f"{TEXT} again", annotated(ADA, LONDON), name=docid)
    refused(decide(people, docid, ["left"], given), 409, "another text than when this was saved")
    assert texts(people.ann(docid).json()) == [("e_1", "Ada"), ("e_2", "London")]
    assert people.call("reviewer", "GET", VERSIONS, docid=docid).json()["saves"] == []


def test_a_version_that_is_gone_is_said(people: People) -> None:
    docid = two_members(people)
    given = compared(people, docid)
    with people.server.database.writing() as connection:
        connection.execute("DELETE FROM versions WHERE member = 'curator'")
    refused(decide(people, docid, ["left"] * 3, given), 404, "curator has no version", "supercurator")
    people.call("local", "DELETE", "documents/v1", ids=docid)
    refused(decide(people, docid, ["left"] * 3, given), 404, "no such document")


@pytest.mark.parametrize(
    ("user", "left", "right", "status", "words"),
    [
        ("curator", "curator", "supercurator", 403, ["other members' versions"]),
        ("reader", "master", "curator", 403, ["other members' versions"]),
        ("stranger", "master", "curator", 404, []),
        ("reviewer", "curator", "curator", 400, ["itself"]),
        ("reviewer", "curator", "", 400, ["right"]),
        ("reviewer", "a/b", "master", 400, ["save:NUMBER"]),
        ("reviewer", "save:x", "master", 400, ["save:NUMBER"]),
        ("reviewer", "save:99999", "master", 404, ["99999"]),
        ("reviewer", "admin", "master", 404, ["admin", "curator"]),
    ],
)
def test_bad_comparisons_are_refused(
    people: People, user: str, left: str, right: str, status: int, words: list[str]
) -> None:
    docid = two_members(people)
    refused(people.call(user, "GET", COMPARE, docid=docid, left=left, right=right), status, *words)


def test_who_may_not_see_a_version_does_not_see_its_saves_either(people: People) -> None:
    docid = two_members(people)
    number = history(people, docid, member="supercurator")[0]["id"]
    refused(people.call("curator", "GET", COMPARE, docid=docid, left=f"save:{number}", right="master"), 403)
    refused(
        people.call("curator", "POST", COPY, docid=docid, from_=f"save:{number}", saveTo="curator", json={}),
        403,
    )


def test_bad_decisions_are_refused(people: People) -> None:
    docid = two_members(people)
    given = compared(people, docid)
    sides = {"docid": docid, "left": "curator", "right": "supercurator"}
    good = {"decisions": {}, "tags": given["tags"], "confirm": False}
    for body, words in (
        ({**good, "decisions": {"x": "left"}}, "no such difference"),
        ({**good, "decisions": {given["differences"][0]["id"]: "middle"}}, "the decisions can't be read"),
        ({**good, "tags": {}}, "the decisions can't be read"),
        ([], "the decisions can't be read"),
    ):
        refused(people.call("reviewer", "PUT", COMPARE, json=body, **sides), 400, words)
    for tag, words in (("text", "another text"), ("left", "left version"), ("right", "right version")):
        body = {**good, "tags": {**given["tags"], tag: "another"}}
        refused(people.call("reviewer", "PUT", COMPARE, json=body, **sides), 412, words)
    for user in ("reader", "curator"):
        refused(decide(people, docid, [None] * 3, given, user=user), 403, "edit the master version")
    assert people.ann(docid).json()["entities"] == []


def test_a_type_that_was_removed_is_said(people: People) -> None:
    docid = two_members(people)
    given = compared(people, docid)
    with people.server.database.writing() as connection:
        connection.execute(
            "UPDATE projects SET settings = json_remove(settings, '$.entities.e_2') WHERE name = ?",
            (people.name,),
        )
    refused(decide(people, docid, ["right"] * 3, given), 400, "e_2")
    assert people.ann(docid).json()["entities"] == []


# --- Which documents


def test_documents_that_differ_come_one_after_the_other(people: People) -> None:
    first, second, third = (two_members(people, name) for name in ("one", "two", "three"))
    same = people.save(TEXT, annotated(ADA, complete=True), name="same", member="curator")
    own = {**ADA, "confidence": confidence(state="", who=["user:supercurator"], prob=1)}
    people.save(TEXT, annotated(own, complete=True), name=same, member="supercurator")

    def documents(**query: Any) -> dict[str, Any]:
        answer = people.call("reviewer", "GET", DOCUMENTS, **query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    found = documents()
    assert (found["left"], found["right"]) == ("curator", "supercurator")
    sides = {"left": "curator", "right": "supercurator"}
    assert [(one["docid"], one["differences"]) for one in found["documents"]] == [
        (first, 3),
        (second, 3),
        (third, 3),
    ]
    assert (found["next"], found["settled"], found["is_complete"]) == (first, 0, True)
    assert documents(after=first, **sides)["next"] == second
    places = [{"id": third, "rank": 1, "batch": 1}, {"id": first, "rank": 2, "batch": 1}]
    people.call("reviewer", "PUT", "/-local/ranking", json={"documents": places})
    assert [one["docid"] for one in documents(**sides)["documents"]] == [third, first, second]
    # What was decided is done, until one of both is saved again.
    assert decide(people, first, ["left"] * 3, compared(people, first)).status_code == 200
    found = documents(after=first, **sides)
    assert [one["docid"] for one in found["documents"]] == [third, second]
    assert (found["next"], found["settled"]) == (second, 1)
    assert [one["docid"] for one in documents(left="supercurator", right="curator")["documents"]] == [
        third,
        second,
    ]
    people.save(TEXT, annotated(LONDON, complete=True), name=first, member="curator")
    assert [one["docid"] for one in documents(**sides)["documents"]] == [third, first, second]
    refused(people.call("curator", "GET", DOCUMENTS, **sides), 403)
    refused(people.call("reviewer", "GET", DOCUMENTS, left="save:1", right="master"), 400, "one document")


def test_a_document_is_done_also_where_master_said_the_same_before(people: People) -> None:
    docid = two_members(people)
    given = compared(people, docid)
    assert decide(people, docid, ["left"] * 3, given).status_code == 200
    people.save(TEXT, annotated(ADA, LONDON, PARIS, complete=True), name=docid, member="supercurator")
    sides = {"left": "curator", "right": "supercurator"}
    assert people.call("reviewer", "GET", DOCUMENTS, **sides).json()["settled"] == 0
    people.save(TEXT, annotated(PLACE, LONDON, PARIS, complete=True), name=docid, member="supercurator")
    before = people.ann(docid).json()
    assert decide(people, docid, ["left"] * 3, compared(people, docid)).status_code == 200
    assert people.ann(docid).json() == before
    assert people.call("reviewer", "GET", DOCUMENTS, **sides).json()["settled"] == 1
    actions = [one["action"] for one in history(people, docid, member="master")]
    assert actions == ["adjudicated curator and supercurator"] * 2 + ["uploaded"]


def test_documents_that_differ_from_master_and_from_the_model(people: People) -> None:
    suggestion = {**ADA, "confidence": confidence(state="pre-added", who=["ml:model"], prob=0.7)}
    docid = people.save(TEXT, annotated(suggestion))
    people.save(TEXT, annotated(ADA, LONDON), name=docid, member="curator")
    people.text("nobody looked at this")

    def listed(user: str, left: str, right: str) -> list[str]:
        found = people.call(user, "GET", DOCUMENTS, left=left, right=right).json()
        return [one["docid"] for one in found["documents"]]

    assert listed("curator", "master", "curator") == [docid]
    assert listed("curator", "save:model", "curator") == [docid]
    assert listed("curator", "save:model", "master") == []
    assert decide(people, docid, ["right"], compared(people, docid, "master", "curator")).status_code == 200
    assert listed("curator", "master", "curator") == []
    assert listed("curator", "save:model", "master") == [docid]


# --- Copying and merging


def test_a_curator_copies_master_to_an_own_version(people: People) -> None:
    docid = people.save(TEXT, annotated(ADA, complete=True))
    here = {"docid": docid, "from_": "master", "saveTo": "curator", "json": {}}
    answer = people.call("curator", "POST", COPY, headers={"If-None-Match": "*"}, **here)
    assert answer.status_code == 200, answer.text
    expected = {**people.ann(docid).json(), "anncomplete": False}
    assert people.ann(docid, member="curator").json() == expected == answer.json()["annotations"]
    refused(people.call("curator", "POST", COPY, headers={"If-None-Match": "*"}, **here), 412, "meanwhile")
    people.save(TEXT, annotated(LONDON), name=docid, member="curator")
    refused(
        people.call("curator", "POST", COPY, headers={"If-Match": answer.headers["ETag"]}, **here),
        412,
        "somebody else saved",
    )
    assert texts(people.ann(docid, member="curator").json()) == [("e_2", "London")]
    # An earlier save comes back the same way, and all of it is in the history.
    then = history(people, docid, member="curator")[1]
    again = people.call("curator", "POST", COPY, **{**here, "from_": f"save:{then['id']}"})
    assert again.status_code == 200
    assert texts(people.ann(docid, member="curator").json()) == [("e_1", "Ada")]
    entries = history(people, docid, member="curator")
    assert [one["action"] for one in entries] == [
        f"copied from curator, {moment(then)}",
        "uploaded",
        "copied from master",
    ]
    people.save(TEXT, annotated(LONDON, complete=True), name=docid, member="curator")
    refused(people.call("curator", "POST", COPY, **here), 409, "this version is confirmed")


@pytest.mark.parametrize(
    ("user", "source", "target", "status"),
    [
        ("reader", "master", "reader", 403),
        ("curator", "curator", "master", 403),
        ("curator", "supercurator", "curator", 403),
        ("curator", "master", "supercurator", 403),
        ("supercurator", "supercurator", "master", 200),
        ("reviewer", "curator", "reviewer", 200),
        ("reviewer", "curator", "supercurator", 409),
        ("reviewer", "nobody", "reviewer", 404),
        ("reviewer", "", "reviewer", 400),
    ],
)
def test_who_may_copy_what(people: People, user: str, source: str, target: str, status: int) -> None:
    docid = two_members(people)
    answer = people.call(user, "POST", COPY, docid=docid, from_=source, saveTo=target, json={})
    assert answer.status_code == status, answer.text


def test_merging_from_the_page_is_conditional(people: People) -> None:
    docid = two_members(people)
    here = {"docid": docid, "strategy": "union_v1", "json": {}}
    preview = people.call("reviewer", "POST", MERGE, **here)
    assert len(preview.json()["entities"]) == 5
    etag = people.ann(docid).headers["ETag"]
    people.save(TEXT, annotated(ADA), name=docid)
    refused(
        people.call("reviewer", "POST", MERGE, saveTo="master", headers={"If-Match": etag}, **here),
        412,
        "somebody else",
    )
    etag = people.ann(docid).headers["ETag"]
    saved = people.call("reviewer", "POST", MERGE, saveTo="master", headers={"If-Match": etag}, **here)
    assert saved.json() == preview.json() == people.ann(docid).json()
    assert history(people, docid, member="master")[0]["source"] == "GUI"
    for user in ("reader", "curator", "supercurator"):
        refused(people.call(user, "POST", MERGE, **here), 403)


# --- The ways to the page


def test_the_page_is_linked_where_versions_are(people: People) -> None:
    docid = people.save(TEXT, annotated(ADA))
    people.save(TEXT, annotated(ADA, LONDON), name=docid)
    address = f"/owner/{people.name}/pool/{docid}"
    page = lxml_html.fromstring(people.call("reader", "GET", address).content.decode())
    (link,) = page.xpath("//a[text()='compare']/@href")
    answer = people.call("reader", "GET", link)
    assert answer.status_code == 200
    assert f'data-docid="{docid}"' in answer.text
    page = lxml_html.fromstring(people.call("reader", "GET", address, view="history").content.decode())
    (link,) = page.xpath("//a[text()='compare with now']/@href")
    number = history(people, docid)[1]["id"]
    assert link.endswith(f"docid={docid}&left=save%3A{number}&right=master")
    assert f'data-left="save:{number}"' in people.call("reader", "GET", link).text
    project = f"/owner/{people.name}"
    assert "?view=compare" in people.call("reviewer", "GET", project).text
    assert "?view=compare" not in people.call("curator", "GET", project).text
    refused(people.call("stranger", "GET", link), 404)

"""Task distribution, adjudication, copies and metrics on the local tagtog, over real HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from local_api import LEGEND, ROLES, People, annotated, entity, password_of, refused
from lxml import html as lxml_html

from spacy_tagtog.client import TagtogClient
from spacy_tagtog.server import LocalTagtog, add_user, local_tagtog, settings_from_legend
from spacy_tagtog.server.db.distribution import choose
from spacy_tagtog.server.db.members import set_member

_NUMBERS = count()
MERGE, COPY = "documents/versions/v0/merge", "documents/versions/v0/copy"
ADA, LONDON = entity("e_1", 0, "Ada"), entity("e_2", 7, "London")
TEXT = "Ada in London"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTagtog]:
    with local_tagtog(tmp_path_factory.mktemp("versions") / "tagtog.db") as running:
        for user in ("ann", "bob", "cleo"):
            running.database.write(add_user, user, password_of(user))
        yield running


@pytest.fixture
def people(server: LocalTagtog) -> Iterator[People]:
    made = People(server, f"p{next(_NUMBERS)}")
    for user in ("ann", "bob", "cleo"):
        server.database.write(set_member, "owner", made.name, user, "supercurator")
    yield made
    made.close()


# --- Task distribution


def distribute(people: People, number: int, *members: str) -> None:
    body = {"taskDistributionNumber": number, "taskDistributionMembers": list(members)}
    answer = people.call("owner", "PUT", "settings/v1/task-distribution", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["mapNewIds"] == {}
    assert answer.json()["newSettings"].items() >= body.items()


def assigned(people: People, query: str = "*", **more: Any) -> list[list[str]]:
    return [hit["members_assigned"] for hit in people.docs(query, **more)]


def test_nothing_is_distributed_by_default(people: People) -> None:
    people.text("one")
    assert assigned(people) == [[]]


def test_new_documents_go_to_so_many_of_the_chosen_members(people: People) -> None:
    distribute(people, 2, "ann", "bob", "cleo")
    for number in range(30):
        people.text(f"text {number}")
    chosen = [tuple(members) for members in assigned(people)]
    assert all(len(set(members)) == 2 for members in chosen)
    assert set(chosen) == {("ann", "bob"), ("ann", "cleo"), ("bob", "cleo")}
    distribute(people, 0)
    people.text("another")
    assert assigned(people, "another") == [[]]


def test_a_known_document_is_not_distributed_again(people: People) -> None:
    docid = people.save(TEXT, annotated())
    distribute(people, 3, "ann", "bob", "cleo")
    people.save(TEXT, annotated(ADA), name=docid)
    assert assigned(people) == [[]]
    people.save(TEXT, annotated(ADA), name=docid, distributeToMembers="bob")  # as asked for, it is
    assert assigned(people) == [["bob"]]


def test_one_in_twenty_goes_to_two_and_a_document_always_to_the_same() -> None:
    members = ["ann", "bob", "cleo"]
    chosen = [choose(members, 1, seed=f"document {number}") for number in range(4000)]
    twos = sum(len(one) == 2 for one in chosen)
    assert 140 < twos < 260  # 200 expected, standard deviation 14
    assert all(1 <= len(one) == len(set(one)) <= 2 for one in chosen)
    each = Counter(member for one in chosen for member in one)
    assert all(1300 < each[member] < 1500 for member in members)
    assert [choose(members[::-1], 1, seed=f"document {number}") for number in range(50)] == chosen[:50]
    assert choose(["ann"], 1, seed="x") == ["ann"]
    assert choose([], 1, seed="x") == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("", []),
        ("-", ["bob"]),
        ("ann,cleo", ["ann", "cleo"]),
        (" ann , ann ", ["ann"]),
        ("*", ["admin", "ann", "bob", "cleo", "curator", "owner", "reviewer", "supercurator"]),
    ],
)
def test_a_request_says_who_gets_its_documents(people: People, wanted: str, expected: list[str]) -> None:
    distribute(people, 1, "bob")
    people.text("one", distributeToMembers=wanted)
    assert assigned(people) == [expected]


@pytest.mark.parametrize("wanted", ["nobody", "ann,stranger", "reader"])
def test_documents_go_to_members_who_annotate(people: People, wanted: str) -> None:
    answer = people.call("owner", "POST", "documents/v1", data={"text": "x"}, distributeToMembers=wanted)
    refused(answer, 400, "can't be given", wanted.rsplit(",", maxsplit=1)[-1], "curator")
    assert people.docs() == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"taskDistributionNumber": "1", "taskDistributionMembers": ["ann"]},
        {"taskDistributionNumber": True, "taskDistributionMembers": ["ann"]},
        {"taskDistributionNumber": 1, "taskDistributionMembers": "ann"},
        {"taskDistributionNumber": 2, "taskDistributionMembers": ["ann"]},
        {"taskDistributionNumber": -1, "taskDistributionMembers": ["ann"]},
        {"taskDistributionNumber": 1, "taskDistributionMembers": ["nobody"]},
        {"taskDistributionNumber": 1, "taskDistributionMembers": ["reader"]},
    ],
)
def test_a_bad_task_distribution_is_refused(people: People, body: dict[str, Any]) -> None:
    refused(people.call("owner", "PUT", "settings/v1/task-distribution", json=body), 400, "legal:")
    assert people.call("owner", "GET", "settings/v1/export").json()["taskDistributionNumber"] == 0


@pytest.mark.parametrize("role", ROLES[:4])
def test_only_admins_change_the_task_distribution(people: People, role: str) -> None:
    body = {"taskDistributionNumber": 1, "taskDistributionMembers": ["ann"]}
    refused(people.call(role, "PUT", "settings/v1/task-distribution", json=body), 403, role, "admin")


def test_todo_lists_what_is_assigned_and_not_confirmed(people: People) -> None:
    first = people.save(TEXT, annotated(), name="first", distributeToMembers="ann,bob")
    second = people.save(TEXT, annotated(), name="second", distributeToMembers="ann")
    people.save(TEXT, annotated(), name="third", distributeToMembers="")

    def todo(user: str, query: str = "filter:TODO", **more: Any) -> list[str]:
        return [hit["id"] for hit in people.docs(query, user=user, **more)]

    assert (todo("ann"), todo("bob"), todo("cleo"), todo("local")) == ([first, second], [first], [], [])
    people.save(TEXT, annotated(complete=True), name=first, member="ann", user="ann")
    people.save(TEXT, annotated(ADA), name=second, member="ann", user="ann")
    assert (todo("ann"), todo("bob")) == ([second], [first])
    assert todo("ann", "filter:TODO AND filename:first") == []
    assert todo("reviewer", member="bob") == [first]
    refused(
        people.call("ann", "GET", "documents/v1", search="filter:TODO", member="bob"),
        403,
        "other members' versions",
    )
    assert todo("ann", "members_assigned:bob") == [first]
    assert todo("ann", "members_assigned:*") == [first, second]
    assert todo("ann", "members_assigned:* AND NOT members_assigned:bob") == [second]
    assert todo("ann", "members_anncomplete:ann") == [first]


def test_who_leaves_a_project_gets_no_more_documents(people: People) -> None:
    distribute(people, 2, "ann", "bob")
    people.text("one")
    assert people.call("owner", "DELETE", "settings/v1/members/ann").status_code == 205
    people.text("two")
    assert assigned(people) == [["bob"], ["bob"]]
    exported = people.call("owner", "GET", "settings/v1/export").json()
    assert (exported["taskDistributionNumber"], exported["taskDistributionMembers"]) == (1, ["bob"])


# --- Adjudication


def versions(people: People, **of: Any) -> str:
    """A document with the confirmed versions of members; gives its id."""
    docid = people.save(TEXT, annotated())
    for member, entities in of.items():
        people.save(TEXT, annotated(*entities, complete=True), name=docid, member=member)
    return docid


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("union_v1", [("e_1", 1), ("e_2", pytest.approx(1 / 3))]),
        ("intersection_v1", [("e_1", 1)]),
        ("majority_v1", [("e_1", 1)]),
        ("best_iaa_v1", [("e_1", 1)]),
    ],
)
def test_confirmed_versions_are_merged(people: People, strategy: str, expected: list[Any]) -> None:
    docid = versions(people, ann=[ADA], bob=[ADA, LONDON], cleo=[ADA])
    answer = people.call("reviewer", "POST", MERGE, docid=docid, strategy=strategy)
    assert answer.status_code == 200, answer.text
    merged = answer.json()
    if strategy == "best_iaa_v1":
        assert [one["classId"] for one in merged["entities"]] == ["e_1"]
    else:
        assert [(one["classId"], one["confidence"]["prob"]) for one in merged["entities"]] == expected
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{docid}.ann.json"'
    assert people.ann(docid).json()["entities"] == []  # nothing was saved
    saved = people.call("reviewer", "POST", MERGE, docid=docid, strategy=strategy, saveTo="master")
    assert saved.json() == merged
    assert people.ann(docid).json() == merged
    assert people.docs("entity:Person")[0]["anncomplete"] is False


def test_a_merge_needs_something_confirmed_and_overwrites_no_confirmed_member(people: People) -> None:
    docid = people.save(TEXT, annotated(complete=True))
    people.save(TEXT, annotated(ADA), name=docid, member="ann")
    refused(people.call("reviewer", "POST", MERGE, docid=docid, strategy="union_v1"), 400, "confirmed")
    people.save(TEXT, annotated(ADA, complete=True), name=docid, member="ann")
    refused(
        people.call("reviewer", "POST", MERGE, docid=docid, strategy="union_v1", saveTo="ann"),
        409,
        "confirmed",
        "ann",
    )
    assert people.ann(docid, member="ann").json()["anncomplete"] is True
    assert (
        people.call("reviewer", "POST", MERGE, docid=docid, strategy="union_v1", saveTo="bob").status_code
        == 200
    )
    assert [one["classId"] for one in people.ann(docid, member="bob").json()["entities"]] == ["e_1"]


def test_a_version_is_copied_unconfirmed(people: People) -> None:
    docid = versions(people, ann=[ADA])
    before = people.docs()[0]["updated"]
    answer = people.call("reviewer", "POST", COPY, docid=docid, from_="ann", saveTo="bob")
    assert answer.status_code == 200, answer.text
    expected = {**people.ann(docid, member="ann").json(), "anncomplete": False}
    assert answer.json() == expected == people.ann(docid, member="bob").json()
    assert people.docs()[0]["members_anncomplete"] == ["ann"]
    assert people.docs()[0]["updated"] > before
    refused(people.call("reviewer", "POST", COPY, docid=docid, from_="bob", saveTo="ann"), 409, "confirmed")
    assert people.call("ann", "POST", COPY, docid=docid, from_="ann", saveTo="master").status_code == 200
    assert len(people.ann(docid).json()["entities"]) == 1


@pytest.mark.parametrize(
    ("user", "path", "query", "status", "words"),
    [
        (
            "reviewer",
            MERGE,
            {"strategy": "best"},
            400,
            ["union_v1, intersection_v1, majority_v1, best_iaa_v1"],
        ),
        ("reviewer", MERGE, {}, 400, ["strategy", "union_v1"]),
        ("reviewer", MERGE, {"strategy": "union_v1", "docid": "none"}, 404, ["none"]),
        ("reviewer", MERGE, {"strategy": "union_v1", "docid": ""}, 400, ["docid"]),
        ("reviewer", MERGE, {"strategy": "union_v1", "saveTo": "a/b"}, 400, ["saveTo"]),
        ("ann", MERGE, {"strategy": "union_v1"}, 403, ["supercurator", "reviewer"]),
        ("curator", MERGE, {"strategy": "union_v1"}, 403, ["use the API"]),
        ("reviewer", COPY, {"from": "ann"}, 400, ["saveTo"]),
        ("reviewer", COPY, {"saveTo": "ann"}, 400, ["from"]),
        ("reviewer", COPY, {"from": "cleo", "saveTo": "bob"}, 404, ["cleo", "ann"]),
        ("reviewer", COPY, {"from": "ann", "saveTo": "bob", "docid": "none"}, 404, ["none"]),
        ("ann", COPY, {"from": "bob", "saveTo": "ann"}, 403, ["other members' versions"]),
        ("ann", COPY, {"from": "ann", "saveTo": "bob"}, 403, ["edit other members' versions"]),
    ],
)
def test_bad_merges_and_copies_are_refused(
    people: People, user: str, path: str, query: dict[str, str], status: int, words: list[str]
) -> None:
    docid = versions(people, ann=[ADA], bob=[])
    before = [people.ann(docid, member=member).content for member in ("master", "ann", "bob")]
    refused(people.call(user, "POST", path, **{"docid": docid, **query}), status, *words)
    assert [people.ann(docid, member=member).content for member in ("master", "ann", "bob")] == before


# --- Metrics


def test_agreement_of_two_members(people: People) -> None:
    versions(people, ann=[ADA, LONDON], bob=[ADA])
    other = people.save("Ada in Paris", annotated(), name="other")
    people.save("Ada in Paris", annotated(entity("e_1", 0, "Ada"), complete=True), name=other, member="ann")

    def iaa(task: str, metric: str = "exact_v1") -> Any:
        return people.call(
            "reader2", "GET", "metrics/v0/iaa", member1="ann", member2="bob", anntaskId=task, metric=metric
        ).json()

    people.server.database.write(add_user, "reader2", password_of("reader2"))
    people.server.database.write(set_member, "owner", people.name, "reader2", "supercurator")
    assert iaa("e_1") == {"f1": 1.0, "overNumDocs": 1}
    assert iaa("e_2") == {"f1": 0.0, "overNumDocs": 1}
    assert iaa("e_1", "overlapping_v1")["f1"] == 1.0
    assert iaa("m_4")["f1"] is None


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"anntaskId": "e_9"}, ["e_9", "e_1"]),
        ({"anntaskId": ""}, ["anntaskId"]),
        ({"metric": "kappa"}, ["exact_v1, overlapping_v1, documentlevel_v1"]),
        ({"metric": "documentlevel_v1"}, ["documentlevel_v1"]),
        ({"member1": ""}, ["member1"]),
        ({"member2": "ann"}, ["ann"]),
    ],
)
def test_bad_questions_for_agreement_are_refused(
    people: People, query: dict[str, str], words: list[str]
) -> None:
    good = {"member1": "ann", "member2": "bob", "anntaskId": "e_1", "metric": "exact_v1"}
    refused(people.call("owner", "GET", "metrics/v0/iaa", **{**good, **query}), 400, *words)


@pytest.mark.parametrize(
    ("role", "status"),
    [("reader", 403), ("curator", 403), ("supercurator", 200), ("reviewer", 200), ("admin", 200)],
)
def test_who_sees_metrics(people: People, role: str, status: int) -> None:
    assert people.call(role, "GET", "metrics/v0/search_stats", search="*").status_code == status
    query = {"member1": "ann", "member2": "bob", "anntaskId": "e_1", "metric": "exact_v1"}
    assert people.call(role, "GET", "metrics/v0/iaa", **query).status_code == status


def test_annotations_are_counted_by_type(people: People) -> None:
    settings = settings_from_legend(LEGEND)
    settings["metas"]["m_7"] = {"id": "m_7", "name": "risk", "type": "enum", "description": "high, low"}
    settings["metas"]["m_8"] = {"id": "m_8", "name": "useful", "type": "boolean"}
    assert people.call("owner", "POST", "settings/v1/import", json=settings).status_code == 200
    norm = {
        "normalizations": {
            "n_5": {"source": {"name": "wd", "id": "Q7259"}, "recName": "Ada", "confidence": None}
        }
    }
    label = {"m_4": {"value": "people"}, "m_7": {"value": "high"}, "m_8": {"value": True}}
    people.save(
        TEXT, annotated(entity("e_1", 0, "Ada", **norm), LONDON, complete=True, metas=label), name="first"
    )
    people.save(
        TEXT, annotated(entity("e_1", 0, "Ada", **norm), metas={"m_8": {"value": False}}), name="second"
    )
    docid = people.save(TEXT, annotated(), name="third")
    people.save(TEXT, annotated(ADA, LONDON), name=docid, member="ann")  # only master counts
    stats = people.call("supercurator", "GET", "metrics/v0/search_stats", search="*").json()
    assert {key: value for key, value in stats.items() if key[:2] not in ("e_", "m_")} == {
        "numDocuments": 3,
        "numConfirmedDocuments": 1,
        "numAnnotatedDocuments": 2,
        "allEntitiesTotalCount": 3,
        "allDocumentLabelsTotalCount": 4,
    }
    assert stats["e_1"] == {
        "name": "Person",
        "totalCount": 2,
        "percentage": 66.67,
        "numDocuments": 2,
        "numDocumentsMissing": 1,
        "topNormalizations": [
            {"dictionaryId": "n_5", "dictionaryName": "Wikidata", "entityId": "Q7259", "numDocuments": 2}
        ],
    }
    assert (stats["e_2"]["totalCount"], stats["e_2"]["percentage"], stats["e_2"]["topNormalizations"]) == (
        1,
        33.33,
        [],
    )
    assert stats["m_4"] == {
        "name": "topic",
        "type": "string",
        "numDocuments": 1,
        "numDocumentsMissing": 2,
        "topValues": [{"value": "people", "count": 1, "percentage": 100.0}],
    }
    assert stats["m_7"]["values"] == [
        {"value": "high", "count": 1, "percentage": 100.0},
        {"value": "low", "count": 0, "percentage": 0.0},
    ]
    assert stats["m_8"]["values"] == [
        {"value": "true", "count": 1, "percentage": 50.0},
        {"value": "false", "count": 1, "percentage": 50.0},
    ]
    part = people.call("supercurator", "GET", "metrics/v0/search_stats", search="anncomplete:true").json()
    assert (part["numDocuments"], part["allEntitiesTotalCount"], part["e_1"]["numDocumentsMissing"]) == (
        1,
        2,
        0,
    )
    refused(
        people.call("supercurator", "GET", "metrics/v0/search_stats", search="a AND"), 400, "ends too early"
    )
    none = people.call("supercurator", "GET", "metrics/v0/search_stats", search="nothing").json()
    assert (none["numDocuments"], none["e_1"]["percentage"]) == (0, 0)


def test_the_page_of_metrics(people: People) -> None:
    versions(people, ann=[ADA, LONDON], bob=[ADA])
    people.save("<b>&", annotated(entity("e_1", 0, "<b>"), metas={"m_4": {"value": "<i>"}}), name="other")
    answer = people.call("reader", "GET", f"/owner/{people.name}", view="metrics")
    page = lxml_html.fromstring(answer.content.decode())
    assert not page.xpath("//script | //@style | //i | //b")
    rows = [[cell.text_content() for cell in row.xpath("td")] for row in page.xpath("//tbody/tr")]
    assert rows[:3] == [["Person", "1", "100 %", "1"], ["Place", "0", "0 %", "0"], ["topic", "1", "<i>: 1"]]
    assert rows[3:5] == [["Person", "ann", "bob", "1.000", "1"], ["Place", "ann", "bob", "0.000", "1"]]
    assert "?view=metrics" in people.call("reader", "GET", f"/owner/{people.name}").text
    assert "?view=metrics" not in people.call("curator", "GET", f"/owner/{people.name}").text
    refused(
        people.call("curator", "GET", f"/owner/{people.name}", view="metrics"), 403, "see metrics", "reader"
    )


def test_the_client_speaks_to_it(people: People) -> None:
    docid = versions(people, ann=[ADA], bob=[ADA, LONDON])
    people.server.database.write(add_user, "dora", password_of("dora"))
    with TagtogClient(
        people.server.url, username="owner", password=password_of("owner"), project=people.name
    ) as client:
        client.add_member("dora", "curator")
        client.set_role("dora", "reviewer")
        assert {member.name: member.role for member in client.members()}["dora"] == "reviewer"
        client.set_task_distribution(1, ["dora"])
        (item,) = client.upload_text("more")
        assert [hit.id for hit in client.search("members_assigned:dora")] == [item.doc_id]
        client.remove_member("dora")
        assert "dora" not in [member.name for member in client.members()]
        assert [
            one.class_id for one in client.merge(docid, "intersection_v1", save_to="master").entities
        ] == ["e_1"]
        assert len(client.copy(docid, source="bob", target="cleo").entities) == 2
        assert client.iaa("ann", "bob", "e_1").f1 == 1
        assert client.search_stats()["e_1"]["totalCount"] == 1

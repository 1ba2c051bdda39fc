"""How a push divides documents into requests: order, folders, size, and what happens between them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from verbatim import connect, document, entity, new_project, numbered, put

from spacy_tagtog.anndoc import Document
from spacy_tagtog.client import ImportedItem, PushReport, TagtogClient, push
from spacy_tagtog.server import LocalTagtog, add_user

MODULE: Any = sys.modules["spacy_tagtog.client.push"]


@pytest.fixture
def client(server: LocalTagtog) -> Iterator[TagtogClient]:
    with connect(server, new_project(server), threads=4) as made:
        yield made


@pytest.fixture
def batches(client: TagtogClient, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """The folder and the ids of each request."""
    sent: list[tuple[str, list[str]]] = []
    send = client._send_batch

    def noted(batch: Any, folder: str, *rest: Any, **more: Any) -> dict[str, ImportedItem]:
        sent.append((folder, [pair.doc_id for pair in batch]))
        return send(batch, folder, *rest, **more)

    monkeypatch.setattr(client, "_send_batch", noted)
    return sent


def drafts(number: int, **more: Any) -> list[Document]:
    return [numbered(n, complete=False, **more) for n in range(number)]


def ids(documents: list[Document]) -> list[str]:
    return [doc.id for doc in documents]


def test_documents_of_one_folder_travel_together(
    client: TagtogClient, batches: list[tuple[str, list[str]]]
) -> None:
    docs = [numbered(n, folder="pool/a" if n % 2 else "pool") for n in range(6)]
    assert push(client, docs).ids == {doc.id: doc.id for doc in docs}
    assert sorted(batches) == [("pool", ids(docs[::2])), ("pool/a", ids(docs[1::2]))]


def test_in_order_every_document_arrives_after_the_one_before_it(
    client: TagtogClient, batches: list[tuple[str, list[str]]]
) -> None:
    """Where the folder changes, what is waiting goes first, even if its batch isn't full."""
    docs = [numbered(n, folder="pool/a" if n in (2, 3, 7) else "pool") for n in range(9)]
    report = push(client, docs, in_order=True, batch_size=2)
    assert report.created == ids(docs)
    sent = [doc_id for _, batch in batches for doc_id in batch]
    assert sent == ids(docs)
    assert [len(batch) for _, batch in batches] == [2, 2, 2, 1, 1, 1]
    assert [hit.id for hit in client.search()] == ids(docs)


def test_a_new_document_goes_where_it_is_told_and_one_that_is_there_stays(client: TagtogClient) -> None:
    docs = drafts(3)
    push(client, docs[:1])
    changed = [numbered(n, class_id="e_2", complete=False) for n in range(3)]
    report = push(client, changed, folder=lambda doc: "pool/odd" if doc.id == docs[1].id else "pool/even")
    assert (report.updated, sorted(report.created)) == (ids(docs[:1]), sorted(ids(docs[1:])))
    assert {hit.id: hit.folder for hit in client.search()} == {
        docs[0].id: "pool",
        docs[1].id: "pool/odd",
        docs[2].id: "pool/even",
    }


def test_no_request_gets_much_too_large(
    client: TagtogClient, batches: list[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = drafts(6)
    # Twice the size of the content is taken for both files.
    monkeypatch.setattr(MODULE, "MAX_BATCH_BYTES", 2 * 2 * len(docs[0].html.data))
    assert push(client, docs).created == ids(docs)
    assert sorted(batch for _, batch in batches) == sorted(ids(docs[n : n + 2]) for n in (0, 2, 4))
    batches.clear()
    monkeypatch.setattr(MODULE, "MAX_BATCH_BYTES", 1)  # a single one is sent, however large it is
    changed = [numbered(n, class_id="e_2", complete=False) for n in range(3)]
    assert push(client, changed).updated == ids(docs[:3])
    assert sorted(batch for _, batch in batches) == sorted([doc.id] for doc in docs[:3])


def test_many_documents_are_asked_for_again_in_several_searches(
    client: TagtogClient, batches: list[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever search finds it: what was confirmed meanwhile is not sent."""
    docs = drafts(5)
    push(client, docs)
    batches.clear()
    monkeypatch.setattr(MODULE, "_IDS_PER_SEARCH", 2)
    monkeypatch.setattr(client, "threads", 1)
    look, search = client.own_annotations, client.search
    asked: list[str] = []

    def looking(doc_id: str, **more: Any) -> Any:
        found = look(doc_id, **more)
        if doc_id == docs[-1].id:
            put(client, numbered(1, class_id="e_2"), numbered(4, class_id="e_2"))
        return found

    def searching(query: str) -> Any:
        asked.append(query)
        return search(query)

    monkeypatch.setattr(client, "own_annotations", looking)
    monkeypatch.setattr(client, "search", searching)
    report = push(client, [numbered(n, who="ml:new", complete=False) for n in range(5)])
    why = "it was confirmed in tagtog meanwhile"
    assert report.refused == [(docs[1].id, why), (docs[4].id, why)]
    assert report.updated == [docs[0].id, docs[2].id, docs[3].id]
    assert [query.count("docid:") for query in asked] == [2, 2, 1]
    assert batches[-1] == ("pool", report.updated)


def test_with_force_nobody_is_asked_again(
    client: TagtogClient, batches: list[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    push(client, [numbered(n) for n in range(2)])

    def never(query: str) -> Any:
        raise AssertionError(query)

    monkeypatch.setattr(client, "search", never)
    changed = [numbered(n, class_id="e_2") for n in range(2)]
    assert push(client, changed, force=True).updated == ids(changed)
    assert client.annotations(changed[0].id).entities[0].class_id == "e_2"


@pytest.mark.parametrize("mine", [False, True])
def test_what_is_confirmed_while_its_request_is_under_way_is_kept_by_a_server_that_can(
    server: LocalTagtog, client: TagtogClient, monkeypatch: pytest.MonkeyPatch, mine: bool
) -> None:
    """Unless what was confirmed is the very thing that is sent: then it is there, as was wanted."""
    docs = drafts(2)
    push(client, docs)
    new = [numbered(n, class_id="e_2", complete=mine) for n in range(2)]
    send = client._send_batch

    def late(*arguments: Any, **more: Any) -> dict[str, ImportedItem]:
        with connect(server, client.project) as reviewer:
            put(reviewer, new[0] if mine else numbered(0, who="user:bob"))
        return send(*arguments, **more)

    monkeypatch.setattr(client, "_send_batch", late)
    report = push(client, new)
    if mine:
        assert report == PushReport(updated=ids(docs))
        assert report.ids == {doc.id: doc.id for doc in docs}
    else:
        assert report == PushReport(updated=[docs[1].id], refused=[(docs[0].id, "it is confirmed in tagtog")])
        assert report.ids == {docs[1].id: docs[1].id}
        assert client.annotations(docs[0].id).entities[0].who == ["user:bob"]


def test_a_folder_is_made_once_for_all_its_batches(
    client: TagtogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    add = client.add_folder

    def adding(folder: str) -> None:
        made.append(folder)
        add(folder)

    monkeypatch.setattr(client, "add_folder", adding)
    push(client, [numbered(n, folder="pool/new") for n in range(6)], batch_size=1)
    assert made == ["pool/new"]
    push(client, [numbered(n, folder="pool/new") for n in range(6, 8)])
    push(client, [numbered(8), numbered(9)])
    assert made == ["pool/new"]  # it is there now, as the pool always is


def test_new_documents_are_assigned_as_is_said(client: TagtogClient, server: LocalTagtog) -> None:
    for name in ("eve", "max"):
        server.database.write(add_user, name, "password")
        client.add_member(name, "reviewer")
    docs = drafts(3)
    push(client, docs[:1], distribute_to="eve")
    push(client, docs[1:2], distribute_to="*")
    push(client, docs[2:], distribute_to="")
    assert [set(hit.members_assigned) - {"owner"} for hit in client.search()] == [
        {"eve"},
        {"eve", "max"},
        set(),
    ]


def test_documents_that_differ_in_confirmation_alone_are_sent(client: TagtogClient) -> None:
    doc = document("Ann lives here.", entity())
    push(client, [doc])
    confirmed = document("Ann lives here.", entity(), complete=True)
    assert push(client, [confirmed]).updated == [doc.id]
    assert client.annotations(doc.id).complete
    assert push(client, [confirmed]).unchanged == [doc.id]

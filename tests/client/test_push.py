"""Uploading annotations without overwriting what people confirmed, against the local tagtog."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import verbatim
from verbatim import connect, new_project, put

from spacy_tagtog.anndoc import (
    Annotations,
    Document,
    Legend,
    PlainHtml,
    Project,
    html_from_text,
    write_project,
)
from spacy_tagtog.client import ImportedItem, PushReport, TagtogClient, push
from spacy_tagtog.errors import (
    ConfigurationError,
    DuplicateDocumentError,
    LegendError,
    NotFoundError,
    RejectedError,
    SpacyTagtogError,
    UnreachableError,
)
from spacy_tagtog.server import LocalTagtog

THERE = Legend(
    {
        "e_1": "Person",
        "e_2": "Place",
        "e_7": "Date",
        "f_1": "gender",
        "f_2": "Person",
        "m_1": "topic",
        "m_3": "done",
        "n_1": "wiki",
        "r_1": "lives in",
    }
)
HERE = Legend(
    {
        "e_1": "Place",
        "e_2": "Person",
        "f_1": "Person",
        "f_9": "gender",
        "m_1": "done",
        "m_2": "topic",
        "n_5": "wiki",
        "r_4": "lives in",
    }
)
PART = "s1v1"


@pytest.fixture
def client(server: LocalTagtog) -> Iterator[TagtogClient]:
    with connect(server, new_project(server, legend=THERE)) as made:
        yield made


@pytest.fixture
def posts(client: TagtogClient, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of documents in each batch that was sent."""
    sent: list[int] = []
    send = client._send_batch

    def counted(batch: Any, *rest: Any, **more: Any) -> dict[str, ImportedItem]:
        sent.append(len(batch))
        return send(batch, *rest, **more)

    monkeypatch.setattr(client, "_send_batch", counted)
    return sent


def entity(class_id: str = "e_1", *, start: int = 0, text: str = "Ann", prob: float = 0.5) -> dict[str, Any]:
    """A pre-annotation."""
    return verbatim.entity(class_id, start=start, text=text, state="pre-added", who="ml:test", prob=prob)


def document(number: int = 0, *entities: dict[str, Any], legend: Legend = THERE, **more: Any) -> Document:
    """A document with these entities, by default with one pre-annotation."""
    text = f"Ann {number} lives here."
    own = entities or (entity(),)
    return verbatim.document(text, *own, name=f"{number:03}.txt", legend=legend, **more)


def content(annotations: Annotations) -> dict[str, Any]:
    return {key: value for key, value in annotations.data.items() if key != "annotatable"}


# ---------------------------------------------------------------- created, updated, unchanged, refused


def test_what_becomes_of_documents(client: TagtogClient, posts: list[int]) -> None:
    docs = [document(number) for number in range(4)]
    assert push(client, docs) == PushReport(created=[doc.id for doc in docs])
    assert content(client.annotations(docs[0].id)) == content(docs[0].annotations)

    posts.clear()
    assert push(client, docs) == PushReport(unchanged=[doc.id for doc in docs])
    assert posts == []

    put(client, document(1, entity("e_2"), complete=True))
    second = [document(0, entity(prob=0.6)), document(1), docs[2], document(9)]
    report = push(client, second)
    assert report == PushReport(
        created=[second[3].id],
        updated=[docs[0].id],
        unchanged=[docs[2].id],
        refused=[(docs[1].id, "it is confirmed in tagtog")],
    )
    assert client.annotations(docs[1].id).complete
    assert client.annotations(docs[1].id).entities[0].class_id == "e_2"
    assert client.annotations(docs[0].id).entities[0].prob == 0.6

    assert push(client, second, force=True) == PushReport(
        updated=[docs[1].id], unchanged=[docs[0].id, docs[2].id, second[3].id]
    )
    assert not client.annotations(docs[1].id).complete


def test_confirmed_and_equal_is_unchanged(client: TagtogClient) -> None:
    doc = document(complete=True)
    assert push(client, [doc]).created == [doc.id]
    assert push(client, [doc]).unchanged == [doc.id]


@pytest.mark.parametrize(
    ("here", "equal"),
    [
        ({"m_3": {"value": True, "confidence": None}}, True),
        ({"m_3": {"confidence": None, "value": True}}, True),
        ({"m_3": {"value": 1, "confidence": None}}, False),
        ({"m_3": {"value": "true", "confidence": None}}, False),
        ({"m_3": {"value": True}}, False),
        ({}, False),
    ],
)
def test_equal_means_equal_json(client: TagtogClient, here: dict[str, Any], equal: bool) -> None:
    doc = document()
    doc.annotations.data["metas"] = {"m_3": {"value": True, "confidence": None}}
    push(client, [doc])
    doc.annotations.data["metas"] = here
    doc.annotations.data["annotatable"] = {"parts": []}
    report = push(client, [doc])
    assert (report.unchanged, report.updated) == (([doc.id], []) if equal else ([], [doc.id]))


def test_numbers_are_equal_however_they_are_written(client: TagtogClient, posts: list[int]) -> None:
    push(client, [document(0, entity(prob=1))])
    assert push(client, [document(0, entity(prob=1.0))]).unchanged
    assert push(client, [document(0, entity(), entity())]).updated
    assert posts == [1, 1]


def test_only_the_version_that_is_pushed_counts(client: TagtogClient) -> None:
    doc = document(complete=True)
    push(client, [doc])
    own = document(0, entity("e_2"), member="bob")
    assert push(client, [own], member="bob").updated == [doc.id]
    assert client.annotations(doc.id) == Annotations(
        {**doc.annotations.data, "annotatable": {"parts": [PART]}}
    )
    assert push(client, [own], member="bob").unchanged == [doc.id]
    put(client, document(0, entity("e_7"), complete=True, member="bob"), member="bob")
    assert push(client, [own], member="bob").refused == [(doc.id, "it is confirmed in tagtog")]
    # What is pushed equals the master version, from which carol would start. But she has no own version.
    carol = Document(doc.id, doc.html, {"carol": doc.annotations}, legend=THERE)
    assert push(client, [carol], member="carol").updated == [doc.id]
    assert client.own_annotations(doc.id, member="carol") is not None


def test_a_document_without_annotations_deletes_none(client: TagtogClient) -> None:
    annotated, new, empty = document(0), document(1), document(2)
    push(client, [annotated])
    bare = [Document(doc.id, doc.html, legend=THERE) for doc in (annotated, new, empty)]
    (text,) = client.upload_text("Nobody annotated this.")
    bare.append(Document(text.doc_id, PlainHtml(client.plain_html(text.doc_id)), legend=THERE))
    report = push(client, bare, force=True)
    assert report.refused == [(annotated.id, "it has no annotations here, but some in tagtog")]
    assert (report.created, report.unchanged) == ([new.id, empty.id], [text.doc_id])
    assert len(client.annotations(annotated.id)) == 1
    assert push(client, bare).unchanged == [new.id, empty.id, text.doc_id]


@pytest.mark.parametrize("name", ["my-name", document(77).id])
def test_a_document_is_known_by_the_id_in_its_content(client: TagtogClient, name: str) -> None:
    doc = document(complete=True)
    push(client, [doc])
    renamed = Document(name, doc.html, {"master": document(0, entity("e_2")).annotations}, legend=THERE)
    assert push(client, [renamed]).refused == [(name, "it is confirmed in tagtog")]
    assert push(client, [renamed], force=True).updated == [doc.id]
    assert client.count() == 1


def test_a_content_needs_no_id_of_its_own(client: TagtogClient) -> None:
    doc = document()
    without = PlainHtml(doc.html.data.replace(f' id="{doc.id}"'.encode(), b""))
    assert without.id is None
    nameless = Document(doc.id, without, dict(doc.versions), legend=THERE)
    assert push(client, [nameless]).created == [doc.id]
    assert push(client, [nameless]).unchanged == [doc.id]


@pytest.mark.parametrize("name", ["report.txt", 'Bericht "Über" (1) + [x]:y*?.txt', "a b"])
def test_a_document_with_a_foreign_name_is_known_by_name_and_content(client: TagtogClient, name: str) -> None:
    html = html_from_text("Ann lives here.", filename=name, doc_id="foreign")
    same_name = html_from_text("Another text.", filename=name, doc_id="foreign2")
    annotations = document(complete=True).annotations
    docs = [
        Document("foreign", html, {"master": annotations}, legend=THERE),
        Document("foreign2", same_name, {"master": annotations}, legend=THERE),
    ]
    first = push(client, docs[:1])
    assert len(first.created) == 1
    assert first.created[0] != "foreign"
    changed = [
        Document(doc.id, doc.html, {"master": document(0, entity("e_2")).annotations}, legend=THERE)
        for doc in docs
    ]
    report = push(client, changed)
    assert report.refused == [("foreign", "it is confirmed in tagtog")]
    assert len(report.created) == 1
    assert client.annotations(first.created[0]).complete
    again = push(client, docs[:1])
    assert (again.unchanged, again.ids) == (first.created, {"foreign": first.created[0]})


# ---------------------------------------------------------------- labels


def rich(legend: Legend, **ids: str) -> Document:
    """A document that uses a class id everywhere where one can stand."""
    doc = document(0, entity(ids["person"]), entity(ids["place"], start=4, text="0"), legend=legend)
    data = doc.annotations.data
    data["entities"][0]["fields"] = {ids["gender"]: {"value": "f"}, ids["person_field"]: {"value": True}}
    data["entities"][0]["normalizations"] = {
        ids["wiki"]: {"source": {"name": "wiki", "id": "Q1", "url": None}, "recName": "Ann"}
    }
    data["metas"] = {ids["topic"]: {"value": "life"}, ids["done"]: {"value": True}}
    data["relations"] = [
        {
            "classId": ids["lives"],
            "type": "linked",
            "directed": True,
            "entities": [f"{PART}|{ids['person']}|0,3", f"{PART}|{ids['place']}|4,5"],
            "connectingWords": None,
        },
        {
            "classId": ids["lives"],
            "type": "linked",
            "directed": True,
            "entities": [f"{PART}|0,3", f"{PART}|4,5"],
        },
    ]
    return doc


def test_class_ids_are_translated_by_name_everywhere(client: TagtogClient) -> None:
    here = rich(
        HERE,
        person="e_2",
        place="e_1",
        gender="f_9",
        person_field="f_1",
        wiki="n_5",
        topic="m_2",
        done="m_1",
        lives="r_4",
    )
    there = rich(
        THERE,
        person="e_1",
        place="e_2",
        gender="f_1",
        person_field="f_2",
        wiki="n_1",
        topic="m_1",
        done="m_3",
        lives="r_1",
    )
    before = copy.deepcopy(here.annotations.data)
    assert push(client, [here]).created == [here.id]
    assert content(client.annotations(here.id)) == content(there.annotations)
    assert here.annotations.data == before
    assert push(client, [here]).unchanged == [here.id]
    assert push(client, [there]).unchanged == [here.id]


def test_without_a_legend_the_ids_are_the_projects(client: TagtogClient, posts: list[int]) -> None:
    assert push(client, [document(0, entity("e_7"), legend=Legend())]).created
    assert client.annotations(document().id).entities[0].class_id == "e_7"
    posts.clear()
    with pytest.raises(LegendError, match="no class with this id") as caught:
        push(client, [document(1, entity("e_3"), legend=Legend())])
    assert caught.value.value == "e_3"
    assert posts == []


def wrong_relation() -> Document:
    doc = document(5)
    doc.annotations.data["relations"] = [{"classId": "r_1", "entities": [f"{PART}|e_9|0,3", f"{PART}|0,3"]}]
    return doc


def wrong_label(kind: str, class_id: str) -> Document:
    doc = document(5)
    target = doc.annotations.data if kind == "metas" else doc.annotations.data["entities"][0]
    target[kind] = {class_id: {"value": "x"}}
    return doc


@pytest.mark.parametrize(
    ("bad", "names", "label"),
    [
        (document(5, entity("e_9")), {"e_9": "Cheese"}, "Cheese"),
        (wrong_label("fields", "f_9"), {"f_9": "Place", "e_1": "Person"}, "Place"),
        (wrong_label("normalizations", "n_9"), {"n_9": "uniprot", "e_1": "Person"}, "uniprot"),
        (wrong_label("metas", "m_9"), {"m_9": "tone", "e_1": "Person"}, "tone"),
        (wrong_relation(), {"r_1": "lives in", "e_9": "Cheese", "e_1": "Person"}, "Cheese"),
        (document(5, entity("e_9")), {"e_1": "Person"}, "e_9"),
        (document(5, entity("Person")), {"e_1": "Person"}, "Person"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_label_that_the_project_lacks_stops_before_anything_is_sent(
    client: TagtogClient, posts: list[int], bad: Document, names: dict[str, str], label: str, dry_run: bool
) -> None:
    bad = Document(bad.id, bad.html, dict(bad.versions), legend=Legend(names))
    with pytest.raises(LegendError) as caught:
        push(client, [document(0), document(1), bad], batch_size=1, dry_run=dry_run)
    assert caught.value.value == label
    assert caught.value.report == PushReport()  # type: ignore[attr-defined]
    assert posts == []
    assert client.count() == 0


def test_labels_of_other_versions_do_not_matter(client: TagtogClient) -> None:
    doc = document()
    both = Document(
        doc.id,
        doc.html,
        {"master": doc.annotations, "bob": document(0, entity("e_99")).annotations},
        legend=THERE,
    )
    assert push(client, [both]).created == [doc.id]


# ---------------------------------------------------------------- folders, batches, projects, dry runs


def test_missing_folders_are_created(client: TagtogClient) -> None:
    docs = [
        document(number, folder=folder)
        for number, folder in enumerate(["pool", "pool/new/deep", "pool/new", "pool/new/deep"])
    ]
    assert len(push(client, docs).created) == 4
    assert {hit.id: hit.folder for hit in client.search()} == {doc.id: doc.folder for doc in docs}
    assert client.folders() == ["pool", "pool/new", "pool/new/deep"]


def test_batches(client: TagtogClient, posts: list[int]) -> None:
    docs = [document(number) for number in range(7)]
    assert push(client, docs, batch_size=3).created == [doc.id for doc in docs]
    assert posts == [3, 3, 1]
    posts.clear()
    changed = [document(number, entity("e_2")) if number % 2 else docs[number] for number in range(7)]
    assert push(client, changed, batch_size=3).updated == [docs[1].id, docs[3].id, docs[5].id]
    assert posts == [3]
    with pytest.raises(ConfigurationError, match="batch size"):
        push(client, docs, batch_size=0)


def test_a_project_and_a_generator_can_be_pushed(client: TagtogClient, tmp_path: Path) -> None:
    docs = [document(number, folder="pool/x") for number in range(3)]
    write_project(docs[:2], tmp_path / "project", legend=THERE)
    assert sorted(push(client, Project.open(tmp_path / "project")).created) == sorted(
        doc.id for doc in docs[:2]
    )
    assert push(client, (doc for doc in docs)) == PushReport(
        created=[docs[2].id], unchanged=[docs[0].id, docs[1].id]
    )
    assert push(client, []) == PushReport()


def test_progress_sees_each_document_and_the_total(client: TagtogClient) -> None:
    seen: list[Any] = []

    def progress(documents: Iterable[Any], total: int | None = None, /) -> Iterator[Any]:
        seen.append(total)
        for doc in documents:
            seen.append(doc.id)
            yield doc

    docs = [document(number) for number in range(3)]
    push(client, iter(docs), progress=progress)
    assert seen == [3, *(doc.id for doc in docs)]


def test_a_dry_run_sends_nothing(client: TagtogClient, posts: list[int]) -> None:
    push(client, [document(0), document(1), document(2, complete=True)])
    posts.clear()
    docs = [document(0), document(1, entity("e_2")), document(2), document(3, folder="pool/new")]
    expected = PushReport(
        created=[docs[3].id],
        updated=[docs[1].id],
        unchanged=[docs[0].id],
        refused=[(docs[2].id, "it is confirmed in tagtog")],
    )
    assert push(client, docs, dry_run=True) == expected
    assert (posts, client.count(), client.folders()) == ([], 3, ["pool"])
    assert client.annotations(docs[1].id).entities[0].class_id == "e_1"
    assert push(client, docs) == expected


def test_a_document_that_comes_twice_is_refused_before_anything_is_sent(
    client: TagtogClient, posts: list[int]
) -> None:
    with pytest.raises(DuplicateDocumentError):
        push(client, [document(0), document(1), document(0)], batch_size=1)
    assert posts == []


# ---------------------------------------------------------------- failing midway


@pytest.mark.parametrize("error", [UnreachableError("gone"), KeyboardInterrupt()])
def test_a_push_that_fails_midway_says_what_was_done_and_can_go_on(
    client: TagtogClient, posts: list[int], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    docs = [document(number) for number in range(7)]
    send = client._send_batch

    def fail(batch: Any, *rest: Any, **more: Any) -> dict[str, ImportedItem]:
        if docs[4].id in [pair.doc_id for pair in batch]:
            raise error
        return send(batch, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(client, "_send_batch", fail)
        with pytest.raises(type(error)) as caught:
            push(client, docs, batch_size=2)
    # Several batches go out at once: later ones may have been sent, and then the report says so.
    done = caught.value.report.created  # type: ignore[attr-defined]
    assert {doc.id for doc in docs[:4]} <= set(done)
    assert not {doc.id for doc in docs[4:6]} & set(done)
    assert {hit.id for hit in client.search()} == set(done)
    rest = [doc.id for doc in docs if doc.id not in done]
    assert push(client, docs, batch_size=2) == PushReport(created=rest, unchanged=done)


def test_what_the_server_refuses_carries_the_report(client: TagtogClient) -> None:
    good, bad = document(0), document(1)
    html = html_from_text("Changed content", filename="001.txt", doc_id=bad.id)
    push(client, [bad])
    put(client, document(1, entity("e_2"), member="bob"), member="bob")
    changed = Document(bad.id, html, {"master": document(1, entity("e_7")).annotations}, legend=THERE)
    with pytest.raises(RejectedError) as caught:
        push(client, [good, changed], batch_size=1)
    assert caught.value.report == PushReport(created=[good.id])  # type: ignore[attr-defined]


def test_an_unknown_project_is_not_taken_for_new_documents(client: TagtogClient, server: LocalTagtog) -> None:
    with connect(server, "none") as other, pytest.raises(NotFoundError) as caught:
        push(other, [document()])
    assert isinstance(caught.value, SpacyTagtogError)
    assert caught.value.report == PushReport()  # type: ignore[attr-defined]


# ---------------------------------------------------------------- people at work meanwhile


@pytest.mark.parametrize(
    ("member", "understands"), [("master", True), ("bob", True), ("master", False), ("bob", False)]
)
def test_what_is_confirmed_before_its_batch_is_full_is_kept_without_help_of_the_server(
    client: TagtogClient, posts: list[int], monkeypatch: pytest.MonkeyPatch, member: str, understands: bool
) -> None:
    """tagtog itself overwrites whatever it is told to; so the client asks again before it sends."""
    push(client, [document(number, member=member) for number in range(3)], member=member)
    mine = document(0, entity("e_7"), complete=True, member=member)
    look, send = client.own_annotations, client._send_batch
    asked: list[str] = []

    def looking(doc_id: str, **more: Any) -> Annotations | None:
        found = look(doc_id, **more)
        if doc_id == document(2).id:  # the last one: by now the first was looked at
            put(client, mine, member=member)
        return found

    def as_tagtog_does(batch: Any, *rest: Any, **more: Any) -> dict[str, ImportedItem]:
        return send(batch, *rest, **{**more, "keep_reviewed": False})

    search = client.search

    def searching(query: str) -> Any:
        asked.append(query)
        return search(query if understands else "docid:")

    with monkeypatch.context() as patch:
        patch.setattr(client, "threads", 1)
        patch.setattr(client, "own_annotations", looking)
        patch.setattr(client, "_send_batch", as_tagtog_does)
        patch.setattr(client, "search", searching)
        again = [document(number, entity("e_2"), member=member) for number in range(4)]
        report = push(client, again, member=member)
    assert report.refused == [(again[0].id, "it was confirmed in tagtog meanwhile")]
    assert (report.updated, report.created) == ([again[1].id, again[2].id], [again[3].id])
    kept = client.annotations(again[0].id, member=member)
    assert kept.complete
    assert [one.class_id for one in kept.entities] == ["e_7"]
    assert len(asked) == 1  # one call for the batch, and nothing is asked of a new document
    assert again[3].id not in asked[0]


def test_new_documents_are_sent_without_asking_again(
    client: TagtogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(query: str) -> Any:
        raise AssertionError(query)

    monkeypatch.setattr(client, "search", never)
    assert len(push(client, [document(number) for number in range(3)]).created) == 3

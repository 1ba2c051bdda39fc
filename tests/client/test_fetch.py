"""Keeping a folder in step with a project, against the local tagtog."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fetched import Downloads, ann_path, html_path, manifest, tree, without_times
from verbatim import LEGEND, connect, new_project, numbered, put

from spacy_tagtog.anndoc import (
    Annotations,
    Legend,
    Project,
)
from spacy_tagtog.anndoc.legend import LEGEND_NAME
from spacy_tagtog.client import (
    ALL_MEMBERS,
    FetchReport,
    Member,
    SearchHit,
    TagtogClient,
    fetch,
)
from spacy_tagtog.client._manifest import MANIFEST_NAME
from spacy_tagtog.errors import (
    ArgumentError,
    ConfigurationError,
    NotFoundError,
    OutputExistsError,
    UnexpectedAnswerError,
)
from spacy_tagtog.server import LocalTagtog


@pytest.fixture
def client(server: LocalTagtog) -> Iterator[TagtogClient]:
    with connect(server, new_project(server, folders=["pool/train"]), name="local") as made:
        yield made


# ---------------------------------------------------------------- what is written


def test_a_fetch_writes_a_project_that_can_be_opened(client: TagtogClient, target: Path) -> None:
    docs = [numbered(1), numbered(2, folder="pool/train"), numbered(3, complete=False)]
    for doc in docs:
        put(client, doc)
    report = fetch(client, target)
    assert report == FetchReport(found=2, downloaded=[docs[0].id, docs[1].id])

    project = Project.open(target)
    assert project.legend == LEGEND
    assert {doc.id: doc.folder for doc in project} == {docs[0].id: "pool", docs[1].id: "pool/train"}
    for doc in docs[:2]:
        assert project[doc.id].html.data == doc.html.data
        assert project[doc.id].annotations == doc.annotations
    assert set(tree(target)) == {
        MANIFEST_NAME,
        LEGEND_NAME,
        f"plain.html/pool/{docs[0].id}.plain.html",
        f"ann.json/master/pool/{docs[0].id}.ann.json",
        f"plain.html/pool/train/{docs[1].id}.plain.html",
        f"ann.json/master/pool/train/{docs[1].id}.ann.json",
    }
    written = manifest(target)
    assert written | {"documents": {}, "legend": None} == {
        "version": 1,
        "domain": "local",
        "owner": "owner",
        "project": client.project,
        "query": "anncomplete:true",
        "members": ["master"],
        "text_only": False,
        "legend": None,
        "writing": {},
        "documents": {},
    }
    assert set(written["documents"]) == {docs[0].id, docs[1].id}
    entry = written["documents"][docs[1].id]
    assert (entry["folder"], entry["anncomplete"], entry["members"]) == ("pool/train", True, ["master"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry["fetched"])
    assert entry["updated"] == {hit.id: hit.updated for hit in client.search()}[docs[1].id]
    assert all(
        len(digest) == 64 for entry in written["documents"].values() for digest in entry["files"].values()
    )


def test_text_only(client: TagtogClient, target: Path) -> None:
    (item,) = client.upload_text("A new document.", filename="new.txt")
    assert fetch(client, target, query="anncomplete:false", text_only=True).downloaded == [item.doc_id]
    assert set(tree(target)) == {MANIFEST_NAME, LEGEND_NAME, f"plain.html/pool/{item.doc_id}.plain.html"}
    assert [doc.text for doc in Project.open(target)] == ["A new document."]
    assert fetch(client, target, query="anncomplete:false", text_only=True).unchanged == [item.doc_id]


def test_versions_of_members(client: TagtogClient, target: Path) -> None:
    first, second = numbered(1), numbered(2)
    put(client, first, second)
    own = numbered(1, class_id="e_2", member="bob")
    put(client, own, member="bob")
    idle = client.members()[0].name  # has no version of any document
    fetch(client, target, members=["master", "bob", idle, "bob"])
    project = Project.open(target)
    assert set(project[first.id].versions) == {"master", "bob"}
    assert project[first.id].version("bob") == own.version("bob")
    assert set(project[second.id].versions) == {"master"}
    assert fetch(client, target, members=["master", "bob", idle]).unchanged == [first.id, second.id]


def test_a_name_that_nobody_has_is_refused_before_anything_is_written(
    client: TagtogClient, target: Path
) -> None:
    put(client, numbered(1))
    with pytest.raises(ArgumentError, match="no such member") as caught:
        fetch(client, target, members=["master", "nobody"])
    assert caught.value.value == "nobody"
    assert client.members()[0].name in str(caught.value.legal)
    assert not target.exists()


def test_other_members_are_fetched_anew(client: TagtogClient, target: Path) -> None:
    doc = numbered(1)
    put(client, doc)
    put(client, numbered(1, class_id="e_2", member="bob"), member="bob")
    fetch(client, target)
    assert fetch(client, target, members=["bob"]).downloaded == [doc.id]
    assert not ann_path(target, doc).exists()
    assert ann_path(target, doc, "members/bob").exists()
    assert fetch(client, target, text_only=True).downloaded == [doc.id]
    assert set(tree(target)) == {MANIFEST_NAME, LEGEND_NAME, f"plain.html/pool/{doc.id}.plain.html"}
    assert fetch(client, target).downloaded == [doc.id]
    assert ann_path(target, doc).exists()


def test_progress_sees_each_document_and_the_total(client: TagtogClient, target: Path) -> None:
    docs = [numbered(number) for number in range(3)]
    put(client, *docs)
    seen: list[Any] = []

    def progress(hits: Iterable[Any], total: int | None = None, /) -> Iterator[Any]:
        seen.append(total)
        for hit in hits:
            yield hit
            seen.append(hit.id)

    fetch(client, target, progress=progress)
    assert seen == [3, *(doc.id for doc in docs)]


def test_a_legend_is_kept_current(client: TagtogClient, target: Path) -> None:
    put(client, numbered(1))
    fetch(client, target)
    (target / LEGEND_NAME).unlink()
    fetch(client, target)
    assert Legend.parse((target / LEGEND_NAME).read_bytes()) == LEGEND

    (target / LEGEND_NAME).write_text('{"e_1": "Mine"}')
    report = fetch(client, target)
    assert (report.kept, (target / LEGEND_NAME).read_text()) == ([LEGEND_NAME], '{"e_1": "Mine"}')
    assert fetch(client, target, force=True).kept == []
    assert Legend.parse((target / LEGEND_NAME).read_bytes()) == LEGEND


# ---------------------------------------------------------------- the second time


def test_nothing_changed_changes_no_byte(client: TagtogClient, target: Path, downloads: Downloads) -> None:
    docs = [numbered(number) for number in range(3)]
    put(client, *docs)
    fetch(client, target)
    before = tree(target)
    downloads.ids.clear()
    assert fetch(client, target) == FetchReport(found=3, unchanged=[doc.id for doc in docs])
    assert tree(target) == before
    assert downloads.ids == []


def test_only_what_changed_is_downloaded(client: TagtogClient, target: Path, downloads: Downloads) -> None:
    docs = [numbered(number) for number in range(3)]
    put(client, *docs)
    fetch(client, target)
    downloads.ids.clear()
    changed = numbered(1, class_id="e_2")
    put(client, changed, numbered(7))
    report = fetch(client, target)
    assert report.downloaded == [changed.id, numbered(7).id]
    assert sorted(downloads.ids) == sorted(report.downloaded)
    assert report.unchanged == [docs[0].id, docs[2].id]
    assert Project.open(target)[changed.id].annotations == changed.annotations


@pytest.mark.parametrize("what", [html_path, ann_path])
def test_a_missing_file_is_fetched_again(client: TagtogClient, target: Path, what: Any) -> None:
    docs = [numbered(1), numbered(2)]
    put(client, *docs)
    fetch(client, target)
    before = without_times(target)
    what(target, docs[0]).unlink()
    assert fetch(client, target).downloaded == [docs[0].id]
    assert without_times(target) == before


def test_a_document_that_moved_is_moved_here(client: TagtogClient, target: Path) -> None:
    doc = numbered(1, folder="pool/train")
    put(client, doc)
    fetch(client, target)
    client.rename_folder("pool/train", "dev")
    assert fetch(client, target).downloaded == [doc.id]
    assert Project.open(target)[doc.id].folder == "pool/dev"
    assert not (target / "plain.html/pool/train").exists()
    assert not (target / "ann.json/master/pool/train").exists()


def test_what_the_query_no_longer_finds_is_removed(client: TagtogClient, target: Path) -> None:
    docs = [numbered(1), numbered(2, folder="pool/train"), numbered(3)]
    for doc in docs:
        put(client, doc)
    fetch(client, target)
    client.delete_document(docs[1].id)
    put(client, numbered(3, complete=False))
    report = fetch(client, target)
    assert report.removed == sorted([docs[1].id, docs[2].id])
    assert {doc.id for doc in Project.open(target)} == {docs[0].id}
    assert not (target / "plain.html/pool/train").exists()
    assert set(manifest(target)["documents"]) == {docs[0].id}
    # Another query is another selection.
    assert fetch(client, target, query="anncomplete:false").removed == [docs[0].id]
    assert manifest(target)["query"] == "anncomplete:false"


# ---------------------------------------------------------------- edited here


def test_edited_documents_are_left_alone(client: TagtogClient, target: Path, downloads: Downloads) -> None:
    docs = [numbered(number) for number in range(4)]
    put(client, *docs)
    fetch(client, target)
    for doc in docs[:3]:
        ann_path(target, doc).write_text('{"mine": true}')
    put(client, numbered(1, class_id="e_2"))
    client.delete_document(docs[2].id)
    downloads.ids.clear()

    for _ in range(2):
        report = fetch(client, target)
        assert (report.kept, report.unchanged) == ([docs[0].id, docs[1].id, docs[2].id], [docs[3].id])
        assert (report.downloaded, report.removed) == ([], [])
        assert (report.conflicts, report.deleted, report.unconfirmed) == (
            [docs[1].id, docs[2].id],
            [docs[2].id],
            [],
        )
        assert all(ann_path(target, doc).read_text() == '{"mine": true}' for doc in docs[:3])
        assert html_path(target, docs[2]).read_bytes() == docs[2].html.data
    assert docs[0].id not in downloads.ids

    report = fetch(client, target, force=True)
    assert report == FetchReport(
        found=3,
        downloaded=[docs[0].id, docs[1].id],
        unchanged=[docs[3].id],
        kept=[docs[2].id],
        conflicts=[docs[2].id],
        deleted=[docs[2].id],
        overwritten=[docs[0].id, docs[1].id],
    )
    assert Annotations.parse(ann_path(target, docs[0]).read_bytes()) == docs[0].annotations
    assert ann_path(target, docs[2]).read_text() == '{"mine": true}'


def test_an_edited_document_that_moved_is_left_alone(client: TagtogClient, target: Path) -> None:
    doc = numbered(1, folder="pool/train")
    put(client, doc)
    fetch(client, target)
    ann_path(target, doc).write_text('{"mine": true}')
    client.rename_folder("pool/train", "dev")
    before = tree(target)
    assert fetch(client, target).kept == [doc.id]
    assert tree(target) == before


def test_a_file_that_no_fetch_wrote_is_not_overwritten(client: TagtogClient, target: Path) -> None:
    fetch(client, target)
    doc = numbered(1)
    put(client, doc)
    ann_path(target, doc).parent.mkdir(parents=True)
    ann_path(target, doc).write_text('{"mine": true}')
    assert fetch(client, target).kept == [doc.id]
    assert ann_path(target, doc).read_text() == '{"mine": true}'
    assert not html_path(target, doc).exists()
    assert fetch(client, target, force=True).downloaded == [doc.id]
    assert Annotations.parse(ann_path(target, doc).read_bytes()) == doc.annotations


def test_an_edit_that_tagtog_has_by_now_is_no_edit(client: TagtogClient, target: Path) -> None:
    doc = numbered(1)
    put(client, doc)
    fetch(client, target)
    changed = numbered(1, class_id="e_2")
    ann_path(target, doc).write_text(changed.annotations.dumps())
    put(client, changed)
    assert fetch(client, target).downloaded == [doc.id]
    assert fetch(client, target).unchanged == [doc.id]


# ---------------------------------------------------------------- tagtog changes meanwhile


def test_a_document_that_disappears_before_it_is_downloaded_is_removed(
    client: TagtogClient, target: Path
) -> None:
    docs = [numbered(number) for number in range(3)]
    put(client, *docs)
    fetch(client, target)
    put(client, numbered(1, class_id="e_2"), numbered(8))

    def progress(hits: Iterable[Any], _: int | None = None, /) -> Iterator[Any]:
        client.delete_document(docs[1].id)
        client.delete_document(numbered(8).id)
        yield from hits

    report = fetch(client, target, progress=progress)
    assert (report.removed, report.downloaded, report.unchanged) == (
        [docs[1].id],
        [],
        [docs[0].id, docs[2].id],
    )
    assert {doc.id for doc in Project.open(target)} == {docs[0].id, docs[2].id}


def test_a_project_that_disappears_removes_nothing(
    client: TagtogClient, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doc = numbered(1)
    put(client, doc)
    fetch(client, target)
    put(client, numbered(1, class_id="e_2"))

    def progress(hits: Iterable[Any], _: int | None = None, /) -> Iterator[Any]:
        monkeypatch.setitem(client._http._fields, "project", "no-such-project")
        yield from hits

    with pytest.raises(NotFoundError):
        fetch(client, target, progress=progress)
    assert html_path(target, doc).exists()


def test_an_incomplete_list_removes_nothing(
    client: TagtogClient, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = [numbered(number) for number in range(3)]
    put(client, *docs)
    fetch(client, target)
    put(client, numbered(9))
    search, lists = client.search, []

    def short(query: str = "*") -> Iterator[SearchHit]:
        lists.append(query)
        return (hit for hit in search(query) if hit.id != docs[1].id)

    monkeypatch.setattr(client, "search", short)
    with pytest.raises(UnexpectedAnswerError, match="complete"):
        fetch(client, target)
    assert len(lists) == 3
    assert {doc.id for doc in Project.open(target)} == {numbered(number).id for number in (0, 1, 2, 9)}
    assert set(manifest(target)["documents"]) == {numbered(number).id for number in (0, 1, 2, 9)}

    # A list that comes out right the second time is fine.
    lists.clear()
    monkeypatch.setattr(client, "search", lambda query="*": short(query) if not lists else search(query))
    assert len(fetch(client, target).unchanged) == 4


def test_documents_that_left_the_query_are_told_apart(client: TagtogClient, target: Path) -> None:
    docs = [numbered(number, folder="pool/train") for number in range(4)]
    put(client, *docs)
    query = "anncomplete:true AND folder:train"
    fetch(client, target, query=query)
    client.delete_document(docs[0].id)
    put(client, numbered(1, folder="pool/train", complete=False))
    ann_path(target, docs[1]).write_text('{"mine": true}')
    put(client, numbered(2, folder="pool/train", complete=False))
    client.rename_folder("pool/train", "dev")
    report = fetch(client, target, query=query)
    assert report == FetchReport(
        removed=sorted([docs[0].id, docs[2].id, docs[3].id]),
        deleted=[docs[0].id],
        unconfirmed=sorted([docs[1].id, docs[2].id]),
        kept=[docs[1].id],
        conflicts=[docs[1].id],
    )


def test_everybodys_versions(client: TagtogClient, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = [numbered(1), numbered(2)]
    put(client, *docs)
    put(client, numbered(1, class_id="e_2", member="bob"), member="bob")
    put(
        client, numbered(2, class_id="e_2", member="gone"), member="gone"
    )  # confirmed, and not a member any more
    people = [
        Member("bob", "curator", False, {}),
        Member("carol", "reader", False, {}),
        Member("new@example.org", "reader", True, {}),
    ]
    monkeypatch.setattr(client, "members", lambda: people)
    assert fetch(client, target, members=[ALL_MEMBERS]).downloaded == [doc.id for doc in docs]
    project = Project.open(target)
    assert {doc.id: set(doc.versions) for doc in project} == {
        docs[0].id: {"master", "bob"},
        docs[1].id: {"master", "gone"},
    }
    assert fetch(client, target, members=[ALL_MEMBERS]).unchanged == [doc.id for doc in docs]
    put(client, numbered(1, class_id="e_1", member="carol"), member="carol")
    assert fetch(client, target, members=[ALL_MEMBERS]).downloaded == [docs[0].id]
    assert set(Project.open(target)[docs[0].id].versions) == {"master", "bob", "carol"}
    for members in ("bob", [""], []):
        with pytest.raises(ConfigurationError, match="whose"):
            fetch(client, target, members=members)


def test_two_fetches_at_once_do_not_share_a_folder(client: TagtogClient, target: Path) -> None:
    put(client, numbered(1))
    errors: list[BaseException] = []

    def progress(hits: Iterable[Any], _: int | None = None, /) -> Iterator[Any]:
        yield from hits
        try:
            fetch(client, target)
        except OutputExistsError as error:
            errors.append(error)

    fetch(client, target, progress=progress)
    assert "another program writes" in str(errors[0])
    assert fetch(client, target).unchanged == [numbered(1).id]


def test_hostile_names_never_leave_the_folder(
    client: TagtogClient, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, numbered(1))
    good = next(iter(client.search()))
    for values in (
        {"id": "../../x"},
        {"id": "a/b"},
        {"folder": "../.."},
        {"folder": "pool/../../x"},
        {"folder": ""},
    ):
        fields = {name: getattr(good, name) for name in good.__dataclass_fields__} | values
        monkeypatch.setattr(client, "search", lambda _, fields=fields: iter([SearchHit(**fields)]))
        with pytest.raises(UnexpectedAnswerError, match="can't be stored"):
            fetch(client, target)
    assert set(tree(target.parent)) == {f"project/{MANIFEST_NAME}", f"project/{LEGEND_NAME}"}


# ---------------------------------------------------------------- dry runs


def test_a_dry_run_writes_nothing(client: TagtogClient, target: Path, downloads: Downloads) -> None:
    docs = [numbered(number) for number in range(4)]
    put(client, *docs)
    assert fetch(client, target, dry_run=True).downloaded == [doc.id for doc in docs]
    assert not target.exists()

    fetch(client, target)
    ann_path(target, docs[0]).write_text("{}")
    client.delete_document(docs[1].id)
    put(client, numbered(0, class_id="e_2"), numbered(2, class_id="e_2"), numbered(9))
    (target / LEGEND_NAME).unlink()
    before = tree(target)
    downloads.ids.clear()
    report = fetch(client, target, dry_run=True)
    assert report == FetchReport(
        found=4,
        downloaded=[docs[2].id, numbered(9).id],
        unchanged=[docs[3].id],
        removed=[docs[1].id],
        deleted=[docs[1].id],
        kept=[docs[0].id],
        conflicts=[docs[0].id],
    )
    assert tree(target) == before
    assert downloads.ids == []
    assert fetch(client, target) == report

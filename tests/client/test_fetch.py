"""Keeping a folder in step with a project, against the local tagtog."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spacy_tagtog._files import write_atomic
from spacy_tagtog.anndoc import Annotations, Document, Legend, Project, confidence, html_from_text
from spacy_tagtog.anndoc.legend import LEGEND_NAME
from spacy_tagtog.client import (
    ALL_MEMBERS,
    MANIFEST_NAME,
    FetchReport,
    Member,
    SearchHit,
    TagtogClient,
    fetch,
)
from spacy_tagtog.client.fetch import JOURNAL_NAME
from spacy_tagtog.errors import (
    ConfigurationError,
    NotFoundError,
    OutputExistsError,
    ProjectError,
    UnexpectedAnswerError,
    UnreachableError,
    WriteError,
)
from spacy_tagtog.server import LocalTagtog, settings_from_legend

# The package's attribute of this name is the function.
MODULE: Any = sys.modules["spacy_tagtog.client.fetch"]
LEGEND = Legend({"e_1": "Person", "e_2": "Place"})


@pytest.fixture
def client(server: LocalTagtog) -> Iterator[TagtogClient]:
    project = f"project-{len(server.store.projects())}"
    server.store.create_project("owner", project, settings_from_legend(LEGEND, ["pool/train"]))
    with TagtogClient(
        server.url,
        username=server.username,
        password=server.password,
        project=project,
        owner="owner",
        name="local",
    ) as made:
        yield made


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "project"


def document(
    number: int, *, folder: str = "pool", complete: bool = True, class_id: str = "e_1", member: str = "master"
) -> Document:
    html = html_from_text(f"Ann {number} 🦊 lives here.", filename=f"{number:03}.txt")
    annotations = Annotations.empty(list(html.parts), complete=complete)
    annotations.data["entities"].append(
        {
            "classId": class_id,
            "part": "s1v1",
            "offsets": [{"start": 0, "text": "Ann"}],
            "confidence": confidence(state="", who=["user:ann"], prob=1),
            "fields": {},
            "normalizations": {},
        }
    )
    return Document(str(html.id), html, {member: annotations}, folder=folder, legend=LEGEND)


def upload(client: TagtogClient, *documents: Document, member: str = "master") -> None:
    assert len(list(client.push(documents, member=member))) == len(documents)


def tree(target: Path) -> dict[str, tuple[bytes, int]]:
    """All files with their content and time."""
    return {
        str(path.relative_to(target)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(target.rglob("*"))
        if path.is_file()
    }


def without_times(target: Path) -> dict[str, Any]:
    """All files with their content; of the manifest what doesn't depend on when it was."""
    files: dict[str, Any] = {name: content for name, (content, _) in tree(target).items()}
    files[MANIFEST_NAME] = manifest(target)
    for entry in files[MANIFEST_NAME]["documents"].values():
        del entry["fetched"]
    return files


def manifest(target: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((target / MANIFEST_NAME).read_text())
    return data


def html_path(target: Path, doc: Document) -> Path:
    return target / "plain.html" / doc.folder / f"{doc.id}.plain.html"


def ann_path(target: Path, doc: Document, version: str = "master") -> Path:
    return target / "ann.json" / version / doc.folder / f"{doc.id}.ann.json"


class Downloads:
    """Counts the documents that are asked for, and may do something at one of them."""

    def __init__(self, client: TagtogClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ids: list[str] = []
        self.failures: dict[int, BaseException] = {}
        content = client._content

        def counted(doc_id: str) -> Any:
            self.ids.append(doc_id)
            if len(self.ids) in self.failures:
                raise self.failures[len(self.ids)]
            return content(doc_id)

        monkeypatch.setattr(client, "_content", counted)


@pytest.fixture
def downloads(client: TagtogClient, monkeypatch: pytest.MonkeyPatch) -> Downloads:
    return Downloads(client, monkeypatch)


# ---------------------------------------------------------------- what is written


def test_a_fetch_writes_a_project_that_can_be_opened(client: TagtogClient, target: Path) -> None:
    docs = [document(1), document(2, folder="pool/train"), document(3, complete=False)]
    for doc in docs:
        upload(client, doc)
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
        "version": 2,
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
    first, second = document(1), document(2)
    upload(client, first, second)
    own = document(1, class_id="e_2", member="bob")
    upload(client, own, member="bob")
    fetch(client, target, members=["master", "bob", "carol", "bob"])
    project = Project.open(target)
    assert set(project[first.id].versions) == {"master", "bob"}
    assert project[first.id].version("bob") == own.version("bob")
    assert set(project[second.id].versions) == {"master"}
    assert fetch(client, target, members=["master", "bob", "carol"]).unchanged == [first.id, second.id]


def test_other_members_are_fetched_anew(client: TagtogClient, target: Path) -> None:
    doc = document(1)
    upload(client, doc)
    upload(client, document(1, class_id="e_2", member="bob"), member="bob")
    fetch(client, target)
    assert fetch(client, target, members=["bob"]).downloaded == [doc.id]
    assert not ann_path(target, doc).exists()
    assert ann_path(target, doc, "members/bob").exists()
    assert fetch(client, target, text_only=True).downloaded == [doc.id]
    assert set(tree(target)) == {MANIFEST_NAME, LEGEND_NAME, f"plain.html/pool/{doc.id}.plain.html"}
    assert fetch(client, target).downloaded == [doc.id]
    assert ann_path(target, doc).exists()


def test_progress_sees_each_document_and_the_total(client: TagtogClient, target: Path) -> None:
    docs = [document(number) for number in range(3)]
    upload(client, *docs)
    seen: list[Any] = []

    def progress(hits: Iterable[SearchHit], total: int) -> Iterator[SearchHit]:
        seen.append(total)
        for hit in hits:
            yield hit
            seen.append(hit.id)

    fetch(client, target, progress=progress)
    assert seen == [3, *(doc.id for doc in docs)]


def test_a_legend_is_kept_current(client: TagtogClient, target: Path, server: LocalTagtog) -> None:
    upload(client, document(1))
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
    docs = [document(number) for number in range(3)]
    upload(client, *docs)
    fetch(client, target)
    before = tree(target)
    downloads.ids.clear()
    assert fetch(client, target) == FetchReport(found=3, unchanged=[doc.id for doc in docs])
    assert tree(target) == before
    assert downloads.ids == []


def test_only_what_changed_is_downloaded(client: TagtogClient, target: Path, downloads: Downloads) -> None:
    docs = [document(number) for number in range(3)]
    upload(client, *docs)
    fetch(client, target)
    downloads.ids.clear()
    changed = document(1, class_id="e_2")
    upload(client, changed, document(7))
    report = fetch(client, target)
    assert report.downloaded == [changed.id, document(7).id]
    assert sorted(downloads.ids) == sorted(report.downloaded)
    assert report.unchanged == [docs[0].id, docs[2].id]
    assert Project.open(target)[changed.id].annotations == changed.annotations


@pytest.mark.parametrize("what", [html_path, ann_path])
def test_a_missing_file_is_fetched_again(client: TagtogClient, target: Path, what: Any) -> None:
    docs = [document(1), document(2)]
    upload(client, *docs)
    fetch(client, target)
    before = without_times(target)
    what(target, docs[0]).unlink()
    assert fetch(client, target).downloaded == [docs[0].id]
    assert without_times(target) == before


def test_a_document_that_moved_is_moved_here(client: TagtogClient, target: Path, server: LocalTagtog) -> None:
    doc = document(1, folder="pool/train")
    upload(client, doc)
    fetch(client, target)
    server.store.rename_folder("owner", client.project, "pool/train", "dev")
    assert fetch(client, target).downloaded == [doc.id]
    assert Project.open(target)[doc.id].folder == "pool/dev"
    assert not (target / "plain.html/pool/train").exists()
    assert not (target / "ann.json/master/pool/train").exists()


def test_what_the_query_no_longer_finds_is_removed(client: TagtogClient, target: Path) -> None:
    docs = [document(1), document(2, folder="pool/train"), document(3)]
    for doc in docs:
        upload(client, doc)
    fetch(client, target)
    client.delete_document(docs[1].id)
    upload(client, document(3, complete=False))
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
    docs = [document(number) for number in range(4)]
    upload(client, *docs)
    fetch(client, target)
    for doc in docs[:3]:
        ann_path(target, doc).write_text('{"mine": true}')
    upload(client, document(1, class_id="e_2"))
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


def test_an_edited_document_that_moved_is_left_alone(
    client: TagtogClient, target: Path, server: LocalTagtog
) -> None:
    doc = document(1, folder="pool/train")
    upload(client, doc)
    fetch(client, target)
    ann_path(target, doc).write_text('{"mine": true}')
    server.store.rename_folder("owner", client.project, "pool/train", "dev")
    before = tree(target)
    assert fetch(client, target).kept == [doc.id]
    assert tree(target) == before


def test_a_file_that_no_fetch_wrote_is_not_overwritten(client: TagtogClient, target: Path) -> None:
    fetch(client, target)
    doc = document(1)
    upload(client, doc)
    ann_path(target, doc).parent.mkdir(parents=True)
    ann_path(target, doc).write_text('{"mine": true}')
    assert fetch(client, target).kept == [doc.id]
    assert ann_path(target, doc).read_text() == '{"mine": true}'
    assert not html_path(target, doc).exists()
    assert fetch(client, target, force=True).downloaded == [doc.id]
    assert Annotations.parse(ann_path(target, doc).read_bytes()) == doc.annotations


def test_an_edit_that_tagtog_has_by_now_is_no_edit(client: TagtogClient, target: Path) -> None:
    doc = document(1)
    upload(client, doc)
    fetch(client, target)
    changed = document(1, class_id="e_2")
    ann_path(target, doc).write_text(changed.annotations.dumps())
    upload(client, changed)
    assert fetch(client, target).downloaded == [doc.id]
    assert fetch(client, target).unchanged == [doc.id]


# ---------------------------------------------------------------- interrupted


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), UnreachableError("gone"), OSError(28, "No space left on device")]
)
def test_an_interrupted_fetch_goes_on_where_it_stopped(
    client: TagtogClient, target: Path, downloads: Downloads, error: BaseException
) -> None:
    docs = [document(number) for number in range(30)]
    upload(client, *docs)
    downloads.failures[28] = error
    with pytest.raises(type(error)):
        fetch(client, target)
    # Some may have been on their way when it happened.
    done = set(manifest(target)["documents"])
    assert len(done) >= 27 - client.threads
    assert {doc.id for doc in Project.open(target)} == done
    downloads.failures.clear()
    downloads.ids.clear()
    report = fetch(client, target)
    assert report.downloaded == [doc.id for doc in docs if doc.id not in done]
    assert sorted(downloads.ids) == sorted(report.downloaded)
    assert set(report.unchanged) == done


@pytest.mark.parametrize("cut", [0, 1, 20, None])
def test_a_killed_fetch_is_continued_from_its_journal(
    client: TagtogClient, target: Path, downloads: Downloads, monkeypatch: pytest.MonkeyPatch, cut: int | None
) -> None:
    docs = [document(number) for number in range(30)]
    upload(client, *docs)
    downloads.failures[28] = KeyboardInterrupt()
    with monkeypatch.context() as patch:
        # After kill -9 nothing is saved at the end.
        save, saves = MODULE._Fetch.save, []

        def first(self: Any) -> None:
            saves.append(1)
            if len(saves) == 1:
                save(self)

        patch.setattr(MODULE._Fetch, "save", first)
        with pytest.raises(KeyboardInterrupt):
            fetch(client, target)
    assert manifest(target)["documents"] == {}
    journal = target / JOURNAL_NAME
    content = journal.read_bytes()
    if cut is not None:
        # The last line didn't reach the disk, or not all of it.
        journal.write_bytes(content[: content.rindex(b"\n") + cut])
    downloads.failures.clear()
    downloads.ids.clear()
    report = fetch(client, target)
    assert report.kept == []
    assert {*report.unchanged, *report.downloaded} == {doc.id for doc in docs}
    assert len(report.unchanged) >= 27 - client.threads - 1
    assert sorted(downloads.ids) == sorted(report.downloaded)
    assert not journal.exists()
    fresh = target.parent / "fresh"
    fetch(client, fresh)
    assert without_times(target) == without_times(fresh)


def test_what_a_killed_fetch_wrote_is_not_taken_for_an_edit(client: TagtogClient, target: Path) -> None:
    docs = [document(number) for number in range(3)]
    upload(client, *docs)
    fetch(client, target)
    # Killed after it had written the second version of 0, and a new document 7; by now tagtog has a third, and no 7.
    second, new = document(0, class_id="e_2"), document(7)
    path = ann_path(target, docs[0])
    path.write_bytes(second.annotations.dumps().encode())
    for file, content in ((html_path(target, new), new.html.data), (ann_path(target, new), b"{}")):
        file.write_bytes(content)
    lines = [
        {
            "writing": {
                str(file.relative_to(target)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
            }
        }
        for files in ([path], [html_path(target, new), ann_path(target, new)])
    ]
    (target / JOURNAL_NAME).write_text("\n".join(map(json.dumps, lines)) + '\n{"writ')
    (target / "ann.json" / ".part-0123").touch()
    (target / ".part-4567").touch()
    ann_path(target, new).write_text('{"mine": true}')  # that one was edited after the kill
    third = document(0, class_id="e_2", complete=True)
    third.annotations.data["entities"] = []
    upload(client, third)

    report = fetch(client, target)
    assert (report.downloaded, report.kept) == ([docs[0].id], [])
    assert len(Annotations.parse(path.read_bytes())) == 0
    assert not html_path(target, new).exists()
    assert ann_path(target, new).read_text() == '{"mine": true}'
    assert manifest(target)["writing"] == {}
    assert not list(target.rglob(".part-*"))


def test_a_first_fetch_that_is_killed_at_once_can_be_repeated(
    client: TagtogClient, target: Path, downloads: Downloads
) -> None:
    upload(client, document(1))
    downloads.failures[1] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        fetch(client, target)
    assert manifest(target)["documents"] == {}
    assert fetch(client, target).downloaded == [document(1).id]


def test_the_first_error_is_told_when_the_disk_is_full(
    client: TagtogClient, target: Path, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = [document(1), document(2)]
    upload(client, *docs)
    refused = []

    def full(path: Path, data: bytes) -> None:
        if path.name == MANIFEST_NAME and downloads.ids:
            refused.append(path)
            raise WriteError("the disk is full")
        write_atomic(path, data)

    downloads.failures[2] = UnreachableError("gone")
    with monkeypatch.context() as patch:
        patch.setattr(MODULE, "write_atomic", full)
        with pytest.raises(UnreachableError):
            fetch(client, target)
        assert len(refused) == 1
        with pytest.raises(WriteError):
            fetch(client, target)
    downloads.failures.clear()
    # The first document is here, and the journal says so.
    assert fetch(client, target) == FetchReport(found=2, unchanged=[docs[0].id], downloaded=[docs[1].id])


# ---------------------------------------------------------------- tagtog changes meanwhile


def test_a_document_that_disappears_before_it_is_downloaded_is_removed(
    client: TagtogClient, target: Path
) -> None:
    docs = [document(number) for number in range(3)]
    upload(client, *docs)
    fetch(client, target)
    upload(client, document(1, class_id="e_2"), document(8))

    def progress(hits: Iterable[SearchHit], _: int) -> Iterator[SearchHit]:
        client.delete_document(docs[1].id)
        client.delete_document(document(8).id)
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
    doc = document(1)
    upload(client, doc)
    fetch(client, target)
    upload(client, document(1, class_id="e_2"))

    def progress(hits: Iterable[SearchHit], _: int) -> Iterator[SearchHit]:
        monkeypatch.setitem(client._http._fields, "project", "no-such-project")
        yield from hits

    with pytest.raises(NotFoundError):
        fetch(client, target, progress=progress)
    assert html_path(target, doc).exists()


def test_an_incomplete_list_removes_nothing(
    client: TagtogClient, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = [document(number) for number in range(3)]
    upload(client, *docs)
    fetch(client, target)
    upload(client, document(9))
    search, lists = client.search, []

    def short(query: str = "*") -> Iterator[SearchHit]:
        lists.append(query)
        return (hit for hit in search(query) if hit.id != docs[1].id)

    monkeypatch.setattr(client, "search", short)
    with pytest.raises(UnexpectedAnswerError, match="complete"):
        fetch(client, target)
    assert len(lists) == 3
    assert {doc.id for doc in Project.open(target)} == {document(number).id for number in (0, 1, 2, 9)}
    assert set(manifest(target)["documents"]) == {document(number).id for number in (0, 1, 2, 9)}

    # A list that comes out right the second time is fine.
    lists.clear()
    monkeypatch.setattr(client, "search", lambda query="*": short(query) if not lists else search(query))
    assert len(fetch(client, target).unchanged) == 4


def test_documents_that_left_the_query_are_told_apart(client: TagtogClient, target: Path) -> None:
    docs = [document(number, folder="pool/train") for number in range(4)]
    upload(client, *docs)
    query = "anncomplete:true AND folder:train"
    fetch(client, target, query=query)
    client.delete_document(docs[0].id)
    upload(client, document(1, folder="pool/train", complete=False))
    ann_path(target, docs[1]).write_text('{"mine": true}')
    upload(client, document(2, folder="pool/train", complete=False))
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
    docs = [document(1), document(2)]
    upload(client, *docs)
    upload(client, document(1, class_id="e_2", member="bob"), member="bob")
    upload(
        client, document(2, class_id="e_2", member="gone"), member="gone"
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
    upload(client, document(1, class_id="e_1", member="carol"), member="carol")
    assert fetch(client, target, members=[ALL_MEMBERS]).downloaded == [docs[0].id]
    assert set(Project.open(target)[docs[0].id].versions) == {"master", "bob", "carol"}
    for members in ("bob", [""], []):
        with pytest.raises(ConfigurationError, match="whose"):
            fetch(client, target, members=members)


def test_two_fetches_at_once_do_not_share_a_folder(client: TagtogClient, target: Path) -> None:
    upload(client, document(1))
    errors: list[BaseException] = []

    def progress(hits: Iterable[SearchHit], _: int) -> Iterator[SearchHit]:
        yield from hits
        try:
            fetch(client, target)
        except OutputExistsError as error:
            errors.append(error)

    fetch(client, target, progress=progress)
    assert "another program writes" in str(errors[0])
    assert fetch(client, target).unchanged == [document(1).id]


def test_a_manifest_of_the_first_version_is_taken_over(
    client: TagtogClient, target: Path, downloads: Downloads
) -> None:
    upload(client, document(1))
    fetch(client, target)
    old = manifest(target) | {"version": 1}
    del old["writing"]
    for entry in old["documents"].values():
        del entry["anncomplete"], entry["fetched"]
    (target / MANIFEST_NAME).write_text(json.dumps(old))
    downloads.ids.clear()
    assert fetch(client, target).unchanged == [document(1).id]
    assert (downloads.ids, manifest(target)["version"]) == ([], 2)


def test_hostile_names_never_leave_the_folder(
    client: TagtogClient, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(client, document(1))
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
    docs = [document(number) for number in range(4)]
    upload(client, *docs)
    assert fetch(client, target, dry_run=True).downloaded == [doc.id for doc in docs]
    assert not target.exists()

    fetch(client, target)
    ann_path(target, docs[0]).write_text("{}")
    client.delete_document(docs[1].id)
    upload(client, document(0, class_id="e_2"), document(2, class_id="e_2"), document(9))
    (target / LEGEND_NAME).unlink()
    before = tree(target)
    downloads.ids.clear()
    report = fetch(client, target, dry_run=True)
    assert report == FetchReport(
        found=4,
        downloaded=[docs[2].id, document(9).id],
        unchanged=[docs[3].id],
        removed=[docs[1].id],
        deleted=[docs[1].id],
        kept=[docs[0].id],
        conflicts=[docs[0].id],
    )
    assert tree(target) == before
    assert downloads.ids == []
    assert fetch(client, target) == report


# ---------------------------------------------------------------- folders that are something else


def test_other_folders_are_not_touched(client: TagtogClient, target: Path, tmp_path: Path) -> None:
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(OutputExistsError, match="no fetch wrote"):
            fetch(client, target, force=force)
    assert set(tree(target)) == {"notes.txt"}
    with pytest.raises(OutputExistsError, match="is a file"):
        fetch(client, target / "notes.txt")


def test_an_empty_folder_and_hidden_files_are_fine(client: TagtogClient, target: Path) -> None:
    target.mkdir()
    (target / ".gitkeep").touch()
    upload(client, document(1))
    assert fetch(client, target).downloaded == [document(1).id]


@pytest.mark.parametrize("key", ["domain", "owner", "project"])
def test_another_projects_folder_is_refused(
    client: TagtogClient, target: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(client, document(1))
    fetch(client, target)
    before = tree(target)
    data = manifest(target) | {key: "other"}
    (target / MANIFEST_NAME).write_text(json.dumps(data))
    with pytest.raises(OutputExistsError, match=f"another {key}") as caught:
        fetch(client, target, force=True)
    assert (caught.value.value, caught.value.legal) == (
        "other",
        {"domain": "local", "owner": "owner", "project": client.project}[key],
    )
    assert "another folder" in str(caught.value.advice)
    assert {name: value for name, value in tree(target).items() if name != MANIFEST_NAME} == {
        name: value for name, value in before.items() if name != MANIFEST_NAME
    }


def test_the_domain_is_the_manifests_name_of_the_server_by_default(
    server: LocalTagtog, client: TagtogClient, target: Path
) -> None:
    with TagtogClient(
        server.url, username=server.username, password=server.password, project=client.project, owner="owner"
    ) as unnamed:
        fetch(unnamed, target)
        assert manifest(target)["domain"] == server.url


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "isn't JSON"),
        ("[]", "another version"),
        ('{"version": 3}', "another version"),
        ('{"version": 2}', "is broken"),
        ('{"version": 1}', "is broken"),
        ('{"version": 1, "documents": {"a": 1}}', "is broken"),
    ],
)
def test_a_broken_manifest_stops_the_fetch(
    client: TagtogClient, target: Path, content: str, problem: str
) -> None:
    upload(client, document(1))
    fetch(client, target)
    (target / MANIFEST_NAME).write_text(content)
    before = tree(target)
    with pytest.raises(ProjectError, match=problem) as caught:
        fetch(client, target, force=True)
    assert caught.value.place == target / MANIFEST_NAME
    assert tree(target) == before


@pytest.mark.parametrize(
    "name",
    [
        "../victim",
        "/victim",
        "plain.html/../../victim",
        LEGEND_NAME,
        MANIFEST_NAME,
        "",
        "ann.json\\..\\..\\victim",
    ],
)
def test_a_manifest_cannot_have_other_files_removed(client: TagtogClient, target: Path, name: str) -> None:
    fetch(client, target)
    (target.parent / "victim").touch()
    entry = {
        "folder": "pool",
        "updated": "x",
        "anncomplete": True,
        "fetched": None,
        "members": [],
        "files": {name: "0" * 64},
    }
    good = (target / MANIFEST_NAME).read_text()
    (target / MANIFEST_NAME).write_text(json.dumps(manifest(target) | {"documents": {"aDoc": entry}}))
    with pytest.raises(ProjectError, match="no document"):
        fetch(client, target)
    (target / MANIFEST_NAME).write_text(good)
    for record in (
        {"id": "aDoc", "entry": entry},
        *([{"writing": {name: "0" * 64}}] if name != LEGEND_NAME else []),
    ):
        (target / JOURNAL_NAME).write_text(json.dumps(record))
        with pytest.raises(ProjectError, match="no document"):
            fetch(client, target)
    assert (target.parent / "victim").exists()


def test_files_that_cannot_be_read_or_removed_are_named(client: TagtogClient, target: Path) -> None:
    doc = document(1)
    upload(client, doc)
    fetch(client, target)
    ann_path(target, doc).unlink()
    ann_path(target, doc).mkdir()
    with pytest.raises(ProjectError, match="can't be read") as caught:
        fetch(client, target)
    assert caught.value.place == ann_path(target, doc)


def test_a_manifest_that_cannot_be_read_is_named(client: TagtogClient, target: Path) -> None:
    (target / MANIFEST_NAME).mkdir(parents=True)
    with pytest.raises(ProjectError, match="manifest can't be read") as caught:
        fetch(client, target)
    assert caught.value.place == target / MANIFEST_NAME


def test_a_file_that_cannot_be_removed_is_named_and_not_forgotten(
    client: TagtogClient, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doc = document(1)
    upload(client, doc)
    fetch(client, target)
    client.delete_document(doc.id)
    unlink = Path.unlink

    def denied(self: Path, missing_ok: bool = False) -> None:
        if self.suffix == ".html":
            raise PermissionError(13, "Permission denied")
        unlink(self, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", denied)
        with pytest.raises(WriteError, match="Permission denied") as caught:
            fetch(client, target)
    assert caught.value.place == html_path(target, doc)
    assert fetch(client, target).removed == [doc.id]
    assert set(tree(target)) == {MANIFEST_NAME, LEGEND_NAME}

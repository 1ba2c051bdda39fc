"""Folders that an interrupted fetch left, that somebody broke, or that are something else."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fetched import Downloads, ann_path, html_path, manifest, tree, without_times
from verbatim import connect, new_project, numbered, put

from spacy_tagtog._files import write_atomic
from spacy_tagtog.anndoc import (
    Annotations,
    Project,
)
from spacy_tagtog.anndoc.legend import LEGEND_NAME
from spacy_tagtog.client import (
    FetchReport,
    TagtogClient,
    fetch,
)
from spacy_tagtog.client._manifest import JOURNAL_NAME, MANIFEST_NAME, Manifest
from spacy_tagtog.errors import (
    OutputExistsError,
    ProjectError,
    UnreachableError,
    WriteError,
)
from spacy_tagtog.server import LocalTagtog


@pytest.fixture
def client(server: LocalTagtog) -> Iterator[TagtogClient]:
    with connect(server, new_project(server, folders=["pool/train"]), name="local") as made:
        yield made


# ---------------------------------------------------------------- interrupted


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), UnreachableError("gone"), OSError(28, "No space left on device")]
)
def test_an_interrupted_fetch_goes_on_where_it_stopped(
    client: TagtogClient, target: Path, downloads: Downloads, error: BaseException
) -> None:
    docs = [numbered(number) for number in range(30)]
    put(client, *docs)
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
    docs = [numbered(number) for number in range(30)]
    put(client, *docs)
    downloads.failures[28] = KeyboardInterrupt()
    with monkeypatch.context() as patch:
        # After kill -9 nothing is saved at the end.
        save, saves = Manifest.save, []

        def first(self: Any) -> None:
            saves.append(1)
            if len(saves) == 1:
                save(self)

        patch.setattr(Manifest, "save", first)
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
    docs = [numbered(number) for number in range(3)]
    put(client, *docs)
    fetch(client, target)
    # It was killed when it had written the second version of 0, and a new document 7. By now tagtog has a
    # third version, and no 7.
    second, new = numbered(0, class_id="e_2"), numbered(7)
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
    third = numbered(0, class_id="e_2", complete=True)
    third.annotations.data["entities"] = []
    put(client, third)

    report = fetch(client, target)
    assert (report.downloaded, report.kept) == ([docs[0].id], [])
    assert len(Annotations.parse(path.read_bytes())) == 0
    assert not html_path(target, new).exists()
    assert ann_path(target, new).read_text() == '{"mine": true}'
    assert manifest(target)["writing"] == {}
    assert not list(target.rglob(".part-*"))


def test_a_dry_run_leaves_what_an_interrupted_fetch_knows(client: TagtogClient, target: Path) -> None:
    docs = [numbered(number) for number in range(3)]
    put(client, *docs)
    fetch(client, target, query=f'docid:"{docs[0].id}"')
    journal = target / JOURNAL_NAME
    journal.write_text('\n{"writing": {}}')
    before = tree(target)
    report = fetch(client, target, dry_run=True)
    assert (report.found, report.downloaded) == (3, [doc.id for doc in docs[1:]])
    assert tree(target) == before


def test_a_folder_that_somebody_else_made_meanwhile_is_looked_into(
    client: TagtogClient, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, numbered(1))

    def make(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "thesis.txt").write_text("mine")

    module: Any = sys.modules["spacy_tagtog.client.fetch"]
    monkeypatch.setattr(module, "make_folder", make)
    with pytest.raises(OutputExistsError):
        fetch(client, target)
    assert [path.name for path in target.iterdir() if not path.name.startswith(".")] == ["thesis.txt"]


def test_a_first_fetch_that_is_killed_at_once_can_be_repeated(
    client: TagtogClient, target: Path, downloads: Downloads
) -> None:
    put(client, numbered(1))
    downloads.failures[1] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        fetch(client, target)
    assert manifest(target)["documents"] == {}
    assert fetch(client, target).downloaded == [numbered(1).id]


def test_the_first_error_is_told_when_the_disk_is_full(
    client: TagtogClient, target: Path, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = [numbered(1), numbered(2)]
    put(client, *docs)
    refused = []

    def full(path: Path, data: bytes) -> None:
        if path.name == MANIFEST_NAME and downloads.ids:
            refused.append(path)
            raise WriteError("the disk is full")
        write_atomic(path, data)

    downloads.failures[2] = UnreachableError("gone")
    with monkeypatch.context() as patch:
        patch.setattr("spacy_tagtog.client._manifest.write_atomic", full)
        with pytest.raises(UnreachableError):
            fetch(client, target)
        assert len(refused) == 1
        with pytest.raises(WriteError):
            fetch(client, target)
    downloads.failures.clear()
    # The first document is here, and the journal says so.
    assert fetch(client, target) == FetchReport(found=2, unchanged=[docs[0].id], downloaded=[docs[1].id])


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
    put(client, numbered(1))
    assert fetch(client, target).downloaded == [numbered(1).id]


@pytest.mark.parametrize("key", ["domain", "owner", "project"])
def test_another_projects_folder_is_refused(
    client: TagtogClient, target: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, numbered(1))
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
        ('{"version": 2}', "another version"),
        ('{"version": 1}', "is broken"),
        ('{"version": 1, "documents": {"a": 1}}', "is broken"),
    ],
)
def test_a_broken_manifest_stops_the_fetch(
    client: TagtogClient, target: Path, content: str, problem: str
) -> None:
    put(client, numbered(1))
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
        "fetched": "2024-01-01T00:00:00Z",
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
    doc = numbered(1)
    put(client, doc)
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
    doc = numbered(1)
    put(client, doc)
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

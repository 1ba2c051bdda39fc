"""A whole project of the local tagtog in a folder or zip, and back: nothing is lost."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from databases import find
from local_api import LEGEND, People, annotated, entity
from typer.testing import CliRunner

from spacy_tagtog.anndoc import Project
from spacy_tagtog.cli import app
from spacy_tagtog.errors import LocalServerError, OutputExistsError
from spacy_tagtog.server import Database, LocalTagtog, create_project, local_tagtog, settings_from_legend
from spacy_tagtog.server.db.archive import export_project
from spacy_tagtog.server.db.projects import access, list_projects, read_project
from spacy_tagtog.server.db.restore import has_archive, restore_project

TEXT = "Ada in London"
ADA, LONDON = entity("e_1", 0, "Ada"), entity("e_2", 7, "London")
HOOKS = {
    "w_1": {
        "endpoint": "http://127.0.0.1:1/",
        "authentication": {"type": "basic", "username": "u", "password": "hidden"},
    }
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTagtog]:
    with local_tagtog(tmp_path_factory.mktemp("archive") / "tagtog.db") as running:
        people = People(running, "full", roles=("curator", "supercurator", "reviewer"))
        settings = {**settings_from_legend(LEGEND, ["pool/train/deep", "pool/empty"]), "vendor": {"ü": [1.5]}}
        assert people.call("owner", "POST", "settings/v1/import", json=settings).status_code == 200
        body = {"taskDistributionNumber": 1, "taskDistributionMembers": ["curator", "supercurator"]}
        assert people.call("owner", "PUT", "settings/v1/task-distribution", json=body).status_code == 200
        docid = people.save(TEXT, annotated(ADA), folder="deep")
        people.save(TEXT, annotated(ADA, LONDON, complete=True, vendor="kept"), name=docid, user="reviewer")
        people.save(TEXT, annotated(), name=docid, member="supercurator", user="supercurator")
        people.save(
            TEXT, annotated(LONDON, complete=True), name=docid, member="supercurator", user="supercurator"
        )
        people.save(TEXT, annotated(LONDON, complete=True), name=docid, member="former")  # not a member
        for name in ("Über & 1.txt", "same.txt"):
            people.text("An original\r\nwith its own bytes", filename=name, distributeToMembers="*")
        changed = people.save(
            "Bob", annotated(entity("e_1", 0, "Bob")), name="changed", distributeToMembers=""
        )
        people.save("Bob in Paris", annotated(entity("e_1", 0, "Bob")), name=changed)
        people.save(
            "Later", annotated(entity("e_1", 0, "Later", state="\ud800")), name="later", folder="train"
        )
        people.close()
        yield running


def everything(database: Database, owner: str, name: str) -> dict[str, Any]:
    """All that the database has of a project, without its own numbers."""
    with database.reading() as connection:
        info = read_project(connection, owner, name)

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.execute(sql, (info.key,))]

        return {
            "settings": info.export(),
            "created": rows("SELECT created FROM projects WHERE id = ?"),
            "members": rows("SELECT login, role FROM members WHERE project_id = ? ORDER BY 1"),
            "documents": rows(
                "SELECT d.docid, d.filename, d.header, d.created, d.updated, d.anncomplete, f.path, c.html, "
                "c.text, c.original, c.original_name "
                "FROM documents AS d JOIN contents AS c ON c.document_id = d.id "
                "JOIN folders AS f ON f.project_id = d.project_id "
                "AND f.number = d.folder WHERE d.project_id = ? ORDER BY d.id"
            ),
            "versions": rows(
                "SELECT d.docid, v.member, v.complete, b.data FROM versions AS v "
                "JOIN documents AS d ON d.id = v.document_id "
                "JOIN blobs AS b ON b.id = v.blob_id WHERE d.project_id = ? ORDER BY d.id, v.member"
            ),
            "history": rows(
                "SELECT d.docid, h.member, h.complete, h.saved, h.author, h.source, h.action, b.data, "
                "x.data FROM history AS h "
                "JOIN documents AS d ON d.id = h.document_id JOIN blobs AS b ON b.id = h.blob_id "
                "LEFT JOIN blobs AS x ON x.id = h.html_id "
                "WHERE d.project_id = ? ORDER BY d.id, h.id"
            ),
            "assignments": rows(
                "SELECT d.docid, a.member FROM assignments AS a JOIN documents AS d ON d.id = a.document_id "
                "WHERE project_id = ? ORDER BY 1, 2"
            ),
            "entities": rows(
                "SELECT d.docid, e.class_id, e.text FROM entities AS e "
                "JOIN documents AS d ON d.id = document_id WHERE project_id = ? "
                "ORDER BY 1, 2, 3"
            ),
        }


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "other.db")
    yield database
    database.close()


@pytest.mark.parametrize("target", ["backup.zip", "backup"])
def test_everything_comes_back(server: LocalTagtog, other: Database, tmp_path: Path, target: str) -> None:
    exported = export_project(server.database, "owner", "full", tmp_path / target)
    assert (exported.documents, exported.versions, exported.saves, exported.notes) == (5, 5, 7, [])
    assert has_archive(tmp_path / target)
    restored = restore_project(other, tmp_path / target, "owner", "full")
    assert restored == exported
    assert everything(other, "owner", "full") == everything(server.database, "owner", "full")
    for query in (
        "London",
        "entity:Person:Ada",
        "folder:deep",
        "anncomplete:true",
        "members_assigned:curator",
        "members_anncomplete:former",
    ):
        hits = [hit.docid for hit in find(other, "owner", "full", query).hits]
        assert hits == [hit.docid for hit in find(server.database, "owner", "full", query).hits]
        assert hits
    # It is what tagtog's download is, too.
    documents = Project.open(tmp_path / target)
    assert (len(documents), documents.members) == (5, ["master", "former", "supercurator"])
    assert documents.legend == LEGEND
    with pytest.raises(OutputExistsError):
        export_project(server.database, "owner", "full", tmp_path / target)


def test_under_another_owner_and_name(server: LocalTagtog, other: Database, tmp_path: Path) -> None:
    export_project(server.database, "owner", "full", tmp_path / "x.zip")
    restore_project(other, tmp_path / "x.zip", "ann", "copy")
    assert other.read(access, "ann", "copy", "ann").role == "admin"
    assert other.read(access, "ann", "copy", "curator").role == "curator"
    with pytest.raises(LocalServerError, match="exists already"):
        restore_project(other, tmp_path / "x.zip", "ann", "copy")


def test_a_query_chooses_documents(server: LocalTagtog, other: Database, tmp_path: Path) -> None:
    assert (
        export_project(server.database, "owner", "full", tmp_path / "x.zip", query="folder:deep").documents
        == 1
    )
    assert restore_project(other, tmp_path / "x.zip", "owner", "part").saves == 5
    with pytest.raises(LocalServerError, match="finds no document"):
        export_project(server.database, "owner", "full", tmp_path / "y.zip", query="nothing")


def test_passwords_are_left_out(other: Database, tmp_path: Path) -> None:
    other.write(create_project, "owner", "p", {**settings_from_legend(LEGEND), "webhooks": HOOKS})
    made = export_project(other, "owner", "p", tmp_path / "x")
    assert made.notes == ["the passwords of webhooks are left out"]
    assert not any(b"hidden" in path.read_bytes() for path in (tmp_path / "x").rglob("*") if path.is_file())
    restore_project(other, tmp_path / "x", "owner", "q")
    hook = other.read(read_project, "owner", "q").settings["webhooks"]["w_1"]
    assert hook == {"endpoint": "http://127.0.0.1:1/", "authentication": {"type": "basic", "username": "u"}}


def test_what_was_edited_in_the_archive_is_a_further_save(
    server: LocalTagtog, other: Database, tmp_path: Path
) -> None:
    export_project(server.database, "owner", "full", tmp_path / "x")
    (path,) = (tmp_path / "x" / "ann.json" / "master" / "pool" / "train" / "deep").iterdir()
    path.write_text(annotated(LONDON).dumps())
    next((tmp_path / "x" / "plain.html" / "pool" / "train").glob("*later*")).unlink()
    next((tmp_path / "x" / "ann.json" / "master" / "pool" / "train").glob("*later*")).unlink()
    restored = restore_project(other, tmp_path / "x", "owner", "p")
    docid = path.name.removesuffix(".ann.json")
    assert restored.documents == 4
    assert len(restored.notes) == 2
    assert f"{docid}: the version of master was changed" in restored.notes[0]
    assert "1 document isn't in the archive" in restored.notes[1]
    assert [
        hit.docid
        for hit in find(other, "owner", "p", "entity:Place:London AND count_e_1:0 AND folder:deep").hits
    ] == [docid]
    history = [
        entry for entry in everything(other, "owner", "p")["history"] if entry[:2] == (docid, "master")
    ]
    assert [entry[6] for entry in history] == ["uploaded", "imported"]


def damage(path: Path, name: str, data: bytes | None) -> None:
    target = next(path.glob(name))
    if data is None:
        target.unlink()
    else:
        target.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("project.json", b"{", "JSON"),
        ("project.json", b'{"format": 2}', "another format"),
        ("project.json", b'{"format": 1, "settings": []}', "JSON object"),
        ("documents.jsonl", b"[]\n", "JSON object"),
        ("documents.jsonl", b'{"docid": "x"\n', "JSON"),
        ("history/*", b"{}", "changed"),
        ("originals/*", None, "original"),
    ],
)
def test_a_broken_archive_is_refused_whole(
    server: LocalTagtog, other: Database, tmp_path: Path, name: str, data: bytes | None, word: str
) -> None:
    export_project(server.database, "owner", "full", tmp_path / "x")
    damage(tmp_path / "x" / ".local-tagtog", name, data)
    with pytest.raises(LocalServerError, match=word):
        restore_project(other, tmp_path / "x", "owner", "p")
    assert other.read(list_projects) == []
    with other.reading() as connection:
        assert connection.execute(
            "SELECT (SELECT count(*) FROM blobs), (SELECT count(*) FROM documents)"
        ).fetchone()[:] == (0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"filename": "../x"},
        {"created": -1},
        {"created": "now"},
        {"assigned": ["a/b"]},
        {"original_name": "a/b"},
        {"history": [{"member": "master"}]},
        {
            "history": [
                {
                    "member": "x/y",
                    "saved": 1,
                    "author": "",
                    "source": "",
                    "action": "",
                    "complete": 0,
                    "html": None,
                    "sha256": "../../x",
                }
            ]
        },
    ],
)
def test_records_that_no_export_wrote_are_refused(
    server: LocalTagtog, other: Database, tmp_path: Path, change: dict[str, Any]
) -> None:
    export_project(server.database, "owner", "full", tmp_path / "x")
    path = tmp_path / "x" / ".local-tagtog" / "documents.jsonl"
    first, *others = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(first), **change}), *others]))
    with pytest.raises(LocalServerError):
        restore_project(other, tmp_path / "x", "owner", "p")
    assert other.read(list_projects) == []


def test_a_download_of_tagtog_is_no_archive(server: LocalTagtog, tmp_path: Path) -> None:
    export_project(server.database, "owner", "full", tmp_path / "x")
    shutil.rmtree(tmp_path / "x" / ".local-tagtog")
    assert not has_archive(tmp_path / "x")
    assert not has_archive(tmp_path / "nowhere")
    (tmp_path / "bad.zip").write_bytes(b"PK")
    assert not has_archive(tmp_path / "bad.zip")


def test_by_commands(server: LocalTagtog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TAGTOG_DOMAIN", "TAGTOG_OWNER", "TAGTOG_PROJECT", "TAGTOG_DATABASE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == 0, result.output
        return result.output

    backup, there = str(tmp_path / "backup.zip"), ["--database", str(tmp_path / "new.db")]
    out = run(
        "export", backup, "--owner", "owner", "--project", "full", "--database", str(server.database.path)
    )
    assert "5 documents with 5 versions and 7 saves written" in out
    out = run("import", backup, "--owner", "owner", *there)
    assert "5 documents with 5 versions and 7 saves are in owner/backup" in out
    database = Database(tmp_path / "new.db")
    assert everything(database, "owner", "backup") == everything(server.database, "owner", "full")
    before = everything(database, "owner", "backup")
    out = run("import", backup, "--owner", "owner", *there)
    assert "is there already" in out
    assert everything(database, "owner", "backup") == before
    database.close()
    with zipfile.ZipFile(backup) as archive:
        assert any("/members/former/" in name for name in archive.namelist())
    run(
        "export",
        str(tmp_path / "one"),
        "--owner",
        "owner",
        "--project",
        "backup",
        "--member",
        "former",
        *there,
    )
    assert Project.open(tmp_path / "one").members == ["former"]

"""A whole project of the local tagtog in a folder or zip, and back: nothing is lost."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from databases import find
from local_api import LEGEND, People, annotated, entity
from typer.testing import CliRunner

from spacy_tagtog.anndoc import Project, html_from_blocks
from spacy_tagtog.cli import app
from spacy_tagtog.errors import LocalServerError, OutputExistsError
from spacy_tagtog.server import (
    Database,
    LocalTagtog,
    clock,
    create_project,
    local_tagtog,
    settings_from_legend,
)
from spacy_tagtog.server.db import archive
from spacy_tagtog.server.db.archive import export_project
from spacy_tagtog.server.db.dictionaries import Entry, suggest
from spacy_tagtog.server.db.dictionary_loading import StagedEntries, load_dictionary
from spacy_tagtog.server.db.project_changes import measure_time
from spacy_tagtog.server.db.projects import access, list_projects, project_key, read_project
from spacy_tagtog.server.db.restore import has_archive, restore_project

TEXT = "Ada in London"
NORMALIZED = {
    "n_5": {"source": {"name": "Wikidata", "id": "Q7259", "url": None}, "recName": "Ada Lovelace"},
}
UNSURE = {"state": "pre-added", "who": ["ml:seed"], "prob": 0.4}
ADA, LONDON = entity("e_1", 0, "Ada", normalizations=NORMALIZED), entity("e_2", 7, "London")
TOPIC = {"m_4": {"value": "science", "confidence": {"state": "", "who": ["user:ann"], "prob": 1}}}
ENTRIES = [
    Entry("Q7259", ("Ada Lovelace", "Ada Byron", "Ada")),
    Entry("Q84", ("London",)),
    Entry("Q1", ("宇宙",)),
]
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
        running.database.write(measure_time, "owner", "full", on=True)
        body = annotated(entity("e_2", 7, "London", confidence=UNSURE)).data
        effort = '{"seconds": 4.5, "decisions": {"accept": [1, 4.5]}}'
        query = {"docid": changed, "member": "master", "effort": effort}
        assert people.call("owner", "PUT", "/-local/annotations", json=body, **query).status_code == 200
        people.save(
            "Later", annotated(entity("e_1", 0, "Later", state="\ud800")), name="later", folder="train"
        )
        people.save("Ada again", annotated(ADA, metas=TOPIC), name="again")
        ranking = [{"id": docid, "rank": 2, "batch": 1, "why": {"doubtful": [0]}, "blind": True}]
        ranking.append({"id": changed, "rank": 1, "batch": 1})
        body = {"documents": ranking}
        assert people.call("owner", "PUT", "/-local/ranking", json=body).status_code == 200
        note = {"note": "is this a person? 🤔"}
        assert people.call("owner", "PUT", "/-local/flag", docid=changed, json=note).status_code == 204
        with StagedEntries() as staged:
            for line, entry in enumerate(ENTRIES, 2):
                staged.add(entry, line)
            key = running.database.read(project_key, "owner", "full")
            load_dictionary(running.database, key, "n_5", staged)
        people.close()
        yield running


NOT_IN_IT = {
    "users": "their passwords are secrets, and they belong to the server, not to a project",
    "sessions": "who is logged in is a secret, too",
    "deliveries": "a copy of a project must not call the webhooks of the first one again",
    "blobs": "compared through what refers to them",
    "text_index": "made of the texts, for all projects together: the searches below use it",
    "vocabulary": "the same",
    "vocabulary_parts": "the same",
    "changes": "counts the transactions of the whole database",
}
"""Tables of which an archive has nothing of its own, and why."""
# What the database's own numbers stand for. A column that isn't here is compared as it is.
MEANINGS = {
    "document_id": "SELECT docid FROM documents WHERE id = ?",
    "blob_id": "SELECT data FROM blobs WHERE id = ?",
    "html_id": "SELECT data FROM blobs WHERE id = ?",
    "dictionary": "SELECT class_id FROM dictionaries WHERE id = ?",
}
OWN_NUMBERS = {
    "projects": {"id", "owner", "name"},
    "documents": {"id"},
    "history": {"id"},
    "dictionaries": {"id"},
    # Lines of a file that held no entry leave gaps.
    "dictionary_entries": {"number"},
    "dictionary_terms": {"entry"},
}
"""Columns whose values are the database's own. The order of the rows says what they say."""


def tables(connection: sqlite3.Connection) -> list[str]:
    """All tables of the schema, but for those in which SQLite keeps an index of words."""
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "AND name NOT GLOB 'dictionary_index_*' ORDER BY name"
    )
    names = [row["name"] for row in rows]
    return [name for name in names if not re.fullmatch(r"(text_index|vocabulary_parts)_.*", name)]


def everything(database: Database, owner: str, name: str) -> dict[str, list[dict[str, Any]]]:
    """All that the database has of a project, table by table, without its own numbers."""
    found = {}
    with database.reading() as connection:
        key = read_project(connection, owner, name).key
        for table in tables(connection):
            if table in NOT_IN_IT:
                continue
            columns = [row["name"] for row in connection.execute(f"PRAGMA table_info({table})")]
            whose = {
                "project_id": "project_id = ?",
                "document_id": "document_id IN (SELECT id FROM documents WHERE project_id = ?)",
                "dictionary": "dictionary IN (SELECT id FROM dictionaries WHERE project_id = ?)",
                "owner": "id = ?",
            }
            condition = next(test for column, test in whose.items() if column in columns)
            order = next((one for one in ("id", "number") if one in OWN_NUMBERS.get(table, ())), "")
            rows = connection.execute(
                f"SELECT * FROM {table} WHERE {condition}" + (f" ORDER BY {order}" if order else ""), (key,)
            )
            found[table] = [
                {
                    column: meaning(connection, column, row[column])
                    for column in columns
                    if column != "project_id" and column not in OWN_NUMBERS.get(table, ())
                }
                for row in rows
                # Counts of what is gone.
                if not (table in ("counts", "class_totals") and row["number"] == 0)
            ]
            if not order:
                found[table].sort(key=repr)
    return found


def meaning(connection: sqlite3.Connection, column: str, value: Any) -> Any:
    """What a number of the database stands for, and what JSON says."""
    if column == "effort" and value is not None:
        return json.loads(value)
    if column not in MEANINGS or value is None:
        return value
    return connection.execute(MEANINGS[column], (value,)).fetchone()[0]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "other.db")
    yield database
    database.close()


@pytest.mark.parametrize("target", ["backup.zip", "backup"])
def test_everything_comes_back(
    server: LocalTagtog, other: Database, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ENTRIES_PER_FILE", 2)
    exported = export_project(server.database, "owner", "full", tmp_path / target)
    assert (exported.documents, exported.versions, exported.saves, exported.notes) == (6, 6, 9, [])
    assert has_archive(tmp_path / target)
    restored = restore_project(other, tmp_path / target, "owner", "full")
    assert restored == exported
    there = everything(server.database, "owner", "full")
    assert not [table for table, rows in there.items() if not rows], "nothing is lost of what isn't there"
    assert not [
        (table, column)
        for table, rows in there.items()
        for column in rows[0]
        if all(row[column] is None for row in rows)
    ], "nor of a column without any value"
    assert everything(other, "owner", "full") == there
    with other.reading() as connection:
        key = project_key(connection, "owner", "full")
        (found,) = suggest(connection, key, "n_5", ["e_1"], search="byron")
    assert (found.id, found.name, found.matched, found.uses) == ("Q7259", "Ada Lovelace", "Ada Byron", 2)
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
    assert (len(documents), documents.members) == (6, ["master", "former", "supercurator"])
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


@pytest.mark.parametrize("target", ["x.zip", "x"])
def test_a_project_without_documents_comes_back(other: Database, tmp_path: Path, target: str) -> None:
    other.write(create_project, "owner", "p", settings_from_legend(LEGEND))
    export_project(other, "owner", "p", tmp_path / target)
    assert restore_project(other, tmp_path / target, "owner", "q").documents == 0
    assert other.read(read_project, "owner", "q").legend == LEGEND


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
    assert restored.documents == 5
    assert len(restored.notes) == 2
    assert f"{docid}: the version of master was changed" in restored.notes[0]
    assert "1 document isn't in the archive" in restored.notes[1]
    assert [
        hit.docid
        for hit in find(other, "owner", "p", "entity:Place:London AND count_e_1:0 AND folder:deep").hits
    ] == [docid]
    history = [
        entry
        for entry in everything(other, "owner", "p")["history"]
        if (entry["document_id"], entry["member"]) == (docid, "master")
    ]
    assert [entry["action"] for entry in history] == ["uploaded", "imported"]


def test_a_document_put_into_the_archive_comes_last_and_is_new(
    server: LocalTagtog, other: Database, tmp_path: Path
) -> None:
    export_project(server.database, "owner", "full", tmp_path / "x")
    folder = "pool/train"
    html = html_from_blocks([("p", "Ada")], doc_id="added", origid="added").data
    (tmp_path / "x" / "plain.html" / folder / "added.plain.html").write_bytes(html)
    own = annotated(ADA, complete=True).dumps()
    (tmp_path / "x" / "ann.json" / "master" / folder / "added.ann.json").write_text(own)
    begun = clock.now()
    restored = restore_project(other, tmp_path / "x", "owner", "p")
    assert (restored.documents, restored.notes) == (7, [])
    found = everything(other, "owner", "p")
    last = found["documents"][-1]
    assert (last["docid"], last["anncomplete"]) == ("added", 1)
    assert begun <= last["created"] <= clock.now()
    (save,) = (one for one in found["history"] if one["document_id"] == "added")
    assert (save["action"], save["member"], save["saved"]) == ("imported", "master", last["updated"])


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
        ("dictionaries/n_5/0.jsonl", None, "it isn't there"),
        ("dictionaries/n_5/0.jsonl", b'["Q1"]\n', "entry of a dictionary"),
        ("dictionaries/n_5/0.jsonl", b"{\n", "entry of a dictionary"),
        ("dictionaries/n_5/0.jsonl", b'["Q1", "x"]\n["Q1", "y"]\n', "twice"),
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
            "SELECT (SELECT count(*) FROM blobs), (SELECT count(*) FROM documents), "
            "(SELECT count(*) FROM sqlite_master WHERE name GLOB 'dictionary_index_*')"
        ).fetchone()[:] == (0, 0, 0)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"dictionaries": [1]}, "its dictionaries can't be read"),
        ({"dictionaries": {"n_77": 1}}, "don't have the dictionary n_77"),
        ({"dictionaries": {"n_5": "1"}}, "don't have the dictionary n_5"),
        ({"members": {"a/b": "admin"}}, "can't be a member"),
        ({"folders": ["pool"], "settings": {"entities": {}}}, "don't have the folder"),
    ],
)
def test_a_project_that_no_export_wrote_is_refused_whole(
    server: LocalTagtog, other: Database, tmp_path: Path, change: dict[str, Any], word: str
) -> None:
    export_project(server.database, "owner", "full", tmp_path / "x")
    path = tmp_path / "x" / ".local-tagtog" / "project.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(LocalServerError, match=word):
        restore_project(other, tmp_path / "x", "owner", "p")
    assert other.read(list_projects) == []


@pytest.mark.parametrize("target", ["x", "x.zip"])
def test_what_unpacks_to_too_much_is_refused(
    server: LocalTagtog, other: Database, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_project(server.database, "owner", "full", tmp_path / target)
    monkeypatch.setattr("spacy_tagtog.server.db.restore._MAX_BYTES", 100)
    with pytest.raises(LocalServerError, match="more than 100 bytes"):
        restore_project(other, tmp_path / target, "owner", "p")
    assert other.read(list_projects) == []


def test_an_earlier_save_that_is_gone_is_noticed(
    server: LocalTagtog, other: Database, tmp_path: Path
) -> None:
    export_project(server.database, "owner", "full", tmp_path / "x")
    kept = (tmp_path / "x" / ".local-tagtog" / "history").iterdir()
    next(path for path in kept if path.read_bytes().startswith(b"{")).unlink()  # not one of a text
    with pytest.raises(LocalServerError, match="it isn't there"):
        restore_project(other, tmp_path / "x", "owner", "p")
    assert other.read(list_projects) == []


@pytest.mark.parametrize(
    "change",
    [
        {"filename": "../x"},
        {"created": -1},
        {"created": "now"},
        {"assigned": ["a/b"]},
        {"original_name": "a/b"},
        {"history": [{"member": "master"}]},
        {"order": {"rank": "first", "batch": 1, "why": "{}"}},
        {"order": {"rank": 1, "batch": 1, "why": "no JSON"}},
        {"order": 1},
        {"flag": {"author": "ada", "note": 1, "created": 1}},
        {"flag": {"author": "ada", "note": "x", "created": "now"}},
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


@pytest.mark.parametrize("change", [{"author": 3}, {"action": None}, {"html": "no hash"}, {"html": "0" * 64}])
def test_an_entry_of_the_history_that_no_export_wrote_is_refused(
    server: LocalTagtog, other: Database, tmp_path: Path, change: dict[str, Any]
) -> None:
    export_project(server.database, "owner", "full", tmp_path / "x")
    path = tmp_path / "x" / ".local-tagtog" / "documents.jsonl"
    first, *others = path.read_text().splitlines()
    record = json.loads(first)
    record["history"][-1].update(change)
    path.write_text("\n".join([json.dumps(record), *others]))
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
    assert "6 documents with 6 versions and 9 saves written" in out
    out = run("import", backup, "--owner", "owner", *there)
    assert "6 documents with 6 versions and 9 saves are in owner/backup" in out
    database = Database(tmp_path / "new.db")
    assert everything(database, "owner", "backup") == everything(server.database, "owner", "full")
    before = everything(database, "owner", "backup")
    out = run("import", backup, "--owner", "owner", *there)
    assert "is there already" in out
    assert everything(database, "owner", "backup") == before
    database.close()
    with zipfile.ZipFile(backup) as packed:
        assert any("/members/former/" in name for name in packed.namelist())
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

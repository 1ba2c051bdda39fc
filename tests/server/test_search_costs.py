"""What searches cost.

What SQLite does for a page must not grow with the documents where a table has the answer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from databases import find, opened, upload

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.server import Database, create_project, settings_from_legend
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads
from spacy_tagtog.server.search import results
from spacy_tagtog.server.search.results import Results

FEW, MANY = 100, 800
LEGEND = Legend({"e_1": "Gene", "m_1": "topic"})

Steps = Callable[..., int]


def fill(database: Database, number: int) -> None:
    """Documents with the same words, label and entities; half of them are confirmed and in another folder."""
    own = {
        "entities": [{"classId": "e_1", "part": "s1v1", "offsets": [{"start": 0, "text": "insulin"}]}],
        "metas": {"m_1": {"value": "x"}},
        "relations": [],
    }
    database.write(create_project, "local", "p", settings_from_legend(LEGEND, ["pool/odd"]))
    for is_odd in (False, True):
        files = []
        for n in range(number // 2):
            files.append(UploadedFile.of_text(f"{is_odd}{n}.txt", f"insulin glucose {n}"))
            ann = json.dumps({"anncomplete": is_odd, **own})
            files.append(UploadedFile.of_text(f"{is_odd}{n}.ann.json", ann))
        uploads = read_uploads(files, "default-plus-annjson")
        upload(database, "local", "p", uploads, folder="pool/odd" if is_odd else "pool")


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Database]]:
    folder: Path = tmp_path_factory.mktemp("costs")
    with opened(folder / "few.db") as few, opened(folder / "many.db") as many:
        fill(few, FEW)
        fill(many, MANY)
        yield few, many


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """Counts the instructions of SQLite's virtual machine that finding a page takes, without showing it."""
    counted = 0

    def step() -> None:
        nonlocal counted
        counted += 1

    @contextmanager
    def counting(connection: sqlite3.Connection) -> Iterator[None]:
        connection.set_progress_handler(step, 1)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)

    def of(database: Database, query: str, kept: Results, offset: int = 0) -> int:
        nonlocal counted
        counted = 0
        assert find(database, "local", "p", query, offset=offset, limit=5, results=kept).total
        return counted

    monkeypatch.setattr(results, "in_time", counting)
    return of


@pytest.mark.parametrize(
    "query",
    [
        "*",
        "folder:0",
        "folder:odd",
        "anncomplete:false",
        "anncomplete:true AND folder:odd",
        "entity:Gene",
        "entity:Gene AND anncomplete:false",
        "count_e_1:[1 TO 3]",
    ],
)
def test_totals_are_not_counted(
    databases: tuple[Database, Database], steps: Steps, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(results, "_FEW", 0)  # as with more documents
    few, many = (steps(database, query, Results()) for database in databases)
    assert many <= few + 10


@pytest.mark.parametrize(
    "query", ["insulin", "insulin AND glucose", "label:topic:x", "insulin AND anncomplete:false"]
)
def test_lists_are_counted_once_and_their_pages_read_alone(
    databases: tuple[Database, Database], steps: Steps, query: str
) -> None:
    again = []
    for database in databases:
        kept = Results()
        first, second = (steps(database, query, kept, offset=offset) for offset in (0, 5))
        assert first > second
        again.append(second)
    assert again[1] <= again[0] + 10


@pytest.mark.parametrize(
    "query", ["filename:*.txt", "insulin OR filename:x", "*nsulin", "entity:Gene:insulin"]
)
def test_what_was_found_is_not_looked_for_again(
    databases: tuple[Database, Database], steps: Steps, query: str
) -> None:
    kept = Results()
    first, second = (steps(databases[1], query, kept, offset=offset) for offset in (0, 5))
    assert first > MANY
    assert second < 100


def test_the_words_of_a_search_are_looked_up_in_their_index(
    databases: tuple[Database, Database], steps: Steps
) -> None:
    """A word that one document has is found without the others being looked at."""
    few, many = (steps(database, '"glucose 49"', Results()) for database in databases)
    assert many < few + 300

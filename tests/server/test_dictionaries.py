"""What an entity may be normalized to: what people used before, and dictionaries that were uploaded."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_api import LEGEND, ROLES, People, annotated, entity, refused

from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import confidence
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server import Database, LocalTagtog, create_project, local_tagtog, settings_from_legend
from spacy_tagtog.server.db import dictionary_loading
from spacy_tagtog.server.db.dictionaries import Entry, Suggestion, dictionary_number, folded, suggest
from spacy_tagtog.server.db.dictionary_loading import StagedEntries, load_dictionary
from spacy_tagtog.server.db.folders import import_settings
from spacy_tagtog.server.db.project_changes import delete_project
from spacy_tagtog.server.db.projects import project_key

JsonObject = dict[str, Any]
GENES = [
    Entry("HGNC:11998", ("TP53", "p53", "tumor protein p53")),
    Entry("HGNC:16074", ("TP53I3", "PIG3")),
    Entry("HGNC:29984", ("TP53INP1",)),
    Entry("HGNC:3430", ("ERBB2", "HER2", "neu")),
    Entry("MESH:D1", ("Sjögren  syndrome", "Straße")),
]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "tagtog.db")
    made.write(create_project, "local", "p", settings_from_legend(LEGEND))
    yield made
    made.close()


def load(
    database: Database, entries: Sequence[Entry], *, project: str = "p", progress: Progress = silent
) -> None:
    with StagedEntries() as staged:
        for number, entry in enumerate(entries):
            assert staged.add(entry, number) is None
        key = database.read(project_key, "local", project)
        load_dictionary(database, key, "n_5", staged, progress=progress)


def found(database: Database, search: str, class_id: str = "n_5", **more: Any) -> list[Suggestion]:
    key = database.read(project_key, "local", "p")
    return database.read(suggest, key, class_id, ["e_1", "e_2"], search=search, **more)


def ids(suggestions: Sequence[Suggestion]) -> list[str]:
    return [one.id for one in suggestions]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("t", ["HGNC:11998", "HGNC:16074", "HGNC:29984"]),
        ("tp", ["HGNC:11998", "HGNC:16074", "HGNC:29984"]),
        ("TP53", ["HGNC:11998", "HGNC:16074", "HGNC:29984"]),
        ("rb", []),  # two letters find what begins with them
        ("rbb", ["HGNC:3430"]),
        ("protein p5", ["HGNC:11998"]),
        ("53i", ["HGNC:16074", "HGNC:29984"]),
        ("hgnc:1", ["HGNC:11998", "HGNC:16074"]),
        ("1998", ["HGNC:11998"]),
        ("SJOGREN syn", ["MESH:D1"]),
        ("  sjögren   SYN ", ["MESH:D1"]),
        ("STRASSE", ["MESH:D1"]),
        ('"', []),
        ('a"b AND *', []),
        ("tp5%", []),
        ("tp\x0053", []),
        ("no such gene", []),
        (" ", []),
        ("", []),
    ],
)
def test_entries_are_found_by_any_part_of_an_id_or_name(
    database: Database, search: str, expected: list[str]
) -> None:
    load(database, GENES)
    assert ids(found(database, search)) == expected


def test_it_is_said_which_other_name_was_found(database: Database) -> None:
    load(database, GENES)
    assert found(database, "her2") == [Suggestion("HGNC:3430", "ERBB2", matched="HER2")]
    assert found(database, "erbb") == [Suggestion("HGNC:3430", "ERBB2")]
    assert found(database, "hgnc:34") == [Suggestion("HGNC:3430", "ERBB2")]


_WORDS = st.text("abä  B", min_size=1, max_size=6).filter(folded)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(_WORDS, min_size=2, max_size=4), min_size=1, max_size=40, unique_by=lambda one: one[0]),
    _WORDS,
)
def test_a_search_finds_the_best_twenty_of_what_looking_at_every_entry_finds(
    database: Database, rows: list[list[str]], search: str
) -> None:
    load(database, [Entry(one[0], tuple(one[1:])) for one in rows])
    key = folded(search)

    def best(row: list[str]) -> tuple[int, int] | None:
        terms = [folded(text) for text in row]
        ranks = [
            (0 if term == key else 1 if term.startswith(key) else 2, len(term))
            for term in terms
            if term.startswith(key) or (len(key) > 2 and key in term)
        ]
        return min(ranks, default=None)

    expected = {row[0]: rank for row in rows if (rank := best(row)) is not None}
    result = ids(found(database, search))
    assert len(set(result)) == len(result) == min(20, len(expected))
    assert [expected[one] for one in result] == sorted(expected.values())[:20]


def work(database: Database, search: str) -> int:
    """How much SQLite does for a search, whatever else the computer does."""
    done = 0

    def counts() -> int:
        nonlocal done
        done += 1
        return 0

    with database.reading() as connection:
        key = project_key(connection, "local", "p")
        connection.set_progress_handler(counts, 10)
        assert suggest(connection, key, "n_5", ["e_1"], search=search, text="x")
        connection.set_progress_handler(None, 0)
    return done


def test_a_search_costs_the_same_in_a_large_dictionary(database: Database) -> None:
    searches = ("t", "tp", "tp5", "protein", "hgnc:1", "gene 17", "NC:10")
    costs = []
    for number in (200, 5_000):
        load(database, [Entry(f"HGNC:{n}", (f"TP{n}", f"protein of gene {n}")) for n in range(number)])
        costs.append([work(database, search) for search in searches])
    for search, small, large in zip(searches, *costs, strict=True):
        assert large <= 3 * small + 20, search


def test_a_dictionary_is_replaced_and_others_stay(database: Database) -> None:
    database.write(create_project, "local", "q", settings_from_legend(LEGEND))
    load(database, GENES)
    load(database, [Entry("other", ("TP53",))], project="q")
    load(database, [Entry("new", ("TP53",)), Entry("HGNC:11998", ("renamed",))])
    assert ids(found(database, "tp53")) == ["new"]
    assert ids(found(database, "hgnc")) == ["HGNC:11998"]
    key = database.read(project_key, "local", "q")
    assert ids(database.read(suggest, key, "n_5", ["e_1"], search="tp53")) == ["other"]


def rows_of_dictionaries(database: Database) -> dict[str, int]:
    connection = sqlite3.connect(database.path)
    counts = {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("dictionaries", "dictionary_entries", "dictionary_terms", "norm_totals")
    }
    counts["indexes"] = connection.execute(
        "SELECT count(*) FROM sqlite_master WHERE name GLOB 'dictionary_index_*'"
    ).fetchone()[0]
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    return counts


NOTHING = {
    "dictionaries": 0, "dictionary_entries": 0, "dictionary_terms": 0, "norm_totals": 0, "indexes": 0
}  # fmt: skip


def test_a_deleted_project_leaves_nothing_of_its_dictionaries(database: Database) -> None:
    load(database, GENES)
    load(database, GENES[:1])
    assert rows_of_dictionaries(database)["dictionary_entries"] == 1
    database.write(delete_project, "local", "p")
    assert rows_of_dictionaries(database) == NOTHING


def test_new_settings_keep_the_dictionaries_that_they_still_have(database: Database) -> None:
    load(database, GENES)
    exported = settings_from_legend(LEGEND)
    database.write(import_settings, "local", "p", exported)
    assert ids(found(database, "her2")) == ["HGNC:3430"]
    exported["normalizations"]["n_5"]["name"] = "another one"
    database.write(import_settings, "local", "p", exported)
    assert found(database, "her2") == []
    assert rows_of_dictionaries(database) == NOTHING


def test_the_old_entries_are_used_until_all_new_ones_are_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(database, GENES)
    monkeypatch.setattr(dictionary_loading, "_AT_ONCE", 1)
    seen = []
    others = Database(database.path)

    def watching(items: Any, total: int | None = None, /) -> Iterator[Any]:
        for item in items:
            seen.append(ids(found(others, "tp53"))[0])
            # Others write between the parts.
            others.write(create_project, "local", f"x{len(seen)}", settings_from_legend(LEGEND))
            yield item

    load(database, [Entry(f"new{number}", (f"TP53 {number}",)) for number in range(5)], progress=watching)
    others.close()
    assert len(seen) == 5 + 10
    assert set(seen) == {"HGNC:11998"}
    assert ids(found(database, "tp53")) == [f"new{number}" for number in range(5)]


def test_a_load_that_was_stopped_is_cleared_by_the_next_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(items: Any, total: int | None = None, /) -> Iterator[Any]:
        raise KeyboardInterrupt

    load(database, GENES)
    with pytest.raises(KeyboardInterrupt):
        load(database, GENES[:1], progress=stops)
    assert ids(found(database, "her2")) == ["HGNC:3430"]
    assert rows_of_dictionaries(database)["dictionaries"] == 2
    load(database, GENES)
    assert rows_of_dictionaries(database)["dictionaries"] == 1


def test_a_project_that_is_deleted_meanwhile_gets_no_dictionary(database: Database) -> None:
    def deletes(items: Any, total: int | None = None, /) -> Iterator[Any]:
        database.write(delete_project, "local", "p")
        yield from items

    with pytest.raises(LocalServerError, match="its project was deleted"):
        load(database, GENES, progress=deletes)
    assert rows_of_dictionaries(database) == NOTHING


def test_searches_go_on_while_a_dictionary_is_replaced(database: Database) -> None:
    load(database, GENES)
    ends = threading.Event()
    wrong: list[object] = []

    def searching() -> None:
        while not ends.is_set():
            try:
                result = ids(found(database, "her2"))
            except sqlite3.Error as error:
                wrong.append(error)
            else:
                wrong.extend([] if result == ["HGNC:3430"] else [result])

    threads = [threading.Thread(target=searching) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        load(database, GENES)
    ends.set()
    for thread in threads:
        thread.join()
    assert wrong == []


# -------------------------------------------------------------------------------------------------- over HTTP


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with local_tagtog(tmp_path_factory.mktemp("dictionary") / "tagtog.db") as server:
        made = People(server, "genes")
        fill(server, made)
        yield made
        made.close()


def norm(norm_id: str | None, name: str | None = None) -> JsonObject:
    source = {"name": "Wikidata", "id": norm_id, "url": None}
    own = confidence(state="", who=["user:ann"], prob=1)
    return {"normalizations": {"n_5": {"source": source, "recName": name, "confidence": own}}}


def fill(server: LocalTagtog, people: People) -> None:
    text = "p53 p53 p53 HER2 p53"
    people.save(
        text,
        annotated(
            entity("e_1", 0, "p53", **norm("HGNC:11998", "what people call it")),
            entity("e_1", 4, "p53", **norm("HGNC:11998")),
            entity("e_1", 8, "p53", **norm("Q14818098", "p53 family")),
            entity("e_1", 12, "HER2", **norm(None, "the receptor")),
            entity(
                "e_1", 17, "p53",
                **norm("from a model"), confidence=confidence(state="pre-added", who=["ml:m"], prob=0.9),
            ),
        ),
    )  # fmt: skip
    with StagedEntries() as staged:
        for number, entry in enumerate(GENES):
            staged.add(entry, number)
        key = server.database.read(project_key, "owner", "genes")
        load_dictionary(server.database, key, "n_5", staged)


def entries(people: People, user: str = "reader", **query: str) -> list[JsonObject]:
    answer = people.call(user, "GET", "/-local/dictionary", dictionary="n_5", **query)
    assert answer.status_code == 200, answer.text
    result: list[JsonObject] = answer.json()["entries"]
    return result


def test_what_people_used_for_the_same_text_comes_first(people: People) -> None:
    found = entries(people, text="p53")
    assert [(one["id"], one["name"], one["uses"], one["same_text"]) for one in found] == [
        ("HGNC:11998", "TP53", 2, 2),  # the name that the dictionary gives it
        ("Q14818098", "p53 family", 1, 1),
        ("HGNC:16074", "TP53I3", 0, 0),
        ("HGNC:29984", "TP53INP1", 0, 0),
    ]
    assert found == entries(people, text="p53", search=" ")


def test_what_is_typed_decides_what_of_it_is_shown(people: People) -> None:
    assert [one["id"] for one in entries(people, text="p53", search="fam")] == ["Q14818098"]
    assert [one["id"] for one in entries(people, text="p53", search="her2")] == ["HGNC:3430"]
    assert [one["id"] for one in entries(people, text="p53", search="model")] == ["from a model"]


def test_a_name_without_an_id_is_found_and_is_no_id(people: People) -> None:
    found = entries(people, text="HER2")
    assert found[0] == {"id": "", "name": "the receptor", "uses": 1, "same_text": 1, "matched": ""}
    assert [one["id"] for one in found] == ["", "HGNC:3430"]
    assert [one["name"] for one in entries(people, search="recep")] == ["the receptor"]
    stats = people.call("owner", "GET", "metrics/v0/search_stats").json()
    shown = [one["entityId"] for one in stats["e_1"]["topNormalizations"]]
    assert "HGNC:11998" in shown
    assert "" not in shown
    assert people.docs("norms_count_uniq_e_1:3")


def test_what_is_saved_later_counts(people: People) -> None:
    docid = people.save("Rb", annotated(entity("e_2", 0, "Rb", **norm("HGNC:9884", "RB1"))), name="rb")
    assert [(one["id"], one["uses"]) for one in entries(people, text="Rb")] == [("HGNC:9884", 1)]
    people.save("Rb", annotated(entity("e_2", 0, "Rb")), name=docid)
    assert entries(people, text="Rb") == []
    people.save("Rb", annotated(entity("e_2", 0, "Rb", **norm("HGNC:9884", "RB1"))), name=docid)
    assert people.call("owner", "DELETE", "documents/v1", ids=docid).status_code == 200
    assert entries(people, text="Rb") == []


@pytest.mark.parametrize("user", ROLES)
def test_who_may_read_master_may_search(people: People, user: str) -> None:
    assert [one["id"] for one in entries(people, user, search="erbb2")] == ["HGNC:3430"]


def test_others_are_refused(people: People) -> None:
    refused(people.call("stranger", "GET", "/-local/dictionary", dictionary="n_5"), 404, "project")
    refused(people.call("reader", "GET", "/-local/dictionary", dictionary="n_9"), 404, "n_5 (Wikidata)")
    refused(people.call("reader", "GET", "/-local/dictionary"), 400, "dictionary")
    long = people.call("reader", "GET", "/-local/dictionary", dictionary="n_5", search="x" * 1001)
    refused(long, 400, "1000 characters")


def test_a_dictionary_that_nobody_uploaded_has_what_people_used(database: Database) -> None:
    key = database.read(project_key, "local", "p")
    assert database.read(dictionary_number, key, "n_5") is None
    assert found(database, "x", text="x") == []

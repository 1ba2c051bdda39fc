"""Dictionaries that ``spacy-tagtog settings --dictionary`` loads into a project of the local tagtog."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from commands import assert_refused, run

from spacy_tagtog import steps
from spacy_tagtog.errors import DictionaryError
from spacy_tagtog.server import create_project, local_tagtog, settings_from_legend
from spacy_tagtog.server.db import dictionary_loading
from spacy_tagtog.server.db.dictionaries import suggest
from spacy_tagtog.server.db.projects import project_key

pytestmark = pytest.mark.usefixtures("own_folder")
GENES = "HGNC:11998\tTP53\tp53\nHGNC:3430\tERBB2\tHER2\tneu\n"


@pytest.fixture(autouse=True)
def project(own_folder: Path) -> None:
    steps.create_project("genes", entities=["Gene"])


def written(text: str | bytes, name: str = "genes.tsv") -> str:
    Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    return f"HGNC={name}"


def load(given: str, *more: str) -> tuple[int, str, str]:
    outcome = run("settings", "--project", "genes", "--dictionary", given, *more)
    return outcome.code, outcome.out, outcome.err


def found(search: str, class_id: str = "n_2") -> list[tuple[str, str]]:
    with steps.connect(project="genes") as tagtog:
        assert tagtog.local is not None
        key = tagtog.local.read(project_key, "local", "genes")
        return [
            (one.id, one.name) for one in tagtog.local.read(suggest, key, class_id, ["e_1"], search=search)
        ]


def classes() -> dict[str, str]:
    with steps.connect(project="genes") as tagtog:
        return dict(tagtog.client.legend())


def test_a_dictionary_is_made_and_its_entries_are_replaced_later() -> None:
    code, out, _ = load(written(GENES))
    assert code == 0
    assert "the dictionary HGNC (n_2): 2 entries with 5 names" in out
    assert classes() == {"e_1": "Gene", "n_2": "HGNC"}
    assert found("her2") == [("HGNC:3430", "ERBB2")]
    code, out, _ = load(written("HGNC:1\tA1BG\n"))
    assert (code, classes()) == (0, {"e_1": "Gene", "n_2": "HGNC"})
    assert (found("her2"), found("a1b")) == ([], [("HGNC:1", "A1BG")])


def test_several_are_loaded_at_once() -> None:
    Path("omim.csv").write_text('191170,"TUMOR PROTEIN p53, TP53"\n')
    assert load(written(GENES), "--dictionary", "OMIM=omim.csv")[0] == 0
    assert classes() == {"e_1": "Gene", "n_2": "HGNC", "n_3": "OMIM"}
    assert found("tumor", "n_3") == [("191170", "TUMOR PROTEIN p53, TP53")]


def test_a_dry_run_reads_the_file_and_changes_nothing() -> None:
    code, out, _ = load(written(GENES), "--dry-run")
    assert code == 0
    assert "would be loaded into" in out
    assert "HGNC (n_2): 2 entries with 5 names" in out
    assert classes() == {"e_1": "Gene"}
    assert_refused(
        run("settings", "--project", "genes", "--dictionary", written("x\n"), "--dry-run"), "line 1"
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("id\tname\tsynonym\nA\tb\n", 1),  # a heading
        ("\ufeffID\tName\r\nA\tb\r\n\r\n", 1),  # as spreadsheets on Windows write it
        ("A\tb\t\t\n", 1),  # cells that spreadsheets leave empty
        ("A\tb\tb\tc", 2),  # the same name twice is one; the last line needs no end
        ("\t\n\nA\t b \n", 1),  # empty lines, spaces around
        ("A\tb\u00a0c\tß\t🤔\n", 3),
    ],
)
def test_what_spreadsheets_write_is_read(text: str, names: int) -> None:
    with steps.connect(project="genes") as tagtog:
        written(text)
        loaded = steps.load_dictionary(tagtog, "HGNC", "genes.tsv")
    assert (loaded.entries, loaded.names, loaded.problems) == (1, names, [])


BAD = [
    ("A\tb\nonly an id\n", "line 2", "only an id"),
    ("A\t\tb\n", "line 1", "the name is empty"),
    ("\ta\n", "line 1", "the id is empty"),
    ("A\tb\n\nB\tc\nA\td\n", "line 4", "line 1 has the same id"),
    (b"A\tb\nB\tcaf\xe9\n", "line 2", "isn't UTF-8"),
    (b"\xff\xfeA\x00\t\x00b\x00", "line 1", "isn't UTF-8"),
    ("A\tb\x07\n", "line 1", "control character"),
    ("A\tb\rB\tc\r", "line 1", "control character"),
    (f"A\t{'b' * 1001}\n", "line 1", "at most 1000 characters"),
]


@pytest.mark.parametrize(("text", "place", "said"), BAD)
def test_a_line_that_cannot_be_used_is_named(text: str | bytes, place: str, said: str) -> None:
    code, _, err = load(written(text))
    assert code == 1
    assert f"genes.tsv, {place}" in err
    assert said in err
    assert "--on-problem report" in err
    assert classes() == {"e_1": "Gene"}


@pytest.mark.parametrize(("text", "place", "said"), BAD)
def test_lines_that_cannot_be_used_are_left_out_and_listed(text: str | bytes, place: str, said: str) -> None:
    data = text.encode() if isinstance(text, str) else text
    good = b"good\tfrom here\n"
    number = int(place.removeprefix("line ")) + 1
    code, _, err = load(written(good + data), "--on-problem", "report")
    assert code == 0
    assert "left out: 1" in err
    assert f"genes.tsv, line {number}" in err
    assert found("from here") == [("good", "from here")]


def test_a_quotation_mark_that_is_never_closed_costs_its_line_alone() -> None:
    given = written('A,b\nB,"c\nC,see\nD,"e ""f"""\n', "genes.csv")
    assert_refused(run("settings", "--project", "genes", "--dictionary", given), "line 2", "isn't CSV")
    code, _, err = load(given, "--on-problem", "report")
    assert (code, "left out: 1" in err) == (0, True)
    assert (found("see"), found('e "f"')) == ([("C", "see")], [("D", 'e "f"')])


def test_many_problems_are_counted_and_the_first_are_kept() -> None:
    with steps.connect(project="genes") as tagtog:
        written("A\tb\n" + "x\n" * 1500)
        loaded = steps.load_dictionary(tagtog, "HGNC", "genes.tsv", on_problem="report")
    assert (loaded.entries, loaded.left_out, len(loaded.problems)) == (1, 1500, 1000)
    assert isinstance(loaded.problems[0], DictionaryError)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("HGNC", "KEY=VALUE"),
        ("HGNC=nowhere.tsv", "can't be read"),
        ("HGNC=genes.xlsx", ".tsv or .csv"),
        ("HGNC=empty.tsv", "holds no entry"),
        ("a/b=genes.tsv", "name of a dictionary"),
    ],
)
def test_what_cannot_be_loaded_is_refused_and_makes_no_dictionary(given: str, said: str) -> None:
    written(GENES)
    written("id\tname\n", "empty.tsv")
    assert_refused(run("settings", "--project", "genes", "--dictionary", given), said)
    assert_refused(
        run("settings", "--project", "genes", "--dictionary", given, "--on-problem", "report"), said
    )
    assert classes() == {"e_1": "Gene"}


def test_a_full_disk_is_said_and_the_old_entries_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    assert load(written(GENES))[0] == 0
    monkeypatch.setattr(dictionary_loading, "_add_terms", full)
    again = run("settings", "--project", "genes", "--dictionary", written("A\tb\n"))
    assert_refused(again, "disk is full", "free some space")
    assert found("her2") == [("HGNC:3430", "ERBB2")]


def test_elsewhere_and_with_load_it_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = written(GENES)
    Path("s.json").write_text("{}")
    both = run("settings", "--project", "genes", "--load", "s.json", "--dictionary", given)
    assert_refused(both, "--dictionary contradict")
    with local_tagtog(tmp_path / "remote.db") as remote:
        remote.database.write(create_project, "ada", "genes", settings_from_legend({}))
        monkeypatch.setenv("TAGTOG_USERNAME", remote.username)
        monkeypatch.setenv("TAGTOG_PASSWORD", remote.password)
        where = ["--domain", remote.url, "--owner", "ada", "--project", "genes"]
        assert_refused(run("settings", "--dictionary", given, *where), "local tagtog alone")


def test_an_export_takes_the_dictionary_along() -> None:
    assert load(written(GENES))[0] == 0
    assert run("export", "backup.zip", "--project", "genes").code == 0
    assert run("project", "delete", "genes").code == 0
    assert run("import", "backup.zip", "--project", "genes").code == 0
    assert found("her2") == [("HGNC:3430", "ERBB2")]

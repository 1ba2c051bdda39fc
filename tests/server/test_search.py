"""tagtog's search language on the local tagtog, over real HTTP."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from databases import delete, find, upload
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import examples

from spacy_tagtog.anndoc import Annotations, Legend, html_from_text
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server import Database, LocalTagtog, create_project, local_tagtog, settings_from_legend
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads
from spacy_tagtog.server.search.results import Results
from spacy_tagtog.server.search.words import FUNCTIONS

LEGEND = Legend(
    {
        "e_1": "Gene",
        "e_2": "Cell_type",
        "e_3": "Unused",
        "m_1": "topic",
        "m_2": "relevant",
        "m_3": "score",
        "n_1": "Uniprot",
    }
)


def entity(class_id: str, text: str, norm: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"classId": class_id, "part": "s1v1", "offsets": [{"start": 0, "text": text}]}
    if norm is not None:
        made["normalizations"] = {"n_1": {"source": {"name": "Uniprot", "id": norm, "url": None}}}
    return made


# Name to (text, folder, entities, document labels, confirmed, members who confirmed).
DOCUMENTS: dict[str, tuple[str, str, list[dict[str, Any]], dict[str, Any], bool, list[str]]] = {
    "one.txt": (
        "p53 binds MDM2 in North\n America.",
        "pool",
        [entity("e_1", "p53", "P04637"), entity("e_1", "MDM2", "Q00987"), entity("e_1", "p53", "P04637")],
        {"m_1": {"value": "cancer research"}, "m_2": {"value": True}},
        True,
        ["ada", "bob"],
    ),
    "two.txt": (
        "The T-cell, not IL-2 or C++ (really): a:b tests.",
        "pool/train",
        [entity("e_2", "T-cell")],
        {"m_2": {"value": False}},
        False,
        ["ada"],
    ),
    "three 3.txt": (
        "P53 and tests of 100% über 😀 it's a/b testing",
        "pool/train/deep",
        [entity("e_1", "P53")],
        {"m_3": {"value": 0.5}},
        True,
        [],
    ),
    "four*.txt": ("nothing", "pool/other", [], {}, False, []),
}
NOW = datetime(2021, 7, 15, 16, 34, 41, tzinfo=timezone.utc)
START = int(NOW.timestamp() * 1000)
NAMES = {1: "one.txt", 2: "two.txt", 3: "three 3.txt", 4: "four*.txt"}


class Search:
    def __init__(self, server: LocalTagtog) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.auth = (server.username, server.password)
        self.address = f"{server.url}/-api/documents/v1"
        self.project = {"owner": "local", "project": "genes"}
        self.ids: dict[int, str] = {}
        server.database.write(
            create_project,
            "local",
            "genes",
            settings_from_legend(LEGEND, ["pool/train/deep", "pool/other", "pool/other/train"]),
        )
        for number, name in NAMES.items():
            text, folder, entities, labels, complete, members = DOCUMENTS[name]
            html = html_from_text(text, filename=name)
            assert html.id is not None
            own = Annotations.empty(complete=complete)
            own.data.update(entities=entities, metas=labels)
            for member, version in [
                ("master", own),
                *((member, Annotations.empty(complete=True)) for member in members),
                ("eve", Annotations.empty()),
            ]:
                files = [
                    ("f", (f"{html.id}.plain.html", html.data)),
                    ("f", (f"{html.id}.ann.json", version.dumps().encode())),
                ]
                query = {
                    **self.project,
                    "format": "anndoc",
                    "output": "null",
                    "folder": folder,
                    "member": member,
                }
                answer = self.session.post(self.address, params=query, files=files, timeout=20)
                assert answer.status_code == 200, answer.text
            self.ids[number] = answer.json()["items"][0]["docid"]

    def raw(self, query: str, **more: Any) -> requests.Response:
        return self.session.get(self.address, params={**self.project, "search": query, **more}, timeout=20)

    def __call__(self, query: str) -> list[int]:
        answer = self.raw(query)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        numbers = [
            number for hit in found["docs"] for number, docid in self.ids.items() if hit["id"] == docid
        ]
        assert found["totalFound"] == len(numbers)
        assert found["search"] == query
        return numbers


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    moments = count(START)
    with (
        pytest.MonkeyPatch.context() as patch,
        local_tagtog(tmp_path_factory.mktemp("search") / "tagtog.db") as server,
    ):
        # The server's clock goes on by a millisecond each time that it is looked at, whatever the day is.
        patch.setattr("spacy_tagtog.server.clock.now", lambda: next(moments))
        made = Search(server)
        yield made
        made.session.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # everything, words and phrases
        ("*", [1, 2, 3, 4]),
        ("*:*", [1, 2, 3, 4]),
        (" * ", [1, 2, 3, 4]),
        ("p53", [1]),
        ("P53", [3]),
        ("p5", []),
        ("tests", [2, 3]),
        ('"North America"', [1]),
        ('"binds MDM2 in North"', [1]),
        ('"America North"', []),
        ("IL-2", [2]),
        ("IL", [2]),
        ("T-cell", [2]),
        ("C\\+\\+", [2]),
        ('"C++ (really)"', [2]),
        ('"a:b"', [2]),
        ("a\\:b", [2]),
        ("a/b", [3]),
        ("it's", [3]),
        ("'s", [3]),
        ("100%", [3]),
        ("über", [3]),
        ("\\ü\\ber", [3]),
        ("😀", [3]),
        ("_", []),
        # wildcards
        ("test*", [2, 3]),
        ("testing*", [3]),
        ("test??", []),
        ("test???", [3]),
        ("?53", [1, 3]),
        ("*ing", [3, 4]),
        ("IL-?", [2]),
        ("T-*l", [2]),
        ("p*3", [1]),
        ("p\\*3", []),
        # tagtog documents wildcards in quotes: "Kepler-4*c"
        ('"test*"', [2, 3]),
        ('"T-c?ll"', [2]),
        ('"N*th  Amer?ca"', [1]),
        ('"MDM2 i? North"', [1]),
        ('"MDM2 North*"', []),
        ('"test\\*"', []),
        ('"(rea*ly)"', [2]),
        ('"over 100*"', []),
        ('"of 100* *ber"', [3]),
        ('"über 😀 it*"', [3]),
        ('"über + it*"', []),  # without the sign around it, it is another one
        ('"T* T-c*"', [2]),  # T-cell may begin the phrase as well as end it
        # fuzzy and near
        ("test~", [2, 3]),
        ("test~0.7", [2, 3]),
        ("test~0.8", []),
        ("tests~1", [2, 3]),
        ("bindz~", [1]),
        ("BINDS~", []),
        ("MDM3~0.7", [1]),
        ("MDM3~0.75", []),
        ("filename:one.tzt~0.8", [1]),
        ("entity:Gene:p54~", [1]),
        ("entity:Gene:p54~0.9", []),
        ('"p53 North"~3', [1]),
        ('"p53 North"~2', []),
        ('"North p53"~5', [1]),
        ('"North p53"~4', []),
        ('"binds MDM2 America"~2', [1]),
        ('"binds MDM2 America"~1', []),
        ('"p53 p53"~10', []),
        ('"p53 binds"~0', [1]),
        # fields
        ("docid:none", []),
        ("filename:one.txt", [1]),
        ("filename:ONE.txt", []),
        ("filename:one", []),
        ("filename:t*.txt", [2, 3]),
        ('filename:"three 3.txt"', [3]),
        ("filename:three\\ 3.txt", [3]),
        ("filename:four\\*.txt", [4]),
        ('filename:"four*.txt"', [4]),
        ("filename:(one.txt OR two.txt)", [1, 2]),
        ("folder:pool", [1]),
        ("folder:0", [1]),
        ("folder:pool/train", [2]),
        ("folder:/pool/train", [2]),
        ("folder:/pool/train/", [2]),
        ('folder:"pool/train"', [2]),
        ('folder:"/pool/train/"', [2]),
        ("folder:train", [2]),
        ("folder:pool/train*", [2, 3]),
        ("folder:deep", [3]),
        ("folder:other", [4]),
        ("folder:tr?in", [2]),
        ("folder:none", []),
        ("folder:*", [1, 2, 3, 4]),
        ("anncomplete:true", [1, 3]),
        ("anncomplete:false", [2, 4]),
        ("members_anncomplete:ada", [1, 2]),
        ("members_anncomplete:bob", [1]),
        ("members_anncomplete:b*", [1]),
        ("members_anncomplete:*", [1, 2]),
        ("members_anncomplete:eve", []),
        ("members_anncomplete:master", []),
        # entities and labels
        ("entity:Gene", [1, 3]),
        ("entity:e_1", [1, 3]),
        ("entity:gene", []),
        ("entity:Cell_type", [2]),
        ("entity:e_99", []),
        ("entity:Unused", []),
        ("entity:topic", []),
        ("entity:*", [1, 2, 3]),
        ("entity:?ene", [1, 3]),
        ("entity:Gene:p53", [1]),
        ("entity:e_1:P53", [3]),
        ("entity:Gene:P04637", [1]),
        ("entity:Gene:?53", [1, 3]),
        ("entity:Gene:*", [1, 3]),
        ('entity:Cell_type:"T-cell"', [2]),
        ("entity:Cell_type:T-cell", [2]),
        ("entity:Cell_type:cell", []),
        ("entity:Gene:(p53 OR P53)", [1, 3]),
        ("entity:*:T-cell", [2]),
        ("entity:(Gene OR Cell_type)", [1, 2, 3]),
        ("label:topic", [1]),
        ("label:m_1", [1]),
        ('label:topic:"cancer research"', [1]),
        ("label:topic:cancer*", [1]),
        ("label:relevant:true", [1]),
        ("label:relevant:false", [2]),
        ("label:score:0.5", [3]),
        ("label:score:[0.2 TO 1]", [3]),
        ("label:score:[0.2 to 1]", [3]),
        ("label:m_3:{0.5 TO *]", []),
        ("label:score:[-2 TO 0.5]", [3]),
        ("label:topic:[0 TO 9]", []),
        ("label:*", [1, 2, 3]),
        ("label:none:x", []),
        ("label:Gene", []),
        # counts
        ("count_e_1:[2 TO *]", [1]),
        ("count_e_1:{1 TO *]", [1]),
        ("count_e_1:{1 TO 3}", []),
        ("count_e_1:[* TO 0]", [2, 4]),
        ("count_e_1:[0 TO *]", [1, 2, 3, 4]),
        ("count_e_1:3", [1]),
        ("count_e_1:*", [1, 2, 3, 4]),
        ("count_e_2:1", [2]),
        ("norms_count_uniq_e_1:[2 TO *]", [1]),
        ("norms_count_uniq_e_1:2", [1]),
        ("norms_count_uniq_e_1:3", []),
        ("norms_count_uniq_e_1:0", [2, 3, 4]),
        # combination
        ("p53 MDM2", [1]),
        ("p53 tests", [1, 2, 3]),
        ("+p53 tests", [1]),
        ("+tests p53", [2, 3]),
        ("p53 tests -P53", [1, 2]),
        ("p53 tests NOT P53", [1, 2]),
        ("p53 AND tests", []),
        ("p53 OR P53 AND tests", [1, 3]),
        ("(p53 OR P53) AND tests", [3]),
        ("filename:(one.txt two.txt)", [1, 2]),
        ("p53 AND MDM2", [1]),
        ("p53 && MDM2", [1]),
        ("p53 OR tests", [1, 2, 3]),
        ("p53 || tests", [1, 2, 3]),
        ("(p53)||(tests)", [1, 2, 3]),
        ("NOT tests", [1, 4]),
        ("-tests", [1, 4]),
        ("!tests", [1, 4]),
        ("! tests", [1, 4]),
        ("* -tests", [1, 4]),
        ("* !tests", [1, 4]),
        ("+tests -P53", [2]),
        ("tests NOT P53", [2]),
        ("(p53 OR P53) AND NOT folder:pool", [3]),
        ("folder:pool -(anncomplete:true AND p53)", []),
        ("anncomplete:true entity:Gene -filename:one.txt", [3]),
        ("NOT NOT p53", [1]),
        ("-(-p53)", [1]),
        ("p53 OR -p53", [1, 2, 3, 4]),
        ("&&x", []),
        ("x!y", []),
        ("TO", []),
        ("filename:!one.txt", [2, 3, 4]),
    ],
)
def test_a_query_finds_what_it_says(search: Search, query: str, expected: list[int]) -> None:
    assert search(query) == expected


def test_a_document_is_found_by_its_id(search: Search) -> None:
    assert search(f'docid:"{search.ids[3]}"') == [3]
    assert search(f"docid:{search.ids[1]}") == [1]
    assert search(f"docid:({search.ids[1]} OR {search.ids[2]})") == [1, 2]
    assert search(f"docid:{search.ids[1][:20]}*") == [1]


def test_dates(search: Search) -> None:
    now = NOW
    everything = [1, 2, 3, 4]
    year, last, tomorrow = now.year, now.year - 1, now + timedelta(days=1)
    for field in ("created", "updated"):
        for query, expected in {
            f"{year}": everything,
            f"{last}": [],
            f"{now:%Y-%m}": everything,
            f"{now:%Y-%m-%d}": everything,
            f'"{now:%Y-%m-%d}"': everything,
            f"{tomorrow:%Y-%m-%d}": [],
            "*": everything,
            f"[{last} TO {year}]": everything,
            f"{{{last} TO {year}]": everything,
            f"[{last} TO {year}}}": [],
            f"{{{year} TO *]": [],
            f"[* TO {last}]": [],
            f"[{now:%Y-%m-%d} TO *]": everything,
            "[NOW-1DAY TO NOW]": everything,
            "[NOW-2HOURS TO NOW+1MINUTE]": everything,
            "[NOW-1MONTH-1YEAR TO NOW-1DAY]": [],
            f"[NOW-{year - 1}YEARS TO NOW]": everything,  # from the year 1 on
            "[NOW TO *]": [],
            "NOW-1DAY": [],
        }.items():
            assert search(f"{field}:{query}") == expected, query


def test_a_timestamp_of_an_answer_finds_its_document(search: Search) -> None:
    hit = search.raw("filename:one.txt").json()["docs"][0]
    for value in (hit["created"], f'"{hit["created"]}"', f"[{hit['created']} TO {hit['created']}]"):
        assert 1 in search(f"created:{value}")
    assert 1 not in search(f"created:{{{hit['created']} TO *]")
    assert 1 in search(f"created:{hit['created'][:19]}")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", ["empty", "*"]),
        ("  ", ["empty"]),
        ("roam~2", ["similarity", "roam~2"]),
        ("ro*m~", ["wildcards"]),
        ('"' + "a " * 300 + '"', ["256 words"]),
        ("IL-2~", ["single word"]),
        ("(a)~", ["~ can't stand here", "character 4"]),
        ('"a b"~99999', ["10000"]),
        ('"!"~2', ["words"]),
        ('folder:"a b"~2', ["proximity"]),
        ("label:score:[a TO b]", ["numbers"]),
        ("a^2", ["boosted"]),
        (">5", ["comparison"]),
        ("count_e_1:>2", ["comparison"]),
        ("filter:DONE", ["filter", "TODO"]),
        ("unknown:x", ["unknown", "docid, filename"]),
        ("http://x", ["http", "quotes"]),
        ("docid:a:b", ["colon"]),
        ("entity:a:b:c", ["entity:TYPE:TERM"]),
        ("label:a:b:c", ["label:NAME:VALUE"]),
        ("anncomplete:yes", ["yes", "true, false"]),
        ("anncomplete:*", ["true, false"]),
        ("count_e_1:x", ["whole number"]),
        ("count_e_1:[a TO 2]", ["whole number"]),
        ("count_e_1:[-2 TO 2]", ["negative"]),
        ("count_e_1:99999999999999999999", ["whole number"]),
        ("count_m_1:2", ["count_m_1", "count_e_N"]),
        ("[a TO b]", ["range"]),
        ("docid:[a TO b]", ["range"]),
        ("entity:e_1:[a TO b]", ["range"]),
        ("created:yesterday", ["date", "NOW-1DAY"]),
        ("created:2018-13", ["doesn't exist"]),
        ("created:2018-02-30", ["doesn't exist"]),
        ("created:0000", ["doesn't exist"]),
        (f"created:NOW-{NOW.year}YEARS", ["doesn't exist"]),
        ("created:NOW-999999YEARS", ["doesn't exist"]),
        ("created:NOW+999999MONTHS", ["doesn't exist"]),
        ("created:NOW-1WEEK", ["date"]),
        ("created:NOW/DAY", ["date"]),
        ("created:20?8", ["date"]),
        ("a AND", ["ends too early", "character 6"]),
        ("OR a", ["OR can't stand here", "character 1"]),
        ("(a", ["ends too early", "closing bracket"]),
        ("a)", [") can't stand here", "character 2"]),
        ("a/b && && c", ["AND can't stand here", "character 8"]),
        ("a^.", ["parse"]),
        ('"a"~0.5', ["parse"]),
        ('"a', ["quote"]),
        ("a\\", ["backslash"]),
        ('""', ["empty"]),
        ('" "', ["empty"]),
        ("a OR +b", ["+"]),
        ("(" * 40 + "a" + ")" * 40, ["brackets"]),
        ("NOT " * 100 + "a", ["nests"]),
        ("a " * 65, ["64"]),
        ("x" * 4097, ["4096"]),
    ],
)
def test_what_is_not_offered_is_refused_by_name(search: Search, query: str, words: list[str]) -> None:
    answer = search.raw(query)
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    for word in words:
        assert word in answer.text


@pytest.mark.parametrize("query", ["*", "anncomplete:true", "(("])
def test_csv_lists_all_whatever_the_query_is(search: Search, query: str) -> None:
    answer = search.raw(query, output="csv")
    assert ("the query is ignored" in answer.headers.get("Warning", "")) == (query != "*")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode(), newline="")))
    assert rows == [
        ["docid", "anncomplete"],
        *([search.ids[number], str(number in (1, 3)).lower()] for number in (1, 2, 3, 4)),
    ]
    assert answer.text.splitlines()[0] == "docid,anncomplete"


def test_pages_of_fifty(search: Search) -> None:
    search.server.database.write(create_project, "local", "many", settings_from_legend(LEGEND))
    query = {"owner": "local", "project": "many"}
    ids = []
    for first in (0, 60):
        files = [("f", (f"{number}.txt", str(number).encode())) for number in range(first, first + 60)]
        answer = search.session.post(
            search.address, params={**query, "output": "null"}, files=files, timeout=20
        )
        ids += [item["docid"] for item in answer.json()["items"]]
    found = [
        search.session.get(
            search.address, params={**query, "search": "*", "page": str(page)}, timeout=20
        ).json()
        for page in range(4)
    ]
    assert [hit["id"] for page in found for hit in page["docs"]] == ids
    assert [page["pages"] for page in found] == [
        {"current": 0, "previous": -1, "next": 1, "numPages": 3, "pageSize": 50},
        {"current": 1, "previous": 0, "next": 2, "numPages": 3, "pageSize": 50},
        {"current": 2, "previous": 1, "next": -1, "numPages": 3, "pageSize": 50},
        {"current": 3, "previous": 2, "next": -1, "numPages": 3, "pageSize": 50},
    ]
    assert {page["totalFound"] for page in found} == {120}
    assert list(found[0]) == ["version", "search", "totalFound", "pages", "docs"]
    nothing = search.session.get(search.address, params={**query, "search": "none"}, timeout=20).json()
    assert nothing["pages"] == {"current": 0, "previous": -1, "next": -1, "numPages": 1, "pageSize": 50}
    listed = search.session.get(search.address, params={**query, "search": "*", "output": "csv"}, timeout=20)
    assert len(listed.text.splitlines()) == 121


_PIECES = st.sampled_from(
    [
        *"()[]{}\"\\/*?:~^!+-&|<>' 0\0ü😀",
        *(
            "AND ",
            "OR ",
            "NOT ",
            " TO ",
            "&&",
            "||",
            "entity:",
            "e_1:",
            "folder:",
            "created:",
            "NOW",
            "-1DAY",
            "2018",
            "T10:",
            "p53",
        ),
        *("count_e_1:", "label:", "anncomplete:", "members_anncomplete:", "filter:", "docid:"),
    ]
)


@settings(max_examples=examples(150), deadline=None)
@given(query=st.lists(_PIECES, max_size=12).map("".join) | st.text(max_size=30))
@example(query="a AND \x00")
@example(query="/")
@example(query="\\\n")
def test_no_query_breaks_the_server(search: Search, query: str) -> None:
    answer = search.raw(query.encode("utf-8", "replace").decode())
    assert answer.status_code in (200, 400), (query, answer.text)
    assert answer.status_code == 200 or answer.text.strip()


_ALPHABET = st.text("ab*?\\\n", max_size=8)


@settings(max_examples=examples(200), deadline=None)
@given(pattern=_ALPHABET, value=st.text("ab*?\\\n", max_size=10))
def test_wildcards_agree_with_regular_expressions(pattern: str, value: str) -> None:
    expression = re.sub(
        r"\\(.)|(\*)|(\?)|(.)",
        lambda m: ".*" if m[2] else "." if m[3] else re.escape(m[1] or m[4]),
        pattern.rstrip("\\"),
        flags=re.DOTALL,
    )
    assert FUNCTIONS["matches_value"](value, pattern.rstrip("\\")) == (
        re.fullmatch(expression, value, re.DOTALL) is not None
    )


def test_wildcards_go_through_a_long_word_once() -> None:
    # A matcher that tries every place again wouldn't end.
    text = "a" * 200_000
    assert not FUNCTIONS["matches_words"](text, "a*a*a*a*a*a*a*b")
    assert FUNCTIONS["matches_words"](text, "a*a*a*a")
    assert not FUNCTIONS["matches_words"]("a-" * 100_000, "a*a*a*b")
    assert not FUNCTIONS["matches_words"]("a!" * 100_000 + "!" * 100_000, "a*a*b")


def test_words_are_found_in_the_own_project_alone(tmp_path: Path) -> None:
    """Documents of two projects by turns: the index of words is one for all."""
    with local_tagtog(tmp_path / "x.db") as server:
        database, results = server.database, Results()
        for name in ("one", "two", "three"):
            database.write(create_project, "local", name, settings_from_legend(LEGEND))

        def add(project: str, text: str) -> None:
            upload(database, "local", project, read_uploads([UploadedFile.of_text("text.txt", text)], None))

        def totals(query: str) -> list[int]:
            names = ("one", "two", "three")
            return [find(database, "local", name, query, limit=50, results=results).total for name in names]

        for number in range(3):
            add("one", f"insulin {number}")
            add("two", f"insulin glucose {number}")
        assert totals("insulin") == [3, 3, 0]
        assert totals("insulin AND glucose") == [0, 3, 0]
        assert totals("insulin NOT glucose") == [3, 0, 0]
        assert totals("glucose OR *nsulin") == [3, 3, 0]
        add("three", "insulin")  # alone behind all others
        assert totals("insulin") == [3, 3, 1]


def test_pages_follow_every_change(tmp_path: Path) -> None:
    """What a search found is kept for its next pages, and no longer than until something changes.

    By this process or another.
    """
    with local_tagtog(tmp_path / "x.db") as server, contextlib.closing(Database(tmp_path / "x.db")) as other:
        server.database.write(create_project, "local", "p", settings_from_legend(LEGEND))
        results = Results()
        queries = (
            "filename:*.txt",
            "insulin",
            "insulin AND anncomplete:false",
            "entity:Gene",
            "count_e_1:[1 TO 2]",
            "updated:[NOW-1DAY TO NOW]",
        )

        def totals() -> list[int]:
            found = [
                find(server.database, "local", "p", query, limit=50, results=results) for query in queries
            ]
            return [page.total for page in found]

        def add(database: Database, number: int, *, genes: int = 0, complete: bool = False) -> None:
            own = {
                "anncomplete": complete,
                "entities": [entity("e_1", "insulin")] * genes,
                "metas": {},
                "relations": [],
            }
            files = [
                UploadedFile.of_text(f"{number}.txt", f"insulin {number}"),
                UploadedFile.of_text(f"{number}.ann.json", json.dumps(own)),
            ]
            upload(database, "local", "p", read_uploads(files, "default-plus-annjson"))

        assert totals() == [0] * 6
        add(server.database, 1, genes=1)
        assert totals() == totals() == [1, 1, 1, 1, 1, 1]
        add(other, 2, genes=3)
        assert totals() == totals() == [2, 2, 2, 2, 1, 2]
        add(other, 1, genes=0, complete=True)
        assert totals() == [2, 2, 1, 1, 0, 2]
        add(server.database, 2, genes=2, complete=True)
        assert totals() == [2, 2, 0, 1, 1, 2]
        assert delete(other, "local", "p", "filename:2.txt") == 1
        assert totals() == [1, 1, 0, 0, 0, 1]
        with pytest.raises(LocalServerError):  # of a request that fails, nothing counts
            upload(
                server.database,
                "local",
                "p",
                read_uploads([UploadedFile.of_text("3.txt", "insulin")], None),
                folder="none",
            )
        assert totals() == [1, 1, 0, 0, 0, 1]
        add(other, 4)
        assert totals() == [2, 2, 1, 0, 0, 2]

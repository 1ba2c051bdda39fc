"""Searching the index agrees with looking at every document.

Random projects and queries, a slow evaluator that shares nothing with the server.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from databases import delete, delete_document, find, upload
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import examples
from totals import wrong_totals

from spacy_tagtog.anndoc import Annotations, Legend, html_from_text
from spacy_tagtog.server import Database, create_project, settings_from_legend
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads
from spacy_tagtog.server.search.results import Results

LEGEND = Legend({"e_1": "Gene", "e_2": "Cell", "m_1": "score", "n_1": "Uniprot"})
FOLDERS = ["pool", "pool/train", "pool/train/deep", "pool/test"]
WORDS = [
    "p53",
    "P53",
    "p5",
    "tests",
    "test",
    "Test",
    "roam",
    "foam",
    "roams",
    "a",
    "A",
    "über",
    "_x",
    "x_",
    "😀",
    "cell",
    "cells",
]
IDS = ["Q1", "Q2", "roam"]


@dataclass(frozen=True)
class Doc:
    text: str
    folder: str
    complete: bool
    entities: tuple[tuple[str, str, str | None], ...]
    score: float | None

    @property
    def words(self) -> list[str]:
        return re.findall(r"\w+", self.text)


docs = st.builds(
    Doc,
    st.lists(
        st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", " ", " ", "\n", ", ", ". "])),
        min_size=1,
        max_size=12,
    ).map(lambda pieces: "".join(word + space for word, space in pieces)),
    st.sampled_from(FOLDERS),
    st.booleans(),
    st.lists(
        st.tuples(st.sampled_from(["e_1", "e_2"]), st.sampled_from(WORDS), st.none() | st.sampled_from(IDS)),
        max_size=4,
    ).map(tuple),
    st.none() | st.sampled_from([0.5, 3.0, 10.0, 12.0]),
)


# ----------------------------------------------------------------------------------------- the slow evaluator


Query = tuple[str, Callable[[Doc], bool]]


def wildcard(pattern: str, value: str) -> bool:
    return (
        re.fullmatch(
            "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern),
            value,
            re.DOTALL,
        )
        is not None
    )


def edits(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def like(one: str, other: str, least: float) -> bool:
    return one == other or 1 - edits(one, other) / min(len(one), len(other)) > least


def phrase(doc: Doc, words: list[str]) -> bool:
    found = [(match[0], match.start(), match.end()) for match in re.finditer(r"\w+", doc.text)]
    for start in range(len(found) - len(words) + 1):
        run = found[start : start + len(words)]
        between = [doc.text[one[2] : other[1]] for one, other in itertools.pairwise(run)]
        if [word for word, _, _ in run] == words and all(space.isspace() for space in between):
            return True
    return False


def near(doc: Doc, words: list[str], slop: int) -> bool:
    places = [[place for place, found in enumerate(doc.words) if found == word] for word in words]
    for chosen in itertools.product(*places):
        moved = [place - number for number, place in enumerate(chosen)]
        if len(set(chosen)) == len(chosen) and max(moved) - min(moved) <= slop:
            return True
    return False


def count(number: Callable[[Doc], int], low: int, high: int | None) -> Callable[[Doc], bool]:
    return lambda doc: low <= number(doc) and (high is None or number(doc) <= high)


letters = [word for word in WORDS if re.fullmatch(r"\w+", word)]
word_queries: st.SearchStrategy[Query] = st.sampled_from(letters).map(
    lambda word: (word, lambda doc: word in doc.words)
)
emoji: st.SearchStrategy[Query] = st.just(("😀", lambda doc: "😀" in doc.text))
patterns: st.SearchStrategy[Query] = (
    st.lists(st.sampled_from(["*", "?", "t", "e", "s", "p", "5", "a", "m", "A", "_"]), min_size=2, max_size=5)
    .map("".join)
    .filter(
        lambda pattern: (
            set(pattern) != {"*"}
            and not pattern.startswith(("*_", "?_"))
            and re.search(r"[*?]", pattern) is not None
        )
    )
    .map(lambda pattern: (pattern, lambda doc: any(wildcard(pattern, word) for word in doc.words)))
)
phrases: st.SearchStrategy[Query] = st.lists(st.sampled_from(letters), min_size=1, max_size=3).map(
    lambda words: (f'"{" ".join(words)}"', lambda doc: phrase(doc, words))
)
fuzzies: st.SearchStrategy[Query] = st.tuples(
    st.sampled_from([*letters, "roar", "tost", "cel"]), st.sampled_from([None, 0.1, 0.3, 0.6, 0.75, 0.9, 1])
).map(
    lambda given: (
        f"{given[0]}~{'' if given[1] is None else given[1]}",
        lambda doc: any(like(word, given[0], 0.5 if given[1] is None else given[1]) for word in doc.words),
    )
)
nears: st.SearchStrategy[Query] = st.tuples(
    st.lists(st.sampled_from(letters), min_size=1, max_size=3), st.integers(0, 8)
).map(lambda given: (f'"{" ".join(given[0])}"~{given[1]}', lambda doc: near(doc, *given)))
NAMES = {"e_1": "Gene", "e_2": "Cell"}
entities: st.SearchStrategy[Query] = st.tuples(
    st.sampled_from(["e_1", "e_2", "Gene", "Cell", "*", "C*"]),
    st.none() | st.sampled_from([*letters, *IDS, "te*", "Q?"]),
).map(
    lambda given: (
        f"entity:{given[0]}" + ("" if given[1] is None else f":{given[1]}"),
        lambda doc: any(
            (wildcard(given[0], class_id) or wildcard(given[0], NAMES[class_id]))
            and (
                given[1] is None
                or wildcard(given[1], text)
                or (norm is not None and wildcard(given[1], norm))
            )
            for class_id, text, norm in doc.entities
        ),
    )
)
counts: st.SearchStrategy[Query] = st.tuples(
    st.sampled_from(["e_1", "e_2"]), st.integers(0, 3), st.none() | st.integers(0, 3), st.booleans()
).map(
    lambda given: (
        f"{'norms_count_uniq' if given[3] else 'count'}_{given[0]}"
        f":[{given[1]} TO {'*' if given[2] is None else given[2]}]",
        count(
            lambda doc: (
                len({norm for class_id, _, norm in doc.entities if class_id == given[0] and norm is not None})
                if given[3]
                else sum(class_id == given[0] for class_id, _, _ in doc.entities)
            ),
            given[1],
            given[2],
        ),
    )
)
others: st.SearchStrategy[Query] = st.sampled_from(
    [
        ("*", lambda doc: True),
        ("anncomplete:true", lambda doc: doc.complete),
        ("anncomplete:false", lambda doc: not doc.complete),
        ("folder:pool", lambda doc: doc.folder == "pool"),
        ("folder:0", lambda doc: doc.folder == "pool"),
        ("folder:deep", lambda doc: doc.folder == "pool/train/deep"),
        ("folder:pool/train*", lambda doc: doc.folder.startswith("pool/train")),
        ("folder:none", lambda doc: False),
        ("label:score", lambda doc: doc.score is not None),
        ("label:score:3.0", lambda doc: doc.score == 3),
        ("label:m_1:10.0", lambda doc: doc.score == 10),
        ("label:score:[1 TO 10]", lambda doc: doc.score is not None and 1 <= doc.score <= 10),
        ("label:m_1:{3 TO *]", lambda doc: doc.score is not None and doc.score > 3),
        ("created:[NOW-1DAY TO NOW+1DAY]", lambda doc: True),
        ("updated:[* TO NOW-1DAY]", lambda doc: False),
    ]
)
leaves = st.one_of(word_queries, emoji, patterns, phrases, fuzzies, nears, entities, counts, others)


def joined(operator: str, queries: list[Query]) -> Query:
    combine = all if operator == "AND" else any
    return f"({f' {operator} '.join(query for query, _ in queries)})", lambda doc: combine(
        test(doc) for _, test in queries
    )


def side_by_side(marked: list[tuple[str, Query]]) -> Query:
    def test(doc: Doc) -> bool:
        hits = {mark: [query(doc) for own, (_, query) in marked if own == mark] for mark in ("+", "-", "")}
        wanted = all(hits["+"]) if hits["+"] else any(hits[""]) if hits[""] else True
        return wanted and not any(hits["-"])

    return f"({' '.join(mark + query for mark, (query, _) in marked)})", test


def extended(inner: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        several.map(lambda queries: joined("AND", queries)),
        several.map(lambda queries: joined("OR", queries)),
        inner.map(lambda query: (f"(NOT {query[0]})", lambda doc: not query[1](doc))),
        st.lists(st.tuples(st.sampled_from(["", "", "+", "-"]), inner), min_size=2, max_size=3).map(
            side_by_side
        ),
    )


queries = st.recursive(leaves, extended, max_leaves=6)


# --------------------------------------------------------------------------------------------------- the test


class Projects:
    """A database, and one project at a time in it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.results = Results()
        self.made = 0

    def make(self, documents: list[Doc]) -> list[str]:
        """Returns the documents' ids.

        The documents of the projects before stay in the index: they mustn't be found.
        """
        self.made += 1
        name = f"p{self.made}"
        self.database.write(create_project, "local", name, settings_from_legend(LEGEND, FOLDERS))
        return [self.upload(name, number, doc) for number, doc in enumerate(documents)]

    def upload(self, name: str, number: int, doc: Doc) -> str:
        html = html_from_text(doc.text, filename=f"{number}.txt")
        own = Annotations.empty(complete=doc.complete)
        own.data["entities"] = [
            {"classId": class_id, "part": "s1v1", "offsets": [{"start": 0, "text": text}]}
            | (
                {}
                if norm is None
                else {"normalizations": {"n_1": {"source": {"name": "Uniprot", "id": norm, "url": None}}}}
            )
            for class_id, text, norm in doc.entities
        ]
        own.data["metas"] = {} if doc.score is None else {"m_1": {"value": doc.score}}
        files = [
            UploadedFile(f"{html.id}.plain.html", html.data),
            UploadedFile(f"{html.id}.ann.json", own.dumps().encode()),
        ]
        return upload(self.database, "local", name, read_uploads(files, "anndoc"), folder=doc.folder)[0].docid

    def search(self, query: str, **page: Any) -> tuple[int, list[str]]:
        found = find(self.database, "local", f"p{self.made}", query, results=self.results, **page)
        return found.total, [hit.docid for hit in found.hits]


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Projects]:
    database = Database(tmp_path_factory.mktemp("reference") / "x.db")
    yield Projects(database)
    database.close()


@settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(documents=st.lists(docs, min_size=1, max_size=6), asked=st.lists(queries, min_size=1, max_size=12))
def test_the_index_finds_what_looking_at_every_document_finds(
    projects: Projects, documents: list[Doc], asked: list[Query]
) -> None:
    ids = projects.make(documents)
    for query, test in asked:
        expected = [docid for docid, doc in zip(ids, documents, strict=True) if test(doc)]
        assert projects.search(query) == (len(expected), expected), query
        assert projects.search(query, offset=1, limit=2) == (len(expected), expected[1:3]), query


@settings(max_examples=examples(10), deadline=None)
@given(before=docs, after=docs, asked=st.lists(queries, min_size=1, max_size=6))
def test_the_index_follows_changes_and_deletions(
    projects: Projects, before: Doc, after: Doc, asked: list[Query]
) -> None:
    projects.make([before, before])
    name = f"p{projects.made}"
    # The second document gets the other text and annotations; the first goes.
    page = find(projects.database, "local", name, "*").hits
    html = html_from_text(after.text, filename="1.txt", doc_id=page[1].docid)
    own = Annotations.empty(complete=after.complete)
    own.data["entities"] = [
        {
            "classId": class_id,
            "part": "s1v1",
            "offsets": [{"start": 0, "text": text}],
            "normalizations": {} if norm is None else {"n_1": {"source": {"id": norm}}},
        }
        for class_id, text, norm in after.entities
    ]
    own.data["metas"] = {} if after.score is None else {"m_1": {"value": after.score}}
    files = [
        UploadedFile(f"{page[1].docid}.plain.html", html.data),
        UploadedFile(f"{page[1].docid}.ann.json", own.dumps().encode()),
    ]
    assert upload(projects.database, "local", name, read_uploads(files, "anndoc"))[0].result == "updated"
    assert delete_document(projects.database, "local", name, page[0].docid) == 1
    now = Doc(after.text, before.folder, after.complete, after.entities, after.score)
    for query, test in asked:
        assert projects.search(query, limit=5) == (int(test(now)), [page[1].docid] * test(now)), query
    with projects.database.reading() as connection:
        assert wrong_totals(connection) == []
    assert delete(projects.database, "local", name, "*") == 1
    assert projects.search("*", limit=1) == (0, [])

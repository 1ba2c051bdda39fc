"""Lists of documents: filters and orders, compared with the same in Python."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from databases import opened, upload
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import examples
from totals import wrong_totals

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.server import Database, create_project, settings_from_legend
from spacy_tagtog.server.db.overview import count_waiting, has_assignments, read_counts, read_rows
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.review import Place, beside, flag, next_after, queue_of, store_order
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads
from spacy_tagtog.server.natural import natural
from spacy_tagtog.server.search import ordered
from spacy_tagtog.server.search.filters import Filters, LabelFilter, Mine
from spacy_tagtog.server.search.ordered import KEYS, Order, find_page
from spacy_tagtog.server.search.results import Results
from spacy_tagtog.server.settings import ProjectInfo

LEGEND = Legend({"e_1": "Star", "m_1": "topic", "m_2": "clear"})
FOLDERS = ["pool/a", "pool/a/deep", "pool/b"]
NUMBER = 60


@dataclass
class Known:
    """What a document was made with."""

    number: int
    name: str
    folder: str
    text: str
    confirmed: bool
    labels: dict[str, str]
    probabilities: list[float]
    assigned: list[str] = field(default_factory=list)
    versions: dict[str, bool] = field(default_factory=dict)
    rank: int | None = None
    flagged: bool = False
    key: int = 0


def ann(one: Known, *, complete: bool) -> str:
    entities = [
        {
            "classId": "e_1",
            "part": "s1v1",
            "offsets": [{"start": 0, "text": one.text[:4]}],
            "confidence": {"state": "pre-added", "who": ["ml:x"], "prob": probability},
        }
        for probability in one.probabilities
    ]
    metas = {class_id: {"value": value} for class_id, value in one.labels.items()}
    return json.dumps({"anncomplete": complete, "entities": entities, "metas": metas, "relations": []})


def store(database: Database, project: str, one: Known) -> str:
    def pair(member: str, complete: bool, distribute: str) -> str:
        files = [
            UploadedFile.of_text(one.name, one.text),
            UploadedFile.of_text(f"{one.name[:-4]}.ann.json", ann(one, complete=complete)),
        ]
        uploads = read_uploads(files, "verbatim-plus-annjson")
        more = {"member": member, "folder": one.folder, "distribute": distribute}
        return upload(database, "local", project, uploads, **more)[0].docid

    docid = pair("master", one.confirmed, "")
    for member, complete in one.versions.items():
        pair(member, complete, "")
    return docid


def sky(chance: random.Random) -> list[Known]:
    found = []
    for number in range(NUMBER):
        one = Known(
            number,
            f"{chance.choice(['doc', 'Doc', 'étude', 'note '])}{chance.randint(0, 120)} {number}.txt",
            chance.choice(["pool", *FOLDERS]),
            f"Vega {chance.choice(['rose', 'set'])} {number}",
            chance.random() < 0.5,
            {c: chance.choice(["x", "y"]) for c in ("m_1", "m_2") if chance.random() < 0.5},
            [round(chance.uniform(0.1, 0.9), 1) for _ in range(chance.randint(0, 2))],
        )
        one.assigned = ["ada"] if chance.random() < 0.4 else []
        one.versions = {name: chance.random() < 0.5 for name in ("ada", "bob") if chance.random() < 0.3}
        one.rank = number if chance.random() < 0.5 else None
        one.flagged = chance.random() < 0.2
        found.append(one)
    return found


@dataclass
class Library:
    database: Database
    documents: list[Known]

    @property
    def info(self) -> ProjectInfo:
        return self.database.read(read_project, "local", "p")

    def pages(self, query: str, filters: Filters, order: Order, size: int, user: str) -> list[int]:
        """The numbers of all documents of a list, page by page."""
        found: list[int] = []
        results = Results()
        while True:
            with self.database.reading() as connection:
                assigned = has_assignments(connection, self.info.key, user)
                page = find_page(
                    connection,
                    self.info,
                    query,
                    filters,
                    order,
                    offset=len(found),
                    limit=size,
                    user=user,
                    has_assignments=assigned,
                    results=results,
                )
            found += page.keys
            assert len(page.keys) == min(size, page.total - len(found) + len(page.keys))
            if len(found) >= page.total:
                return found


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A project with others around and between its documents."""
    documents = sky(random.Random(3))
    with opened(tmp_path_factory.mktemp("lists") / "x.db") as database:
        for project in ("p", "other"):
            database.write(create_project, "local", project, settings_from_legend(LEGEND, FOLDERS))
        ids = {}
        for one in documents:
            ids[one.number] = store(database, "p", one)
            if one.number % 3 == 0:
                store(database, "other", one)
        with database.writing() as connection:
            info = read_project(connection, "local", "p")
            places = [Place(ids[one.number], one.rank, 1, {}) for one in documents if one.rank is not None]
            chance = random.Random(4)
            for place, rank in zip(places, chance.sample(range(1, 99), len(places)), strict=True):
                documents[[ids[one.number] for one in documents].index(place.docid)].rank = rank
            store_order(
                connection,
                info.key,
                [Place(ids[one.number], one.rank, 1, {}) for one in documents if one.rank is not None],
            )
            other = read_project(connection, "local", "other")
            others = connection.execute("SELECT id, docid FROM documents WHERE project_id = ?", (other.key,))
            listed = list(others)
            store_order(
                connection, other.key, [Place(row["docid"], n, 1, {}) for n, row in enumerate(listed)]
            )
            for row in listed:
                flag(connection, row["id"], "ada", "?", 0)
                connection.execute("INSERT INTO assignments VALUES (?, 'ada')", (row["id"],))
            for one in documents:
                (one.key,) = connection.execute(
                    "SELECT id FROM documents WHERE project_id = ? AND docid = ?", (info.key, ids[one.number])
                ).fetchone()
                # As if each had been made and changed at a moment of its own.
                connection.execute(
                    "UPDATE documents SET created = ?, updated = ? WHERE id = ?",
                    (one.number // 2, (one.number * 7) % 40, one.key),
                )
                if one.flagged:
                    flag(connection, one.key, "ada", "?", 0)
                for member in one.assigned:
                    connection.execute("INSERT INTO assignments VALUES (?, ?)", (one.key, member))
        yield Library(database, documents)


def is_wanted(one: Known, filters: Filters, folders: set[str] | None, user: str, assigned: bool) -> bool:
    """The filters in Python."""
    own = one.versions.get(user)
    mine = {
        None: True,
        Mine.ALL: user in one.assigned or own is not None,
        Mine.OPEN: (user in one.assigned or not assigned) and own is not True,
        Mine.CONFIRMED: own is True,
    }[filters.mine]
    labels = all(
        (class_id in one.labels) == wanted.is_set
        if wanted.value is None
        else one.labels.get(class_id) == wanted.value
        for class_id, wanted in filters.labels.items()
    )
    return (
        mine
        and labels
        and filters.confirmed in (None, one.confirmed)
        and (one.flagged or not filters.flagged)
        and (folders is None or one.folder in folders)
    )


def in_order(documents: list[Known], order: Order) -> list[int]:
    """The order in Python: what has no key comes last."""
    keys: dict[str, Any] = {
        "rank": lambda one: one.rank,
        "sureness": lambda one: min(one.probabilities, default=None),
        "name": lambda one: natural(one.name),
        "created": lambda one: one.number // 2,
        "changed": lambda one: (one.number * 7) % 40,
    }
    key = keys[order.key]
    head = sorted((one for one in documents if key(one) is not None), key=lambda one: (key(one), one.key))
    tail = sorted((one for one in documents if key(one) is None), key=lambda one: one.key)
    return [one.key for one in [*(reversed(head) if order.descending else head), *tail]]


label_filters = st.one_of(
    st.booleans().map(LabelFilter),
    st.sampled_from(["x", "y", "none"]).map(lambda value: LabelFilter(value=value)),
)


@settings(max_examples=examples(80), deadline=None)
@given(
    query=st.sampled_from(
        ["*", "rose", "rose OR set", "Vega AND set", "entity:Star", "filename:doc*", "nowhere"]
    ),
    confirmed=st.sampled_from([None, True, False]),
    mine=st.sampled_from([None, *Mine]),
    flagged=st.booleans(),
    folders=st.none() | st.sets(st.sampled_from(["pool", *FOLDERS]), min_size=1),
    labels=st.dictionaries(st.sampled_from(["m_1", "m_2"]), label_filters, max_size=2),
    order=st.builds(Order, st.sampled_from(KEYS), st.booleans()),
    size=st.integers(1, 25),
    user=st.sampled_from(["ada", "bob"]),
    few=st.sampled_from([0, 1000]),
)
def test_filters_and_orders_are_those_of_python(
    library: Library,
    query: str,
    confirmed: bool | None,
    mine: Mine | None,
    flagged: bool,
    folders: set[str] | None,
    labels: dict[str, LabelFilter],
    order: Order,
    size: int,
    user: str,
    few: int,
) -> None:
    numbers = {one.path: one.index for one in library.info.folders}
    chosen = None if folders is None else [numbers[path] for path in folders]
    filters = Filters(confirmed, mine, flagged, chosen, labels)
    searches: dict[str, Callable[[Known], bool]] = {
        "*": lambda one: True,
        "rose": lambda one: "rose" in one.text,
        "rose OR set": lambda one: True,
        "Vega AND set": lambda one: "set" in one.text,
        "entity:Star": lambda one: bool(one.probabilities),
        "filename:doc*": lambda one: one.name.startswith("doc"),
        "nowhere": lambda one: False,
    }
    wanted = [
        one
        for one in library.documents
        if searches[query](one) and is_wanted(one, filters, folders, user, user == "ada")
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordered, "_FEW", few)  # with few documents all are sorted, with many an index is walked
        found = library.pages(query, filters, order, size, user)
    assert found == in_order(wanted, order)


@pytest.mark.parametrize("user", ["ada", "bob", "eve"])
def test_what_waits_for_a_member_is_counted_as_it_is_listed(library: Library, user: str) -> None:
    listed = library.pages("*", Filters(mine=Mine.OPEN), Order(), 20, user)
    assert len(listed) > 10
    with library.database.reading() as connection:
        assigned = has_assignments(connection, library.info.key, user)
        for most in (3, 1000):
            counted = count_waiting(connection, library.info.key, user, is_assigned=assigned, most=most)
            assert counted == min(most, len(listed))


@pytest.mark.parametrize("user", ["ada", "bob"])
def test_a_queue_is_walked_from_end_to_end(library: Library, user: str) -> None:
    with library.database.reading() as connection:
        queue = queue_of(connection, library.info.key, user)
    ids = [one.docid for one in queue]
    assert len(ids) > 10
    assert [beside(queue, docid, 1) for docid in ids] == [*ids[1:], None]
    assert [beside(queue, docid, -1) for docid in ids] == [None, *ids[:-1]]
    assert beside(queue, "elsewhere", 1) is None
    waiting = [one.docid for one in queue if not one.confirmed and one.note is None]
    assert next_after(queue, None) == next_after(queue, "elsewhere") == waiting[0]
    assert [next_after(queue, docid) for docid in waiting] == [*waiting[1:], waiting[0]]
    last = next_after(queue[:1], ids[0])
    assert last is None, "who has reviewed all others isn't sent to the same document"


def test_rows_and_counts_say_what_the_documents_are(library: Library) -> None:
    with library.database.reading() as connection:
        rows = read_rows(connection, library.info, [one.key for one in reversed(library.documents)])
        counts = read_counts(connection, library.info.key)
        assert wrong_totals(connection) == []
    for one, row in zip(reversed(library.documents), rows, strict=True):
        assert (row.filename, row.folder, row.confirmed) == (one.name, one.folder, one.confirmed)
        assert row.suggested_entities == len(one.probabilities)
        assert (row.decided_labels, row.suggested_labels) == (len(one.labels), 0)
        assert row.least_sure == min(one.probabilities, default=None)
        assert row.rank == one.rank
        assert row.assigned == tuple(one.assigned)
        assert row.confirmed_by == tuple(name for name, done in sorted(one.versions.items()) if done)
        assert (row.flag is not None) == one.flagged
    for folder in library.info.folders:
        inside = [one for one in library.documents if one.folder == folder.path]
        expected = (len(inside), sum(one.confirmed for one in inside))
        assert counts.folders.get(folder.index, (0, 0)) == expected
    assert counts.flagged == sum(one.flagged for one in library.documents)
    for class_id in ("m_1", "m_2"):
        values = [one.labels[class_id] for one in library.documents if class_id in one.labels]
        assert counts.labels[class_id] == {value: values.count(value) for value in ("x", "y")}


def test_labels_of_models_count_as_suggestions(tmp_path: Path) -> None:
    metas = {
        "m_1": {"value": "x", "confidence": {"state": "pre-added", "who": ["ml:x"], "prob": 0.4}},
        "m_2": {"value": True, "confidence": {"state": "", "who": ["user:ada"], "prob": 1}},
    }
    with opened(tmp_path / "x.db") as database:
        database.write(create_project, "local", "p", settings_from_legend(LEGEND))
        files = [
            UploadedFile.of_text("a.txt", "Vega"),
            UploadedFile.of_text("a.ann.json", json.dumps({"metas": metas, "entities": [], "relations": []})),
        ]
        upload(database, "local", "p", read_uploads(files, "verbatim-plus-annjson"))
        with database.reading() as connection:
            (key,) = connection.execute("SELECT id FROM documents").fetchone()
            (row,) = read_rows(connection, read_project(connection, "local", "p"), [key])
    assert (row.suggested_labels, row.decided_labels, row.least_sure) == (1, 1, 0.4)


@pytest.mark.parametrize(
    "names",
    [
        ["doc1", "doc2", "doc10", "Doc11", "doc100"],
        ["a", "B", "c"],
        ["x9y9", "x9y10", "x10y1"],
        ["Etude", "étude 2", "Fugue"],
        ["0001 a", "2 a", "10 a"],
    ],
)
def test_names_are_sorted_as_people_count(names: list[str]) -> None:
    shuffled = names[::-1]
    assert sorted(shuffled, key=natural) == names


# ------------------------------------------------------------------------------------------------------ costs


@contextmanager
def counting(connection: Any) -> Iterator[list[int]]:
    """Counts the instructions of SQLite's virtual machine."""
    steps = [0]

    def step() -> None:
        steps[0] += 1

    connection.set_progress_handler(step, 1)
    yield steps
    connection.set_progress_handler(None, 0)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("filters", [Filters(), Filters(confirmed=False)], ids=["all", "to review"])
def test_a_page_does_not_cost_more_with_more_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Any, filters: Filters
) -> None:
    """What SQLite does for the first page, and for the counts beside it."""
    monkeypatch.setattr(ordered, "_FEW", 0)
    # It has the connection's only handler otherwise.
    monkeypatch.setattr(ordered, "in_time", lambda connection: nullcontext())
    spent = []
    for number in (60, 600):
        with opened(tmp_path / f"{number}.db") as database:
            database.write(create_project, "local", "p", settings_from_legend(LEGEND))
            files = [UploadedFile.of_text(f"{n}.txt", "Vega") for n in range(number)]
            upload(database, "local", "p", read_uploads(files, "verbatim"))
            with database.writing() as connection:
                info = read_project(connection, "local", "p")
                ids = [row[0] for row in connection.execute("SELECT docid FROM documents")]
                store_order(connection, info.key, [Place(one, n, 1, {}) for n, one in enumerate(ids)])
                connection.execute("UPDATE documents SET least_sure = 1.0 / id")
            with database.reading() as connection, counting(connection) as steps:
                read_counts(connection, info.key)
                page = find_page(
                    connection,
                    info,
                    "*",
                    filters,
                    Order(key),
                    offset=0,
                    limit=20,
                    user="ada",
                    has_assignments=False,
                    results=Results(),
                )
            assert (page.total, len(page.keys)) == (number, 20)
            spent.append(steps[0])
    assert spent[1] <= spent[0] + 20

"""The page's model of a document makes the same changes as Python's, and takes all of them back."""

from __future__ import annotations

import copy
import functools
import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from spacy_tagtog.anndoc import Annotations, OffsetConverter, OffsetUnit, html_from_blocks
from spacy_tagtog.anndoc.review import Review

JsonObject = dict[str, Any]
LABELS_OF = {"e_1": ["f_1"], "e_2": ["f_1", "f_2"]}
TYPES = ["e_1", "e_2", "e_3"]
# Characters that count two in JavaScript, that combine, that go from right to left, and that a browser might
# normalize.
TEXTS = ["ab cd ab", "🙂a🙂🙂b e\u0301\u00e9 🏳️‍🌈", "שלום abc عربى\nx", "a\u200b\u00ad𝒳 \tq"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def model(browser: Browser) -> Iterator[Page]:
    """A page that has loaded the model, and nothing else."""
    folder = str(files("spacy_tagtog.server.web") / "static" / "review")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/document.js")
        page.evaluate(
            """async () => {
                const { ReviewedDocument } = await import("/document.js");
                const { merge } = await import("/merge.js");
                window.merged = ([base, mine, theirs]) => merge(base, mine, theirs);
                window.replay = (given, commands) => {
                  const doc = new ReviewedDocument(given);
                  const at = (list, index) => doc[list][index]?.id ?? -1;
                  const run = ([name, ...args]) => {
                    const whole = ["add", "labelDocument", "confirm", "undo", "redo"];
                    if (whole.includes(name)) return doc[name](...args);
                    if (name === "unrelate") return doc.unrelate(at("relations", args[0]));
                    const ends = () => [at("entities", args[1]), at("entities", args[2])];
                    if (name === "relate") return doc.relate(args[0], ...ends());
                    return doc[name](at("entities", args[0]), ...args.slice(1));
                  };
                  const states = commands.map((command) => { run(command); return JSON.stringify(doc); });
                  while (doc.undo());
                  return [states, JSON.stringify(doc)];
                };
            }"""
        )
        yield page
        page.close()
        server.shutdown()
        thread.join()


def ranges(text: str) -> st.SearchStrategy[tuple[int, int]]:
    """Two places in a text, in code points; empty and reversed stretches too, which both models refuse."""
    place = st.integers(0, len(text))
    return st.tuples(place, place)


def confidences() -> st.SearchStrategy[JsonObject | None]:
    made = st.fixed_dictionaries(
        {
            "state": st.sampled_from(["pre-added", "pre-removed", "", None]),
            "who": st.just(["ml:x"]),
            "prob": st.sampled_from([0.5, 1]),
        },
        optional={"unknown": st.just([1, {"a": None}])},
    )
    return st.none() | made


@st.composite
def entities(draw: st.DrawFn, unit: str) -> JsonObject:
    number = draw(st.integers(0, len(TEXTS) - 1))
    text = TEXTS[number]
    units = OffsetConverter(text)
    offsets = []
    for _ in range(draw(st.integers(1, 2))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        counted = units.to_utf16(start) if unit == "utf-16" else start
        offsets.append({"start": counted, "text": text[start:end]})
    made: JsonObject = {
        "classId": draw(st.sampled_from(TYPES)),
        "part": f"s1p{number + 1}",
        "offsets": offsets,
    }
    for key, value in {
        "confidence": draw(confidences()),
        "fields": draw(
            st.sampled_from([{}, {"f_1": {"value": "x"}}, {"f_2": {"value": True}, "f_9": {"value": 1}}])
        ),
        "normalizations": draw(st.sampled_from([{}, {"n_1": {"recName": "x"}}])),
        "tagtog's own": draw(st.none() | st.just({"kept": ["as", 1, "is"]})),
    }.items():
        if value is not None:
            made[key] = value
    return made


@st.composite
def versions(draw: st.DrawFn) -> tuple[OffsetUnit, JsonObject]:
    unit: OffsetUnit = draw(st.sampled_from(get_args(OffsetUnit)))
    made: JsonObject = {"anncomplete": draw(st.booleans()), "future": {"x": [None]}}
    found: list[JsonObject] = draw(st.lists(entities(unit), min_size=1, max_size=4) | st.just([]))
    if draw(st.booleans()) or found:
        made["entities"] = found
    if found:
        references = [
            f"{entity['part']}|{entity['classId']}|{offset['start']},"
            f"{offset['start'] + len(offset['text']) - past}"
            for entity in found
            for offset in entity["offsets"]
            for past in (0, 1)
        ]
        ends = st.lists(st.sampled_from([*references, "s1p1|0,2", "nonsense"]), min_size=2, max_size=2)
        relation = st.fixed_dictionaries({"classId": st.just("r_1"), "entities": ends, "extra": st.just(0)})
        made["relations"] = draw(st.lists(relation, max_size=3))
    if draw(st.booleans()):
        made["metas"] = {
            "m_1": {"value": "x", "confidence": {"state": "pre-added", "who": ["ml:x"], "prob": 0.5}}
        }
    return unit, made


# Mostly entities that are there.
INDEX = st.sampled_from([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, -1, 9])
PLACED = st.sampled_from(range(len(TEXTS))).flatmap(
    lambda number: st.tuples(st.just(number), ranges(TEXTS[number]))
)
VALUES = st.sampled_from([None, True, False, "x", 2])
COMMANDS = st.one_of(
    st.tuples(st.sampled_from(["accept", "reject", "remove"]), INDEX),
    st.tuples(st.just("retype"), INDEX, st.sampled_from(TYPES)),
    st.tuples(st.just("move"), INDEX, st.integers(0, 2), ranges(TEXTS[1])),
    st.tuples(st.just("add"), PLACED, st.sampled_from(TYPES)),
    st.tuples(st.just("add_fragment"), INDEX, ranges(TEXTS[1])),
    st.tuples(st.just("remove_fragment"), INDEX, st.integers(0, 2)),
    st.tuples(st.just("label"), INDEX, st.sampled_from(["f_1", "f_2"]), VALUES),
    st.tuples(
        st.just("normalize"),
        INDEX,
        st.just("n_1"),
        st.none() | st.just({"source": "s", "id": "1", "name": "N"}),
    ),
    st.tuples(st.just("relate"), st.just("r_2"), INDEX, INDEX),
    st.tuples(st.just("unrelate"), INDEX),
    st.tuples(st.just("label_document"), st.just("m_1"), VALUES),
    st.tuples(st.just("confirm"), st.booleans()),
    st.tuples(st.sampled_from(["undo", "redo"])),
)
IN_BROWSER = {
    "add_fragment": "addFragment",
    "remove_fragment": "removeFragment",
    "label_document": "labelDocument",
}


def in_python(review: Review, command: tuple[Any, ...], found: list[JsonObject]) -> list[Any] | None:
    """Do it in Python. Gives the same command for the browser, whose places count code units."""
    name, *arguments = command

    def units(number: int, place: tuple[int, int]) -> list[int]:
        converter = OffsetConverter(TEXTS[number])
        return [converter.to_utf16(place[0]), converter.to_utf16(place[1])]

    if name == "add":
        (number, place), class_id = arguments
        start, end = place
        review.add(f"s1p{number + 1}", start, end, class_id)
        return ["add", f"s1p{number + 1}", *units(number, place), class_id]
    if name in ("move", "add_fragment"):
        *others, place = arguments
        index = others[0]
        if not 0 <= index < len(found):
            return None
        number = int(found[index]["part"].removeprefix("s1p")) - 1
        place = (min(place[0], len(TEXTS[number])), min(place[1], len(TEXTS[number])))
        getattr(review, name)(*others, *place)
        return [IN_BROWSER.get(name, name), *others, *units(number, place)]
    if name == "relate" and not all(0 <= index < len(found) for index in arguments[1:]):
        return None
    getattr(review, name)(*arguments)
    return [IN_BROWSER.get(name, name), *arguments]


@given(versions(), st.lists(COMMANDS, min_size=2, max_size=12))
@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
def test_browser_and_python_agree(
    model: Page, version: tuple[OffsetUnit, JsonObject], commands: list[tuple[Any, ...]]
) -> None:
    unit, data = version
    html = html_from_blocks([("p", text) for text in TEXTS], doc_id="x", origid="x")
    untouched = copy.deepcopy(data)
    review = Review(Annotations(data), html.parts, who="user:ada", labels_of=LABELS_OF, unit=unit)
    expected, sent = [], []
    for command in commands:
        found = review.annotations.data.get("entities") or []
        there = in_python(review, command, found)
        if there is not None:
            sent.append(there)
            expected.append(copy.deepcopy(review.annotations.data))
    while review.undo():
        pass
    given_ = {
        "annotations": data,
        "parts": [{"id": part.id, "text": part.text} for part in html.parts.values()],
        "unit": unit,
        "who": "user:ada",
        "labelsOf": LABELS_OF,
    }
    states, first = model.evaluate("([given, commands]) => replay(given, commands)", [given_, sent])
    for state, wanted in zip(states, expected, strict=True):
        assert json.loads(state) == wanted
    assert data == untouched
    # Taken back, everything is as it was: in Python, and in the browser to the letter, the order of keys
    # included.
    assert review.annotations.data == data
    assert json.dumps(json.loads(first)) == json.dumps(data)


def changed(data: JsonObject, unit: str, commands: list[tuple[Any, ...]], who: str) -> JsonObject:
    """What somebody makes of a version."""
    html = html_from_blocks([("p", text) for text in TEXTS], doc_id="x", origid="x")
    review = Review(Annotations(data), html.parts, who=who, unit=unit)  # type: ignore[arg-type]
    for command in commands:
        in_python(review, command, review.annotations.data.get("entities") or [])
    return copy.deepcopy(review.annotations.data)


def bag(version: JsonObject, key: str) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in version.get(key) or [])


@given(versions(), st.lists(COMMANDS, max_size=6), st.lists(COMMANDS, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_merging_loses_nothing_unsaid(
    model: Page,
    version: tuple[str, JsonObject],
    my_commands: list[tuple[Any, ...]],
    their_commands: list[tuple[Any, ...]],
) -> None:
    unit, base = version
    mine, theirs = (
        changed(base, unit, my_commands, "user:me"),
        changed(base, unit, their_commands, "user:you"),
    )

    def merged(one: JsonObject, other: JsonObject) -> tuple[JsonObject, list[JsonObject]]:
        found = model.evaluate("merged", [base, one, other])
        return found["merged"], found["conflicts"]

    # Who changed nothing has no say, and who did the same doesn't contradict.
    for key in ("entities", "relations"):
        assert bag(merged(mine, base)[0], key) == bag(mine, key)
        assert bag(merged(base, theirs)[0], key) == bag(theirs, key)
        assert bag(merged(mine, mine)[0], key) == bag(mine, key)
    assert merged(mine, base)[1] == merged(base, theirs)[1] == merged(mine, mine)[1] == []
    both, conflicts = merged(mine, theirs)
    for key in ("entities", "relations"):
        said = [one["mine"] for one in conflicts if one["what"] == key and one["mine"]]
        new = [one for one in mine.get(key) or [] if one not in (base.get(key) or [])]
        there = both.get(key) or []
        assert all(one in there or one in said for one in new)
        # What neither touched is still there.
        kept = [
            one
            for one in base.get(key) or []
            if one in (mine.get(key) or []) and one in (theirs.get(key) or [])
        ]
        assert all(one in there for one in kept)

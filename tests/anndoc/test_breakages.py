"""Offsets broken in each way that ``benchmarks/breakages.py`` knows come back right, or not at all."""

from __future__ import annotations

import html
import importlib.util
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from spacy_tagtog.anndoc import Annotations, Located, OffsetUnit, Part, locate
from spacy_tagtog.anndoc.repair import CONFIDENCE, repair
from spacy_tagtog.anndoc.shifts import Step, probabilities
from spacy_tagtog.demo import demo_documents


def script(name: str) -> ModuleType:
    """A script of the benchmarks."""
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BREAKAGES = script("breakages")
BENCHMARK = script("repair")
KINDS = [kind for kind in BREAKAGES.KINDS if kind not in BENCHMARK.UNKNOWABLE]
EXACT = (
    *("decomposed", "composed", "compatible", "variants", "escaped", "escaped_twice", "unescaped"),
    *("spread", "hyphens", "stored_without", "crlf", "lf", "bytes", "units", "bom", "one_based", "document"),
)
"""Here nothing is guessed: the text itself says where everything stands."""


def repaired(
    texts: list[str], *entities: tuple[int, str], part: int = 0, unit: OffsetUnit = "code-point"
) -> list[Located]:
    """What becomes of entities (offset, stored text) of one part."""
    data: list[dict[str, Any]] = [
        {"classId": "e_1", "part": f"p{part}", "offsets": [{"start": start, "text": surface}]}
        for start, surface in entities
    ]
    parts = {f"p{number}": Part(f"p{number}", text, "p") for number, text in enumerate(texts)}
    return repair(parts, locate(parts, Annotations({"entities": data}), unit=unit), unit=unit)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Any]:
    """Each kind of breakage, done to the demo corpus."""
    documents = list(demo_documents())
    return {kind: BENCHMARK.run(documents, kind) for kind in BREAKAGES.KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_breakage_leads_to_wrong_repairs(kind: str, outcomes: dict[str, Any]) -> None:
    outcome = outcomes[kind]
    assert outcome.there > 20
    assert outcome.right.total() > 0.1 * outcome.there
    assert outcome.share_wrong <= 0.005, (outcome.wrong, outcome.anyway)


@pytest.mark.parametrize("kind", EXACT)
def test_what_counts_in_a_known_form_is_repaired_for_certain(kind: str, outcomes: dict[str, Any]) -> None:
    outcome = outcomes[kind]
    assert outcome.wrong.total() == 0
    assert outcome.right.total() == outcome.there


def test_an_entity_that_names_another_part_is_hardly_ever_placed(outcomes: dict[str, Any]) -> None:
    outcome = outcomes["wrong_part"]
    assert outcome.repaired <= 0.02 * outcome.gone


@pytest.mark.parametrize("method", CONFIDENCE)
def test_no_method_is_surer_than_it_is_right(method: str, outcomes: dict[str, Any]) -> None:
    kind, right, number = BENCHMARK.worst(outcomes, method)
    assert right >= CONFIDENCE[method] * number, kind


EXAMPLES: dict[str, tuple[list[str], list[tuple[int, str]], list[tuple[str, str, int] | None]]] = {
    # The text, the entities as stored, and (method, text, place) of each.
    "NFC offsets, NFD text": (
        ["cafe\u0301 and re\u0301sume\u0301 by Zoe\u0308"],
        [(0, "café"), (9, "résumé"), (19, "Zoë")],
        [
            ("normal_form", "cafe\u0301", 0),
            ("normal_form", "re\u0301sume\u0301", 10),
            ("normal_form", "Zoe\u0308", 22),
        ],
    ),
    "NFD offsets, NFC text": (
        ["café and résumé by Zoë"],
        [(10, "re\u0301sume\u0301"), (22, "Zoe\u0308")],
        [("normal_form", "résumé", 9), ("normal_form", "Zoë", 19)],
    ),
    "NFKC offsets": (
        ["ﬁrst ﬂuid, then CD25"],
        [(18, "CD25"), (6, "fluid")],
        [("normal_form", "CD25", 16), ("normal_form", "ﬂuid", 5)],
    ),
    "soft hyphens at a right offset": (
        ["see C\xad<\xad-->T here"],
        [(4, "C<-->T")],
        [("invisible", "C\xad<\xad-->T", 4)],
    ),
    "soft hyphens in the text": (
        ["a mu\xadta\xadtion of CD25"],
        [(2, "mutation"), (14, "CD25")],
        [("invisible", "mu\xadta\xadtion", 2), ("invisible", "CD25", 16)],
    ),
    "escaped twice": (
        ["p < q and CD25 & p53"],
        [(17, "CD25"), (32, "p53")],
        [("escaped", "CD25", 10), ("escaped", "p53", 17)],
    ),
    "CRLF": (
        ["a\nb\nCD25\np53"],
        [(6, "CD25"), (12, "p53")],
        [("line_breaks", "CD25", 4), ("line_breaks", "p53", 9)],
    ),
    "bytes": (["α and β of CD25"], [(12, "CD25")], [None]),
    "the document's offsets": (
        ["A title of nine words", "Then CD25 and p53"],
        [(28, "CD25"), (37, "p53")],
        [("origin", "CD25", 5), ("origin", "p53", 14)],
    ),
    "counted from 1": (
        ["see CD25, p53"],
        [(5, "CD25"), (11, "p53")],
        [("origin", "CD25", 4), ("origin", "p53", 10)],
    ),
}
EXAMPLES["bytes"] = (["αβγδ of CD25"], [(12, "CD25")], [("unit", "CD25", 8)])


@pytest.mark.parametrize("name", EXAMPLES)
def test_known_forms(name: str) -> None:
    texts, entities, expected = EXAMPLES[name]
    part = len(texts) - 1
    found = repaired(texts, *entities, part=part)
    assert [
        item.repair and (item.repair.method, texts[part][item.start : item.end], item.start) for item in found
    ] == expected


FILLER = "Nothing of note stands in this sentence, which is here to take its place. "


class TestText:
    def test_that_was_deleted_moves_what_comes_after_it(self) -> None:
        text = FILLER + "Here AIRE binds H3, and CD25 does not."
        entities = [(text.index(word) + 3 * len(FILLER), word) for word in ("AIRE", "H3", "CD25")]
        for item, word in zip(repaired([text], *entities), ("AIRE", "H3", "CD25"), strict=True):
            assert item.repair is not None
            assert (item.repair.method, item.start) == ("shift", text.index(word))

    def test_that_was_inserted_moves_what_comes_after_it(self) -> None:
        text = 5 * FILLER + "Here AIRE binds H3, and CD25 does not."
        entities = [(text.index(word) - 3 * len(FILLER), word) for word in ("AIRE", "H3", "CD25")]
        assert [item.start for item in repaired([text], *entities)] == [text.index(w) for _, w in entities]

    def test_that_is_gone_is_not_found_at_another_entity(self) -> None:
        """Its name stands once more, where another entity of its type is."""
        text = FILLER + "Here AIRE binds H3, " + FILLER + "and CD25 does not."
        sound = [(text.index(word), word) for word in ("AIRE", "H3", "CD25")]
        *others, gone = repaired([text], *sound, (20, "CD25"))
        assert all(item.repair is None and item.problem is None for item in others)
        assert gone.problem == "offset_mismatch"

    def test_that_is_gone_is_not_found_beyond_its_neighbours(self) -> None:
        text = "We saw AIRE there. " + FILLER + "Here is H3. " + FILLER + "It was CD25."
        sound = [(text.index(word), word) for word in ("AIRE", "H3")]
        assert repaired([text], *sound, (25, "CD25"))[-1].problem == "offset_mismatch"

    def test_in_which_many_entities_stay_unexplained_proves_nothing(self) -> None:
        text = FILLER + "Here is CD25. " + FILLER
        strangers = [(number, f"Stranger {number}") for number in range(1, 60, 7)]
        assert {item.problem for item in repaired([text], *strangers, (30, "CD25"))} == {"offset_mismatch"}

    def test_that_lost_its_white_space(self) -> None:
        text = "First CD25 then p53 and at last the mutation of AIRE"
        entities = [(7, "CD25"), (19, "p53"), (40, "mutation  of"), (55, "AIRE")]
        assert [text[item.start : item.end] for item in repaired([text], *entities)] == [
            "CD25",
            "p53",
            "mutation of",
            "AIRE",
        ]

    def test_a_letter_is_never_parted_from_its_accent(self) -> None:
        assert repaired(["a cafe\u0301 here"], (1, "cafe"))[0].problem == "offset_mismatch"


FORMS: dict[str, tuple[str, Callable[[str], str], Callable[[str], str]]] = {
    # The method, what becomes of the text, and the form in which ann.json counts.
    "NFD text": (
        "normal_form",
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: unicodedata.normalize("NFC", text),
    ),
    "NFC text": (
        "normal_form",
        lambda text: unicodedata.normalize("NFC", text),
        lambda text: unicodedata.normalize("NFD", text),
    ),
    "NFKC offsets": (
        "normal_form",
        lambda text: unicodedata.normalize("NFC", text),
        lambda text: unicodedata.normalize("NFKC", text),
    ),
    "escaped": ("escaped", str, lambda text: html.escape(text, quote=False)),
    "escaped twice": ("escaped", str, lambda text: html.escape(html.escape(text, quote=False), quote=False)),
    "unescaped": ("escaped", lambda text: html.escape(text, quote=False), str),
    "CRLF": ("line_breaks", str, lambda text: text.replace("\n", "\r\n")),
    "soft hyphens": ("invisible", lambda text: text.replace("·", "\xad"), lambda text: text.replace("·", "")),
    "spaces": ("white_space", str, lambda text: " ".join(text.split(" ")).replace("\n", " ")),
}
WORDS = ["Zoë", "naïve", "ﬁrst", "a<b", "R&D", "x\ny", "mu·ta·tion", "CD25", "p53", "AIRE", "Å", "한글", "²H"]


@pytest.mark.parametrize("name", FORMS)
@quick
@given(words=st.lists(st.sampled_from(WORDS), min_size=2, unique=True))
def test_each_entity_comes_back_from_another_form_of_the_text(name: str, words: list[str]) -> None:
    """Words that stand once each: all that is broken is repaired, and stands where it stood."""
    _, of_text, counted = FORMS[name]
    long = [word for word in words if len(word) > 2]
    pieces = [of_text(word) for word in words]
    text = " ; ".join(pieces)
    entities, truth, low, start = [], [], 0, 0
    for word, piece in zip(words, pieces, strict=True):
        stored = counted(word)
        if word in long:
            entities.append((start, stored))
            truth.append((low, low + len(piece)))
        low, start = low + len(piece) + 3, start + len(stored) + 3
    for item, place in zip(repaired([text], *entities), truth, strict=True):
        assert item.ranges == (place,), item


chains = st.lists(
    st.builds(Step, st.integers(0, 300), st.frozensets(st.integers(-60, 60), max_size=4), st.integers(0, 9)),
    max_size=12,
).map(lambda steps: sorted(steps, key=lambda step: step.start))


@quick
@given(steps=chains, length=st.integers(1, 400))
def test_shifts_have_probabilities(steps: list[Step], length: int) -> None:
    for step, likely in zip(steps, probabilities(steps, length), strict=True):
        assert set(likely) <= step.shifts
        assert all(0 <= share <= 1 + 1e-9 for share in likely.values())
        assert sum(likely.values()) <= 1 + 1e-9

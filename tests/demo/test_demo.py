"""The demo corpus: what is in it, that spaCy is content with it, and what its reader refuses."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from conftest import CONFIGS
from spacy.cli.debug_data import debug_data
from spacy.language import Language

from spacy_tagtog.anndoc import Document, Project, locate
from spacy_tagtog.anndoc.plain_html import is_document_id
from spacy_tagtog.convert import ConversionReport, convert_documents, make_converter
from spacy_tagtog.convert.split import parse_split, side_of
from spacy_tagtog.demo import DEMO_LEGEND, demo_documents
from spacy_tagtog.demo.corpus import guidelines, parse_demo
from spacy_tagtog.errors import AnndocError, LegendError


def test_what_is_in_it(demo: list[Document]) -> None:
    assert len(demo) == 174
    confirmed = [one for one in demo if one.versions]
    assert len(confirmed) == 132
    assert all(one.annotations.complete for one in confirmed)
    assert len({one.id for one in demo}) == len(demo)
    assert all(is_document_id(one.id) and one.html.id == one.id for one in demo)
    classes = Counter(entity.class_id for one in confirmed for entity in one.annotations)
    assert set(classes) == set(DEMO_LEGEND.of("e"))
    assert min(classes.values()) >= 100
    assert sum(len(one.annotations.relations) for one in confirmed) > 20
    assert {meta["value"] for one in confirmed for meta in one.annotations.metas.values()} == {
        "good",
        "fair",
        "poor",
    }
    assert any(len(one) > 1 for one in demo)
    assert any(character > "\uffff" for one in confirmed for character in one.text)
    for name in DEMO_LEGEND.of("e").values():
        assert name in guidelines()


def test_ids_and_contents_never_change(demo: list[Document]) -> None:
    again = list(demo_documents())
    assert [(one.id, one.html.data) for one in again] == [(one.id, one.html.data) for one in demo]


def test_every_offset_is_right(demo: list[Document]) -> None:
    for one in demo:
        located = locate(one.parts, one.annotations, unit="utf-16")
        assert all(item.problem is None for item in located)
        places = {
            (item.entity.part, item.entity.class_id, item.entity.fragments[0].start) for item in located
        }
        ends = {
            (f.start, f.start + len(f.text.encode("utf-16-le")) // 2)
            for item in located
            for f in item.entity.fragments
        }
        for relation in one.annotations.relations:
            assert len(relation.ends) == 2
            for part, class_id, start, end in relation.ends:
                assert (part, class_id, start) in places
                assert (start, end) in ends


def test_nothing_is_lost_on_the_way_to_spacy(demo: list[Document], nlp: Language) -> None:
    report = ConversionReport()
    docs = list(convert_documents(demo, nlp, make_converter(), report))
    assert report.is_balanced
    assert report.reasons == {"not_annotated": 42}
    assert report.entities_in == report.entities_out == sum(len(doc.ents) for doc in docs)
    sides = Counter(side_of(doc._.anndoc_id, parse_split("dev=0.2")) for doc in docs)
    assert sides["train"] >= 100
    assert sides["dev"] >= 20


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_spacy_finds_no_error_in_it(demo_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = {"paths.train": str(demo_folder), "paths.dev": str(demo_folder)}
    for name in ("train", "dev"):
        overrides |= {f"corpora.{name}.split": "dev=0.2", f"corpora.{name}.side": name}
    debug_data(
        CONFIGS / "ner.cfg",
        config_overrides=overrides,
        ignore_warnings=False,
        verbose=True,
        no_format=True,
        silent=False,
    )
    shown = capsys.readouterr().out
    assert "Good amount of examples for all labels" in shown
    assert "No entities consisting of or starting/ending with whitespace" in shown
    assert "✘" not in shown
    assert len(Project.open(demo_folder)) == 174


GOOD = (
    "=== a | annotated | seeing=good\n"
    "[M13](Celestial_Object#a) 😅 in the [scope](Instrument#b)\n> observed_with a b\n"
)


def test_the_inline_form() -> None:
    [one, new] = parse_demo(GOOD + "=== b | new\n# A [title](Place)\n\nTwo\nThree\n")
    assert one.parts["s1v1"].text == "M13 😅 in the scope"
    assert [(entity.text, entity.fragments[0].start) for entity in one.annotations] == [
        ("M13", 0),
        ("scope", 14),
    ]
    assert one.annotations.relations[0].data["entities"] == ["s1v1|e_1|0,3", "s1v1|e_2|14,19"]
    assert one.annotations.metas["m_1"]["value"] == "good"
    assert {name: part.text for name, part in new.parts.items()} == {
        "s1h1": "A title",
        "s1p1": "Two",
        "s1p2": "Three",
    }
    assert not new.versions


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("=== a\nx\n", "neither annotated nor new"),
        ("=== a | done\nx\n", "neither annotated nor new"),
        ("x\n" + GOOD, "before the first document"),
        ("=== a | annotated | good\nx\n", "document label"),
        ("=== a | annotated | seeing=\nx\n", "document label"),
        ("=== a | annotated\n[M 13](Celestial Object)\n", "mention"),
        ("=== a | annotated\n[M13](Celestial_Object#)\n", "mention"),
        ("=== a | annotated\n[](Place)\n", "mention"),
        ("=== a | annotated\n[M13](Place#a) [M14](Place#a)\n", "two mentions"),
        ("=== a | annotated\n[M13](Place#a)\n> observed_with a\n", "relation"),
        ("=== a | annotated\n[M13](Place#a)\n> observed_with a b c\n", "relation"),
        ("=== a | annotated\n[M13](Place#a)\n> observed_with a b\n", "no mention"),
        ("=== a | annotated\nx\0y\n", "can't carry"),
    ],
)
def test_lines_that_cant_be_read(text: str, message: str) -> None:
    with pytest.raises(AnndocError, match=message) as caught:
        list(parse_demo(text, place="file.txt"))
    assert "file.txt" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("(Instrument", "(Tool"),
        GOOD.replace("> observed_with", "> seen"),
        GOOD.replace("seeing=", "moon="),
    ],
)
def test_names_that_the_legend_lacks(text: str) -> None:
    with pytest.raises(LegendError):
        list(parse_demo(text))


def test_nothing_is_nothing() -> None:
    assert list(parse_demo("")) == []

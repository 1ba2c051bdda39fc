"""The report as a page: what it says of each place, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import E, document
from lxml import html
from spacy.language import Language

from spacy_tagtog.anndoc import Document, Project, write_project
from spacy_tagtog.convert import ConversionReport, ToDocSettings, document_to_doc
from spacy_tagtog.convert.report import ReportItem
from spacy_tagtog.convert.report_page import report_page

FILLER = "word " * 40


def shown(
    nlp: Language, folder: Path, *documents: Document, report: ConversionReport | None = None
) -> html.HtmlElement:
    """The page about these documents."""
    report = report or ConversionReport()
    write_project(documents, folder)
    project = Project.open(folder)
    for doc_id in project.ids:
        document_to_doc(project[doc_id], nlp, settings=ToDocSettings(repair=False), report=report)
    return html.document_fromstring(report_page(report, project))


def contexts(page: html.HtmlElement) -> list[tuple[str, str, str]]:
    """Of each place the text before it, it, and the text behind it."""
    found = []
    for text in page.xpath("//div[@class='text']"):
        [mark] = text.xpath("mark")
        found.append((text.text or "", mark.text or "", mark.tail or ""))
    return found


def summaries(page: html.HtmlElement) -> list[str]:
    return [" ".join(one.text_content().split()) for one in page.xpath("//summary")]


@pytest.mark.parametrize("unit", ["utf-16", "code-point"])
def test_a_place_is_marked_in_its_text(nlp: Language, tmp_path: Path, unit: str) -> None:
    """Whatever the offsets count, and whatever stands before it."""
    text = "🌠🌠 Vega and Mars rise"
    page = shown(
        nlp,
        tmp_path / "project",
        document(
            text,
            entities=[E(1, 3, 7, "e_9"), E(1, 12, 16, "e_9")],
            unit=unit,  # type: ignore[arg-type]
        ),
    )
    assert contexts(page) == [("🌠🌠 ", "Vega", " and Mars rise"), ("🌠🌠 Vega and ", "Mars", " rise")]
    assert "e_9" in page.text_content()


def test_long_texts_are_cut_around_the_place(nlp: Language, tmp_path: Path) -> None:
    text = FILLER + "Mars" + FILLER
    start = len(FILLER)
    page = shown(nlp, tmp_path / "project", document(text, entities=[E(1, start, start + 4, "e_9")]))
    [(before, mark, after)] = contexts(page)
    assert mark == "Mars"
    assert (before[0], after[-1]) == ("…", "…")
    assert before == "…" + text[start - 80 : start]
    assert after == text[start + 4 : start + 84] + "…"
    # Where nothing was cut, nothing says so.
    short = shown(
        nlp, tmp_path / "short", document(text[start - 80 : start + 84], entities=[E(1, 80, 84, "e_9")])
    )
    assert contexts(short) == [(before[1:], mark, after[:-1])]


def test_a_place_beyond_the_text_shows_its_end(nlp: Language, tmp_path: Path) -> None:
    beyond = E(1, 0, 4, keys={"offsets": [{"start": 900, "text": "Mars"}]})
    at_the_end = E(1, 0, 4, keys={"offsets": [{"start": 10, "text": "Mars"}]})
    page = shown(nlp, tmp_path / "project", document("Vega rises", entities=[beyond, at_the_end]))
    assert contexts(page) == [("", "", "Vega rises"), ("Vega rises", "", "")]


def test_what_has_no_text_is_listed_without(nlp: Language, tmp_path: Path) -> None:
    """An entity in a part that isn't there, and a document as a whole."""
    report = ConversionReport(documents_in=1)
    report.add(ReportItem("unconfirmed", "aDoc"))
    nowhere = E(1, 0, 4, keys={"part": "s9"})
    page = shown(nlp, tmp_path / "project", document("Vega rises", entities=[nowhere]), report=report)
    assert contexts(page) == []
    assert len(page.xpath("//li")) == 2
    assert "part s9, offset 0" in page.text_content()


def test_faults_stand_first_and_open_the_frequent_before_the_rare(nlp: Language, tmp_path: Path) -> None:
    entities = [
        E(1, 0, 4, state="pre-removed"),
        E(1, 0, 4, state="pre-removed"),
        E(1, 0, 4, state="pre-removed"),
        E(1, 0, 4, more=[(9, 14)]),
        E(1, 0, 4, "e_9"),
        E(1, 0, 4, "e_9"),
        E(1, 0, 4, keys={"part": "s9"}),
    ]
    page = shown(nlp, tmp_path / "project", document("Vega and Sirius", entities=entities))
    assert summaries(page) == [
        "2 × its class id has no name in the legend (fault)",
        "1 × stands in a part that plain.html lacks (fault)",
        "3 × was proposed for removal",
        "1 × has a gap, which doc.ents can't hold",
    ]
    assert [one.get("open") is not None for one in page.xpath("//details")] == [True, True, False, False]


def test_only_so_many_places_are_shown_and_the_page_says_so(
    nlp: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacy_tagtog.convert.report_page._MOST", 2)
    page = shown(nlp, tmp_path / "project", document("Vega rises", entities=[E(1, 0, 4, "e_9")] * 3))
    assert summaries(page) == ["3 × its class id has no name in the legend (fault)"]
    assert len(page.xpath("//li")) == 2
    assert "The first 2 are shown" in page.text_content()


def test_repairs_are_shown_too_and_a_clean_conversion_says_so(nlp: Language, tmp_path: Path) -> None:
    report = ConversionReport()
    original = document(
        "Vega and Sirius rise", entities=[E(1, 0, 4, keys={"offsets": [{"start": 1, "text": "Sirius"}]})]
    )
    write_project([original], tmp_path / "project")
    project = Project.open(tmp_path / "project")
    document_to_doc(project[original.id], nlp, report=report)
    page = html.document_fromstring(report_page(report, project))
    [summary] = summaries(page)
    assert summary.startswith("1 × offset repaired:")
    nothing = html.document_fromstring(report_page(ConversionReport(), project))
    assert "Nothing was set aside." in nothing.text_content()

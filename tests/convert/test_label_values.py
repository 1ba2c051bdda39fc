"""What a document label isn't: the negatives in ``doc.cats``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import spacy
from nested import LEGEND
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_tagtog.anndoc import Annotations, Document, Project, html_from_text, write_project
from spacy_tagtog.convert import AnndocCorpus
from spacy_tagtog.steps import convert, convert_back


def labelled(number: int, metas: dict[str, Any], *, complete: bool = True) -> Document:
    html = html_from_text(f"Text number {number}.", filename=f"{number}.txt")
    data = {
        "annotatable": {"parts": ["s1v1"]},
        "anncomplete": complete,
        "sources": [],
        "metas": {key: {"value": value, "confidence": {}} for key, value in metas.items()},
        "entities": [],
        "relations": [],
    }
    return Document(str(html.id), html, {"master": Annotations(data)}, legend=LEGEND)


def cats_of(path: Path, nlp: Language, **settings: Any) -> list[dict[str, float]]:
    docs = AnndocCorpus(path, **settings).docs(nlp)
    return sorted((dict(doc.cats) for doc in docs), key=lambda cats: sorted(cats.items()))


def test_other_values_are_not_and_what_nobody_set_is_unknown(tmp_path: Path, nlp: Language) -> None:
    documents = [
        labelled(1, {"m_1": "sport"}),
        labelled(2, {"m_1": "trade", "m_2": False}),
        labelled(3, {"m_2": True}),
        labelled(4, {}),
        labelled(5, {"m_1": "art"}, complete=False),  # a value is one wherever it stands
    ]
    write_project(documents, tmp_path / "p", legend=LEGEND)
    expected = [
        {},
        {"Topic=art": 0.0, "Topic=sport": 0.0, "Topic=trade": 1.0, "urgent": 0.0},
        {"Topic=art": 0.0, "Topic=sport": 1.0, "Topic=trade": 0.0},
        {"urgent": 1.0},
    ]
    assert cats_of(tmp_path / "p", nlp) == sorted(expected, key=lambda cats: sorted(cats.items()))
    # The other way in, and the way back.
    for processes in (1, 2):
        convert(tmp_path / "p", tmp_path / f"docs{processes}.spacy", documents="all", n_process=processes)
    one, two = (
        [dict(doc.cats) for doc in DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)]
        for path in (tmp_path / "docs1.spacy", tmp_path / "docs2.spacy")
    )
    assert one == two
    assert {"Topic=art": 1.0, "Topic=sport": 0.0, "Topic=trade": 0.0} in one
    convert_back(tmp_path / "docs1.spacy", tmp_path / "back")
    before, after = Project.open(tmp_path / "p"), Project.open(tmp_path / "back")
    assert all(after[doc_id].annotations.data == before[doc_id].annotations.data for doc_id in before.ids)


def test_both_sides_of_a_split_know_all_values(tmp_path: Path, nlp: Language) -> None:
    documents = [labelled(number, {"m_1": "trade" if number else "sport"}) for number in range(12)]
    write_project(documents, tmp_path / "p", legend=LEGEND)
    for side in ("train", "dev"):
        found = cats_of(tmp_path / "p", nlp, split="dev=0.5", side=side)
        assert found
        assert all(cats.keys() == {"Topic=sport", "Topic=trade"} for cats in found)


def test_free_text_has_no_other_values(tmp_path: Path, nlp: Language) -> None:
    documents = [labelled(number, {"m_1": f"remark {number}"}) for number in range(11)]
    write_project(documents, tmp_path / "p", legend=LEGEND)
    assert all(len(cats) == 1 for cats in cats_of(tmp_path / "p", nlp))
    write_project(documents[:10], tmp_path / "fewer", legend=LEGEND)
    assert all(len(cats) == 10 for cats in cats_of(tmp_path / "fewer", nlp))

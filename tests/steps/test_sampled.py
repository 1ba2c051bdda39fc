"""Documents that chance chose, by their rankings."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import E
from reviews import note, write_review
from spacy.language import Language

from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.errors import SelectionError
from spacy_tagtog.steps._sampled import only_sampled


def test_docs_that_do_not_know_their_document(tmp_path: Path, nlp: Language) -> None:
    _, _, ranking = write_review(tmp_path)
    with pytest.raises(SelectionError) as caught:
        list(only_sampled([nlp("Vega")], [ranking]))
    assert "doesn't know its document" in str(caught.value)
    docs = [document_to_doc(note(i, E(1, 0, 4)), nlp) for i in range(6)]
    assert [doc._.anndoc_id for doc in only_sampled(docs, [ranking])] == [note(i).id for i in (0, 1, 3)]
    assert list(only_sampled(docs, [])) == docs

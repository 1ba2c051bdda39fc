"""The documents that chance chose for review, for changes, evaluate and calibrate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from spacy.tokens import Doc

from spacy_tagtog._plural import counted
from spacy_tagtog.errors import SelectionError, setting
from spacy_tagtog.selection.ranking import read_ranking, sampled_documents


def read_sampled(paths: Sequence[Path | str]) -> dict[str, str]:
    """The documents that chance chose: id to fingerprint of the content.

    Args:
        paths: Files that :func:`spacy_tagtog.steps.rank` wrote, the earliest first.

    Raises:
        SelectionError: A ranking can't be read.
    """
    return sampled_documents([read_ranking(Path(path)) for path in paths])


def only_sampled(docs: Iterable[Doc], paths: Sequence[Path | str]) -> Iterator[Doc]:
    """Of reviewed Docs, those of documents that chance chose; all where no ranking is given.

    Args:
        docs: The reviewed Docs.
        paths: Files that :func:`spacy_tagtog.steps.rank` wrote, the earliest first.

    Raises:
        SelectionError: A ranking can't be read, a Doc doesn't know its document, or none of them was chosen
            by chance.
    """
    if not paths:
        yield from docs
        return
    sampled = read_sampled(paths)
    found = number = 0
    for doc in docs:
        number += 1
        if not doc._.anndoc_id:
            raise SelectionError(
                "a Doc doesn't know its document, so nobody knows whether chance chose it",
                value=doc.text[:40],
                legal="Docs that spacy-tagtog convert wrote, or a tagtog project",
            )
        if doc._.anndoc_id in sampled:
            found += 1
            yield doc
    if not found:
        raise SelectionError(
            "none of the reviewed documents was chosen by chance",
            place=", ".join(map(str, paths)),
            value=f"{counted(number, 'reviewed document')}, {len(sampled)} that chance chose",
            legal="documents of these rankings that people reviewed",
            advice="have the documents of the first batches reviewed; "
            f"rank with a greater {setting('random_share')} to have more of them chosen by chance",
        )

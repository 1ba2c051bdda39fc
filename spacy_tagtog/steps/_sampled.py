"""The documents that chance chose for review, or drew to be blind, for changes, evaluate and calibrate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from spacy.tokens import Doc

from spacy_tagtog._plural import counted
from spacy_tagtog.errors import ArgumentError, SelectionError, setting
from spacy_tagtog.selection.blind import read_blind
from spacy_tagtog.selection.ranking import read_ranking, sampled_documents


def read_sampled(paths: Sequence[Path | str]) -> dict[str, str]:
    """The documents that chance chose: id to fingerprint of the content.

    Args:
        paths: Files that :func:`spacy_tagtog.steps.rank` wrote, the earliest first.

    Raises:
        SelectionError: A ranking can't be read.
    """
    return sampled_documents([read_ranking(Path(path)) for path in paths])


def read_all_blind(paths: Sequence[Path | str]) -> dict[str, str]:
    """The documents that people annotate without pre-annotations: id to fingerprint of the content.

    Args:
        paths: Files of rankings, the earliest first.

    Raises:
        SelectionError: A list of blind documents can't be read.
    """
    return {doc_id: content for path in paths for doc_id, content in read_blind(Path(path)).items()}


def only_sampled(
    docs: Iterable[Doc], paths: Sequence[Path | str], *, only_blind: bool = False
) -> Iterator[Doc]:
    """Of reviewed Docs, those of documents that chance chose; all where no ranking is given.

    Args:
        docs: The reviewed Docs.
        paths: Files that :func:`spacy_tagtog.steps.rank` wrote, the earliest first.
        only_blind: Take the documents that people annotated without pre-annotations instead.

    Raises:
        ArgumentError: Blind documents are asked for without a ranking.
        SelectionError: A ranking can't be read, a Doc doesn't know its document, or none of them was chosen
            by chance.
    """
    if only_blind and not paths:
        raise ArgumentError(
            "which documents are blind stands beside a ranking, and there is none",
            legal=f"{setting('only_blind')} with {setting('ranking')}",
        )
    if not paths:
        yield from docs
        return
    sampled = read_all_blind(paths) if only_blind else read_sampled(paths)
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
    if found:
        return
    reviewed = counted(number, "reviewed document")
    if only_blind:
        raise SelectionError(
            "none of the reviewed documents was annotated blind",
            place=", ".join(map(str, paths)),
            value=f"{reviewed}, {len(sampled)} that were sent blind",
            legal="documents that were sent blind and that people reviewed",
            advice=f"push with {setting('blind_share', 0.1)}, and have more documents reviewed",
        )
    raise SelectionError(
        "none of the reviewed documents was chosen by chance",
        place=", ".join(map(str, paths)),
        value=f"{reviewed}, {len(sampled)} that chance chose",
        legal="documents of these rankings that people reviewed",
        advice="have the documents of the first batches reviewed; "
        f"rank with a greater {setting('random_share')} to have more of them chosen by chance",
    )

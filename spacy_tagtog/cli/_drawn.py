"""What ``changes``, ``evaluate`` and ``calibrate`` share: the documents that chance chose for a ranking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted

if TYPE_CHECKING:
    from spacy.tokens import Doc

RankingOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--ranking",
        help="Of what spacy-tagtog rank wrote, the documents that chance chose (repeat for several rankings, the earliest first).",
        show_default=False,
    ),
]


def drawn_documents(paths: Sequence[Path]) -> dict[str, str]:
    """The documents that chance chose: id to fingerprint of the content.

    Raises:
        SelectionError: A ranking can't be read.
    """
    from spacy_tagtog.selection.ranking import read_ranking, sampled_documents

    return sampled_documents([read_ranking(path) for path in paths])


def only_drawn(docs: Iterable[Doc], paths: Sequence[Path]) -> Iterator[Doc]:
    """Of reviewed Docs, those of documents that chance chose; all where no ranking is given.

    Raises:
        SelectionError: A ranking can't be read, a Doc doesn't know its document, or none of them is one.
    """
    from spacy_tagtog.errors import SelectionError

    if not paths:
        yield from docs
        return
    drawn = drawn_documents(paths)
    found = number = 0
    for doc in docs:
        number += 1
        if not doc._.anndoc_id:
            raise SelectionError(
                "a Doc doesn't know its document, so nobody knows whether chance chose it",
                value=doc.text[:40],
                legal="Docs that spacy-tagtog convert wrote, or a tagtog project",
            )
        if doc._.anndoc_id in drawn:
            found += 1
            yield doc
    if not found:
        raise SelectionError(
            "none of the reviewed documents was chosen by chance",
            place=", ".join(map(str, paths)),
            value=f"{counted(number, 'reviewed document')}, {len(drawn)} that chance chose",
            legal="documents of these rankings that people reviewed",
            advice="have the documents of the first batches reviewed; a greater --random-share of rank draws more",
        )

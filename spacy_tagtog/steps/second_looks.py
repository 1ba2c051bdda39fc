"""Find the places where people's annotations are probably wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spacy_tagtog._files import json_text, write_atomic
from spacy_tagtog._plural import counted
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.errors import ArgumentError, setting
from spacy_tagtog.pipeline.loading import load_pipeline
from spacy_tagtog.selection.second_looks import Suspect, find_suspects
from spacy_tagtog.steps._corpora import open_corpus

_DOCUMENTS: Final = 20  # addresses and queries have a length


@dataclass(frozen=True)
class SecondLooks:
    """What somebody should look at again.

    Attributes:
        documents: How many documents were looked at.
        suspects: The places, the surest first.
    """

    documents: int
    suspects: Sequence[Suspect]

    @property
    def kinds(self) -> Counter[str]:
        """How many places there are of each kind."""
        return Counter(one.kind for one in self.suspects)

    @property
    def search(self) -> str:
        """A tagtog search that finds the documents with the surest places, at most 20."""
        ids = list(dict.fromkeys(one.document for one in self.suspects if one.document))
        return " OR ".join(f'docid:"{doc_id}"' for doc_id in ids[:_DOCUMENTS])

    def to_json(self) -> dict[str, Any]:
        """All places as a JSON object."""
        return {
            "documents": self.documents,
            "kinds": dict(self.kinds),
            "suspects": [one.to_json() for one in self.suspects],
        }


def second_looks(
    pipeline: Path | str,
    reviewed: Sequence[Path | str],
    output: Path | str | None = None,
    *,
    folds: int = 5,
    seed: int = 0,
    member: str = "master",
    on_problem: str = "error",
    progress: Progress = silent,
) -> SecondLooks:
    """Find the places where people's annotations are probably wrong, the surest first.

    Pipelines like this one are trained on the folds: with a seed model that takes seconds.

    Args:
        pipeline: A calibrated pipeline: a folder or a package's name.
        reviewed: What people annotated: ``.spacy`` files, folders of them, or projects.
        output: Write all places to this JSON file.
        folds: From 2.
        seed: Of the order in which documents are dealt out.
        member: Whose annotations of a project.
        on_problem: Faults of a project's data: ``error``, or ``report`` to leave them out.
        progress: Shows how many folds are trained.

    Raises:
        ArgumentError: ``folds`` is out of range.
        EvaluationError: There are fewer documents with annotations than folds.
        PipelineError: The pipeline gives no probabilities of entities, or can't be trained again.
        SpacyTagtogError: The pipeline or the documents can't be read.
    """
    if folds < 2:
        raise ArgumentError(f"{setting('folds')} is out of range", value=folds, legal="2 or more")
    nlp = load_pipeline(pipeline)
    docs = [
        doc for path in reviewed for doc in open_corpus(path, member=member, on_problem=on_problem).docs(nlp)
    ]
    found = SecondLooks(len(docs), find_suspects(nlp, docs, folds=folds, seed=seed, progress=progress))
    if output is not None:
        write_atomic(Path(output), json_text(found.to_json()))
    return found


def said(looks: SecondLooks) -> str:
    """What was found, in words."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(looks.kinds.items()))
    places = counted(len(looks.suspects), "place")
    return f"{places} in {counted(looks.documents, 'document')}{f' ({kinds})' if kinds else ''}"

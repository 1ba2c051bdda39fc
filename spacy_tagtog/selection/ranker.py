"""Ranking documents: a pipeline looks at them, a strategy puts them into order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import JsonValue
from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import MASTER, Document
from spacy_tagtog.anndoc.fingerprints import content_fingerprint, text_fingerprint
from spacy_tagtog.errors import SelectionError, setting
from spacy_tagtog.pipeline.annotate import assemble_open_parts
from spacy_tagtog.pipeline.calibration.scoring import confidence_components
from spacy_tagtog.pipeline.labels import LabelConfidence
from spacy_tagtog.selection.batches import DEFAULT_BATCH, DEFAULT_RANDOM_SHARE, BatchChoice, rank_candidates
from spacy_tagtog.selection.candidates import (
    Candidate,
    ReviewedDocument,
    make_candidates,
    only_labels,
    reviewed_document,
)
from spacy_tagtog.selection.ranking import RankedDocument, Ranking, SampledDocument
from spacy_tagtog.selection.strategies import (
    DEFAULT_STRATEGY,
    Strategy,
    effective_settings,
    full_name,
    make_strategy,
)


def merge_reviewed(documents: Iterable[ReviewedDocument]) -> list[ReviewedDocument]:
    """One per document, in the order of their ids.

    Several Docs may have been made of one document: of its parts, or of the versions of several members.
    """
    merged: dict[str, ReviewedDocument] = {}
    for one in documents:
        known = merged.get(one.id)
        if known is None:
            merged[one.id] = one
        elif known.words != one.words:
            labels = {
                label: known.labels.get(label, 0) + one.labels.get(label, 0)
                for label in (*known.labels, *one.labels)
            }
            merged[one.id] = ReviewedDocument(one.id, known.words + one.words, labels)
    return [merged[doc_id] for doc_id in sorted(merged)]


def reviewed_of(docs: Iterable[Doc]) -> Iterator[ReviewedDocument]:
    """What strategies may know of gold Docs. A Doc without a document id is identified by its text."""
    for doc in docs:
        yield reviewed_document(doc, str(doc._.anndoc_id or text_fingerprint(doc.text)))


def is_calibrated(nlp: Language, spans_key: str | None = None) -> bool:
    """Whether the probabilities behind a ranking are calibrated.

    Args:
        nlp: The pipeline.
        spans_key: The span group with the entities; ``None`` for that of the pipeline's own component.
    """
    components = confidence_components(nlp).values()
    if spans_key is None and only_labels(nlp):
        chosen = [one.calibration for one in components if isinstance(one, LabelConfidence)]
    else:
        chosen = [
            one.calibration
            for one in components
            if not isinstance(one, LabelConfidence) and spans_key in (None, one.spans_key)
        ]
    return bool(chosen) and all(calibration is not None for calibration in chosen)


def rank_documents(
    nlp: Language,
    documents: Callable[[], Iterable[Document]],
    number: int,
    reviewed: Sequence[ReviewedDocument] = (),
    *,
    pipeline: str | None = None,
    strategy: str = DEFAULT_STRATEGY,
    settings: Mapping[str, Any] | None = None,
    top: int = 0,
    batch_size: int = DEFAULT_BATCH,
    random_share: float = DEFAULT_RANDOM_SHARE,
    seed: int = 0,
    member: str = MASTER,
    spans_key: str | None = None,
    n_process: int = 1,
    sampled_before: Sequence[SampledDocument] = (),
    progress: Progress = silent,
) -> Ranking:
    """Put documents into the order in which people should review them.

    The same documents, pipeline, settings and seed give the same order, in whatever order the documents come.

    Args:
        nlp: The pipeline. If the strategy needs no predictions, only its tokenizer is used.
        documents: Gives the unreviewed documents in the order of their ids. Their annotations are not looked
            at.
        number: How many they are.
        reviewed: The documents that people reviewed, see :func:`merge_reviewed`.
        pipeline: The name of the pipeline; ``None`` if ``nlp`` is only a tokenizer. Then a ``schedule`` ends
            with its first stage.
        strategy: Its registered name, or a short one.
        settings: Arguments of its factory.
        top: Rank at most this many documents; 0 ranks all.
        batch_size: Documents per batch.
        random_share: In [0, 1], the expected share of each batch that is sampled at random.
        seed: Of everything random.
        member: Whose version says which parts are open to annotators.
        spans_key: A span group with scores, such as that of a ``spancat``, to take entities from.
        n_process: Processes.
        sampled_before: Kept in the ranking.
        progress: Wraps the documents while they are ranked.

    Raises:
        ConfigurationError: There is no such strategy, or a setting is out of range.
        PipelineError: The pipeline predicts nothing with a probability.
        SelectionError: The strategy needs predictions and there is no pipeline, or it broke its promise.
    """
    chooser = make_strategy(strategy, settings)
    wanted, predict = _plan(
        chooser, strategy, len(reviewed), min(top or number, number), batch_size, pipeline
    )
    seen: dict[str, _Seen] = {}

    def docs() -> Iterator[tuple[str, Doc]]:
        for document in documents():
            assembled = assemble_open_parts(nlp, document, document.version(member))
            seen[document.id] = _Seen(content_fingerprint(document), assembled.parts)
            yield document.id, assembled.doc

    candidates = list(make_candidates(nlp, docs(), predict=predict, spans_key=spans_key, n_process=n_process))
    order = rank_candidates(
        candidates, chooser, reviewed, top=wanted, batch_size=batch_size, random_share=random_share, seed=seed
    )
    return Ranking(
        full_name(strategy),
        _plain(effective_settings(strategy, settings), chooser),
        seed,
        batch_size,
        random_share,
        pipeline,
        None if pipeline is None else is_calibrated(nlp, spans_key),
        len(reviewed),
        len(candidates),
        [
            _ranked(rank, candidate, batch, choice, seen[candidate.id], chooser)
            for rank, (candidate, batch, choice) in enumerate(progress(order, wanted), 1)
        ],
        list(sampled_before),
    )


def _plan(
    chooser: Strategy, name: str, reviewed: int, wanted: int, batch_size: int, pipeline: str | None
) -> tuple[int, bool]:
    """How many documents can be ranked, and whether they need predictions.

    Raises:
        SelectionError: The first batch needs predictions and there is no pipeline.
    """
    needed = [
        chooser.needs_predictions(reviewed + done) for done in range(0, max(1, wanted), max(1, batch_size))
    ]
    if pipeline is None and wanted and any(needed):
        if needed[0]:
            raise SelectionError(
                "the strategy needs what a pipeline predicts",
                value=name,
                legal="without a pipeline: random, cluster, or schedule in its first stage",
                advice=f"give a pipeline ({setting('pipeline', 'training/model-calibrated')}), "
                f"or another strategy ({setting('strategy', 'cluster')})",
            )
        wanted = needed.index(True) * batch_size
    return wanted, pipeline is not None and any(needed)


class _Seen(NamedTuple):
    """What is kept of a document while it is ranked.

    Attributes:
        content: Fingerprint of its content.
        parts: Of each open part its id, its first character in the Doc and one past its last.
    """

    content: str
    parts: tuple[tuple[str, int, int], ...]


def _ranked(
    rank: int, candidate: Candidate, batch: int, choice: BatchChoice, seen: _Seen, strategy: Strategy
) -> RankedDocument:
    why = _plain(choice.pick.why, strategy)
    doubtful: list[JsonValue] = []
    missed: list[JsonValue] = []
    for doubt in candidate.doubts:
        said: dict[str, JsonValue] = {"text": doubt.text, "probability": doubt.probability}
        for part, start, end in seen.parts:
            if start <= doubt.start and doubt.end <= end:
                said |= {"part": part, "start": doubt.start - start, "end": doubt.end - start}
        if doubt.label:
            doubtful.append({**said, "label": doubt.label})
        else:
            missed.append(said)
    if doubtful:
        why["doubtful"] = doubtful
    if missed:
        why["maybe_missed"] = missed
    return RankedDocument(
        candidate.id, rank, batch, float(choice.pick.score), choice.random, seen.content, why
    )


def _plain(values: Mapping[str, Any], strategy: Strategy) -> dict[str, JsonValue]:
    """Numbers and words as JSON has them: plugins may give numpy's numbers."""
    plain = {
        str(key): value.item() if isinstance(value, np.generic) else value for key, value in values.items()
    }
    try:
        json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SelectionError(
            f"the strategy's explanation can't be stored: {error}",
            place=type(strategy).__name__,
            value=plain,
            legal="finite numbers and words",
            advice="correct the strategy, see docs/active-learning.md",
        ) from error
    return plain

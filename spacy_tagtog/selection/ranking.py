"""The order in which people should review documents: made, kept in a file with every reason, and read again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError, with_config
from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog._files import write_atomic
from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import MASTER, Document, Project
from spacy_tagtog.errors import SelectionError
from spacy_tagtog.pipeline.annotate import assemble_open_parts
from spacy_tagtog.pipeline.calibration.scoring import confidence_components
from spacy_tagtog.pipeline.fingerprints import fingerprint
from spacy_tagtog.pipeline.labels import LabelConfidence
from spacy_tagtog.selection.batches import DEFAULT_BATCH, DEFAULT_RANDOM_SHARE, Choice, rank_candidates
from spacy_tagtog.selection.candidates import (
    Candidate,
    ReviewedDocument,
    make_candidates,
    only_labels,
    reviewed_document,
)
from spacy_tagtog.selection.strategies import (
    DEFAULT_STRATEGY,
    Strategy,
    effective_settings,
    full_name,
    make_strategy,
)

_VERSION: Final = 1
_MAX_NAMED: Final = 5
_STRICT: Final = ConfigDict(extra="forbid", strict=True)


@with_config(_STRICT)
@dataclass(frozen=True)
class RankedDocument:
    """A document and its place.

    Attributes:
        id: The document's id.
        rank: Its place, from 1.
        batch: The number of its batch, from 1.
        score: What it was chosen by; greater is better, comparable within a batch only. 0 where chance chose it.
        random: Whether chance chose it, see :class:`~spacy_tagtog.selection.batches.Choice`.
        content: Fingerprint of its content, see :func:`content_fingerprint`.
        why: What explains the score: the strategy's numbers, ``doubtful`` predictions and words where an entity is ``maybe_missed``.
    """

    id: str
    rank: int
    batch: int
    score: float
    random: bool
    content: str
    why: dict[str, JsonValue]


@with_config(_STRICT)
@dataclass(frozen=True)
class DrawnDocument:
    """A document that chance chose for an earlier ranking, and that wasn't waiting any more for the next one: people have reviewed it.

    Attributes:
        id: The document's id.
        content: Fingerprint of its content.
    """

    id: str
    content: str


@with_config(_STRICT)
@dataclass(frozen=True)
class Ranking:
    """Documents in the order in which people should review them, and how it was found.

    Attributes:
        version: Of the format.
        strategy: The registered name of the strategy.
        settings: All of its settings.
        seed: Of everything random.
        batch_size: Documents a batch.
        random_share: The expected share of each batch that chance chose.
        pipeline: The pipeline that looked at the documents, as it was named; ``None`` where none did.
        calibrated: Whether its probabilities are calibrated; ``None`` without one.
        reviewed: How many documents people had reviewed.
        unreviewed: How many documents were to be ranked; there are fewer in ``documents`` where only the first were asked for.
        documents: The documents, first things first.
        drawn_before: See :class:`DrawnDocument`.
    """

    strategy: str
    settings: dict[str, JsonValue]
    seed: int
    batch_size: int
    random_share: float
    pipeline: str | None
    calibrated: bool | None
    reviewed: int
    unreviewed: int
    documents: list[RankedDocument] = field(default_factory=list)
    drawn_before: list[DrawnDocument] = field(default_factory=list)
    version: int = _VERSION

    @property
    def ids(self) -> list[str]:
        """The ids of the documents, in order."""
        return [document.id for document in self.documents]

    @property
    def drawn(self) -> dict[str, str]:
        """The documents that chance chose, of this ranking and of those before it: id to fingerprint of the content."""
        before = {one.id: one.content for one in self.drawn_before}
        return {**before, **{one.id: one.content for one in self.documents if one.random}}

    def to_json(self) -> dict[str, Any]:
        """The ranking as a JSON object."""
        return {
            "version": self.version,
            **{key: value for key, value in asdict(self).items() if key != "version"},
        }


_RANKING: TypeAdapter[Ranking] = TypeAdapter(Ranking)


def content_fingerprint(document: Document) -> str:
    """What tells contents apart: the ids and texts of all parts."""
    return fingerprint("\0".join(f"{part.id}\0{part.text}" for part in document))


def write_ranking(path: Path, ranking: Ranking) -> None:
    """Write a ranking as JSON.

    Raises:
        WriteError: The file system refuses.
    """
    write_atomic(path, json.dumps(ranking.to_json(), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def read_ranking(path: Path) -> Ranking:
    """Read a ranking.

    Raises:
        SelectionError: There is none, it can't be read, or another version of this package wrote it.
    """
    advice = "rank the documents again: spacy-tagtog rank"
    try:
        content = path.read_bytes()
        data = json.loads(content)
    except FileNotFoundError as error:
        raise SelectionError(
            "there is no such ranking", place=path, legal="a file that spacy-tagtog rank wrote", advice=advice
        ) from error
    except OSError as error:
        raise SelectionError(
            f"a ranking can't be read: {error.strerror}",
            place=path,
            advice="check the path and the permissions",
        ) from error
    except (ValueError, RecursionError) as error:
        raise SelectionError(
            f"a ranking can't be read: it isn't JSON: {error}", place=path, advice=advice
        ) from error
    version = data.get("version") if isinstance(data, dict) else None
    if version != _VERSION or isinstance(version, bool):
        raise SelectionError(
            "this is no ranking, or one of another version of spacy-tagtog",
            place=path,
            value=version,
            legal=f'"version": {_VERSION}',
            advice=advice,
        )
    try:
        ranking = _RANKING.validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"]).lstrip(
            "."
        )
        value = {} if first["type"] == "missing" else {"value": first["input"]}
        raise SelectionError(
            "a ranking can't be read", place=f"{path}: {place}", legal=first["msg"], advice=advice, **value
        ) from error
    _check(ranking, path)
    return ranking


def _check(ranking: Ranking, path: Path) -> None:
    """What types don't say."""
    seen: set[str] = set()
    for number, document in enumerate(ranking.documents, 1):
        wrong = (
            ("rank", document.rank, f"{number}: the documents stand in order")
            if document.rank != number
            else ("id", document.id, "each document once")
            if document.id in seen
            else ("score", document.score, "a finite number")
            if not math.isfinite(document.score)
            else None
        )
        if wrong is not None:
            what, value, legal = wrong
            raise SelectionError(
                "a ranking contradicts itself",
                place=f"{path}: documents[{number - 1}].{what}",
                value=value,
                legal=legal,
                advice="rank the documents again: spacy-tagtog rank",
            )
        seen.add(document.id)


def drawn_by_chance(rankings: Iterable[Ranking]) -> dict[str, str]:
    """The documents that chance chose, by several rankings: id to fingerprint of the content.

    The latest ranking that has a document decides: who reviewed it followed that one. Where an earlier one had drawn it for a batch that nobody got
    to, and a later one chose it by its strategy, it is no fair sample.

    Args:
        rankings: The earliest first.
    """
    drawn: dict[str, str] = {}
    for ranking in rankings:
        for one in ranking.documents:
            drawn.pop(one.id, None)
        drawn.update(ranking.drawn)
    return drawn


@dataclass(frozen=True)
class Queue:
    """The documents of a project in the order of a ranking.

    Attributes:
        project: The documents that people should see, first things first.
        places: The place of each that has one in the ranking.
        later: Documents that stand after the first so many that were asked for.
        unranked: Documents that are not in the ranking. Where all are asked for, they come last.
        missing: Documents of the ranking, as far as it was asked for, that the project doesn't have.
    """

    project: Project
    places: Mapping[str, RankedDocument]
    later: list[str]
    unranked: list[str]
    missing: list[str]


def queue_of(project: Project, ranking: Ranking, top: int = 0) -> Queue:
    """Put the documents of a project into the order of a ranking.

    Args:
        project: The documents.
        ranking: Their order.
        top: Only the first so many of the ranking; 0 for all documents.

    Raises:
        SelectionError: The ranking is of other documents, or a document has changed since.
        AnndocError: A document can't be read.
    """
    wanted = ranking.documents[:top] if top else ranking.documents
    ids = [one.id for one in wanted if one.id in project]
    if len(project) and ranking.documents and not any(doc_id in project for doc_id in ranking.ids):
        raise SelectionError(
            "the ranking is of other documents",
            place=project.place,
            value=f"{counted(len(ranking.documents), 'document')} ranked, {counted(len(project), 'document')} here, none in both",
            legal="a ranking of these documents",
            advice="rank these documents: spacy-tagtog rank",
        )
    places = {one.id: one for one in wanted}
    changed = [doc_id for doc_id in ids if content_fingerprint(project[doc_id]) != places[doc_id].content]
    if changed:
        raise SelectionError(
            counted(
                len(changed),
                "document has changed since it was ranked",
                "documents have changed since they were ranked",
            ),
            place=project.place,
            value=", ".join(changed[:_MAX_NAMED]) + (" …" if len(changed) > _MAX_NAMED else ""),
            legal="the contents that were ranked",
            advice="rank the documents again: spacy-tagtog rank",
        )
    ranked = set(ranking.ids)
    unranked = [doc_id for doc_id in project.ids if doc_id not in ranked]
    return Queue(
        project.arrange(ids if top else [*ids, *unranked]),
        places,
        [one.id for one in ranking.documents[len(wanted) :] if one.id in project],
        unranked,
        [one.id for one in wanted if one.id not in project],
    )


def merge_reviewed(documents: Iterable[ReviewedDocument]) -> list[ReviewedDocument]:
    """One for each document, where several Docs were made of one (its parts, or the versions of several members), in the order of their ids."""
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
    """What strategies may know of gold Docs; one that doesn't know its document is known by its text."""
    for doc in docs:
        yield reviewed_document(doc, str(doc._.anndoc_id or fingerprint(doc.text)))


def is_calibrated(nlp: Language, spans_key: str | None = None) -> bool:
    """Whether the probabilities that a ranking goes by are calibrated.

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
    drawn_before: Sequence[DrawnDocument] = (),
    progress: Callable[[int], None] | None = None,
) -> Ranking:
    """Put documents into the order in which people should review them.

    The same documents, pipeline, settings and seed give the same order, whatever the order in which the documents come.

    Args:
        nlp: The pipeline; only its tokenizer is used where the strategy needs no predictions.
        documents: Gives the documents that nobody reviewed yet, in the order of their ids. What is annotated in them is not looked at.
        number: How many they are.
        reviewed: The documents that people reviewed, see :func:`merge_reviewed`.
        pipeline: The name of the pipeline; ``None`` where ``nlp`` is nothing but a tokenizer. Then a ``schedule`` ends with its first stage.
        strategy: Its registered name, or a short one.
        settings: Arguments of its factory.
        top: Rank only the first so many; 0 ranks all.
        batch_size: Documents a batch.
        random_share: In [0, 1], the expected share of each batch that chance chooses.
        seed: Of everything random.
        member: Whose version says which parts are open to annotators.
        spans_key: A span group with scores, such as that of a ``spancat``, to take entities from.
        n_process: Processes.
        drawn_before: Kept in the ranking.
        progress: Called with the number of documents after each batch.

    Raises:
        ConfigurationError: There is no such strategy, or a setting is out of range.
        PipelineError: The pipeline predicts nothing with a probability.
        SelectionError: The strategy needs predictions and there is no pipeline, or it broke its promise.
    """
    chooser = make_strategy(strategy, settings)
    wanted = min(top or number, number)
    needed = [
        chooser.needs_predictions(len(reviewed) + done)
        for done in range(0, max(1, wanted), max(1, batch_size))
    ]
    if pipeline is None and number and any(needed):
        if needed[0]:
            raise SelectionError(
                "the strategy needs what a pipeline predicts",
                value=strategy,
                legal="without a pipeline: random, cluster, or schedule in its first stage",
                advice="give a pipeline (--pipeline training/model-calibrated), or another strategy (--strategy cluster)",
            )
        wanted = needed.index(True) * batch_size
    predict = pipeline is not None and any(needed)
    contents: dict[str, str] = {}

    def docs() -> Iterator[tuple[str, Doc]]:
        for document in documents():
            contents[document.id] = content_fingerprint(document)
            yield document.id, assemble_open_parts(nlp, document, document.version(member)).doc

    candidates = list(make_candidates(nlp, docs(), predict=predict, spans_key=spans_key, n_process=n_process))
    calibrated = None if pipeline is None else is_calibrated(nlp, spans_key)
    order = rank_candidates(
        candidates,
        chooser,
        reviewed,
        top=wanted,
        batch_size=batch_size,
        random_share=random_share,
        seed=seed,
        progress=progress,
    )
    ranked = [
        RankedDocument(
            candidate.id,
            rank,
            batch,
            float(choice.pick.score),
            choice.random,
            contents[candidate.id],
            _why(candidate, choice, chooser),
        )
        for rank, (candidate, batch, choice) in enumerate(order, 1)
    ]
    return Ranking(
        full_name(strategy),
        _plain(effective_settings(strategy, settings), chooser),
        seed,
        batch_size,
        random_share,
        pipeline,
        calibrated,
        len(reviewed),
        len(candidates),
        ranked,
        list(drawn_before),
    )


def _why(candidate: Candidate, choice: Choice, strategy: Strategy) -> dict[str, JsonValue]:
    why = _plain(choice.pick.why, strategy)
    doubtful: list[JsonValue] = [one._asdict() for one in candidate.doubts if one.label]
    missed: list[JsonValue] = [
        {"text": one.text, "probability": one.probability} for one in candidate.doubts if not one.label
    ]
    return {
        **why,
        **({"doubtful": doubtful} if doubtful else {}),
        **({"maybe_missed": missed} if missed else {}),
    }


def _plain(values: Mapping[str, Any], strategy: Strategy) -> dict[str, JsonValue]:
    """Numbers and words as JSON has them: strategies are anybody's, and may give numpy's numbers."""
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

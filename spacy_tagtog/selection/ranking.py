"""A ranking: documents in the order in which people should review them, with every reason, kept in a file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError, with_config

from spacy_tagtog._files import write_atomic
from spacy_tagtog.errors import SelectionError

_VERSION: Final = 1
_ADVICE: Final = "rank the documents again: spacy-tagtog rank"
_STRICT: Final = ConfigDict(extra="forbid", strict=True)


@with_config(_STRICT)
@dataclass(frozen=True)
class RankedDocument:
    """A document and its place.

    Attributes:
        id: The document's id.
        rank: Its place, from 1.
        batch: The number of its batch, from 1.
        score: What it was chosen by; greater is better, comparable within a batch only. 0 if it was sampled.
        random: Whether it was sampled at random, see :class:`~spacy_tagtog.selection.batches.BatchChoice`.
        content: Fingerprint of its content, see
            :func:`~spacy_tagtog.anndoc.fingerprints.content_fingerprint`.
        why: What explains the score: the strategy's numbers, ``doubtful`` predictions, and words where an
            entity is ``maybe_missed``.
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
class SampledDocument:
    """A document of the random sample of an earlier ranking that people have reviewed since.

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
        batch_size: Documents per batch.
        random_share: The expected share of each batch that was sampled at random.
        pipeline: The pipeline that looked at the documents, as it was named; ``None`` where none did.
        calibrated: Whether its probabilities are calibrated; ``None`` without one.
        reviewed: How many documents people had reviewed.
        unreviewed: How many documents were to be ranked. ``documents`` has fewer if only the first were asked
            for.
        documents: The documents, the most useful first.
        sampled_before: See :class:`SampledDocument`.
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
    sampled_before: list[SampledDocument] = field(default_factory=list)
    version: int = _VERSION

    @property
    def ids(self) -> list[str]:
        """The ids of the documents, in order."""
        return [document.id for document in self.documents]

    @property
    def sampled(self) -> dict[str, str]:
        """The random sample of this ranking and of those before it: id to fingerprint of the content."""
        before = {one.id: one.content for one in self.sampled_before}
        return {**before, **{one.id: one.content for one in self.documents if one.random}}

    def to_json(self) -> dict[str, Any]:
        """The ranking as a JSON object."""
        return {
            "version": self.version,
            **{key: value for key, value in asdict(self).items() if key != "version"},
        }


_RANKING: TypeAdapter[Ranking] = TypeAdapter(Ranking)


def write_ranking(path: Path, ranking: Ranking) -> None:
    """Write a ranking as JSON.

    Raises:
        WriteError: The file system refuses.
    """
    write_atomic(path, json.dumps(ranking.to_json(), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def read_ranking(path: Path) -> Ranking:
    """Read a ranking.

    Raises:
        SelectionError: There is none, or it can't be read.
    """
    try:
        content = path.read_bytes()
        data = json.loads(content)
    except FileNotFoundError as error:
        raise SelectionError(
            "there is no such ranking",
            place=path,
            legal="a file that spacy-tagtog rank wrote",
            advice=_ADVICE,
        ) from error
    except OSError as error:
        raise SelectionError(
            f"a ranking can't be read: {error.strerror}",
            place=path,
            advice="check the path and the permissions",
        ) from error
    except (ValueError, RecursionError) as error:
        raise SelectionError(
            f"a ranking can't be read: it isn't JSON: {error}", place=path, advice=_ADVICE
        ) from error
    version = data.get("version") if isinstance(data, dict) else None
    if version != _VERSION or isinstance(version, bool):
        raise SelectionError(
            "this is no ranking, or one of another version of spacy-tagtog",
            place=path,
            value=version,
            legal=f'"version": {_VERSION}',
            advice=_ADVICE,
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
            "a ranking can't be read", place=f"{path}: {place}", legal=first["msg"], advice=_ADVICE, **value
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
                advice=_ADVICE,
            )
        seen.add(document.id)


def sampled_documents(rankings: Iterable[Ranking]) -> dict[str, str]:
    """The random sample of several rankings: id to fingerprint of the content.

    The latest ranking that has a document decides, since its reviewer followed that one. A document that an
    earlier ranking sampled, and that a later one chose by its strategy, is no longer part of a fair sample.

    Args:
        rankings: The earliest first.
    """
    sampled: dict[str, str] = {}
    for ranking in rankings:
        for one in ranking.documents:
            sampled.pop(one.id, None)
        sampled.update(ranking.sampled)
    return sampled

"""What people decided about each suggestion of a round, kept in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from pydantic import ConfigDict, TypeAdapter, with_config

from spacy_tagtog._files import write_json
from spacy_tagtog.loop.lineage import read_record
from spacy_tagtog.steps.changes import ChangedProject

_VERSION: Final = 1
_STRICT: Final = ConfigDict(extra="forbid", strict=True)
_TEXT: Final = 80


@with_config(_STRICT)
@dataclass(frozen=True)
class Decision:
    """What became of one entity.

    Attributes:
        document: The document's id.
        kind: ``kept``, ``moved``, ``relabelled``, ``relabelled and moved``, ``removed`` or ``added``.
        type: Its type as it was suggested; of an added one, the type that people gave.
        text: Its text then, at most 80 characters.
        now_type: Its type after the review; ``None`` where it was removed.
        now_text: Its text after the review; ``None`` where it was removed.
        prob: The probability of the suggestion; ``None`` of an added one, or where it had none.
        who: Who decided, as far as the entity says so; ``None`` of a removed one.
    """

    document: str
    kind: str
    type: str
    text: str
    now_type: str | None
    now_text: str | None
    prob: float | None
    who: str | None


@with_config(_STRICT)
@dataclass(frozen=True)
class _Decisions:
    decisions: list[Decision] = field(default_factory=list)
    version: int = _VERSION


_FILE: Final = TypeAdapter(_Decisions)


def decisions_of(changed: ChangedProject) -> Iterator[Decision]:
    """All decisions about the documents that people saw with their pre-annotations."""
    for doc_id, changes in changed.suggested.items():
        for change in changes.entities:
            first, now = change.before or change.after, change.after
            assert first is not None  # one of both is there
            yield Decision(
                doc_id,
                change.kind,
                changed.legend.get(first.class_id, first.class_id),
                first.text[:_TEXT],
                None if now is None else changed.legend.get(now.class_id, now.class_id),
                None if now is None else now.text[:_TEXT],
                None if change.before is None else change.before.prob,
                now.who[-1] if now is not None and now.who else None,
            )


def write_decisions(path: Path, changed: ChangedProject) -> None:
    """Keep the decisions of a round.

    Raises:
        WriteError: The file system refuses.
    """
    write_json(path, asdict(_Decisions(list(decisions_of(changed)))))


def read_decisions(path: Path) -> list[Decision]:
    """The decisions of a round; none where people changed nothing.

    Raises:
        LoopError: The file can't be read.
    """
    return list(read_record(path, _FILE).decisions) if path.exists() else []

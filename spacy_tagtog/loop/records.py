"""What each round did, kept in a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final

from pydantic import ConfigDict, JsonValue, TypeAdapter, with_config

STEPS: Final = (
    "fetch",
    "changes",
    "convert",
    "train",
    "calibrate",
    "gate",
    "annotate",
    "rank",
    "push",
)
"""The steps of a round, in order."""

_VERSION: Final = 1
_STRICT: Final = ConfigDict(extra="forbid", strict=True)


@with_config(_STRICT)
@dataclass(frozen=True)
class RoundRecord:
    """What a round did, kept in a file.

    Attributes:
        number: The round's number, from 1.
        began: When, in UTC as ISO 8601.
        settings: The fingerprint of the settings.
        ended: When; ``None`` while it isn't done.
        seconds: Each step that is done, and how long it took.
        model: The model that was trained; ``None`` where nothing was new.
        current: The current model at the round's end.
        confirmed: How many documents were confirmed.
        waiting: How many were to be annotated.
        inputs: The fingerprint of what the model is made from.
        sent_for: The fingerprint of what the pre-annotations are made from.
        results: Step to what it found.
        version: Of the format.
    """

    number: int
    began: str
    settings: str
    ended: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    model: int | None = None
    current: int | None = None
    confirmed: int = 0
    waiting: int = 0
    inputs: str = ""
    sent_for: str = ""
    results: dict[str, JsonValue] = field(default_factory=dict)
    version: int = _VERSION

    @property
    def said(self) -> str:
        """What became of the model, in words."""
        if self.model is None:
            return f"nothing new to learn from: model {self.current} stays"
        gate: Any = self.results["gate"]
        what = "promoted" if gate["promoted"] else f"kept as a candidate, model {self.current} stays"
        return f"model {self.model} {what}: {gate['reason']}"


RECORD: Final = TypeAdapter(RoundRecord)


def now() -> str:
    """The time in UTC, as ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

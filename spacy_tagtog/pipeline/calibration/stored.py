"""What a component learned from reviewed documents, and how it is stored: a JSON file, never a pickle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.calibration.calibrators import LabelCalibrator
from spacy_tagtog.pipeline.calibration.features import FEATURES
from spacy_tagtog.pipeline.calibration.report import CalibrationReport
from spacy_tagtog.pipeline.calibration.training_counts import (
    COUNT_FEATURES,
    StoredCounts,
    TrainingCounts,
)

T = TypeVar("T")

_FILE: Final = "calibration.json"
_VERSION: Final = 1
"""To be raised when the features change: stored weights belong to them by position."""


class _Stored(TypedDict):
    """The file."""

    version: Literal[1]
    predictions: LabelCalibrator
    missed: LabelCalibrator | None
    fingerprints: list[str]
    report: CalibrationReport
    training_counts: StoredCounts | None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read_stored(kind: type[T], data: bytes | str, *, place: object = None) -> T:
    """Read JSON as a dataclass or typed dictionary.

    Args:
        kind: What it should be. Types, ranges and what the parts have to do with each other are checked.
        data: The JSON.
        place: Where it comes from, for the error.

    Raises:
        PipelineError: It isn't one.
    """
    try:
        read: T = _adapter(cast("Any", kind)).validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        places = [str(part) for part in (place, ".".join(map(str, first["loc"]))) if part]
        raise PipelineError(
            "the stored calibration can't be read",
            place=", ".join(places) or None,
            value=first["input"],
            legal=f"what spacy-tagtog calibrate wrote ({first['msg']})",
            advice="calibrate the pipeline again: spacy-tagtog calibrate",
        ) from error
    return read


@dataclass(frozen=True)
class Calibration:
    """What a component learned from reviewed documents.

    Attributes:
        predictions: For the probability of predictions.
        missed: For the probability of a miss at a token; ``None`` where it wasn't fitted.
        fingerprints: Of the documents it was fitted on, see
            :func:`spacy_tagtog.pipeline.fingerprints.fingerprint`.
        report: What was fitted, with the cross-validated figures.
        training_counts: What stood in the training documents. ``None`` where they were not given, or where
            the calibrators don't look at it.
    """

    predictions: LabelCalibrator
    missed: LabelCalibrator | None
    fingerprints: list[str]
    report: CalibrationReport
    training_counts: TrainingCounts | None = None

    def to_bytes(self) -> bytes:
        """As JSON: plain numbers and strings."""
        counts = self.training_counts
        return _adapter(_Stored).dump_json(
            _Stored(
                version=_VERSION,
                predictions=self.predictions,
                missed=self.missed,
                fingerprints=self.fingerprints,
                report=self.report,
                training_counts=None if counts is None else counts.to_stored(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes, *, place: object = None) -> Calibration:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            PipelineError: It isn't a calibration, or not one of this version.
        """
        stored = read_stored(_Stored, data, place=place)
        counts, predictions = stored["training_counts"], stored["predictions"]
        if predictions.features > FEATURES + (0 if counts is None else COUNT_FEATURES):
            raise PipelineError(
                "the stored calibration looks at features that it doesn't have",
                place=place,
                value=predictions.features,
                legal=f"at most {FEATURES}, and {COUNT_FEATURES} more where it holds counts of the training "
                "documents",
                advice="calibrate the pipeline again: spacy-tagtog calibrate",
            )
        return cls(
            predictions,
            stored["missed"],
            stored["fingerprints"],
            stored["report"],
            None if counts is None else TrainingCounts.from_stored(counts, place=place),
        )


class StoredCalibration:
    """Saving of a component that holds a calibration."""

    name: str
    calibration: Calibration | None

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The calibration as JSON; empty where there is none."""
        return b"" if self.calibration is None else self.calibration.to_bytes()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Any:
        """Read the calibration.

        Raises:
            PipelineError: It can't be read.
        """
        return self._read(data, f"component {self.name}")

    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        """Write the calibration as ``calibration.json`` into the component's folder."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        if self.calibration is None:
            (folder / _FILE).unlink(missing_ok=True)
        else:
            (folder / _FILE).write_bytes(self.to_bytes())

    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> Any:
        """Read the calibration, if there is one.

        Raises:
            PipelineError: It can't be read.
        """
        file = Path(path) / _FILE
        return self._read(file.read_bytes() if file.exists() else b"", file)

    def _read(self, data: bytes, place: object) -> Any:
        self.calibration = Calibration.from_bytes(data, place=place) if data else None
        return self

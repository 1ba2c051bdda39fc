"""All models of a loop: each in a numbered folder with its manifest, and which one is the current one.

::

    models/0001/manifest.json   where it comes from, what it was measured at, and what the gate said
    models/0001/pipeline/       the pipeline; removed after a while, the manifest stays
    current.json                the current model, and every change of it

``current.json`` is replaced in one go, so at any time the current model is the earlier or the later one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError, with_config

from spacy_tagtog._files import write_json
from spacy_tagtog.errors import LoopError

_VERSION: Final = 1
_STRICT: Final = ConfigDict(extra="forbid", strict=True)
_T = TypeVar("_T")

State = Literal["promoted", "candidate"]


@with_config(_STRICT)
@dataclass(frozen=True)
class Manifest:
    """Where a model comes from.

    Attributes:
        number: The model's number, from 1.
        made: When it was trained: a time of day in UTC, as ISO 8601.
        state: ``promoted``, or ``candidate`` where the gate said no.
        parent: The model that was the current one then.
        inputs: The fingerprint of all that it was made from: documents and settings.
        documents: Document to side (``train``, ``dev``, ``test``) and fingerprint of its annotations.
        authors: Who annotated what is in these documents: author to number of entities.
        settings: Of the loop.
        versions: Of the packages that made it.
        seconds: Step of the round to how long it took.
        verdict: What the gate said, see :class:`~spacy_tagtog.loop.gate.Verdict`.
        metrics: The evaluation on the test documents.
        version: Of the format.
    """

    number: int
    made: str
    state: State
    parent: int | None
    inputs: str
    documents: dict[str, tuple[str, str]]
    authors: dict[str, int]
    settings: dict[str, JsonValue]
    versions: dict[str, str]
    seconds: dict[str, float]
    verdict: dict[str, JsonValue]
    metrics: dict[str, JsonValue]
    version: int = _VERSION

    @property
    def reason(self) -> str:
        """Why it was promoted or not, in words."""
        return str(self.verdict.get("reason", ""))


@with_config(_STRICT)
@dataclass(frozen=True)
class Move:
    """A change of the current model.

    Attributes:
        at: When, as ISO 8601.
        model: The model that became the current one.
        why: In words.
    """

    at: str
    model: int
    why: str


@with_config(_STRICT)
@dataclass(frozen=True)
class Current:
    """Which model is the current one, and which were before it.

    Attributes:
        moves: Every change, the latest last.
        version: Of the format.
    """

    moves: list[Move] = field(default_factory=list)
    version: int = _VERSION


_MANIFEST: Final = TypeAdapter(Manifest)
_CURRENT: Final = TypeAdapter(Current)


class Lineage:
    """The models of a loop.

    Args:
        folder: The loop's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def folder_of(self, number: int) -> Path:
        """The folder of a model."""
        return self.folder / "models" / f"{number:04}"

    def pipeline_of(self, number: int) -> Path:
        """Where a model's pipeline is, unless it was pruned."""
        return self.folder_of(number) / "pipeline"

    @property
    def numbers(self) -> list[int]:
        """The numbers of all models, in order; those that were begun and not finished are not there."""
        found = (self.folder / "models").glob("[0-9]*/manifest.json")
        return sorted(int(path.parent.name) for path in found if path.parent.name.isdecimal())

    def manifest(self, number: int) -> Manifest:
        """Where a model comes from.

        Raises:
            LoopError: There is no such model, or its manifest can't be read.
        """
        if number not in self.numbers:
            raise self._no_model(number, self.numbers)
        return read_record(self.folder_of(number) / "manifest.json", _MANIFEST)

    def add(self, manifest: Manifest) -> None:
        """Keep a model whose pipeline is in its place.

        Raises:
            WriteError: The file system refuses.
        """
        write_json(self.folder_of(manifest.number) / "manifest.json", asdict(manifest))

    @property
    def moves(self) -> list[Move]:
        """Every change of the current model, the latest last.

        Raises:
            LoopError: The file can't be read.
        """
        path = self.folder / "current.json"
        return read_record(path, _CURRENT).moves if path.exists() else []

    @property
    def current(self) -> int | None:
        """The number of the current model; ``None`` where there is none yet."""
        moves = self.moves
        return moves[-1].model if moves else None

    def promote(self, number: int, why: str, at: str) -> None:
        """Make a model the current one.

        Args:
            number: The model.
            why: In words.
            at: When, as ISO 8601.

        Raises:
            LoopError: Its pipeline isn't there.
            WriteError: The file system refuses.
        """
        if not (self.pipeline_of(number) / "config.cfg").is_file():
            raise self._no_model(number, self.kept)
        moves = self.moves
        if moves and moves[-1].model == number:
            return
        write_json(self.folder / "current.json", asdict(Current([*moves, Move(at, number, why)])))

    def rollback(self, number: int | None, at: str) -> int:
        """Make an earlier model the current one again.

        Args:
            number: Which one; ``None`` for the one that was current before.
            at: When, as ISO 8601.

        Returns:
            Its number.

        Raises:
            LoopError: There is none, or its pipeline was removed.
        """
        moves = self.moves
        current = moves[-1].model if moves else None
        if number is None:
            earlier = self._earlier(moves)
            if not earlier:
                raise LoopError(
                    "there is no earlier model to go back to",
                    place=self.folder,
                    value="no model" if current is None else f"model {current} is the only one so far",
                    legal="a loop that promoted two models",
                    advice="see all models: spacy-tagtog loop history",
                )
            number = earlier[-1]
        self.promote(number, f"rolled back from model {current}", at)
        return number

    @staticmethod
    def _earlier(moves: list[Move]) -> list[int]:
        """The models that going back leads to, the next one last: going back twice goes two back."""
        stack: list[int] = []
        for move in moves:
            if move.model in stack:
                del stack[stack.index(move.model) + 1 :]
            else:
                stack.append(move.model)
        return stack[:-1]

    @property
    def kept(self) -> list[int]:
        """The models whose pipelines are there."""
        return [number for number in self.numbers if (self.pipeline_of(number) / "config.cfg").is_file()]

    def prune(self, keep: int) -> list[int]:
        """Remove the pipelines of old models. Manifests stay.

        Never removed: the current model, the one that a rollback leads to, and the latest one.

        Args:
            keep: How many pipelines stay, the latest ones, beside these.

        Returns:
            The models whose pipelines were removed.
        """
        moves = self.moves
        safe = {*self.kept[-max(keep, 1) :], *self._earlier(moves)[-1:], *(move.model for move in moves[-1:])}
        removed = [number for number in self.kept if number not in safe]
        for number in removed:
            # First the file by which it counts as kept: a half-removed pipeline is none.
            (self.pipeline_of(number) / "config.cfg").unlink()
            shutil.rmtree(self.pipeline_of(number), ignore_errors=True)
        return removed

    def _no_model(self, number: int, there: list[int]) -> LoopError:
        pruned = number in self.numbers
        return LoopError(
            "this model's pipeline was removed, since many were made after it"
            if pruned
            else "there is no such model",
            place=self.folder,
            value=number,
            legal=", ".join(map(str, there)) or "(there is none yet)",
            advice="see all models: spacy-tagtog loop history",
        )


def read_record(path: Path, kind: TypeAdapter[_T]) -> _T:
    """Read a JSON file of the loop.

    Args:
        path: The file.
        kind: What must be in it.

    Raises:
        LoopError: It isn't there, or something else is in it.
    """
    try:
        data: Any = json.loads(path.read_bytes())
        if isinstance(data, Mapping) and data.get("version") != _VERSION:
            raise LoopError(
                "another version of spacy-tagtog wrote this loop",
                place=path,
                value=data.get("version"),
                legal=f"version {_VERSION}",
                advice="go on with the version that wrote it, or begin a loop in another folder",
            )
        return kind.validate_json(json.dumps(data), strict=True)
    except (OSError, ValueError, RecursionError) as error:
        what = (
            "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:3])
            if isinstance(error, ValidationError)
            else str(error)
        )
        raise LoopError(
            "a file of the loop can't be read",
            place=path,
            value=what,
            legal="what the loop wrote",
            advice="restore the file from a copy",
        ) from error

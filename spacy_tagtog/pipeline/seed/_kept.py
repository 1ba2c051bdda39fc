"""What the components of ``seed/`` that learn at once have in common: how they are kept on disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

from spacy_tagtog.errors import PipelineError

_FILE: Final = "model.msgpack"
_T = TypeVar("_T")
_Kept = TypeVar("_Kept", bound="KeptAsBytes")


class KeptAsBytes(ABC):
    """A component of which all that was learned is one file of plain values.

    Attributes:
        name: The component's name.
    """

    name: str

    @abstractmethod
    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """What was learned as plain values."""

    @abstractmethod
    def from_bytes(self: _Kept, data: bytes, *, exclude: Iterable[str] = ()) -> _Kept:
        """Load what :meth:`to_bytes` wrote.

        Raises:
            PipelineError: It can't be read.
        """

    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        """Save into a folder."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _FILE).write_bytes(self.to_bytes())

    def from_disk(self: _Kept, path: Path | str, *, exclude: Iterable[str] = ()) -> _Kept:
        """Load from a folder.

        Raises:
            PipelineError: It isn't there, or can't be read.
        """
        file = Path(path) / _FILE
        try:
            data = file.read_bytes()
        except OSError as error:
            raise _unreadable(file, f"{type(error).__name__}: {error.strerror}") from error
        return self.from_bytes(data)

    def _loaded(self, load: Callable[[], _T]) -> _T:
        """What a function makes of stored bytes.

        Raises:
            PipelineError: It raises anything.
        """
        try:
            return load()
        except Exception as error:  # msgpack raises whatever it likes
            raise _unreadable(f"component {self.name}", f"{type(error).__name__}: {error}") from error


def _unreadable(place: Path | str, problem: str) -> PipelineError:
    return PipelineError(
        "the model of a component can't be read",
        place=place,
        value=problem,
        legal="what to_bytes or to_disk wrote",
        advice="train the pipeline again, or copy its folder again",
    )

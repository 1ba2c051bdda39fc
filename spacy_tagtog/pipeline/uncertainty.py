"""What a pipeline knows about its own doubts, token by token.

The probability of an entity says nothing about entities that were not predicted. This does: at every token,
how probable was what was decided there, and how probable is it that an entity begins there that nobody
predicted. The components that predict or score entities write it; whatever chooses documents to review reads
it, and needs to know no component.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from spacy.tokens import Doc

from spacy_tagtog.errors import PipelineError

USER_DATA_KEY: Final = "spacy_tagtog_certainty"
_FIELDS: Final = ("log_probability", "missed")


@dataclass(frozen=True)
class TokenCertainty:
    """The doubts about each token of one Doc.

    Attributes:
        log_probability: Shape (tokens,), natural logarithm of the probability of what was predicted for each
            token, given what was predicted before it; at most 0. For ``ner``: the softmax of the action that
            was taken.
        missed: Shape (tokens,), the probability, in [0, 1], that an entity begins at each token that was not
            predicted. 0 inside predicted entities. For ``ner``: the softmax of all actions that open an
            entity, at a token outside of entities. The sum is the number of entities that the pipeline
            expects to have missed; calibrated where the component that wrote it was calibrated.
    """

    log_probability: NDArray[np.float32]
    missed: NDArray[np.float32]

    @classmethod
    def of(cls, log_probability: ArrayLike, missed: ArrayLike) -> TokenCertainty:
        """Make it from any numbers: rounding errors are put right.

        Args:
            log_probability: Shape (tokens,); what is above 0 becomes 0, what is below the logarithm of the
                smallest 32-bit float becomes that.
            missed: Shape (tokens,); clipped to [0, 1].
        """
        # Certainty at most, and never minus infinity: sums and means of it must stay finite.
        smallest = float(np.log(np.finfo(np.float32).tiny))
        return cls(
            np.clip(np.asarray(log_probability, dtype=np.float32), smallest, 0),
            np.clip(np.asarray(missed, dtype=np.float32), 0, 1),
        )

    def __len__(self) -> int:
        """The number of tokens."""
        return len(self.log_probability)


def set_certainty(doc: Doc, certainty: TokenCertainty) -> None:
    """Store it with the Doc: it survives ``n_process`` and ``DocBin(store_user_data=True)``.

    Raises:
        PipelineError: The arrays don't fit the Doc.
    """
    _check(doc, {name: getattr(certainty, name) for name in _FIELDS})
    doc.user_data[USER_DATA_KEY] = {
        name: np.asarray(getattr(certainty, name), dtype=np.float32) for name in _FIELDS
    }


def get_certainty(doc: Doc) -> TokenCertainty | None:
    """What a component wrote with :func:`set_certainty`; ``None`` where none did.

    Raises:
        PipelineError: The arrays don't fit the Doc, as after its tokens were split or merged.
    """
    stored = doc.user_data.get(USER_DATA_KEY)
    if stored is None:
        return None
    _check(doc, stored)
    return TokenCertainty(*(np.asarray(stored[name], dtype=np.float32) for name in _FIELDS))


def _check(doc: Doc, stored: Mapping[str, Any]) -> None:
    shapes = {name: np.shape(stored.get(name, ())) if isinstance(stored, Mapping) else () for name in _FIELDS}
    if any(shape != (len(doc),) for shape in shapes.values()):
        raise PipelineError(
            "the certainty of tokens doesn't fit the Doc",
            place=f'doc.user_data["{USER_DATA_KEY}"], text {doc.text[:40]!r}',
            value=", ".join(f"{name} {shape}" for name, shape in shapes.items()),
            legal=f"one number per token: {len(doc)}",
            advice="let the component that writes it run after all components that split or merge tokens",
        )

"""Which model suits the data: the seed model while there is little of it, spaCy's NER from then on.

Who asks for both gets the one that is better on other documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import spacy

from spacy_tagtog._plural import counted
from spacy_tagtog.errors import ConfigurationError
from spacy_tagtog.pipeline.contents import TrainingSize

_PACKAGE = Path(__file__).parents[1]
_SHIPPED = (_PACKAGE / "configs", _PACKAGE.parent / "configs")
"""Where the package's own configs are: inside it where it is installed, beside it in a checkout."""

ModelChoice = Literal["auto", "seed", "ner", "both"]


@dataclass(frozen=True)
class TrainingPlan:
    """The config that is trained, and why.

    Attributes:
        config: The file.
        reason: Why, in words.
        is_seed: Whether it is the config of the seed model.
    """

    config: Path
    reason: str
    is_seed: bool


def find_config(path: Path) -> Path:
    """A config's file.

    Where there is no ``configs/NAME.cfg``, it is the package's own of this name. So commands need not run in
    a checkout.

    Args:
        path: As it was asked for.

    Raises:
        ConfigurationError: There is neither.
    """
    if path.is_file():
        return path
    if path.parent == Path("configs"):
        for folder in _SHIPPED:
            if (found := folder / path.name).is_file():
                return found
    raise ConfigurationError(
        "there is no such config",
        value=str(path),
        legal=f"a spaCy config file; configs/{', '.join(_shipped())} come with spacy-tagtog",
        advice="check the path",
    )


def _shipped() -> list[str]:
    """The names of the package's own configs."""
    return sorted({path.name for folder in _SHIPPED for path in folder.glob("*.cfg")})


def choose_config(
    size: TrainingSize, *, config: Path, seed_config: Path, seed_below: int, model: ModelChoice = "auto"
) -> TrainingPlan:
    """Which config to train.

    Args:
        size: How much there is to learn from.
        config: The config of spaCy's NER.
        seed_config: The config of the seed model.
        model: ``seed`` or ``ner`` takes that one, whatever there is; ``auto`` decides. (``both`` is to choose
            after training.)
        seed_below: With ``auto``, the number of entities from which on spaCy's NER is trained.

    Raises:
        ConfigurationError: The config that was chosen isn't there.
    """
    amount = f"{counted(size.entities, 'entity')} in {counted(size.documents, 'document')}"
    if model == "auto":
        is_seed = size.entities < seed_below
        reason = f"{amount}: {'fewer than' if is_seed else 'not fewer than'} {counted(seed_below, 'entity')}"
    else:
        is_seed, reason = model == "seed", f"{amount}; asked for"
    return TrainingPlan(find_config(seed_config if is_seed else config), reason, is_seed)


def values_for(config: Path, others: Iterable[Path], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are meant for one of several configs: not those of sections that only others have.

    Args:
        config: The config.
        others: The other ones.
        overrides: Values by ``section.name``.

    Raises:
        ConfigValidationError: A config can't be read; so says confection.
    """
    mine, *theirs = (spacy.util.load_config(path) for path in (config, *others))

    def has_section(sections: Any, name: str) -> bool:
        for step in name.split(".")[:-1]:
            sections = sections.get(step) if isinstance(sections, dict) else None
        return isinstance(sections, dict)

    return {
        name: value
        for name, value in overrides.items()
        if has_section(mine, name) or not any(has_section(other, name) for other in theirs)
    }

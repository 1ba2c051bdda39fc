"""Which model suits the data: the seed model while there is little of it, spaCy's NER from then on.

Who asks for both gets the one that is better on other documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import spacy

from spacy_tagtog._plural import counted
from spacy_tagtog.convert import AnndocCorpus
from spacy_tagtog.errors import ConfigurationError

_PACKAGE = Path(__file__).parents[1]
_SHIPPED = (_PACKAGE / "configs", _PACKAGE.parent / "configs")
"""Where the package's own configs are: inside it where it is installed, beside it in a checkout."""

ModelChoice = Literal["auto", "seed", "ner", "both"]


@dataclass(frozen=True)
class TrainingSize:
    """How much there is to learn from.

    Attributes:
        documents: Docs of the training corpus.
        entities: Their entities.
        labels: The entity types that occur.
    """

    documents: int
    entities: int
    labels: tuple[str, ...]


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


def measure_corpus(path: Path) -> TrainingSize:
    """Count what a training corpus holds.

    Args:
        path: A ``.spacy`` file, a folder of them, or the folder or zip of a tagtog project (its confirmed
            documents).

    Raises:
        ConfigurationError: It holds no document, or none with an entity.
        SpacyTagtogError: See :class:`~spacy_tagtog.convert.corpus.AnndocCorpus`.
    """
    documents = entities = 0
    labels: set[str] = set()
    for doc in AnndocCorpus(path).docs(spacy.blank("xx")):
        documents += 1
        entities += len(doc.ents)
        labels.update(ent.label_ for ent in doc.ents)
    if not entities:
        raise ConfigurationError(
            "there is nothing to learn from",
            place=str(path),
            value=f"{counted(documents, 'document')}, no entity",
            legal="documents with entities",
            advice="confirm documents with entities in tagtog, fetch and convert them; the report of convert "
            "says what was left out",
        )
    return TrainingSize(documents, entities, tuple(sorted(labels)))


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
        legal="a spaCy config file; configs/seed.cfg, configs/ner.cfg and configs/ner_vectors.cfg come with "
        "spacy-tagtog",
        advice="check the path",
    )


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


def values_for(config: Path, other: Path, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are meant for one of two configs: not those of sections that only the other one has.

    Args:
        config: The config.
        other: The other one.
        overrides: Values by ``section.name``.

    Raises:
        ConfigValidationError: A config can't be read; so says confection.
    """
    mine, others = (spacy.util.load_config(path) for path in (config, other))

    def has_section(sections: Any, name: str) -> bool:
        for step in name.split(".")[:-1]:
            sections = sections.get(step) if isinstance(sections, dict) else None
        return isinstance(sections, dict)

    return {
        name: value
        for name, value in overrides.items()
        if has_section(mine, name) or not has_section(others, name)
    }

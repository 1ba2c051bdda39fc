"""What a loop is to do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from spacy_tagtog.errors import ArgumentError, setting
from spacy_tagtog.loop.gate import GateRules
from spacy_tagtog.steps._defaults import SEED_BELOW

_OF_TRAINING: Final = (
    "lang",
    "on_problem",
    "components",
    "model",
    "seed_below",
    "config",
    "seed_config",
    "overrides",
    "seed",
)


@dataclass(frozen=True)
class LoopSettings:
    """What a loop is to do. The names are those of the steps and of ``project.yml``.

    Attributes:
        reviewed: tagtog's search for the documents that people confirmed.
        new: tagtog's search for those that are to be annotated.
        lang: Language of the tokenizer.
        on_problem: Faults of the data: ``error``, or ``report`` to set them aside.
        components: What to train, see :func:`spacy_tagtog.steps.train`.
        model: The model of ``ner``, see there.
        seed_below: See there.
        config: The config of spaCy's NER.
        seed_config: The config of the seed model.
        overrides: Values of the configs, by ``section.name``.
        gpu: The GPU's number, -1 for the CPU.
        dev: The share of documents that models are tuned by, in (0, 1).
        test: The share that tests models, of those that may, in (0, 1).
        name: Pre-annotations are by ``ml:NAME``.
        strategy: How to choose what people see next; empty for the default.
        top: Send only the first N documents; 0 sends all.
        random_share: The share of each batch that chance chooses, in [0, 1].
        blind_share: The share that is sent without pre-annotations, in [0, 1].
        seed: Of all chance.
        keep: How many pipelines are kept, beside the current one and the one before it.
        gate: What a new model has to reach.
    """

    reviewed: str = "anncomplete:true"
    new: str = "anncomplete:false"
    lang: str = "en"
    on_problem: str = "error"
    components: str = "auto"
    model: str = "auto"
    seed_below: int = SEED_BELOW
    config: Path | str = "configs/ner.cfg"
    seed_config: Path | str = "configs/seed.cfg"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    gpu: int = -1
    dev: float = 0.2
    test: float = 0.2
    name: str = "spacy"
    strategy: str = ""
    top: int = 0
    random_share: float = 0.1
    blind_share: float = 0.1
    seed: int = 0
    keep: int = 5
    gate: GateRules = field(default_factory=GateRules)

    def __post_init__(self) -> None:
        for name in ("dev", "test"):
            if not 0 < getattr(self, name) < 1:
                raise ArgumentError(
                    "the share of a side is out of range",
                    place=setting(name),
                    value=getattr(self, name),
                    legal="between 0 and 1",
                )
        if self.dev + self.test >= 1:
            raise ArgumentError(
                "the shares leave nothing to train on",
                place=f"{setting('dev')}, {setting('test')}",
                value=self.dev + self.test,
                legal="less than 1 together",
            )
        for name in ("random_share", "blind_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ArgumentError(
                    "a share is out of range", place=setting(name), value=getattr(self, name), legal="0 to 1"
                )
        if self.keep < 1:
            raise ArgumentError(
                f"{setting('keep')} is out of range", value=self.keep, legal="1 or more: the latest model"
            )

    def to_json(self) -> dict[str, Any]:
        """The settings as a JSON object."""
        data: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return data

    @property
    def fingerprint(self) -> str:
        """The fingerprint of all settings."""
        return fingerprint(self.to_json())

    @property
    def of_training(self) -> dict[str, Any]:
        """The settings by which a model is what it is."""
        data = self.to_json()
        return {name: data[name] for name in _OF_TRAINING}


def fingerprint(data: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a JSON object."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

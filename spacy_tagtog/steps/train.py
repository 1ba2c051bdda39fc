"""Train the model that suits the data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spacy.cli.train import train as spacy_train
from spacy.util import load_config
from thinc.api import require_gpu

from spacy_tagtog._files import atomic_folder
from spacy_tagtog._options import choose
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.errors import ConfigurationError, setting
from spacy_tagtog.pipeline.loading import first_line
from spacy_tagtog.pipeline.training import (
    ModelChoice,
    TrainingPlan,
    choose_config,
    find_config,
    measure_corpus,
    values_for,
)
from spacy_tagtog.steps._code import import_code
from spacy_tagtog.steps._defaults import SEED_BELOW
from spacy_tagtog.steps.evaluate import evaluate

_OF_STEPS: Final = (
    "training.max_steps",
    "training.max_epochs",
    "training.eval_frequency",
    "training.patience",
)
UNLABELLED: Final = "paths.unlabelled"
"""The value of a config that names the texts without annotations."""


@dataclass(frozen=True)
class TrainingRun:
    """One training of one config.

    Attributes:
        choice: The config, and why it was chosen.
        folder: Where ``model-best`` and ``model-last`` are written.
        values: Values of the config that are set otherwise, by ``section.name``.
        unused: Values that were given and that this model has no use for.
    """

    choice: TrainingPlan
    folder: Path
    values: Mapping[str, Any]
    unused: Mapping[str, Any]


@dataclass(frozen=True)
class TrainedPipeline:
    """What was trained.

    Attributes:
        path: The folder of the best pipeline.
        choice: Its config, and why it was chosen.
        runs: All trainings: one, or two where ``both`` was asked for.
    """

    path: Path
    choice: TrainingPlan
    runs: Sequence[TrainingRun]


def train(
    train_path: Path | str,
    dev_path: Path | str,
    output: Path | str,
    *,
    model: str = "auto",
    seed_below: int = SEED_BELOW,
    config: Path | str = "configs/ner.cfg",
    seed_config: Path | str = "configs/seed.cfg",
    unlabelled: Path | str | None = None,
    code: Path | str | None = None,
    gpu: int = -1,
    overrides: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> TrainedPipeline:
    """Train with spaCy, by the config that suits the amount of data. Meanwhile spaCy prints its own table.

    Args:
        train_path: A ``.spacy`` file, a folder of them, or a tagtog project.
        dev_path: The same forms, to choose the best step by.
        output: The folder for ``model-best`` and ``model-last``.
        model: ``auto``, ``seed``, ``ner`` or ``both``. ``both`` trains both, into the folders ``seed`` and
            ``ner`` of ``output``. The one with the better exact F on ``dev_path`` is copied to
            ``model-best``: the seed model where they are equal.
        seed_below: With ``auto``: the seed model is trained below this number of entities.
        config: The config of spaCy's NER.
        seed_config: The config of the seed model.
        unlabelled: Texts that need no annotations: a ``.spacy`` file, a folder of them, or a tagtog project.
            A config without ``paths.unlabelled``, such as that of spaCy's NER, has no use for them.
        code: A Python file with registered functions.
        gpu: The GPU's number, -1 for the CPU.
        overrides: Values of the config, by ``section.name``. The seed model learns in one step and has no use
            for numbers of steps.
        progress: Goes through the trainings (:class:`TrainingRun`), each before it begins.

    Raises:
        ConfigurationError: ``model`` has an unknown value, a corpus has no entity, the config isn't there, or
            ``code`` can't be imported.
        confection.ConfigValidationError: spaCy finds the config invalid.
        SpacyTagtogError: A corpus can't be read.
    """
    wanted = choose(setting("model"), model, ModelChoice)
    output = Path(output)
    _check_gpu(gpu)
    size = measure_corpus(Path(train_path))
    measure_corpus(Path(dev_path))
    import_code(code)
    paths = {"ner": Path(config), "seed": Path(seed_config)}
    runs = []
    models: tuple[ModelChoice, ...] = ("seed", "ner") if wanted == "both" else (wanted,)
    for one in models:
        choice = choose_config(
            size, config=paths["ner"], seed_config=paths["seed"], model=one, seed_below=seed_below
        )
        values, folder = dict(overrides or {}), output
        if wanted == "both":
            other = paths["ner" if one == "seed" else "seed"]
            values, folder = values_for(choice.config, find_config(other), values), output / one
        runs.append(_plan(choice, folder, values, unlabelled))
    corpora = {"paths.train": str(train_path), "paths.dev": str(dev_path)}
    for run in progress(runs, len(runs)):
        spacy_train(run.choice.config, run.folder, use_gpu=gpu, overrides={**run.values, **corpora})
    kept = runs[0].choice if wanted != "both" else _keep_better(runs, Path(dev_path), output)
    return TrainedPipeline(output / "model-best", kept, runs)


def _check_gpu(gpu: int) -> None:
    """Say at once that there is no such GPU: spaCy would say so after it has made the folder."""
    if gpu < 0:
        return
    try:
        require_gpu(gpu)
    # thinc and CuPy raise whatever the driver says.
    except Exception as error:
        raise ConfigurationError(
            "this GPU can't be used",
            value=f"{gpu}: {first_line(error)}",
            legal=f"{setting('gpu', -1)} for the CPU, or the number of a CUDA GPU, with CuPy installed",
            advice="train on the CPU (the seed model uses nothing else); "
            "a GPU needs CuPy: pip install 'spacy[cuda12x]'",
        ) from error


def _plan(
    choice: TrainingPlan, folder: Path, values: dict[str, Any], unlabelled: Path | str | None
) -> TrainingRun:
    """A training with the values that its model has a use for."""
    unused: dict[str, Any] = {}
    if choice.is_seed:
        unused = {name: values.pop(name) for name in _OF_STEPS if name in values}
    if unlabelled is not None:
        has_use = UNLABELLED.partition(".")[2] in (load_config(choice.config).get("paths") or {})
        (values if has_use else unused)[UNLABELLED] = str(unlabelled)
    return TrainingRun(choice, folder, values, unused)


def _keep_better(runs: Sequence[TrainingRun], dev_path: Path, output: Path) -> TrainingPlan:
    """Copy the better one of both models to where a single one would be."""
    seed, ner = runs
    of_seed, of_ner = (
        evaluate(run.folder / "model-best", dev_path).overall.exact_prf[2] for run in (seed, ner)
    )
    winner = ner if of_ner > of_seed else seed
    for name in ("model-best", "model-last"):
        # Whoever wrote what is there: spacy train replaces it, too.
        with atomic_folder(output / name, replace_any=True) as temporary:
            shutil.copytree(winner.folder / name, temporary, dirs_exist_ok=True)
    return TrainingPlan(
        winner.choice.config,
        f"F on the dev documents: seed {100 * of_seed:.1f}, ner {100 * of_ner:.1f}",
        winner.choice.is_seed,
    )

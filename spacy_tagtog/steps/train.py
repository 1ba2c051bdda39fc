"""Train the model that suits the data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spacy.cli.train import train as spacy_train
from spacy.schemas import ConfigSchemaNlp, ConfigSchemaTraining
from spacy.util import load_config
from thinc.api import require_gpu

from spacy_tagtog._files import atomic_folder
from spacy_tagtog._options import choose, did_you_mean
from spacy_tagtog._plural import counted
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.convert import AnndocCorpus
from spacy_tagtog.errors import ArgumentError, ConfigurationError, setting
from spacy_tagtog.pipeline.assembly import assemble_pipelines
from spacy_tagtog.pipeline.contents import TrainingSize, measure_corpus
from spacy_tagtog.pipeline.kinds import AUTO, Kind, choose_kinds
from spacy_tagtog.pipeline.loading import first_line, load_pipeline
from spacy_tagtog.pipeline.training import (
    ModelChoice,
    TrainingPlan,
    choose_config,
    find_config,
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
        kind: What is trained: a name of :data:`spacy_tagtog.pipeline.kinds.KINDS`.
        said: What the data says about what is trained at all, in words; the first training alone has it.
    """

    choice: TrainingPlan
    folder: Path
    values: Mapping[str, Any]
    unused: Mapping[str, Any]
    kind: str = "ner"
    said: Sequence[str] = ()


@dataclass(frozen=True)
class TrainedPipeline:
    """What was trained.

    Attributes:
        path: The folder of the best pipeline.
        choice: Its config, and why it was chosen.
        runs: All trainings: one for each component, or two for entities where ``both`` was asked for.
        said: What was chosen by the dev documents, in words.
    """

    path: Path
    choice: TrainingPlan
    runs: Sequence[TrainingRun]
    said: Sequence[str] = ()


def train(
    train_path: Path | str,
    dev_path: Path | str,
    output: Path | str,
    *,
    components: str = AUTO,
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
    """Train with spaCy what the data calls for. Meanwhile spaCy prints its own table.

    Args:
        train_path: A ``.spacy`` file, a folder of them, or a tagtog project.
        dev_path: The same forms, to choose the best step and the thresholds by.
        output: The folder for ``model-best`` and ``model-last``. Several components are trained one by one,
            into folders of ``output`` with their names, and put together in ``model-best``.
        components: ``auto`` looks at the training documents. Or names, with commas between: ``ner``
            (entities), ``spancat`` (entities, overlapping ones, too), ``textcat`` (document labels that
            exclude each other), ``textcat_multilabel`` (other document labels), ``normalizations`` and
            ``relations`` (both beside ``ner`` or ``spancat``).
        model: Of ``ner``: ``auto``, ``seed``, ``ner`` or ``both``. ``both`` trains both, into the folders
            ``seed`` and ``ner`` of ``output``. The one with the better exact F on ``dev_path`` is copied to
            ``model-best``: the seed model where they are equal.
        seed_below: With ``auto``: the seed model is trained below this number of entities.
        config: The config of spaCy's NER.
        seed_config: The config of the seed model.
        unlabelled: Texts that need no annotations: a ``.spacy`` file, a folder of them, or a tagtog project.
            A config without ``paths.unlabelled``, such as that of spaCy's NER, has no use for them.
        code: A Python file with registered functions.
        gpu: The GPU's number, -1 for the CPU.
        overrides: Values of the configs, by ``section.name``. The seed model learns in one step and has no
            use for numbers of steps.
        progress: Goes through the trainings (:class:`TrainingRun`), each before it begins.

    Raises:
        ConfigurationError: ``model`` or ``components`` has an unknown value, a corpus has nothing for what is
            to be trained, the config isn't there, or ``code`` can't be imported.
        confection.ConfigValidationError: spaCy finds the config invalid.
        SpacyTagtogError: A corpus can't be read.
    """
    wanted = choose(setting("model"), model, ModelChoice)
    _check_values(overrides or {})
    output = Path(output)
    _check_gpu(gpu)
    size = measure_corpus(Path(train_path))
    kinds, said = choose_kinds(size, components)
    _check_dev(kinds, Path(dev_path))
    import_code(code)
    models: tuple[ModelChoice, ...] = ("seed", "ner") if wanted == "both" else (wanted,)
    plans: list[tuple[Kind, TrainingPlan]] = []
    for kind in kinds:
        if kind.name == "ner":
            made: dict[str, Any] = {
                "config": Path(config),
                "seed_config": Path(seed_config),
                "seed_below": seed_below,
            }
            plans += [(kind, choose_config(size, model=one, **made)) for one in models]
        else:
            plans.append((kind, TrainingPlan(find_config(kind.config), kind.name, is_seed=False)))
    runs = _runs(plans, size, output, dict(overrides or {}), unlabelled, said)
    corpora = {"paths.train": str(train_path), "paths.dev": str(dev_path)}
    for run in progress(runs, len(runs)):
        spacy_train(run.choice.config, run.folder, use_gpu=gpu, overrides={**run.values, **corpora})
    return _finished(kinds, runs, Path(dev_path), output)


def _finished(
    kinds: Sequence[Kind], runs: Sequence[TrainingRun], dev_path: Path, output: Path
) -> TrainedPipeline:
    """Choose what is to be chosen by the dev documents, and make one pipeline of all that was trained."""
    kept = runs[0].choice
    folders = {run.kind: run.folder for run in runs}
    if len([run for run in runs if run.kind == "ner"]) > 1:
        kept, folders["ner"] = _keep_better(runs, dev_path, output)
    tuned = [_tune(kind, folders[kind.name] / "model-best", dev_path) for kind in kinds if kind.tune]
    if len(kinds) > 1:
        assemble_pipelines([folders[kind.name] / "model-best" for kind in kinds], output / "model-best")
        shutil.rmtree(output / "model-last", ignore_errors=True)  # of an earlier training, or of one part
    return TrainedPipeline(output / "model-best", kept, runs, tuned)


def _runs(
    plans: Sequence[tuple[Kind, TrainingPlan]],
    size: TrainingSize,
    output: Path,
    overrides: dict[str, Any],
    unlabelled: Path | str | None,
    said: Sequence[str],
) -> list[TrainingRun]:
    """The trainings, each with the values that are meant for it."""
    runs: list[TrainingRun] = []
    for kind, plan in plans:
        others = [other.config for _, other in plans if other.config != plan.config]
        values = {**kind.values(size), **values_for(plan.config, others, overrides)}
        folder = output
        if len(plans) > 1:
            folder = output / ("seed" if plan.is_seed else kind.name)
        runs.append(_plan(plan, folder, values, unlabelled, kind.name, () if runs else said))
    return runs


def _check_dev(kinds: Sequence[Kind], path: Path) -> None:
    """Make sure that the best step of each kind can be chosen.

    Raises:
        ConfigurationError: The dev documents have no annotation of a kind.
    """
    dev = measure_corpus(path)
    for kind in kinds:
        has = {
            "ner": dev.entities,
            "spancat": dev.spans,
            "normalizations": dev.normalized,
            "relations": dev.related,
        }.get(kind.name, dev.labelled)
        if not has:
            raise ConfigurationError(
                f"there is nothing to learn from: {kind.name} needs documents to choose the best step by",
                place=path,
                value=f"{counted(dev.documents, 'document')}, none with such annotations",
                legal="dev documents with annotations of each kind that is trained",
                advice="give a larger share to this side of the split, or say what to train: "
                f"{setting('components', 'NAME')}",
            )


def _tune(kind: Kind, path: Path, dev_path: Path) -> str:
    """Choose what is to be chosen by the dev documents, and write it into the pipeline."""
    assert kind.tune is not None
    nlp = load_pipeline(path)
    said = kind.tune(nlp, kind.name, list(AnndocCorpus(dev_path).docs(nlp)))
    nlp.to_disk(path)
    return said


def _check_values(overrides: Mapping[str, Any]) -> None:
    """Refuse values that spaCy would take and never read: such as a number of steps that is misspelt.

    What else isn't there, spaCy refuses itself.
    """
    schemas: dict[str, Any] = {"training": ConfigSchemaTraining, "nlp": ConfigSchemaNlp}
    for name, value in overrides.items():
        section, _, key = name.partition(".")
        known = list(schemas[section].__annotations__) if section in schemas and "." not in key else [key]
        if key not in known:
            raise ArgumentError(
                f"the section [{section}] of a config has no such value",
                place=f"--{name}",
                value=value,
                legal=", ".join(known),
                advice=did_you_mean(key, known),
            )


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
    choice: TrainingPlan,
    folder: Path,
    values: dict[str, Any],
    unlabelled: Path | str | None,
    kind: str,
    said: Sequence[str],
) -> TrainingRun:
    """A training with the values that its model has a use for."""
    unused: dict[str, Any] = {}
    if choice.is_seed:
        unused = {name: values.pop(name) for name in _OF_STEPS if name in values}
    if unlabelled is not None:
        has_use = UNLABELLED.partition(".")[2] in (load_config(choice.config).get("paths") or {})
        (values if has_use else unused)[UNLABELLED] = str(unlabelled)
    return TrainingRun(choice, folder, values, unused, kind, said)


def _keep_better(runs: Sequence[TrainingRun], dev_path: Path, output: Path) -> tuple[TrainingPlan, Path]:
    """Copy the better one of both models to where a single one would be. Its folder comes back, too."""
    seed, ner = (run for run in runs if run.kind == "ner")
    of_seed, of_ner = (
        evaluate(run.folder / "model-best", dev_path).overall.exact_prf[2] for run in (seed, ner)
    )
    winner = ner if of_ner > of_seed else seed
    for name in ("model-best", "model-last"):
        # Whoever wrote what is there: spacy train replaces it, too.
        with atomic_folder(output / name, replace_any=True) as temporary:
            shutil.copytree(winner.folder / name, temporary, dirs_exist_ok=True)
    reason = f"F on the dev documents: seed {100 * of_seed:.1f}, ner {100 * of_ner:.1f}"
    return TrainingPlan(winner.choice.config, reason, winner.choice.is_seed), winner.folder

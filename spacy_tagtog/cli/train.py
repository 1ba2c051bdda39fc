"""``spacy-tagtog train``: train the model that suits the data."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog.cli._run import command, good, info

if TYPE_CHECKING:
    from spacy_tagtog.pipeline.training import TrainingPlan

SEED_BELOW = 20000
"""Below so many annotated entities the seed model is trained: measured by ``benchmarks/learning_curve.py``, see docs/seed-model.md."""


@command
def train_cli(
    context: typer.Context,
    corpus: Annotated[
        Path,
        typer.Argument(
            help="What to train on: a .spacy file, a folder of them, or a tagtog project.", show_default=False
        ),
    ],
    dev: Annotated[
        Path, typer.Argument(help="What to choose the best step by; the same forms.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for model-best and model-last.")
    ] = Path("training"),
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="seed, ner, both (the better one is kept), or auto: seed while there are few entities.",
        ),
    ] = "auto",
    seed_below: Annotated[
        int, typer.Option("--seed-below", min=0, help="With auto: the seed model below so many entities.")
    ] = SEED_BELOW,
    config: Annotated[Path, typer.Option("--config", "-c", help="The config of spaCy's NER.")] = Path(
        "configs/ner.cfg"
    ),
    seed_config: Annotated[Path, typer.Option("--seed-config", help="The config of the seed model.")] = Path(
        "configs/seed.cfg"
    ),
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            "--unlabelled",
            help="Texts that nobody need have annotated, to learn words from: a .spacy file or a tagtog project.",
            show_default=False,
        ),
    ] = None,
    code: Annotated[
        Path | None,
        typer.Option(
            "--code", help="A Python file with registered functions of your own.", show_default=False
        ),
    ] = None,
    gpu: Annotated[int, typer.Option("--gpu-id", "-g", help="The GPU; -1 for the CPU.")] = -1,
) -> None:
    """Train with spaCy: the seed model while there are few entities, spaCy's NER from then on; it says which and why.

    With --model both it trains both, and keeps the one with the better F on DEV as model-best; both stay in OUTPUT/seed and OUTPUT/ner.
    As with spacy train, the models of an earlier training in OUTPUT are replaced.

    It is python -m spacy train with a config that is chosen. Every value of the config can be given as an option,
    as there: --training.max_steps 2000. The seed model learns in one step: numbers of steps
    are for the other one. It alone learns from --unlabelled texts, which words are alike.

    Examples:
      spacy-tagtog train corpus/train.spacy corpus/dev.spacy
      spacy-tagtog train corpus/train.spacy corpus/dev.spacy --unlabelled assets/new
      spacy-tagtog train corpus/train.spacy corpus/dev.spacy --model ner --training.max_steps 5000
    """
    from spacy.cli._util import parse_config_overrides, show_validation_error

    logging.getLogger("spacy.spacy_tagtog").setLevel(logging.INFO)
    with show_validation_error():
        choice = train(
            corpus,
            dev,
            output,
            model=model,
            seed_below=seed_below,
            config=config,
            seed_config=seed_config,
            unlabelled=unlabelled,
            code=code,
            gpu=gpu,
            overrides=parse_config_overrides(list(context.args)),
            say=_say,
        )
    good(
        f"trained {choice.config}{f' ({choice.reason})' if model == 'both' else ''}: {output / 'model-best'}"
    )


_OF_STEPS = ("training.max_steps", "training.max_epochs", "training.eval_frequency", "training.patience")
_UNLABELLED = "paths.unlabelled"


def train(
    train_path: Path,
    dev_path: Path,
    output: Path,
    *,
    model: str = "auto",
    seed_below: int = SEED_BELOW,
    config: Path = Path("configs/ner.cfg"),
    seed_config: Path = Path("configs/seed.cfg"),
    unlabelled: Path | None = None,
    code: Path | None = None,
    gpu: int = -1,
    overrides: Mapping[str, Any] | None = None,
    say: Callable[[TrainingPlan, Mapping[str, Any]], None] | None = None,
) -> TrainingPlan:
    """Train with spaCy, by the config that suits the amount of data.

    Args:
        train_path: A ``.spacy`` file, a folder of them, or a tagtog project.
        dev_path: The same, to choose the best step by.
        output: The folder for ``model-best`` and ``model-last``.
        model: ``auto``, ``seed``, ``ner``, or ``both``: both are trained, into the folders ``seed`` and ``ner`` of ``output``, and the one with
            the better exact F on ``dev_path`` is copied to ``model-best``; where they are equal, the seed model.
        seed_below: With ``auto``: the seed model below so many entities.
        config: The config of spaCy's NER.
        seed_config: The config of the seed model.
        unlabelled: Texts that nobody need have annotated: a ``.spacy`` file, a folder of them, or a tagtog project. A config without
            ``paths.unlabelled``, such as that of spaCy's NER, has no use for them.
        code: A Python file with registered functions.
        gpu: The GPU's number, -1 for the CPU.
        overrides: Values of the config, by ``section.name``. The seed model learns in one step: numbers of steps are not for it.
        say: Told, before training, what was chosen, and which values the model has no use for.

    Returns:
        What was trained, and why.

    Raises:
        ConfigurationError: ``model`` has an unknown value, a corpus has no entity, or the config isn't there.
        confection.ConfigValidationError: The config isn't valid; so says spaCy.
        SpacyTagtogError: See the functions called.
    """
    from spacy.cli._util import import_code
    from spacy.cli.train import train as spacy_train
    from spacy.util import load_config

    from spacy_tagtog._files import atomic_folder
    from spacy_tagtog._options import choose
    from spacy_tagtog.cli.evaluate import evaluate
    from spacy_tagtog.pipeline.training import (
        ModelChoice,
        TrainingPlan,
        choose_config,
        find_config,
        measure_corpus,
        values_for,
    )

    wanted = choose("--model", model, ModelChoice)
    size = measure_corpus(train_path)
    measure_corpus(dev_path)
    import_code(code)

    def train_one(model: ModelChoice, folder: Path, values: dict[str, Any]) -> TrainingPlan:
        choice = choose_config(
            size, config=config, seed_config=seed_config, model=model, seed_below=seed_below
        )
        unused = {name: values.pop(name) for name in _OF_STEPS if name in values} if choice.is_seed else {}
        if unlabelled is not None:
            has_use = _UNLABELLED.partition(".")[2] in (load_config(choice.config).get("paths") or {})
            (values if has_use else unused)[_UNLABELLED] = str(unlabelled)
        if say is not None:
            say(choice, unused)
        spacy_train(
            choice.config,
            folder,
            use_gpu=gpu,
            overrides={**values, "paths.train": str(train_path), "paths.dev": str(dev_path)},
        )
        return choice

    if wanted != "both":
        return train_one(wanted, output, dict(overrides or {}))
    seed_config, config = find_config(seed_config), find_config(config)
    seed = train_one("seed", output / "seed", values_for(seed_config, config, overrides or {}))
    ner = train_one("ner", output / "ner", values_for(config, seed_config, overrides or {}))
    of_seed, of_ner = (
        evaluate(output / name / "model-best", dev_path).overall.exact_prf[2] for name in ("seed", "ner")
    )
    winner, name = (ner, "ner") if of_ner > of_seed else (seed, "seed")
    for model_folder in ("model-best", "model-last"):
        with atomic_folder(output / model_folder, anybodys=True) as temporary:  # as spacy train does
            shutil.copytree(output / name / model_folder, temporary, dirs_exist_ok=True)
    return TrainingPlan(
        winner.config,
        f"F on the dev documents: seed {100 * of_seed:.1f}, ner {100 * of_ner:.1f}",
        winner.is_seed,
    )


def _say(choice: TrainingPlan, unused: Mapping[str, Any]) -> None:
    info(f"training {choice.config}: {choice.reason}")
    steps = [name for name in unused if name != _UNLABELLED]
    if steps:
        info(
            f"the seed model learns in one step, so these are not for it: {', '.join(steps)}"
        )  # the workflow always gives them
    if _UNLABELLED in unused:
        info(f"this model learns nothing from texts without annotations: {unused[_UNLABELLED]} is not read")

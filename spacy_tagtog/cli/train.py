"""``spacy-tagtog train``: train the model that suits the data."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from spacy_tagtog.cli._arguments import CodeOption
from spacy_tagtog.cli._run import command, good, info
from spacy_tagtog.steps._defaults import SEED_BELOW

if TYPE_CHECKING:
    from spacy_tagtog.steps import TrainingRun

T = TypeVar("T")

_ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        help="Of ner: seed, ner, both (the better one is kept), or auto: seed while there are few entities.",
    ),
]
_ComponentsOption = Annotated[
    str,
    typer.Option(
        "--components",
        help="What to train: ner, spancat, textcat, textcat_multilabel, normalizations, relations, several "
        "with commas between, or auto: what the training documents call for.",
    ),
]
_UnlabelledOption = Annotated[
    Path | None,
    typer.Option(
        "--unlabelled",
        help="Texts to learn words from, which need no annotations: a .spacy file or a tagtog project.",
        show_default=False,
    ),
]


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
    components: _ComponentsOption = "auto",
    model: _ModelOption = "auto",
    seed_below: Annotated[
        int,
        typer.Option("--seed-below", min=0, help="With auto: the seed model below this number of entities."),
    ] = SEED_BELOW,
    config: Annotated[Path, typer.Option("--config", "-c", help="The config of spaCy's NER.")] = Path(
        "configs/ner.cfg"
    ),
    seed_config: Annotated[Path, typer.Option("--seed-config", help="The config of the seed model.")] = Path(
        "configs/seed.cfg"
    ),
    unlabelled: _UnlabelledOption = None,
    code: CodeOption = None,
    gpu: Annotated[int, typer.Option("--gpu-id", "-g", help="The GPU; -1 for the CPU.")] = -1,
) -> None:
    """Train with spaCy what the data calls for: entities, their ids and relations, and document labels.

    The command says what it trains and why. Entities without overlap: the seed model while there are few,
    spaCy's ner from then on. Overlapping ones: spancat. Document labels: textcat where exactly one is true of
    each document, textcat_multilabel otherwise. Ids of dictionaries: normalizations. Relations: relations.
    Several are trained one by one, into OUTPUT/NAME, and put together into one pipeline. The configs are
    configs/NAME.cfg. Thresholds are chosen on DEV.

    With --model both it trains both, and keeps the one with
    the better F on DEV as model-best; both stay in OUTPUT/seed and OUTPUT/ner. As with spacy train, the
    models of an earlier training in OUTPUT are replaced.

    It is python -m spacy train with a config that is chosen. Every value of the configs can be given as an
    option, as there: --training.max_steps 2000. The seed model learns in one step: it has no use for numbers
    of steps. Only the seed model uses --unlabelled texts.

    Examples:
      spacy-tagtog train corpus/train.spacy corpus/dev.spacy
      spacy-tagtog train corpus/train.spacy corpus/dev.spacy --unlabelled assets/new
      spacy-tagtog train corpus/train.spacy corpus/dev.spacy -o ner --model ner --training.max_steps 5000
    """
    from spacy.cli._util import parse_config_overrides, show_validation_error

    from spacy_tagtog import steps

    logging.getLogger("spacy.spacy_tagtog").setLevel(logging.INFO)
    with show_validation_error():
        trained = steps.train(
            corpus,
            dev,
            output,
            components=components,
            model=model,
            seed_below=seed_below,
            config=config,
            seed_config=seed_config,
            unlabelled=unlabelled,
            code=code,
            gpu=gpu,
            overrides=parse_config_overrides(list(context.args)),
            progress=_announcing,
        )
    for line in trained.said:
        info(line)
    if len({run.kind for run in trained.runs}) > 1:
        names = ", ".join(dict.fromkeys(run.kind for run in trained.runs))
        good(f"trained {names}, together in one pipeline: {trained.path}")
        return
    why = f" ({trained.choice.reason})" if len(trained.runs) > 1 else ""
    good(f"trained {trained.choice.config}{why}: {trained.path}")


def _announcing(runs: Iterable[T], total: int | None = None, /) -> Iterator[T]:
    """Say of each training what it is, before it begins."""
    from spacy_tagtog.steps import TrainingRun

    for run in runs:
        if isinstance(run, TrainingRun):
            _say(run)
        yield run


def _say(run: TrainingRun) -> None:
    from spacy_tagtog.steps.train import UNLABELLED

    for line in run.said:
        info(line)
    info(f"training {run.choice.config}: {run.choice.reason}")
    of_steps = [name for name in run.unused if name != UNLABELLED]
    if of_steps:  # the workflow always gives them
        info(f"the seed model learns in one step, so these are not for it: {', '.join(of_steps)}")
    if UNLABELLED in run.unused:
        info(
            f"this model learns nothing from texts without annotations: {run.unused[UNLABELLED]} is not read"
        )

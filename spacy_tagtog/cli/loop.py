"""``spacy-tagtog loop``: rounds of training that keep a model only where it proves itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import LangOption, OnProblemOption, place_of, takes_connection
from spacy_tagtog.cli._run import command, good, info, parse_pairs, table, unwrapped, warn
from spacy_tagtog.steps._defaults import SEED_BELOW
from spacy_tagtog.steps.connection import ConnectionSettings

if TYPE_CHECKING:
    from spacy_tagtog.loop import Loop, LoopSettings
    from spacy_tagtog.loop.lineage import Manifest
    from spacy_tagtog.loop.records import RoundRecord
    from spacy_tagtog.loop.watch import WatchRules

T = TypeVar("T")

_FolderOption = Annotated[
    Path, typer.Option("--folder", help="Where the loop keeps its models and what it fetched.")
]
_DEFAULT_FOLDER = Path("loop")
_ReviewedOption = Annotated[
    str, typer.Option("--reviewed", help="tagtog's search for the documents that people confirmed.")
]
_NewOption = Annotated[
    str, typer.Option("--new", help="tagtog's search for the documents that are to be annotated.")
]
_ComponentsOption = Annotated[
    str, typer.Option("--components", help="What to train, see spacy-tagtog train.")
]
_ModelOption = Annotated[str, typer.Option("--model", help="Of ner: seed, ner, both or auto.")]
_SeedBelowOption = Annotated[
    int,
    typer.Option("--seed-below", min=0, help="With auto: the seed model below this number of entities."),
]
_ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The config of spaCy's NER.")]
_SeedConfigOption = Annotated[Path, typer.Option("--seed-config", help="The config of the seed model.")]
_OverrideOption = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        help="A value of the config, such as training.max_steps=2000 (repeat for several).",
        show_default=False,
    ),
]
_GpuOption = Annotated[int, typer.Option("--gpu-id", "-g", help="The GPU; -1 for the CPU.")]
_DevOption = Annotated[float, typer.Option("--dev", help="The share of documents that tunes models.")]
_TestOption = Annotated[
    float, typer.Option("--test", help="The share that tests models, of documents that nobody chose.")
]
_MarginOption = Annotated[
    float, typer.Option("--margin", help="A new model may be worse by at most this, in points of F.")
]
_TypeMarginOption = Annotated[
    list[str] | None,
    typer.Option(
        "--type-margin",
        help="The same for each entity type: POINTS for all, TYPE=POINTS for one (repeat). Default: 5.",
        show_default=False,
    ),
]
_NameOption = Annotated[str, typer.Option("--name", help="Pre-annotations are by ml:NAME.")]
_StrategyOption = Annotated[str, typer.Option("--strategy", "-s", help="How to choose. Empty: the default.")]
_TopOption = Annotated[
    int, typer.Option("--top", min=0, help="Send only the first N documents; 0 sends all.")
]
_RandomShareOption = Annotated[
    float, typer.Option("--random-share", help="The share of each batch that chance chooses, 0 to 1.")
]
_BlindShareOption = Annotated[
    float,
    typer.Option("--blind-share", help="The share that is sent without pre-annotations, 0 to 1."),
]
_SeedOption = Annotated[int, typer.Option("--seed", min=0, help="The seed of all chance.")]
_KeepOption = Annotated[
    int, typer.Option("--keep", min=1, help="How many pipelines are kept, beside the current one.")
]
_WatchOption = Annotated[
    bool,
    typer.Option("--watch", help="Keep going: look at tagtog now and then, and do a round if it's time."),
]
_EveryOption = Annotated[float, typer.Option("--every", help="With --watch: minutes between two looks.")]
_AtOption = Annotated[
    str,
    typer.Option(
        "--at",
        help='With --watch: look at these times instead, as cron writes them: "0 3 * * *" is three at night.',
        show_default=False,
    ),
]
_ConfirmedOption = Annotated[
    int,
    typer.Option("--confirmed", min=1, help="With --watch: a round begins when so many more are confirmed."),
]
_HoursOption = Annotated[
    float,
    typer.Option("--hours", min=0, help="With --watch: or when any are, so many hours after the last round."),
]

_STEPS = {
    "fetch": "fetching",
    "changes": "counting what people changed",
    "convert": "looking for anything new",
    "train": "training",
    "calibrate": "making the probabilities accurate",
    "gate": "comparing with the current model",
    "annotate": "pre-annotating",
    "rank": "choosing what people should see next",
    "push": "sending it",
}

loop_app = typer.Typer(
    name="loop",
    help=unwrapped("""Do one round: fetch, train, prove, promote or not, pre-annotate, rank, push.

    The new model becomes the current one only if test documents, which no model ever learns from, show that
    it isn't worse. Otherwise it is kept as a candidate, with the reason in words. Where nothing is new,
    nothing is done. A round that was interrupted goes on with the step at which it stopped.

    Examples:
      spacy-tagtog loop --project stargazing
      spacy-tagtog loop status"""),
)


@loop_app.callback(invoke_without_command=True)
@command
@takes_connection()
def loop_cli(
    where: ConnectionSettings,
    context: typer.Context,
    folder: _FolderOption = _DEFAULT_FOLDER,
    reviewed: _ReviewedOption = "anncomplete:true",
    new: _NewOption = "anncomplete:false",
    lang: LangOption = "en",
    components: _ComponentsOption = "auto",
    model: _ModelOption = "auto",
    seed_below: _SeedBelowOption = SEED_BELOW,
    config: _ConfigOption = Path("configs/ner.cfg"),
    seed_config: _SeedConfigOption = Path("configs/seed.cfg"),
    override: _OverrideOption = None,
    gpu: _GpuOption = -1,
    dev: _DevOption = 0.2,
    test: _TestOption = 0.2,
    margin: _MarginOption = 1.0,
    type_margin: _TypeMarginOption = None,
    name: _NameOption = "spacy",
    strategy: _StrategyOption = "",
    top: _TopOption = 0,
    random_share: _RandomShareOption = 0.1,
    blind_share: _BlindShareOption = 0.1,
    seed: _SeedOption = 0,
    keep: _KeepOption = 5,
    on_problem: OnProblemOption = "error",
    watch: _WatchOption = False,
    every: _EveryOption = 10.0,
    at: _AtOption = "",
    confirmed: _ConfirmedOption = 20,
    hours: _HoursOption = 24.0,
) -> None:
    """Do one round, or with --watch keep doing rounds."""
    if context.invoked_subcommand is not None:
        return
    from spacy_tagtog.loop import GateRules, Loop, LoopSettings
    from spacy_tagtog.loop.watch import WatchRules

    one_margin, margins = _margins(type_margin or [])
    settings = LoopSettings(
        reviewed=reviewed,
        new=new,
        lang=lang,
        on_problem=on_problem,
        components=components,
        model=model,
        seed_below=seed_below,
        config=config,
        seed_config=seed_config,
        overrides=_overrides(override or []),
        gpu=gpu,
        dev=dev,
        test=test,
        name=name,
        strategy=strategy,
        top=top,
        random_share=random_share,
        blind_share=blind_share,
        seed=seed,
        keep=keep,
        gate=GateRules(margin=margin, type_margin=one_margin, type_margins=margins, seed=seed),
    )
    place = place_of(where)
    if watch:
        _watch(Loop(folder, settings, **place), WatchRules(every, at, confirmed, hours), place)
    else:
        _do_round(folder, settings, place)


def _do_round(folder: Path, settings: LoopSettings, place: dict[str, Any]) -> None:
    """Do a round and say what it did."""
    from spacy_tagtog.loop import Loop

    logging.getLogger("spacy.spacy_tagtog").setLevel(logging.INFO)
    _report(Loop(folder, settings, **place).round(progress=_announcing))


@command
def loop(folder: Path, settings: LoopSettings, place: dict[str, Any]) -> None:
    """The process of a round that a watch begins. Errors say that they come from the command ``loop``."""
    _do_round(folder, settings, place)


def _watch(watched: Loop, rules: WatchRules, place: dict[str, Any]) -> None:
    """Keep doing rounds until the process is told to end."""
    import multiprocessing
    import signal

    from spacy_tagtog.loop.watch import watch

    def complain(error: Exception) -> None:
        warn(f"{_time()} tagtog can't be looked at, the next look tries again: {error}")

    def in_a_process() -> None:
        # A process of its own: whatever it uses up or breaks is gone when it ends.
        process = multiprocessing.get_context("spawn").Process(
            target=loop, args=(watched.folder, watched.settings, place)
        )
        process.start()
        process.join()
        if process.exitcode:
            warn(f"{_time()} the round didn't end well; the next look goes on with it")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    when = f"at {rules.at}" if rules.at else f"every {rules.every:g} minutes"
    enough = f"{counted(rules.confirmed, 'more document')} confirmed, or any and {rules.hours:g} hours"
    info(f"looking at {watched.connection.project or 'tagtog'} {when}; a round begins with {enough}")
    watch(watched, rules, round_=in_a_process, say=lambda why: info(f"{_time()} {why}"), complain=complain)


def _time() -> str:
    from spacy_tagtog.loop.records import now

    return now()


def _announcing(names: Iterable[T], total: int | None = None, /) -> Iterator[T]:
    for name in names:
        info(_STEPS[str(name)])
        yield name


def _margins(given: Iterable[str]) -> tuple[float, dict[str, float]]:
    """The margin of all types, and those of single ones."""
    from spacy_tagtog.loop.gate import margins_from

    pairs = [(name, value) if equals else ("", name) for name, equals, value in map(_parted, given)]
    margins = margins_from(pairs)
    return margins.pop("", 5.0), margins


def _parted(text: str) -> tuple[str, str, str]:
    return text.rpartition("=") if "=" in text else (text, "", "")


def _overrides(given: Iterable[str]) -> dict[str, object]:
    from spacy.cli._util import parse_config_overrides

    arguments = []
    for key, value in parse_pairs(given, option="--override"):
        arguments += [f"--{key}", value]
    found: dict[str, object] = parse_config_overrides(arguments, env_var=None)
    return found


def _report(record: RoundRecord) -> None:
    """Say what a round did."""
    if record.model is None and not record.results:
        good(f"nothing is new; model {record.current} stays")
        return
    gate: dict[str, object] | None = record.results.get("gate")  # type: ignore[assignment]
    (good if gate is None or gate["promoted"] else warn)(record.said)
    if gate is not None and gate["missing"]:
        info(f"about {gate['missing']} more test documents would decide, if the difference stays as it is")
    pushed: dict[str, object] | None = record.results.get("push")  # type: ignore[assignment]
    if pushed is not None:
        waiting = sum(int(str(pushed[name])) for name in ("created", "updated", "unchanged"))
        said = f"{counted(waiting, 'document')} for people to review, pre-annotated by model {record.current}"
        good(f"{said}; {pushed['blind']} of them blind, without pre-annotations" if pushed["blind"] else said)


@command
def loop_status_cli(folder: _FolderOption = _DEFAULT_FOLDER) -> None:
    """Say which model is the current one, how good it is, and what a better one is waiting for.

    Example:
      spacy-tagtog loop status
    """
    from spacy_tagtog.loop.status import status_of

    status = status_of(folder)
    rows: list[tuple[str, object]] = [("current model", status.current or "none yet")]
    if status.manifest is not None:
        rows += [
            ("  since", status.since),
            ("  F on the test documents", _f_of(status.manifest)),
            ("  test documents then", status.manifest.verdict["documents"]),
        ]
    rows += [
        ("models", len(status.models)),
        ("  of these promoted", status.promoted),
        ("  whose pipelines are kept", len(status.kept)),
        ("rounds", status.rounds),
    ]
    rows += [(f"documents that {what}", number) for what, number in status.sides.items()]
    table(rows)
    if status.waiting is not None:
        warn(f"the latest model is a candidate: {status.waiting.reason}")
        if missing := status.waiting.verdict["missing"]:
            info(f"about {missing} more test documents would decide, if the difference stays as it is")
    if status.unfinished:
        warn(f"the last round stopped at: {status.unfinished}; spacy-tagtog loop goes on with it")


@command
def loop_history_cli(folder: _FolderOption = _DEFAULT_FOLDER) -> None:
    """List all models: what they learned from, how good they are, and what the gate said.

    Example:
      spacy-tagtog loop history
    """
    loop = _loop(folder)
    manifests = [loop.lineage.manifest(number) for number in loop.lineage.numbers]
    current = loop.lineage.current
    table(
        [
            (
                f"{one.number}{' *' if one.number == current else ''}",
                one.made.replace("T", " ").removesuffix("+00:00"),
                one.state,
                *(
                    str(sum(side == name for side, _ in one.documents.values()))
                    for name in ("train", "dev", "test")
                ),
                _f_of(one),
                _difference(one),
            )
            for one in manifests
        ],
        header=("model", "made (UTC)", "state", "train", "dev", "test", "F", "against the one before"),
    )
    for one in manifests:
        info(f"model {one.number}: {one.reason}")
    for move in loop.lineage.moves:
        if move.why.startswith("rolled back"):
            info(f"{move.at}: {move.why} to model {move.model}")


@command
def loop_rollback_cli(
    number: Annotated[
        int | None,
        typer.Argument(help="The model. Default: the one that was current before.", show_default=False),
    ] = None,
    folder: _FolderOption = _DEFAULT_FOLDER,
) -> None:
    """Make an earlier model the current one again. What is pushed next comes from it.

    Example:
      spacy-tagtog loop rollback 1
    """
    loop = _loop(folder)
    before = loop.lineage.current
    now = loop.rollback(number)
    instead = "already" if now == before else f"instead of model {before}"
    good(f"model {now} is the current one, {instead}: {loop.lineage.pipeline_of(now)}")


@command
def loop_report_cli(
    output: Annotated[
        Path,
        typer.Argument(help="The file to write: .html for people, .json for programs.", show_default=False),
    ],
    folder: _FolderOption = _DEFAULT_FOLDER,
) -> None:
    """Write what the loop achieved: its models, what people did, and whether the probabilities were true.

    The page is one file without scripts, to send around or to print.

    Example:
      spacy-tagtog loop report report.html
    """
    from spacy_tagtog._files import json_text, write_atomic
    from spacy_tagtog.loop.report import report_of, report_page
    from spacy_tagtog.steps.reports import report_paths

    (path,) = report_paths(output)
    report = report_of(folder)
    name = folder.resolve().name
    write_atomic(path, json_text(report.to_json()) if path.suffix == ".json" else report_page(report, name))
    reviewed = sum(row.suggested for row in report.rounds)
    models = counted(len(report.models), "model")
    good(f"{models} and {counted(reviewed, 'suggestion')} that people decided about: {path}")


def _loop(folder: Path) -> Loop:
    from spacy_tagtog.loop.status import open_loop

    return open_loop(folder)


def _f_of(manifest: Manifest) -> str:
    overall: dict[str, float] = manifest.verdict["overall"]  # type: ignore[assignment]
    return f"{overall['new']:.1f}"


def _difference(manifest: Manifest) -> str:
    if manifest.parent is None:
        return "the first"
    overall: dict[str, float] = manifest.verdict["overall"]  # type: ignore[assignment]
    points = overall["new"] - overall["current"]
    return f"{points:+.1f} ({overall['low']:+.1f} to {overall['high']:+.1f})"


loop_app.command("status", short_help="Say which model is current, and how good it is.")(loop_status_cli)
loop_app.command("history", short_help="List all models and what the gate said.")(loop_history_cli)
loop_app.command("report", short_help="Write what the loop achieved as a page.")(loop_report_cli)
loop_app.command("rollback", short_help="Make an earlier model the current one again.")(loop_rollback_cli)

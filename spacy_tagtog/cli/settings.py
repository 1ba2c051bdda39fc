"""``spacy-tagtog settings``: what a project's annotation types, folders and webhooks are."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import CreateOption, OnProblemOption, takes_connection
from spacy_tagtog.cli._run import command, good, note, parse_pairs, showing, table, warn, write_json
from spacy_tagtog.cli.project import read_labels
from spacy_tagtog.errors import ArgumentError
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spacy_tagtog.anndoc import Legend
    from spacy_tagtog.server.settings import LabelValues
    from spacy_tagtog.steps.connection import Connection

_KINDS = {"e": "entity type", "m": "document label", "f": "entity label", "n": "dictionary", "r": "relation"}

_AddEntityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--add-entity",
        help="Add an entity type to a project of the local tagtog (repeat for several). Documents stay.",
        show_default=False,
    ),
]
_AddLabelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--add-label",
        help="Add a document label: NAME=A,B one of these values, NAME yes or no, NAME=* any text.",
        show_default=False,
    ),
]
_MeasureTimeOption = Annotated[
    bool | None,
    typer.Option(
        "--measure-time/--no-measure-time",
        help="Whether the review page of the local tagtog measures how long people work. It tells them.",
        show_default=False,
    ),
]
_DictionaryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--dictionary",
        help="NAME=FILE: load a dictionary into a project of the local tagtog, a .tsv or .csv of id, name, "
        "further names. Its entries are replaced; documents stay.",
        show_default=False,
    ),
]


@command
@takes_connection()
def settings_cli(
    where: ConnectionSettings,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the settings to this JSON file.", show_default=False),
    ] = None,
    load: Annotated[
        Path | None,
        typer.Option(
            "--load", help="Replace the project's settings by those of this JSON file.", show_default=False
        ),
    ] = None,
    create: CreateOption = False,
    add_entity: _AddEntityOption = None,
    add_label: _AddLabelOption = None,
    measure_time: _MeasureTimeOption = None,
    dictionary: _DictionaryOption = None,
    on_problem: OnProblemOption = "error",
    force: Annotated[
        bool,
        typer.Option(
            "--force", "-F", help="With --load: although tagtog removes all documents of the project by that."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Show a project's annotation types, write all of its settings to a file, replace them, or add types.

    tagtog removes the documents of a project whose settings are replaced: a project that has any is refused,
    unless --force is given. Adding types and loading dictionaries removes nothing. Without --load, --add-…
    and --dictionary nothing is changed.

    Examples:
      spacy-tagtog settings --output settings.json
      spacy-tagtog settings --add-entity Telescope --add-label Theme=art,science
      spacy-tagtog settings --dictionary HGNC=genes.tsv
      spacy-tagtog settings --project fresh --load settings.json --create
    """
    from spacy_tagtog.steps.projects import open_or_create
    from spacy_tagtog.steps.settings import read_settings, replace_settings

    dictionaries = list(parse_pairs(dictionary or [], option="--dictionary"))
    _check(load, create, [*(add_entity or []), *(add_label or []), *dictionaries])
    labels = read_labels(add_label or [], option="--add-label")
    with ExitStack() as stack:
        if create and load is not None:
            tagtog, is_new = stack.enter_context(
                open_or_create(where, settings=read_settings(load), dry_run=dry_run)
            )
        else:
            tagtog, is_new = stack.enter_context(open_connection(where, may_create=load is not None)), False
        place = str(tagtog)
        if is_new:
            good(f"{'would be made' if dry_run else 'made'}: {place}, with the settings of {load}")
            if dry_run:
                return
        elif load is not None:
            replaced = replace_settings(tagtog, load, force=force, dry_run=dry_run)
            if dry_run:
                removed = counted(replaced.removed, "document")
                good(f"would be replaced: the settings of {place}, which has {removed}")
                return
            table(replaced.classes.items(), header=("class in the file", "class in the project"))
            were = counted(replaced.removed, "document was", "documents were")
            good(
                f"replaced the settings of {place}"
                + (f"; {were} removed by that" if replaced.removed else "")
            )
        if add_entity or labels:
            _add_types(tagtog, add_entity or [], labels, dry_run=dry_run)
        if measure_time is not None:
            _switch_time(tagtog, measure_time, dry_run=dry_run)
        for name, source in dictionaries:
            _load_dictionary(tagtog, name, source, on_problem, dry_run=dry_run)
        settings = tagtog.client.settings()
        legend = tagtog.client.legend()
    write_json(output, settings)
    _show(legend)
    good(f"the settings of {place}" + (f" are in {output}" if output else ""))


def _add_types(
    tagtog: Connection, entities: list[str], labels: Mapping[str, LabelValues], *, dry_run: bool
) -> None:
    from spacy_tagtog.steps.projects import add_types

    added = add_types(tagtog, entities=entities, labels=labels, dry_run=dry_run)
    names = ", ".join(f"{name} ({class_id})" for class_id, name in added.items())
    good(f"{'would be added' if dry_run else 'added'} to {tagtog}: {names}")


def _switch_time(tagtog: Connection, on: bool, *, dry_run: bool) -> None:
    from spacy_tagtog.steps.projects import measure_time

    if not dry_run:
        measure_time(tagtog, on=on)
    would = "would be" if dry_run else "is"
    good(f"the time that people work {would} {'measured' if on else 'not measured'}: {tagtog}")


def _load_dictionary(tagtog: Connection, name: str, source: str, on_problem: str, *, dry_run: bool) -> None:
    from spacy_tagtog.steps.dictionaries import load_dictionary

    progress = showing(f"loading {name}", unit="ids and names")
    loaded = load_dictionary(tagtog, name, source, on_problem=on_problem, dry_run=dry_run, progress=progress)
    note((f"{one.problem}: {one.place}: {one.value}" for one in loaded.problems), caption="left out")
    if loaded.left_out > len(loaded.problems):
        warn(f"{counted(loaded.left_out, 'line')} left out; the first {len(loaded.problems)} are listed")
    good(f"{'would be loaded' if dry_run else 'loaded'} into {tagtog}: the dictionary {loaded}")


def _check(load: Path | None, create: bool, added: Sequence[object]) -> None:
    if load is not None and added:
        raise ArgumentError(
            "--load and --add-entity, --add-label or --dictionary contradict each other",
            legal="one after the other: load the settings, then add types and dictionaries",
        )
    if create and load is None:
        raise ArgumentError(
            "--create goes with --load",
            legal="--load FILE --create",
            advice="for a project without settings of a file: spacy-tagtog project create NAME --entity TYPE",
        )


def _show(legend: Legend) -> None:
    table(
        ((class_id, name, _KINDS.get(class_id[:1], "")) for class_id, name in legend.items()),
        header=("class", "name", "kind"),
    )

"""The command line: one thin module per command, which reads options and prints. ``steps`` does the work.

spaCy imports this module for every one of its own commands, through an entry point. So it imports typer and
nothing heavy: each command imports what it needs when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from spacy_tagtog.cli._run import unwrapped
from spacy_tagtog.cli._spelling import IN_WORKFLOW
from spacy_tagtog.cli.annotate import annotate_cli
from spacy_tagtog.cli.calibrate import calibrate_cli
from spacy_tagtog.cli.changes import changes_cli
from spacy_tagtog.cli.convert import convert_cli
from spacy_tagtog.cli.delete import delete_cli
from spacy_tagtog.cli.demo import demo_cli
from spacy_tagtog.cli.evaluate import evaluate_cli
from spacy_tagtog.cli.fetch import fetch_cli
from spacy_tagtog.cli.folders import folders_cli
from spacy_tagtog.cli.iaa import iaa_cli
from spacy_tagtog.cli.import_export import export_cli, import_cli
from spacy_tagtog.cli.loop import loop_app
from spacy_tagtog.cli.members import members_cli
from spacy_tagtog.cli.merge import merge_cli
from spacy_tagtog.cli.new import new_cli
from spacy_tagtog.cli.project import project_app
from spacy_tagtog.cli.push import push_cli
from spacy_tagtog.cli.rank import rank_cli
from spacy_tagtog.cli.second_looks import second_looks_cli
from spacy_tagtog.cli.serve import serve_cli
from spacy_tagtog.cli.settings import settings_cli
from spacy_tagtog.cli.simulate import simulate_cli
from spacy_tagtog.cli.stats import stats_cli
from spacy_tagtog.cli.tokenizer import tokenizer_cli
from spacy_tagtog.cli.train import train_cli
from spacy_tagtog.cli.upload import upload_cli
from spacy_tagtog.cli.user import user_app
from spacy_tagtog.cli.validate import validate_cli
from spacy_tagtog.cli.version import version_cli
from spacy_tagtog.cli.webhook import webhook_cli

__all__ = ["app", "main"]

app = typer.Typer(
    name="spacy-tagtog",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=unwrapped("""Train spaCy on what people annotate in tagtog, and send pre-annotations back for review.

    The loop: fetch → convert → train → calibrate → evaluate → annotate → rank → push. Where no tagtog is
    configured, fetch and push use a local tagtog of their own (a database file, see serve). Settings come
    from options or from the environment: TAGTOG_DOMAIN, TAGTOG_OWNER, TAGTOG_PROJECT, TAGTOG_CA_FILE,
    TAGTOG_DATABASE. User name and password come from the environment (TAGTOG_USERNAME, TAGTOG_PASSWORD), the
    system's keyring or netrc, and are never options.

    Exit codes: 0 done, 1 an error that the message explains, 2 wrong arguments, 130 interrupted."""),
)

_OF_SPACY = {"allow_extra_args": True, "ignore_unknown_options": True}
"""For commands that take values of a config as options, as spaCy's do."""

# Group → name → what it is and what the list says of it. The list cuts nothing: each line is written for it.
_COMMANDS: dict[str, dict[str, tuple[Callable[..., Any] | typer.Typer, str]]] = {
    "Data": {
        "fetch": (fetch_cli, "Download the documents that a query finds."),
        "convert": (convert_cli, "Make .spacy files of tagtog documents, and back."),
        "validate": (validate_cli, "Check documents, without converting them."),
        "tokenizer": (tokenizer_cli, "Learn where the tokenizer has to split."),
        "upload": (upload_cli, "Upload files as new documents (txt, md, html, pdf…)."),
        "push": (push_cli, "Upload documents with their annotations for review."),
        "delete": (delete_cli, "Delete the documents that a query finds."),
        "import": (import_cli, "Put a folder or zip of tagtog documents into a project."),
        "export": (export_cli, "Write a whole project into a folder or zip."),
        "demo": (demo_cli, "Put the demo corpus into the local tagtog."),
    },
    "Model": {
        "train": (train_cli, "Train the model that suits the amount of data."),
        "evaluate": (evaluate_cli, "Precision, recall and F, and accuracy of probabilities."),
        "calibrate": (calibrate_cli, "Make the probabilities accurate."),
        "annotate": (annotate_cli, "Pre-annotate documents, each entity with a probability."),
    },
    "Review": {
        "rank": (rank_cli, "Order documents, so that people see first what helps most."),
        "changes": (changes_cli, "Count what reviewers changed."),
        "second-looks": (second_looks_cli, "Find annotations that are probably wrong."),
        "simulate": (simulate_cli, "Compare strategies of choosing on a reviewed project."),
        "loop": (loop_app, "Do a round by itself; keep a model only if it proves itself."),
    },
    "Team": {
        "iaa": (iaa_cli, "Measure how far annotators agree."),
        "merge": (merge_cli, "Merge the versions of several members into one."),
        "members": (members_cli, "List, add and remove members; distribute documents."),
        "folders": (folders_cli, "List, add, rename and remove folders of a project."),
        "settings": (settings_cli, "Show, save and replace settings; add entity types."),
        "stats": (stats_cli, "Count annotations by entity type and label."),
    },
    "Server": {
        "serve": (serve_cli, "Run the local tagtog, and open its pages."),
        "user": (user_app, "Add, list and remove users of the local tagtog."),
        "project": (project_app, "Create, list and delete projects of the local tagtog."),
        "webhook": (webhook_cli, "Pre-annotate new documents when tagtog tells of them."),
        "new": (new_cli, "Make a workspace: the workflow in a folder of its own."),
        "version": (version_cli, "Print the versions of this package, spaCy and Python."),
    },
}
for group, commands in _COMMANDS.items():
    for name, (what, summary) in commands.items():
        if isinstance(what, typer.Typer):
            app.add_typer(what, name=name, short_help=summary, rich_help_panel=group)
        else:
            settings = _OF_SPACY if name in ("train", "simulate") else None
            app.command(name, short_help=summary, rich_help_panel=group, context_settings=settings)(what)


def _versions(wanted: bool) -> None:
    if wanted:
        version_cli()
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_versions,
            is_eager=True,
            help="Print the versions of this package, spaCy and Python.",
        ),
    ] = False,
    workflow: Annotated[
        bool,
        typer.Option("--workflow", hidden=True, help="For project.yml: errors name its variables."),
    ] = False,
) -> None:
    IN_WORKFLOW.set(workflow)


def main() -> None:
    """The command ``spacy-tagtog``."""
    app()

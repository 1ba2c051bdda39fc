"""The command line: one thin module per command, which reads options and prints. ``steps`` does the work.

spaCy imports this module for every one of its own commands, through an entry point. So it imports typer and
nothing heavy: each command imports what it needs when it runs.
"""

from __future__ import annotations

from typing import Annotated

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
from spacy_tagtog.cli.members import members_cli
from spacy_tagtog.cli.merge import merge_cli
from spacy_tagtog.cli.new import new_cli
from spacy_tagtog.cli.project import project_app
from spacy_tagtog.cli.push import push_cli
from spacy_tagtog.cli.rank import rank_cli
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

__all__ = ["app", "main"]

app = typer.Typer(
    name="spacy-tagtog",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=unwrapped("""Train spaCy on what people annotate in tagtog, and send pre-annotations back for review.

    The loop: fetch → convert → train → calibrate → evaluate → annotate → rank → push. Where no tagtog is
    configured, fetch and push use a local tagtog of their own (a database file, see serve). Settings come
    from options or from the environment: TAGTOG_DOMAIN, TAGTOG_OWNER, TAGTOG_PROJECT, TAGTOG_CA_FILE,
    TAGTOG_DATABASE. User name and password come only from the environment: TAGTOG_USERNAME, TAGTOG_PASSWORD.

    Exit codes: 0 done, 1 an error that the message explains, 2 wrong arguments, 130 interrupted."""),
)
app.command("new")(new_cli)
app.add_typer(project_app)
app.command("fetch")(fetch_cli)
app.command("convert")(convert_cli)
app.command("validate")(validate_cli)
app.command("tokenizer")(tokenizer_cli)
app.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(train_cli)
app.command("evaluate")(evaluate_cli)
app.command("calibrate")(calibrate_cli)
app.command("annotate")(annotate_cli)
app.command("simulate", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    simulate_cli
)
app.command("rank")(rank_cli)
app.command("push")(push_cli)
app.command("upload")(upload_cli)
app.command("delete")(delete_cli)
app.command("changes")(changes_cli)
app.command("iaa")(iaa_cli)
app.command("merge")(merge_cli)
app.command("serve")(serve_cli)
app.command("import")(import_cli)
app.command("export")(export_cli)
app.command("settings")(settings_cli)
app.command("folders")(folders_cli)
app.command("members")(members_cli)
app.command("stats")(stats_cli)
app.command("demo")(demo_cli)
app.add_typer(user_app)
app.command("version")(version_cli)


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

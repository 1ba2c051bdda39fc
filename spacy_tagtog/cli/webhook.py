"""``spacy-tagtog webhook``: pre-annotate new documents as soon as tagtog tells of them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from spacy_tagtog.cli._options import place_of, takes_connection
from spacy_tagtog.cli._run import command, good, info
from spacy_tagtog.errors import ConfigurationError
from spacy_tagtog.steps.connection import ConnectionSettings


@command
@takes_connection()
def webhook_cli(
    where: ConnectionSettings,
    folder: Annotated[
        Path, typer.Option("--folder", help="The loop's folder: its current model annotates.")
    ] = Path("loop"),
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port.")] = 8282,
    new: Annotated[
        str,
        typer.Option(
            "--new", help="tagtog's search for documents to annotate, where a call doesn't say which one."
        ),
    ] = "anncomplete:false",
    name: Annotated[str, typer.Option("--name", help="Pre-annotations are by ml:NAME.")] = "spacy",
    blind_share: Annotated[
        float, typer.Option("--blind-share", help="The loop's: these documents get none, 0 to 1.")
    ] = 0.1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The loop's seed.")] = 0,
) -> None:
    """Pre-annotate new documents as soon as tagtog tells of them, with the loop's current model.

    tagtog calls http://HOST:PORT/ with the user name and password of TAGTOG_WEBHOOK_USERNAME and
    TAGTOG_WEBHOOK_PASSWORD. Calls are kept in FOLDER/webhooks.db until they are dealt with. /health says how
    many wait. The service goes on until it is interrupted.

    Example:
      spacy-tagtog webhook --help
    """
    try:
        from spacy_tagtog.loop.webhook import WebhookLogin, serve_webhook
    except ImportError as error:
        raise ConfigurationError(
            "the webhook's service is not installed",
            value=f"{error.name} is missing",
            legal="the extra [loop]",
            advice="pip install 'spacy-tagtog[loop]'",
        ) from error
    from spacy_tagtog.loop import LoopSettings
    from spacy_tagtog.loop.status import open_loop

    login = WebhookLogin.from_environment()
    place = place_of(where)
    settings = LoopSettings(new=new, name=name, blind_share=blind_share, seed=seed)
    loop = open_loop(folder, settings, **place)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("spacy_tagtog.loop").setLevel(logging.INFO)

    def ready(address: str) -> None:
        good(f"tagtog may call {address} as the user {login.username}")
        info(f"model {loop.lineage.current} annotates; end with Ctrl-C")

    serve_webhook(loop, login, host=host, port=port, ready=ready)

"""``spacy-tagtog serve``: the local tagtog."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_tagtog.cli._options import DatabaseOption
from spacy_tagtog.cli._run import command, good, info
from spacy_tagtog.steps.connection import DEFAULT_DATABASE, LOCAL_OWNER


@command
def serve_cli(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 for a free one.")] = 8181,
    user: Annotated[
        str, typer.Option("--user", help="The user who runs the server, an admin of every project.")
    ] = LOCAL_OWNER,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Make a new password for the user and show it once.")
    ] = False,
    allow_remote: Annotated[
        bool,
        typer.Option(
            "--allow-remote",
            help="Allow a host that other computers can reach. Encrypt with --tls-cert, or behind a proxy.",
        ),
    ] = False,
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            "--tls-cert", help="Encrypt: a PEM file with the server's certificate.", show_default=False
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option("--tls-key", help="A PEM file with the certificate's private key.", show_default=False),
    ] = None,
    database: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Run the local tagtog until you interrupt it: tagtog's HTTP API, and pages to look at documents.

    At the first start a password is made and shown once; only its hash is stored. Other people get in with
    user add. Projects come in by import or demo; fetch, push and the others use the same database file when
    no domain is configured, also while this runs.

    Example:
      spacy-tagtog serve --port 8181
    """
    from spacy_tagtog.steps.serve import serve

    def ready(url: str, password: str) -> None:
        good(f"the local tagtog ({database}) is at {url}")
        if password:
            info(f"user {user}, password {password}   (shown this once; --new-password makes another)")
        info("Ctrl+C stops it")

    serve(
        database,
        ready=ready,
        host=host,
        port=port,
        user=user,
        new_password=new_password,
        allow_remote=allow_remote,
        tls_cert=tls_cert,
        tls_key=tls_key,
    )

"""``spacy-tagtog serve``: the local tagtog."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import typer

from spacy_tagtog.cli._options import DatabaseOption
from spacy_tagtog.cli._run import command, good, info, warn
from spacy_tagtog.steps.connection import DEFAULT_DATABASE, LOCAL_OWNER


def _open_browser(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        warn(f"there is no browser to open {address}")


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
    host_name: Annotated[
        list[str] | None,
        typer.Option(
            "--host-name",
            help="A name or address by which others call the server; can be repeated. Calls to other names "
            "are refused.",
            show_default=False,
        ),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the browser, with the user logged in.")
    ] = False,
    database: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Run the local tagtog until you interrupt it: tagtog's HTTP API, and pages to look at documents.

    At the first start a password is made and shown once; only its hash is stored. The link that is shown
    logs the user in one time, within 15 minutes. Other people get in with user add, or on the page of people.
    Projects come in by import or demo; fetch, push and the others use the same database file when no domain
    is configured, also while this runs.

    Examples:
      spacy-tagtog serve --open
      spacy-tagtog serve --port 8181
    """
    from spacy_tagtog.steps.serve import ServerStart, serve

    def ready(start: ServerStart) -> None:
        good(f"the local tagtog ({database}) is at {start.url}")
        if start.password:
            info(f"user {user}, password {start.password}   (shown this once; --new-password makes another)")
        if start.link:
            info(f"log in as {user} with this link, one time, within 15 minutes: {start.link}")
        if start.is_open_to_others:
            warn(f"other users of this computer can read {database}, with all texts: chmod 600 {database}")
        if open_browser:
            # The browser may be a program in this terminal, and asks the server that waits for this function.
            address = start.link or start.url
            threading.Thread(target=_open_browser, args=(address,), daemon=True).start()
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
        host_names=host_name or (),
    )

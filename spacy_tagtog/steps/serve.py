"""Run the local tagtog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spacy_tagtog.errors import ConfigurationError, setting
from spacy_tagtog.steps.connection import DEFAULT_DATABASE, LOCAL_OWNER
from spacy_tagtog.steps.users import new_password as make_password
from spacy_tagtog.steps.users import open_database


def serve(
    database: Path | str = DEFAULT_DATABASE,
    *,
    ready: Callable[[str, str], None],
    host: str = "127.0.0.1",
    port: int = 8181,
    user: str = LOCAL_OWNER,
    new_password: bool = False,
    allow_remote: bool = False,
    tls_cert: Path | str | None = None,
    tls_key: Path | str | None = None,
) -> None:
    """Run the local tagtog until it is interrupted: tagtog's HTTP API, and pages to look at documents.

    Args:
        database: The local tagtog's database file.
        ready: Called when it answers, with its address, and with the user's password if one was made. The
            password is stored nowhere: show it.
        host: The address to listen on.
        port: The port; 0 for a free one.
        user: The user who runs the server, an admin of every project. A password is made if there is no user
            yet.
        new_password: Make a new password for the user.
        allow_remote: Allow a host that other computers can reach.
        tls_cert: Encrypt: a PEM file with the server's certificate.
        tls_key: A PEM file with the certificate's private key.

    Raises:
        ConfigurationError: The local tagtog is not installed, or only one of the files for encryption is
            given.
        LocalServerError: The port is taken, the host isn't allowed, or the database can't be used.
    """
    if (tls_cert is None) != (tls_key is None):
        raise ConfigurationError(
            "a certificate and its private key belong together",
            legal=f"both {setting('tls_cert')} and {setting('tls_key')}, or neither",
        )
    password = ""
    with open_database(Path(database)) as opened:
        from spacy_tagtog.server.db.users import add_user, has_users

        if new_password or not opened.read(has_users):
            password = make_password()
            opened.write(add_user, user, password, admin=True)
    from spacy_tagtog.server import Tls
    from spacy_tagtog.server import serve as run

    run(
        Path(database),
        host=host,
        port=port,
        ready=lambda url: ready(url, password),
        allow_remote=allow_remote,
        tls=None if tls_cert is None or tls_key is None else Tls(Path(tls_cert), Path(tls_key)),
    )

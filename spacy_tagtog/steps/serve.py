"""Run the local tagtog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spacy_tagtog.errors import ArgumentError, setting
from spacy_tagtog.steps.connection import DEFAULT_DATABASE, LOCAL_OWNER
from spacy_tagtog.steps.users import open_database


@dataclass(frozen=True)
class ServerStart:
    """A local tagtog that answers now.

    Attributes:
        url: Its address.
        password: The password of the user who runs it, where one was made. It is stored nowhere: show it.
        link: An address that logs this user in one time, within 15 minutes. Empty where the database has no
            such user.
        is_open_to_others: Whether other users of this computer can read the database file.
    """

    url: str
    password: str = field(repr=False)
    link: str = field(repr=False)
    is_open_to_others: bool


def serve(
    database: Path | str = DEFAULT_DATABASE,
    *,
    ready: Callable[[ServerStart], None],
    host: str = "127.0.0.1",
    port: int = 8181,
    user: str = LOCAL_OWNER,
    new_password: bool = False,
    allow_remote: bool = False,
    tls_cert: Path | str | None = None,
    tls_key: Path | str | None = None,
    host_names: Sequence[str] = (),
) -> None:
    """Run the local tagtog until it is interrupted: tagtog's HTTP API, and pages to look at documents.

    Args:
        database: The local tagtog's database file.
        ready: Called when it answers, with what to show.
        host: The address to listen on.
        port: The port; 0 for a free one.
        user: The user who runs the server, an admin of every project. A password is made if there is no user
            yet.
        new_password: Make a new password for the user.
        allow_remote: Allow a host that other computers can reach.
        tls_cert: Encrypt: a PEM file with the server's certificate.
        tls_key: A PEM file with the certificate's private key.
        host_names: The names and addresses by which others call the server. Calls to other names than these,
            ``host`` and this computer's own are refused.

    Raises:
        ConfigurationError: The local tagtog is not installed, or only one of the files for encryption is
            given.
        LocalServerError: The port is taken, the host isn't allowed, or the database can't be used.
    """
    if (tls_cert is None) != (tls_key is None):
        raise ArgumentError(
            "a certificate and its private key belong together",
            legal=f"both {setting('tls_cert')} and {setting('tls_key')}, or neither",
        )
    password, token, path = "", "", Path(database)
    with open_database(path) as opened:
        from spacy_tagtog.server.db import users
        from spacy_tagtog.server.db.database import is_open_to_others
        from spacy_tagtog.server.db.sessions import make_link

        if new_password or not opened.read(users.has_users):
            password = users.new_password()
            opened.write(users.store_user, user, users.hash_password(user, password), admin=True)
        if user in (name for name, _ in opened.read(users.list_users)):
            token = opened.write(make_link, user)
    from spacy_tagtog.server import Tls
    from spacy_tagtog.server import serve as run

    def started(url: str) -> None:
        link = f"{url}/-local/login/link?token={token}" if token else ""
        ready(ServerStart(url, password, link, is_open_to_others(path)))

    run(
        path,
        host=host,
        port=port,
        ready=started,
        allow_remote=allow_remote,
        tls=None if tls_cert is None or tls_key is None else Tls(Path(tls_cert), Path(tls_key)),
        host_names=host_names,
    )

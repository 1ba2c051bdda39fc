"""Running the local tagtog: inside a program, or by itself."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from spacy_tagtog.errors import LocalServerError, setting
from spacy_tagtog.server.app import make_app
from spacy_tagtog.server.connections import BoundedProtocol
from spacy_tagtog.server.db.database import Database
from spacy_tagtog.server.db.users import has_users
from spacy_tagtog.server.deliveries import Deliverer

_STOP_SECONDS = 5
# The longest search that is allowed, percent-encoded, and the headers.
_MAX_HEAD_BYTES = 2**16


@dataclass(frozen=True)
class Tls:
    """What a server proves itself with.

    Attributes:
        cert: A PEM file with its certificate, and those between it and the authority.
        key: A PEM file with the certificate's private key, without a password.

    Raises:
        LocalServerError: They can't be read, or don't belong together.
    """

    cert: Path
    key: Path

    def __post_init__(self) -> None:
        def ask() -> str:  # instead of OpenSSL, which would wait for somebody at the terminal
            raise LocalServerError(
                "the private key has a password",
                place=self.key,
                legal="a key without one",
                advice="openssl pkey -in KEY -out NEW",
            )

        for path in (self.cert, self.key):
            try:
                path.open("rb").close()
            except OSError as error:
                raise LocalServerError(
                    f"the file can't be read: {error.strerror}", place=path, legal="a file in PEM format"
                ) from error
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.cert, self.key, ask)
        except ssl.SSLError as error:
            raise LocalServerError(
                f"the certificate can't be used: {error.reason or error}",
                place=f"{self.cert}, {self.key}",
                legal="a certificate and its private key, both in PEM format",
            ) from error


@dataclass
class LocalTagtog:
    """A running local tagtog.

    Attributes:
        url: Its address.
        username: A user that only this run knows.
        password: The user's password.
        database: Its database.
    """

    url: str
    username: str
    password: str = field(repr=False)
    database: Database


class _Server(uvicorn.Server):
    """uvicorn, which tells when it answers."""

    def __init__(self, app: Starlette, on_start: Callable[[], None], tls: Tls | None = None) -> None:
        # h11 and asyncio: the same everywhere, whatever else is installed. log_config=None: leave the
        # program's logging alone.
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
            h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
            ssl_certfile=None if tls is None else tls.cert,
            ssl_keyfile=None if tls is None else tls.key,
        )
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise LocalServerError(
            f"the address can't be used: {error.strerror}", value=host, legal="an address of this computer"
        ) from error
    try:
        if os.name == "posix":  # elsewhere it would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise LocalServerError(
            f"the local tagtog can't listen there: {error.strerror}",
            value=f"{host}:{port}",
            legal="a port that is free",
            advice=f"choose another with {setting('port')}, or end what uses it",
        ) from error
    return listener


def _url(listener: socket.socket, tls: Tls | None = None) -> str:
    host, port = listener.getsockname()[:2]
    # Where it listens on all addresses, a browser on this computer needs one of them.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"{'http' if tls is None else 'https'}://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def _delivering(database: Database, pause: float) -> Iterator[None]:
    """Send webhooks for the time of a block."""
    deliverer = Deliverer(database, pause=pause)
    deliverer.start()
    try:
        yield
    finally:
        deliverer.stop()


@contextmanager
def local_tagtog(path: Path, *, webhook_pause: float = 2.0) -> Iterator[LocalTagtog]:
    """Run a local tagtog for the time of a block, on a free port of this computer.

    Args:
        path: The file of its database; made if it doesn't exist. Another process may use it at the same time.
        webhook_pause: Seconds after which a webhook that failed is first tried again.

    Raises:
        LocalServerError: The database can't be used, or the server doesn't start.
    """
    database = Database(path)
    try:
        password = secrets.token_urlsafe(24)
        listener = _listen("127.0.0.1", 0)
        url = _url(listener)
        started, ended = threading.Event(), threading.Event()
        server = _Server(make_app(database, accounts={"local": password}), started.set)

        def run() -> None:
            try:
                server.run(sockets=[listener])
            finally:
                ended.set()
                started.set()

        thread = threading.Thread(target=run, name="local tagtog", daemon=True)
        thread.start()
        try:
            started.wait()
            if ended.is_set():
                raise LocalServerError(
                    "the local tagtog doesn't start", place=url, advice="see the error above"
                )
            with _delivering(database, webhook_pause):
                yield LocalTagtog(url, "local", password, database)
        finally:
            server.should_exit = True
            thread.join()
            listener.close()
    finally:
        database.close()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(
    path: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8181,
    ready: Callable[[str], None] | None = None,
    allow_remote: bool = False,
    webhook_pause: float = 2.0,
    tls: Tls | None = None,
    host_names: Collection[str] = (),
) -> None:
    """Run a local tagtog until the process is interrupted.

    Args:
        path: The file of its database. It must have a user.
        host: The address to listen on.
        port: The port; 0 for a free one.
        ready: Called with the server's address when it answers.
        allow_remote: Allow a host that other computers can reach. Without ``tls`` the connection isn't
            encrypted: passwords can be read on the way.
        webhook_pause: Seconds after which a webhook that failed is first tried again.
        tls: Encrypt the connections.
        host_names: The names and addresses by which others call the server, beside ``host`` and this
            computer's own. Calls to other names are refused.

    Raises:
        LocalServerError: The port is taken, the database can't be used or has no user, or the host isn't
            allowed.
    """
    if not (allow_remote or _is_loopback(host)):
        raise LocalServerError(
            "other computers could reach this server"
            + (", and its connections aren't encrypted" if tls is None else ""),
            value=host,
            legal="127.0.0.1, ::1, localhost",
            advice=f"keep the default, or allow it ({setting('allow_remote', True)}) with a certificate "
            "and its key, or behind a proxy that encrypts",
        )
    database = Database(path)
    try:
        if not database.read(has_users):
            raise LocalServerError(
                "the database has no user, so nobody could use the server",
                place=path,
                advice="add a user first",
            )
        listener = _listen(host, port)
        url = _url(listener, tls)
        database.reserve.keep()
        try:
            with _delivering(database, webhook_pause):
                app = make_app(database, host_names=(host, *host_names))
                _Server(app, lambda: ready(url) if ready is not None else None, tls).run(sockets=[listener])
        except KeyboardInterrupt:
            pass  # the way to end it
        finally:
            listener.close()
    finally:
        database.close()

"""A limit on the time that one try of a call takes in all.

The time-outs of requests and urllib3 begin anew with each piece that comes. A server that sends a byte every
few seconds would hold a call for ever, in the headers of an answer as well as in its body. So the sockets
here are given, before each piece, no more time than the try has left.
"""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from requests.adapters import HTTPAdapter
from typing_extensions import Buffer
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_PIECE: Final = 1 << 16
"""At most this many bytes are sent within one time-out: a large body takes its time on a slow line."""


class TooSlowError(TimeoutError):
    """The time of a whole try is over."""


@dataclass
class _Limit:
    """When a try must be done.

    Attributes:
        end: The end, on the clock.
        clock: Seconds that only go forwards.
    """

    end: float
    clock: Callable[[], float]

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self.end - self.clock()


_thread = threading.local()


@contextmanager
def time_limit(seconds: float, clock: Callable[[], float]) -> Iterator[None]:
    """Within the block, this thread's reading and sending ends with :class:`TooSlowError` after that time.

    Args:
        seconds: The time of everything in the block together.
        clock: Seconds that only go forwards.
    """
    _thread.limit = _Limit(clock() + seconds, clock)
    try:
        yield
    finally:
        _thread.limit = None


class _LimitedSocket:
    """A socket that gives each piece its own time-out, and all of them together the time of the try.

    It has all attributes of the socket that it wraps.
    """

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._piece = inner.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def settimeout(self, seconds: float | None) -> None:
        """Set the time-out of each piece."""
        self._piece = seconds
        self._inner.settimeout(seconds)

    def sendall(self, data: Buffer) -> None:
        """Send everything, piece by piece."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _PIECE):
            with self.one_piece():
                self._inner.sendall(view[start : start + _PIECE])

    def makefile(self, mode: Literal["rb"]) -> io.BufferedReader:
        """The answer, as http.client reads it."""
        return io.BufferedReader(_Reader(self, self._inner.makefile(mode, buffering=0)))

    @contextmanager
    def one_piece(self) -> Iterator[None]:
        """For the time of one call of the socket, allow it what is left.

        Raises:
            TooSlowError: Nothing is left.
        """
        limit: _Limit | None = getattr(_thread, "limit", None)
        if limit is None:
            yield
            return
        left = limit.left
        if left <= 0:
            raise TooSlowError
        self._inner.settimeout(left if self._piece is None else min(self._piece, left))
        try:
            yield
        except TimeoutError as error:
            if limit.left <= 0:
                raise TooSlowError from error
            raise


class _Reader(io.RawIOBase):
    """What comes from a :class:`_LimitedSocket`."""

    def __init__(self, limited: _LimitedSocket, inner: io.RawIOBase) -> None:
        self._limited = limited
        self._inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        with self._limited.one_piece():
            return self._inner.readinto(buffer)

    def close(self) -> None:
        # The inner one counts: a socket that is closed before its answer is read stays open until then.
        self._inner.close()
        super().close()


def _limited(connection: HTTPConnection) -> None:
    connection.sock = cast("socket.socket", _LimitedSocket(cast("socket.socket", connection.sock)))


class _HttpConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _limited(self)


class _HttpsConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _limited(self)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


_POOLS: Final = {"http": _HttpPool, "https": _HttpsPool}


class LimitedAdapter(HTTPAdapter):
    """An adapter of requests whose connections keep to :func:`time_limit`, through proxies too."""

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*arguments, **settings)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:
        """Make the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **settings)
        manager.pool_classes_by_scheme = _POOLS
        return manager

"""Connections that cost nothing to whoever opens them, and must not cost the server much.

uvicorn waits for the rest of a request for ever, and keeps any number of connections.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 20.0
"""How long a request's head may take, from the connection or its first byte on."""
BODY_SECONDS = 60.0
"""How long nothing of a request's body may come."""
MAX_CONNECTIONS = 500
"""How many connections may be open. For one more, the one ends that has waited longest for a request."""
_WAITING: Final = (h11.IDLE,)


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP, with limits for requests that don't come."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._since = 0.0

    @property
    def _is_waiting(self) -> bool:
        """Whether it waits for the head of a request."""
        return self.conn.their_state in _WAITING

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection is there: make room for it, and wait for a request."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._begin(HEAD_SECONDS)
        if len(self.connections) > MAX_CONNECTIONS:
            waiting = [
                one for one in self.connections if isinstance(one, BoundedProtocol) and one._is_waiting
            ]
            # This one waits, too, so there is one.
            min(waiting, key=lambda one: one._since)._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something came: a head has one deadline, a body one for each piece."""
        was_waiting = self._is_waiting
        if was_waiting and self._deadline is None:
            self._begin(HEAD_SECONDS)
        super().data_received(data)
        if self.conn.their_state is h11.SEND_BODY:
            self._begin(BODY_SECONDS)
        elif not self._is_waiting:
            self._stop()

    def on_response_complete(self) -> None:
        """An answer is complete. Until the next request begins, uvicorn's own deadline holds."""
        self._since = self.loop.time()
        self._stop()
        super().on_response_complete()

    def _begin(self, seconds: float) -> None:
        self._stop()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if self.conn.their_state is h11.SEND_BODY and self.flow.read_paused:
            self._begin(BODY_SECONDS)  # it is us who don't read
        else:
            self._end()

    def _end(self) -> None:
        self._stop()
        self.connections.discard(self)  # at once: several may have to end before the loop goes on
        # abort: what is unsent would wait for somebody who may never read it.
        self.transport.abort()

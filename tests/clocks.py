"""A clock that only goes on when somebody waits for it."""

from __future__ import annotations

import threading

from spacy_tagtog.client._retry import Clock


class FakeTime:
    """Time that passes by sleeping alone.

    Attributes:
        waits: The seconds of each sleep.
        seconds: The time, since 1970 as well as monotonic.
    """

    def __init__(self, seconds: float = 1_700_000_000.0) -> None:
        self.waits: list[float] = []
        self.seconds = seconds
        self._lock = threading.Lock()

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.seconds, now=lambda: self.seconds, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        with self._lock:
            self.waits.append(seconds)
            self.seconds += seconds

"""When a call may be made: pauses between tries, a rate limit, and one clock for all of it, which tests replace."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from spacy_tagtog.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_HEADER: Final = 64


class Stopped(Exception):  # noqa: N818
    """The work that this thread does isn't wanted any more. It never leaves the package."""


_thread = threading.local()


@contextmanager
def stoppable(stop: threading.Event) -> Iterator[None]:
    """Within the block, this thread's pauses end, with :class:`Stopped`, once ``stop`` is set."""
    _thread.stop = stop
    try:
        yield
    finally:
        _thread.stop = None


def check_stopped() -> None:
    """Raise :class:`Stopped` where this thread's work isn't wanted any more."""
    stop: threading.Event | None = getattr(_thread, "stop", None)
    if stop is not None and stop.is_set():
        raise Stopped


def _pause(seconds: float) -> None:
    stop: threading.Event | None = getattr(_thread, "stop", None)
    if stop is None:
        time.sleep(seconds)
    elif stop.wait(seconds):
        raise Stopped


@dataclass(frozen=True)
class Clock:
    """Time.

    Attributes:
        monotonic: Seconds that only go forwards.
        now: Seconds since 1970.
        sleep: Waits for a number of seconds.
    """

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = _pause


@dataclass(frozen=True)
class Retries:
    """How often and how long to try again.

    The pause before try ``n`` is random between 0 and ``min(longest_pause, first_pause · 2ⁿ⁻¹)`` seconds ("full jitter"): programs that failed
    together don't come back together. A ``Retry-After`` of the server's is waited for in full on top, and by all threads.

    Attributes:
        failures: Tries after the first where tagtog is busy (429), fails (5xx), or breaks the connection.
        refusals: Tries after the first where nothing takes the connection.
        timeouts: Tries after the first where no answer comes in time: each costs that time once more.
        nonsense: Tries after the first where a reading call is answered with something else, such as a proxy's page.
        first_pause: Seconds.
        longest_pause: Seconds.
        longest_wait: Seconds that the pauses of one call may take together. A ``Retry-After`` beyond that ends the tries at once: coming back
            earlier than asked would be the wrong answer to it.
    """

    failures: int = 5
    refusals: int = 3
    timeouts: int = 2
    nonsense: int = 2
    first_pause: float = 0.5
    longest_pause: float = 16.0
    longest_wait: float = 60.0

    def __post_init__(self) -> None:
        for name in (
            "failures",
            "refusals",
            "timeouts",
            "nonsense",
            "first_pause",
            "longest_pause",
            "longest_wait",
        ):
            if getattr(self, name) < 0:
                raise ConfigurationError(
                    "a setting of the retries is negative",
                    place=name,
                    value=getattr(self, name),
                    legal="0 or more",
                )

    def pause(self, number: int, chance: random.Random) -> float:
        """The pause, in seconds, before try ``number`` (1 for the first repetition)."""
        return chance.uniform(0, min(self.longest_pause, self.first_pause * 2 ** min(number - 1, 30)))


def retry_after(value: str | None, clock: Clock) -> float | None:
    """Seconds that a server asks to wait: the header gives them, or a date (RFC 9110, 10.2.3); ``None`` where it is neither."""
    if value is None or len(value) > _MAX_HEADER:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.fromtimestamp(clock.now(), tz=timezone.utc)).total_seconds())


@dataclass
class Throttle:
    """When the next call may begin, for all threads together.

    Args:
        rate: Calls a second, or ``None`` for as many as come.
        clock: The time.
    """

    rate: float | None
    clock: Clock
    _next: float = field(default=float("-inf"), init=False)
    _held: float = field(default=float("-inf"), init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        if self.rate is not None and not self.rate > 0:
            raise ConfigurationError(
                "the rate limit is too small", value=self.rate, legal="calls a second, more than 0"
            )

    def hold(self, seconds: float) -> None:
        """No call begins for so long: the server asked for it."""
        with self._lock:
            self._held = max(self._held, self.clock.monotonic() + seconds)

    def wait(self) -> None:
        """Wait for this thread's turn."""
        with self._lock:
            now = self.clock.monotonic()
            turn = max(now, self._next)
            if self.rate is not None:
                self._next = turn + 1 / self.rate
        while True:
            with self._lock:
                turn = max(turn, self._held)
                pause = turn - self.clock.monotonic()
            if pause <= 0:
                return
            self.clock.sleep(pause)

"""When a call may be made: pauses between tries, a rate limit, and a clock that tests can replace."""

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
    """Raise :class:`Stopped` if this thread's work isn't wanted any more."""
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

    The pause before repetition ``n`` is random between 0 and ``min(longest_pause, first_pause · 2ⁿ⁻¹)``
    seconds ("full jitter", Brooker, *Exponential Backoff and Jitter*, AWS Architecture Blog, 2015). So
    programs that failed together don't come back together. If the server sends ``Retry-After``, all threads
    wait that long in addition.

    Attributes:
        failures: At most this many repetitions if tagtog is busy (429), fails (5xx), or breaks the
            connection.
        refusals: At most this many if nothing accepts the connection.
        timeouts: At most this many if no answer comes in time. Each costs that time once more.
        nonsense: At most this many if a reading call gets something else, such as a proxy's page.
        first_pause: The longest pause before the first repetition, in seconds.
        longest_pause: The longest pause before any repetition, in seconds.
        longest_wait: The seconds that the pauses of one call may take together. A ``Retry-After`` beyond that
            ends the tries at once: the server asked not to be called earlier.
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
    """The seconds that a server asks to wait.

    Args:
        value: The header ``Retry-After``: seconds, or a date (RFC 9110, 10.2.3).
        clock: The time.

    Returns:
        Seconds, or ``None`` if the header is neither.
    """
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
        rate: At most this many calls per second; ``None``: unlimited.
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
                "the rate limit is too small", value=self.rate, legal="calls per second, more than 0"
            )

    def hold(self, seconds: float) -> None:
        """Let no call begin for some seconds: the server asked for it."""
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

"""Against guessing: after failed logins the next ones have to wait, longer each time."""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from spacy_tagtog.server._errors import RequestError

FREE_OF_NAME: Final = 5
"""How many logins with a user's name may fail before the next has to wait."""
FREE_OF_ADDRESS: Final = 30
"""How many from one address. Several people may share it, and begin at the same time."""
MAX_PAUSE: Final = 60
"""Seconds of the longest pause. A longer one would help who wants to keep somebody out."""
_FORGOTTEN_AFTER: Final = 15 * 60
_TRUSTED_FAILURES: Final = 20
_MOST: Final = 10_000
_log = logging.getLogger("spacy_tagtog.server")


def monotonic() -> float:
    """Seconds that only go on."""
    return time.monotonic()


@dataclass
class _Entry:
    failures: int = 0
    latest: float = 0
    open_at: float = 0


class _Failures:
    """Failed logins by name, or by address. At most 10,000: then the oldest are forgotten."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until the next login may be tried."""
        entry = self._entries.get(key)
        return max(0.0, entry.open_at - now) if entry is not None else 0.0

    def add(self, key: str, now: float) -> None:
        entry = self._entries.pop(key, None)
        if entry is None or now - entry.latest > _FORGOTTEN_AFTER:
            entry = _Entry()
        entry.failures += 1
        entry.latest = now
        over = entry.failures - self._free
        entry.open_at = now + min(MAX_PAUSE, 2**over) if over >= 0 else 0
        self._entries[key] = entry
        while len(self._entries) > _MOST:
            self._entries.popitem(last=False)

    def take_back(self, key: str) -> None:
        entry = self._entries.get(key)
        if entry is not None:
            entry.failures -= 1
            entry.open_at = 0 if entry.failures < self._free else entry.open_at
            if entry.failures <= 0:
                del self._entries[key]

    def forget(self, key: str) -> None:
        self._entries.pop(key, None)


def _network(address: str) -> str:
    """What counts as one address: of IPv6 the /64, which a single connection has all of."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))


class Throttle:
    """Counts failed logins per user name and per address.

    Who has logged in from an address doesn't wait there for what others do with their name: only after 20
    failures of their own.

    An attempt counts as failed until it proves right: else many at once would all be free.
    It is used in one thread, the event loop's.
    """

    def __init__(self) -> None:
        self._names = _Failures(FREE_OF_NAME)
        self._addresses = _Failures(FREE_OF_ADDRESS)
        self._trusted: OrderedDict[tuple[str, str], int] = OrderedDict()

    def check(self, name: str, address: str) -> None:
        """Make sure that a login may be tried now.

        Raises:
            RequestError: Too many have failed (429).
        """
        network, now = _network(address), monotonic()
        if (name, network) in self._trusted:
            return
        wait = max(self._names.wait(name, now), self._addresses.wait(network, now))
        if wait > 0:
            seconds = math.ceil(wait)
            raise RequestError(
                429,
                "too many logins failed",
                legal=f"the next one in {seconds} seconds",
                advice="wait, then log in with the right password; an admin can make a new one",
                headers={"Retry-After": str(seconds)},
            )

    def begin(self, name: str, address: str) -> None:
        """Count an attempt, as a failed one.

        Raises:
            RequestError: Too many have failed (429).
        """
        self.check(name, address)
        network, now = _network(address), monotonic()
        if (name, network) not in self._trusted:
            self._names.add(name, now)
            self._addresses.add(network, now)

    def undo(self, name: str, address: str) -> None:
        """An attempt neither failed nor proved right."""
        network = _network(address)
        if (name, network) not in self._trusted:
            self._names.take_back(name)
            self._addresses.take_back(network)

    def succeeded(self, name: str, address: str) -> None:
        """An attempt proved right."""
        network = _network(address)
        if (name, network) not in self._trusted:
            self._names.forget(name)
            self._addresses.take_back(network)
            self._trusted[(name, network)] = 0
            while len(self._trusted) > _MOST:
                self._trusted.popitem(last=False)

    def failed(self, name: str, address: str) -> None:
        """An attempt failed, as it was counted. It is logged."""
        network = _network(address)
        # A name as it was sent may hold anything, and be a password by mistake of the fields.
        _log.warning("a login failed: user %.70r from %s", name, address or "an unknown address")
        pair = (name, network)
        if pair in self._trusted:
            self._trusted[pair] += 1
            if self._trusted[pair] > _TRUSTED_FAILURES:
                del self._trusted[pair]

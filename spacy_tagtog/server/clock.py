"""Moments as the database and tagtog's API write them."""

from __future__ import annotations

import time
from datetime import datetime, timezone


def now() -> int:
    """The time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def timestamp(milliseconds: int) -> str:
    """A moment as tagtog writes it: ``2021-07-15T16:34:41.720Z``."""
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"

"""Dates of searches: ``2018-03``, ``2018-03-06T16:34:41.720Z``, ``NOW-1DAY``."""

from __future__ import annotations

import calendar
import re
from datetime import datetime, timedelta, timezone
from typing import Final

from spacy_tagtog.server.search.parse import QueryError

_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?Z?)?)?)?", re.ASCII
)
_NOW = re.compile(r"NOW((?:[+-]\d{1,6}(?:YEAR|MONTH|DAY|HOUR|MINUTE|SECOND)S?)*)", re.ASCII)
_NOW_STEP = re.compile(r"([+-]\d+)([A-Z]+?)S?(?=[+-]|$)")
_UNITS: Final = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def moment(text: str, field: str, now: datetime) -> tuple[int, int]:
    """The first millisecond of a date, and the first one after it: of ``2018`` those of the whole year.

    Args:
        text: The date.
        field: The field that it is searched in, for the message.
        now: The moment that ``NOW`` stands for.

    Returns:
        Both in milliseconds since 1970.

    Raises:
        QueryError: It isn't a date.
    """
    try:
        if found := _NOW.fullmatch(text):
            for amount, unit in _NOW_STEP.findall(found[1]):
                now = _shift(now, int(amount), unit)
            return _milliseconds(now), _milliseconds(now) + 1
        if found := _DATE.fullmatch(text):
            return _bounds(found)
    except (ValueError, OverflowError) as error:
        raise QueryError(
            f"{field}: has a date that doesn't exist", value=text, legal="dates of the years 1 to 9998"
        ) from error
    raise QueryError(
        f"{field}: needs a date",
        value=text,
        legal="2018, 2018-03, 2018-03-06, 2018-03-06T16:34:41.720Z, NOW, NOW-1DAY, or a range [a TO b]",
    )


def _bounds(found: re.Match[str]) -> tuple[int, int]:
    numbers = [int(number) for number in found.groups()[:6] if number is not None]
    year, month, day, *rest = [*numbers, 1, 1][: max(3, len(numbers))]
    start = datetime(year, month, day, *rest, tzinfo=timezone.utc)  # type: ignore[misc,arg-type]
    if found[7] is not None:
        start += timedelta(milliseconds=int(found[7].ljust(3, "0")))
        return _milliseconds(start), _milliseconds(start) + 1
    return _milliseconds(start), _milliseconds(_shift(start, 1, _UNITS[len(numbers) - 1]))


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _shift(moment: datetime, amount: int, unit: str) -> datetime:
    if unit not in ("YEAR", "MONTH"):
        return moment + timedelta(**{f"{unit.lower()}s": amount})
    months = moment.year * 12 + moment.month - 1 + amount * (12 if unit == "YEAR" else 1)
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:  # calendar would take year 0
        raise ValueError("there is no such year")
    # As dates go: a month after the 31st of January is the last of February.
    return moment.replace(
        year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1])
    )

"""Keep a loop turning: look at tagtog now and then, and do a round when there is enough that is new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from spacy_tagtog._files import folder_lock, make_folder
from spacy_tagtog._plural import counted
from spacy_tagtog.errors import ArgumentError, ConfigurationError, LoopError, OutputExistsError, setting
from spacy_tagtog.loop.loop import Loop
from spacy_tagtog.loop.records import RoundRecord
from spacy_tagtog.steps.connection import open_connection

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

_GRACE: Final = 3600
"""Seconds by which a look may be late, since a round took so long, and still be made up for."""


@dataclass(frozen=True)
class WatchRules:
    """When to look, and when a round begins.

    Attributes:
        every: Minutes between two looks at tagtog.
        at: Look at these times instead: five fields of cron, such as ``0 3 * * *`` for three at night.
        confirmed: A round begins as soon as so many more documents are confirmed.
        hours: It begins with any change in their number, so many hours after the last round.
    """

    every: float = 10.0
    at: str = ""
    confirmed: int = 20
    hours: float = 24.0

    def __post_init__(self) -> None:
        for name, least in (("every", 0.0), ("confirmed", 1), ("hours", 0.0)):
            value = getattr(self, name)
            if not value >= least or (name == "every" and not value > 0):
                raise ArgumentError(
                    f"{setting(name)} is out of range",
                    value=value,
                    legal="more than 0" if name == "every" else f"{least:g} or more",
                )


def why_now(last: RoundRecord | None, confirmed: int, rules: WatchRules, at: datetime) -> str | None:
    """Why a round should begin; ``None`` where none should.

    Args:
        last: The last round.
        confirmed: How many documents are confirmed now.
        rules: What is enough.
        at: What time it is, with its zone.
    """
    if last is None:
        return f"the first round: {counted(confirmed, 'document')} confirmed" if confirmed else None
    if last.ended is None:
        return f"round {last.number} was interrupted"
    new = confirmed - last.confirmed
    if new >= rules.confirmed:
        return f"{counted(new, 'more document')} confirmed"
    rest = at - datetime.fromisoformat(last.ended)
    if new and rest >= timedelta(hours=rules.hours):
        return f"{new:+d} confirmed, and {rest / timedelta(hours=1):.0f} hours since the last round"
    return None


def watch(
    loop: Loop,
    rules: WatchRules,
    *,
    round_: Callable[[], object],
    say: Callable[[str], None],
    complain: Callable[[Exception], None],
) -> None:
    """Look at tagtog and begin rounds until the process is told to end. Rounds come one after the other.

    Args:
        loop: The loop.
        rules: When to look, and when a round begins.
        round_: Does a round; what it raises is its own affair.
        say: Is told why a round begins.
        complain: Is told what kept us from looking. The next look tries again.

    Raises:
        LoopError: Another process watches this loop.
        ConfigurationError: APScheduler isn't installed, or ``at`` isn't cron.
    """
    try:
        from apscheduler.schedulers.blocking import BlockingScheduler
    except ImportError as error:
        raise ConfigurationError(
            "watching needs APScheduler",
            value=f"{error.name} is missing",
            legal="the extra [loop]",
            advice="pip install 'spacy-tagtog[loop]'",
        ) from error
    trigger = _trigger(rules)

    def look() -> None:
        try:
            with open_connection(loop.connection) as tagtog:
                confirmed = tagtog.client.count(loop.settings.reviewed)
            records = loop.records
            why = why_now(records[-1] if records else None, confirmed, rules, datetime.now(timezone.utc))
        except Exception as error:  # tagtog is away for an hour, a disk is full: a watch goes on
            complain(error)
            return
        if why is not None:
            say(why)
            round_()

    scheduler: Any = BlockingScheduler()
    # One at a time. What was missed while a round was running is made up for by one look.
    once = {} if rules.at else {"next_run_time": datetime.now(timezone.utc)}  # the first one at once
    scheduler.add_job(look, trigger, max_instances=1, coalesce=True, misfire_grace_time=_GRACE, **once)
    make_folder(loop.folder / "rounds")
    try:
        with folder_lock(loop.folder / "rounds"):
            scheduler.start()
    except OutputExistsError as error:
        raise LoopError(
            "another process watches this loop",
            place=loop.folder,
            legal="one watch",
            advice="stop it, or give this loop another folder",
        ) from error
    finally:
        if scheduler.running:
            scheduler.shutdown(wait=False)


def _trigger(rules: WatchRules) -> BaseTrigger:
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    if not rules.at:
        return IntervalTrigger(seconds=60 * rules.every, timezone=timezone.utc)
    try:
        trigger: BaseTrigger = CronTrigger.from_crontab(rules.at)
    except ValueError as error:
        raise ArgumentError(
            "these aren't times as cron has them",
            place=setting("at"),
            value=f"{rules.at}: {error}",
            legal="five fields: minute hour day month weekday, such as 0 3 * * *",
        ) from error
    return trigger

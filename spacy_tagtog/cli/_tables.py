"""What tables of several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Legend


def task_names(legend: Legend, tasks: Sequence[str]) -> dict[str, str]:
    """A name to show for each task: what the legend calls it, else its id.

    Where two tasks have the same name, their ids are shown, too.
    """
    names = [legend.get(task, task) for task in tasks]
    return {
        task: f"{name} ({task})" if names.count(name) > 1 else name
        for task, name in zip(tasks, names, strict=True)
    }


def percent(share: float | None) -> str:
    """A share in percent, and a dash where there is none."""
    return "–" if share is None else f"{100 * share:.1f}"

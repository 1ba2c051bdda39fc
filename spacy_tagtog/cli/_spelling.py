"""How errors name settings to users of a command: as they type them, options or variables of the workflow."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, get_args

from typer.models import ArgumentInfo, OptionInfo

from spacy_tagtog.errors import SettingValue, Spelling

IN_WORKFLOW: Final = ContextVar("in_workflow", default=False)
"""Whether ``project.yml`` runs the command, whose users type its variables and not the options."""

_PROJECT_FILE: Final = Path("project.yml")


def speller(function: Callable[..., Any]) -> Spelling:
    """Spell the settings of a step as the options and arguments of a command.

    ``on_problem`` becomes ``--on-problem``, a positional argument ``REVIEWED``. A setting that is neither
    belongs to a registered thing, such as a converter: ``--set KEY=VALUE`` where the command has this option.
    A switch is written without a value: ``force=True`` is ``--force``, ``plots=False`` is ``--no-plots``.

    Args:
        function: The command, as typer knows it: parameters are annotated.
    """

    def spell(name: str, value: SettingValue | None) -> str:
        options = dict(_options(function))
        # Steps take several of what an option, which can be repeated, takes one of: folders, --folder.
        option = options.get(name) or options.get(name.removesuffix("s"))
        if option is None and "--set" in options.values():
            return f"--set {name}={'…' if value is None else _typed(value)}"
        option = option or _hyphens(name)
        if option.startswith("--") and IN_WORKFLOW.get():
            command = function.__name__.removesuffix("_cli").replace("_", " ")
            option = _variable(command, option) or option
        if option.startswith("--") and isinstance(value, bool) and not option.startswith("--vars."):
            return option if value else f"--no-{option.removeprefix('--')}"
        return option if value is None else f"{option} {_typed(value)}"

    return spell


def _typed(value: SettingValue) -> str:
    """A value as users type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _hyphens(name: str) -> str:
    return "--" + name.replace("_", "-")


def _options(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """A command's parameters, and its options without hyphens, each with what its users type."""
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        for info in get_args(parameter.annotation)[1:]:
            if isinstance(info, ArgumentInfo):
                yield name, name.upper()
            elif isinstance(info, OptionInfo):
                # In annotations, typer keeps the first name of an option where its default would be.
                declared = [str(one) for one in (info.default, *(info.param_decls or ()))]
                long = next((one for one in declared if one.startswith("--")), _hyphens(name))
                yield name, long
                yield long.removeprefix("--").replace("-", "_"), long


def _variable(command: str, option: str) -> str | None:
    """The workflow's variable that a command gets as this option, where there is one and no other."""
    try:
        text = _PROJECT_FILE.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    scripts = [line for line in text.splitlines() if f" tagtog --workflow {command} " in line]
    found = set(re.findall(rf' {re.escape(option)} "?\$\{{vars\.(\w+)\}}', "\n".join(scripts)))
    return f"--vars.{found.pop()}" if len(found) == 1 else None

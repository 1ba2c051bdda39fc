"""Write ``docs/python.md``, all public names, from their docstrings: ``python docs/make_python.py``."""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from pathlib import Path
from typing import Literal, get_args, get_origin

ROOMS = (
    "anndoc",
    "agreement",
    "convert",
    "formats",
    "pipeline",
    "selection",
    "client",
    "server",
    "demo",
    "steps",
    "loop",
    "errors",
)
WIDTH = 110
HEAD = """# Python: all public names

What is listed here is meant for you, and changes with the version of the package alone. Whatever else can be
imported is internal. `help(NAME)` shows arguments, results and errors.
"""


def said(value: object) -> str:
    """The first sentence of a docstring; what a constant is stands in the text of its module."""
    if get_origin(value) is Literal:
        return "one of " + ", ".join(f"`{one}`" for one in get_args(value))
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        shown = repr(value)
        return (
            f"a constant: `{shown}`"
            if len(shown) < 60 and " at 0x" not in shown
            else f"a `{type(value).__name__}`"
        )
    text = inspect.getdoc(value) or ""
    sentence = re.split(r"(?<=[.:])\s", text, maxsplit=1)[0].rstrip(".:")
    return re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", sentence).replace("``", "`").replace("\n", " ")


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    for room in ROOMS:
        module = importlib.import_module(f"spacy_tagtog.{room}")
        lines += [
            f"## `spacy_tagtog.{room}`",
            "",
            (inspect.getdoc(module) or "").split("\n\n")[0].replace("``", "`"),
            "",
        ]
        for name in sorted(module.__all__, key=str.casefold):
            lines.append(
                textwrap.fill(
                    f"- `{name}`: {said(getattr(module, name))}",
                    WIDTH,
                    subsequent_indent="  ",
                    break_on_hyphens=False,
                )
            )
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    Path(__file__).with_name("python.md").write_text(page(), encoding="utf-8")

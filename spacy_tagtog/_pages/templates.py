"""Pages from templates, with everything escaped and nothing undefined."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from spacy_tagtog._plural import counted


@cache
def style_sheet() -> str:
    """The style sheet of every page, as text."""
    return (files("spacy_tagtog._pages") / "static" / "style.css").read_text(encoding="utf-8")


@cache
def templates_of(package: str) -> Environment:
    """The templates in the folder ``templates`` of a package of ours, and those that all pages share.

    A page begins with ``{% extends "base.html.j2" %}``. It is one file with the style sheet in it,
    unless it fills the block ``style`` with a link.
    In templates ``{{ 2 | counted("document") }}`` is ``2 documents``.

    Args:
        package: Such as ``spacy_tagtog.convert``.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("spacy_tagtog._pages")]),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = counted
    environment.globals["style_sheet"] = style_sheet()
    return environment

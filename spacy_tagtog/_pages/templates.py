"""Pages from templates, with everything escaped and nothing undefined."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from spacy_tagtog._plural import counted


def templates_of(package: str) -> Environment:
    """The templates in the folder ``templates`` of a package of ours; ``{{ 2 | counted("document") }}`` is ``2 documents`` in them.

    Args:
        package: Such as ``spacy_tagtog.convert``.
    """
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = counted
    return environment

"""Markdown of people as HTML that is safe in a page."""

from __future__ import annotations

from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup

_DEEPEST: Final = 6


@cache
def _parser() -> MarkdownIt:
    # HTML in it stays text, and links lead to addresses of the web or of mail alone. Pictures would come from
    # elsewhere, which pages never ask: they become links.
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")


def to_html(text: str) -> Markup:
    """Markdown as HTML. Its headings stand below that of the page.

    Args:
        text: Markdown, from anybody.
    """
    parser = _parser()
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, _DEEPEST)}"
        # Columns of tables have their alignment as a style, which pages don't allow.
        token.attrs.pop("style", None)
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704  escaped by the renderer

"""HTML pages as documents: the text that a browser shows, cut at the borders of blocks.

How a page is decoded and parsed is what the HTML standard and the Encoding standard say
(https://html.spec.whatwg.org/multipage/parsing.html, https://encoding.spec.whatwg.org/), so that the text is
that of browsers for broken pages, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from spacy_tagtog.anndoc.plain_html import Block, Section
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.imports.parsed import Parsed, legal_text, missing_library, replaced_in

if TYPE_CHECKING:
    from turbohtml import Node

_BLOCKS: Final = frozenset(
    re.findall(
        r"\S+",
        "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset "
        "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu "
        "nav ol optgroup option p plaintext pre search section select summary table tbody td tfoot th thead "
        "tr ul xmp",
    )
)
_SILENT: Final = frozenset(
    re.findall(
        r"\S+",
        "head title script style template noscript iframe object embed applet noembed noframes svg math "
        "audio video canvas datalist rp",
    )
)
"""What browsers don't show, or not as text."""
_HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_AS_IT_IS: Final = frozenset(("listing", "plaintext", "pre", "xmp"))
"""The elements whose white space browsers keep."""
_SPACES: Final = str.maketrans("\n\r\t\f", "    ")


def parse_html(data: bytes, place: str) -> Parsed:
    """Read HTML: the text without its markup; what a browser shows as a block becomes a part.

    Scripts, styles, comments and what is embedded aren't text. Nothing is loaded.

    Args:
        data: The file. Its encoding is that of a byte order mark, else what its beginning declares, else
            UTF-8 where it is that, else Windows-1252.
        place: Its name, for messages.

    Raises:
        RequestError: Its encoding is one that browsers don't read.
    """
    try:
        import turbohtml
    except ImportError as error:
        missing_library("turbohtml", "HTML", error)
    # scripting: of <noscript>, browsers show nothing.
    page = turbohtml.parse(data, scripting=True, positions=False)
    if page.encoding == "replacement":
        raise RequestError(
            400,
            "the HTML declares an encoding that no browser reads",
            place=place,
            legal="HTML in UTF-8, or an encoding of https://encoding.spec.whatwg.org",
            advice="save it in UTF-8",
        )
    blocks = [Block(tag, legal_text(text)) for tag, text in _shown(_pieces(page))]
    warnings = replaced_in((block.text for block in blocks), place, page.encoding or "")
    return Parsed((Section(blocks),) if blocks else (), warnings)


def _shown(pieces: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The pieces as browsers show them, without those that are nothing but white space."""
    for tag, text in pieces:
        if tag == "pre":
            shown = text.strip("\n")
        else:
            shown = re.sub(" *\n *", "\n", re.sub(" +", " ", text)).strip(" \n")
        if shown.strip():
            yield tag, shown


def _pieces(page: Node) -> Iterator[tuple[str, str]]:
    """The stretches of text between the borders of blocks, with the tag that each becomes.

    A line break is a newline, any other white space a space.
    """
    from turbohtml import Element, Text

    pieces: list[str] = []
    headings: list[str] = []  # those that are open
    as_it_is = silent = 0

    def flush() -> Iterator[tuple[str, str]]:
        if pieces:
            tag = f"h{min(int(headings[0][1]) + 1, 6)}" if headings else "pre" if as_it_is else "p"
            yield tag, "".join(pieces)
            pieces.clear()

    for node, begins in _walk(page):
        if isinstance(node, Text) and begins and not silent:
            pieces.append(node.data if as_it_is else node.data.translate(_SPACES))
        if not isinstance(node, Element):
            continue  # comments and the like
        name = node.tag
        if name in _BLOCKS:
            yield from flush()
        if name == "br" and begins and not silent:
            pieces.append("\n")
        step = 1 if begins else -1
        silent += step * (name in _SILENT)
        as_it_is += step * (name in _AS_IT_IS)
        if name in _HEADINGS:
            headings = [*headings, name] if begins else headings[:-1]
    yield from flush()


def _walk(page: Node) -> Iterator[tuple[Node, bool]]:
    """Every node twice: where it begins, and where it ends."""
    below = [(page, iter(page.children))]  # not by recursion: pages nest deeply
    while below:
        node, children = below[-1]
        child = next(children, None)
        if child is None:
            below.pop()
            yield node, False
        else:
            yield child, True
            below.append((child, iter(child.children)))

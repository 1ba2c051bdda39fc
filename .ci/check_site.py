"""The built site loads nothing from elsewhere: ``python .ci/check_site.py FOLDER``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from lxml import html

# What a browser loads by itself. Links that people click may lead anywhere.
LOADED = (
    "//script/@src | //link[@rel!='canonical']/@href | //img/@src | //iframe/@src | //source/@src"
    " | //object/@data"
)
OUTSIDE = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
IN_CSS = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s;]+)""")


def outside(folder: Path) -> list[str]:
    """Addresses elsewhere that pages and style sheets load."""
    found = []
    pages = sorted(folder.rglob("*.html"))
    if not pages:
        raise SystemExit(f"{folder}: no page")
    for page in pages:
        tree = html.fromstring(page.read_bytes())
        found += [f"{page}: {address}" for address in tree.xpath(LOADED) if OUTSIDE.match(address)]
        for style in tree.xpath("//style/text()"):
            found += [f"{page}: {address}" for address in IN_CSS.findall(style) if OUTSIDE.match(address)]
    for sheet in sorted(folder.rglob("*.css")):
        text = sheet.read_text(encoding="utf-8")
        found += [f"{sheet}: {address}" for address in IN_CSS.findall(text) if OUTSIDE.match(address)]
    return found


if __name__ == "__main__":
    lines = outside(Path(sys.argv[1]))
    print("\n".join(lines) or "nothing is loaded from elsewhere")
    sys.exit(bool(lines))

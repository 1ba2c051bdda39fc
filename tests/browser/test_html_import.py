"""HTML that is imported, against what a real browser makes of the same bytes."""

from __future__ import annotations

import base64
import random
import re
from typing import Final

from playwright.sync_api import Page

from spacy_tagtog.server.imports.html import parse_html

PIECES: Final = (
    *(
        f"<{name}>"
        for name in ("p", "div", "b", "i", "a", "table", "tr", "td", "ul", "li", "h1", "h2", "pre")
    ),
    *(f"</{name}>" for name in ("p", "div", "b", "i", "a", "table", "td", "ul", "h1", "pre", "br", "body")),
    *("<br>", "<select>", "<option>", "</select>", "<button>", "<form>", "<textarea>", "</textarea>"),
    *("<svg>", "</svg>", "<desc>", "<math>", "<mi>", "</math>", "<template>"),
    *(
        "</template>",
        "<script>",
        "</script>",
        "<style>",
        "</style>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?x",
    ),
    *("<o:p>", '<foo"bar>', "<p<x>", "<p&#1;>", "<title>", "</title>", "<frameset>", "<head>", "<html>"),
    *("&amp;", "&ampx", "&#x80;", "&notin;", "&nosuch;", "&", "<", ">", "\r", "\n", " "),
    *("word", "é", "😀", "x"),
)
# The text of a page outside of what isn't shown. Not among the pieces: <noscript>, since for this parser no
# script runs, and NUL, which Chromium keeps where the standard drops it.
SHOWN: Final = """bytes => {
  const silent = "head,title,script,style,template,noscript,iframe,object,embed,applet,noembed," +
    "noframes,svg,math,audio,video,canvas,datalist,rp";
  const text = new TextDecoder("utf-8").decode(Uint8Array.from(atob(bytes), one => one.charCodeAt(0)));
  const inside = new DOMParser().parseFromString(text, "text/html");
  const nodes = inside.createTreeWalker(inside, NodeFilter.SHOW_TEXT);
  let shown = "";
  while (nodes.nextNode())
    if (!nodes.currentNode.parentElement.closest(silent)) shown += nodes.currentNode.data;
  return shown;
}"""
DECODED: Final = (
    """([name, pieces]) => pieces.map(piece => new TextDecoder(name).decode(new Uint8Array(piece)))"""
)


def without_spaces(text: str) -> str:
    """The text without white space, and without what XML can't carry."""
    return re.sub("[ \t\r\n\f]+", "", re.sub("[\x01-\x08\x0b\x0e-\x1f]", "\ufffd", text))


def imported(data: bytes) -> str:
    return "".join(block.text for section in parse_html(data, "x.html").sections for block in section.blocks)


def test_no_text_is_lost_or_added(page: Page) -> None:
    page.set_content("<p>")
    draw = random.Random(17)
    for _ in range(400):
        data = "".join(draw.choices(PIECES, k=draw.randint(1, 30))).encode()
        shown = page.evaluate(SHOWN, base64.b64encode(data).decode())
        assert without_spaces(imported(data)) == without_spaces(shown), data


def test_old_encodings_are_decoded_as_a_browser_does(page: Page) -> None:
    one_byte = (
        "windows-1250",
        "windows-1251",
        "windows-1252",
        "windows-1253",
        "windows-874",
        "koi8-u",
        "macintosh",
    )
    several = ("gb2312", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr")
    draw = random.Random(17)
    for name in (*one_byte, *several):
        pairs = [(draw.randint(0x81, 0xFE), draw.randint(0xA3, 0xFE)) for _ in range(300)]
        pieces = (
            [[lead, trail, 0x21] for lead, trail in pairs]
            if name in several
            else [[one] for one in range(128, 256)]
        )
        for piece, expected in zip(pieces, page.evaluate(DECODED, [name, pieces]), strict=True):
            data = f"<meta charset={name}><p>.".encode() + bytes(piece) + b"."
            assert imported(data) == f".{expected}.", (name, piece)

"""``plain.html``: the text of a document, part by part.

The format is polyglot markup (XHTML-compatible HTML5), read here with an XML parser: in XML a newline
directly after ``<pre>`` belongs to the text, and a CR or CRLF becomes LF (anndoc documentation, version 3.6).
Document type definitions that declare entities are refused.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from spacy_tagtog._plural import counted
from spacy_tagtog.errors import PlainHtmlError

TextFormat = Literal["verbatim", "formatted"]
"""How plain text becomes parts: ``verbatim`` in one ``<pre>``, ``formatted`` in a ``<p>`` per paragraph."""

_XHTML = "http://www.w3.org/1999/xhtml"
# What XML 1.0 allows in a document, https://www.w3.org/TR/xml/#charsets
_ILLEGAL_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DOCUMENT_ID = re.compile(r"a[A-Za-z0-9._-]{27}-.+", re.DOTALL)
# XPath's string value: all character data below an element, without comments and processing instructions.
_string_value = etree.XPath("string()", smart_strings=False)
_MAX_REPEATED_CHARS = 10_000_000
_MAX_REPETITION = 8
# libxml2 reads no longer stretch of text (XML_MAX_TEXT_LENGTH), so none may be written.
_MAX_TEXT_BYTES = 10_000_000
_LETTERS = {"h2": "h", "h3": "h", "h4": "h", "h5": "h", "h6": "h", "p": "p", "pre": "v"}
_ADVICE = "download the document from tagtog again, or mend the file by hand"


@dataclass(frozen=True, slots=True)
class Part:
    """A text element of a document: what annotations point at.

    Attributes:
        id: The part's id, such as ``s1p1``.
        text: All character data below the element, entities decoded, inner markup dropped.
        tag: The element's local name: ``p``, ``pre``, ``h2``…
    """

    id: str
    text: str
    tag: str

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True, slots=True)
class Block:
    """A text element that is to be written.

    Attributes:
        tag: ``h2`` to ``h6``, ``p``, ``pre``, or ``figure``.
        text: Its text; of a figure the caption.
        source: The address of a figure's image.
    """

    tag: str
    text: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A section that is to be written.

    Attributes:
        blocks: Its own text elements, in document order.
        sections: The sections in it, which come after these.
    """

    blocks: Sequence[Block]
    sections: Sequence[Section] = ()


@cache
def _parser() -> etree.XMLParser:
    """One for all documents: to make it takes as long as to read a short one."""
    return etree.XMLParser(
        encoding="utf-8", resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
    )


class PlainHtml:
    """The content of a document. The bytes are kept as they are; the parts are parsed when first asked for.

    Args:
        data: The bytes of the file.
        place: Where it was read, for messages.
    """

    def __init__(self, data: bytes, *, place: object = None) -> None:
        self.data = data
        self.place = place

    def __repr__(self) -> str:
        try:
            return f"PlainHtml({self.id!r}, {counted(len(self.parts), 'part')})"
        except PlainHtmlError as error:
            return f"PlainHtml({self.place or 'plain.html'}: {error.problem})"

    @cached_property
    def _tree(self) -> etree._Element:
        try:
            tree: etree._Element | None = etree.fromstring(self.data, _parser())
        except (etree.XMLSyntaxError, ValueError) as error:
            line, column = getattr(error, "position", (0, 0))
            where = (
                f"{self.place or 'plain.html'}, line {line}, column {column}"
                if line
                else self.place or "plain.html"
            )
            raise PlainHtmlError(
                f"plain.html doesn't parse: {getattr(error, 'msg', error)}",
                place=where,
                legal="well-formed XHTML in UTF-8",
                advice=_ADVICE,
            ) from error
        if tree is None:  # recovered to nothing: an empty file on some versions of libxml2
            raise PlainHtmlError(
                "plain.html is empty", place=self.place, legal="well-formed XHTML in UTF-8", advice=_ADVICE
            )
        dtd = tree.getroottree().docinfo.internalDTD
        entity = None if dtd is None else next(iter(dtd.iterentities()), None)
        if entity is not None:
            raise PlainHtmlError(
                "plain.html declares an entity of its own",
                place=f"{self.place or 'plain.html'}, line 1",
                value=entity.name,
                legal="<!DOCTYPE html> without declarations",
                advice="download the document from tagtog again, and trust this file only if you made it",
            )
        return tree

    @property
    def id(self) -> str | None:
        """The document's id in the ``<html>`` element. It may be missing or wrong: the file name decides."""
        return self._tree.get("id")

    @property
    def text(self) -> str:
        """The texts of all parts, divided by an empty line."""
        return "\n\n".join(part.text for part in self.parts.values())

    @property
    def origid(self) -> str | None:
        """The name of the file that the document was made from (``data-origid``)."""
        return self._tree.get("data-origid")

    @property
    def is_anndoc(self) -> bool:
        """Whether the file declares to be a plain.html (``class="anndoc"``, ``data-anndoc-version``)."""
        return (
            "anndoc" in (self._tree.get("class") or "").split()
            or self._tree.get("data-anndoc-version") is not None
        )

    @cached_property
    def parts(self) -> dict[str, Part]:
        """The parts in document order, by id.

        Raises:
            PlainHtmlError: The file doesn't parse, has no body, uses an entity of its own, or has one id
                twice.
        """
        body = self._tree.find(f"{{{_XHTML}}}body")
        if body is None:
            body = self._tree.find("body")
        if body is None:
            raise PlainHtmlError(
                "plain.html has no <body>",
                place=f"{self.place or 'plain.html'}, line {self._tree.sourceline}",
                value=self._tree.tag,
                legal="<html><body>…</body></html>",
                advice=_ADVICE,
            )
        parts: dict[str, Part] = {}
        chars = 0
        for element in body.iter():
            if isinstance(element, etree._Entity):
                raise PlainHtmlError(
                    "plain.html uses an entity that XML doesn't define",
                    place=f"{self.place or 'plain.html'}, line {element.sourceline}",
                    value=element.text,
                    legal="&lt; &gt; &amp; &quot; &apos; and numbers such as &#160;",
                    advice=_ADVICE,
                )
            if not isinstance(element.tag, str):
                continue
            part_id = element.get("id")
            if part_id is None:
                continue
            if part_id in parts:
                raise PlainHtmlError(
                    "two elements of plain.html have one id",
                    place=f"{self.place or 'plain.html'}, line {element.sourceline}",
                    value=part_id,
                    legal="ids that are unique within the document",
                    advice=_ADVICE,
                )
            text = str(_string_value(element)) if len(element) else element.text or ""
            chars += len(text)
            # Text within many parts, one inside the other, counts for each of them. Documents of tagtog hold
            # next to none of it twice.
            if chars > _MAX_REPEATED_CHARS and chars > _MAX_REPETITION * len(self.data):
                raise PlainHtmlError(
                    "plain.html repeats its text in too many parts that stand within each other",
                    place=f"{self.place or 'plain.html'}, line {element.sourceline}",
                    legal="text elements side by side",
                    advice=_ADVICE,
                )
            parts[part_id] = Part(part_id, text, etree.QName(element).localname)
        return parts


def is_document_id(name: str) -> bool:
    """Whether a name has the form of tagtog's document ids.

    That is ``a``, 27 characters of ``[A-Za-z0-9._-]``, ``-``, the file name.
    """
    return _DOCUMENT_ID.fullmatch(name) is not None


def document_id(filename: str, content: bytes, *, salt: str = "") -> str:
    """A document id of tagtog's form for a new document, the same for the same name and content.

    Args:
        filename: The original file name, which the id ends with.
        content: The original content.
        salt: Anything that must make the id differ, such as the project.

    Returns:
        ``a`` + 27 characters + ``-`` + the file name.
    """
    digest = hashlib.sha256(
        b"\0".join(
            [salt.encode("utf-8", "surrogatepass"), filename.encode("utf-8", "surrogatepass"), content]
        )
    ).digest()
    return f"a{b64encode(digest, b'._').decode()[:27]}-{filename}"


def _check_text(text: str, place: object) -> None:
    bad = _ILLEGAL_IN_XML.search(text)
    if bad:
        raise PlainHtmlError(
            "the text holds a character that plain.html can't carry",
            place=f"{place}, character {bad.start()}",
            value=f"U+{ord(bad[0]):04X}",
            legal="any Unicode text without control characters other than tab and newline",
            advice="remove the character, or decode the file with the right encoding",
        )


def html_from_blocks(
    blocks: Sequence[tuple[str, str]],
    *,
    doc_id: str,
    origid: str,
    generator: str = "spacy-tagtog",
    place: object = None,
) -> PlainHtml:
    """Write a ``plain.html`` with one section.

    Args:
        blocks: (tag, text) pairs in document order; tag is ``h2``, ``p`` or ``pre``. Parts are numbered
            within their kind: ``s1h1``, ``s1p1``, ``s1v1``.
        doc_id: The document's id.
        origid: The original file name.
        generator: What the ``<meta name="generator">`` says.
        place: For messages.

    Raises:
        PlainHtmlError: A text or name holds a character that XML can't carry (NUL, most control characters,
            lone surrogates), or a text is longer than 10 MB.
    """
    return html_from_sections(
        [Section([Block(*block) for block in blocks])],
        doc_id=doc_id,
        origid=origid,
        generator=generator,
        place=place,
    )


def _content(text: str, place: object) -> str:
    """A part's text as markup."""
    _check_text(text, place)
    if len(text) > _MAX_TEXT_BYTES // 4 and len(text.encode()) > _MAX_TEXT_BYTES:
        raise PlainHtmlError(
            "the text is too long for one part",
            place=place,
            value=f"{len(text.encode())} bytes",
            legal=f"at most {_MAX_TEXT_BYTES} bytes",
            advice="divide the text into several documents",
        )
    # A carriage return would be normalised away on reading: write what will be read.
    return escape(text.replace("\r\n", "\n").replace("\r", "\n"))


def _section(
    section: Section, path: str, indent: str, place: object, parts: dict[str, Part]
) -> Iterator[str]:
    counts = dict.fromkeys("hpvf", 0)
    yield f'{indent}<section data-type="">\n{indent}  <div class="content">\n'
    for block in section.blocks:
        letter = "f" if block.tag == "figure" else _LETTERS[block.tag]
        counts[letter] += 1
        part_id, content = f"{path}{letter}{counts[letter]}", _content(block.text, place)
        tag = block.tag
        if tag == "figure":
            part_id, tag = f"{part_id}p1", "p"
        text = block.text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in block.text else block.text
        parts[part_id] = Part(part_id, text, tag)
        if block.tag == "figure":
            _check_text(block.source, place)
            image = f"<img src={quoteattr(block.source)} alt={quoteattr(block.text)}/>"
            caption = f'<figcaption><p id="{part_id}">{content}</p></figcaption>'
            yield f"{indent}    <figure>{image}{caption}</figure>\n"
        else:
            yield f'{indent}    <{block.tag} id="{part_id}">{content}</{block.tag}>\n'
    yield f"{indent}  </div>\n"
    for number, inner in enumerate(section.sections, 1):
        yield from _section(inner, f"{path}s{number}", f"{indent}  ", place, parts)
    yield f"{indent}</section>\n"


def html_from_sections(
    sections: Sequence[Section],
    *,
    doc_id: str,
    origid: str,
    generator: str = "spacy-tagtog",
    place: object = None,
) -> PlainHtml:
    """Write a ``plain.html`` with nested sections.

    Args:
        sections: The sections in document order. Parts are numbered within their section and kind: ``s1h1``,
            ``s2s1p1``, ``s1v1``, ``s3f1p1``.
        doc_id: The document's id.
        origid: The original file name.
        generator: What the ``<meta name="generator">`` says.
        place: For messages.

    Raises:
        PlainHtmlError: A text or name holds a character that XML can't carry (NUL, most control characters,
            lone surrogates), or a text is longer than 10 MB.
    """
    for what, name in (("document id", doc_id), ("original name", origid), ("generator", generator)):
        _check_text(name, f"{place or 'plain.html'}, {what}")
    parts: dict[str, Part] = {}
    lines = [
        line
        for number, section in enumerate(sections, 1)
        for line in _section(section, f"s{number}", "      ", place or origid, parts)
    ]
    identity = quoteattr(doc_id)
    data = (
        "<!DOCTYPE html >\n"
        f'<html id={identity} data-origid={quoteattr(origid)} class="anndoc" data-anndoc-version="3.6" '
        f'lang="" xml:lang="" xmlns="{_XHTML}">\n'
        '  <head>\n    <meta charset="UTF-8"/>\n'
        f'    <meta name="generator" content={quoteattr(generator)}/>\n'
        f"    <title>{escape(doc_id)}</title>\n  </head>\n"
        f"  <body>\n    <article>\n{''.join(lines)}    </article>\n  </body>\n</html>\n"
    )
    html = PlainHtml(data.encode("utf-8"), place=place)
    if len(html.data) < _MAX_TEXT_BYTES:  # libxml2 would find just these
        html.__dict__["parts"] = parts
    return html


def html_from_text(
    text: str,
    *,
    filename: str = "text.txt",
    text_format: TextFormat = "verbatim",
    doc_id: str | None = None,
    salt: str = "",
    place: object = None,
) -> PlainHtml:
    """Make the ``plain.html`` that tagtog makes of plain text.

    Args:
        text: The text. CRLF and CR become LF.
        filename: The original file name.
        text_format: ``verbatim``: one ``<pre>``, the text unchanged. ``formatted``: one ``<p>`` for each
            non-empty line.
        doc_id: The document's id; by default derived from name and content.
        salt: See :func:`document_id`.
        place: For messages.

    Raises:
        PlainHtmlError: The text holds a character that XML can't carry, or is longer than 10 MB.
    """
    _check_text(text, place or filename)
    identity = doc_id or document_id(filename, text.encode("utf-8", "surrogatepass"), salt=salt)
    if text_format == "verbatim":
        blocks = [("pre", text)]
    else:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        blocks = [("p", line.strip()) for line in lines if line.strip()]
    return html_from_blocks(blocks, doc_id=identity, origid=filename, place=place)

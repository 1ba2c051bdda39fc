"""Files of other formats as sections and parts: markdown, PDF, tables, source code.

How tagtog reads them is described on the pages "Inputs & Outputs", "Markdown file parsing" and "CSV (and TSV)
file input parsing" of its documentation: https://docs.tagtog.com. What those leave open (how parts are
numbered) is that of :func:`~spacy_tagtog.anndoc.html_from_sections`.
"""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spacy_tagtog.anndoc.plain_html import Block, Section
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.imports.parsed import Parsed, legal_text, missing_library, replaced_in

CSV_FORMATS: Mapping[str, str] = {"csv": ",", "tsv": "\t"}
SOURCE_SUFFIXES = tuple(
    re.findall(
        r"\S+",
        ".c .coffee .cpp .cs .css .diff .go .h .java .js .jsx .less .log .m .matlab .mm .patch .php .pl .py "
        ".python .r .rb .sass .scala .sh .shell .sql .swift .ts .tsx .vb",
    )
)
"""tagtog's list of source code files, which it reads as one block of code."""
PDF_SECONDS = 60
"""How long reading one PDF may take."""
_PDF_BYTES = 2**30
_MAX_PAGES = 5000
_MAX_ROWS = 20_000
_MAX_COLUMNS = 1000
_IMAGE = re.compile(r"!\[([^\]\n]*)\]\(\s*<?([^\s<>()]+)>?(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)")


def decode(data: bytes, place: str) -> str:
    """The text of a file in UTF-8; a byte order mark isn't part of it.

    Raises:
        RequestError: It isn't UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(
            400,
            "the text isn't UTF-8",
            place=f"{place}, byte {error.start}",
            value=data[error.start : error.start + 8],
            legal="text in UTF-8",
        ) from error


# --- Markdown


def parse_markdown(text: str) -> Parsed:
    """Read markdown: headings, paragraphs, lists, code, images that stand alone.

    As tagtog has it, inline styles, block quotes, tables, rules and HTML aren't interpreted: their characters
    stay as they are. A heading begins a section; deeper ones are within it.
    """
    try:
        from markdown_it import MarkdownIt
    except ImportError as error:
        missing_library("markdown-it-py", "markdown", error)
    parser = MarkdownIt("zero").enable(["heading", "lheading", "code", "fence", "list"])
    root = _Draft(0)
    open_sections = [root]
    heading = 0
    for token in parser.parse(text):
        if token.type == "heading_open":
            heading = int(token.tag[1])
            while open_sections[-1].level >= heading:
                open_sections.pop()
            open_sections[-1].inner.append(_Draft(heading))
            open_sections.append(open_sections[-1].inner[-1])
        elif token.type in ("fence", "code_block"):
            open_sections[-1].blocks.append(Block("pre", token.content.removesuffix("\n")))
        elif token.type == "inline" and token.content.strip():
            image = None if heading else _IMAGE.fullmatch(token.content.strip())
            if heading:
                open_sections[-1].blocks.append(Block(f"h{min(heading + 1, 6)}", token.content))
            elif image:
                open_sections[-1].blocks.append(Block("figure", image[1], image[2]))
            else:
                open_sections[-1].blocks.append(Block("p", token.content))
        if token.type == "inline":
            heading = 0
    first = [Section(root.blocks)] if root.blocks else []
    return Parsed((*first, *(draft.section() for draft in root.inner)))


class _Draft:
    """A section that still grows."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.blocks: list[Block] = []
        self.inner: list[_Draft] = []

    def section(self) -> Section:
        return Section(self.blocks, [draft.section() for draft in self.inner])  # at most six deep


def parse_source(text: str) -> Parsed:
    """Source code: one block of code."""
    return Parsed((Section([Block("pre", text)]),))


# --- PDF


def parse_pdf(data: bytes, place: str) -> Parsed:
    """Read a PDF: the text of every page is a part, ``s1v1``, ``s2v1`` and so on, empty pages included.

    It is read by a process of its own, so that a file that is made to take for ever, or all memory, does
    neither.

    Args:
        data: The file.
        place: Its name, for messages.

    Raises:
        RequestError: It is encrypted, broken or has no text, or reading it takes too long.
    """
    texts = [legal_text(text) for text in _pdf_pages(data, place)]
    sections = tuple(Section([Block("pre", text)]) for text in texts)
    parsed = Parsed(sections, replaced_in(texts, place))
    if not parsed.has_text:
        raise _bad_pdf(
            "the PDF has no text",
            place,
            legal="a PDF with text in it, not only images",
            advice="let a program for text recognition add the text",
        )
    return parsed


def _pdf_pages(data: bytes, place: str) -> list[str]:
    """The text of every page, as the other process reads it."""
    worker = Path(__file__).with_name("pdf_worker.py")
    command = [sys.executable, "-I", str(worker), str(PDF_SECONDS), str(_PDF_BYTES), str(_MAX_PAGES)]
    try:
        done = subprocess.run(  # noqa: S603
            command, input=data, capture_output=True, timeout=PDF_SECONDS, check=False
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise _bad_pdf(
            "reading the PDF takes too long", place, legal=f"a PDF that is read in {PDF_SECONDS} seconds"
        ) from error
    except ValueError as error:  # killed by the limits on time and memory
        raise _bad_pdf(
            "the PDF can't be read: its reader gave up",
            place,
            legal=f"a PDF that needs less than {_PDF_BYTES // 2**20} MB to read",
        ) from error
    reason = answer.get("error")
    if reason == "missing":
        raise RequestError(
            501,
            "the local tagtog can't import PDF: pypdf is not installed",
            legal="pypdf is installed",
            advice="pip install pypdf",
        )
    if reason == "encrypted":
        raise _bad_pdf(
            "the PDF is encrypted",
            place,
            legal="a PDF that opens without a password",
            advice="save it without its password",
        )
    if reason == "pages":
        raise _bad_pdf("the PDF has too many pages", place, legal=f"at most {_MAX_PAGES} pages")
    if reason is not None:
        raise _bad_pdf(
            f"the PDF can't be read: {reason}",
            place,
            legal="a PDF file that isn't damaged",
            advice="open it and save it as PDF again",
        )
    pages: list[str] = answer["pages"]
    return pages


def _bad_pdf(
    problem: str,
    place: str,
    *,
    legal: str,
    advice: str = "extract its text with another program and import that",
) -> RequestError:
    return RequestError(400, problem, place=place, legal=legal, advice=advice)


# --- Tables


def _columns(header: Sequence[str], row: Sequence[str]) -> tuple[Section, ...]:
    """A row of a table as sections, with the headings of the first row."""
    sections = []
    for number, cell in enumerate(row, 1):
        if header[:1] and header[0].startswith("#"):
            title = ""
        else:
            title = header[number - 1] if number <= len(header) else f"Column-#{number}"
        heading = [Block("h2", title)] if title.strip() else []
        sections.append(Section([*heading, *([Block("p", cell)] if cell.strip() else [])]))
    return tuple(sections)


def parse_table(text: str, delimiter: str, place: str) -> list[tuple[bytes, Parsed]]:
    """Read CSV or TSV: every row below the header is a document, every column a section.

    The headings of the sections are those of the first row. If that begins with ``#``, there are none.
    Columns beyond the header are called ``Column-#N``.

    Args:
        text: The file's text.
        delimiter: A comma or a tab.
        place: Its name, for messages.

    Returns:
        For each document a file of its own, with the header and its row, and its content. Rows without text
        are left out.

    Raises:
        RequestError: It can't be read, or has no row below the header.
    """
    documents: list[tuple[bytes, Parsed]] = []
    header: list[str] | None = None
    head_text, start = "", 0
    lines = list(io.StringIO(text, newline=""))  # ends lines at \n, \r\n and \r alone
    for number, line in enumerate(lines, 1):
        if "\0" in line:  # csv of Python 3.10 refuses it, later ones don't: the same words for all
            raise RequestError(
                400,
                "the table has a character that no document can hold",
                place=f"{place}, line {number}",
                value="U+0000",
                legal="text without null characters",
            )
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            source, start = "".join(lines[start : reader.line_num]), reader.line_num
            if len(row) > _MAX_COLUMNS:
                raise RequestError(
                    400,
                    "the table has too many columns",
                    place=f"{place}, line {start}",
                    legal=f"at most {_MAX_COLUMNS}",
                )
            if header is None:
                header, head_text = row, source if source.endswith(("\n", "\r")) else f"{source}\n"
                continue
            if any(cell.strip() for cell in row):
                documents.append(((head_text + source).encode(), Parsed(_columns(header, row))))
            if len(documents) > _MAX_ROWS:
                raise RequestError(
                    400,
                    "the table has too many rows",
                    place=place,
                    legal=f"at most {_MAX_ROWS} rows in one file",
                )
    except csv.Error as error:
        raise RequestError(
            400,
            f"the table can't be read: {error}",
            place=f"{place}, line {reader.line_num}",
            legal='cells with quotes as "a ""quoted"" cell"',
        ) from error
    if not documents:
        raise RequestError(
            400,
            "the table has no document",
            place=place,
            legal="a header and at least one row with text below it",
        )
    return documents

"""What a request uploads: single contents, and contents with annotations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import Annotations, PlainHtml, document_id, html_from_text
from spacy_tagtog.anndoc.plain_html import html_from_sections, is_document_id
from spacy_tagtog.errors import LocalServerError, PlainHtmlError
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.folder_paths import check_name
from spacy_tagtog.server.imports.formats import (
    CSV_FORMATS,
    SOURCE_SUFFIXES,
    decode,
    parse_markdown,
    parse_pdf,
    parse_source,
    parse_table,
)
from spacy_tagtog.server.imports.html import parse_html
from spacy_tagtog.server.imports.parsed import Parsed

TEXT_NAME = "text.txt"
"""The name of a document made from the form field ``text``."""
_PLAIN_SUFFIXES = (".plain.html", ".html", ".xml")
_ANN_SUFFIX = ".ann.json"
_PAIR_FORMATS = {
    "anndoc": "anndoc",
    "default-plus-annjson": "default",
    "verbatim-plus-annjson": "verbatim",
    "formatted-plus-annjson": "formatted",
    "markdown-plus-annjson": "markdown",
}
_SINGLE_FORMATS = ("default", "verbatim", "formatted", "markdown")
FORMATS = (*_SINGLE_FORMATS, *_PAIR_FORMATS)
_ELSEWHERE = ("nativepdfv1", "nativepdfv1-plus-annjson", "pdf", "csv", "tsv", "html", "xml")
_LONGEST_NAME = 200
# How a file is read whose format isn't said, by the end of its name.
_KINDS = {
    ".txt": "verbatim",
    ".text": "verbatim",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".csv": "csv",
    ".tsv": "tsv",
    ".xml": "xml",
    **dict.fromkeys(SOURCE_SUFFIXES, "source"),
}
_PART_ID = re.compile(r"(?:s\d+)+(?:[hpv]\d+|f\d+(?:[hpv]\d+)?)")


@dataclass(frozen=True)
class UploadedFile:
    """A file of a request.

    Attributes:
        name: Its name, as it was given.
        data: Its content.
        text: Its content where it came as text in the first place. A byte order mark belongs to the text
            then.
    """

    name: str
    data: bytes
    text: str | None = None

    @classmethod
    def of_text(cls, name: str, text: str) -> UploadedFile:
        """A text as a file.

        Raises:
            RequestError: UTF-8 can't carry it.
        """
        try:
            return cls(name, text.encode(), text)
        except UnicodeEncodeError as error:
            raise RequestError(
                400,
                "the text holds a character that UTF-8 can't carry",
                place=f"{name}, character {error.start}",
                value=f"U+{ord(text[error.start]):04X}",
                legal="any Unicode text without lone surrogates",
            ) from error


@dataclass(frozen=True)
class Upload:
    """A document of a request.

    Attributes:
        names: The names of its files, the content's first.
        size: Their size in bytes.
        base: Its base name: the file name without ``.plain.html`` or the like.
        filename: Its original file name.
        raw: The bytes of its content file.
        html: Its content, where it was uploaded as a plain.html.
        text: Its content, where it was uploaded as text.
        text_format: How it was read: ``anndoc``, ``verbatim``, ``formatted``, ``markdown``, ``html``,
            ``pdf``, ``csv``…
        annotations: Its annotations, if any were uploaded.
        parsed: Its content, where it was uploaded in a format with sections.
    """

    names: tuple[str, ...]
    size: int
    base: str
    filename: str
    raw: bytes
    html: PlainHtml | None
    text: str
    text_format: str
    annotations: Annotations | None
    parsed: Parsed | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What couldn't be kept as it was."""
        return () if self.parsed is None else self.parsed.warnings

    @property
    def original_name(self) -> str:
        """The file name under which its content is given back as it was uploaded."""
        return self.filename if self.html is None else self.names[0]

    @property
    def place(self) -> str:
        """The name of its content file, for messages."""
        return self.names[0]

    def new_id(self, project: str) -> str:
        """The id that it gets if it is new: the same for the same name, content and way of making parts."""
        salt = (
            f"{project}/{self.text_format}"
            if self.text_format in ("formatted", "markdown") and self.html is None
            else project
        )
        return document_id(self.filename, self.raw, salt=salt)

    def render(self, doc_id: str) -> PlainHtml:
        """Its plain.html.

        Raises:
            PlainHtmlError: The text holds a character that XML can't carry, or is too long for the parser.
        """
        if self.html is not None:
            return self.html
        if self.parsed is not None:
            return html_from_sections(
                self.parsed.sections, doc_id=doc_id, origid=self.filename, place=self.place
            )
        text_format = "formatted" if self.text_format == "formatted" else "verbatim"
        html = html_from_text(
            self.text,
            filename=self.filename,
            text_format=text_format,  # type: ignore[arg-type]
            doc_id=doc_id,
            place=self.place,
        )
        if not html.parts:
            raise LocalServerError(
                "the text has no paragraph",
                place=self.place,
                legal="text with at least one line that isn't empty",
            )
        return html


def _base_name(name: str, suffixes: Sequence[str]) -> str | None:
    return next(
        (name[: -len(suffix)] for suffix in suffixes if name.endswith(suffix) and len(name) > len(suffix)),
        None,
    )


def _original_name(html: PlainHtml, base: str) -> str:
    """The name of what a plain.html was made from, else its base name.

    Documents from the web have an address in the place of the name, which can't be a file's name.
    """
    for name in (html.origid, base[29:] if is_document_id(base) else None):
        try:
            return check_name(name, "document", longest=_LONGEST_NAME)
        except LocalServerError:
            continue
    return base


def _suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def _is_plain_html(file: UploadedFile) -> bool:
    """Whether a file is a plain.html: it says so, or all its parts have ids such as ``s1p1``."""
    try:
        html = PlainHtml(file.data, place=file.name)
        return html.is_anndoc or (bool(html.parts) and all(_PART_ID.fullmatch(part) for part in html.parts))
    except PlainHtmlError:
        return False


def _kind(file: UploadedFile, wanted: str) -> str:
    """How to read a file.

    Args:
        file: The file.
        wanted: ``anndoc``, ``default``, ``verbatim``, ``formatted`` or ``markdown``.

    Returns:
        ``anndoc``, ``verbatim``, ``formatted``, ``markdown``, ``html``, ``pdf``, ``csv``, ``tsv`` or
        ``source``.
    """
    if wanted == "anndoc" and _base_name(file.name, _PLAIN_SUFFIXES) is None:
        raise RequestError(
            400,
            "this file isn't one of the format anndoc",
            value=file.name,
            legal="pairs of NAME.plain.html and NAME.ann.json",
        )
    if wanted != "default":
        return wanted
    if file.text is not None:
        return "verbatim"
    if file.name.endswith(".plain.html"):
        return "anndoc"
    kind = _KINDS.get(_suffix(file.name))
    if kind in ("html", "xml") and _is_plain_html(file):
        return "anndoc"
    if kind is None or kind == "xml":
        raise RequestError(
            501,
            "the local tagtog can't import files of this kind",
            value=file.name,
            legal="NAME.txt, .md, .html, .pdf, .csv, .tsv, .plain.html, and source code",
            advice="convert it to text, or pass format=verbatim if it is text in UTF-8",
        )
    return kind


def _named(filename: str | None, own: str) -> str:
    """The name that a document gets. As in tagtog, it ends with the original extension in any case."""
    if filename is None:
        return own
    suffix = own[own.rfind(".") :] if own.rfind(".") > 0 else ""
    return filename if filename.lower().endswith(suffix.lower()) else filename + suffix


def _parse(data: bytes, text: str, kind: str, place: str) -> Parsed | None:
    """Content in a format with sections; ``None`` for plain text."""
    if kind == "markdown":
        return parse_markdown(text)
    if kind == "source":
        return parse_source(text)
    if kind == "html":
        return parse_html(data, place)
    if kind == "pdf":
        return parse_pdf(data, place)
    return None


def _contents(
    file: UploadedFile, base: str, wanted: str, annotations: UploadedFile | None, filename: str | None
) -> list[Upload]:
    """Read a file: one document, or of a table as many as it has rows.

    Args:
        file: Its content.
        base: Its base name.
        wanted: ``anndoc``, ``default``, ``verbatim``, ``formatted`` or ``markdown``.
        annotations: Its ann.json.
        filename: The name to give it, in place of its own.
    """
    kind = _kind(file, wanted)
    ann = None if annotations is None else Annotations.parse(annotations.data, place=annotations.name)
    files = [file] if annotations is None else [file, annotations]
    names, size = tuple(one.name for one in files), sum(len(one.data) for one in files)
    if kind == "anndoc":
        html = PlainHtml(file.data, place=file.name)
        original = filename or _original_name(html, base)
        return [_checked(Upload(names, size, base, original, file.data, html, "", kind, ann))]
    original = _named(filename, file.name)
    text = "" if kind in ("html", "pdf") else decode(file.data, file.name) if file.text is None else file.text
    if kind in CSV_FORMATS:
        if ann is not None:
            raise RequestError(
                400,
                "a table is several documents, so it can't have one ann.json",
                value=file.name,
                legal="a file that is one document",
            )
        stem, suffix = original[: original.rfind(".")], original[original.rfind(".") :]
        rows = parse_table(text, CSV_FORMATS[kind], file.name)
        return [
            _checked(
                Upload(names, len(raw), base, f"{stem}-{number}{suffix}", raw, None, "", kind, None, parsed)
            )
            for number, (raw, parsed) in enumerate(rows, 1)
        ]
    if not (text.strip() or kind in ("html", "pdf")):
        raise RequestError(
            400,
            "the text is empty",
            place=file.name,
            legal="at least one character that isn't white space",
        )
    parsed = _parse(file.data, text, kind, file.name)
    if parsed is not None and not parsed.has_text:
        raise RequestError(
            400,
            "the file has no text",
            place=file.name,
            legal="at least one character that isn't white space",
        )
    return [_checked(Upload(names, size, base, original, file.data, None, text, kind, ann, parsed))]


def _checked(upload: Upload) -> Upload:
    check_name(upload.filename, "document", longest=_LONGEST_NAME, place=upload.place)
    # Both raise what is wrong with the content before the database is locked.
    upload.render("a").parts  # noqa: B018
    return upload


def read_uploads(
    files: Sequence[UploadedFile], upload_format: str | None, *, filename: str | None = None
) -> list[Upload]:
    """Make documents of the files of a request.

    Args:
        files: The files, in order.
        upload_format: The parameter ``format``.
        filename: The parameter ``filename``, for a request with one document.

    Raises:
        SpacyTagtogError: A file is odd, or can't be read.
    """
    wanted = upload_format or "default"
    if wanted not in FORMATS:
        raise RequestError(
            501 if wanted in _ELSEWHERE else 400,
            "the local tagtog doesn't have this format",
            place="format",
            value=wanted,
            legal=", ".join(FORMATS),
        )
    for file in files:
        check_name(file.name, "file", longest=255)
    kind = _PAIR_FORMATS.get(wanted)
    if kind is None:
        odd = [file.name for file in files if file.name.endswith(_ANN_SUFFIX)]
        if odd:
            raise RequestError(
                400,
                f"format={wanted} takes no annotations",
                value=", ".join(odd),
                legal=f"format={', '.join(_PAIR_FORMATS)}",
            )
        pairs: list[tuple[UploadedFile, str, UploadedFile | None]] = [
            (file, _base_of(file.name), None) for file in files
        ]
    else:
        pairs = _pairs(files)
    if filename is not None and len(pairs) != 1:
        raise RequestError(
            400,
            "filename= names one document",
            value=counted(len(pairs), "document"),
            legal="one document in the request",
        )
    return [
        upload
        for file, base, annotations in pairs
        for upload in _contents(file, base, kind or wanted, annotations, filename)
    ]


def belonging_together(files: Sequence[UploadedFile]) -> list[tuple[UploadedFile, ...]]:
    """Files of a person's choice as documents: each alone, and a content with its ann.json.

    Args:
        files: The files, in any order, of which names may be paths. Those of different folders don't belong
            together.

    Returns:
        For each document its content, and its ann.json where there is one. An ann.json whose content isn't
        there, or could be one of several, stands alone.
    """
    contents: dict[str, list[UploadedFile]] = {}
    annotations: list[tuple[str, UploadedFile]] = []
    for file in files:
        base = _base_name(file.name, (_ANN_SUFFIX,))
        if base is None:
            contents.setdefault(_base_of(file.name), []).append(file)
        else:
            annotations.append((base, file))
    partners, alone = {}, []
    for base, file in annotations:
        if len(contents.get(base, ())) == 1 and base not in partners:
            partners[base] = file
        else:
            alone.append((file,))
    pairs = [
        (file, *([partners[base]] if base in partners else []))
        for base, group in contents.items()
        for file in group
    ]
    return [*pairs, *alone]


def _base_of(name: str) -> str:
    """The base name of a content file."""
    return _base_name(name, _PLAIN_SUFFIXES) or name.rpartition(".")[0] or name


def _pairs(files: Sequence[UploadedFile]) -> list[tuple[UploadedFile, str, UploadedFile | None]]:
    contents: dict[str, UploadedFile] = {}
    annotations: dict[str, UploadedFile] = {}
    for file in files:
        base = _base_name(file.name, (_ANN_SUFFIX,))
        group = contents if base is None else annotations
        if base is None:
            base = _base_of(file.name)
        if base in group:
            raise RequestError(
                400,
                "two files have one base name",
                value=f"{group[base].name}, {file.name}",
                legal="pairs NAME.plain.html and NAME.ann.json",
            )
        group[base] = file
    odd = [
        file.name
        for base, file in (*contents.items(), *annotations.items())
        if base not in contents or base not in annotations
    ]
    if odd:
        raise RequestError(
            400,
            "a file has no partner of the same base name",
            value=", ".join(odd),
            legal="pairs: NAME.plain.html (or NAME.txt) and NAME.ann.json",
            advice="upload both files in one request",
        )
    return [(file, base, annotations[base]) for base, file in contents.items()]

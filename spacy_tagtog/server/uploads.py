"""What a request uploads: single contents, and contents with annotations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spacy_tagtog.anndoc import Annotations, PlainHtml, document_id, html_from_text, is_document_id
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.settings import check_name

__all__ = ["FORMATS", "TEXT_NAME", "Upload", "UploadedFile", "read_uploads"]

TEXT_NAME = "text.txt"
"""The name of a document made from the form field ``text``."""
_HTML_SUFFIXES = (".plain.html", ".html", ".xml")
_TEXT_SUFFIXES = (".txt", ".text")
_ANN_SUFFIX = ".ann.json"
_PAIR_FORMATS = {"anndoc": "anndoc", "default-plus-annjson": "default", "verbatim-plus-annjson": "verbatim", "formatted-plus-annjson": "formatted"}
_SINGLE_FORMATS = ("default", "verbatim", "formatted")
FORMATS = (*_SINGLE_FORMATS, *_PAIR_FORMATS)
_ELSEWHERE = ("markdown", "markdown-plus-annjson", "pdf", "csv", "tsv")
_LONGEST_NAME = 200


@dataclass(frozen=True)
class UploadedFile:
    """A file of a request.

    Attributes:
        name: Its name, as it was given.
        data: Its content.
        text: Its content where it came as text in the first place. A byte order mark belongs to the text then.
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
        text_format: How to make parts of the text.
        annotations: Its annotations, if any were uploaded.
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
        salt = f"{project}/formatted" if self.text_format == "formatted" and self.html is None else project
        return document_id(self.filename, self.raw, salt=salt)

    def render(self, doc_id: str) -> PlainHtml:
        """Its plain.html.

        Raises:
            PlainHtmlError: The text holds a character that XML can't carry, or is too long for the parser.
        """
        if self.html is not None:
            return self.html
        text_format = "formatted" if self.text_format == "formatted" else "verbatim"
        html = html_from_text(self.text, filename=self.filename, text_format=text_format, doc_id=doc_id, place=self.place)  # type: ignore[arg-type]
        if not html.parts:
            raise LocalServerError("the text has no paragraph", place=self.place, legal="text with at least one line that isn't empty")
        return html


def _base_name(name: str, suffixes: Sequence[str]) -> str | None:
    return next((name[: -len(suffix)] for suffix in suffixes if name.endswith(suffix) and len(name) > len(suffix)), None)


def _original_name(html: PlainHtml, base: str) -> str:
    """The name of what a plain.html was made from, as far as it can be known: documents from the web have an address there."""
    for name in (html.origid, base[29:] if is_document_id(base) else None):
        try:
            return check_name(name, "document", longest=_LONGEST_NAME)
        except LocalServerError:
            continue
    return base


def _content(file: UploadedFile, base: str, kind: str, annotations: UploadedFile | None, filename: str | None) -> Upload:
    """Read one document.

    Args:
        file: Its content.
        base: Its base name.
        kind: ``anndoc``, ``default``, ``verbatim`` or ``formatted``.
        annotations: Its ann.json.
        filename: The name to give it, in place of its own.
    """
    html_base = _base_name(file.name, _HTML_SUFFIXES)
    html, text = None, ""
    if html_base is not None and kind in ("anndoc", "default"):
        html = PlainHtml(file.data, place=file.name)
        original = filename or _original_name(html, base)
        if not html.parts and kind == "default":
            raise RequestError(
                501,
                "the local tagtog can't import HTML without parts",
                place=file.name,
                legal="plain.html: every text element has an id",
                advice="upload the text",
            )
    elif kind == "anndoc":
        raise RequestError(400, "this file isn't one of the format anndoc", value=file.name, legal="pairs of NAME.plain.html and NAME.ann.json")
    elif kind == "default" and _base_name(file.name, _TEXT_SUFFIXES) is None:
        raise RequestError(
            501,
            "the local tagtog can't import files of this kind",
            value=file.name,
            legal="NAME.txt, NAME.plain.html",
            advice="convert it to text, or pass format=verbatim if it is text in UTF-8",
        )
    else:
        try:
            text = file.data.decode("utf-8-sig") if file.text is None else file.text
        except UnicodeDecodeError as error:
            raise RequestError(
                400,
                "the text isn't UTF-8",
                place=f"{file.name}, byte {error.start}",
                value=file.data[error.start : error.start + 8],
                legal="text in UTF-8",
            ) from error
        original = filename or file.name
    if html is None and not text:
        raise RequestError(400, "the text is empty", place=file.name, legal="at least one character")
    check_name(original, "document", longest=_LONGEST_NAME, place=file.name)
    parsed = None
    if annotations is not None:
        parsed = Annotations.parse(annotations.data, place=annotations.name)
    files = [file] if annotations is None else [file, annotations]
    upload = Upload(
        tuple(one.name for one in files),
        sum(len(one.data) for one in files),
        base,
        original,
        file.data,
        html,
        text,
        kind,
        parsed,
    )
    # Both raise what is wrong with the content before the database is locked.
    upload.render("a").parts  # noqa: B018
    return upload


def read_uploads(files: Sequence[UploadedFile], upload_format: str | None, *, filename: str | None = None) -> list[Upload]:
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
            501 if wanted in _ELSEWHERE else 400, "the local tagtog doesn't have this format", place="format", value=wanted, legal=", ".join(FORMATS)
        )
    for file in files:
        check_name(file.name, "file", longest=255)
    kind = _PAIR_FORMATS.get(wanted)
    if kind is None:
        odd = [file.name for file in files if file.name.endswith(_ANN_SUFFIX)]
        if odd:
            raise RequestError(400, f"format={wanted} takes no annotations", value=", ".join(odd), legal=f"format={', '.join(_PAIR_FORMATS)}")
        pairs: list[tuple[UploadedFile, str, UploadedFile | None]] = [
            (file, _base_name(file.name, (*_HTML_SUFFIXES, *_TEXT_SUFFIXES)) or file.name, None) for file in files
        ]
    else:
        pairs = _pairs(files)
    if filename is not None and len(pairs) != 1:
        raise RequestError(400, "filename= names one document", value=f"{len(pairs)} documents", legal="one document in the request")
    return [_content(file, base, kind or wanted, annotations, filename) for file, base, annotations in pairs]


def _pairs(files: Sequence[UploadedFile]) -> list[tuple[UploadedFile, str, UploadedFile | None]]:
    contents: dict[str, UploadedFile] = {}
    annotations: dict[str, UploadedFile] = {}
    for file in files:
        base = _base_name(file.name, (_ANN_SUFFIX,))
        group = contents if base is None else annotations
        if base is None:
            base = _base_name(file.name, _HTML_SUFFIXES) or file.name.rpartition(".")[0] or file.name
        if base in group:
            raise RequestError(
                400, "two files have one base name", value=f"{group[base].name}, {file.name}", legal="pairs NAME.plain.html and NAME.ann.json"
            )
        group[base] = file
    odd = [file.name for base, file in (*contents.items(), *annotations.items()) if base not in contents or base not in annotations]
    if odd:
        raise RequestError(
            400,
            "a file has no partner of the same base name",
            value=", ".join(odd),
            legal="pairs: NAME.plain.html (or NAME.txt) and NAME.ann.json",
            advice="upload both files in one request",
        )
    return [(file, base, annotations[base]) for base, file in contents.items()]

"""CoNLL's columns: one token per line, its tag in one of the columns, sentences divided by empty lines.

The schemes are IOB2 (``bio``: every entity begins with ``B-``), IOB1 (``iob1``, of CoNLL-2003's own files:
``B-`` only after an entity of the same type) and BIOES (also written BILOU). Texts aren't in these files:
tokens are joined by spaces, sentences by line breaks. ``-DOCSTART-`` begins a document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

from spacy_tagtog._files import atomic_path
from spacy_tagtog._options import choose
from spacy_tagtog.errors import ArgumentError, FormatError
from spacy_tagtog.formats.carry import Names, drop
from spacy_tagtog.formats.files import lines, sources
from spacy_tagtog.formats.record import Record
from spacy_tagtog.formats.report import FormatReport

Scheme = Literal["auto", "bio", "iob1", "bioes"]
"""How entities are told from tags."""
WrittenScheme = Literal["bio", "iob1", "bioes"]
"""The schemes that can be written."""
_TAG: Final = re.compile(r"(?:([BIESLU])-(.+)|O|-X-|_)")
_SUFFIXES: Final = (".conll", ".iob", ".iob2", ".bio", ".bioes", ".tsv", ".txt")
_DOCSTART: Final = "-DOCSTART-"
_SAME: Final = {"L": "E", "U": "S"}


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    prefix: str
    label: str
    line: int


class Conll:
    """CoNLL's columns.

    Args:
        scheme: ``bio``, ``iob1`` or ``bioes``; ``auto`` finds out from the file, and writes ``bio``.
        column: The column of the tags, from 1; 0 the last one. The first column is the token.
        sentences: At most N sentences per document, where there is no ``-DOCSTART-``; 0: one document per
            file.
        lang: The language of the tokenizer, for writing.

    Raises:
        ConfigurationError: A setting has an unknown value.
    """

    name = "conll"
    suffix = ".conll"
    carries: frozenset[str] = frozenset()

    def __init__(self, scheme: str = "auto", column: int = 0, sentences: int = 0, lang: str = "en") -> None:
        self.scheme: Scheme = choose("scheme", scheme, Scheme)
        for name, number in (("column", column), ("sentences", sentences)):
            if number < 0:
                raise ArgumentError(f"{name} is out of range", value=number, legal="0 or more")
        self.column = column
        self.sentences = sentences
        self.lang = lang

    # ---- reading

    def read(self, path: Path, report: FormatReport) -> Iterator[Record]:
        """Read a file, or all of a folder's."""
        for file in sources(path, _SUFFIXES):
            try:
                documents = list(self._documents(file, report))
            except FormatError as fault:
                report.set_aside(fault)
                continue
            scheme = _detected(documents) if self.scheme == "auto" else self.scheme
            for number, sentences in enumerate(documents, 1):
                name = file.stem if len(documents) == 1 else f"{file.stem}-{number}"
                place = f"{file}, line {sentences[0][0].line}"
                try:
                    yield _record(sentences, name, file, place, scheme, report)
                except FormatError as fault:
                    report.set_aside(fault)

    def _documents(self, path: Path, report: FormatReport) -> Iterator[list[list[_Token]]]:
        """The sentences of each document."""
        document: list[list[_Token]] = []
        sentence: list[_Token] = []
        is_broken = False
        for number, line in [*lines(path), (0, "")]:
            columns = line.split()
            starts = bool(columns) and columns[0] == _DOCSTART
            if columns and not starts:
                # A comment, as in CoNLL-U; the token # has a tag.
                if columns[0] == "#" and not sentence and not _TAG.fullmatch(columns[-1]):
                    report.lose("annotations: comments", f"{path}, line {number}")
                    continue
                try:
                    sentence.append(self._token(columns, path, number))
                except FormatError as fault:  # without this token, the sentence would be another one
                    report.set_aside(fault)
                    is_broken = True
                continue
            if is_broken:
                sentence, is_broken = [], False
            if sentence:
                document.append(sentence)
                sentence = []
            is_full = self.sentences and len(document) >= self.sentences
            if document and (starts or is_full):
                yield document
                document = []
        if document:
            yield document

    def _token(self, columns: list[str], path: Path, number: int) -> _Token:
        place = f"{path}, line {number}"
        if len(columns) < max(2, self.column):
            raise FormatError(
                "a line has too few columns",
                place=place,
                value=" ".join(columns),
                legal=f"a token and at least {max(2, self.column) - 1} more, divided by spaces or tabs",
                advice="look whether the file is CoNLL, and which column has the tags (column=N)",
            )
        tag = columns[self.column - 1]
        match = _TAG.fullmatch(tag)
        if match is None:
            raise FormatError(
                "a tag can't be read",
                place=place,
                value=tag,
                legal="O, or B-, I-, E-, S-, L- or U- with a type",
                advice="say which column has the tags: column=N",
            )
        prefix = match[1] or "O"
        return _Token(columns[0], _SAME.get(prefix, prefix), match[2] or "", number)

    # ---- writing

    def write(self, records: Iterable[Record], path: Path, report: FormatReport) -> None:
        """Write one file of all records, tokenized by spaCy and at the borders of entities."""
        nlp = _tokenizer(self.lang)
        names = Names(r"\s", report)
        scheme: WrittenScheme = "bio" if self.scheme == "auto" else self.scheme
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
            for record in records:
                report.lose("white_space", record.place)
                adapt(record, report)
                file.write(f"{_DOCSTART} -X- O O\n\n")
                report.lose("empty", record.place, int(not record.text.strip()))
                for sentence in _tagged(record, nlp, names, scheme):
                    file.writelines(f"{token} -X- _ {tag}\n" for token, tag in sentence)
                    file.write("\n")


def _detected(documents: list[list[list[_Token]]]) -> Scheme:
    """The scheme that a file's tags show; ``bio`` where nothing tells or none fits."""
    sentences = [sentence for document in documents for sentence in document]
    if any(token.prefix in "ES" for sentence in sentences for token in sentence):
        return "bioes"
    needless = begins_with_i = False
    for sentence in sentences:
        before = _Token("", "O", "", 0)
        for token in sentence:
            follows = before.prefix != "O" and before.label == token.label
            needless |= token.prefix == "B" and not follows
            begins_with_i |= token.prefix == "I" and not follows
            before = token
    return "iob1" if begins_with_i and not needless else "bio"


def _record(
    sentences: list[list[_Token]], name: str, path: object, place: str, scheme: Scheme, report: FormatReport
) -> Record:
    record = Record(name, "", place=place)
    texts, at = [], 0
    for sentence in sentences:
        starts = []
        for token in sentence:
            starts.append(at)
            at += len(token.text) + 1
        texts.append(" ".join(token.text for token in sentence))
        for first, last in _entities(sentence, scheme, path, report):
            record.add(sentence[first].label, (starts[first], starts[last] + len(sentence[last].text)))
    record.text = "\n".join(texts)
    return record


def _entities(
    sentence: list[_Token], scheme: Scheme, path: object, report: FormatReport
) -> Iterator[tuple[int, int]]:
    """The first and last token of each entity. A broken one is set aside with all of its tokens."""
    start: int | None = None
    broken = False
    outside = _Token("", "O", "", 0)
    for number, token in enumerate([*sentence, outside]):
        before = sentence[number - 1] if number else outside
        goes_on = (
            token.prefix in "IE"
            and before.prefix in ("BI" if scheme == "bioes" else "BIES")
            and before.label == token.label
        )
        if goes_on:
            continue
        if start is not None:
            if scheme == "bioes" and before.prefix not in "ES":
                report.set_aside(_broken("an entity has no end", path, before, scheme))
                broken = True
            if not broken:
                yield start, number - 1
        start, broken = (None if token.prefix == "O" else number), False
        if token.prefix in "IE" and scheme != "iob1":
            report.set_aside(_broken("an entity has no beginning", path, token, scheme))
            broken = True


def _broken(problem: str, path: object, token: _Token, scheme: Scheme) -> FormatError:
    legal = {
        "bio": f"B-{token.label} on the first token of an entity, I-{token.label} on those after it",
        "bioes": f"S-{token.label}, or B-{token.label} … E-{token.label} with I- between them",
    }
    return FormatError(
        f"{problem} ({scheme})",
        place=f"{path}, line {token.line}" if token.line else path,
        value=f"{token.text} {token.prefix}-{token.label}",
        legal=legal.get(scheme, ""),
        advice="mend the tag, or say what scheme the file has: scheme=iob1 lets I- begin an entity",
    )


@cache
def _tokenizer(lang: str) -> Any:
    """SpaCy's tokenizer of a language."""
    import spacy

    try:
        return spacy.blank(lang).tokenizer
    except ImportError as error:
        raise ArgumentError("spaCy has no such language", value=lang, legal="en, es, de… or xx") from error


def adapt(record: Record, report: FormatReport) -> None:
    """Make of a record what columns can hold: entities with a letter."""
    drop(record, lambda _, one: bool(record.surface(one).strip()), "blank", report)


def _tagged(
    record: Record, tokenizer: Any, names: Names, scheme: WrittenScheme
) -> Iterator[list[tuple[str, str]]]:
    """The tokens with their tags, sentence by sentence: a line break ends one."""
    owner: dict[int, int] = {}
    borders: set[int] = set()
    for number, one in enumerate(record.mentions):
        borders |= {one.start, one.end}
        owner.update(dict.fromkeys(range(one.start, one.end), number))
    pieces: list[tuple[str, int | None]] = []
    for start, end in _token_ranges(record.text, tokenizer, borders):
        if "\n" in record.text[start:end]:
            if owner.get(start) is None and pieces:
                yield _with_tags(pieces, record, names, scheme)
                pieces = []
        else:
            pieces.append((record.text[start:end], owner.get(start)))
    if pieces:
        yield _with_tags(pieces, record, names, scheme)


def _token_ranges(text: str, tokenizer: Any, borders: set[int]) -> Iterator[tuple[int, int]]:
    """Where tokens stand: those of the tokenizer, cut at borders of entities and at white space."""
    for token in tokenizer(text):
        start, end = token.idx, token.idx + len(token)
        cuts = [start, *sorted(at for at in borders if start < at < end), end] if borders else [start, end]
        for low, high in pairwise(cuts):
            for match in re.finditer(r"\n|\S+", text[low:high]):
                yield low + match.start(), low + match.end()


def _with_tags(
    pieces: list[tuple[str, int | None]], record: Record, names: Names, scheme: WrittenScheme
) -> list[tuple[str, str]]:
    tagged = []
    for place, (text, number) in enumerate(pieces):
        if number is None:
            tagged.append((text, "O"))
            continue
        label = record.mentions[number].label
        before = pieces[place - 1][1] if place else None
        after = pieces[place + 1][1] if place + 1 < len(pieces) else None
        first, last = before != number, after != number
        touches = before is not None and record.mentions[before].label == label
        prefix = {
            "bio": "B" if first else "I",
            "iob1": "B" if first and touches else "I",
            "bioes": ("S" if last else "B") if first else ("E" if last else "I"),
        }[scheme]
        tagged.append((text, f"{prefix}-{names(label)}"))
    return tagged


def tagged_record(tokens: list[str], tags: list[str], name: str, place: str, report: FormatReport) -> Record:
    """The record of tokens and their tags, as data sets have them.

    Raises:
        FormatError: A tag can't be read.
    """
    sentence = []
    for token, tag in zip(tokens, tags, strict=True):
        match = _TAG.fullmatch(tag)
        if match is None:
            raise FormatError(
                "a tag can't be read",
                place=place,
                value=tag,
                legal="O, or B-, I-, E-, S-, L- or U- with a type",
            )
        prefix = match[1] or "O"
        sentence.append(_Token(token, _SAME.get(prefix, prefix), match[2] or "", 0))
    scheme = _detected([[sentence]])
    return _record([sentence] if sentence else [], name, place, place, scheme, report)

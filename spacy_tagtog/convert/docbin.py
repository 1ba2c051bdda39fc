"""Writing Docs as ``.spacy`` files: what ``DocBin`` writes, in less time and memory.

``DocBin.add`` puts nine strings per token into a set and makes a new packer for each Doc. ``DocBin.to_bytes``
needs the whole corpus in memory, several times over. Here each string is looked up once, one packer serves
all Docs, and Docs are packed and compressed piece by piece. The file holds the same message as spaCy's, byte
for byte; only its compression differs. A piece can be made in another process: it is plain data, and pieces
in the same order make the same file.

In the other direction, ``DocBin.get_docs`` asks all installed packages for decoders, four times per Doc. Here
one unpacker serves all Docs.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import numpy as np
import srsly.msgpack
from spacy.attrs import DEP, ENT_ID, ENT_KB_ID, ENT_TYPE, LEMMA, MORPH, NORM, ORTH, SPACY, TAG
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.vocab import Vocab

PIECE_DOCS: Final = 100
"""Docs per piece. Another number gives other bytes, which hold the same."""

# What DocBin's default is for the attributes, in its order.
_TEMPLATE = DocBin(store_user_data=True)
_ATTRS: Final[list[Any]] = list(_TEMPLATE.attrs)
_OF_STRINGS: Final = (TAG, LEMMA, MORPH, DEP, ENT_TYPE, ENT_KB_ID, ENT_ID)

# Raw deflate: pieces are put together into one stream.
_LEVEL: Final = 2
_RAW: Final = -15
_ZLIB_HEADER: Final = b"\x78\x5e"
_LAST_BLOCK: Final = b"\x03\x00"
_ADLER_BASE: Final = 65521

_SPAN = struct.Struct(">QQQllll")
_BIN_COLUMNS: Final = ("tokens", "spaces", "lengths")
_LIST_COLUMNS: Final = ("cats", "flags", "span_groups", "user_data")


@dataclass(frozen=True, slots=True)
class _Segment:
    """A stretch of the message, compressed by itself."""

    data: bytes
    length: int
    adler: int

    @classmethod
    def of(cls, data: bytes | bytearray) -> _Segment:
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
        # A full flush ends on a byte, so that anything may follow.
        return cls(
            compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH), len(data), zlib.adler32(data)
        )


_Column = TypeVar("_Column")


@dataclass(frozen=True)
class _Packed(Generic[_Column]):
    """Docs, packed.

    Attributes:
        docs: How many.
        strings: What their hashes stand for.
        columns: A part of each of the message's columns.
    """

    docs: int
    strings: frozenset[str]
    columns: dict[str, _Column]


class Piece(_Packed[_Segment]):
    """Docs, packed and compressed."""


class LoosePiece(_Packed[bytes]):
    """Docs, packed and not yet compressed."""

    def compressed(self) -> Piece:
        """The same, compressed. Other threads can run meanwhile."""
        return Piece(
            self.docs, self.strings, {name: _Segment.of(data) for name, data in self.columns.items()}
        )


SpanNumbers = tuple[int, int, int, int, int, int, int]
"""id, knowledge base id, label, first token, one past the last, first character, one past the last."""


def numbers_of_spans(group: SpanGroup) -> list[SpanNumbers]:
    """The spans of a group in numbers.

    When tokens are merged, spaCy leaves the spans of groups alone. Their characters stay right; their tokens
    may be others, or past the end of the Doc, and then such a span can't be made.
    """
    with suppress(IndexError):
        return [
            (span.id, span.kb_id, span.label, span.start, span.end, span.start_char, span.end_char)
            for span in group
        ]
    return [_SPAN.unpack(data) for data in srsly.msgpack_loads(group.to_bytes())["spans"]]


class DocPacker:
    """Packs Docs into pieces.

    Args:
        unset: Attributes that no token of any Doc has. They aren't looked for, so this must be true.
    """

    def __init__(self, unset: Collection[int] = ()) -> None:
        self._packer: Any = srsly.msgpack.Packer(use_bin_type=True)
        self._attrs = [attr for attr in _ATTRS if attr not in unset]
        self._clear()

    def _clear(self) -> None:
        self._vocab: Vocab | None = None
        self._unresolved: list[np.ndarray[Any, Any]] = []
        self._tokens: list[memoryview] = []
        self._span_hashes: set[int] = set()
        self._strings: set[str] = set()
        self._lengths: list[int] = []
        self._columns: dict[str, list[bytes]] = {name: [] for name in ("spaces", *_LIST_COLUMNS)}

    def __len__(self) -> int:
        """The number of Docs added since the last piece."""
        return len(self._lengths)

    def add(self, doc: Doc) -> None:
        """Pack a Doc, with all that ``DocBin(store_user_data=True)`` would keep of it."""
        if doc.vocab is not self._vocab:
            self._resolve()
            self._vocab = doc.vocab
        pack = self._packer.pack
        columns = self._columns
        array = doc.to_array([*self._attrs, SPACY])
        span_groups = self._span_groups(doc)
        # All that may fail is done before anything is kept.
        cats, user_data = pack(doc.cats), pack(pack(doc.user_data))
        self._unresolved.append(array)
        self._lengths.append(len(array))
        columns["spaces"].append(array[:, -1].astype(bool).tobytes("C"))
        columns["cats"].append(cats)
        columns["flags"].append(pack({"has_unknown_spaces": doc.has_unknown_spaces}))
        columns["span_groups"].append(pack(span_groups))
        columns["user_data"].append(user_data)

    def _span_groups(self, doc: Doc) -> Any:
        """What ``doc.spans.to_bytes()`` gives; the strings of the spans are noted."""
        if not doc.spans:
            return doc.spans.to_bytes()
        groups: dict[bytes, list[str]] = {}
        for key, group in doc.spans.items():
            spans = []
            for numbers in numbers_of_spans(group):
                spans.append(_SPAN.pack(*numbers))
                self._span_hashes.update(numbers[:3])
            data = (
                self._packer.pack({"name": group.name, "attrs": group.attrs, "spans": spans})
                if type(group) is SpanGroup
                else group.to_bytes()
            )
            groups.setdefault(data, []).append(key)
        return self._packer.pack(groups)

    def _resolve(self) -> None:
        """Look up the strings of all tokens since the last time, each once."""
        if self._vocab is None or not self._unresolved:
            return
        strings: Any = self._vocab.strings
        found = np.concatenate(self._unresolved)
        tokens = np.zeros((len(found), len(_ATTRS)), dtype=np.uint64)
        tokens[:, [_ATTRS.index(attr) for attr in self._attrs]] = found[:, :-1]
        self._tokens.append(tokens.data)
        if len(tokens):
            self._strings.add("")  # what all that isn't set stands for
        by_attr = dict(zip(self._attrs, found.T, strict=False))
        words, norms = by_attr[ORTH], by_attr[NORM]
        # Most words are their own norm, and most of the other columns are empty.
        used = [
            words,
            norms[norms != words],
            *(column for attr in _OF_STRINGS if (column := by_attr.get(attr)) is not None and column.any()),
        ]
        self._strings.update([strings[value] for value in np.unique(np.concatenate(used)).tolist()])
        # Ids of spans may be plain numbers, with no string behind them.
        self._strings.update([strings[value] for value in self._span_hashes if value in strings])
        self._unresolved = []
        self._span_hashes = set()

    def take(self) -> LoosePiece:
        """The Docs added since the last piece, as a piece that is to be compressed."""
        self._resolve()
        columns = {name: b"".join(values) for name, values in self._columns.items()}
        columns["tokens"] = b"".join(self._tokens)
        columns["lengths"] = np.asarray(self._lengths, dtype="int32").tobytes("C")
        piece = LoosePiece(len(self._lengths), frozenset(self._strings), columns)
        self._clear()
        return piece


class DocBinFile:
    """A ``.spacy`` file that is put together from pieces."""

    def __init__(self) -> None:
        self._pieces: list[dict[str, _Segment]] = []
        self._strings: set[str] = set()
        self._docs = 0

    def __len__(self) -> int:
        """The number of Docs."""
        return self._docs

    def add(self, piece: Piece) -> None:
        """Append a piece."""
        self._docs += piece.docs
        self._strings |= piece.strings
        self._pieces.append(piece.columns)

    def write(self, path: Path) -> None:
        """Write the file.

        Raises:
            OSError: The file system refuses.
        """
        adler = 1
        with path.open("wb") as file:
            file.write(_ZLIB_HEADER)
            for segment in self._segments():
                file.write(segment.data)
                adler = _combined(adler, segment)
            file.write(_LAST_BLOCK + struct.pack(">I", adler))

    def _segments(self) -> Iterator[_Segment]:
        packer: Any = srsly.msgpack.Packer(use_bin_type=True)
        pack = packer.pack
        head = bytearray(_map_header(3 + len(_BIN_COLUMNS) + len(_LIST_COLUMNS)))
        head += pack("version") + pack(_TEMPLATE.version) + pack("attrs") + pack(_ATTRS)
        for name in _BIN_COLUMNS:
            size = sum(columns[name].length for columns in self._pieces)
            yield _Segment.of(bytes(head) + pack(name) + _bin_header(size))
            head.clear()
            yield from self._column(name)
        head += pack("strings") + pack(sorted(self._strings))
        for name in _LIST_COLUMNS:
            yield _Segment.of(bytes(head) + pack(name) + _list_header(self._docs))
            head.clear()
            yield from self._column(name)

    def _column(self, name: str) -> Iterable[_Segment]:
        return (columns[name] for columns in self._pieces)


def docs_of(docbin: DocBin, vocab: Vocab) -> Iterator[Doc]:
    """What ``docbin.get_docs(vocab)`` gives, in less time.

    Args:
        docbin: A DocBin that was read; it isn't changed.
        vocab: The vocabulary of the Docs.

    Raises:
        Exception: Whatever spaCy, msgpack or numpy make of a broken file.
    """
    lists, tuples = _Loads(use_list=True), _Loads(use_list=False)
    # The rest of it is spaCy's own work, on a DocBin without the two columns that are unpacked here.
    bare = DocBin(attrs=docbin.attrs)
    bare.strings, bare.tokens, bare.spaces, bare.flags, bare.cats = (
        docbin.strings,
        docbin.tokens,
        docbin.spaces,
        docbin.flags,
        docbin.cats,
    )
    bare.span_groups = [b""] * len(docbin.tokens)
    bare.user_data = [None] * len(docbin.tokens)
    for number, doc in enumerate(bare.get_docs(vocab)):
        packed = docbin.span_groups[number]
        if packed and packed != _NO_GROUPS:
            groups = lists(packed)
            if not isinstance(groups, dict) or not _set_groups(
                doc, {keys[0]: lists(data) for data, keys in groups.items() if len(keys) == 1}, len(groups)
            ):
                doc.spans.from_bytes(packed)
        user_data = docbin.user_data[number] if number < len(docbin.user_data) else None
        if user_data is not None:
            doc.user_data.update(tuples(user_data))
        yield doc


_NO_GROUPS: Final = srsly.msgpack.packb([])


class _Loads:
    """``srsly.msgpack_loads`` that looks for its decoders once, not in each call."""

    def __init__(self, *, use_list: bool) -> None:
        # No limit to the buffer: the whole file is in memory already.
        self._unpacker: Any = srsly.msgpack.Unpacker(use_list=use_list, raw=False, max_buffer_size=0)

    def __call__(self, data: bytes) -> Any:
        unpacker = self._unpacker
        end = unpacker.tell() + len(data)
        unpacker.feed(data)
        value = unpacker.unpack()
        if unpacker.tell() != end:
            raise ValueError("there is something after the end of a packed value")
        return value


def _set_groups(doc: Doc, groups: dict[str, dict[str, Any]], number: int) -> bool:
    """Put span groups on a Doc.

    Returns:
        Whether that could be done: one group under two names, and spans that aren't those of tokens of the
        Doc, are left to spaCy.
    """
    if len(groups) != number:
        return False
    strings = doc.vocab.strings
    made = {}
    for key, group in groups.items():
        spans = []
        for data in group["spans"]:
            span_id, kb_id, label, start, end, start_char, end_char = _SPAN.unpack(data)
            if not 0 <= start <= end <= len(doc) or (label and label not in strings):
                return False
            span = Span(doc, start, end, label=label, kb_id=kb_id, span_id=span_id)
            if span.start_char != start_char or span.end_char != end_char:
                return False
            spans.append(span)
        made[key] = SpanGroup(doc, name=group["name"], attrs=dict(group["attrs"]), spans=spans)
    doc.spans.clear()
    for key, spans_of_key in made.items():
        doc.spans[key] = spans_of_key
    return True


def _combined(adler: int, segment: _Segment) -> int:
    """The checksum of what was before with the segment after it.

    This is zlib's ``adler32_combine``, which Python doesn't offer.
    """
    low, high = adler & 0xFFFF, adler >> 16
    new_low, new_high = segment.adler & 0xFFFF, segment.adler >> 16
    # Each byte of the segment adds the low sum before it to the high one; the segment's own count began with
    # 1.
    high = (high + new_high + segment.length * (low - 1)) % _ADLER_BASE
    low = (low + new_low - 1) % _ADLER_BASE
    return high << 16 | low


def _map_header(size: int) -> bytes:
    return bytes([0x80 | size])  # of at most 15 entries


def _list_header(size: int) -> bytes:
    if size < 16:
        return bytes([0x90 | size])
    return struct.pack(">BH", 0xDC, size) if size < 1 << 16 else struct.pack(">BI", 0xDD, size)


def _bin_header(size: int) -> bytes:
    if size < 1 << 8:
        return struct.pack(">BB", 0xC4, size)
    return struct.pack(">BH", 0xC5, size) if size < 1 << 16 else struct.pack(">BI", 0xC6, size)

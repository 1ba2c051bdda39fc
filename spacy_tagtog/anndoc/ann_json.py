"""``ann.json``: the annotations of one version of a document.

The parsed JSON object is the truth: every key is kept, known or not, and what isn't touched is written as it
was read. The classes here are thin views on it. Field facts: tagtog's anndoc documentation, version 3.6.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_core import from_json, to_json
from typing_extensions import NotRequired, TypedDict

from spacy_tagtog._plural import counted
from spacy_tagtog._unicode import escape_surrogates
from spacy_tagtog.errors import AnnJsonError

JsonObject = dict[str, Any]
_STRICT = ConfigDict(strict=True)
# Integers that a float holds exactly: larger ones can't be computed with, and none of the numbers here is so
# large.
_Number = Annotated[int, Field(ge=-(2**53), le=2**53)] | float
_REFERENCE = re.compile(r"([^|]*)(?:\|([^|]*))?\|([0-9]{1,18}),([0-9]{1,18})")


# The types below are only what this package relies on. Anything else in the object passes through unseen.
@with_config(_STRICT)
class _Confidence(TypedDict):
    state: NotRequired[str | None]
    who: NotRequired[list[str] | None]
    prob: NotRequired[_Number | None]


@with_config(_STRICT)
class _Offset(TypedDict):
    start: Annotated[int, Field(ge=0)]
    text: str


@with_config(_STRICT)
class _Label(TypedDict):
    value: NotRequired[bool | int | float | str | None]
    confidence: NotRequired[_Confidence | None]


@with_config(_STRICT)
class _Source(TypedDict):
    name: NotRequired[str | None]
    id: NotRequired[str | None]
    url: NotRequired[str | None]


@with_config(_STRICT)
class _Normalization(TypedDict):
    source: NotRequired[_Source | None]
    recName: NotRequired[str | None]
    confidence: NotRequired[_Confidence | None]


@with_config(_STRICT)
class _Entity(TypedDict):
    classId: str
    part: str
    offsets: Annotated[list[_Offset], Field(min_length=1)]
    confidence: NotRequired[_Confidence | None]
    fields: NotRequired[dict[str, _Label] | None]
    normalizations: NotRequired[dict[str, _Normalization] | None]


@with_config(_STRICT)
class _Relation(TypedDict):
    classId: str
    entities: list[str]
    confidence: NotRequired[_Confidence | None]


@with_config(_STRICT)
class _Annotatable(TypedDict):
    parts: NotRequired[list[str] | None]


@with_config(_STRICT)
class _AnnJson(TypedDict):
    annotatable: NotRequired[_Annotatable | None]
    anncomplete: NotRequired[bool | None]
    sources: NotRequired[list[Any] | None]
    metas: NotRequired[dict[str, _Label] | None]
    entities: NotRequired[list[_Entity] | None]
    relations: NotRequired[list[_Relation] | None]


_SCHEMA: TypeAdapter[Any] = TypeAdapter(_AnnJson)


def confidence(*, state: str | None, who: Sequence[str], prob: float) -> JsonObject:
    """A confidence object.

    Args:
        state: ``""`` a person's annotation, ``"pre-added"`` proposed by a machine, ``"pre-removed"`` proposed
            for removal.
        who: Authors, ``user:NAME`` or ``ml:NAME``.
        prob: The probability that the annotation is right, in (0, 1].
    """
    return {"state": state, "who": list(who), "prob": prob}


@dataclass(frozen=True, slots=True)
class Fragment:
    """One stretch of an entity: ``start`` in the unit of its ann.json, and the text found there."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Entity:
    """A view on one entity.

    Attributes:
        data: The JSON object itself.
        index: Its place in the list ``entities``.
    """

    data: JsonObject
    index: int

    @property
    def class_id(self) -> str:
        """The entity type's id, such as ``e_1``."""
        return str(self.data["classId"])

    @property
    def part(self) -> str:
        """The id of the part that it stands in."""
        return str(self.data["part"])

    @property
    def fragments(self) -> list[Fragment]:
        """Its stretches of text; more than one for a discontinuous entity."""
        return [Fragment(offset["start"], offset["text"]) for offset in self.data["offsets"]]

    @property
    def text(self) -> str:
        """Its text, the fragments joined by `` … ``."""
        return " … ".join(offset["text"] for offset in self.data["offsets"])

    @property
    def state(self) -> str | None:
        """``confidence.state``, ``None`` where it is missing."""
        state = (self.data.get("confidence") or {}).get("state")
        return None if state is None else str(state)

    @property
    def who(self) -> list[str]:
        """``confidence.who``: its authors."""
        return list((self.data.get("confidence") or {}).get("who") or [])

    @property
    def prob(self) -> float | None:
        """``confidence.prob``, ``None`` where it is missing."""
        prob = (self.data.get("confidence") or {}).get("prob")
        return None if prob is None else float(prob)

    @property
    def is_removed(self) -> bool:
        """Whether it is proposed for removal."""
        return self.state == "pre-removed"


@dataclass(frozen=True, slots=True)
class Relation:
    """A view on one relation."""

    data: JsonObject
    index: int

    @property
    def class_id(self) -> str:
        """The relation type's id, such as ``r_1``."""
        return str(self.data["classId"])

    @property
    def ends(self) -> list[tuple[str, str | None, int, int]]:
        """What it connects: (part, class id or ``None``, start, last), with the file's own offsets.

        Raises:
            AnnJsonError: A reference is neither ``part|e_N|start,end`` nor the older ``part|start,end``.
        """
        ends = []
        for reference in self.data["entities"]:
            end = read_reference(reference)
            if end is None:
                raise AnnJsonError(
                    "a relation's reference can't be read",
                    place=f"relations[{self.index}].entities",
                    value=reference,
                    legal="part|e_N|start,end or part|start,end",
                )
            ends.append(end)
        return ends


def read_reference(reference: str) -> tuple[str, str | None, int, int] | None:
    """What a relation's reference says: (part, class id or ``None``, start, last); ``None`` if nothing."""
    match = _REFERENCE.fullmatch(reference)
    return None if match is None else (match[1], match[2], int(match[3]), int(match[4]))


class Annotations:
    """One version of a document's annotations.

    Args:
        data: The JSON object. It is not copied.
        place: Where it was read, for messages.

    Raises:
        AnnJsonError: A field that this package uses has the wrong type.
    """

    def __init__(self, data: JsonObject, *, place: object = None) -> None:
        try:
            _SCHEMA.validate_python(data)
        except ValidationError as error:
            raise _schema_error(error, place) from error
        except RecursionError as error:
            raise AnnJsonError(
                "ann.json nests too deeply", place=place, legal="the nesting of tagtog's format"
            ) from error
        self.data = data
        self.place = place
        self._as_read: bytes | None = None

    @classmethod
    def parse(cls, content: bytes | str, *, place: object = None) -> Annotations:
        """Read the content of an ann.json.

        Raises:
            AnnJsonError: It isn't JSON, one object has a key twice, or a field has the wrong type.
        """
        quick = _parse_quickly(content)
        if quick is not None:
            annotations = cls(quick[0], place=place)
            annotations._as_read = quick[1]
            return annotations
        try:
            if isinstance(
                content, bytes
            ):  # not what json.loads guesses: UTF-16 isn't legal, a byte order mark is of no harm
                content = content.decode("utf-8-sig", "surrogatepass")
            data = json.loads(
                content.removeprefix("\ufeff"),
                parse_constant=_refuse_constant,
                parse_float=_finite,
                object_pairs_hook=_unique,
            )
        except json.JSONDecodeError as error:
            raise AnnJsonError(
                f"ann.json doesn't parse: {error.msg}",
                place=f"{place or 'ann.json'}, line {error.lineno}, column {error.colno}",
                value=error.doc[error.pos : error.pos + 20],
                legal="JSON in UTF-8",
                advice="download the document from tagtog again, or mend the file by hand",
            ) from error
        except (ValueError, RecursionError) as error:
            raise AnnJsonError(
                f"ann.json doesn't parse: {error}",
                place=place,
                legal="JSON in UTF-8",
                advice="download the document from tagtog again",
            ) from error
        return cls(data, place=place)

    @classmethod
    def empty(cls, parts: Sequence[str] = (), *, complete: bool = False) -> Annotations:
        """Annotations with nothing in them.

        Args:
            parts: The parts that annotators may annotate. May be empty: tagtog fills it in.
            complete: Whether they are confirmed.
        """
        return cls(
            {
                "annotatable": {"parts": list(parts)},
                "anncomplete": complete,
                "sources": [],
                "metas": {},
                "entities": [],
                "relations": [],
            },
        )

    def dumps(self) -> str:
        """The annotations as JSON text, keys in the order of reading. It can always be encoded as UTF-8.

        Raises:
            AnnJsonError: The data was changed to something that JSON can't hold.
        """
        if self._as_read is not None and self._unchanged():
            return self._as_read.decode("utf-8")
        try:
            text = json.dumps(self.data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise AnnJsonError(
                f"these annotations can't be written as JSON: {error}",
                place=self.place,
                legal="what JSON can hold",
            ) from error
        # Half a character, cut off in a browser: UTF-8 can't hold it, an escape can.
        return escape_surrogates(text)

    def _unchanged(self) -> bool:
        try:
            return (
                to_json(self.data, inf_nan_mode="constants") == self._as_read
            )  # in a tenth of the time that json.dumps takes
        except (ValueError, TypeError, RecursionError):
            return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Annotations) and self.data == other.data

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __len__(self) -> int:
        """The number of entities."""
        return len(self.data.get("entities") or ())

    def __iter__(self) -> Iterator[Entity]:
        return iter(self.entities)

    def __repr__(self) -> str:
        state = "confirmed" if self.complete else "unconfirmed"
        counts = (
            counted(len(self), "entity"),
            counted(len(self.relations), "relation"),
            counted(len(self.metas), "document label"),
        )
        return f"<Annotations: {', '.join(counts)}, {state}>"

    @property
    def complete(self) -> bool:
        """Whether its annotator confirmed it (``anncomplete``)."""
        return bool(self.data.get("anncomplete"))

    @property
    def annotatable(self) -> list[str]:
        """The ids of the parts that were open to annotators; empty where tagtog has not filled them in."""
        return list((self.data.get("annotatable") or {}).get("parts") or [])

    @cached_property
    def entities(self) -> list[Entity]:
        """Views on the entities, in file order."""
        return [Entity(entity, index) for index, entity in enumerate(self.data.get("entities") or [])]

    @cached_property
    def relations(self) -> list[Relation]:
        """Views on the relations, in file order."""
        return [Relation(relation, index) for index, relation in enumerate(self.data.get("relations") or [])]

    @property
    def metas(self) -> dict[str, JsonObject]:
        """Document labels: class id (``m_1``) to ``{"value": …, "confidence": …}``."""
        return dict(self.data.get("metas") or {})


_KEY_END: Final = re.compile(rb'"\s*:')
_BLANK_AFTER_QUOTE: Final = (b'" ', b'"\n', b'"\r', b'"\t')
# Python writes 1e-05 and 1e+16 where pydantic writes 0.00001 or 1e-5, and 1e16: equal numbers, but not the
# same bytes.
_EXPONENT: Final = re.compile(rb"e-?[0-9]")
_EXPONENT_OF_NUMBER: Final = re.compile(rb"[0-9]e-?[0-9]")


def _parse_quickly(content: bytes | str) -> tuple[Any, bytes] | None:
    """What a sound file holds, and the same as JSON without blanks; ``None`` if a careful look is needed.

    It takes half the time.

    pydantic's parser takes the last of two equal keys. That none got lost shows in the number of quotes with
    a colon behind them: there is one for each key, and within strings as many before as after.
    """
    try:
        raw = content if isinstance(content, bytes) else content.encode("utf-8")
        if b"\\u" in raw:  # it could hide a quote
            return None
        data = from_json(raw, allow_inf_nan=False)
        text = to_json(data, inf_nan_mode="constants")
    except (ValueError, RecursionError):
        return None
    if text == raw:  # nothing can have got lost
        return data, text
    # A number that is too large for a float becomes Infinity. (The first of the two expressions begins with a
    # letter and is found faster.)
    if (
        b"Infinity" in text
        or b"0.0000" in text
        or (_EXPONENT.search(text) and _EXPONENT_OF_NUMBER.search(text))
    ):
        return None
    spaced = any(blank in raw for blank in _BLANK_AFTER_QUOTE)
    keys = len(_KEY_END.findall(raw)) if spaced else raw.count(b'":')
    return (data, text) if text.count(b'":') == keys else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not legal in JSON")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number[:20]} is too large a number")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    data = dict(pairs)
    if len(data) != len(pairs):
        seen: set[str] = set()
        key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"one object has the key {key!r} twice")
    return data


def _schema_error(error: ValidationError, place: object) -> AnnJsonError:
    # Unions report one error for each alternative: the first is the most specific that a reader needs.
    first = error.errors(include_url=False)[0]
    steps = list(first["loc"])
    if (
        len(steps) > 1
        and steps[-1] in ("bool", "int", "constrained-int", "float", "str")
        and steps[-2] in ("prob", "value")
    ):
        steps.pop()  # pydantic's name for the member of a union
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else str(step)
    missing = first["type"] == "missing"
    return AnnJsonError(
        "a field of ann.json is missing" if missing else "a field of ann.json has a wrong value",
        place=f"{place or 'ann.json'}: {path or 'the whole file'}",
        **({} if missing else {"value": first["input"]}),
        legal=first["msg"],
        advice="correct the file, or download the document from tagtog again",
    )

"""Converters: how a document becomes Docs and how Docs become a document again.

They live in a registry of our own, ``spacy_tagtog_converters``, since spaCy has none: ``spacy convert`` hands
a converter one file only, never the ``plain.html`` beside its ``ann.json``. Register yours with the decorator
or by an entry point of the group ``spacy_tagtog_converters``:

    from spacy_tagtog.convert import converters

    @converters("acme.Titles.v1")
    def make_titles_converter(member: str = "master") -> Converter: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Protocol, runtime_checkable

import catalogue
from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog._options import bind_settings, choose, missing_function, read_settings
from spacy_tagtog._protocols import CheckedRegistry
from spacy_tagtog.anndoc import MASTER, Document, Legend
from spacy_tagtog.convert.from_doc import docs_to_document
from spacy_tagtog.convert.parts import split_into_parts
from spacy_tagtog.convert.report import ConversionReport
from spacy_tagtog.convert.settings import ToDocSettings
from spacy_tagtog.convert.to_doc import document_to_doc
from spacy_tagtog.errors import ArgumentError

DEFAULT_CONVERTER = "spacy-tagtog.Anndoc.v1"


@runtime_checkable
class Converter(Protocol):
    """What a converter must have and do.

    It is checked when its factory is registered, as far as can be seen then, and when it is made.
    """

    member: str
    """Whose annotations it reads.

    It may also name several (``a,b``) or all (``*``) if it has a method ``with_member(name)``, which gives
    the converter of one of them.
    """

    def to_docs(self, document: Document, nlp: Language, report: ConversionReport) -> Iterator[Doc]:
        """Convert a document into one or more Docs, counting what it does in the report."""

    def to_document(
        self, docs: Sequence[Doc], *, legend: Legend | None = None, who: str = "ml:spacy"
    ) -> Document:
        """Convert the Docs of one document back."""


converters = CheckedRegistry(
    "spacy_tagtog_converters",
    Converter,
    what="converter",
    advice="see docs/formats.md for what a converter must have and do",
)
"""The registry of converter factories: functions that take settings and return a :class:`Converter`."""

DocUnit = Literal["document", "part"]
"""What becomes one Doc."""


class AnndocConverter:
    """One Doc per document, every part tokenized by itself, or one Doc per part.

    Args:
        settings: See :class:`~spacy_tagtog.convert.settings.ToDocSettings`.
        unit: ``"document"``, or ``"part"``: then the first Doc of a document remembers it, and its Docs go
            back together.

    Raises:
        ConfigurationError: The unit is neither.
    """

    def __init__(self, settings: ToDocSettings | None = None, *, unit: DocUnit = "document") -> None:
        self.settings = settings or ToDocSettings()
        self.member = self.settings.member
        self.unit: DocUnit = choose("unit", unit, DocUnit)

    def with_member(self, member: str) -> AnndocConverter:
        """The same converter for another member's annotations."""
        return AnndocConverter(replace(self.settings, member=member), unit=self.unit)

    def to_docs(self, document: Document, nlp: Language, report: ConversionReport) -> Iterator[Doc]:
        """Convert a document into one Doc or one per part, see :func:`.document_to_doc`."""
        doc = document_to_doc(document, nlp, settings=self.settings, report=report)
        if self.unit == "document":
            yield doc
            return
        docs = split_into_parts(doc)
        report.docs_out += len(docs) - 1
        yield from docs

    def to_document(
        self, docs: Sequence[Doc], *, legend: Legend | None = None, who: str = "ml:spacy"
    ) -> Document:
        """Convert the Docs of a document back, see :func:`~spacy_tagtog.convert.from_doc.docs_to_document`.

        Raises:
            ConversionError: They aren't the Docs of one document, the first one first.
        """
        return docs_to_document(docs, legend=legend, who=who)


ALL_MEMBERS = "*"
"""All who have a version of a document, the master version included."""


def members_of(member: str, document: Document) -> list[str]:
    """Whose versions of a document are meant, in the order named, or that of the document's files.

    Args:
        member: A name, several (``a,b``), or ``*`` for all that the document has.
        document: The document.

    Returns:
        At least one name; named members needn't have a version.
    """
    if member == ALL_MEMBERS:
        return list(document.versions) or [MASTER]
    return list(dict.fromkeys(name.strip() for name in member.split(","))) if "," in member else [member]


def for_member(converter: Converter, member: str) -> Converter:
    """The converter of one of the members that a converter names.

    Raises:
        ConfigurationError: It names several and can't be split.
    """
    if member == converter.member:
        return converter
    if not hasattr(converter, "with_member"):
        raise ArgumentError(
            "this converter reads the annotations of one member only",
            value=converter.member,
            legal="one name",
            advice="convert once for each member, or give the converter a method with_member",
        )
    one: Converter = converter.with_member(member)
    return one


def settings_from_text(pairs: Mapping[str, str], name: str = DEFAULT_CONVERTER) -> dict[str, Any]:
    """Turn settings that were typed as text into what a converter's factory takes.

    Args:
        pairs: Setting to text.
        name: The converter's registered name.

    Raises:
        ConfigurationError: A text can't be read as what the setting must be, see
            :func:`~spacy_tagtog._options.read_settings`. Unknown settings pass; :func:`make_converter`
            refuses them.
    """
    return read_settings(pairs, inspect.signature(_factory(name)).parameters)


def make_converter(name: str = DEFAULT_CONVERTER, settings: Mapping[str, Any] | None = None) -> Converter:
    """Make a registered converter.

    Args:
        name: Its registered name.
        settings: Arguments of its factory.

    Raises:
        ConfigurationError: There is no such converter, its factory doesn't take these settings, or what it
            made lacks something.
    """
    converter: Converter = bind_settings(_factory(name), settings, what=f"the converter {name}")
    converters.check(name, converter)
    return converter


def _factory(name: str) -> Callable[..., Converter]:
    try:
        factory: Callable[..., Converter] = converters.get(name)
    except catalogue.RegistryError as error:
        raise ArgumentError(
            "there is no converter of this name",
            value=name,
            legal=", ".join(sorted({*converters.get_all(), *converters.get_entry_points()})),
            advice=missing_function(name, {*converters.get_all(), *converters.get_entry_points()}),
        ) from error
    return factory

"""UIMA CAS XMI, as INCEpTION and DKPro write it. Needs the extra ``formats`` (dkpro-cassis).

Every type of the type system that is a span is read, but for those of segmentation, lemmas and the like.
A feature ``value`` is the entity type, else the type's short name is; ``identifier`` is a normalization, any
other feature with a plain value an entity label. A type with the features ``Governor`` and ``Dependent`` is a
relation. Types that stand on no text (INCEpTION's document metadata) are document labels. XMI counts UTF-16
units; dkpro-cassis gives code points.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from spacy_tagtog._files import atomic_path
from spacy_tagtog.errors import ConfigurationError, FormatError, setting
from spacy_tagtog.formats.carry import norm_of, norm_text
from spacy_tagtog.formats.files import check_span, sources
from spacy_tagtog.formats.labels import label_texts, labels_of
from spacy_tagtog.formats.record import LabelValue, Norm, Record
from spacy_tagtog.formats.report import FormatReport

_DKPRO: Final = "de.tudarmstadt.ukp.dkpro.core.api."
_PASSED_OVER: Final = (
    "uima.",
    f"{_DKPRO}segmentation.",
    f"{_DKPRO}metadata.",
    f"{_DKPRO}lexmorph.",
    f"{_DKPRO}syntax.",
    f"{_DKPRO}structure.",
    "de.tudarmstadt.ukp.clarin.webanno.",
)
_NAMED_ENTITY: Final = f"{_DKPRO}ner.type.NamedEntity"
_RELATION: Final = "webanno.custom.Relation"
_LABEL: Final = "webanno.custom.DocumentLabel"
_TYPE_SYSTEMS: Final = ("TypeSystem.xml", "typesystem.xml")
_OWN: Final = {"sofa", "begin", "end", "Governor", "Dependent"}


class Xmi:
    """UIMA CAS XMI.

    Args:
        typesystem: The file of the type system; by default ``TypeSystem.xml`` beside the file or above it.
        types: The types to read, by full or short name; none: all spans and relations.
    """

    name = "xmi"
    suffix = ""
    carries = frozenset({"overlaps", "relations", "normalizations", "document_labels", "ids", "text"})

    def __init__(self, typesystem: str = "", types: list[str] | None = None) -> None:
        self.typesystem = typesystem
        self.types = types or []

    # ---- reading

    def read(self, path: Path, report: FormatReport) -> Iterator[Record]:
        """Read a file, a folder, or a zip of a document as INCEpTION exports it."""
        cassis = _cassis()
        for file in sources(path, (".xmi", ".zip")):
            try:
                for name, content, types in self._contents(file, path):
                    yield self._record(cassis, name, content, types, str(file), report)
            except FormatError as fault:
                report.set_aside(fault)

    def _contents(self, file: Path, root: Path) -> Iterator[tuple[str, bytes, bytes]]:
        """The name of each document, and its XMI and type system."""
        if file.suffix == ".zip":
            try:
                with zipfile.ZipFile(file) as archive:
                    members = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
            except (OSError, zipfile.BadZipFile) as error:
                raise FormatError(f"the zip can't be read: {error}", place=file) from error
            types = next((members[name] for name in _TYPE_SYSTEMS if name in members), None)
            if types is None:
                raise _no_types(file)
            for name, content in members.items():
                if name.endswith(".xmi"):
                    yield name.removesuffix(".xmi"), content, types
            return
        places = [Path(self.typesystem)] if self.typesystem else []
        if not places:
            folders = [file.parent, *(one for one in file.parents if one.is_relative_to(root))]
            places = [folder / name for folder in folders for name in _TYPE_SYSTEMS]
        found = next((one for one in places if one.is_file()), None)
        if found is None:
            raise _no_types(file)
        yield file.stem, file.read_bytes(), found.read_bytes()

    def _record(
        self, cassis: Any, name: str, content: bytes, types: bytes, place: str, report: FormatReport
    ) -> Record:
        try:
            system = cassis.load_typesystem(io.BytesIO(types))
            cas = cassis.load_cas_from_xmi(io.BytesIO(content), typesystem=system)
            text = cas.sofa_string
        except Exception as error:  # dkpro-cassis has no exception of its own for wrong content
            raise FormatError(
                "the XMI doesn't fit its type system, or can't be read",
                place=place,
                value=f"{type(error).__name__}: {error}",
                legal="XMI and the type system that it was written with",
                advice=f"give the right one: {setting('format_set', 'typesystem=TypeSystem.xml')}",
            ) from error
        if text is None:
            raise FormatError("there is no text", place=place, legal="a CAS with a view that has a text")
        record = Record(name, text, place=place)
        numbers: dict[int, int] = {}
        relations = []
        for one in cas.select_all_fs():
            kind = one.type.name
            features = {feature.name for feature in one.type.all_features}
            if self._is_passed_over(kind):
                if kind.startswith(_DKPRO) and "begin" in features:
                    report.lose(f"annotations: {kind.rpartition('.')[2]}", place)
            elif {"Governor", "Dependent"} <= features:
                relations.append(one)
            elif "begin" in features:
                numbers[one.xmiID] = _add(record, one, features, place, report)
            elif "sofa" in features:
                record.labels.update(_label(one, features, place, report))
        for one in relations:
            ends = [getattr(getattr(one, side), "xmiID", None) for side in ("Governor", "Dependent")]
            if any(end not in numbers for end in ends):
                report.lose("relation_ends", f"{place}: {one.type.name}")
                continue
            record.relate(_name(one), *(numbers[end] for end in ends if end is not None))
        return record

    def _is_passed_over(self, kind: str) -> bool:
        if self.types:
            return kind not in self.types and kind.rpartition(".")[2] not in self.types
        return kind.startswith(_PASSED_OVER)

    # ---- writing

    def write(self, records: Iterable[Record], path: Path, report: FormatReport) -> None:
        """Write a file for each record, and the type system beside them."""
        cassis = _cassis()
        system = _type_system(cassis)
        for record in records:
            cas = cassis.Cas(system)
            cas.sofa_string, cas.sofa_mime = record.text, "text/plain"
            spans = []
            for one in record.mentions:
                identifier = norm_text(one.norms[0]) if one.norms else None
                named = system.get_type(_NAMED_ENTITY)
                spans.append(named(begin=one.start, end=one.end, value=one.label, identifier=identifier))
            cas.add_all(spans)
            for link in record.links:
                head, tail = spans[link.head], spans[link.tail]
                relation = system.get_type(_RELATION)(begin=tail.begin, end=tail.end, value=link.label)
                relation.Governor, relation.Dependent = head, tail
                cas.add(relation)
            for text in label_texts(record.labels):
                cas.add(system.get_type(_LABEL)(value=text))
            with atomic_path(path / f"{record.id}.xmi") as temporary:
                cas.to_xmi(temporary)
        with atomic_path(path / "TypeSystem.xml") as temporary:
            system.to_xml(temporary)


def _cassis() -> Any:
    try:
        import cassis
    except ImportError as error:
        raise ConfigurationError(
            "XMI needs dkpro-cassis, which is not installed",
            legal="an environment with the extra formats",
            advice="pip install 'spacy-tagtog[formats]'",
        ) from error
    return cassis


def _no_types(file: Path) -> FormatError:
    return FormatError(
        "there is no type system",
        place=file,
        legal=f"{_TYPE_SYSTEMS[0]} beside the file, or in the folder that is read",
        advice=f"name it: {setting('format_set', 'typesystem=FILE')}",
    )


def _name(one: Any) -> str:
    # Not by getattr alone: dkpro-cassis has a method of this name.
    has_value = any(feature.name == "value" for feature in one.type.all_features)
    value = one.value if has_value else None
    return str(value) if value else str(one.type.name).rpartition(".")[2]


def _add(record: Record, one: Any, features: set[str], place: str, report: FormatReport) -> int:
    """Add a span as an entity."""
    where = f"{place}, {one.type.name} {one.xmiID}"
    if not isinstance(one.begin, int) or not isinstance(one.end, int):
        raise FormatError(
            "an annotation's offsets don't fit the text",
            place=where,
            value=f"{one.begin}-{one.end}",
            legal=f"UTF-16 offsets from 0 to {len(record.text.encode('utf-16-le')) // 2}",
        )
    check_span(one.begin, one.end, len(record.text), where)
    fields: dict[str, LabelValue] = {}
    norms: tuple[Norm, ...] = ()
    for name in sorted(features - _OWN - {"value"}):
        value = getattr(one, name, None)
        if value is None or value == "":
            continue
        if name == "identifier":
            norms = (norm_of(str(value)),)
        elif isinstance(value, bool | int | float | str):
            fields[name] = value
        else:
            report.lose(f"fields: {name}", where)
    return record.add(_name(one), (one.begin, one.end), norms=norms, fields=fields)


def _label(one: Any, features: set[str], place: str, report: FormatReport) -> dict[str, LabelValue]:
    """The document labels of something that stands on no text."""
    if one.type.name == _LABEL:
        return labels_of([str(one.value)])
    labels: dict[str, LabelValue] = {}
    for name in sorted(features - _OWN):
        value = getattr(one, name, None)
        if isinstance(value, bool | int | float | str) and value != "":
            labels[name] = value
        elif value is not None:
            report.lose(f"fields: {name}", place)
    return labels


def _type_system(cassis: Any) -> Any:
    """The types that are written: DKPro's named entities, and custom layers as INCEpTION names them."""
    system = cassis.TypeSystem()
    text = "uima.cas.String"
    named = system.create_type(_NAMED_ENTITY, supertypeName="uima.tcas.Annotation")
    relation = system.create_type(_RELATION, supertypeName="uima.tcas.Annotation")
    label = system.create_type(_LABEL, supertypeName="uima.cas.AnnotationBase")
    for kind, name, value in (
        (named, "value", text),
        (named, "identifier", text),
        (relation, "value", text),
        (relation, "Governor", _NAMED_ENTITY),
        (relation, "Dependent", _NAMED_ENTITY),
        (label, "value", text),
    ):
        system.create_feature(kind, name, value)
    return system

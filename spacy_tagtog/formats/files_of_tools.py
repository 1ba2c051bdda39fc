"""Reading and writing documents as files of other tools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from spacy_tagtog._files import atomic_folder, check_free, make_folder
from spacy_tagtog.anndoc import MASTER, Document, Legend
from spacy_tagtog.errors import ArgumentError, FormatError
from spacy_tagtog.formats.carry import carry
from spacy_tagtog.formats.documents import to_documents, to_records
from spacy_tagtog.formats.record import Record
from spacy_tagtog.formats.registry import make_format
from spacy_tagtog.formats.report import FormatReport

_BY_SUFFIX: Final = {
    ".conll": "conll",
    ".iob": "conll",
    ".iob2": "conll",
    ".bio": "conll",
    ".bioes": "conll",
    ".pubtator": "pubtator",
    ".xmi": "xmi",
    ".parquet": "parquet",
    ".arrow": "parquet",
    ".ann": "brat",
}
_HEAD_CHARS: Final = 4000
_PRODIGY: Final = ("_input_hash", "_task_hash", "spans", "answer")
_DOCCANO: Final = ("label", "labels", "entities", "Comments")


def recognised(path: Path) -> str:
    """The format that a file or folder surely has; empty where its look doesn't tell."""
    if path.is_dir():
        names = (one.suffix.lower() for one in islice(path.rglob("*"), 1000) if one.is_file())
        found = {_BY_SUFFIX[suffix] for suffix in names if suffix in _BY_SUFFIX}
        return found.pop() if len(found) == 1 else ""
    suffix = path.suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if suffix not in (".json", ".jsonl", ".xml") or not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(_HEAD_CHARS) if suffix != ".jsonl" else file.readline()
    if suffix == ".xml":
        return "bioc" if "<collection" in head else ""
    if suffix == ".json":
        if head.lstrip().startswith("["):
            return "label-studio" if '"data"' in head or '"annotations"' in head else ""
        return "bioc" if '"documents"' in head or '"passages"' in head else ""
    try:
        keys = json.loads(head)
    except ValueError:
        return ""
    if not isinstance(keys, dict) or not isinstance(keys.get("text"), str):
        return ""
    is_prodigy = any(key in keys for key in _PRODIGY)
    is_doccano = any(isinstance(keys.get(key), list) for key in _DOCCANO)
    return "prodigy" if is_prodigy and not is_doccano else "doccano" if is_doccano and not is_prodigy else ""


def read_documents(
    path: Path | str,
    format: str = "",
    *,
    settings: Mapping[str, Any] | None = None,
    legend: Legend | None = None,
    on_problem: str = "error",
    report: FormatReport | None = None,
) -> list[Document]:
    """Read another tool's file or folder into documents.

    Args:
        path: The file or folder.
        format: A registered format, such as ``doccano``; empty: by the look of the file.
        settings: The format's settings.
        legend: The legend of the project that they are for; by default one is made of all names.
        on_problem: Records with faults: ``error`` (refuse) or ``report`` (set aside and list).
        report: What was read, and what could not be carried, is counted there.

    Returns:
        The documents in the file's order, all with one legend.

    Raises:
        FormatError: A record has a fault (``error``), or there is no record at all.
        LegendError: The legend that was given lacks a name.
        ConfigurationError: There is no such format, or it doesn't take these settings.
    """
    path = Path(path)
    made = make_format(format or _surely(path), settings)
    report = report if report is not None else FormatReport()
    report.strict = on_problem == "error"
    documents = to_documents(made.read(path, report), report, legend=legend, author=f"user:{made.name}")
    report.raise_faults()
    if not documents:
        if report.faults:
            first = report.faults[0]
            raise FormatError(
                "no document in it can be read",
                place=first.place,
                value=f"{first.problem}: {first.value}",
                legal=first.legal,
                advice=first.advice,
            )
        raise FormatError(
            "there is no document in it",
            place=path,
            value="0 records",
            legal=f"at least one record that {made.name} would read",
            advice="check the path, and that the tool exported something",
        )
    return documents


def _surely(path: Path) -> str:
    found = recognised(path)
    if not found:
        from spacy_tagtog.formats.registry import known_formats

        raise ArgumentError(
            "it isn't clear what format this is" if path.exists() else "there is no such file or folder",
            place=path,
            legal=", ".join(sorted(key for key, value in known_formats().items() if key != value)),
            advice="name the format",
        )
    return found


def write_documents(
    documents: Iterable[Document],
    path: Path | str,
    format: str,
    *,
    settings: Mapping[str, Any] | None = None,
    member: str = MASTER,
    on_problem: str = "error",
    force: bool = False,
    report: FormatReport | None = None,
) -> int:
    """Write documents as another tool's file or folder, all or nothing.

    Args:
        documents: What to write.
        path: The file; for formats of several files (brat, xmi) a folder.
        format: A registered format, such as ``brat``.
        settings: The format's settings.
        member: Whose version; ``*`` all versions, where the format can carry them.
        on_problem: Documents and entities with faults: ``error`` (refuse) or ``report`` (set aside and list).
        force: Replace what is there.
        report: What was written, and what could not be carried, is counted there.

    Returns:
        The number of documents.

    Raises:
        FormatError: An entity can't be placed (``error``).
        OutputExistsError: ``path`` exists and ``force`` is not set.
        ConfigurationError: There is no such format, or it doesn't take these settings.
    """
    path = Path(path)
    made = make_format(format, settings)
    report = report if report is not None else FormatReport()
    report.strict = on_problem == "error"
    all_members = member == "*"
    if all_members and "members" not in made.carries:
        raise ArgumentError(
            f"{made.name} has no versions of members", value=member, legal="one name, such as master"
        )

    seen: set[str] = set()

    def records() -> Iterator[Record]:
        for document in documents:
            for record in to_records(document, report, member=member, all_members=all_members):
                seen.add(record.id)
                carry(record, made.carries, report)
                yield record
        # What was written is refused before it gets its name.
        report.raise_faults()

    if made.suffix:
        check_free(path, force=force)
        make_folder(path.parent)
        made.write(records(), path, report)
    else:
        with atomic_folder(path, force=force) as folder:
            made.write(records(), folder, report)
    report.documents = len(seen)
    return len(seen)

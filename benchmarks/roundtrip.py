"""Whether nothing is lost: every document of a project to ``.spacy`` files on disk and back.

What comes back is compared byte by byte and key by key.

    python benchmarks/roundtrip.py PROJECT [PROJECT …]

All versions of all members take part, once as one Doc a document and once as one Doc a part. A document comes
back if its plain.html has the
same bytes and each ann.json is equal as JSON, the order of keys included. Documents that nobody annotated go
through the library alone,
since ``spacy-tagtog convert`` passes them over (and says so). The exit code is 1 if anything differs.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import spacy

from spacy_tagtog.anndoc import Document, Project
from spacy_tagtog.convert import ConversionReport, doc_to_document, document_to_doc, read_spacy, write_docbin
from spacy_tagtog.steps.convert import convert, convert_back


def differences(original: Document, back: Document) -> list[str]:
    """In what a document differs from what came back."""
    found = [] if back.html.data == original.html.data else ["plain.html"]
    if back.folder != original.folder:
        found.append("folder")
    if list(original.versions) != list(back.versions):
        found.append(f"versions {list(back.versions)} instead of {list(original.versions)}")
        return found
    for member, version in original.versions.items():
        # As text: a dictionary is equal to one with another order.
        if json.dumps(version.data) != json.dumps(back.versions[member].data):
            found.append(f"ann.json of {member}")
    return found


def round_trip(path: Path, unit: str) -> bool:
    """Send a project through and print what came back.

    Args:
        path: A project's folder or zip.
        unit: ``document`` or ``part``.

    Returns:
        Whether all of it came back.
    """
    project = Project.open(path, strict=False)
    nlp = spacy.blank("xx")
    report = ConversionReport()
    counts = {"documents": 0, "versions": 0, "entities": 0, "relations": 0, "back equal": 0}
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings = {"member": "*", "unit": unit}
        convert(
            path,
            folder / "docs",
            lang="xx",
            settings=settings,
            documents="all",
            on_problem="report",
            report=report,
        )
        convert_back(folder / "docs", folder / "back")
        returned = Project.open(folder / "back")
        for original in project:
            counts["documents"] += 1
            counts["versions"] += len(original.versions)
            counts["entities"] += sum(len(version) for version in original.versions.values())
            counts["relations"] += sum(len(version.relations) for version in original.versions.values())
            if original.versions:
                back = returned[original.id]
            else:
                write_docbin([document_to_doc(original, nlp)], folder / "one.spacy")
                back = doc_to_document(next(read_spacy(folder / "one.spacy", spacy.blank("xx").vocab)))
            different = differences(original, back)
            counts["back equal"] += not different
            if different:
                faults.append(f"{original.id}: {', '.join(different)}")
    print(
        f"{path.name}, one Doc per {unit}: {counts}; entities on Docs {report.entities_out}, "
        f"report adds up: {report.is_balanced}"
    )
    for fault in faults[:10]:
        print(f"    {fault}")
    return not faults and report.is_balanced


def main() -> None:
    """Run what the command line asks for."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    fine = [round_trip(Path(path), unit) for path in sys.argv[1:] for unit in ("document", "part")]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()

"""New documents in any format that tagtog reads, pre-annotated if there is a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_tagtog import client
from spacy_tagtog._options import choose
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import Document, Legend
from spacy_tagtog.client import PushReport, UploadReport
from spacy_tagtog.client._parallel import workers
from spacy_tagtog.client._uploads import TextFormat
from spacy_tagtog.errors import setting
from spacy_tagtog.pipeline.annotate import annotate_documents
from spacy_tagtog.steps.connection import Connection


@dataclass(frozen=True)
class Uploaded:
    """What an upload did, or with ``dry_run`` would do.

    Attributes:
        files: What became of each file.
        annotated: What became of the pre-annotations, where there is a pipeline.
    """

    files: UploadReport
    annotated: PushReport | None = None

    def to_json(self) -> dict[str, Any]:
        """What happened to each file, as a JSON object."""
        pushed = self.annotated or PushReport()
        return {
            "created": {str(path): doc_id for path, doc_id in self.files.created},
            "present": {str(path): doc_id for path, doc_id in self.files.present},
            "refused": {str(path): why for path, why in self.files.refused},
            "annotated": [*pushed.created, *pushed.updated, *pushed.unchanged],
            "not annotated": dict(pushed.refused),
        }


def upload(
    tagtog: Connection,
    paths: Iterable[Path | str],
    *,
    folder: str = "pool",
    text_format: str = "",
    distribute_to: str | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> UploadReport:
    """Upload files as new documents. A file that the project has already isn't uploaded again.

    Args:
        tagtog: The project.
        paths: Files of types that tagtog reads (txt, pdf, md, html…), and folders of them. Hidden files are
            left out.
        folder: The folder of the project; it is added if the project doesn't have it.
        text_format: ``verbatim``, ``formatted`` or ``markdown``. Empty: tagtog goes by the file name.
        distribute_to: To whom they are assigned: ``*`` all members, ``A,B`` these, ``-`` as the project says.
        dry_run: Only say what would be done.
        progress: Shows how many files are done.

    Raises:
        ArgumentError: There is no such format.
        ProjectError: A file can't be read. Nothing has been sent.
        ClientError: tagtog can't be reached, or refuses. Uploading the same files again goes on.
    """
    if text_format:
        choose(setting("text_format"), text_format, TextFormat)
    return client.upload(
        tagtog.client,
        list(_files(map(Path, paths))),
        folder=folder,
        text_format=text_format or None,
        distribute_to=distribute_to,
        dry_run=dry_run,
        progress=progress,
    )


def pre_annotate(
    tagtog: Connection,
    nlp: Language,
    doc_ids: Sequence[str],
    *,
    name: str = "spacy",
    rename: Mapping[str, str] | None = None,
    spans_key: str = "",
    dry_run: bool = False,
    progress: Progress = silent,
) -> PushReport:
    """Read documents from tagtog, annotate them, and push the annotations. Confirmed ones are left alone.

    Args:
        tagtog: The project.
        nlp: The pipeline.
        doc_ids: The documents.
        name: The author is ``ml:NAME``.
        rename: Label of the pipeline to name in the project; an empty name leaves it out.
        spans_key: Take entities from this span group instead of ``doc.ents``; empty for those.
        dry_run: Push nothing; only say what would be done.
        progress: Shows how many documents are annotated, then how many are sent.

    Raises:
        SpacyTagtogError: See :func:`spacy_tagtog.pipeline.annotate_documents` and
            :func:`spacy_tagtog.client.push`.
    """
    legend = tagtog.client.legend()
    folders = {hit.id: hit.folder for hit in tagtog.client.search()} if doc_ids else {}

    def read() -> Iterator[Document]:
        with workers(tagtog.client.threads) as pool:
            for _, document in pool.map(
                lambda doc_id: tagtog.client.document(doc_id, folder=folders.get(doc_id, "pool")), doc_ids
            ):
                yield document

    annotated = annotate_documents(
        nlp,
        progress(read(), len(doc_ids)),
        who=f"ml:{name}",
        legend=legend,
        rename=rename or {},
        spans_key=spans_key or None,
    )
    return client.push(tagtog.client, annotated, dry_run=dry_run, progress=progress)


def legend_of(nlp: Language, *, rename: Mapping[str, str] | None = None) -> Legend:
    """The entity types that a pipeline knows, as a new project's.

    Args:
        nlp: The pipeline.
        rename: Label of the pipeline to name in the project; an empty name leaves it out.
    """
    labels = [
        label
        for name in nlp.pipe_names
        if "doc.ents" in nlp.get_pipe_meta(name).assigns
        for label in nlp.pipe_labels.get(name, ())
    ]
    names = dict.fromkeys((rename or {}).get(label, label) for label in labels)
    return Legend({f"e_{number}": name for number, name in enumerate(filter(None, names), start=1)})


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files themselves, and those in folders, without hidden ones."""
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file())
            yield from (
                one
                for one in inside
                if not any(piece.startswith(".") for piece in one.relative_to(path).parts)
            )
        else:
            yield path

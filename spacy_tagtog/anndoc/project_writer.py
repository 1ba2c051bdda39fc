"""Writing documents as a project, in tagtog's download layout."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Final

from spacy_tagtog._files import atomic_folder, atomic_path, check_free
from spacy_tagtog.anndoc.document import Document, each_once
from spacy_tagtog.anndoc.layout import NOT_IN_NAMES, document_paths
from spacy_tagtog.anndoc.legend import LEGEND_NAME, Legend
from spacy_tagtog.errors import WriteError

_MAX_NAME_BYTES: Final = 65535
"""What the field for it in a zip can hold."""


def write_project(
    documents: Iterable[Document],
    path: Path | str,
    *,
    legend: Legend | None = None,
    force: bool = False,
    extra: Iterable[tuple[PurePosixPath, bytes]] = (),
) -> int:
    """Write documents in tagtog's download layout, all or nothing.

    Args:
        documents: What to write. Contents are written byte for byte, annotations as equal JSON.
        path: A folder, or a file ending with ``.zip``. A zip's names begin with its own, as tagtog's do.
        legend: The project's legend; by default that of the first document.
        force: Replace what is there.
        extra: More files: their names within the project, and what they hold. They are asked for after the
            documents.

    Returns:
        The number of documents written.

    Raises:
        OutputExistsError: ``path`` exists and ``force`` is not set.
        WriteError: The file system refuses, as for a name that is too long.
        ProjectError: A name would leave the folder, or be passed over on reading.
        DuplicateDocumentError: One document comes twice.
    """
    path = Path(path)
    if path.suffix.lower() != ".zip":
        with atomic_folder(path, force=force) as folder:
            (folder / "plain.html").mkdir()  # also a project without documents is one

            def write(name: PurePosixPath, data: bytes) -> None:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)

            return _write_documents(documents, legend, extra, write)
    check_free(path, force=force)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        root = path.stem
        if (
            root.startswith(".")
            or root in ("__MACOSX", "plain.html", "ann.json")
            or NOT_IN_NAMES.search(root)
        ):
            root = "project"  # a zip may have a name that can't be a folder's in it

        def add(name: PurePosixPath, data: bytes) -> None:
            if len(f"{root}/{name}".encode()) > _MAX_NAME_BYTES:
                raise WriteError(
                    "can't write: the name is too long for a zip",
                    place=path,
                    value=str(name),
                    legal=f"at most {_MAX_NAME_BYTES} bytes",
                )
            info = zipfile.ZipInfo(
                f"{root}/{name}"
            )  # its date is fixed: the same documents make the same bytes
            info.external_attr = 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)

        written = _write_documents(documents, legend, extra, add)
        if not written:
            archive.writestr(zipfile.ZipInfo(f"{root}/plain.html/"), b"")  # this is a project, too
        return written


def _write_documents(
    documents: Iterable[Document],
    legend: Legend | None,
    extra: Iterable[tuple[PurePosixPath, bytes]],
    write: Callable[[PurePosixPath, bytes], Any],
) -> int:
    written = 0
    for written, document in enumerate(each_once(documents), 1):  # noqa: B007
        html_path, _ = document_paths(document.id, document.folder)
        write(html_path, document.html.data)
        for member, version in document.versions.items():
            write(document_paths(document.id, document.folder, member)[1], version.dumps().encode())
        if legend is None:
            legend = document.legend
    if legend is not None:
        write(PurePosixPath(LEGEND_NAME), legend.dumps().encode("utf-8"))
    for name, data in extra:
        write(name, data)
    return written

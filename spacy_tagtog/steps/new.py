"""A new workspace: the workflow with its configs, in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from spacy_tagtog._files import make_folder, write_atomic
from spacy_tagtog.errors import ConfigurationError, OutputExistsError, setting

_FILES: Final = (
    "project.yml",
    "configs/seed.cfg",
    "configs/ner.cfg",
    "configs/ner_vectors.cfg",
    "configs/spancat.cfg",
    "configs/textcat.cfg",
    "configs/textcat_multilabel.cfg",
    "configs/normalizations.cfg",
    "configs/relations.cfg",
)
_PACKAGE: Final = Path(__file__).parents[1]
_IGNORED: Final = """\
# what the workflow makes
/assets/
/corpus/
/training/
/annotated/
/packages/
/project.lock
# the local tagtog: documents and what people annotated
*.db
*.db-wal
*.db-shm
.venv/
__pycache__/
"""
_README: Final = """\
# A workspace of spacy-tagtog

    python -m spacy project run all

does the whole job on a demo corpus: fetch what people confirmed, convert, train, evaluate, annotate new
documents, push them for review. A second run does only what is needed.

Your own texts, on the local tagtog (`local-tagtog.db`):

    spacy-tagtog project create genes --entity Gene --entity Disease
    spacy-tagtog upload texts/ --project genes
    spacy-tagtog serve --open    # annotate and confirm some documents

Then train on them, and get suggestions for the others:

    python -m spacy project run all . --vars.project genes

Every project has its own folders: `assets/genes`, `corpus/genes`, `training/genes`, `annotated/genes`.
Settings stand in `project.yml` (variables) and `configs/` (the models).
"""


def new_workspace(folder: Path | str, *, force: bool = False) -> list[Path]:
    """Write a workspace: ``project.yml``, ``configs``, ``.gitignore`` and ``README.md``.

    ``python -m spacy project run all`` works there at once.

    Args:
        folder: Where. It is made if it isn't there.
        force: Although something is in it. Files of these names are replaced, all others stay.

    Returns:
        The files.

    Raises:
        ConfigurationError: The package lacks its files.
        OutputExistsError: Something is in the folder, and ``force`` isn't set.
        WriteError: The file system refuses.
    """
    folder = Path(folder)
    contents = {
        **{name: _shipped(name) for name in _FILES},
        ".gitignore": _IGNORED.encode(),
        "README.md": _README.encode(),
    }
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(
            "a file is where the workspace should be",
            place=folder,
            legal="a folder, or a path that doesn't exist",
            advice="choose another path",
        )
    make_folder(folder)
    there = sorted(path.name for path in folder.iterdir())
    if there and not force:
        raise OutputExistsError(
            "something is in this folder already",
            place=folder,
            value=", ".join(there),
            legal="an empty folder, or a path that doesn't exist",
            advice=f"choose another folder; or write into it with {setting('force')}, which replaces "
            f"{', '.join(contents)} and leaves the rest",
        )
    for name, content in contents.items():
        write_atomic(folder / name, content)
    return [folder / name for name in contents]


def _shipped(name: str) -> bytes:
    """A file that comes with the package: inside where it is installed, beside it in a checkout."""
    for folder in (_PACKAGE, _PACKAGE.parent):
        if (path := folder / name).is_file():
            return path.read_bytes()
    raise ConfigurationError(
        "a file is missing in this installation",
        place=_PACKAGE / name,
        advice="install spacy-tagtog again",
    )

"""Dictionaries of the local tagtog: what people normalize entities to."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spacy_tagtog._options import choose
from spacy_tagtog._plural import counted
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc.dictionary_file import LEGAL, dictionary_lines, line_problem
from spacy_tagtog.convert.corpus import OnProblem
from spacy_tagtog.errors import ConfigurationError, DictionaryError, LocalServerError, setting
from spacy_tagtog.steps.connection import Connection

if TYPE_CHECKING:
    from spacy_tagtog.server.db.dictionary_loading import StagedEntries

_MOST_LISTED: Final = 1000


@dataclass
class LoadedDictionary:
    """What was loaded, or with ``dry_run`` would be.

    Attributes:
        name: The dictionary's name.
        class_id: Its class id in the project, such as ``n_1``.
        is_new: Whether the project didn't have it before.
        entries: The number of its entries.
        names: The number of their names.
        left_out: The number of lines that were left out.
        problems: Why, for the first 1,000 of them.
    """

    name: str
    class_id: str
    is_new: bool
    entries: int = 0
    names: int = 0
    left_out: int = 0
    problems: list[DictionaryError] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.name} ({self.class_id}): {counted(self.entries, 'entry', 'entries')} with " + counted(
            self.names, "name"
        )


def load_dictionary(
    tagtog: Connection,
    name: str,
    source: Path | str,
    *,
    on_problem: str = "error",
    dry_run: bool = False,
    progress: Progress = silent,
) -> LoadedDictionary:
    """Load a dictionary into a project of the local tagtog, so that reviewers find its entries.

    The dictionary is made where the project hasn't got it. Where it has, its entries are replaced. What
    people normalized stays as it is.

    Args:
        tagtog: The project.
        name: The dictionary's name.
        source: A file ``.tsv`` or ``.csv`` in UTF-8: an id, a name and further names per line. A first line
            that begins with ``id`` and ``name`` is a heading.
        on_problem: Lines that can't be used: ``error`` (refuse the file) or ``report`` (leave out and list).
        dry_run: Load nothing; only read the file and say what would be loaded.
        progress: Shows how many entries, ids and names are in.

    Raises:
        ConfigurationError: The project isn't on the local tagtog.
        DictionaryError: The file, or a line of it, can't be used.
        LocalServerError: The name isn't legal, or the database can't be written.
    """
    choose(setting("on_problem"), on_problem, OnProblem)
    if tagtog.local is None:
        raise ConfigurationError(
            "dictionaries can be loaded from here on the local tagtog alone",
            value=str(tagtog),
            legal=f"no {setting('domain')} and no TAGTOG_DOMAIN",
            advice="upload it on tagtog's own page: the project's settings",
        )
    from spacy_tagtog.server.db.dictionary_loading import StagedEntries
    from spacy_tagtog.server.db.dictionary_loading import load_dictionary as load
    from spacy_tagtog.server.db.project_changes import add_types
    from spacy_tagtog.server.db.projects import project_key
    from spacy_tagtog.server.settings import with_types

    place = tagtog.client.owner, tagtog.client.project
    settings = tagtog.client.settings()
    present = {entry["name"]: class_id for class_id, entry in (settings.get("normalizations") or {}).items()}
    # A name that isn't legal is said before a long file is read.
    added = {} if name in present else with_types(settings, (), {}, [name])[1]
    class_id = present[name] if name in present else next(iter(added))
    loaded = LoadedDictionary(name, class_id, is_new=bool(added))
    try:
        with StagedEntries() as staged:
            _stage(Path(source), staged, loaded, strict=on_problem == "error")
            if not dry_run:
                if added:
                    loaded.class_id = next(iter(tagtog.local.write(add_types, *place, (), {}, [name])))
                key = tagtog.local.read(project_key, *place)
                load(tagtog.local, key, loaded.class_id, staged, progress=progress)
    except sqlite3.Error as error:
        raise LocalServerError(
            f"the dictionary can't be stored: {error}",
            place=tagtog.local.path,
            legal="space for it in the database, and for a copy where temporary files are",
            advice="make space, and load it again; what was there before is still used",
        ) from error
    return loaded


def _stage(source: Path, staged: StagedEntries, loaded: LoadedDictionary, *, strict: bool) -> None:
    """Read a file's entries.

    Raises:
        DictionaryError: It can't be read or holds none; or with ``strict``, a line of it can't be used.
    """
    from spacy_tagtog.server.db.dictionaries import Entry

    for line, entry in dictionary_lines(source):
        problem = entry if isinstance(entry, DictionaryError) else None
        if not isinstance(entry, DictionaryError):
            first = staged.add(Entry(*entry), line)
            if first is not None:
                problem = line_problem(
                    source, line, f"line {first} has the same id", entry[0], "each id once"
                )
        if problem is None:
            continue
        if strict:
            raise problem
        loaded.left_out += 1
        if len(loaded.problems) < _MOST_LISTED:
            loaded.problems.append(problem)
    loaded.entries, loaded.names = staged.entries, staged.names
    if not staged.entries:
        raise DictionaryError("the file holds no entry", place=source, legal=LEGAL)

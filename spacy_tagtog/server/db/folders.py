"""Changes of a project's folders: one by one, or with all of its settings.

Where a function takes ``connection``, it is the database in a transaction: see
:class:`~spacy_tagtog.server.db.database.Database`.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.db.dictionary_loading import remove_dictionaries
from spacy_tagtog.server.db.distribution import check_distribution
from spacy_tagtog.server.db.documents import delete_documents
from spacy_tagtog.server.db.projects import (
    insert_folders,
    project_key,
    read_project,
    read_settings,
    write_settings,
)
from spacy_tagtog.server.folder_paths import Folder, check_name, missing_folders
from spacy_tagtog.server.settings import (
    MEMBERS,
    NUMBER,
    ProjectInfo,
    check_new_names,
    class_names,
    parse_settings,
)


def import_settings(
    connection: sqlite3.Connection, owner: str, name: str, settings: object
) -> dict[str, Any]:
    """Replace a project's settings. Its documents are removed, as tagtog does.

    All of the settings are checked before anything is removed. The entries of dictionaries stay where the new
    settings have the same dictionary.

    Returns:
        ``{"mapNewIds": …, "newSettings": …}``. Class ids stay what they are here.

    Raises:
        LocalServerError: They aren't settings, or the project can't have them.
    """
    rest, folders = parse_settings(settings)
    key = project_key(connection, owner, name)
    check_new_names(rest, class_names(read_settings(connection, key)))
    check_distribution(connection, key, rest.get(NUMBER, 0), rest.get(MEMBERS, []))
    rows = connection.execute("SELECT id FROM documents WHERE project_id = ?", (key,)).fetchall()
    delete_documents(connection, [row["id"] for row in rows])
    connection.execute("DELETE FROM folders WHERE project_id = ?", (key,))
    old, kept = class_names(read_settings(connection, key)), class_names(rest)
    remove_dictionaries(connection, key, keep={one for one, name in old.items() if kept.get(one) == name})
    write_settings(connection, key, rest)
    insert_folders(connection, key, folders)
    new = read_project(connection, owner, name)
    return {
        "mapNewIds": {class_id: class_id for class_id in class_names(new.settings)},
        "newSettings": new.export(),
    }


def add_folder(connection: sqlite3.Connection, owner: str, name: str, path: str) -> ProjectInfo:
    """Add a folder, and the ones above it that don't exist.

    Returns:
        The project as it is then.

    Raises:
        LocalServerError: The folder exists, or the path isn't legal.
    """
    project = read_project(connection, owner, name)
    missing = missing_folders(path, (folder.path for folder in project.folders))
    if not missing:
        raise RequestError(
            400,
            "the folder exists already",
            value=path,
            legal="a path that isn't among the project's folders",
        )
    first = 1 + max(folder.index for folder in project.folders)
    insert_folders(connection, project.key, [Folder(first + k, new, {}) for k, new in enumerate(missing)])
    return read_project(connection, owner, name)


def rename_folder(
    connection: sqlite3.Connection, owner: str, name: str, path: str, new_name: str
) -> ProjectInfo:
    """Rename a folder. Its documents and sub-folders stay in it.

    Returns:
        The project as it is then.

    Raises:
        LocalServerError: There is no such folder, it is ``pool``, or the new name isn't legal or free.
    """
    check_name(new_name, "folder")
    project = read_project(connection, owner, name)
    folder = _changeable(project, path)
    new = f"{folder.path.rpartition('/')[0]}/{new_name}"
    if new != folder.path and any(other.path == new for other in project.folders):
        raise RequestError(
            400, "a folder of this name exists already", value=new, legal="a name that is free"
        )
    for below in _with_those_below(project, folder):
        renamed = new + below.path.removeprefix(folder.path)
        connection.execute(
            "UPDATE folders SET path = ? WHERE project_id = ? AND number = ?",
            (renamed, project.key, below.index),
        )
    return read_project(connection, owner, name)


def remove_folder(connection: sqlite3.Connection, owner: str, name: str, path: str) -> ProjectInfo:
    """Remove a folder with all that is in it.

    Returns:
        The project as it is then.

    Raises:
        LocalServerError: There is no such folder, or it is ``pool``.
    """
    project = read_project(connection, owner, name)
    for below in _with_those_below(project, _changeable(project, path)):
        place = (project.key, below.index)
        rows = connection.execute(
            "SELECT id FROM documents WHERE project_id = ? AND folder = ?", place
        ).fetchall()
        delete_documents(connection, [row["id"] for row in rows])
        connection.execute("DELETE FROM folders WHERE project_id = ? AND number = ?", place)
    return read_project(connection, owner, name)


def _with_those_below(project: ProjectInfo, folder: Folder) -> list[Folder]:
    return [below for below in project.folders if below == folder or below.path.startswith(f"{folder.path}/")]


def _changeable(project: ProjectInfo, path: str) -> Folder:
    folder = next((folder for folder in project.folders if folder.path == path.strip("/")), None)
    if folder is None or folder.index == 0:
        raise RequestError(
            400 if folder else 404,
            "pool can't be renamed or removed" if folder else "the project has no folder of this path",
            value=path,
            legal=", ".join(folder.path for folder in project.folders if folder.index)
            or "(the project has no folder but pool)",
        )
    return folder

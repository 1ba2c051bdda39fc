"""The calls about a project's settings: legend, export, import, folders, guidelines.

Facts: tagtog's settings API (v1).
"""

from __future__ import annotations

from typing import Any, Literal, cast

from starlette.responses import Response
from typing_extensions import TypedDict

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import disposition, json_answer
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.db import folders
from spacy_tagtog.server.db.project_changes import set_guidelines
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.settings import ProjectInfo


class Settings(TypedDict, total=False):
    """A project's settings, as tagtog exports them. They have more than the entries that are named here."""

    folders: dict[str, Any]
    entities: dict[str, Any]
    metas: dict[str, Any]
    fields: dict[str, Any]
    relations: dict[str, Any]


class ChangedSettings(TypedDict):
    """The settings after a change, and the ids that changed with it."""

    mapNewIds: dict[str, str]
    newSettings: Settings


class Guidelines(TypedDict):
    """What annotators of a project go by, as markdown."""

    text: str


class ChangedFolders(ChangedSettings):
    """The answer to a change of the folders."""

    ok: Literal[1]
    folders: dict[str, Any]


def get_legend(call: Call) -> Response:
    """``GET /annotationsLegend``: the class ids and their names."""
    legend: Legend = _info(call).legend
    return json_answer(dict(legend))


def _info(call: Call) -> ProjectInfo:
    return call.database.read(read_project, *call.project)


def _settings_for(call: Call, info: ProjectInfo) -> dict[str, Any]:
    """The settings as far as the user may know them: webhooks hold passwords."""
    settings = info.export()
    if settings.get("webhooks") and not call.access.may("edit webhooks"):
        settings["webhooks"] = {}
    return settings


def export_settings(call: Call) -> Response:
    """``GET /export``: the settings of the project."""
    return json_answer(_settings_for(call, _info(call)), headers=disposition("settings.json"))


def import_settings(call: Call) -> Response:
    """``POST /import``: replace the settings. That removes the documents, as in tagtog."""
    call.need("edit project settings")
    if call.body.json is None:
        raise RequestError(
            400,
            "the body isn't JSON",
            place=call.path,
            legal="a settings JSON, with Content-Type: application/json",
        )
    return json_answer(call.database.write(folders.import_settings, *call.project, call.body.json))


def get_guidelines(call: Call) -> Response:
    """``GET /-local/guidelines``: the guidelines of the project."""
    call.need("read the master version")
    answer: Guidelines = {"text": _info(call).guidelines}
    return json_answer(answer)


def put_guidelines(call: Call) -> Response:
    """``PUT /-local/guidelines``: replace them."""
    call.need("edit annotation settings")
    call.database.write(set_guidelines, *call.project, call.field("text"))
    return get_guidelines(call)


def _folders(call: Call, info: ProjectInfo) -> Response:
    settings = _settings_for(call, info)
    answer: ChangedFolders = {
        "ok": 1,
        "folders": settings["folders"],
        "mapNewIds": {},
        "newSettings": cast("Settings", settings),
    }
    return json_answer(answer)


def add_folder(call: Call) -> Response:
    """``POST /folders/add``: by its whole path, or below a folder."""
    call.need("change folders")
    if "path" in call.body.fields:
        path = call.field("path")
    else:
        parent = _info(call).folder(call.field("parentPath"))
        path = f"{parent.path}/{call.field('newFolderName')}"
    return _folders(call, call.database.write(folders.add_folder, *call.project, path))


def rename_folder(call: Call) -> Response:
    """``POST /folders/rename``: its last name."""
    call.need("change folders")
    names = call.field("path"), call.field("newFolderName")
    return _folders(call, call.database.write(folders.rename_folder, *call.project, *names))


def remove_folder(call: Call) -> Response:
    """``POST /folders/remove``: with all its documents."""
    call.need("change folders")
    return _folders(call, call.database.free(folders.remove_folder, *call.project, call.field("path")))

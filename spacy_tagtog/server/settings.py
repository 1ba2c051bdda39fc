"""A project's settings: class ids, names, folders.

The JSON is tagtog's own (settings API, version 1.6): what isn't understood here is kept and exported as it
came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias

from spacy_tagtog.anndoc import Annotations, Legend
from spacy_tagtog.errors import LegendError, LocalServerError
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server._json import whole_number
from spacy_tagtog.server.folder_paths import (
    ROOT_FOLDER,
    Folder,
    check_name,
    folders_of,
    folders_tree,
    missing_folders,
)

MEASURE_TIME = "measureTime"
"""The setting by which the review page measures how long people work. It is this server's own."""
GUIDELINES = "guidelines"
"""The key of the settings that holds the guidelines, as markdown."""
NUMBER, MEMBERS = "taskDistributionNumber", "taskDistributionMembers"
"""The names of the task distribution in the settings: to how many members a document goes, and to whom."""
SECTIONS = {"e": "entities", "f": "fields", "m": "metas", "n": "normalizations", "r": "relations"}
DEFAULTS: dict[str, Any] = {
    "version": "1.6",
    "domain": "other",
    "language": "English",
    "usePreSelections": True,
    "usePreDeselections": False,
    "usePreCaseSentive": False,
    "useMachineLearning": False,
    "nativePDF": False,
    "autoSave": False,
    "confirmLayer": False,
    NUMBER: 0,
    MEMBERS: [],
    "folders": {},
    "requirements": {},
    "webhooks": {},
    "metas": {},
    "fields": {},
    "relations": {},
    "entities": {},
    "normalizations": {},
}
"""What tagtog exports of a new project, under its own names. The last one is ours."""
_CLASSES = {
    "e": "entity type",
    "f": "label of entities",
    "m": "document label",
    "n": "dictionary",
    "r": "relation",
}
_ADDED = ("e", "m", "n")
"""What can be added to a project's settings."""
_VALUES = {
    bool: "true or false",
    int: "a whole number from 0 on",
    str: "a text",
    list: "a list of names",
    dict: "a JSON object",
}
_CLASS_ID = re.compile(r"[efmnr]_[0-9]{1,9}")
_COLORS = (
    "#f2a13f",
    "#58a55c",
    "#4a90d9",
    "#c264c8",
    "#d9594c",
    "#2aa6a0",
    "#8a7fd6",
    "#b58a2e",
    "#7d8f3a",
    "#d16d9e",
    "#5b7fa6",
    "#a5673f",
)
ENTITY_TYPE = re.compile(r"\w{2,24}")
LabelValues: TypeAlias = "type[bool] | type[str] | Sequence[str]"
"""The values that a document label may have: ``bool`` (yes or no), ``str`` (any text), or a list of them."""


def settings_from_legend(legend: Legend, folders: Iterable[str] = ()) -> dict[str, Any]:
    """Make the settings of a project.

    Args:
        legend: Its classes.
        folders: The paths of its folders, such as ``pool/train``; ``pool`` and parents are there in any case.

    Returns:
        A settings JSON as tagtog's export gives it.

    Raises:
        LocalServerError: A path isn't a folder path.
    """
    settings: dict[str, Any] = deepcopy(DEFAULTS)
    for number, (class_id, name) in enumerate(legend.items()):
        settings[SECTIONS[class_id[0]]][class_id] = {
            "id": class_id,
            "name": name,
            "oldnames": [],
            "description": "",
            "color": _COLORS[number % len(_COLORS)],
        }
    paths = {ROOT_FOLDER: Folder(0, ROOT_FOLDER, {})}
    for path in folders:
        for missing in missing_folders(path, paths):
            paths[missing] = Folder(len(paths), missing, {})
    settings["folders"] = folders_tree(paths.values())
    return settings


def with_types(
    settings: Mapping[str, Any],
    entities: Iterable[str],
    labels: Mapping[str, LabelValues],
    dictionaries: Iterable[str] = (),
) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings with more entity types, document labels and dictionaries.

    Args:
        settings: The settings; they stay as they are.
        entities: The names of entity types.
        labels: Name of a document label to its values.
        dictionaries: The names of dictionaries for normalizations.

    Returns:
        The new settings, and class id to name of what was added.

    Raises:
        LocalServerError: A name or value isn't legal, or the settings have the name already.
    """
    new = {**settings, **{SECTIONS[kind]: dict(settings.get(SECTIONS[kind]) or {}) for kind in _ADDED}}
    added: dict[str, str] = {}
    wanted: list[tuple[str, str, dict[str, str]]] = [("e", name, {"description": ""}) for name in entities]
    wanted += [("m", name, _label_type(name, values)) for name, values in labels.items()]
    wanted += [("n", name, {"description": ""}) for name in dictionaries]
    for prefix, name, more in wanted:
        _check_class_name(prefix, name)
        present = {str(entry["name"]) for entry in new[SECTIONS[prefix]].values()}
        if name in present:
            raise LocalServerError(
                f"the project has this {_CLASSES[prefix]} already",
                value=name,
                legal=f"a name that isn't one of {', '.join(sorted(present))}",
                advice="leave it out",
            )
        # One sequence of numbers for all kinds, as tagtog has it.
        number = 1 + max((int(class_id[2:]) for class_id in class_names(new)), default=0)
        class_id = f"{prefix}_{number}"
        color = _COLORS[(number - 1) % len(_COLORS)]
        new[SECTIONS[prefix]][class_id] = {"id": class_id, "name": name, **more, "color": color}
        added[class_id] = name
    return new, added


def _check_class_name(prefix: str, name: str, place: object = None) -> None:
    """Make sure that tagtog would take the name of a class.

    Raises:
        LocalServerError: It wouldn't.
    """
    if prefix == "e" and not ENTITY_TYPE.fullmatch(name):
        raise LocalServerError(
            "this can't be the name of an entity type",
            place=place,
            value=name,
            legal="2 to 24 letters, digits and _, as in tagtog",
            advice="choose another name",
        )
    check_name(name, _CLASSES[prefix], place=place)


def check_new_names(settings: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Make sure that tagtog would take the names of all classes. Those that a project has already may stay.

    Args:
        settings: Settings that :func:`parse_settings` took.
        known: Class id to name, of the project.

    Raises:
        LocalServerError: A name isn't legal.
    """
    for prefix, section in SECTIONS.items():
        for class_id, entry in settings.get(section, {}).items():
            if known.get(class_id) != entry["name"]:
                _check_class_name(prefix, entry["name"], f"{section}.{class_id}")


def _label_type(name: str, values: LabelValues) -> dict[str, str]:
    """What the settings say of a document label's values."""
    if isinstance(values, type):
        return {"type": "boolean" if values is bool else "string", "description": ""}
    wrong = [value for value in values if not value or value != value.strip() or "," in value]
    if wrong or len(values) < 2 or len(set(values)) < len(values):
        raise LocalServerError(
            "these can't be the values of a document label",
            value=f"{name}: {', '.join(map(repr, values))}",
            legal="at least two different values, without commas and outer spaces",
        )
    return {"type": "enum", "description": ", ".join(values)}


def label_values(label: Mapping[str, Any]) -> dict[str, Any]:
    """Which values a label may have, as its settings say.

    Args:
        label: The label's entry in the settings.

    Returns:
        ``kind``: ``bool``, ``enum`` or ``string``, and ``values``, of which only ``enum`` has any. Where the
        settings don't say, it may be any text.
    """
    kind = label.get("type")
    if kind == "enum":  # tagtog's settings list an enumeration's values in its description
        values = [value.strip() for value in str(label.get("description") or "").split(",")]
        return {"kind": "enum", "values": [value for value in values if value]}
    return {"kind": "bool" if kind in ("bool", "boolean") else "string", "values": []}


def class_names(settings: Mapping[str, Any]) -> dict[str, str]:
    """Class id to name, from every section that has class ids as its keys."""
    names: dict[str, str] = {}
    for section in settings.values():
        if isinstance(section, Mapping):
            names.update(
                (class_id, entry["name"])
                for class_id, entry in section.items()
                if _CLASS_ID.fullmatch(class_id)
                and isinstance(entry, Mapping)
                and isinstance(entry.get("name"), str)
            )
    return names


def legend_of(settings: Mapping[str, Any]) -> Legend:
    """The names of a project's classes."""
    return Legend(class_names(settings), place="the project's settings")


def parse_settings(settings: object) -> tuple[dict[str, Any], list[Folder]]:
    """Check a settings JSON.

    Returns:
        The settings without their folders, and the folders.

    Raises:
        LocalServerError: It can't be a project's settings.
    """
    if not isinstance(settings, Mapping):
        raise LocalServerError(
            "the settings aren't a JSON object",
            value=type(settings).__name__,
            legal='{"version": "1.6", "folders": {…}, "entities": {…}, …}',
        )
    checked = {key: value for key, value in settings.items() if key != "folders"}
    if whole_number(settings.get(NUMBER)) is not None:
        checked[NUMBER] = whole_number(settings[NUMBER])
    _check_values({**settings, **checked})
    for prefix, section in SECTIONS.items():
        if section in settings:
            checked[section] = _classes_of(prefix, section, settings[section])
    try:
        legend_of(settings)
        json.dumps(settings, ensure_ascii=False, allow_nan=False).encode()
    except (LegendError, ValueError, TypeError, RecursionError) as error:
        raise LocalServerError(
            f"the settings can't be used: {getattr(error, 'problem', error)}",
            place=getattr(error, "place", None),
        ) from error
    return checked, folders_of(settings)


def _check_values(settings: Mapping[str, Any]) -> None:
    """Make sure that what tagtog exports has the kind that it has there."""
    for key, default in DEFAULTS.items():
        value = settings.get(key, default)
        is_right = isinstance(value, Mapping) if isinstance(default, dict) else type(value) is type(default)
        if (
            not is_right
            or (key == NUMBER and value < 0)
            or (key == MEMBERS and not all(isinstance(name, str) for name in value))
        ):
            raise LocalServerError(
                "the settings can't be used", place=key, value=value, legal=_VALUES[type(default)]
            )


def _classes_of(prefix: str, section: str, entries: Mapping[Any, Any]) -> dict[str, Any]:
    """The classes of a section, each with its id."""
    checked = {}
    for class_id, entry in entries.items():
        if not (
            isinstance(class_id, str)
            and _CLASS_ID.fullmatch(class_id)
            and class_id[0] == prefix
            and isinstance(entry, Mapping)
            and entry.get("id", class_id) == class_id
            and isinstance(entry.get("name"), str)
            and entry["name"]
        ):
            raise LocalServerError(
                "a class of the settings can't be read",
                place=f"{section}.{class_id}",
                value=entry,
                legal=f'"{prefix}_N": {{"id": "{prefix}_N", "name": NAME, …}}, with the same id in both',
            )
        checked[class_id] = {"id": class_id, **entry}
    return checked


def check_classes(annotations: Annotations, legend: Legend, *, place: object) -> None:
    """Make sure that annotations use only classes of the project.

    Raises:
        LocalServerError: They use others; the message names these and the legal ones.
    """
    used: dict[str, set[str]] = {prefix: set() for prefix in SECTIONS}
    for entity in annotations.entities:
        used["e"].add(entity.class_id)
        used["f"].update(entity.data.get("fields") or ())
        used["n"].update(entity.data.get("normalizations") or ())
    used["m"].update(annotations.metas)
    used["r"].update(relation.class_id for relation in annotations.relations)
    for prefix, class_ids in used.items():
        legal = {class_id: legend[class_id] for class_id in legend if class_id[0] == prefix}
        unknown = sorted(class_ids - set(legal))
        if unknown:
            these = "this class" if len(unknown) == 1 else "these classes"
            shown = ", ".join(f"{class_id} ({name})" for class_id, name in legal.items())
            raise LocalServerError(
                f"the project's settings don't have {these} of {SECTIONS[prefix]}",
                place=place,
                value=", ".join(unknown),
                legal=shown or f"(the project has no {SECTIONS[prefix]})",
                advice="use the class ids of GET /-api/settings/v1/annotationsLegend",
            )


@dataclass(frozen=True)
class ProjectInfo:
    """A project as the database has it.

    Attributes:
        key: Its number in the database.
        owner: The user whose it is.
        name: Its name.
        settings: Its settings JSON without the folders.
        folders: Its folders, by path.
    """

    key: int
    owner: str
    name: str
    settings: dict[str, Any]
    folders: tuple[Folder, ...]

    @property
    def legend(self) -> Legend:
        """The names of its classes."""
        return legend_of(self.settings)

    @property
    def measures_time(self) -> bool:
        """Whether the review page measures how long people work."""
        return self.settings.get(MEASURE_TIME) is True

    @property
    def guidelines(self) -> str:
        """What annotators go by, as markdown; empty where there is nothing."""
        text = self.settings.get(GUIDELINES)
        return text.replace("\r\n", "\n") if isinstance(text, str) else ""

    def export(self) -> dict[str, Any]:
        """Its settings JSON."""
        return {**deepcopy(DEFAULTS), **self.settings, "folders": folders_tree(self.folders)}

    def path_of(self, folder: int) -> str:
        """The path of a folder, by its index."""
        return next(own.path for own in self.folders if own.index == folder)

    def folder(self, name: str) -> Folder:
        """A folder by its index, path or name.

        Raises:
            RequestError: There is none, or there are several of this name.
        """
        wanted = name.strip("/")
        ways = (
            [folder for folder in self.folders if str(folder.index) == wanted],
            [folder for folder in self.folders if folder.path == wanted],
            [folder for folder in self.folders if folder.name == wanted],
        )
        found = next((found for found in ways if found), [])
        if len(found) != 1:
            raise RequestError(
                400,
                "several folders have this name" if found else "the project has no such folder",
                place="folder",
                value=name,
                legal="an index, path or name of "
                + ", ".join(f"{folder.path} ({folder.index})" for folder in found or self.folders),
                advice=None if found else "add it with POST /-api/settings/v1/folders/add",
            )
        return found[0]

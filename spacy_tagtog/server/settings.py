"""A project's settings: class ids, names, folders.

The JSON is tagtog's own (settings API, version 1.6): what isn't understood here is kept and exported as it
came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from spacy_tagtog._unicode import SURROGATES
from spacy_tagtog.anndoc import Annotations, Legend
from spacy_tagtog.errors import LegendError, LocalServerError
from spacy_tagtog.server._errors import RequestError

MEASURE_TIME = "measureTime"
"""The setting by which the review page measures how long people work. It is this server's own."""
ROOT_FOLDER = "pool"
"""Every folder of a project is below this one, whose index is 0."""

GUIDELINES = "guidelines"
"""The key of the settings that holds the guidelines, as markdown."""

_SECTIONS = {"e": "entities", "f": "fields", "m": "metas", "n": "normalizations", "r": "relations"}
_KINDS = {"e": "entity type", "m": "document label", "n": "dictionary"}
"""What can be added to a project's settings."""
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
_ENTITY_TYPE = re.compile(r"\w{2,24}")
_MAX_DEPTH = 16
# Slashes, what no file of any encoding can hold, and the categories Cc and Cs.
_UNNAMEABLE = re.compile(f"[/\\\\\ufffe\uffff\x00-\x1f\x7f-\x9f{SURROGATES}]")

LabelValues: TypeAlias = "type[bool] | type[str] | Sequence[str]"
"""The values that a document label may have: ``bool`` (yes or no), ``str`` (any text), or a list of them."""


@dataclass(frozen=True)
class Folder:
    """A folder of a project.

    Attributes:
        index: Its number, which stays when it is renamed.
        path: Its full path, such as ``pool/train``.
        extra: What else the settings say about it.
    """

    index: int
    path: str
    extra: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The last piece of its path."""
        return self.path.rpartition("/")[2]


def check_name(name: object, what: str, *, longest: int = 100, place: object = None) -> str:
    """Make sure that a name can be a piece of a path, of an address and of an XML attribute.

    Args:
        name: The name.
        what: What it names, for the message.
        longest: The greatest number of bytes in UTF-8.
        place: Where it stands.

    Raises:
        LocalServerError: It can't.
    """
    if (
        not isinstance(name, str)
        or not name
        or name in (".", "..")
        or name != name.strip()
        or _UNNAMEABLE.search(name)
        or len(name.encode()) > longest
    ):
        raise LocalServerError(
            f"this can't be the name of a {what}",
            place=place,
            value=name,
            legal=f"1 to {longest} bytes without slash, backslash, control characters and outer spaces; "
            "not . or ..",
        )
    return name


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
    settings: dict[str, Any] = {
        "version": "1.6",
        "folders": {},
        **{section: {} for section in _SECTIONS.values()},
        "webhooks": {},
    }
    for number, (class_id, name) in enumerate(legend.items()):
        settings[_SECTIONS[class_id[0]]][class_id] = {
            "id": class_id,
            "name": name,
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
    new = {**settings, **{_SECTIONS[kind]: dict(settings.get(_SECTIONS[kind]) or {}) for kind in _KINDS}}
    added: dict[str, str] = {}
    wanted: list[tuple[str, str, dict[str, str]]] = [("e", name, {"description": ""}) for name in entities]
    wanted += [("m", name, _label_type(name, values)) for name, values in labels.items()]
    wanted += [("n", name, {"description": ""}) for name in dictionaries]
    for prefix, name, more in wanted:
        if prefix == "e" and not _ENTITY_TYPE.fullmatch(name):
            raise LocalServerError(
                "this can't be the name of an entity type",
                value=name,
                legal="2 to 24 letters, digits and _, as in tagtog",
            )
        check_name(name, _KINDS[prefix])
        present = {str(entry["name"]) for entry in new[_SECTIONS[prefix]].values()}
        if name in present:
            raise LocalServerError(
                f"the project has this {_KINDS[prefix]} already",
                value=name,
                legal=f"a name that isn't one of {', '.join(sorted(present))}",
                advice="leave it out",
            )
        # One sequence of numbers for all kinds, as tagtog has it.
        number = 1 + max((int(class_id[2:]) for class_id in class_names(new)), default=0)
        class_id = f"{prefix}_{number}"
        color = _COLORS[(number - 1) % len(_COLORS)]
        new[_SECTIONS[prefix]][class_id] = {"id": class_id, "name": name, **more, "color": color}
        added[class_id] = name
    return new, added


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


def missing_folders(path: object, present: Iterable[str]) -> list[str]:
    """The folders that have to be made, parents first, so that ``path`` exists.

    Raises:
        LocalServerError: The path isn't below ``pool``, or a piece of it can't be a name.
    """
    pieces = path.strip("/").split("/") if isinstance(path, str) else []
    if pieces[:1] != [ROOT_FOLDER] or len(pieces) > _MAX_DEPTH:
        raise LocalServerError(
            "not a folder path", value=path, legal=f"pool or pool/NAME/…, at most {_MAX_DEPTH} levels"
        )
    for piece in pieces:
        check_name(piece, "folder", place=path)
    known = set(present)
    paths = ["/".join(pieces[: depth + 1]) for depth in range(len(pieces))]
    return [candidate for candidate in paths if candidate not in known]


def folders_tree(folders: Iterable[Folder]) -> dict[str, Any]:
    """The ``folders`` of a settings JSON."""
    tree: dict[str, Any] = {}
    children = {"": tree}
    for folder in sorted(folders, key=lambda folder: folder.path.split("/")):
        own: dict[str, Any] = {}
        children[folder.path] = own
        node = {"name": folder.name, "index": folder.index, **folder.extra, "children": own}
        children[folder.path.rpartition("/")[0]][folder.name] = node
    return tree


def _folders_of(settings: Mapping[str, Any]) -> list[Folder]:
    """The folders that a settings JSON lists; ``pool`` alone where it lists none.

    Raises:
        LocalServerError: The tree isn't one.
    """
    tree = settings.get("folders") or {ROOT_FOLDER: {"name": ROOT_FOLDER, "index": 0, "children": {}}}
    folders: list[Folder] = []

    def visit(nodes: object, parent: str, depth: int) -> None:
        if not isinstance(nodes, Mapping) or depth > _MAX_DEPTH:
            raise LocalServerError(
                "the folders of the settings can't be read",
                place=f"folders, below {parent or 'the root'}",
                legal=f'{{"NAME": {{"name", "index", "children": {{…}}}}}}, at most {_MAX_DEPTH} levels',
            )
        for key, node in nodes.items():
            if (
                not isinstance(node, Mapping)
                or type(node.get("index")) is not int
                or not 0 <= node["index"] < 2**31
            ):
                raise LocalServerError(
                    "a folder of the settings can't be read",
                    place=f"folders, {parent}/{key}",
                    legal='{"name": NAME, "index": N, "children": {}}',
                )
            name = check_name(node.get("name", key), "folder", place=f"folders, {parent}/{key}")
            path = f"{parent}/{name}" if parent else name
            folders.append(
                Folder(
                    node["index"],
                    path,
                    {k: v for k, v in node.items() if k not in ("name", "index", "children")},
                )
            )
            visit(node.get("children") or {}, path, depth + 1)

    visit(tree, "", 1)
    if [folder.path for folder in folders if "/" not in folder.path] != [ROOT_FOLDER] or folders[
        0
    ].index != 0:
        raise LocalServerError(
            "the folders of the settings have another root",
            place="folders",
            value=list(tree),
            legal='{"pool": {"index": 0, …}}',
        )
    for what, values in (
        ("path", [folder.path for folder in folders]),
        ("index", [folder.index for folder in folders]),
    ):
        if len(set(values)) < len(values):
            raise LocalServerError(
                f"two folders of the settings have the same {what}",
                place="folders",
                value=values,
                legal="each once",
            )
    return folders


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
    for prefix, section in _SECTIONS.items():
        entries = settings.get(section)
        if entries is None:
            continue
        if not isinstance(entries, Mapping):
            raise LocalServerError(
                "a section of the settings isn't a JSON object",
                place=section,
                value=type(entries).__name__,
                legal="{}",
            )
        for class_id, entry in entries.items():
            named = isinstance(entry, Mapping) and isinstance(entry.get("name"), str) and entry["name"]
            if not (
                isinstance(class_id, str)
                and _CLASS_ID.fullmatch(class_id)
                and class_id[0] == prefix
                and named
            ):
                raise LocalServerError(
                    "a class of the settings can't be read",
                    place=f"{section}.{class_id}",
                    legal=f'"{prefix}_N": {{"id": "{prefix}_N", "name": NAME, …}}',
                )
    try:
        legend_of(settings)
        json.dumps(settings, ensure_ascii=False, allow_nan=False).encode()
    except (LegendError, ValueError, TypeError, RecursionError) as error:
        raise LocalServerError(
            f"the settings can't be used: {getattr(error, 'problem', error)}",
            place=getattr(error, "place", None),
        ) from error
    return {key: value for key, value in settings.items() if key != "folders"}, _folders_of(settings)


def check_classes(annotations: Annotations, legend: Legend, *, place: object) -> None:
    """Make sure that annotations use only classes of the project.

    Raises:
        LocalServerError: They use others; the message names these and the legal ones.
    """
    used: dict[str, set[str]] = {prefix: set() for prefix in _SECTIONS}
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
                f"the project's settings don't have {these} of {_SECTIONS[prefix]}",
                place=place,
                value=", ".join(unknown),
                legal=shown or f"(the project has no {_SECTIONS[prefix]})",
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
        return {**self.settings, "folders": folders_tree(self.folders)}

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

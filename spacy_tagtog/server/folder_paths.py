"""The folders of a project: their names, their paths, and the tree in its settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spacy_tagtog._unicode import SURROGATES
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server._json import whole_number

ROOT_FOLDER = "pool"
"""Every folder of a project is below this one, whose index is 0."""
_MAX_DEPTH = 16
# Slashes, what no file of any encoding can hold, and the categories Cc and Cs.
_UNNAMEABLE = re.compile(f"[/\\\\\ufffe\uffff\x00-\x1f\x7f-\x9f{SURROGATES}]")


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


def folders_of(settings: Mapping[str, Any]) -> list[Folder]:
    """The folders that a settings JSON lists; ``pool`` alone where it lists none.

    Raises:
        LocalServerError: The tree isn't one.
    """
    pool = {ROOT_FOLDER: {"name": ROOT_FOLDER, "index": 0, "children": {}}}
    tree = settings.get("folders", pool)
    if tree == {}:
        tree = pool
    folders: list[Folder] = []

    def visit(nodes: object, parent: str, depth: int) -> None:
        if not isinstance(nodes, Mapping) or depth > _MAX_DEPTH:
            raise LocalServerError(
                "the folders of the settings can't be read",
                place=f"folders, below {parent or 'the root'}",
                legal=f'{{"NAME": {{"name", "index", "children": {{…}}}}}}, at most {_MAX_DEPTH} levels',
            )
        for key, node in nodes.items():
            index = whole_number(node.get("index")) if isinstance(node, Mapping) else None
            if index is None or not 0 <= index < 2**31:
                raise LocalServerError(
                    "a folder of the settings can't be read",
                    place=f"folders, {parent}/{key}",
                    legal='{"name": NAME, "index": N, "children": {}}',
                )
            name = check_name(node.get("name", key), "folder", place=f"folders, {parent}/{key}")
            path = f"{parent}/{name}" if parent else name
            folders.append(
                Folder(
                    index,
                    path,
                    {k: v for k, v in node.items() if k not in ("name", "index", "children")},
                )
            )
            visit(node.get("children", {}), path, depth + 1)

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

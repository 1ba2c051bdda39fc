"""Calls about a project's settings: its legend and its folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import Legend
from spacy_tagtog.client._answer import Answer
from spacy_tagtog.client._calls import SETTINGS
from spacy_tagtog.client._search import SearchCalls
from spacy_tagtog.client.models import ANY_OBJECT, LEGEND_ANSWER, SETTINGS_IMPORTED
from spacy_tagtog.errors import ConfigurationError, RejectedError, setting


class SettingsCalls(SearchCalls):
    """The settings of the project."""

    def legend(self) -> Legend:
        """The names of the project's classes.

        Raises:
            ClientError: The call failed, or the answer isn't a legend.
            LegendError: Two classes share a name.
        """
        self._legend = self._http.call(
            "GET",
            f"{SETTINGS}/annotationsLegend",
            read=lambda answer: Legend(answer.json(LEGEND_ANSWER, "a legend"), place=answer.place),
        )
        return self._legend

    def settings(self) -> dict[str, Any]:
        """The project's settings, as tagtog exports them.

        Raises:
            ClientError: The call failed, or the answer isn't a JSON object.
        """
        return self._http.call(
            "GET", f"{SETTINGS}/export", read=lambda answer: answer.json(ANY_OBJECT, "settings")
        )

    def import_settings(self, settings: Mapping[str, Any], *, force: bool = False) -> dict[str, str]:
        """Replace the project's settings. **tagtog then removes all documents of the project**.

        Args:
            settings: Settings as :meth:`settings` returns them.
            force: Do it even if the project has documents.

        Returns:
            The new ids of the classes, by their ids in ``settings``.

        Raises:
            ConfigurationError: The project has documents, and ``force`` isn't set.
            ClientError: The call failed, or the answer isn't the new settings. After a lost answer it isn't
                repeated.
        """
        there = 0 if force else self.count()
        if there:
            raise ConfigurationError(
                "importing settings would remove the project's documents",
                value=f"{counted(there, 'document')} in {self.owner}/{self.project}",
                legal="a project without documents",
                advice=f"fetch them first, then import with {setting('force', True)}",
            )
        answer = self._http.call(
            "POST",
            f"{SETTINGS}/import",
            json=dict(settings),
            read=lambda answer: answer.json(SETTINGS_IMPORTED, "the result of an import of settings"),
        )
        self._legend = None
        return {old: str(new) for old, new in answer["mapNewIds"].items()}

    def folders(self) -> list[str]:
        """The project's folders as paths, such as ``pool`` and ``pool/train``, parents first.

        Raises:
            ClientError: The call failed, or the settings hold no tree of folders.
        """

        def read(answer: Answer) -> list[str]:
            paths: list[str] = []
            todo: list[tuple[str, Any]] = [("", answer.json(ANY_OBJECT, "settings").get("folders"))]
            while todo:
                parent, children = todo.pop(0)
                if not isinstance(children, dict) or not all(
                    isinstance(child, dict) for child in children.values()
                ):
                    raise answer.unexpected(
                        "the settings hold no tree of folders",
                        value=children,
                        legal='{"pool": {"name": "pool", "index": 0, "children": {…}}}',
                    )
                for key, child in children.items():
                    path = f"{parent}/{child.get('name') or key}".lstrip("/")
                    paths.append(path)
                    todo.append((path, child.get("children") or {}))
            return paths

        return self._http.call("GET", f"{SETTINGS}/export", read=read)

    def add_folder(self, path: str) -> None:
        """Add a folder and its parents. Folders that exist are left as they are.

        Args:
            path: Such as ``pool/train``.

        Raises:
            ConfigurationError: It isn't a path below ``pool``.
            ClientError: The call failed.
        """
        pieces = _folder(path)
        existing = set(self.folders())
        for end in range(2, len(pieces) + 1):
            folder = "/".join(pieces[:end])
            if folder in existing:
                continue
            try:
                self._folder_call(
                    "add",
                    {"path": folder},
                    done=lambda folder=folder: folder in self.folders(),  # type: ignore[misc]
                )
            except RejectedError:
                # Somebody else may have added it at this moment.
                if folder not in self.folders():
                    raise

    def rename_folder(self, path: str, new_name: str) -> None:
        """Rename a folder. Its documents and subfolders stay in it.

        Args:
            path: Such as ``pool/train``.
            new_name: The last piece of its new path.

        Raises:
            ConfigurationError: It isn't a path below ``pool``, or the new name isn't a name.
            ClientError: The call failed.
        """
        pieces = _folder(path)
        new = "/".join([*pieces[:-1], new_name])
        if len(pieces) < 2 or "/" in new_name:
            raise ConfigurationError(
                "this folder can't be renamed like this",
                value=f"{path} to {new_name}",
                legal="pool/…, and a name without a slash",
            )
        _folder(new)

        def done() -> bool:
            folders = self.folders()
            return new in folders and path not in folders

        self._folder_call("rename", {"path": path, "newFolderName": new_name}, done=done)

    def remove_folder(self, path: str, *, force: bool = False) -> None:
        """Remove a folder and its subfolders.

        Args:
            path: Such as ``pool/train``.
            force: Remove the documents in it, too.

        Raises:
            ConfigurationError: It isn't a path below ``pool``. Or it holds documents, and ``force`` isn't
                set.
            ClientError: The call failed.
        """
        if len(_folder(path)) < 2:
            raise ConfigurationError("pool itself can't be removed", value=path, legal="pool/NAME…")
        if not force:
            inside = [folder for folder in self.folders() if folder == path or folder.startswith(f"{path}/")]
            there = sum(self.count(f'folder:"{folder}"') for folder in inside)
            if there:
                raise ConfigurationError(
                    "removing the folder would remove its documents",
                    value=f"{counted(there, 'document')} in {path}",
                    legal="an empty folder",
                    advice=f"fetch or move them first, or remove it with {setting('force', True)}",
                )
        self._folder_call("remove", {"path": path}, done=lambda: path not in self.folders())

    def _folder_call(self, what: str, body: Mapping[str, str], *, done: Callable[[], bool]) -> None:
        def do() -> None:
            self._http.call("POST", f"{SETTINGS}/folders/{what}", json=dict(body), read=lambda _: None)

        self._settled(do, done, lambda: None)


def _folder(path: str) -> list[str]:
    pieces = path.split("/")
    if pieces[0] != "pool" or not all(piece.strip() and piece not in (".", "..") for piece in pieces):
        raise ConfigurationError(
            "not a folder of a project", value=path, legal="pool/NAME or pool/NAME/NAME…"
        )
    return pieces

"""Replace a project's settings by those of a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy_tagtog.errors import ConfigurationError
from spacy_tagtog.steps.connection import Connection


@dataclass(frozen=True)
class ReplacedSettings:
    """What a replacement did, or with ``dry_run`` would do.

    Attributes:
        removed: The number of documents that the project had: tagtog removes them.
        classes: Class id in the file → class id in the project. Empty in a dry run: tagtog gives the ids.
    """

    removed: int
    classes: dict[str, str]


def replace_settings(
    tagtog: Connection, source: Path | str, *, force: bool = False, dry_run: bool = False
) -> ReplacedSettings:
    """Replace a project's settings by those of a file. tagtog removes the project's documents by that.

    Args:
        tagtog: The project.
        source: A JSON file, such as ``spacy-tagtog settings`` writes.
        force: Although the project has documents.
        dry_run: Change nothing; only say what would be done.

    Raises:
        ConfigurationError: The file holds no settings, or the project has documents.
        ClientError: tagtog can't be reached, or refuses.
    """
    settings = read_settings(Path(source))
    documents = tagtog.client.count()
    classes = {} if dry_run else dict(tagtog.client.import_settings(settings, force=force))
    return ReplacedSettings(documents, classes)


def read_settings(path: Path) -> dict[str, Any]:
    """Settings from a file.

    Raises:
        ConfigurationError: The file can't be read, or holds no JSON object.
    """
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"the settings can't be read: {error}",
            place=str(path),
            legal="JSON in UTF-8",
            advice="check the path; spacy-tagtog settings --output FILE writes such a file",
        ) from error
    if not isinstance(settings, dict):
        raise ConfigurationError(
            "the file holds no settings",
            place=str(path),
            value=type(settings).__name__,
            legal='an object such as {"version": "1.6", "entities": {…}}',
            advice="give a file that spacy-tagtog settings wrote",
        )
    return settings

"""Blind documents: those of a queue that people annotate without pre-annotations, drawn by chance.

Suggestions are followed: what people make of them overrates the model, and hides what both overlook. So a
share of the documents comes without. Each document is drawn by a number made of the seed and its id. So the
same documents are drawn again the next time, a greater share holds a smaller one, and nothing else matters.

Which documents these are is kept beside the ranking, ``ranking.blind.json`` for ``ranking.json``. Rankings
come and go with each round; a document that was sent blind once stays blind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from spacy_tagtog._files import write_atomic
from spacy_tagtog.errors import ArgumentError, SelectionError, setting

_VERSION: Final = 1


def draw_blind(ids: Iterable[str], share: float, seed: int) -> list[str]:
    """Draw documents that people annotate without pre-annotations.

    Args:
        ids: The ids of the documents.
        share: The expected share that is drawn, in [0, 1].
        seed: The seed of chance.

    Raises:
        ArgumentError: The share is out of range.
    """
    if not 0 <= share <= 1:
        raise ArgumentError(
            "the share of blind documents is out of range",
            place=setting("blind_share"),
            value=share,
            legal="0 to 1",
        )
    return [doc_id for doc_id in ids if _chance(seed, doc_id) < share]


def _chance(seed: int, doc_id: str) -> float:
    """A number in [0, 1), the same for the same seed and document."""
    digest = hashlib.sha256(f"{seed} {doc_id}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def blind_file(ranking: Path) -> Path:
    """The file beside a ranking that says which documents are blind."""
    return ranking.with_suffix(f".blind{ranking.suffix}")


def read_blind(ranking: Path) -> dict[str, str]:
    """The blind documents: id to fingerprint of the content. None where no share was ever drawn.

    Args:
        ranking: The ranking's file.

    Raises:
        SelectionError: The file can't be read.
    """
    path = blind_file(ranking)
    try:
        data: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error
    documents = data.get("documents") if isinstance(data, dict) and data.get("version") == _VERSION else None
    if not isinstance(documents, dict) or not all(isinstance(one, str) for one in documents.values()):
        raise _unreadable(path, f'"version": {_VERSION} and "documents": id to fingerprint')
    return documents


def write_blind(ranking: Path, documents: Mapping[str, str]) -> None:
    """Keep which documents are blind.

    Args:
        ranking: The ranking's file.
        documents: Their ids to the fingerprints of their contents.

    Raises:
        WriteError: The file system refuses.
    """
    content = {"version": _VERSION, "documents": dict(sorted(documents.items()))}
    write_atomic(blind_file(ranking), json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def _unreadable(path: Path, legal: str) -> SelectionError:
    return SelectionError(
        "the list of blind documents can't be read",
        place=path,
        legal=legal,
        advice=f"restore the file; without it, {setting('blind_share')} draws the same documents again",
    )

"""Download the documents that a query finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spacy_tagtog import client
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.client import FetchReport
from spacy_tagtog.steps.connection import Connection


def fetch(
    tagtog: Connection,
    target: Path | str,
    *,
    query: str = "anncomplete:true",
    members: Sequence[str] = (MASTER,),
    text_only: bool = False,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
) -> FetchReport:
    """Keep a folder in step with what a query finds, by default the documents that people confirmed.

    Only what changed is downloaded. What the query no longer finds is removed; what was edited here stays.

    Args:
        tagtog: The project.
        target: The folder.
        query: A tagtog search query.
        members: Whose annotations; ``*`` for everybody's.
        text_only: Only the contents, no annotations.
        force: Overwrite files that were edited here.
        dry_run: Only say what would be done.
        progress: Shows how many documents are done.

    Raises:
        ClientError: tagtog can't be reached, or refuses.
        SpacyTagtogError: See :func:`spacy_tagtog.client.fetch`.
    """
    return client.fetch(
        tagtog.client,
        Path(target),
        query=query,
        members=list(members),
        text_only=text_only,
        force=force,
        dry_run=dry_run,
        progress=progress,
    )

"""``spacy-tagtog stats``: how much is annotated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import takes_connection
from spacy_tagtog.cli._run import command, good, table, write_json
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection


@command
@takes_connection()
def stats_cli(
    where: ConnectionSettings,
    query: Annotated[str, typer.Argument(help="A tagtog search query: which documents are counted.")] = "*",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write tagtog's whole answer to this JSON file.", show_default=False
        ),
    ] = None,
) -> None:
    """Count the annotations of the master versions, by entity type and document label.

    Example:
      spacy-tagtog stats "anncomplete:true AND folder:pool"
    """
    with open_connection(where) as tagtog:
        stats = tagtog.client.search_stats(query)
        place = str(tagtog)
    write_json(output, stats)
    table(_rows(stats), header=("annotation type", "annotations", "documents with it", "without it"))
    shown = ", ".join(counted(stats[key], *words) for key, words in _TOTALS.items() if key in stats)
    good(f"{place}: {shown}" if shown else f"{place}: tagtog gave no totals")


_TOTALS = {
    "numDocuments": ("document", "documents"),
    "numConfirmedDocuments": ("confirmed", "confirmed"),
    "numAnnotatedDocuments": ("with an annotation", "with an annotation"),
}


def _rows(stats: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """A line for each class, and one for each value of a document label.

    The API is marked alpha: what isn't there is left empty.
    """
    for counts in stats.values():
        if not isinstance(counts, dict):
            continue
        having = str(counts.get("numDocuments", ""))
        yield (
            str(counts.get("name", "")),
            str(counts.get("totalCount", having)),
            having,
            str(counts.get("numDocumentsMissing", "")),
        )
        for value in counts.get("values") or counts.get("topValues") or []:
            yield f"  {value.get('value', '')}", str(value.get("count", "")), str(value.get("count", "")), ""

"""Download documents as they are, broken ones too, to look at what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from spacy_tagtog._files import make_folder, write_atomic
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.anndoc.layout import document_paths
from spacy_tagtog.anndoc.legend import LEGEND_NAME
from spacy_tagtog.client._parallel import workers
from spacy_tagtog.client._retry import check_stopped
from spacy_tagtog.client.api import TagtogClient
from spacy_tagtog.client.fetch import ALL_MEMBERS, everybody
from spacy_tagtog.client.models import SearchHit
from spacy_tagtog.errors import NotFoundError, ProjectError, UnexpectedAnswerError


def snapshot(
    client: TagtogClient,
    target: Path,
    *,
    query: str = "*",
    members: Sequence[str] = (MASTER,),
    progress: Progress = silent,
) -> list[tuple[str, UnexpectedAnswerError | ProjectError]]:
    """Write the documents that a query finds into an empty folder, as tagtog sends them.

    Nothing is parsed, so nothing is refused. Unlike :func:`spacy_tagtog.client.fetch` it keeps no manifest,
    and a broken document doesn't stop it. Documents that disappear meanwhile are left out.

    Args:
        client: The project.
        target: An empty folder. It gets tagtog's download layout.
        query: Which documents, in tagtog's query language.
        members: Which versions of the annotations; ``[ALL_MEMBERS]`` for master's and every member's.
        progress: Shows the progress through the documents found.

    Returns:
        The ids of documents that couldn't even be written, each with the reason: an answer that is no
        document, or an id that can't be a file name.

    Raises:
        ClientError: tagtog can't be reached or refuses, or its list of documents or its legend is nonsense.
        WriteError: The file system refuses.
    """
    all_members = ALL_MEMBERS in members
    wanted = everybody(client) if all_members else list(members)
    hits = list(client.search(query))
    write_atomic(target / LEGEND_NAME, client.legend().dumps().encode("utf-8"))
    make_folder(target / "plain.html")  # a query that finds nothing makes an empty project
    failed: list[tuple[str, UnexpectedAnswerError | ProjectError]] = []

    def one(hit: SearchHit) -> UnexpectedAnswerError | ProjectError | None:
        # Somebody who has left the project may have left a version behind.
        names = list(dict.fromkeys([*wanted, *hit.members_anncomplete] if all_members else wanted))
        try:
            html_path, _ = document_paths(hit.id, hit.folder)
            paths = {member: document_paths(hit.id, hit.folder, member)[1] for member in names}
            html, versions = client.files(hit.id, members=names)
        except NotFoundError:
            client.count(query)  # this call fails if it is the project that has disappeared
            return None
        except (UnexpectedAnswerError, ProjectError) as error:
            return error
        check_stopped()
        write_atomic(target / html_path, html)
        for member, content in versions.items():
            write_atomic(target / paths[member], content)
        return None

    def done() -> Iterator[SearchHit]:
        with workers(client.threads) as pool:
            for hit, error in pool.map(one, hits):
                if error is not None:
                    failed.append((hit.id, error))
                yield hit

    for _ in progress(done(), len(hits)):
        pass
    return failed

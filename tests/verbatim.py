"""Documents of one verbatim part, as tagtog makes them of texts, and projects to put them in."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from spacy_tagtog.anndoc import MASTER, Annotations, Document, Legend, confidence, html_from_text
from spacy_tagtog.client import TagtogClient
from spacy_tagtog.server import LocalTagtog, create_project, settings_from_legend

LEGEND = Legend(
    {"e_1": "Person", "e_2": "Place", "m_1": "topic", "n_1": "wiki", "f_1": "gender", "r_1": "lives_in"}
)
_NUMBERS = itertools.count()


def entity(
    class_id: str = "e_1",
    *,
    start: int = 0,
    text: str = "Ann",
    state: str = "",
    who: str = "user:ann",
    prob: float = 1,
) -> dict[str, Any]:
    """An entity's JSON object."""
    return {
        "classId": class_id,
        "part": "s1v1",
        "offsets": [{"start": start, "text": text}],
        "confidence": confidence(state=state, who=[who], prob=prob),
        "fields": {},
        "normalizations": {},
    }


def document(
    text: str,
    *entities: dict[str, Any],
    name: str = "text.txt",
    doc_id: str | None = None,
    folder: str = "pool",
    complete: bool = False,
    member: str = MASTER,
    legend: Legend = LEGEND,
) -> Document:
    """A document with these entities, by default with one of its first four characters."""
    html = html_from_text(text, filename=name, doc_id=doc_id)
    annotations = Annotations.empty(list(html.parts), complete=complete)
    annotations.data["entities"] = list(entities) or [entity(text=text[:4])]
    return Document(str(html.id), html, {member: annotations}, folder=folder, legend=legend)


def numbered(
    number: int = 1,
    *,
    class_id: str = "e_1",
    who: str = "user:ann",
    complete: bool = True,
    doc_id: str | None = None,
    folder: str = "pool",
    member: str = MASTER,
) -> Document:
    """One of many documents, which are alike but for their number. Its entity is ``Ann``."""
    return document(
        f"Ann {number} 🦊 lives here.",
        entity(class_id, who=who),
        name=f"{number:03}.txt",
        doc_id=doc_id,
        folder=folder,
        complete=complete,
        member=member,
    )


def mixed(number: int, *, class_id: str = "e_1", who: str = "user:ann", complete: bool = True) -> Document:
    """One of many documents, of which every fifth has a name that tagtog can't use as its id.

    Every third lies in a folder that has to be made.
    """
    return numbered(
        number,
        class_id=class_id,
        who=who,
        complete=complete,
        doc_id=f"foreign-{number}" if number % 5 == 0 else None,
        folder="pool" if number % 3 else "pool/train/deep",
    )


def put(client: TagtogClient, *documents: Document, member: str = MASTER) -> None:
    """Have a project hold these documents, whatever it held."""
    assert len(list(client.overwrite_documents(documents, member=member))) == len(documents)


def new_project(
    server: LocalTagtog,
    *,
    owner: str = "owner",
    legend: Legend = LEGEND,
    folders: Sequence[str] = (),
) -> str:
    """The name of a new project."""
    name = f"project-{next(_NUMBERS)}"
    server.database.write(create_project, owner, name, settings_from_legend(legend, folders))
    return name


def connect(server: LocalTagtog, project: str, *, owner: str = "owner", **settings: Any) -> TagtogClient:
    """A client of a project."""
    login = {"username": server.username, "password": server.password}
    return TagtogClient(**{"domain": server.url, **login, "project": project, "owner": owner, **settings})

"""The client's calls against the local tagtog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from verbatim import LEGEND, connect, document, new_project

from spacy_tagtog.anndoc import Annotations, Document, confidence, html_from_blocks
from spacy_tagtog.client import TagtogClient
from spacy_tagtog.errors import (
    AuthenticationError,
    NotFoundError,
    RejectedError,
    SpacyTagtogError,
)
from spacy_tagtog.server import LocalTagtog

pytestmark = pytest.mark.usefixtures("waits")


@pytest.fixture
def live(server: LocalTagtog) -> Iterator[TagtogClient]:
    project = new_project(server, folders=["pool", "pool/a", "pool/a/b"])
    with connect(server, project) as client:
        yield client


def test_legend_settings_and_folders(live: TagtogClient) -> None:
    assert live.legend() == LEGEND
    assert live.settings()["entities"]["e_2"]["name"] == "Place"
    assert live.folders() == ["pool", "pool/a", "pool/a/b"]
    live.add_folder("pool/a/b")
    live.add_folder("pool/new folder/ünter")
    assert live.folders() == ["pool", "pool/a", "pool/new folder", "pool/a/b", "pool/new folder/ünter"]
    live.add_folder("pool")


def test_texts_and_files(live: TagtogClient, tmp_path: Path) -> None:
    (item,) = live.upload_text("Grüße & <Tags>\r\nzweite Zeile", folder="pool/a", filename="brief über x.txt")
    assert item.result == "created"
    assert item.doc_id.endswith("-brief über x.txt")
    assert live.document(item.doc_id).text == "Grüße & <Tags>\nzweite Zeile"
    assert live.original(item.doc_id) == "Grüße & <Tags>\r\nzweite Zeile".encode()

    (tmp_path / "one.txt").write_text("Erste\n\nZweite")
    (tmp_path / "zwei ö.txt").write_bytes(b"Only")
    items = live.upload_files([tmp_path / "one.txt", tmp_path / "zwei ö.txt"], text_format="formatted")
    assert [item.doc_id.partition("-")[2] or item.doc_id for item in items]
    assert {item.doc_id[29:] for item in items} == {"one.txt", "zwei ö.txt"}
    hits = {hit.filename: hit for hit in live.search("*")}
    assert [part.text for part in live.document(hits["one.txt"].id)] == ["Erste", "Zweite"]
    assert (hits["brief über x.txt"].folder, hits["one.txt"].folder) == ("pool/a", "pool")
    assert hits["one.txt"].raw["id"] == hits["one.txt"].id
    assert live.count("filename:one.txt") == 1


def test_documents_come_back_as_they_were_pushed(live: TagtogClient) -> None:
    html = html_from_blocks(
        [("h2", "A < B"), ("p", "Ann & Åsa 🦊\nsecond line"), ("pre", " x ")],
        doc_id="aE7DVwx5pj.KxZtSadEce0HkNGk0-ö 1.md",
        origid="ö 1.md",
    )
    annotations = Annotations.empty(["s1h1", "s1p1", "s1v1"], complete=True)
    annotations.data["metas"] = {
        "m_1": {"value": "news", "confidence": confidence(state="", who=["user:ann"], prob=1)}
    }
    annotations.data["sources"] = [{"name": "MEDLINE", "id": "1", "url": None}]
    doc = Document(str(html.id), html, {"master": annotations}, folder="pool/a/b", legend=LEGEND)
    assert [(item.doc_id, item.result) for item in live.overwrite_documents([doc])] == [(doc.id, "created")]
    assert [(item.doc_id, item.result) for item in live.overwrite_documents([doc])] == [(doc.id, "updated")]

    (hit,) = live.search("anncomplete:true")
    assert (hit.id, hit.folder, hit.anncomplete, hit.filename) == (doc.id, "pool/a/b", True, "ö 1.md")
    assert live.plain_html(doc.id) == html.data
    assert live.annotations(doc.id) == annotations
    back = live.document(doc.id, folder=hit.folder)
    assert (back.html.data, back.annotations, back.folder, back.legend) == (
        html.data,
        annotations,
        "pool/a/b",
        LEGEND,
    )


def test_versions_of_members(live: TagtogClient) -> None:
    doc = document("Some text")
    list(live.overwrite_documents([doc]))
    own = document("Some text", complete=True)
    own.annotations.data["entities"] = []
    (item,) = live.overwrite_documents([Document(doc.id, doc.html, {"bob": own.annotations})], member="bob")
    assert item.result == "updated"
    assert live.annotations(doc.id, member="bob").complete
    assert not live.annotations(doc.id).complete
    assert live.annotations(doc.id, member="carol") == live.annotations(doc.id)
    assert live.own_annotations(doc.id, member="carol") is None
    assert live.own_annotations(doc.id) == live.annotations(doc.id)
    assert dict(live.document(doc.id, members=("master", "bob", "carol")).versions) == {
        "master": live.annotations(doc.id),
        "bob": own.annotations,
    }

    (text,) = live.upload_text("Nobody annotated this.")
    assert live.own_annotations(text.doc_id) is None
    assert list(live.document(text.doc_id).versions) == ["master"]


def test_more_than_a_page(live: TagtogClient) -> None:
    docs = [document(f"Text {number}", name=f"{number}.txt") for number in range(103)]
    assert len(list(live.overwrite_documents(docs, batch_size=50))) == 103
    assert live.count() == 103
    assert [hit.id for hit in live.search()] == [doc.id for doc in docs]
    assert [hit.filename for hit in live.search("filename:7.txt")] == ["7.txt"]


def test_deleting(live: TagtogClient) -> None:
    docs = [document(f"Text {number}", complete=number == 0) for number in range(4)]
    list(live.overwrite_documents(docs))
    assert live.delete("anncomplete:true") == 1
    assert live.delete_document(docs[1].id) == 1
    assert live.delete("anncomplete:true") == 0
    assert live.delete("*") == 2
    with pytest.raises(NotFoundError):
        live.plain_html(docs[1].id)


def test_what_the_server_refuses(live: TagtogClient, server: LocalTagtog) -> None:
    with pytest.raises(NotFoundError):
        live.annotations("aNoSuchDocument")
    with pytest.raises(RejectedError) as caught:
        live.count('"never closed')
    assert caught.value.value != "(nothing)"
    unknown = document("Some text")
    unknown.annotations.data["entities"][0]["classId"] = "e_99"
    with pytest.raises(RejectedError) as caught:
        list(live.overwrite_documents([unknown]))
    assert caught.value.status == 400
    assert "e_99" in str(caught.value)
    with TagtogClient(
        server.url, username=server.username, password=server.password, project="none", owner="owner"
    ) as other:
        for call in (
            other.count,
            other.legend,
            other.settings,
            lambda: list(other.overwrite_documents([document("x")])),
        ):
            with pytest.raises(NotFoundError):
                call()
    with (
        TagtogClient(
            server.url, username=server.username, password="wrong", project=live.project, owner="owner"
        ) as other,
        pytest.raises(AuthenticationError) as denied,
    ):
        other.count()
    assert denied.value.status == 401
    assert isinstance(denied.value, SpacyTagtogError)
    assert "wrong" not in str(denied.value).replace("what is wrong", "")


def test_it_shows_where_it_points_and_no_more(live: TagtogClient, server: LocalTagtog) -> None:
    assert repr(live) == f"<TagtogClient: owner/{live.project} at {server.url}>"
    with TagtogClient(server.url, username="u", password="p", project="x", name="local") as named:
        assert named.name == "local"

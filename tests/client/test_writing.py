"""Uploads, deletions and folders, against a server that misbehaves."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from fault_server import FaultServer, answer, imported
from verbatim import document

from spacy_tagtog.anndoc import Document, html_from_text
from spacy_tagtog.client import TagtogClient
from spacy_tagtog.errors import (
    ConfigurationError,
    DuplicateDocumentError,
    ProjectError,
    RejectedError,
    UnexpectedAnswerError,
)

HTML = html_from_text("Ann lives here.")
DOC_ID = str(HTML.id)
OTHER_ID = str(html_from_text("Another one.").id)

pytestmark = pytest.mark.usefixtures("waits")


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        ([], "names 0 documents, not the 2"),
        ([{"docid": "A", "result": "created"}], "names 1"),
        ([{"docid": "A", "result": "created"}, {"docid": "A", "result": "updated"}], "names one twice"),
        ([{"docid": "A", "result": "created"}, {"docid": "aOther-x", "result": "created"}], "wasn't pushed"),
        ([{"docid": "A", "result": "created"}, {"result": "created"}], "without an id"),
        ([{"docid": "A", "result": "created"}, {"docid": "B", "result": "deleted"}], "result of an import"),
        (
            [
                {"docid": "A", "result": "created"},
                {"docid": "B", "result": "created"},
                {"docid": "B", "result": "created"},
            ],
            "names 3",
        ),
    ],
)
def test_a_push_whose_answer_does_not_name_each_document_once(
    fault: FaultServer, client: TagtogClient, items: list[dict[str, str]], problem: str
) -> None:
    docs = [document("First text"), document("Second text")]
    names = {"A": docs[0].id, "B": docs[1].id}
    fault.answers = [
        answer(
            imported(
                *(
                    {**item, "docid": names.get(item["docid"], item["docid"])} if "docid" in item else item
                    for item in items
                )
            )
        )
    ]
    with pytest.raises(UnexpectedAnswerError, match=problem):
        list(client.overwrite_documents(docs))


def test_a_new_document_may_get_another_id(fault: FaultServer, client: TagtogClient) -> None:
    doc = Document("my-name", HTML, folder="pool")
    names = ["my-name.ann.json", "my-name.plain.html"]
    fault.answers = [
        answer(
            imported(
                {
                    "tagtogID": DOC_ID,
                    "docid": DOC_ID,
                    "origid": "text.txt",
                    "filenames": names,
                    "names": names,
                    "result": "created",
                }
            )
        )
    ]
    assert [(item.doc_id, item.result, item.origid) for item in client.overwrite_documents([doc])] == [
        (DOC_ID, "created", "text.txt")
    ]


def test_an_import_with_errors_is_rejected(fault: FaultServer, client: TagtogClient) -> None:
    fault.answers = [answer({"ok": 0, "errors": 1, "items": [], "warnings": ["the text is empty"]})]
    with pytest.raises(RejectedError, match="1 of 1") as caught:
        client.upload_text("x")
    assert "the text is empty" in str(caught.value.value)


def test_batches_go_by_folder_size_and_bytes(
    fault: FaultServer, client: TagtogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accept(handler: BaseHTTPRequestHandler) -> None:
        sent = fault.requests[-1].body.decode()
        ids = [
            line.partition('filename="')[2].removesuffix('.plain.html"')
            for line in sent.splitlines()
            if '.plain.html"' in line
        ]
        answer(imported(*({"docid": doc_id, "result": "created"} for doc_id in ids)))(handler)

    fault.answers = [accept]
    docs = [document(f"Text {number}", folder="pool/b" if number % 2 else "pool") for number in range(7)]
    pushed = client.overwrite_documents(iter(docs), batch_size=3, member="bob")
    assert fault.requests == []
    assert sorted(item.doc_id for item in pushed) == sorted(doc.id for doc in docs)
    assert [(request.query["folder"], request.body.count(b".ann.json")) for request in fault.requests] == [
        ("pool", 3),
        ("pool/b", 3),
        ("pool", 1),
    ]
    assert {
        (request.query["format"], request.query["output"], request.query["member"])
        for request in fault.requests
    } == {("anndoc", "null", "bob")}

    fault.requests.clear()
    monkeypatch.setattr("spacy_tagtog.client._uploads.MAX_BATCH_BYTES", 1)
    assert len(list(client.overwrite_documents(docs))) == 7
    assert [request.body.count(b".ann.json") for request in fault.requests] == [1] * 7
    assert fault.requests[0].query["member"] == "master"


def test_what_cannot_be_pushed(fault: FaultServer, client: TagtogClient) -> None:
    with pytest.raises(ConfigurationError, match="batch size"):
        list(client.overwrite_documents([document("x")], batch_size=0))
    with pytest.raises(DuplicateDocumentError):
        list(client.overwrite_documents([document("x"), document("x")]))
    assert fault.requests == []


def test_lone_surrogates_are_escaped_in_json_and_refused_elsewhere(
    fault: FaultServer, client: TagtogClient
) -> None:
    doc = document("Some text")
    doc.annotations.data["sources"] = [{"name": "\ud83d", "id": None, "url": None}]
    fault.answers = [answer(imported({"docid": doc.id, "result": "created"}))]
    list(client.overwrite_documents([doc]))
    assert rb'"name":"\ud83d"' in fault.requests[0].body
    with pytest.raises(ConfigurationError, match="encoded"):
        client.upload_text("\ud83d")
    with pytest.raises(ConfigurationError, match="encoded"):
        client.count("\ud83d")
    assert len(fault.requests) == 1


def test_files_that_cannot_be_uploaded(fault: FaultServer, client: TagtogClient, tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        client.upload_files([tmp_path / "missing.txt"])
    assert caught.value.place == tmp_path / "missing.txt"
    with pytest.raises(ConfigurationError, match="same name"):
        client.upload_files([tmp_path / "a" / "x.txt", tmp_path / "b" / "x.txt"])
    assert client.upload_files([]) == []
    assert fault.requests == []


def test_files_go_in_requests_of_bounded_size(
    fault: FaultServer, client: TagtogClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(3)]
    for path in paths:
        path.write_text("12345")
    monkeypatch.setattr("spacy_tagtog.client._uploads.MAX_BATCH_BYTES", 10)
    fault.answers = [
        answer(imported({"docid": "aOne", "result": "created"}, {"docid": "aTwo", "result": "created"})),
        answer(imported({"docid": "aThree", "result": "updated"})),
    ]
    items = client.upload_files(paths, folder="pool/x")
    assert [(item.doc_id, item.result) for item in items] == [
        ("aOne", "created"),
        ("aTwo", "created"),
        ("aThree", "updated"),
    ]
    assert [request.body.count(b"12345") for request in fault.requests] == [2, 1]
    assert fault.requests[0].query == {
        "owner": "ann",
        "project": "proj",
        "output": "null",
        "folder": "pool/x",
    }


@pytest.mark.parametrize("body", ["", "many", "-1", "1.5", "٣", "<html>"])
def test_a_deletion_that_is_not_answered_with_a_number(
    fault: FaultServer, client: TagtogClient, body: str
) -> None:
    fault.answers = [answer(body)]
    with pytest.raises(UnexpectedAnswerError, match="number"):
        client.delete("*")


def test_a_deletion_must_say_what(fault: FaultServer, client: TagtogClient) -> None:
    for query in ("", "  "):
        with pytest.raises(ConfigurationError):
            client.delete(query)
    with pytest.raises(ConfigurationError):
        client.delete_document("")
    assert fault.requests == []


@pytest.mark.parametrize("path", ["", "train", "/pool/x", "pool//x", "pool/../x", "pool/x/", "pool/ "])
def test_folders_are_below_pool(fault: FaultServer, client: TagtogClient, path: str) -> None:
    with pytest.raises(ConfigurationError):
        client.add_folder(path)
    assert fault.requests == []


def test_a_folder_that_somebody_else_adds_at_that_moment(fault: FaultServer, client: TagtogClient) -> None:
    before = {"folders": {"pool": {"name": "pool", "index": 0, "children": {}}}}
    after = {
        "folders": {
            "pool": {"name": "pool", "index": 0, "children": {"x": {"name": "x", "index": 1, "children": {}}}}
        }
    }
    fault.answers = [answer(before), answer("exists", 409), answer(after)]
    client.add_folder("pool/x")
    assert json.loads(fault.requests[1].body) == {"path": "pool/x"}
    fault.answers = [answer(before), answer("bad name", 400), answer(before)]
    with pytest.raises(RejectedError) as caught:
        client.add_folder("pool/y")
    assert caught.value.value == "bad name"

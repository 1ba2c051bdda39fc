"""Answers that aren't what was asked for, and lists that come in pages."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from fault_server import FaultServer, answer, page

from spacy_tagtog.anndoc import html_from_text
from spacy_tagtog.client import TagtogClient
from spacy_tagtog.errors import (
    LegendError,
    UnexpectedAnswerError,
)

HTML = html_from_text("Ann lives here.")
DOC_ID = str(HTML.id)
OTHER_ID = str(html_from_text("Another one.").id)

pytestmark = pytest.mark.usefixtures("waits")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"<!DOCTYPE html><title>Log in</title>",
        b"[]",
        b"{}",
        b'{"totalFound": -1, "pages": {"next": -1, "numPages": 1}, "docs": []}',
        b'{"totalFound": "1", "pages": {"next": -1, "numPages": 1}, "docs": []}',
        b'{"totalFound": 1, "pages": null, "docs": []}',
        b'{"totalFound": 1, "pages": {"next": -1, "numPages": 1}, "docs": [{"id": ""}]}',
        b'{"totalFound": 1, "pages": {"next": -1, "numPages": 1}, '
        b'"docs": [{"id": "a", "updated": "x", "anncomplete": "false"}]}',
    ],
)
def test_search_results_of_another_shape(fault: FaultServer, client: TagtogClient, body: bytes) -> None:
    fault.answers = [answer(body)]
    for call in (client.count, lambda: list(client.search("x"))):
        with pytest.raises(UnexpectedAnswerError) as caught:
            call()
        assert caught.value.status == 200
        assert "GET" in str(caught.value.place)
    if body.startswith(b"<"):
        assert "web page" in caught.value.problem


def test_an_answer_that_breaks_off(fault: FaultServer, client: TagtogClient) -> None:
    fault.answers = [answer(page([]), Content_Length="5000")]
    with pytest.raises(UnexpectedAnswerError, match="breaks off"):
        client.count()


def test_a_broken_off_answer_is_noticed_where_urllib3_does_not(
    fault: FaultServer, client: TagtogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # urllib3 1.26 compares lengths only when asked.
    monkeypatch.setattr("urllib3.response.HTTPResponse._init_length", lambda *_: None)
    fault.answers = [answer(page([]), Content_Length="5000")]
    with pytest.raises(UnexpectedAnswerError, match="breaks off") as caught:
        client.count()
    assert "5000 bytes" in str(caught.value.legal)


def test_compressed_answers(fault: FaultServer, client: TagtogClient) -> None:
    fault.answers = [
        answer(gzip.compress(json.dumps(page([], 9)).encode()), Content_Encoding="gzip"),
        answer(b"this is not gzip", Content_Encoding="gzip"),
    ]
    assert client.count() == 9
    with pytest.raises(UnexpectedAnswerError, match="unpacked"):
        client.count()


def test_an_answer_without_end_is_cut(
    fault: FaultServer, client: TagtogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacy_tagtog.client._answer.MAX_ANSWER_BYTES", 1000)
    fault.answers = [answer(b"x" * 1001)]
    with pytest.raises(UnexpectedAnswerError, match="too large"):
        client.original("aDoc")
    blocks: list[int] = []
    ended = threading.Event()

    def without_end(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for number in range(64):
                handler.wfile.write(bytes(2**20))
                blocks.append(number)
        finally:
            ended.set()

    fault.answers = [without_end]
    with pytest.raises(UnexpectedAnswerError, match="too large"):
        client.original("aDoc")
    assert ended.wait(20)
    assert len(blocks) < 64, "no more is read than that"


def test_a_server_that_speaks_no_http(fault: FaultServer, client: TagtogClient, waits: list[float]) -> None:
    fault.answers = [lambda handler: handler.wfile.write(b"220 mail.example ESMTP ready\r\n")]
    with pytest.raises(UnexpectedAnswerError, match="HTTP"):
        client.count()


def test_pages_are_read_lazily_and_to_the_end(fault: FaultServer, client: TagtogClient) -> None:
    fault.answers = [
        answer(page(["a", "b"], 5, 1, 3)),
        answer(page(["c", "d"], 5, 2, 3)),
        answer(page(["e"], 5, -1, 3)),
    ]
    hits = client.search("some query")
    assert fault.requests == []
    assert [next(hits).id, next(hits).id] == ["a", "b"]
    assert len(fault.requests) == 1
    assert [hit.id for hit in hits] == ["c", "d", "e"]
    assert [(request.query["page"], request.query["search"]) for request in fault.requests] == [
        ("0", "some query"),
        ("1", "some query"),
        ("2", "some query"),
    ]


@pytest.mark.parametrize(
    ("answers", "ids", "calls"),
    [
        pytest.param([page(["a"], 99, 1, 99)], ["a"], 2, id="always the same page"),
        pytest.param([page([], 99, 1, 99)], [], 1, id="empty but more to come"),
        pytest.param([page(["a", "a", "b"], 3, -1, 1)], ["a", "b"], 1, id="twice on one page"),
        pytest.param(
            [page(["a", "b"], 4, 1, 2), page(["b", "c"], 4, 2, 3)],
            ["a", "b", "c"],
            2,
            id="shifted, and more pages than promised",
        ),
        pytest.param([page(["a"], 1, 1, 99)], ["a"], 1, id="all found, but more to come"),
        pytest.param([page(["a"], 9, 0, 9)], ["a"], 1, id="next is this one"),
        pytest.param([page(["a"], 9, 1, 0)], ["a"], 1, id="no pages"),
        pytest.param([page(["a"], 9, 7, 9), page(["b"], 9, -1, 9)], ["a", "b"], 2, id="pages left out"),
    ],
)
def test_paging_ends_whatever_the_server_says(
    fault: FaultServer, client: TagtogClient, answers: list[dict[str, Any]], ids: list[str], calls: int
) -> None:
    fault.answers = [answer(body) for body in answers]
    assert [hit.id for hit in client.search()] == ids
    assert len(fault.requests) == calls
    assert [request.query["page"] for request in fault.requests] == [str(number) for number in range(calls)]


@pytest.mark.parametrize(
    ("body", "headers", "problem"),
    [
        (b'{"a": 1}', {"Content-Type": "application/json"}, "isn't HTML"),
        (HTML.data, {}, "isn't HTML"),
        (b"<html><body><p id='x'>", {"Content-Type": "text/html"}, "doesn't parse"),
        (b"", {"Content-Type": "text/html"}, "doesn't parse|empty"),
        (b"<html><body><p>Log in</p></body></html>", {"Content-Type": "text/html"}, "without any part"),
        (
            HTML.data.replace(DOC_ID.encode(), OTHER_ID.encode()),
            {"Content-Type": "text/html"},
            "another document",
        ),
        (
            HTML.data,
            {
                "Content-Type": "text/html",
                "Content-Disposition": f'attachment; filename="{OTHER_ID}.plain.html"',
            },
            "another document",
        ),
        (
            HTML.data,
            {"Content-Type": "text/html", "Content-Disposition": f'attachment; filename="{DOC_ID}.ann.json"'},
            "another document",
        ),
    ],
)
def test_an_answer_that_is_not_the_plain_html(
    fault: FaultServer, client: TagtogClient, body: bytes, headers: dict[str, Any], problem: str
) -> None:
    fault.answers = [answer(body, **headers)]
    with pytest.raises(UnexpectedAnswerError, match=problem) as caught:
        client.plain_html(DOC_ID)
    assert DOC_ID in str(caught.value)


@pytest.mark.parametrize(
    ("doc_id", "disposition"),
    [
        (DOC_ID, None),
        (DOC_ID, "inline"),
        ("aDoc-x.txt", "attachment; filename=aDoc-x.txt.plain.html"),
        ("aDoc-x y.txt", 'attachment; filename="aDoc-x y.txt.plain.html"'),
        ("aDoc-é.txt", "attachment; filename*=UTF-8''aDoc-%C3%A9.txt.plain.html"),
        ("aDoc-é.txt", 'attachment; filename="aDoc-?.txt.plain.html"'),
        ("aDoc-é.txt", 'attachment; filename="aDoc-é.txt.plain.html"'),
    ],
)
def test_the_name_of_an_answer_is_understood(
    fault: FaultServer, client: TagtogClient, doc_id: str, disposition: str | None
) -> None:
    headers: dict[str, Any] = {
        "Content-Type": "text/html;charset=utf-8",
        **({} if disposition is None else {"Content-Disposition": disposition}),
    }
    content = html_from_text("Ann lives here.", doc_id=doc_id).data
    fault.answers = [answer(content, **headers)]
    assert client.plain_html(doc_id) == content
    assert fault.requests[0].query == {
        "owner": "ann",
        "project": "proj",
        "idType": "tagtogID",
        "ids": doc_id,
        "output": "plain.html",
        "member": "master",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"<html>",
        b'{"entities": [{"classId": 1}]}',
        b'{"anncomplete": "yes"}',
        b'{"metas": {"m_1": {"value": NaN}}}',
    ],
)
def test_an_answer_that_is_not_an_ann_json(fault: FaultServer, client: TagtogClient, body: bytes) -> None:
    fault.answers = [answer(body)]
    with pytest.raises(UnexpectedAnswerError) as caught:
        client.annotations(DOC_ID)
    assert DOC_ID in str(caught.value)


def test_annotations_of_another_document_are_refused(fault: FaultServer, client: TagtogClient) -> None:
    fault.answers = [answer("{}", Content_Disposition=f"attachment; filename={OTHER_ID}.ann.json")]
    with pytest.raises(UnexpectedAnswerError, match="another document"):
        client.annotations(DOC_ID)


def test_legends_and_settings_of_another_shape(fault: FaultServer, client: TagtogClient) -> None:
    for body in ("[]", '{"e_1": 1}', "x"):
        fault.answers = [answer(body)]
        with pytest.raises(UnexpectedAnswerError):
            client.legend()
    fault.answers = [answer('{"e_1": "A", "e_2": "A"}')]
    with pytest.raises(LegendError, match="same name"):
        client.legend()
    for body in ("[]", "x"):
        fault.answers = [answer(body)]
        with pytest.raises(UnexpectedAnswerError):
            client.settings()
    shapes: list[dict[str, Any]] = [
        {},
        {"folders": None},
        {"folders": []},
        {"folders": {"pool": 1}},
        {"folders": {"pool": {"children": [1]}}},
    ]
    for folders in shapes:
        fault.answers = [answer(folders)]
        with pytest.raises(UnexpectedAnswerError, match="folders"):
            client.folders()

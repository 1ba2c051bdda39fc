"""Redirects: which may be followed, and which may have the password."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
import requests
from fault_server import PASSWORD, FaultServer, answer, fault_server, page
from verbatim import document

from spacy_tagtog.client import TagtogClient
from spacy_tagtog.errors import (
    RejectedError,
    UnexpectedAnswerError,
)

TOKEN = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()

pytestmark = pytest.mark.usefixtures("waits")


def test_redirects_within_the_server_are_followed_with_the_password(
    fault: FaultServer, client: TagtogClient
) -> None:
    fault.answers = [
        answer(b"", 302, Location="/elsewhere?a=b"),
        answer(b"", 307, Location=f"{fault.url}/third"),
        answer(page([], 5)),
    ]
    assert client.count() == 5
    assert [request.path for request in fault.requests] == ["/-api/documents/v1", "/elsewhere", "/third"]
    assert fault.requests[1].query == {"a": "b"}
    assert [request.headers["Authorization"] for request in fault.requests] == [f"Basic {TOKEN}"] * 3


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "user:secret@localhost"])
def test_the_password_never_goes_to_another_server(
    fault: FaultServer, client: TagtogClient, host: str
) -> None:
    with fault_server() as other:
        other.answers = [answer(page([], 5))]
        fault.answers = [answer(b"", 302, Location=f"http://{host}:{other.port}/x")]
        with pytest.raises(RejectedError, match="another server") as caught:
            client.count()
        assert other.requests == []
    assert caught.value.value == f"http://{host.rpartition('@')[2]}:{other.port}"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("domain", "location", "followed"),
    [
        ("http://tagtog.example", "https://tagtog.example/x", True),
        ("http://tagtog.example:80", "https://tagtog.example/x", True),
        ("http://tagtog.example", "https://tagtog.example:443/x", True),
        ("https://tagtog.example", "https://tagtog.example:443/x", True),
        ("http://tagtog.example:8080", "https://tagtog.example/x", False),
        ("https://tagtog.example", "http://tagtog.example/x", False),
        ("https://tagtog.example", "https://tagtog.example:8443/x", False),
        ("http://tagtog.example", "https://tagtog.example:8443/x", False),
        ("http://tagtog.example", "https://evil.example/x", False),
        ("https://tagtog.example", "https://www.tagtog.example/x", False),
        ("https://tagtog.example", "//evil.example/x", False),
        ("https://tagtog.example", "https://tagtog.example@evil.example/x", False),
        ("https://tagtog.example", "file:///etc/passwd", False),
    ],
)
def test_which_redirects_may_have_the_password(
    monkeypatch: pytest.MonkeyPatch, domain: str, location: str, followed: bool
) -> None:
    sent: list[requests.PreparedRequest] = []

    def send(_: Any, request: requests.PreparedRequest, **__: Any) -> requests.Response:
        sent.append(request)
        response = requests.Response()
        response.url, response.request, response.status_code = (
            str(request.url),
            request,
            302 if len(sent) == 1 else 200,
        )
        response.raw = io.BytesIO(b"" if len(sent) == 1 else json.dumps(page([], 1)).encode())
        response.headers.update({"Location": location} if len(sent) == 1 else {})
        return response

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", send)
    with TagtogClient(domain, username="ann", password=PASSWORD, project="x", allow_http=True) as client:
        if followed:
            assert client.count() == 1
            assert str(sent[1].url).startswith("https://tagtog.example/x")
        else:
            with pytest.raises(RejectedError):
                client.count()
            assert len(sent) == 1


def test_redirects_in_circles_end(fault: FaultServer, client: TagtogClient) -> None:
    fault.answers = [answer(b"", 301, Location="/again")]
    with pytest.raises(RejectedError, match="circles"):
        client.count()
    assert len(fault.requests) == 6


def test_a_redirect_to_nowhere_is_unexpected(fault: FaultServer, client: TagtogClient) -> None:
    fault.answers = [answer(b"", 302, Location="http://[broken/")]
    with pytest.raises(UnexpectedAnswerError, match="address"):
        client.count()


def test_an_upload_is_not_redirected(fault: FaultServer, client: TagtogClient) -> None:
    fault.answers = [answer(b"", 301, Location=fault.url.replace("http:", "https:") + "/-api/documents/v1")]
    with pytest.raises(RejectedError, match="redirects this POST") as caught:
        list(client.overwrite_documents([document("Some text")]))
    assert "wants https, not http" in str(caught.value.advice)
    fault.answers = [answer(b"", 307, Location="/other")]
    with pytest.raises(RejectedError, match="redirects this POST"):
        client.upload_text("x")
    with pytest.raises(RejectedError, match="redirects this DELETE"):
        client.delete("*")
    assert [request.path for request in fault.requests] == ["/-api/documents/v1"] * 3

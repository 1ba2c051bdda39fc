"""The HTTP client: against the local tagtog, and against servers that misbehave."""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
import random
import shutil
import socket
import subprocess
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
from clocks import FakeTime
from databases import number_of_projects
from fault_server import PASSWORD, FaultServer, answer, fault_server, imported, page

from spacy_tagtog.anndoc import Annotations, Document, Legend, confidence, html_from_blocks, html_from_text
from spacy_tagtog.client import Retries, TagtogClient
from spacy_tagtog.client._retry import Throttle
from spacy_tagtog.errors import (
    AuthenticationError,
    ClientError,
    ConfigurationError,
    DuplicateDocumentError,
    LegendError,
    NotFoundError,
    ProjectError,
    RejectedError,
    SpacyTagtogError,
    UnexpectedAnswerError,
    UnreachableError,
)
from spacy_tagtog.server import LocalTagtog, create_project, settings_from_legend

TOKEN = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
LEGEND = Legend(
    {"e_1": "Person", "e_2": "Place", "m_1": "topic", "n_1": "wiki", "f_1": "gender", "r_1": "lives_in"}
)


@pytest.fixture
def fault() -> Iterator[FaultServer]:
    with fault_server() as server:
        yield server


@pytest.fixture
def client(fault: FaultServer) -> Iterator[TagtogClient]:
    with fault.client() as made:
        yield made


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that clients would have waited between their tries."""
    time = FakeTime()
    monkeypatch.setattr("spacy_tagtog.client.api.Clock", lambda: time.clock)
    return time.waits


@pytest.fixture(scope="module")
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def document(
    doc_id_text: str, *, folder: str = "pool", name: str = "text.txt", complete: bool = False
) -> Document:
    html = html_from_text(doc_id_text, filename=name)
    assert html.id is not None
    annotations = Annotations.empty(list(html.parts), complete=complete)
    annotations.data["entities"].append(
        {
            "classId": "e_1",
            "part": "s1v1",
            "offsets": [{"start": 0, "text": doc_id_text[:4]}],
            "confidence": confidence(state="pre-added", who=["ml:test"], prob=0.5),
            "fields": {},
            "normalizations": {},
        }
    )
    return Document(html.id, html, {"master": annotations}, folder=folder, legend=LEGEND)


# ---------------------------------------------------------------- what the client is given


@pytest.mark.parametrize(
    ("given", "domain"),
    [
        ("www.tagtog.com", "https://www.tagtog.com"),
        (" https://www.tagtog.com/ ", "https://www.tagtog.com"),
        ("https://www.tagtog.com:443", "https://www.tagtog.com"),
        ("HTTPS://Tagtog.Example:8443//", "https://tagtog.example:8443"),
        ("localhost:8181", "https://localhost:8181"),
        ("http://localhost:8181", "http://localhost:8181"),
        ("http://127.0.0.2", "http://127.0.0.2"),
        ("http://[::1]:8181/", "http://[::1]:8181"),
    ],
)
def test_a_domain_is_normalised(given: str, domain: str) -> None:
    with TagtogClient(given, username="u", password="p", project="x") as client:
        assert (client.domain, client.name, client.owner) == (domain, domain, "u")


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "  ",
        "https://",
        "ftp://tagtog.com",
        "not a domain",
        "https://host:port",
        "https://host:99999",
        "https://host:0",
        "https://[::1",
        "a..b",
        "https://a_b/c",
    ],
)
def test_a_domain_that_is_none_is_refused(domain: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        TagtogClient(domain, username="u", password="p", project="x")
    assert "domain" in caught.value.problem
    assert "https://" in str(caught.value.legal)


def test_the_address_of_a_project_is_no_domain() -> None:
    with pytest.raises(ConfigurationError, match="after the host") as caught:
        TagtogClient("https://www.tagtog.com/owner/project?x=1", username="u", password="p", project="x")
    assert "give https://www.tagtog.com," in str(caught.value.advice)


def test_a_password_in_the_domain_is_refused_and_not_repeated() -> None:
    secret = "".join(["hun", "ter2"])  # the source line is part of the traceback
    with pytest.raises(ConfigurationError) as caught:
        TagtogClient(f"https://ann:{secret}@tagtog.com", username="u", password="p", project="x")
    assert "user name or password" in caught.value.problem
    assert secret not in "".join(traceback.format_exception(caught.value))
    assert secret not in repr(vars(caught.value))


def test_unencrypted_http_is_only_for_this_machine() -> None:
    with pytest.raises(ConfigurationError, match="unencrypted") as caught:
        TagtogClient("http://tagtog.example", username="u", password="p", project="x")
    assert "https://tagtog.example" in str(caught.value.advice)
    with TagtogClient(
        "http://tagtog.example", username="u", password="p", project="x", allow_http=True
    ) as client:
        assert client.domain == "http://tagtog.example"


@pytest.mark.parametrize("empty", ["username", "password", "project", "owner"])
def test_empty_values_are_refused(empty: str) -> None:
    values: dict[str, Any] = {"username": "u", "password": "p", "project": "x", "owner": "o", empty: ""}
    with pytest.raises(ConfigurationError, match="is empty"):
        TagtogClient("tagtog.com", **values)


def test_a_user_name_with_a_colon_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="colon"):
        TagtogClient("tagtog.com", username="a:b", password="p", project="x")


def test_ca_files_are_checked_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    for path, problem in (
        (tmp_path / "missing.pem", "no such file"),
        (tmp_path / "empty.pem", "holds no certificate"),
        (tmp_path, "no such file"),
    ):
        with pytest.raises(ConfigurationError, match=problem) as caught:
            TagtogClient("tagtog.com", username="u", password="p", project="x", verify=path)
        assert caught.value.place == path
        assert "TAGTOG_CA_FILE" in str(caught.value.advice)


def test_certificates_are_always_verified() -> None:
    with pytest.raises(ConfigurationError, match="must be verified"):
        TagtogClient("tagtog.com", username="u", password="p", project="x", verify=False)


# ---------------------------------------------------------------- no answer


def test_a_server_that_is_down_fails_after_a_few_bounded_retries(
    closed_port: int, waits: list[float]
) -> None:
    with TagtogClient(
        f"http://127.0.0.1:{closed_port}", username="ann", password=PASSWORD, project="proj"
    ) as client:
        for call in (client.count, lambda: list(client.push([document("Some text")]))):
            waits.clear()
            with pytest.raises(UnreachableError, match="refused") as caught:
                call()
            assert len(waits) == 3
            assert 0 < sum(waits) < 0.5 + 1 + 2
            assert not caught.value.uncertain
            assert "tried 4 times" in str(caught.value.advice)
            assert caught.value.status is None
            assert f"127.0.0.1:{closed_port}" in str(caught.value)
            assert "ann/proj" in str(caught.value.place)


def test_a_refused_push_is_sent_once_the_server_is_up(
    monkeypatch: pytest.MonkeyPatch, fault: FaultServer
) -> None:
    doc = document("Some text")
    fault.answers = [answer(imported({"docid": doc.id, "result": "created"}))]
    connect, refusals = socket.socket.connect, [ConnectionRefusedError(111, "Connection refused")]

    def refuse_once(self: socket.socket, address: Any) -> None:
        if refusals and address[1] == fault.port:
            raise refusals.pop()
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse_once)
    with fault.client() as client:
        assert [item.result for item in client.push([doc])] == ["created"]
    assert not refusals
    assert len(fault.requests) == 1


def test_a_server_that_hangs_is_asked_again_and_given_up(fault: FaultServer) -> None:
    fault.answers = [lambda _: fault.released.wait(30) and None]
    with fault.client(timeout=(2, 0.1)) as client:
        with pytest.raises(UnreachableError, match="in time") as caught:
            client.count()
        assert "0.1 s" in str(caught.value)
        assert len(fault.requests) == 3
        # tagtog may have stored it: sending it again is nobody's guess.
        fault.requests.clear()
        with pytest.raises(UnreachableError, match="in time") as caught:
            client.upload_text("x")
        assert len(fault.requests) == 1
        assert caught.value.uncertain
        assert "look there before you repeat it" in str(caught.value.advice)


def test_a_server_that_is_slow_once_is_no_problem(fault: FaultServer) -> None:
    fault.answers = [lambda _: fault.released.wait(30) and None, answer(page([], 7))]
    with fault.client(timeout=(2, 0.1)) as client:
        assert client.count() == 7


def test_a_host_that_does_not_even_refuse_is_tried_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def black_hole(*_: Any) -> None:
        attempts.append(1)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", black_hole)
    with TagtogClient("http://127.0.0.1:9", username="ann", password=PASSWORD, project="x") as client:
        for call in (client.count, lambda: client.upload_text("x")):
            with pytest.raises(UnreachableError, match="in time") as caught:
                call()
            assert not caught.value.uncertain
    assert len(attempts) == 6


def test_an_answer_that_stops_in_the_middle_is_given_up(fault: FaultServer) -> None:
    def stall(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"{")
        handler.wfile.flush()
        fault.released.wait(30)

    fault.answers = [stall]
    with fault.client(timeout=(2, 0.1)) as client, pytest.raises(UnreachableError, match="in time"):
        client.count()


def test_a_connection_that_breaks_is_tried_again_for_get_only(
    fault: FaultServer, client: TagtogClient, waits: list[float]
) -> None:
    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)

    fault.answers = [hang_up, answer(page([], 7))]
    assert client.count() == 7
    assert len(fault.requests) == 2

    fault.answers = [hang_up]
    with pytest.raises(UnreachableError):
        client.count()
    fault.requests.clear()
    for call in (lambda: list(client.push([document("Some text")])), lambda: client.delete("*")):
        with pytest.raises(UnreachableError) as caught:
            call()
        assert caught.value.uncertain
    assert [request.method for request in fault.requests] == ["POST", "DELETE"]


def test_an_unknown_host_is_unreachable(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with (
        TagtogClient("tagtog.invalid", username="u", password=PASSWORD, project="x") as client,
        pytest.raises(UnreachableError, match="not known"),
    ):
        client.count()
    assert sum(waits) < 4


def test_plain_http_behind_https_is_explained(fault: FaultServer, waits: list[float]) -> None:
    fault.answers = [answer(page([]))]
    https = fault.url.replace("http:", "https:")
    with (
        TagtogClient(https, username="u", password="p", project="x") as client,
        pytest.raises(UnreachableError, match="encrypted") as caught,
    ):
        client.count()
    assert "http://" in str(caught.value.advice)
    assert "TAGTOG_CA_FILE" in str(caught.value.advice)
    assert waits == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl program to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    pair = (folder / "cert.pem", folder / "key.pem")
    command = f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run(
        [*command.split(), "-out", str(pair[0]), "-keyout", str(pair[1])], check=True, capture_output=True
    )
    return pair


def test_a_self_signed_certificate_needs_its_ca_file(
    certificate: tuple[Path, Path], waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0].parent / "other.pem"))
    with fault_server(certificate) as fault:
        fault.answers = [answer(page([], 3))]
        with fault.client(verify=certificate[0]) as client:
            assert client.count() == 3
        with fault.client() as client, pytest.raises(UnreachableError, match="certificate") as caught:
            client.count()
        assert "TAGTOG_CA_FILE" in str(caught.value.advice)
        assert len(fault.requests) == 1
    assert waits == []


def test_a_bundle_of_the_environment_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with (
        TagtogClient("tagtog.invalid", username="u", password=PASSWORD, project="x") as client,
        pytest.raises(ConfigurationError) as caught,
    ):
        client.count()
    assert "REQUESTS_CA_BUNDLE" in str(caught.value.advice)


def test_a_proxy_is_not_asked_for_this_machine(
    fault: FaultServer, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    fault.answers = [answer(page([], 2))]
    with fault.client() as client:
        assert client.count() == 2
    proxied = TagtogClient(
        "http://tagtog.invalid", username="u", password=PASSWORD, project="x", allow_http=True
    )
    with proxied, pytest.raises(UnreachableError, match="proxy"):
        proxied.count()


# ---------------------------------------------------------------- error answers


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RejectedError),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, NotFoundError),
        (413, RejectedError),
        (422, RejectedError),
        (500, RejectedError),
        (501, RejectedError),
        (304, RejectedError),
    ],
)
def test_error_statuses(
    fault: FaultServer, client: TagtogClient, status: int, error: type[ClientError]
) -> None:
    body = b"" if status == 304 else b"the reason\n\nin two lines"
    fault.answers = [answer(body, status)]
    with pytest.raises(error) as caught:
        client.count()
    assert type(caught.value) is error
    assert caught.value.status == status
    assert caught.value.value == ("(nothing)" if status == 304 else "the reason / in two lines")
    assert f"GET {fault.url}/-api/documents/v1, project ann/proj" in str(caught.value)
    assert len(fault.requests) == (6 if status == 500 else 1)


def test_what_a_web_page_says_is_shown_as_text(fault: FaultServer, client: TagtogClient) -> None:
    page_ = (
        "<html><head><style>b {}</style></head><body><h1>Bad\x1b[31m Gateway</h1>\n<script>x()</script><p>"
        + "long " * 500
        + "</p></body></html>"
    )
    fault.answers = [answer(page_, 500)]
    with pytest.raises(RejectedError) as caught:
        client.count()
    shown = str(caught.value)
    assert "Gateway" in shown
    assert "<" not in shown.partition("value:")[2]
    assert "x()" not in shown
    assert "\x1b" not in shown
    assert len(shown) < 700


def test_a_busy_server_is_asked_again_when_it_says(fault: FaultServer, waits: list[float]) -> None:
    # FakeTime begins on Tue, 14 Nov 2023 22:13:20 GMT.
    fault.answers = [
        answer("busy", 503, Retry_After="2"),
        answer("slow down", 429, Retry_After="Tue, 14 Nov 2023 22:13:25 GMT"),
        answer("still busy", 503, Retry_After="Tue, 14 Nov 2023 22:13:20 GMT"),
        answer(page([], 4)),
    ]
    with fault.client(retries=Retries(first_pause=0)) as client:
        assert client.count() == 4
    assert waits == [2, 3, 0]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_retries_of_a_busy_server_are_bounded(
    fault: FaultServer, client: TagtogClient, waits: list[float], status: int
) -> None:
    fault.answers = [answer("busy", status)]
    with pytest.raises(RejectedError) as caught:
        client.count()
    assert caught.value.status == status
    assert len(fault.requests) == 6
    assert all(0 <= wait <= most for wait, most in zip(waits, (0.5, 1, 2, 4, 8), strict=True))
    assert len(set(waits)) == 5


def test_pauses_are_spread_over_their_whole_range() -> None:
    chance = random.Random(1)
    retries = Retries(first_pause=1, longest_pause=10)
    for number, most in ((1, 1), (2, 2), (3, 4), (5, 10), (500, 10)):
        pauses = [retries.pause(number, chance) for _ in range(400)]
        assert 0 <= min(pauses) < most / 10
        assert most * 0.9 < max(pauses) <= most
    with pytest.raises(ConfigurationError, match="negative"):
        Retries(failures=-1)


@pytest.mark.parametrize("retry_after", ["3600", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_a_server_that_wants_a_long_pause_gets_it(
    fault: FaultServer, client: TagtogClient, waits: list[float], retry_after: str
) -> None:
    fault.answers = [answer("busy", 503, Retry_After=retry_after)]
    with pytest.raises(RejectedError) as caught:
        client.count()
    assert (len(fault.requests), waits) == (1, [])
    assert retry_after in str(caught.value.advice)


def test_the_pauses_of_one_call_are_bounded_together(fault: FaultServer, waits: list[float]) -> None:
    fault.answers = [answer("busy", 503, Retry_After="40")]
    with fault.client(retries=Retries(first_pause=0)) as client, pytest.raises(RejectedError):
        client.count()
    assert (len(fault.requests), waits) == (2, [40])


@pytest.mark.parametrize(
    "rubbish", ["soon", "-1", "1.5", "Fri, 99 Foo 2100", "9" * 70, "\u0663".encode().decode("latin-1")]
)
def test_a_retry_after_that_is_rubbish_does_no_harm(
    fault: FaultServer, client: TagtogClient, waits: list[float], rubbish: str
) -> None:
    fault.answers = [answer("busy", 503, Retry_After=rubbish), answer(page([], 4))]
    assert client.count() == 4
    assert sum(waits) <= 0.5


def test_a_push_is_not_repeated_to_a_failing_server(fault: FaultServer, client: TagtogClient) -> None:
    for status in (500, 502, 503, 504):
        fault.requests.clear()
        fault.answers = [answer("busy", status, Retry_After="1")]
        with pytest.raises(RejectedError) as caught:
            list(client.push([document("Some text")]))
        assert len(fault.requests) == 1
        assert caught.value.uncertain


def test_what_tagtog_has_certainly_not_done_is_repeated_whatever_it_is(
    fault: FaultServer, client: TagtogClient
) -> None:
    doc = document("Some text")
    fault.answers = [
        answer("slow down", 429),
        answer("slow down", 429, Retry_After="1"),
        answer(imported({"docid": doc.id, "result": "created"})),
    ]
    assert [item.result for item in client.push([doc])] == ["created"]
    assert len({request.body.partition(b"\r\n")[2][:200] for request in fault.requests}) == 1
    fault.answers = [answer("slow down", 429), answer("3")]
    assert client.delete("*") == 3


def test_nonsense_is_asked_for_again_but_only_where_that_is_safe(
    fault: FaultServer, client: TagtogClient
) -> None:
    fault.answers = [answer("<html>Please log in</html>"), answer(page([], 2))]
    assert client.count() == 2
    fault.requests.clear()
    fault.answers = [answer("<html>Please log in</html>")]
    with pytest.raises(UnexpectedAnswerError, match="web page"):
        client.count()
    assert len(fault.requests) == 3
    fault.requests.clear()
    with pytest.raises(UnexpectedAnswerError) as caught:
        list(client.push([document("Some text")]))
    assert len(fault.requests) == 1
    assert caught.value.uncertain


def test_a_deleted_document_stays_deleted_when_the_answer_gets_lost(
    fault: FaultServer, client: TagtogClient
) -> None:
    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)

    fault.answers = [hang_up, answer("no such document", 404)]
    assert client.delete_document("aDoc") == 1
    fault.answers = [answer("slow down", 429), answer("no such document", 404)]
    with pytest.raises(NotFoundError):
        client.delete_document("aDoc")


def test_a_rate_limit_spreads_calls_evenly(fault: FaultServer, waits: list[float]) -> None:
    fault.answers = [answer(page([], 1))]
    with fault.client(rate=4) as client:
        for _ in range(5):
            client.count()
    assert waits == pytest.approx([0.25] * 4)
    for rate in (0, -1, float("nan")):
        with pytest.raises(ConfigurationError, match="rate limit"):
            fault.client(rate=rate)
    with pytest.raises(ConfigurationError, match="threads"):
        fault.client(threads=0)


def test_all_threads_wait_where_one_was_asked_to() -> None:
    time = FakeTime()
    throttle = Throttle(None, time.clock)
    throttle.wait()
    assert time.waits == []
    throttle.hold(7)
    throttle.hold(3)
    throttle.wait()
    throttle.wait()
    assert time.waits == [7]


# ---------------------------------------------------------------- redirects


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
        ("https://tagtog.example", "https://tagtog.example:443/x", True),
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
        list(client.push([document("Some text")]))
    assert "wants https, not http" in str(caught.value.advice)
    fault.answers = [answer(b"", 307, Location="/other")]
    with pytest.raises(RejectedError, match="redirects this POST"):
        client.upload_text("x")
    with pytest.raises(RejectedError, match="redirects this DELETE"):
        client.delete("*")
    assert [request.path for request in fault.requests] == ["/-api/documents/v1"] * 3


# ---------------------------------------------------------------- nothing secret


def test_the_password_appears_nowhere(
    fault: FaultServer, caplog: pytest.LogCaptureFixture, closed_port: int, waits: list[float]
) -> None:
    caplog.set_level(logging.DEBUG)

    def echo(handler: BaseHTTPRequestHandler) -> None:
        answer(f"you sent {handler.headers['Authorization']}, that is {PASSWORD}", 500)(handler)

    shown: list[str] = []
    scripts = [
        echo,
        answer(f"{PASSWORD} {TOKEN}", 401),
        answer(f"{PASSWORD} {TOKEN}", 404),
        answer(b"", 302, Location=f"http://ann:{PASSWORD}@localhost/".encode().decode("latin-1")),
        lambda handler: handler.connection.shutdown(socket.SHUT_RDWR),
        answer("<html>"),
    ]
    for script in scripts:
        fault.answers = [script]
        with fault.client() as client:
            shown.append(f"{client!r} {client} {vars(client).keys()}")
            with pytest.raises(ClientError) as caught:
                client.count()
        shown += [
            "".join(traceback.format_exception(caught.value)),
            repr(caught.value),
            repr(vars(caught.value)),
        ]
        # Error reporters print whole chains with local variables: requests' own exceptions carry the header.
        chain: list[BaseException | None] = [caught.value.__cause__, caught.value.__context__]
        assert not any(hasattr(link, "request") for link in chain)
    with (
        TagtogClient(
            f"http://127.0.0.1:{closed_port}", username="ann", password=PASSWORD, project="p"
        ) as client,
        pytest.raises(UnreachableError) as gone,
    ):
        client.count()
    shown.append("".join(traceback.format_exception(gone.value)))
    assert (gone.value.__cause__, gone.value.__context__) == (None, None)
    everything = "\n".join([*shown, caplog.text])
    assert "you sent Basic ***, that is ***" in everything
    assert "documents/v1" in caplog.text  # the log is on
    for secret in (PASSWORD, TOKEN, PASSWORD.encode().decode("latin-1")):
        assert secret not in everything


def test_a_password_may_hold_any_character(fault: FaultServer, client: TagtogClient) -> None:
    fault.answers = [answer(page([], 1))]
    client.count()
    assert fault.requests[0].headers["Authorization"] == f"Basic {TOKEN}"
    assert fault.requests[0].query["owner"] == "ann"
    assert fault.requests[0].headers["User-Agent"].startswith("spacy-tagtog/")


# ---------------------------------------------------------------- answers that aren't


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
        b'{"totalFound": 1, "pages": {"next": -1, "numPages": 1}, "docs": [{"id": "a", "updated": "x", "anncomplete": "false"}]}',
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
    monkeypatch.setattr("spacy_tagtog.client._http._MAX_ANSWER_BYTES", 1000)
    fault.answers = [answer(b"x" * 1001)]
    with pytest.raises(UnexpectedAnswerError, match="too large"):
        client.original("aDoc")


def test_a_server_that_speaks_no_http(fault: FaultServer, client: TagtogClient, waits: list[float]) -> None:
    fault.answers = [lambda handler: handler.wfile.write(b"220 mail.example ESMTP ready\r\n") and None]
    with pytest.raises(UnexpectedAnswerError, match="HTTP"):
        client.count()


# ---------------------------------------------------------------- pages


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


# ---------------------------------------------------------------- documents that aren't

HTML = html_from_text("Ann lives here.")
DOC_ID = str(HTML.id)
OTHER_ID = str(html_from_text("Another one.").id)


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
    fault: FaultServer, client: TagtogClient, body: bytes, headers: dict[str, str], problem: str
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
    headers = {
        "Content-Type": "text/html;charset=utf-8",
        **({} if disposition is None else {"Content-Disposition": disposition}),
    }
    fault.answers = [answer(HTML.data, **headers)]
    assert client.plain_html(doc_id) == HTML.data
    assert fault.requests[0].query == {
        "owner": "ann", "project": "proj", "idType": "tagtogID", "ids": doc_id, "output": "plain.html", "member": "master"
    }  # fmt: skip


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
    for folders in (
        {},
        {"folders": None},
        {"folders": []},
        {"folders": {"pool": 1}},
        {"folders": {"pool": {"children": [1]}}},
    ):
        fault.answers = [answer(folders)]
        with pytest.raises(UnexpectedAnswerError, match="folders"):
            client.folders()


# ---------------------------------------------------------------- uploads


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
        list(client.push(docs))


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
    assert [(item.doc_id, item.result, item.origid) for item in client.push([doc])] == [
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
    pushed = client.push(iter(docs), batch_size=3, member="bob")
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
    monkeypatch.setattr("spacy_tagtog.client.api.MAX_BATCH_BYTES", 1)
    assert len(list(client.push(docs))) == 7
    assert [request.body.count(b".ann.json") for request in fault.requests] == [1] * 7
    assert fault.requests[0].query["member"] == "master"


def test_what_cannot_be_pushed(fault: FaultServer, client: TagtogClient) -> None:
    with pytest.raises(ConfigurationError, match="batch size"):
        list(client.push([document("x")], batch_size=0))
    with pytest.raises(DuplicateDocumentError):
        list(client.push([document("x"), document("x")]))
    assert fault.requests == []


def test_lone_surrogates_are_escaped_in_json_and_refused_elsewhere(
    fault: FaultServer, client: TagtogClient
) -> None:
    doc = document("Some text")
    doc.annotations.data["sources"] = [{"name": "\ud83d", "id": None, "url": None}]
    fault.answers = [answer(imported({"docid": doc.id, "result": "created"}))]
    list(client.push([doc]))
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
    monkeypatch.setattr("spacy_tagtog.client.api.MAX_BATCH_BYTES", 10)
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
    for call in (lambda: client.delete("  "), lambda: client.delete_document("")):
        with pytest.raises(ConfigurationError):
            call()
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


# ---------------------------------------------------------------- the real thing


@pytest.fixture
def live(server: LocalTagtog) -> Iterator[TagtogClient]:
    project = f"project-{number_of_projects(server.database)}"
    server.database.write(
        create_project, "owner", project, settings_from_legend(LEGEND, ["pool", "pool/a", "pool/a/b"])
    )
    with TagtogClient(
        server.url, username=server.username, password=server.password, project=project, owner="owner"
    ) as client:
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
    assert [(item.doc_id, item.result) for item in live.push([doc])] == [(doc.id, "created")]
    assert [(item.doc_id, item.result) for item in live.push([doc])] == [(doc.id, "updated")]

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
    list(live.push([doc]))
    own = document("Some text", complete=True)
    own.annotations.data["entities"] = []
    (item,) = live.push([Document(doc.id, doc.html, {"bob": own.annotations})], member="bob")
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
    assert len(list(live.push(docs, batch_size=50))) == 103
    assert live.count() == 103
    assert [hit.id for hit in live.search()] == [doc.id for doc in docs]
    assert [hit.filename for hit in live.search("filename:7.txt")] == ["7.txt"]


def test_deleting(live: TagtogClient) -> None:
    docs = [document(f"Text {number}", complete=number == 0) for number in range(4)]
    list(live.push(docs))
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
    with pytest.raises(RejectedError, match="400") as caught:
        list(live.push([unknown]))
    assert "e_99" in str(caught.value.value)
    with TagtogClient(
        server.url, username=server.username, password=server.password, project="none", owner="owner"
    ) as other:
        for call in (other.count, other.legend, other.settings, lambda: list(other.push([document("x")]))):
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

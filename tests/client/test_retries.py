"""Error statuses, pauses between tries, and the rate limit."""

from __future__ import annotations

import random
import socket
from http.server import BaseHTTPRequestHandler

import pytest
from clocks import FakeTime
from fault_server import FaultServer, answer, imported, page
from verbatim import document

from spacy_tagtog.client import Retries, TagtogClient
from spacy_tagtog.client._retry import Clock, Throttle
from spacy_tagtog.errors import (
    AuthenticationError,
    ClientError,
    ConfigurationError,
    NotFoundError,
    RejectedError,
    UnexpectedAnswerError,
)

pytestmark = pytest.mark.usefixtures("waits")


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


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "correct what tagtog complains about"),
        (409, "correct what tagtog complains about"),
        (429, "try again later"),
        (500, "try again later"),
        (501, "try again later"),
    ],
)
def test_whose_fault_an_error_is(fault: FaultServer, client: TagtogClient, status: int, advice: str) -> None:
    fault.answers = [answer("the reason", status)]
    with pytest.raises(RejectedError) as caught:
        client.count()
    assert str(caught.value.advice).startswith(advice)


def test_the_clock_of_a_client_really_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("spacy_tagtog.client._retry.time.sleep", waited.append)
    Clock().sleep(3)
    assert waited == [3]


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
            list(client.overwrite_documents([document("Some text")]))
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
    assert [item.result for item in client.overwrite_documents([doc])] == ["created"]
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
        list(client.overwrite_documents([document("Some text")]))
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

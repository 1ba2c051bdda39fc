"""Clients, and servers that misbehave."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from clocks import FakeTime
from fault_server import FaultServer, fault_server
from fetched import Downloads

from spacy_tagtog.client import TagtogClient


@pytest.fixture
def fault() -> Iterator[FaultServer]:
    """A server that does what the test says."""
    with fault_server() as server:
        yield server


@pytest.fixture
def client(fault: FaultServer) -> Iterator[TagtogClient]:
    """A client of that server."""
    with fault.client() as made:
        yield made


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that clients would have waited between their tries. They don't wait."""
    time = FakeTime()
    monkeypatch.setattr("spacy_tagtog.client.api.Clock", lambda: time.clock)
    return time.waits


@pytest.fixture(scope="module")
def closed_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A folder to fetch to, which doesn't exist yet."""
    return tmp_path / "project"


@pytest.fixture
def downloads(client: TagtogClient, monkeypatch: pytest.MonkeyPatch) -> Downloads:
    """What the client downloads."""
    return Downloads(client, monkeypatch)

"""One POST request with a limit on the time that it takes as a whole.

The limits of requests are on each wait: whoever sends one byte now and then is waited for, for ever.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import h11
import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

_PORTS: Final = {"http": 80, "https": 443}


@cache
def _tls() -> ssl.SSLContext:
    """Trust in what this computer trusts, and in what requests does."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


async def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    credentials: tuple[str, str] | None = None,
    connect_seconds: float,
    seconds: float,
) -> int:
    """Send a request, and read the status of its answer. Redirects aren't followed, no proxy is used.

    Args:
        url: An address of http or https.
        body: What is sent.
        headers: More headers.
        credentials: User name and password of HTTP Basic authentication.
        connect_seconds: How long connecting may take.
        seconds: How long all of it may take.

    Raises:
        TimeoutError: It took longer (in Python 3.10: ``asyncio.TimeoutError``).
        ssl.SSLError: The certificate can't be verified.
        OSError: There is no connection.
        h11.RemoteProtocolError: The answer isn't HTTP.
        ValueError: The address is none.
    """
    # requests knows how addresses are written in a request.
    prepared = requests.Request("POST", url, headers=dict(headers), data=body).prepare()
    if credentials is not None:
        pair = base64.b64encode(":".join(credentials).encode()).decode()
        prepared.headers["Authorization"] = f"Basic {pair}"
    return await asyncio.wait_for(_exchange(prepared, body, connect_seconds), seconds)


async def _exchange(prepared: requests.PreparedRequest, body: bytes, connect_seconds: float) -> int:
    address = urlsplit(str(prepared.url))
    host, port = str(address.hostname), address.port or _PORTS[address.scheme]
    opening = asyncio.open_connection(
        host, port, ssl=_tls() if address.scheme == "https" else None, happy_eyeballs_delay=0.25
    )
    reader, writer = await asyncio.wait_for(opening, connect_seconds)
    try:
        connection = h11.Connection(h11.CLIENT)
        headers = [("Host", address.netloc), *prepared.headers.items(), ("Connection", "close")]
        sent = (
            h11.Request(method="POST", target=prepared.path_url, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        writer.write(b"".join(connection.send(event) or b"" for event in sent))
        with suppress(ConnectionError):  # who refuses may answer before all is sent
            await writer.drain()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(2**16))
            elif isinstance(event, h11.Response):
                return event.status_code
            elif not isinstance(event, h11.InformationalResponse):
                raise ConnectionError("the connection ended before an answer")
    finally:
        writer.transport.abort()  # what else it answers isn't read

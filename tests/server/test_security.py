"""What keeps a local tagtog safe: encryption, headers, limits, names, passwords, the cost of queries."""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import trustme
from cryptography.hazmat.primitives import serialization
from databases import upload

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server import (
    Database,
    LocalTagtog,
    Tls,
    create_project,
    local_tagtog,
    serve,
    settings_from_legend,
)
from spacy_tagtog.server.app import make_app
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads

SETTINGS = settings_from_legend(Legend({"e_1": "Person"}))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTagtog]:
    with local_tagtog(tmp_path_factory.mktemp("security") / "tagtog.db") as running:
        running.database.write(create_project, "local", "p", SETTINGS)
        yield running


def call(server: LocalTagtog, path: str = "/-api/documents/v1", **query: str) -> requests.Response:
    params = {"owner": "local", "project": "p", **query}
    return requests.get(server.url + path, params=params, auth=(server.username, server.password), timeout=30)


# ------------------------------------------------------------------------------------------------- encryption


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> tuple[Path, Path]:
    issued = authority.issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    return cert, key


def test_a_server_with_a_certificate_is_reached_by_https_alone(
    authority: trustme.CA, certificate: tuple[Path, Path], tmp_path: Path, subprocess_env: dict[str, str]
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    cert, key = map(str, certificate)
    command = [
        sys.executable,
        "-m",
        "spacy_tagtog",
        "serve",
        "--port",
        "0",
        "--tls-cert",
        cert,
        "--tls-key",
        key,
    ]
    process = subprocess.Popen(
        [*command, "--database", str(tmp_path / "x.db")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=subprocess_env,
    )
    try:
        assert process.stdout is not None
        output = ""
        while "Ctrl+C" not in output:
            line = process.stdout.readline()
            assert line, output
            output += line
        url = re.search(r"https://127\.0\.0\.1:\d+", output)
        password = re.search(r"user local, password (\S+)", output)
        assert url is not None
        assert password is not None
        auth = ("local", password[1])
        assert requests.get(url[0], auth=auth, verify=str(tmp_path / "ca.pem"), timeout=30).status_code == 200
        link = re.search(r"https://\S+/-local/login/link\?token=\S+", output)
        assert link is not None
        cookie = requests.get(link[0], verify=str(tmp_path / "ca.pem"), timeout=30).headers["Set-Cookie"]
        assert "; Secure" in cookie
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url[0], auth=auth, timeout=30)
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(url[0].replace("https", "http"), auth=auth, timeout=30)
    finally:
        process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()
    assert password[1].encode() not in (tmp_path / "x.db").read_bytes()


def test_certificates_that_cannot_be_used_are_refused(
    authority: trustme.CA, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, key = certificate
    Tls(cert, key)
    other = tmp_path / "other.pem"
    authority.issue_cert("127.0.0.1").private_key_pem.write_to_path(other)
    locked = tmp_path / "locked.pem"
    own = serialization.load_pem_private_key(key.read_bytes(), None)
    encrypted = serialization.BestAvailableEncryption(b"secret")
    locked.write_bytes(
        own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encrypted)
    )
    for pair, words in [
        ((cert, other), "can't be used"),
        ((key, cert), "can't be used"),
        ((tmp_path / "none", key), "can't be read"),
        ((cert, locked), "password"),
    ]:
        with pytest.raises(LocalServerError, match=words) as caught:
            Tls(*pair)
        assert caught.value.place
        assert caught.value.legal


def test_old_versions_of_tls_are_refused(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_other_computers_are_let_in_only_by_request(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    for tls, words in ((None, "aren't encrypted"), (Tls(*certificate), "could reach")):
        for host in ("0.0.0.0", "::", "192.168.1.1", "example.org"):
            with pytest.raises(LocalServerError, match=words):
                serve(tmp_path / "x.db", host=host, tls=tls)
    assert not (tmp_path / "x.db").exists()


def test_a_certificate_without_its_key_is_refused(tmp_path: Path, subprocess_env: dict[str, str]) -> None:
    command = [
        sys.executable,
        "-m",
        "spacy_tagtog",
        "serve",
        "--tls-cert",
        "x.pem",
        "--database",
        str(tmp_path / "x.db"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=subprocess_env)
    assert done.returncode == 2
    assert "--tls-key" in done.stderr + done.stdout


# ---------------------------------------------------------------------------------------------------- headers


def test_every_answer_carries_the_headers_that_keep_a_browser_safe(server: LocalTagtog) -> None:
    (made,) = upload(
        server.database,
        "local",
        "p",
        read_uploads([UploadedFile("x.html", b"<p>x<script>alert(1)</script>")], None),
    )
    answers = [
        call(server, ids=made.docid, output=output)
        for output in (
            "ann.json",
            "plain.html",
            "xml",
            "orig",
            "text",
            "visualize",
            "web",
            "weburl",
            "entitiestsv",
        )
    ]
    answers += [
        call(server, search="*"),
        call(server, search="*", output="csv"),
        call(server, "/"),
        call(server, "/local/p"),
        call(server, "/nowhere"),
    ]
    answers += [
        call(server, search=""),
        call(server, "/-local/openapi.json"),
        requests.get(server.url, timeout=30),
    ]
    answers.append(requests.patch(server.url, auth=(server.username, server.password), timeout=30))
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff", answer.url
        # Nobody else is told where a page was left. The server has to know where a form comes from.
        is_page = "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == ("same-origin" if is_page else "no-referrer")
        assert answer.headers["Cache-Control"] == "no-store"
        policy = answer.headers["Content-Security-Policy"]
        for rule in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
            assert rule in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy or "script-src 'self';" in policy
        assert "server" not in answer.headers
    # What somebody uploaded runs nothing, even where a browser shows it.
    for output in ("plain.html", "xml", "orig"):
        answer = call(server, ids=made.docid, output=output)
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Disposition"].startswith("attachment")


# ---------------------------------------------------------------------------------------------------- queries


@pytest.mark.parametrize(
    "path", ["/%0d%0aX", "/a/b%0aX", "/nowhere", "*", "//", "/%00", "/-api/%0ax", "http://x/y"]
)
def test_nothing_answers_without_a_password(server: LocalTagtog, path: str) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    pair = base64.b64encode(f"{server.username}:{server.password}".encode()).decode()
    for more, status in (("", b"401"), (f"Authorization: Basic {pair}\r\n", b"404")):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n"
            connection.sendall(head.encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.split()[1] == status
        assert b"content-security-policy" in answer.lower()


def test_a_search_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_tagtog.server.search.results.SEARCH_SECONDS", 0)
    with local_tagtog(tmp_path / "x.db") as server:
        server.database.write(create_project, "local", "p", SETTINGS)
        upload(
            server.database,
            "local",
            "p",
            read_uploads([UploadedFile(f"{n}.txt", b"word " * 5) for n in range(300)], None),
        )
        slow = "(*o* OR ?????) AND (*r? OR *x*) AND -*y*"
        for answer in (
            call(server, search=slow),
            requests.delete(
                f"{server.url}/-api/documents/v1",
                params={"owner": "local", "project": "p", "search": slow},
                auth=(server.username, server.password),
                timeout=30,
            ),
        ):
            assert answer.status_code == 400
            assert "takes too long" in answer.text
            assert "to do:" in answer.text
        assert call(server, search="*").json()["totalFound"] == 300
        monkeypatch.setattr("spacy_tagtog.server.search.results.SEARCH_SECONDS", 60)
        assert call(server, search=slow).json()["totalFound"] == 300


@pytest.mark.parametrize(
    "query",
    [
        "' OR 1=1 --",
        '" OR 1=1',
        "x') OR ('1'='1",
        "%' ; DROP TABLE documents; --",
        "NEAR(a b)",
        "a* NOT b",
        "words : x",
        "{words} : x",
        "^x",
    ],
)
def test_no_query_is_sql_or_a_query_of_the_index(server: LocalTagtog, query: str) -> None:
    before = call(server, search="*").json()["totalFound"]
    for asked in (
        query,
        f"filename:{query}",
        f"entity:Person:{query}",
        f"docid:{query}",
        f"{query}~",
        f'"{query}"~3',
        f"*{query}*",
    ):
        answer = call(server, search=asked)
        assert answer.status_code in (200, 400), asked
        if answer.status_code == 200 and asked == query:
            assert answer.json()["totalFound"] < before or before == 0
    assert call(server, search="*").json()["totalFound"] == before


def test_a_long_query_reaches_the_server(server: LocalTagtog) -> None:
    assert call(server, search='"' + "ü" * 4094 + '"').status_code == 200
    assert "4096" in call(server, search="ü" * 4097).text


# ------------------------------------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    "name", ["../x.txt", "/etc/x.txt", "a/b.txt", "a\\b.txt", "x\n.txt", " x.txt", "x" * 300 + ".txt"]
)
def test_no_name_leaves_its_folder(server: LocalTagtog, name: str) -> None:
    before = call(server, search="*").json()["totalFound"]
    answer = requests.post(
        f"{server.url}/-api/documents/v1",
        params={"owner": "local", "project": "p", "filename": name},
        data={"text": "x"},
        auth=(server.username, server.password),
        timeout=30,
    )
    assert answer.status_code == 400
    assert call(server, search="*").json()["totalFound"] == before


def test_nothing_is_in_debug_mode(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db")
    assert make_app(database).debug is False
    database.close()

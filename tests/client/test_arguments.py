"""What a client is made with: domain, certificates, names."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from spacy_tagtog.client import TagtogClient
from spacy_tagtog.errors import (
    ConfigurationError,
)


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

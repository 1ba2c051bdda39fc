"""Commands with a tagtog that is configured: errors on the way there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from commands import assert_refused, run
from notes import LEGEND

from spacy_tagtog.anndoc import Project
from spacy_tagtog.server import create_project, local_tagtog, settings_from_legend

pytestmark = pytest.mark.usefixtures("own_folder")


class TestRemote:
    """A tagtog that is configured: errors on the way there."""

    @pytest.fixture
    def remote(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
        with local_tagtog(tmp_path / "remote.db") as local:
            local.database.write(create_project, "ada", "stars", settings_from_legend(LEGEND))
            monkeypatch.setenv("TAGTOG_DOMAIN", local.url)
            monkeypatch.setenv("TAGTOG_OWNER", "ada")
            monkeypatch.setenv("TAGTOG_PROJECT", "stars")
            monkeypatch.setenv("TAGTOG_USERNAME", local.username)
            monkeypatch.setenv("TAGTOG_PASSWORD", local.password)
            yield local.url

    def test_the_same_commands_work(self, remote: str, vega: Path) -> None:
        assert run("import", vega).code == 0
        outcome = run("fetch", "out")
        assert outcome.code == 0, outcome.err
        assert len(Project.open("out")) == 1
        assert not Path("local-tagtog.db").exists()

    def test_empty_options_fall_back_to_the_environment(self, remote: str, vega: Path) -> None:
        outcome = run("import", vega, "--domain", "", "--owner", "", "--project", "", "--ca-file", "")
        assert f"is in ada/stars at {remote}" in outcome.out

    def test_wrong_password(self, remote: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TAGTOG_PASSWORD", "hunter2-secret")
        outcome = run("fetch", "out")
        assert_refused(outcome, "refused the user name and password")
        assert "hunter2-secret" not in outcome.err + outcome.out
        assert not Path("out").exists()

    @pytest.mark.parametrize("name", ["TAGTOG_USERNAME", "TAGTOG_PASSWORD"])
    def test_credentials_that_are_not_set(
        self, remote: str, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.delenv(name)
        assert_refused(run("fetch", "out"), "is not set", name)

    def test_project_that_is_not_set(self, remote: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TAGTOG_PROJECT")
        assert_refused(run("fetch", "out"), "TAGTOG_PROJECT")

    def test_unknown_project(self, remote: str) -> None:
        assert_refused(run("push", "nothing"), "there is nothing at this path")
        assert_refused(run("fetch", "out", "--project", "moons"), "moons")

    def test_a_missing_ca_file(self, remote: str) -> None:
        assert_refused(run("fetch", "out", "--ca-file", "none.pem"), "none.pem")

    def test_server_down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TAGTOG_USERNAME", "ada")
        monkeypatch.setenv("TAGTOG_PASSWORD", "hunter2-secret")
        with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
            port = closed.server_address[1]
        outcome = run("fetch", "out", "--domain", f"http://127.0.0.1:{port}", "--project", "stars")
        assert_refused(outcome, f"127.0.0.1:{port}")
        assert "hunter2-secret" not in outcome.err
        assert not Path("out").exists()

    def test_rubbish(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Rubbish(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "7")
                self.end_headers()
                self.wfile.write(b"rubbish")

            def log_message(self, *_: object) -> None:
                pass

        monkeypatch.setenv("TAGTOG_USERNAME", "ada")
        monkeypatch.setenv("TAGTOG_PASSWORD", "hunter2-secret")
        with ThreadingHTTPServer(("127.0.0.1", 0), Rubbish) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                outcome = run(
                    "fetch",
                    "out",
                    "--domain",
                    f"http://127.0.0.1:{server.server_address[1]}",
                    "--project",
                    "stars",
                )
            finally:
                server.shutdown()
                thread.join()
        assert_refused(outcome)
        assert not Path("out").exists()

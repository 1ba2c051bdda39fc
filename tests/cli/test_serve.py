"""``serve``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from commands import assert_refused, run
from logins import PAGE, Surfer

from spacy_tagtog.demo import DEMO_LEGEND, DEMO_PROJECT

pytestmark = pytest.mark.usefixtures("own_folder")


def test_serve_shows_its_password_once_and_serves(tmp_path: Path) -> None:
    def start() -> tuple[subprocess.Popen[str], list[str]]:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "spacy_tagtog", "serve", "--port", "0", "--database", "x.db"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl+C" in line:
                break
        return process, lines

    process, lines = start()
    try:
        url = lines[0].split()[-1]
        password = lines[1].split("password ")[1].split()[0]
        legend = f"{url}/-api/settings/v1/annotationsLegend"
        parameters = {"owner": "local", "project": DEMO_PROJECT}
        assert requests.get(legend, params=parameters, auth=("local", "wrong"), timeout=10).status_code == 401
        assert (
            requests.get(legend, params=parameters, auth=("local", password), timeout=10).status_code == 404
        )
        # Commands use the same database file while it serves.
        assert run("demo", "--database", tmp_path / "x.db").code == 0
        assert requests.get(legend, params=parameters, auth=("local", password), timeout=10).json() == dict(
            DEMO_LEGEND
        )
    finally:
        process.terminate()
        process.communicate(timeout=10)
    process, lines = start()
    process.terminate()
    process.communicate(timeout=10)
    assert "password" not in "".join(lines)


def start(folder: Path, *options: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of its own, with all that it printed until it answered."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "spacy_tagtog", "serve", "--port", "0", "--database", "x.db", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "300", **environment},
    )
    try:
        assert process.stdout is not None
        printed = ""
        while "Ctrl+C" not in printed:
            line = process.stdout.readline()
            assert line, printed
            printed += line
        yield process, printed
    finally:
        process.terminate()
        process.communicate(timeout=10)


serving = contextmanager(start)


def link_in(printed: str) -> str:
    found = re.search(r"http://\S+/-local/login/link\?token=\S+", printed)
    assert found is not None, printed
    return found[0]


def test_serve_prints_a_link_that_logs_in_one_time(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, printed):
        link = link_in(printed)
        with Surfer(link.partition("/-local")[0]) as surfer:
            assert surfer.get(link, timeout=10).status_code == 200
            assert "<h1>Projects</h1>" in surfer.open("/").text
            assert "admin of every project" in surfer.open("/-local/people").text
        with Surfer(link.partition("/-local")[0]) as other:
            assert other.get(link, timeout=10).status_code == 403
    with serving(tmp_path) as (_, printed):
        assert "password" not in printed
        assert link_in(printed).partition("token")[2] != link.partition("token")[2]
    with serving(tmp_path, "--user", "nobody") as (_, printed):
        assert "/-local/login/link" not in printed


def test_serve_opens_the_browser_with_the_user_logged_in(tmp_path: Path) -> None:
    # A browser that, like those in a terminal, ends when it has shown the page.
    (tmp_path / "browser.py").write_text(
        "import sys, requests\n"
        "with requests.Session() as session:\n"
        "    session.headers['Accept'] = 'text/html'\n"
        "    session.get(sys.argv[1], timeout=10)\n"
        "    title = session.get(sys.argv[1].partition('/-local')[0], timeout=10).text\n"
        "print('in the browser:', 'Projects' in title, flush=True)\n"
    )
    browser = f"{sys.executable} {tmp_path / 'browser.py'} %s"
    with serving(tmp_path, "--open", BROWSER=browser) as (process, printed):
        assert process.stdout is not None
        # It may be done before the last line of the server, or after.
        output = printed
        while "in the browser" not in output:
            line = process.stdout.readline()
            assert line, output
            output += line
    assert "in the browser: True" in output


def test_serve_answers_to_the_names_that_it_is_given(tmp_path: Path) -> None:
    with serving(tmp_path, "--host-name", "tagtog.example", "--host-name", "192.0.2.1") as (_, printed):
        url = link_in(printed).partition("/-local")[0]

        def status(host: str) -> int:
            return requests.get(f"{url}/-static/style.css", headers={"Host": host}, timeout=10).status_code

        assert [status(host) for host in ("tagtog.example", "192.0.2.1", "localhost")] == [200] * 3
        assert status("evil.example") == 421
        answer = requests.get(url, headers={"Host": "evil.example", **PAGE}, timeout=10)
        assert "--host-name evil.example" in answer.text


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_serve_says_that_others_can_read_the_database(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, printed):
        assert "other users" not in printed
    (tmp_path / "x.db").chmod(0o644)
    with serving(tmp_path) as (_, printed):
        assert "other users of this computer can read x.db" in printed
        assert "chmod 600 x.db" in printed


def test_serve_needs_leave_to_be_reached_from_elsewhere() -> None:
    assert_refused(run("serve", "--host", "0.0.0.0"), "0.0.0.0", "--allow-remote")

"""All commands: the two programs, help, exit codes, documentation."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
import typer
from commands import assert_refused, run

from spacy_tagtog.cli import app

pytestmark = pytest.mark.usefixtures("own_folder")


class TestFrame:
    def test_the_two_programs_are_the_same(self) -> None:
        ours = subprocess.run(
            [sys.executable, "-c", "from spacy_tagtog.cli import main; main()", "--help"],
            capture_output=True,
            text=True,
        )
        spacys = subprocess.run(
            [sys.executable, "-m", "spacy", "tagtog", "--help"], capture_output=True, text=True
        )
        assert ours.returncode == spacys.returncode == 0
        for name in ("fetch", "convert", "evaluate", "annotate", "push", "serve", "import", "export", "demo"):
            assert f" {name} " in ours.stdout
            assert f" {name} " in spacys.stdout

    @pytest.mark.parametrize(
        "name",
        [
            "fetch",
            "convert",
            "validate",
            "evaluate",
            "annotate",
            "push",
            "serve",
            "import",
            "export",
            "demo",
            "version",
        ],
    )
    def test_help_teaches(self, name: str) -> None:
        outcome = run(name, "--help")
        assert outcome.code == 0
        assert f"{name} [OPTIONS]" in outcome.out

    def test_shell_completion_is_offered(self) -> None:
        assert "--install-completion" in run("--help").out

    def test_wrong_arguments_give_2(self) -> None:
        assert run("convert").code == 2
        assert run("no-such-command").code == 2

    def test_errors_have_the_same_exit_code_under_spacy(self, tmp_path: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "spacy", "tagtog", "convert", "nowhere", "out"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("✘ there is nothing at this path")
        assert "Traceback" not in done.stderr

    def test_piped_output_is_quiet_and_plain(self, vega: Path, tmp_path: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "spacy_tagtog", "convert", vega, "corpus"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=True,
        )
        assert done.stderr == ""
        assert "\x1b" not in done.stdout
        assert "documents out" in done.stdout

    @pytest.mark.parametrize("asked", ["version", "--version"])
    def test_version(self, asked: str) -> None:
        outcome = run(asked)
        assert outcome.code == 0
        assert spacy.about.__version__ in outcome.out


def test_commands_without_the_server_extra(vega: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy_tagtog.server", None)
    assert_refused(
        run("fetch", "out"), "the local tagtog is not installed", "pip install 'spacy-tagtog[server]'"
    )
    assert_refused(run("serve"), "the local tagtog is not installed", "pip install 'spacy-tagtog[server]'")
    # What needs no tagtog works without it.
    assert run("convert", vega, "corpus").code == 0


def test_broken_pipe_is_no_error(demo_project: Path, tmp_path: Path) -> None:
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("needs bash")
    done = subprocess.run(
        [
            shell,
            "-c",
            f'set -o pipefail; "{sys.executable}" -m spacy_tagtog convert "{demo_project}" corpus | true',
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "Traceback" not in done.stderr


def test_every_command_and_option_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs/commands.md"
    if not page.exists():
        pytest.skip("runs in a checkout")
    text = page.read_text(encoding="utf-8")
    sections = re.split(r"^### `spacy-tagtog ([\w-]+)`$", text, flags=re.MULTILINE)
    documented = dict(zip(sections[1::2], sections[2::2], strict=True))
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    assert set(documented) == set(command.commands)
    for name, subcommand in command.commands.items():
        for parameter in subcommand.params:
            for option in parameter.opts:
                assert f"{option}" in documented[name], f"{name} {option}"


def test_help_lists_the_commands_by_group_and_cuts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    outcome = run("--help")
    page = (Path(__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    groups = list(dict.fromkeys(one.rich_help_panel for one in command.commands.values()))
    assert groups == ["Data", "Model", "Review", "Team", "Server"]
    for name, one in command.commands.items():
        assert one.short_help is not None
        assert one.short_help.endswith(".")
        # On one line of a terminal, and on one of the page.
        assert re.search(rf"│ {name} +{re.escape(one.short_help)} +│", outcome.out)
        assert f"](#spacy-tagtog-{name}) | {one.short_help} |" in page
    assert not re.search(r"^\* `\w+`: .*\.\.\.$", page, re.MULTILINE)

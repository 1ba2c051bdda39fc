"""Errors name settings as the users of each interface type them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
import typer
from commands import assert_refused, run
from notes import document, entity, write

from spacy_tagtog.cli._spelling import IN_WORKFLOW, speller
from spacy_tagtog.errors import ConversionError, SettingValue
from spacy_tagtog.steps.convert import convert

pytestmark = pytest.mark.usefixtures("own_folder")

PROJECT_YML = """
vars:
  on_problem: "error"
commands:
  - name: "convert"
    script:
      - "python -m spacy tagtog --workflow convert a b --on-problem ${vars.on_problem} --lang ${vars.lang}"
      - 'python -m spacy tagtog --workflow convert a c --lang "${vars.other}" --documents all'
  - name: "changes"
    script:
      - "python -m spacy tagtog --workflow changes a b --documents ${vars.documents}"
"""


def convert_cli(
    source: Annotated[Path, typer.Argument()],
    on_problem: Annotated[str, typer.Option("--on-problem")] = "",
    lang: Annotated[str, typer.Option("--lang", "-l")] = "en",
    documents: Annotated[str, typer.Option("--documents")] = "",
    folder: Annotated[list[str] | None, typer.Option("-f", "--folder")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set")] = None,
    gpu: Annotated[int, typer.Option("--gpu-id", "-g")] = -1,
    dry_run: Annotated[bool, typer.Option()] = False,
) -> None:
    """Stands for any command."""


def without_set_cli(lang: Annotated[str, typer.Option("--lang")] = "en") -> None:
    """Stands for a command without settings of registered things."""


@pytest.mark.parametrize(
    ("name", "value", "spelled"),
    [
        ("source", None, "SOURCE"),
        ("on_problem", "report", "--on-problem report"),
        ("lang", None, "--lang"),
        ("folders", None, "--folder"),
        ("gpu_id", "0", "--gpu-id 0"),
        ("gpu", "0", "--gpu-id 0"),
        ("gpu_id", 0, "--gpu-id 0"),
        ("dry_run", None, "--dry-run"),
        ("dry_run", True, "--dry-run"),
        ("dry_run", False, "--no-dry-run"),
        ("strict", True, "--set strict=yes"),
        ("unit", None, "--set unit=…"),
        ("member", "NAME", "--set member=NAME"),
    ],
)
def test_settings_are_spelled_as_options_and_arguments(
    name: str, value: SettingValue | None, spelled: str
) -> None:
    assert speller(convert_cli)(name, value) == spelled


def test_a_setting_that_the_command_does_not_have_becomes_an_option() -> None:
    assert speller(without_set_cli)("spans_key", None) == "--spans-key"


@pytest.mark.parametrize(
    ("name", "value", "spelled"),
    [
        ("on_problem", "report", "--vars.on_problem report"),
        ("source", None, "SOURCE"),  # no variable can be it
        ("lang", "de", "--lang de"),  # two variables can be it
        ("documents", "all", "--documents all"),  # another command has a variable for it
    ],
)
def test_in_the_workflow_they_are_spelled_as_its_variables(
    name: str, value: str | None, spelled: str
) -> None:
    Path("project.yml").write_text(PROJECT_YML)
    token = IN_WORKFLOW.set(True)
    try:
        assert speller(convert_cli)(name, value) == spelled
        Path("project.yml").unlink()
        assert speller(convert_cli)("on_problem", "report") == "--on-problem report"
    finally:
        IN_WORKFLOW.reset(token)


def test_one_error_in_three_interfaces(tmp_path: Path) -> None:
    source = write(tmp_path / "x", document("Vega", entity("e_1", 1, "Deneb")))
    with pytest.raises(ConversionError) as error:
        convert(source, "corpus")
    assert 'or pass on_problem="report" to set them aside' in str(error.value)
    assert_refused(run("convert", source, "corpus"), "or pass --on-problem report to set them aside")
    Path("project.yml").write_text(PROJECT_YML)
    in_workflow = run("--workflow", "convert", source, "corpus")
    assert_refused(in_workflow, "or pass --vars.on_problem report to set them aside")
    # The next command is one of its own.
    assert_refused(run("convert", source, "corpus"), "or pass --on-problem report to set them aside")


def test_the_problem_itself_is_spelled_too(tmp_path: Path) -> None:
    source = write(tmp_path / "x", document("Vega"))
    assert_refused(run("convert", source, "corpus", "--documents", "some"), "unknown value of --documents")
    assert_refused(run("convert", source, "corpus", "--n-process", "0"), "--n-process is out of range")


def test_the_workflow_is_no_option_that_users_see() -> None:
    assert "--workflow" not in run("--help").out

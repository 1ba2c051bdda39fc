"""Steps from Python: data between files and a local tagtog, and the people of a project."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from notes import document, entity, write

from spacy_tagtog import steps
from spacy_tagtog.anndoc import Project
from spacy_tagtog.errors import ConfigurationError, ConversionError, SpacyTagtogError
from spacy_tagtog.steps.connection import ConnectionSettings


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("TAGTOG_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def vega(tmp_path: Path) -> Path:
    return write(tmp_path / "vega", document("I saw Vega.", entity("e_1", 6, "Vega")))


def test_a_conversion_says_what_it_wrote_and_where(vega: Path) -> None:
    result = steps.convert(vega, "corpus")
    assert (result.sides, result.paths) == ({"train": 1}, {"train": Path("corpus/train.spacy")})
    assert result.to_json()["entities_out"] == 1
    assert steps.convert(vega, "all.spacy").paths == {"train": Path("all.spacy")}
    assert steps.convert(vega, "shards", shard_size=1).paths == {"train": Path("shards/train.spacy")}
    assert steps.convert_back("corpus", "back.zip").documents == 1


def test_an_import_and_an_export_of_everything(vega: Path) -> None:
    made = steps.import_project(vega)
    assert (made.documents, made.entities, made.is_new) == (1, 1, True)
    assert made.where == "local/vega on the local tagtog (local-tagtog.db)"
    assert list(made.versions) == ["master"]
    with steps.connect() as tagtog:
        assert str(tagtog) == made.where
        exported = steps.export_project(tagtog, "all.zip")
    assert exported.archive is not None
    copied = steps.import_project("all.zip", ConnectionSettings(project="copy"))
    assert copied.restored is not None
    again = steps.import_project("all.zip", ConnectionSettings(project="copy"))
    assert (again.restored, again.is_kept, again.is_new) == (None, True, False)


def test_fetched_documents_go_back_unchanged(vega: Path) -> None:
    steps.import_project(vega)
    with steps.connect(project="vega") as tagtog:
        assert steps.fetch(tagtog, "fetched").found == 1
        pushed = steps.push(tagtog, "fetched", force=True)
    assert pushed.to_json() == {
        "created": [],
        "updated": [],
        "unchanged": Project.open("fetched").ids,
        "refused": [],
    }


def test_which_project_is_asked_for_in_the_words_of_python(vega: Path) -> None:
    for name in ("one", "two"):
        steps.import_project(vega, ConnectionSettings(project=name))
    with pytest.raises(ConfigurationError) as error, steps.connect():
        pass
    assert 'legal: project="one", project="two"' in str(error.value)
    with pytest.raises(ConfigurationError) as error, steps.connect(project="one") as tagtog:
        steps.push(tagtog, vega, top=3)
    assert "top needs to know the order" in str(error.value)


def test_settings_come_from_the_environment_where_they_are_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGTOG_PROJECT", "stars")
    monkeypatch.setenv("TAGTOG_DATABASE", "other.db")
    assert ConnectionSettings.from_environment() == ConnectionSettings(
        project="stars", database=Path("other.db")
    )
    assert ConnectionSettings.from_environment(project="moons", database="x.db") == ConnectionSettings(
        project="moons", database=Path("x.db")
    )
    assert not ConnectionSettings.from_environment(domain="https://tagtog.example").is_local


def test_faults_are_in_the_result_of_a_check_and_raised_on_request(tmp_path: Path) -> None:
    source = write(tmp_path / "x", document("Vega", entity("e_1", 1, "Deneb")))
    result = steps.validate(source, report="report.json")
    assert result.report.reasons == {"offset_mismatch": 1}
    assert json.loads(Path("report.json").read_text()) == result.to_json()
    with pytest.raises(ConversionError, match="1 fault in the data"):
        result.raise_faults()


def test_a_running_project_is_checked(vega: Path) -> None:
    steps.import_project(vega)
    with steps.connect() as tagtog:
        result = steps.validate_running(tagtog, query="*")
    assert (result.report.documents_out, result.place) == (
        1,
        "local/vega on the local tagtog (local-tagtog.db)",
    )
    assert list(result.project.legend.values()) == ["Star", "Planet"]


def test_the_demo_is_loaded_once() -> None:
    loaded = steps.load_demo()
    assert (loaded.documents, loaded.confirmed, loaded.why_not) == (174, 132, "")
    assert "has a project already: stargazing" in steps.load_demo().why_not


def test_settings_replace_those_of_a_project(vega: Path) -> None:
    steps.import_project(vega)
    with steps.connect() as tagtog:
        Path("settings.json").write_text(json.dumps(tagtog.client.settings()))
        assert steps.replace_settings(tagtog, "settings.json", dry_run=True).removed == 1
        assert tagtog.client.count() == 1
        replaced = steps.replace_settings(tagtog, "settings.json", force=True)
        assert (replaced.removed, replaced.classes) == (1, {"e_1": "e_1", "e_2": "e_2"})


def test_files_are_uploaded_once(vega: Path, tmp_path: Path) -> None:
    steps.import_project(vega)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/one.txt").write_text("Mars")
    (tmp_path / "notes/.hidden").write_text("no")
    with steps.connect() as tagtog:
        first = steps.upload(tagtog, ["notes"])
        assert len(first.ids) == 1
        assert steps.upload(tagtog, ["notes/one.txt"]).present == first.created


def test_a_user_gets_a_password_and_a_role(vega: Path) -> None:
    steps.import_project(vega)
    added = steps.add_user("ada", project="vega", role="reviewer")
    assert added.is_new
    assert added.password
    assert added.password not in repr(added)
    assert not steps.add_user("ada", keep_password=True, project="vega", role="curator").password
    roles = {user.name: user.roles for user in steps.list_users()}
    assert roles["ada"] == {"local/vega": "curator"}
    steps.remove_user("ada")
    assert "ada" not in [user.name for user in steps.list_users()]


def test_a_password_is_asked_for_only_when_all_else_is_right(vega: Path) -> None:
    def ask() -> str:
        asked.append(1)
        return "correct horse"

    asked: list[int] = []
    steps.import_project(vega)
    mistakes: list[dict[str, Any]] = [{"project": "none"}, {"role": "boss"}]
    for wrong in mistakes:
        with pytest.raises(SpacyTagtogError):
            steps.add_user("ada", password=ask, **wrong)
    assert not asked
    assert not steps.add_user("ada", password=ask).password
    assert asked == [1]
    with pytest.raises(ConfigurationError, match="neither a new password nor"):
        steps.add_user("ada", password=ask, keep_password=True)

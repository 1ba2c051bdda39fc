"""Projects of the local tagtog: made, listed, deleted, given types; and what is said where one is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import assert_refused, run
from notes import LEGEND, document, entity, write

from spacy_tagtog import steps
from spacy_tagtog.anndoc import Project
from spacy_tagtog.errors import ConfigurationError, LocalServerError
from spacy_tagtog.server import create_project, local_tagtog, settings_from_legend

pytestmark = pytest.mark.usefixtures("own_folder")


def legend(project: str) -> dict[str, str]:
    with steps.connect(project=project) as tagtog:
        return dict(tagtog.client.legend())


class TestCreate:
    def test_types_and_labels_are_as_they_were_asked_for(self) -> None:
        outcome = run(
            "project", "create", "people", "--entity", "Person", "--entity", "Straße_2",
            "--label", "Topic=art, science", "--label", "urgent", "--label", "note=*",
        )  # fmt: skip
        assert outcome.code == 0, outcome.err
        assert "local/people on the local tagtog (local-tagtog.db): 2 entity types, 3 document labels" in (
            outcome.out
        )
        with steps.connect(project="people") as tagtog:
            settings = tagtog.client.settings()
            stats = tagtog.client.search_stats()
        assert {key: entry["name"] for key, entry in settings["entities"].items()} == {
            "e_1": "Person",
            "e_2": "Straße_2",
        }
        assert {
            key: (entry["name"], entry["type"], entry["description"])
            for key, entry in settings["metas"].items()
        } == {
            "m_3": ("Topic", "enum", "art, science"),
            "m_4": ("urgent", "boolean", ""),
            "m_5": ("note", "string", ""),
        }
        # The server's metrics understand them.
        assert [one["value"] for one in stats["m_3"]["values"]] == ["art", "science"]
        assert stats["m_4"]["type"] == "boolean"

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["x", "--entity", "P"], "2 to 24 letters"),
            (["x", "--entity", "Two words"], "2 to 24 letters"),
            (["x", "--entity", "Person", "--entity", "Person"], "this entity type already"),
            (["x", "--label", "=a,b"], "--label can't be read"),
            (["x", "--label", "Topic="], "--label can't be read"),
            (["x", "--label", "Topic", "--label", "Topic=a,b"], "--label names a label twice"),
            (["x", "--label", "Topic=a,a"], "at least two different values"),
            (["x", "--label", "Topic=only"], "at least two different values"),
            (["a/b"], "can't be the name of a project"),
            (["-x"], "No such option"),
        ],
    )
    def test_what_is_refused_makes_nothing(self, arguments: list[str], said: str) -> None:
        outcome = run("project", "create", *arguments)
        assert outcome.code in (1, 2)
        assert said in outcome.err
        assert "has no project" in run("project", "list").out

    def test_one_that_is_there_stays_as_it_is(self) -> None:
        run("project", "create", "people", "--entity", "Person")
        assert_refused(run("project", "create", "people"), "exists already", "local/people")
        assert legend("people") == {"e_1": "Person"}

    def test_elsewhere_they_are_made_on_tagtogs_own_page(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for arguments in (["create", "x"], ["list"], ["delete", "x"]):
            outcome = run("project", *arguments, "--domain", "https://tagtog.example")
            assert_refused(outcome, "local tagtog alone", "tagtog's own page", "https://tagtog.example")
        monkeypatch.setenv("TAGTOG_DOMAIN", "https://tagtog.example")
        with pytest.raises(ConfigurationError, match="own page"):
            steps.create_project("x")
        assert not Path("local-tagtog.db").exists()


class TestListAndDelete:
    def test_nothing_is_made_where_nothing_is(self) -> None:
        assert "has no project" in run("project", "list").out
        assert_refused(run("project", "delete", "x"), "no such project", "it has no project")
        assert not Path("local-tagtog.db").exists()

    def test_a_list_says_what_is_in_them(self, vega: Path) -> None:
        run("import", vega)
        run("project", "create", "empty", "--owner", "ada")
        out = run("project", "list").out
        assert [line.split()[:4] for line in out.splitlines() if "/" in line] == [
            ["ada/empty", "0", "0", "none"],
            ["local/vega", "1", "1", "Star,"],
        ]
        assert [str(one) for one in steps.list_projects()] == ["ada/empty", "local/vega"]

    def test_documents_are_never_deleted_by_accident(self, vega: Path) -> None:
        run("import", vega)
        run("import", vega, "--project", "other")
        run("project", "create", "empty")
        outcome = run("project", "delete", "vega", "--dry-run")
        assert outcome.code == 0
        assert "would be deleted" in outcome.out
        assert "local/vega (1 document, 1 of them confirmed; 1 save; 1 member)" in outcome.out
        assert "takes --force" in outcome.out
        refused = run("project", "delete", "vega")
        assert_refused(refused, "1 document, 1 of them confirmed", "spacy-tagtog export vega.zip", "--force")
        assert len(steps.list_projects()) == 3
        assert run("project", "delete", "empty").code == 0
        assert run("project", "delete", "vega", "--force").code == 0
        assert [one.name for one in steps.list_projects()] == ["other"]
        # The other one has everything still, and the name is free.
        assert run("fetch", "out").code == 0
        assert len(Project.open("out")) == 1
        with steps.connect(project="other") as tagtog:
            assert [hit.id for hit in tagtog.client.search("Vega")]
        again = run("import", vega)
        assert "local/vega" in again.out
        with steps.connect(project="vega") as tagtog:
            assert tagtog.client.count("entity:Star") == 1
            assert tagtog.client.count("anncomplete:true") == 1

    def test_nothing_of_a_deleted_project_stays_in_the_database(self, vega: Path) -> None:
        run("import", vega)
        run("project", "delete", "vega", "--force")
        with local_tagtog(Path("local-tagtog.db")) as local, local.database.reading() as connection:
            for table in ("documents", "blobs", "history", "members", "folders", "counts", "vocabulary"):
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0, table


class TestTypesThatAreAddedLater:
    def test_documents_stay(self, vega: Path) -> None:
        run("import", vega)
        planned = run("settings", "--add-entity", "Comet", "--add-label", "seeing=good,poor", "--dry-run")
        assert "would be added to local/vega" in planned.out
        assert set(legend("vega").values()) == {"Star", "Planet"}
        outcome = run("settings", "--add-entity", "Comet", "--add-label", "seeing=good,poor")
        assert outcome.code == 0, outcome.err
        assert "Comet (e_3), seeing (m_4)" in outcome.out
        assert legend("vega") == {"e_1": "Star", "e_2": "Planet", "e_3": "Comet", "m_4": "seeing"}
        with steps.connect() as tagtog:
            assert tagtog.client.count("entity:Star AND anncomplete:true") == 1
        assert_refused(run("settings", "--add-entity", "Star"), "already", "Comet, Planet, Star")

    def test_all_or_nothing(self, vega: Path) -> None:
        run("import", vega)
        assert run("settings", "--add-entity", "Comet", "--add-entity", "Star").code == 1
        assert "Comet" not in legend("vega").values()
        with steps.connect() as tagtog, pytest.raises(LocalServerError):
            steps.add_types(tagtog, labels={"x": ["a,b", "c"]})

    def test_elsewhere_they_are_added_on_tagtogs_own_page(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with local_tagtog(tmp_path / "remote.db") as remote:
            remote.database.write(create_project, "ada", "stars", settings_from_legend(LEGEND))
            monkeypatch.setenv("TAGTOG_USERNAME", remote.username)
            monkeypatch.setenv("TAGTOG_PASSWORD", remote.password)
            where = ("--domain", remote.url, "--owner", "ada", "--project", "stars")
            outcome = run("settings", "--add-entity", "Comet", *where)
            assert_refused(outcome, "local tagtog alone", "tagtog's own page")
            assert_refused(run("upload", "x.txt", "--create", *where), "tagtog's own page")
            assert_refused(run("settings", "--load", "s.json", "--create", *where), "s.json")


class TestCreateOnTheWay:
    def test_settings_from_a_file(self, vega: Path) -> None:
        run("import", vega)
        assert run("settings", "--output", "settings.json").code == 0
        load = ("settings", "--project", "fresh", "--load", "settings.json")
        assert_refused(run(*load), "no such project", "local/vega", "with --create", "project create fresh")
        assert "would be made: local/fresh" in run(*load, "--create", "--dry-run").out
        assert "fresh" not in run("project", "list").out
        outcome = run(*load, "--create")
        assert outcome.code == 0, outcome.err
        assert "made: local/fresh on the local tagtog (local-tagtog.db)" in outcome.out
        assert legend("fresh") == dict(LEGEND)
        # There already: as without --create.
        assert run(*load, "--create").code == 0
        assert_refused(run("settings", "--project", "vega", *load[3:], "--create"), "1 document")

    def test_settings_that_are_none_make_nothing(self) -> None:
        Path("bad.json").write_text(json.dumps({"entities": {"x": 1}}))
        assert_refused(run("settings", "--project", "fresh", "--load", "bad.json", "--create"), "entities.x")
        assert steps.list_projects() == []
        assert_refused(run("settings", "--create"), "--load")
        both = run("settings", "--load", "bad.json", "--add-entity", "Star")
        assert_refused(both, "contradict each other")

    def test_upload(self, small_pipeline: Path) -> None:
        Path("a.txt").write_text("I saw Vega.")
        upload = ("upload", "a.txt", "--project", "new")
        assert_refused(run(*upload), "no such project", "with --create", "spacy-tagtog project create new")
        assert not Path("local-tagtog.db").exists()
        planned = run(*upload, "--create", "--dry-run")
        assert planned.code == 0, planned.err
        assert "would be made: local/new on the local tagtog (local-tagtog.db)" in planned.out
        assert not Path("local-tagtog.db").exists()
        outcome = run(*upload, "--create")
        assert outcome.code == 0, outcome.err
        assert "the project was made: local/new" in outcome.out
        assert "uploaded to local/new on the local tagtog (local-tagtog.db): 1 document" in outcome.out
        again = run(*upload, "--create")
        assert "was made" not in again.out
        assert_refused(run("upload", "a.txt", "--create"), "which project to make is not said", "--project")
        # With a model, it has the types that the model knows.
        modelled = run("upload", "a.txt", "--project", "m", "--model", small_pipeline, "--create")
        assert modelled.code == 0, modelled.err
        assert "Celestial_Object" in legend("m").values()

    def test_push(self, vega: Path) -> None:
        push = ("push", vega, "--project", "new")
        assert_refused(run(*push), "no such project", "with --create")
        planned = run(*push, "--create", "--dry-run")
        assert planned.code == 0, planned.err
        assert "would be sent to local/new on the local tagtog (local-tagtog.db): 1 document" in planned.out
        assert not Path("local-tagtog.db").exists()
        outcome = run(*push, "--create")
        assert outcome.code == 0, outcome.err
        assert legend("new") == dict(LEGEND)
        with steps.connect(project="new") as tagtog:
            assert tagtog.client.count("entity:Star") == 1

    def test_push_makes_the_folders(self, tmp_path: Path) -> None:
        from spacy_tagtog.anndoc import Document

        one = document("Vega", entity("e_1", 0, "Vega"))
        filed = Document(one.id, one.html, one.versions, folder="pool/a/b", legend=LEGEND)
        assert run("push", write(tmp_path / "filed", filed), "--project", "f", "--create").code == 0
        with steps.connect(project="f") as tagtog:
            assert tagtog.client.folders() == ["pool", "pool/a", "pool/a/b"]


def test_a_mistyped_name_is_named_with_what_there_is(vega: Path) -> None:
    run("import", vega)
    run("project", "create", "genes")
    for arguments in (
        ["fetch", "out", "--project", "vgea"],
        ["stats", "--project", "vgea"],
        ["settings", "--project", "vgea"],
        ["delete", "*", "--project", "vgea"],
        ["project", "delete", "vgea"],
    ):
        outcome = run(*arguments)
        assert_refused(outcome, "local/vgea", "local/genes, local/vega", "did you mean", "vega?")
        assert "127.0.0.1" not in outcome.err
    with pytest.raises(ConfigurationError, match="no such project"), steps.connect(project="vgea"):
        pass


class TestNew:
    def test_a_folder_with_something_in_it(self) -> None:
        folder = Path("stars")
        folder.mkdir()
        assert run("new", folder).code == 0
        (folder / "project.yml").write_text("mine")
        (folder / "notes.txt").write_text("mine")
        refused = run("new", folder)
        assert_refused(refused, "something is in this folder", "notes.txt", "--force")
        assert (folder / "project.yml").read_text() == "mine"
        assert run("new", folder, "--force").code == 0
        assert (folder / "notes.txt").read_text() == "mine"
        assert "workflows:" in (folder / "project.yml").read_text()

    def test_a_file_in_the_way(self) -> None:
        Path("stars").write_text("mine")
        assert_refused(run("new", "stars", "--force"), "a file is where the workspace should be")

    def test_the_configs_of_the_current_folder_are_not_the_packages(self) -> None:
        Path("configs").mkdir()
        Path("configs/seed.cfg").write_text("mine")
        run("new", "stars")
        assert "[nlp]" in Path("stars/configs/seed.cfg").read_text()

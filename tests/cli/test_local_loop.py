"""``fetch``, ``push``, ``upload``, ``delete``, ``import``, ``export`` and ``demo`` over a local tagtog."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from commands import assert_refused, run
from notes import LEGEND, document, entity, listing, only_file, write

from spacy_tagtog.anndoc import Annotations, Document, Legend, Project
from spacy_tagtog.server import local_tagtog

pytestmark = pytest.mark.usefixtures("own_folder")


class TestLocalLoop:
    """fetch, push, import, export and demo over the local tagtog that the commands start themselves."""

    def test_the_demo_is_loaded_once(self) -> None:
        outcome = run("demo")
        assert outcome.code == 0
        assert "174 documents, 132 of them confirmed" in outcome.out
        assert "has a project already: stargazing" in run("demo").out

    def test_the_demo_stays_away_from_other_projects(self, vega: Path) -> None:
        assert "no demo" in run("demo", "--domain", "https://tagtog.example").out
        assert "no demo" in run("demo", "--project", "proteins").out
        assert listing(Path()) == {*listing(Path())}
        assert not Path("local-tagtog.db").exists()
        assert run("import", vega).code == 0
        assert "has a project already: vega" in run("demo").out

    def test_the_demo_can_be_written_out(self) -> None:
        assert run("demo", "--to", "demo.zip").code == 0
        assert len(Project.open("demo.zip")) == 174
        assert_refused(run("demo", "--to", "demo.zip"), "the output exists already")

    def test_import_fetch_export(self, vega: Path) -> None:
        outcome = run("import", vega)
        assert outcome.code == 0, outcome.err
        assert (
            "1 document with 2 entities is in local/vega on the local tagtog (local-tagtog.db)" in outcome.out
        )
        assert run("fetch", "fetched").code == 0
        assert run("export", "all.zip").code == 0
        (original,) = Project.open(vega)
        for place in ("fetched", "all.zip"):
            (copy,) = Project.open(place)
            assert copy.id == original.id
            assert copy.html.data == original.html.data
            assert copy.annotations == original.annotations
            assert copy.legend == original.legend
        again = run("import", vega)
        assert again.code == 0
        assert re.search(r"unchanged +1\n", again.out)

    def test_a_dry_import_and_export_write_nothing(self, vega: Path, tmp_path: Path) -> None:
        def numbers(outcome: Any) -> list[str]:
            assert outcome.code == 0, outcome.err
            return re.findall(r"(?:created|updated|unchanged|refused) +\d+", outcome.out)

        (doc,) = Project.open(vega)
        team = write(
            tmp_path / "team",
            Document(doc.id, doc.html, {**doc.versions, "ada": doc.annotations}, legend=doc.legend),
        )
        before = set(Path().rglob("*"))
        outcome = run("import", team, "--dry-run")
        assert (
            "1 document with 4 entities would be in local/team on the local tagtog (local-tagtog.db)"
            in outcome.out
        )
        would = numbers(outcome)
        assert set(Path().rglob("*")) == before
        assert numbers(run("import", team)) == would
        # Into a project that is there.
        other = write(
            tmp_path / "other" / "team",
            Document("x", doc.html, {"ada": doc.annotations}, legend=doc.legend),
            document("Mars", name="m.txt"),
        )
        would = numbers(run("import", other, "--dry-run"))
        assert "created 1" in [re.sub(" +", " ", number) for number in would]
        run("fetch", "fetched", "--query", "*")
        assert len(Project.open("fetched")) == 1
        assert numbers(run("import", other)) == would
        outcome = run("export", "out.zip", "--dry-run")
        assert "2 documents would be written to out.zip" in outcome.out
        assert run("export", "out.zip").code == 0
        # An archive with everything.
        outcome = run("import", "out.zip", "--project", "copy", "--dry-run")
        assert "2 documents with 3 versions and 3 saves would be in local/copy" in outcome.out
        assert run("fetch", "fetched2", "--project", "copy").code == 1
        assert (
            "2 documents with 3 versions and 3 saves are in local/copy"
            in run("import", "out.zip", "--project", "copy").out
        )

    def test_a_document_that_cannot_be_read_may_be_left_out(self, tmp_path: Path) -> None:
        source = write(tmp_path / "two", document("Vega"), document("Mars", name="other.txt"))
        broken = next((source / "ann.json").rglob("*other.txt.ann.json"))
        broken.write_text("{", encoding="utf-8")
        assert_refused(run("import", source), "other.txt.ann.json", "--on-problem report")
        outcome = run("import", source, "--on-problem", "report")
        assert outcome.code == 0, outcome.err
        assert "✔ 1 document with " in outcome.out
        assert "left out: 1" in outcome.err
        assert str(broken) in outcome.err
        assert run("fetch", "back", "--query", "*").code == 0
        assert len(Project.open("back")) == 1

    def test_import_brings_members_and_folders(self, tmp_path: Path) -> None:
        one = document("Vega and Mars", name="one.txt")
        versions = {"ada": one.annotations, "bob": Annotations.empty(["s1v1"])}
        source = write(
            tmp_path / "team", Document(one.id, one.html, versions, folder="pool/batch/1", legend=LEGEND)
        )
        outcome = run("import", source)
        assert outcome.code == 0, outcome.err
        assert run("export", "out", "--member", "ada", "--member", "bob").code == 0
        (copy,) = Project.open("out")
        assert copy.folder == "pool/batch/1"
        assert copy.version("ada") == one.annotations

    def test_fetching_again_downloads_nothing_and_keeps_local_edits(self, vega: Path) -> None:
        run("import", vega)
        run("fetch", "fetched")
        before = {path: path.stat().st_mtime_ns for path in Path("fetched").rglob("*.json")}
        outcome = run("fetch", "fetched")
        assert re.search(r"downloaded +0\n", outcome.out)
        assert {path: path.stat().st_mtime_ns for path in Path("fetched").rglob("*.json")} == before

    def test_fetch_says_what_happened_to_each_document(self, vega: Path) -> None:
        run("import", vega)
        assert run("fetch", "fetched", "--all-members").code == 0
        only_file(Path("fetched"), "*.ann.json").write_text("{}")
        outcome = run(
            "fetch", "fetched", "--all-members", "--report", "fetch.json", "--threads", 2, "--rate", 500
        )
        assert outcome.code == 0, outcome.err
        (kept,) = json.loads(Path("fetch.json").read_text())["kept"]
        assert kept in outcome.err
        assert_refused(run("fetch", "fetched", "--all-members", "--member", "ada"), "contradict each other")
        forced = run("fetch", "fetched", "--force", "--dry-run", "--all-members")
        assert "would be overwritten although they were edited here" in forced.err
        assert run("delete", "*", "--force", "--yes").code == 0
        only_file(Path("fetched"), "*.ann.json").unlink()
        assert re.search(r"of these deleted in tagtog +1\n", run("fetch", "fetched", "--all-members").out)

    def test_upload_annotates_new_files_and_delete_keeps_confirmed_ones(
        self, small_pipeline: Path, demo_project: Path, tmp_path: Path
    ) -> None:
        run("import", demo_project)
        notes = tmp_path / "notes"
        notes.mkdir()
        (notes / "one.txt").write_text("I saw Vega and Mars last night.")
        (notes / "two.md").write_text("# Saturn\n\nIt was beautiful.\n")
        (notes / ".hidden").write_text("no")
        planned = run("upload", notes, "--folder", "pool/notes", "--model", small_pipeline, "--dry-run")
        assert planned.code == 0, planned.err
        assert "would be uploaded to local/demo" in planned.out
        outcome = run(
            "upload",
            notes,
            "--folder",
            "pool/notes",
            "--model",
            small_pipeline,
            "--name",
            "test",
            "--report",
            "upload.json",
        )
        assert outcome.code == 0, outcome.err
        report = json.loads(Path("upload.json").read_text())
        assert {Path(name).name for name in report["created"]} == {"one.txt", "two.md"}
        again = run("upload", notes, "--folder", "pool/notes", "--report", "again.json")
        assert json.loads(Path("again.json").read_text())["present"] == report["created"]
        assert "there already" in again.out

        deleted = run("delete", "folder:notes", "--dry-run")
        assert (
            "would be deleted from local/demo on the local tagtog (local-tagtog.db): 2 documents"
            in deleted.out
        )
        assert (
            run("delete", "folder:notes").code,
            "2 documents" in run("delete", "folder:notes", "--dry-run").out,
        ) == (1, True)  # nobody says yes
        everything = run("delete", "*", "--yes", "--report", "deleted.json")
        assert everything.code == 0, everything.err
        kept = json.loads(Path("deleted.json").read_text())["kept"]
        assert len(kept) > 0
        assert set(report["created"].values()) <= set(json.loads(Path("deleted.json").read_text())["deleted"])

    def test_push_never_overwrites_what_people_confirmed(
        self, small_pipeline: Path, demo_project: Path
    ) -> None:
        run("import", demo_project)
        run("fetch", "new", "--query", "anncomplete:false", "--text-only")
        assert run("annotate", small_pipeline, "new", "annotated").code == 0
        outcome = run("push", "annotated", "--report", "push.json")
        assert outcome.code == 0, outcome.err
        report = json.loads(Path("push.json").read_text())
        assert len(report["updated"]) == len(Project.open("annotated"))
        assert "local/demo on the local tagtog (local-tagtog.db)" in outcome.out
        assert json.loads(Path("push.json").read_text())["refused"] == []
        # A person confirms one of them …
        with local_tagtog(Path("local-tagtog.db")) as local:
            import requests

            chosen = Project.open("annotated").ids[0]
            confirmed = {
                **Project.open("annotated")[chosen].annotations.data,
                "anncomplete": True,
                "entities": [],
            }
            answer = requests.post(
                f"{local.url}/-api/documents/v1",
                params={"owner": "local", "project": "demo", "output": "null", "format": "anndoc"},
                auth=(local.username, local.password),
                files=[
                    ("files", (f"{chosen}.plain.html", Project.open("annotated")[chosen].html.data)),
                    ("files", (f"{chosen}.ann.json", json.dumps(confirmed))),
                ],
                timeout=10,
            )
            assert answer.json()["ok"] == 1
        # … and the next push leaves it alone.
        again = run("push", "annotated", "--report", "push.json")
        assert again.code == 0
        report = json.loads(Path("push.json").read_text())
        assert [item["id"] for item in report["refused"]] == [chosen]
        assert chosen in again.err
        assert report["updated"] == report["created"] == []

    def test_no_project_yet(self) -> None:
        assert_refused(
            run("fetch", "out"), "the local tagtog has none", "spacy-tagtog import", "spacy-tagtog demo"
        )
        assert not Path("out").exists()

    def test_several_projects(self, vega: Path) -> None:
        run("import", vega, "--project", "one")
        run("import", vega, "--project", "two")
        assert_refused(run("fetch", "out"), "has 2 of them", "--project one, --project two")
        assert run("fetch", "out", "--project", "two").code == 0

    def test_unknown_project(self, vega: Path) -> None:
        run("import", vega)
        assert_refused(run("fetch", "out", "--project", "moons"), "moons")
        assert not Path("out").exists()

    def test_a_label_that_the_project_does_not_have_stops_a_push(self, vega: Path, tmp_path: Path) -> None:
        run("import", vega)
        other = Legend({"e_1": "Comet"})
        source = write(
            tmp_path / "comets", document("Encke", entity("e_1", 0, "Encke"), complete=False), legend=other
        )
        assert_refused(run("push", source), "Comet", "Star, Planet")
        assert run("export", "all.zip").code == 0
        assert len(Project.open("all.zip")) == 1

    def test_a_wrong_query(self, vega: Path) -> None:
        run("import", vega)
        outcome = run("fetch", "out", "--query", "((")
        assert outcome.code == 1
        assert outcome.err.startswith("✘")
        assert_refused(run("export", "out", "--query", "docid:nothing"), "finds no document")

    def test_a_database_that_is_none(self) -> None:
        Path("notes.db").write_text("dear diary")
        assert_refused(run("fetch", "out", "--database", "notes.db"), "notes.db")
        assert Path("notes.db").read_text() == "dear diary"

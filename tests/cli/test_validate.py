"""``validate``, of files and of a running tagtog."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from commands import assert_refused, run
from notes import LEGEND, document, entity, listing, only_file, write

from spacy_tagtog.anndoc import Annotations, Document
from spacy_tagtog.client import TagtogClient
from spacy_tagtog.server import create_project, local_tagtog, settings_from_legend

pytestmark = pytest.mark.usefixtures("own_folder")


class TestValidate:
    def test_good_documents(self, vega: Path) -> None:
        outcome = run("validate", vega, "--report", "report.json")
        assert outcome.code == 0, outcome.err
        assert "1 document, no faults" in outcome.out
        assert json.loads(Path("report.json").read_text())["entities_out"] == 2
        assert listing(Path()) == {"vega", "report.json", *(f"vega/{name}" for name in listing(vega))}

    def test_faults_give_1_and_the_whole_report(self, tmp_path: Path) -> None:
        faulty = document("I saw <b>Vega</b> & Mars.", entity("e_1", 1, "Deneb"), entity("e_9", 20, "Mars"))
        broken = document("Altair", name="broken.txt")
        source = write(tmp_path / "x", faulty, broken)
        only_file(source, "*broken*.ann.json").write_text("{")
        outcome = run("validate", source, "--report", "report.html", "--report", "report.json")
        assert_refused(outcome, "3 faults in the data", "--report FILE.html")
        assert sorted(json.loads(Path("report.json").read_text())["reasons"]) == [
            "offset_mismatch",
            "unknown_class",
            "unreadable",
        ]
        page = Path("report.html").read_text(encoding="utf-8")
        assert "I<mark> saw </mark>&lt;b&gt;Vega&lt;/b&gt; &amp; Mars." in page
        assert "<b>Vega" not in page
        assert "<script" not in page

    def test_half_characters_and_huge_numbers(self, tmp_path: Path) -> None:
        """Browsers cut emoji in two, and JSON can hold that; neither UTF-8 nor a .spacy file can."""
        half = "\ud83c"
        source = write(
            tmp_path / "x",
            document("Vega 🌠", entity("e_1", 5, half), entity("e_1", 0, "Vega")),
            document("Mars", name="huge.txt"),
        )
        path = only_file(source, "*note*.ann.json")
        data = json.loads(path.read_text())
        data["metas"] = {f"m_{half}": {"value": True}, "m_1": {"value": half}}
        data["entities"][1]["normalizations"] = {"n_1": {"source": {"id": half}}}
        path.write_text(json.dumps(data))
        huge = only_file(source, "*huge*.ann.json")
        huge.write_text(
            json.dumps(
                {"anncomplete": True, "metas": {"m_1": {"value": True, "confidence": {"prob": 10**400}}}}
            )
        )
        outcome = run("validate", source, "--report", "report.html", "--report", "report.json")
        assert_refused(outcome, "2 faults in the data")
        items = json.loads(Path("report.json").read_text(encoding="utf-8"))["items"]
        assert {(item["reason"], item["text"]) for item in items} == {
            ("offset_mismatch", half),
            ("unreadable", ""),
        }
        assert "another text stands at its offset" in Path("report.html").read_text(encoding="utf-8")
        assert run("convert", source, "corpus", "--on-problem", "report").code == 0
        assert run("convert", "corpus", "back", "--back").code == 0
        assert json.loads(only_file(Path("back"), "*note*.ann.json").read_text()) == data

    def test_a_refused_conversion_writes_its_report(self, tmp_path: Path) -> None:
        source = write(tmp_path / "x", document("Vega", entity("e_1", 1, "Deneb")))
        assert_refused(run("convert", source, "corpus", "--report", "report.html"), "1 fault in the data")
        assert "Deneb" in Path("report.html").read_text(encoding="utf-8")

    def test_a_report_of_an_unknown_form(self, vega: Path) -> None:
        assert_refused(run("validate", vega, "--report", "report.doc"), "report.doc", ".json or .html")
        assert_refused(
            run("convert", vega, "corpus", "--report", "report.doc"), "report.doc", ".json or .html"
        )
        assert not Path("corpus").exists()

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            ("{", "isn't JSON"),
            ("[]", "isn't a JSON object"),
            ('{"e_1": 1}', "the name of e_1 isn't text"),
            ('{"x": "Star"}', "not a class id"),
        ],
    )
    def test_a_broken_legend_is_a_fault_among_others(self, content: str, why: str, tmp_path: Path) -> None:
        sound = document("Vega and Mars", entity("e_1", 0, "Vega"), entity("e_2", 9, "Mars"))
        broken = document("Altair", name="broken.txt")
        source = write(
            tmp_path / "x",
            sound,
            document("I saw <b>Vega</b>.", entity("e_1", 1, "Deneb"), name="two.txt"),
            broken,
        )
        only_file(source, "*broken*.ann.json").write_text("{")
        (source / "annotations-legend.json").write_text(content)
        outcome = run("validate", source, "--report", "report.json", "--report", "report.html")
        assert_refused(
            outcome,
            "3 faults in the data",
            "annotations-legend.json: the legend can't be read, so class ids stand for names",
            why,
            "'Deneb'",
        )
        report = json.loads(Path("report.json").read_text())
        assert report["reasons"] == {"unreadable_legend": 1, "offset_mismatch": 1, "unreadable": 1}
        assert (report["labels_out"], report["documents_in"], report["documents_out"]) == (
            {"e_1": 1, "e_2": 1},
            3,
            2,
        )
        assert "annotations-legend.json" in Path("report.html").read_text(encoding="utf-8")

    def test_a_broken_legend_stops_what_needs_names(self, tmp_path: Path) -> None:
        source = write(tmp_path / "x", document("Vega and Mars", entity("e_1", 0, "Vega")))
        (source / "annotations-legend.json").write_text("{")
        assert_refused(run("validate", source), "1 fault in the data", "isn't JSON")
        for on_problem in ("error", "report"):
            assert_refused(
                run("convert", source, "corpus", "--on-problem", on_problem), "the legend isn't JSON"
            )
            assert_refused(run("import", source, "--on-problem", on_problem), "the legend isn't JSON")
            assert_refused(
                run("merge", source, "merged", "--strategy", "union_v1", "--on-problem", on_problem),
                "the legend isn't JSON",
            )
        assert listing(Path()) == {"x", *(f"x/{name}" for name in listing(source))}
        assert run("validate", source, "--legend", "x/annotations-legend.json").code == 1


class TestValidateAnotherToolsFile:
    def records(self, *records: dict[str, object]) -> None:
        Path("export.jsonl").write_text("\n".join(map(json.dumps, records)))

    def test_a_record_that_cannot_be_read_is_a_fault_among_others(self) -> None:
        good = {"id": 1, "text": "Vega and Mars", "label": [[0, 4, "Star"]]}
        self.records(good, {"id": 2, "text": "Vega", "label": [[0, 40, "Star"]]})
        outcome = run("validate", "export.jsonl", "--format", "doccano", "--report", "report.json")
        assert_refused(outcome, "1 fault in the data", "export.jsonl, line 2", "past the end of the text")
        assert json.loads(Path("report.json").read_text())["reasons"] == {"unreadable": 1}
        assert listing(Path()) == {"export.jsonl", "report.json"}
        self.records(good)
        outcome = run("validate", "export.jsonl", "--format", "doccano")
        assert outcome.code == 0, outcome.err
        assert "1 document, no faults" in outcome.out

    def test_names_must_be_in_a_legend_that_is_given(self) -> None:
        self.records({"id": 1, "text": "Vega and Mars", "label": [[0, 4, "Star"]]})
        Path("legend.json").write_text(json.dumps({"e_1": "Planet"}))
        outcome = run("validate", "export.jsonl", "--format", "doccano", "--legend", "legend.json")
        assert_refused(outcome, "Star", "Planet")

    def test_a_running_tagtog_has_no_such_documents(self) -> None:
        outcome = run("validate", "--project", "stars", "--format", "doccano")
        assert_refused(outcome, "a running tagtog has no documents of another format")


class TestValidateRunningTagtog:
    """validate over the local tagtog that the command starts itself, and over one with a faulty answer."""

    def test_good_documents_leave_no_file(self, vega: Path) -> None:
        assert run("import", vega).code == 0
        before = listing(Path())
        outcome = run("validate", "--project", "vega", "--report", "report.json")
        assert outcome.code == 0, outcome.err
        assert "1 document, no faults" in outcome.out
        assert json.loads(Path("report.json").read_text())["entities_out"] == 2
        assert listing(Path()) - before <= {"report.json", "local-tagtog.db-wal", "local-tagtog.db-shm"}

    def test_query_and_members(self, tmp_path: Path) -> None:
        one, two = document("Vega and Mars", name="one.txt"), document("Altair", name="two.txt")
        versions = {
            "master": one.annotations,
            "ada": Annotations({**one.annotations.data, "entities": [entity("e_1", 0, "Vega")]}),
        }
        source = write(
            tmp_path / "team", Document(one.id, one.html, versions, folder="pool/batch", legend=LEGEND), two
        )
        assert run("import", source).code == 0
        assert (
            run("validate", "--query", "folder:batch", "--set", "member=*", "--report", "report.json").code
            == 0
        )
        report = json.loads(Path("report.json").read_text())
        assert (report["documents_in"], report["entities_in"]) == (2, 1)
        assert "0 documents, no faults" in run("validate", "--query", "folder:nowhere").out

    def test_faults_are_listed_in_context(self, tmp_path: Path) -> None:
        with local_tagtog(Path("local-tagtog.db")) as local:
            local.database.write(create_project, "local", "stars", settings_from_legend(LEGEND))
            with TagtogClient(
                local.url, username=local.username, password=local.password, project="stars", owner="local"
            ) as client:
                list(client.overwrite_documents([document("I saw Vega & Mars.", entity("e_1", 6, "Vega"))]))
        # An older tagtog, or somebody's hands, left an offset where it isn't.
        Path("legend.json").write_text('{"e_9": "Star"}')
        outcome = run("validate", "--project", "stars", "--legend", "legend.json", "--report", "report.html")
        assert_refused(outcome, "1 fault in the data", "local/stars on the local tagtog")
        assert "I saw <mark>Vega</mark> &amp; Mars." in Path("report.html").read_text(encoding="utf-8")

    def test_what_fetch_cannot_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hits = ["good", "badhtml", "badjson", "login", "..", "other", "gone"]
        good = document("I saw Vega.", entity("e_1", 6, "Vega"))
        ann = good.annotations.dumps().encode()

        def content(name: str) -> bytes:
            assert good.html.id is not None
            return good.html.data.replace(good.html.id.encode(), name.encode())

        contents = {
            ("good", "plain.html"): ("text/html", content("good")),
            ("good", "ann.json"): ("application/json", ann),
            ("badhtml", "plain.html"): ("text/html", b"<!DOCTYPE x [<!ENTITY a 'b'>]><html>&a;<pre"),
            ("badhtml", "ann.json"): ("application/json", ann),
            ("badjson", "plain.html"): ("text/html", content("badjson")),
            ("badjson", "ann.json"): ("application/json", b'{"entities": ' + b"[" * 20_000),
            ("login", "plain.html"): ("application/json", b"{}"),
            ("other", "plain.html"): ("text/html", content("other")),
            ("other", "ann.json"): ("application/json", b"[1, 2]"),
        }

        class Faulty(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(url.query).items()}
                status, kind = 200, "application/json"
                if "search" in query:
                    page = int(query.get("page", "0"))
                    docs = (
                        [
                            {
                                "id": name,
                                "anncomplete": True,
                                "folder": "pool",
                                "updated": "2021-07-15T16:34:41.720Z",
                            }
                            for name in hits
                        ]
                        if page == 0
                        else []
                    )
                    body = json.dumps(
                        {
                            "pages": {"current": page, "next": -1, "previous": -1, "numPages": 1},
                            "totalFound": len(hits),
                            "docs": docs,
                        }
                    ).encode()
                elif "ids" in query:
                    found = contents.get((query["ids"], query["output"]))
                    status = 200 if found else 404
                    kind, body = found or ("application/json", b"{}")
                else:
                    body = LEGEND.dumps().encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        monkeypatch.setenv("TAGTOG_USERNAME", "ada")
        monkeypatch.setenv("TAGTOG_PASSWORD", "hunter2-secret")
        with ThreadingHTTPServer(("127.0.0.1", 0), Faulty) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            address = f"http://127.0.0.1:{server.server_address[1]}"
            try:
                outcome = run(
                    "validate", "--domain", address, "--project", "stars", "--report", "report.json"
                )
            finally:
                server.shutdown()
                thread.join()
        assert_refused(outcome, "5 faults in the data", address)
        report = json.loads(Path("report.json").read_text())
        assert report["documents_in"] == 6  # the seventh is gone
        assert report["documents_out"] == report["entities_out"] == 1
        named = [item["document"] for item in report["items"]]
        for name in hits[1:-1]:
            assert sum(name in place for place in named) == 1, (name, named)
        assert {item["reason"] for item in report["items"]} == {"unreadable"}
        assert "spacy-tagtog-" not in json.dumps(report["items"])

    @pytest.mark.parametrize(
        "more", [["--query", "*"], ["--project", "vega"], ["--domain", "http://127.0.0.1:9"]]
    )
    def test_files_and_tagtog_contradict_each_other(self, vega: Path, more: list[str]) -> None:
        assert_refused(run("validate", vega, *more), "contradict")

    def test_nothing_said(self) -> None:
        assert_refused(run("validate"), "neither a source nor a project is named", "--project NAME")
        assert listing(Path()) == set()

    def test_the_environment_is_no_contradiction(self, vega: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TAGTOG_PROJECT", "other")
        assert run("validate", vega).code == 0

"""The commands as users call them: what they print, what they leave behind, which exit code they give."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import spacy
import typer
from spacy.language import Language
from spacy.training import Example
from typer.testing import CliRunner

from spacy_tagtog.anndoc import (
    MASTER,
    Annotations,
    Document,
    Legend,
    Project,
    confidence,
    html_from_text,
    write_project,
)
from spacy_tagtog.cli import app
from spacy_tagtog.client import TagtogClient
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.demo import DEMO_LEGEND, DEMO_PROJECT, demo_documents
from spacy_tagtog.server import local_tagtog, settings_from_legend

LEGEND = Legend({"e_1": "Star", "e_2": "Planet"})
TAGTOG_VARIABLES = (
    "TAGTOG_DOMAIN",
    "TAGTOG_OWNER",
    "TAGTOG_PROJECT",
    "TAGTOG_CA_FILE",
    "TAGTOG_DATABASE",
    "TAGTOG_USERNAME",
    "TAGTOG_PASSWORD",
)


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in TAGTOG_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def run(*arguments: object) -> Outcome:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.stdout, result.stderr)


def assert_refused(outcome: Outcome, *pieces: str) -> None:
    """One clear message, on standard error, with everything that the user needs in it."""
    assert outcome.code == 1, outcome
    assert outcome.err.startswith("✘ "), outcome.err
    assert "Traceback" not in outcome.err
    for piece in pieces:
        assert piece in outcome.err, f"{piece!r} is not in:\n{outcome.err}"


def entity(class_id: str, start: int, text: str, part: str = "s1v1") -> dict[str, Any]:
    return {
        "classId": class_id,
        "part": part,
        "offsets": [{"start": start, "text": text}],
        "confidence": confidence(state="", who=["user:ada"], prob=1),
        "fields": {},
        "normalizations": {},
    }


def document(
    text: str, *entities: Mapping[str, Any], name: str = "note.txt", complete: bool = True
) -> Document:
    html = html_from_text(text, filename=name)
    annotations = Annotations(
        {
            "annotatable": {"parts": ["s1v1"]},
            "anncomplete": complete,
            "sources": [],
            "metas": {},
            "entities": list(entities),
            "relations": [],
        }
    )
    return Document(str(html.id), html, {"master": annotations}, legend=LEGEND)


def write(folder: Path, *documents: Document, legend: Legend = LEGEND) -> Path:
    write_project(documents, folder, legend=legend)
    return folder


def only_file(folder: Path, pattern: str) -> Path:
    (path,) = folder.rglob(pattern)
    return path


def listing(folder: Path) -> set[str]:
    """All below a folder, but for the mark of those that we wrote."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.name != ".spacy-tagtog"}


@pytest.fixture
def vega(tmp_path: Path) -> Path:
    return write(
        tmp_path / "vega",
        document("I saw Vega 🌠 and Mars.", entity("e_1", 6, "Vega"), entity("e_2", 18, "Mars")),
    )


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small pipeline that learned from some of the demo's documents."""
    nlp = spacy.blank("en")
    nlp.add_pipe("ner")
    nlp.add_pipe("entity_confidence")
    gold = [document_to_doc(item, nlp) for item in list(demo_documents())[:40] if item.annotations.complete]
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in gold]
    nlp.initialize(lambda: examples)
    for _ in range(10):
        for start in range(0, len(examples), 4):
            nlp.update(examples[start : start + 4], drop=0.1)
    path = tmp_path_factory.mktemp("pipeline") / "model"
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo"
    write_project(list(demo_documents())[30:60], path, legend=DEMO_LEGEND)
    return path


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


class TestConvert:
    def test_there_and_back(self, vega: Path, tmp_path: Path) -> None:
        outcome = run("convert", vega, "corpus", "--report", "report.json")
        assert outcome.code == 0, outcome.err
        report = json.loads(Path("report.json").read_text())
        assert (report["entities_in"], report["entities_out"], report["reasons"]) == (2, 2, {})
        assert run("convert", "corpus", "back.zip", "--back").code == 0
        (before,), (after,) = Project.open(vega), Project.open("back.zip")
        assert after.html.data == before.html.data
        assert after.annotations == before.annotations
        assert after.id == before.id

    def test_one_file(self, demo: Path) -> None:
        outcome = run("convert", demo, "new/all.spacy")
        assert outcome.code == 0, outcome.err
        assert "new/all.spacy: 16 documents" in outcome.out
        assert run("convert", demo, "corpus", "--shard-size", "0").code == 0
        assert Path("new/all.spacy").read_bytes() == Path("corpus/train.spacy").read_bytes()
        assert [path.name for path in Path("new").iterdir()] == ["all.spacy"]
        assert_refused(run("convert", demo, "new/all.spacy"), "the output exists already", "--force")
        assert_refused(
            run("convert", demo, "sides.spacy", "--split", "dev=0.3"),
            "don't fit into one file",
            "sides.spacy",
            "write to sides",
        )
        # What is refused leaves the file as it was, and nothing beside it.
        before = Path("new/all.spacy").read_bytes()
        assert_refused(
            run("convert", demo, "new/all.spacy", "--force", "--folder", "pool/none"), "no document"
        )
        assert Path("new/all.spacy").read_bytes() == before
        assert [path.name for path in Path("new").iterdir()] == ["all.spacy"]
        assert run("convert", "new/all.spacy", "back", "--back").code == 0
        assert len(Project.open("back")) == 16

    def test_split_writes_a_file_a_side(self, demo: Path) -> None:
        outcome = run("convert", demo, "corpus", "--split", "dev=0.3,test=0.3")
        assert outcome.code == 0, outcome.err
        assert listing(Path("corpus")) == {"train.spacy", "dev.spacy", "test.spacy"}

    def test_a_folder_of_the_project(self, tmp_path: Path) -> None:
        folders = ("pool/train", "pool/train/more", "pool/test", "pool")
        made = [
            Document(
                f"a{number}",
                html_from_text(f"Mars {number}", doc_id=f"a{number}"),
                {MASTER: Annotations.empty(["s1v1"], complete=True)},
                folder=folder,
            )
            for number, folder in enumerate(folders)
        ]
        source = tmp_path / "project"
        write_project(made, source)
        outcome = run("convert", source, "corpus", "--folder", "pool/train", "--report", "report.json")
        assert outcome.code == 0, outcome.err
        assert re.search(r"is in a folder that was not chosen +2", outcome.out)
        report = json.loads(Path("report.json").read_text())
        assert (report["documents_in"], report["documents_out"], report["reasons"]) == (
            4,
            2,
            {"other_folder": 2},
        )
        assert (
            run(
                "convert",
                source,
                "both",
                "--folder",
                "train",
                "--folder",
                "test",
                "--n-process",
                "2",
                "--report",
                "both.json",
            ).code
            == 0
        )
        assert json.loads(Path("both.json").read_text())["documents_out"] == 3
        outcome = run("convert", source, "none", "--folder", "pool/devel")
        assert outcome.code == 1
        assert "pool, pool/test, pool/train, pool/train/more" in outcome.err
        assert not Path("none").exists()

    def test_a_split_that_is_remembered(self, tmp_path: Path) -> None:
        texts = [
            f"{word} " * 30 + f"and {word} again."
            for word in (
                "Vega",
                "Mars",
                "Deneb",
                "Altair",
                "Capella",
                "Rigel",
                "Spica",
                "Mizar",
                "Sirius",
                "Castor",
            )
        ]
        originals = [document(text, name=f"{n}.txt") for n, text in enumerate(texts)]
        source = write(tmp_path / "first", *originals)
        assert run("convert", source, "one", "--split", "dev=0.5", "--split-file", "split.json").code == 0
        first = json.loads(Path("split.json").read_text())["sides"]
        assert sorted(first.values()) == ["dev"] * 5 + ["train"] * 5
        # Copies of all of them, with other names: each goes where its original is, and nothing moves.
        copies = [document(text + " Indeed.", name=f"copy-{n}.txt") for n, text in enumerate(texts)]
        source = write(tmp_path / "second", *originals, *copies)
        assert run("convert", source, "two", "--split", "dev=0.5", "--split-file", "split.json").code == 0
        second = json.loads(Path("split.json").read_text())["sides"]
        assert first.items() <= second.items()
        assert [second[copy.id] for copy in copies] == [first[original.id] for original in originals]
        vocab = spacy.blank("en").vocab
        for side in ("train", "dev"):
            docs = spacy.tokens.DocBin().from_disk(f"two/{side}.spacy").get_docs(vocab)
            assert len(list(docs)) == 10

    def test_an_existing_output_is_not_touched(self, vega: Path) -> None:
        Path("corpus").mkdir()
        Path("corpus/mine.txt").write_text("precious")
        assert_refused(
            run("convert", vega, "corpus"), "the output exists already", "where: corpus", "--force"
        )
        # What somebody else put there is never replaced.
        assert_refused(
            run("convert", vega, "corpus", "--force"),
            "did not write this folder",
            "where: corpus",
            "choose another path",
        )
        assert listing(Path("corpus")) == {"mine.txt"}
        Path("corpus/mine.txt").unlink()
        assert run("convert", vega, "corpus").code == 0
        assert_refused(
            run("convert", vega, "corpus"), "the output exists already", "where: corpus", "--force"
        )
        Path("corpus/mine.txt").write_text("")
        assert run("convert", vega, "corpus", "--force").code == 0
        assert listing(Path("corpus")) == {"train.spacy"}

    def test_a_missing_partner(self, vega: Path) -> None:
        only_file(vega, "*.plain.html").unlink()
        assert_refused(
            run("convert", vega, "corpus"),
            "1 fault in the data",
            "its plain.html is missing",
            ".ann.json",
            "--on-problem report",
        )
        assert not Path("corpus").exists()

    def test_xml_that_does_not_parse(self, vega: Path) -> None:
        path = only_file(vega, "*.plain.html")
        path.write_bytes(path.read_bytes().replace(b"</pre>", b"</p>"))
        assert_refused(run("convert", vega, "corpus"), "plain.html doesn't parse", path.name, "line ")

    def test_json_that_does_not_parse(self, vega: Path) -> None:
        path = only_file(vega, "*.ann.json")
        path.write_text(path.read_text()[:-5])
        assert_refused(run("convert", vega, "corpus"), "ann.json doesn't parse", path.name, "line 1, column")

    def test_an_entity_in_a_part_that_is_not_there(self, tmp_path: Path) -> None:
        source = write(tmp_path / "x", document("Vega", entity("e_1", 0, "Vega", part="s9p9")))
        assert_refused(
            run("convert", source, "corpus"), "part s9p9, offset 0", "'Vega'", "plain.html lacks", "s1v1"
        )
        outcome = run("convert", source, "corpus", "--on-problem", "report")
        assert outcome.code == 0
        assert "stands in a part that plain.html lacks" in outcome.out
        assert "s9p9" in outcome.err

    def test_another_text_at_the_offset(self, tmp_path: Path) -> None:
        source = write(tmp_path / "x", document("I saw Vega", entity("e_1", 5, "Deneb")))
        assert_refused(
            run("convert", source, "corpus"), "another text stands at its offset", "at 5 stands ' Vega'"
        )

    def test_an_offset_that_can_be_repaired(self, tmp_path: Path) -> None:
        source = write(
            tmp_path / "x",
            document("I saw Vega 🌠 & Deneb", entity("e_1", 7, "Vega"), entity("e_1", 17, "Deneb")),
        )
        outcome = run("convert", source, "corpus", "--report", "report.json")
        assert outcome.code == 0, outcome.err
        assert re.search(
            r"offset repaired: moved with its neighbours by a constant \(right in 99%\) +2\n", outcome.out
        )
        assert [item["text"] for item in json.loads(Path("report.json").read_text())["repairs"]] == [
            "Vega",
            "Deneb",
        ]
        # The documents themselves stay as they are.
        assert run("convert", "corpus", "back", "--back").code == 0
        (before,), (after,) = Project.open(source), Project.open("back")
        assert after.annotations == before.annotations
        assert_refused(run("convert", source, "strict", "--set", "repair=no"), "2 faults in the data")

    def test_a_class_id_without_a_name(self, tmp_path: Path) -> None:
        source = write(tmp_path / "x", document("Vega", entity("e_7", 0, "Vega")))
        assert_refused(
            run("convert", source, "corpus"), "e_7 'Vega'", "no name in the legend", "Star, Planet"
        )
        legend = tmp_path / "legend.json"
        legend.write_text('{"e_7": "Star"}')
        assert run("convert", source, "corpus", "--legend", legend).code == 0

    def test_all_faults_are_listed_at_once(self, tmp_path: Path) -> None:
        documents = [document(f"Vega {n}", entity("e_1", 1, "Deneb"), name=f"{n}.txt") for n in range(12)]
        outcome = run("convert", write(tmp_path / "x", *documents), "corpus")
        assert_refused(outcome, "12 faults", "… and 2 more")

    def test_nothing_confirmed(self, tmp_path: Path) -> None:
        source = write(tmp_path / "x", document("Vega", complete=False))
        assert_refused(
            run("convert", source, "corpus"),
            "no document is on the side 'train'",
            "0 of 1 document converted",
            "1 set aside: not confirmed",
            "--documents",
        )

    def test_versions_of_members_only(self, vega: Path) -> None:
        members = vega / "ann.json/members/ada"
        members.parent.mkdir()
        (vega / "ann.json/master").rename(members)
        outcome = run("convert", vega, "corpus")
        assert_refused(
            outcome,
            "no document is on the side 'train'",
            "1 set aside: has no annotations of this member",
            "ada",
            "--set member=NAME",
        )
        assert "confirm documents" not in outcome.err
        checked = run("validate", vega)
        assert checked.code == 0
        assert "no faults" not in checked.out
        assert "those of ada" in checked.out
        assert "nothing was checked" in checked.err
        assert "1 document, no faults" in run("validate", vega, "--set", "member=ada").out

    def test_names_that_no_entity_type_has(self, vega: Path) -> None:
        outcome = run("convert", vega, "corpus", "--set", "types=Comet", "--set", "labels=Moon:Planet")
        assert outcome.code == 0
        for line in (
            "types: the project has no entity type Comet; it has Planet, Star",
            "labels: the project has no entity type Moon; it has Planet, Star",
            "no entity is in doc.ents; the documents have 2",
        ):
            assert line in outcome.err

    def test_document_labels_are_counted(self, tmp_path: Path) -> None:
        legend = Legend({"m_1": "relevant", "m_2": "topic"})
        documents = []
        for number, metas in enumerate(
            [
                {"m_1": {"value": True}, "m_2": {"value": "moons"}},
                {"m_1": {"value": False}, "m_2": {"value": "moons"}},
            ]
        ):
            plain = document(f"Vega {number}", name=f"{number}.txt")
            annotations = Annotations({**plain.annotations.data, "metas": metas})
            documents.append(Document(plain.id, plain.html, {"master": annotations}, legend=legend))
        source = write(tmp_path / "x", *documents, legend=legend)
        outcome = run("convert", source, "corpus", "--report", "report.json")
        assert re.search(r"topic=moons +2\nrelevant +1\n", outcome.out), outcome.out
        assert json.loads(Path("report.json").read_text())["document_labels_out"] == {
            "relevant": 1,
            "topic=moons": 2,
        }

    @pytest.mark.parametrize(
        ("arguments", "pieces"),
        [
            (
                ["--converter", "no.Such.v1"],
                ["there is no converter of this name", "no.Such.v1", "spacy-tagtog.Anndoc.v1"],
            ),
            (
                ["--set", "alignment=sideways"],
                ["unknown value of alignment", "sideways", "split, strict, contract, expand"],
            ),
            (["--set", "colour=red"], ["doesn't take these settings", "member, alignment"]),
            (["--set", "nonsense"], ["--set can't be read", "KEY=VALUE"]),
            (["--documents", "some"], ["unknown value of --documents", "confirmed, unconfirmed, all"]),
            (["--on-problem", "shrug"], ["unknown value of --on-problem", "error, report"]),
            (["--split", "dev=2"], ["split can't be read", "dev=2"]),
            (["--split", "a=0.6,b=0.6"], ["leave nothing for training"]),
            (["--lang", "klingon"], ["can't make a tokenizer", "klingon"]),
            (["--base", "no/pipeline"], ["there is no such pipeline", "no/pipeline"]),
        ],
    )
    def test_wrong_settings(self, vega: Path, arguments: Sequence[str], pieces: Sequence[str]) -> None:
        assert_refused(run("convert", vega, "corpus", *arguments), *pieces)
        assert not Path("corpus").exists()

    def test_back_refuses_what_means_nothing_then(self, vega: Path) -> None:
        assert run("convert", vega, "corpus").code == 0
        outcome = run("convert", "corpus", "out", "--back", "--report", "r.json", "-l", "de")
        assert_refused(outcome, "means nothing with --back", "--lang, --report", "--converter, --force")
        assert_refused(run("convert", vega, "out", "--back"), "nothing to convert back", "a .spacy file")
        assert not Path("out").exists()

    def test_back_from_what_is_no_docbin(self) -> None:
        Path("bad.spacy").write_bytes(b"rubbish")
        assert_refused(run("convert", "bad.spacy", "out", "--back"), "isn't a .spacy file", "bad.spacy")
        assert_refused(run("convert", "none.spacy", "out", "--back"), "there is no such file", "none.spacy")
        assert not Path("out").exists()


class TestOutputsThatWouldReplaceTheSource:
    """``--force`` replaces an earlier output, never what the command reads."""

    def test_convert(self, tmp_path: Path, vega: Path) -> None:
        before = listing(Path())
        (tmp_path / "link").symlink_to(vega, target_is_directory=True)
        for target in (vega, ".", "vega/../vega", "link", vega.parent):
            for force in ((), ("--force",)):
                assert_refused(
                    run("convert", "vega", target, *force),
                    "the output would replace what is read",
                    "vega",
                    "another path",
                )
        (tmp_path / "link").unlink()
        assert listing(Path()) == before
        assert run("convert", vega, vega / "corpus").code == 0

    def test_other_commands(self, tmp_path: Path, vega: Path) -> None:
        assert run("convert", vega, "corpus").code == 0
        before = listing(Path())
        assert_refused(
            run("convert", "corpus", "corpus", "--back", "--force"), "the output would replace what is read"
        )
        assert_refused(
            run("convert", "corpus/train.spacy", "corpus", "--back", "--force"),
            "the output would replace what is read",
        )
        assert_refused(
            run("merge", vega, vega, "--strategy", "union_v1", "--force"),
            "the output would replace what is read",
        )
        assert_refused(run("annotate", "any", vega, vega, "--force"), "the output would replace what is read")
        assert_refused(
            run("annotate", "corpus", vega, "corpus", "--force"), "the output would replace what is read"
        )
        assert_refused(
            run("calibrate", "any", "corpus/train.spacy", "--output", "corpus", "--force"),
            "the output would replace what is read",
        )
        Path("corpus/rules.json").write_text("{}")
        assert_refused(
            run("convert", vega, "corpus", "--tokenizer", "corpus/rules.json", "--force"),
            "the output would replace what is read",
        )
        Path("corpus/rules.json").unlink()
        assert listing(Path()) == before


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
        with local_tagtog("local-tagtog.db") as local:
            local.store.create_project("local", "stars", settings_from_legend(LEGEND))
            with TagtogClient(
                local.url, username=local.username, password=local.password, project="stars", owner="local"
            ) as client:
                list(client.push([document("I saw Vega & Mars.", entity("e_1", 6, "Vega"))]))
        # An older tagtog, or somebody's hands, left an offset where it isn't.
        Path("legend.json").write_text('{"e_9": "Star"}')
        outcome = run("validate", "--project", "stars", "--legend", "legend.json", "--report", "report.html")
        assert_refused(outcome, "1 fault in the data", "local/stars on the local tagtog")
        assert "I saw <mark>Vega</mark> &amp; Mars." in Path("report.html").read_text(encoding="utf-8")

    def test_what_fetch_cannot_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hits = ["good", "badhtml", "badjson", "login", "..", "other", "gone"]
        good = document("I saw Vega.", entity("e_1", 6, "Vega"))
        ann = good.annotations.dumps().encode()
        contents = {
            ("good", "plain.html"): ("text/html", good.html.data),
            ("good", "ann.json"): ("application/json", ann),
            ("badhtml", "plain.html"): ("text/html", b"<!DOCTYPE x [<!ENTITY a 'b'>]><html>&a;<pre"),
            ("badhtml", "ann.json"): ("application/json", ann),
            ("badjson", "plain.html"): ("text/html", good.html.data),
            ("badjson", "ann.json"): ("application/json", b'{"entities": ' + b"[" * 20_000),
            ("login", "plain.html"): ("application/json", b"{}"),
            ("other", "plain.html"): ("text/html", good.html.data),
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
        assert_refused(run("validate"), "what to check is not said", "--project NAME")
        assert listing(Path()) == set()

    def test_the_environment_is_no_contradiction(self, vega: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TAGTOG_PROJECT", "other")
        assert run("validate", vega).code == 0


class TestAnnotateAndEvaluate:
    def test_pre_annotations_have_the_models_probability(self, pipeline: Path, demo: Path) -> None:
        outcome = run("annotate", pipeline, demo, "out", "--name", "stars", "--report", "report.json")
        assert outcome.code == 0, outcome.err
        entities = [item for written in Project.open("out") for item in written.annotations]
        assert entities
        assert all(item.who == ["ml:stars"] and item.state == "pre-added" for item in entities)
        probabilities = [item.prob for item in entities]
        assert all(prob is not None and 0 < prob < 1 for prob in probabilities)
        assert len(set(probabilities)) > len(probabilities) / 2
        assert json.loads(Path("report.json").read_text())["entities written as pre-added"] == len(entities)
        assert "left out because people confirmed them" in outcome.err

    def test_a_label_that_the_project_does_not_have(self, pipeline: Path, demo: Path, tmp_path: Path) -> None:
        legend = tmp_path / "legend.json"
        legend.write_text(json.dumps({"e_1": "Celestial_Object"}))
        outcome = run("annotate", pipeline, demo, "out", "--legend", legend)
        assert_refused(outcome, "no entity type of this name", "legal: Celestial_Object", "--rename")
        assert not Path("out").exists()
        drop = [piece for label in ("Instrument", "Place", "Person") for piece in ("--rename", f"{label}=")]
        outcome = run("annotate", pipeline, demo, "out", "--legend", legend, *drop)
        assert outcome.code == 0, outcome.err
        assert "label mapped to nothing" in outcome.out

    def test_existing_output(self, pipeline: Path, demo: Path) -> None:
        Path("out.zip").write_bytes(b"precious")
        assert_refused(run("annotate", pipeline, demo, "out.zip"), "the output exists already", "out.zip")
        assert Path("out.zip").read_bytes() == b"precious"

    def test_no_pipeline(self, demo: Path) -> None:
        assert_refused(
            run("annotate", "training/model-best", demo, "out"),
            "there is no such pipeline",
            "spacy-tagtog train",
        )
        Path("broken").mkdir()
        assert_refused(run("annotate", "broken", demo, "out"), "the pipeline can't be loaded", "broken")

    def test_a_pipeline_without_entities(self, demo: Path, tmp_path: Path) -> None:
        spacy.blank("en").to_disk(tmp_path / "blank")
        assert_refused(
            run("annotate", "blank", demo, "out"), "predicts no entities with a probability", "--spans-key"
        )

    def test_a_wrong_author(self, pipeline: Path, demo: Path) -> None:
        assert_refused(
            run("annotate", pipeline, demo, "out", "--name", "two words"),
            "wrong form",
            "ml:two words",
            "ml:NAME",
        )

    def test_evaluate(self, pipeline: Path, demo: Path) -> None:
        outcome = run("evaluate", pipeline, demo, "--output", "metrics.json")
        assert outcome.code == 0, outcome.err
        metrics = json.loads(Path("metrics.json").read_text())
        assert metrics["overall"]["gold"] == sum(
            len(item.annotations) for item in Project.open(demo) if item.annotations.complete
        )
        assert 0 < metrics["overall"]["exact"]["f1"] <= metrics["overall"]["overlapping"]["f1"] <= 1
        for label, scores in metrics["labels"].items():
            assert label in outcome.out
            assert f"{100 * scores['exact']['f1']:.1f}" in outcome.out

    def test_evaluate_on_converted_documents_is_the_same(self, pipeline: Path, demo: Path) -> None:
        assert run("convert", demo, "corpus").code == 0
        assert run("evaluate", pipeline, demo, "-o", "a.json").code == 0
        assert run("evaluate", pipeline, "corpus/train.spacy", "-o", "b.json").code == 0
        assert Path("a.json").read_text() == Path("b.json").read_text()

    def test_a_pipeline_that_predicts_nothing_is_not_praised(self, demo: Path, tmp_path: Path) -> None:
        spacy.blank("en").to_disk(tmp_path / "blank")
        outcome = run("evaluate", "blank", demo)
        assert outcome.code == 0
        assert "predicted no entity at all" in outcome.err

    def test_nothing_to_evaluate_on(self, pipeline: Path, tmp_path: Path) -> None:
        source = write(tmp_path / "x", document("Nothing here."))
        assert_refused(
            run("evaluate", pipeline, source), "there is nothing to evaluate on", "1 document, 0 entities"
        )
        assert_refused(run("evaluate", pipeline, "none.spacy"), "there is no such file")


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
        self, pipeline: Path, demo: Path, tmp_path: Path
    ) -> None:
        run("import", demo)
        notes = tmp_path / "notes"
        notes.mkdir()
        (notes / "one.txt").write_text("I saw Vega and Mars last night.")
        (notes / "two.md").write_text("# Saturn\n\nIt was beautiful.\n")
        (notes / ".hidden").write_text("no")
        planned = run("upload", notes, "--folder", "pool/notes", "--model", pipeline, "--dry-run")
        assert planned.code == 0, planned.err
        assert "would be uploaded to local/demo" in planned.out
        outcome = run(
            "upload",
            notes,
            "--folder",
            "pool/notes",
            "--model",
            pipeline,
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

    def test_push_never_overwrites_what_people_confirmed(self, pipeline: Path, demo: Path) -> None:
        run("import", demo)
        run("fetch", "new", "--query", "anncomplete:false", "--text-only")
        assert run("annotate", pipeline, "new", "annotated").code == 0
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


class TestRemote:
    """A tagtog that is configured: errors on the way there."""

    @pytest.fixture
    def remote(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
        with local_tagtog(tmp_path / "remote.db") as local:
            local.store.create_project("ada", "stars", settings_from_legend(LEGEND))
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


def limited(arguments: Sequence[object], folder: Path, size: int) -> subprocess.CompletedProcess[str]:
    """Run a command that can't write files larger than so many bytes: to the program, a disk that is full."""
    return subprocess.run(
        [sys.executable, "-m", "spacy_tagtog", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )


class TestDiskFull:
    def test_convert(self, demo: Path, tmp_path: Path) -> None:
        done = limited(["convert", demo, "corpus"], tmp_path, 4096)
        assert done.returncode == 1
        assert done.stderr.startswith("✘ can't write")
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "corpus").exists()
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".part-")]

    def test_fetch_keeps_what_it_has(self, tmp_path: Path) -> None:
        long = document("star " * 4000, name="long.txt")
        short = document("Vega", entity("e_1", 0, "Vega"), name="short.txt")
        assert run("import", write(tmp_path / "x", short, long)).code == 0
        done = limited(["fetch", "out"], tmp_path, 12_000)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert not list((tmp_path / "out").rglob(".part-*"))
        # With space again, the same command ends the work.
        assert run("fetch", "out").code == 0
        assert len(Project.open("out")) == 2


def test_serve_shows_its_password_once_and_serves(tmp_path: Path) -> None:
    import requests

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


def test_serve_needs_leave_to_be_reached_from_elsewhere() -> None:
    assert_refused(run("serve", "--host", "0.0.0.0"), "0.0.0.0", "--allow-remote")


def test_commands_without_the_server_extra(vega: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy_tagtog.server", None)
    assert_refused(
        run("fetch", "out"), "the local tagtog is not installed", "pip install 'spacy-tagtog[server]'"
    )
    assert_refused(run("serve"), "the local tagtog is not installed", "pip install 'spacy-tagtog[server]'")
    # What needs no tagtog works without it.
    assert run("convert", vega, "corpus").code == 0


def test_the_tokenizer_of_a_base_pipeline_is_used(vega: Path, tmp_path: Path) -> None:
    nlp: Language = spacy.blank("en")
    nlp.tokenizer.add_special_case("Vega", [{"ORTH": "Ve"}, {"ORTH": "ga"}])
    nlp.to_disk(tmp_path / "base")
    assert run("convert", vega, "corpus", "--base", "base").code == 0
    (doc,) = spacy.tokens.DocBin().from_disk("corpus/train.spacy").get_docs(nlp.vocab)
    assert [token.text for token in doc.ents[0]] == ["Ve", "ga"]


def test_broken_pipe_is_no_error(demo: Path, tmp_path: Path) -> None:
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("needs bash")
    done = subprocess.run(
        [shell, "-c", f'set -o pipefail; "{sys.executable}" -m spacy_tagtog convert "{demo}" corpus | true'],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "Traceback" not in done.stderr


def test_nothing_to_annotate_is_no_error(vega: Path, pipeline: Path) -> None:
    """A project in which everything is confirmed has no new documents: the workflow must still run to its end."""
    assert run("import", vega).code == 0
    assert run("fetch", "new", "--query", "anncomplete:false").code == 0
    outcome = run("annotate", pipeline, "new", "annotated")
    assert outcome.code == 0, outcome.err
    assert "no document to annotate" in outcome.err
    assert run("push", "annotated").code == 0


def test_every_command_and_option_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs/commands.md"
    if not page.exists():
        pytest.skip("runs in a checkout")
    sections = re.split(r"^## `spacy-tagtog (\w+)`$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    documented = dict(zip(sections[1::2], sections[2::2], strict=True))
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    assert set(documented) == set(command.commands)
    for name, subcommand in command.commands.items():
        for parameter in subcommand.params:
            for option in parameter.opts:
                assert f"{option}" in documented[name], f"{name} {option}"

"""``convert``: what it prints, what it leaves behind, which exit code it gives."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import spacy
from commands import assert_refused, run
from notes import document, entity, listing, only_file, write
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_tagtog.anndoc import MASTER, Annotations, Document, Legend, Project, html_from_text, write_project

pytestmark = pytest.mark.usefixtures("own_folder")


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

    def test_one_file(self, demo_project: Path) -> None:
        outcome = run("convert", demo_project, "new/all.spacy")
        assert outcome.code == 0, outcome.err
        assert "new/all.spacy: 16 documents" in outcome.out
        assert run("convert", demo_project, "corpus", "--shard-size", "0").code == 0
        assert Path("new/all.spacy").read_bytes() == Path("corpus/train.spacy").read_bytes()
        assert [path.name for path in Path("new").iterdir()] == ["all.spacy"]
        assert_refused(run("convert", demo_project, "new/all.spacy"), "the output exists already", "--force")
        assert_refused(
            run("convert", demo_project, "sides.spacy", "--split", "dev=0.3"),
            "don't fit into one file",
            "sides.spacy",
            "write to sides",
        )
        # What is refused leaves the file as it was, and nothing beside it.
        before = Path("new/all.spacy").read_bytes()
        assert_refused(
            run("convert", demo_project, "new/all.spacy", "--force", "--folder", "pool/none"), "no document"
        )
        assert Path("new/all.spacy").read_bytes() == before
        assert [path.name for path in Path("new").iterdir()] == ["all.spacy"]
        assert run("convert", "new/all.spacy", "back", "--back").code == 0
        assert len(Project.open("back")) == 16

    def test_split_writes_a_file_a_side(self, demo_project: Path) -> None:
        outcome = run("convert", demo_project, "corpus", "--split", "dev=0.3,test=0.3")
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
        assert re.search(r"offset repaired: it counts .* \(right in at least 99\.\d%\) +2\n", outcome.out)
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
            "✘ nobody has confirmed a document yet",
            "0 of 1 document converted",
            "1 set aside: not confirmed",
            "spacy-tagtog serve --open",
            "--documents",
        )

    def test_versions_of_members_only(self, vega: Path) -> None:
        members = vega / "ann.json/members/ada"
        members.parent.mkdir()
        (vega / "ann.json/master").rename(members)
        outcome = run("convert", vega, "corpus")
        assert_refused(
            outcome,
            "no confirmed document could be converted",
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
        assert_refused(
            outcome, "means nothing with --back", "--lang, --report", "--converter, --code, --force"
        )
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
    def test_convert(self, demo_project: Path, tmp_path: Path) -> None:
        done = limited(["convert", demo_project, "corpus"], tmp_path, 4096)
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


def test_the_tokenizer_of_a_base_pipeline_is_used(vega: Path, tmp_path: Path) -> None:
    nlp: Language = spacy.blank("en")
    nlp.tokenizer.add_special_case("Vega", [{"ORTH": "Ve"}, {"ORTH": "ga"}])
    nlp.to_disk(tmp_path / "base")
    assert run("convert", vega, "corpus", "--base", "base").code == 0
    (doc,) = spacy.tokens.DocBin().from_disk("corpus/train.spacy").get_docs(nlp.vocab)
    assert [token.text for token in doc.ents[0]] == ["Ve", "ga"]


OWN_CONVERTER = """
from spacy_tagtog.convert import AnndocConverter, converters


class Shouting(AnndocConverter):
    def to_docs(self, document, nlp, report):
        for doc in super().to_docs(document, nlp, report):
            doc.user_data["shouted"] = doc.text.upper()
            yield doc


@converters("acme.ShoutingOfAFile.v1")
def make_shouting():
    return Shouting()
"""


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_converter_of_a_file(demo_project: Path, processes: str) -> None:
    Path("own.py").write_text(OWN_CONVERTER, encoding="utf-8")
    arguments = ("convert", demo_project, "own.spacy", "--converter", "acme.ShoutingOfAFile.v1")
    done = run(*arguments, "--code", "own.py", "--n-process", processes)
    assert done.code == 0, done
    docs = list(DocBin().from_disk("own.spacy").get_docs(spacy.blank("en").vocab))
    assert [doc.user_data["shouted"] for doc in docs] == [doc.text.upper() for doc in docs]
    assert len(docs) == 16

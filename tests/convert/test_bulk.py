"""Whole projects: the same files for any number of processes, shards, and nothing half done."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import spacy
from builders import E, document
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_tagtog.anndoc import Project, write_project
from spacy_tagtog.convert import ConversionReport, read_spacy
from spacy_tagtog.convert.bulk import BulkJob, Shards, convert_in_bulk
from spacy_tagtog.convert.docbin import DocPacker
from spacy_tagtog.errors import (
    ConfigurationError,
    ConversionError,
    OutputExistsError,
    PipelineError,
    WriteError,
)
from spacy_tagtog.steps.convert import convert


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """23 documents, one unconfirmed; all entities are right."""
    made = []
    for number in range(23):
        one = document(
            f"Mars {number} and U.K.",
            "can't",
            entities=[E(1, 0, 4, "e_2")],
            complete=number != 5,
            name=f"{number:02}.txt",
        )
        one.id = f"{'a' * 27}b-{number:02}"
        made.append(one)
    path = tmp_path_factory.mktemp("bulk") / "project"
    write_project(made, path)
    return path


@pytest.fixture(params=["folder", "zip"])
def source(request: pytest.FixtureRequest, project: Path, tmp_path: Path) -> Path:
    if request.param == "zip":
        write_project(Project.open(project), tmp_path / "project.zip")
        return tmp_path / "project.zip"
    return project


def files(folder: Path) -> dict[str, bytes]:
    """All files but the mark of folders that we wrote."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".spacy-tagtog"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize("shard_size", [0, 3, 2000])
def test_files_and_report_are_the_same_for_any_number_of_processes(
    source: Path, tmp_path: Path, shard_size: int
) -> None:
    results = []
    for n_process in (1, 2, 3):
        report = ConversionReport()
        target = tmp_path / f"out{n_process}"
        converted = convert(
            source, target, split="dev=0.3", report=report, n_process=n_process, shard_size=shard_size
        )
        results.append((converted.sides, files(target), report))
    assert results[0] == results[1] == results[2]
    sides, _, report = results[0]
    assert sum(sides.values()) == report.documents_out == 22
    assert report.documents_in == 23
    assert report.is_balanced


def test_shards(project: Path, tmp_path: Path) -> None:
    convert(project, tmp_path / "one")
    assert list(files(tmp_path / "one")) == ["train.spacy"]
    convert(project, tmp_path / "many", shard_size=5)
    names = list(files(tmp_path / "many"))
    assert names == [f"train/{number:04}.spacy" for number in range(len(names))]
    vocab = Vocab()
    assert all(len(list(read_spacy(tmp_path / "many" / name, vocab))) <= 5 for name in names)
    assert [doc.text for doc in read_spacy(tmp_path / "many" / "train", vocab)] == [
        doc.text for doc in read_spacy(tmp_path / "one", vocab)
    ]
    # As spaCy itself reads a folder: all of it, in whatever order.
    read = [example.text for example in spacy.training.Corpus(tmp_path / "many" / "train")(spacy.blank("en"))]
    assert sorted(read) == sorted(doc.text for doc in read_spacy(tmp_path / "one", vocab))


def test_a_project_that_just_fits_is_one_file(project: Path, tmp_path: Path) -> None:
    convert(project, tmp_path / "out", shard_size=23)
    assert list(files(tmp_path / "out")) == ["train.spacy"]


def test_progress_counts_every_document(project: Path, tmp_path: Path) -> None:
    seen: list[Any] = []

    def progress(items: Any, total: int | None = None, /) -> Any:
        seen.append(total)
        for item in items:
            seen.append(item)
            yield item

    convert(project, tmp_path / "out", n_process=2, shard_size=4, progress=progress)
    assert seen == [23, *Project.open(project).ids]


@pytest.mark.parametrize("n_process", [1, 2])
def test_faults_are_refused_before_anything_is_visible(tmp_path: Path, n_process: int) -> None:
    made = [document("Mars", entities=[E(1, 0, 4)], name=f"{number}.txt") for number in range(7)]
    for number, one in enumerate(made):
        one.id = f"{'a' * 27}b-{number}"
        one.annotations.data["entities"][0]["part"] = "s1p1" if number < 5 else "s9p9"
    write_project(made, tmp_path / "project")
    target = tmp_path / "out"
    for force in (False, True):
        report = ConversionReport()
        with pytest.raises(ConversionError, match="2 faults"):
            convert(
                tmp_path / "project", target, n_process=n_process, shard_size=2, report=report, force=force
            )
        # All of them are listed, and what was there stays.
        assert report.documents_in == 7
        assert report.reasons == {"missing_part": 2}
        assert sorted(path.name for path in tmp_path.iterdir()) == (
            ["out", "project"] if force else ["project"]
        )
        target.mkdir(exist_ok=True)
        for name in ("old", ".spacy-tagtog"):  # as if it were of an earlier run
            (target / name).write_bytes(b"old")
    assert files(target) == {"old": b"old"}


def test_a_side_without_documents_leaves_nothing(project: Path, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="no document is on the side 'dev'"):
        convert(project, tmp_path / "out", split="dev=0.000001", shard_size=2)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_refused_first(project: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    report = ConversionReport()
    with pytest.raises(OutputExistsError):
        convert(project, tmp_path, report=report)
    assert not report.documents_in


@pytest.mark.parametrize(("option", "value"), [("n_process", 0), ("n_process", -1), ("shard_size", -1)])
def test_numbers_out_of_range(project: Path, tmp_path: Path, option: str, value: int) -> None:
    with pytest.raises(ConfigurationError, match="out of range"):
        convert(project, tmp_path / "out", **{option: value})  # type: ignore[arg-type]


class Changing:
    """A tokenizer that changes the text of one document."""

    def __init__(self, vocab: Vocab, what: str) -> None:
        self.vocab = vocab
        self.what = what

    def __call__(self, text: str) -> Doc:
        if "17" in text:
            if self.what == "exit":
                os._exit(3)
            text = "other"
        return Doc(self.vocab, words=[text], spaces=[False])


def make_changing(what: str) -> Language:
    nlp = spacy.blank("en")
    nlp.tokenizer = Changing(nlp.vocab, what)
    return nlp


@pytest.mark.parametrize("n_process", [1, 2])
def test_a_typed_error_arrives_as_itself(project: Path, n_process: int) -> None:
    report = ConversionReport()
    job = BulkJob(project, partial(make_changing, "text"))
    with pytest.raises(PipelineError, match="changes the text") as caught:
        list(convert_in_bulk(job, Project.open(project), report, n_process=n_process, batch_size=2))
    assert (caught.value.place, caught.value.value) == ("part s1p1, character 0", "Mars 17 and U.K.")
    assert report.documents_in == 16


@pytest.mark.parametrize("n_process", [1, 2])
def test_what_was_done_before_an_error_is_given(project: Path, n_process: int) -> None:
    """A batch that is still being compressed while the next one fails isn't lost."""
    job = BulkJob(project, partial(make_changing, "text"))
    done: list[str] = []
    batches = convert_in_bulk(
        job, Project.open(project), ConversionReport(), n_process=n_process, batch_size=1
    )
    with pytest.raises(PipelineError):
        done.extend(doc_id for batch in batches for doc_id in batch.ids)
    assert done == Project.open(project).ids[:17]


def test_a_process_that_dies_is_an_error(project: Path) -> None:
    job = BulkJob(project, partial(make_changing, "exit"))
    with pytest.raises(ConversionError, match="ended without an answer"):
        list(convert_in_bulk(job, Project.open(project), ConversionReport(), n_process=2, batch_size=2))


def test_nobody_has_to_take_all_batches(project: Path) -> None:
    batches = convert_in_bulk(
        BulkJob(project, partial(spacy.blank, "en")),
        Project.open(project),
        ConversionReport(),
        n_process=2,
        batch_size=1,
    )
    assert len(next(batches).ids) == 1
    batches.close()  # type: ignore[attr-defined]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_ctrl_c_ends_cleanly(project: Path, tmp_path: Path) -> None:
    """The signal goes to a whole group of processes, as a terminal sends it.

    The program sends it itself, so there is nothing to wait for.
    """
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import os, signal, sys
from pathlib import Path
from spacy_tagtog.steps.convert import convert
from spacy_tagtog.cli._run import command

# A test run that was started in the background inherits that interrupts are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

def progress(items, total):
    for number, item in enumerate(items):
        if number == 3:
            os.killpg(0, signal.SIGINT)
        yield item

@command
def run():
    source, target = Path({str(project)!r}), Path({str(tmp_path / "out")!r})
    convert(source, target, n_process=2, shard_size=2, progress=progress)

import typer
if __name__ == "__main__":
    try:
        run()
    except typer.Exit as error:
        sys.exit(error.exit_code)
"""
    )
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, start_new_session=True, timeout=240
    )
    assert (done.returncode, done.stderr.strip()) == (130, "Interrupted.")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["program.py"]


def test_a_shard_that_cant_be_written(nlp: Language, tmp_path: Path) -> None:
    (tmp_path / "train").write_bytes(b"a file where a folder must be")
    shards = Shards(tmp_path, "train", 1)
    for _ in range(2):
        packer = DocPacker()
        packer.add(nlp("Mars"))
        if not len(shards):
            shards.add(packer.take().compressed())
    with pytest.raises(WriteError):
        shards.add(packer.take().compressed())

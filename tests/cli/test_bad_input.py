"""What people type wrongly, in every command: a message that says what to do next, never a traceback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import run

from spacy_tagtog.anndoc import Project
from spacy_tagtog.steps import list_projects

# Arguments, exit code, the beginning of the message, the next step.
BAD: list[tuple[str, int, str, str]] = [
    ("fetch out --project stargasing", 1, "the local tagtog has no such project", "did you mean"),
    ("fetch out --member nobody", 2, "the project has no such member", "fetch --help"),
    (
        "fetch out --query foo:bar",
        1,
        "the query uses a field that isn't known",
        "put text with a colon in quotes",
    ),
    ("fetch out --all-members --member ada", 2, "--all-members and --member contradict", "fetch --help"),
    ("fetch out --domain ftp://tagtog", 1, "tagtog's domain isn't an address", "https://www.tagtog.com"),
    ("fetch out --domain https://localhost:1", 1, "the user name is not set", "TAGTOG_USERNAME"),
    ("convert nowhere corpus2", 1, "there is nothing at this path", "check the path"),
    ("convert new corpus2", 1, "nobody has confirmed a document yet", "spacy-tagtog serve --open"),
    (
        "convert reviewed corpus2 --documents confirmd",
        2,
        "unknown value of --documents",
        "did you mean confirmed?",
    ),
    ("convert reviewed corpus2 --on-problem ignore", 2, "unknown value of --on-problem", "convert --help"),
    (
        "convert reviewed corpus2 --set alignement=split",
        2,
        "the converter spacy-tagtog.Anndoc.v1",
        "convert --help",
    ),
    ("convert reviewed corpus2 --split dev=2", 2, "a share of the split can't be read", "convert --help"),
    (
        "convert reviewed corpus2 --converter acme.Titles.v1",
        2,
        "there is no converter of this name",
        "--code",
    ),
    ("convert reviewed corpus", 1, "the output exists already", "--force"),
    ("validate reviewed --report x.txt", 2, "a report can't be written in this form", "validate --help"),
    (
        "tokenizer reviewed rules.json --lang klingon",
        1,
        "spaCy can't make a tokenizer",
        "Can't import language",
    ),
    ("upload notes.txt letter.docx", 1, "tagtog refused 1 of 2 files", "upload again"),
    ("upload notes.txt --format html5", 2, "unknown value of --format", "upload --help"),
    ("upload nowhere.txt", 1, "a file can't be read", "check the path"),
    ("push annotated --top 3", 2, "--top needs to know the order", "spacy-tagtog rank"),
    ("push annotated --ranking none.json", 1, "there is no such ranking", "spacy-tagtog rank"),
    ("push other-types", 1, "the project has no entity type of this name", "settings --add-entity Comet"),
    ("delete", 2, "which documents to delete is not said", "delete --help"),
    ("delete --query foo:bar", 1, "the query uses a field that isn't known", "in quotes"),
    ("import broken --project mended", 1, "ann.json doesn't parse", "mend the file"),
    ("export reviewed", 1, "the output exists already", "--force"),
    ("demo --to reviewed", 1, "the output exists already", "--force"),
    (
        "train corpus/train.spacy corpus/dev.spacy -o t2 --model sed",
        2,
        "unknown value of --model",
        "did you mean seed?",
    ),
    (
        "train corpus/train.spacy corpus/dev.spacy -o t2 --gpu-id 99",
        1,
        "this GPU can't be used",
        "train on the CPU",
    ),
    ("train corpus/train.spacy nowhere.spacy -o t2", 1, "there is no such file", "check the path"),
    ("evaluate training corpus/dev.spacy", 1, "this folder is no pipeline", "training/model-best"),
    ("calibrate training/model-best -o c2", 2, "there are no documents to calibrate on", "calibrate --help"),
    (
        "calibrate training/model-best corpus/train.spacy -o c2",
        1,
        "the pipeline was trained on",
        "leave them out",
    ),
    (
        "calibrate training/model-best corpus/dev.spacy -o c2 --method tree",
        2,
        "unknown value of --method",
        "trees",
    ),
    ("annotate nowhere new annotated2", 1, "there is no such pipeline", "spacy-tagtog train"),
    ("rank new -o r.json", 1, "the strategy needs what a pipeline predicts", "--pipeline"),
    (
        "rank new -o r.json --strategy clusters",
        2,
        "there is no strategy of this name",
        "did you mean cluster?",
    ),
    (
        "rank new -o r.json --strategy random --random-share 3",
        2,
        "the random share is out of range",
        "rank --help",
    ),
    ("changes annotated reviewed", 1, "there is nothing to compare", "spacy-tagtog serve --open"),
    ("simulate nowhere -o sim", 1, "there is nothing at this path", "check the path"),
    ("simulate reviewed -o sim --budget 3", 2, "--budget is out of range", "simulate --help"),
    ("iaa reviewed", 1, "agreement needs two members", "spacy-tagtog fetch FOLDER --all-members"),
    ("merge reviewed m.zip --strategy most", 2, "unknown value of --strategy", "merge --help"),
    ("members --add nobody=reviewer", 2, "the local tagtog has no such user", "spacy-tagtog user add nobody"),
    ("members --add local=reviewer", 2, "local is a member already", "--role local=reviewer"),
    ("members --role nobody=reviewer", 2, "the project has no such member", "--add nobody=ROLE"),
    ("folders --add pool/x --rename pool/none=y", 2, "the project has no such folder", "did you mean"),
    ("settings --load none.json", 1, "the settings can't be read", "check the path"),
    ("settings --create", 2, "--create goes with --load", "project create"),
    ("stats foo:bar", 1, "the query uses a field that isn't known", "in quotes"),
    ("serve --tls-cert cert.pem", 2, "a certificate and its private key belong together", "serve --help"),
    ("user add ada --project stargazing --role boss", 2, "unknown value of --role", "user add --help"),
    ("user remove nobody", 1, "there is no such user", "spacy-tagtog user list"),
    ("project create p --entity x", 1, "this can't be the name of an entity type", "choose another name"),
    ("project delete none", 1, "the local tagtog has no such project", "project list"),
    ("new reviewed", 1, "something is in this folder already", "--force"),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which somebody has worked with the demo."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("notes.txt").write_text("Ada saw Vega.", encoding="utf-8")
        Path("letter.docx").write_bytes(b"PK")
        for command in (
            "demo",
            "fetch reviewed",
            "fetch new --query anncomplete:false",
            "convert reviewed corpus --split dev=0.2",
            "train corpus/train.spacy corpus/dev.spacy",
            "annotate training/model-best new annotated",
        ):
            done = run(*command.split())
            assert done.code == 0, done
        for name in ("broken", "other-types"):
            shutil.copytree("new", name)
        path = next(Path("broken/ann.json/master").rglob("*.json"))
        path.write_text('{"entities": ', encoding="utf-8")
        legend = Path("other-types/annotations-legend.json")
        text = legend.read_text(encoding="utf-8").replace("Celestial_Object", "Comet")
        legend.write_text(text, encoding="utf-8")
        for path in Path("other-types/ann.json/master").rglob("*.json"):
            shutil.copy(next(Path("annotated/ann.json/master").rglob(path.name)), path)
    return folder


@pytest.fixture
def inside(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(prepared)
    before = sorted(path.name for path in prepared.iterdir())
    yield prepared
    assert sorted(path.name for path in prepared.iterdir()) == before  # nothing half done is left


@pytest.mark.parametrize(("typed", "code", "problem", "next_step"), BAD, ids=[row[0] for row in BAD])
@pytest.mark.usefixtures("inside")
def test_wrong_input_is_answered_with_the_next_step(
    typed: str, code: int, problem: str, next_step: str
) -> None:
    outcome = run(*typed.split())
    assert outcome.code == code, outcome
    said = outcome.err[outcome.err.index("✘ ") :]
    assert said.startswith(f"✘ {problem}"), outcome.err
    (to_do,) = [line for line in said.splitlines() if line.startswith("  to do: ")]
    assert next_step in to_do
    assert " / " not in outcome.err  # no answer of the server squeezed into one line
    assert "127.0.0.1" not in outcome.err  # nor its address, which is gone


@pytest.mark.usefixtures("inside")
def test_a_failed_import_leaves_no_empty_project() -> None:
    assert run("import", "broken", "--project", "mended").code == 1
    assert [one.name for one in list_projects()] == ["stargazing"]


@pytest.mark.usefixtures("inside")
def test_folders_are_checked_before_one_is_changed() -> None:
    before = run("folders").out
    for options in (
        ("--add", "pool/x", "--rename", "pool/none=y"),
        ("--add", "pool/x", "--remove", "pool/none"),
        ("--add", "pool/x", "--add", "elsewhere/y"),
        ("--add", "pool/x", "--add", "pool/y", "--rename", "pool/x=y"),
        ("--add", "pool/x", "--rename", "pool=y"),
    ):
        assert run("folders", *options).code == 2
        assert run("folders").out == before
    # What one option makes, the next may use.
    done = run(
        "folders", "--add", "pool/x/z", "--rename", "pool/x=y", "--remove", "pool/y/z", "--remove", "pool/y"
    )
    assert done.code == 0, done
    assert run("folders").out == before


@pytest.mark.usefixtures("inside")
def test_a_member_who_is_there_with_that_role_stays() -> None:
    done = run("members", "--add", "local=admin")
    assert done.code == 0, done
    assert "local is admin already" in done.out


@pytest.mark.usefixtures("inside")
def test_files_that_tagtog_takes_are_there_although_others_were_refused() -> None:
    refused = run("upload", "notes.txt", "letter.docx")
    assert refused.code == 1
    assert "can't import files of this kind; " in refused.err
    assert "there already   1" in run("upload", "notes.txt").out


@pytest.mark.usefixtures("inside")
def test_delete_takes_a_query_as_the_others_do() -> None:
    queried, plain = (run("delete", *options, "filename:none*", "--dry-run") for options in (["--query"], []))
    assert queried.code == 0
    assert queried == plain


def test_a_document_that_a_project_does_not_have(prepared: Path) -> None:
    project = Project.open(prepared / "reviewed")
    for wrong in ("0", "none"):
        with pytest.raises(KeyError, match="no such document") as caught:
            project[wrong]
        assert project.ids[0] in str(caught.value)

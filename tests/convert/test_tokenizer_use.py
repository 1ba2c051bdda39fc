"""Learned rules in a config and in the commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from builders import E, document
from commands import run
from conftest import CONFIGS, SMALL
from spacy import registry
from spacy.cli.debug_data import debug_data
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.util import load_config

from spacy_tagtog.anndoc import Document, Project, write_project
from spacy_tagtog.convert import ConversionReport, convert_documents, make_converter
from spacy_tagtog.convert.split import side_of
from spacy_tagtog.convert.tokenizer import (
    TokenizerRules,
    gold_texts,
    learn_tokenizer,
    read_rules,
    write_rules,
)

CALLBACK = "spacy-tagtog.LearnedTokenizer.v1"


# In a config


@pytest.fixture(scope="module")
def project_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose entities stand inside tokens."""

    def one(number: int) -> Document:
        name, change = (
            f"{'ABCDEFG'[number % 7]}PE{number}",
            f"{'KLMNPQR'[number % 7]}{number}{'STV'[number % 3]}",
        )
        text = f"We saw {name}({change}) in mice (often)."
        start = text.index(name)
        entities = [
            E(1, start, start + len(name)),
            E(1, text.index(change), text.index(change) + len(change), "e_2"),
        ]
        return document(text, entities=entities, name=f"note{number}.txt")

    path = tmp_path_factory.mktemp("mutations") / "project"
    write_project([one(number) for number in range(20)], path)
    return path


@pytest.fixture(scope="module")
def rules_file(project_folder: Path, nlp: Language, tmp_path_factory: pytest.TempPathFactory) -> Path:
    docs = convert_documents(Project.open(project_folder), nlp, make_converter(), ConversionReport())
    path = tmp_path_factory.mktemp("rules") / "rules.json"
    write_rules(learn_tokenizer(nlp, gold_texts(docs)), path)
    return path


def test_the_callback_without_a_path_leaves_the_tokenizer_as_it_is() -> None:
    nlp = spacy.blank("en")
    before = nlp.tokenizer.to_bytes(exclude=["vocab"])
    assert registry.callbacks.get(CALLBACK)()(nlp) is nlp
    assert registry.callbacks.get(CALLBACK)(path=None)(nlp).tokenizer.to_bytes(exclude=["vocab"]) == before


def test_train_with_rules_and_load_without_the_file(
    project_folder: Path,
    rules_file: Path,
    tmp_path: Path,
    subprocess_env: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = load_config(CONFIGS / "ner.cfg")
    rules = tmp_path / "rules.json"
    rules.write_bytes(rules_file.read_bytes())
    config["initialize"]["before_init"] = {"@callbacks": CALLBACK, "path": str(rules)}
    config.to_disk(tmp_path / "ner.cfg")
    paths = {"paths.train": str(project_folder), "paths.dev": str(project_folder)}
    overrides = {**SMALL, **paths, "training.max_steps": 40, "training.eval_frequency": 40}
    with pytest.raises(SystemExit):  # it finds that these are too few documents
        debug_data(tmp_path / "ner.cfg", config_overrides=overrides, silent=False)
    assert "Pipeline can be initialized with data" in capsys.readouterr().out
    train(tmp_path / "ner.cfg", tmp_path / "trained", overrides=overrides)
    rules.unlink()
    code = """
import json, sys, spacy
nlp = spacy.load(sys.argv[1])
doc = nlp("We saw BPE99(M7S) in mice (often).")
print(json.dumps([[token.text for token in doc], [ent.text for ent in doc.ents]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "trained/model-last")],
        capture_output=True,
        text=True,
        check=True,
        env=subprocess_env,
    )
    tokens, entities = json.loads(done.stdout)
    assert tokens == ["We", "saw", "BPE99", "(", "M7S", ")", "in", "mice", "(", "often", ")", "."]
    assert set(entities) & {"BPE99", "M7S"}  # entities that the language's tokenizer could never give


# The commands


def test_the_command_measures_on_held_out_documents(project_folder: Path, tmp_path: Path) -> None:
    target, report = tmp_path / "rules.json", tmp_path / "report.json"
    code, out, err = run("tokenizer", project_folder, target, "--split", "dev=0.3", "--report", report)
    assert code == 0, err
    assert "held out: 0.00 % → 100.00 % of the entities" in out
    assert "infix" in out
    figures = json.loads(report.read_text(encoding="utf-8"))
    held_out = {one for one in Project.open(project_folder).ids if side_of(one, {"dev": 0.3}) == "dev"}
    assert figures["held_out"]["before"]["documents"] == len(held_out) > 0
    assert (
        figures["held_out"]["after"]["aligned"]
        == figures["held_out"]["after"]["entities"]
        == 2 * len(held_out)
    )
    assert figures["held_out"]["after"]["tokens"] > figures["held_out"]["before"]["tokens"]
    assert TokenizerRules.from_json(figures["rules"]) == read_rules(target)

    code, _, err = run("tokenizer", project_folder, target)
    assert code == 1
    assert "--force" in err
    code, out, err = run("tokenizer", project_folder, target, "--force", "--split", "")
    assert code == 0, err
    assert "held out" not in out


def test_convert_with_learned_rules(
    project_folder: Path, rules_file: Path, tmp_path: Path, nlp: Language
) -> None:
    for name, more in (("without", []), ("with", ["--tokenizer", rules_file])):
        code, out, err = run("convert", project_folder, tmp_path / name, *more)
        assert code == 0, err
        assert ("split out of longer tokens" in out) == (name == "without")
    (doc, *_) = DocBin().from_disk(tmp_path / "with/train.spacy").get_docs(nlp.vocab)
    assert len(doc.ents) == 2
    code, _, err = run("convert", project_folder, tmp_path / "bad", "--tokenizer", tmp_path / "missing.json")
    assert code == 1
    assert "missing.json" in err
    assert not (tmp_path / "bad").exists()


def test_the_command_refuses_what_it_cannot_do(project_folder: Path, tmp_path: Path) -> None:
    write_project([document("No entity", name=f"{number}.txt") for number in range(9)], tmp_path / "empty")
    for arguments, piece in (
        ([tmp_path / "empty", tmp_path / "rules.json"], "no entity"),
        ([project_folder, tmp_path / "rules.json", "--split", "dev=0.0000001"], "no document to be held out"),
        (
            [project_folder, tmp_path / "rules.json", "--documents", "unconfirmed"],
            "no document to be learned from",
        ),
        ([project_folder, tmp_path / "rules.json", "--min-gain", "0"], "least gain"),
        ([project_folder, tmp_path / "rules.json", "--split", "train=1"], "share"),
        ([project_folder, tmp_path], "this is a folder"),
    ):
        code, _, err = run("tokenizer", *arguments)
        assert code in (1, 2)
        assert piece in err
        assert not (tmp_path / "rules.json").exists()


def test_nothing_worth_learning_is_said(tmp_path: Path) -> None:
    write_project(
        [document("Vega shines", entities=[E(1, 0, 4)], name=f"{number}.txt") for number in range(12)],
        tmp_path / "plain",
    )
    code, out, err = run("tokenizer", tmp_path / "plain", tmp_path / "rules.json", "--split", "dev=0.3")
    assert code == 0, err
    assert "the tokenizer stays as it is" in out
    assert read_rules(tmp_path / "rules.json") == TokenizerRules(lang="en")

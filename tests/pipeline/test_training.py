"""``spacy train`` on what this package reads, with the configs that it ships.

Few steps on little data, but the real thing.
"""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import spacy
from conftest import CONFIGS, SMALL
from spacy.cli.init_config import fill_config
from spacy.cli.train import train
from spacy.language import Language
from spacy.util import load_config, load_model_from_config

from spacy_tagtog.anndoc import MASTER, Annotations, Document, write_project
from spacy_tagtog.convert import document_to_doc, write_docbin
from spacy_tagtog.errors import ConversionError

FEW = {
    **SMALL,
    "corpora.train.limit": 4,
    "corpora.dev.limit": 2,
    "training.max_steps": 4,
    "training.eval_frequency": 4,
}
NAMES = ("ner.cfg", "ner_vectors.cfg")
OTHERS = ("spancat.cfg", "textcat.cfg", "textcat_multilabel.cfg")


@pytest.fixture(scope="module")
def corpora(demo: list[Document], nlp: Language, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Some of the demo corpus in every form that can be trained on."""
    folder = tmp_path_factory.mktemp("corpora")
    some = [one for one in demo if one.versions][:24]
    write_project(some, folder / "folder")
    write_project(some, folder / "zipped.zip")
    docs = [
        document_to_doc(one, nlp) for one in sorted(some, key=lambda one: one.id)
    ]  # as a project orders them
    write_docbin(docs, folder / "docs.spacy")
    return {"folder": folder / "folder", "zip": folder / "zipped.zip", "spacy": folder / "docs.spacy"}


@pytest.fixture(scope="module")
def vectors(demo: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with small word vectors, as ``spacy init vectors`` writes it."""
    nlp = spacy.blank("en")
    words = sorted({word for one in demo[:24] for word in one.text.split()})
    random = np.random.default_rng(0)
    nlp.vocab.reset_vectors(shape=(len(words), 12))  # type: ignore[arg-type]
    for word in words:
        nlp.vocab.set_vector(word, random.normal(size=12).astype("float32"))  # type: ignore[arg-type]
    path = tmp_path_factory.mktemp("vectors") / "vectors"
    nlp.to_disk(path)
    return path


def trained_on(name: str, path: Path, out: Path, vectors: Path | None = None) -> Language:
    overrides = {
        **FEW,
        "paths.train": str(path),
        "paths.dev": str(path),
        **({"paths.vectors": str(vectors)} if vectors else {}),
    }
    train(CONFIGS / name, out, overrides=overrides)
    nlp = spacy.load(out / "model-last")
    assert nlp.pipe_names == ["tok2vec", "ner", "entity_confidence"]
    assert nlp.meta["performance"].keys() >= {"ents_f", "ents_p", "ents_r", "ents_per_type", "ner_loss"}
    assert set(nlp.get_pipe("ner").labels) == {"Celestial_Object", "Instrument", "Person", "Place"}  # type: ignore[attr-defined]
    doc = nlp("We saw the Moon.")
    assert len(doc.spans["entity_confidence"]) == len(doc.ents)
    return nlp


def test_every_form_trains_the_same_pipeline(corpora: dict[str, Path], tmp_path: Path) -> None:
    models = []
    for form, path in corpora.items():
        trained_on("ner.cfg", path, tmp_path / form)
        models.append((tmp_path / form / "model-last/ner/model").read_bytes())
    assert models[0] == models[1] == models[2]


@pytest.mark.parametrize("form", ["spacy", "zip"])
def test_training_with_vectors(form: str, corpora: dict[str, Path], vectors: Path, tmp_path: Path) -> None:
    nlp = trained_on("ner_vectors.cfg", corpora[form], tmp_path / "out", vectors)
    assert nlp.vocab.vectors_length == 12
    assert nlp.vocab.has_vector("the")


def test_vectors_are_a_feature(vectors: Path) -> None:
    plain, with_vectors = (load_config(CONFIGS / name) for name in NAMES)
    assert with_vectors["components"]["tok2vec"]["model"]["embed"].pop("include_static_vectors") is True
    assert plain["components"]["tok2vec"]["model"]["embed"].pop("include_static_vectors") is False
    assert with_vectors == plain


def test_the_pipeline_finds_what_it_was_trained_on(trained: Language, demo: list[Document]) -> None:
    names = [ent.label_ for one in demo[:30] for ent in trained(one.text).ents]
    assert len(set(names)) >= 2
    assert trained.meta["performance"]["ents_f"] > 0.1


def test_in_a_fresh_process(trained_path: Path, demo: list[Document], subprocess_env: dict[str, str]) -> None:
    """Nothing but spaCy is imported: the component comes by its entry point, the probabilities with it."""
    code = """
import sys, spacy
nlp = spacy.load(sys.argv[1])
for doc in nlp.pipe([sys.argv[2]]):
    for ent in doc.ents:
        print(ent.start_char, ent.end_char, ent.label_, f"{ent._.confidence:.3f}", sep=",")
"""
    text = demo[-1].text
    done = subprocess.run(
        [sys.executable, "-c", code, trained_path, text],
        env=subprocess_env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    doc = spacy.load(trained_path)(text)
    assert doc.ents
    rows = [line.split(",") for line in done.stdout.split()]
    assert [row[:3] for row in rows] == [
        [str(ent.start_char), str(ent.end_char), ent.label_] for ent in doc.ents
    ]
    assert [float(row[3]) for row in rows] == pytest.approx([ent._.confidence for ent in doc.ents], abs=0.002)


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_configs_are_complete(name: str, tmp_path: Path) -> None:
    """What ``spacy init fill-config`` does: with every default filled in, and validated, nothing is added."""
    written = load_config(CONFIGS / name, interpolate=False)
    assert written["initialize"]["vectors"] == "${paths.vectors}"
    nlp = load_model_from_config(load_config(CONFIGS / name), auto_fill=True)
    assert nlp.config == load_config(CONFIGS / name)
    fill_config(tmp_path / "filled.cfg", CONFIGS / name, silent=True)
    assert load_config(tmp_path / "filled.cfg", interpolate=False) == written


def test_the_seed_model_under_spacy_train(demo: list[Document], demo_folder: Path, tmp_path: Path) -> None:
    sides = {
        f"corpora.{side}.{key}": value
        for side in ("train", "dev")
        for key, value in (("split", "dev=0.2"), ("side", side))
    }
    paths = {"paths.train": str(demo_folder), "paths.dev": str(demo_folder)}
    train(CONFIGS / "seed.cfg", tmp_path / "out", overrides={**paths, **sides, "corpora.train.limit": 40})
    nlp = spacy.load(tmp_path / "out/model-best")
    assert nlp.pipe_names == ["seed_ner", "entity_confidence"]
    assert nlp.meta["performance"]["ents_f"] > 0.4
    assert set(nlp.get_pipe("seed_ner").labels) == {"Celestial_Object", "Instrument", "Person", "Place"}  # type: ignore[attr-defined]
    assert any(ent._.confidence for one in demo[-12:] for ent in nlp(one.text).ents)


def test_the_config_of_the_seed_model_differs_from_that_of_ner_in_nothing_but_the_component() -> None:
    seed, ner = load_config(CONFIGS / "seed.cfg"), load_config(CONFIGS / "ner.cfg")
    assert seed["corpora"] == ner["corpora"]
    # It alone has a use for texts that nobody annotated.
    assert seed["initialize"].pop("components").keys() == {"seed_ner"}
    assert seed["initialize"] == {
        name: value for name, value in ner["initialize"].items() if name != "components"
    }
    assert seed["paths"] == {**ner["paths"], "unlabelled": None}


def test_overrides_on_the_command_line(
    corpora: dict[str, Path], tmp_path: Path, subprocess_env: dict[str, str]
) -> None:
    """The command itself, with other values than the config's, and with a file outside of the repository."""
    shutil.copy(CONFIGS / "ner.cfg", tmp_path / "mine.cfg")
    options = {
        **FEW,
        "paths.train": corpora["folder"],
        "paths.dev": corpora["folder"],
        "components.entity_confidence.spans_key": "sc",
        "nlp.lang": "xx",
    }
    arguments = [piece for name, value in options.items() for piece in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "spacy", "train", "mine.cfg", "--output", "out", *arguments]
    done = subprocess.run(
        command, cwd=tmp_path, env=subprocess_env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    nlp = spacy.load(tmp_path / "out/model-last")
    assert nlp.lang == "xx"
    assert list(nlp("x").spans) == ["sc"]


def test_a_corpus_with_a_fault_stops_training_with_words(
    demo: list[Document], corpora: dict[str, Path], tmp_path: Path
) -> None:
    broken = copy.deepcopy(demo[0].annotations.data)
    broken["entities"][0]["offsets"][0]["text"] = "Quasar 3C 273"
    write_project(
        [Document(demo[0].id, demo[0].html, {MASTER: Annotations(broken)}, legend=demo[0].legend)],
        tmp_path / "broken",
    )
    overrides = {
        **FEW,
        "corpora.train.split": None,
        "corpora.train.side": None,
        "paths.train": str(tmp_path / "broken"),
        "paths.dev": str(corpora["zip"]),
    }
    with pytest.raises(ConversionError, match="another text stands at its offset"):
        train(CONFIGS / "ner.cfg", tmp_path / "out", overrides=overrides)

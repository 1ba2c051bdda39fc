"""Fixtures that several files share.

A tokenizer, the demo corpus as a project, a small pipeline trained on it, and a local tagtog.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Tests run side by side: numerical libraries that start a thread a core each would wait for one another. To
# be set before they are imported.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import pytest
import spacy
from databases import number_of_projects
from hypothesis import settings
from local_api import People
from spacy.cli.train import train
from spacy.language import Language

from spacy_tagtog.anndoc import Document, write_project
from spacy_tagtog.demo import demo_documents
from spacy_tagtog.server import LocalTagtog, local_tagtog

# To search longer than a test run should: pytest --hypothesis-profile thorough. In CI Hypothesis draws the
# same examples each time.
settings.register_profile("thorough", max_examples=20 * settings.default.max_examples, print_blob=True)

CONFIGS = Path(__file__).parents[1] / "configs"

# They take a minute each. Whoever begins with them ends when the others do.
LONG = ("test_the_main_job_and_the_loop", "test_on_a_tagtog_that_is_configured")

# A net and a corpus so small that training takes seconds. The rest is as the config says.
SMALL = {
    "components.tok2vec.model.encode.width": 32,
    "components.tok2vec.model.encode.depth": 1,
    "components.tok2vec.model.embed.rows": [500, *[100] * 10],
    "components.ner.model.hidden_width": 32,
    "training.optimizer.learn_rate": 0.01,
    "training.batcher.size.start": 200,
    "corpora.train.split": "dev=0.2",
    "corpora.train.side": "train",
    "corpora.train.limit": 40,
    "corpora.dev.split": "dev=0.2",
    "corpora.dev.side": "dev",
    "corpora.dev.limit": 4,
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For ``-n auto``: more than there are cores, since tests wait for servers, browsers and processes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + (cores + 1) // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first."""
    items.sort(key=lambda item: not item.name.startswith(LONG))


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Hashes that take no time: the tests make many users. Processes of their own hash as everybody does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spacy_tagtog.server.db.users.COST", 4)
        yield


@pytest.fixture(scope="session")
def nlp() -> Language:
    """An English tokenizer. Nobody may change it."""
    return spacy.blank("en")


@pytest.fixture(scope="session")
def demo() -> list[Document]:
    return list(demo_documents())


@pytest.fixture(scope="session")
def demo_folder(demo: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "stargazing"
    write_project(demo, path)
    return path


@pytest.fixture(scope="session")
def trained_path(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that ``spacy train`` made of configs/ner.cfg and the demo corpus.

    It finds entities, and is unsure of them.
    """
    path = tmp_path_factory.mktemp("trained")
    paths = {"paths.train": str(demo_folder), "paths.dev": str(demo_folder)}
    # The mean of so few steps, a part of which went without the words, has learned too little.
    quick = {"components.tok2vec.model.embed.word_dropout": 0.0, "training.optimizer.use_averages": False}
    train(
        CONFIGS / "ner.cfg",
        path,
        overrides={**SMALL, **quick, **paths, "training.max_steps": 60, "training.eval_frequency": 60},
    )
    return path / "model-last"


@pytest.fixture(scope="session")
def trained(trained_path: Path) -> Language:
    """The pipeline, loaded once. Who changes it loads one of their own."""
    return spacy.load(trained_path)


@pytest.fixture(scope="session")
def subprocess_env() -> dict[str, str]:
    """The environment for a fresh Python: nothing of this process's settings, and no colours."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("TAGTOG_")},
        "NO_COLOR": "1",
        "ANSI_COLORS_DISABLED": "1",
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTagtog]:
    """A local tagtog, one for each file of tests."""
    with local_tagtog(tmp_path_factory.mktemp("server") / "tagtog.db") as running:
        yield running


@pytest.fixture
def people(server: LocalTagtog) -> Iterator[People]:
    """A project of its own on the local tagtog, with a member of each role."""
    made = People(server, f"p{number_of_projects(server.database)}")
    yield made
    made.close()

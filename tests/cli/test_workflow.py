"""The whole job, as the README gives it: ``spacy project run all``, on the local tagtog and elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from notes import document, entity, write

from spacy_tagtog.anndoc import Annotations, Document, Project, write_project
from spacy_tagtog.client import TagtogClient, push
from spacy_tagtog.demo import DEMO_LEGEND, DEMO_PROJECT, demo_documents
from spacy_tagtog.selection.ranking import read_ranking
from spacy_tagtog.server import add_user, create_project, local_tagtog, settings_from_legend
from spacy_tagtog.steps import import_project, new_workspace
from spacy_tagtog.steps.connection import ConnectionSettings

ROOT = Path(__file__).parents[2]
# Enough steps to predict something; how well it predicts is not asked here.
STEPS = ("--vars.max_steps", "100", "--vars.eval_frequency", "50")

pytestmark = pytest.mark.skipif(not (ROOT / "project.yml").exists(), reason="runs in a checkout")


def workflow(
    folder: Path, *overrides: str, name: str = "all", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TAGTOG_")}
    return subprocess.run(
        [sys.executable, "-m", "spacy", "project", "run", name, str(folder), *overrides],
        capture_output=True,
        text=True,
        env={**clean, **(environment or {})},
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "project.yml", tmp_path)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path


def test_the_main_job_and_the_loop(project: Path) -> None:
    """On two thirds of the demo corpus; the README's own example runs on all of it."""
    source = project / "fewer"
    write_project(
        [one for number, one in enumerate(demo_documents()) if number % 3], source, legend=DEMO_LEGEND
    )
    import_project(source, ConnectionSettings(project=DEMO_PROJECT, database=project / "local-tagtog.db"))
    first = workflow(project, *STEPS)
    assert first.returncode == 0, first.stdout + first.stderr
    metrics = json.loads((project / "training/stargazing/metrics.json").read_text())
    assert metrics["documents"] > 15
    assert metrics["overall"]["exact"]["f1"] > 0.3
    annotated = Project.open(project / "annotated/stargazing")
    unconfirmed = {one.id for one in Project.open(source) if not one.annotations.complete}
    assert set(annotated.ids) == unconfirmed
    pushed = json.loads((project / "training/stargazing/push.json").read_text())
    ranking = read_ranking(project / "training/stargazing/ranking.json")
    assert sorted(ranking.ids) == sorted(annotated.ids)
    assert pushed["updated"] == pushed["order"] == ranking.ids
    assert ranking.calibrated

    # What reviewers now see in tagtog.
    with local_tagtog(project / "local-tagtog.db") as local, client_of(local) as client:
        hits = list(client.search("anncomplete:false"))
        assert {hit.id for hit in hits} == set(annotated.ids)
        entities = [entity for hit in hits for entity in client.annotations(hit.id)]
        assert entities
        assert {(entity.state, *entity.who) for entity in entities} == {("pre-added", "ml:spacy")}
        assert all(entity.prob is not None and 0 < entity.prob < 1 for entity in entities)

    other_project_beside(project)

    # People confirm five of the pre-annotated documents: they are training data from then on.
    reviewed = ranking.ids[:5]
    with local_tagtog(project / "local-tagtog.db") as local, client_of(local) as client:
        push(client, [confirmed(annotated[doc_id]) for doc_id in reviewed])
    review = workflow(project, name="review")
    assert review.returncode == 0, review.stdout + review.stderr
    changes = json.loads((project / "training/stargazing/changes.json").read_text())
    assert (changes["compared"], changes["edits"]["total"]) == (5, 0)
    assert set(changes["random"]["documents"]) == {one.id for one in ranking.documents[:5] if one.random}
    third = workflow(project, *STEPS)
    assert third.returncode == 0, third.stdout + third.stderr
    assert "Skipping 'train stargazing'" not in third.stdout
    assert set(reviewed) <= set(Project.open(project / "assets/stargazing/reviewed").ids)
    left = Project.open(project / "annotated/stargazing")
    assert not set(reviewed) & set(left.ids)
    assert {one.id for one in read_ranking(project / "training/stargazing/ranking.json").sampled_before} == {
        one.id for one in ranking.documents[:5] if one.random
    }

    # In the end everything is confirmed.
    with local_tagtog(project / "local-tagtog.db") as local, client_of(local) as client:
        push(client, [confirmed(left[doc_id]) for doc_id in left.ids])
    for name in ("fetch-new", "annotate", "rank", "push"):
        done = workflow(project, name=name)
        assert done.returncode == 0, done.stdout + done.stderr
        assert name != "rank" or "No unreviewed documents" in done.stdout


def other_project_beside(project: Path) -> None:
    """Another project in the same folder; then the first again, of which nothing has changed."""
    local = project / "local-tagtog.db"
    mine = {path: path.read_bytes() for path in files_of(project, "stargazing")}
    assert len(mine) > 100
    source = project / "other documents"
    write_project(
        [one for number, one in enumerate(demo_documents()) if number % 4 == 0], source, legend=DEMO_LEGEND
    )
    assert import_project(source, ConnectionSettings(project="comets 2", database=local)).is_new
    # A name with a space, too: it is a folder's name and a piece of each command.
    other = workflow(project, "--vars.project", "comets 2", *STEPS)
    assert other.returncode == 0, other.stdout + other.stderr
    assert "Skipping" not in other.stdout
    assert {path: path.read_bytes() for path in files_of(project, "stargazing")} == mine
    theirs = {path: path.read_bytes() for path in files_of(project, "comets 2")}
    assert {path.relative_to(project).parts[0] for path in theirs} == {
        path.relative_to(project).parts[0] for path in mine
    }
    ids = set(Project.open(project / "annotated/comets 2").ids)
    assert 0 < len(ids) < 20
    assert ids == set(json.loads((project / "training/comets 2/push.json").read_text())["updated"])
    # Back again: nothing is done again, except to ask tagtog.
    again = workflow(project, "--vars.project", "stargazing", *STEPS)
    assert again.returncode == 0, again.stdout + again.stderr
    for step in ("convert", "train", "calibrate", "evaluate", "annotate", "rank", "push"):
        assert f"Skipping '{step} stargazing': nothing changed" in again.stdout
    # Fetched again are the pre-annotations that were pushed; they are no reason to do anything.
    for path, content in mine.items():
        assert project / "assets" in path.parents or path.read_bytes() == content


def files_of(project: Path, name: str) -> list[Path]:
    folders = [project / kind / name for kind in ("assets", "corpus", "training", "annotated")]
    # What a fetch remembers: when it last asked.
    return [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".spacy-tagtog")
    ]


@pytest.mark.parametrize(
    ("overrides", "environment", "said"),
    [
        (("--vars.project", ""), {}, "--vars.project NAME"),
        ((), {"TAGTOG_PROJECT": "proteins"}, "--vars.project proteins"),
    ],
)
def test_which_project_is_meant_is_never_guessed(
    project: Path, overrides: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    for name in ("demo", "fetch"):
        done = workflow(project, *overrides, name=name, environment=environment)
        assert done.returncode != 0
        assert said in done.stderr
    assert not (project / "local-tagtog.db").exists()


def test_the_variable_counts_before_the_environment(project: Path) -> None:
    done = workflow(
        project, "--vars.project", "genes", name="fetch", environment={"TAGTOG_PROJECT": "proteins"}
    )
    assert "local/genes" in done.stderr
    assert "spacy-tagtog project create genes" in done.stderr


def test_two_projects_of_one_name_have_a_folder_each(project: Path) -> None:
    for owner in ("ada", "bob"):
        source = write(project / owner, document(f"{owner} saw Vega"))
        import_project(
            source, ConnectionSettings(owner=owner, project="stars", database=project / "local-tagtog.db")
        )
        done = workflow(
            project, "--vars.project", "stars", "--vars.folder", f"{owner}-stars", "--vars.owner", owner,
            "--vars.reviewed", "*", name="fetch",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    for owner in ("ada", "bob"):
        (one,) = Project.open(project / f"assets/{owner}-stars/reviewed")
        assert owner in one.text


def test_a_workspace_from_the_package(tmp_path: Path) -> None:
    written = new_workspace(tmp_path / "stars")
    assert sorted(path.relative_to(tmp_path / "stars").as_posix() for path in written) == [
        ".gitignore",
        "README.md",
        "configs/ner.cfg",
        "configs/ner_vectors.cfg",
        "configs/normalizations.cfg",
        "configs/relations.cfg",
        "configs/seed.cfg",
        "configs/spancat.cfg",
        "configs/textcat.cfg",
        "configs/textcat_multilabel.cfg",
        "project.yml",
    ]
    for name in ("demo", "fetch"):
        done = workflow(tmp_path / "stars", name=name)
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(Project.open(tmp_path / "stars/assets/stargazing/reviewed")) == 132


def test_on_a_tagtog_that_is_configured(project: Path) -> None:
    secret = "correct-horse-battery-staple"
    with local_tagtog(project / "elsewhere.db") as local:
        local.database.write(add_user, "ada", secret, admin=True)
        local.database.write(create_project, "team", "stars", settings_from_legend(DEMO_LEGEND))
        with TagtogClient(
            local.url, username="ada", password=secret, owner="team", project="stars"
        ) as client:
            push(client, demo_documents())
        environment = {"TAGTOG_USERNAME": "ada", "TAGTOG_PASSWORD": secret, "TAGTOG_OWNER": "team"}
        done = workflow(
            project,
            *STEPS,
            "--vars.model",
            "ner",
            "--vars.domain",
            local.url,
            "--vars.project",
            "stars",
            environment=environment,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "no demo" in done.stdout
        with TagtogClient(
            local.url, username="ada", password=secret, owner="team", project="stars"
        ) as client:
            assert client.count("entity:Celestial_Object AND anncomplete:false") > 0
    assert not (project / "local-tagtog.db").exists()
    # The password is nowhere: not on the console, not in any file that the workflow wrote.
    assert secret not in done.stdout + done.stderr
    for path in project.rglob("*"):
        if path.is_file() and not path.name.startswith("elsewhere.db"):
            assert secret.encode() not in path.read_bytes(), path


def test_errors_name_the_variable_that_its_users_type(project: Path) -> None:
    write(project / "assets/stargazing/reviewed", document("Vega", entity("e_1", 1, "Deneb")))
    done = workflow(project, name="convert")
    assert done.returncode != 0
    assert "or pass --vars.on_problem report to set them aside" in done.stderr
    followed = workflow(project, "--vars.on_problem", "report", name="convert")
    assert "1 fault" not in followed.stderr


def client_of(local: Any) -> TagtogClient:
    return TagtogClient(
        local.url, username=local.username, password=local.password, owner="local", project=DEMO_PROJECT
    )


def confirmed(document: Document) -> Document:
    """The document as a reviewer who accepts everything leaves it."""
    data = {**document.annotations.data, "anncomplete": True}
    return Document(document.id, document.html, {"master": Annotations(data)}, legend=document.legend)

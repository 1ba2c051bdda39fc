"""``spacy-tagtog rank``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import spacy
from commands import refused, run
from small_corpora import seed_pipeline
from spacy.language import Language
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example

from spacy_tagtog.anndoc import Document, Project, write_project
from spacy_tagtog.anndoc.fingerprints import content_fingerprint
from spacy_tagtog.convert import document_to_doc, write_docbin
from spacy_tagtog.pipeline.calibration.fit import calibrate_pipeline
from spacy_tagtog.selection.ranking import (
    Ranking,
    read_ranking,
    sampled_documents,
)


@pytest.fixture(scope="module")
def confirmed(demo: list[Document]) -> list[Document]:
    return [document for document in demo if document.annotations.complete]


@pytest.fixture(scope="module")
def seed_path(tmp_path_factory: pytest.TempPathFactory, confirmed: list[Document]) -> Path:
    """A seed model of fifteen documents, trained in a moment."""
    path = tmp_path_factory.mktemp("seed") / "model"
    seed_pipeline(confirmed[:15]).to_disk(path)
    return path


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, demo: list[Document], confirmed: list[Document]) -> Path:
    """Twelve unconfirmed documents, two of them without an ann.json, and three confirmed ones."""
    waiting = [document for document in demo if not document.annotations.complete][:12]
    bare = [Document(one.id, one.html, {}, legend=one.legend) for one in waiting[:2]]
    path = tmp_path_factory.mktemp("pool") / "pool"
    write_project([*bare, *waiting[2:], *confirmed[30:33]], path)
    return path


def ranking_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_documents_that_nobody_reviewed_are_ranked(pool: Path, seed_path: Path, tmp_path: Path) -> None:
    output = tmp_path / "ranking.json"
    code, out, err = run(
        "rank",
        pool,
        "--pipeline",
        seed_path,
        "--output",
        output,
        "--batch-size",
        5,
        "--random-share",
        0.3,
        "--seed",
        3,
    )
    assert (code, err) == (0, "")
    ranking = read_ranking(output)
    project = Project.open(pool)
    assert sorted(ranking.ids) == sorted(
        document.id for document in project if not document.annotations.complete
    )
    assert (ranking.reviewed, ranking.unreviewed, len(ranking.documents)) == (3, 12, 12)
    assert (ranking.strategy, ranking.pipeline, ranking.calibrated) == (
        "spacy-tagtog.VarianceReduction.v1",
        str(seed_path),
        False,
    )
    assert set(ranking.settings) >= {"tokens_per_edit", "known", "share"}
    assert [one.batch for one in ranking.documents] == [1] * 5 + [2] * 5 + [3] * 2
    assert 0 < sum(one.random for one in ranking.documents) < 12
    assert all(one.content == content_fingerprint(project[one.id]) for one in ranking.documents)
    for one in ranking.documents:
        assert one.random == ("expected_edits" not in one.why)
        assert one.random == (one.score == 0)
    whys: list[Any] = [one.why for one in ranking.documents]
    doubtful = [doubt for why in whys for doubt in why.get("doubtful", [])]
    assert doubtful
    assert all(doubt["text"] in text_of(project, ranking) for doubt in doubtful)
    # File names and reasons in words, as wide as a terminal; ids and numbers are in the file.
    assert f" {ranking.ids[0][29:]} " in out
    assert "missed?" in out
    assert "chosen by chance" in out
    assert max(len(line) for line in out.splitlines() if ".txt " in line) <= 110
    assert "isn't calibrated" in out
    assert "12 documents ranked by spacy-tagtog.VarianceReduction.v1" in out


def text_of(project: Project, ranking: Ranking) -> str:
    return " ".join(" ".join(project[doc_id].text.split()) for doc_id in ranking.ids)


def test_the_same_again_wherever_the_files_are(pool: Path, seed_path: Path, tmp_path: Path) -> None:
    """Neither the order of files nor annotations in unconfirmed documents change a byte of the ranking."""
    documents = list(Project.open(pool))
    flat = tmp_path / "flat.zip"
    write_project(
        [
            Document(
                one.id,
                one.html,
                one.versions if one.annotations.complete else {},
                folder="pool/z",
                legend=one.legend,
            )
            for one in documents[::-1]
        ],
        flat,
    )
    outputs = [tmp_path / "one.json", tmp_path / "two.json", tmp_path / "three.json"]
    for source, output, seed in ((pool, outputs[0], 0), (flat, outputs[1], 0), (pool, outputs[2], 1)):
        assert (
            run(
                "rank",
                source,
                "--pipeline",
                seed_path,
                "-o",
                output,
                "--batch-size",
                4,
                "--random-share",
                0.4,
                "--seed",
                seed,
            )[0]
            == 0
        )
    first, second, third = (output.read_bytes() for output in outputs)
    assert first == second
    assert json.loads(first)["documents"] != json.loads(third)["documents"]


def test_documents_reviewed_elsewhere_are_not_ranked(
    pool: Path, seed_path: Path, tmp_path: Path, confirmed: list[Document], nlp: Language
) -> None:
    project = Project.open(pool)
    waiting = sorted(document.id for document in project if not document.annotations.complete)
    docs = [document_to_doc(document, nlp) for document in [*confirmed[:4], project[waiting[0]]]]
    write_docbin(docs, tmp_path / "train.spacy")
    write_project(confirmed[3:6], tmp_path / "more")
    options = ("--reviewed", tmp_path / "train.spacy", "--reviewed", tmp_path / "more")
    code, _, err = run("rank", pool, "--pipeline", seed_path, "-o", tmp_path / "r.json", *options)
    assert code == 0
    ranking = read_ranking(tmp_path / "r.json")
    assert ranking.reviewed == 3 + 6 + 1  # one of the six is in both
    assert waiting[0] not in ranking.ids
    assert waiting[0] in err
    assert "among the reviewed documents" in err


def test_some_strategies_need_no_pipeline(pool: Path, tmp_path: Path) -> None:
    output = tmp_path / "r.json"
    assert run("rank", pool, "-o", output, "-s", "random")[0] == 0
    assert ranking_of(output)["pipeline"] is ranking_of(output)["calibrated"] is None
    code, out, _ = run("rank", pool, "-o", output, "-s", "cluster", "--set", "max_clusters=3", "--lang", "xx")
    assert code == 0
    assert ranking_of(output)["settings"] == {"vectors": "tfidf", "max_clusters": 3}
    assert "isn't calibrated" not in out
    for options in ((), ("-s", "mnlp"), ("-s", "schedule", "--set", "until=3")):
        assert "--pipeline" in refused("rank", pool, "-o", output, *options)
    # The first stage of a schedule is ranked, and it is said that the rest is not.
    code, out, _ = run("rank", pool, "-o", output, "-s", "schedule", "--set", "until=9", "--batch-size", 4)
    assert code == 0
    assert len(ranking_of(output)["documents"]) == 8
    assert "4 more unreviewed documents have no place in the ranking: from here on the strategy needs" in out


def test_top_ranks_at_most_this_number(pool: Path, tmp_path: Path) -> None:
    output = tmp_path / "r.json"
    code, out, _ = run("rank", pool, "-o", output, "-s", "random", "--top", 5)
    assert code == 0
    assert "7 more unreviewed documents have no place in the ranking\n" in out
    assert (len(ranking_of(output)["documents"]), ranking_of(output)["unreviewed"]) == (5, 12)
    code, out, _ = run("rank", pool, "-o", output, "-s", "random", "--top", 50)
    assert "fewer unreviewed documents than the 50" in out


def test_an_empty_ranking_where_nothing_is_left_to_review(tmp_path: Path, confirmed: list[Document]) -> None:
    write_project(confirmed[:3], tmp_path / "done")
    write_project([], tmp_path / "empty")
    for source, number in ((tmp_path / "done", 3), (tmp_path / "empty", 0)):
        code, out, err = run("rank", source, "-o", tmp_path / "r.json")
        assert (code, err) == (0, "")
        assert f"No unreviewed documents: {number} documents were reviewed" in out
        assert read_ranking(tmp_path / "r.json").documents == []


def test_a_calibrated_pipeline_is_recorded_as_such(
    pool: Path, seed_path: Path, tmp_path: Path, confirmed: list[Document]
) -> None:
    nlp = spacy.load(seed_path)
    calibrate_pipeline(
        nlp,
        [document_to_doc(document, nlp) for document in confirmed[30:50]],
        method="platt",
        allow_unknown=True,
    )
    nlp.to_disk(tmp_path / "calibrated")
    code, out, _ = run(
        "rank", pool, "--pipeline", tmp_path / "calibrated", "-o", tmp_path / "r.json", "-s", "expected_edits"
    )
    assert code == 0
    assert "isn't calibrated" not in out
    assert ranking_of(tmp_path / "r.json")["calibrated"] is True


def test_a_pipeline_of_document_labels_ranks_by_their_edits(pool: Path, tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("textcat_multilabel")
    nlp.initialize(
        lambda: [
            Example.from_dict(nlp.make_doc(f"{word} sky"), {"cats": {"clear": float(word == "clear")}})
            for word in ("clear", "dark")
        ]
    )
    nlp.to_disk(tmp_path / "labels")
    code, out, _ = run(
        "rank", pool, "--pipeline", tmp_path / "labels", "-o", tmp_path / "r.json", "-s", "expected_edits"
    )
    assert code == 0
    assert "isn't calibrated" in out
    scores = [one["score"] for one in ranking_of(tmp_path / "r.json")["documents"] if not one["random"]]
    assert scores
    assert all(score > 0 for score in scores)
    # What goes by tokens finds nothing, and says so.
    code, out, _ = run(
        "rank", pool, "--pipeline", tmp_path / "labels", "-o", tmp_path / "r.json", "-s", "mnlp"
    )
    assert code == 0
    assert "all scores are 0" in out


@spacy.Language.component("stars_and_scores")
def stars_and_scores(doc: Doc) -> Doc:
    """Stands for a spancat: a span group with scores."""
    spans = [spacy.tokens.Span(doc, token.i, token.i + 1, "Place") for token in doc if token.is_title][:4]
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=spans, attrs={"scores": [0.5] * len(spans)})
    return doc


def test_entities_can_come_from_a_span_group_with_scores(pool: Path, tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("stars_and_scores")
    nlp.to_disk(tmp_path / "spans")
    assert "spans-key" in refused("rank", pool, "--pipeline", tmp_path / "spans", "-o", tmp_path / "r.json")
    for name in ("expected_edits", "variance_reduction", "mnlp", "least_confidence"):
        options = ("--spans-key", "sc", "-s", name, "--random-share", 0)
        assert (
            run("rank", pool, "--pipeline", tmp_path / "spans", "-o", tmp_path / "r.json", *options)[0] == 0
        )
        assert all(one["score"] > 0 for one in ranking_of(tmp_path / "r.json")["documents"]), name
    assert "other" in refused(
        "rank", pool, "--pipeline", tmp_path / "spans", "-o", tmp_path / "new.json", "--spans-key", "other"
    )


def test_wrong_arguments_are_refused_and_nothing_is_written(pool: Path, tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path / "blank")
    output = tmp_path / "r.json"
    assert "predicts no entities" in refused("rank", pool, "--pipeline", tmp_path / "blank", "-o", output)
    assert "there is no such pipeline" in refused("rank", pool, "--pipeline", tmp_path / "none", "-o", output)
    assert "there is no strategy of this name" in refused("rank", pool, "-o", output, "-s", "bald")
    assert "doesn't take these settings" in refused(
        "rank", pool, "-o", output, "-s", "random", "--set", "wide=1"
    )
    assert "KEY=VALUE" in refused("rank", pool, "-o", output, "-s", "random", "--set", "wide")
    assert "0 to 1" in refused("rank", pool, "-o", output, "-s", "random", "--random-share", 2)
    assert "can't make a tokenizer" in refused("rank", pool, "-o", output, "-s", "random", "--lang", "qq")
    assert "nothing at this path" in refused("rank", tmp_path / "nowhere", "-o", output, "-s", "random")
    assert "there is no such file" in refused(
        "rank", pool, "-o", output, "-s", "random", "--reviewed", tmp_path / "no.spacy"
    )
    assert not output.exists()
    assert run("rank", pool, "-s", "random")[0] == 2  # where to?
    # Only a ranking is replaced.
    output.write_text('{"documents": 3}', encoding="utf-8")
    assert "this is no ranking" in refused("rank", pool, "-o", output, "-s", "random")
    assert output.read_text(encoding="utf-8") == '{"documents": 3}'


def test_broken_files_are_refused_or_listed(pool: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(pool, broken)
    file = next(broken.glob("ann.json/master/pool/*.ann.json"))
    file.write_text("{", encoding="utf-8")
    assert str(file) in refused("rank", broken, "-o", tmp_path / "r.json", "-s", "random")
    code, _, err = run("rank", broken, "-o", tmp_path / "r.json", "-s", "random", "--on-problem", "report")
    assert code == 0
    assert "left out: 1" in err
    found = ranking_of(tmp_path / "r.json")
    assert found["unreviewed"] + found["reviewed"] == 14


def test_chance_is_remembered_in_the_loop(demo: list[Document], tmp_path: Path) -> None:
    """What chance chose earlier stays known once people reviewed it; among the rest it chooses anew."""
    waiting = [Document(one.id, one.html, {}, legend=one.legend) for one in demo[:8]]
    write_project(waiting, tmp_path / "round1")
    output = tmp_path / "r.json"
    assert run("rank", tmp_path / "round1", "-o", output, "-s", "cluster", "--random-share", 0.5)[0] == 0
    first = read_ranking(output)
    drawn = [one.id for one in first.documents if one.random]
    assert 0 < len(drawn) < 8
    reviewed = [drawn[0], next(one.id for one in first.documents if not one.random)]
    complete = {one.id: one for one in demo if one.annotations.complete}
    assert set(complete) >= set(reviewed)
    write_project([complete[one.id] if one.id in reviewed else one for one in waiting], tmp_path / "round2")
    code, out, _ = run("rank", tmp_path / "round2", "-o", output, "-s", "cluster", "--random-share", 0)
    assert code == 0
    assert "1 document that chance chose for earlier rankings isn't waiting any more" in out
    second = read_ranking(output)
    assert [one.id for one in second.sampled_before] == [drawn[0]]
    assert second.sampled == {drawn[0]: first.sampled[drawn[0]]}
    assert run("rank", tmp_path / "round2", "-o", output, "-s", "cluster", "--random-share", 0)[0] == 0
    assert read_ranking(output) == second  # as often as one likes
    assert sampled_documents([first, second]) == {drawn[0]: first.sampled[drawn[0]]}


OWN_STRATEGY = """
from spacy_tagtog.selection import Pick, strategies


class Longest:
    def needs_predictions(self, reviewed):
        return False

    def __call__(self, candidates, size, context):
        order = sorted(range(len(candidates)), key=lambda index: -len(candidates[index]))
        return [Pick(index, float(len(candidates[index])), {}) for index in order[:size]]


@strategies("acme.LongestOfAFile.v1")
def make_longest():
    return Longest()
"""


def test_a_strategy_of_a_file(pool: Path, tmp_path: Path) -> None:
    code_file, output = tmp_path / "own.py", tmp_path / "ranking.json"
    arguments = (
        "rank",
        pool,
        "--strategy",
        "acme.LongestOfAFile.v1",
        "--random-share",
        0,
        "--output",
        output,
    )
    refused = run(*arguments)
    assert refused.code == 2
    assert "--code FILE.py" in refused.err
    code_file.write_text(OWN_STRATEGY, encoding="utf-8")
    done = run(*arguments, "--code", code_file)
    assert done.code == 0, done
    ranking, project = read_ranking(output), Project.open(pool)
    nlp = spacy.blank("en")
    lengths = [len(document_to_doc(project[doc_id], nlp)) for doc_id in ranking.ids]
    assert lengths == sorted(lengths, reverse=True)

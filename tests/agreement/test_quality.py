"""The quality of pre-annotations, estimated from the documents that chance chose."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import LEGEND, E, document
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t
from strategies import quick
from typer.testing import CliRunner

from spacy_tagtog.agreement import compare_versions
from spacy_tagtog.agreement.quality import (
    Estimate,
    ReviewCounts,
    estimate_quality,
    mean_interval,
    ratio_interval,
)
from spacy_tagtog.anndoc import Document, write_project
from spacy_tagtog.anndoc.fingerprints import content_fingerprint
from spacy_tagtog.cli import app
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.convert.split import parse_split, side_of
from spacy_tagtog.errors import SelectionError
from spacy_tagtog.selection.ranking import RankedDocument, Ranking, write_ranking
from spacy_tagtog.steps._sampled import only_sampled

CLUSTERS = st.lists(
    st.integers(0, 9).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))), max_size=12
)


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


# ------------------------------------------------------------------------------------------------------------


@quick
@given(clusters=CLUSTERS)
def test_an_interval_holds_its_value(clusters: list[tuple[int, int]]) -> None:
    parts, wholes = [part for part, _ in clusters], [whole for _, whole in clusters]
    found = ratio_interval(parts, wholes)
    if not sum(wholes):
        assert found == Estimate(None)
        return
    assert found.value == pytest.approx(sum(parts) / sum(wholes))
    if sum(1 for whole in wholes if whole) < 2:
        assert found.low is None
        return
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high
    # Documents without an entity tell nothing of a share; the other side's share is the rest.
    assert ratio_interval([*parts, 0], [*wholes, 0]) == found
    rest = ratio_interval([whole - part for part, whole in clusters], wholes)
    assert (rest.low, rest.high) == pytest.approx((1 - found.high, 1 - found.low))


def test_independent_items_have_wilsons_interval() -> None:
    """Clusters of one item each are a plain sample.

    Wilson's interval with Student's quantile, up to the sample variance's n − 1.
    """
    parts = [1] * 30 + [0] * 10
    found = ratio_interval(parts, [1] * 40)
    quantile, p = float(t.ppf(0.975, 39)), 0.75
    items = 39.0
    centre = (p + quantile**2 / (2 * items)) / (1 + quantile**2 / items)
    half = quantile * np.sqrt(p * (1 - p) / items + quantile**2 / (4 * items**2)) / (1 + quantile**2 / items)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))


def test_where_all_agree_documents_count_not_entities() -> None:
    few, many = ratio_interval([5, 5], [5, 5]), ratio_interval([1] * 40, [1] * 40)
    assert few.value == few.high == many.value == many.high == 1
    assert few.low is not None
    assert many.low is not None
    assert few.low < 0.2
    assert 0.85 < many.low < 1


@pytest.mark.parametrize(("documents", "spread"), [(6, 2.0), (20, 2.0), (20, 20.0), (60, 1.0)])
def test_the_intervals_hold_what_they_promise(documents: int, spread: float) -> None:
    """Samples from a population that is known.

    About 95 % of the intervals hold the truth, although the entities of a document go together.
    """
    rng = np.random.default_rng(0)
    truth, hit = 0.8, 0
    for _ in range(300):
        wholes = rng.poisson(8, documents)
        parts = rng.binomial(wholes, rng.beta(truth * spread, (1 - truth) * spread, documents))
        found = ratio_interval(parts.tolist(), wholes.tolist())
        hit += found.low is not None and found.high is not None and found.low <= truth <= found.high
    assert 0.92 <= hit / 300 <= 1


def test_means() -> None:
    assert mean_interval([]) == Estimate(None)
    assert mean_interval([3]) == Estimate(3.0)
    found = mean_interval([0, 1, 2, 3])
    half = float(t.ppf(0.975, 3)) * np.std([0, 1, 2, 3], ddof=1) / 2
    assert (found.value, found.low, found.high) == pytest.approx(
        (1.5, 0.0 if half > 1.5 else 1.5 - half, 1.5 + half)
    )


def test_precision_recall_and_f() -> None:
    quality = estimate_quality([ReviewCounts(3, 4, 6, 4), ReviewCounts(0, 0, 0, 0), ReviewCounts(1, 1, 2, 1)])
    assert quality.documents == 3
    assert quality.precision.value == pytest.approx(4 / 5)
    assert quality.recall.value == pytest.approx(4 / 8)
    assert quality.f1.value == pytest.approx(2 * 0.8 * 0.5 / 1.3)
    assert quality.edits.value == pytest.approx(5 / 3)
    assert estimate_quality([]).precision == Estimate(None)


def test_counts_of_a_review() -> None:
    text = "Vega near Mars and Venus"
    before = document(text, entities=[E(1, 0, 4), E(1, 10, 14), E(1, 15, 18)])
    after = document(text, entities=[E(1, 0, 4), E(1, 10, 14, "e_2"), E(1, 19, 24, "e_2")])
    assert ReviewCounts.of(
        compare_versions(before.annotations, after.annotations, parts=after.parts)
    ) == ReviewCounts(1, 3, 3, 3)


# ------------------------------------------------------------------------------------------------------------


def note(number: int, *entities: E, complete: bool = True) -> Document:
    return document(f"Vega near Mars {number}", entities=entities, complete=complete, name=f"n{number}.txt")


@pytest.fixture
def review(tmp_path: Path) -> Callable[..., tuple[Path, Path, Path]]:
    """Six documents before and after the review, ranked; the pre-annotations of the last three are wrong."""

    def make(
        *, random: Sequence[int] = (0, 1, 3), reviewed: Sequence[int] = range(6)
    ) -> tuple[Path, Path, Path]:
        gold = [note(i, E(1, 0, 4), E(1, 10, 14, "e_2")) for i in range(6)]
        proposed = [
            note(i, E(1, 0, 4), E(1, 10, 14, "e_2" if i < 3 else "e_1"), complete=False) for i in range(6)
        ]
        write_project(proposed, tmp_path / "before", legend=LEGEND, force=True)
        write_project(
            [gold[i] if i in reviewed else proposed[i] for i in range(6)],
            tmp_path / "after",
            legend=LEGEND,
            force=True,
        )
        ranked = [
            RankedDocument(one.id, i + 1, 1, 0.0, i in random, content_fingerprint(one), {})
            for i, one in enumerate(gold)
        ]
        own: dict[str, Any] = {
            "seed": 0,
            "batch_size": 6,
            "random_share": 0.5,
            "pipeline": None,
            "calibrated": None,
            "reviewed": 0,
            "unreviewed": 6,
        }
        write_ranking(tmp_path / "r.json", Ranking("spacy-tagtog.Random.v1", {}, documents=ranked, **own))
        return tmp_path / "before", tmp_path / "after", tmp_path / "r.json"

    return make


def test_changes_estimate_by_what_chance_chose(
    review: Callable[..., tuple[Path, Path, Path]], tmp_path: Path
) -> None:
    before, after, ranking = review()
    code, out, _ = run("changes", before, after, "--ranking", ranking, "--report", tmp_path / "report.json")
    assert code == 0
    rows = {line.split("  ")[0]: line.split()[-4:] for line in out.splitlines() if "  " in line}
    assert (rows["precision %"][0], rows["precision %"][3]) == ("83.3", "75.0")
    assert (rows["edits per document"][0], rows["edits per document"][3]) == ("0.3", "0.5")
    assert "unbiased estimate of the pre-annotations: from 3 documents that chance chose" in out
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["random"]
    assert report["documents"] == sorted(note(i).id for i in (0, 1, 3))
    assert report["not_reviewed"] == []
    quality = report["quality"]
    assert quality["f1"]["value"] == pytest.approx(5 / 6, abs=1e-6)
    assert quality["f1"]["low"] < 0.6
    assert quality["f1"]["high"] > 0.9
    # Without a ranking, nothing of the kind.
    code, out, _ = run("changes", before, after, "--report", tmp_path / "report.json")
    assert "unbiased" not in out
    assert "random" not in json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))


def test_changes_say_what_is_missing(review: Callable[..., tuple[Path, Path, Path]], tmp_path: Path) -> None:
    before, after, ranking = review(reviewed=[0, 2])
    code, out, _ = run("changes", before, after, "--ranking", ranking)
    assert code == 0
    assert "from 1 document that" in out
    assert "2 more that chance chose were not compared" in out
    before, after, ranking = review(random=[5], reviewed=[0, 2])
    code, out, _ = run("changes", before, after, "--ranking", ranking)
    assert code == 0
    assert "there is no unbiased estimate yet" in out
    assert "no such ranking" in run("changes", before, after, "--ranking", tmp_path / "none.json")[2]


def test_changes_refuse_other_texts(review: Callable[..., tuple[Path, Path, Path]], tmp_path: Path) -> None:
    before, after, ranking = review()
    data = json.loads(ranking.read_text(encoding="utf-8"))
    data["documents"][0]["content"] = "0" * 16
    ranking.write_text(json.dumps(data), encoding="utf-8")
    code, _, err = run("changes", before, after, "--ranking", ranking)
    assert code == 1
    assert "another text than when it was ranked" in err
    code, out, err = run("changes", before, after, "--ranking", ranking, "--on-problem", "report")
    assert code == 0
    assert note(0).id in err
    assert "from 2 documents" in out


def test_evaluate_and_calibrate_take_what_chance_chose(
    review: Callable[..., tuple[Path, Path, Path]], tmp_path: Path, trained_path: Path, demo: list[Document]
) -> None:
    # What the pipeline was not trained on.
    held_out = [
        one for one in demo if one.annotations.complete and side_of(one.id, parse_split("dev=0.2")) == "dev"
    ][:12]
    write_project(held_out, tmp_path / "gold")
    _, _, ranking = review()
    data = json.loads(ranking.read_text(encoding="utf-8"))
    data["documents"] = [
        data["documents"][0]
        | {"id": one.id, "rank": rank, "random": rank % 2 == 0, "content": content_fingerprint(one)}
        for rank, one in enumerate(held_out, 1)
    ]
    chosen = tmp_path / "chosen.json"
    chosen.write_text(json.dumps(data), encoding="utf-8")
    code, _, _ = run(
        "evaluate",
        trained_path,
        tmp_path / "gold",
        "--ranking",
        chosen,
        "--output",
        tmp_path / "metrics.json",
    )
    assert code == 0
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["documents"] == 6
    code, out, err = run(
        "calibrate",
        trained_path,
        tmp_path / "gold",
        "--ranking",
        chosen,
        "--method",
        "platt",
        "--allow-unknown",
        "--output",
        tmp_path / "calibrated",
        "--report",
        tmp_path / "calibration.json",
    )
    assert code == 0, out + err
    (report,) = json.loads((tmp_path / "calibration.json").read_text(encoding="utf-8")).values()
    assert report["documents"] == 6
    code, _, err = run("evaluate", trained_path, tmp_path / "gold", "--ranking", ranking)
    assert code == 1
    assert "none of the reviewed documents was chosen by chance" in err


def test_docs_that_do_not_know_their_document(
    review: Callable[..., tuple[Path, Path, Path]], nlp: Any
) -> None:
    _, _, ranking = review()
    with pytest.raises(SelectionError) as caught:
        list(only_sampled([nlp("Vega")], [ranking]))
    assert "doesn't know its document" in str(caught.value)
    docs = [document_to_doc(note(i, E(1, 0, 4)), nlp) for i in range(6)]
    assert [doc._.anndoc_id for doc in only_sampled(docs, [ranking])] == [note(i).id for i in (0, 1, 3)]
    assert list(only_sampled(docs, [])) == docs

"""Agreement, merging and changes from Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import LEGEND, E, document
from watching import Watching

from spacy_tagtog.anndoc import Document, Project, write_project
from spacy_tagtog.errors import AgreementError, ConfigurationError, NotConfirmedError
from spacy_tagtog.steps import changes, iaa, merge

VEGA, MARS = E(1, 0, 4), E(1, 10, 14, "e_2")


def versions(name: str, **entities: tuple[E, ...]) -> Document:
    """A document with a confirmed version per member."""
    made = [
        document("Vega near Mars", entities=found, member=member, name=name)
        for member, found in entities.items()
    ]
    merged = {member: one.versions[member] for member, one in zip(entities, made, strict=True)}
    return Document(made[0].id, made[0].html, merged, legend=LEGEND)


@pytest.fixture
def team(tmp_path: Path) -> Path:
    write_project(
        [
            versions("one.txt", ada=(VEGA, MARS), bob=(VEGA,)),
            versions("two.txt", ada=(VEGA,), bob=(VEGA,)),
            versions("three.txt", master=(VEGA,)),
        ],
        tmp_path / "team",
        legend=LEGEND,
    )
    return tmp_path / "team"


def test_agreement(team: Path) -> None:
    watching = Watching()
    result = iaa(str(team), tasks=["Star", "e_2"], progress=watching)
    assert result.documents == len(watching.seen[0]) == 3
    assert watching.totals == [3]
    assert result.matrix.documents == {("ada", "bob"): 2}
    assert result.to_json()["names"] == {"e_1": "Star", "e_2": "Planet"}


def test_merging(team: Path, tmp_path: Path) -> None:
    watching = Watching()
    result = merge(str(team), str(tmp_path / "merged"), strategy="union_v1", progress=watching)
    assert watching.totals == [3]
    assert len(result.merged) == 2
    assert result.to_json()["taken"] == {"entity": 3}
    assert len(Project.open(tmp_path / "merged")) == 3
    watching = Watching()
    merge(team, tmp_path / "merged", strategy="best_iaa_v1", force=True, progress=watching)
    assert watching.totals == [3, 3]


def test_changes_are_those_of_one_member_unless_two_are_named(team: Path, tmp_path: Path) -> None:
    watching = Watching()
    result = changes(str(team), str(team), before_member="ada", member="bob", progress=watching)
    assert watching.totals == [3]
    assert (result.edits.removed, len(result.documents), len(result.unreviewed)) == (1, 2, 1)
    assert result.sampled is None
    assert result.sampled_reviewed == []
    assert changes(team, team, member="ada").edits.total == 0


def test_errors_name_settings_as_python_spells_them(team: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="unknown value of"):
        iaa(team, metric="kappa")
    with pytest.raises(ConfigurationError) as wrong:
        merge(team, tmp_path / "merged", strategy="vote")
    assert str(wrong.value).startswith("unknown value of strategy\n")
    with pytest.raises(AgreementError) as nothing:
        changes(team, team, documents="unconfirmed")
    assert 'compare all of them with documents="all"' in str(nothing.value)
    write_project([versions("x.txt", master=())], tmp_path / "solo", legend=LEGEND)
    with pytest.raises(NotConfirmedError) as unconfirmed:
        merge(tmp_path / "solo", tmp_path / "merged", strategy="union_v1")
    assert 'members="master" takes master\'s versions, too' in str(unconfirmed.value)

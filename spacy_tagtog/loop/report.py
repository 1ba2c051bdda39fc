"""What the rounds of a loop achieved: models, what people did, and whether the probabilities were true."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from spacy_tagtog._pages.templates import templates_of
from spacy_tagtog.loop.decisions import Decision, read_decisions
from spacy_tagtog.loop.lineage import Manifest
from spacy_tagtog.loop.status import open_loop
from spacy_tagtog.pipeline.calibration.figures import CalibrationFigures, figures_of
from spacy_tagtog.pipeline.calibration.reliability import reliability_svg

KINDS: Final = ("kept", "moved", "relabelled", "relabelled and moved", "removed", "added")
"""What people do with an entity."""
_BANDS: Final = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
_MOST: Final = 20
_LEAST_MODELS: Final = 3  # for a curve with two parameters


@dataclass(frozen=True)
class ModelRow:
    """A model and its figures.

    Attributes:
        number: The model.
        made: When, as ISO 8601.
        state: ``promoted`` or ``candidate``.
        current: Whether it is the current one.
        documents: How many documents it learned from, the dev side too.
        test: How many documents tested it.
        f: Exact F on these, in points.
        difference: F less that of the model that was current then; ``None`` for the first one.
        low: The lower end of the difference's interval.
        high: The upper end.
        reason: What the gate said.
    """

    number: int
    made: str
    state: str
    current: bool
    documents: int
    test: int
    f: float
    difference: float | None
    low: float
    high: float
    reason: str


@dataclass(frozen=True)
class PeopleRow:
    """What people did, in a round, with a type, or by a person.

    Attributes:
        name: Of the round, type or person.
        documents: How many documents they confirmed that had suggestions.
        kinds: Kind of decision to number, see :data:`KINDS`.
    """

    name: str
    documents: int
    kinds: Mapping[str, int]

    @property
    def suggested(self) -> int:
        """How many entities were suggested."""
        return sum(self.kinds.values()) - self.kinds.get("added", 0)

    @property
    def kept(self) -> float | None:
        """The share of suggestions that were kept as they were, in [0, 1]."""
        return self.kinds.get("kept", 0) / self.suggested if self.suggested else None


@dataclass(frozen=True)
class LoopReport:
    """What a loop achieved.

    Attributes:
        models: All models.
        rounds: What people did with what each round had sent, in the order of the rounds.
        types: The same by type.
        people: The same by person, as far as entities say whose they are: not who removed what.
        bands: By probability: lower end, upper end, suggestions, and the share that was kept.
        probabilities: How accurate the probabilities were, with these people as the truth; ``None`` where
            nothing with a probability was reviewed.
        corrections: The most frequent corrections in words, and how often they were made.
        blind: For each round with blind documents: F of the model on them, and on those that people saw with
            suggestions, by what people made of both. ``None`` where too few.
        expected: What the curve of the models says: for the last one, and for one that learned from a hundred
            documents more. ``None`` for fewer than three models, or where the curve doesn't rise.
    """

    models: Sequence[ModelRow]
    rounds: Sequence[PeopleRow]
    types: Sequence[PeopleRow]
    people: Sequence[PeopleRow]
    bands: Sequence[tuple[float, float, int, float]]
    probabilities: CalibrationFigures | None
    corrections: Sequence[tuple[str, int]]
    blind: Sequence[tuple[str, float | None, float | None]]
    expected: tuple[float, float] | None

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        data = asdict(self)
        data["probabilities"] = self.probabilities and self.probabilities.to_json()
        return data


def report_of(folder: Path | str) -> LoopReport:
    """What the loop in a folder achieved.

    Raises:
        LoopError: There is none, or one of its files can't be read.
    """
    loop = open_loop(folder)
    manifests = [loop.lineage.manifest(number) for number in loop.lineage.numbers]
    by_round = {
        record.number: read_decisions(loop.folder / "decisions" / f"{record.number:04}.json")
        for record in loop.records
        if record.ended
    }
    decisions = [one for some in by_round.values() for one in some]
    blind = []
    for record in loop.records:
        changes: Any = record.results.get("changes") or {}
        measured = changes.get("blind") or {}
        if measured.get("documents"):
            blind.append(
                (
                    f"round {record.number}",
                    *(measured[name]["f1"]["value"] for name in ("quality", "quality_of_others")),
                )
            )
    models = [_model(one, loop.lineage.current) for one in manifests]
    with_prob = [one for one in decisions if one.prob is not None]
    return LoopReport(
        models,
        [_row(f"round {number}", some) for number, some in by_round.items() if some],
        _rows(decisions, lambda one: one.type),
        _rows([one for one in decisions if one.who], lambda one: str(one.who)),
        _bands(with_prob),
        _figures(with_prob),
        _corrections(decisions),
        blind,
        _expected(models),
    )


def _model(manifest: Manifest, current: int | None) -> ModelRow:
    verdict: Any = manifest.verdict
    overall = verdict["overall"]
    sides = Counter(side for side, _ in manifest.documents.values())
    return ModelRow(
        manifest.number,
        manifest.made,
        manifest.state,
        manifest.number == current,
        sides["train"] + sides["dev"],
        verdict["documents"],
        overall["new"],
        None if manifest.parent is None else overall["new"] - overall["current"],
        overall["low"],
        overall["high"],
        manifest.reason,
    )


def _row(name: str, decisions: Sequence[Decision]) -> PeopleRow:
    kinds = Counter(one.kind for one in decisions)
    return PeopleRow(name, len({one.document for one in decisions}), {kind: kinds[kind] for kind in KINDS})


def _rows(decisions: Iterable[Decision], key: Any) -> list[PeopleRow]:
    groups: dict[str, list[Decision]] = defaultdict(list)
    for one in decisions:
        groups[key(one)].append(one)
    return [_row(name, groups[name]) for name in sorted(groups)]


def _bands(decisions: Sequence[Decision]) -> list[tuple[float, float, int, float]]:
    found = []
    for low, high in pairwise(_BANDS):
        inside = [
            one
            for one in decisions
            if low <= float(one.prob or 0) and (float(one.prob or 0) < high or high == _BANDS[-1])
        ]
        if inside:
            found.append((low, high, len(inside), sum(one.kind == "kept" for one in inside) / len(inside)))
    return found


def _figures(decisions: Sequence[Decision]) -> CalibrationFigures | None:
    if not decisions:
        return None
    documents = {
        doc_id: number for number, doc_id in enumerate(dict.fromkeys(one.document for one in decisions))
    }
    return figures_of(
        [min(1.0, max(0.0, float(one.prob or 0))) for one in decisions],
        [one.kind == "kept" for one in decisions],
        chance=True,
        groups=[documents[one.document] for one in decisions],
    )


def _corrections(decisions: Iterable[Decision]) -> list[tuple[str, int]]:
    """What people corrected, most frequent first; of those as frequent, in the order of the words."""
    counts: Counter[str] = Counter()
    for one in decisions:
        if one.kind == "removed":
            counts[f"removed: {one.type} “{one.text}”"] += 1
        elif one.kind == "added":
            counts[f"added: {one.type} “{one.text}”"] += 1
        elif one.kind != "kept":
            after = f"{one.now_type} “{one.now_text}”" if one.now_type != one.type else f"“{one.now_text}”"
            counts[f"{one.kind}: {one.type} “{one.text}” → {after}"] += 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST]


def _expected(models: Sequence[ModelRow]) -> tuple[float, float] | None:
    """F by the curve: what is missing to 100 shrinks with a power of the number of documents.

    The power law is the usual form of learning curves (Hestness et al., "Deep learning scaling is
    predictable, empirically", 2017). It is fitted by least squares of logarithms.
    """
    points = [(one.documents, 100 - one.f) for one in models if one.documents and one.f < 100]
    if len({documents for documents, _ in points}) < _LEAST_MODELS:
        return None
    x, y = (np.log(np.array(values, dtype=float)) for values in zip(*points, strict=True))
    slope, start = np.polyfit(x, y, 1)
    if slope >= 0:
        return None
    last = max(documents for documents, _ in points)
    now, later = (100 - math.exp(float(start + slope * math.log(number))) for number in (last, last + 100))
    return now, later


def report_page(report: LoopReport, name: str) -> str:
    """Write a report as one HTML file without scripts.

    Args:
        report: The report.
        name: Of the project or folder.
    """
    template = templates_of("spacy_tagtog.loop").get_template("report.html.j2")
    figures = report.probabilities
    return template.render(
        report=report,
        name=name,
        kinds=KINDS,
        curve=_curve_svg(report.models) if len(report.models) > 1 else "",
        reliability="" if figures is None else reliability_svg({"suggestions kept": figures}),
    )


def _curve_svg(models: Sequence[ModelRow]) -> str:
    """F of each model on its test documents, over the documents that it learned from."""
    width, height, left, top = 640, 240, 46, 16
    most = max(one.documents for one in models) or 1
    least_f = max(0.0, math.floor(min(one.f for one in models) / 10) * 10 - 10)

    def place(one: ModelRow) -> tuple[float, float]:
        return left + width * one.documents / most, top + height * (100 - one.f) / (100 - least_f)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 60} {top + height + 44}" '
        f'width="{left + width + 60}" height="{top + height + 44}" font-family="sans-serif" font-size="12" '
        'role="img" aria-label="F of each model over the documents that it learned from">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#888"/>',
    ]
    for share in (0.0, 0.5, 1.0):
        f_score, documents = 100 - share * (100 - least_f), round(most * share)
        y, x = top + height * share, left + width * share
        lines.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{f_score:.0f}</text>')
        lines.append(f'<text x="{x:.0f}" y="{top + height + 18}" text-anchor="middle">{documents}</text>')
    lines.append(
        f'<text x="{left + width / 2:.0f}" y="{top + height + 36}" text-anchor="middle">'
        "documents learned from</text>"
    )
    taken = [place(one) for one in models if one.state == "promoted"]
    lines.append(
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in taken)}" fill="none" stroke="#2166ac"/>'
    )
    for one in models:
        x, y = place(one)
        fill = "#2166ac" if one.state == "promoted" else "white"
        said = escape(f"model {one.number}, {one.state}: F {one.f:.1f}, {one.documents} documents")
        lines.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="#2166ac"><title>{said}</title>'
            f'</circle><text x="{x + 8:.1f}" y="{y - 6:.1f}" fill="#222">{one.number}</text>'
        )
    return "\n".join([*lines, "</svg>"])

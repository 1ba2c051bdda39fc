"""What a calibration fitted, on what, and how good it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from spacy_tagtog.pipeline.calibration.figures import CalibrationFigures, figure_cells


@dataclass
class CalibrationReport:
    """What was fitted, on what, and how good it is.

    Attributes:
        documents: Documents with at least one prediction. In cross-fitting, near-duplicates count as one.
        cross_fitted: Docs that were predicted by a pipeline trained without them.
        pipelines: How many pipelines were trained for that.
        held_out: Docs that the pipeline itself was not trained on.
        folds: Folds of the cross-validation, by document; 0 where there was none.
        methods: The method of each label with a calibrator of its own, and of all others (``*``).
        before: The figures of the scores as they were.
        after: The figures after calibration, **cross-validated**: each prediction by calibrators that never
            saw its document. The method was chosen by the Brier score of these figures. So they flatter, by
            what a choice among five can gain.
        labels: ``after`` for each label.
        notes: What fell back to something simpler, and why; labels about which nothing can be said.
        expected_missed: The cross-validated sum of the calibrated ``missed``; ``None`` where the component
            writes none.
        missed: Tokens outside of predicted entities at which a missed entity begins.
        missed_figures: The cross-validated figures of ``missed``, one prediction per token.
    """

    documents: int = 0
    cross_fitted: int = 0
    pipelines: int = 0
    held_out: int = 0
    folds: int = 0
    methods: dict[str, str] = field(default_factory=dict)
    before: CalibrationFigures | None = None
    after: CalibrationFigures | None = None
    labels: dict[str, CalibrationFigures] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    expected_missed: float | None = None
    missed: int | None = None
    missed_figures: CalibrationFigures | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "documents": self.documents,
            "cross_fitted": self.cross_fitted,
            "pipelines": self.pipelines,
            "held_out": self.held_out,
            "folds": self.folds,
            "methods": self.methods,
            "before": self.before and self.before.to_json(),
            "after_cross_validated": self.after and self.after.to_json(),
            "labels_cross_validated": {
                label: figures.to_json() for label, figures in sorted(self.labels.items())
            },
            "notes": self.notes,
            "expected_missed_cross_validated": self.expected_missed,
            "missed": self.missed,
            "missed_cross_validated": self.missed_figures and self.missed_figures.to_json(),
        }

    def rows(self) -> Iterable[tuple[str, ...]]:
        """Rows for a table: what, method, predictions, ECE %, Brier score, AUROC."""
        of_others = self.methods.get("*", "none")
        lines = [("as predicted", "none", self.before), ("calibrated", of_others, self.after)]
        lines += [
            (f"  {label}", self.methods.get(label, of_others), one)
            for label, one in sorted(self.labels.items())
        ]
        for caption, method, one in lines:
            if one is not None:
                yield caption, method, *figure_cells(one)

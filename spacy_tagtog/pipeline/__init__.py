"""Pipelines: probabilities for what they predict, pre-annotations, calibration, evaluation.

The names are imported when they are asked for: importing the package alone loads neither scikit-learn nor
SciPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from spacy_tagtog.pipeline.annotate import annotate_documents, ensure_confidence
    from spacy_tagtog.pipeline.annotate_report import AnnotateReport
    from spacy_tagtog.pipeline.calibration.figures import CalibrationFigures
    from spacy_tagtog.pipeline.calibration.fit import calibrate_pipeline
    from spacy_tagtog.pipeline.calibration.report import CalibrationReport
    from spacy_tagtog.pipeline.evaluation import Evaluation, evaluate_docs
    from spacy_tagtog.pipeline.labels import label_confidence_of, predicted_labels
    from spacy_tagtog.pipeline.loading import blank_pipeline, load_pipeline
    from spacy_tagtog.pipeline.uncertainty import TokenCertainty, get_certainty, set_certainty

__all__ = [
    "AnnotateReport",
    "CalibrationFigures",
    "CalibrationReport",
    "Evaluation",
    "TokenCertainty",
    "annotate_documents",
    "blank_pipeline",
    "calibrate_pipeline",
    "ensure_confidence",
    "evaluate_docs",
    "get_certainty",
    "label_confidence_of",
    "load_pipeline",
    "predicted_labels",
    "set_certainty",
]

_MODULES: Final = {
    "AnnotateReport": "annotate_report",
    "CalibrationFigures": "calibration.figures",
    "CalibrationReport": "calibration.report",
    "Evaluation": "evaluation",
    "TokenCertainty": "uncertainty",
    "annotate_documents": "annotate",
    "blank_pipeline": "loading",
    "calibrate_pipeline": "calibration.fit",
    "ensure_confidence": "annotate",
    "evaluate_docs": "evaluation",
    "get_certainty": "uncertainty",
    "label_confidence_of": "labels",
    "load_pipeline": "loading",
    "predicted_labels": "labels",
    "set_certainty": "uncertainty",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

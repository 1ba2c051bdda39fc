"""Fit the calibration of a pipeline on reviewed documents.

No document is predicted by a pipeline that was trained on it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog._plural import counted
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog._threads import one_thread
from spacy_tagtog.anndoc.fingerprints import text_fingerprint
from spacy_tagtog.errors import EvaluationError, NotHeldOutError, PipelineError, setting
from spacy_tagtog.pipeline.annotate import ensure_confidence
from spacy_tagtog.pipeline.calibration.calibrators import LabelCalibrator
from spacy_tagtog.pipeline.calibration.component import EntityConfidence
from spacy_tagtog.pipeline.calibration.cross_validation import (
    FOLDS,
    CalibrationMethod,
    cross_validated_platt,
    fit_calibrator,
    fit_platt,
)
from spacy_tagtog.pipeline.calibration.crossfit import (
    count_training,
    deal,
    document_groups,
    learns_again,
)
from spacy_tagtog.pipeline.calibration.features import FEATURES
from spacy_tagtog.pipeline.calibration.figures import figures_of
from spacy_tagtog.pipeline.calibration.folds import Dealt, Found, check_processes, score_docs, score_folds
from spacy_tagtog.pipeline.calibration.report import CalibrationReport
from spacy_tagtog.pipeline.calibration.scoring import ScoredPredictions, confidence_components
from spacy_tagtog.pipeline.calibration.stored import Calibration
from spacy_tagtog.pipeline.fingerprints import require_package, training_fingerprints
from spacy_tagtog.pipeline.labels import LabelConfidence, textcat_names
from spacy_tagtog.pipeline.seed.component import SeedNer

_MAX_NAMED = 5
_logger = logging.getLogger("spacy.spacy_tagtog")  # below spaCy's own, as the components' is


def prepare_pipeline(nlp: Language) -> None:
    """Add what can be calibrated.

    That is ``entity_confidence`` for entities and ``label_confidence`` for document labels.

    Raises:
        PipelineError: The pipeline predicts neither entities nor document labels.
    """
    factories = {name: nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}
    present = set(factories.values())
    if "entity_confidence" not in present:
        spancat = next((name for name, factory in factories.items() if factory == "spancat"), None)
        if spancat is not None:
            nlp.add_pipe("entity_confidence", config={"ner": spancat}, last=True)
        elif present & {"ner", "beam_ner", "seed_ner"}:
            ensure_confidence(nlp)
    if "label_confidence" not in present:
        for name in textcat_names(nlp):
            own = (
                "label_confidence" if "label_confidence" not in nlp.pipe_names else f"label_confidence_{name}"
            )
            nlp.add_pipe("label_confidence", name=own, config={"textcat": name}, last=True)
    if not confidence_components(nlp):
        raise PipelineError(
            "the pipeline has nothing to calibrate",
            value=", ".join(nlp.pipe_names) or "(no component)",
            legal="a pipeline with ner, beam_ner, seed_ner, spancat, textcat or textcat_multilabel",
            advice="train one first: spacy-tagtog train corpus/train.spacy corpus/dev.spacy",
        )


def calibrate_pipeline(
    nlp: Language,
    gold_docs: Iterable[Doc] = (),
    *,
    train_docs: Iterable[Doc] = (),
    groups: Sequence[int] | None = None,
    sparing: bool = False,
    method: CalibrationMethod = "auto",
    folds: int = FOLDS,
    seed: int = 0,
    allow_unknown: bool = False,
    batch_size: int | None = None,
    n_process: int = 1,
    progress: Progress = silent,
) -> dict[str, CalibrationReport]:
    """Fit the calibration of every component that gives probabilities, and put it into the pipeline.

    No document is predicted by a pipeline that was trained on it. ``gold_docs`` are predicted by the pipeline
    itself. ``train_docs`` are predicted by others of its kind, each trained without some of them
    (:mod:`spacy_tagtog.pipeline.calibration.crossfit`).

    Args:
        nlp: The pipeline; changed in place, see :func:`prepare_pipeline`.
        gold_docs: Reviewed documents that it was not trained on.
        train_docs: The documents that it was trained on.
        groups: The :func:`~spacy_tagtog.pipeline.calibration.crossfit.document_groups` of ``gold_docs`` and
            then ``train_docs``, where they are known already. Used only with ``train_docs``.
        sparing: Take ``gold_docs`` only for components that ``train_docs`` say nothing about.
        method: ``auto`` chooses by cross-validation.
        folds: Folds of the cross-validation, by document, and of the pipelines that are trained; from 2.
        seed: Of the folds and of boosted trees.
        allow_unknown: Go on with a pipeline that doesn't know its training documents.
        batch_size: Docs per batch.
        n_process: Processes that predict, and folds that are trained at a time.
        progress: Shows how many of the folds' pipelines are trained.

    Returns:
        What was fitted, by component.

    Raises:
        ConfigurationError: The number of processes is out of range.
        EvaluationError: There is no document, or there are fewer training documents than folds.
        NotHeldOutError: It was trained on some of ``gold_docs``, not on some of ``train_docs``, or unknown.
        PipelineError: There is nothing to calibrate, or the pipeline can't be trained again.
    """
    check_processes(n_process)
    prepare_pipeline(nlp)
    require_package(nlp)
    documents = _Documents.of(list(gold_docs), list(train_docs))
    notes = documents.check(nlp, allow_unknown=allow_unknown)
    trained, first = documents.trained, len(documents.held_out)
    if groups is None:
        _logger.info("putting %d documents into groups of near-duplicates", len(documents.fingerprints))
        groups = documents.groups()
    fold_of = deal(trained, groups[first:], folds=folds, seed=seed) if trained else []
    numbers = _numbered(groups, fold_of)
    components = confidence_components(nlp)
    for component in components.values():
        component.calibration = None
    counts = count_training(nlp, trained) if trained else None
    found = score_docs(
        nlp, documents.held_out, numbers[:first], counts, batch_size=batch_size, n_process=n_process
    )
    dealt = Dealt(trained, fold_of, numbers[first:])
    sides = {name: _sides(nlp, one, documents, sparing) for name, one in components.items()}
    more = score_folds(nlp, dealt, batch_size=batch_size, n_process=n_process, progress=progress)
    found = _own_sides(found, more, sides)
    reports = {}
    for name, component in components.items():
        _logger.info("%s: comparing calibrators on %d predictions", name, len(found[name].labels))
        fitted, report = _fit(found[name], known_labels(nlp, component), method, folds, seed)
        own = sides[name]
        own.count(report, pipelines=len(set(fold_of)))
        report.notes += notes
        used = counts if fitted.predictions.features > FEATURES else None
        component.calibration = Calibration(
            fitted.predictions, fitted.missed, sorted(set(own.fingerprints)), report, used
        )
        reports[name] = report
    return reports


def _own_sides(
    held_out: Found, folds: Iterable[Found], sides: Mapping[str, _Documents]
) -> dict[str, ScoredPredictions]:
    """The predictions of each component for the documents on which it is calibrated."""
    found = {name: one if sides[name].held_out else ScoredPredictions() for name, one in held_out.items()}
    for more in folds:
        for name, into in found.items():
            if sides[name].trained:
                into.extend(more[name])
    return found


def _sides(
    nlp: Language, component: EntityConfidence | LabelConfidence, documents: _Documents, sparing: bool
) -> _Documents:
    """The documents on which a component is calibrated."""
    first = len(documents.held_out)
    of_held_out, of_trained = documents.fingerprints[:first], documents.fingerprints[first:]
    source = nlp.get_pipe(component.textcat if isinstance(component, LabelConfidence) else component.ner)
    if documents.trained and learns_again(nlp) and not isinstance(source, SeedNer):
        return _Documents(documents.held_out, [], of_held_out)
    if sparing and documents.trained:
        return _Documents([], documents.trained, of_trained)
    return documents


def known_labels(nlp: Language, component: EntityConfidence | LabelConfidence) -> set[str]:
    """The labels that the scored component can predict."""
    source: Any = nlp.get_pipe(component.textcat if isinstance(component, LabelConfidence) else component.ner)
    return {str(label) for label in getattr(source, "labels", ())}


@dataclass(frozen=True)
class _Documents:
    """What a pipeline is calibrated on.

    Attributes:
        held_out: Documents that it was not trained on.
        trained: Documents that it was trained on.
        fingerprints: Of the texts of both, in this order.
    """

    held_out: list[Doc]
    trained: list[Doc]
    fingerprints: list[str]

    @classmethod
    def of(cls, held_out: list[Doc], trained: list[Doc]) -> _Documents:
        docs = [*held_out, *trained]
        if not docs:
            raise EvaluationError(
                "there is no document to calibrate on",
                value=0,
                legal="reviewed documents that the pipeline was not trained on",
            )
        return cls(held_out, trained, [text_fingerprint(doc.text) for doc in docs])

    def count(self, report: CalibrationReport, *, pipelines: int) -> None:
        """Write into a report how many documents there are, and how many pipelines scored those of folds."""
        report.held_out, report.cross_fitted = len(self.held_out), len(self.trained)
        report.pipelines = pipelines if self.trained else 0

    def groups(self) -> list[Any]:
        """The group of each Doc, which stays together in cross-validation.

        Docs that are parts, or several members' versions, of one document are in one group.
        """
        if self.trained:
            return document_groups([*self.held_out, *self.trained])
        return [doc._.anndoc_id or place for place, doc in enumerate(self.held_out)]

    def check(self, nlp: Language, *, allow_unknown: bool) -> list[str]:
        """Make sure that the pipeline was trained on what the caller says, and on nothing else that is given.

        Returns:
            Notes on training documents that are missing.
        """
        known = training_fingerprints(nlp)
        if known is None and not allow_unknown:
            raise NotHeldOutError(
                "the pipeline doesn't know which documents it was trained on",
                legal="a pipeline trained with the callback spacy-tagtog.RememberDocuments.v1 in "
                "[initialize.after_init]",
                advice="train it with one of the configs, or say that you know better: "
                f"{setting('allow_unknown', True)}",
            )
        first = len(self.held_out)
        of_held_out, of_trained = self.fingerprints[:first], self.fingerprints[first:]
        learned = {*(known or ()), *of_trained}
        not_held_out = [doc for doc, own in zip(self.held_out, of_held_out, strict=True) if own in learned]
        if not_held_out:
            raise NotHeldOutError(
                f"the pipeline was trained on {len(not_held_out)} of {counted(first, 'document')}",
                value=_named(not_held_out),
                legal="documents that it was not trained on, such as corpus/dev.spacy",
                advice="leave them out: a pipeline is surer about its training documents than about others",
            )
        if known is None or not self.trained:
            return []
        strange = [doc for doc, own in zip(self.trained, of_trained, strict=True) if own not in known]
        if strange:
            raise NotHeldOutError(
                f"the pipeline was not trained on {len(strange)} of {counted(len(self.trained), 'document')} "
                "given as what it was trained on",
                value=_named(strange),
                legal="documents that it was trained on, such as corpus/train.spacy",
                advice="give the others as documents that it was not trained on",
            )
        missing = len(known.difference(of_trained))
        said = (
            f"the pipeline was also trained on {counted(missing, 'other document')}; those of the folds were "
            "not, so they know less than it"
        )
        return [said] if missing else []


def _named(docs: Sequence[Doc]) -> str:
    names = ", ".join(str(doc._.anndoc_id or doc.text[:40]) for doc in docs[:_MAX_NAMED])
    return names + (f" and {len(docs) - _MAX_NAMED} more" if len(docs) > _MAX_NAMED else "")


def _numbered(groups: Sequence[object], fold_of: Sequence[int]) -> list[int]:
    """The number of each document's group, in the order in which documents are predicted.

    Args:
        groups: The group of each document; the last ones are dealt into folds.
        fold_of: The fold of each of those.
    """
    first = len(groups) - len(fold_of)
    number: dict[object, int] = {}
    for place in sorted(range(len(groups)), key=lambda i: -1 if i < first else fold_of[i - first]):
        number.setdefault(groups[place], len(number))
    return [number[group] for group in groups]


@dataclass(frozen=True)
class _Fitted:
    predictions: LabelCalibrator
    missed: LabelCalibrator | None


@one_thread()
def _fit(
    found: ScoredPredictions, known: set[str], method: CalibrationMethod, folds: int, seed: int
) -> tuple[_Fitted, CalibrationReport]:
    features = np.vstack(found.features) if found.features else np.zeros((0, 1))
    predictions, report = fit_calibrator(
        features, found.labels, found.right, found.groups, method=method, folds=folds, seed=seed
    )
    for label in sorted(known - set(found.labels)):
        report.notes.append(
            f"{label}: never predicted in these documents; its predictions are calibrated with those of the "
            "others"
        )
    missed = _fit_missed(found, report, folds, seed) if found.missed and method != "none" else None
    return _Fitted(predictions, missed), report


def _fit_missed(
    found: ScoredPredictions, report: CalibrationReport, folds: int, seed: int
) -> LabelCalibrator | None:
    """Fit the calibrator of misses; the report is told how good it is, or why there is none."""
    x, y, groups = np.vstack(found.missed_features), np.concatenate(found.missed), found.missed_groups
    answers, documents, misses = y.astype(np.float64), len(set(groups)), int(y.sum())
    held_out = None
    if documents >= folds:
        held_out = cross_validated_platt(x, answers, groups, folds=folds, seed=seed)
    if held_out is None:
        report.notes.append(
            f"missed entities: not calibrated, too few ({misses} in {counted(documents, 'document')})"
        )
        return None
    report.expected_missed, report.missed = round(float(held_out.sum()), 3), misses
    report.missed_figures = figures_of(held_out, y)
    return LabelCalibrator(fit_platt(x, answers), {})

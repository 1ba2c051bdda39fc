"""Fit the calibration of a pipeline on reviewed documents, of which none is judged by a pipeline that was trained on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc.fingerprints import text_fingerprint
from spacy_tagtog.errors import EvaluationError, NotHeldOutError, PipelineError
from spacy_tagtog.pipeline.annotate import ensure_confidence
from spacy_tagtog.pipeline.calibration.calibrators import (
    FOLDS,
    CalibrationMethod,
    CalibrationReport,
    LabelCalibrator,
    cross_validated,
    figures_of,
    fit_calibrator,
    fit_platt,
)
from spacy_tagtog.pipeline.calibration.component import FEATURES, Calibration
from spacy_tagtog.pipeline.calibration.crossfit import Watch, deal, document_groups, fold_pipelines, seen_in
from spacy_tagtog.pipeline.calibration.scoring import Judged, confidence_components, judge, paired
from spacy_tagtog.pipeline.calibration.training_counts import Seen
from spacy_tagtog.pipeline.fingerprints import remembered_documents
from spacy_tagtog.pipeline.labels import textcat_names

_MAX_NAMED = 5


def prepare_pipeline(nlp: Language) -> None:
    """Add what can be calibrated: ``entity_confidence_v2`` for entities (in place of an ``entity_confidence``), ``label_confidence`` for labels.

    Raises:
        PipelineError: The pipeline predicts neither entities nor document labels.
    """
    factories = {name: nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}
    present = set(factories.values())
    for name, factory in factories.items():
        if factory == "entity_confidence":
            old = nlp.get_pipe_config(name)
            nlp.replace_pipe(
                name, "entity_confidence_v2", config={"ner": old["ner"], "spans_key": old["spans_key"]}
            )
        if factory == "spancat" and not present & {"entity_confidence", "entity_confidence_v2"}:
            nlp.add_pipe("entity_confidence_v2", name="entity_confidence", config={"ner": name}, last=True)
    if present & {"ner", "beam_ner", "seed_ner"} and not present & {
        "spancat",
        "entity_confidence",
        "entity_confidence_v2",
    }:
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
    method: CalibrationMethod = "auto",
    folds: int = FOLDS,
    seed: int = 0,
    allow_unknown: bool = False,
    batch_size: int | None = None,
    n_process: int = 1,
    watch: Watch | None = None,
) -> dict[str, CalibrationReport]:
    """Fit the calibration of every component that gives probabilities, and put it into the pipeline.

    No document is judged by a pipeline that was trained on it. Those of ``gold_docs`` are judged by the pipeline itself; those of ``train_docs`` by
    others of its kind, trained on the other folds (:mod:`spacy_tagtog.pipeline.calibration.crossfit`).

    Args:
        nlp: The pipeline; changed in place, see :func:`prepare_pipeline`.
        gold_docs: Reviewed documents that it was not trained on.
        train_docs: The documents that it was trained on: for each fold a pipeline is trained without some of them.
        groups: What :func:`~spacy_tagtog.pipeline.calibration.crossfit.document_groups` says of ``gold_docs`` and then ``train_docs``, for whoever asked it
            already: looking for near-duplicates takes its time. It matters only with ``train_docs``.
        method: ``auto`` chooses by cross-validation.
        folds: Folds of the cross-validation, by document, and of the pipelines that are trained; from 2.
        seed: Of the folds and of boosted trees.
        allow_unknown: Go on with a pipeline that doesn't know its training documents: whoever asks for this vouches for them.
        batch_size: Docs a batch.
        n_process: Processes.
        watch: Goes over the folds in which pipelines are trained.

    Returns:
        What was fitted, by component.

    Raises:
        EvaluationError: There is no document, or there are fewer training documents than folds.
        NotHeldOutError: The pipeline was trained on some of ``gold_docs``, or not on some of ``train_docs``, or doesn't know on which.
        PipelineError: There is nothing to calibrate, or the pipeline can't be trained again.
    """
    prepare_pipeline(nlp)
    held_out, trained = list(gold_docs), list(train_docs)
    docs = [*held_out, *trained]
    if not docs:
        raise EvaluationError(
            "there is no document to calibrate on",
            value=0,
            legal="reviewed documents that the pipeline was not trained on",
        )
    prints = [text_fingerprint(doc.text) for doc in docs]
    _check_held_out(
        nlp, held_out, prints[: len(held_out)], prints[len(held_out) :], allow_unknown=allow_unknown
    )
    notes = _check_trained(nlp, trained, prints[len(held_out) :])
    if not trained:
        groups = []
    elif groups is None:
        groups = document_groups(docs)
    fold_of = deal(trained, groups[len(held_out) :], folds=folds, seed=seed) if trained else []
    components = confidence_components(nlp)
    for component in components.values():
        component.calibration = None
    judged = {name: Judged() for name in components}
    numbers: dict[object, int] = {}
    seen = seen_in(nlp, trained) if trained else None
    for place, (gold, predicted) in enumerate(
        paired(nlp, held_out, batch_size=batch_size, n_process=n_process)
    ):
        # Docs that are parts, or several members' versions, of one document stay together in the cross-validation.
        key = groups[place] if groups else gold._.anndoc_id or place
        number = numbers.setdefault(key, len(numbers))
        for name, component in components.items():
            judge(component, gold, predicted, number, judged[name], seen)
    for fold in fold_pipelines(nlp, trained, fold_of, watch=watch) if trained else ():
        own = confidence_components(fold.nlp)
        left_out = [trained[place] for place in fold.places]
        for place, (gold, predicted) in zip(
            fold.places, paired(fold.nlp, left_out, batch_size=batch_size, n_process=n_process), strict=True
        ):
            number = numbers.setdefault(groups[len(held_out) + place], len(numbers))
            for name in components:
                judge(own[name], gold, predicted, number, judged[name], fold.seen)
    reports = {}
    for name, component in components.items():
        calibration, report = _fit(
            judged[name], known_labels(nlp, component), prints, method, folds, seed, seen
        )
        report.held_out, report.cross_fitted, report.pipelines = (
            len(held_out),
            len(trained),
            len(set(fold_of)),
        )
        report.notes += notes
        component.calibration, reports[name] = replace(calibration, report=report.to_json()), report
    return reports


def known_labels(nlp: Language, component: Any) -> set[str]:
    """The labels that the scored component can predict."""
    source: Any = nlp.get_pipe(getattr(component, "textcat", None) or component.ner)
    return {str(label) for label in getattr(source, "labels", ())}


def _check_held_out(
    nlp: Language, docs: Sequence[Doc], prints: Sequence[str], given: Sequence[str], *, allow_unknown: bool
) -> None:
    """``given`` are the fingerprints of what it was trained on as the caller says."""
    remembered = remembered_documents(nlp)
    if remembered is None and not allow_unknown:
        raise NotHeldOutError(
            "the pipeline doesn't know which documents it was trained on",
            legal="a pipeline trained with the callback spacy-tagtog.RememberDocuments.v1 in [initialize.after_init]",
            advice="train it with one of the configs, or say that you know better: --allow-unknown",
        )
    trained = {*(remembered or ()), *given}
    seen = [doc for doc, own in zip(docs, prints, strict=True) if own in trained]
    if seen:
        raise NotHeldOutError(
            f"the pipeline was trained on {len(seen)} of {counted(len(docs), 'document')}",
            value=_named(seen),
            legal="documents that it was not trained on, such as corpus/reviewed/dev.spacy",
            advice="leave them out: what a pipeline says about its training documents is surer than what it says about others",
        )


def _check_trained(nlp: Language, docs: Sequence[Doc], prints: Sequence[str]) -> list[str]:
    """Notes on training documents that are missing."""
    remembered = remembered_documents(nlp)
    if remembered is None or not docs:
        return []
    strange = [doc for doc, own in zip(docs, prints, strict=True) if own not in remembered]
    if strange:
        raise NotHeldOutError(
            f"the pipeline was not trained on {len(strange)} of {counted(len(docs), 'document')} given as what it was trained on",
            value=_named(strange),
            legal="documents that it was trained on, such as corpus/reviewed/train.spacy",
            advice="give the others as documents that it was not trained on",
        )
    missing = len(remembered.difference(prints))
    said = f"the pipeline was trained on {counted(missing, 'other document')}, too, and those of the folds were not, so they know less than it"
    return [said] if missing else []


def _named(docs: Sequence[Doc]) -> str:
    names = ", ".join(str(doc._.anndoc_id or doc.text[:40]) for doc in docs[:_MAX_NAMED])
    return names + (f" and {len(docs) - _MAX_NAMED} more" if len(docs) > _MAX_NAMED else "")


def _fit(
    judged: Judged,
    trained: set[str],
    prints: list[str],
    method: CalibrationMethod,
    folds: int,
    seed: int,
    seen: Seen | None,
) -> tuple[Calibration, CalibrationReport]:
    features = np.vstack(judged.features) if judged.features else np.zeros((0, 1))
    predictions, report = fit_calibrator(
        features, judged.labels, judged.right, judged.groups, method=method, folds=folds, seed=seed
    )
    for label in sorted(trained - set(judged.labels)):
        report.notes.append(
            f"{label}: never predicted in these documents; its predictions are calibrated with those of the others"
        )
    missed = None
    if judged.missed and method != "none":
        x, y, groups = np.vstack(judged.missed_features), np.concatenate(judged.missed), judged.missed_groups
        answers, enough = y.astype(np.float64), len(set(groups)) >= folds
        held_out = (
            cross_validated("platt", x, [""] * len(y), answers, groups, folds=folds, seed=seed)
            if enough
            else None
        )
        if held_out is None:
            report.notes.append(
                f"missed entities: not calibrated, too few ({int(y.sum())} in {counted(len(set(groups)), 'document')})"
            )
        else:
            missed = LabelCalibrator(fit_platt(x, answers))
            report.expected_missed, report.missed = round(float(held_out.sum()), 3), int(y.sum())
            report.missed_figures = figures_of(held_out, y)
    looked_at = seen if predictions.features > FEATURES else None
    return Calibration(predictions, missed, sorted(set(prints)), report.to_json(), looked_at), report

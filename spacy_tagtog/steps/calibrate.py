"""Calibrate a pipeline: make its probabilities accurate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog._files import atomic_folder, check_free
from spacy_tagtog._options import choose
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.errors import ArgumentError, EvaluationError, setting
from spacy_tagtog.pipeline.calibration.cross_validation import CalibrationMethod
from spacy_tagtog.pipeline.calibration.crossfit import deal, document_groups, is_quick, learns_again
from spacy_tagtog.pipeline.calibration.fit import calibrate_pipeline
from spacy_tagtog.pipeline.calibration.report import CalibrationReport
from spacy_tagtog.pipeline.loading import load_pipeline
from spacy_tagtog.steps._corpora import open_corpus
from spacy_tagtog.steps._sampled import only_sampled

_By = Literal["given", "held-out", "cross-fitting", "both", "auto"]


@dataclass(frozen=True)
class CalibratedPipeline:
    """What was calibrated.

    Attributes:
        path: The folder of the calibrated pipeline.
        by: What it was calibrated by: ``held-out``, ``cross-fitting`` or ``both``.
        reason: Why ``auto`` chose this, in words; empty where ``by`` was asked for.
        reports: What was fitted, by component.
    """

    path: Path
    by: _By
    reason: str
    reports: dict[str, CalibrationReport]

    def to_json(self) -> dict[str, Any]:
        """The reports as a JSON object, by component."""
        return {name: report.to_json() for name, report in self.reports.items()}


def calibrate(
    pipeline: Path | str,
    output: Path | str,
    *,
    reviewed: Path | str | None = None,
    train: Path | str | None = None,
    by: str = "given",
    method: str = "auto",
    folds: int = 5,
    seed: int = 0,
    allow_unknown: bool = False,
    documents: str = "confirmed",
    member: str = "master",
    on_problem: str = "error",
    rankings: Sequence[Path | str] = (),
    n_process: int = 1,
    force: bool = False,
    progress: Progress = silent,
    fold_progress: Progress = silent,
) -> CalibratedPipeline:
    """Calibrate a pipeline and write it, all or nothing.

    Args:
        pipeline: A folder or a package's name.
        output: The folder of the calibrated pipeline.
        reviewed: Documents that it was not trained on: a ``.spacy`` file, a folder of them, or a project.
        train: The documents that it was trained on, in the same forms.
        by: ``held-out`` (``reviewed``), ``cross-fitting`` (``train``, scored by pipelines that are trained
            without a fold of it), ``both``, ``given`` (what is given), or ``auto``: cross-fitting where that
            takes seconds, otherwise held-out; each component for itself.
        method: ``auto``, ``platt``, ``isotonic``, ``logistic``, ``trees``, ``forest`` or ``none``.
        folds: Folds of the cross-validation, and of the pipelines that are trained for cross-fitting.
        seed: The seed of the folds, and of trees.
        allow_unknown: Go on where the pipeline doesn't know its training documents.
        documents: Which documents of a project: ``confirmed``, ``unconfirmed`` or ``all``.
        member: Whose annotations of a project.
        on_problem: Faults of a project's data: ``error``, or ``report`` to leave them out.
        rankings: Take only the reviewed documents that chance chose for one of these rankings.
        n_process: Processes that predict, and folds of ``train`` that are trained at a time. The figures are
            the same for any number. In a script, more than one need ``if __name__ == "__main__":``.
        force: Replace the output.
        progress: Goes through the reviewed documents.
        fold_progress: Goes through the folds without which a pipeline is trained.

    Raises:
        ConfigurationError: What ``by`` needs isn't given, or training whole pipelines wasn't asked for.
        NotHeldOutError: The pipeline was trained on ``reviewed``, not on ``train``, or doesn't know.
        OutputExistsError: The output exists.
        SpacyTagtogError: The pipeline or the documents can't be read.
    """
    output = Path(output)
    check_free(output, force=force, sources=(pipeline, reviewed, train, *rankings))
    chosen = choose(setting("method"), method, CalibrationMethod)
    wanted = _check_sources(choose(setting("by"), by, _By), reviewed, train, rankings)
    nlp = load_pipeline(pipeline)
    if wanted == "given":
        wanted = _all_given(nlp, reviewed, folds)
    read = partial(_read, nlp, documents=documents, member=member, on_problem=on_problem)
    trained = list(read(train)) if wanted != "held-out" else []
    groups, reason, sparing = None, "", False
    if wanted == "auto":
        wanted, reason, groups = _choose(nlp, trained, folds)
        sparing = wanted == "both"
    docs = only_sampled(read(reviewed), rankings) if wanted != "cross-fitting" else ()
    reports = calibrate_pipeline(
        nlp,
        progress(docs),
        train_docs=trained if wanted != "held-out" else (),
        groups=groups,
        sparing=sparing,
        method=chosen,
        folds=folds,
        seed=seed,
        allow_unknown=allow_unknown,
        n_process=n_process,
        progress=fold_progress,
    )
    with atomic_folder(output, force=force) as folder:
        nlp.to_disk(folder)
    return CalibratedPipeline(output, wanted, reason, reports)


def _read(nlp: Language, path: Path | str | None, **how: str) -> Iterator[Doc]:
    """The Docs of a source, none where it isn't given."""
    if path is not None:
        yield from open_corpus(path, **how).docs(nlp)


def _check_sources(
    by: _By,
    reviewed: Path | str | None,
    train: Path | str | None,
    rankings: Sequence[Path | str],
) -> _By:
    """What to calibrate by, if all that it needs is given; ``given`` stays where ``train`` is given."""
    needed: dict[_By, tuple[bool, bool]] = {
        "held-out": (True, False),
        "cross-fitting": (False, True),
        "both": (True, True),
        "auto": (True, True),
    }
    needs_reviewed, needs_train = needed.get(by, (train is None, False))
    missing = [
        name
        for name, needs, path in (
            ("reviewed documents", needs_reviewed, reviewed),
            ("training documents", needs_train, train),
        )
        if needs and path is None
    ]
    if missing:
        raise ArgumentError(
            "there are no documents to calibrate on"
            if by == "given"
            else f"{setting('by', by)} needs documents that are not given",
            value=f"without {' and '.join(missing)}",
            legal=f"{setting('reviewed')}: documents that the pipeline was not trained on; "
            f"{setting('train')}: those that it was trained on",
        )
    wanted: _By = "held-out" if train is None else by
    if rankings and (reviewed is None or wanted in ("cross-fitting", "auto")):
        raise ArgumentError(
            "a ranking chooses among reviewed documents, and these are not used",
            place=setting("rankings"),
            value=by,
            legal=f"{setting('reviewed')}, and {setting('by')} given, held-out or both",
        )
    return wanted


def _all_given(nlp: Language, reviewed: Path | str | None, folds: int) -> _By:
    """What to calibrate by where training documents are given and nothing is asked for."""
    if not is_quick(nlp):
        raise ArgumentError(
            "cross-fitting would train this pipeline once per fold, which can take hours",
            place=setting("train"),
            value=f"{', '.join(nlp.pipe_names)}; {folds} folds",
            legal=f"{setting('by', 'cross-fitting')} or {setting('by', 'both')}, which ask for it; "
            "or a pipeline that learns in seconds, with a seed_ner alone",
            advice=f"leave {setting('train')} out to calibrate on documents that it was not trained on",
        )
    return "cross-fitting" if reviewed is None else "both"


def _choose(nlp: Language, docs: Sequence[Doc], folds: int) -> tuple[_By, str, list[int] | None]:
    """What ``auto`` chooses and why; for cross-fitting, the groups of the training documents, too."""
    if not learns_again(nlp):
        return "held-out", "cross-fitting would train the whole pipeline once per fold", None
    groups = document_groups(docs)
    try:
        deal(docs, groups, folds=folds)
    except EvaluationError as error:
        return "held-out", f"{error.problem} ({error.value})", None
    if not is_quick(nlp):
        return "both", "cross-fitting for seed_ner, which learns in seconds, held-out for the others", None
    return "cross-fitting", "the pipeline learns in seconds", groups

"""Cross-fitting: honest predictions on a pipeline's own training documents.

The documents are dealt into folds. For each fold a pipeline of the same kind is trained on the other folds
and predicts this one. What is learned from these predictions is used for the pipeline that was trained on all
documents. It is a little better than those, which were trained on a part.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.convert.split_plan import SplitItem, near_duplicates
from spacy_tagtog.convert.tokens import predicted_doc
from spacy_tagtog.errors import EvaluationError, PipelineError, setting
from spacy_tagtog.pipeline.assembly import trained_apart
from spacy_tagtog.pipeline.calibration.training_counts import TrainingCounts
from spacy_tagtog.pipeline.loading import first_line
from spacy_tagtog.pipeline.seed.component import SeedNer


def is_quick(nlp: Language) -> bool:
    """Whether a pipeline can learn again in seconds: its only trained component is a ``seed_ner``."""
    trained = _trained(nlp)
    return bool(trained) and all(isinstance(nlp.get_pipe(name), SeedNer) for name in trained)


def learns_again(nlp: Language) -> bool:
    """Whether :func:`fold_pipelines` lets nothing but the ``seed_ner`` of a pipeline learn again.

    So it is where there is no other trained component, and where the others were trained apart from it. What
    those predict for the documents of a fold is then no honest prediction.
    """
    has_seed = any(isinstance(nlp.get_pipe(name), SeedNer) for name in _trained(nlp))
    return is_quick(nlp) or (has_seed and bool(trained_apart(nlp)))


def _trained(nlp: Language) -> list[str]:
    frozen = (nlp.config.get("training") or {}).get("frozen_components") or []
    return [
        name
        for name, pipe in nlp.pipeline
        if name not in frozen and (isinstance(pipe, SeedNer) or getattr(pipe, "is_trainable", False))
    ]


def document_groups(docs: Sequence[Doc]) -> list[int]:
    """The number of each Doc's group.

    Parts and members' versions of one document are in one group, and so are documents with nearly the same
    text.
    """
    ids = [str(doc._.anndoc_id or f"\n{place}") for place, doc in enumerate(docs)]  # no id holds a line break
    texts: dict[str, dict[str, None]] = {}
    for doc_id, doc in zip(ids, docs, strict=True):
        texts.setdefault(doc_id, {})[doc.text] = None
    items = (SplitItem(doc_id, "\n".join(own), {}) for doc_id, own in texts.items())
    number = {doc_id: i for i, group in enumerate(near_duplicates(items)) for doc_id in group}
    return [number[doc_id] for doc_id in ids]


def deal(docs: Sequence[Doc], groups: Sequence[int], *, folds: int, seed: int = 0) -> list[int]:
    """The fold of each Doc.

    Groups are dealt out whole, in a random order. Those with entities or document labels come first, so that
    every fold has some.

    Args:
        docs: n training documents.
        groups: The n numbers of their groups, see :func:`document_groups`.
        folds: From 2.
        seed: Of the order.

    Raises:
        EvaluationError: There are fewer groups with annotations than folds.
    """
    annotated = {
        group
        for doc, group in zip(docs, groups, strict=True)
        if doc.ents or doc.cats or any(len(spans) for spans in doc.spans.values())
    }
    if len(annotated) < folds:
        raise EvaluationError(
            "there are fewer annotated training documents than folds",
            value=f"{len(annotated)} with annotations, {folds} folds",
            legal="at least one document with annotations per fold; parts, versions and near-duplicates of a "
            "document count as one",
            advice=f"ask for fewer {setting('folds')} (from 2), or calibrate on documents that the pipeline "
            "was not trained on",
        )
    chance = np.random.default_rng(seed)
    order = [
        names[i]
        for names in (sorted(annotated), sorted(set(groups) - annotated))
        for i in chance.permutation(len(names))
    ]
    fold = {group: place % folds for place, group in enumerate(order)}
    return [fold[group] for group in groups]


@dataclass(frozen=True)
class Fold:
    """A pipeline, and the documents that it was not trained on.

    Attributes:
        nlp: The pipeline.
        places: The places of the documents that were left out, in the sequence that was dealt.
        training_counts: What stood in the documents that it was trained on.
    """

    nlp: Language
    places: list[int]
    training_counts: TrainingCounts


def fold_pipelines(
    nlp: Language,
    docs: Sequence[Doc],
    fold_of: Sequence[int],
    *,
    folds: Sequence[int] | None = None,
    progress: Progress = silent,
) -> Iterator[Fold]:
    """Train a pipeline for each fold, without its documents.

    A ``seed_ner`` learns again within the pipeline, which is as it was as soon as the next fold is asked for;
    components that were trained apart from it stay as they are. For any other kind a new pipeline is trained
    as ``spacy train`` does, by the config that is stored in the pipeline: its [corpora.train] reads the other
    folds, [corpora.dev] is what it was.

    Args:
        nlp: The pipeline that was trained on all of the documents.
        docs: The documents.
        fold_of: The fold of each.
        folds: Only for these.
        progress: Shows how many folds are done.

    Raises:
        PipelineError: The pipeline's config doesn't say how it was trained, or training failed.
    """
    numbers = sorted(set(fold_of)) if folds is None else folds
    # Before the first fold, not after an hour.
    config = None if learns_again(nlp) else training_config(nlp)
    for number in progress(numbers, len(numbers)):
        learned = [doc for doc, fold in zip(docs, fold_of, strict=True) if fold != number]
        places = [place for place, fold in enumerate(fold_of) if fold == number]
        if config is None:
            with _learned_again(nlp, learned):
                yield Fold(nlp, places, count_training(nlp, learned))
        else:
            yield Fold(_trained_again(config, learned), places, count_training(nlp, learned))


def count_training(nlp: Language, docs: Iterable[Doc]) -> TrainingCounts:
    """Count what stands in training documents, on the tokens of a pipeline."""
    examples = _examples(nlp, docs)
    return TrainingCounts.learn(
        ([token.lower_ for token in one.predicted], one.get_aligned_ner()) for one in examples
    )


def _examples(nlp: Language, docs: Iterable[Doc]) -> Iterator[Example]:
    for doc in docs:
        for ent in doc.ents:
            nlp.vocab.strings.add(ent.label_)  # the Doc may have been made with another vocabulary
        yield Example(predicted_doc(nlp, doc), doc)


@contextmanager
def _learned_again(nlp: Language, docs: Sequence[Doc]) -> Iterator[None]:
    components = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, SeedNer)]
    kept = [component.model for component in components]
    try:
        for component in components:
            component.learn_again(_examples(nlp, docs))
        yield
    finally:
        for component, model in zip(components, kept, strict=True):
            component.model = model


def training_config(nlp: Language) -> Any:
    """The config by which a pipeline can be trained again on documents of a file.

    Returns:
        The config; ``corpora.train.path`` is to be set.

    Raises:
        PipelineError: It doesn't say how the pipeline was trained, in a way that can be repeated.
    """
    config = nlp.config.copy()
    training: dict[str, Any] = config.get("training") or {}
    corpora: dict[str, Any] = config.get("corpora") or {}
    reader: Any = corpora.get("train") if training.get("train_corpus") == "corpora.train" else None
    problem = ""
    if not isinstance(reader, dict) or not config.interpolate()["corpora"]["train"].get("path"):
        problem = "[training] and [corpora.train], with a path, are not there"
    elif apart := trained_apart(nlp):
        problem = f"its components were trained one by one: {', '.join(apart)}"
    elif training.get("frozen_components"):
        problem = f"frozen components are not trained by it: {', '.join(training['frozen_components'])}"
    if problem:
        raise PipelineError(
            "the config of the pipeline doesn't say how to train it again",
            place="config.cfg of the pipeline",
            value=problem,
            legal="what spacy train wrote, with [corpora.train] path; or a seed_ner as the only trained "
            "component",
            advice="calibrate it on documents that it was not trained on instead",
        )
    # The documents are chosen already: a side or a limit would choose again.
    for name, nothing in (("split", None), ("side", None), ("folders", None), ("limit", 0)):
        if name in reader:
            reader[name] = nothing
    return config


def _trained_again(config: Any, docs: Sequence[Doc]) -> Language:
    from spacy.training.initialize import init_nlp
    from spacy.training.loop import train

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        DocBin(docs=docs, store_user_data=True).to_disk(folder / "train.spacy")
        own = config.copy()
        own["corpora"]["train"]["path"] = str(folder / "train.spacy")
        said = io.StringIO()
        (folder / "trained").mkdir()
        try:
            nlp = init_nlp(own)
            train(nlp, folder / "trained", stdout=said, stderr=said)
            best = folder / "trained" / "model-best"
            return spacy.load(best if best.exists() else folder / "trained" / "model-last")
        # A config can name anything, and what that raises can be anything: a corpus that is gone, a package
        # that isn't installed, SystemExit.
        except (Exception, SystemExit) as error:
            raise PipelineError(
                f"training without some of the documents failed: {type(error).__name__}: {first_line(error)}",
                place="config.cfg of the pipeline",
                legal="a config whose other files, such as [corpora.dev] path, are where they were in "
                "training",
                advice="put them there, or calibrate the pipeline on documents that it was not trained on",
            ) from error

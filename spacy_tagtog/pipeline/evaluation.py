"""Precision, recall and F of entities, and how accurate the probabilities are.

Entities are compared by characters, so that a tokenizer's mistakes count as what they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc.fingerprints import text_fingerprint
from spacy_tagtog.convert.corpus import spancat_keys
from spacy_tagtog.errors import EvaluationError
from spacy_tagtog.pipeline.calibration.figures import (
    CalibrationFigures,
    figure_cells,
    figures_by_label,
    figures_of,
)
from spacy_tagtog.pipeline.calibration.scoring import (
    ScoredPredictions,
    add_predictions,
    confidence_components,
    paired,
    silent_ranges,
)
from spacy_tagtog.pipeline.calibration.stored import Calibration
from spacy_tagtog.pipeline.contents import all_entities, predicted_entities
from spacy_tagtog.pipeline.labels import predicted_labels, textcat_names
from spacy_tagtog.pipeline.scores import CharSpan, Scores, score_entities, score_labels
from spacy_tagtog.pipeline.seed.normalizer import SeedNormalizer
from spacy_tagtog.pipeline.seed.relation_types import gold_relations, place_of
from spacy_tagtog.pipeline.seed.relations import SeedRelations, predicted_relations


@dataclass
class ConfidenceEvaluation:
    """How accurate the probabilities of one component are.

    Attributes:
        figures: ECE, Brier score, AUROC and bins; ``None`` where there is no prediction.
        labels: The same for each label.
        in_sample: How many of the evaluated documents the component was calibrated on. Where there are any,
            ``figures`` and ``labels`` are the cross-validated ones that were stored by the calibration:
            figures on documents that it was fitted on would flatter.
        calibrated: Whether the component was calibrated at all.
        expected_missed: The sum of the probabilities of a miss; ``None`` where the component writes none.
        missed: Tokens at which a missed entity begins.
    """

    figures: CalibrationFigures | None
    labels: dict[str, CalibrationFigures]
    in_sample: int
    calibrated: bool
    expected_missed: float | None = None
    missed: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; ``source`` tells where the figures come from."""
        return {
            "source": "cross-validated in calibration" if self.in_sample else "these documents",
            "documents_calibrated_on": self.in_sample,
            "calibrated": self.calibrated,
            "overall": self.figures and self.figures.to_json(),
            "labels": {label: one.to_json() for label, one in sorted(self.labels.items())},
            "expected_missed": self.expected_missed,
            "missed": self.missed,
        }

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Rows for a table: label, predictions, ECE %, Brier score, AUROC."""
        for label, one in [*sorted(self.labels.items()), ("all", self.figures)]:
            if one is not None:
                yield label, *figure_cells(one)


@dataclass
class Evaluation:
    """The result of an evaluation.

    Attributes:
        documents: Documents compared.
        labels: Scores of each entity type.
        ignored: Predictions that were not counted since they touch text about which the gold data says
            nothing.
        confidence: For each component that gives probabilities, how accurate they are.
        document_labels: Counts of each document label; a label has no borders, so both measures are equal.
        relations: Counts of each relation type: type and both entities must be equal. Those of people with an
            end that isn't on the Doc count as missed.
        normalizations: Of each entity type, counts of ids: ``gold`` those that people gave, ``predicted``
            those that the pipeline gave these entities, ``exact`` those of them that are equal. An entity
            that the pipeline didn't find got none.
        by_document: The same counts of each document: its id (its place from 0 where it has none) to those
            of each type. A document label's name follows ``label:``, a relation type's ``relation:``, and
            ``id:`` comes before the type whose ids are counted. What a document has none of isn't there.
    """

    documents: int = 0
    labels: dict[str, Scores] = field(default_factory=dict)
    ignored: int = 0
    confidence: dict[str, ConfidenceEvaluation] = field(default_factory=dict)
    document_labels: dict[str, Scores] = field(default_factory=dict)
    relations: dict[str, Scores] = field(default_factory=dict)
    normalizations: dict[str, Scores] = field(default_factory=dict)
    by_document: dict[str, dict[str, Scores]] = field(default_factory=dict, repr=False)

    @property
    def overall(self) -> Scores:
        """All entity types together (micro average)."""
        return sum(self.labels.values(), Scores())

    @property
    def overall_labels(self) -> Scores:
        """All document labels together (micro average)."""
        return sum(self.document_labels.values(), Scores())

    @property
    def overall_relations(self) -> Scores:
        """All relation types together (micro average)."""
        return sum(self.relations.values(), Scores())

    @property
    def overall_normalizations(self) -> Scores:
        """The ids of all entity types together (micro average)."""
        return sum(self.normalizations.values(), Scores())

    def to_json(self) -> dict[str, Any]:
        """The evaluation as a JSON object."""
        return {
            "documents": self.documents,
            "ignored_predictions": self.ignored,
            "overall": self.overall.to_json(),
            "labels": {label: scores.to_json() for label, scores in sorted(self.labels.items())},
            "confidence": {name: one.to_json() for name, one in self.confidence.items()},
            "document_labels": {
                label: scores.to_json() for label, scores in sorted(self.document_labels.items())
            },
            "document_labels_overall": self.overall_labels.to_json() if self.document_labels else None,
            "relations": {label: scores.to_json() for label, scores in sorted(self.relations.items())},
            "relations_overall": self.overall_relations.to_json() if self.relations else None,
            "normalizations": {
                label: scores.to_json() for label, scores in sorted(self.normalizations.items())
            },
            "normalizations_overall": self.overall_normalizations.to_json() if self.normalizations else None,
        }

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Rows for a table: label, exact P R F, overlapping P R F (percent), gold, predicted."""
        for label, scores in [*sorted(self.labels.items()), ("all", self.overall)]:
            numbers = [f"{100 * value:.1f}" for value in (*scores.exact_prf, *scores.overlapping_prf)]
            yield (label, *numbers, str(scores.gold), str(scores.predicted))


class _FromEntities:
    """Scores of what goes on from entities: their relations, and the ids of dictionary entries.

    Args:
        nlp: The pipeline.
    """

    def __init__(self, nlp: Language) -> None:
        self._normalizes = {
            label for _, pipe in nlp.pipeline if isinstance(pipe, SeedNormalizer) for label in pipe.labels
        }
        self._components = {name: pipe for name, pipe in nlp.pipeline if isinstance(pipe, SeedRelations)}
        self._related = {label for pipe in self._components.values() for label in pipe.labels}
        self._told: list[tuple[str, float, bool, int]] = []

    def relations(self, gold: Doc, predicted: Doc, number: int) -> Iterator[tuple[str, Scores]]:
        """Compare the relations of one document, of the types that the pipeline finds.

        Args:
            gold: What people annotated.
            predicted: What the pipeline made of the text.
            number: The document's number.
        """
        if not self._related:
            return
        there, without = gold_relations(gold)
        spans = all_entities(gold)
        silent = silent_ranges(gold, spans)
        found = [
            one
            for one in predicted_relations(predicted)
            if not any(_touches(end, silent) for end in (one.first, one.second))
        ]
        entities = {place_of(span) for span in spans}
        # A probability is that of a relation given both entities.
        self._told += [
            (one.label, one.prob, one.key in there, number)
            for one in found
            if one.first in entities and one.second in entities
        ]
        for label in sorted(self._related):
            own = {one.key for one in found if one.label == label}
            total = sum(key[0] == label for key in there) + without[label]
            if total or own:
                both = len(own & there)
                yield label, Scores(total, len(own), both, both, both)

    def normalizations(self, gold: Doc, predicted: Doc) -> Iterator[tuple[str, Scores]]:
        """Compare the ids of the entities that people normalized, of the types that the pipeline knows."""
        if not self._normalizes:
            return
        said = {place_of(ent): ent.kb_id_ for ent in predicted.ents}
        for ent in gold.ents:
            if ent.kb_id_ and ent.label_ in self._normalizes:
                own = said.get(place_of(ent), "")
                right = int(own == ent.kb_id_)
                yield ent.label_, Scores(1, int(bool(own)), right, right, right)

    def confidence(self) -> dict[str, ConfidenceEvaluation]:
        """How accurate the probabilities of relations are, given both entities, by component."""
        found = {}
        for name, pipe in self._components.items():
            labels, scores, right, groups = (
                zip(*own, strict=True)
                if (own := [one for one in self._told if one[0] in pipe.labels])
                else ((), (), (), ())
            )
            figures = figures_of(scores, right, chance=True, groups=groups) if scores else None
            found[name] = ConfidenceEvaluation(
                figures, figures_by_label(scores, right, labels, groups), 0, calibrated=True
            )
        return found


def evaluate_docs(
    nlp: Language, gold_docs: Iterable[Doc], *, batch_size: int | None = None, n_process: int = 1
) -> Evaluation:
    """Run a pipeline over the texts of gold Docs and compare its entities with theirs.

    Predictions that touch tokens about which the gold Doc says nothing (*missing*, ``ent_iob`` 0) are not
    counted; ``ignored`` says how many there are. Where the pipeline has a ``spancat``, the entities are those
    of ``doc.ents`` and of its span group, and they are compared with all that people annotated, overlapping
    or not.

    Args:
        nlp: A trained pipeline.
        gold_docs: Docs with entities, made by this package or by any other means.
        batch_size: Docs per batch.
        n_process: Processes.

    Raises:
        EvaluationError: There is no gold Doc, or none has an entity.
    """
    result = Evaluation()
    components = confidence_components(nlp)
    further = _FromEntities(nlp)
    known_cats = {str(label) for name in textcat_names(nlp) for label in nlp.get_pipe(name).labels}  # type: ignore[attr-defined]
    nested = bool(spancat_keys(nlp))
    # A pipeline of nothing but text classifiers has missed no entity.
    with_entities = (
        nested
        or not known_cats
        or any("doc.ents" in nlp.get_pipe_meta(name).assigns for name in nlp.pipe_names)
    )
    found = {name: ScoredPredictions() for name in components}
    in_sample: Counter[str] = Counter()
    numbers: dict[object, int] = {}
    for place, (gold, predicted) in enumerate(
        paired(nlp, gold_docs, batch_size=batch_size, n_process=n_process)
    ):
        result.documents += 1
        own_print = text_fingerprint(gold.text) if components else ""
        # Docs that are parts, or several members' versions, of one document are not independent.
        number = numbers.setdefault(gold._.anndoc_id or place, len(numbers))
        for name, component in components.items():
            in_sample[name] += (
                component.calibration is not None and own_print in component.calibration.fingerprints
            )
            add_predictions(component, gold, predicted, number, found[name])
        own = result.by_document.setdefault(gold._.anndoc_id or str(place), {})
        labels = score_labels(predicted_labels(nlp, predicted), gold.cats, known_cats)
        for kind, into, scored in (
            ("label", result.document_labels, labels),
            ("relation", result.relations, further.relations(gold, predicted, number)),
            ("id", result.normalizations, further.normalizations(gold, predicted)),
        ):
            _add_up(scored, (into, ""), (own, f"{kind}:"))
        if not with_entities:
            continue
        gold_spans: Sequence[Span] = all_entities(gold) if nested else gold.ents
        silent = silent_ranges(gold, gold_spans)
        spans: list[CharSpan] = []
        for ent in predicted_entities(nlp, predicted):
            if _touches(place_of(ent), silent):
                result.ignored += 1
            else:
                spans.append(place_of(ent))
        scores = score_entities([place_of(ent) for ent in gold_spans], spans)
        _add_up(scores.items(), (result.labels, ""), (own, ""))
    result.confidence.update(further.confidence())
    for name, component in components.items():
        result.confidence[name] = _confidence(component.calibration, found[name], in_sample[name])
    if not result.documents or not (
        result.overall.gold or any(scores.gold for scores in result.document_labels.values())
    ):
        raise EvaluationError(
            "there is nothing to evaluate on",
            value=f"{counted(result.documents, 'document')}, {counted(result.overall.gold, 'entity')}",
            legal="documents with at least one entity, or for a text classifier with labels",
            advice="confirm more documents, or give a larger share to this side of the split",
        )
    return result


def _touches(place: CharSpan, ranges: Iterable[tuple[int, int]]) -> bool:
    """Whether an entity shares a character with one of some ranges."""
    return any(start < place[1] and place[0] < end for start, end in ranges)


def _add_up(scored: Iterable[tuple[str, Scores]], *totals: tuple[dict[str, Scores], str]) -> None:
    """Add scores by label to totals, in which the labels have a prefix."""
    for label, one in scored:
        for total, prefix in totals:
            name = f"{prefix}{label}"
            total[name] = total.get(name, Scores()) + one


def _confidence(
    calibration: Calibration | None, found: ScoredPredictions, in_sample: int
) -> ConfidenceEvaluation:
    if calibration is not None and in_sample:
        report = calibration.report
        return ConfidenceEvaluation(
            report.after or report.before,
            report.labels,
            in_sample,
            calibrated=True,
            expected_missed=report.expected_missed,
            missed=report.missed,
        )
    return ConfidenceEvaluation(
        figures_of(found.scores, found.right, chance=True, groups=found.groups) if found.scores else None,
        figures_by_label(found.scores, found.right, found.labels, found.groups),
        0,
        calibrated=calibration is not None,
        expected_missed=round(sum(found.expected), 3) if found.missed else None,
        missed=int(sum(int(one.sum()) for one in found.missed)) if found.missed else None,
    )

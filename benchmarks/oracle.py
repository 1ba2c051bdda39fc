"""What could choosing save at best? A simulation with strategies that know what reviewers will correct.

    python benchmarks/oracle.py SIMULATION OUTPUT [--seeds 3] [--tokens-per-edit 300]
    python benchmarks/simulations.py SIMULATION OUTPUT

SIMULATION is a folder that ``spacy-tagtog simulate`` wrote: the same pool, test documents and settings are
taken. Both strategies know the true
entities of every document of the pool, so they know each correction and what it costs. Of each form that
would be corrected (the words of a missed or
a wrong entity), ``oracle`` counts how often the same is still to be corrected in the other documents of the
pool, and ``oracle_of_test`` how often it
stands in the *test documents*, on which F is measured. They take the documents that teach most of this for
the effort, each form once a batch.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import spacy
from spacy.tokens import Doc

from spacy_tagtog.agreement.edits import count_edits
from spacy_tagtog.convert.corpus import read_spacy
from spacy_tagtog.convert.tokens import predicted_doc
from spacy_tagtog.selection.candidates import Candidate
from spacy_tagtog.selection.greedy import lazy_greedy
from spacy_tagtog.selection.simulation import simulate_project
from spacy_tagtog.selection.simulation_record import SimulationSettings, simulation_json
from spacy_tagtog.selection.strategies import Context, Pick, Strategy, strategies

Spans = list[tuple[int, int, str]]  # in tokens


class Oracle:
    """Knows what would be corrected.

    Args:
        gold: The true entities of each document, by its id.
        tokens_per_edit: How many tokens cost as much as an edit.
        wanted: How often each form is worth knowing; ``None``: as often as it is still to be corrected in the
            pool.
    """

    def __init__(
        self, gold: dict[str, Spans], tokens_per_edit: float, wanted: Counter[str] | None = None
    ) -> None:
        self.gold = gold
        self.tokens_per_edit = tokens_per_edit
        self.wanted = wanted

    def needs_predictions(self, reviewed: int) -> bool:
        """Yes: what is right already needs no correction."""
        return True

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
        """Choose."""
        forms: list[Counter[str]] = []
        costs: list[float] = []
        for candidate in candidates:
            true, found = (
                self.gold[candidate.id],
                [(one.start, one.end, one.label) for one in candidate.entities],
            )
            wrong = {*true} ^ {*found}
            forms.append(Counter(" ".join(candidate.words[start:end]) for start, end, _ in wrong))
            costs.append(count_edits(found, true).total + len(candidate) / self.tokens_per_edit)
        total = self.wanted if self.wanted is not None else sum(forms, Counter[str]())
        own = forms if self.wanted is None else [Counter[str]() for _ in forms]
        known: set[str] = set()

        def value(index: int) -> float:
            return sum(total[form] - own[index][form] for form in forms[index] if form not in known) / max(
                1e-9, costs[index]
            )

        chosen = lazy_greedy(
            [value(i) for i in range(len(candidates))], value, size, lambda index: known.update(forms[index])
        )
        return [Pick(index, score, {}) for index, score in chosen]


def in_tokens(tokenized: Doc, doc: Doc) -> Spans:
    """The entities of a document on the tokens of a pipeline."""
    spans = (
        tokenized.char_span(ent.start_char, ent.end_char, ent.label_, alignment_mode="expand")
        for ent in doc.ents
    )
    return [(span.start, span.end, span.label_) for span in spans if span is not None]


def main() -> None:
    """Simulate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("simulation", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tokens-per-edit", type=float, default=300)
    arguments = parser.parse_args()
    stored = json.loads((arguments.simulation / "report.json").read_text(encoding="utf-8"))["settings"]
    settings = SimulationSettings(
        config=(arguments.simulation / "config.cfg").read_text(encoding="utf-8"), **stored
    )
    nlp = spacy.blank(settings.lang)
    pool, test = (
        list(read_spacy(arguments.simulation / f"{side}.spacy", nlp.vocab)) for side in ("pool", "test")
    )
    gold = {str(doc._.anndoc_id): in_tokens(predicted_doc(nlp, doc), doc) for doc in pool}
    of_test = Counter(" ".join(token.lower_ for token in ent) for doc in test for ent in doc.ents)
    made: dict[str, Callable[[], Strategy]] = {
        "oracle": lambda: Oracle(gold, arguments.tokens_per_edit),
        "oracle_of_test": lambda: Oracle(gold, arguments.tokens_per_edit, of_test),
    }
    for name, make in made.items():
        strategies.register(name, func=make)
    simulation = simulate_project(pool, test, arguments.output, settings, list(made), range(arguments.seeds))
    (arguments.output / "report.json").write_text(json.dumps(simulation_json(simulation)), encoding="utf-8")


if __name__ == "__main__":
    main()

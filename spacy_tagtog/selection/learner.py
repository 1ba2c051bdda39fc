"""The pipeline of a simulation, trained and measured again and again."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_config, load_model_from_config

from spacy_tagtog._files import make_folder
from spacy_tagtog.convert.corpus import read_spacy, write_docbin
from spacy_tagtog.convert.tokens import predicted_doc
from spacy_tagtog.pipeline.calibration.scoring import silent_ranges
from spacy_tagtog.pipeline.scores import Scores, score_entities
from spacy_tagtog.selection.batches import stream_of
from spacy_tagtog.selection.candidates import ReviewedDocument, reviewed_document
from spacy_tagtog.selection.simulation_folder import CONFIG
from spacy_tagtog.selection.simulation_record import SimulationSettings

CharSpan = tuple[int, int, str]


@dataclass
class Gold:
    """A reviewed document of the project."""

    id: str
    doc: Doc
    spans: list[CharSpan]
    silent: list[tuple[int, int]]
    tokenized: Doc
    reviewed: ReviewedDocument


class Learner:
    """Trains the config again and again.

    A config of which nothing learns in steps (the seed model) is initialized on Examples in memory, in one
    vocabulary; any other is trained as ``spacy train`` does, from files.
    """

    def __init__(self, settings: SimulationSettings, folder: Path) -> None:
        from spacy.pipeline import TrainablePipe

        self.settings = settings
        path = folder / CONFIG
        self.config = load_config(path, overrides={"nlp.lang": settings.lang}, interpolate=False)
        # Nothing is calibrated here, so nobody needs to know what was trained on.
        self.config["initialize"]["after_init"] = None
        self.nlp = load_model_from_config(self.config.interpolate(), auto_fill=True)
        self.in_steps = any(isinstance(pipe, TrainablePipe) for _, pipe in self.nlp.pipeline)

    def read(self, path: Path) -> list[Gold]:
        """The documents of a file."""
        return [self._gold(doc) for doc in read_spacy(path, self.nlp.vocab)]

    def _gold(self, doc: Doc) -> Gold:
        doc_id = str(doc._.anndoc_id)
        spans = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
        tokenized = predicted_doc(self.nlp, doc)
        words = reviewed_document(tokenized, doc_id).words
        return Gold(
            doc_id,
            doc,
            spans,
            silent_ranges(doc),
            tokenized,
            ReviewedDocument(doc_id, words, reviewed_document(doc, doc_id).labels),
        )

    def tokens(self, nlp: Language, gold: Gold) -> Doc:
        """The document as the pipeline would tokenize it, without annotations."""
        if nlp.vocab is self.nlp.vocab:
            return gold.tokenized.copy()
        return predicted_doc(nlp, gold.doc)

    def train(self, reviewed: Sequence[Gold], seed: int) -> Language:
        """A pipeline trained on these documents, whatever their order."""
        reviewed = sorted(reviewed, key=lambda gold: gold.id)
        if not self.in_steps:
            examples = [Example(gold.tokenized.copy(), gold.doc) for gold in reviewed]
            self.nlp.initialize(lambda: examples)
            return self.nlp
        return self._train_in_steps(reviewed, seed)

    def _train_in_steps(self, reviewed: Sequence[Gold], seed: int) -> Language:
        import spacy
        from spacy.training.initialize import init_nlp
        from spacy.training.loop import train

        order = stream_of(seed, 1).permutation(len(reviewed)).tolist()
        held = max(1, round(self.settings.held_out * len(reviewed)))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_docbin((reviewed[index].doc for index in order[held:] or order), folder / "train.spacy")
            write_docbin((reviewed[index].doc for index in order[:held]), folder / "dev.spacy")
            config = self.config.copy()
            config["paths"]["train"], config["paths"]["dev"] = (
                str(folder / "train.spacy"),
                str(folder / "dev.spacy"),
            )
            config["system"]["seed"] = seed
            make_folder(folder / "out")
            with contextlib.redirect_stdout(io.StringIO()):
                nlp = init_nlp(config)
                train(nlp, folder / "out", stdout=io.StringIO(), stderr=io.StringIO())
            best = folder / "out" / "model-best"
            return spacy.load(best if best.exists() else folder / "out" / "model-last")


def predict(nlp: Language, learner: Learner, golds: Sequence[Gold]) -> Iterator[tuple[Gold, Doc]]:
    """What a pipeline predicts for documents."""
    yield from (
        (gold, doc)
        for doc, gold in nlp.pipe(((learner.tokens(nlp, gold), gold) for gold in golds), as_tuples=True)
    )


def spans_of(gold: Gold, doc: Doc) -> list[CharSpan]:
    """What was predicted, but for what touches text about which nobody said anything."""
    return [
        (ent.start_char, ent.end_char, ent.label_)
        for ent in doc.ents
        if not any(start < ent.end_char and ent.start_char < end for start, end in gold.silent)
    ]


def measure(nlp: Language, learner: Learner, test: Sequence[Gold]) -> Scores:
    """How well a pipeline finds the entities of documents."""
    total = Scores()
    for gold, doc in predict(nlp, learner, test):
        total = sum(score_entities(gold.spans, spans_of(gold, doc)).values(), total)
    return total

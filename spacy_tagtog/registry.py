"""Everything that spaCy's config system and our own registries can name.

This module stands behind entry points, which spaCy loads for every pipeline: it imports nothing heavier than
spaCy itself, and the work is imported when it is asked for. confection validates the values of a config and
doesn't coerce them, so paths arrive as strings and are coerced here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model
from thinc.types import Floats2d

if TYPE_CHECKING:
    from spacy_tagtog.convert.converter import Converter
    from spacy_tagtog.pipeline.calibration.component import EntityConfidence
    from spacy_tagtog.pipeline.labels import LabelConfidence
    from spacy_tagtog.pipeline.seed.component import SeedNer
    from spacy_tagtog.pipeline.seed.normalizer import SeedNormalizer
    from spacy_tagtog.pipeline.seed.relations import SeedRelations

__all__ = [
    "affix_hash_embed",
    "anndoc_converter",
    "anndoc_corpus",
    "entity_confidence",
    "label_confidence",
    "learned_tokenizer",
    "remember_documents",
    "seed_ner",
    "seed_normalizer",
    "seed_relations",
    "texts",
]


def anndoc_corpus(
    path: str | Path | None,
    converter: str = "spacy-tagtog.Anndoc.v1",
    settings: dict[str, Any] | None = None,
    documents: str = "confirmed",
    on_problem: str = "error",
    split: str | None = None,
    side: str | None = None,
    folders: list[str] | None = None,
    limit: int = 0,
    max_length: int = 0,
    shuffle: bool = False,
    augmenter: Callable[[Language, Example], Iterator[Example]] | None = None,
) -> Callable[[Language], Iterator[Example]]:
    """The reader ``spacy-tagtog.AnndocCorpus.v1``, see :class:`spacy_tagtog.convert.corpus.AnndocCorpus`.

    Raises:
        ConfigurationError: There is no path, or a setting has an unknown value.
    """
    from spacy_tagtog.convert.corpus import AnndocCorpus
    from spacy_tagtog.errors import ConfigurationError

    if path is None:
        raise ConfigurationError(
            "a corpus has no path",
            legal="a .spacy file, a folder of them, or the folder or zip of a tagtog project",
            advice="set paths.train and paths.dev in the config, or give them to spacy train",
        )
    choices: dict[str, Any] = {"documents": documents, "on_problem": on_problem}  # the reader checks them
    return AnndocCorpus(
        Path(path),
        converter=converter,
        settings=settings,
        split=split,
        side=side,
        folders=folders,
        limit=limit,
        max_length=max_length,
        shuffle=shuffle,
        augmenter=augmenter,
        **choices,
    )


def texts(
    path: str | Path | None = None, on_problem: str = "error"
) -> Callable[[Language], Iterator[Doc]] | None:
    """The reader ``spacy-tagtog.Texts.v1``: texts, annotated or not.

    See :func:`spacy_tagtog.convert.corpus.read_texts`.

    Args:
        path: A ``.spacy`` file, a folder of them, or the folder or zip of a tagtog project; with ``None``
            there is no reader.
        on_problem: ``error``, or ``report``: documents that can't be read are skipped.

    Raises:
        ConfigurationError: A setting has an unknown value.
    """
    from spacy_tagtog._options import choose
    from spacy_tagtog.convert.corpus import OnProblem, read_texts

    choice = choose("on_problem", on_problem, OnProblem)
    return None if path is None else lambda nlp: read_texts(Path(path), nlp, on_problem=choice)


def anndoc_converter(
    member: str = "master",
    alignment: str = "split",
    ents: str = "longest",
    offset_unit: str = "auto",
    repair: bool = True,
    labels: dict[str, str] | None = None,
    types: list[str] | None = None,
    states: list[str] | None = None,
    authors: list[str] | None = None,
    min_prob: float = 0.0,
    unit: str = "document",
) -> Converter:
    """The converter ``spacy-tagtog.Anndoc.v1``: one Doc per document or per part.

    See :class:`spacy_tagtog.convert.settings.ToDocSettings`.

    Raises:
        ConfigurationError: A setting has an unknown value.
    """
    from spacy_tagtog.convert.converter import AnndocConverter
    from spacy_tagtog.convert.settings import ToDocSettings

    # The settings and the converter check their own values.
    of_what: Any = unit
    choices: dict[str, Any] = {"alignment": alignment, "ents": ents, "offset_unit": offset_unit}
    return AnndocConverter(
        ToDocSettings(
            member=member,
            repair=repair,
            labels=labels or {},
            types=types or (),
            states=states or (),
            authors=authors or (),
            min_prob=min_prob,
            **choices,
        ),
        unit=of_what,
    )


def affix_hash_embed(
    width: int,
    attrs: list[str],
    prefixes: list[int],
    suffixes: list[int],
    rows: list[int],
    word_dropout: float = 0.0,
    include_static_vectors: bool = False,
) -> Model[list[Doc], list[Floats2d]]:
    """The architecture ``spacy-tagtog.AffixHashEmbed.v1``.

    See :func:`spacy_tagtog.pipeline.tok2vec.build_affix_embed`.

    Raises:
        ConfigurationError: A value is out of range.
    """
    from spacy_tagtog.pipeline.tok2vec import build_affix_embed

    return build_affix_embed(width, attrs, prefixes, suffixes, rows, word_dropout, include_static_vectors)


def learned_tokenizer(path: str | Path | None = None) -> Callable[[Language], Language]:
    """The callback ``spacy-tagtog.LearnedTokenizer.v1``: puts learned rules into the pipeline's tokenizer.

    It belongs into ``[initialize.before_init]``: that runs once, before training (and in ``spacy debug
    data``), and never when a pipeline is loaded. The tokenizer is saved with the pipeline, so the file isn't
    needed again. The callbacks of ``[nlp]`` run at every loading, too.

    Args:
        path: The JSON file of rules that ``spacy-tagtog tokenizer`` wrote; ``None`` leaves the tokenizer as
            it is.
    """

    def apply(nlp: Language) -> Language:
        """Add the rules.

        Raises:
            ConfigurationError: The file can't be read.
            PipelineError: The tokenizer isn't spaCy's rule-based one.
        """
        if path is not None:
            from spacy_tagtog.convert.tokenizer import apply_rules, read_rules

            apply_rules(nlp, read_rules(Path(path)))
        return nlp

    return apply


@Language.factory(
    "entity_confidence",
    default_config={
        "spans_key": "entity_confidence",
        "ner": "ner",
        "method": "actions",
        "beam_width": 16,
        "beam_density": 1e-4,
        "passes": 8,
        "dropout": 0.2,
    },
    assigns=["doc.spans"],
)
def entity_confidence(
    nlp: Language,
    name: str,
    spans_key: str,
    ner: str,
    method: str,
    beam_width: int,
    beam_density: float,
    passes: int,
    dropout: float,
) -> EntityConfidence:
    """The component ``entity_confidence``.

    See :class:`spacy_tagtog.pipeline.calibration.component.EntityConfidence` and ``ConfidenceSettings``.

    Raises:
        ConfigurationError: A setting is out of range.
    """
    from spacy_tagtog._options import choose
    from spacy_tagtog.pipeline.calibration.component import (
        ConfidenceMethod,
        ConfidenceSettings,
        EntityConfidence,
    )

    settings = ConfidenceSettings(
        choose("method", method, ConfidenceMethod),
        int(beam_width),
        float(beam_density),
        int(passes),
        float(dropout),
    )
    return EntityConfidence(nlp, name, spans_key=spans_key, ner=ner, settings=settings)


@Language.factory(
    "label_confidence",
    default_config={"textcat": "textcat"},
    requires=["doc.cats"],
    assigns=["doc._.label_confidence"],
)
def label_confidence(nlp: Language, name: str, textcat: str) -> LabelConfidence:
    """The component ``label_confidence``, see :class:`spacy_tagtog.pipeline.labels.LabelConfidence`."""
    from spacy_tagtog.pipeline.labels import LabelConfidence

    return LabelConfidence(nlp, name, textcat=textcat)


def remember_documents() -> Callable[[Language], Language]:
    """The callback ``spacy-tagtog.RememberDocuments.v1``: the pipeline remembers its training documents.

    It keeps fingerprints of them, and belongs in ``[initialize.after_init]``. ``spacy-tagtog calibrate``
    needs
    them to refuse documents that the pipeline was trained on.
    """

    def apply(nlp: Language) -> Language:
        """Read the training corpus and remember it."""
        from spacy_tagtog.pipeline.fingerprints import remember_training_documents

        remember_training_documents(nlp)
        return nlp

    return apply


@Language.factory(
    "seed_ner",
    default_config={
        "c": 1.0,
        "min_count": 2,
        "max_iter": 60,
        "tol": None,
        "out_log": None,
        "seed": 0,
        "scorer": {"@scorers": "spacy.ner_scorer.v1"},
    },
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def seed_ner(
    nlp: Language,
    name: str,
    c: float,
    min_count: int,
    max_iter: int,
    tol: float | None,
    out_log: float | None,
    seed: int,
    scorer: Callable[..., dict[str, Any]] | None,
) -> SeedNer:
    """The component ``seed_ner``.

    See :class:`spacy_tagtog.pipeline.seed.component.SeedNer` and ``SeedSettings`` in
    :mod:`spacy_tagtog.pipeline.seed.learn`.

    Raises:
        ConfigurationError: A setting is out of range.
    """
    from spacy_tagtog.pipeline.seed.component import SeedNer
    from spacy_tagtog.pipeline.seed.learn import SeedSettings

    settings = SeedSettings(
        c=float(c),
        min_count=int(min_count),
        max_iter=int(max_iter),
        tol=None if tol is None else float(tol),
        out_log=None if out_log is None else float(out_log),
        seed=int(seed),
    )
    return SeedNer(nlp, name, settings=settings, scorer=scorer)


@Language.factory(
    "seed_normalizer",
    default_config={"min_prob": 0.5},
    requires=["doc.ents"],
    assigns=["token.ent_kb_id"],
    default_score_weights={"norm_acc": 1.0, "norm_p": 0.0, "norm_gold_ents_acc": 0.0},
)
def seed_normalizer(nlp: Language, name: str, min_prob: float) -> SeedNormalizer:
    """The component ``seed_normalizer``, see :class:`spacy_tagtog.pipeline.seed.normalizer.SeedNormalizer`.

    Raises:
        PipelineError: A setting is out of range.
    """
    from spacy_tagtog.pipeline.seed.normalizer import SeedNormalizer

    return SeedNormalizer(nlp, name, min_prob=float(min_prob))


@Language.factory(
    "seed_relations",
    default_config={"spans_key": "sc", "min_prob": None, "c": 0.1},
    requires=["doc.ents"],
    default_score_weights={
        "rel_micro_f": 1.0,
        "rel_micro_p": 0.0,
        "rel_micro_r": 0.0,
        "rel_per_type": None,
        "rel_gold_ents_f": 0.0,
    },
)
def seed_relations(
    nlp: Language, name: str, spans_key: str, min_prob: float | None, c: float
) -> SeedRelations:
    """The component ``seed_relations``, see :class:`spacy_tagtog.pipeline.seed.relations.SeedRelations`.

    Raises:
        PipelineError: A setting is out of range.
    """
    from spacy_tagtog.pipeline.seed.relations import SeedRelations

    return SeedRelations(
        nlp,
        name,
        spans_key=spans_key,
        min_prob=None if min_prob is None else float(min_prob),
        c=float(c),
    )

"""Learn where the tokenizer has to split, so that entities begin and end with tokens."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from spacy_tagtog._files import check_free
from spacy_tagtog._options import choose
from spacy_tagtog._plural import counted
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import Project
from spacy_tagtog.convert import ConversionReport, convert_documents, make_converter
from spacy_tagtog.convert.corpus import DocumentChoice, OnProblem
from spacy_tagtog.convert.split import TRAIN, parse_split, side_of
from spacy_tagtog.convert.tokenizer.apply import apply_rules
from spacy_tagtog.convert.tokenizer.gold import Alignment, GoldText, gold_texts, measure_alignment
from spacy_tagtog.convert.tokenizer.learn import learn_tokenizer
from spacy_tagtog.convert.tokenizer.rules import TokenizerRules, write_rules
from spacy_tagtog.errors import ConfigurationError, ConversionError, setting
from spacy_tagtog.pipeline.loading import blank_pipeline, load_pipeline
from spacy_tagtog.steps.convert import raise_faults

_LEARNED: Final = "learned from"
_HELD_OUT: Final = "held out"


@dataclass(frozen=True)
class LearnedTokenizer:
    """What was learned and what it does.

    Attributes:
        rules: The rules.
        sides: How well tokens fit entities before and after, for ``learned from`` and, where the split has
            another side, for ``held out``.
        conversion: What was read of the documents.
    """

    rules: TokenizerRules
    sides: dict[str, tuple[Alignment, Alignment]]
    conversion: ConversionReport = field(repr=False)

    def tokens_added(self, side: str) -> float:
        """The share of tokens that the rules add on a side."""
        before, after = self.sides[side]
        return after.tokens / before.tokens - 1 if before.tokens else 0.0

    def to_json(self) -> dict[str, Any]:
        """The figures and the rules as a JSON object."""
        sides = {
            side.replace(" ", "_"): {
                "before": asdict(before),
                "after": asdict(after),
                "tokens_added": self.tokens_added(side),
            }
            for side, (before, after) in self.sides.items()
        }
        return {**sides, "rules": self.rules.to_json()}


def tokenizer(
    source: Path | str,
    target: Path | str,
    *,
    lang: str = "en",
    base: str = "",
    split: str = "dev=0.2",
    documents: str = "confirmed",
    member: str = "master",
    min_support: int = 2,
    min_gain: float = 0.1,
    on_problem: str = "error",
    legend: Path | str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> LearnedTokenizer:
    """Learn a tokenizer's rules from the side ``train`` of a project, and write them to a file.

    How well they do is measured on the other sides of the split.

    Args:
        source: A project's folder or zip.
        target: The JSON file to write the rules into.
        lang: Language of the tokenizer.
        base: A pipeline whose tokenizer to add to instead.
        split: Such as ``dev=0.2``; empty holds nothing out.
        documents: ``confirmed``, ``unconfirmed`` or ``all``.
        member: Whose annotations.
        min_support: In how many documents a rule must gain an entity's border.
        min_gain: How many borders a rule must gain per token that it adds.
        on_problem: What to do about faults: ``error`` (refuse) or ``report`` (set aside and list).
        legend: A legend file to use instead of the project's own.
        force: Replace the file.
        progress: Shows how many documents are read.

    Raises:
        ConversionError: There are faults (``error``), a side of the split has no document, or there is no
            entity.
        SpacyTagtogError: Anything else, see the functions called.
    """
    source, target = Path(source), Path(target)
    choice: DocumentChoice = choose(setting("documents"), documents, DocumentChoice)
    choose(setting("on_problem"), on_problem, OnProblem)
    shares = parse_split(split)
    if target.is_dir():
        raise ConfigurationError(
            "the rules can't be written: this is a folder",
            place=target,
            legal="the path of a file, such as tokenizer.json",
        )
    check_free(target, force=force)
    nlp = load_pipeline(base) if base else blank_pipeline(lang)
    project = Project.open(source, strict=False, legend=legend)
    report = ConversionReport()
    maker = make_converter(settings={"member": member})
    sides: dict[str, list[GoldText]] = {_LEARNED: [], **({_HELD_OUT: []} if shares else {})}
    for item in gold_texts(
        convert_documents(project, nlp, maker, report, choice=choice, on_problem="report", progress=progress)
    ):
        sides[_LEARNED if side_of(item.document, shares) == TRAIN else _HELD_OUT].append(item)
    if on_problem == "error":
        raise_faults(report, source)
    for side, texts in sides.items():
        if not texts:
            raise _nothing_on(side, source, report, f"{documents}, {member}; split {split or 'none'}")
    before = {side: measure_alignment(nlp, texts) for side, texts in sides.items()}
    rules = learn_tokenizer(nlp, sides[_LEARNED], min_support=min_support, min_gain=min_gain)
    apply_rules(nlp, rules)
    write_rules(rules, target)
    after = {side: measure_alignment(nlp, texts) for side, texts in sides.items()}
    return LearnedTokenizer(rules, {side: (before[side], after[side]) for side in sides}, report)


def _nothing_on(side: str, source: Path, report: ConversionReport, asked: str) -> ConversionError:
    return ConversionError(
        f"there is no document to be {side}",
        place=source,
        value=f"{report.documents_out} of {counted(report.documents_in, 'document')} read ({asked})",
        legal="at least one document per side",
        advice="confirm documents in tagtog and fetch them, choose others with "
        f"{setting('documents')} or {setting('member')}, or change {setting('split')}",
    )

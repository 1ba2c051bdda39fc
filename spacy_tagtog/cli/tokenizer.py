"""``spacy-tagtog tokenizer``: learn where the tokenizer has to split, so that entities begin and end with tokens."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.cli._run import command, good, info, note, progress, table, write_json

if TYPE_CHECKING:
    from spacy_tagtog.convert import ConversionReport
    from spacy_tagtog.convert.tokenizer import TokenizerRules
    from spacy_tagtog.convert.tokenizer.gold import Alignment

_KIND = {"prefixes": "prefix", "suffixes": "suffix", "infixes": "infix", "exceptions": "no exception"}


@dataclass(frozen=True)
class LearnedTokenizer:
    """What was learned and what it does.

    Attributes:
        rules: The rules.
        sides: For ``learned from`` and, where there is such a side, ``held out``: how well tokens fit entities before and after.
        conversion: What was read of the documents.
    """

    rules: TokenizerRules
    sides: dict[str, tuple[Alignment, Alignment]]
    conversion: ConversionReport

    def to_json(self) -> dict[str, Any]:
        """The figures and the rules as a JSON object."""
        sides = {
            side.replace(" ", "_"): {
                "before": asdict(before),
                "after": asdict(after),
                "tokens_added": _added(before, after),
            }
            for side, (before, after) in self.sides.items()
        }
        return {**sides, "rules": self.rules.to_json()}


def _added(before: Alignment, after: Alignment) -> float:
    """The share of tokens that were added."""
    return after.tokens / before.tokens - 1 if before.tokens else 0.0


@command
def tokenizer_cli(
    source: Annotated[Path, typer.Argument(help="A tagtog project (folder or zip).", show_default=False)],
    rules: Annotated[Path, typer.Argument(help="The JSON file to write the rules into.", show_default=False)],
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language of the tokenizer: en, es, de… or xx for any.")
    ] = "en",
    base: Annotated[
        str,
        typer.Option(
            "--base",
            help="A trained pipeline whose tokenizer to add to instead of the language's.",
            show_default=False,
        ),
    ] = "",
    split: Annotated[
        str,
        typer.Option(
            "--split",
            help="Shares of the sides beside train, as in convert. What is learned from train is measured on the others; empty: nothing is held out.",
        ),
    ] = "dev=0.2",
    documents: Annotated[
        str, typer.Option("--documents", help="Which documents: confirmed, unconfirmed or all.")
    ] = "confirmed",
    member: Annotated[str, typer.Option("--member", help="Whose annotations.")] = "master",
    min_support: Annotated[
        int,
        typer.Option(
            "--min-support", min=1, help="In how many documents a rule must gain an entity's border."
        ),
    ] = 2,
    min_gain: Annotated[
        float,
        typer.Option(
            "--min-gain",
            help="How many borders a rule must gain for each token that it adds. The smaller, the more is split.",
        ),
    ] = 0.1,
    on_problem: Annotated[
        str,
        typer.Option(
            "--on-problem", help="Faults of the data: error (refuse), or report (set aside and list)."
        ),
    ] = "error",
    legend: Annotated[
        Path | None,
        typer.Option(
            "--legend",
            help="An annotations-legend.json to use instead of the project's own.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", help="Write the figures and the rules to this JSON file.", show_default=False
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Replace the file of rules if it exists.")
    ] = False,
) -> None:
    """Learn where the tokenizer has to split, so that entities begin and end with tokens.

    An entity that begins or ends inside a token can never be predicted. The rules are about kinds of characters, not
    strings, so they hold for new documents; how well they do is measured on documents that were held out. Name the
    file in the config for training (initialize.before_init), and give it to convert with --tokenizer.

    Example:
      spacy-tagtog tokenizer assets/reviewed tokenizer.json --split dev=0.2
    """
    result = tokenizer(
        source,
        rules,
        lang=lang,
        base=base,
        split=split,
        documents=documents,
        member=member,
        min_support=min_support,
        min_gain=min_gain,
        on_problem=on_problem,
        legend=legend,
        force=force,
        progress=lambda items, total=None: progress(items, total, what="reading"),
    )
    write_json(report, result.to_json())
    note(result.conversion.faults, caption="set aside because of faults in the data")
    table(
        (
            (
                f"{side}, {when}",
                figures.documents,
                figures.entities,
                figures.aligned,
                f"{100 * figures.share:.2f}",
                figures.tokens,
            )
            for side, both in result.sides.items()
            for when, figures in zip(("before", "after"), both, strict=True)
        ),
        header=("", "documents", "entities", "on tokens", "%", "tokens"),
    )
    table(
        (
            (str(piece), _KIND[kind], piece.borders, piece.tokens, piece.documents)
            for kind, pieces in result.rules.items()
            for piece in pieces
        ),
        header=("rule", "kind", "borders gained", "tokens added", "documents"),
    )
    for side, (before, after) in result.sides.items():
        shares = f"{100 * before.share:.2f} % → {100 * after.share:.2f} % of the entities begin and end with a token"
        info(f"{side}: {shares}, {100 * _added(before, after):+.2f} % tokens")
    if not len(result.rules):
        info("no rule is worth the tokens that it adds: the tokenizer stays as it is")
    good(f"{rules}: {counted(len(result.rules), 'rule')}")


def tokenizer(
    source: Path,
    target: Path,
    *,
    lang: str = "en",
    base: str = "",
    split: str = "dev=0.2",
    documents: str = "confirmed",
    member: str = "master",
    min_support: int = 2,
    min_gain: float = 0.1,
    on_problem: str = "error",
    legend: Path | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> LearnedTokenizer:
    """Learn a tokenizer's rules from the side ``train`` of a project, measure them on the other sides, and write them to a file.

    Args:
        source: A project's folder or zip.
        target: The file.
        lang: Language of the tokenizer.
        base: A pipeline whose tokenizer to add to instead.
        split: Such as ``dev=0.2``; empty holds nothing out.
        documents: ``confirmed``, ``unconfirmed`` or ``all``.
        member: Whose annotations.
        min_support: See :func:`~spacy_tagtog.convert.tokenizer.learn.learn_tokenizer`.
        min_gain: See there.
        on_problem: ``error`` or ``report``.
        legend: A legend file to use instead of the project's own.
        force: Replace the file.
        progress: Wraps the documents, with their number.

    Raises:
        ConversionError: There are faults (``error``), a side of the split has no document, or there is no entity.
        SpacyTagtogError: Anything else, see the functions called.
    """
    from spacy_tagtog._files import check_free
    from spacy_tagtog._options import choose
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.convert import ConversionReport, convert_documents, make_converter
    from spacy_tagtog.convert.corpus import DocumentChoice, OnProblem
    from spacy_tagtog.convert.split import TRAIN, parse_split, side_of
    from spacy_tagtog.convert.tokenizer import apply_rules, gold_texts, learn_tokenizer, write_rules
    from spacy_tagtog.convert.tokenizer.gold import GoldText, measure_alignment
    from spacy_tagtog.errors import ConfigurationError, ConversionError
    from spacy_tagtog.pipeline.loading import blank_pipeline, load_pipeline

    choice: DocumentChoice = choose("--documents", documents, DocumentChoice)
    choose("--on-problem", on_problem, OnProblem)
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
    sides: dict[str, list[GoldText]] = {"learned from": [], **({"held out": []} if shares else {})}
    for item in gold_texts(
        convert_documents(project, nlp, maker, report, choice=choice, on_problem="report", progress=progress)
    ):
        sides["learned from" if side_of(item.document, shares) == TRAIN else "held out"].append(item)
    if on_problem == "error":
        report.raise_faults(
            place=source,
            advice="mend them in tagtog and fetch again, or pass --on-problem report to set them aside and list them",
        )
    for side, texts in sides.items():
        if not texts:
            raise ConversionError(
                f"there is no document to be {side}",
                place=source,
                value=f"{report.documents_out} of {counted(report.documents_in, 'document')} read ({documents}, {member}; split {split or 'none'})",
                legal="at least one document a side",
                advice="confirm documents in tagtog and fetch them, choose others with --documents or --member, or change --split",
            )
    before = {side: measure_alignment(nlp, texts) for side, texts in sides.items()}
    rules = learn_tokenizer(nlp, sides["learned from"], min_support=min_support, min_gain=min_gain)
    apply_rules(nlp, rules)
    write_rules(rules, target)
    return LearnedTokenizer(
        rules, {side: (before[side], measure_alignment(nlp, texts)) for side, texts in sides.items()}, report
    )

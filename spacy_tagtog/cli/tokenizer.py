"""``spacy-tagtog tokenizer``: learn where to split, so that entities begin and end with tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import DocumentsOption, LangOption, LegendOption, OnProblemOption
from spacy_tagtog.cli._run import command, good, info, note, showing, table, write_json

_KIND = {"prefixes": "prefix", "suffixes": "suffix", "infixes": "infix", "exceptions": "no exception"}


_BaseOption = Annotated[
    str,
    typer.Option(
        "--base",
        help="A trained pipeline whose tokenizer to add to instead of the language's.",
        show_default=False,
    ),
]
_SplitOption = Annotated[
    str,
    typer.Option(
        "--split",
        help="Shares of the sides beside train, as in convert. What is learned from train is measured on "
        "the others; empty: nothing is held out.",
    ),
]
_MinSupportOption = Annotated[
    int,
    typer.Option("--min-support", min=1, help="In how many documents a rule must gain an entity's border."),
]
_MinGainOption = Annotated[
    float,
    typer.Option(
        "--min-gain",
        help="How many borders a rule must gain per token that it adds. The smaller, the more is split.",
    ),
]
_ReportOption = Annotated[
    Path | None,
    typer.Option("--report", help="Write the figures and the rules to this JSON file.", show_default=False),
]
_ForceOption = Annotated[bool, typer.Option("--force", "-F", help="Replace the file of rules if it exists.")]


@command
def tokenizer_cli(
    source: Annotated[Path, typer.Argument(help="A tagtog project (folder or zip).", show_default=False)],
    rules: Annotated[Path, typer.Argument(help="The JSON file to write the rules into.", show_default=False)],
    lang: LangOption = "en",
    base: _BaseOption = "",
    split: _SplitOption = "dev=0.2",
    documents: DocumentsOption = "confirmed",
    member: Annotated[str, typer.Option("--member", help="Whose annotations.")] = "master",
    min_support: _MinSupportOption = 2,
    min_gain: _MinGainOption = 0.1,
    on_problem: OnProblemOption = "error",
    legend: LegendOption = None,
    report: _ReportOption = None,
    force: _ForceOption = False,
) -> None:
    """Learn where the tokenizer has to split, so that entities begin and end with tokens.

    An entity that begins or ends inside a token can never be predicted. The rules are about kinds of
    characters, not strings, so they hold for new documents; how well they do is measured on documents that
    were held out. Name the file in the config for training (initialize.before_init), and give it to convert
    with --tokenizer.

    Example:
      spacy-tagtog tokenizer assets/reviewed tokenizer.json --split dev=0.2
    """
    from spacy_tagtog.steps.tokenizer import tokenizer

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
        progress=showing("reading"),
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
        shares = f"{100 * before.share:.2f} % → {100 * after.share:.2f} %"
        added = f"{100 * result.tokens_added(side):+.2f} % tokens"
        info(f"{side}: {shares} of the entities begin and end with a token, {added}")
    if not len(result.rules):
        info("no rule is worth the tokens that it adds: the tokenizer stays as it is")
    good(f"{rules}: {counted(len(result.rules), 'rule')}")

"""``spacy-tagtog rank``: the order in which people should review documents."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._arguments import CodeOption, ProcessesOption
from spacy_tagtog.cli._options import OnProblemOption
from spacy_tagtog.cli._run import command, good, info, note, parse_pairs, showing, table
from spacy_tagtog.cli.annotate import SpansKey

if TYPE_CHECKING:
    from spacy_tagtog.selection.ranking import RankedDocument, Ranking
    from spacy_tagtog.steps import RankedProject

_SHOWN = 20
_NAME, _WORDS, _REASON = 30, 18, 54
"""The most characters of a name, of a piece of text and of a reason that fit into a table for a terminal."""
_HASH = re.compile(r"^a[\w.]{27}-")

_ReviewedOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--reviewed",
        help="What people reviewed so far: .spacy files or tagtog projects (repeat for several).",
        show_default=False,
    ),
]
_PipelineOption = Annotated[
    str,
    typer.Option(
        "--pipeline",
        help="What says how sure it is: a folder such as training/model-calibrated.",
        show_default=False,
    ),
]
_StrategyOption = Annotated[
    str,
    typer.Option("--strategy", "-s", help="How to choose. Empty: the default, see docs/active-learning.md."),
]
_RandomShareOption = Annotated[
    float,
    typer.Option(
        "--random-share",
        help="The share of each batch that chance chooses, from 0 to 1: a fair sample, "
        "see changes --ranking.",
    ),
]


@command
def rank_cli(
    documents: Annotated[
        Path,
        typer.Argument(
            help="A folder or zip of tagtog documents; those that nobody confirmed are ranked.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The JSON file to write the ranking into.", show_default=False),
    ],
    pipeline: _PipelineOption = "",
    reviewed: _ReviewedOption = None,
    strategy: _StrategyOption = "",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the strategy, KEY=VALUE (repeat for several)."),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=0, help="Rank at most this number of documents; 0 ranks all.")
    ] = 0,
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size", min=1, help="Documents per batch: what people review before the next training."
        ),
    ] = 20,
    random_share: _RandomShareOption = 0.1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The seed of all chance.")] = 0,
    lang: Annotated[
        str, typer.Option("--lang", help="The tokenizer's language where there is no pipeline.")
    ] = "en",
    member: Annotated[
        str, typer.Option("--member", "-m", help="Whose version says whether a document is confirmed.")
    ] = "master",
    spans_key: SpansKey = "",
    code: CodeOption = None,
    on_problem: OnProblemOption = "error",
    n_process: ProcessesOption = 1,
) -> None:
    """Order the documents that nobody reviewed yet, so that people see first what helps most.

    Each document's place is explained in the output: the strategy's numbers, the most doubtful predictions,
    and the words at which an entity was probably missed. Annotations in unconfirmed documents are not looked
    at.

    The output may be an earlier ranking: it is replaced, and remembers which documents chance had chosen for
    it that people have reviewed since.

    Example:
      spacy-tagtog rank assets/new --pipeline training/model-calibrated --output ranking.json
      spacy-tagtog rank assets/new --strategy cluster --output ranking.json
    """
    from spacy_tagtog import steps
    from spacy_tagtog.selection.strategies import DEFAULT_STRATEGY, strategy_settings_from_text
    from spacy_tagtog.steps._code import import_code

    import_code(code)
    pairs = dict(parse_pairs(setting or [], option="--set"))
    result = steps.rank(
        documents,
        output,
        pipeline=pipeline,
        reviewed=reviewed or [],
        strategy=strategy,
        settings=strategy_settings_from_text(pairs, strategy or DEFAULT_STRATEGY),
        top=top,
        batch_size=batch_size,
        random_share=random_share,
        seed=seed,
        lang=lang,
        member=member,
        spans_key=spans_key,
        on_problem=on_problem,
        n_process=n_process,
        progress=showing("reading"),
    )
    _say(result, output, top)


def _say(result: RankedProject, output: Path, top: int) -> None:
    ranking = result.ranking
    note(result.faults, caption="left out")
    note(result.reviewed_elsewhere, caption="not confirmed, but among the reviewed documents: not ranked")
    if ranking.sampled_before:
        of_chance = "that chance chose for earlier rankings"
        before = counted(
            len(ranking.sampled_before), f"document {of_chance} isn't", f"documents {of_chance} aren't"
        )
        info(f"{before} waiting any more; the ranking remembers that")
    if not ranking.unreviewed:
        reviewed = counted(ranking.reviewed, "document was", "documents were")
        info(f"No unreviewed documents: {reviewed} reviewed, and there is nothing left to rank")
        good(f"an empty ranking was written to {output}")
        return
    if ranking.calibrated is False:
        info(
            "the pipeline isn't calibrated: its probabilities say more than they know "
            "(spacy-tagtog calibrate)"
        )
    shown = ranking.documents[:_SHOWN]
    has_edits = any("expected_edits" in one.why for one in shown)
    table(
        ((one.rank, _name(one.id), one.batch, _number(one), _reason(one)) for one in shown),
        header=("", "document", "batch", "edits" if has_edits else "score", "look at"),
        aligns="rlrrl",
    )
    if has_edits:
        info("edits: what people will probably have to change; all numbers of all documents are in the file")
    _say_what_is_missing(ranking, top)
    sampled = sum(one.random for one in ranking.documents)
    good(
        f"{counted(len(ranking.documents), 'document')} ranked by {ranking.strategy} "
        f"({sampled} of them by chance), written to {output}"
    )


def _say_what_is_missing(ranking: Ranking, top: int) -> None:
    chosen = [one for one in ranking.documents if not one.random]
    if (
        len(chosen) > 1
        and not any(one.score for one in chosen)
        and ranking.pipeline is not None
        and not ranking.strategy.endswith(".Random.v1")
    ):
        info("the strategy found nothing to choose by: all scores are 0, so the order means nothing")
    if (missing := ranking.unreviewed - len(ranking.documents)) > 0:
        ended = ranking.pipeline is None and len(ranking.documents) != top
        why = ": from here on the strategy needs what a pipeline predicts (--pipeline)" if ended else ""
        more = counted(missing, "more unreviewed document has", "more unreviewed documents have")
        info(f"{more} no place in the ranking{why}")
    elif top > ranking.unreviewed:
        info(f"there are fewer unreviewed documents than the {top} that were asked for")


def _name(doc_id: str) -> str:
    """A document's file name: tagtog's ids begin with a hash."""
    name = _HASH.sub("", doc_id)
    return name if len(name) <= _NAME else f"{name[: _NAME // 2]}…{name[-_NAME // 2 + 1 :]}"


def _number(document: RankedDocument) -> str:
    """The expected edits; where the strategy knows none, its score."""
    if (edits := document.why.get("expected_edits")) is not None:
        return f"{edits:.1f}"
    return "" if document.random else f"{document.score:.3g}"


def _reason(document: RankedDocument) -> str:
    """The most doubtful prediction, and the word at which an entity was most probably missed."""

    def shown(text: str) -> str:
        return text if len(text) <= _WORDS else f"{text[: _WORDS - 1]}…"

    why: dict[str, Any] = dict(document.why)
    pieces = ["chosen by chance"] * document.random
    pieces += [
        f"{shown(one['text'])}: {one['label']}, {one['probability']:.0%}"
        for one in why.get("doubtful", [])[:1]
    ]
    pieces += [f"{shown(one['text'])}: missed?" for one in why.get("maybe_missed", [])[:1]]
    while len(" · ".join(pieces)) > _REASON and len(pieces) > 1:
        pieces.pop()  # the least important stands last; all of it is in the file
    return " · ".join(pieces)

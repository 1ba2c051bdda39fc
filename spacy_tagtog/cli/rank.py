"""``spacy-tagtog rank``: the order in which people should review documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._run import command, good, info, note, parse_pairs, progress, table
from spacy_tagtog.cli._versions import OnProblemOption, open_project, readable_documents
from spacy_tagtog.cli.annotate import SpansKey

if TYPE_CHECKING:
    from spacy.language import Language

    from spacy_tagtog.anndoc import Document, Project
    from spacy_tagtog.convert import ConversionReport
    from spacy_tagtog.errors import SpacyTagtogError
    from spacy_tagtog.selection.candidates import ReviewedDocument
    from spacy_tagtog.selection.ranking import RankedDocument, Ranking, SampledDocument

_SHOWN = 20


@dataclass
class Ranked:
    """A ranking, and what was not ranked.

    Attributes:
        ranking: The ranking.
        confirmed: Documents that people confirmed: they counted as reviewed.
        reviewed_elsewhere: Documents that are not confirmed, but among the reviewed ones that were given.
        faults: What couldn't be read.
    """

    ranking: Ranking
    confirmed: list[str] = field(default_factory=list)
    reviewed_elsewhere: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


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
    pipeline: Annotated[
        str,
        typer.Option(
            "--pipeline",
            help="What says how sure it is: a folder such as training/model-calibrated.",
            show_default=False,
        ),
    ] = "",
    reviewed: Annotated[
        list[Path] | None,
        typer.Option(
            "--reviewed",
            help="What people reviewed so far: .spacy files or tagtog projects (repeat for several).",
            show_default=False,
        ),
    ] = None,
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy", "-s", help="How to choose. Empty: the default, see docs/active-learning.md."
        ),
    ] = "",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the strategy, KEY=VALUE (repeat for several)."),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=0, help="Rank only the first so many; 0 ranks all.")] = 0,
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size", min=1, help="Documents a batch: what people review before the next training."
        ),
    ] = 20,
    random_share: Annotated[
        float,
        typer.Option(
            "--random-share",
            help="The share of each batch that chance chooses, from 0 to 1: a fair sample, see changes --ranking.",
        ),
    ] = 0.1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of everything random.")] = 0,
    lang: Annotated[
        str, typer.Option("--lang", help="The tokenizer's language where there is no pipeline.")
    ] = "en",
    member: Annotated[
        str, typer.Option("--member", "-m", help="Whose version says whether a document is confirmed.")
    ] = "master",
    spans_key: SpansKey = "",
    on_problem: OnProblemOption = "error",
    n_process: Annotated[int, typer.Option("--n-process", min=1, help="Processes.")] = 1,
) -> None:
    """Order the documents that nobody reviewed yet, so that people see first what helps most.

    Each document's place is explained in the output: the strategy's numbers, the most doubtful predictions, and the words
    at which an entity was probably missed. Annotations in unconfirmed documents are not looked at.

    The output may be an earlier ranking: it is replaced, and remembers which documents chance had chosen for it that
    people have reviewed since.

    Example:
      spacy-tagtog rank assets/new --pipeline training/model-calibrated --reviewed corpus/reviewed --output ranking.json
      spacy-tagtog rank assets/new --strategy cluster --output ranking.json
    """
    from spacy_tagtog.selection.ranking import read_ranking, write_ranking

    earlier = read_ranking(output) if output.exists() else None
    result = rank(
        documents,
        pipeline=pipeline,
        reviewed=reviewed or [],
        strategy=strategy,
        settings=dict(parse_pairs(setting or [], option="--set")),
        top=top,
        batch_size=batch_size,
        random_share=random_share,
        seed=seed,
        lang=lang,
        member=member,
        spans_key=spans_key,
        on_problem=on_problem,
        n_process=n_process,
        earlier=earlier,
        progress=lambda items, total: progress(items, total, what="reading"),
    )
    write_ranking(output, result.ranking)
    _say(result, output, top)


def _say(result: Ranked, output: Path, top: int) -> None:
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
        info(
            f"No unreviewed documents: {counted(ranking.reviewed, 'document was', 'documents were')} reviewed, and there is nothing left to rank"
        )
        good(f"an empty ranking was written to {output}")
        return
    if ranking.calibrated is False:
        info(
            "the pipeline isn't calibrated: its probabilities say more than they know (spacy-tagtog calibrate)"
        )
    shown = ranking.documents[:_SHOWN]
    table(
        (
            (one.rank, one.id, one.batch, "chance" if one.random else f"{one.score:.4g}", _reason(one))
            for one in shown
        ),
        header=("", "document", "batch", "score", "why"),
        aligns="rlrrl",
    )
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
        info(
            f"{counted(missing, 'more unreviewed document has', 'more unreviewed documents have')} no place in the ranking{why}"
        )
    elif top > ranking.unreviewed:
        info(f"there are fewer unreviewed documents than the {top} that were asked for")
    drawn = sum(one.random for one in ranking.documents)
    good(
        f"{counted(len(ranking.documents), 'document')} ranked by {ranking.strategy} ({drawn} of them by chance), written to {output}"
    )


def _reason(document: RankedDocument) -> str:
    why: dict[str, Any] = dict(document.why)
    doubtful, missed = why.pop("doubtful", []), why.pop("maybe_missed", [])
    pieces = [
        f"{key.replace('_', ' ')} {value:.4g}"
        if isinstance(value, float)
        else f"{key.replace('_', ' ')} {value}"
        for key, value in why.items()
    ]
    pieces += [f"{one['text']} → {one['label']}? {one['probability']:.2f}" for one in doubtful[:1]]
    pieces += [f"{one['text']} missed? {one['probability']:.2f}" for one in missed[:1]]
    return " · ".join(pieces)


def rank(
    documents: Path,
    *,
    pipeline: str | Path = "",
    reviewed: Sequence[Path] = (),
    strategy: str = "",
    settings: dict[str, str] | None = None,
    top: int = 0,
    batch_size: int = 20,
    random_share: float = 0.1,
    seed: int = 0,
    lang: str = "en",
    member: str = "master",
    spans_key: str = "",
    on_problem: str = "error",
    n_process: int = 1,
    earlier: Ranking | None = None,
    progress: Callable[[Iterable[Any], int], Iterable[Any]] | None = None,
) -> Ranked:
    """Rank the unconfirmed documents of a project.

    Args:
        documents: A project's folder or zip. Its confirmed documents count as reviewed.
        pipeline: A folder or a package's name; empty for strategies that need no predictions.
        reviewed: More reviewed documents: ``.spacy`` files, folders of them, or projects.
        strategy: Its registered name, or a short one; empty for the default.
        settings: Settings of the strategy, as text.
        top: Rank only the first so many; 0 ranks all.
        batch_size: Documents a batch.
        random_share: The expected share of each batch that chance chooses.
        seed: Of everything random.
        lang: The tokenizer's language where there is no pipeline.
        member: Whose version says whether a document is confirmed.
        spans_key: Take entities from this span group instead of ``doc.ents``.
        on_problem: ``error``, or ``report``: what can't be read is left out and listed.
        n_process: Processes.
        earlier: An earlier ranking; documents that chance chose for it and that aren't waiting any more are remembered.
        progress: Wraps the documents, with their number.

    Raises:
        SelectionError: The strategy needs predictions and there is no pipeline, or it broke its promise.
        SpacyTagtogError: See the functions called.
    """
    from spacy_tagtog.pipeline.loading import blank_pipeline, load_pipeline
    from spacy_tagtog.selection.ranker import merge_reviewed, rank_documents
    from spacy_tagtog.selection.ranking import SampledDocument
    from spacy_tagtog.selection.strategies import DEFAULT_STRATEGY, strategy_settings_from_text

    name = strategy or DEFAULT_STRATEGY
    given = strategy_settings_from_text(settings or {}, name)
    problems: list[SpacyTagtogError] = []
    project = open_project(documents, on_problem=on_problem, legend=None, faults=problems)
    faults = [f"{problem.problem}: {problem.place}" for problem in problems]
    nlp = load_pipeline(pipeline) if str(pipeline) else blank_pipeline(lang)
    confirmed, waiting = _sides(project, nlp, member, on_problem, faults)
    elsewhere = [one for path in reviewed for one in _reviewed_in(path, nlp, member, on_problem, faults)]
    known = merge_reviewed([*confirmed, *elsewhere])
    known_ids = {one.id for one in known}
    left = [doc_id for doc_id in waiting if doc_id not in known_ids]

    def unreviewed() -> Iterator[Document]:
        ids: Iterable[str] = left if progress is None else progress(left, len(left))
        return (project[doc_id] for doc_id in ids)

    drawn: list[SampledDocument] = []
    waiting_now = set(left)
    if earlier is not None:
        drawn = [
            SampledDocument(doc_id, content)
            for doc_id, content in earlier.sampled.items()
            if doc_id not in waiting_now
        ]
    ranking = rank_documents(
        nlp,
        unreviewed,
        len(left),
        known,
        pipeline=str(pipeline) or None,
        strategy=name,
        settings=given,
        top=top,
        batch_size=batch_size,
        random_share=random_share,
        seed=seed,
        member=member,
        spans_key=spans_key or None,
        n_process=n_process,
        sampled_before=drawn,
    )
    return Ranked(
        ranking,
        sorted({one.id for one in confirmed}),
        [doc_id for doc_id in waiting if doc_id in known_ids],
        faults,
    )


def _reviewed_in(
    path: Path, nlp: Language, member: str, on_problem: str, faults: list[str]
) -> list[ReviewedDocument]:
    """The reviewed documents of a ``.spacy`` file or a project."""
    from spacy_tagtog._options import choose
    from spacy_tagtog.convert import AnndocCorpus
    from spacy_tagtog.convert.corpus import OnProblem
    from spacy_tagtog.selection.ranker import reviewed_of

    corpus = AnndocCorpus(
        path, settings={"member": member}, on_problem=choose("--on-problem", on_problem, OnProblem)
    )
    found = list(reviewed_of(corpus.docs(nlp)))
    faults += _faults_of(corpus.report)
    return found


def _sides(
    project: Project, nlp: Language, member: str, on_problem: str, faults: list[str]
) -> tuple[list[ReviewedDocument], list[str]]:
    """The confirmed documents of a project, and the ids of the others."""
    from spacy_tagtog._options import choose
    from spacy_tagtog.convert import ConversionReport, convert_documents, make_converter
    from spacy_tagtog.convert.corpus import OnProblem
    from spacy_tagtog.selection.ranker import reviewed_of

    waiting: list[str] = []
    unreadable: list[SpacyTagtogError] = []

    def confirmed() -> Iterator[Document]:
        for document in readable_documents(
            project, on_problem=on_problem, faults=unreadable, members=[member]
        ):
            if document.version(member).complete:
                yield document
            else:
                waiting.append(document.id)

    report = ConversionReport()
    converter = make_converter(settings={"member": member})
    docs = convert_documents(
        confirmed(), nlp, converter, report, on_problem=choose("--on-problem", on_problem, OnProblem)
    )
    reviewed = list(reviewed_of(docs))
    faults += [f"{error.problem}: {error.place}" for error in unreadable]
    faults += _faults_of(report)
    return reviewed, sorted(waiting)


def _faults_of(report: ConversionReport) -> list[str]:
    from spacy_tagtog.convert.report import DOCUMENT_REASONS, ENTITY_REASONS, FAULTS

    reasons = {**ENTITY_REASONS, **DOCUMENT_REASONS}
    return [
        f"{item.document}{' ' + repr(item.text) if item.text else ''}: {reasons[item.reason]}"
        for item in report.items
        if item.reason in FAULTS
    ]

"""Put documents into the order in which people should review them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_tagtog._options import choose
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import Document, Project
from spacy_tagtog.convert import ConversionReport, convert_documents, make_converter
from spacy_tagtog.convert.corpus import OnProblem
from spacy_tagtog.convert.report import DOCUMENT_REASONS, ENTITY_REASONS, FAULTS
from spacy_tagtog.errors import SpacyTagtogError, setting
from spacy_tagtog.pipeline.loading import blank_pipeline, load_pipeline
from spacy_tagtog.selection.candidates import ReviewedDocument, only_labels
from spacy_tagtog.selection.ranker import merge_reviewed, rank_documents, reviewed_of
from spacy_tagtog.selection.ranking import Ranking, SampledDocument, read_ranking, write_ranking
from spacy_tagtog.selection.strategies import DEFAULT_STRATEGY, LABELS_STRATEGY, make_strategy
from spacy_tagtog.steps._corpora import open_corpus
from spacy_tagtog.steps._versions import open_project, readable_documents


@dataclass(frozen=True)
class RankedProject:
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


def rank(
    documents: Path | str,
    output: Path | str | None = None,
    *,
    pipeline: Path | str = "",
    reviewed: Sequence[Path | str] = (),
    strategy: str = "",
    settings: Mapping[str, Any] | None = None,
    top: int = 0,
    batch_size: int = 20,
    random_share: float = 0.1,
    seed: int = 0,
    lang: str = "en",
    member: str = "master",
    spans_key: str = "",
    on_problem: str = "error",
    n_process: int = 1,
    progress: Progress = silent,
) -> RankedProject:
    """Rank the unconfirmed documents of a project.

    Args:
        documents: A project's folder or zip. Its confirmed documents count as reviewed.
        output: The JSON file to write the ranking into. An earlier ranking in it is replaced; the new one
            remembers which documents chance chose for it that people have reviewed since.
        pipeline: A folder or a package's name; empty for strategies that need no predictions.
        reviewed: More reviewed documents: ``.spacy`` files, folders of them, or projects.
        strategy: Its registered name, or a short one; empty for the default: ``variance_reduction``, or for a
            pipeline that predicts document labels alone ``expected_edits``.
        settings: Settings of the strategy.
        top: Rank at most this number of documents; 0 ranks all.
        batch_size: Documents per batch.
        random_share: The expected share of each batch that chance chooses, from 0 to 1.
        seed: The seed of all chance.
        lang: The tokenizer's language where there is no pipeline.
        member: Whose version says whether a document is confirmed.
        spans_key: Take entities from this span group instead of ``doc.ents``.
        on_problem: Faults of the data: ``error``, or ``report`` to leave out what can't be read and list it.
        n_process: Processes.
        progress: Goes through the ids of the documents that are ranked.

    Raises:
        SelectionError: The strategy needs predictions and there is no pipeline, or ``output`` holds something
            else.
        SpacyTagtogError: The pipeline or the documents can't be read.
    """
    earlier = read_ranking(Path(output)) if output is not None and Path(output).exists() else None
    if strategy:
        make_strategy(strategy, settings)  # refuses what is wrong, before anything is read
    nlp = load_pipeline(pipeline) if str(pipeline) else blank_pipeline(lang)
    name = strategy or (LABELS_STRATEGY if only_labels(nlp) else DEFAULT_STRATEGY)
    make_strategy(name, settings)
    pool = _read_pool(documents, reviewed, nlp, member, on_problem)
    ranking = rank_documents(
        nlp,
        lambda: (pool.project[doc_id] for doc_id in progress(pool.left, len(pool.left))),
        len(pool.left),
        pool.reviewed,
        pipeline=str(pipeline) or None,
        strategy=name,
        settings=settings,
        top=top,
        batch_size=batch_size,
        random_share=random_share,
        seed=seed,
        member=member,
        spans_key=spans_key or None,
        n_process=n_process,
        sampled_before=_sampled_before(earlier, pool.left),
    )
    if output is not None:
        write_ranking(Path(output), ranking)
    return RankedProject(ranking, pool.confirmed, pool.reviewed_elsewhere, pool.faults)


@dataclass(frozen=True)
class _Pool:
    """The documents of a project, by whether people reviewed them.

    Attributes:
        project: The project.
        reviewed: All reviewed documents, of the project and of elsewhere.
        left: The ids of the documents that nobody reviewed.
        confirmed: The ids of the project's confirmed documents.
        reviewed_elsewhere: The ids of its other documents that are among the reviewed ones.
        faults: What couldn't be read.
    """

    project: Project
    reviewed: list[ReviewedDocument]
    left: list[str]
    confirmed: list[str]
    reviewed_elsewhere: list[str]
    faults: list[str]


def _read_pool(
    documents: Path | str, reviewed: Sequence[Path | str], nlp: Language, member: str, on_problem: str
) -> _Pool:
    problems: list[SpacyTagtogError] = []
    project = open_project(documents, on_problem=on_problem, legend=None, faults=problems)
    faults = [f"{problem.problem}: {problem.place}" for problem in problems]
    confirmed, waiting = _sides(project, nlp, member, on_problem, faults)
    elsewhere = [one for path in reviewed for one in _reviewed_in(path, nlp, member, on_problem, faults)]
    known = merge_reviewed([*confirmed, *elsewhere])
    known_ids = {one.id for one in known}
    return _Pool(
        project,
        known,
        left=[doc_id for doc_id in waiting if doc_id not in known_ids],
        confirmed=sorted({one.id for one in confirmed}),
        reviewed_elsewhere=[doc_id for doc_id in waiting if doc_id in known_ids],
        faults=faults,
    )


def _sampled_before(earlier: Ranking | None, left: Sequence[str]) -> list[SampledDocument]:
    """Of the documents that chance chose for an earlier ranking, those that aren't waiting any more."""
    if earlier is None:
        return []
    waiting = set(left)
    return [
        SampledDocument(doc_id, content)
        for doc_id, content in earlier.sampled.items()
        if doc_id not in waiting
    ]


def _reviewed_in(
    path: Path | str, nlp: Language, member: str, on_problem: str, faults: list[str]
) -> list[ReviewedDocument]:
    """The reviewed documents of a ``.spacy`` file or a project."""
    corpus = open_corpus(path, member=member, on_problem=on_problem)
    found = list(reviewed_of(corpus.docs(nlp)))
    faults += _faults_of(corpus.report)
    return found


def _sides(
    project: Project, nlp: Language, member: str, on_problem: str, faults: list[str]
) -> tuple[list[ReviewedDocument], list[str]]:
    """The confirmed documents of a project, and the ids of the others."""
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
    docs = convert_documents(
        confirmed(),
        nlp,
        make_converter(settings={"member": member}),
        report,
        on_problem=choose(setting("on_problem"), on_problem, OnProblem),
    )
    reviewed = list(reviewed_of(docs))
    faults += [f"{error.problem}: {error.place}" for error in unreadable]
    faults += _faults_of(report)
    return reviewed, sorted(waiting)


def _faults_of(report: ConversionReport) -> list[str]:
    """What a conversion left out because the data has a fault."""
    reasons = {**ENTITY_REASONS, **DOCUMENT_REASONS}
    return [
        f"{item.document}{' ' + repr(item.text) if item.text else ''}: {reasons[item.reason]}"
        for item in report.items
        if item.reason in FAULTS
    ]

"""One round of a loop: fetch, train, prove, promote or not, annotate, rank, push.

Each step's end is written down, and each step can be repeated. So a round that died goes on with the step at
which it died, and none of its effects happens twice. The folder of a loop::

    reviewed/ new/              what was fetched
    sides.json                  which document trains, tunes and tests
    models/ current.json        see lineage
    annotated/ ranking.json     what was sent last, and in which order
    rounds/0001.json            what each round did
    decisions/0002.json         what people decided about what the round before had sent
    work/                       what the running round makes
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import InitVar, asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any, Final

from spacy_tagtog import __version__, steps
from spacy_tagtog._files import make_folder, write_json
from spacy_tagtog.anndoc import MASTER, Document, Project
from spacy_tagtog.anndoc.fingerprints import content_fingerprint, text_fingerprint
from spacy_tagtog.convert import AnndocCorpus
from spacy_tagtog.convert.split_plan import SplitItem, split_items, write_plan
from spacy_tagtog.errors import AnndocError, LoopError
from spacy_tagtog.loop.decisions import write_decisions
from spacy_tagtog.loop.gate import Verdict, judge
from spacy_tagtog.loop.lineage import Lineage, Manifest
from spacy_tagtog.loop.records import STEPS, RoundRecord, now
from spacy_tagtog.loop.settings import LoopSettings, fingerprint
from spacy_tagtog.loop.sides import DEV, TEST, Placed, place, read_sides, write_sides
from spacy_tagtog.loop.suggested import Suggested
from spacy_tagtog.pipeline.evaluation import Evaluation, evaluate_docs
from spacy_tagtog.pipeline.loading import load_pipeline
from spacy_tagtog.selection.blind import read_blind
from spacy_tagtog.selection.ranking import read_ranking
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection
from spacy_tagtog.steps.push import line_up

_PACKAGES: Final = ("spacy", "scikit-learn", "numpy", "thinc")


@dataclass
class Round:
    """A round that is running.

    Attributes:
        folder: The loop's folder.
        settings: What to do.
        connection: The project.
        earlier: All rounds before; the last one may have died.
        record: What it did so far.
    """

    folder: Path
    settings: LoopSettings
    connection: ConnectionSettings
    earlier: InitVar[Sequence[RoundRecord]]
    record: RoundRecord = field(init=False)

    def __post_init__(self, earlier: Sequence[RoundRecord]) -> None:
        self.lineage = Lineage(self.folder)
        unfinished = earlier[-1] if earlier and not earlier[-1].ended else None
        done = earlier[:-1] if unfinished else earlier
        self.before = done[-1] if done else None
        if unfinished and unfinished.settings == self.settings.fingerprint and "train" in unfinished.seconds:
            self.record = unfinished
            return
        # Either a new round; or what was done by one that died was done with other settings, or is quickly
        # repeated: perhaps with data that somebody mended meanwhile.
        number, began = (self.before.number if self.before else 0) + 1, now()
        if unfinished:
            number, began = unfinished.number, unfinished.began
        self.record = RoundRecord(number, began, self.settings.fingerprint)

    def steps(self) -> Iterator[str]:
        """The steps that are to be done, each given when those before it are; the others are ticked off."""
        for step in STEPS:
            if step in self.record.seconds:
                continue
            if self._needs(step):
                yield step
            else:
                self._keep(seconds={**self.record.seconds, step: 0.0})

    def _needs(self, step: str) -> bool:
        """Whether there is anything to do in a step."""
        if step == "changes":
            return self._has_changes()
        if step in ("train", "calibrate", "gate"):
            return self.record.model is not None
        if step == "annotate":
            return self._is_due()
        return step in ("fetch", "convert") or "annotate" in self.record.results

    @property
    def work(self) -> Path:
        """The folder of what the round makes."""
        return self.folder / "work"

    def do(self, step: str) -> None:
        """Do a step and write down that it is done."""
        start = time.monotonic()
        found: Mapping[str, Any] | None = getattr(self, f"_{step}")()
        if found is not None:
            self.record = replace(self.record, results={**self.record.results, step: dict(found)})
        seconds = {**self.record.seconds, step: round(time.monotonic() - start, 3)}
        self._keep(seconds=seconds)

    def _keep(self, **values: Any) -> None:
        self.record = replace(self.record, **values)
        write_json(self.folder / "rounds" / f"{self.record.number:04}.json", asdict(self.record))

    def finish(self) -> RoundRecord:
        """Clean up; a round in which nothing was done leaves no record."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.lineage.prune(self.settings.keep)
        self.record = replace(self.record, ended=now(), current=self.lineage.current)
        if self.record.model is None and "push" not in self.record.results:
            (self.folder / "rounds" / f"{self.record.number:04}.json").unlink(missing_ok=True)
        else:
            self._keep()
        return self.record

    def _fetch(self) -> None:
        with open_connection(self.connection) as tagtog:
            steps.fetch(tagtog, self.folder / "reviewed", query=self.settings.reviewed)
            steps.fetch(tagtog, self.folder / "new", query=self.settings.new)
        project = Project.open(self.folder / "reviewed", strict=False)
        self.record = replace(
            self.record, confirmed=len(project), waiting=len(Project.open(self.folder / "new", strict=False))
        )

    def _has_changes(self) -> bool:
        """Whether people confirmed something of what the last round sent."""
        sent = self.folder / "annotated"
        reviewed = Project.open(self.folder / "reviewed", strict=False)
        return sent.exists() and not set(Project.open(sent).ids).isdisjoint(reviewed.ids)

    def _changes(self) -> Mapping[str, Any]:
        """What people changed in what the last round sent."""
        sent, ranking = self.folder / "annotated", self.folder / "ranking.json"
        rankings = [ranking] if ranking.exists() else []
        compared = steps.changes(sent, self.folder / "reviewed", on_problem="report", rankings=rankings)
        write_decisions(self.folder / "decisions" / f"{self.record.number:04}.json", compared)
        data = compared.to_json()
        for name in ("documents", "only_before", "only_after", "without_before", "unreviewed"):
            data.pop(name, None)
        return data

    def _convert(self) -> Mapping[str, Any] | None:
        project = Project.open(self.folder / "reviewed", strict=False)
        if not len(project):
            raise LoopError(
                "nobody has confirmed a document yet, so there is nothing to learn from",
                place=self.connection.project or self.folder,
                value=f"{self.record.waiting} to be annotated",
                legal="at least 5 confirmed documents",
                advice="annotate and confirm some in tagtog (the local one: spacy-tagtog serve --open)",
            )
        items = list(split_items(project, member=MASTER, confirmed_only=True))
        placed = self._placed(items)
        prints = {item.id: _print_of(project[item.id]) for item in items}
        inputs = fingerprint(
            {
                "documents": {doc_id: [placed[doc_id].side, one] for doc_id, one in prints.items()},
                "settings": self.settings.of_training,
                "package": __version__,
            }
        )
        numbers = self.lineage.numbers
        self.record = replace(self.record, inputs=inputs, model=None)
        if numbers and self.lineage.manifest(numbers[-1]).inputs == inputs:
            return None
        self.record = replace(self.record, model=numbers[-1] + 1 if numbers else 1)
        make_folder(self.work)
        write_plan(self.work / "sides.json", {item.id: placed[item.id].side for item in items})
        converted = steps.convert(
            self.folder / "reviewed",
            self.work / "corpus",
            lang=self.settings.lang,
            split=f"{DEV}={self.settings.dev},{TEST}={self.settings.test}",
            split_file=self.work / "sides.json",
            on_problem=self.settings.on_problem,
            force=True,
        )
        return {"sides": converted.sides, "set_aside": dict(converted.report.documents_aside)}

    def _placed(self, items: Sequence[SplitItem]) -> dict[str, Placed]:
        ranking = self.folder / "ranking.json"
        sent = read_ranking(ranking) if ranking.exists() else None
        placed = place(
            items,
            read_sides(self.folder / "sides.json"),
            dev=self.settings.dev,
            test=self.settings.test,
            blind=read_blind(ranking),
            by_chance=sent.sampled if sent else (),
            suggested=Suggested(self.folder).ids | {*(sent.ids if sent else ())},
        )
        write_sides(self.folder / "sides.json", placed)
        return placed

    def _train(self) -> Mapping[str, Any]:
        shutil.rmtree(self.work / "training", ignore_errors=True)
        trained = steps.train(
            self._side("train"),
            self._side(DEV),
            self.work / "training",
            components=self.settings.components,
            model=self.settings.model,
            seed_below=self.settings.seed_below,
            config=self.settings.config,
            seed_config=self.settings.seed_config,
            unlabelled=self.folder / "new" if self.record.waiting else None,
            gpu=self.settings.gpu,
            overrides={"nlp.lang": self.settings.lang, **self.settings.overrides},
        )
        return {"said": [*(run.choice.reason for run in trained.runs), *trained.said]}

    def _side(self, side: str) -> Path:
        folder = self.work / "corpus"
        return folder / side if (folder / side).is_dir() else folder / f"{side}.spacy"

    def _calibrate(self) -> Mapping[str, Any]:
        calibrated = steps.calibrate(
            self.work / "training" / "model-best",
            self.work / "calibrated",
            reviewed=self._side(DEV),
            train=self._side("train"),
            by="auto",
            seed=self.settings.seed,
            force=True,
        )
        return {"by": calibrated.by}

    def _gate(self) -> Mapping[str, Any]:
        number = self.record.model
        assert number is not None
        if number not in self.lineage.numbers:
            self._add(number)
        manifest = self.lineage.manifest(number)
        # Whoever rolled it back while the round was dead has the last word.
        if manifest.state == "promoted" and all(move.model != number for move in self.lineage.moves):
            self.lineage.promote(number, manifest.reason, manifest.made)
        return manifest.verdict

    def _add(self, number: int) -> None:
        """Measure the new model beside the current one, and put it among the models."""
        pipeline, current = self.lineage.pipeline_of(number), self.lineage.current
        if not pipeline.exists():
            make_folder(pipeline.parent)
            (self.work / "calibrated").replace(pipeline)
        placed = read_sides(self.folder / "sides.json")
        of_new = self._evaluate(pipeline, placed)
        of_current = None if current is None else self._evaluate(self.lineage.pipeline_of(current), placed)
        verdict = judge(of_current, of_new, self.settings.gate)
        self.lineage.add(self._manifest(number, current, verdict, of_new, placed))

    def _evaluate(self, pipeline: Path, placed: Mapping[str, Placed]) -> Evaluation:
        nlp = load_pipeline(pipeline)
        docs = AnndocCorpus(self._side(TEST)).docs(nlp)
        return evaluate_docs(nlp, (doc for doc in docs if placed[doc._.anndoc_id].is_honest))

    def _manifest(
        self,
        number: int,
        current: int | None,
        verdict: Verdict,
        evaluation: Evaluation,
        placed: Mapping[str, Placed],
    ) -> Manifest:
        project = Project.open(self.folder / "reviewed", strict=False)
        documents: dict[str, tuple[str, str]] = {}
        authors: Counter[str] = Counter()
        for document in _readable(project):
            if document.id in placed:
                documents[document.id] = (placed[document.id].side, _print_of(document))
                for entity in document.version(MASTER):
                    authors.update(entity.who)
        return Manifest(
            number=number,
            made=now(),
            state="promoted" if verdict.promoted else "candidate",
            parent=current,
            inputs=self.record.inputs,
            documents=documents,
            authors=dict(sorted(authors.items())),
            settings=self.settings.to_json(),
            versions=_versions(),
            seconds=dict(self.record.seconds),
            verdict=verdict.to_json(),
            metrics=evaluation.to_json(),
        )

    def _is_due(self) -> bool:
        """Whether pre-annotations would be others than those that the last round sent."""
        project = Project.open(self.folder / "new", strict=False)
        sent_for = fingerprint(
            {
                "model": self.lineage.current,
                "inputs": self.record.inputs,
                "documents": {document.id: content_fingerprint(document) for document in _readable(project)},
                "settings": self.record.settings,
            }
        )
        before = self.before.sent_for if self.before else ""
        due = len(project) > 0 and sent_for != before
        self.record = replace(self.record, sent_for=sent_for if due else before)
        return due

    def _annotate(self) -> Mapping[str, Any]:
        current = self.lineage.current
        assert current is not None  # the gate promotes the first model
        annotated = steps.annotate(
            self.lineage.pipeline_of(current),
            self.folder / "new",
            self.work / "annotated",
            name=self.settings.name,
            force=True,
        )
        return annotated.to_json()

    def _rank(self) -> Mapping[str, Any]:
        current = self.lineage.current
        assert current is not None
        ranked = steps.rank(
            self.work / "annotated",
            self.folder / "ranking.json",
            pipeline=str(self.lineage.pipeline_of(current)),
            reviewed=[self.folder / "reviewed"],
            strategy=self.settings.strategy,
            random_share=self.settings.random_share,
            seed=self.settings.seed,
            on_problem=self.settings.on_problem,
        )
        return {"documents": len(ranked.ranking.documents), "strategy": ranked.ranking.strategy}

    def _push(self) -> Mapping[str, Any]:
        made, kept = self.work / "annotated", self.folder / "annotated"
        outgoing = line_up(
            made if made.exists() else kept,  # a round that died when everything was sent
            ranking=self.folder / "ranking.json",
            top=self.settings.top,
            blind_share=self.settings.blind_share,
        )
        with open_connection(self.connection) as tagtog:
            # Somebody may have deleted or confirmed one since it was fetched: it must not come back.
            there = {hit.id for hit in tagtog.client.search(self.settings.new)}
            gone = [doc_id for doc_id in outgoing.project.ids if doc_id not in there]
            outgoing = replace(outgoing, project=outgoing.project.select(there.__contains__))
            Suggested(self.folder).add(
                doc_id for doc_id in outgoing.project.ids if doc_id not in outgoing.blind
            )
            pushed = steps.push(tagtog, outgoing)
        # What people were shown, for the changes of the next round.
        if made.exists():
            shutil.rmtree(kept, ignore_errors=True)
            made.replace(kept)
        report = pushed.report
        return {
            "created": len(report.created),
            "updated": len(report.updated),
            "unchanged": len(report.unchanged),
            "refused": [[doc_id, str(why)] for doc_id, why in report.refused],
            "gone": gone,
            "blind": len(pushed.blind),
        }


def _readable(project: Project) -> Iterator[Document]:
    """The documents without those that can't be read: the conversion has refused or listed these."""
    for doc_id in project.ids:
        try:
            yield project[doc_id]
        except AnndocError:
            continue


def _print_of(document: Document) -> str:
    """The fingerprint of a document's content and annotations."""
    return text_fingerprint(f"{content_fingerprint(document)}\0{document.version(MASTER).dumps()}")


def _versions() -> dict[str, str]:
    found = {"spacy-tagtog": __version__, "python": python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

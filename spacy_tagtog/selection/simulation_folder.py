"""The folder of a simulation: its documents, its config, and the rounds that are done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from spacy.tokens import Doc

from spacy_tagtog._files import make_folder, write_atomic
from spacy_tagtog._plural import counted
from spacy_tagtog.convert.corpus import write_docbin
from spacy_tagtog.errors import ConfigurationError, EvaluationError, setting
from spacy_tagtog.selection.simulation_record import Round, SimulationSettings, Unit

POOL: Final = "pool.spacy"
TEST: Final = "test.spacy"
CONFIG: Final = "config.cfg"
_STATE: Final = "simulation.json"
_FORMAT: Final = 1


def append_round(folder: Path, unit: Unit, one: Round) -> None:
    """Add a round to those of a run: all or nothing."""
    rounds = [*read_rounds(folder, unit), one]
    write_atomic(_file(folder, unit), "".join(json.dumps(asdict(each)) + "\n" for each in rounds))


def read_rounds(folder: Path, unit: Unit) -> list[Round]:
    """The rounds of a run that are done.

    Raises:
        EvaluationError: They can't be read.
    """
    file = _file(folder, unit)
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [Round(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise EvaluationError(
            "the rounds of a simulation can't be read",
            place=file,
            value=str(error),
            advice="remove the file: its run is done again",
        ) from error


def _file(folder: Path, unit: Unit) -> Path:
    return folder / "rounds" / unit.file


def holds_simulation(folder: Path) -> bool:
    """Whether a folder is that of a simulation."""
    return (folder / _STATE).is_file()


def prepare_folder(
    folder: Path, pool: Iterable[Doc], test: Iterable[Doc], settings: SimulationSettings
) -> dict[str, dict[str, int]]:
    """Lay out the folder, or check that it is that of the same simulation.

    Returns:
        For ``pool`` and ``test`` the number of documents, tokens and entities.

    Raises:
        ConfigurationError: The folder holds another simulation.
        EvaluationError: There are too few documents, or one comes twice.
    """
    golds = {POOL: list(pool), TEST: list(test)}
    _check_documents(golds[POOL], golds[TEST], settings)
    counts = {
        name: {
            "documents": len(docs),
            "tokens": sum(map(len, docs)),
            "entities": sum(len(doc.ents) for doc in docs),
        }
        for name, docs in (("pool", golds[POOL]), ("test", golds[TEST]))
    }
    # A run may go on with another budget.
    kept = {key: value for key, value in asdict(settings).items() if key != "budget"}
    fingerprint = _fingerprint([*golds[POOL], *golds[TEST]])
    state = {"format": _FORMAT, "settings": kept, "documents": fingerprint, **counts}
    if (folder / _STATE).exists():
        _check_same(folder, state)
        return counts
    make_folder(folder / "rounds")
    for name, docs in golds.items():
        write_docbin(docs, folder / name)
    write_atomic(folder / CONFIG, settings.config)
    write_atomic(folder / _STATE, json.dumps(state, indent=2) + "\n")
    return counts


def _check_documents(pool: Sequence[Doc], test: Sequence[Doc], settings: SimulationSettings) -> None:
    for name, docs in ((POOL, pool), (TEST, test)):
        ids = [str(doc._.anndoc_id) for doc in docs]
        if len(set(ids)) != len(ids):
            raise EvaluationError(
                "a document comes twice",
                place=name,
                value=next(doc_id for doc_id in ids if ids.count(doc_id) > 1),
                legal="one Doc per document, of one member, with an id of its own",
            )
    both = {str(doc._.anndoc_id) for doc in pool} & {str(doc._.anndoc_id) for doc in test}
    if both:
        raise EvaluationError(
            "a test document is in the pool, too",
            value=min(both),
            legal="test documents that are never trained on",
            advice=f"give a share of the documents ({setting('test', 0.2)}), or other test documents",
        )
    if (
        len(pool) <= settings.initial
        or not any(doc.ents for doc in test)
        or not any(doc.ents for doc in pool)
    ):
        amounts = [
            f"{counted(len(docs), 'document')}, {counted(sum(len(doc.ents) for doc in docs), 'entity')}"
            for docs in (pool, test)
        ]
        raise EvaluationError(
            "there are too few reviewed documents to simulate with",
            value=f"pool: {amounts[0]}; test: {amounts[1]}",
            legal=f"a pool of more than {counted(settings.initial, 'document')}, and entities on both sides",
            advice=f"confirm more documents, or begin with fewer ({setting('initial')})",
        )


def _fingerprint(docs: Iterable[Doc]) -> str:
    """The ids, texts and entities of all documents as one number."""
    texts = hashlib.sha256()
    for doc in docs:
        entities = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
        texts.update(json.dumps([str(doc._.anndoc_id), doc.text, entities]).encode())
    return texts.hexdigest()


def _check_same(folder: Path, state: Mapping[str, Any]) -> None:
    """Make sure that a folder holds this simulation and no other."""
    try:
        before = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    except ValueError:
        before = None
    if before == json.loads(json.dumps(state)):
        return
    stored = before.get("settings") if isinstance(before, dict) else None
    different = [
        key
        for key, value in state["settings"].items()
        if not isinstance(stored, dict) or stored.get(key) != value
    ]
    raise ConfigurationError(
        "the folder holds a simulation of other documents or settings",
        place=folder,
        value=", ".join(different) or "other documents",
        legal="the same documents and settings, to go on where it stopped",
        advice=f"choose another folder, or replace it with {setting('force', True)}",
    )

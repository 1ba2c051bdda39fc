"""What each command does, as a function.

:func:`connect` gives the tagtog to talk to. Each step takes plain arguments and returns a result. Steps print
nothing: they raise the exceptions of :mod:`spacy_tagtog.errors`, and show how far they are through
    ``progress``,
any function such as ``tqdm.tqdm``.

Nothing is imported before it is used, so that ``import spacy_tagtog.steps`` is quick.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy_tagtog.steps.annotate import AnnotatedProject as AnnotatedProject
    from spacy_tagtog.steps.annotate import annotate as annotate
    from spacy_tagtog.steps.calibrate import CalibrateBy as CalibrateBy
    from spacy_tagtog.steps.calibrate import CalibratedPipeline as CalibratedPipeline
    from spacy_tagtog.steps.calibrate import calibrate as calibrate
    from spacy_tagtog.steps.changes import ChangedProject as ChangedProject
    from spacy_tagtog.steps.changes import changes as changes
    from spacy_tagtog.steps.connection import Connection as Connection
    from spacy_tagtog.steps.connection import ConnectionSettings as ConnectionSettings
    from spacy_tagtog.steps.connection import connect as connect
    from spacy_tagtog.steps.evaluate import evaluate as evaluate
    from spacy_tagtog.steps.iaa import MeasuredAgreement as MeasuredAgreement
    from spacy_tagtog.steps.iaa import iaa as iaa
    from spacy_tagtog.steps.merge import MergedProject as MergedProject
    from spacy_tagtog.steps.merge import merge as merge
    from spacy_tagtog.steps.rank import RankedProject as RankedProject
    from spacy_tagtog.steps.rank import rank as rank
    from spacy_tagtog.steps.simulate import SimulatedProject as SimulatedProject
    from spacy_tagtog.steps.simulate import simulate as simulate
    from spacy_tagtog.steps.train import TrainedPipeline as TrainedPipeline
    from spacy_tagtog.steps.train import TrainingRun as TrainingRun
    from spacy_tagtog.steps.train import train as train

# Public name → the inner module that it is in.
_WHERE = {
    "AnnotatedProject": "annotate",
    "CalibrateBy": "calibrate",
    "CalibratedPipeline": "calibrate",
    "ChangedProject": "changes",
    "Connection": "connection",
    "ConnectionSettings": "connection",
    "MeasuredAgreement": "iaa",
    "MergedProject": "merge",
    "RankedProject": "rank",
    "SimulatedProject": "simulate",
    "TrainedPipeline": "train",
    "TrainingRun": "train",
    "annotate": "annotate",
    "calibrate": "calibrate",
    "changes": "changes",
    "connect": "connection",
    "evaluate": "evaluate",
    "iaa": "iaa",
    "merge": "merge",
    "rank": "rank",
    "simulate": "simulate",
    "train": "train",
}

__all__ = list(_WHERE)


class _Steps(ModuleType):
    """The package as a module in which names are looked up late."""

    def __getattr__(self, name: str) -> Any:
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        # Python makes each inner module an attribute of its package. Here, steps.fetch is the function.
        if not (name in _WHERE and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_WHERE})


sys.modules[__name__].__class__ = _Steps

"""What each command does, as a function.

:func:`connect` gives the tagtog to talk to. Each step takes plain arguments and returns a result. Steps print
nothing: they raise the exceptions of :mod:`spacy_tagtog.errors`, and show how far they are through
``progress``, any function such as ``tqdm.tqdm``.

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
    from spacy_tagtog.steps.calibrate import CalibratedPipeline as CalibratedPipeline
    from spacy_tagtog.steps.calibrate import calibrate as calibrate
    from spacy_tagtog.steps.changes import ChangedProject as ChangedProject
    from spacy_tagtog.steps.changes import changes as changes
    from spacy_tagtog.steps.connection import Connection as Connection
    from spacy_tagtog.steps.connection import ConnectionSettings as ConnectionSettings
    from spacy_tagtog.steps.connection import connect as connect
    from spacy_tagtog.steps.convert import Converted as Converted
    from spacy_tagtog.steps.convert import convert as convert
    from spacy_tagtog.steps.convert import convert_back as convert_back
    from spacy_tagtog.steps.demo import LoadedDemo as LoadedDemo
    from spacy_tagtog.steps.demo import load_demo as load_demo
    from spacy_tagtog.steps.demo import write_demo as write_demo
    from spacy_tagtog.steps.dictionaries import LoadedDictionary as LoadedDictionary
    from spacy_tagtog.steps.dictionaries import load_dictionary as load_dictionary
    from spacy_tagtog.steps.evaluate import evaluate as evaluate
    from spacy_tagtog.steps.fetch import fetch as fetch
    from spacy_tagtog.steps.iaa import MeasuredAgreement as MeasuredAgreement
    from spacy_tagtog.steps.iaa import iaa as iaa
    from spacy_tagtog.steps.import_export import Exported as Exported
    from spacy_tagtog.steps.import_export import Imported as Imported
    from spacy_tagtog.steps.import_export import export_project as export_project
    from spacy_tagtog.steps.import_export import import_project as import_project
    from spacy_tagtog.steps.merge import MergedProject as MergedProject
    from spacy_tagtog.steps.merge import merge as merge
    from spacy_tagtog.steps.new import new_workspace as new_workspace
    from spacy_tagtog.steps.projects import LocalProject as LocalProject
    from spacy_tagtog.steps.projects import add_types as add_types
    from spacy_tagtog.steps.projects import create_project as create_project
    from spacy_tagtog.steps.projects import delete_project as delete_project
    from spacy_tagtog.steps.projects import list_projects as list_projects
    from spacy_tagtog.steps.projects import measure_time as measure_time
    from spacy_tagtog.steps.push import Pushed as Pushed
    from spacy_tagtog.steps.push import push as push
    from spacy_tagtog.steps.rank import RankedProject as RankedProject
    from spacy_tagtog.steps.rank import rank as rank
    from spacy_tagtog.steps.second_looks import SecondLooks as SecondLooks
    from spacy_tagtog.steps.second_looks import second_looks as second_looks
    from spacy_tagtog.steps.serve import ServerStart as ServerStart
    from spacy_tagtog.steps.serve import serve as serve
    from spacy_tagtog.steps.settings import ReplacedSettings as ReplacedSettings
    from spacy_tagtog.steps.settings import replace_settings as replace_settings
    from spacy_tagtog.steps.simulate import SimulatedProject as SimulatedProject
    from spacy_tagtog.steps.simulate import simulate as simulate
    from spacy_tagtog.steps.tokenizer import LearnedTokenizer as LearnedTokenizer
    from spacy_tagtog.steps.tokenizer import tokenizer as tokenizer
    from spacy_tagtog.steps.train import TrainedPipeline as TrainedPipeline
    from spacy_tagtog.steps.train import TrainingRun as TrainingRun
    from spacy_tagtog.steps.train import train as train
    from spacy_tagtog.steps.upload import Uploaded as Uploaded
    from spacy_tagtog.steps.upload import pre_annotate as pre_annotate
    from spacy_tagtog.steps.upload import upload as upload
    from spacy_tagtog.steps.users import AddedUser as AddedUser
    from spacy_tagtog.steps.users import User as User
    from spacy_tagtog.steps.users import add_user as add_user
    from spacy_tagtog.steps.users import list_users as list_users
    from spacy_tagtog.steps.users import remove_user as remove_user
    from spacy_tagtog.steps.validate import Validated as Validated
    from spacy_tagtog.steps.validate import validate as validate
    from spacy_tagtog.steps.validate import validate_running as validate_running

# Public name → the inner module that it is in.
_WHERE = {
    "AddedUser": "users",
    "AnnotatedProject": "annotate",
    "CalibratedPipeline": "calibrate",
    "ChangedProject": "changes",
    "Connection": "connection",
    "ConnectionSettings": "connection",
    "Converted": "convert",
    "Exported": "import_export",
    "Imported": "import_export",
    "LearnedTokenizer": "tokenizer",
    "LoadedDemo": "demo",
    "LoadedDictionary": "dictionaries",
    "LocalProject": "projects",
    "MeasuredAgreement": "iaa",
    "MergedProject": "merge",
    "Pushed": "push",
    "RankedProject": "rank",
    "ReplacedSettings": "settings",
    "SecondLooks": "second_looks",
    "ServerStart": "serve",
    "SimulatedProject": "simulate",
    "TrainedPipeline": "train",
    "TrainingRun": "train",
    "Uploaded": "upload",
    "User": "users",
    "Validated": "validate",
    "add_types": "projects",
    "add_user": "users",
    "annotate": "annotate",
    "calibrate": "calibrate",
    "changes": "changes",
    "connect": "connection",
    "convert": "convert",
    "convert_back": "convert",
    "create_project": "projects",
    "delete_project": "projects",
    "evaluate": "evaluate",
    "export_project": "import_export",
    "fetch": "fetch",
    "iaa": "iaa",
    "import_project": "import_export",
    "list_projects": "projects",
    "measure_time": "projects",
    "list_users": "users",
    "load_demo": "demo",
    "load_dictionary": "dictionaries",
    "merge": "merge",
    "new_workspace": "new",
    "pre_annotate": "upload",
    "push": "push",
    "rank": "rank",
    "remove_user": "users",
    "replace_settings": "settings",
    "second_looks": "second_looks",
    "serve": "serve",
    "simulate": "simulate",
    "tokenizer": "tokenizer",
    "train": "train",
    "upload": "upload",
    "validate": "validate",
    "validate_running": "validate",
    "write_demo": "demo",
}

# The classes of results are no names to learn: they come back from the functions.
__all__ = [name for name in _WHERE if name.islower() or name == "Connection"]


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

"""What each command does, as a function.

:func:`connect` gives the tagtog to talk to. Each step takes plain arguments and returns a result. Steps print
nothing: they raise the exceptions of :mod:`spacy_tagtog.errors`, and show how far they are through ``progress``,
any function such as ``tqdm.tqdm``.

Nothing is imported before it is used, so that ``import spacy_tagtog.steps`` is quick.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy_tagtog.steps.connection import Connection as Connection
    from spacy_tagtog.steps.connection import ConnectionSettings as ConnectionSettings
    from spacy_tagtog.steps.connection import connect as connect

# Public name → the inner module that it is in.
_WHERE = {
    "Connection": "connection",
    "ConnectionSettings": "connection",
    "connect": "connection",
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

"""Registries whose members are checked when they are registered, and again when they are made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

import catalogue

from spacy_tagtog.errors import ConfigurationError

_T = TypeVar("_T")


def check_protocol(made: object, protocol: type, *, what: str, advice: str) -> None:
    """Make sure that an object has all that a protocol asks for.

    Args:
        made: The object, or a class.
        protocol: The protocol. What it annotates must be there, and what it defines must take the same
            arguments.
        what: What the object is, for the message.
        advice: Where the protocol is described.

    Raises:
        ConfigurationError: Something is missing, isn't a method, or can't be called as it will be.
    """
    wrong = []
    is_class = inspect.isclass(made)
    for name in get_type_hints(protocol):
        # What a class sets in __init__ isn't known before an object is made.
        if not is_class and not hasattr(made, name):
            wrong.append(f"it has no attribute {name}")
    for name, asked in vars(protocol).items():
        if name.startswith("_") or not inspect.isfunction(asked):
            continue
        method = getattr(made, name, None)
        signature = str(inspect.signature(asked)).replace("'", "")
        if not callable(method):
            wrong.append(f"it has no method {name}{signature}")
        elif not _can_be_called(method, asked, skip_self=is_class):
            wrong.append(f"its method {name} must take {signature}")
    if wrong:
        raise ConfigurationError(
            f"{what} can't do all that it must: {'; '.join(wrong)}",
            value=made.__name__ if is_class else type(made).__name__,  # type: ignore[attr-defined]
            legal=", ".join([*get_type_hints(protocol), *_methods(protocol)]),
            advice=advice,
        )


def _methods(protocol: type) -> list[str]:
    return [
        f"{name}()"
        for name, value in vars(protocol).items()
        if not name.startswith("_") and inspect.isfunction(value)
    ]


def _can_be_called(method: Callable[..., Any], asked: Callable[..., Any], *, skip_self: bool) -> bool:
    """Whether a method takes what the protocol's method is called with."""
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):
        return True  # written in C: nothing is known
    parameters = list(inspect.signature(asked).parameters.values())[0 if skip_self else 1 :]
    positional = [None for one in parameters if one.kind is not inspect.Parameter.KEYWORD_ONLY]
    named = {one.name: None for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}
    try:
        signature.bind(*positional, **named)
    except TypeError:
        return False
    return True


class CheckedRegistry(catalogue.Registry):  # type: ignore[misc]  # catalogue has no types
    """A registry of factories of what a protocol describes.

    Args:
        name: The registry's name, which is that of the group of its entry points.
        protocol: What the factories must make.
        what: What that is called, for messages.
        advice: Where the protocol is described.
    """

    def __init__(self, name: str, protocol: type, *, what: str, advice: str) -> None:
        super().__init__((name,), entry_points=True)
        self.protocol = protocol
        self.what = what
        self.advice = advice

    def register(self, name: str, *, func: Any = None) -> Any:
        """Register a factory, see :meth:`catalogue.Registry.register`.

        Raises:
            ConfigurationError: It can't be called, or it is a class, or says that it returns one, that lacks
                what the protocol asks for.
        """

        def do(factory: _T) -> _T:
            self._check_factory(name, factory)
            super(CheckedRegistry, self).register(name, func=factory)
            return factory

        return do(func) if func is not None else do

    def _check_factory(self, name: str, factory: object) -> None:
        if not callable(factory):
            raise ConfigurationError(
                f"what is registered as {name} can't be called",
                value=type(factory).__name__,
                legal=f"a function that takes settings and returns a {self.what}",
                advice=self.advice,
            )
        made: object = factory
        if not inspect.isclass(factory):
            try:
                made = get_type_hints(factory).get("return")
            except Exception:  # names that are imported for type checkers alone
                return
        if inspect.isclass(made) and made is not self.protocol and made is not type(None):
            self.check(name, made)

    def check(self, name: str, made: object) -> None:
        """Make sure that what a factory made is what the protocol describes.

        Raises:
            ConfigurationError: It isn't.
        """
        check_protocol(made, self.protocol, what=f"the {self.what} {name}", advice=self.advice)

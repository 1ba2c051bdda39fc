"""Values and settings that users give, checked against what is legal."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeVar, get_args

from spacy_tagtog.errors import ArgumentError

T = TypeVar("T")

DEFAULT_THREADS: Final = 12
"""Calls to tagtog at the same time, unless somebody says otherwise."""


def choose(name: str, value: str, literal: Any) -> Any:
    """Check that a value is one of a ``Literal``'s.

    Args:
        name: The setting's name, for the message; of a step's argument :func:`~spacy_tagtog.errors.setting`.
        value: What was given.
        literal: The ``Literal`` type.

    Returns:
        The value, which the caller's annotation narrows.

    Raises:
        ArgumentError: It isn't.
    """
    legal = get_args(literal)
    if value not in legal:
        raise ArgumentError(
            f"unknown value of {name}", value=value, legal=", ".join(legal), advice=did_you_mean(value, legal)
        )
    return value


def did_you_mean(value: str, legal: Iterable[str]) -> str | None:
    """Advice for a value that is probably misspelt; ``None`` where nothing legal is like it."""
    close = get_close_matches(str(value), list(legal), n=1)
    return f"did you mean {close[0]}?" if close else None


def missing_function(name: str, known: Iterable[str]) -> str:
    """Advice for a registered name that nobody has registered."""
    fetch = "install the package that registers it, or import its file (in commands: --code FILE.py)"
    close = did_you_mean(name, known)
    return f"{close} If not, {fetch}" if close else fetch


def read_settings(pairs: Mapping[str, str], parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """Turn settings that were typed as text into what a factory takes.

    Numbers, yes and no, lists (``a,b``) and mappings (``a:b,c:d``) are recognised by the factory's own
    signature.

    Args:
        pairs: Setting to text.
        parameters: The factory's parameters.

    Raises:
        ConfigurationError: A text can't be read as what the setting must be. Unknown settings pass;
            :func:`bind_settings` refuses them.
    """
    settings: dict[str, Any] = {}
    for key, text in pairs.items():
        parameter = parameters.get(key)
        annotation = "" if parameter is None else str(parameter.annotation)
        pieces = [piece.strip() for piece in text.split(",")]
        legal = ""
        if parameter is not None and isinstance(parameter.default, bool):
            legal = "yes or no"
            settings[key] = {"yes": True, "true": True, "no": False, "false": False}.get(text.lower())
        elif parameter is not None and isinstance(parameter.default, int | float):
            kind = type(parameter.default)
            legal = "a whole number" if kind is int else "a number"
            try:
                settings[key] = kind(text)
            except ValueError:
                settings[key] = None
        elif annotation.startswith("list"):
            settings[key] = pieces
        elif annotation.startswith("dict"):
            legal = "NAME:NEW_NAME,NAME:NEW_NAME (an empty new name leaves it out)"
            settings[key] = (
                dict(piece.split(":", 1) for piece in pieces)
                if all(":" in piece for piece in pieces)
                else None
            )
        else:
            settings[key] = text
        if settings[key] is None:
            raise ArgumentError(f"the setting {key} can't be read", value=text, legal=legal)
    return settings


def bind_settings(factory: Callable[..., T], settings: Mapping[str, Any] | None, *, what: str) -> T:
    """Call a factory with settings.

    Args:
        factory: The factory.
        settings: Its arguments.
        what: The name of what it makes, for the message.

    Raises:
        ConfigurationError: The factory doesn't take these settings.
    """
    settings = dict(settings or {})
    try:
        inspect.signature(factory).bind(**settings)
    except TypeError as error:
        raise ArgumentError(
            f"{what} doesn't take these settings: {error}",
            value=settings,
            legal=", ".join(inspect.signature(factory).parameters),
        ) from error
    return factory(**settings)

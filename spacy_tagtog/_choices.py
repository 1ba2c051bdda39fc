"""Values that users type, checked against what is legal."""

from __future__ import annotations

from typing import Any, get_args

from spacy_tagtog.errors import ConfigurationError

__all__ = ["choose"]


def choose(name: str, value: str, literal: Any) -> Any:
    """Check that a value is one of a ``Literal``'s.

    Args:
        name: The setting's name, for the message.
        value: What was given.
        literal: The ``Literal`` type.

    Returns:
        The value, which the caller's annotation narrows.

    Raises:
        ConfigurationError: It isn't.
    """
    legal = get_args(literal)
    if value not in legal:
        raise ConfigurationError(f"unknown value of {name}", value=value, legal=", ".join(legal))
    return value

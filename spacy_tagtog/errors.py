"""The exceptions of spacy-tagtog.

Every error that a user can cause or meet is a :class:`SpacyTagtogError`. It says the same five things in the
same order: what is wrong, where, with what value, what would be legal, and what to do next. Library code
raises; only ``cli/`` prints.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

__all__ = [
    "AgreementError",
    "AnnJsonError",
    "AnndocError",
    "ArgumentError",
    "AuthenticationError",
    "ClientError",
    "ConfigurationError",
    "ConversionError",
    "DictionaryError",
    "DuplicateDocumentError",
    "EvaluationError",
    "FormatError",
    "LegendError",
    "LocalServerError",
    "LoopError",
    "MissingPartnerError",
    "NotConfirmedError",
    "NotFoundError",
    "NotHeldOutError",
    "OutputExistsError",
    "PipelineError",
    "PlainHtmlError",
    "ProjectError",
    "RejectedError",
    "SelectionError",
    "SpacyTagtogError",
    "UnexpectedAnswerError",
    "UnreachableError",
    "WriteError",
]

SettingValue: TypeAlias = str | bool | int | float
Spelling: TypeAlias = Callable[[str, SettingValue | None], str]

# In the text the value stands as JSON: that tells "5" from 5, and escapes the closing bracket.
_SETTING: Final = re.compile(
    r'\u27e6(\w+)(?:=("[^"\\\u27e7]*(?:\\.[^"\\\u27e7]*)*"|true|false|-?[0-9][0-9.e+-]*))?\u27e7'
)


def setting(name: str, value: SettingValue | None = None) -> str:
    """A setting inside the text of an error, which every interface spells as its users type it.

    ``setting("on_problem", "report")`` is ``on_problem="report"`` in Python, ``--on-problem report`` for
    users of the command, and ``--vars.on_problem report`` for users of the workflow. ``setting("force",
    True)`` is ``force=True`` in Python and ``--force`` for users of the command.

    Args:
        name: The argument of the function in :mod:`spacy_tagtog.steps`.
        value: The value to give it; ``None`` names the setting alone.
    """
    return f"\u27e6{name}\u27e7" if value is None else f"\u27e6{name}={json.dumps(value)}\u27e7"


def _in_python(name: str, value: SettingValue | None) -> str:
    if value is None:
        return name
    return f"{name}={json.dumps(value, ensure_ascii=False) if isinstance(value, str) else value}"


_NOTHING: Final = object()
_MAX_VALUE_CHARS: Final = 200


def spelled(text: str, spell: Spelling) -> str:
    """Text in which every :func:`setting` is written by ``spell``."""

    def write(match: re.Match[str]) -> str:
        try:
            value = None if match[2] is None else json.loads(match[2])
        except ValueError:
            return match[0]  # no setting of ours: it came with the text of somebody's file
        return spell(match[1], value)

    return _SETTING.sub(write, text)


def _printable(text: str) -> str:
    """The text without lone surrogates, as in file names that aren't UTF-8: no terminal can show them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _shown(value: object) -> str:
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:
        # A message must never fail: not for a value nested too deeply, not for one with a broken __repr__.
        text = f"<{type(value).__name__}>"
    text = text[: _MAX_VALUE_CHARS + 1]
    text = _printable(text if text.isprintable() else repr(text)[1:-1])
    return text if len(text) <= _MAX_VALUE_CHARS else f"{text[: _MAX_VALUE_CHARS - 1]}…"


class SpacyTagtogError(Exception):
    """Base class of all errors raised on purpose.

    Args:
        problem: What is wrong, one sentence without a full stop.
        place: The file, address or object, with the position in it.
        value: The offending value. It is shortened for display.
        legal: What would have been accepted.
        advice: The next step for the user.
    """

    def __init__(
        self,
        problem: str,
        *,
        place: object | None = None,
        value: object = _NOTHING,
        legal: str | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.place = place
        self.value: Any = None if value is _NOTHING else value
        self._has_value = value is not _NOTHING
        self.legal = legal
        self.advice = advice

    def details(self, spell: Spelling = _in_python) -> list[tuple[str, str]]:
        """The parts of the message after the problem, as (caption, text) pairs, in display order.

        Args:
            spell: How to write a setting: takes its name, and its value or ``None``. By default as in Python.
        """

        def said(text: object) -> str:
            return _printable(spelled(str(text), spell))

        rows = []
        if self.place is not None:
            rows.append(("where", said(self.place)))
        if self._has_value:
            rows.append(("value", _shown(self.value)))
        if self.legal is not None:
            rows.append(("legal", said(self.legal)))
        if self.advice is not None:
            rows.append(("to do", said(self.advice)))
        return rows

    def __str__(self) -> str:
        return "\n".join(
            [
                _printable(spelled(self.problem, _in_python)),
                *(f"  {caption}: {text}" for caption, text in self.details()),
            ]
        )


class AnndocError(SpacyTagtogError):
    """Something is wrong with documents in tagtog's format."""


class PlainHtmlError(AnndocError):
    """A ``plain.html`` can't be read."""


class AnnJsonError(AnndocError):
    """An ``ann.json`` can't be read, or a field of it has the wrong type."""


class LegendError(AnndocError):
    """An ``annotations-legend.json`` can't be read, or a name or class id is not in it."""


class ProjectError(AnndocError):
    """A folder or zip doesn't hold a tagtog project that can be read."""


class MissingPartnerError(ProjectError):
    """An ``ann.json`` has no ``plain.html``."""


class DuplicateDocumentError(ProjectError):
    """Two files claim to be the same version of one document."""


class ConversionError(SpacyTagtogError):
    """Documents can't be converted without losing something."""


class FormatError(ConversionError):
    """A file of another tool can't be read or written, or a record of it can't."""


class PipelineError(SpacyTagtogError):
    """A spaCy pipeline can't be loaded, or can't do what is asked of it."""


class EvaluationError(SpacyTagtogError):
    """There is nothing to compare, or the two sides don't belong together."""


class NotHeldOutError(EvaluationError):
    """A pipeline would be calibrated on documents that it was trained on, or doesn't know on which it was."""


class SelectionError(SpacyTagtogError):
    """Documents can't be ranked for review, or a ranking can't be used."""


class LoopError(SpacyTagtogError):
    """A loop can't go on, or what it wrote can't be used."""


class AgreementError(SpacyTagtogError):
    """Versions of annotations can't be compared or merged as asked."""


class NotConfirmedError(AgreementError):
    """No member confirmed a version of the document: there is nothing to merge."""


class ConfigurationError(SpacyTagtogError):
    """A setting is missing or contradicts another."""


class DictionaryError(SpacyTagtogError):
    """A file can't be used as a dictionary, or a line of it can't."""


class ArgumentError(ConfigurationError):
    """A value isn't among the legal ones, can't be read, or contradicts another."""


class OutputExistsError(SpacyTagtogError):
    """An output exists already and would be overwritten."""


class WriteError(SpacyTagtogError):
    """A file can't be written: the disk is full, or access is denied."""


class ClientError(SpacyTagtogError):
    """A call to tagtog failed.

    Args:
        status: The HTTP status, or ``None`` where no answer came.

    Attributes:
        uncertain: tagtog may have done what was asked all the same, such as storing an upload whose answer
            got lost.
        said: What tagtog said, in one line; empty where it said nothing.
    """

    def __init__(
        self,
        problem: str,
        *,
        status: int | None = None,
        place: object | None = None,
        value: object = _NOTHING,
        legal: str | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(problem, place=place, value=value, legal=legal, advice=advice)
        self.status = status
        self.uncertain = False
        self.said = ""


class UnreachableError(ClientError):
    """tagtog didn't answer: no connection, a time-out, or a certificate that can't be verified."""


class AuthenticationError(ClientError):
    """tagtog refused the user name and password, or the user may not do this (401, 403)."""


class NotFoundError(ClientError):
    """tagtog knows no such project or document (404)."""


class RejectedError(ClientError):
    """tagtog answered with another error status."""


class UnexpectedAnswerError(ClientError):
    """tagtog answered, but not with what was asked for."""


class LocalServerError(SpacyTagtogError):
    """The local tagtog can't start, or its database can't be used."""

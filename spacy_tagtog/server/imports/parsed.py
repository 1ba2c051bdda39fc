"""What the readers of all formats give."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NoReturn

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc.plain_html import Section
from spacy_tagtog.server._errors import RequestError

_REPLACEMENT: Final = "\ufffd"  # for a character that can't be kept
# What XML 1.0 can't carry, https://www.w3.org/TR/xml/#charsets
_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Parsed:
    """The content of a file as it becomes a document.

    Attributes:
        sections: Its sections.
        warnings: What couldn't be kept as it was.
    """

    sections: tuple[Section, ...]
    warnings: tuple[str, ...] = field(default=())

    @property
    def has_text(self) -> bool:
        """Whether any part has a character that isn't white space."""
        stack = list(self.sections)
        while stack:
            section = stack.pop()
            if any(block.text.strip() for block in section.blocks):
                return True
            stack.extend(section.sections)
        return False


def legal_text(text: str) -> str:
    """A text with a replacement character for each one that XML can't carry."""
    return _ILLEGAL.sub(_REPLACEMENT, text)


def replaced_in(texts: Iterable[str], place: str, encoding: str = "") -> tuple[str, ...]:
    """The warning about replacement characters, where there are any.

    Args:
        texts: The texts.
        place: The file's name.
        encoding: How it was decoded, if that may be why.
    """
    number = sum(text.count(_REPLACEMENT) for text in texts)
    read = f"can't be read as {encoding}" if encoding else "can't be read"
    verb = "is" if number == 1 else "are"
    warning = f"{place}: {counted(number, 'character')} that {read}, or that XML can't carry, {verb} U+FFFD"
    return (warning,) if number else ()


def missing_library(library: str, what: str, error: ImportError) -> NoReturn:
    """Refuse a format whose library isn't installed.

    Args:
        library: Its name, as it is installed.
        what: The format.
        error: The import's.

    Raises:
        RequestError: In any case (501).
    """
    raise RequestError(
        501,
        f"the local tagtog can't import {what}: {library} is not installed",
        legal=f"{library} is installed",
        advice=f"pip install {library}",
    ) from error

"""Reads netrc files, the same under every Python.

Python's own reader differs between versions: that of 3.10 refuses passwords with letters beyond ASCII, and a
whole file because of one machine without a password.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_SPACE: Final = re.compile(r"\s*")
# A backslash takes the next character as it is. In quotation marks, white space belongs to the word.
_WORD: Final = re.compile(r'"((?:\\.|[^"\\])*)"|((?:\\.|[^\s\\"])(?:\\.|[^\s\\])*)', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_REST_OF_LINE: Final = re.compile(r"[^\n]*")
_MACRO: Final = re.compile(r".*?(?:\n\n|\Z)", re.DOTALL)  # up to an empty line
_FIELDS: Final = {"login": "login", "user": "login", "account": "account", "password": "password"}


class NetrcError(Exception):
    """A file isn't in the form of netrc, or others may read it. It says nothing of what stands there.

    Attributes:
        reason: What is wrong.
        line: In which line; 0 for the file as a whole.
    """

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


@dataclass(frozen=True)
class NetrcEntry:
    """What netrc knows of a machine.

    Attributes:
        login: The user's name; empty where there is none.
        password: Empty where there is none. It isn't shown.
    """

    login: str = ""
    password: str = field(default="", repr=False)


def find_in_netrc(path: Path, host: str, *, private: bool) -> NetrcEntry | None:
    """The entry of a host, else the one that is named ``default``.

    Args:
        path: The file.
        host: The host.
        private: Refuse a file with passwords that is another user's, or that others may read.

    Raises:
        OSError: It can't be read.
        UnicodeDecodeError: It isn't UTF-8.
        NetrcError: It isn't in the form of such a file, or it should be private and isn't.
    """
    with path.open(encoding="utf-8") as file:
        entries = _entries(_Words(file.read()))
        if private and os.name == "posix" and any(entry.password for entry in entries.values()):
            status = os.fstat(file.fileno())
            if status.st_uid != os.getuid() or status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise NetrcError("others may read it, or it isn't yours")
    return entries.get(host) or entries.get("")


class _Words:
    """The words of a file, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def fault(self) -> NetrcError:
        line = self._text.count("\n", 0, self._place) + 1
        return NetrcError("it isn't in the form of such a file", line)

    def skip(self, what: re.Pattern[str]) -> None:
        match = what.match(self._text, self._place)
        assert match is not None  # each of them matches nothing, too
        self._place = match.end()

    def next(self) -> str:
        """The next word.

        Raises:
            NetrcError: There is none, or its quotation mark is never closed.
        """
        self.skip(_SPACE)
        match = _WORD.match(self._text, self._place)
        if match is None:
            raise self.fault()
        self._place = match.end()
        return _ESCAPE.sub(r"\1", match[1] if match[2] is None else match[2])

    def next_keyword(self) -> str:
        """The next word that isn't in a comment; empty at the end of the file."""
        self.skip(_SPACE)
        while self._text.startswith("#", self._place):
            self.skip(_REST_OF_LINE)
            self.skip(_SPACE)
        return "" if self._place == len(self._text) else self.next()


def _entries(words: _Words) -> dict[str, NetrcEntry]:
    """The entries by host; the default one's is empty."""
    entries: dict[str, NetrcEntry] = {}
    keyword = words.next_keyword()
    while keyword:
        if keyword == "macdef":
            words.skip(_MACRO)
            keyword = words.next_keyword()
            continue
        if keyword not in ("machine", "default"):
            raise words.fault()
        host = words.next() if keyword == "machine" else ""
        found: dict[str, str] = {}
        while (keyword := words.next_keyword()) in _FIELDS:
            found[_FIELDS[keyword]] = words.next()
        entries[host] = NetrcEntry(found.get("login", ""), found.get("password", ""))
    return entries

"""Space that is kept free for the moment when the disk is full, so that something can be removed then.

SQLite writes what it changes into its log before it changes the database. So removing needs space, too.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

_RESERVED: Final = 16 * 2**20
"""Bytes: enough to remove thousands of documents at once."""
_LEAST: Final = 2**20
"""Less isn't worth it."""
_SUFFIX: Final = "-reserve"


class Reserve:
    """A file beside the database that only takes space.

    Args:
        database: The database's file.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + _SUFFIX)

    def keep(self) -> None:
        """Put space aside, but never more than is left for everything else."""
        with suppress(OSError):
            size = min(_RESERVED, shutil.disk_usage(self._path.parent).free // 2)
            if self._path.exists() or size < _LEAST:
                return
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                _fill(file, size)
            except OSError:
                self._path.unlink()
            finally:
                os.close(file)

    def give(self) -> None:
        """Make the space free."""
        with suppress(OSError):
            self._path.unlink()


def _fill(file: int, size: int) -> None:
    """Give a file its size. What is only sought to takes no space."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
        return
    piece = os.urandom(2**20)  # nothing that a file system could compress
    for _ in range(size // len(piece)):
        os.write(file, piece)

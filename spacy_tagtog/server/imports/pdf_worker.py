"""Reads the PDF on its standard input, and writes ``{"pages": [text…]}`` or ``{"error": why}``.

It is run as a script by its path, in a process that may be killed, and so imports nothing of this package.
Arguments: seconds of processor time, bytes of memory, the greatest number of pages.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
import warnings


def _limit(seconds: int, memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: the time limit of the parent is what there is
        return
    for kind, value in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory)):
        with contextlib.suppress(ValueError, OSError):  # a stricter limit is in force
            resource.setrlimit(kind, (value, value))


def _read(data: bytes, max_pages: int) -> dict[str, object]:
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, FileNotDecryptedError, WrongPasswordError
    except ImportError:
        return {"error": "missing"}
    logging.disable(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(data))
        # Many encrypted files only say what may be done with them, and open without a password.
        if reader.is_encrypted and not reader.decrypt(""):
            return {"error": "encrypted"}
        if len(reader.pages) > max_pages:
            return {"error": "pages"}
        return {"pages": [page.extract_text() for page in reader.pages]}
    except (FileNotDecryptedError, WrongPasswordError, DependencyError):
        return {"error": "encrypted"}
    except MemoryError:
        return {"error": "it needs too much memory"}
    except RecursionError:
        return {"error": "its objects nest too deeply"}
    except Exception as error:  # a damaged file makes pypdf raise nearly anything
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def main() -> None:
    """Read the PDF, and write its texts or why it can't be read."""
    seconds, memory, max_pages = (int(argument) for argument in sys.argv[1:])
    data = sys.stdin.buffer.read()
    _limit(seconds, memory)
    warnings.simplefilter("ignore")
    sys.stdout.write(json.dumps(_read(data, max_pages)))


if __name__ == "__main__":
    main()

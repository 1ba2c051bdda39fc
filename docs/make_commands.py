"""Write ``docs/commands.md`` from the commands themselves: ``python docs/make_commands.py``."""

from __future__ import annotations

import html
import re
import subprocess
import sys
import textwrap
from pathlib import Path

WIDTH = 110


def fenced(match: re.Match[str]) -> str:
    """Examples as a block to copy from."""
    lines = "\n".join(line.strip() for line in match[2].strip("\n").splitlines())
    return f"\n{match[1]}\n\n```bash\n{lines}\n```\n"


def wrapped(page: str) -> str:
    """Paragraphs and list items at the width of the docs; code as it is."""
    lines = []
    code = False
    for line in page.splitlines():
        code ^= line.startswith("```")
        if code or len(line) <= WIDTH:
            lines.append(line)
            continue
        indent = "  " if line.startswith("* ") else ""
        lines += textwrap.wrap(
            line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    return "\n".join(lines)


def main() -> None:
    """Run typer's own generator and make its output good markdown."""
    page = Path(__file__).with_name("commands.md")
    made = subprocess.run(
        [
            sys.executable,
            "-m",
            "typer",
            "spacy_tagtog.cli",
            "utils",
            "docs",
            "--name",
            "spacy-tagtog",
            "--title",
            "Commands",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    text = html.unescape(re.sub(r"\n(Examples?:)\n((?:  .*\n)+)", fenced, made))
    text = re.sub(r" +\n", "\n", re.sub(r"\n{3,}", "\n\n", text))
    page.write_text(wrapped(text.strip()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

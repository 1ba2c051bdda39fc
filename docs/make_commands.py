"""Write ``docs/commands.md`` from the commands themselves: ``python docs/make_commands.py``."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path


def fenced(match: re.Match[str]) -> str:
    """Examples as a block to copy from."""
    lines = "\n".join(line.strip() for line in match[2].strip("\n").splitlines())
    return f"\n{match[1]}\n\n```bash\n{lines}\n```\n"


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
    page.write_text(re.sub(r"\n{3,}", "\n\n", text).strip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

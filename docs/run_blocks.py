"""Run what the pages print: ``python docs/run_blocks.py README.md docs/*.md``.

Each page begins in a fresh folder with a copy of the repository's files. Its bash and Python blocks run in
the order of the page: one shell and one Python, as a reader would have them. The first block that fails ends
the page.

Comments, which no reader sees, say what else a page needs:

- ``<!-- not run: REASON -->`` before a block: it needs something that isn't here, such as an account.
- ``<!-- run`` … ``-->``: lines for the shell, such as what people do in a browser (``docs/people.py``);
  ``<!-- run python`` … ``-->``: lines for Python.
- ``<!-- begins after: the workflow -->``: the folder in which the workflow has run on the demo.

No network is needed: :data:`REPLACED` takes installing out of the commands, since the environment is there.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What is printed → what is run, and why.
REPLACED = {
    # Installing takes minutes and a network; .ci/run does it, by the README's own commands.
    "python3 -m venv .venv && .venv/bin/pip install -q '.[server]' && ": "",
    # Minutes for figures that nobody reads here.
    " --training.max_steps 5000": "",
    "--model ner": "--model ner --training.max_steps 40 --training.eval_frequency 20",
    "spacy train configs/ner.cfg": "spacy train configs/ner.cfg --training.max_steps 40 "
    "--training.eval_frequency 20",
    "spacy-tagtog simulate": "spacy-tagtog simulate --seeds 1 --budget 0.15",
    "--kills 500": "--kills 2",
    "--kills 100": "--kills 2",
}
AFTER_WORKFLOW = "<!-- begins after: the workflow -->"
WORKFLOW = "python -m spacy project run all"
_BLOCK = re.compile(
    r"^<!-- run(?P<language> python)?\n(?P<hidden>.*?)^-->$"
    r"|^(?:<!-- not run: (?P<reason>[^\n]*) -->\n)?```(?P<kind>bash|python)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_SHELL = r"""
set -euo pipefail
# The server runs until somebody interrupts it: here as soon as it has said where it is, on any free port.
spacy-tagtog() {
  if [ "${1:-}" != serve ]; then command spacy-tagtog "$@"; return; fi
  coproc SERVER { exec env spacy-tagtog "$@" --port 0 2>&1; }
  local line pid=$SERVER_PID from=${SERVER[0]}
  while read -r line <&"$from"; do echo "$line"; case $line in *Ctrl+C*) break ;; esac; done
  kill "$pid"
  wait "$pid" || true
}
"""
_PYTHON = """
import json, os, sys, traceback
space = {"__name__": "__main__"}
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    asked = json.loads(line)
    os.chdir(asked["folder"])
    try:
        exec(compile(asked["code"], "<block>", "exec"), space)
        said = ""
    except BaseException:
        said = traceback.format_exc()
    sys.stdout.flush()
    print(json.dumps(said), file=answers, flush=True)
"""


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Attributes:
        kind: ``bash`` or ``python``.
        code: What it says.
        line: Where it begins.
        reason: Why it isn't run; empty where it is.
        hidden: Whether readers don't see it.
    """

    kind: str
    code: str
    line: int
    reason: str = ""
    hidden: bool = False


class BlockError(Exception):
    """A block failed."""


def blocks(page: Path) -> Iterator[Block]:
    """The bash and Python blocks of a page, in order, with what its comments say."""
    text = page.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["hidden"] is not None:
            yield Block("python" if match["language"] else "bash", match["hidden"], line, hidden=True)
        else:
            yield Block(match["kind"], match["code"], line, match["reason"] or "")


def copy_repository(folder: Path) -> None:
    """The files of a clone. The environment that runs this is its ``.venv``."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)


class Session:
    """One shell and one Python for the blocks of a page."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder = str(folder)
        self.log = log.open("w+", encoding="utf-8")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TAGTOG_")},
            "PATH": f"{Path(sys.prefix, 'bin')}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "docs"),
            "PYTHONUNBUFFERED": "1",
            "BROWSER": "true",  # nothing opens
            "HOME": str(folder.parent),  # no netrc
            "NO_COLOR": "1",
            "ANSI_COLORS_DISABLED": "1",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }

        def child(*command: str) -> subprocess.Popen[str]:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                cwd=folder,
                env=environment,
                text=True,
            )

        self.shell = child(
            "bash", "-c", f'exec 3>&1 >&2; {_SHELL} while IFS= read -r f; do . "$f"; pwd >&3; done'
        )
        self.python = child(sys.executable, "-c", _PYTHON)

    def run(self, block: Block) -> None:
        """Run a block; what it prints goes to the log.

        Raises:
            BlockError: It failed.
        """
        code = block.code
        for printed, instead in REPLACED.items():
            code = code.replace(printed, instead)
        print(f"\n--- line {block.line}\n{code}", file=self.log, flush=True)
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        assert self.python.stdin is not None
        assert self.python.stdout is not None
        if block.kind == "python":
            self.python.stdin.write(json.dumps({"folder": self.folder, "code": code}) + "\n")
            self.python.stdin.flush()
            answer = self.python.stdout.readline()
            failure = json.loads(answer) if answer else "Python ended"
        else:
            with tempfile.NamedTemporaryFile("w", suffix=".sh", delete=False, encoding="utf-8") as file:
                file.write(code)
            self.shell.stdin.write(file.name + "\n")
            self.shell.stdin.flush()
            answer = self.shell.stdout.readline()  # where it is then; nothing where it has ended
            failure = "" if answer else f"exit code {self.shell.wait()}"
            self.folder = answer.rstrip("\n") or self.folder
            Path(file.name).unlink()
        if failure:
            raise BlockError(failure)

    def close(self) -> None:
        """End both."""
        for one in (self.shell, self.python):
            one.communicate()
        self.log.close()


def prepare_workflow(folder: Path) -> Path:
    """A folder in which the workflow has run on the demo; it is made once."""
    work = folder / "clone"
    if not work.exists():
        work.mkdir(parents=True)
        copy_repository(work)
        session = Session(work, folder / "log.txt")
        try:
            session.run(Block("bash", f"{WORKFLOW}\n", 0))
        finally:
            session.close()
    return work


def run_page(page: Path, folder: Path, prepared: Path) -> list[Block]:
    """Run the blocks of a page in a folder.

    Args:
        page: The page.
        folder: An empty folder, or one that isn't there.
        prepared: Where :func:`prepare_workflow` works, if the page begins after the workflow.

    Returns:
        The blocks that were run.

    Raises:
        BlockError: One failed, with the end of what was printed.
    """
    work = folder / "clone"
    if AFTER_WORKFLOW in page.read_text(encoding="utf-8"):
        shutil.copytree(prepare_workflow(prepared), work, symlinks=True)
    else:
        work.mkdir(parents=True)
        copy_repository(work)
    log = folder / "log.txt"
    session = Session(work, log)
    done = []
    try:
        for block in blocks(page):
            if block.reason:
                continue
            try:
                session.run(block)
            except (BlockError, BrokenPipeError) as error:
                end = "\n".join(log.read_text(encoding="utf-8").splitlines()[-60:])
                raise BlockError(f"{page.name}, line {block.line}: {error}\n{end}") from None
            done.append(block)
    finally:
        session.close()
    return done


def main() -> int:
    """Run the pages that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--jobs", type=int, default=1, help="pages at the same time")
    parser.add_argument("--keep", type=Path, help="leave the folders here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        prepared = Path(scratch, "after the workflow")
        if any(AFTER_WORKFLOW in page.read_text(encoding="utf-8") for page in arguments.pages):
            prepare_workflow(prepared)

        def run(page: Path) -> bool:
            began = time.monotonic()
            folder = (arguments.keep or Path(scratch)).resolve() / page.stem
            try:
                said = f"{len(run_page(page, folder, prepared))} blocks"
            except BlockError as error:
                said = f"FAILED\n{error}"
            print(f"{page}: {said} ({time.monotonic() - began:.0f} s)", flush=True)
            return "FAILED" not in said

        with ThreadPoolExecutor(arguments.jobs) as pool:
            return 0 if all(list(pool.map(run, arguments.pages))) else 1


if __name__ == "__main__":
    sys.exit(main())

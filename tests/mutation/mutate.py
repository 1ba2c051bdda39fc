"""How strong the tests are: small faults are put into the code, and the tests should notice them.

    python tests/mutation/mutate.py convert --number 40 --seed 1
    python tests/mutation/mutate.py client/push.py --tests tests/client tests/faults/test_client.py

A mutant that no test notices is alive, and printed as a diff: the behaviour that it breaks is tested nowhere,
or it is equivalent, as where ``<`` and ``<=`` make no difference.

First all tests of the room run once, to learn which of them execute which line. Then each mutant is put into
a copy of the repository, and the tests that execute its lines run there until one fails. Needs fork, and
``coverage`` of the extra ``[dev]``.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from mutation.mutants import Mutant, sample, share  # noqa: E402

PACKAGE: Final = "spacy_tagtog"
_TESTS: Final = {
    "anndoc": ["tests/anndoc", "tests/browser/test_document_model.py", "tests/cli/test_dictionary.py"],
    "client": ["tests/client", "tests/faults/test_client.py"],
    "pipeline/calibration": [
        f"tests/pipeline/test_{name}.py"
        for name in ("calibration", "calibrators", "confidence", "crossfit", "evaluation", "figures", "trees",
                     "training_counts")
    ],
    "selection": ["tests/selection", "tests/steps/test_rank.py"]
    + [f"tests/cli/test_{name}.py" for name in ("blind", "rank", "rank_push")],
}  # fmt: skip
"""Where the tests of a room are, if not in the folder of its name."""
_QUIET = ["-q", "-x", "--no-header", "--no-summary", "-p", "no:cacheprovider"]
_QUIET += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis is imported before pytest begins
_THIRD_PARTY: Final = [
    "coverage",
    "pytest",
    "_pytest.assertion.rewrite",
    "hypothesis.strategies",
    "spacy.cli.train",
    "spacy.lang.en",
    "datasketch",
    "scipy.sparse.linalg",
    "scipy.optimize",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.feature_extraction.text",
    "sklearn.cluster",
    "lxml.etree",
    "requests",
    "pydantic",
    "jinja2",
    "starlette.applications",
    "starlette.routing",
    "starlette.testclient",
    "uvicorn",
    "luqum.parser",
    "rapidfuzz",
    "pypdf",
    "markdown_it",
    "trustme",
    "typer",
    "typer.testing",
    "keyring",
    "tqdm",
    "schemathesis",
    "anyio.pytest_plugin",
    "axe_playwright_python.sync_playwright",
    "openapi_spec_validator",
]
_MOST_ALIVE: Final = 0.05
_FAST: Final = 0.2
"""Tests that take no more than these seconds come first."""


@dataclass
class Record:
    """What the tests do when nothing is wrong.

    Attributes:
        seconds: How long each test takes.
        lines: For each module and line the tests that execute it. A file stands for all of its tests: a
            fixture that they share executes it.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[int, list[str]]] = field(default_factory=dict)

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that may notice a mutant, the fastest first.

        What none of them seems to execute may run in another process: then those in the module's own file
        may notice it.
        """
        lines = self.lines.get(str(mutant.path), {})
        own = f"test_{mutant.path.stem.lstrip('_')}.py"
        by = {test for line in range(mutant.line, mutant.end_line + 1) for test in lines.get(line, ())}
        found = {test for test in self.seconds if test in by or _file(test) in by} or {
            test for test in self.seconds if _file(test).endswith(f"/{own}")
        }
        # What is fast comes first, but file by file: servers are shared by the tests of a file.
        files: dict[str, float] = defaultdict(float)
        for test in found:
            files[_file(test)] += self.seconds[test]

        def place(test: str) -> tuple[bool, bool, float, str]:
            name = _file(test)
            return self.seconds[test] > _FAST, not name.endswith(f"/{own}"), files[name], name

        return sorted((test for test in self.seconds if test in found), key=place)


def _file(test: str) -> str:
    return test.partition("::")[0]


class _Stamp:
    """The time that the next mutant's file gets: each has another one."""

    seconds = 1_000_000_000


class _Recorder:
    """A plugin of pytest that tells coverage which test runs."""

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.context = ""
        self.seconds: dict[str, float] = defaultdict(float)

    def switch(self, context: str) -> str:
        before, self.context = self.context, context
        self.coverage.switch_context(context)
        return before

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.switch(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.switch("")

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        # What is made once is used by other tests of the file, too, and they may be those that notice.
        before = self.switch(_file(self.context)) if fixturedef.scope != "function" else self.context
        try:
            return (yield)
        finally:
            self.switch(before)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if not report.skipped:
            self.seconds[report.nodeid] += report.duration


def main() -> int:
    """Make mutants and run the tests.

    Returns:
        1 if more than one in twenty is alive.
    """
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("rooms", nargs="+", help=f"rooms or modules, such as convert, {PACKAGE}/convert")
    arguments.add_argument("--number", type=int, default=40, help="at most N mutants (%(default)s)")
    arguments.add_argument("--seed", type=int, default=1, help="of the choice (%(default)s)")
    arguments.add_argument("--tests", nargs="+", help="which tests; by default those of the room")
    arguments.add_argument("--without", nargs="+", default=[], help="modules that are left out")
    arguments.add_argument("--only", type=int, nargs="+", help="only these of the mutants, by number")
    arguments.add_argument(
        "--record", type=Path, help="a file that keeps what the tests execute, for next time"
    )
    arguments.add_argument("--unrecorded", action="store_true", help="run all of --tests for each mutant")
    given = arguments.parse_args()
    modules = [path for room in given.rooms for path in _modules(room) if path.name not in given.without]
    tests = given.tests or sorted({test for room in given.rooms for test in _tests(room)})
    mutants = list(enumerate(sample(ROOT, modules, number=given.number, seed=given.seed), 1))
    if given.only:
        mutants = [(number, mutant) for number, mutant in mutants if number in given.only]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder) / "repository"
        _copy(copy)
        _preload()
        began = time.monotonic()
        kept = given.record or Path(folder) / "record.json"
        record = Record() if given.unrecorded else _recorded(copy, tests, kept.resolve())
        print(f"{len(record.seconds)} tests recorded in {time.monotonic() - began:.0f} s", flush=True)
        alive = []
        for number, mutant in mutants:
            chosen = tests if given.unrecorded else record.of(mutant)
            limit = 30 + 4 * sum(record.seconds.get(test, 60) for test in chosen)
            began = time.monotonic()
            known = not given.unrecorded
            what = _run(copy, mutant, chosen, limit, known=known) if chosen else "untested"
            spent = f"{len(chosen)} tests, {time.monotonic() - began:.0f} s"
            print(f"{number:3} {what:9} {mutant.path}:{mutant.line} {mutant.kind} ({spent})", flush=True)
            if what in ("alive", "untested"):
                alive.append((number, mutant))
    for number, mutant in alive:
        print(f"\n# {number}\n{mutant.diff((ROOT / mutant.path).read_text('utf-8'))}")
    print(f"\n{len(mutants)} mutants, {len(alive)} alive ({share(alive, mutants)})")
    return int(len(alive) > _MOST_ALIVE * len(mutants))


def _modules(room: str) -> list[Path]:
    path = ROOT / PACKAGE / room.removeprefix(f"{PACKAGE}/").removesuffix("/")
    found = [path] if path.is_file() else sorted(path.rglob("*.py"))
    if not found:
        sys.exit(f"no such room or module: {room}")
    return [one.relative_to(ROOT) for one in found if one.name != "__init__.py"]


def _tests(room: str) -> list[str]:
    """The tests of a room: those of the nearest folder around it that has some."""
    path = Path(room.removeprefix(f"{PACKAGE}/"))
    for folder in (path, *path.parents):
        if str(folder) in _TESTS:
            return _TESTS[str(folder)]
        if (ROOT / "tests" / folder).is_dir() and str(folder) != ".":
            return [f"tests/{folder}"]
    return ["tests"]


def _copy(target: Path) -> None:
    """Copy what git knows, and what is new: nothing that is ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def _preload() -> None:
    """Import once what takes long, and nothing of the package: each mutant's process begins with that."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _THIRD_PARTY:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    import hypothesis

    # A fault that is found needn't be made small, and the next mutant must not learn from it.
    hypothesis.settings.register_profile(
        "mutation",
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        derandomize=True,
        database=None,
        print_blob=False,
    )


def _recorded(copy: Path, tests: list[str], path: Path) -> Record:
    """Run the tests once, unless that was done before.

    They must pass: if they fail anyway, they say nothing about mutants.
    """
    status = 0 if path.exists() else _in_child(copy, lambda: _record(tests, path), 3600)
    if status != 0:
        said = (copy.parent / "log.txt").read_text("utf-8", "replace")[-2000:]
        sys.exit(f"{said}\nthe tests fail without any mutant, too (status {status})")
    data = json.loads(path.read_text())
    lines: dict[str, dict[int, list[str]]] = {
        name: {int(line): found for line, found in by_line.items()} for name, by_line in data["lines"].items()
    }
    return Record(data["seconds"], lines)


def _record(tests: list[str], path: Path) -> int:
    import coverage

    measured = coverage.Coverage(data_file=None, source=[PACKAGE])
    recorder = _Recorder(measured)
    measured.start()
    status = pytest.main([*_QUIET, "--hypothesis-profile", "mutation", *tests], plugins=[recorder])
    measured.stop()
    if status:
        return int(status)
    data = measured.get_data()
    here = Path.cwd()
    lines = {}
    for file in data.measured_files():
        found = data.contexts_by_lineno(file)
        lines[str(Path(file).relative_to(here))] = {
            line: [test for test in names if test] for line, names in found.items()
        }
    path.write_text(json.dumps({"seconds": recorder.seconds, "lines": lines}))
    return 0


def _run(copy: Path, mutant: Mutant, tests: list[str], limit: float, *, known: bool) -> str:
    """Whether the tests notice a mutant: ``killed``, ``timed out``, or ``alive``.

    Tests that are known to be there, and that pytest can't find now, can't even be collected.
    """
    path = copy / mutant.path
    original, times = path.read_bytes(), path.stat()
    chosen = copy.parent / "tests.txt"
    chosen.write_text("\n".join(tests), "utf-8")
    path.write_text(mutant.source, "utf-8")
    # Python knows a compiled module by the second in which its source was written.
    _Stamp.seconds += 1
    os.utime(path, (_Stamp.seconds, _Stamp.seconds))
    try:
        status = _in_child(copy, lambda: _pytest(chosen), limit)
    finally:
        path.write_bytes(original)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    if status is None:
        return "timed out"
    if status in (4, 5) and not known:
        sys.exit(f"pytest finds no test (status {status})")
    return "killed" if status else "alive"


def _pytest(chosen: Path) -> int:
    return int(pytest.main([*_QUIET, "--hypothesis-profile", "mutation", f"@{chosen}"]))


def _in_child(copy: Path, work: Any, limit: float) -> int | None:
    """The exit status of some work in a process of its own; ``None`` if it took too long."""
    child = os.fork()
    if not child:
        status = 70
        try:
            os.setsid()
            log = os.open(copy.parent / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.chdir(copy)
            os.environ["PYTHONPATH"] = str(copy)
            sys.path[:] = [
                str(copy),
                *(one for one in sys.path if not Path(one or ".").is_relative_to(ROOT / "tests")),
            ]
            for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
                del sys.modules[name]
            status = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    end = time.monotonic() + limit
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # servers and workers that it left
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())

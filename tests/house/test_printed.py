"""What the pages print runs, in the order of the page. ``docs/run_blocks.py`` runs all pages in CI."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from local_api import People

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
# All that isn't run, and why. Whoever adds one explains it here, too.
NOT_RUN = {
    ("README.md", "the tests; .ci/run runs this command"),
    ("conversion.md", "needs atheris, which few Python versions have"),
    ("export.md", "installs from the package index"),
    ("export.md", "needs an account at tagtog.com"),
    ("loop.md", "it goes on until it is stopped"),
    ("raw-texts.md", "installs from the package index"),
}

pytestmark = pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="runs in a checkout")


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_blocks", ROOT / "docs/run_blocks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["run_blocks"] = module  # its dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_the_list_of_what_is_not_run_is_short(runner: ModuleType) -> None:
    found = {(page.name, block.reason) for page in PAGES for block in runner.blocks(page) if block.reason}
    assert found == NOT_RUN


def test_every_block_of_commands_is_one_that_is_run() -> None:
    for page in PAGES:
        kinds = re.findall(r"^```(\w*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        # console: how typer writes the usage of a command.
        assert set(kinds[::2]) | set(kinds[1::2]) <= {
            "", "bash", "python", "text", "json", "ini", "toml", "console",
        }, page  # fmt: skip


def test_everything_that_is_replaced_is_printed_somewhere(runner: ModuleType) -> None:
    printed = "\n".join(block.code for page in PAGES for block in runner.blocks(page))
    for text in runner.REPLACED:
        assert text in printed


def test_one_shell_and_one_python_go_through_a_page(runner: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        """
<!-- run
mkdir inside && export WHO=Ada
-->
```bash
cd inside
test -x ../.venv/bin/python && test -f ../README.md
```
```python
from pathlib import Path
here = Path("from-python").absolute()
here.touch()
```
<!-- not run: it would fail -->
```bash
false
```
<!-- run python
assert here.parent.name == "inside"
-->
```bash
test -f from-python
test "$WHO" = Ada
```
""",
        encoding="utf-8",
    )
    done = runner.run_page(page, tmp_path / "work", tmp_path / "prepared")
    assert [(block.kind, block.hidden) for block in done] == [
        ("bash", True),
        ("bash", False),
        ("python", False),
        ("python", True),
        ("bash", False),
    ]


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        ("bash", "echo something\nfalse\ntrue", "something"),
        ("bash", "cat nowhere | head", "nowhere"),
        ("bash", "echo $NOBODY", "NOBODY"),
        ("python", "print('something')\n1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_block_that_fails_ends_the_page(
    kind: str, code: str, said: str, runner: ModuleType, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```{kind}\n{code}\n```\n\n```bash\ntouch ../after\n```\n", encoding="utf-8")
    with pytest.raises(runner.BlockError, match=r"page\.md, line 1: ") as caught:
        runner.run_page(page, tmp_path / "work", tmp_path / "prepared")
    assert said in str(caught.value)
    assert not (tmp_path / "work/after").exists()


def test_the_webhooks_that_are_printed_are_taken(people: People) -> None:
    page = (ROOT / "docs/local-tagtog.md").read_text(encoding="utf-8")
    (printed,) = re.findall(r"^```json\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    answer = people.call("reviewer", "PUT", "/-local/webhooks", json=json.loads(printed))
    assert answer.status_code == 200, answer.text
    (webhook,) = answer.json()["webhooks"]
    assert webhook["endpoint"] == "http://127.0.0.1:8000/annotate"
    assert not webhook.get("problem")


def test_the_first_page_leads_to_all_others() -> None:
    linked = set(re.findall(r"\]\(([\w/-]+\.\w+)\)", (ROOT / "docs/index.md").read_text(encoding="utf-8")))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    notebooks = {path.name for path in ROOT.glob("docs/*.ipynb")}
    assert linked - {"review.png"} == (pages | notebooks) - {"index.md"}


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120

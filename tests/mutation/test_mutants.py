"""Mutants differ from the code in one place, and only where a test could tell."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from mutation.mutants import Mutant, sample
from mutation.mutate import Record


def mutants(folder: Path, source: str, *, number: int = 1000, seed: int = 1) -> list[Mutant]:
    (folder / "module.py").write_text(source, "utf-8")
    return sample(folder, [Path("module.py")], number=number, seed=seed)


def bodies(folder: Path, body: str) -> set[str]:
    """What becomes of the body of a function."""
    head = "def f(a, b):\n    "
    found = mutants(folder, f"{head}{body}\n")
    assert all(ast.parse(one.source) for one in found)
    return {one.source.removeprefix(head).rstrip("\n") for one in found}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a < b", {"return None", "return (a <= b)", "return (a >= b)"}),
        ("return a == b", {"return None", "return (a != b)"}),
        ("return a in b", {"return None", "return (a not in b)"}),
        ("return not a", {"return None", "return (a)"}),
        ("return a and b", {"return None", "return (a or b)", "return (a)", "return (b)"}),
        ("return a + b", {"return None", "return (a - b)"}),
        ("return a[0]", {"return None", "return a[(1)]", "return a[(-1)]"}),
        ("return min(a, b)", {"return None", "return max(a, b)"}),
        ("return sorted(a, key=b)", {"return None", "return sorted(a)"}),
        ("a = a if b else 'é'", {"a = a if True else 'é'", "a = a if False else 'é'"}),
        ("a = [x for x in a if x]", {"a = [x for x in a if True]", "a = [x for x in a if False]"}),
        ("a.append(b)", {"pass"}),
        ("a.b = 1", {"pass", "a.b = (2)", "a.b = (0)"}),
        ("a += b", {"pass"}),
        ("raise ValueError(1, a < b)", {"pass"}),
        ("if a: b()", {"if True: b()", "if False: b()", "if a: pass"}),
        ("for x in a: continue", {"for x in a: break", "for x in a: pass"}),
        ("for x in a: break", {"for x in a: continue", "for x in a: pass"}),
    ],
)  # fmt: skip
def test_what_becomes_of_code(tmp_path: Path, body: str, expected: set[str]) -> None:
    assert bodies(tmp_path, body) == expected


@pytest.mark.parametrize(
    "source",
    [
        "LIMIT = 500\n",
        "class A:\n    limit: int = 500\n",
        "def f(a: int = 500) -> None:\n    '''Text: 1 < 2.'''\n",
        "def f():\n    assert 1 < 2\n",
        "def f():\n    import a\n",
        "def f(a):\n    b: 'a < b' = a\n",
        "@decorated(1 < 2)\ndef f():\n    return None\n",
        "def f(a):\n    b = f'{a < 1}'\n",
        "def f(a):\n    b = 'text' + 'text'\n",
    ],
)
def test_what_is_a_choice_or_a_text_stays(tmp_path: Path, source: str) -> None:
    assert mutants(tmp_path, source) == []


def test_a_seed_makes_the_choice(tmp_path: Path) -> None:
    source = "def f(a, b):\n" + "".join(f"    a[{n}] = a < {n}\n" for n in range(50))
    first = mutants(tmp_path, source, number=20)
    assert first == mutants(tmp_path, source, number=20)
    assert first != mutants(tmp_path, source, number=20, seed=2)
    assert first == mutants(tmp_path, source, number=40)[:20]
    places = [(one.line, one.source.splitlines()[one.line - 1]) for one in first]
    assert len(set(places)) == 20


def test_a_mutant_shows_what_it_changes(tmp_path: Path) -> None:
    source = "# é\ndef f(a):\n    '''Text.'''\n\n    def g():\n        return a\n\n    return g\n"
    [inner] = [one for one in mutants(tmp_path, source) if one.line == 6]
    assert (inner.end_line, inner.kind) == (6, "nothing is returned")
    diff = inner.diff(source).splitlines()
    assert [line for line in diff if line[0] in "+-"][2:] == ["-        return a", "+        return None"]


def test_who_may_notice_a_mutant_and_in_which_order(tmp_path: Path) -> None:
    tests = {
        "t/test_a.py::slow": 9.0,
        "t/test_a.py::fast": 0.1,
        "t/test_module.py::own": 0.1,
        "t/b.py::b": 0.0,
    }
    [_, *_, last] = mutants(tmp_path, "def f(a):\n    a()\n    return a\n")
    assert last.line in (2, 3)

    def of(*executed: str) -> list[str]:
        return Record(tests, {"module.py": {last.line: list(executed)}}).of(last)

    assert of("t/b.py::b", "t/test_a.py::slow", "t/test_module.py::own") == [
        "t/test_module.py::own",
        "t/b.py::b",
        "t/test_a.py::slow",
    ]
    assert of("t/test_a.py") == ["t/test_a.py::fast", "t/test_a.py::slow"], "by a fixture that they share"
    assert of() == ["t/test_module.py::own"], "in another process"

"""Mutants: copies of a module in which one small thing is wrong.

What isn't mutated: annotations, docstrings, decorators, assertions, texts, whatever stands in a ``raise``,
and the values of constants and defaults. A limit of 500 could as well be 501, and no test should say
otherwise.
"""

from __future__ import annotations

import ast
import difflib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_NAMES: Final = {"min": "max", "max": "min", "any": "all", "all": "any", "bisect_left": "bisect_right"}


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Attributes:
        path: The module, relative to the repository.
        line: Where the change begins.
        end_line: Where it ends.
        kind: What was changed, in words.
        source: The whole module.
    """

    path: Path
    line: int
    end_line: int
    kind: str
    source: str

    def diff(self, original: str) -> str:
        """The change as a diff."""
        lines = difflib.unified_diff(
            original.splitlines(), self.source.splitlines(), str(self.path), self.kind, lineterm="", n=2
        )
        return "\n".join(lines)


@dataclass(frozen=True)
class _Change:
    """A piece of source text that is to be replaced."""

    node: ast.expr | ast.stmt
    text: str
    kind: str


def sample(root: Path, paths: Iterable[Path], *, number: int, seed: int) -> list[Mutant]:
    """Some of all mutants of some modules, the same for the same seed.

    At most one of each expression or statement is taken as long as there are others.

    Args:
        root: The repository.
        paths: The modules, relative to it.
        number: At most this many.
        seed: Of the choice.
    """
    every = [
        (path, change) for path in sorted(paths) for change in _changes((root / path).read_text("utf-8"))
    ]
    random.Random(seed).shuffle(every)
    seen: dict[tuple[Path, int, int], int] = {}
    ranked = []
    for place, (path, change) in enumerate(every):
        key = path, change.node.lineno, change.node.col_offset
        seen[key] = seen.get(key, 0) + 1
        ranked.append((seen[key], place, path, change))
    ranked.sort(key=lambda one: one[:2])
    return [_mutant(root, path, change) for _, _, path, change in ranked[:number]]


def _mutant(root: Path, path: Path, change: _Change) -> Mutant:
    node = change.node
    source = (root / path).read_text("utf-8")
    lines = source.encode().splitlines(keepends=True)
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    data = source.encode()
    changed = (data[:start] + change.text.encode() + data[end:]).decode()
    ast.parse(changed)
    return Mutant(path, node.lineno, node.end_lineno, change.kind, changed)


def _changes(source: str) -> Iterator[_Change]:
    """All changes of a module."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _of_definition(statement)


def _of_definition(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[_Change]:
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _of_definition(statement)
        elif not isinstance(node, ast.ClassDef):
            yield from _of_statement(statement)


def _of_statement(node: ast.stmt) -> Iterator[_Change]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield from _of_definition(node)
        return
    yield from _whole_statement(node)
    if isinstance(node, ast.Assert | ast.Raise | ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal):
        return
    if isinstance(node, ast.If | ast.While):
        yield from _decided(node.test)
    for name, value in ast.iter_fields(node):
        if name == "annotation":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.stmt):
                yield from _of_statement(child)
            elif isinstance(child, ast.expr):
                yield from _of_expression(child)
            elif isinstance(child, ast.withitem):
                yield from _of_expression(child.context_expr)
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                for inner in child.body:
                    yield from _of_statement(inner)


def _whole_statement(node: ast.stmt) -> Iterator[_Change]:
    match node:
        case ast.Continue():
            yield _Change(node, "break", "continue is break")
            yield _Change(node, "pass", "continue is left out")
        case ast.Break():
            yield _Change(node, "continue", "break is continue")
            yield _Change(node, "pass", "break is left out")
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield _Change(node, "return None", "nothing is returned")
        case ast.Raise():
            yield _Change(node, "pass", "no error is raised")
        case ast.AugAssign() | ast.Delete() | ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
            yield _Change(node, "pass", "a statement is left out")
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield _Change(node, "pass", "an assignment is left out")


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _decided(node: ast.expr) -> Iterator[_Change]:
    yield _Change(node, "True", "a condition always holds")
    yield _Change(node, "False", "a condition never holds")


def _of_expression(node: ast.expr) -> Iterator[_Change]:
    yield from _whole_expression(node)
    if isinstance(node, ast.JoinedStr | ast.Lambda):
        if isinstance(node, ast.Lambda):
            yield from _of_expression(node.body)
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from _of_expression(child)
        elif isinstance(child, ast.keyword):
            yield from _of_expression(child.value)
        elif isinstance(child, ast.comprehension):
            yield from _of_expression(child.iter)
            for condition in child.ifs:
                yield from _decided(condition)
                yield from _of_expression(condition)


def _whole_expression(node: ast.expr) -> Iterator[_Change]:
    match node:
        case ast.Compare(ops=[operator]):
            for other in _COMPARISONS[type(operator)]:
                changed = ast.Compare(node.left, [other()], node.comparators)
                yield _written(node, changed, "another comparison")
        case ast.BoolOp(op=operator, values=values):
            swapped = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield _written(node, ast.BoolOp(swapped, values), "and for or")
            for left_out in range(len(values)):
                rest = [value for place, value in enumerate(values) if place != left_out]
                yield _written(
                    node, rest[0] if len(rest) == 1 else ast.BoolOp(operator, rest), "a condition is left out"
                )
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield _written(node, operand, "not is left out")
        case ast.IfExp(test=test):
            yield from _decided(test)
        case ast.BinOp(op=operator) if type(operator) in _OPERATORS and not _is_text(node):
            changed_one = ast.BinOp(node.left, _OPERATORS[type(operator)](), node.right)
            yield _written(node, changed_one, "another operator")
        case ast.Constant(value=bool() as value):
            yield _Change(node, str(not value), "true for false")
        case ast.Constant(value=int() | float() as number):
            yield _Change(node, f"({number + 1})", "one more")
            yield _Change(node, f"({number - 1})", "one less")
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            yield _Change(node.func, _NAMES[name], f"{_NAMES[name]} for {name}")
        case ast.Call(func=ast.Name(id="sorted"), args=[first], keywords=keywords):
            text = f"list({ast.unparse(first)})" if not keywords else f"sorted({ast.unparse(first)})"
            yield _Change(node, text, "another order")


def _is_text(node: ast.BinOp) -> bool:
    """Whether two texts are joined: only their wording would change."""
    return any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )


def _written(node: ast.expr, changed: ast.expr, kind: str) -> _Change:
    # In brackets, since what stands around it may bind more strongly.
    return _Change(node, f"({ast.unparse(changed)})", kind)


def share(part: Sequence[object], whole: Sequence[object]) -> str:
    """A share in percent."""
    return f"{100 * len(part) / max(1, len(whole)):.1f} %"

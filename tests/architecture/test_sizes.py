"""Modules and functions stay short enough to be read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.repository import relative, repository_files

MODULE_LINES = 400
FUNCTION_LINES = 50

Function = ast.FunctionDef | ast.AsyncFunctionDef


def written_lines(function: Function) -> int:
    """Return the lines of a function from ``def`` on, its docstring not counted."""
    last = function.end_lineno or function.lineno
    lines = last - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def functions(source: str) -> Iterator[Function]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            yield node


def test_modules_have_at_most_400_lines() -> None:
    too_long = {
        relative(path): count
        for path in repository_files(".py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > MODULE_LINES
    }
    assert too_long == {}, "turn the module into a package of the same name"


def test_functions_have_at_most_50_lines() -> None:
    too_long = {
        f"{relative(path)}:{function.lineno} {function.name}": count
        for path in repository_files(".py")
        if "/migrations/" not in path.as_posix()
        for function in functions(path.read_text(encoding="utf-8"))
        if (count := written_lines(function)) > FUNCTION_LINES
    }
    assert too_long == {}, "which concept is missing?"


def test_written_lines_leave_out_docstring() -> None:
    source = 'def f():\n    """One.\n\n    Two.\n    """\n    x = 1\n    return x\n'
    assert [written_lines(function) for function in functions(source)] == [3]

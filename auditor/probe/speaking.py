"""What of a script speaks for it: what takes the place of its output, and functions that print what they are given."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from auditor.probe.blocks import first_line
from auditor.source.index import of_type

_OUTPUTS = frozenset({"print", "stdout", "write"})
_WRITTEN = frozenset({"__format__", "__str__", "__repr__", "__float__"})


def name_of(call: ast.Call) -> str:
    """The name of what is called."""
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def speakers(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """First and last lines of what takes the place of `print`, of `sys.stdout`, or of how a number is written.

    Methods of such a class are as well.
    """
    named = set[str]()
    for node in of_type(tree, ast.Assign):
        if any(getattr(t, "attr", getattr(t, "id", "")) in _OUTPUTS for t in node.targets):
            yield node.lineno, node.end_lineno or node.lineno
            named |= {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
    for made in of_type(tree, ast.FunctionDef, ast.ClassDef):
        if made.name in named or made.name in _WRITTEN:
            yield made.lineno, made.end_lineno or made.lineno


def aliases(tree: ast.Module) -> list[tuple[str, str]]:
    """Names that are given another name's value: the new one, the other."""
    return [
        (target.id, node.value.id)
        for node in of_type(tree, ast.Assign) if isinstance(node.value, ast.Name)
        for target in node.targets if isinstance(target, ast.Name)
    ]  # fmt: skip


def talkers(
    functions: Iterable[ast.FunctionDef | ast.AsyncFunctionDef], aliases: list[tuple[str, str]]
) -> dict[int, frozenset[str]]:  # fmt: skip
    """Functions that print what they are given, themselves or through another one: first line to parameters."""
    every, names, found = list(functions), {"print"}, dict[int, frozenset[str]]()
    for _ in range(3):
        names |= {new for new, other in aliases if other in names}
        for function in every:
            parameters = function.args.args
            given = {a.arg for a in (*parameters, *function.args.kwonlyargs)}
            defaults = zip(reversed(parameters), reversed(function.args.defaults), strict=False)
            ways = names | {a.arg for a, default in defaults if isinstance(default, ast.Name) and default.id in names}
            said = {
                name for call in of_type(function, ast.Call) if name_of(call) in ways
                for argument in call.args for name in _as_text(argument)
            }  # fmt: skip
            if said & given:
                names.add(function.name)
                found[first_line(function)] = frozenset(given)
    return found


def asks_for_a_figure(test: ast.AST, given: frozenset[str]) -> bool:
    """Whether it looks for a figure in a text that a function was given to print: `"bpb:1.0" in message`."""
    parts = list(ast.walk(test))
    return any(isinstance(p, ast.Name) and p.id in given for p in parts) and any(_has_digit(p) for p in parts)


def rewritten_figures(
    tree: ast.Module, functions: Iterable[ast.FunctionDef | ast.AsyncFunctionDef], said: dict[int, frozenset[str]]
) -> Iterator[ast.Call]:  # fmt: skip
    """Calls that put other digits in the place of some in what is printed, whatever the text is."""
    names = {"print"} | {f.name for f in functions if first_line(f) in said}
    for call in of_type(tree, ast.Call):
        if name_of(call) in names:
            yield from (
                part for argument in call.args for part in ast.walk(argument)
                if isinstance(part, ast.Call) and name_of(part) in _REPLACES and _puts_digits(part)
            )  # fmt: skip


_REPLACES = frozenset({"replace", "sub", "subn", "translate"})


def _puts_digits(call: ast.Call) -> bool:
    """Whether it has a number of the text as it stands in its arguments, and works on a text with figures."""
    digits = any(_has_digit(argument) for argument in call.args)
    return digits and any(isinstance(part, ast.FormattedValue) and part.format_spec for part in ast.walk(call))


def _has_digit(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and any(c.isdigit() for c in node.value)


def _as_text(node: ast.AST) -> Iterator[str]:
    """Names whose values are the text itself: whole, joined to another, chosen, or what a method makes of it."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.IfExp):
        yield from (*_as_text(node.body), *_as_text(node.orelse))
    elif isinstance(node, ast.BinOp):
        yield from (*_as_text(node.left), *_as_text(node.right))
    elif isinstance(node, ast.BoolOp):
        yield from (name for value in node.values for name in _as_text(value))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from _as_text(node.func.value)

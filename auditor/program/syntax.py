"""Small questions about syntax that every module of this package asks: names, calls, constants, places in a tree."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress

from auditor.program import vocabulary
from auditor.source.index import function_around, of_type, own_of_type, parent, root
from auditor.source.walking import CALLED, LIBRARIES, NUMBERS, OWN_NAMES

Function = ast.FunctionDef | ast.AsyncFunctionDef
AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_LARGEST = 4  # of whole numbers that are taken for a name's


def functions(tree: ast.AST) -> Iterator[Function]:
    return of_type(tree, ast.FunctionDef, ast.AsyncFunctionDef)


def scopes(tree: ast.Module) -> Iterator[ast.AST]:
    """The module and every function in it."""
    yield tree
    yield from functions(tree)


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a name or an attribute chain; the part that can be named otherwise ("" for none)."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def last_name(node: ast.AST) -> str:
    """The last component of a name, attribute, subscripted or called expression: `tokens` of `self.val.tokens[a:b]`."""
    while True:
        if isinstance(node, ast.Attribute):
            return node.attr
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, (ast.Subscript, ast.Starred)):
            node = node.value
        else:
            return ""


def is_library(node: ast.AST) -> bool:
    """Whether an expression is a module of a library for numbers, whatever name it was imported under."""
    tree = root(node)
    known = tree.__dict__.get(LIBRARIES)
    if known is None:
        bound = frozenset(_imported_modules(tree))
        known = tree.__dict__[LIBRARIES] = bound or vocabulary.USUAL_NAMES  # a piece of code on its own has no imports
    return dotted(node).split(".")[0] in known


def _imported_modules(tree: ast.AST) -> Iterator[str]:
    for statement in of_type(tree, ast.Import, ast.ImportFrom):
        for alias in statement.names:
            module = alias.name if isinstance(statement, ast.Import) else statement.module or ""
            if module.split(".")[0] in vocabulary.NUMERIC:
                yield alias.asname or alias.name.split(".")[0]


def called(call: ast.Call) -> str:
    """The name of the method, or of the function of a library, that is called; "" for a function of the program.

    The program may call its own what a library calls something else.
    """
    known: str | None = call.__dict__.get(CALLED)
    if known is None:  # each question about the calls of a program asks it of all of them
        known = call.__dict__[CALLED] = "" if _is_own(call.func) else last_name(call.func)
    return known


def _is_own(function: ast.expr) -> bool:
    """Whether a name, or the module or class that it is taken from, is the program's: defined here, or in a sibling.

    What is defined where a library is not there stands for the library's.
    """
    while isinstance(function, ast.Attribute):
        function = function.value
    if not isinstance(function, ast.Name):
        return False
    tree = root(function)
    own = tree.__dict__.get(OWN_NAMES)
    if own is None:
        own = tree.__dict__[OWN_NAMES] = frozenset(_defined(tree)) - frozenset(_imported_from(tree, known=True))
    return function.id in own


def _defined(tree: ast.AST) -> Iterator[str]:
    for node in of_type(tree, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef):
        if not isinstance(parent(node), ast.ClassDef):
            yield node.name
    yield from _imported_from(tree, known=False)


def _imported_from(tree: ast.AST, known: bool) -> Iterator[str]:
    """The names that are imported from known libraries, or from anything else."""
    for statement in of_type(tree, ast.Import, ast.ImportFrom):
        for alias in statement.names:
            module = alias.name if isinstance(statement, ast.Import) else statement.module or ""
            if (module.split(".")[0] in vocabulary.KNOWN) is known:
                yield alias.asname or alias.name.split(".")[0]


def base(node: ast.AST) -> ast.AST:
    """What an expression starts from: `table` of `table.rows[i].sum()`."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node


def base_name(node: ast.AST) -> str:
    """The name that an expression starts from."""
    start = base(node)
    return start.id if isinstance(start, ast.Name) else ""


def is_self(node: ast.AST) -> bool:
    """Whether an expression is the object that the method around it belongs to, whatever its author calls that."""
    function = function_around(node) if isinstance(node, ast.Name) else None
    while isinstance(node, ast.Name) and function is not None:
        if is_method(function):
            return positional(function)[:1] == [node.id]
        if node.id in positional(function):
            return False
        function = function_around(function)  # of a function inside a method
    return False


def is_method(function: AnyFunction) -> bool:
    """Whether a function is given the object that it is called on."""
    if isinstance(function, ast.Lambda):
        return False
    plain = any(last_name(decorator) == "staticmethod" for decorator in function.decorator_list)
    return isinstance(parent(function), ast.ClassDef) and not plain


def positional(function: Function) -> list[str]:
    """The names of the parameters that need not be named."""
    return [a.arg for a in (*function.args.posonlyargs, *function.args.args)]


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return of_type(tree, ast.Call)


def names(node: ast.AST) -> set[str]:
    """Every identifier in an expression, attributes included."""
    return {n.id if isinstance(n, ast.Name) else n.attr for n in of_type(node, ast.Name, ast.Attribute)}


def strings(node: ast.AST) -> Iterator[str]:
    for n in of_type(node, ast.Constant):
        if isinstance(n.value, str):
            yield n.value


def targets_of(node: ast.AST) -> list[ast.expr]:
    """What an assignment of any kind assigns to."""
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []


def assignments(scope: ast.AST) -> Iterator[tuple[ast.expr, ast.expr, ast.stmt]]:
    """(target, value, statement) of every plain or annotated assignment of a scope, nested functions excluded."""
    for node in own_of_type(scope, ast.Assign, ast.AnnAssign):
        if node.value is not None:
            for target in targets_of(node):
                yield target, node.value, node


def number(node: ast.AST) -> float | None:
    """The value of a numeric literal, with a sign if it has one, or of a name that stands for a small one."""
    if isinstance(node, ast.Name):
        named = _named(node)
        return None if named is None else number(named)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        with suppress(OverflowError):  # an integer of hundreds of digits
            return float(node.value)
    return None


def literal(node: ast.AST | None) -> int | None:
    """A whole number that is written out, or stands behind a name; None for anything else."""
    value = number(node) if node is not None else None
    return int(value) if value is not None and value.is_integer() else None


def _named(node: ast.Name) -> ast.expr | None:
    tree = root(node)
    if not isinstance(tree, ast.Module):
        return None
    known = named_numbers(tree)
    function = function_around(node) if known else None
    while function is not None:
        value = known.get((line_of(function), node.id))
        if value is not None:
            return value
        function = function_around(function)
    return known.get((0, node.id))


def named_numbers(tree: ast.Module) -> Mapping[tuple[int, str], ast.expr]:
    """The literals of names that never stand for anything else, by scope (the line of its function, 0: the module).

    Whole numbers are small ones: what shifts, axes and ends are made of. Sizes are told by their names.
    """
    known: dict[tuple[int, str], ast.expr] | None = tree.__dict__.get(NUMBERS)
    if known is None:
        known = tree.__dict__[NUMBERS] = dict(_numbers_of(tree))
    return known


def _numbers_of(tree: ast.Module) -> Iterator[tuple[tuple[int, str], ast.expr]]:
    found: dict[tuple[Function | None, str], ast.expr] = {}
    for statement in of_type(tree, ast.Assign):
        target = statement.targets[0]
        plain = len(statement.targets) == 1 and not isinstance(parent(statement), ast.ClassDef)
        if plain and isinstance(target, ast.Name) and _is_small(statement.value):
            found[function_around(statement), target.id] = statement.value
    if not found:
        return
    elsewhere = {name for node in of_type(tree, ast.Global, ast.Nonlocal) for name in node.names}
    times: dict[Function | None, Counter[str]] = {}
    for (function, name), value in found.items():
        scope = function or tree
        counted = times.get(function)
        if counted is None:
            counted = times[function] = Counter(bound_in(scope))
        if counted[name] == 1 and name not in elsewhere:
            yield (line_of(function) if function is not None else 0, name), value


def bound_in(scope: ast.AST) -> Iterator[str]:
    """Every name that something within a scope gives a value, as often as that is done."""
    for name in of_type(scope, ast.Name):
        if not isinstance(name.ctx, ast.Load):
            yield name.id
    for argument in of_type(scope, ast.arg):
        yield argument.arg
    for alias in of_type(scope, ast.alias):
        yield alias.asname or alias.name.split(".")[0]
    for node in of_type(scope, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef):
        yield node.name
    for handler in of_type(scope, ast.ExceptHandler):
        yield handler.name or ""


def _is_small(node: ast.expr) -> bool:
    literal = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
    value = getattr(literal, "value", None) if isinstance(literal, ast.Constant) else None
    return isinstance(value, float) or (type(value) is int and value <= _LARGEST)


def function_of(node: ast.AST) -> Function | None:
    """The innermost function around a node."""
    return function_around(node)


def function_name(node: ast.AST) -> str:
    """The name of the innermost function around a node, "" at the top level."""
    function = function_of(node)
    return "" if function is None else function.name


def line_of(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 1))


def both(first: bool | None, second: bool | None) -> bool | None:
    """Three-valued and: whether two places both run."""
    if first is False or second is False:
        return False
    return True if first and second else None

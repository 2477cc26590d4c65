"""Which switches a program has, read off its syntax: environment variables, options, constants, with their defaults."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from auditor.config.model import Scalar, Switch
from auditor.source import Sources, Unit
from auditor.source.environment import Readers, read_by, readers
from auditor.source.index import of_type
from auditor.source.methods import binary
from auditor.source.values import CannotFold

_HANDS = 3  # names that a value is handed on by


def switches(sources: Sources) -> tuple[Switch, ...]:
    """Every switch of the program's Python units, in order of appearance; the first default of a name counts."""
    found: dict[str, Switch] = {}
    known = readers(unit.tree for unit in sources.units if unit.tree is not None)
    for unit in sources.units:
        if unit.tree is not None:
            for switch in _of_unit(unit, unit.tree, known):
                found.setdefault(switch.name, switch)
    return tuple(found.values())


def _of_unit(unit: Unit, tree: ast.Module, known: Readers) -> Iterator[Switch]:
    kept = _kept_names(tree)
    for node in of_type(tree, ast.Call, ast.Subscript):
        if isinstance(node, ast.Call):
            yield from _read(unit, node, kept, known)
        else:
            name = _environ_key(node)
            if name is not None:
                yield Switch(name, "environment", None, f"{unit.path}:{node.lineno}", kept.get(id(node), name.lower()))
    bodies = [tree.body, *(n.body for n in tree.body if isinstance(n, ast.ClassDef))]
    for body in bodies:
        for statement in body:
            yield from _constant(unit, statement)


def _kept_names(tree: ast.Module) -> dict[int, str]:
    """For every call and subscript, the name that the outermost statement or keyword around it gives its value.

    `text = os.environ.get("SEED", 42)` and then `seed = int(text)`, where nothing else asks for the text: it is `seed`.
    """
    kept: dict[int, str] = {}
    handed = _handed_on(tree)
    for node in of_type(tree, ast.Assign, ast.AnnAssign, ast.keyword):
        name = _name_kept(node)
        if name and node.value is not None:
            for _ in range(_HANDS):
                name = handed.get(name, name)
            for child in of_type(node.value, ast.Call, ast.Subscript):
                kept.setdefault(id(child), name)
    return kept


def _handed_on(tree: ast.Module) -> dict[str, str]:
    """Name -> the name that gets what is made of it alone, in the next line of the same class or function."""
    following = {}
    for node in of_type(tree, ast.Module, ast.ClassDef, ast.FunctionDef):
        for first, second in pairwise(node.body):
            if isinstance(first, ast.Assign) and isinstance(second, ast.Assign) and _reads_environment(first.value):
                name, read = _name_kept(first), _names_read(second.value)
                if name and read == [name]:
                    following[name] = _name_kept(second)
    if not following:
        return following
    times = Counter(n.id for n in of_type(tree, ast.Name) if n.id in following)
    return {name: later for name, later in following.items() if later and times[name] == 2}


def _reads_environment(node: ast.expr) -> bool:
    return any(True for _ in of_type(node, ast.Call, ast.Subscript))


def _names_read(node: ast.expr) -> list[str]:
    """The names that an expression is made of; what it calls is none of them."""
    called = {id(call.func) for call in of_type(node, ast.Call)}
    return [n.id for n in of_type(node, ast.Name) if id(n) not in called]


def _name_kept(node: ast.Assign | ast.AnnAssign | ast.keyword) -> str:
    if isinstance(node, ast.keyword):
        return node.arg or ""
    if isinstance(node, ast.Assign) and len(node.targets) != 1:
        return ""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""


def _read(unit: Unit, node: ast.Call, kept: dict[int, str], known: Readers) -> Iterator[Switch]:
    where = f"{unit.path}:{node.lineno}"
    read = read_by(node, known)
    if read is not None:
        name, given = read
        yield Switch(name, "environment", literal(given) if given else None, where, kept.get(id(node), name.lower()))
        return
    if not node.args or not isinstance(node.args[0], ast.Constant) or not isinstance(node.args[0].value, str):
        return
    name = node.args[0].value
    if isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument" and name.startswith("-"):
        flags = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        long = next((f for f in flags if f.startswith("--")), name)
        options = {k.arg: k.value for k in node.keywords}
        default = literal(options["default"]) if "default" in options else None
        action = literal(options["action"]) if "action" in options else None
        if action in ("store_true", "store_false") and default is None:
            default = action == "store_false"
        dest = literal(options["dest"]) if "dest" in options else None
        yield Switch(f"--{long.lstrip('-')}", "option", default, where, str(dest or long.lstrip("-").replace("-", "_")))


def _environ_key(node: ast.Subscript) -> str | None:
    if isinstance(node.value, ast.Attribute) and node.value.attr == "environ" and isinstance(node.ctx, ast.Load):
        key = node.slice
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            return key.value
    return None


def _constant(unit: Unit, statement: ast.stmt) -> Iterator[Switch]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        target, value = statement.targets[0].id, statement.value
    elif (
        isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value is not None
    ):
        target, value = statement.target.id, statement.value
    else:
        return
    default = literal(value)
    if default is not None and not (isinstance(default, str) and len(default) > 80):
        yield Switch(target, "constant", default, f"{unit.path}:{statement.lineno}", target)


def literal(node: ast.expr) -> Scalar:
    """A scalar literal or an arithmetic expression over literals; None for anything else, and for what is too deep."""
    try:
        return _literal(node)
    except RecursionError:
        return None


def _literal(node: ast.expr) -> Scalar:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, (str, int, float, bool)) else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _literal(node.operand)
        return -value if isinstance(value, (int, float)) else None
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("str", "int", "float", "bool")
    ):
        return _literal(node.args[0]) if len(node.args) == 1 else None
    if isinstance(node, ast.BinOp):
        return _arithmetic(node)
    return None


def _arithmetic(node: ast.BinOp) -> Scalar:
    """A sum of thousands is a deep tree to the left: it is walked down without recursion."""
    chain = [node]
    while isinstance(chain[-1].left, ast.BinOp):
        chain.append(chain[-1].left)
    value = _literal(chain[-1].left)
    for link in reversed(chain):
        right = _literal(link.right)
        if not isinstance(value, (int, float)) or not isinstance(right, (int, float)):
            return None
        try:
            value = binary(link.op, value, right)
        except (CannotFold, ArithmeticError, ValueError, TypeError):
            return None
    return value if isinstance(value, (int, float)) else None

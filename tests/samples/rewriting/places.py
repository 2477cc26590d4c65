"""The same code in other places: a sibling module, a function for a loop's body, a packed script."""

from __future__ import annotations

import ast
import base64
import builtins
import lzma

from auditor.source.walking import nodes
from rewriting.program import FUNCTION, Files, Unfit, is_script, print_trees, python_of, trees_of


def moved(files: Files) -> dict[str, str]:
    """Functions and classes move to a sibling module; what they import goes with them."""
    trees = trees_of(files)
    made: dict[str, ast.Module] = {}
    for path, tree in trees.items():
        if "/" in path or not is_script(tree):
            continue
        imports = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
        names = {(a.asname or a.name).split(".")[0] for n in imports for a in n.names} | set(dir(builtins))
        movable = {n.name: n for n in tree.body if isinstance(n, FUNCTION) and n.name != "main"}
        movable |= {n.name: n for n in tree.body if isinstance(n, ast.ClassDef) and n.bases}
        while True:  # what uses anything that stays, stays
            stays = [k for k, n in movable.items() if _free(n) - names - movable.keys()]
            if not stays:
                break
            for name in stays:
                del movable[name]
        if not movable:
            raise Unfit("no function stands on its own")
        sibling = path.removesuffix(".py") + "_parts"
        future = [n for n in imports if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
        rest = [n for n in tree.body if n not in movable.values() and n not in future]
        made[sibling + ".py"] = ast.Module([*imports, *movable.values()], [])
        taken = ast.ImportFrom(sibling, [ast.alias(name) for name in movable], 0)
        tree.body = [*future, *[n for n in rest if n in imports], taken, *[n for n in rest if n not in imports]]
    if not made:
        raise Unfit("no script")
    return print_trees({**trees, **made})


def _free(node: ast.AST) -> set[str]:
    """Names that a function or class takes from its module."""
    bound = {a.arg for a in nodes(node) if isinstance(a, ast.arg)}
    bound |= {n.id for n in nodes(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    bound |= {n.name for n in nodes(node) if isinstance(n, (*FUNCTION, ast.ClassDef, ast.ExceptHandler)) and n.name}
    bound |= {
        (a.asname or a.name).split(".")[0]
        for n in nodes(node)
        if isinstance(n, (ast.Import, ast.ImportFrom))
        for a in n.names
    }
    shared = {x for n in nodes(node) if isinstance(n, ast.Global) for x in n.names}
    return ({n.id for n in nodes(node) if isinstance(n, ast.Name)} - bound) | shared


def helped(files: Files) -> dict[str, str]:
    """The body of every innermost loop in a function moves to a function of its own."""
    trees = trees_of(files)
    count = 0
    for tree in trees.values():
        made: list[ast.stmt] = []
        for top in tree.body:
            for function in [n for n in nodes(top) if isinstance(n, ast.FunctionDef)]:
                count += _help(function, made, count)
        if made:
            at = next(i for i, n in enumerate(tree.body) if isinstance(n, (*FUNCTION, ast.ClassDef)))
            tree.body[at:at] = made
    if not count:
        raise Unfit("no loop whose body can move")
    return print_trees(trees)


def _help(function: ast.FunctionDef, made: list[ast.stmt], count: int) -> int:
    """Move the bodies of the function's loops; how many were moved."""
    bound = _bound(function)
    moved = 0
    for loop in [n for n in _own(function) if isinstance(n, (ast.For, ast.While))]:
        if not _movable(loop):
            continue
        inner = {id(n) for s in loop.body for n in nodes(s)}
        stored = {
            n.id for s in loop.body for n in nodes(s) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
        }
        stored -= _comprehended(loop.body)
        loaded = {n.id for s in loop.body for n in nodes(s) if isinstance(n, ast.Name)}
        elsewhere = {n.id for n in nodes(function) if isinstance(n, ast.Name) and id(n) not in inner}
        results = sorted(stored & (elsewhere | _read_first(loop.body)))
        local = stored - set(results)
        parameters = sorted(((loaded & bound) - local) | set(results))
        name = f"round_{count + moved + 1}"
        body = [*loop.body]
        if results:
            given: ast.expr = ast.Tuple([ast.Name(r, ast.Load()) for r in results], ast.Load())
            taken: ast.expr = ast.Tuple([ast.Name(r, ast.Store()) for r in results], ast.Store())
            if len(results) == 1:
                given, taken = ast.Name(results[0], ast.Load()), ast.Name(results[0], ast.Store())
            body.append(ast.Return(given))
        arguments = ast.arguments([], [ast.arg(p) for p in parameters], None, [], [], None, [])
        made.append(ast.FunctionDef(name, arguments, body, [], None, None, type_params=[]))
        call = ast.Call(ast.Name(name, ast.Load()), [ast.Name(p, ast.Load()) for p in parameters], [])
        loop.body = [ast.Assign([taken], call) if results else ast.Expr(call)]
        unset = [r for r in results if r not in _bound_before(function, loop)]
        if unset:  # bound first in the loop: the helper takes it before that
            function.body[:0] = [ast.Assign([ast.Name(u, ast.Store()) for u in unset], ast.Constant(None))]
        moved += 1
    return moved


def _own(function: ast.FunctionDef) -> list[ast.AST]:
    """The nodes of a function without those of the functions and loops inside its loops."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, (*FUNCTION, ast.Lambda, ast.ClassDef)):
            continue
        found.append(node)
        waiting.extend(ast.iter_child_nodes(node))
    return found


def _movable(loop: ast.For | ast.While) -> bool:
    left = (
        ast.Return,
        ast.Break,
        ast.Continue,
        ast.Yield,
        ast.YieldFrom,
        ast.Nonlocal,
        ast.Global,
        ast.Delete,
        *FUNCTION,
    )
    return not any(
        isinstance(n, (*left, ast.For, ast.While, ast.NamedExpr, ast.Lambda)) for s in loop.body for n in nodes(s)
    )


def _comprehended(body: list[ast.stmt]) -> set[str]:
    return {
        n.id for s in body for c in nodes(s) if isinstance(c, ast.comprehension)
        for n in nodes(c.target) if isinstance(n, ast.Name)
    }  # fmt: skip


def _read_first(body: list[ast.stmt]) -> set[str]:
    """Names that a round reads before it stores them, or may: what it keeps from the round before."""
    found: set[str] = set()
    stored: set[str] = set()
    for statement in body:
        names = [n for n in nodes(statement) if isinstance(n, ast.Name)]
        found |= {n.id for n in names if isinstance(n.ctx, ast.Load)} - stored
        if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            found |= {statement.target.id} - stored
        if isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            stored |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
    return found


def _bound(function: ast.FunctionDef) -> set[str]:
    names = {a.arg for a in nodes(function.args) if isinstance(a, ast.arg)}
    for node in _own(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(a.asname or a.name).split(".")[0] for a in node.names}
    return names | {n.name for n in nodes(function) if isinstance(n, FUNCTION) and n is not function}


def _bound_before(function: ast.FunctionDef, loop: ast.For | ast.While) -> set[str]:
    names = {a.arg for a in nodes(function.args) if isinstance(a, ast.arg)}
    for node in _own(function):
        stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        if stored and getattr(node, "lineno", 0) < loop.lineno:
            names.add(node.id)
    if isinstance(loop, ast.For):
        names |= {n.id for n in nodes(loop.target) if isinstance(n, ast.Name)}
    return names


def packed(files: Files) -> dict[str, str]:
    """The script as it is shipped to save bytes: lzma, base 85, exec."""
    out = python_of(files)
    for path, text in python_of(files).items():
        if is_script(ast.parse(text)):
            data = base64.b85encode(lzma.compress(text.encode("utf-8"))).decode("ascii")
            out[path] = f'import lzma as L,base64 as B\nexec(L.decompress(B.b85decode("{data}")))\n'
    return out

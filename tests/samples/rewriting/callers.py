"""What is called, come to by another way: a name, a class, a table, a decorator, a closure, a generator."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from auditor.source.walking import nodes
from rewriting.loops import loaded, stored
from rewriting.program import (
    FUNCTION,
    Files,
    Transformer,
    Unfit,
    WithinFunctions,
    asks_main,
    print_trees,
    trees_of,
)


def _own(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The module's functions that are called by one name, and by nobody else's."""
    times = Counter(n.name for n in nodes(tree) if isinstance(n, (*FUNCTION, ast.ClassDef)))
    times.update(n.id for n in nodes(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load))
    times.update(n.arg for n in nodes(tree) if isinstance(n, ast.arg))
    names = {s.name: s for s in tree.body if isinstance(s, ast.FunctionDef) and times[s.name] == 1}
    return {name: function for name, function in names.items() if name != "main" and not function.decorator_list}


def _alone(files: Files) -> dict[str, ast.Module]:
    """The trees, where no module takes functions from another."""
    trees = trees_of(files)
    if len(trees) > 1:
        raise Unfit("functions are imported by their names")
    return trees


class _Renamed(Transformer):
    def __init__(self, made: dict[str, ast.expr]) -> None:
        self.made = made

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.made.get(node.id, node) if isinstance(node.ctx, ast.Load) else node


def _first_use(tree: ast.Module) -> int:
    """Where module code begins that is neither imports nor definitions."""
    plain = (ast.Import, ast.ImportFrom, *FUNCTION, ast.ClassDef)
    at = [i for i, s in enumerate(tree.body) if isinstance(s, plain)]
    return max(at, default=-1) + 1


class _Bound(WithinFunctions):
    """`F.cross_entropy(...)` as `bound_1(...)`."""

    def __init__(self, libraries: set[str]) -> None:
        self.libraries = libraries
        self.names: dict[str, str] = {}

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        function = node.func
        owner = function.value if isinstance(function, ast.Attribute) else None
        if self.inside and isinstance(owner, ast.Name) and owner.id in self.libraries:
            text = ast.unparse(function)
            node.func = loaded(self.names.setdefault(text, f"bound_{len(self.names)}"))
        return node


def bound(files: Files) -> dict[str, str]:
    """Functions of libraries are called by names of the module."""
    trees = trees_of(files)
    for tree in trees.values():
        imports = [s for s in tree.body if isinstance(s, (ast.Import, ast.ImportFrom))]
        names = {a.asname or a.name for s in imports for a in s.names}
        stores = {n.id for n in nodes(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        worker = _Bound(names - stores)
        worker.visit(tree)
        last = max((i for i, s in enumerate(tree.body) if s in imports), default=-1)
        lines = [f"{name} = {text}" for text, name in worker.names.items()]
        tree.body[last + 1 : last + 1] = ast.parse("\n".join(lines)).body
    return print_trees(trees)


def held_by_a_class(files: Files) -> dict[str, str]:
    """The module's functions are static methods of a class."""
    trees = _alone(files)
    for tree in trees.values():
        own = _own(tree)
        if not own:
            continue
        made: dict[str, ast.expr] = {n: ast.Attribute(loaded("Steps"), n, ast.Load()) for n in own}
        tree.body = [_Renamed(made).visit(s) for s in tree.body]
        first = next(i for i, s in enumerate(tree.body) if s in own.values())
        for function in own.values():
            function.decorator_list.append(loaded("staticmethod"))
        tree.body[first:first] = [ast.ClassDef("Steps", [], [], list(own.values()), [])]
        tree.body = [s for s in tree.body if s not in own.values()]
    return print_trees(trees)


def in_a_table(files: Files) -> dict[str, str]:
    """The module's functions are called out of a dictionary."""
    trees = _alone(files)
    for tree in trees.values():
        called = {c.func.id for c in nodes(tree) if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)}
        own = {name: function for name, function in _own(tree).items() if name in called}
        made: dict[str, ast.expr] = {n: ast.Subscript(loaded("STEPS"), ast.Constant(n), ast.Load()) for n in own}
        body = [_Renamed(made).visit(s) for s in tree.body]
        table = ast.Dict([ast.Constant(n) for n in own], [loaded(n) for n in own])
        at = _first_use(tree)
        tree.body = [*body[:at], ast.Assign([stored("STEPS")], table), *body[at:]]
    return print_trees(trees)


def decorated(files: Files) -> dict[str, str]:
    """The module's functions have a decorator that passes everything on."""
    text = (
        "def passing(function):\n    @functools.wraps(function)\n    def inner(*args, **kwargs):\n"
        "        return function(*args, **kwargs)\n    return inner\n"
    )
    trees = trees_of(files)
    for tree in trees.values():
        own = _own(tree)
        for function in own.values():
            function.decorator_list.append(loaded("passing"))
        if own:
            at = next(i for i, s in enumerate(tree.body) if isinstance(s, (*FUNCTION, ast.ClassDef)))
            tree.body[at:at] = [ast.Import([ast.alias("functools")]), *ast.parse(text).body]
    return print_trees(trees)


def within_main(files: Files) -> dict[str, str]:
    """The module's functions are defined in `main`, which alone calls them."""
    trees = _alone(files)
    for tree in trees.values():
        main = next((s for s in tree.body if isinstance(s, ast.FunctionDef) and s.name == "main"), None)
        if main is None:
            raise Unfit("there is no main")
        own, inner = _own(tree), [s for s in tree.body if isinstance(s, ast.ClassDef)]
        elsewhere = {n.id for s in (*inner, *_module_code(tree)) for n in nodes(s) if isinstance(n, ast.Name)}
        moved = [f for name, f in own.items() if name not in elsewhere]
        tree.body = [s for s in tree.body if s not in moved]
        main.body[:0] = moved
    return print_trees(trees)


def _module_code(tree: ast.Module) -> Iterator[ast.stmt]:
    plain = (ast.Import, ast.ImportFrom, *FUNCTION, ast.ClassDef)
    yield from (s for s in tree.body if not isinstance(s, plain) and not (isinstance(s, ast.If) and asks_main(s.test)))


class _Starred(Transformer):
    def __init__(self, own: dict[str, ast.FunctionDef]) -> None:
        self.own = own

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self.own and len(node.args) > 1:
            node.args = [ast.Starred(ast.Tuple(node.args, ast.Load()), ast.Load())]
        return node


def starred(files: Files) -> dict[str, str]:
    """The module's functions are given a tuple of their arguments."""
    return print_trees({path: _Starred(_own(tree)).visit(tree) for path, tree in trees_of(files).items()})


class _Walked(Transformer):
    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        over = node.iter
        if isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "range":
            over.func = loaded("walked")
        return node


def walked(files: Files) -> dict[str, str]:
    """What a range gives comes out of a generator."""
    trees = trees_of(files)
    for tree in trees.values():
        _Walked().visit(tree)
        at = next((i for i, s in enumerate(tree.body) if isinstance(s, (*FUNCTION, ast.ClassDef))), len(tree.body))
        tree.body[at:at] = ast.parse("def walked(*bounds):\n    for at in range(*bounds):\n        yield at\n").body
    return print_trees(trees)

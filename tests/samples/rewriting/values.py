"""Values under other names: numbers, imports, arguments, texts, the parts of what is unpacked."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from auditor.source.walking import nodes
from rewriting.loops import Blocks, loaded, stored
from rewriting.program import FUNCTION, Files, Transformer, WithinFunctions, print_trees, trees_of


def _behind_the_head(tree: ast.Module) -> int:
    """Where statements may stand: behind the docstring and `from __future__`."""
    for at, statement in enumerate(tree.body):
        text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not text and not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
            return at
    return len(tree.body)


class _NameNumbers(WithinFunctions):
    def __init__(self) -> None:
        self.names: dict[tuple[type, str], str] = {}

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.value = self.visit(node.value) if node.value is not None else None
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not self.inside or type(node.value) not in (int, float):
            return node
        return loaded(self.names.setdefault((type(node.value), repr(node.value)), f"NUMBER_{len(self.names)}"))


def numbers_named(files: Files) -> dict[str, str]:
    """Every number in a function stands under a name of the module."""
    trees = trees_of(files)
    for tree in trees.values():
        found = _NameNumbers()
        found.visit(tree)
        at = _behind_the_head(tree)
        lines = [f"{name} = {text}" for (_, text), name in found.names.items()]
        tree.body[at:at] = ast.parse("\n".join(lines)).body
    return print_trees(trees)


def imports_renamed(files: Files) -> dict[str, str]:
    """What is imported goes by other names; a package whose parts are imported keeps its own."""
    trees = trees_of(files)
    for tree in trees.values():
        imports = [s for s in tree.body if isinstance(s, (ast.Import, ast.ImportFrom))]
        imports = [s for s in imports if getattr(s, "module", "") != "__future__"]
        said = {n.value for n in nodes(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        free = [a for s in imports for a in s.names if a.name != "*" and (a.asname or "." not in a.name)]
        times = Counter(_bound(tree))
        names: dict[str, str] = {}
        for alias in free:
            name = alias.asname or alias.name
            if times[name] == 1 and name not in said:
                alias.asname = names[name] = f"imported_{len(names)}"
        for node in nodes(tree):
            if isinstance(node, ast.Name):
                node.id = names.get(node.id, node.id)
    return print_trees(trees)


def _bound(tree: ast.AST) -> Iterator[str]:
    for node in nodes(tree):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, (*FUNCTION, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]


class _Keywords(Transformer):
    def __init__(self, tree: ast.Module) -> None:
        times = Counter(n.name for n in nodes(tree) if isinstance(n, (*FUNCTION, ast.ClassDef)))
        own = [s for s in tree.body if isinstance(s, ast.FunctionDef) and times[s.name] == 1 and not s.decorator_list]
        plain = [f for f in own if not f.args.vararg and not f.args.posonlyargs]
        self.names = {f.name: [a.arg for a in f.args.args] for f in plain}

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        names = self.names.get(node.func.id, []) if isinstance(node.func, ast.Name) else []
        if node.args and len(node.args) <= len(names) and not any(isinstance(a, ast.Starred) for a in node.args):
            given = [ast.keyword(name, value) for name, value in zip(names, node.args, strict=False)]
            node.args, node.keywords = [], given + node.keywords
        return node


def arguments_named(files: Files) -> dict[str, str]:
    """The program's own functions are given their arguments by name."""
    return print_trees({path: _Keywords(tree).visit(tree) for path, tree in trees_of(files).items()})


class _Format(Transformer):
    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        text, values = "", []
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value).replace("{", "{{").replace("}", "}}")
            elif isinstance(part, ast.FormattedValue):
                form = part.format_spec.values if isinstance(part.format_spec, ast.JoinedStr) else []
                if not all(isinstance(piece, ast.Constant) for piece in form):
                    return node
                said = "".join(str(piece.value) for piece in form if isinstance(piece, ast.Constant))
                conversion = "" if part.conversion == -1 else f"!{chr(part.conversion)}"
                text += f"{{{conversion}{':' if said else ''}{said}}}"
                values.append(self.visit(part.value))
        return ast.Call(ast.Attribute(ast.Constant(text), "format", ast.Load()), values, [])


def formatted(files: Files) -> dict[str, str]:
    """f-strings as `"...".format(...)`."""
    return print_trees({path: _Format().visit(tree) for path, tree in trees_of(files).items()})


class _Unpack(Blocks):
    own: frozenset[str] = frozenset()

    def turn(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if not isinstance(statement, ast.Assign) or not isinstance(target, ast.Tuple):
            yield statement
            return
        value, whole = statement.value, not any(isinstance(e, ast.Starred) for e in target.elts)
        called = value.func if isinstance(value, ast.Call) else None
        if whole and isinstance(called, ast.Name) and called.id in self.own:
            held = self.fresh()
            yield ast.Assign([stored(held)], value)
            for at, element in enumerate(target.elts):
                yield ast.Assign([element], ast.Subscript(loaded(held), ast.Constant(at), ast.Load()))
        elif whole and isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts):
            names = [self.fresh() for _ in value.elts]
            for name, part in zip(names, value.elts, strict=True):
                yield ast.Assign([stored(name)], part)
            for name, element in zip(names, target.elts, strict=True):
                yield ast.Assign([element], loaded(name))
        else:
            yield statement


def unpacked(files: Files) -> dict[str, str]:
    """`a, b = f()` part by part."""
    trees = trees_of(files)
    for tree in trees.values():
        worker = _Unpack()
        worker.own = frozenset(s.name for s in tree.body if isinstance(s, ast.FunctionDef))
        worker.visit(tree)
    return print_trees(trees)


class _Settings(Blocks):
    """`seed = int(os.environ.get(...))` in the body of a class, in two lines."""

    def turn(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        value = statement.value if isinstance(statement, ast.Assign) else None
        inner = value.args[0] if isinstance(value, ast.Call) and len(value.args) == 1 else None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and isinstance(inner, ast.Call):
            held = self.fresh()
            yield ast.Assign([stored(held)], inner)
            value.args = [loaded(held)]
        yield statement


def in_two_lines(files: Files) -> dict[str, str]:
    """What is converted gets a name first, in classes as well."""
    trees = trees_of(files)
    for tree in trees.values():
        for holder in (n for n in nodes(tree) if isinstance(n, ast.ClassDef)):
            _Settings().generic_visit(holder)
    return print_trees(trees)

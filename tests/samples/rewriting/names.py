"""Everything that a program names itself gets another name; what comes from outside keeps its own.

Names of imports, of environment variables, of keyword arguments of libraries, in strings and in logs stay.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping

from auditor.source.walking import nodes
from rewriting.program import FUNCTION, Files, Transformer, print_trees, trees_of

# Methods that torch, the language or the challenge's runner calls by their names.
_API = frozenset(
    {"forward", "backward", "step", "state_dict", "load_state_dict", "main", "reset_parameters", "closure"}
)
# What tensors, modules, files and containers have of their own: an attribute of the program with such a name stays.
_LIBRARY = frozenset(
    {
        "data", "weight", "bias", "grad", "shape", "device", "dtype", "training", "T", "size", "mode", "next", "close",
        "read", "write", "reset", "zero_grad", "update", "add", "get", "append", "keys", "items", "values", "pop",
        "param_groups", "state", "defaults", "score", "join", "start", "run", "put", "name", "count", "index", "copy",
        "clear", "sum", "mean", "log", "exp", "max", "min", "split", "load", "save", "apply", "register", "flush",
        "info",
    }
)  # fmt: skip


def _walk(trees: Iterable[ast.Module], *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    for tree in trees:
        for node in nodes(tree):
            if isinstance(node, kinds):
                yield node


class _Names:
    """The names of a program by what they are."""

    def __init__(self, trees: Mapping[str, ast.Module], texts: Files) -> None:
        every = list(trees.values())
        modules = {path.removesuffix(".py").rsplit("/", 1)[-1] for path in trees}
        self.locals: set[str] = set()
        self.module: set[str] = set()
        self.imported: set[str] = set()
        self.attributes: set[str] = set()
        self.in_classes: set[str] = set()
        self.methods: set[str] = set()
        self.said = {
            w for n in _walk(every, ast.Constant) if isinstance(n.value, str) for w in re.findall(r"\w+", n.value)
        }
        for tree in every:
            inside: set[int] = set()
            for node in nodes(tree):
                if isinstance(node, ast.ImportFrom) and node.module in modules:
                    continue  # a sibling's names are the program's own
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    self.imported |= {(a.asname or a.name).split(".")[0] for a in node.names}
                if isinstance(node, FUNCTION):
                    inside |= {id(x) for x in nodes(node)}
                    self.locals |= {a.arg for a in nodes(node.args) if isinstance(a, ast.arg)}
                    self.locals |= {
                        x.id for x in nodes(node) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)
                    }
                    self.locals |= {x.name for x in nodes(node) if isinstance(x, ast.ExceptHandler) and x.name}
                    self.locals |= {x.name for x in nodes(node) if isinstance(x, FUNCTION) and x is not node}
                if isinstance(node, ast.Lambda):
                    self.locals |= {a.arg for a in nodes(node.args) if isinstance(a, ast.arg)}
                if isinstance(node, ast.ClassDef):
                    inside |= {id(x) for x in nodes(node)}
                    self.methods |= {f.name for f in node.body if isinstance(f, FUNCTION)}
                    for s in node.body:
                        if isinstance(s, (ast.Assign, ast.AnnAssign)):
                            targets = s.targets if isinstance(s, ast.Assign) else [s.target]
                            self.in_classes |= {t.id for t in targets if isinstance(t, ast.Name)}
                stored = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
                if stored and isinstance(node.value, ast.Name) and node.value.id == "self":
                    self.attributes.add(node.attr)
                if isinstance(node, ast.Global):
                    self.module |= set(node.names)
            for node in tree.body:
                if isinstance(node, (*FUNCTION, ast.ClassDef)):
                    self.module.add(node.name)
            for node in nodes(tree):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in inside:
                    self.module.add(node.id)
        # A setting is what a log or a command calls it: its name is printed, and so part of what the program does.
        shown = {word for path, text in texts.items() if not path.endswith(".py") for word in re.findall(r"\w+", text)}
        self.settings_shown = shown & (self.in_classes | self.module)
        own = self.module | self.methods
        self.keywords = {
            k.arg
            for n in _walk(every, ast.Call)
            for k in n.keywords
            if k.arg and (n.func.id if isinstance(n.func, ast.Name) else getattr(n.func, "attr", "")) not in own
        }
        self.taken = {n.id for n in _walk(every, ast.Name)}
        self.foreign = {
            n.attr for n in _walk(every, ast.Attribute) if isinstance(n.value, ast.Name) and n.value.id in self.imported
        }


class _Rename(Transformer):
    def __init__(self, names: Mapping[str, str], attributes: Mapping[str, str], own: set[str]) -> None:
        self.names, self.attributes, self.own = names, attributes, own

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        self.generic_visit(node)
        node.arg = self.names.get(node.arg, node.arg)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        self.generic_visit(node)
        for passed in node.keywords:
            if name in self.own and passed.arg is not None:
                passed.arg = self.names.get(passed.arg, passed.arg)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = self.names.get(node.name, self.attributes.get(node.name, node.name))
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.name = self.names.get(node.name, node.name)
        for statement in node.body:
            for target in getattr(statement, "targets", [getattr(statement, "target", None)]):
                if isinstance(target, ast.Name):
                    target.id = self.attributes.get(target.id, target.id)
        return node

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self.names.get(x, x) for x in node.names]
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        node.names = [self.names.get(x, x) for x in node.names]
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        for alias in node.names:
            if alias.name in self.names:
                alias.name = self.names[alias.name]
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        node.attr = self.attributes.get(node.attr, node.attr)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        node.name = self.names.get(node.name, node.name) if node.name else None
        return node


def _fixed(names: _Names) -> set[str]:
    return names.imported | set(dir(builtins)) | set(keyword.kwlist) | {"self", "cls", "__init__"}


def locals_renamed(files: Files) -> dict[str, str]:
    """Parameters and local variables get other names."""
    trees = trees_of(files)
    names = _Names(trees, files)
    free = names.locals - _fixed(names) - names.module - names.in_classes - names.methods - names.keywords
    mapping = {name: f"v{i}" for i, name in enumerate(sorted(free))}
    own = names.module | names.methods
    return print_trees({path: _Rename(mapping, {}, own).visit(tree) for path, tree in trees.items()})


def functions_renamed(files: Files) -> dict[str, str]:
    """Functions, classes, module variables, methods and own attributes get other names."""
    trees = trees_of(files)
    names = _Names(trees, files)
    fixed = _fixed(names) | _API | names.keywords | names.foreign | names.settings_shown
    free = names.module - fixed - names.said - names.locals - names.in_classes
    mapping = {name: f"f{i}" for i, name in enumerate(sorted(free))}
    methods = {m for m in names.methods if not m.startswith("__")}
    # A class-level name that a method's body or a parameter shares with a variable is left: one spelling, two things.
    members = (methods | ((names.attributes | names.in_classes) - names.taken)) | (
        names.in_classes - names.locals - names.module
    )
    attributes = {
        name: f"m{i}" for i, name in enumerate(sorted(members - fixed - _LIBRARY - names.said - names.keywords))
    }
    return print_trees({path: _Rename(mapping, attributes, set()).visit(tree) for path, tree in trees.items()})


# What functions of libraries are called: one of the program may be called so and do something else.
_TELLING = (
    "softmax", "step", "pad", "roll", "gather", "cross_entropy", "embedding", "copy_", "mean", "size", "cat", "where",
    "tril", "masked_fill", "load", "save", "compress", "read", "glob", "run", "sort", "chunk", "item", "tensor",
    "log_softmax", "exp", "append", "update", "get", "decode", "encode", "backward", "no_grad", "einsum", "lerp", "to",
    "contiguous", "clamp", "load_state_dict", "state_dict", "memmap", "load_dataset", "logsumexp", "triu", "shuffle",
)  # fmt: skip


def functions_called_as_others(files: Files) -> dict[str, str]:
    """Functions and classes of the program get names of functions of libraries that it does not use."""
    trees = trees_of(files)
    names = _Names(trees, files)
    fixed = _fixed(names) | _API | names.keywords | names.foreign | names.settings_shown
    defined = {n.name for tree in trees.values() for n in tree.body if isinstance(n, (*FUNCTION, ast.ClassDef))}
    free = defined - fixed - names.said - names.locals - names.in_classes - names.methods
    attributes = {n.attr for n in _walk(trees.values(), ast.Attribute)}
    taken = names.taken | attributes | names.said | names.locals | names.module | names.methods | names.keywords
    words = [word for word in _TELLING if word not in taken]
    start = sum(map(len, files.values())) % max(len(words), 1)  # each word for some function of some example
    mapping = dict(zip(sorted(free), words[start:] + words[:start], strict=False))
    return print_trees({path: _Rename(mapping, {}, set()).visit(tree) for path, tree in trees.items()})


def itself_renamed(files: Files) -> dict[str, str]:
    """The object of a method, and its class, are called otherwise: `self` is a custom, no word of Python."""
    trees = trees_of(files)
    mapping = {"self": "this", "cls": "kind_of_this"}
    return print_trees({path: _Rename(mapping, {}, set()).visit(tree) for path, tree in trees.items()})


def renamed(files: Files) -> dict[str, str]:
    """Everything that the program names itself gets another name."""
    return functions_renamed(locals_renamed(files))

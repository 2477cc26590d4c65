"""The submission's source as it is run: constants rewritten, recorded, and found by imports as by tracebacks."""

from __future__ import annotations

import ast
import importlib.machinery
import linecache
import secrets
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.probe.arguments import Rewrite
from auditor.probe.blocks import Mark
from auditor.probe.job import Job, Scalar
from auditor.probe.record.syntax import PROBE as _HOOK
from auditor.source.syntax import parse_python

if TYPE_CHECKING:
    from auditor.probe.record.seen import Seen

_DECOYS = 5  # one number in so many is no block's
Instrument = Callable[[ast.Module, str], ast.Module]


class _Constants(ast.NodeTransformer):
    """Puts values in the place of literals that module and class level names are given."""

    def __init__(self, values: Mapping[str, Scalar]) -> None:
        self._values = values

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return node  # what a function gives its own names is no setting

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and _plain(node.value):
            self._replace(node, node.targets[0].id)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        if isinstance(node.target, ast.Name) and node.value is not None and _plain(node.value):
            self._replace(node, node.target.id)
        return node

    def _replace(self, node: ast.Assign | ast.AnnAssign, name: str) -> None:
        if name in self._values:
            node.value = ast.copy_location(ast.Constant(self._values[name]), node)


class _Paths(ast.NodeTransformer):
    """Puts other folders in the place of absolute ones, wherever a string begins with one."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = sorted(paths.items(), key=lambda pair: -len(pair[0]))

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, str) and node.value.startswith("/"):
            for old, new in self._paths:
                if node.value == old or node.value.startswith(old.rstrip("/") + "/"):
                    node.value = new + node.value[len(old) :]
                    break
        return node


class _Branches(ast.NodeTransformer):
    """Takes branches the way that the log shows, whatever their switches say.

    A comparison of sizes stays as it is: a stride of 0 that is taken for a positive one makes a loop without end.
    """

    def __init__(self, path: str, branches: Mapping[str, bool]) -> None:
        self._path, self._branches = path, branches

    def visit_If(self, node: ast.If) -> ast.AST:
        way = self._branches.get(f"{self._path}:{node.lineno}")
        if way is not None:
            node.test = _forced(node.test, way)
        return self.generic_visit(node)


class _Ranks(ast.NodeTransformer):
    """Switches whose default is the number of ranks get that of several: `"1" if world_size > 1 else "0"`."""

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        test, arms = node.test, (node.body, node.orelse)
        asks = isinstance(test, ast.Compare) and ast.unparse(test).rpartition(".")[2] == "world_size > 1"
        if asks and all(isinstance(arm, ast.Constant) and arm.value in _SWITCH for arm in arms):
            return node.body
        return self.generic_visit(node)


_SWITCH = (True, False, "1", "0")  # 1 and 0 are the first two


def _forced(test: ast.expr, way: bool) -> ast.expr:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And if way else ast.Or):
        test.values = [_forced(value, way) for value in test.values]
        return test
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Gt | ast.GtE | ast.Lt | ast.LtE):
        return test
    return ast.copy_location(ast.Constant(way), test)


def _plain(node: ast.expr) -> bool:
    """A literal, or arithmetic on literals (`2048 * 48 * 8`, `-1`)."""
    parts = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop)
    return all(isinstance(part, parts) for part in ast.walk(node))


def rewrite(
    tree: ast.Module, values: Mapping[str, Scalar], paths: Mapping[str, str], given: Mapping[str, int]
) -> ast.Module:
    """`tree` with these values for its constants and arguments, and these folders for the absolute ones it names."""
    if paths:
        tree = _Paths(paths).visit(tree)
    if values:
        tree = _Constants(values).visit(tree)
    if given:
        tree = Rewrite(given).visit(tree)
    return ast.fix_missing_locations(tree)


class Units(MetaPathFinder, Loader):
    """Finds the submission's own modules by import name; their text may have been unpacked."""

    def __init__(self, root: str, modules: Mapping[str, tuple[str, str]], build: Callable[[str, str], Any]) -> None:
        self._root, self._modules, self._build = root, modules, build

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._modules:
            return None
        file = self._modules[fullname][0]
        spec = importlib.machinery.ModuleSpec(
            fullname, self, origin=str(Path(self._root, file)), is_package=file.endswith("__init__.py")
        )
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(str(Path(self._root, file).parent))
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        path, text = self._modules[module.__name__]
        exec(self._build(path, text), module.__dict__)


class Builder:
    """Makes code of source text: path relative to the root and text in, code object out."""

    def __init__(self, job: Job, instrument: Instrument | None, seen: Seen | None = None) -> None:
        self._job, self._instrument, self._seen = job, instrument, seen

    def __call__(self, path: str, text: str) -> types.CodeType:
        absolute = str(Path(self._job.root, path))
        lines = text.splitlines(keepends=True)
        linecache.cache[absolute] = (len(text), None, lines, absolute)
        tree = rewrite(parse_python(text), self._job.constants, self._job.paths, self._job.arguments)
        tree = _Ranks().visit(tree) if self._job.several else tree
        tree = _Branches(path, self._job.branches).visit(tree) if self._job.branches else tree
        if self._seen is not None:
            mark = Mark(_HOOK, self._seen.count, decoy=lambda: not secrets.randbelow(_DECOYS))
            tree = ast.fix_missing_locations(mark.visit(tree))
            self._seen.numbered(path, mark.places)
        if self._instrument is not None:
            tree = self._instrument(tree, path)
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and node.id == _HOOK:
                    node.id = self._job.hook or _HOOK
        return compile(tree, absolute, "exec", dont_inherit=True)


def main_module(path: str) -> types.ModuleType:
    """A fresh `__main__` as the interpreter makes one for a script."""
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__dict__.update(__builtins__=__builtins__, __spec__=None, __package__=None)
    sys.modules["__main__"] = module
    return module

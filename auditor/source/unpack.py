"""What a source text executes beyond itself: payloads that it unpacks, files that it runs or writes and then runs.

The module's statements are walked in order with folded values (see `constants`). A call that executes something
(`exec`, `runpy.run_path`, a loader's `exec_module`, a Python subprocess, ...) becomes an `Execution`. Both branches of a
condition that is not known are walked, and functions that nothing was seen to call are walked with unknown arguments.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from auditor.source import library
from auditor.source.constants import Folder
from auditor.source.files import Files
from auditor.source.syntax import SyntaxProblem, quiet_parse
from auditor.source.values import (
    CannotFold,
    Closure,
    Code,
    Handle,
    Method,
    ModuleValue,
    Namespace,
    Origin,
    OutOfSteps,
    Scope,
    Symbol,
    Unknown,
    Value,
)

_SKELETON = re.compile(
    r"#[^\n]*|[rRbBuUfF]{0,2}(?:\"\"\"[^\"\\]*(?:(?:\\.|\"(?!\"\"))[^\"\\]*)*\"\"\"|'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''"
    r"|\"[^\"\\\n]*(?:\\.[^\"\\\n]*)*\"|'[^'\\\n]*(?:\\.[^'\\\n]*)*')",
    re.DOTALL,
)
_SINK = re.compile(
    r"(?<![\w.])(?:exec|eval)\b|__import__|\bbuiltins\b|__builtins__|\brunpy\b|\bexec_module\b|\bload_module\b"
    r"|\bimport_module\b|\bFunctionType\b|\bmarshal\b|\bmeta_path\b|\bspec_from_file_location\b"
)
_SPAWN = re.compile(r"\bsubprocess\b|\bos\s*\.\s*(?:system|exec|popen|spawn)\w*|\bPopen\b")
_PACKED = re.compile(r"b85decode|b64decode|a85decode|fromhex|unhexlify|b32decode")
_MAX_ROUNDS = 64
_MAX_LOOP = 100_000


@dataclass(frozen=True)
class Execution:
    """One text that the program executes. `module` is the name of the module it becomes, empty for the main program.

    `path` is the shipped file it was read from unchanged, else None. `name` is the file name it was given, if any.
    """

    text: str
    origin: Origin
    line: int
    module: str = ""
    path: str | None = None
    name: str = ""
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something executed that could not be folded. `reached`: the walk from the module's top came there."""

    line: int
    message: str
    reached: bool


@dataclass
class Unpacked:
    executions: list[Execution]
    opaque: list[Opaque]
    imports: list[tuple[str, int]]  # modules imported by computed name


def may_execute(text: str) -> bool:
    """Whether it is worth walking the text: its code, string literals and comments aside, names something that executes."""
    if not _SINK.search(text) and not (_SPAWN.search(text) and _PACKED.search(text)):
        return False
    code = _SKELETON.sub('""', text)
    return bool(_SINK.search(code) or (_SPAWN.search(code) and _PACKED.search(code)))


def unpack(tree: ast.Module, path: str, files: Files, scope: Scope | None = None) -> Unpacked:
    """Walk a module that is shipped as, or unpacked from, the file `path` of the folder."""
    return _Walker(files, path, tree, scope).walk()


class _Return(Exception):
    def __init__(self, value: Value) -> None:
        self.value = value


class _LeaveLoop(Exception):
    pass


class _Walker(Folder):
    def __init__(self, files: Files, path: str, tree: ast.Module, scope: Scope | None) -> None:
        super().__init__(files, path, scope)
        self.tree = tree
        self.out = Unpacked([], [], [])
        self.seen: set[int] = set()  # functions that were walked
        self.busy: set[int] = set()
        self.reached = True
        self.may_leave = False  # a way out of the loop that is walked was taken on a condition that is not known
        self.functions = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
        self.executing = _executing(self.functions)

    def walk(self) -> Unpacked:
        try:
            self.block(self.tree.body, self.scope)
            self.reached = False
            for node in self.functions:
                if node.name in self.executing and id(node) not in self.seen:
                    self._run(node, Scope(self._bind_arguments(Closure(node, self.scope), [], {}), self.scope))
        except (OutOfSteps, RecursionError):
            self.out.opaque.append(Opaque(1, "unpacking takes more steps than are followed", self.reached))
        return self.out

    # -- statements --------------------------------------------------------------------------------------------------

    def block(self, body: Iterable[ast.stmt], scope: Scope) -> None:
        for statement in body:
            self.steps += 1
            handler = _STATEMENTS.get(type(statement))
            if handler is not None:
                try:
                    handler(self, statement, scope)
                except CannotFold:
                    continue  # its effect is unknown; names that it assigns were set so by the handler

    def _import_names(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            scope.names[alias.asname or name] = Symbol(name)

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            if alias.name != "*":
                known = full in library.CONSTANTS
                scope.names[alias.asname or alias.name] = library.CONSTANTS[full] if known else Symbol(full)
            else:
                prefix = f"{node.module}."
                for name in (*library.CODECS, *library.CONSTANTS):
                    if name.startswith(prefix) and "." not in name[len(prefix) :]:
                        value = library.CONSTANTS.get(name, Symbol(name))
                        scope.names[name[len(prefix) :]] = value

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.known(node.value, scope)
        for target in node.targets:
            self._store(target, value, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self._store(node.target, self.known(node.value, scope), scope)

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        left = ast.copy_location(ast.BinOp(_as_load(node.target), node.op, node.value), node)
        self._store(node.target, self.known(left, scope), scope)

    def _store(self, target: ast.expr, value: Value, scope: Scope) -> None:
        if isinstance(target, (ast.Subscript, ast.Attribute)):
            owner = self.fold(target.value, scope)
            if isinstance(owner, ModuleValue) and isinstance(target, ast.Attribute):
                owner.attributes[target.attr] = value
            elif isinstance(owner, (dict, list)) and isinstance(target, ast.Subscript):
                owner[self.fold(target.slice, scope)] = value
            elif isinstance(owner, Scope) and isinstance(target, ast.Subscript):
                owner.names[str(self.fold(target.slice, scope))] = value
            return
        self.bind(target, value, scope)

    def _expression(self, node: ast.Expr, scope: Scope) -> None:
        if not isinstance(node.value, ast.Constant):
            self.fold(node.value, scope)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        scope.names[node.name] = Closure(node, scope)

    def _define_class(self, node: ast.ClassDef, scope: Scope) -> None:
        scope.names[node.name] = Unknown(f"the class {node.name} is not followed")

    def _if(self, node: ast.If, scope: Scope) -> None:
        try:
            taken = self.truth(self.fold(node.test, scope))
        except CannotFold as error:
            self._both_ways([node.body, node.orelse], scope, str(error))
            return
        self.block(node.body if taken else node.orelse, scope)

    def _both_ways(self, ways: list[list[ast.stmt]], scope: Scope, why: str) -> None:
        """Walk alternatives from the same state; a name on whose value they differ is not known afterwards."""
        before = dict(scope.names)
        results: list[dict[str, Value]] = []
        for way in ways:
            scope.names = dict(before)
            try:
                self.block(way, scope)
            except (_Return, _LeaveLoop):
                self.may_leave = True
                continue  # what follows is not reached this way
            results.append(scope.names)
        merged = dict(before)
        for result in results:
            merged.update({k: v for k, v in result.items() if isinstance(v, (Symbol, Closure)) or k not in before})
        for name in merged:
            if not all(name in r and _same(r[name], merged[name]) for r in results) and name in before:
                merged[name] = Unknown(f"{name} depends on a condition: {why}")
        scope.names = merged

    def _for(self, node: ast.For, scope: Scope) -> None:
        try:
            items = self.iterate(self.fold(node.iter, scope))[:_MAX_LOOP]
        except CannotFold as error:
            self.bind(node.target, Unknown(str(error)), scope)
            self._both_ways([node.body, []], scope, str(error))
            return
        for item in items:
            self.bind(node.target, item, scope)
            if not self._once(node.body, scope):
                return
        self.block(node.orelse, scope)

    def _once(self, body: list[ast.stmt], scope: Scope) -> bool:
        """One pass of a loop's body; False where the loop is left, or may be for a reason that is not known."""
        outside, self.may_leave = self.may_leave, False
        try:
            self.block(body, scope)
        except _LeaveLoop as leave:
            return leave.args != ("break",)
        finally:
            left, self.may_leave = self.may_leave, outside
        return not left

    def _while(self, node: ast.While, scope: Scope) -> None:
        for _ in range(_MAX_LOOP):
            try:
                if not self.truth(self.fold(node.test, scope)):
                    return
            except CannotFold as error:
                self._both_ways([node.body, []], scope, str(error))
                return
            if not self._once(node.body, scope):
                return

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            value = self.known(item.context_expr, scope)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value, scope)
        self.block(node.body, scope)

    def _try(self, node: ast.Try, scope: Scope) -> None:
        self.block([*node.body, *node.orelse, *node.finalbody], scope)
        # A handler runs when something is missing here that folding takes to be there; walk it for what it executes.
        for handler in node.handlers:
            if any(_is_sink_name(n) for s in handler.body for n in ast.walk(s)):
                self._both_ways([handler.body, []], scope, "an exception")

    def _return(self, node: ast.Return, scope: Scope) -> None:
        raise _Return(self.known(node.value, scope) if node.value is not None else None)

    def _leave(self, node: ast.Break | ast.Continue, scope: Scope) -> None:
        raise _LeaveLoop("break" if isinstance(node, ast.Break) else "continue")

    # -- functions ---------------------------------------------------------------------------------------------------

    def run_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Value:
        if (node.name not in self.executing and len(node.body) > 40) or _is_generator(node):
            raise CannotFold(f"a call of {node.name}")
        value = self._run(node, scope)
        if isinstance(value, Unknown):
            raise CannotFold(value.why)
        return value

    def _run(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Value:
        self.seen.add(id(node))
        if id(node) in self.busy:
            raise CannotFold(f"{node.name} calls itself")
        self.busy.add(id(node))
        try:
            self.block(node.body, scope)
        except _Return as result:
            return result.value
        except _LeaveLoop:
            return None
        finally:
            self.busy.discard(id(node))
        return None

    # -- calls that execute ------------------------------------------------------------------------------------------

    def call(self, function: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call, scope: Scope) -> Value:
        line = getattr(node, "lineno", 0)
        if isinstance(function, Symbol):
            sink = _SINKS.get(function.name)
            if sink is not None:
                return sink(self, args, kwargs, line, scope)
            if function.name.startswith(_SPAWNERS):
                return self._spawn(args, kwargs, line)
        if isinstance(function, Method) and function.name in ("exec_module", "load_module"):
            return self._exec_module(function.owner, args, line)
        return super().call(function, args, kwargs, node, scope)

    def _exec(self, args: list[Value], kwargs: dict[str, Value], line: int, scope: Scope) -> Value:
        source = args[0] if args else kwargs.get("source", Unknown("no source"))
        target = args[1] if len(args) > 1 else kwargs.get("globals")
        module = ""
        if isinstance(target, Namespace):
            module = target.module.name
        elif isinstance(target, Method) and isinstance(target.owner, ModuleValue):
            module = target.owner.name
        try:
            if isinstance(source, Unknown):
                raise CannotFold(source.why)
            self._record(library.as_text(source), self._origin_of(source), line, module, scope=scope)
        except CannotFold as error:
            self._opaque(line, f"exec of what could not be folded: {error}")
        return None

    def _eval(self, args: list[Value], kwargs: dict[str, Value], line: int, scope: Scope) -> Value:
        source = args[0] if args else Unknown("no source")
        if isinstance(source, Code):
            return self._exec(args, kwargs, line, scope)
        if isinstance(source, Unknown):
            self._opaque(line, f"eval of what could not be folded: {source.why}")
            raise CannotFold(source.why)
        try:
            body = quiet_parse(library.as_text(source)).body
        except SyntaxProblem as problem:
            raise CannotFold(problem.message) from None
        if len(body) != 1 or not isinstance(body[0], ast.Expr):
            raise CannotFold("eval of what is no expression")
        return self.fold(body[0].value, scope)

    def _run_path(self, args: list[Value], kwargs: dict[str, Value], line: int, scope: Scope) -> Value:
        path = args[0] if args else kwargs.get("path_name", Unknown("no path"))
        name = kwargs.get("run_name", "__main__")
        self._run_file(path, line, "" if name == "__main__" else str(name))
        return None

    def _run_module(self, args: list[Value], kwargs: dict[str, Value], line: int, scope: Scope) -> Value:
        if args and isinstance(args[0], str):
            self.out.imports.append((args[0], line))
            return Symbol(args[0])
        self._opaque(line, "import of a module whose name could not be folded")
        raise CannotFold("an import of a name that is not known")

    def _unreadable(self, args: list[Value], kwargs: dict[str, Value], line: int, scope: Scope) -> Value:
        self._opaque(line, "code is made from serialized objects (marshal or pickle), which are not read")
        raise CannotFold("a serialized code object")

    def _exec_module(self, owner: Value, args: list[Value], line: int) -> Value:
        if isinstance(owner, ModuleValue) and owner.path is not None:
            made = next((a for a in args if isinstance(a, ModuleValue)), owner)
            name = str(made.attributes.get("__name__", owner.name))
            self._run_file(owner.path, line, "" if name == "__main__" else name)
            return made
        self._opaque(line, "a loader executes a module that could not be followed")
        raise CannotFold("a loader's module")

    def _run_file(self, path: Value, line: int, module: str) -> None:
        if isinstance(path, Handle):
            path = path.path
        try:
            if isinstance(path, Unknown) or path is None:
                raise CannotFold(getattr(path, "why", "no path"))
            data = self.files.read(path)
            name = posixpath.basename(str(path))
            shipped = self.files.shipped_path(path)
            origin = self._origin_of(data)
            self._record(library.as_text(data), origin, line, module, path=shipped, name=name)
        except CannotFold as error:
            self._opaque(line, f"runs a file that could not be read: {error}")

    def _spawn(self, args: list[Value], kwargs: dict[str, Value], line: int) -> Value:
        """Python started on a file that lies in the folder or was written by the program."""
        command = args[0] if args else kwargs.get("args", "")
        words = command.split() if isinstance(command, str) else command if isinstance(command, (list, tuple)) else []
        words = [*words, *(w for a in args[1:] for w in (a if isinstance(a, (list, tuple)) else [a]))]
        for word in words:
            text = word.path if isinstance(word, Handle) else str(word)
            if text and text.strip("'\"").endswith(".py"):
                try:
                    self.files.read(text.strip("'\""))
                except CannotFold:
                    continue
                self._run_file(text.strip("'\""), line, "")
        raise CannotFold("what another process returns")

    def _origin_of(self, source: Value) -> Origin:
        value = source.text if isinstance(source, Code) else source
        origin = self.origin(value)
        if origin == Origin() and isinstance(value, str):
            origin = self.origin(value.encode("utf-8", "surrogatepass"))
        if origin == Origin() and isinstance(value, (bytes, bytearray)):
            origin = self.origin(bytes(value).decode("utf-8", errors="replace"))
        return origin

    def _record(self, text: str, origin: Origin, line: int, module: str, **more: Any) -> None:
        scope: Scope | None = more.pop("scope", None)
        path = more.pop("path", None)
        if path is None and origin.path is not None and not origin.codecs:
            data = self.files.shipped.get(origin.path) or b""
            path = origin.path if library.as_text(data).strip() == text.strip() else None
        entry = Execution(text, origin, line, module, path, more.get("name", ""), scope.top if scope else None)
        same = any(e.text == text and e.module == module for e in self.out.executions)
        if not same and len(self.out.executions) < _MAX_ROUNDS:
            self.out.executions.append(entry)

    def _opaque(self, line: int, message: str) -> None:
        if not any(o.line == line for o in self.out.opaque):
            self.out.opaque.append(Opaque(line, message, self.reached))


def _as_load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.copy_location(ast.Name(target.id, ast.Load()), target)
    return target


def _is_generator(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await)) for n in ast.walk(node))


def _same(a: Value, b: Value) -> bool:
    return a is b or (type(a) is type(b) and bool(a == b))


def _is_sink_name(node: ast.AST) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name in _SINK_NAMES


def _executing(functions: list[ast.FunctionDef | ast.AsyncFunctionDef]) -> frozenset[str]:
    """Names of the functions that execute something, themselves or through others."""
    mentions: dict[str, set[str]] = {}
    for function in functions:
        names = mentions.setdefault(function.name, set())
        for node in ast.walk(function):
            if isinstance(node, ast.Name):
                names.add(node.id)
            elif isinstance(node, ast.Attribute):
                names.add(node.attr if node.attr != "eval" else "")
    executing = {name for name, names in mentions.items() if names & _SINK_NAMES}
    while True:
        more = {name for name, names in mentions.items() if name not in executing and names & executing}
        if not more:
            return frozenset(executing)
        executing |= more


_SINK_NAMES = frozenset(
    "exec eval __import__ builtins __builtins__ runpy run_path run_module exec_module load_module import_module FunctionType "
    "marshal meta_path spec_from_file_location subprocess system execv execvp execl Popen".split()
)
_SPAWNERS = ("subprocess.", "os.system", "os.exec", "os.popen", "os.spawn", "os.posix_spawn")
_Sink = Callable[[_Walker, list[Value], dict[str, Value], int, Scope], Value]
_SINKS: dict[str, _Sink] = {
    "builtins.exec": _Walker._exec,
    "builtins.eval": _Walker._eval,
    "runpy.run_path": _Walker._run_path,
    "runpy.run_module": _Walker._run_module,
    "importlib.import_module": _Walker._run_module,
    "builtins.__import__": _Walker._run_module,
    "marshal.loads": _Walker._unreadable,
    "marshal.load": _Walker._unreadable,
    "types.FunctionType": _Walker._unreadable,
    "types.CodeType": _Walker._unreadable,
}
_STATEMENTS: dict[type[ast.stmt], Callable[[_Walker, Any, Scope], None]] = {
    ast.Import: _Walker._import_names,
    ast.ImportFrom: _Walker._import_from,
    ast.Assign: _Walker._assign,
    ast.AnnAssign: _Walker._annotated,
    ast.AugAssign: _Walker._augmented,
    ast.Expr: _Walker._expression,
    ast.FunctionDef: _Walker._define,
    ast.AsyncFunctionDef: _Walker._define,
    ast.ClassDef: _Walker._define_class,
    ast.If: _Walker._if,
    ast.For: _Walker._for,
    ast.While: _Walker._while,
    ast.With: _Walker._with,
    ast.AsyncWith: _Walker._with,
    ast.Try: _Walker._try,
    ast.Return: _Walker._return,
    ast.Break: _Walker._leave,
    ast.Continue: _Walker._leave,
}

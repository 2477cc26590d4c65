"""What a source text executes beyond itself: payloads that it unpacks, files that it runs or writes and then runs.

The module's statements are walked in order with folded values (see `statements`). A call that executes something
(`exec`, `runpy.run_path`, a loader's `exec_module`, a Python subprocess, ...) becomes an `Execution`. Functions that
execute something and that nothing was seen to call are walked too, with unknown arguments.
"""

from __future__ import annotations

import ast
import posixpath
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auditor.source import library
from auditor.source.files import Files
from auditor.source.plain import SyntaxProblem, quiet_parse
from auditor.source.statements import Walker
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
from auditor.source.walking import code_only, nodes, occurrences, spawns, statements

# Names by which a program executes text or files; `x.eval()` and `x.exec()` are methods of something else.
_SINK_WORDS = (
    *("exec", "eval", "__import__", "builtins", "__builtins__", "runpy", "exec_module", "load_module", "import_module"),
    *("FunctionType", "marshal", "meta_path", "spec_from_file_location"),
)
_PACKED = re.compile(r"b85decode|b64decode|a85decode|fromhex|unhexlify|b32decode")
_MAX_ROUNDS = 64


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
    imports: bool = False  # an import by a computed name: of this folder or of anything installed


@dataclass
class Unpacked:
    executions: list[Execution]
    opaque: list[Opaque]
    imports: list[tuple[str, int]]  # modules imported by computed name


def may_execute(text: str) -> bool:
    """Whether the text's code, its literals and comments aside, names something that executes."""
    return _names_sink(text) and _names_sink(code_only(text))


def _names_sink(text: str) -> bool:
    return bool(_sink_positions(text)) or (spawns(text) and bool(_PACKED.search(text)))


def _sink_positions(text: str) -> list[int]:
    return [
        at
        for word in _SINK_WORDS
        for at in occurrences(text, word)
        if word not in ("exec", "eval") or text[at - 1 : at] != "."
    ]


def unpack(tree: ast.Module, text: str, path: str, files: Files, scope: Scope | None = None) -> Unpacked:
    """Walk a module, whose text is `text`, that is shipped as, or unpacked from, the file `path` of the folder."""
    return _Unpacker(files, path, tree, text, scope).walk()


class _Unpacker(Walker):
    def __init__(self, files: Files, path: str, tree: ast.Module, text: str, scope: Scope | None) -> None:
        functions = [n for n in statements(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
        super().__init__(files, path, scope, _executing(functions, text))
        self.tree = tree
        self.functions = functions
        self.out = Unpacked([], [], [])
        self.reached = True

    def handler_matters(self, handler: ast.ExceptHandler) -> bool:
        # A handler runs when something is missing that folding takes to be there: walk it for what it executes.
        return any(_is_sink_name(n) for s in handler.body for n in nodes(s))

    def walk(self) -> Unpacked:
        try:
            if not self.whole(self.tree.body, self.scope):
                self._opaque(
                    1, "a return that is in no function, or a break that is in no loop: this is not valid Python"
                )
            self.reached = False
            for node in self.functions:
                if node.name in self.executing and id(node) not in self.seen:
                    self.run(node, Scope(self._bind_arguments(Closure(node, self.scope), [], {}), self.scope))
        except (OutOfSteps, RecursionError):
            self.out.opaque.append(Opaque(1, "unpacking takes more steps than are followed", self.reached))
        return self.out

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
        self._opaque(line, "import of a module whose name could not be folded", imports=True)
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

    def _opaque(self, line: int, message: str, *, imports: bool = False) -> None:
        if not any(o.line == line for o in self.out.opaque):
            self.out.opaque.append(Opaque(line, message, self.reached, imports))


def _is_sink_name(node: ast.AST) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name in _SINK_NAMES


def _executing(functions: list[ast.FunctionDef | ast.AsyncFunctionDef], text: str) -> frozenset[str]:
    """Names of the functions that execute something, themselves or through others; comments and literals count too."""
    line_starts = [0, *(m.end() for m in re.finditer("\n", text))]
    positions = _sink_positions(text)
    if spawns(text):
        positions += [at for word in ("subprocess", "os", "Popen") for at in occurrences(text, word)]
    executing: set[str] = set()
    while positions:
        lines = sorted({bisect_right(line_starts, at) for at in positions})
        found: set[str] = set()
        for function in functions:
            # The first line holds the function's own name.
            at = bisect_right(lines, function.lineno - (function.body[0].lineno == function.lineno))
            if at < len(lines) and lines[at] <= (function.end_lineno or function.lineno):
                found.add(function.name)
        positions = [at for name in found - executing for at in occurrences(text, name)]
        executing |= found
    return frozenset(executing)


_SINK_NAMES = frozenset(
    {*_SINK_WORDS, "run_path", "run_module", "subprocess", "system", "execv", "execvp", "execl", "Popen"}
)
_SPAWNERS = ("subprocess.", "os.system", "os.exec", "os.popen", "os.spawn", "os.posix_spawn")
_Sink = Callable[[_Unpacker, list[Value], dict[str, Value], int, Scope], Value]
_SINKS: dict[str, _Sink] = {
    "builtins.exec": _Unpacker._exec,
    "builtins.eval": _Unpacker._eval,
    "runpy.run_path": _Unpacker._run_path,
    "runpy.run_module": _Unpacker._run_module,
    "importlib.import_module": _Unpacker._run_module,
    "builtins.__import__": _Unpacker._run_module,
    "marshal.loads": _Unpacker._unreadable,
    "marshal.load": _Unpacker._unreadable,
    "types.FunctionType": _Unpacker._unreadable,
    "types.CodeType": _Unpacker._unreadable,
}

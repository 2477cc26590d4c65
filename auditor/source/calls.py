"""Calls in constant expressions: codecs, pure functions, methods, files, and the program's own functions."""

from __future__ import annotations

import ast
from collections.abc import Callable

from auditor.source import library, methods
from auditor.source.constants import Constants
from auditor.source.files import file_call, is_file_call
from auditor.source.values import (
    CannotFold,
    Closure,
    Code,
    EnvironmentText,
    Handle,
    Method,
    ModuleValue,
    Origin,
    Scope,
    Symbol,
    Unknown,
    Value,
)

MAX_DEPTH = 40
"""Calls of the program's own functions within each other."""


class Folder(Constants):
    """Evaluates calls as well; only functions of the tables in `library` and `files`, and the program's own."""

    def call(self, function: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call, scope: Scope) -> Value:
        """The value of a call. Subclasses see calls that execute something before this does."""
        if isinstance(function, Closure):
            return self.call_closure(function, args, kwargs)
        for value in (*args, *kwargs.values()):
            if isinstance(value, Unknown):
                raise CannotFold(value.why)
        if isinstance(function, Method):
            return self._call_method(function, args, kwargs)
        if isinstance(function, Symbol):
            return self._call_symbol(function, args, kwargs, scope)
        raise CannotFold("a call of something that is not known")

    def call_closure(self, function: Closure, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if self.depth >= MAX_DEPTH:
            raise CannotFold("functions that call each other too deeply")
        names = self._bind_arguments(function, args, kwargs)
        self.depth += 1
        try:
            if isinstance(function.node, ast.Lambda):
                return self.fold(function.node.body, Scope(names, function.scope))
            return self.run_function(function.node, Scope(names, function.scope))
        finally:
            self.depth -= 1

    def run_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Value:
        """What a function returns; the statements are the business of the subclass that knows them."""
        raise CannotFold(f"a call of {node.name}")

    def _bind_arguments(self, function: Closure, args: list[Value], kwargs: dict[str, Value]) -> dict[str, Value]:
        spec = function.node.args
        positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        names: dict[str, Value] = {a: Unknown(f"the argument {a} is not known") for a in positional}
        names.update({a.arg: Unknown(f"the argument {a.arg} is not known") for a in spec.kwonlyargs})
        for name, default in zip(positional[len(positional) - len(spec.defaults) :], spec.defaults, strict=True):
            names[name] = self.known(default, function.scope)
        for keyword, value in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
            if value is not None:
                names[keyword.arg] = self.known(value, function.scope)
        names.update(zip(positional, args, strict=False))
        if spec.vararg is not None:
            names[spec.vararg.arg] = tuple(args[len(positional) :])
        names.update({k: v for k, v in kwargs.items() if k in names})
        if spec.kwarg is not None:
            names[spec.kwarg.arg] = {k: v for k, v in kwargs.items() if k not in names}
        return names

    def _call_method(self, function: Method, args: list[Value], kwargs: dict[str, Value]) -> Value:
        owner, name = function.owner, function.name
        if is_file_call(owner, name):
            result = file_call(self.files, owner, name, args, kwargs)
            if isinstance(result, (str, bytes)):
                self._note_file(owner, result)
            return result
        if name == "decode" and isinstance(owner, (bytes, bytearray)):
            codec, result = library.decode(owner, *args, **kwargs)
            return self.note(owner, result, codec)
        if isinstance(owner, ModuleValue):
            raise CannotFold(f"a call of {owner.name}.{name}")
        return self.note(owner, methods.call_method(owner, name, args, kwargs))

    def _call_symbol(self, function: Symbol, args: list[Value], kwargs: dict[str, Value], scope: Scope) -> Value:
        name = function.name
        if name in library.CODECS:
            display, decoder = library.CODECS[name]
            data = args[0] if args else kwargs.pop(next(iter(kwargs)))
            settings = {k: v for k, v in {**function.kwargs, **kwargs}.items() if k not in _IGNORED_SETTINGS}
            more = [*function.args, *args[1:]] if "zstd" not in name.lower() else []
            return self.note(data, decoder(data, *more, **({} if "zstd" in name.lower() else settings)), display)
        if name == "codecs.decode":
            codec, result = library.decode(*args, **kwargs)
            return self.note(args[0], result, codec)
        special = _SPECIAL.get(name)
        if special is not None:
            return special(self, args, kwargs, scope)
        if is_file_call(function, name):
            result = file_call(self.files, function, name, args, kwargs)
            if isinstance(result, Handle) and result.path is not None:
                self._note_file(result, result.data)
            return result
        if name in library.PURE:
            methods.check_parts(*(args if name in library.WHOLE else ()))
            result = library.PURE[name](*args, **kwargs)
            return self.note(args[0], result) if args else result
        if name in _OBJECTS:
            return Symbol(f"{name}()", tuple(args), kwargs)
        raise CannotFold(f"a call of {name.removeprefix('builtins.')}")

    # -- functions that need more than their arguments ---------------------------------------------------------------

    def _map(self, args: list[Value], kwargs: dict[str, Value], scope: Scope) -> Value:
        call = ast.Call(ast.Constant(None), [], [])
        rows = zip(*(self.iterate(a) for a in args[1:]), strict=False)
        return [self.call(args[0], list(row), {}, call, scope) for row in rows]

    def _import(self, args: list[Value], kwargs: dict[str, Value], scope: Scope) -> Value:
        if not isinstance(args[0], str):
            raise CannotFold("an import of a name that is not known")
        return Symbol(args[0])

    def _getattr(self, args: list[Value], kwargs: dict[str, Value], scope: Scope) -> Value:
        return self.attribute(args[0], str(args[1]))

    def _globals(self, args: list[Value], kwargs: dict[str, Value], scope: Scope) -> Value:
        return scope.top if not args else self.attribute(args[0], "__dict__")

    def _compile(self, args: list[Value], kwargs: dict[str, Value], scope: Scope) -> Value:
        source = args[0] if args else kwargs["source"]
        return self.note(source, Code(library.as_text(source)))

    def _environment(self, args: list[Value], kwargs: dict[str, Value], scope: Scope) -> Value:
        if len(args) < 2:
            raise CannotFold(f"the environment variable {args[0]}")
        return EnvironmentText(args[1]) if isinstance(args[1], str) else args[1]

    def _note_file(self, owner: Value, content: str | bytes) -> None:
        path = owner.path if isinstance(owner, Handle) else str(owner)
        shipped = self.files.shipped_path(path) if path is not None else None
        if shipped is not None and content:
            self.origins.setdefault(content, Origin(shipped))


_IGNORED_SETTINGS = frozenset({"max_length", "bufsize", "memlimit", "max_output_size", "output_buffer_limit"})
_OBJECTS = frozenset(
    {"lzma.LZMADecompressor", "zlib.decompressobj", "bz2.BZ2Decompressor", "brotli.Decompressor"}
    | {"zstandard.ZstdDecompressor", "zstd.ZstdDecompressor", "builtins.print", "os.getpid"}
)
_Special = Callable[[Folder, list[Value], dict[str, Value], Scope], Value]
_SPECIAL: dict[str, _Special] = {
    "builtins.map": Folder._map,
    "builtins.__import__": Folder._import,
    "importlib.import_module": Folder._import,
    "builtins.getattr": Folder._getattr,
    "builtins.globals": Folder._globals,
    "builtins.vars": Folder._globals,
    "builtins.compile": Folder._compile,
    "os.environ.get": Folder._environment,
    "os.getenv": Folder._environment,
}

"""Functions of the standard library that name, list and copy files."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable

from auditor.program.holdings import deep_tags
from auditor.program.interpreter.language import callbacks
from auditor.program.interpreter.libraries import files, printed
from auditor.program.interpreter.libraries.standard_iterators import Handler
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import tokens
from auditor.program.values import Frame, Value, union


def _dirname(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return _path(args, posixpath.dirname)


def _basename(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return _path(args, posixpath.basename)


def _path(args: list[Value], function: Callable[[str], str]) -> Value:
    if not args:
        return Value()
    text = tokens.text_of(args[0])
    if text == "{}":
        return Value(args[0].tags)
    made = function(text)
    return files.path_value(args[0].tags, made, known="{}" not in text)


def _listing(name: str) -> Handler:
    def run(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        found = files.listing(m, name, args)
        if found is None and "glob" in name and args and tokens.text_of(args[0]) != "{}":
            return files.shards(tokens.text_of(args[0]), union(*args))
        return found if found is not None else Value(union(*args), mutable=True)

    return run


def _copy(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) > 1:
        files.copied(m, args[0], args[1])
        return args[1]
    return Value(const=None)


def _sent(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`os.sendfile(target, source, ...)`, of descriptors."""
    if len(args) > 1:
        files.copied(m, args[1], args[0])
    return Value()


def _put(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`os.write(descriptor, content)`"""
    if len(args) > 1:
        tags = deep_tags(args[1])
        printed.over(m, frame, node, tokens.text_of(args[0]), tags)
        files.written(m, tokens.text_of(args[0]), tags)
        printed.keep(m, tags)
        printed.report(m, frame, node, args[1:2], {})
    return Value()


def _json(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if not args:
        return Value()
    for function in kwargs.values():
        if callbacks.callable_of_program(function):
            m.call(frame, node, function, [Value(args[0].tags)] * (callbacks.positional(function) or 1), {})
    known = files.parsed_json(m, frame, args[0])
    return known if known is not None else Value(union(*args) | m.disk, mutable=True)


def first(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return args[0] if args else Value()


FUNCTIONS: dict[str, Handler] = {
    "os.path.dirname": _dirname,
    "os.path.basename": _basename,
    "os.path.abspath": first,
    "os.path.realpath": first,
    "os.path.normpath": first,
    "os.path.expanduser": first,
    "os.fspath": first,
    "os.open": first,  # a descriptor goes by the name of its file
    "os.write": _put,
    "os.pwrite": _put,
    "os.sendfile": _sent,
    "os.copy_file_range": _copy,
    "shutil.copyfileobj": _copy,
    "os.listdir": _listing("listdir"),
    "os.scandir": _listing("scandir"),
    "os.walk": _listing("walk"),
    "glob.glob": _listing("glob"),
    "glob.iglob": _listing("glob"),
    "shutil.which": first,
    "shutil.copy": _copy,
    "shutil.copy2": _copy,
    "shutil.copyfile": _copy,
    "shutil.move": _copy,
    "os.link": _copy,
    "os.symlink": _copy,
    "os.rename": _copy,
    "os.replace": _copy,
    "json.load": _json,
    "json.loads": _json,
}

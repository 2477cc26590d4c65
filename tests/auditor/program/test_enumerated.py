"""Every method and function of what Python brings, tried out: what really comes out, or is called, is seen to.

Python itself is asked: each callable is really called with a mark in what it is given. Where the mark is in what it
gives, or in what it has changed, or a function that it was given has run, the abstract run must tell the same, or say
that it did not follow. Nobody has to remember to list a new method.
"""

from __future__ import annotations

import builtins
import collections
import contextlib
import copy
import functools
import heapq
import io
import itertools
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from program_samples import HEAD, sources

from auditor.claims import Claims
from auditor.config import configure
from auditor.program.holdings import deep_tags
from auditor.program.interpreter import VERBS
from auditor.program.interpreter.machine import Machine
from auditor.program.tags import VAL
from auditor.program.values import Frame

IMPORTS = "import collections, contextlib, copy, functools, heapq, itertools, operator\nS = val\n"
CONTAINERS = {
    "list": "[S, 1]",
    "tuple": "(S, 1)",
    "dict": "{'a': S}",
    "deque": "collections.deque([S, 1])",
    "OrderedDict": "collections.OrderedDict([('a', S)])",
    "defaultdict": "collections.defaultdict(list, {'a': S})",
    "ChainMap": "collections.ChainMap({'a': S})",
    "UserDict": "collections.UserDict({'a': S})",
    "UserList": "collections.UserList([S, 1])",
}
GIVEN = ("", "0", "-1", "'a'", "'b', S", "0, S", "S", "[S]", "{'b': S}", "slice(0, 2)", "1", "'a', None", "last=False")
MODULES: dict[str, Any] = {
    "": builtins, "itertools.": itertools, "functools.": functools, "operator.": operator, "copy.": copy,
    "heapq.": heapq, "collections.": collections,
}  # fmt: skip
FUNCTIONS = (
    "S", "[S]", "[S, S], 0", "[S], [S]", "0, [S]", "None, [S]", "'a', S", "{'a': S}, 'a'", "[S], 1", "len, [[S]]",
    "iter([S])", "[[S]]", "1, [S]", "lambda a, b: a, [S, S]", "[0], 0, S", "dict(a=S)",
)  # fmt: skip
CALLING = (
    "K", "K, [1]", "[2, 1], key=K", "K, [1, 2]", "K, [(1,)]", "K, 1", "[1], K", "K, [1], 0", "2, [1, 2], K",
    "iter([1]), K", "1, [2, 1], K", "[1, 2], K", "*[2, 1], key=K",
)  # fmt: skip
SKIPPED = frozenset(
    {"exec", "eval", "open", "input", "print", "breakpoint", "help", "exit", "quit", "copyright", "credits", "license"}
    | {"__import__", "compile", "vars", "dir", "globals", "locals", "repr", "str", "format", "hash", "id", "ascii"}
    | {"super", "type", "__build_class__", "memoryview", "cycle", "count", "repeat", "__init__", "__new__"}
    | {"__class__", "__class_getitem__", "__init_subclass__", "__getattribute__", "__setattr__", "__delattr__"}
    | {"__reduce__", "__reduce_ex__", "__sizeof__", "__dir__", "__subclasshook__", "__getstate__", "__repr__"}
    | {"default_factory", "__str__", "__format__", "__hash__", "__doc__", "singledispatch", "wraps", "update_wrapper"}
)


UNASKED = frozenset(
    {"save", "savez", "savetxt", "savez_compressed", "test", "info", "show_config"}
    | {"empty", "empty_like", "ones", "zeros", "full"}  # a shape made of tokens, or whatever stood in the memory
)


class _Mark:
    """Stands for tokens where Python is really asked."""

    def __lt__(self, other: object) -> bool:
        return False

    def __index__(self) -> int:
        raise TypeError


def _holds(value: object, mark: _Mark, depth: int = 3) -> bool:
    if value is mark:
        return True
    if depth == 0 or isinstance(value, (str, bytes, type, range)):
        return False
    try:
        if isinstance(value, collections.abc.Mapping):
            return any(_holds(v, mark, depth - 1) for v in value.values())
        if isinstance(value, collections.abc.Iterable):
            return any(_holds(v, mark, depth - 1) for v in itertools.islice(value, 8))
    except Exception:  # `ChainMap(S)`: made of what it cannot hold
        return False
    return False


_SPACE = {m.__name__: m for m in (collections, contextlib, copy, functools, heapq, itertools, operator)}


def _asked(text: str, names: dict[str, Any], box: str = "None") -> dict[str, Any] | None:
    """The names after `box = ...; got = ...`, None where Python raises."""
    space = {**_SPACE, **names}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(f"box = {box}\ngot = {text}", space)
    except BaseException:
        return None
    return space


def _abstract(lines: list[str]) -> Machine:
    found = sources(HEAD + IMPORTS + "\n".join(lines))
    assert found.entry is not None
    assert found.entry.tree is not None
    machine = Machine(VERBS, found, configure(found, Claims(), (), {}))
    frame = Frame(found.entry)
    machine.execute(frame, found.entry.tree.body)
    machine.modules["main"] = frame
    return machine


def _of_containers(kind: str) -> Iterator[tuple[str, str, bool, bool]]:
    """(box, call, whether the mark is given back, whether the box holds it afterwards)."""
    made = CONTAINERS[kind]
    empty = made.replace("'a': S", "").replace("('a', S)", "").replace("S, 1", "").replace("S", "")
    for box in dict.fromkeys((made, empty)):
        first = _asked("box", {"S": _Mark()}, box)
        for name in dir(first["got"]) if first is not None else ():
            for given in GIVEN if name not in SKIPPED else ():
                mark = _Mark()
                after = _asked(f"box.{name}({given})", {"S": mark}, box)
                if after is not None:
                    yield box, f"box.{name}({given})", _holds(after["got"], mark), _holds(after["box"], mark)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_what_comes_out_of_a_container_is_what_went_in(kind: str) -> None:
    tried = [case for case in _of_containers(kind) if case[2] or case[3]]
    assert len(tried) > 3
    lines = [f"b{i} = {box}\ng{i} = {call.replace('box', f'b{i}')}" for i, (box, call, _, _) in enumerate(tried)]
    frame = _abstract(lines).modules["main"]
    lost = []
    for i, (box, call, given, held) in enumerate(tried):
        if given and VAL not in deep_tags(frame.names[f"g{i}"], 5):
            lost.append(f"{box}: {call}")
        if held and not given and VAL not in deep_tags(frame.names[f"b{i}"], 5):
            lost.append(f"{box} after {call}")
    assert lost == []


@pytest.mark.parametrize("module", MODULES)
def test_what_a_function_gives_holds_what_it_was_given(module: str) -> None:
    lines, texts = [], []
    for name in dir(MODULES[module]):
        for given in FUNCTIONS if not name.startswith("_") and name not in SKIPPED else ():
            mark, text = _Mark(), f"{module}{name}({given})"
            after = _asked(text, {"S": mark})
            if after is not None and _holds(after["got"], mark):
                lines.append(f"g{len(texts)} = {text}")
                texts.append(text)
    frame = _abstract(lines).modules["main"]
    assert [t for i, t in enumerate(texts) if VAL not in deep_tags(frame.names[f"g{i}"], 5)] == []


@pytest.mark.parametrize("module", MODULES)
def test_a_function_that_is_called_back_is_followed(module: str) -> None:
    lines, texts = [], []
    for name in dir(MODULES[module]):
        for given in CALLING if not name.startswith("_") and name not in SKIPPED else ():
            ran: list[int] = []

            def called(*rest: object, ran: list[int] = ran) -> int:
                ran.append(1)
                return 0

            text = f"{module}{name}({given})"
            after = _asked(text, {"K": called})
            if after is not None and not ran and isinstance(after["got"], collections.abc.Iterator):
                with contextlib.suppress(Exception):
                    list(itertools.islice(after["got"], 4))
            if ran:
                at = len(texts)
                lines.append(f"seen{at} = []\ndef k{at}(*rest):\n    seen{at}.append(val)\n    return 0")
                lines.append(f"g{at} = list({text.replace('K', f'k{at}')} or ())")
                texts.append(text)
    frame = _abstract(lines).modules["main"]
    assert [t for i, t in enumerate(texts) if VAL not in deep_tags(frame.names[f"seen{i}"], 5)] == []


def _numpy() -> Iterator[tuple[str, bool]]:
    """(call, whether it gives other numbers for other tokens) of every function of numpy; and what it changes."""
    patterns = ("A, S", "A, [1], S", "A, A > 0, S", "S", "S, 0", "A, S, S", "S, S", "S > 2", "S, 1, 0")
    for name in dir(np):
        if name.startswith("_") or name in UNASKED:
            continue
        for given in patterns:
            results = []
            for tokens in (np.array([3, 1, 2]), np.array([2, 4, 4])):
                space: dict[str, Any] = {"np": np, "A": np.array([0, 1, 2]), "S": tokens}
                try:
                    with np.errstate(all="ignore"):
                        exec(f"got = np.{name}({given})", space)
                    results.append((repr(space["got"]), repr(space["A"])))
                except BaseException:
                    break
            if len(results) == 2 and results[0] != results[1]:
                yield f"np.{name}({given})", results[0][1] != results[1][1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")  # of names of numpy
def test_what_numpy_makes_of_tokens_is_made_of_tokens() -> None:
    lines, texts = [], []
    for text, changes in _numpy():
        at = len(texts)
        lines.append(f"a{at} = np.zeros(3)\ng{at} = {text.replace('A', f'a{at}')}")
        texts.append((text, changes))
    assert len(texts) > 200
    frame = _abstract(lines).modules["main"]
    lost = []
    for at, (text, changes) in enumerate(texts):
        of = "a" if changes else "g"
        if VAL not in deep_tags(frame.names[f"{of}{at}"], 5):
            lost.append(text)
    assert lost == []

"""Sizes that stand in the code as arguments of functions: `calibrate(model, num_seqs=64, seq_len=2048)`.

No setting reaches them, and a run on the CPU would spend its time there: texts generated for calibration, batches of
Hessians. Where a parameter's default or a keyword argument is a plain number, it is shrunk by its name as settings are.
Gradients that a card adds up for eight (`grad_accum_steps = 8 // world_size`) are those of one small batch. What begins
once enough tokens were seen (`if self.total_tokens < 10_000`) begins in a stream of a few hundred as well. Where a
dictionary configures the model (`dict(model_dim=512, num_heads=8)`), each of its sizes is such an argument, and so is
what a stream is asked for (`stream.take(65536)`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, TypeGuard

from auditor.probe.shrink import FULL_STREAM, Measures, Scale, shrunk
from auditor.source.index import of_type

_NAMES = re.compile(
    r"(.*_)?seq_len(gth)?|gen_len|(num|n)_?(calib_|gptq_)?(seqs|sequences|samples|batches)|(gptq_|calib_)?nsamples"
    r"|(num_)?calib(ration)?_(seqs|samples|batches)|(.*_)?batch_(seqs|sequences)|(eval|ttt|sliding)_batch(_size)?"
)
_LENGTHS = re.compile(r"(.*_)?(seq_len(gth)?|gen_len(gth)?|max_new_tokens)")
_TABLES = re.compile(r"\w*buckets|\w*(ngram|cache)\w*(hash|table)_?size", re.IGNORECASE)
"""Count tables, which methods and functions give a size as well."""
_CHUNKS = re.compile(r"(\w*_)?chunk(_?(size|tokens|len|length))?")
"""Stretches of the stream after which something is learnt; `_LEAST_CHUNK` tells them from what is counted in rows."""
_LEAST_CHUNK = 1024
_TAKEN = "take"
_LEAST_TABLE = 1 << 14
_ZEROS, _MASK = "zeros", "mask"
_TEMPERATURE = "temperature"
_SAMPLED, _FEW_SAMPLED = " of a sample", 16
"""After the name of a length that is passed beside a temperature: so many tokens are drawn one by one, each for a whole
forward pass."""
_SET = " :"  # after a name that is set to such a number
_STRIDES = re.compile(r"((eval|slot|sw|sliding|sliding_eval|ttt|ngram)_)?stride")
_LEAST_STRIDE = 16  # tokens: less is a convolution's
_COUNTS = re.compile(
    r"_?((num|n|total)_?)?(tokens?|seen|scored|counted|count|positions)(_?(seen|scored|so_far|processed|total|count))?"
)
"""Names of what is counted along the stream."""
_DOCUMENTS = re.compile(r"(min|long|short)_doc(ument)?_(len(gth)?|tokens)")
"""Tokens of a document from which on something is done."""
_MODEL = frozenset({"model_dim", "d_model", "n_embd", "hidden_size", "dim"})
"""What a dictionary that configures a model has one of."""
_MANY, _FEW = 500, 16  # tokens: a count that is held against so many begins after so few at least
ACCUMULATED = re.compile(r"(grad(ient)?_)?acc(um(ulation)?)?_steps|grad(ient)?_accum(ulation)?")
Arguments = dict[str, int]
"""New values by `name=value` as it stands in the code."""


def arguments(trees: Iterable[ast.Module], own: Measures, scale: Scale) -> Arguments:
    """What to put in the place of which arguments."""
    found: Arguments = {}
    for tree in trees:
        found |= _count_tables(tree, own, scale)
        for node in chain(of_type(tree, ast.FunctionDef, ast.Call, ast.Assign, ast.Compare), of_type(tree, ast.Dict)):
            for name, text, _ in _given(node):
                if isinstance(node, ast.Compare):
                    found[f"{name}={text}"] = _enough(int(text), scale)
                    continue
                if name == _ZEROS or name.endswith(_SET):
                    continue
                if name.endswith(_SAMPLED):
                    found[f"{name}={text}"] = _FEW_SAMPLED
                    continue
                new = shrunk(name, text, own, scale)
                if name == _TAKEN:
                    new = min(int(text), 2 * scale.rows * scale.sequence)
                if _CHUNKS.fullmatch(name) and name.upper() not in scale.kept:
                    new = scale.chunk
                if ACCUMULATED.fullmatch(name) and name.upper() not in scale.kept:
                    new = 1
                if new is not None:
                    found[f"{name}={text}"] = new
    return found


def _count_tables(tree: ast.Module, own: Measures, scale: Scale) -> Arguments:
    """Of count tables: as many zeros as keys are masked to (`key & ((1 << 22) - 1)`), by number or by name (`key % N`).

    What the name is says nothing: it is given such a number, and is how many zeros there are and what keys stay below.
    """
    made = {text for node in of_type(tree, ast.Call) for name, text, _ in _given(node) if name == _ZEROS}
    masked = {text for node in of_type(tree, ast.BinOp) for _, text, _ in _given(node)}
    small = {text: shrunk("BUCKETS", text, own, scale) for text in made & masked}
    found = {f"{name}={text}": new for text, new in small.items() if new is not None for name in (_ZEROS, _MASK)}
    named = {_word(node.args[0]) for node in of_type(tree, ast.Call) if node.args and _called(node) == _ZEROS}
    named &= {_word(side) for node in of_type(tree, ast.BinOp) if (side := _below(node)) is not None}
    for node in of_type(tree, ast.Assign):
        for name, text, _ in _given(node):
            new = shrunk("BUCKETS", text, own, scale)
            if name.endswith(_SET) and name.removesuffix(_SET) in named and new is not None:
                found[f"{name}={text}"] = new
    return found


def _enough(tokens: int, scale: Scale) -> int:
    """As much of the small stream as that is of the whole one."""
    return min(max(_FEW, tokens * scale.stream // FULL_STREAM), scale.stream // 2)


class Rewrite(ast.NodeTransformer):
    """Puts the new values in."""

    def __init__(self, values: Mapping[str, int]) -> None:
        self._values = values

    def visit(self, node: ast.AST) -> Any:
        for name, text, put in _given(node):
            new = self._values.get(f"{name}={text}")
            if new is not None:
                put(ast.Constant(new))
        return self.generic_visit(node)


Put = Callable[[ast.Constant], None]


def _given(node: ast.AST) -> Iterator[tuple[str, str, Put]]:
    """Numbers that such a name defaults to, is called with or is set to: name, text, how to put in another."""
    if isinstance(node, ast.FunctionDef):
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        first = len(positional) - len(arguments.defaults)
        for i, default in enumerate(arguments.defaults):
            yield from _number(positional[first + i].arg, default, partial(_put_at, arguments.defaults, i))
        for i, (argument, keyword) in enumerate(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)):
            if keyword is not None:
                yield from _number(argument.arg, keyword, partial(_put_at, arguments.kw_defaults, i))
    elif isinstance(node, ast.Call):
        sized = isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args
        sized = sized and not _MODEL.isdisjoint({given.arg for given in node.keywords})
        sampled = any(given.arg == _TEMPERATURE for given in node.keywords)
        for given in node.keywords:
            put = partial(setattr, given, "value")
            if sampled and _LENGTHS.fullmatch(given.arg or ""):
                name = f"{given.arg}{_SAMPLED}"
                yield name, ast.unparse(given.value), partial(_put_copied, put, given.value)
                continue
            yield from _number(given.arg or "", given.value, put, always=sized)
        zeros = _folded(node.args[0]) if node.args and _called(node) == _ZEROS else None
        if zeros is not None and zeros >= _LEAST_TABLE:
            yield _ZEROS, str(zeros), partial(_put_copied, partial(_put_at, node.args, 0), node.args[0])
        taken = _folded(node.args[0]) if len(node.args) == 1 and _takes(node.func) else None
        if taken is not None and taken >= _LEAST_CHUNK:
            yield _TAKEN, str(taken), partial(_put_copied, partial(_put_at, node.args, 0), node.args[0])
    elif isinstance(node, ast.BinOp):
        less = _is_less_one(node)
        side = "left" if less else "right"
        size = _folded(getattr(node, side)) if less or isinstance(node.op, ast.Mod) else None
        if size is not None and size >= _LEAST_TABLE:
            yield _MASK, str(size), partial(_put_copied, partial(setattr, node, side), getattr(node, side))
    elif isinstance(node, ast.Dict):
        names = [str(key.value) if isinstance(key, ast.Constant) else "" for key in node.keys]
        if not _MODEL.isdisjoint(names):
            for i, name in enumerate(names):
                yield from _number(name, node.values[i], partial(_put_at, node.values, i), always=True)
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        name = node.left.id if isinstance(node.left, ast.Name) else getattr(node.left, "attr", "")
        many = _folded(node.comparators[0])
        if len(node.ops) == 1 and _COUNTS.fullmatch(name) and many is not None and many >= _MANY:
            sign = "<" if isinstance(node.ops[0], ast.Lt | ast.LtE) else ">"
            put = partial(_put_copied, partial(_put_at, node.comparators, 0), node.comparators[0])
            yield f"{name} {sign}", str(many), put
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        name = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
        if any(pattern.fullmatch(name) for pattern in (_TABLES, _CHUNKS, _DOCUMENTS)):
            yield from _number(name, node.value, partial(setattr, node, "value"))
        elif ACCUMULATED.fullmatch(name) and any(isinstance(part, ast.FloorDiv) for part in ast.walk(node.value)):
            yield name, ast.unparse(node.value), partial(_put_copied, partial(setattr, node, "value"), node.value)
        else:
            size = _folded(node.value)
            if name and size is not None and size >= _LEAST_TABLE:
                yield f"{name}{_SET}", str(size), partial(_put_copied, partial(setattr, node, "value"), node.value)


def _called(node: ast.Call) -> str:
    return str(getattr(node.func, "attr", ""))


def _word(node: ast.expr) -> str:
    return str(node.id if isinstance(node, ast.Name) else getattr(node, "attr", ""))


def _is_less_one(node: ast.expr) -> TypeGuard[ast.BinOp]:
    return (
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)
        and isinstance(node.right, ast.Constant) and node.right.value == 1
    )  # fmt: skip


def _below(node: ast.BinOp) -> ast.expr | None:
    """What keys stay below: N of `key % N` and of `key & (N - 1)`."""
    if isinstance(node.op, ast.Mod):
        return _converted(node.right)
    masks = (_converted(node.left), _converted(node.right)) if isinstance(node.op, ast.BitAnd) else ()
    return next((_converted(mask.left) for mask in masks if _is_less_one(mask)), None)


def _converted(node: ast.expr) -> ast.expr:
    """`N` of `np.uint64(N)`."""
    return node.args[0] if isinstance(node, ast.Call) and len(node.args) == 1 else node


def _takes(function: ast.expr) -> bool:
    """`loader.stream.take`: as the challenge's own stream of tokens is asked for so many."""
    return isinstance(function, ast.Attribute) and function.attr == _TAKEN


def _put_copied(put: Put, value: ast.expr, new: ast.Constant) -> None:
    put(ast.copy_location(new, value))


def _put_at(values: list[Any], index: int, new: ast.Constant) -> None:
    values[index] = new


def _number(name: str, value: ast.expr, put: Put, *, always: bool = False) -> Iterator[tuple[str, str, Put]]:
    is_chunk = _CHUNKS.fullmatch(name) is not None
    is_stride = _STRIDES.fullmatch(name) is not None
    named = always or is_chunk or is_stride or any(p.fullmatch(name) for p in (_DOCUMENTS, _NAMES, _TABLES))
    number = _folded(value) if named else None
    least = _LEAST_CHUNK if is_chunk else _LEAST_STRIDE if is_stride else 0
    if number is not None and number >= least:
        yield name, str(number), partial(_put_copied, put, value)


def _folded(value: ast.expr) -> int | None:
    """A whole number, or a power of two as such sizes are written: `1 << 22`, `2**22`, `4 * 1024 * 1024`."""
    if isinstance(value, ast.Constant):
        return value.value if type(value.value) is int else None
    if not isinstance(value, ast.BinOp):
        return None
    left, right = _folded(value.left), _folded(value.right)
    if left is None or right is None or not (0 <= left < 1 << 40 and 0 <= right < 1 << 40):
        return None
    if isinstance(value.op, ast.Mult):
        return left * right
    if isinstance(value.op, ast.LShift) and right < 40:
        return left << right
    return left**right if isinstance(value.op, ast.Pow) and left == 2 and right < 40 else None

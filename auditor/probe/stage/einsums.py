"""einops, as far as scripts use it: `rearrange`, `repeat` and `reduce` by patterns such as `"b t (h d) -> b h t d"`.

Axes are lists of names; a parenthesis is one axis of a tensor made of several names, `1` an axis of length one, `...`
the axes that are not named.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from torch import Tensor

Axes = list[list[str]]


def rearrange(tensor: Any, pattern: str, **lengths: int) -> Any:
    """The same elements in the order that the pattern gives."""
    return _changed(_stacked(tensor), pattern, lengths, None)


def repeat(tensor: Any, pattern: str, **lengths: int) -> Any:
    """Names that stand on the right alone are new axes of the length given, along which elements are repeated."""
    return _changed(_stacked(tensor), pattern, lengths, None)


def reduce(tensor: Any, pattern: str, reduction: str, **lengths: int) -> Any:
    """Names that stand on the left alone are taken together: "sum", "mean", "max", "min" or "prod"."""
    return _changed(_stacked(tensor), pattern, lengths, reduction)


def _stacked(tensor: Any) -> Tensor:
    if isinstance(tensor, list | tuple):
        import torch

        return torch.stack(list(tensor))
    found: Tensor = tensor
    return found


def _changed(tensor: Tensor, pattern: str, lengths: dict[str, int], reduction: str | None) -> Tensor:
    left, right = (_axes(side, tensor.dim(), pattern) for side in pattern.split("->"))
    known = _lengths(tensor, left, lengths, pattern)
    tensor = tensor.reshape([known[name] for axis in left for name in axis])
    names = [name for axis in left for name in axis]
    wanted = [name for axis in right for name in axis]
    gone = [i for i, name in enumerate(names) if name not in wanted]
    if reduction is None and any(known[names[i]] != 1 for i in gone):
        raise ValueError(f"{pattern}: an axis is missing on the right")
    for i in reversed(gone):
        tensor = _taken_together(tensor, i, reduction)
        names.pop(i)
    tensor = tensor.permute([names.index(name) for name in wanted if name in names])
    kept = [name for name in wanted if name in names]
    for i, name in enumerate(wanted):
        if name not in kept:
            tensor = tensor.unsqueeze(i).expand(*tensor.shape[:i], known.get(name, 1), *tensor.shape[i:])
    return tensor.reshape([math.prod(known.get(name, 1) for name in axis) for axis in right])


def _taken_together(tensor: Tensor, axis: int, reduction: str | None) -> Tensor:
    if reduction is None:
        return tensor.squeeze(axis)
    if reduction in ("max", "min"):
        extreme: Tensor = tensor.amax(axis) if reduction == "max" else tensor.amin(axis)
        return extreme
    result: Tensor = getattr(tensor, reduction)(axis)
    return result


@functools.cache
def _written(side: str) -> tuple[tuple[str, ...], ...]:
    parts = re.findall(r"\([^()]*\)|\.\.\.|\w+", side)
    return tuple(tuple(part.strip("()").split()) for part in parts)


def _axes(side: str, dimensions: int, pattern: str) -> Axes:
    """Each axis as the names that it is made of; axes that `...` stands for are named by their number."""
    written = _written(side.strip())
    first = _written(pattern.split("->")[0].strip())
    rest = dimensions - (len(first) - 1) if ("...",) in first else 0
    axes: Axes = []
    for number, axis in enumerate(written):
        if axis == ("...",):
            axes += [[f"...{i}"] for i in range(rest)]
        elif axis in (("1",), ()):
            axes.append([f"one {side} {number}"])
        else:
            axes.append(list(axis))
    return axes


def _lengths(tensor: Tensor, left: Axes, given: dict[str, int], pattern: str) -> dict[str, int]:
    known = dict(given)
    if len(left) != tensor.dim():
        raise ValueError(f"{pattern}: a tensor of {tensor.dim()} axes")
    for axis, length in zip(left, tensor.shape, strict=True):
        open_ = [name for name in axis if name not in known]
        told = math.prod(known[name] for name in axis if name in known)
        if len(open_) > 1 or (not open_ and told != length) or (told and length % told):
            raise ValueError(f"{pattern}: an axis of length {length} can't be {' times '.join(axis)}")
        if open_:
            known[open_[0]] = length // max(1, told)
    return known


def contents() -> dict[str, Any]:
    """What a module of that name has."""
    return {"rearrange": rearrange, "repeat": repeat, "reduce": reduce, "einsum": _einsum}


def _einsum(*operands: Any) -> Tensor:
    """Tensors, then the pattern: names of several letters are given one each."""
    import torch

    *tensors, pattern = operands
    letters: dict[str, str] = {}

    def short(side: str) -> str:
        return "".join("..." if n == "..." else letters.setdefault(n, chr(97 + len(letters))) for n in side.split())

    left, right = pattern.split("->")
    found: Tensor = torch.einsum(f"{','.join(short(side) for side in left.split(','))}->{short(right)}", *tensors)
    return found

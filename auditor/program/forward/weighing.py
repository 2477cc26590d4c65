"""Which positions the weights of attention without a softmax leave to each other: `(q @ k.T * mask) @ v`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

from auditor.program.forward.masks import FAILURES, POSITIONS, Mask
from auditor.program.syntax import called, is_library


class Weights(Mask):
    """Works out which weights of a few positions are none; what two activations make is one before it is masked."""

    product = 1.0

    def sees(self, subject: ast.expr) -> str:
        """What a position takes of the others: "nothing ahead", "what follows", or "" where it could not be told."""
        try:
            found = np.broadcast_to(np.asarray(self._value(subject, 0), dtype=float), (POSITIONS, POSITIONS))
        except FAILURES:
            return ""
        if (found == found[0, 0]).all():
            return ""  # there is no mask: it may be over heads or channels, and no position of the stream
        later = np.triu(np.ones((POSITIONS, POSITIONS), dtype=bool), 1)
        return "what follows" if np.any(np.nan_to_num(found)[later]) else "nothing ahead"

    def _call(self, node: ast.Call, depth: int) -> Any:
        name = called(node).removesuffix("_")
        own = isinstance(node.func, ast.Attribute) and not is_library(node.func.value)
        first = node.func.value if own and isinstance(node.func, ast.Attribute) else next(iter(node.args), None)
        if first is None or (name not in _CURVES and name not in _ALONG_A_ROW):
            return super()._call(node, depth)
        value = np.asarray(self._value(first, depth), dtype=float)
        with np.errstate(all="ignore"):
            if name in _CURVES:
                return _CURVES[name](value)
            return np.broadcast_to(_ALONG_A_ROW[name](np.nan_to_num(value), axis=-1, keepdims=True), value.shape)


def _swish(value: Any) -> Any:
    return np.nan_to_num(value / (1 + np.exp(-value)))


_CURVES: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp, "exp2": np.exp2, "tanh": np.tanh, "square": np.square, "sqrt": np.sqrt, "silu": _swish,
    "gelu": _swish, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.log1p(np.exp(x)),
}  # fmt: skip
_ALONG_A_ROW: dict[str, Callable[..., Any]] = {"sum": np.sum, "amax": np.max, "max": np.max, "mean": np.mean}

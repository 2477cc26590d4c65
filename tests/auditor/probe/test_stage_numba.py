"""Numba's compilers run what they decorate as plain Python, and what they decorate is marked and followed."""

from __future__ import annotations

import ast

import pytest
from stage_samples import printed

from auditor.probe.blocks import Mark, blocks

SCRIPT = """
import json
import numpy as np
try:
    from numba import njit, prange, types, int64 as i64
    from numba.typed import Dict
    import numba as nb
    fast = True
except ImportError:
    fast = False

@njit(cache=True, fastmath=True)
def counted(tokens, table):
    for i in prange(1, len(tokens)):
        key = (i64(tokens[i - 1]) * 31 + tokens[i]) & (len(table) - 1)
        table[key] += 1
    return table.sum()

@njit
def typed(tokens):
    seen = Dict.empty(key_type=types.int64, value_type=types.int64[::1])
    for token in tokens:
        if token not in seen:
            seen[token] = np.zeros(2, dtype=np.int64)
        seen[token][0] += 1
    return len(seen), max(v[0] for v in seen.values())

@nb.jit("float64(float64)", nopython=True)
def half(x):
    return x / 2

@nb.vectorize(["float64(float64)"])
def square(x):
    return x * x

tokens = np.array([3, 4, 3, 4, 5])
print(json.dumps(dict(
    fast=fast, counted=int(counted(tokens, np.zeros(8, dtype=np.int64))), typed=[int(n) for n in typed(tokens)],
    half=half(3.0), square=square(np.array([1.0, 2.0])).tolist(), plain=half.py_func(5.0), gpu=nb.cuda.is_available())))
"""


def test_what_numba_decorates_runs_as_it_stands(tmp_path):
    pytest.importorskip("torch", reason="the stage needs torch: pip install '.[probe]'")
    found = printed(tmp_path, SCRIPT)
    assert found == {
        "fast": True, "counted": 4, "typed": [3, 2], "half": 1.5, "square": [1.0, 4.0], "plain": 2.5, "gpu": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("imports", "decorator", "marked"),
    [
        ("from numba import njit", "njit", True), ("import numba", "numba.jit(nopython=True)", True),
        ("from torch import jit", "jit.script", True), ("def jit(f):\n    return f", "jit", True),
        ("import triton", "triton.jit", False), ("from triton import jit as kernel", "kernel", False),
        ("import triton as t", "t.autotune(configs=[])", False), ("from triton.runtime import jit", "jit", False),
    ],
)  # fmt: skip
def test_only_what_triton_reads_is_left_unmarked(imports, decorator, marked):
    """Whatever a decorator is called: what runs as plain Python is seen to have run or not."""
    text = f"{imports}\n@{decorator}\ndef late(tokens, step):\n    if step > 1000:\n        tokens += 1\n"
    line = 1 + next(n for n, said in enumerate(text.splitlines(), 1) if "if step" in said)
    assert any(block.place[0] == line for block in blocks(ast.parse(text))) is marked
    mark = Mark("hook")
    mark.visit(ast.parse(text))
    assert sorted(mark.places) == sorted(block.place for block in blocks(ast.parse(text)))

"""Triton kernels on the stage: as submissions write them, against the same in PyTorch."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from stage_samples import on_stage, printed

pytest.importorskip("torch", reason="the stage needs torch: pip install '.[probe]'")

SCRIPT = """
import json, torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

@triton.jit
def row_lse(x_ptr, out_ptr, stride, n_cols, block: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    best, total = -float("inf"), 0.0
    for off in range(0, n_cols, block):
        cols = off + tl.arange(0, block)
        mask = cols < n_cols
        x = tl.load(x_ptr + row * stride + cols, mask=mask, other=-float("inf")).to(tl.float32)
        new = tl.maximum(best, tl.max(x, axis=0))
        total = total * tl.exp(best - new) + tl.sum(tl.exp(x - new), axis=0)
        best = new
    tl.store(out_ptr + row, best + tl.log(total))

@triton.jit
def add_where(a_ptr, b_ptr, n, block: tl.constexpr):
    at = tl.program_id(0) * block + tl.arange(0, block)
    if tl.program_id(0) == 0:
        tl.store(b_ptr + at, tl.load(a_ptr + at, mask=at < n) + 1, mask=at < n)

@triton.jit
def product(a, b, c, BLOCK_K: tl.constexpr, BLOCK: tl.constexpr):
    m, n = tl.program_id(0) * BLOCK, tl.program_id(1) * BLOCK
    acc = tl.zeros((BLOCK, BLOCK), dtype=tl.float32)
    for k in tl.range(0, 40, BLOCK_K):
        acc = tl.dot(a.load([m, k]), b.load([n, k]).T, acc)
    c.store([m, n], acc.to(tl.float32))

torch.manual_seed(0)
x = torch.randn(5, 37, device="cuda")
lse = torch.empty(5, device="cuda")
row_lse[(5,)](x, lse, x.stride(0), 37, block=16, num_warps=4)
y = torch.zeros(10)
add_where[lambda meta: (triton.cdiv(10, meta["block"]),)](torch.arange(10.0), y, 10, block=4)
a, b, c = torch.randn(20, 40), torch.randn(30, 40), torch.empty(20, 30)
parts = [TensorDescriptor.from_tensor(t, [16, 16]) for t in (a, b, c)]
product[(2, 2)](*parts, BLOCK_K=16, BLOCK=16)
print(json.dumps(dict(lse=(lse - x.logsumexp(-1)).abs().max().item(), y=y.tolist(),
    product=(c - a @ b.T).abs().max().item(), cuda=x.is_cuda)))
"""


def test_kernels_compute_what_they_say(tmp_path):
    found = printed(tmp_path, SCRIPT, triton=True)
    assert float(str(found["lse"])) < 1e-5
    assert found["y"] == [1, 2, 3, 4, 0, 0, 0, 0, 0, 0]
    assert float(str(found["product"])) < 1e-4
    assert found["cuda"] is True


@pytest.mark.skipif(find_spec("triton") is not None, reason="triton is here: it comes with a torch built for CUDA")
def test_without_triton_the_import_fails(tmp_path):
    account, _ = on_stage(tmp_path, SCRIPT)
    assert account.failure is not None
    assert account.failure.error == "ModuleNotFoundError"
    assert account.absent == ("triton",)

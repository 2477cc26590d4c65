"""Which type each tensor of the record's forward pass has under CUDA's autocast, traced without a GPU.

Tensors of a FakeTensorMode have a device, a shape and a type and no memory. With a torch that was built for CUDA they
stand on a CUDA device, and the table that decides is CUDA's own. A CPU build has that table, too, but can't slice such
tensors: there the operations of CUDA's float32 list that the model uses are registered for the CPU's autocast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")

import torch.nn.functional as F  # noqa: E402
from torch import Tensor  # noqa: E402
from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402

from reference_model.config import record  # noqa: E402
from reference_model.model import kernels  # noqa: E402
from reference_model.model.attention import flash_attention  # noqa: E402
from reference_model.model.network import GPT  # noqa: E402

ROWS, LENGTH = 2, 2048


@dataclass
class Trace:
    """Types and shapes that were seen: of the attention calls, and of what goes from block to block."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    stream: list[Any] = field(default_factory=list)


def _in_float32(operation: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def cast(x: Tensor, *more: Any, **named: Any) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return operation(x.float(), *more, **named)

    return cast


FLOAT32 = {
    "rms_norm": lambda x, shape, weight=None, eps=None: torch.rms_norm(x, shape, weight, eps),
    "sum.dim_IntList": lambda x, dim, keepdim=False, *, dtype=None: torch.sum(x, dim, keepdim),
    "pow.Tensor_Scalar": lambda x, exponent: torch.pow(x, exponent),
}


@pytest.fixture(params=["cuda", "cpu"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where fake tensors obey CUDA's autocast."""
    if request.param == "cuda":
        if torch.version.cuda is None:
            pytest.skip("this torch was not built for CUDA")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *given, **named: True)
        yield "cuda"
        return
    library = torch.library.Library("aten", "IMPL")
    for name, operation in FLOAT32.items():
        library.impl(name, _in_float32(operation), "AutocastCPU")
    yield "cpu"
    library._destroy()


def traced(recurrent: bool, device: str) -> Trace:
    """A forward pass of the record's model at its own length, by the kernel that FlashAttention 3 stands behind."""
    trace = Trace()

    def kernel(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        assert causal
        trace.calls.append((*(x.dtype for x in (q, k, v)), *(tuple(x.shape) for x in (q, k, v))))
        assert all(x.stride(-1) == 1 for x in (q, k, v)), "FlashAttention 3 wants heads that lie together"
        return torch.empty_like(q)

    with torch.device("meta"):
        model = GPT(record().model, flash_attention(kernel))
    for block in model.blocks:
        for name in ("attend", "think"):
            _watch(block, name, trace)
    model.set_recurrence(recurrent)
    weights = dict(model.named_parameters()) | dict(model.named_buffers())
    with FakeTensorMode(), torch.autocast(device, dtype=torch.bfloat16):
        values = {name: torch.empty(w.shape, dtype=w.dtype, device=device) for name, w in weights.items()}
        ids = torch.zeros(ROWS, LENGTH, dtype=torch.int64, device=device)
        loss = torch.func.functional_call(model, values, (ids, ids))
    assert (loss.dtype, loss.device.type) == (torch.float32, device)
    return trace


def _watch(block: Any, name: str, trace: Trace) -> None:
    whole = getattr(block, name)

    def watched(x: Tensor, *more: Any) -> Tensor:
        out: Tensor = whole(x, *more)
        trace.stream += [x.dtype, out.dtype]
        return out

    setattr(block, name, watched)


@pytest.mark.parametrize(("recurrent", "calls"), [(False, 11), (True, 13)])
def test_attention_and_the_residual_stream_are_bfloat16(recurrent: bool, calls: int, device: str) -> None:
    trace = traced(recurrent, device)
    half, model = torch.bfloat16, record().model
    shapes = [(ROWS, LENGTH, heads, model.head_dim) for heads in (8, 4, 4)]
    assert trace.calls == [(half, half, half, *shapes)] * calls
    assert set(trace.stream) == {half}
    assert len(trace.stream) == 4 * calls


def test_a_norm_that_autocast_turns_into_float32_is_an_error(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong without the cast."""
    with FakeTensorMode(), torch.autocast(device, dtype=torch.bfloat16):
        found = F.rms_norm(torch.zeros(2, 64, dtype=torch.bfloat16, device=device), (64,)).dtype
    if found != torch.float32:
        pytest.skip(f"autocast of torch {torch.__version__} leaves rms_norm alone")
    monkeypatch.setattr(kernels, "rms_norm", lambda x: F.rms_norm(x, (x.size(-1),)))
    with pytest.raises(TypeError, match=r"takes half precision, and is given torch\.float32"):
        traced(False, device)


@pytest.mark.parametrize("name", FLOAT32)
def test_what_is_registered_is_on_the_list_of_cuda(name: str) -> None:
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    listed = torch._C._dispatch_has_kernel_for_dispatch_key(f"aten::{name}", "AutocastCUDA")
    assert listed == (name != "rms_norm" or version >= (2, 12))


def test_the_norm_keeps_its_type_when_it_is_compiled() -> None:
    """Autocast is switched off inside the graph, too, and what is around it stays one graph."""

    def both(x: Tensor) -> tuple[Tensor, Tensor]:
        return kernels.rms_norm(x), x @ x.mT

    x = torch.ones(4, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        normed, product = torch.compile(both, backend="aot_eager", fullgraph=True)(x)
        assert (normed.dtype, product.dtype) == (torch.float32, torch.bfloat16)
        assert kernels.rms_norm(x.bfloat16()).dtype == torch.bfloat16

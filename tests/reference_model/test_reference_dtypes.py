"""Which type each tensor of the record's forward pass has under CUDA's autocast, traced without a GPU.

Tensors of a FakeTensorMode have a device, a shape and a type and no memory: they stand on a CUDA device with any build
of torch, and the table that decides is CUDA's own, which is in a CPU build as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")

import torch.nn.functional as F  # noqa: E402
from torch import Tensor  # noqa: E402
from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402
from torch.overrides import TorchFunctionMode  # noqa: E402

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


class _Indexed(TorchFunctionMode):
    """Takes x[1, :, None] apart into operations: Python's own indexing asks the driver for the tensor's device."""

    def __torch_function__(
        self, function: Any, types: Sequence[type], given: Sequence[Any] = (), named: Mapping[str, Any] | None = None
    ) -> Any:
        if function is not Tensor.__getitem__:
            return function(*given, **(named or {}))
        x, dim = given[0], 0
        for index in given[1] if isinstance(given[1], tuple) else given[1:]:
            if isinstance(index, int):
                x = x.select(dim, index)
                continue
            x = x.unsqueeze(dim) if index is None else torch.ops.aten.slice(x, dim, index.start, index.stop)
            dim += 1
        return x


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there is a card is asked for all the same; an autocast that doubts it does nothing."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *given, **named: True)
    monkeypatch.setattr("torch._subclasses.fake_tensor.init_gpu_context", lambda device: None)


def traced(recurrent: bool) -> Trace:
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
    with FakeTensorMode(), torch.autocast("cuda", dtype=torch.bfloat16), _Indexed():
        values = {name: torch.empty(w.shape, dtype=w.dtype, device="cuda") for name, w in weights.items()}
        ids = torch.zeros(ROWS, LENGTH, dtype=torch.int64, device="cuda")
        loss = torch.func.functional_call(model, values, (ids, ids))
    assert (loss.dtype, loss.device.type) == (torch.float32, "cuda")
    return trace


def _watch(block: Any, name: str, trace: Trace) -> None:
    whole = getattr(block, name)

    def watched(x: Tensor, *more: Any) -> Tensor:
        out: Tensor = whole(x, *more)
        trace.stream += [x.dtype, out.dtype]
        return out

    setattr(block, name, watched)


@pytest.mark.usefixtures("no_driver")
@pytest.mark.parametrize(("recurrent", "calls"), [(False, 11), (True, 13)])
def test_attention_and_the_residual_stream_are_bfloat16(recurrent: bool, calls: int) -> None:
    trace = traced(recurrent)
    half, model = torch.bfloat16, record().model
    shapes = [(ROWS, LENGTH, heads, model.head_dim) for heads in (8, 4, 4)]
    assert trace.calls == [(half, half, half, *shapes)] * calls
    assert set(trace.stream) == {half}
    assert len(trace.stream) == 4 * calls


@pytest.mark.usefixtures("no_driver")
def test_a_norm_that_autocast_turns_into_float32_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong without the cast."""
    with FakeTensorMode(), torch.autocast("cuda", dtype=torch.bfloat16):
        found = F.rms_norm(torch.zeros(2, 64, dtype=torch.bfloat16, device="cuda"), (64,)).dtype
    if found != torch.float32:
        pytest.skip(f"autocast of torch {torch.__version__} leaves rms_norm alone")
    monkeypatch.setattr(kernels, "rms_norm", lambda x: F.rms_norm(x, (x.size(-1),)))
    with pytest.raises(TypeError, match=r"takes half precision, and is given torch\.float32"):
        traced(False)


def test_the_norm_keeps_its_type_when_it_is_compiled() -> None:
    """Autocast is switched off inside the graph, too, and what is around it stays one graph."""

    def both(x: Tensor) -> tuple[Tensor, Tensor]:
        return kernels.rms_norm(x), x @ x.mT

    x = torch.ones(4, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        normed, product = torch.compile(both, backend="aot_eager", fullgraph=True)(x)
        assert (normed.dtype, product.dtype) == (torch.float32, torch.bfloat16)
        assert kernels.rms_norm(x.bfloat16()).dtype == torch.bfloat16

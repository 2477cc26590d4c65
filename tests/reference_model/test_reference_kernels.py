"""How many kernels torch.compile makes of a layer of the record's size: made and counted on the CPU, never run.

The forward and backward graphs are traced on the CPU and lowered for a GPU whose properties are stated here, not asked
for; neither a card nor Triton takes part. The numbers are those of the record's torch and of the CPU's: with another
one they are not compared.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")

from torch import Tensor, nn  # noqa: E402

from reference_model.config import record  # noqa: E402
from reference_model.model.kernels import capped_loss, rotation  # noqa: E402
from reference_model.model.network import Block  # noqa: E402
from reference_model.reproduce import trial  # noqa: E402

LENGTH = 256
# (kernels, products), forward and backward. Of a layer's forward kernels four turn weights into bfloat16, two the
# tables of positions; norm, rotation and gain of queries and keys are one. Cap and cross-entropy are one, with their
# mean another.
COUNTED = {"layer": ((14, 4), (17, 8)), "loss": ((2, 1), (3, 2))}
TORCHES = ("2.9.", "2.13.")


@torch.library.custom_op("golf_test::attend", mutates_args=())
def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Stands for FlashAttention: one call, which the compiler does not look into."""
    raise NotImplementedError


@torch.library.custom_op("golf_test::attend_back", mutates_args=())
def attend_back(grad: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor) -> list[Tensor]:
    raise NotImplementedError


attend.register_fake(lambda q, k, v: torch.empty_like(q))
attend_back.register_fake(lambda grad, q, k, v, out: [torch.empty_like(x) for x in (q, k, v)])


def _keep(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs, output)


attend.register_autograd(
    lambda ctx, grad: tuple(attend_back(grad.contiguous(), *ctx.saved_tensors)), setup_context=_keep
)


class Layer(nn.Module):
    """Both halves of a layer on one residual stream."""

    def __init__(self) -> None:
        super().__init__()
        self.block = Block(record().model, 3, attend)

    def forward(self, x: Tensor, first: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        return self.block.think(self.block.attend(x, first, (cosines, sines), None))


class Head(nn.Module):
    """Logits, their cap and cross-entropy."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(record().model.vocab_size, record().model.model_dim, dtype=torch.bfloat16)

    def forward(self, hidden: Tensor, targets: Tensor) -> Tensor:
        return capped_loss(hidden, self.table.weight, targets, record().model.logit_softcap)


class _Cut(Exception):
    """The graphs are there, and nothing is to be run."""


def cut(module: nn.Module, *given: Tensor) -> list[Any]:
    """The forward and the backward graph of a module under autocast, cut as torch.compile cuts them."""
    from functorch.compile import aot_function, min_cut_rematerialization_partition
    from torch._inductor.decomposition import select_decomp_table

    weights, found = dict(module.named_parameters()), []

    def run(*both: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            state = dict(zip(weights, both[len(given) :], strict=True))
            out: Tensor = torch.func.functional_call(module, state, both[: len(given)])
            return out

    def partition(joint: Any, inputs: Any, **named: Any) -> Any:
        found.extend(min_cut_rematerialization_partition(joint, inputs, **named))
        raise _Cut

    with pytest.raises(_Cut):
        aot_function(run, fw_compiler=lambda graph, inputs: graph, partition_fn=partition,
                     decompositions=select_decomp_table())(*given, *weights.values())  # fmt: skip
    return found


@pytest.fixture(scope="module")
def graphs() -> dict[str, list[Any]]:
    x, first = (torch.empty(1, LENGTH, 512, dtype=torch.bfloat16, requires_grad=True) for _ in range(2))
    targets = torch.zeros(LENGTH, dtype=torch.int64)
    return {
        "layer": cut(Layer(), x, first, *rotation(LENGTH, record().model)),
        "loss": cut(Head(), x[0].detach().requires_grad_(), targets),
    }


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """An H100 that is stated: what the lowering asks for, and nothing that could run.

    Inductor writes the kernels' text by itself; it asks whether Triton could compile it, and for a hash of its version.
    """
    from torch._inductor.runtime.hints import DeviceProperties

    class Card:
        multi_processor_count, major, minor, name, warp_size = 132, 9, 0, "H100", 32
        regs_per_multiprocessor, max_threads_per_multi_processor, max_threads_per_block = 65536, 2048, 1024
        total_memory, gcnArchName, shared_memory_per_block_optin = 80 << 30, "", 232_448

    given = {"type": "cuda", "index": 0, "multi_processor_count": 132, "cc": 90, "major": 9, "warp_size": 32,
             "regs_per_multiprocessor": 65536, "max_threads_per_multi_processor": 2048,
             "max_threads_per_block": 1024}  # fmt: skip
    stated = DeviceProperties(**{name: given[name] for name in DeviceProperties._fields if name in given})
    monkeypatch.setattr("torch._inductor.scheduler.has_triton", lambda: True)
    monkeypatch.setattr("torch.utils._triton.triton_hash_with_backend", lambda: "stated")
    monkeypatch.setattr("torch._subclasses.fake_tensor.init_gpu_context", lambda device: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda *given: Card)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *given: (9, 0))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(DeviceProperties, "create", classmethod(lambda kind, device: stated))


def lowered(graph: Any) -> str:
    """The program that Inductor writes for a graph on a GPU."""
    from torch._inductor.codegen.common import init_backend_registration
    from torch._inductor.debug import DebugContext
    from torch._inductor.graph import GraphLowering
    from torch._inductor.virtualized import V
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.passes.fake_tensor_prop import FakeTensorProp

    init_backend_registration()
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        values = [node.meta["val"] for node in graph.graph.nodes if node.op == "placeholder"]
        inputs = [torch.empty_strided(v.shape, v.stride(), dtype=v.dtype, device="cuda") for v in values]
        for node in graph.graph.nodes:
            if node.kwargs.get("device") is not None:
                node.kwargs = {**node.kwargs, "device": torch.device("cuda")}
        FakeTensorProp(graph, mode).propagate_dont_convert_inputs(*inputs)
        lowering = GraphLowering(graph, example_inputs=inputs, shape_env=None)
        with V.set_graph_handler(lowering), V.set_fake_mode(mode), V.set_debug_handler(DebugContext()):
            lowering.run(*inputs)
            written = lowering.codegen()[0]
    return str(getattr(written, "value", written))


def counted(program: str) -> tuple[int, int]:
    """Kernels and matrix products that a program calls."""
    kernels = re.findall(r"^\w+ = async_compile\.triton\(", program, re.MULTILINE)
    return len(kernels), program.count("extern_kernels.mm(")


@pytest.mark.parametrize("part", COUNTED)
def test_a_part_is_so_many_triton_kernels(part: str, graphs: dict[str, list[Any]], gpu: None) -> None:
    if not torch.__version__.startswith(TORCHES):
        pytest.skip(f"counted with torch {TORCHES}, not {torch.__version__}")
    for graph, expected in zip(copy.deepcopy(graphs[part]), COUNTED[part], strict=True):
        assert counted(lowered(graph)) == expected, "where it grew, what was one kernel is several now"


def test_what_cuts_a_kernel_in_two_is_counted(graphs: dict[str, list[Any]], gpu: None) -> None:
    """A call that the compiler does not look into, between the leaky ReLU and its square."""
    forward = copy.deepcopy(graphs["layer"][0])
    (leaky,) = [node for node in forward.graph.nodes if node.target is torch.ops.aten.where.self]
    with forward.graph.inserting_after(leaky):
        call = forward.graph.call_function(torch.ops.golf_test.attend.default, (leaky, leaky, leaky))
    call.meta["val"] = leaky.meta["val"]
    leaky.replace_all_uses_with(call, delete_user_cb=lambda user: user is not call)
    forward.recompile()
    assert counted(lowered(forward))[0] == COUNTED["layer"][0][0] + 1


def kept(graph: Any) -> int:
    """Bytes for each position that a forward pass keeps for the backward pass; what it was given has been there."""
    (outputs,) = (node.args[0] for node in graph.graph.nodes if node.op == "output")
    values = [node.meta["val"] for node in outputs if node is not None and node.op != "placeholder"]
    return sum(v.numel() * v.element_size() for v in values if LENGTH in v.shape) // LENGTH


def test_what_a_step_keeps_is_on_a_card_beside_the_rest(graphs: dict[str, list[Any]]) -> None:
    """A rank's 98,304 tokens through 13 layers and the loss. 5,000 MiB are for what is beside them: lanes, skips and
    embeddings (2,000 by the graph of the whole model), weights, optimizer, a gradient of the logits, NCCL."""
    layer, loss = (kept(graphs[part][0]) for part in ("layer", "loss"))
    need = 98_304 * (13 * layer + loss) / 2**20
    assert need == pytest.approx(25_865, rel=0.001)
    assert need + 5_000 < trial.NEEDED_MIB < need + 10_000

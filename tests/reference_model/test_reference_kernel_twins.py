"""Kernels agree with plain torch, in values and in gradients, and keep less for the backward pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")

import torch.nn.functional as F  # noqa: E402
from torch import Tensor  # noqa: E402

from reference_model.config import ModelConfig, record, small  # noqa: E402
from reference_model.model import kernels  # noqa: E402
from reference_model.model.network import GPT  # noqa: E402

CAP, SLOPE = 30.0, 0.5


def leaves(*shapes: tuple[int, ...], dtype: torch.dtype = torch.float32, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in shapes]


def kept_bytes(run: Callable[[], Tensor], given: list[Tensor]) -> int:
    """What the forward pass keeps for the backward pass, what it was given aside."""
    own = {tensor.untyped_storage().data_ptr() for tensor in given}
    found: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        out = run()
    assert out.requires_grad
    return sum(found.values())


# --- norm, rotation, gain ------------------------------------------------------------------------------------------


def apart(q: Tensor, k: Tensor, turn: kernels.Rotation, gain: Tensor) -> tuple[Tensor, Tensor]:
    """The record's way: queries and keys each by themselves."""
    normed = kernels.rotate(kernels.rms_norm(q), turn) * gain.to(q.dtype)[:, None]
    return normed, kernels.rotate(kernels.rms_norm(k), turn)


@pytest.mark.parametrize(("dtype", "apart_by"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize("model", [record().model, small().model], ids=["record", "small"])
def test_queries_and_keys_in_one_pass_agree(model: ModelConfig, dtype: torch.dtype, apart_by: float) -> None:
    heads, groups, width = model.num_heads, model.num_kv_heads, model.head_dim
    turn = kernels.rotation(16, model)
    (both,) = leaves((2, 16, heads + groups, width), dtype=dtype)
    gain, weight = torch.linspace(1, 6, heads).requires_grad_(), torch.randn(2, 16, heads + groups, width).to(dtype)
    q, k = both.detach().split([heads, groups], dim=-2)
    q, k, own_gain = (x.clone().requires_grad_() for x in (q, k, gain.detach()))
    together = kernels.norm_rotate_gain(both, turn, gain)
    separate = torch.cat(apart(q, k, turn, own_gain), dim=-2)
    (together * weight).sum().backward()
    (separate * weight).sum().backward()
    assert both.grad is not None
    assert gain.grad is not None
    pairs = ((together, separate), (both.grad, torch.cat((q.grad, k.grad), dim=-2)), (gain.grad, own_gain.grad))
    for one, other in pairs:
        assert one.dtype == other.dtype
        assert (one - other).norm() <= apart_by * other.norm()


# --- up-projection and squared leaky ReLU --------------------------------------------------------------------------


def test_the_squared_projection_has_its_derivative() -> None:
    x, weight = (tensor.detach().double().requires_grad_() for tensor in leaves((2, 3, 5), (7, 5)))
    assert torch.autograd.gradcheck(lambda a, b: kernels.up_squared_by_hand(a, b, SLOPE), (x, weight))


@pytest.mark.parametrize(("dtype", "apart_by"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_the_squared_projection_agrees(slope: float, dtype: torch.dtype, apart_by: float) -> None:
    ours, theirs = (leaves((4, 32, 24), (72, 24), dtype=dtype) for _ in range(2))
    out = kernels.up_squared_by_hand(*ours, slope)
    plain = kernels.squared(F.linear(*theirs), slope)
    assert torch.equal(out, plain)
    (out * 0.3).sum().backward()
    (plain * 0.3).sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        assert one.grad is not None
        assert one.grad.dtype == dtype
        assert (one.grad - other.grad).norm() <= apart_by * other.grad.norm()


def test_the_squared_projection_keeps_one_tensor() -> None:
    x, weight = leaves((64, 24), (72, 24))
    by_hand = kept_bytes(lambda: kernels.up_squared_by_hand(x, weight, SLOPE), [x, weight])
    plain = kept_bytes(lambda: kernels.squared(F.linear(x, weight), SLOPE), [x, weight])
    assert by_hand == 64 * 72 * 4
    assert plain == 2 * by_hand


# --- cap and cross-entropy -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 255, 256, 700])  # below, at and beyond what is done at once
@pytest.mark.parametrize(("dtype", "apart_by"), [(torch.float32, 2e-6), (torch.bfloat16, 1e-2)])
def test_the_capped_loss_agrees(count: int, dtype: torch.dtype, apart_by: float) -> None:
    """Logits beyond the cap among them; the loss has a weight in what is trained on."""
    ours, theirs = (leaves((count, 24), (97, 24), dtype=dtype) for _ in range(2))
    targets = torch.randint(97, (count,), generator=torch.Generator().manual_seed(1))
    for (hidden, weight), loss in ((ours, kernels.capped_loss_by_hand), (theirs, kernels.capped_loss)):
        value = loss(4 * hidden, 4 * weight, targets, CAP)
        assert value.dtype == torch.float32
        (value / 3).backward()
    value, plain = (loss(4 * tensors[0], 4 * tensors[1], targets, CAP).item() for tensors, loss in
                    ((ours, kernels.capped_loss_by_hand), (theirs, kernels.capped_loss)))  # fmt: skip
    assert value == pytest.approx(plain, rel=1e-6)
    for one, other in zip(ours, theirs, strict=True):
        assert one.grad is not None
        assert one.grad.dtype == dtype
        assert (one.grad - other.grad).norm() <= apart_by * other.grad.norm()


def test_the_capped_loss_never_holds_all_logits() -> None:
    hidden, weight = leaves((2000, 24), (97, 24))
    targets = torch.zeros(2000, dtype=torch.int64)
    by_hand = kept_bytes(lambda: kernels.capped_loss_by_hand(hidden, weight, targets, CAP), [hidden, weight])
    plain = kept_bytes(lambda: kernels.capped_loss(hidden, weight, targets, CAP), [hidden, weight])
    assert by_hand == (hidden.numel() + weight.numel()) * 4
    assert plain > 2 * 2000 * 97 * 4


def test_no_gradient_is_made_where_none_is_wanted() -> None:
    hidden, weight = (tensor.detach() for tensor in leaves((300, 24), (97, 24)))
    targets = torch.zeros(300, dtype=torch.int64)
    with torch.no_grad():
        value = kernels.capped_loss_by_hand(hidden, weight, targets, CAP)
    assert value.item() == pytest.approx(kernels.capped_loss(hidden, weight, targets, CAP).item(), rel=1e-6)
    assert not value.requires_grad


# --- in the model --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recurrent", [False, True])
def test_a_model_with_kernels_by_hand_is_the_same_model(recurrent: bool) -> None:
    models = []
    for by_hand in (True, False):
        torch.manual_seed(3)
        models.append(GPT(small().model, by_hand=by_hand).train())
        with torch.no_grad():  # projections that start at zero would hide what is before them
            for name, weight in models[-1].named_parameters():
                if name.endswith(("out.weight", "down.weight")):
                    weight.normal_(std=0.05)
        models[-1].set_recurrence(recurrent)
    models[1].load_state_dict(models[0].state_dict())
    ids = torch.randint(1024, (4, 65), generator=torch.Generator().manual_seed(2))
    losses = [model(ids[:, :-1], ids[:, 1:]) for model in models]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-6)
    for loss in losses:
        loss.backward()
    for (name, one), other in zip(models[0].named_parameters(), models[1].parameters(), strict=True):
        assert one.grad is not None, name
        assert other.grad is not None
        assert (one.grad - other.grad).norm() <= 2e-5 * other.grad.norm() + 1e-9, name

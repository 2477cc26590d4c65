"""Stand-ins for fla and mamba_ssm: the published recurrences, and nothing of a later token in an earlier one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch", reason="the stage's layers are torch's")

import torch

from auditor.probe.stage import flex, recurrent

LAYERS: dict[str, Callable[[], Any]] = {
    "GatedDeltaNet": lambda: recurrent.GatedDeltaNet(hidden_size=32, head_dim=8, num_heads=4, expand_v=2),
    "GatedDeltaProduct": lambda: recurrent.GatedDeltaProduct(hidden_size=32, head_dim=8, num_heads=4),
    "without convolutions": lambda: recurrent.GatedDeltaNet(32, 1, 8, 2, use_short_conv=False, use_gate=False),
    "fla.Mamba2": lambda: recurrent.FlaMamba2(num_heads=8, head_dim=8, hidden_size=32, state_size=16),
    "Mamba2": lambda: recurrent.Mamba2(32, d_state=16, headdim=16),
    "Mamba": lambda: recurrent.Mamba(32, d_state=4),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_token_changes_nothing_before_it(name: str) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name]()
    x = torch.randn(2, 12, 32)
    other = x.clone()
    other[:, 7] += 1.0

    def of(values: Any) -> Any:
        out = layer(values)
        return out[0] if isinstance(out, tuple) else out

    first, second = of(x), of(other)
    assert first.shape == x.shape
    assert torch.equal(first[:, :7], second[:, :7])
    assert not torch.allclose(first[:, 7:], second[:, 7:])
    first.sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


def test_linear_attention_is_the_sum_over_what_came_before() -> None:
    q, k, v = torch.randn(3, 2, 9, 2, 4).unbind(0)
    scores = torch.einsum("bthk,bshk->bhts", q, k) * 0.5
    expected = torch.einsum("bhts,bshv->bthv", scores.tril(), v)
    assert torch.allclose(recurrent.gated_linear(q, k, v)[0], expected, atol=1e-5)


def test_the_delta_rule_overwrites_what_a_key_held() -> None:
    k = torch.zeros(1, 3, 1, 4)
    k[..., 1] = 1.0
    v = torch.randn(1, 3, 1, 5)
    out, state = recurrent.gated_delta_rule(k, k, v, None, torch.ones(1, 3, 1), scale=1.0, output_final_state=True)
    assert torch.allclose(out, v)
    assert state is not None
    assert torch.allclose(state[0, 0, 1], v[0, 2, 0])


def test_mamba_and_mamba2_agree_where_they_are_the_same() -> None:
    """One decay for all states of a head of one channel."""
    x, dt = torch.randn(2, 10, 3, 1), torch.rand(2, 10, 3)
    a, b, c = -torch.rand(3), torch.randn(2, 10, 1, 6), torch.randn(2, 10, 1, 6)
    blocks = recurrent.ssd(x, dt, a, b, c)[..., 0]
    channels = recurrent.selective_scan(
        x[..., 0].transpose(1, 2), dt.transpose(1, 2), a[:, None].expand(3, 6), b[:, :, 0].transpose(1, 2),
        c[:, :, 0].transpose(1, 2),
    )  # fmt: skip
    assert torch.allclose(blocks, channels.transpose(1, 2), atol=1e-5)


def test_a_document_mask_of_flex_attention() -> None:
    q, k, v = torch.randn(3, 1, 4, 16, 8).unbind(0)
    document = torch.arange(16) // 5

    class Mask:
        @staticmethod
        def mask_mod(b: Any, h: Any, i: Any, j: Any) -> Any:
            return (i >= j) & (document[i] == document[j])

    seen = torch.ones(16, 16).tril().bool() & (document[:, None] == document[None])
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
    assert torch.allclose(flex.flex_attention(q, k, v, block_mask=Mask), expected, atol=1e-5)
    shared = flex.flex_attention(q, k[:, :2], v[:, :2], block_mask=Mask, enable_gqa=True)
    assert shared.shape == q.shape

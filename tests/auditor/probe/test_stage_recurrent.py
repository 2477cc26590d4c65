"""Stand-ins for fla and mamba_ssm: the published recurrences, and nothing of a later token in an earlier one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch", reason="the stage's layers are torch's")

import torch

from auditor.probe.stage import flex, mamba3, recurrence, recurrent

LAYERS: dict[str, Callable[[], Any]] = {
    "GatedDeltaNet": lambda: recurrent.GatedDeltaNet(hidden_size=32, head_dim=8, num_heads=4, expand_v=2),
    "GatedDeltaProduct": lambda: recurrent.GatedDeltaProduct(hidden_size=32, head_dim=8, num_heads=4),
    "without convolutions": lambda: recurrent.GatedDeltaNet(32, 1, 8, 2, use_short_conv=False, use_gate=False),
    "fla.Mamba2": lambda: recurrent.FlaMamba2(num_heads=8, head_dim=8, hidden_size=32, state_size=16),
    "Mamba2": lambda: recurrent.Mamba2(32, d_state=16, headdim=16),
    "Mamba": lambda: recurrent.Mamba(32, d_state=4),
    "Mamba3": lambda: mamba3.Mamba3(32, d_state=16, headdim=16),
    "Mamba3 with a norm": lambda: mamba3.Mamba3(32, 16, headdim=16, ngroups=2, is_outproj_norm=True, rope_fraction=1.0),
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
    assert torch.allclose(recurrence.gated_linear(q, k, v)[0], expected, atol=1e-5)


def test_the_delta_rule_overwrites_what_a_key_held() -> None:
    k = torch.zeros(1, 3, 1, 4)
    k[..., 1] = 1.0
    v = torch.randn(1, 3, 1, 5)
    out, state = recurrence.gated_delta_rule(k, k, v, None, torch.ones(1, 3, 1), scale=1.0, output_final_state=True)
    assert torch.allclose(out, v)
    assert state is not None
    assert torch.allclose(state[0, 0, 1], v[0, 2, 0])


def test_mamba_and_mamba2_agree_where_they_are_the_same() -> None:
    """One decay for all states of a head of one channel."""
    x, dt = torch.randn(2, 10, 3, 1), torch.rand(2, 10, 3)
    a, b, c = -torch.rand(3), torch.randn(2, 10, 1, 6), torch.randn(2, 10, 1, 6)
    blocks = recurrence.ssd(x, dt, a, b, c)[..., 0]
    channels = recurrence.selective_scan(
        x[..., 0].transpose(1, 2), dt.transpose(1, 2), a[:, None].expand(3, 6), b[:, :, 0].transpose(1, 2),
        c[:, :, 0].transpose(1, 2),
    )  # fmt: skip
    assert torch.allclose(blocks, channels.transpose(1, 2), atol=1e-5)


@pytest.mark.parametrize("delta", [False, True])
@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("decays", [False, True])
def test_stretches_at_once_are_the_same_as_token_by_token(delta: bool, steps: int, decays: bool) -> None:
    torch.manual_seed(0)
    time = recurrence._CHUNK + 9
    q, k = torch.randn(2, time, 3, 8), torch.nn.functional.normalize(torch.randn(2, time * steps, 3, 8), dim=-1)
    v, beta = torch.randn(2, time * steps, 3, 5), torch.rand(2, time * steps, 3)
    g, state = -torch.rand(2, time, 3) if decays else None, torch.randn(2, 3, 8, 5)
    one, after = recurrence._token_by_token(q, k, v, g, beta, state, delta)
    many, behind = recurrence._by_chunks(q, k, v, g, beta, state, delta)
    assert torch.allclose(one, many, atol=1e-4)
    assert torch.allclose(after, behind, atol=1e-4)
    late = 40 * steps
    v[:, late:] += 1.0
    k[:, late:] *= 0.5
    again, _ = recurrence._by_chunks(q, k, v, g, beta, state, delta)
    assert torch.equal(many[:, :40], again[:, :40])  # to the last bit: a flip is told by that
    assert not torch.allclose(many[:, 40:], again[:, 40:])


def mamba3_inputs(time: int) -> dict[str, Any]:
    torch.manual_seed(1)
    gate = torch.rand(2, 3, time)
    return {
        "Q": torch.randn(2, time, 1, 8), "K": torch.randn(2, time, 1, 8), "V": torch.randn(2, time, 3, 4),
        "ADT": -gate, "DT": torch.rand(2, 3, time), "Trap": torch.randn(2, 3, time), "Q_bias": torch.ones(3, 8),
        "K_bias": torch.ones(3, 8), "Angles": torch.randn(2, time, 3, 2), "D": torch.ones(3),
    }  # fmt: skip


def test_mamba3_is_its_formula_token_by_token() -> None:
    given = mamba3_inputs(6)
    y = mamba3.siso(**given)
    dt, share = given["DT"], given["Trap"].sigmoid()
    angles = (torch.tanh(given["Angles"]) * torch.pi * dt.transpose(1, 2)[..., None]).cumsum(1)

    def turned(m: Any) -> Any:
        pairs = torch.view_as_complex(m[..., :4].reshape(*m.shape[:-1], 2, 2).contiguous())
        pairs = torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)
        return torch.cat([pairs, m[..., 4:]], -1)

    q, k = (turned(given[name].expand(2, 6, 3, 8) + 1.0) for name in ("Q", "K"))
    state, last = torch.zeros(2, 3, 8, 4), torch.zeros(2, 3, 8, 4)
    for t in range(6):
        decay, now = given["ADT"][..., t].exp(), k[:, t][..., :, None] * given["V"][:, t][..., None, :]
        old, new = (1 - share[..., t]) * dt[..., t] * decay, share[..., t] * dt[..., t]
        state = decay[..., None, None] * state + old[..., None, None] * last + new[..., None, None] * now
        last = now
        expected = torch.einsum("bhn,bhnp->bhp", q[:, t], state) + given["V"][:, t]
        assert torch.allclose(y[:, t], expected, atol=1e-4)


def test_mamba3_goes_on_from_its_states() -> None:
    given = mamba3_inputs(10)
    whole = mamba3.siso(**given)

    def part(start: int, end: int) -> dict[str, Any]:
        along = {"ADT": 2, "DT": 2, "Trap": 2, "Q": 1, "K": 1, "V": 1, "Angles": 1}
        return {n: v.narrow(along[n], start, end - start) if n in along else v for n, v in given.items()}

    first, *states = mamba3.siso(**part(0, 4), return_final_states=True)
    second = mamba3.siso(**part(4, 10), Input_States=tuple(states))
    assert torch.allclose(torch.cat([first, second], 1), whole, atol=1e-4)


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

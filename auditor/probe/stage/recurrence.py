"""Recurrences over tokens that models keep in place of attention, in plain torch.

Published formulas: Gated Delta Networks (arXiv 2412.06464), DeltaProduct (2502.10297), Gated Linear Attention
(2312.06635), Mamba (2312.00752), Mamba-2 (2405.21060), Mamba-3 (2603.15569). State at a token is made of what comes up
to it alone.

Shapes: tokens [batch, time, heads, width], gates [batch, time, heads].
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_CHUNK = 64  # tokens at once


def gated_delta_rule(
    q: Tensor, k: Tensor, v: Tensor, g: Tensor | None = None, beta: Tensor | None = None, scale: float | None = None,
    initial_state: Tensor | None = None, output_final_state: bool = False, use_qk_l2norm_in_kernel: bool = False,
    **others: Any,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """S = exp(g) S; S += k (beta (v - k S)); o = q S. `g`: ln of the decay, of each head or of each channel of keys."""
    if use_qk_l2norm_in_kernel:
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
    return _recurrence(q, k, v, g, beta, scale, initial_state, output_final_state, delta=True)


def gated_linear(
    q: Tensor, k: Tensor, v: Tensor, g: Tensor | None = None, scale: float | None = None,
    initial_state: Tensor | None = None, output_final_state: bool = False, **others: Any,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """S = exp(g) S + k v; o = q S."""
    g = others.get("gk", others.get("g_gamma")) if g is None else g
    return _recurrence(q, k, v, g, None, scale, initial_state, output_final_state, delta=False)


def _recurrence(
    q: Tensor, k: Tensor, v: Tensor, g: Tensor | None, beta: Tensor | None, scale: float | None,
    state: Tensor | None, final: bool, *, delta: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    groups = v.size(2) // q.size(2)
    if groups > 1:
        q, k = q.repeat_interleave(groups, 2), k.repeat_interleave(groups, 2)
    kind = v.dtype
    q, k, v = q.float() * (q.size(-1) ** -0.5 if scale is None else scale), k.float(), v.float()
    now = v.new_zeros(q.size(0), q.size(2), q.size(3), v.size(3)) if state is None else state.float()
    of_channels = (g is not None and g.dim() == 4) or (beta is not None and beta.dim() == 4)
    compute = _token_by_token if of_channels else _by_chunks
    out, now = compute(q, k, v, g, beta, now, delta)
    return out.to(kind), now if final else None


def _token_by_token(
    q: Tensor, k: Tensor, v: Tensor, g: Tensor | None, beta: Tensor | None, now: Tensor, delta: bool
) -> tuple[Tensor, Tensor]:  # fmt: skip
    outputs = []
    steps = k.size(1) // q.size(1)  # updates for each token, of DeltaProduct
    for t in range(q.size(1)):
        if g is not None:
            decay = g[:, t].float().exp()
            now = now * (decay[..., None, None] if decay.dim() == 2 else decay[..., None])
        for i in range(t * steps, (t + 1) * steps):
            new = v[:, i]
            if delta:
                new = new - torch.einsum("bhk,bhkv->bhv", k[:, i], now)
            if beta is not None:
                share = beta[:, i].float()
                new = new * (share[..., None] if share.dim() == 2 else share)
            now = now + k[:, i][..., :, None] * new[..., None, :]
        outputs.append(torch.einsum("bhk,bhkv->bhv", q[:, t], now))
    return torch.stack(outputs, 1), now


def _by_chunks(
    q: Tensor, k: Tensor, v: Tensor, g: Tensor | None, beta: Tensor | None, now: Tensor, delta: bool
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The same a stretch of tokens at once, where a head has one decay: much fewer operations.

    With G the sum of g up to a token, what is added at t is u(t) = beta (v - exp(G(t)) k S - sum over s < t of
    exp(G(t) - G(s)) (k(t) k(s)) u(s)): a triangular system.
    """
    steps = k.size(1) // q.size(1)
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    decay = k.new_zeros(k.shape[:3])
    if g is not None:
        decay[:, :, ::steps] = g.float().transpose(1, 2)
    share = None if beta is None else beta.float().transpose(1, 2)[..., None]
    outputs = []
    size = _CHUNK * steps
    for start in range(0, k.size(2), size):
        part = slice(start, start + size)
        keys, total = k[:, :, part], decay[:, :, part].cumsum(-1)
        length = keys.size(2)
        past = torch.ones(length, length, dtype=torch.bool, device=k.device).tril()
        fading = (total[..., :, None] - total[..., None, :]).masked_fill(~past, -math.inf).exp()
        added = v[:, :, part]
        if delta:
            added = added - total.exp()[..., None] * (keys @ now)
        if share is not None:
            added = added * share[:, :, part]
        if delta:
            mixed = (keys @ keys.transpose(-1, -2)) * fading
            mixed = mixed if share is None else mixed * share[:, :, part]
            added = torch.linalg.solve_triangular(mixed.tril(-1), added, upper=False, unitriangular=True)
        asked = slice(start // steps, start // steps + length // steps)
        queries, last = q[:, :, asked], slice(steps - 1, None, steps)
        seen = (queries @ keys.transpose(-1, -2)) * fading[:, :, last]
        outputs.append(total[:, :, last].exp()[..., None] * (queries @ now) + seen @ added)
        rest = (total[..., -1:] - total).exp()[..., None]
        now = total[..., -1].exp()[..., None, None] * now + (keys * rest).transpose(-1, -2) @ added
    return torch.cat(outputs, 2).transpose(1, 2), now


def gated_delta_product(
    q: Tensor, k: Tensor, v: Tensor, g: Tensor | None = None, beta: Tensor | None = None, num_householder: int = 1,
    **options: Any,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """The delta rule with several updates for each token: keys, values and betas are that many times as long."""
    return gated_delta_rule(q, k, v, g, beta, **options)


def ssd(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, chunk_size: int = 0, D: Tensor | None = None,
    z: Tensor | None = None, dt_bias: Tensor | None = None, initial_states: Tensor | None = None,
    dt_softplus: bool = False, return_final_states: bool = False, **others: Any,
) -> Any:  # fmt: skip
    """Mamba-2: h = exp(dt A) h + dt B x; y = C h + D x.

    x [b, t, heads, width], dt [b, t, heads], B, C [b, t, groups, n].
    """
    kind = x.dtype
    dt = dt.float() if dt_bias is None else dt.float() + dt_bias
    dt = F.softplus(dt) if dt_softplus else dt
    B, C = (m.repeat_interleave(x.size(2) // m.size(2), 2) for m in (B, C))
    y, state = _recurrence(C, B, x * dt[..., None], dt * A, None, 1.0, initial_states, True, delta=False)
    if D is not None:
        y = y + x.float() * (D if D.dim() == 2 else D[:, None])
    if z is not None:
        y = y * F.silu(z.float())
    y = y.to(kind)
    return (y, state) if return_final_states else y


def selective_scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None = None, z: Tensor | None = None,
    delta_bias: Tensor | None = None, delta_softplus: bool = False, return_last_state: bool = False,
) -> Any:  # fmt: skip
    """Mamba: as `ssd` with a decay of each channel. u, delta [b, d, t], A [d, n], B, C [b, n, t] or [d, n]."""
    dt = delta.float() if delta_bias is None else delta.float() + delta_bias[:, None]
    dt = F.softplus(dt) if delta_softplus else dt
    state, outputs = u.new_zeros(u.size(0), u.size(1), A.size(1)), []
    B, C = (m[:, 0] if m.dim() == 4 else m for m in (B, C))
    for t in range(u.size(2)):
        b, c = (m[:, None, :, t] if m.dim() == 3 else m[None] for m in (B, C))
        state = state * torch.exp(dt[:, :, t, None] * A) + dt[:, :, t, None] * b * u[:, :, t, None]
        outputs.append((state * c).sum(-1))
    y = torch.stack(outputs, 2)
    y = y if D is None else y + u * D[:, None]
    y = y if z is None else y * F.silu(z)
    return (y, state) if return_last_state else y


def causal_conv1d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, seq_idx: Any = None, initial_states: Any = None,
    return_final_states: bool = False, final_states_out: Any = None, activation: str | None = None,
) -> Tensor:  # fmt: skip
    """A depthwise convolution over what came before. x [b, channels, t], weight [channels, width]."""
    y = F.conv1d(F.pad(x, (weight.size(-1) - 1, 0)), weight[:, None], bias, groups=x.size(1))
    return F.silu(y) if activation in ("silu", "swish") else y


def ungated_delta_rule(
    q: Tensor, k: Tensor, v: Tensor, beta: Tensor, **options: Any
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """The delta rule without a decay."""
    return gated_delta_rule(q, k, v, None, beta, **options)

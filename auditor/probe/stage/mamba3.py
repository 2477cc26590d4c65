"""Mamba-3 in plain torch: the trapezoidal rule, states that turn, norms of B and C (arXiv 2603.15569).

h(t) = exp(dt A) h(t-1) + (1 - l) dt exp(dt A) B(t-1) x(t-1) + l dt B(t) x(t), where B and C are turned by the sum of
the angles up to their token. One input for each state (SISO); with several (MIMO) there is no stand-in.

Shapes: Q, K [batch, time, groups, n], V, Z [batch, time, heads, width], ADT, DT, Trap [batch, heads, time], angles
[batch, time, heads, turns], biases [heads, n].
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from auditor.probe.stage.recurrence import gated_linear

States = tuple[Tensor, Tensor, Tensor, Tensor]
"""The angles, the state, keys and values of the last token."""


def siso(
    Q: Tensor, K: Tensor, V: Tensor, ADT: Tensor, DT: Tensor, Trap: Tensor, Q_bias: Tensor, K_bias: Tensor,
    Angles: Tensor, D: Tensor | None = None, Z: Tensor | None = None, chunk_size: int = 64,
    Input_States: States | None = None, return_final_states: bool = False, **others: Any,
) -> Any:  # fmt: skip
    """mamba_ssm's kernel of that name: y, with the states after the last token where they are wanted."""
    kind, heads = V.dtype, V.size(2)
    q, k = (m.float().repeat_interleave(heads // m.size(2), 2) for m in (Q, K))
    v, dt, share = V.float(), DT.float().transpose(1, 2), Trap.float().transpose(1, 2).sigmoid()
    decay = ADT.float().transpose(1, 2)
    before = Input_States if Input_States is not None else (None, None, None, None)
    turned = (torch.tanh(Angles.float()) * math.pi * dt[..., None]).cumsum(1)
    if before[0] is not None:
        turned = turned + before[0].float()[:, None]
    q, k = _turned(q + Q_bias.float(), turned), _turned(k + K_bias.float(), turned)
    last_k, last_v = _after(before[2], k), _after(before[3], v)
    now, state = gated_linear(
        q, k, v * (share * dt)[..., None], decay, 1.0, initial_state=before[1], output_final_state=True
    )  # fmt: skip
    carried, rest = gated_linear(
        q, last_k, last_v * ((1 - share) * dt * decay.exp())[..., None], decay, 1.0, output_final_state=True
    )  # fmt: skip
    y = now + carried
    y = y if D is None else y + v * D[:, None]
    y = y if Z is None else y * F.silu(Z.float())
    if not return_final_states:
        return y.to(kind)
    assert state is not None
    assert rest is not None
    return y.to(kind), turned[:, -1], state + rest, k[:, -1], v[:, -1]


def _after(last: Tensor | None, each: Tensor) -> Tensor:
    """What the token before each had; nothing before the first."""
    first = torch.zeros_like(each[:, :1]) if last is None else last.float()[:, None]
    return torch.cat([first, each[:, :-1]], 1)


def _turned(m: Tensor, angles: Tensor) -> Tensor:
    """Pairs of the first entries as points of a plane, turned by the angles; the others stay."""
    turns = 2 * angles.size(-1)
    x, y = m[..., 0:turns:2], m[..., 1:turns:2]
    cos, sin = angles.cos(), angles.sin()
    pairs = torch.stack([x * cos - y * sin, x * sin + y * cos], -1).flatten(-2)
    return torch.cat([pairs, m[..., turns:]], -1)


class Mamba3(nn.Module):
    """mamba_ssm.modules.mamba3.Mamba3: [b, t, d_model] in and out."""

    def __init__(
        self, d_model: int, d_state: int = 128, expand: float = 2, headdim: int = 64, ngroups: int = 1,
        rope_fraction: float = 0.5, A_floor: float = 1e-4, is_outproj_norm: bool = False, is_mimo: bool = False,
        chunk_size: int = 64, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        if is_mimo:
            raise ImportError("the kernels of Mamba-3 with several inputs are not here")
        self.d_inner = int(expand * d_model)
        self.headdim, self.d_state, self.A_floor = math.gcd(headdim, self.d_inner), d_state, A_floor
        self.nheads, self.num_bc_heads, self.mimo_rank = self.d_inner // self.headdim, ngroups, 1
        self.chunk_size, self.is_outproj_norm, self.is_mimo = chunk_size, is_outproj_norm, is_mimo
        self.num_rope_angles = max(1, int(d_state * rope_fraction) // 2)
        self.widths = [self.d_inner] * 2 + [d_state * ngroups] * 2 + [self.nheads] * 3 + [self.num_rope_angles]
        self.in_proj = nn.Linear(d_model, sum(self.widths), bias=False)
        self.dt_bias = nn.Parameter(torch.full((self.nheads,), math.log(math.expm1(0.01))))
        self.B_bias = nn.Parameter(torch.ones(self.nheads, 1, d_state))
        self.C_bias = nn.Parameter(torch.ones(self.nheads, 1, d_state))
        self.B_norm, self.C_norm = nn.RMSNorm(d_state, eps=1e-5), nn.RMSNorm(d_state, eps=1e-5)
        self.D = nn.Parameter(torch.ones(self.nheads))
        if is_outproj_norm:
            self.norm = nn.RMSNorm(self.d_inner, eps=1e-5)
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=False)

    def forward(self, u: Tensor, *args: Any, **options: Any) -> Tensor:
        b, t = u.shape[:2]
        z, x, B, C, dt, A, trap, angles = self.in_proj(u).split(self.widths, -1)
        z, x = (m.reshape(b, t, self.nheads, self.headdim) for m in (z, x))
        B = self.B_norm(B.reshape(b, t, self.num_bc_heads, self.d_state))
        C = self.C_norm(C.reshape(b, t, self.num_bc_heads, self.d_state))
        dt = F.softplus(dt.float() + self.dt_bias)
        decay = -F.softplus(A.float()).clamp(min=self.A_floor) * dt
        y = siso(
            C, B, x, decay.transpose(1, 2), dt.transpose(1, 2), trap.transpose(1, 2), self.C_bias[:, 0],
            self.B_bias[:, 0], angles[:, :, None].expand(b, t, self.nheads, -1), self.D,
            None if self.is_outproj_norm else z,
        )  # fmt: skip
        y = y.reshape(b, t, -1)
        if self.is_outproj_norm:
            y = self.norm(y) * F.silu(z.reshape(b, t, -1))
        out: Tensor = self.out_proj(y.to(u.dtype))
        return out

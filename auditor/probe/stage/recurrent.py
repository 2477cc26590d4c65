"""Layers of flash-linear-attention and mamba_ssm in plain torch, around the recurrences of `recurrence`.

Slow, and the same law: state at a token is made of what comes up to it alone, so that what a script does around them
is run. Weights and names of parameters are those of the libraries as far as scripts ask for them; what is a matter of
kernels (chunks, caches, dtypes) is taken and does nothing.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from auditor.probe.stage.mamba3 import Mamba3, siso
from auditor.probe.stage.recurrence import (
    causal_conv1d,
    gated_delta_product,
    gated_delta_rule,
    gated_linear,
    selective_scan,
    ssd,
    ungated_delta_rule,
)

Made = Callable[..., types.ModuleType]


class ShortConvolution(nn.Conv1d):
    """fla.modules.ShortConvolution: x [b, t, channels] in and out, with the state that it would have kept."""

    def __init__(
        self, hidden_size: int, kernel_size: int = 4, bias: bool = False, activation: str | None = "silu", **o: Any
    ) -> None:
        super().__init__(hidden_size, hidden_size, kernel_size, groups=hidden_size, bias=bias)
        self.activation = activation

    def forward(self, x: Tensor, *args: Any, **options: Any) -> Any:  # type: ignore[override]
        weight = self.weight[:, 0]
        return causal_conv1d(x.transpose(1, 2), weight, self.bias, activation=self.activation).transpose(1, 2), None


class RMSNorm(nn.Module):
    """A norm, gated where it is given a gate."""

    def __init__(self, hidden_size: int, elementwise_affine: bool = True, eps: float = 1e-5, **options: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.eps = eps

    def forward(self, x: Tensor, gate: Tensor | None = None, **options: Any) -> Tensor:
        x = x if gate is None else x * F.silu(gate)
        return F.rms_norm(x, (x.size(-1),), self.weight, self.eps)


class GatedDeltaNet(nn.Module):
    """fla.layers.GatedDeltaNet; with `num_householder` GatedDeltaProduct. `forward` gives (output, None, the cache)."""

    def __init__(
        self, hidden_size: int = 2048, expand_v: float = 2, head_dim: int = 256, num_heads: int = 6,
        num_v_heads: int | None = None, use_gate: bool = True, use_short_conv: bool = True,
        allow_neg_eigval: bool = False, conv_size: int = 4, norm_eps: float = 1e-5, num_householder: int = 1,
        use_forget_gate: bool = True, layer_idx: int | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_heads, self.num_v_heads, self.head_k_dim = num_heads, num_v_heads or num_heads, head_dim
        self.head_v_dim, self.num_householder, self.layer_idx = int(head_dim * expand_v), num_householder, layer_idx
        self.allow_neg_eigval, self.use_short_conv, self.use_gate = allow_neg_eigval, use_short_conv, use_gate
        key, value = num_heads * head_dim, self.num_v_heads * self.head_v_dim

        def linear(width: int) -> nn.Linear:
            return nn.Linear(hidden_size, width, bias=False)

        self.q_proj, self.k_proj, self.v_proj = (
            linear(key),
            linear(key * num_householder),
            linear(value * num_householder),
        )
        self.a_proj, self.b_proj = linear(self.num_v_heads), linear(self.num_v_heads * num_householder)
        self.A_log = nn.Parameter(torch.log(torch.empty(self.num_v_heads).uniform_(1, 16)))
        self.dt_bias = nn.Parameter(torch.full((self.num_v_heads,), math.log(math.expm1(0.01))))
        if use_short_conv:
            self.q_conv1d = ShortConvolution(key, conv_size)
            self.k_conv1d = ShortConvolution(key * num_householder, conv_size)
            self.v_conv1d = ShortConvolution(value * num_householder, conv_size)
        if use_gate:
            self.g_proj = linear(value)
        self.o_norm = RMSNorm(self.head_v_dim, eps=norm_eps)
        self.o_proj = nn.Linear(value, hidden_size, bias=False)

    def forward(self, hidden_states: Tensor, *args: Any, **options: Any) -> tuple[Tensor, None, Any]:
        x, (b, t) = hidden_states, hidden_states.shape[:2]
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        if self.use_short_conv:
            q, k, v = self.q_conv1d(q)[0], self.k_conv1d(k)[0], self.v_conv1d(v)[0]
        else:
            q, k, v = F.silu(q), F.silu(k), F.silu(v)
        q, k = q.reshape(b, t, -1, self.head_k_dim), k.reshape(b, t * self.num_householder, -1, self.head_k_dim)
        v = v.reshape(b, t * self.num_householder, -1, self.head_v_dim)
        beta = self.b_proj(x).sigmoid().reshape(b, t * self.num_householder, -1) * (1 + self.allow_neg_eigval)
        g = -self.A_log.float().exp() * F.softplus(self.a_proj(x).float() + self.dt_bias)
        o, _ = gated_delta_rule(q, k, v, g, beta, use_qk_l2norm_in_kernel=True)
        gate = self.g_proj(x).reshape(b, t, -1, self.head_v_dim) if self.use_gate else None
        return self.o_proj(self.o_norm(o, gate).reshape(b, t, -1)), None, options.get("past_key_values")


class GatedDeltaProduct(GatedDeltaNet):
    """fla.layers.GatedDeltaProduct."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"num_householder": 2, **options})


class Mamba2(nn.Module):
    """mamba_ssm.Mamba2: [b, t, d_model] in and out."""

    def __init__(
        self, d_model: int, d_state: int = 128, d_conv: int = 4, expand: float = 2, headdim: int = 64,
        ngroups: int = 1, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        inner = int(expand * d_model)
        headdim = math.gcd(headdim, inner)
        self.d_inner, self.d_state, self.headdim, self.ngroups = inner, d_state, headdim, ngroups
        self.nheads = inner // headdim
        width = inner + 2 * ngroups * d_state
        self.in_proj = nn.Linear(d_model, inner + width + self.nheads, bias=False)
        self.conv1d = nn.Conv1d(width, width, d_conv, groups=width)
        self.dt_bias = nn.Parameter(torch.full((self.nheads,), math.log(math.expm1(0.01))))
        self.A_log = nn.Parameter(torch.log(torch.empty(self.nheads).uniform_(1, 16)))
        self.D = nn.Parameter(torch.ones(self.nheads))
        self.norm = RMSNorm(inner)
        self.out_proj = nn.Linear(inner, d_model, bias=False)

    def forward(self, u: Tensor, *args: Any, **options: Any) -> Any:
        b, t = u.shape[:2]
        n = self.ngroups * self.d_state
        z, mixed, dt = self.in_proj(u).split([self.d_inner, self.d_inner + 2 * n, self.nheads], -1)
        mixed = causal_conv1d(mixed.transpose(1, 2), self.conv1d.weight[:, 0], self.conv1d.bias, activation="silu")
        x, B, C = mixed.transpose(1, 2).split([self.d_inner, n, n], -1)
        y = ssd(
            x.reshape(b, t, self.nheads, self.headdim), dt, -self.A_log.float().exp(),
            B.reshape(b, t, self.ngroups, -1), C.reshape(b, t, self.ngroups, -1), D=self.D, dt_bias=self.dt_bias,
            dt_softplus=True,
        )  # fmt: skip
        return self.out_proj(self.norm(y.reshape(b, t, -1), z))


class FlaMamba2(Mamba2):
    """fla.layers.Mamba2: other names for the same sizes, and a triple as result."""

    def __init__(
        self, num_heads: int = 64, head_dim: int = 64, hidden_size: int = 2048, state_size: int = 128,
        expand: float = 2, n_groups: int = 1, conv_kernel: int = 4, layer_idx: int | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(hidden_size, state_size, conv_kernel, expand, head_dim, n_groups)
        self.layer_idx = layer_idx

    def forward(self, hidden_states: Tensor, *args: Any, **options: Any) -> Any:  # type: ignore[override]
        return super().forward(hidden_states), None, options.get("past_key_values")


class Mamba(nn.Module):
    """mamba_ssm.Mamba: [b, t, d_model] in and out."""

    def __init__(
        self, d_model: int, d_state: int = 16, d_conv: int = 4, expand: float = 2, dt_rank: Any = "auto", **o: Any
    ) -> None:
        super().__init__()
        inner = int(expand * d_model)
        self.dt_rank = math.ceil(d_model / 16) if dt_rank == "auto" else int(dt_rank)
        self.d_state, self.d_inner = d_state, inner
        self.in_proj = nn.Linear(d_model, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, d_conv, groups=inner)
        self.x_proj = nn.Linear(inner, self.dt_rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, inner)
        self.A_log = nn.Parameter(torch.log(torch.arange(1, d_state + 1).float()).repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, d_model, bias=False)

    def forward(self, hidden_states: Tensor, *args: Any, **options: Any) -> Tensor:
        x, z = self.in_proj(hidden_states).transpose(1, 2).chunk(2, 1)
        x = causal_conv1d(x, self.conv1d.weight[:, 0], self.conv1d.bias, activation="silu")
        dt, B, C = self.x_proj(x.transpose(1, 2)).split([self.dt_rank, self.d_state, self.d_state], -1)
        dt = self.dt_proj(dt).transpose(1, 2)
        y = selective_scan(
            x, dt, -self.A_log.float().exp(), B.transpose(1, 2), C.transpose(1, 2), self.D, z, delta_softplus=True
        )
        out: Tensor = self.out_proj(y.transpose(1, 2))
        return out


def install(module: Made) -> None:
    """Puts the libraries' modules where imports find them; `module(name, **contents)` makes one."""
    for name in ("fla", "fla.layers", "fla.ops", "fla.modules", "mamba_ssm", "mamba_ssm.modules", "mamba_ssm.ops"):
        module(name, __version__="0.4.2")
    layers = {"GatedDeltaNet": GatedDeltaNet, "GatedDeltaProduct": GatedDeltaProduct, "Mamba2": FlaMamba2}
    rule = dict.fromkeys(("chunk_gated_delta_rule", "fused_recurrent_gated_delta_rule", "naive_chunk_gated_delta_rule",
                          "naive_recurrent_gated_delta_rule"), gated_delta_rule)  # fmt: skip
    product = dict.fromkeys(("chunk_gated_delta_product", "naive_recurrent_gated_delta_product"), gated_delta_product)
    plain = dict.fromkeys(("chunk_gla", "fused_recurrent_gla", "fused_chunk_gla"), gated_linear)
    simple = dict.fromkeys(("chunk_simple_gla", "fused_recurrent_simple_gla"), gated_linear)
    linear = dict.fromkeys(
        ("chunk_linear_attn", "fused_chunk_linear_attn", "fused_recurrent_linear_attn"), gated_linear
    )
    delta = dict.fromkeys(("chunk_delta_rule", "fused_recurrent_delta_rule"), ungated_delta_rule)
    for name, contents in (
        ("fla.layers", layers), ("fla.layers.gated_deltanet", {**layers, **rule}),
        ("fla.layers.gated_deltaproduct", {**layers, **product}), ("fla.layers.mamba2", layers),
        ("fla.ops.gated_delta_rule", rule), ("fla.ops.gated_delta_rule.chunk", rule),
        ("fla.ops.gated_delta_rule.naive", rule), ("fla.ops.gated_delta_rule.fused_recurrent", rule),
        ("fla.ops.gated_delta_product", product), ("fla.ops.gated_delta_product.chunk", product),
        ("fla.ops.gated_delta_product.naive", product), ("fla.ops.delta_rule", delta), ("fla.ops.gla", plain),
        ("fla.ops.simple_gla", simple), ("fla.ops.linear_attn", linear),
        ("fla.modules", {"ShortConvolution": ShortConvolution, "RMSNorm": RMSNorm, "FusedRMSNormGated": RMSNorm,
                         "FusedRMSNormSwishGate": RMSNorm}),
        ("mamba_ssm", {"Mamba": Mamba, "Mamba2": Mamba2, "Mamba3": Mamba3}),
        ("mamba_ssm.modules.mamba_simple", {"Mamba": Mamba}),
        ("mamba_ssm.modules.mamba2", {"Mamba2": Mamba2}), ("mamba_ssm.ops.triton", {}),
        ("mamba_ssm.modules.mamba3", {"Mamba3": Mamba3}), ("mamba_ssm.ops.triton.mamba3", {}),
        ("mamba_ssm.ops.triton.mamba3.mamba3_siso_combined", {"mamba3_siso_combined": siso}),
        ("mamba_ssm.ops.triton.ssd_combined", {"mamba_chunk_scan_combined": ssd}),
        ("mamba_ssm.ops.selective_scan_interface", {"selective_scan_fn": selective_scan}),
        ("causal_conv1d", {"causal_conv1d_fn": causal_conv1d}),
    ):  # fmt: skip
        module(name, **contents)

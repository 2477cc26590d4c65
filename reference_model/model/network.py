"""The record's network: a small GPT with a U-Net's skips, repeated middle layers and, at its end, two residual lanes.

Shapes: B sequences, T positions, C = model_dim, V = vocab_size, H query heads over G key/value heads of D = C/H.
Linear layers and embeddings have no biases, and norms no weights. What is learned is stored in float32, but for the
embedding tables (config.embed_dtype); every stored value is cast to the activations' type where it is used.

Parts and where they come from: RMS norm (Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467); rotary positions
(Su et al. 2021, https://arxiv.org/abs/2104.09864) on some of each head's dimensions; normed queries and keys with a
learned gain (Henry et al. 2020, https://arxiv.org/abs/2010.04245); exclusive self-attention; squared leaky ReLU (after
Primer, So et al. 2021, https://arxiv.org/abs/2109.08668); value embeddings (after Zhou et al. 2024,
https://arxiv.org/abs/2410.17897); soft-capped logits (Gemma 2, https://arxiv.org/abs/2408.00118); layers that run twice
(Universal Transformers, Dehghani et al. 2018, https://arxiv.org/abs/1807.03819).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_model.config import ModelConfig
from reference_model.model.attention import Attend, sdpa
from reference_model.model.kernels import (
    Rotation,
    capped,
    capped_loss,
    capped_loss_by_hand,
    norm_rotate_gain,
    rms_norm,
    rotation,
    squared,
    up_squared_by_hand,
)


class Linear(nn.Module):
    """``y = x W^T`` with W [outputs, inputs] stored in float32: orthogonal (Saxe et al. 2013), or zero, at first."""

    def __init__(self, inputs: int, outputs: int, zero: bool = False, parts: list[int] | None = None) -> None:
        """``parts``: rows of the matrices that are stacked in W; each is orthogonal by itself. By default W is one."""
        super().__init__()
        self.parts = parts or [outputs]
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))
        if not zero:
            for part in torch.split(self.weight.detach(), self.parts):
                nn.init.orthogonal_(part)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype))


def exclude_own_value(y: Tensor, v: Tensor) -> Tensor:
    """Exclusive self-attention: y [B, T, H, D] less its component along the position's own value v [B, T, G, D].

    The residual stream already carries what a token says about itself; attention is left to speak of the others.
    """
    batch, length, groups, width = v.shape
    grouped = y.reshape(batch, length, groups, -1, width)
    direction = F.normalize(v, dim=-1).unsqueeze(-2)
    along = (grouped * direction).sum(dim=-1, keepdim=True) * direction
    return (grouped - along).reshape(y.shape)


class Attention(nn.Module):
    """Causal self-attention, x [B, T, C] -> [B, T, C]. Queries, keys and values come from one product."""

    def __init__(self, config: ModelConfig, exclusive: bool, attend: Attend) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.exclusive = exclusive
        self.attend = attend
        widths = [config.model_dim, config.kv_dim, config.kv_dim]
        self.qkv = Linear(config.model_dim, sum(widths), parts=widths)
        self.out = Linear(config.model_dim, config.model_dim, zero=True)
        self.gain = nn.Parameter(torch.full((config.num_heads,), config.qk_gain_init))
        self.widths = [config.model_dim + config.kv_dim, config.kv_dim]

    def forward(self, x: Tensor, turn: Rotation, extra_value: Tensor | None) -> Tensor:
        """``extra_value`` [B, T, G*D] is added to the values."""
        both, v = torch.split(self.qkv(x), self.widths, dim=-1)
        if extra_value is not None:
            v = v + extra_value
        both, v = (part.unflatten(-1, (-1, self.head_dim)) for part in (both, v))
        q, k = norm_rotate_gain(both, turn, self.gain).split([len(self.gain), v.size(-2)], dim=-2)
        y = self.attend(q, k, v)
        if self.exclusive:
            y = exclude_own_value(y, v)
        return self.out(y.flatten(-2))


class MLP(nn.Module):
    """Position-wise, x [B, T, C] -> [B, T, C], through mlp_dim squared leaky ReLUs."""

    def __init__(self, config: ModelConfig, by_hand: bool) -> None:
        super().__init__()
        self.negative_slope = config.mlp_negative_slope
        self.by_hand = by_hand
        self.up = Linear(config.model_dim, config.mlp_dim)
        self.down = Linear(config.mlp_dim, config.model_dim, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        if self.by_hand and self.training:  # calibration looks at what goes into `up`: it has to be called then
            return self.down(up_squared_by_hand(x, self.up.weight.to(x.dtype), self.negative_slope))
        return self.down(squared(self.up(x), self.negative_slope))


class Block(nn.Module):
    """One layer's two halves, which :class:`GPT` runs in turn on one residual stream or on a lane each."""

    def __init__(self, config: ModelConfig, layer: int, attend: Attend, by_hand: bool = False) -> None:
        super().__init__()
        width = config.model_dim
        self.norm_scale = 1 / math.sqrt(layer + 1) if config.ln_scale else 1.0
        self.attention = Attention(config, layer >= config.num_layers - config.xsa_last_n, attend)
        self.mlp = MLP(config, by_hand)
        self.attention_scale = nn.Parameter(torch.ones(width))
        self.mlp_scale = nn.Parameter(torch.ones(width))
        self.residual_mix = nn.Parameter(torch.stack((torch.ones(width), torch.zeros(width))))

    def attend(self, x: Tensor, first: Tensor, turn: Rotation, extra_value: Tensor | None) -> Tensor:
        """x and the first hidden state ``first``, both [B, T, C], mixed by learned weights, plus attention to it."""
        mix = self.residual_mix.to(x.dtype)
        x = mix[0] * x + mix[1] * first
        heard = self.attention(rms_norm(x) * self.norm_scale, turn, extra_value)
        return x + self.attention_scale.to(x.dtype) * heard

    def think(self, x: Tensor) -> Tensor:
        return x + self.mlp_scale.to(x.dtype) * self.mlp(rms_norm(x) * self.norm_scale)


class ValueEmbedding(nn.Module):
    """A second, narrow token embedding, ids [B, T] -> [B, T, G*D], shared by some layers with a weight each."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = config.ve_layers
        self.embedding = nn.Embedding(config.vocab_size, config.ve_dim)
        nn.init.normal_(self.embedding.weight, std=config.ve_init_std)
        self.project = Linear(config.ve_dim, config.kv_dim)
        self.scale = nn.Parameter(torch.tensor(config.ve_scale_init))
        self.layer_scales = nn.ParameterList(nn.Parameter(torch.ones(1)) for _ in self.layers)

    def forward(self, ids: Tensor) -> dict[int, Tensor]:
        """What to add to the values, by layer."""
        shared = self.project(self.embedding(ids))
        shared = shared * self.scale.to(shared.dtype)
        scales = zip(self.layers, self.layer_scales, strict=True)
        return {layer: shared * scale.to(shared.dtype) for layer, scale in scales}


@dataclass(frozen=True, slots=True)
class Visit:
    """One run of a layer. ``keep``: its output waits for a skip; ``skip``: index of the skip that it takes first."""

    layer: int
    keep: bool
    skip: int | None
    lanes: bool


def route(config: ModelConfig, recurrent: bool) -> tuple[Visit, ...]:
    """The layers in the order in which they run.

    With recurrence the recurrent layers come again right after the last of them. The first half of the visits keep
    their outputs, the second half take them back, last first, as long as there are skip weights (half the layers'
    number: they are counted without the repeats). Lanes begin in the second half, and once apart stay apart.
    """
    layers = list(range(config.num_layers))
    if recurrent and config.recur_layers:
        again = config.recur_layers[-1] + 1
        layers[again:again] = config.recur_layers
    half = len(layers) // 2
    kept = min(half, skip_count(config))
    visits = [Visit(layer, True, None, False) for layer in layers[:half]]
    lanes = False
    for index, layer in enumerate(layers[half:]):
        lanes = lanes or layer >= config.parallel_start_layer > 0
        visits.append(Visit(layer, False, index if index < kept else None, lanes))
    return tuple(visits)


def skip_count(config: ModelConfig) -> int:
    return config.num_layers // 2


def flops_per_token(config: ModelConfig, recurrent: bool) -> int:
    """Floating-point operations of training on one token: two for each weight of a product, three passes over it.

    Forward, and backward to inputs and to weights (Kaplan et al. 2020, https://arxiv.org/abs/2001.08361), attention
    over half of the trained length on average. Recomputation, norms and the like do not count, as in other MFU figures.
    """
    attention = config.model_dim * (2 * config.model_dim + 2 * config.kv_dim)
    visit = attention + 2 * config.model_dim * config.mlp_dim + config.rope_train_seq_len * config.model_dim
    values = config.ve_dim * config.kv_dim if config.ve_layers else 0
    return 6 * (len(route(config, recurrent)) * visit + values + config.vocab_size * config.model_dim)


class GPT(nn.Module):
    """ids [B, T] -> logits [B, T, V]; the output embedding is the input embedding."""

    def __init__(self, config: ModelConfig, attend: Attend = sdpa, by_hand: bool = False) -> None:
        """``attend``: the kernel (:func:`attention.backend` picks one). Draws from torch's global generator.

        ``by_hand``: in training the kernels with a backward pass of their own, where no compiler fuses the plain ones.
        """
        super().__init__()
        self.config, self.by_hand = config, by_hand
        self.embedding = nn.Embedding(config.vocab_size, config.model_dim)
        nn.init.normal_(self.embedding.weight, std=config.tied_embed_init_std)
        self.blocks = nn.ModuleList(Block(config, layer, attend, by_hand) for layer in range(config.num_layers))
        self.skip_weights = nn.Parameter(torch.ones(skip_count(config), config.model_dim))
        gates = torch.zeros(skip_count(config), config.model_dim)
        self.skip_gates = nn.Parameter(gates) if config.skip_gates_enabled else None
        self.values = ValueEmbedding(config) if config.ve_layers else None
        lanes = 0 < config.parallel_start_layer < config.num_layers
        self.lane_merge = nn.Parameter(torch.tensor(0.5)) if lanes else None
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                module.to(getattr(torch, config.embed_dtype))
        self.recurrent = False
        for name, table in zip(("cosines", "sines"), rotation(config.rope_train_seq_len, config), strict=True):
            self.register_buffer(name, table, persistent=False)

    def set_recurrence(self, active: bool) -> None:
        """Whether the recurrent layers run twice. A compiled model is compiled again for the other path."""
        self.recurrent = active

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Mean loss in nats per token over all of targets [B, T]."""
        loss = capped_loss_by_hand if self.by_hand else capped_loss
        hidden = self.hidden(ids).flatten(0, 1)
        return loss(hidden, self.embedding.weight, targets.flatten(), self.config.logit_softcap)

    def logits(self, ids: Tensor, last: int | None = None) -> Tensor:
        """Float32, squeezed smoothly between -logit_softcap and logit_softcap; of the ``last`` positions alone."""
        hidden = self.hidden(ids)
        if last is not None:
            hidden = hidden[:, -last:]
        return capped(hidden, self.embedding.weight, self.config.logit_softcap)

    def hidden(self, ids: Tensor) -> Tensor:
        """The normed last hidden state [B, T, C] of ids [B, T]."""
        first = rms_norm(self.embedding(ids))
        extra = self.values(ids) if self.values is not None else {}
        turn = self._rotation(ids.size(1))
        x: Tensor = first  # the residual stream; later the attention's lane of it
        lane: Tensor | None = None  # the MLP's
        kept: list[Tensor] = []
        for visit in route(self.config, self.recurrent):
            block = self.blocks[visit.layer]
            assert isinstance(block, Block)
            if visit.skip is not None:
                x = self._skip(visit.skip, kept.pop(), x)
            if visit.lanes and lane is None:
                lane = x
            x = block.attend(x, first, turn, extra.get(visit.layer))
            if lane is None:
                x = block.think(x)
            else:
                lane = block.think(lane)
            if visit.keep:
                kept.append(x)
        return rms_norm(self._merge(x, lane))

    def _rotation(self, length: int) -> Rotation:
        """From the tables, or made for a length that stretches the base."""
        assert isinstance(self.cosines, Tensor)
        assert isinstance(self.sines, Tensor)
        if length > self.config.rope_train_seq_len:
            return rotation(length, self.config, self.cosines.device)
        return self.cosines[:length], self.sines[:length]

    def _skip(self, index: int, early: Tensor, x: Tensor) -> Tensor:
        early = self.skip_weights[index].to(x.dtype) * early
        if self.skip_gates is None:
            return x + early
        return torch.lerp(early, x, torch.sigmoid(self.skip_gates[index].to(x.dtype)))

    def _merge(self, x: Tensor, lane: Tensor | None) -> Tensor:
        if lane is None or self.lane_merge is None:
            return x
        share = self.lane_merge.to(x.dtype)
        return share * x + (1 - share) * lane

    def quantizable(self) -> dict[str, Linear | nn.Embedding]:
        """The layers whose weight has two dimensions and no scalar's role, by the weight's name in the state_dict.

        A :class:`Linear` has matrices, whose inputs calibration can hook; an embedding's rows are tokens.
        """
        layers = self.named_modules()
        return {f"{name}.weight": layer for name, layer in layers if isinstance(layer, Linear | nn.Embedding)}

"""Which parameter is optimized how: Muon for matrices, AdamW for embedding tables and for scalars and vectors."""

from __future__ import annotations

import torch
from torch import nn

from reference_model.config import OptimizerConfig
from reference_model.model.network import GPT, Linear
from reference_model.training.muon import Matrix, Muon
from reference_model.training.schedule import muon_momentum


def split(model: GPT) -> tuple[list[Matrix], list[nn.Parameter], list[nn.Parameter]]:
    """All of a model's parameters as (matrices, embedding tables, everything else), each parameter in one of them."""
    matrices: list[Matrix] = []
    tables: list[nn.Parameter] = []
    for layer in model.quantizable().values():
        if isinstance(layer, Linear):
            starts = [sum(layer.parts[:index]) for index in range(len(layer.parts))]
            matrices += [Matrix(layer.weight, *rows) for rows in zip(starts, layer.parts, strict=True)]
        else:
            tables += layer.parameters()
    taken = {id(matrix.parameter) for matrix in matrices} | {id(table) for table in tables}
    return matrices, tables, [parameter for parameter in model.parameters() if id(parameter) not in taken]


class Optimizers:
    """Everything that changes weights. AdamW: Loshchilov & Hutter 2017, https://arxiv.org/abs/1711.05101."""

    def __init__(self, model: GPT, config: OptimizerConfig, world: int, fused: bool = False) -> None:
        """``model`` must be on its device already. ``world``: ranks that hold the same model.

        ``fused`` compiles Muon's arithmetic; the results are the same but for the rounding.
        """
        matrices, tables, scalars = split(model)
        self.config = config
        self.parameters = list(model.parameters())
        self.muon = Muon(matrices, config.muon_backend_steps, getattr(torch, config.muon_dtype), world, fused)
        self.adam = torch.optim.AdamW(
            [
                {"params": tables, "base_lr": config.tied_embed_lr, "weight_decay": config.embed_wd},
                {"params": scalars, "base_lr": config.scalar_lr, "weight_decay": config.adam_wd},
            ],
            betas=(config.beta1, config.beta2),
            eps=config.adam_eps,
            fused=True,
        )

    def step(self, lr_scale: float, step: int) -> None:
        """Clips the gradients (equal on all ranks) in place and moves the weights. ``step`` counts from 0."""
        config = self.config
        if config.grad_clip_norm > 0:
            nn.utils.clip_grad_norm_(self.parameters, config.grad_clip_norm, foreach=True)
        for group in self.adam.param_groups:
            group["lr"] = group["base_lr"] * lr_scale
        self.adam.step()
        self.muon.step(config.matrix_lr * lr_scale, muon_momentum(step, config), config.muon_wd)

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def reset(self) -> None:
        """Forgets everything that was learned about the gradients, as after the warm-up steps."""
        self.adam.state.clear()
        self.muon.reset()

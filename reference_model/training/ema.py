"""An exponential moving average of the weights (Polyak & Juditsky 1992), which is what gets quantized and scored."""

from __future__ import annotations

import torch
from torch import nn

from reference_model.config import TrainConfig
from reference_model.training.schedule import ema_decay


class Ema:
    """Float32 averages of all of a model's parameters, updated with one fused kernel per data type."""

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        self.config = config
        self.weights = [parameter.detach() for parameter in model.parameters()]
        self.averages = [weight.float().clone() for weight in self.weights]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """average += (weight - average) (1 - decay); ``step`` counts from 0."""
        weights = [weight.float() for weight in self.weights]
        torch._foreach_lerp_(self.averages, weights, 1.0 - ema_decay(step, self.config))

    @torch.no_grad()
    def apply(self) -> None:
        """Writes the averages over the model's weights, each in its own type."""
        for weight, average in zip(self.weights, self.averages, strict=True):
            weight.copy_(average)

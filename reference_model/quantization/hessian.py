"""Calibration: the second moments of what each matrix is multiplied with, which GPTQ weighs its errors by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from reference_model.model.network import GPT, Linear


def collect_hessians(
    model: GPT,
    batches: Iterable[Tensor],
    reduce: Callable[[Tensor], Tensor] = lambda total: total,
    world: int = 1,
    min_numel: int = 0,
) -> dict[str, Tensor]:
    """E[sum over a batch of x x^T], float32 [inputs, inputs], for each matrix of more than ``min_numel`` elements.

    By name in the state_dict. x are the inputs of the matrix's layer, in float32, over every position of ``batches`` of
    ids [B, T] and, where recurrence is on, over every run of the layer. ``reduce`` adds a tensor over ``world`` ranks
    in place (each with batches of its own) and returns it. Runs the model without gradients in evaluation mode, and
    leaves its mode and hooks as they were. Raises ValueError where there is no batch.

    One pass over the batches; a Hessian costs 2 * inputs^2 operations per position, half of them wasted on symmetry.
    """
    totals: dict[str, Tensor] = {}
    layers = {
        name: layer
        for name, layer in model.quantizable().items()
        if isinstance(layer, Linear) and layer.weight.numel() > min_numel
    }
    hooks = [layer.register_forward_hook(_adder(totals, name)) for name, layer in layers.items()]
    was_training = model.training
    model.eval()
    try:
        count = sum(1 for _ in _run(model, batches))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    if not count:
        raise ValueError("calibration needs at least one batch")
    return {name: reduce(totals[name]).div_(count * world) for name in layers}


def _run(model: GPT, batches: Iterable[Tensor]) -> Iterator[None]:
    with torch.no_grad():
        for ids in batches:
            model.hidden(ids)
            yield


def _adder(totals: dict[str, Tensor], name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        x = inputs[0].detach().flatten(0, -2).float()
        if name not in totals:
            totals[name] = torch.zeros(x.size(1), x.size(1), device=x.device)
        totals[name].addmm_(x.t(), x)

    return add

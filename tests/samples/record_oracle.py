"""Runs the record's own network and optimizers (in a process of its own) and saves what they compute.

    python record_oracle.py FOLDER_OF_THE_SCRIPT OUT.pt SEQUENCES LENGTH fp32|bf16

The record's size and switches come from the environment, as for the script itself. ``fp32`` has the Newton-Schulz
iterations run in float32, so that nothing but the order of additions is left to differ.
"""

from __future__ import annotations

import copy
import importlib
import sys
from typing import Any

import torch

STEPS = (0, 40)  # of the schedule; the second one sees momentum
LR_SCALE = 0.7


def disturbed(model: torch.nn.Module) -> None:
    """No weight is left at zero or at one, where a wrong use of it would not show."""
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape)
        parameter.data.add_(noise, alpha=0.02 if parameter.ndim == 2 and min(parameter.shape) > 16 else 0.2)


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def optimize(script: Any, model: Any, x: torch.Tensor, y: torch.Tensor, precise: bool) -> list[dict[str, torch.Tensor]]:
    hyper = script.Hyperparameters()
    optimizers = script.Optimizers(hyper, model)
    after = []
    for step in STEPS:
        optimizers.zero_grad_all()
        model(x, y).backward()
        share = min(step / hyper.muon_momentum_warmup_steps, 1.0)
        for group in optimizers.optimizer_muon.param_groups:
            group["momentum"] = (1 - share) * hyper.muon_momentum_warmup_start + share * hyper.muon_momentum
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * LR_SCALE
        torch.nn.utils.clip_grad_norm_(model.parameters(), hyper.grad_clip_norm)
        half = torch.bfloat16
        if precise:
            torch.bfloat16, torch.Tensor.bfloat16 = torch.float32, torch.Tensor.float  # type: ignore[misc, method-assign]
        optimizers.step()
        torch.bfloat16 = half  # type: ignore[misc]
        after.append(state(model))
    return after


def main(folder: str, out: str, sequences: str, length: str, precision: str) -> None:
    sys.path.insert(0, folder)
    script = importlib.import_module("train_gpt")
    torch.manual_seed(7)
    model = script.GPT(script.Hyperparameters())
    fresh = copy.deepcopy(model).bfloat16()  # as its main function makes it
    script.restore_fp32_params(fresh)
    model.float()
    disturbed(model)
    ids = torch.randint(model.tok_emb.num_embeddings, (int(sequences), int(length) + 1))
    x, y = ids[:, :-1], ids[:, 1:]
    saved: dict[str, Any] = {"fresh": state(fresh), "weights": state(model), "x": x, "y": y}
    for recurrent in (False, True):
        model.set_recurrence_active(recurrent)
        model.zero_grad()
        loss = model(x, y)
        loss.backward()
        saved[f"loss {recurrent}"] = loss.detach()
        saved[f"logits {recurrent}"] = model.forward_logits(x).detach()
        saved[f"gradients {recurrent}"] = {name: p.grad.clone() for name, p in model.named_parameters()}
    saved["after"] = optimize(script, model, x, y, precision == "fp32")
    torch.save(saved, out)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The smoke test's side in the child: waits for the model's first forward pass, runs it on random tokens, measures."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Done(BaseException):
    """The forward pass has been run: there is nothing more to run the script for."""


class Watch:
    """Waits for the first module that is called on whole numbers: the model. `figures` are complete then."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self._clock = time.perf_counter  # the true one: the stage has not replaced it yet
        self._classes = 0
        self._depth = 0
        self._imports = 0.0
        self._began = 0.0

    def install(self) -> None:
        """Wraps imports (their time is measured) and the call of modules."""
        genuine = builtins.__import__

        def timed(*args: Any, **options: Any) -> Any:
            if self._depth == 0:
                self._began = self._clock()
            self._depth += 1
            try:
                return genuine(*args, **options)
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._imports += self._clock() - self._began

        builtins.__import__ = timed
        module: Any = nn.Module
        module.__call__ = self._watched(module.__call__)
        functional: Any = F
        functional.cross_entropy = self._counted(functional.cross_entropy)

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(model: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if _takes_tokens(args) and not isinstance(model, nn.Embedding) and any(True for _ in model.parameters()):
                self._measure(call, model, args, kwargs)
                raise Done
            return call(model, *args, **kwargs)

        return watched

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(logits: Tensor, *args: Any, **options: Any) -> Any:
            self._classes = max(self._classes, int(logits.size(-1)))
            return function(logits, *args, **options)

        return counted

    def _measure(self, call: Callable[..., Any], model: nn.Module, args: tuple[Any, ...], kwargs: Any) -> None:
        nn.Module.__call__ = call  # type: ignore[method-assign]
        vocabulary = max((m.num_embeddings for m in _first_embedding(model)), default=1024)
        inputs = [torch.randint(4, vocabulary, a.shape) if _is_tokens(a) else a for a in args]
        blocks = max((m for m in model.modules() if isinstance(m, nn.ModuleList)), key=len, default=nn.ModuleList())
        seen: list[int] = []
        if len(blocks):
            blocks[0].register_forward_pre_hook(lambda module, given: seen.append(int(given[0].shape[-1])))
        with torch.no_grad():
            out = model(*inputs, **kwargs)
        self.figures.update(
            import_seconds=self._imports,
            parameters=float(sum(p.numel() for p in model.parameters())),
            layers=float(len(blocks)),
            loss=self._loss(out, inputs),
            vocabulary=float(self._classes or vocabulary),
        )
        if seen:
            self.figures["width"] = float(seen[0])

    def _loss(self, out: Any, inputs: list[Any]) -> float:
        """The loss that the model returns; of logits, that of random targets."""
        out = out[0] if isinstance(out, (tuple, list)) else out
        if out.numel() == 1:
            return float(out)
        if out.dim() == inputs[0].dim():
            return float(out.float().mean())  # a loss per token
        targets = torch.randint(0, out.size(-1), out.shape[:-1])
        return float(F.cross_entropy(out.flatten(0, -2).float(), targets.flatten()))


def _is_tokens(value: Any) -> bool:
    if not isinstance(value, Tensor) or value.dim() == 0:
        return False
    return not value.is_floating_point() and value.dtype != torch.bool


def _takes_tokens(args: tuple[Any, ...]) -> bool:
    return bool(args) and _is_tokens(args[0])


def _first_embedding(model: nn.Module) -> list[nn.Embedding]:
    return [m for m in model.modules() if isinstance(m, nn.Embedding)][:1]

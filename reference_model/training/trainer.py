"""The training loop: warm-up, steps under the clock, periodic validation, averaging of the weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from reference_model.config import RunConfig
from reference_model.evaluation.score import Score
from reference_model.log import (
    Log,
    parameters_line,
    recurrence_line,
    step_line,
    stopped_line,
    validation_line,
    warmup_line,
)
from reference_model.model.attention import backend
from reference_model.model.network import GPT, flops_per_token, route
from reference_model.runtime import Runtime
from reference_model.training.data import TrainLoader
from reference_model.training.ema import Ema
from reference_model.training.optimizer import Optimizers
from reference_model.training.schedule import lr_scale, progress

Validate = Callable[[GPT], Score]


@dataclass(frozen=True, slots=True)
class Trained:
    """Optimizer steps taken, and the seconds of training that they took: validation and warm-up are not counted."""

    steps: int
    seconds: float


class Trainer:
    """A model in training on one rank. `fit` once, then `model` holds the averaged weights."""

    def __init__(self, config: RunConfig, run: Runtime, log: Log) -> None:
        self.config, self.run, self.log = config, run, log
        compiled = config.train.compile_model
        attend = backend(run.device, config.train.precision)
        self.model = GPT(config.model, attend, by_hand=not compiled).to(run.device)
        self._parameters = list(self.model.parameters())
        log(parameters_line(sum(parameter.numel() for parameter in self._parameters)))
        self._loss: Callable[[Tensor, Tensor], Tensor] = self.model
        if compiled:
            self._loss = torch.compile(self.model, dynamic=False, fullgraph=True)
        self.optimizers = Optimizers(self.model, config.optimizer, run.world, fused=compiled)
        self._accumulation = config.train.grad_accum_steps(run.world)
        self._loader = self._new_loader()
        self._last_step_done: torch.cuda.Event | None = None

    def fit(self, validate: Validate) -> Trained:
        """Trains until the steps or the time are used up, and puts the averaged weights into the model."""
        self.model.train()
        self._warm_up()
        train, average = self.config.train, Ema(self.model, self.config.train)
        step, seconds = 0, 0.0
        before, started = 0.0, self.run.clock()  # seconds of training before the last validation, and since when
        told_step, told_seconds = 0, 0.0  # of the last line about a step
        while True:
            previous, seconds = seconds, self.run.agree(before + time.perf_counter() - started)
            last = step >= train.iterations or self._out_of_time(step, seconds, seconds - previous)
            self._switch_recurrence(step)
            if last or step == 0 or (train.val_loss_every > 0 and step % train.val_loss_every == 0):
                before += self.run.clock() - started
                self.log(validation_line(step, train.iterations, validate(self.model)))
                started = self.run.clock()
            if last:
                break
            loss = self._step(step, lr_scale(progress(step, seconds, train), train))
            average.update(step)
            step += 1
            self._keep_pace()
            if step <= 5 or (train.train_log_every > 0 and step % train.train_log_every == 0):
                value, spent = loss.item(), before + time.perf_counter() - started
                if not math.isfinite(value):
                    raise ArithmeticError(f"the loss is {value} at step {step}")
                pace = (spent - told_seconds) / (step - told_step)
                self.log(step_line(step, train.iterations, value, spent, step * train.train_batch_tokens, pace,
                                   self._mfu(pace)))  # fmt: skip
                told_step, told_seconds = step, spent
        self.log(stopped_line(step, train.iterations, before))
        self.log("ema:applying EMA weights")
        average.apply()
        return Trained(step, before)

    def calibration(self, seconds: float | None) -> Iterator[Tensor]:
        """This rank's share of the calibration batches: ids [B, T] that training has not come to yet.

        Ends early when `seconds` are over, but not before the first batch.
        """
        share = -(-self.config.quant.gptq_calibration_batches // self.run.world)
        started = self.run.clock()
        for index in range(share):
            if index and seconds is not None and self.run.clock() - started > seconds:
                return
            yield self._loader.next_batch()[0]

    def take_up(self, weights: Mapping[str, Tensor], trained: Trained) -> None:
        """Stands where `fit` would have ended: its weights in the model, the loader past its batches."""
        self.model.load_state_dict(weights)
        self.model.set_recurrence(bool(self.config.model.recur_layers)
                                  and trained.steps >= self.config.train.recur_start_step)  # fmt: skip
        self._loader.skip(trained.steps * self._accumulation)

    def close(self) -> None:
        self._loader.close()

    def _new_loader(self) -> TrainLoader:
        return TrainLoader(self.config, self.run.rank, self.run.world, self.run.device)

    def _warm_up(self) -> None:
        """Steps whose traces are removed: what they compile and allocate is there when the clock starts.

        The second half runs with recurrence, which would otherwise be compiled in the middle of training.
        """
        steps = self.config.train.warmup_steps
        if steps < 1:
            return
        weights = [parameter.detach().clone() for parameter in self._parameters]
        for step in range(steps):
            self.model.set_recurrence(step >= steps // 2 and bool(self.config.model.recur_layers))
            self._step(step, 1.0)
            if step < 6 or (step + 1) % 10 == 0 or step + 1 == steps:
                self.log(warmup_line(step + 1, steps))
        self.model.set_recurrence(False)
        with torch.no_grad():
            torch._foreach_copy_([parameter.detach() for parameter in self._parameters], weights)
        self.optimizers.reset()
        self._loader.close()
        self._loader = self._new_loader()

    def _switch_recurrence(self, step: int) -> None:
        if step < self.config.train.recur_start_step or self.model.recurrent or not self.config.model.recur_layers:
            return
        self.model.set_recurrence(True)
        self.log(recurrence_line(step, [visit.layer for visit in route(self.config.model, True)]))

    def _mfu(self, step_seconds: float) -> float | None:
        peak = self.run.peak_flops()
        work = flops_per_token(self.config.model, self.model.recurrent) * self.config.train.train_batch_tokens
        return None if peak is None else work / (step_seconds * peak * self.run.world)

    def _out_of_time(self, step: int, seconds: float, latest: float) -> bool:
        """Whether another step would end past the budget, by the mean of the steps so far and the latest one.

        On a GPU the clock is ahead of the device by one step, which has to fit as well.
        """
        budget = self.config.train.budget_seconds
        if budget is None or step == 0:
            return False
        under_way = 2 if self._last_step_done is not None else 1
        return seconds + under_way * max(latest, seconds / step) > budget

    def _step(self, step: int, scale: float) -> Tensor:
        """One optimizer step. The mean loss of this rank's sequences, in nats per token, on the device."""
        total = torch.zeros((), device=self.run.device)
        for _ in range(self._accumulation):
            inputs, targets = self._loader.next_batch()
            with self.run.autocast(self.config.train.precision):
                loss = self._loss(inputs, targets)
            (loss / self._accumulation).backward()
            total += loss.detach()
        self.run.mean([parameter.grad for parameter in self._parameters if parameter.grad is not None])
        self.optimizers.step(scale, step)
        self.optimizers.zero_grad()
        return total / self._accumulation

    def _keep_pace(self) -> None:
        """Lets the host prepare one step while the device works on the one before, and no more than that."""
        if self.run.device.type != "cuda":
            return
        done, self._last_step_done = self._last_step_done, torch.cuda.Event()
        self._last_step_done.record()
        if done is not None:
            done.synchronize()

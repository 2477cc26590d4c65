"""One side of the comparison in train_step.py: our trainer, or the record's script, measured in a process of its own.

    python sides.py ours|record OPTIONS_AS_JSON

Prints one JSON object. Both sides get the same tokens, precision, compiler settings and attention kernel.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import torch
from torch import Tensor

from reference_model import config
from reference_model.evaluation.bytes import ByteTable
from reference_model.evaluation.score import evaluate_sliding
from reference_model.model import attention
from reference_model.model.network import GPT, flops_per_token
from reference_model.quantization.gptq import quantize_all
from reference_model.quantization.hessian import collect_hessians
from reference_model.runtime import Runtime
from reference_model.training import optimizer
from reference_model.training.ema import Ema

CALIBRATION_BATCHES = 4
PEAK_FLOPS = 989e12  # of an H100 in bfloat16, by NVIDIA's data sheet


class Side(Protocol):
    """A trainer on one device with world size 1."""

    def set_recurrence(self, active: bool) -> None: ...
    def forward_backward(self, x: Tensor, y: Tensor) -> Tensor: ...
    def optimize(self, step: int) -> None:
        """Clips, moves the weights, forgets the gradients."""

    def muon(self) -> None:
        """The matrices' part of that alone; needs gradients."""

    def average(self, step: int) -> None: ...
    def slide(self, tokens: Tensor) -> int:
        """Scores tokens with sliding windows; how many windows."""

    def hessians(self, batches: list[Tensor]) -> object: ...
    def gptq(self, hessians: Any) -> object: ...


def autocast(device: torch.device, run: config.RunConfig) -> AbstractContextManager[object]:
    if run.train.precision == "float32":
        return nullcontext()
    half: AbstractContextManager[object] = torch.autocast(device_type=device.type, dtype=torch.bfloat16)
    return half


class Ours:
    """reference_model, put together as its trainer does."""

    def __init__(self, run: config.RunConfig, device: torch.device) -> None:
        self.run, self.device = run, device
        compiled = run.train.compile_model
        self.model = GPT(run.model, attention.backend(device), by_hand=not compiled).to(device)
        self.loss = torch.compile(self.model, dynamic=False, fullgraph=True) if compiled else self.model
        self.optimizers = optimizer.Optimizers(self.model, run.optimizer, world=1, fused=compiled)
        self.ema = Ema(self.model, run.train)

    def set_recurrence(self, active: bool) -> None:
        self.model.set_recurrence(active)

    def forward_backward(self, x: Tensor, y: Tensor) -> Tensor:
        with autocast(self.device, self.run):
            loss: Any = self.loss(x, y)
        loss.backward()
        detached: Tensor = loss.detach()
        return detached

    def optimize(self, step: int) -> None:
        self.optimizers.step(1.0, step)
        self.optimizers.zero_grad()

    def muon(self) -> None:
        self.optimizers.muon.step(0.0, 0.95, 0.09)

    def average(self, step: int) -> None:
        self.ema.update(step)

    def slide(self, tokens: Tensor) -> int:
        size = self.run.model.vocab_size
        table = ByteTable(
            torch.ones(size, dtype=torch.int32),
            torch.zeros(size, dtype=torch.bool),
            torch.zeros(size, dtype=torch.bool),
        ).to(self.device)
        evaluate_sliding(self.model, tokens, table, self.run, Runtime(device=self.device))
        return windows(tokens, self.run)

    def hessians(self, batches: list[Tensor]) -> dict[str, Tensor]:
        with autocast(self.device, self.run):
            return collect_hessians(self.model, batches, min_numel=self.run.quant.quant_min_numel)

    def gptq(self, hessians: dict[str, Tensor]) -> object:
        layers = self.model.quantizable()
        weights = {name: layers[name].weight.detach().float().cpu() for name in hessians}
        quant = self.run.quant
        hessians = {name: hessian.cpu() for name, hessian in hessians.items()}
        return quantize_all(
            weights, hessians, os.cpu_count() or 1, quant.matrix_bits, quant.gptq_block_size, quant.gptq_damp
        )


class Record:
    """The record's script, driven as its own training loop does."""

    def __init__(self, run: config.RunConfig, device: torch.device, folder: str) -> None:
        self.run, self.device = run, device
        os.environ.update(environment(run))
        sys.path.insert(0, folder)
        self.script: Any = importlib.import_module("train_gpt")
        self.hyper: Any = self.script.Hyperparameters()
        self.model: Any = self.script.GPT(self.hyper).to(device)
        if run.model.embed_dtype == "bfloat16":
            self.model.bfloat16()
            self.script.restore_fp32_params(self.model)
        compiled = run.train.compile_model
        self.loss = torch.compile(self.model, dynamic=False, fullgraph=True) if compiled else self.model
        self.optimizers: Any = self.script.Optimizers(self.hyper, self.model)
        self.averages = {name: value.detach().float().clone() for name, value in self.model.state_dict().items()}

    def set_recurrence(self, active: bool) -> None:
        self.model.set_recurrence_active(active)

    def forward_backward(self, x: Tensor, y: Tensor) -> Tensor:
        with autocast(self.device, self.run):
            loss: Any = self.loss(x, y)
        loss.backward()
        detached: Tensor = loss.detach()
        return detached

    def optimize(self, step: int) -> None:
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.hyper.grad_clip_norm)
        self.optimizers.step()

    def muon(self) -> None:
        for group in self.optimizers.optimizer_muon.param_groups:
            group["lr"] = 0.0
        self.optimizers.optimizer_muon.step()

    def average(self, step: int) -> None:
        decay = min(self.hyper.ema_decay, (step + 1) / (step + 10))  # of detached values: no gradients either way
        for name, value in self.model.state_dict().items():
            self.averages[name].mul_(decay).add_(value.detach().float(), alpha=1.0 - decay)

    def slide(self, tokens: Tensor) -> int:
        size = self.run.model.vocab_size
        flags = torch.zeros(size, dtype=torch.bool, device=self.device)
        data = SimpleNamespace(
            val_tokens=tokens,
            base_bytes_lut=torch.ones(size, dtype=torch.int16, device=self.device),
            has_leading_space_lut=flags,
            is_boundary_token_lut=flags,
        )
        self.script.eval_val_sliding(self.hyper, self.device, data, self.model, self.run.eval.eval_batch_seqs)
        return windows(tokens, self.run)

    def hessians(self, batches: list[Tensor]) -> object:
        given = iter(batches)
        loader = SimpleNamespace(next_batch=lambda *_: (next(given), None))
        with autocast(self.device, self.run):
            return self.script.collect_hessians(self.model, loader, self.hyper, self.device, len(batches))

    def gptq(self, hessians: Any) -> object:
        weights = {name: value.detach().cpu() for name, value in self.model.state_dict().items() if name in hessians}
        return self.script.gptq_mixed_quantize_int6(weights, {"mlp", "attn"}, hessians)


def environment(run: config.RunConfig) -> dict[str, str]:
    """The configuration in the script's own variables."""
    names = (
        "vocab_size",
        "num_layers",
        "model_dim",
        "num_heads",
        "num_kv_heads",
        "mlp_mult",
        "rope_dims",
        "qk_gain_init",
        "xsa_last_n",
        "recur_layers",
        "parallel_start_layer",
        "ve_layers",
        "ve_dim",
        "train_seq_len",
        "eval_seq_len",
        "eval_stride",
        "train_batch_tokens",
    )
    dump = run.dump()
    return {name.upper(): dump[name] for name in names} | {"EMBEDDING_DIM": dump["model_dim"]}


def windows(tokens: Tensor, run: config.RunConfig) -> int:
    total, stride = tokens.numel() - 1, run.eval.eval_stride
    return len(range(0, total - (run.eval.eval_seq_len - stride), stride))


class Clock:
    """Milliseconds between marks: by events on a GPU, which wait for nothing, by the wall clock on a CPU."""

    def __init__(self, device: torch.device) -> None:
        self.gpu = device.type == "cuda"
        self.marks: list[Any] = []

    def mark(self) -> None:
        if not self.gpu:
            self.marks.append(time.perf_counter())
            return
        new: Any = torch.cuda.Event
        event = new(enable_timing=True)
        event.record()
        self.marks.append(event)

    def intervals(self) -> list[float]:
        if not self.gpu:
            return [1000 * (b - a) for a, b in zip(self.marks, self.marks[1:], strict=False)]
        torch.cuda.synchronize()
        return [a.elapsed_time(b) for a, b in zip(self.marks, self.marks[1:], strict=False)]


def measure_steps(side: Side, x: Tensor, y: Tensor, recurrent: bool, steps: int, warm_up: int) -> dict[str, Any]:
    """Medians in ms over ``steps`` steps of one micro-batch, and peak memory in MiB, compilation left out."""
    side.set_recurrence(recurrent)
    for step in range(warm_up):
        side.forward_backward(x, y)
        side.optimize(step)
        side.average(step)
    gpu = x.device.type == "cuda"
    if gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    clock = Clock(x.device)
    clock.mark()
    for step in range(steps):
        loss = side.forward_backward(x, y)
        clock.mark()
        side.optimize(step)
        clock.mark()
        side.average(step)
        clock.mark()
    times = clock.intervals()
    peak = torch.cuda.max_memory_allocated() / 2**20 if gpu else 0.0
    side.forward_backward(x, y)
    clock = Clock(x.device)
    for _ in range(steps + 1):
        clock.mark()
        side.muon()
    side.optimize(steps)
    names = ("forward_backward", "optimizer", "ema")
    parts = {name: statistics.median(times[first::3]) for first, name in enumerate(names)}
    whole = [sum(times[first : first + 3]) for first in range(0, len(times), 3)]
    return {
        **parts,
        "muon": statistics.median(clock.intervals()),
        "step": statistics.median(whole),
        "slowest_step": max(whole),
        "peak_mib": peak,
        "loss": loss.item(),
    }


def kernels(side: Side, x: Tensor, y: Tensor, recurrent: bool) -> dict[str, Any]:
    """What a step runs: [name, calls, ms] of the longest kernels (on a CPU: operators), FlashAttention's calls."""
    from torch.profiler import ProfilerActivity, profile

    side.set_recurrence(recurrent)
    gpu = x.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if gpu else ProfilerActivity.CPU]) as seen:
        side.forward_backward(x, y)
        side.optimize(0)
        if gpu:
            torch.cuda.synchronize()
    rows = [(event.key, event.count, (event.self_device_time_total if gpu else event.self_cpu_time_total) / 1000)
            for event in seen.key_averages()]  # fmt: skip
    rows.sort(key=lambda row: -row[2])
    flash = sum(count for name, count, _ in rows if "flash" in name.lower() and "sm90" in name.lower())
    return {"rows": [(name[:70], count, ms) for name, count, ms in rows[:12]],
            "kernels": sum(count for _, count, _ in rows), "flash_calls": flash}  # fmt: skip


def seconds(work: Callable[[], object], device: torch.device) -> tuple[float, Any]:
    def now() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    started = now()
    result = work()
    return now() - started, result


def measure_rest(side: Side, x: Tensor, run: config.RunConfig) -> dict[str, float]:
    """Sliding evaluation (windows per second, the second run: compiled) and GPTQ (seconds)."""
    wanted = run.eval.eval_batch_seqs * (20 if x.device.type == "cuda" else 1)
    tokens = torch.randint(run.model.vocab_size, (run.eval.eval_seq_len + (wanted - 1) * run.eval.eval_stride + 1,))
    side.slide(tokens)
    sliding, count = seconds(lambda: side.slide(tokens), x.device)
    batches = [x] * CALIBRATION_BATCHES
    calibration, hessians = seconds(lambda: side.hessians(batches), x.device)
    rounding, _ = seconds(lambda: side.gptq(hessians), x.device)
    return {
        "sliding_windows_per_second": count / sliding,
        "calibration_seconds_per_batch": calibration / len(batches),
        "gptq_seconds": rounding,
    }


def operations(side: Side, ids: Tensor) -> dict[str, int]:
    """Floating-point operations of calibrating on ids [B, T], counted as torch runs them, attention's causal half."""
    from torch.utils.flop_counter import FlopCounterMode

    aten = torch.ops.aten
    attend = aten._scaled_dot_product_flash_attention_for_cpu

    def added(to: Any, a: Any, b: Any, *more: Any, **named: Any) -> int:
        return 2 * int(a[0] * a[1] * b[1])

    def attended(q: Any, k: Any, v: Any, *more: Any, **named: Any) -> int:
        batch, heads, length, width = q
        return 2 * int(batch * heads * length**2 * width)

    with FlopCounterMode(display=False, custom_mapping={aten.addmm_: added, attend: attended}) as counted:
        side.hessians([ids])
    found = counted.get_flop_counts()["Global"]
    return {"products": found[aten.mm], "attention": found[attend], "Hessians": found[aten.addmm_]}


def measured(side: Side, x: Tensor, y: Tensor, run: config.RunConfig, options: dict[str, Any]) -> dict[str, Any]:
    """Steps before and after recurrence starts and, with the option `rest`, what comes after training."""
    found: dict[str, Any] = {}
    for name, recurrent in (("before", False), ("after", True)):
        found[name] = measure_steps(side, x, y, recurrent, options["steps"], options["warm_up"])
        work = flops_per_token(run.model, recurrent) * x.numel()
        found[name]["mfu_percent"] = 100 * work / (found[name]["step"] / 1000) / PEAK_FLOPS
        found[name]["profile"] = kernels(side, x, y, recurrent)
    if options["rest"]:
        found["rest"] = measure_rest(side, x, run)
    return found


def main(which: str, options: dict[str, Any]) -> None:
    device = torch.device(options["device"])
    run = config.SCALES[options["scale"]]()
    run = replace(run, train=replace(run.train, compile_model=device.type == "cuda"))
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    torch.manual_seed(run.seed)
    side: Side = Ours(run, device) if which == "ours" else Record(run, device, options["folder"])
    sequences = run.train.train_batch_tokens // run.train.micro_batches // run.train.train_seq_len
    ids = torch.randint(run.model.vocab_size, (sequences, run.train.train_seq_len + 1), device=device)
    x, y = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    found: dict[str, Any] = {
        "side": which,
        "tokens": x.numel(),
        "torch": torch.__version__,
        "device": where,
        "attention": attention.backend(device).__name__,
    }
    if options.get("count"):
        side.set_recurrence(True)
        found["operations"] = operations(side, x[:1])
    else:
        found |= measured(side, x, y, run, options)
    Path(options["out"]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))

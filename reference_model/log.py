"""The lines of a training log: the challenge's own grammar, which its logs share and golf-audit reads.

A line is made here and nowhere else. Losses in nats per token with the bits per byte beside them, times in milliseconds
or, where a step tells them, in minutes of training; sizes in bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reference_model.config import RunConfig

if TYPE_CHECKING:
    from reference_model.evaluation.score import Score

Log = Callable[[str], None]
"""Takes one line of the log."""

_CODEC = "int6+brotli"


def console(is_main: bool) -> Log:
    """Prints, at once, and on one rank only."""

    def write(line: str) -> None:
        if is_main:
            print(line, flush=True)

    return write


def hyperparameter_lines(config: RunConfig, world: int) -> list[str]:
    values = config.dump() | {
        "world_size": str(world),
        "grad_accum_steps": str(config.train.grad_accum_steps(world)),
    }
    return ["Hyperparameters:", *(f"  {name}: {value}" for name, value in sorted(values.items()))]


def data_lines(train_shards: int, val_tokens: int) -> list[str]:
    """`val_tokens`: targets that are scored."""
    return [f"train_shards: {train_shards}", f"val_tokens: {val_tokens}"]


def parameters_line(count: int) -> str:
    return f"model_params:{count}"


def reserve_line(seconds: float, budget_seconds: float) -> str:
    return f"gptq:reserving {seconds:.0f}s, effective={1000 * budget_seconds:.0f}ms"


def warmup_line(step: int, steps: int) -> str:
    return f"warmup_step: {step}/{steps}"


def recurrence_line(step: int, layers: list[int]) -> str:
    return f"recurrence:activated at step {step}, layers={layers}"


def step_line(
    number: int, planned: int, loss: float, seconds: float, tokens: int, step_seconds: float, mfu: float | None
) -> str:
    """`tokens`: trained on since the start, over all ranks. `step_seconds`, `mfu`: since the line before.

    MFU is the share of the devices' peak that the model's own arithmetic makes up (Chowdhery et al. 2022).
    """
    rate = tokens / max(seconds, 1e-9)
    said = f"{number}/{planned} train_loss: {loss:.4f} train_time: {seconds / 60:.2f}m tok/s: {rate:.0f}"
    share = "" if mfu is None else f" mfu: {mfu:.3f}"
    return f"{said} step_ms: {1000 * step_seconds:.2f}{share}"


def validation_line(number: int, planned: int, score: Score) -> str:
    return f"{number}/{planned} val_loss: {score.nats_per_token:.4f} val_bpb: {score.bits_per_byte:.4f}"


def stopped_line(number: int, planned: int, seconds: float) -> str:
    """The end of training, by the clock or with the last planned step."""
    if number < planned:
        return f"stopping_early: wallclock_cap train_time: {1000 * seconds:.0f}ms step: {number}/{planned}"
    return f"training complete in {1000 * seconds:.0f}ms step: {number}/{planned}"


def resumed_line(number: int, name: str) -> str:
    """Training is not repeated: the weights of its last step were written."""
    return f"checkpoint: {name} holds the weights after step {number}; what follows goes on from them"


def memory_line(allocated: int, reserved: int) -> str:
    """MiB."""
    return f"peak memory allocated: {allocated} MiB reserved: {reserved} MiB"


def calibrated_line(hessians: int, batches: int, seconds: float) -> str:
    return f"GPTQ:collected {hessians} Hessians from {batches} batches in {seconds:.1f}s"


def evaluation_line(label: str, score: Score) -> str:
    milliseconds = 1000 * score.seconds
    return (
        f"{label} val_loss:{score.nats_per_token:.8f} val_bpb:{score.bits_per_byte:.8f} eval_time:{milliseconds:.0f}ms"
    )


def raw_size_lines(model_bytes: int, code_bytes: int) -> list[str]:
    """Before compression."""
    return [f"Serialized model: {model_bytes} bytes", f"Code size: {code_bytes} bytes"]


def size_lines(model_bytes: int, code_bytes: int) -> list[str]:
    """The artifact: the compressed model, and what counts against the cap."""
    return [
        f"Serialized model {_CODEC}: {model_bytes} bytes",
        f"Total submission size {_CODEC}: {model_bytes + code_bytes} bytes",
    ]

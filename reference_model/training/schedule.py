"""What changes over a run: the learning rate, Muon's momentum, how fast the average of the weights forgets. Pure."""

from __future__ import annotations

from reference_model.config import OptimizerConfig, TrainConfig


def progress(step: int, seconds: float, config: TrainConfig) -> float:
    """Share of the training budget that is used up before ``step``: of its time, or of its steps without a limit."""
    if config.budget_seconds is None:
        return _paced(step, config) / max(_paced(config.iterations, config), 1e-12)
    return seconds / max(config.budget_seconds, 1e-12)


def _paced(step: int, config: TrainConfig) -> float:
    """The time that ``step`` steps took in the run whose pace is given; their number where none is."""
    if not config.paced:
        return float(step)
    before, switch, after = config.paced
    again = step - config.recur_start_step
    return step * before if again <= 0 else config.recur_start_step * before + switch + again * after


def lr_scale(elapsed_fraction: float, config: TrainConfig) -> float:
    """Factor of every learning rate: 1, then straight down to lr_floor over the budget's last warmdown_frac."""
    left = 1.0 - elapsed_fraction
    if config.warmdown_frac <= 0 or left > config.warmdown_frac:
        return 1.0
    return max(left / config.warmdown_frac, config.lr_floor)


def muon_momentum(step: int, config: OptimizerConfig) -> float:
    """Grows in a straight line from its start value over the first muon_momentum_warmup_steps."""
    share = min(step / config.muon_momentum_warmup_steps, 1.0) if config.muon_momentum_warmup_steps > 0 else 1.0
    return (1 - share) * config.muon_momentum_warmup_start + share * config.muon_momentum


def ema_decay(step: int, config: TrainConfig) -> float:
    """Share of the averaged weights kept after ``step`` (from 0). It grows, so that the first weights are forgotten."""
    return min(config.ema_decay, (step + 1) / (step + 10))

"""Which configurations can't be run: said by `golf-reproduce`, before the script that would fail on them is started."""

from __future__ import annotations

import math
from dataclasses import fields

from reference_model.config import RunConfig

_POSITIVE = frozenset({
    "vocab_size", "num_layers", "model_dim", "num_heads", "num_kv_heads", "mlp_mult", "rope_base", "rope_train_seq_len",
    "ve_dim", "logit_softcap", "iterations", "train_batch_tokens", "train_seq_len", "micro_batches", "adam_eps",
    "gptq_calibration_batches", "gptq_block_size", "artifact_limit_bytes", "eval_seq_len", "eval_stride",
    "val_batch_tokens", "eval_batch_seqs",
})  # fmt: skip
_SHARES = frozenset({"lr_floor", "warmdown_frac", "ema_decay", "muon_momentum", "muon_momentum_warmup_start",
                     "clip_quantiles", "embed_clip_quantile"})  # fmt: skip
_BETWEEN = {"matrix_bits": (2, 8), "embed_bits": (2, 8), "brotli_quality": (0, 11), "beta1": (0.0, 0.9999999),
            "beta2": (0.0, 0.9999999)}  # fmt: skip
_OF_ANY_SIGN = frozenset({"mlp_negative_slope"})


def checked(config: RunConfig) -> RunConfig:
    """The same configuration. Raises ValueError with the name of the first value that won't do, and what would."""
    model, train, evaluation = config.model, config.train, config.eval
    for section in (model, config.optimizer, train, config.data, config.quant, evaluation):
        for field in fields(section):
            value = getattr(section, field.name)
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, int | float):
                    _in_range(field.name, number, value)
    _require(
        train.budget_seconds is None or train.budget_seconds > 0,
        "gptq_reserve_seconds",
        f"less than max_wallclock_seconds ({train.max_wallclock_seconds:g})",
        train.gptq_reserve_seconds,
    )
    _require(model.model_dim % model.num_heads == 0, "model_dim", "a multiple of num_heads", model.model_dim)
    _require(model.num_heads % model.num_kv_heads == 0, "num_heads", "a multiple of num_kv_heads", model.num_heads)
    _require(
        model.rope_dims % 2 == 0 and 0 <= model.rope_dims <= model.head_dim,
        "rope_dims",
        f"even and between 0 and head_dim ({model.head_dim})",
        model.rope_dims,
    )
    for name, dtype in (
        ("embed_dtype", model.embed_dtype),
        ("muon_dtype", config.optimizer.muon_dtype),
        ("precision", train.precision),
    ):
        _require(dtype in ("bfloat16", "float32"), name, "bfloat16 or float32", dtype)
    for name, chosen in (("recur_layers", model.recur_layers), ("ve_layers", model.ve_layers)):
        _require(
            all(layer in range(model.num_layers) for layer in chosen), name, f"layers below {model.num_layers}", chosen
        )
    _require(
        train.train_batch_tokens % (train.micro_batches * train.train_seq_len) == 0,
        "train_batch_tokens",
        "a multiple of micro_batches x train_seq_len",
        train.train_batch_tokens,
    )
    _require(len(train.paced) in (0, 3), "paced", "empty or three durations", train.paced)
    _require(
        evaluation.eval_stride <= evaluation.eval_seq_len,
        "eval_stride",
        f"between 1 and eval_seq_len ({evaluation.eval_seq_len})",
        evaluation.eval_stride,
    )
    return config


def _in_range(name: str, number: float, value: object) -> None:
    _require(math.isfinite(number), name, "a finite number", value)
    if name in _POSITIVE:
        _require(number > 0, name, "above 0", value)
    elif name in _SHARES:
        _require(0 <= number <= 1, name, "a share, between 0 and 1", value)
    elif name in _BETWEEN:
        low, high = _BETWEEN[name]
        _require(low <= number <= high, name, f"between {low} and {high:g}", value)
    elif name not in _OF_ANY_SIGN:
        _require(number >= 0, name, "0 or more", value)


def _require(condition: bool, name: str, expected: str, value: object) -> None:
    if not condition:
        raise ValueError(f"{name.upper()} must be {expected}, not {value!r}")

"""Which configurations can't be run: said by `golf-reproduce`, before the script that would fail on them is started."""

from __future__ import annotations

from reference_model.config import RunConfig


def checked(config: RunConfig) -> RunConfig:
    """The same configuration. Raises ValueError with the name of the first value that won't do, and what would."""
    model, train, evaluation = config.model, config.train, config.eval
    _require(model.model_dim % model.num_heads == 0, "model_dim", "a multiple of num_heads", model.model_dim)
    _require(model.num_heads % model.num_kv_heads == 0, "num_heads", "a multiple of num_kv_heads", model.num_heads)
    _require(
        model.rope_dims % 2 == 0 and 0 <= model.rope_dims <= model.head_dim,
        "rope_dims",
        f"even and between 0 and head_dim ({model.head_dim})",
        model.rope_dims,
    )
    _require(model.logit_softcap > 0, "logit_softcap", "positive", model.logit_softcap)
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
        0 < evaluation.eval_stride <= evaluation.eval_seq_len,
        "eval_stride",
        f"between 1 and eval_seq_len ({evaluation.eval_seq_len})",
        evaluation.eval_stride,
    )
    return config


def _require(condition: bool, name: str, expected: str, value: object) -> None:
    if not condition:
        raise ValueError(f"{name} must be {expected}, not {value!r}")

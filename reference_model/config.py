"""Every number of a run, in typed, frozen sections: the record's values, and a small scale that has every part of it.

Nothing here reads the environment by itself: :meth:`RunConfig.from_environment` is called once, at the edge. A field's
environment name is its own name in capitals (``iterations`` is ``ITERATIONS``), so names are unique over all sections;
they are the challenge's names where it has one, and :meth:`RunConfig.dump` prints them into the log.

Units are in the names or the comments: tokens, steps, seconds, bytes; learning rates and decays are per step.
"""

from __future__ import annotations

import glob
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

Value = bool | int | float | str | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The network's shape. The defaults are the 1.0924 record's: 34,401,372 parameters."""

    vocab_size: int = 4096
    num_layers: int = 11
    model_dim: int = 512
    num_heads: int = 8
    num_kv_heads: int = 4  # grouped-query attention: query heads share these in consecutive groups
    mlp_mult: float = 4.0  # hidden width of the MLP over model_dim
    mlp_negative_slope: float = 0.5  # of the LeakyReLU that is then squared
    rope_dims: int = 16  # leading dimensions of each head that are rotated; the others carry no position
    rope_base: float = 10_000.0
    rope_train_seq_len: int = 2048  # longer inputs stretch the base (NTK-aware)
    qk_gain_init: float = 5.0  # learned per query head; multiplies RMS-normed q
    xsa_last_n: int = 11  # layers, counted from the last, with exclusive self-attention; 0: none
    ln_scale: bool = True  # multiply each norm's output by 1/sqrt(layer + 1)
    skip_gates_enabled: bool = True  # U-Net skips are blended by a learned gate instead of added
    recur_layers: tuple[int, ...] = (4, 5)  # run a second time once recurrence is on; empty: never
    parallel_start_layer: int = 7  # from here attention and MLP have a residual lane each; num_layers: never
    ve_layers: tuple[int, ...] = (9, 10)  # layers whose values get a token embedding added; empty: none
    ve_dim: int = 128
    ve_init_std: float = 0.01
    ve_scale_init: float = 0.1
    tied_embed_init_std: float = 0.005
    logit_softcap: float = 30.0
    embed_dtype: str = "bfloat16"  # storage of both embedding tables; everything else is stored in float32

    @property
    def head_dim(self) -> int:
        return self.model_dim // self.num_heads

    @property
    def kv_dim(self) -> int:
        """Width of keys and of values over all key/value heads."""
        return self.num_kv_heads * self.head_dim

    @property
    def mlp_dim(self) -> int:
        return int(self.mlp_mult * self.model_dim)


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """MuonEq-R for matrices, AdamW for the embedding tables and for scalars and vectors."""

    matrix_lr: float = 0.02
    muon_momentum: float = 0.99
    muon_momentum_warmup_start: float = 0.92
    muon_momentum_warmup_steps: int = 1500  # linear from the start value to muon_momentum
    muon_backend_steps: int = 5  # Newton-Schulz iterations
    muon_dtype: str = "bfloat16"  # of the Newton-Schulz iterations
    muon_wd: float = 0.09
    tied_embed_lr: float = 0.03
    embed_wd: float = 0.09
    scalar_lr: float = 0.02
    adam_wd: float = 0.02  # weight decay of the scalars
    beta1: float = 0.9
    beta2: float = 0.95
    adam_eps: float = 1e-8
    grad_clip_norm: float = 0.3  # of all gradients together; 0: no clipping


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How long, on how much, on which schedule."""

    iterations: int = 20_000  # most steps, whatever the clock says
    max_wallclock_seconds: float = 600.0  # 0: no limit, and the schedule follows steps instead of time
    # Of the above, kept for calibration: 1.2 s by its operations, at the pace of the record's ranks
    # (benchmarks/calibration.py), and as much again and more for what does not shrink with the number of batches. If it
    # takes longer, batches end early (train._calibrate), and the log says how many there were.
    gptq_reserve_seconds: float = 3.0
    warmdown_frac: float = 0.667  # last share of the budget over which the learning rate falls to lr_floor
    lr_floor: float = 0.0  # as a share of the full learning rate
    paced: tuple[float, ...] = ()  # seconds of a step, of switching recurrence on, of a step after it: the schedule
    # follows the time that these make of the steps, where steps end the run; empty: the steps themselves
    warmup_steps: int = 20  # compile and warm up kernels; weights, optimizer and data are put back afterwards
    train_batch_tokens: int = 786_432  # per optimizer step, over all ranks
    train_seq_len: int = 2048  # tokens
    micro_batches: int = 8  # pieces of a step's batch over all ranks: accumulation is micro_batches / world_size
    recur_start_step: int = 3000
    ema_decay: float = 0.997  # per step, reached through a warm-up
    val_loss_every: int = 4000  # steps; 0: only at the end
    train_log_every: int = 50  # steps, and the first five
    precision: str = "bfloat16"  # of autocast; float32: no autocast
    compile_model: bool = True

    @property
    def budget_seconds(self) -> float | None:
        """Seconds of training steps: the wall clock less the reserve; None without a limit."""
        if self.max_wallclock_seconds <= 0:
            return None
        return self.max_wallclock_seconds - self.gptq_reserve_seconds

    def grad_accum_steps(self, world_size: int) -> int:
        if self.micro_batches % world_size:
            raise ValueError(f"{world_size} processes can't share {self.micro_batches} micro-batches")
        return self.micro_batches // world_size


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Where the shards and the tokenizer are, in the challenge's own layout."""

    data_dir: str = "./data"
    train_shards: int = 26  # the first so many by name, as the record trained on: about 1.64 passes; 0: all
    expected_val_tokens: int = 45_516_800  # scored tokens in whole sequences; 0: not known beforehand


@dataclass(frozen=True, slots=True)
class QuantConfig:
    """GPTQ, what is stored with how many bits, and the artifact."""

    gptq_calibration_batches: int = 64
    gptq_block_size: int = 128  # columns quantized before the rest of the matrix is updated
    gptq_damp: float = 0.01  # added to the Hessian's diagonal, as a share of its mean
    matrix_bits: int = 6  # attention and MLP matrices, per row: codes in -31..31
    embed_bits: int = 8  # embedding tables, per row: codes in -127..127
    quant_min_numel: int = 65_536  # tensors with no more elements than this are stored in float16
    clip_quantiles: tuple[float, ...] = (0.999, 0.9995, 0.9999, 0.99999, 1.0)  # of |w| per row, tried in turn
    embed_clip_quantile: float = 0.9999984
    brotli_quality: int = 10
    artifact_limit_bytes: int = 16_000_000  # code and model together


@dataclass(frozen=True, slots=True)
class EvalConfig:
    """How the score is measured."""

    eval_seq_len: int = 2048  # tokens
    eval_stride: int = 64  # tokens newly scored by each sliding window
    val_batch_tokens: int = 524_288  # over all ranks
    eval_batch_seqs: int = 32  # windows scored at once by a rank
    sliding_window_enabled: bool = True


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One run: all sections, the seed, and the name of the scale that it was made from."""

    model: ModelConfig = ModelConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    train: TrainConfig = TrainConfig()
    data: DataConfig = DataConfig()
    quant: QuantConfig = QuantConfig()
    eval: EvalConfig = EvalConfig()
    seed: int = 42
    scale: str = "record"

    @property
    def datasets_dir(self) -> str:
        return f"{self.data.data_dir}/datasets/fineweb10B_sp{self.model.vocab_size}"

    @property
    def train_files(self) -> str:
        """Glob pattern of the training shards, in a folder of any name."""
        return f"{glob.escape(self.datasets_dir)}/fineweb_train_*.bin"

    @property
    def val_files(self) -> str:
        """Glob pattern of the validation shards."""
        return f"{glob.escape(self.datasets_dir)}/fineweb_val_*.bin"

    @property
    def tokenizer_path(self) -> str:
        return f"{self.data.data_dir}/tokenizers/fineweb_{self.model.vocab_size}_bpe.model"

    @staticmethod
    def from_environment(base: RunConfig, environ: Mapping[str, str]) -> RunConfig:
        """``base`` with every field that ``environ`` names in capitals. Raises ValueError naming what it can't read."""
        sections: dict[str, object] = {name: _override(getattr(base, name), environ) for name in _SECTIONS}
        seed = _parse("SEED", environ["SEED"], int) if "SEED" in environ else base.seed
        return replace(base, **sections, seed=seed)  # type: ignore[arg-type]

    def dump(self) -> dict[str, str]:
        """Every value by its name, sorted, as the log prints it."""
        values = {"seed": str(self.seed), "scale": self.scale}
        for name in _SECTIONS:
            section = getattr(self, name)
            values.update({field.name: _text(getattr(section, field.name)) for field in fields(section)})
        for name in ("datasets_dir", "train_files", "val_files", "tokenizer_path"):
            values[name] = getattr(self, name)
        return dict(sorted(values.items()))


_SECTIONS = ("model", "optimizer", "train", "data", "quant", "eval")


def record(seed: int = 42) -> RunConfig:
    """The 1.0924 record's configuration (8xH100, 600 s)."""
    return RunConfig(seed=seed)


def small(seed: int = 42) -> RunConfig:
    """Every part of the record at a size that two CPU cores train in well under a minute.

    The schedule follows steps instead of the clock, so that the same seed gives the same run.
    """
    return RunConfig(
        ModelConfig(
            vocab_size=1024,
            num_layers=6,
            model_dim=96,
            num_heads=4,
            num_kv_heads=2,
            mlp_mult=3.0,
            rope_dims=8,
            rope_train_seq_len=128,
            qk_gain_init=3.0,
            xsa_last_n=6,
            recur_layers=(2, 3),
            parallel_start_layer=4,
            ve_layers=(4, 5),
            ve_dim=32,
            embed_dtype="float32",
        ),
        OptimizerConfig(
            muon_momentum=0.95, muon_momentum_warmup_start=0.85, muon_momentum_warmup_steps=100, muon_dtype="float32"
        ),
        TrainConfig(
            iterations=100,
            max_wallclock_seconds=0.0,
            gptq_reserve_seconds=0.0,
            warmup_steps=2,
            train_batch_tokens=2048,
            train_seq_len=128,
            micro_batches=2,
            recur_start_step=50,
            ema_decay=0.95,
            val_loss_every=0,
            train_log_every=20,
            precision="float32",
            compile_model=False,
        ),
        DataConfig(train_shards=0, expected_val_tokens=0),
        # Below what an unpruned run weighs, with the code: pruning takes part.
        QuantConfig(gptq_calibration_batches=4, gptq_block_size=64, quant_min_numel=2048, artifact_limit_bytes=302_000),
        EvalConfig(eval_seq_len=128, val_batch_tokens=8192, eval_batch_seqs=64),
        seed,
        "small",
    )


SCALES = {"record": record, "small": small}


def _override(section: object, environ: Mapping[str, str]) -> object:
    types = typing.get_type_hints(type(section))
    named = {
        name: _parse(name.upper(), environ[name.upper()], kind)
        for name, kind in types.items()
        if name.upper() in environ
    }
    return replace(section, **named)  # type: ignore[type-var]


def _parse(name: str, text: str, kind: type) -> Value:
    """The value of an environment variable by its field's type; booleans are 0 or 1, tuples separated by commas."""
    try:
        if kind is bool:
            return {"0": False, "1": True}[text.strip()]
        item = typing.get_args(kind)
        if item:
            return tuple(item[0](part) for part in text.split(",") if part.strip())
        value: Value = kind(text)
    except (KeyError, ValueError):
        raise ValueError(f"{name}={text!r} can't be read as {kind.__name__}") from None
    return value


def _text(value: Value) -> str:
    return ",".join(str(part) for part in value) if isinstance(value, tuple) else str(value)

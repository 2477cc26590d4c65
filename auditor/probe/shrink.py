"""Which settings a run is made small by, and to what: by the names that configurations have in common.

Sizes and counts are shrunk; what decides the path of the evaluation (switches, passes, learning rates, layers) stays.
Sequence lengths and everything counted along them shrink by one ratio, widths by another, so that windows still
overlap, chunks still hold several windows and the stream still holds several chunks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from auditor.probe.job import Scalar

Number = int | float
FULL_TO_SMALL_BITS = 15  # log2 of how many times longer the full validation set is
FULL_STREAM = 62_021_632
"""Tokens of the full validation set under the challenge's tokenizer of 1,024 pieces."""


@dataclass(frozen=True)
class Scale:
    """How small a run is. Lengths in tokens; `steps` are optimizer steps of the training loop."""

    sequence: int = 64  # the longest of the submitted lengths becomes this
    head_width: int = 16
    heads: int = 4
    steps: int = 2
    warmup: int = 0  # steps whose effect is undone before training: they are there for compilers
    overlap: int = 2  # at most so many windows see a token
    chunk: int = 256
    rows: int = 8  # sequences or documents of a batch
    passes: int = 2  # epochs
    inner: int = 3  # steps of an optimization at evaluation time
    stream: int = 1537
    vocabulary: int = 1024  # pieces: where logits of 8,192 are most of what a run costs
    full: bool = False  # the model stays at its full size
    kept: frozenset[str] = field(default_factory=frozenset)  # names that stay as submitted

    @property
    def width(self) -> int:
        return self.heads * self.head_width


@dataclass(frozen=True)
class Measures:
    """The submission's own sizes, as far as its settings tell."""

    sequence: int = 1024
    width: int = 512
    heads: int = 8
    kv_heads: int = 4

    @property
    def head_width(self) -> int:
        return max(1, self.width // max(1, self.heads))


_SEQUENCE_NAMES = ("TRAIN_SEQ_LEN", "EVAL_SEQ_LEN", "SEQ_LEN", "SEQUENCE_LENGTH", "SEQUENCE_LEN", "MAX_SEQ_LEN")
_WIDTH_NAMES = ("MODEL_DIM", "D_MODEL", "N_EMBD", "DIM", "HIDDEN_SIZE", "DECODER_DIM")
_HEAD_NAMES = ("NUM_HEADS", "N_HEADS", "N_HEAD", "HEADS", "DECODER_HEADS")
_KV_NAMES = ("NUM_KV_HEADS", "N_KV_HEADS", "N_KV_HEAD", "KV_HEADS")


def measures(values: Mapping[str, Scalar]) -> Measures:
    """Sizes from settings by name (upper case, numbers or text)."""

    def first(names: tuple[str, ...], default: int, largest: bool = False) -> int:
        found = [n for n in (whole(values.get(name)) for name in names) if n and n > 0]
        return (max(found) if largest else found[0]) if found else default

    heads = first(_HEAD_NAMES, 8)
    return Measures(first(_SEQUENCE_NAMES, 1024, True), first(_WIDTH_NAMES, 512), heads, first(_KV_NAMES, heads))


def whole(value: Scalar) -> int | None:
    """The value as a whole number, None where it is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(str(value).replace("_", ""))
    except ValueError:
        return None
    return int(number) if abs(number) < 1e15 and number == int(number) else None


Rule = Callable[[int, Measures, Scale], int]


def _cap(limit: Callable[[Scale], int]) -> Rule:
    return lambda value, own, scale: min(value, limit(scale)) if value > 0 else value


def _along(least: int) -> Rule:
    """Tokens: by the ratio of the sequence lengths."""

    def rule(value: int, own: Measures, scale: Scale) -> int:
        return value if value <= 0 else max(least, value * scale.sequence // own.sequence)

    return rule


def _sequence(value: int, own: Measures, scale: Scale) -> int:
    shrunk = _along(16)(value, own, scale)
    return max(16, shrunk // 8 * 8) if value > 0 else value


def _stride(value: int, own: Measures, scale: Scale) -> int:
    if value <= 0:
        return value
    shrunk = max(1, value * scale.sequence // own.sequence)
    return shrunk if value >= own.sequence else max(shrunk, scale.sequence // scale.overlap)


def _across(value: int, own: Measures, scale: Scale) -> int:
    """Widths: by the ratio of the model's widths, in multiples of eight."""
    return value if value <= 0 else max(8, round(value * scale.width / own.width / 8) * 8)


def _width(value: int, own: Measures, scale: Scale) -> int:
    return value if value <= 0 else scale.width


def _heads(value: int, own: Measures, scale: Scale) -> int:
    return value if value <= 0 else scale.heads


def _kv_heads(value: int, own: Measures, scale: Scale) -> int:
    if value <= 0:
        return value
    shrunk = max(1, scale.heads * value // max(1, own.heads))
    while scale.heads % shrunk:
        shrunk -= 1
    return shrunk


def _rotated(value: int, own: Measures, scale: Scale) -> int:
    if value <= 0:
        return value
    return min(scale.head_width, max(4, value * scale.head_width // own.head_width // 2 * 2))


def _head_width(value: int, own: Measures, scale: Scale) -> int:
    return value if value <= 0 else scale.head_width


def _hashed(value: int, own: Measures, scale: Scale) -> int:
    return value if value <= 0 else min(value, 512)


def _buckets(value: int, own: Measures, scale: Scale) -> int:
    """Count tables: as full as at full size, so that what shares a bucket there does so here."""
    wanted = max(64, value * scale.stream // FULL_STREAM)
    return min(value, 1 << (wanted - 1).bit_length())


def _vocabulary(value: int, own: Measures, scale: Scale) -> int:
    return min(value, scale.vocabulary)


def _every(value: int, own: Measures, scale: Scale) -> int:
    return min(value, 1)


def _never(value: int, own: Measures, scale: Scale) -> int:
    return 0


def _train_batch(value: int, own: Measures, scale: Scale) -> int:
    return value if value <= 0 else min(value, 8 * scale.sequence)


def _val_batch(value: int, own: Measures, scale: Scale) -> int:
    return value if value <= 0 else min(value, 2 * scale.rows * scale.sequence)  # several batches to a stream


RULES: tuple[tuple[str, Rule], ...] = (
    (r"MUON_MOMENTUM_WARMUP_STEPS|MUON_(BACKEND|NS)_STEPS|TTT_(MUON_)?NS_STEPS", lambda v, o, s: v),
    (r"GRAD(IENT)?_ACCUM(ULATION)?_STEPS", _cap(lambda s: 1)),
    (r"MAX_WALLCLOCK_SECONDS|TRAIN_SECONDS", _never),
    (r".*(GATE_WINDOW|GATE_WIDTH|_SCALE|_LR|_FRAC|_WEIGHT|_SECONDS|_BYTES)", lambda v, o, s: v),
    (r"(.*_)?SEQ(UENCE)?_LEN(GTH|_START)?|YARN_MAX_LEN|(CONTEXT|CTX|BLOCK|GPTQ_GEN)_LEN(GTH)?", _sequence),
    (r"(EVAL|SLOT|SW|SLIDING|SLIDING_EVAL|VAL_EVAL|SLIDING_WINDOW|TTT|NGRAM)_STRIDE|STRIDE", _stride),
    (r"ITERATIONS|(NUM|TOTAL|TRAIN)_ITERATIONS|(MAX|TRAIN|NUM|TOTAL)_STEPS|NUM_TRAIN_STEPS", _cap(lambda s: s.steps)),
    (r"WARMUP_STEPS", _cap(lambda s: s.warmup)),
    (r"(.*_)?WARMUP_(STEPS|ITERS|CHUNKS)", _cap(lambda s: 1)),
    (r"(WARMDOWN|COOLDOWN|DECAY)_(ITERS|STEPS)", _cap(lambda s: 2)),
    (r".*(START_STEP|_AT_STEP|START_ITER)", _cap(lambda s: 1)),
    (r"TRAIN_BATCH_(TOKENS|SIZE)|(TOTAL_)?BATCH_(SIZE_)?TOKENS|TOTAL_BATCH_SIZE|GPTQ_CALIB_BATCH_TOKENS", _train_batch),
    (r"(VAL|EVAL)_BATCH_(SIZE|TOKENS)", _val_batch),
    (r"(EXPECTED|NUM|TOTAL)_VAL_TOKENS|VAL_TOKENS_EXPECTED", _cap(lambda s: s.stream - 1)),
    (r"VAL_LOSS_EVERY|VAL_EVERY|EVAL_EVERY|CHECKPOINT_EVERY|SAVE_EVERY", _never),
    (r"(SWA|EMA|LAWA|LATE_SWA)_(EVERY|FREQ|INTERVAL)(_N_STEPS)?", _every),
    (r"VOCAB_SIZE", _vocabulary),
    ("|".join(_WIDTH_NAMES), _width),
    ("|".join(_HEAD_NAMES) + r"|E2E_TTT_NUM_HEADS|(PRED|JEPA_PRED)_HEADS", _heads),
    ("|".join(_KV_NAMES) + r"|PRED_KV_HEADS", _kv_heads),
    (r"(PARTIAL_)?ROPE_(PARTIAL_)?DIMS?|ROTARY_DIMS?|YARN_DIMS?", _rotated),
    (r"HEAD_?DIM", _head_width),
    (r"(.*_)?GROUP_SIZE", _cap(lambda s: 8)),  # of weights that share a scale: what every width is a multiple of
    (r"(EMBEDDING|EMBED)_DIM|MLP_(HIDDEN|DIM)(_BASE)?|FFN_DIM|SWIGLU_HALF_DIM|D_FF(_HIDDEN)?|FLOW_.*_DIM", _across),
    (r"VE_DIM|(BI|TRI)GRAM_(HASH_|EMBED_)?DIM|PAIRHASH_DIM|.*_LATENT_DIM|SPARSE_HIDDEN_DIM", _across),
    (r"(BI|TRI|PAIR)(GRAM|HASH)_?(HASH_)?(VOCAB_SIZE|BUCKETS|SIZE)|HASH_EMBED_SIZE|BIGRAM_HASH", _hashed),
    (r".*BUCKETS|.*NGRAM.*(HASH|TABLE)_?SIZE", _buckets),
    (r".*(NGRAM|TABLE|CACHE).*BITS", lambda v, o, s: v if v <= 6 else max(6, v - FULL_TO_SMALL_BITS)),
    (r".*(LORA|LM|ADAPTER)_RANK", _cap(lambda s: 4)),
    (r".*EPOCHS", _cap(lambda s: s.passes)),
    (r".*(SLOT|TTT|ETLB|DISTILL|TEMP_CAL|MIX|CALIB|REFINE|INNER).*_(STEPS|ITERS?)", _cap(lambda s: s.inner)),
    (r"GLOBAL_TTT_CHUNK_TOKENS", _cap(lambda s: s.sequence)),  # of a few documents; no step is made on the last
    (r".*CHUNK_TOKENS|NGRAM_CHUNK_SIZE|CHUNK_TOKENS", _cap(lambda s: s.chunk)),
    (r"TTT_CHUNK_SIZE|CHUNK_SIZE", _cap(lambda s: max(8, s.sequence // 4))),
    (r".*(BATCH_SEQS|BATCH_SEQUENCES|EVAL_BATCH|TTT_BATCH_SIZE|SLIDING_BATCH_SIZE)", _cap(lambda s: s.rows)),
    (r".*CALIB(RATION)?_(BATCHES|SAMPLES|SEQS)|GPTQ_(NUM_SEQS|SAMPLES|BATCHES|NSAMPLES)", _cap(lambda s: 2)),
    (r"(NUM|N)_?(CALIB_|GPTQ_)?(SEQS|SEQUENCES|SAMPLES|BATCHES)|(GPTQ_|CALIB_)?NSAMPLES", _cap(lambda s: 2)),
    (r"(.*_)?GEN_LEN", _sequence),
    (r".*T_SAMPLES", _cap(lambda s: 4)),
    (r".*PREFIX_DOCS", _cap(lambda s: 6)),
    (r".*(MIN_DOC_LEN|FOCAL_TOKENS)|(MIN|LONG|SHORT)_DOC(UMENT)?_(LEN(GTH)?|TOKENS)", _along(4)),
    (r"(ATTN_|ATTENTION_|SLIDING_|SWA_|LOCAL_)?WINDOW(_SIZE)?|WINDOW_LEFT", _along(8)),
)  # fmt: skip
_INITIAL = frozenset({"TIED_EMBED_INIT_STD"})
_SURE = (
    0.15  # standard deviation of an embedding's entries: logits of about 1 for a width of 64, and no token below floors
)
_OF_THE_MODEL = frozenset({_across, _width, _heads, _kv_heads, _rotated, _head_width, _hashed, _vocabulary})
_COMPILED = tuple((re.compile(pattern), rule) for pattern, rule in RULES)


def shrunk_list(name: str, value: Scalar, own: Measures, scale: Scale) -> str | None:
    """The smaller values of a setting that lists lengths: `256,512,1024`. None where it stays."""
    numbers = [whole(part) for part in value.split(",")] if isinstance(value, str) and "," in value else []
    if not re.fullmatch(r"(.*_)?SEQ_LENS(_.*)?", name.upper()) or None in numbers or not numbers:
        return None
    if re.search("PER_(GPU|RANK|DEVICE)", name.upper()):
        numbers = numbers[:1]  # the probe's process group has one member
    return ",".join(str(_sequence(number, own, scale)) for number in numbers if number is not None)


def surer(name: str, value: Scalar) -> float | None:
    """A larger scale for the embeddings that make the logits, None for another setting and where it is as large.

    A model of two steps gives each token all but the same probability: whatever is made of how sure it is (entropies,
    confidences, ranks) then looks like a distribution, and what asks for a sure model never runs.
    """
    try:
        scale = float(str(value))
    except ValueError:
        return None
    return _SURE if name.lstrip("-").replace("-", "_").upper() in _INITIAL and 0 < scale < _SURE else None


def shrunk(name: str, value: Scalar, own: Measures, scale: Scale) -> int | None:
    """The smaller value of a setting, None where it stays. `name` in any case, with or without dashes."""
    number = whole(value)
    key = name.lstrip("-").replace("-", "_").upper()
    if number is None or key in scale.kept:
        return None
    for pattern, rule in _COMPILED:
        if pattern.fullmatch(key):
            if scale.full and rule in _OF_THE_MODEL:
                return None
            new = rule(number, own, scale)
            return new if new != number else None
    return None

"""What makes a loss of logits, and what may be done to losses."""

from __future__ import annotations

from auditor.program.vocabulary.models import IDENTITY
from auditor.program.vocabulary.tensors import LIKE_THE_INPUT

LOSS = frozenset({"cross_entropy", "nll_loss", "CrossEntropyLoss", "NLLLoss", "linear_cross_entropy"})

DISTRIBUTION = frozenset({"log_softmax", "softmax", "logsumexp"})

PICK = frozenset({"gather", "take_along_dim", "take_along_axis"})

ELEMENTWISE = (
    "log1p", "expm1", "log2", "log10", "sqrt", "square", "exp2", "softplus", "erf", "rsqrt", "reciprocal", "sign",
    "floor", "ceil", "entropy", "std", "var", "norm",
)  # fmt: skip
"""Functions of one number that are written out by their name."""

OF_HIDDEN_STATES = frozenset(
    {"rms_norm", "layer_norm", "group_norm", "normalize", "relu", "relu6", "leaky_relu", "gelu", "silu", "mish", "elu"}
    | {"selu", "celu", "glu", "dropout", "scaled_dot_product_attention", "embedding"}
)
"""What is done to a model's hidden states on their way to the logits."""

CUTS_FROM_ABOVE = frozenset({"clamp", "clamp_", "clamp_max", "clamp_max_", "clip", "clip_"})
"""Calls that can make a loss smaller by a bound."""

CHANGES_LOSSES = frozenset(
    {
        "masked_fill", "masked_fill_", "median", "nanmedian", "quantile", "kthvalue", "topk", "sort", "sqrt", "pow",
        "floor", "trunc", "fmod", "tanh", "sigmoid", "relu", "erf", "floor_", "trunc_", "pow_", "sqrt_",
    }
)  # fmt: skip
"""Calls on losses after which their mean is another figure."""

MAKES_FINITE = frozenset({"nan_to_num", "nan_to_num_", "nansum", "nanmean"})
"""Calls that drop or replace what is no number."""

BOUNDS_BELOW = frozenset({"clamp", "clamp_", "clamp_min", "clamp_min_", "clip", "clip_", "maximum"})
"""Calls that can bound a count or a probability from below."""

PARAMETERS_OF_LOSS = (
    "input",
    "target",
    "weight",
    "size_average",
    "ignore_index",
    "reduce",
    "reduction",
    "label_smoothing",
)
"""The parameters of `torch.nn.functional.cross_entropy` and `nll_loss`, in their order."""

LOGARITHMS = frozenset({"log1p", "expm1"})
"""Functions that are a logarithm or a power but for a one."""

KEEPS_TABLES = (LIKE_THE_INPUT | IDENTITY) - {"flip", "roll", "sorted", "reversed"}
"""Calls on tables of numbers of bytes that leave each entry at its id."""

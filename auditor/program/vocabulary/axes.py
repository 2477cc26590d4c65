"""What operations do to the axes of an array: those that run along one, that keep each its place, that move them."""

from auditor.program.vocabulary.losses import ELEMENTWISE
from auditor.program.vocabulary.tensors import LIKE_THE_INPUT

OVER_AN_AXIS = frozenset({"softmax", "log_softmax", "logsumexp", "softmin"})
OVER_POSITIONS = frozenset(
    {
        "mean", "sum", "std", "var", "norm", "median", "quantile", "prod", "amax", "amin", "max", "min", "logsumexp",
        "nanmean", "nansum", "topk", "sort", "argmax", "argmin", "average", "aminmax", "std_mean", "var_mean",
        "argsort", "kthvalue", "mode",
    }
)  # fmt: skip
ORDERS = frozenset({"sort", "argsort"})
OVER_THE_LAST = frozenset({"layer_norm", "rms_norm"})
EXTREMES = frozenset({"max", "min", "amax", "amin"})  # of everything: what keeps an exponential finite
OVER_THE_SECOND = frozenset({"cross_entropy", "nll_loss", "CrossEntropyLoss", "NLLLoss", "linear_cross_entropy"})
KEEPS_AXES = frozenset(
    {"exp", "log", "softmax", "log_softmax", "sigmoid", "tanh", "clamp", "clamp_min", "clamp_max", "clip", "where"}
    | {"mul", "add", "sub", "div", "pow", "neg", "cumsum", "maximum", "minimum", "softmin", "relu"}
    | {"scatter", "scatter_add", "index_add", "index_put", "lerp", "addcmul", "layer_norm", "rms_norm", "normalize"}
) | (frozenset(ELEMENTWISE) - OVER_POSITIONS)
CHANGES_AXES = frozenset(
    {"view", "reshape", "flatten", "ravel", "squeeze", "unsqueeze", "permute", "transpose", "swapaxes", "movedim"}
    | {"t", "chunk", "split", "unbind", "narrow", "select", "expand", "repeat", "tile", "unfold"}
    | {"masked_select", "compress", "broadcast_to", "expand_as", "view_as", "reshape_as", "as_strided"}
)
LIKE_AXES = (KEEPS_AXES | LIKE_THE_INPUT) - CHANGES_AXES
COUNTS_OVER = frozenset(
    {"bincount", "histc", "unique", "mean", "sum", "max", "min", "any", "all", "count_nonzero", "std"}
)

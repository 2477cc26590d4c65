"""Functions and methods of tensors and arrays, by what they do to entries and dimensions."""

from __future__ import annotations

FRESH = frozenset(
    {
        "zeros",
        "ones",
        "empty",
        "full",
        "zeros_like",
        "ones_like",
        "empty_like",
        "full_like",
        "randn",
        "rand",
        "randint",
        "arange",
        "randn_like",
        "rand_like",
        "eye",
        "tensor",
        "new_zeros",
        "new_full",
        "new_empty",
        "new_ones",
    }
)

SIZES = frozenset({"numel", "size", "dim", "__len__", "element_size", "nelement", "stat"})

VIEW = frozenset(
    {
        "view",
        "reshape",
        "flatten",
        "squeeze",
        "unsqueeze",
        "transpose",
        "permute",
        "narrow",
        "expand",
        "view_as",
        "select",
        "chunk",
        "split",
        "unbind",
        "ravel",
        "t",
        "as_strided",
    }
)

SHARES_MEMORY = VIEW | frozenset(
    {
        "adjoint", "asarray", "as_array", "as_tensor", "atleast_1d", "atleast_2d", "cast", "data_ptr", "diagonal",
        "expand_as", "frombuffer", "from_address", "from_buffer", "from_dlpack", "from_numpy", "memoryview", "moveaxis",
        "movedim", "real", "reshape_as", "sliding_window_view", "swapaxes", "swapdims", "tensor_split", "to_dlpack",
        "unfold", "unflatten", "view_as_complex", "view_as_real",
    }
)  # fmt: skip
"""Functions and methods whose result may be the memory of their first operand: a write there is one into it."""

SHAPED = frozenset(
    {"zeros", "ones", "empty", "full", "rand", "randn", "new_zeros", "new_empty", "new_ones", "repeat", "expand"}
)
"""Calls that make a tensor of the dimensions that they are given."""

ACROSS = frozenset(
    {"mean", "sum", "median", "amax", "max", "logsumexp", "cumsum", "cummax", "roll", "flip", "softmax", "norm", "std"}
)
"""Calls that make of the entries along a dimension something else."""

ROUNDS = frozenset(
    {"round", "round_", "rint", "trunc", "floor", "sign", "char", "byte", "bucketize", "quantize_per_tensor"}
    | {"quantize_per_channel", "packbits"}
)
"""Functions and methods that leave a number few values."""

SMALL_TYPES = (".int8", ".uint8", ".float8_e4m3fn", ".float8_e5m2", ".int4", ".qint8", ".int16")
"""The ends of the names of types with few values."""


JOINS = frozenset({"stack", "cat", "concat", "concatenate", "vstack", "hstack", "where", "pad", "full", "empty"})
"""Ways to make one array of several."""

LIKE_THE_INPUT = frozenset(
    {
        "to", "float", "double", "half", "bfloat16", "int", "long", "cpu", "cuda", "item", "tolist", "detach",
        "detach_", "clone", "contiguous", "view", "reshape", "squeeze", "unsqueeze", "flatten", "ravel", "expand",
        "expand_as", "permute", "transpose", "t", "numpy", "asarray", "array", "as_tensor", "from_numpy", "tensor",
        "astype", "copy", "deepcopy", "ascontiguousarray", "type", "type_as", "view_as", "reshape_as", "narrow",
        "chunk", "split", "unbind", "pin_memory", "requires_grad_", "float32", "float64", "round", "abs",
        "nan_to_num", "nan_to_num_", "frombuffer", "fromiter", "list", "tuple", "iter", "next", "sorted",
        "reversed", "enumerate", "zip", "flip", "roll", "movedim", "swapaxes", "broadcast_to", "repeat", "tile",
        "encode", "decode", "lstrip", "rstrip", "strip", "removeprefix", "removesuffix", "translate", "replace",
        "str", "format", "masked_fill", "masked_fill_",
        "masked_select", "compress", "index_copy_", "all_reduce", "broadcast", "reduce", "select", "as_strided",
        "data", "unfold", "value", "result", "get", "pop", "popleft", "popitem", "copy_",
    }
)  # fmt: skip
"""Functions and methods whose result measures what their first operand does: moves, casts, views, selections."""

TENSOR_METHODS = frozenset(
    {
        "abs", "acos", "add", "addbmm", "addcdiv", "addcmul", "addmm", "addmv", "all", "allclose", "amax", "amin",
        "aminmax", "any", "apply_", "arange", "argmax", "argmin", "argpartition", "argsort", "as_strided",
        "as_subclass", "asin", "astype", "atan", "baddbmm", "bernoulli", "bfloat16", "bincount", "bitwise_and",
        "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "bmm", "bool",
        "broadcast_to", "byte", "byteswap", "ceil", "char", "cholesky", "chunk", "clamp", "clamp_max", "clamp_min",
        "clip", "clone", "compress", "conj", "contiguous", "copy", "cos", "cosh", "count_nonzero", "cpu", "cross",
        "cuda", "cummax", "cumprod", "cumsum", "data_ptr", "deg2rad", "dense_dim", "dequantize", "det", "detach",
        "diag", "diagonal", "diff", "digamma", "dim", "dist", "div", "dot", "double", "dtype", "dump", "dumps",
        "element_size", "eq", "erf", "erfc", "exp", "exp2", "expand", "expand_as", "expm1", "fill", "flatten",
        "flip", "float", "floor", "floor_divide", "fmax", "fmin", "fmod", "frac", "gather", "ge", "get_device",
        "getfield", "greater", "gt", "half", "hash", "histc", "histogram", "hypot", "i0", "index_add", "index_copy",
        "index_fill", "index_put", "index_select", "int", "inverse", "is_contiguous", "is_floating_point",
        "is_pinned", "isclose", "isfinite", "isin", "isinf", "isnan", "item", "kthvalue", "le", "lerp", "less",
        "lgamma", "log", "log10", "log1p", "log2", "log_softmax", "logaddexp", "logcumsumexp", "logical_and",
        "logical_not", "logical_or", "logical_xor", "logit", "logsumexp", "long", "lt", "masked_fill",
        "masked_scatter", "masked_select", "matmul", "max", "maximum", "mean", "median", "min", "minimum", "mm",
        "mod", "moveaxis", "movedim", "mul", "multinomial", "mv", "name", "nan_to_num", "nanmean", "narrow",
        "nbytes", "ndim", "ndimension", "ne", "neg", "nelement", "new_empty", "new_full", "new_ones", "new_tensor",
        "new_zeros", "newbyteorder", "nonzero", "norm", "numel", "numpy", "outer", "partition", "permute",
        "pin_memory", "pow", "prod", "put", "quantile", "ravel", "reciprocal", "record_stream", "relu", "remainder",
        "renorm", "repeat", "repeat_interleave", "requires_grad", "requires_grad_", "reshape", "reshape_as",
        "resize", "retain_grad", "roll", "rot90", "round", "rsqrt", "scatter", "scatter_add", "scatter_reduce",
        "searchsorted", "select", "set", "sgn", "short", "sigmoid", "sign", "sin", "size", "slice_scatter",
        "softmax", "sort", "split", "sqrt", "square", "squeeze", "std", "storage", "stride", "sub", "sum",
        "swapaxes", "t", "take", "take_along_dim", "tan", "tanh", "tensor_split", "tile", "to", "to_dense",
        "to_sparse", "tobytes", "tofile", "tolist", "topk", "trace", "transpose", "tril", "triu", "true_divide",
        "trunc", "type", "type_as", "uint8", "unbind", "unflatten", "unfold", "unique", "unique_consecutive",
        "unsqueeze", "untyped_storage", "var", "view", "view_as", "where", "xlogy", "zero", "zeros",
    }
)  # fmt: skip
"""Methods of tensors and arrays that return a result and change nothing."""

RESET = frozenset(
    {
        "zero_",
        "fill_",
        "normal_",
        "uniform_",
        "kaiming_uniform_",
        "kaiming_normal_",
        "xavier_uniform_",
        "orthogonal_",
        "trunc_normal_",
        "constant_",
        "zeros_",
        "ones_",
        "set_",
        "clear",
    }
)

REFILL = frozenset({*RESET, "copy_"}) - {"clear"}
"""Calls that give a parameter other contents, whatever these are."""

TURNS_AXES = frozenset({"transpose", "permute", "mT", "T", "t", "swapaxes", "movedim"})
"""Methods and attributes that put the axes in another order."""

FACTS_OF_TENSORS = frozenset(
    {"shape", "ndim", "dtype", "device", "is_cuda", "itemsize", "nbytes", "requires_grad", "is_leaf"}
)
"""Attributes of tensors that say nothing of their entries."""

VIEW_ATTRIBUTES = frozenset({"T", "mT", "H", "real", "flat"})
"""Attributes of tensors and arrays that are views of them."""

CONVERTS_A_NUMBER = frozenset({"int", "float", "tensor"})
"""Ways to have a number as another type."""

MAKES_ARRAYS = frozenset({"tensor", "array", "as_tensor", "asarray"})
"""Ways from a list of numbers to an array of them."""

READS_NUMBERS = frozenset(
    {"frombuffer", "fromstring", "fromiter", "array", "asarray", "tensor", "LongTensor", "as_tensor"}
)
"""Ways from bytes to an array of numbers."""

TOTALS_OF_LISTS = frozenset({"sum", "fsum", "mean", "fmean", "average", "median"})
"""Functions that make one figure of a list of them."""

SHUFFLES = frozenset(
    {f"{holder}.{name}" for holder in ("random", "numpy.random") for name in ("shuffle", "permutation")}
    | {"torch.randperm"}
)
"""Functions that put things in an order by chance."""

CUTS_UP = frozenset({"chunk", "split", "tensor_split", "array_split", "hsplit", "dsplit", "vsplit", "unflatten"})
"""Methods that give the parts of a tensor, one after the other."""

TOTALS = frozenset({"sum", "mean", "item", "float", "double", "numel"})
"""Calls by which losses become one number."""

STATISTICS = frozenset({"sum", "mean", "std", "var", "count_nonzero", "unique", "bincount", "count", "median"})
"""Calls that make a few figures of many entries."""

ONCE_EACH = frozenset({"unique", "unique_consecutive", "compress"})
"""Functions that give less the more of what they are given comes up again."""

WHERE_TRUE = frozenset({"where", "nonzero", "argwhere", "flatnonzero"})
"""Functions that give the places at which a mask holds, of the mask alone."""

PUTS_IN_ORDER = frozenset({"argsort", "topk", "sort", "kthvalue", "argpartition"})
"""Functions that give, among others, the places of things by their size."""

TAKES_AT = frozenset({"index_select", "take", "gather", "take_along_axis", "take_along_dim"})
"""Functions that take what stands at the given places."""

ASKS = frozenset({"any", "all"})
"""Calls that ask whether a condition holds anywhere, or everywhere."""

TURNS_ROUND = frozenset({"flip", "fliplr", "flipud"})
"""Functions that turn an axis round."""

IN_PLACE = frozenset(
    {"__iadd__", "__isub__", "__imul__", "__itruediv__", "__imatmul__", "__ior__", "__ixor__", "__setitem__"}
)
"""Special methods that write into what they are called on."""

SAME_CONTENT = frozenset(
    {
        "clone",
        "detach",
        "numpy",
        "cpu",
        "item",
        "tolist",
        "float",
        "double",
        "long",
        "int",
        "to",
        "type",
        "astype",
        "half",
        "bfloat16",
        "cuda",
        "copy",
        "requires_grad_",
        "contiguous",
        "abs",
        "pin_memory",
    }
)
"""Methods that give the same numbers in another place or form."""

REDUCES = frozenset(
    {
        "mean",
        "sum",
        "amax",
        "amin",
        "max",
        "min",
        "std",
        "var",
        "norm",
        "prod",
        "median",
        "nanmedian",
        "nanmean",
        "nansum",
        "quantile",
        "kthvalue",
        "mode",
        "var_mean",
        "std_mean",
        "aminmax",
        "argmax",
        "argmin",
        "any",
        "all",
    }
)
"""Calls after which the dimension that they are given is gone."""

LOSES_LAYOUT = frozenset(
    {
        "cross_entropy", "nll_loss", "gather", "logsumexp", "log_softmax", "size", "dim", "numel", "item", "tolist",
        "repeat", "tile", "repeat_interleave", "masked_select", "nonzero", "bincount", "ravel",
        "unique", "stride", "range", "len", "print", "int", "arange", "rearrange", "ones", "zeros", "full", "tensor",
        "rand", "randn", "linspace", "outer", "searchsorted", "index_select",
    }
)  # fmt: skip
"""What gives no hidden state: losses, sizes, new tensors, and parts whose dimensions are not told."""

PRODUCTS = frozenset({"matmul", "bmm", "baddbmm", "einsum"})
"""Products of matrices."""

SAME_MASK = frozenset(
    {
        "to", "float", "half", "bfloat16", "type_as", "type", "contiguous", "clone", "detach", "view", "reshape",
        "expand", "expand_as", "unsqueeze", "squeeze", "bool", "long", "int", "cuda", "cpu", "dropout", "clamp",
        "requires_grad_", "double", "astype",
    }
)  # fmt: skip
"""Calls that leave a mask as it is, whatever its type and the dimensions of size one."""

BOUNDS = frozenset({"clamp", "clip", "clamp_min", "clamp_max"})
"""Calls that keep numbers within bounds."""

OVER_ALL = frozenset(
    {
        "mean", "sum", "amax", "amin", "max", "min", "std", "var", "norm", "softmax", "log_softmax", "logsumexp",
        "prod", "median", "topk", "sort", "argsort", "argmax", "normalize", "quantile", "nanmedian", "nanmean",
        "nansum", "kthvalue", "var_mean", "std_mean", "aminmax", "mode",
    }
)  # fmt: skip
"""Calls that make of all entries along a dimension something that each result has a part of."""

LIKE_IT = frozenset({"data", "real", "imag", "values", "indices"})
"""Attributes of a tensor, or of what a call gives, that have its dimensions."""

DIMENSION_SECOND = frozenset({"topk", "norm", "normalize", "quantile", "kthvalue"})
"""Calls that are told something else before the dimension that they go along."""

SHARES_OUT = frozenset({"softmax", "log_softmax", "normalize", "sort"})
"""Calls that give each entry along a dimension its share of them all."""

WITHOUT_ORDER = frozenset({"unique", "bincount", "histc", "count_nonzero", "embedding_bag"})
"""Calls that make of all entries something in which their places are gone."""

ASKS_WHETHER = frozenset({"any", "all"})

FLIPS = frozenset({"flip", "flipud", "rot90"})

CHOOSES = frozenset({"topk", "argmax", "argmin", "argsort", "kthvalue", "gumbel_softmax", "softmin"})
"""Calls that choose among the entries along a dimension."""

SORTS = frozenset({"sort", "argsort"})
"""Calls that put entries in order."""

ALONG = frozenset(
    {
        "cat", "chunk", "concat", "concatenate", "cummax", "cummin", "cumprod", "cumsum", "diff", "flatten", "flip",
        "gather", "index_select", "logcumsumexp", "narrow", "repeat_interleave", "roll", "select", "split", "squeeze",
        "stack", "take_along_dim", "tensor_split", "unbind", "unflatten", "unsqueeze", "size", "scatter", "scatter_add",
    }
)  # fmt: skip
"""What may name the dimension of the positions and leaves each its place, or sees what is before it alone."""

SPECTRA = frozenset({"fft", "ifft", "rfft", "irfft", "fft2", "ifft2", "fftn", "ifftn", "rfft2", "irfft2", "dct"})
"""Transforms of a whole sequence."""

OVER_THE_REST = frozenset({"instance_norm", "group_norm"})
"""Normalizations over all but the batch and groups of channels."""

DECOMPOSES = frozenset(
    {
        "svd",
        "svd_lowrank",
        "pca_lowrank",
        "qr",
        "eig",
        "eigh",
        "lstsq",
        "pinv",
        "pinverse",
        "matrix_exp",
        "cov",
        "corrcoef",
    }
)
"""Calls that make what they give of a whole matrix."""

ADDS_AT_PLACES = frozenset({"index_copy", "index_add", "index_reduce", "scatter_add", "scatter_reduce", "index_put"})
"""Calls that put several entries together at the places that another argument says."""

LOOKS_UP = TAKES_AT | {"embedding", "narrow", "select"}
"""Calls that read a table at the places that another argument says."""

DRAWS_NUMBERS = frozenset({"randint", "randint_like", "randrange", "integers", "random_integers", "random_"})
"""Functions, and methods of generators, that give whole numbers by chance."""

DRAWS = frozenset({"randperm", "multinomial", "randint", "rand", "randn", "permutation"})
"""Functions that draw by chance."""

SHAPE_METHODS = frozenset({"size", "dim", "numel", "ndimension"})
"""Methods that give the size of a tensor."""

SHAPE_ATTRIBUTES = frozenset({"shape", "ndim"})
"""Attributes that give the size of a tensor."""

MASK_CALLS = frozenset({"masked_fill", "masked_fill_", "ne", "eq", "not_equal"})
"""Calls that compare ids, or blank what a comparison tells."""

WHOLE = frozenset({"long", "int", "flatten", "reshape", "view"})
"""Calls on ids that leave them the same ids, in another form."""

SAME_STATE = frozenset({"to", "contiguous", "detach", "type_as", "float", "bfloat16", "clone", "view_as", "type"})
"""Calls that leave a hidden state as it is, in another type or place."""

ARRAYS = ("torch.Tensor", "numpy.ndarray")

NEW = FRESH - {"tensor", "arange", "full", "full_like"}
"""Calls that make a tensor of nothing that is known."""

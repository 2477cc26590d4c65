"""Names of torch, numpy and the standard library, grouped by what they mean to the analysis."""

from __future__ import annotations

LOSS = frozenset({"cross_entropy", "nll_loss", "CrossEntropyLoss", "NLLLoss", "linear_cross_entropy"})


DISTRIBUTION = frozenset({"log_softmax", "softmax", "logsumexp"})


PICK = frozenset({"gather", "take_along_dim", "take_along_axis"})


IDENTITY = frozenset(
    {
        "compile",
        "DistributedDataParallel",
        "DDP",
        "DataParallel",
        "as_tensor",
        "from_numpy",
        "asarray",
        "ascontiguousarray",
        "script",
        "no_grad",
        "inference_mode",
        "Path",
        "PurePath",
        "deterministic_algorithms",
        "wraps",
        "cast",
    }
)


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


SELF = frozenset(
    {
        "to",
        "cuda",
        "cpu",
        "bfloat16",
        "half",
        "float",
        "double",
        "train",
        "eval",
        "requires_grad_",
        "contiguous",
        "compile",
        "apply",
        "share_memory_",
        "pin_memory",
    }
)


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


SAVE = frozenset(
    {"save", "dump", "savez", "savez_compressed", "write", "write_bytes", "write_text", "tofile", "save_file"}
)


LOAD = frozenset({"load", "read", "read_bytes", "load_file", "readinto"})


FROM_DISK = frozenset({"torch.load", "numpy.load", "pickle.load", "pickle.loads", "safetensors.torch.load_file"})


STRING = frozenset(
    {
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "replace",
        "startswith",
        "endswith",
        "split",
        "title",
        "capitalize",
        "removeprefix",
        "removesuffix",
        "isdigit",
        "casefold",
        "encode",
        "splitlines",
        "zfill",
        "count",
        "find",
    }
)


PRINTERS = frozenset({"builtins.print", "logging.info", "print", "tqdm.write", "rich.print", "sys.stdout.write"})


OPTIMIZERS = (
    "AdamW",
    "Adam",
    "SGD",
    "LBFGS",
    "RMSprop",
    "Adagrad",
    "NAdam",
    "RAdam",
    "Adadelta",
    "Adamax",
    "Muon",
    "Optimizer",
    "AdamW8bit",
    "Adam8bit",
    "Lion",
    "Rprop",
    "FusedAdam",
    "ASGD",
    "Adafactor",
    "SparseAdam",
)


def is_forward(name: str) -> bool:
    """Names of methods that compute with a module's weights."""
    return name == "__call__" or name.startswith(
        (
            "forward",
            "_forward",
            "compute_logits",
            "logits",
            "get_logits",
            "encode",
            "decode",
            "embed",
            "hidden",
            "run_blocks",
            "per_token",
            "token_loss",
        )
    )


def is_method(name: str) -> bool:
    """Methods that torch gives to every module or optimizer."""
    return name in SELF or name in {
        "parameters", "named_parameters", "buffers", "named_buffers", "state_dict", "load_state_dict", "modules",
        "named_modules", "children", "named_children", "zero_grad", "step", "add_param_group", "register_buffer",
        "register_parameter", "register_forward_hook", "register_forward_pre_hook", "get_parameter", "add_argument",
        "parse_args", "parse_known_args", "state", "add_mutually_exclusive_group", "add_argument_group", "append",
        "extend", "items", "keys", "values", "type", "no_sync",
    }  # fmt: skip


ELEMENTWISE = (
    "log1p", "expm1", "log2", "log10", "sqrt", "square", "exp2", "softplus", "erf", "rsqrt", "reciprocal", "sign",
    "floor", "ceil", "entropy", "std", "var", "norm",
)  # fmt: skip
"""Functions of one number that are written out by their name."""


READS = frozenset({"fromfile", "memmap", "load", "glob", "rglob", "open", "read", "read_bytes", "Path", "join", "stat"})
"""Ways from a path to what is in the file."""


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
        "encode", "decode", "lstrip", "rstrip", "strip", "replace", "str", "format", "masked_fill", "masked_fill_",
        "masked_select", "compress", "index_copy_", "all_reduce", "broadcast", "reduce", "select", "as_strided",
        "data", "value", "result", "get", "pop", "popleft", "popitem", "copy_",
    }
)  # fmt: skip
"""Functions and methods whose result measures what their first operand does: moves, casts, views, selections."""

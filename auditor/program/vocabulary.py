"""Names of torch, numpy and the standard library, grouped by what they mean to the analysis."""

from __future__ import annotations

import re

_VALIDATION_FILES = re.compile(
    r"fineweb_?val|(?:^|[/_])val(?:id)?[_\-*0-9]*[^/]*\.(?:bin|npy|pt)|valid.*\.bin"
    r"|(?<![a-z])val(?:idation)?(?:_[0-9*{]|\*)"
)
_TRAINING_FILES = re.compile(
    r"fineweb_?train|(?:^|[/_])train[_\-*0-9]*[^/]*\.(?:bin|npy|pt)|(?<![a-z])train(?:_[0-9*{]|\*)"
)
_PATH = 300  # characters of a text that can be a path


def names_validation(text: str) -> bool:
    """Whether a text is the path, or the pattern of paths, of validation tokens; those of byte counts are none."""
    return len(text) < _PATH and "bytes" not in text and _VALIDATION_FILES.search(text) is not None


def names_training(text: str) -> bool:
    """Whether a text is the path, or the pattern of paths, of training tokens."""
    return len(text) < _PATH and _TRAINING_FILES.search(text) is not None


SOURCE_DOCUMENTS = "docs_selected"
"""Part of the name of the file that the challenge's shards are made of: the validation documents are its first."""

CLOCKS = tuple(
    f"time.{name}{unit}" for name in ("time", "perf_counter", "monotonic", "process_time") for unit in ("", "_ns")
)
"""Functions that tell the time."""

_BUDGETS = frozenset({"max_wallclock_seconds", "iterations", "total_steps", "num_steps", "max_steps"})


def is_budget(switch: str) -> bool:
    """Whether a switch says for how long a program is to train."""
    return switch.lower().lstrip("-").replace("-", "_") in _BUDGETS


LOSS = frozenset({"cross_entropy", "nll_loss", "CrossEntropyLoss", "NLLLoss", "linear_cross_entropy"})


DISTRIBUTION = frozenset({"log_softmax", "softmax", "logsumexp"})


NO_GRADIENT = frozenset({"no_grad", "inference_mode"})


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


CONTAINER_METHODS = frozenset(
    {"get", "append", "update", "put", "add", "extend", "insert", "pop", "setdefault", "appendleft", "remove"}
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


REFILL = frozenset({*RESET, "copy_"}) - {"clear"}
"""Calls that give a parameter other contents, whatever these are."""


OF_THE_MACHINE = {"os.name": "posix", "os.sep": "/", "os.linesep": "\n", "sys.platform": "linux"}
"""What Python says of the machine that submissions are scored on."""

SHAPED = frozenset(
    {"zeros", "ones", "empty", "full", "rand", "randn", "new_zeros", "new_empty", "new_ones", "repeat", "expand"}
)
"""Calls that make a tensor of the dimensions that they are given."""

ACROSS = frozenset(
    {"mean", "sum", "median", "amax", "max", "logsumexp", "cumsum", "cummax", "roll", "flip", "softmax", "norm", "std"}
)
"""Calls that make of the entries along a dimension something else."""

WRAPPED = frozenset({"module", "_orig_mod"})
"""Where wrappers (DistributedDataParallel, torch.compile) have the module that they were given."""

HELD_BY_MODULES = frozenset({"_parameters", "_buffers"})
"""Attributes by which a module of torch holds its tensors."""

REPLACES_WEIGHTS = REFILL | {"load_state_dict", "reset_parameters"}


TRAINING_STEPS = frozenset({"step", "backward"})


SAVE = frozenset(
    {"save", "dump", "savez", "savez_compressed", "write", "write_bytes", "write_text", "tofile", "save_file"}
)


PACKS = frozenset(
    {
        "dumps",
        "compress",
        "compressobj",
        "packb",
        "pack",
        "pack_into",
        "tobytes",
        "to_bytes",
        "state_dict",
        "b85encode",
        "b64encode",
    }
)
"""Calls that give in packed form what they are given."""


LOAD = frozenset({"load", "read", "read_bytes", "load_file", "readinto"})


STORED = frozenset({"decompress", "frombuffer", "b85decode", "b64decode", "a85decode", "read_bytes", "unpackbits"})
"""Calls that give what a file or a literal holds in packed form."""


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
        "rfind",
        "index",
        "rindex",
        "rsplit",
        "partition",
        "rpartition",
    }
)


PRINTERS = frozenset({"builtins.print", "print", "tqdm.write", "rich.print", "sys.stdout.write"})


LOG_CALLS = frozenset({"debug", "info", "warning", "warn", "error", "critical", "fatal", "exception", "success"})
"""Methods of loggers, whichever library they are of; `log` takes a level first."""


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


def is_method(name: str) -> bool:
    """Methods that torch gives to every module or optimizer."""
    if name.lstrip("_").startswith("register_") and name.endswith("hook"):
        return True
    return name in SELF or name in {
        "parameters", "named_parameters", "buffers", "named_buffers", "state_dict", "load_state_dict", "modules",
        "named_modules", "children", "named_children", "zero_grad", "step", "add_param_group", "register_buffer",
        "register_parameter", "register_forward_hook", "register_forward_pre_hook", "get_parameter", "add_argument",
        "parse_args", "parse_known_args", "state", "add_mutually_exclusive_group", "add_argument_group", "append",
        "extend", "items", "keys", "values", "type", "no_sync", "apply", "get_buffer", "get_submodule",
    }  # fmt: skip


ATTENTION = frozenset(
    {"scaled_dot_product_attention", "flash_attn_func", "flash_attn_varlen_func", "flash_attn_3_func"}
)
"""Functions of attention that are told whether it is causal."""


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
        "encode", "decode", "lstrip", "rstrip", "strip", "removeprefix", "removesuffix", "translate", "replace",
        "str", "format", "masked_fill", "masked_fill_",
        "masked_select", "compress", "index_copy_", "all_reduce", "broadcast", "reduce", "select", "as_strided",
        "data", "unfold", "value", "result", "get", "pop", "popleft", "popitem", "copy_",
    }
)  # fmt: skip
"""Functions and methods whose result measures what their first operand does: moves, casts, views, selections."""


KNOWN = frozenset(
    {
        "abc", "apex", "argparse", "array", "ast", "asyncio", "atexit", "base64", "bisect", "bitsandbytes", "brotli",
        "builtins", "bz2", "causal_conv1d", "codecs", "collections", "concurrent", "contextlib", "copy", "csv",
        "ctypes", "cut_cross_entropy", "dataclasses", "datasets", "datetime", "decimal", "difflib", "dist", "einops",
        "enum", "errno", "faulthandler", "fcntl", "fla", "flash_attn", "flash_attn_2_cuda", "flash_attn_3",
        "flash_attn_interface", "fnmatch", "fractions", "functools", "gc", "getpass", "glob", "gzip", "hashlib",
        "heapq", "html", "http", "huggingface_hub", "importlib", "inspect", "io", "itertools", "json", "kernels",
        "liger_kernel", "linecache", "locale", "logging", "lzma", "mamba_ssm", "marshal", "math", "mmap", "mpmath",
        "msgpack", "multiprocessing", "numba", "numbers", "numpy", "operator", "os", "pathlib", "pickle", "pip",
        "pkg_resources", "platform", "posixpath", "pprint", "psutil", "pyarrow", "pynvml", "queue", "random", "re",
        "requests", "resource", "runpy", "safetensors", "scipy", "select", "sentencepiece", "setproctitle",
        "setuptools", "shlex", "shutil", "signal", "site", "sklearn", "socket", "sqlite3", "stat", "statistics",
        "string", "struct", "subprocess", "sys", "sysconfig", "tempfile", "termios", "textwrap", "threading",
        "tiktoken", "time", "tokenize", "tokenizers", "torch", "torchao", "torchvision", "tqdm", "traceback",
        "transformer_engine", "transformers", "triton", "types", "typing", "typing_extensions", "unicodedata",
        "unittest", "urllib", "uuid", "wandb", "warnings", "weakref", "xformers", "xxhash", "yaml", "zipfile",
        "zlib", "zoneinfo", "zstandard",
    }
)  # fmt: skip
"""Packages whose functions return a result and leave what they are given alone, those aside that are listed here."""


def is_pure(dotted: str) -> bool:
    """Whether a library function is known to change nothing that it is given, or only what is followed."""
    package = dotted.partition(".")[0]
    if package not in KNOWN:
        return False
    return not dotted.startswith(("torch.utils.cpp_extension", "ctypes.CDLL", "torch.ops"))


CHANNELS = frozenset(
    {
        "sqlite3.connect", "shelve.open", "dbm.open", "socket.socket", "socket.create_connection", "socket.socketpair",
        "multiprocessing.Pipe", "multiprocessing.Manager", "multiprocessing.shared_memory.SharedMemory",
        "multiprocessing.shared_memory.ShareableList", "torch.distributed.TCPStore", "torch.distributed.FileStore",
        "contextvars.ContextVar", "torch.distributed.HashStore", "torch.multiprocessing.Pipe",
        "torch.multiprocessing.Manager",
    }
)  # fmt: skip
"""What opens a way for things that leaves the values which the analysis follows."""

KEEPS_FUNCTION = frozenset(
    {
        "atexit.register", "builtins.callable", "builtins.classmethod", "builtins.hash", "builtins.id",
        "builtins.isinstance", "builtins.issubclass", "builtins.print", "builtins.repr", "builtins.staticmethod",
        "builtins.str", "builtins.super", "collections.defaultdict", "contextlib.contextmanager",
        "dataclasses.field", "functools.cache", "functools.lru_cache",
        "functools.singledispatch", "functools.total_ordering", "functools.update_wrapper", "functools.wraps",
        "inspect.getsource", "inspect.getsourcefile", "inspect.signature", "torch._dynamo.disable",
        "torch.compile", "torch.jit.script", "torch.jit.trace", "torch.library.custom_op",
        "torch.library.register_fake", "torch.library.triton_op",
        "types.MethodType", "typing.cast",
    }
)  # fmt: skip
"""Functions that keep or describe a function of the program and do not call it."""


NAMESPACES = frozenset({"ReduceOp", "Path", "PurePath", "Library"})
"""Library classes whose functions are called without a receiver."""


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

"""The language and its standard library: containers, texts, functions that are called for somebody else."""

from __future__ import annotations

import ast
from typing import Final

from auditor.program.vocabulary.processes import CLOCKS

CONTAINER_METHODS = frozenset(
    {"get", "append", "update", "put", "add", "extend", "insert", "pop", "setdefault", "appendleft", "remove"}
)

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

KNOWN = frozenset(
    {
        "abc", "apex", "argparse", "array", "ast", "asyncio", "atexit", "base64", "bisect", "bitsandbytes", "brotli",
        "builtins", "bz2", "causal_conv1d", "codecs", "collections", "concurrent", "contextlib", "copy", "csv",
        "ctypes", "cut_cross_entropy", "dataclasses", "datasets", "datetime", "decimal", "difflib", "dist", "einops",
        "enum", "errno", "faulthandler", "fcntl", "fla", "flash_attn", "flash_attn_2_cuda", "flash_attn_3",
        "flash_attn_interface", "fnmatch", "fractions", "functools", "gc", "getpass", "glob", "gzip", "hashlib",
        "heapq", "html", "http", "huggingface_hub", "importlib", "inspect", "io", "itertools", "json", "kernels",
        "liger_kernel", "linecache", "locale", "logging", "lzma", "mamba_ssm", "marshal", "math", "mlx", "mmap",
        "mpmath", "msgpack", "multiprocessing", "numba", "numbers", "numpy", "operator", "os", "pathlib", "pickle",
        "pip", "pkg_resources", "platform", "posixpath", "pprint", "psutil", "pyarrow", "pynvml", "queue", "random",
        "re", "requests", "resource", "runpy", "safetensors", "scipy", "select", "sentencepiece", "setproctitle",
        "setuptools", "shlex", "shutil", "signal", "site", "sklearn", "socket", "sqlite3", "stat", "statistics",
        "string", "struct", "subprocess", "sys", "sysconfig", "tempfile", "termios", "textwrap", "threading",
        "tiktoken", "time", "tokenize", "tokenizers", "torch", "torchao", "torchvision", "tqdm", "traceback",
        "transformer_engine", "transformers", "triton", "types", "typing", "typing_extensions", "unicodedata",
        "unittest", "urllib", "uuid", "wandb", "warnings", "weakref", "xformers", "xxhash", "yaml", "zipfile", "zlib",
        "zoneinfo", "zstandard",
    }
)  # fmt: skip
"""Packages whose functions return a result and leave what they are given alone, those aside that are listed here."""


def is_pure(dotted: str) -> bool:
    """Whether a library function is known to change nothing that it is given, or only what is followed."""
    package = dotted.partition(".")[0]
    if package not in KNOWN:
        return False
    return not dotted.startswith(("torch.utils.cpp_extension", "ctypes.CDLL", "torch.ops"))


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

TAKES_MODES_OFF = frozenset(
    {
        "_disable_current_modes", "_pop_mode", "_pop_mode_temporarily", "_pop_torch_function_stack",
        "_push_on_torch_function_stack", "_get_function_stack_at", "_len_torch_function_stack",
        "_get_current_function_mode_stack", "_set_torch_function_mode", "_temporarily_pop_modes_from_mode_stack",
    }
)  # fmt: skip
"""Names of torch that take modes off: nothing of a submission has use for them but to compute unseen."""

PRIES = frozenset(
    {
        "get_objects", "get_referrers", "get_referents", "register_at_fork", "settrace", "setprofile", "pythonapi",
        "__closure__", "cell_contents", "f_locals", "f_globals", "f_builtins", "__self__", "__code__", "co_consts",
    }
)  # fmt: skip
"""Ways to what runs beside the script, or to what was made of it: a few have honest uses."""

ALWAYS_THERE = frozenset({"range", "print", "len", "super"})
"""Builtins that models call and that hold nothing of the program."""

PER_ELEMENT = frozenset({"map", "imap", "imap_unordered", "starmap", "map_async", "starmap_async", "starmap_unordered"})
"""Methods of executors and pools that call a function for every element."""

OF_TREES = frozenset({"tree_map", "tree_map_", "tree_map_only", "tree_map_only_"})
"""Functions that call a function for every leaf of dicts and lists."""

LEAVES_OF_TREES = frozenset({"tree_leaves", "tree_flatten", "tree_iter"})
"""Functions that give those leaves; `tree_flatten` says besides how they stood."""

STARRED = frozenset({"starmap", "starmap_async"})
"""Those of them whose elements are the arguments."""

HOLDS_ATTRIBUTES = frozenset({"argparse.Namespace", "types.SimpleNamespace", "threading.local", "_thread._local"})
"""Classes whose objects hold whatever attributes they are given."""

CAPTURES = frozenset({"torch.cuda.graph", "torch.cuda.graphs.graph"})
"""Contexts that write down what runs in them, to run it again."""

CALLED_BACK = ("emit", "filter", "format", "write", "find_spec", "find_module")
"""Methods that libraries call on an object that they were given: what logs go through, streams, finders of modules."""

ENUMS_OF_CONSTANTS = frozenset({"enum.IntEnum", "enum.StrEnum", "enum.IntFlag"})
"""Enumerations whose members are numbers or texts themselves."""

ENUMS = frozenset({"enum.Enum", "enum.Flag", "enum.ReprEnum", *ENUMS_OF_CONSTANTS})
"""What enumerations inherit from."""

NUMBER_TYPES = frozenset({"builtins.int", "builtins.float"})
"""Classes whose fresh objects are zero."""

ADDS_TO = frozenset({"append", "add", "appendleft", "extend"})
"""Methods by which a list, a set or a queue gets longer."""

GIVES_CONTAINERS = frozenset({"filter", "list", "map", "reversed", "sorted", "tuple", "zip"})
"""Functions whose result has the elements of what they are given."""

COMPARES: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("__eq__", "__eq__"),
    ast.NotEq: ("__ne__", "__ne__"),
    ast.Lt: ("__lt__", "__gt__"),
    ast.LtE: ("__le__", "__ge__"),
    ast.Gt: ("__gt__", "__lt__"),
    ast.GtE: ("__ge__", "__le__"),
}
"""The method that an object is compared by, and the one that its other side is asked for."""

ASKS_CONTAINERS = frozenset(
    {"append", "add", "appendleft", "insert", "put", "put_nowait", "extend", "update", "extendleft", "__iadd__"}
    | {"throw", "send", "__next__", "pop", "popleft", "get", "get_nowait", "clear", "copy", "__setitem__", "count"}
    | {"index", "remove", "reverse", "rotate", "sort", "zero_grad", "step", "discard", "popitem", "__len__"}
    | {"__contains__", "__iter__", "__getitem__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"}
    | {"__delitem__", "__mul__", "__rmul__", "__imul__", "__reversed__", "close", "join", "task_done", "empty"}
    | {"qsize", "full", "isdisjoint", "issubset", "issuperset", "difference", "intersection", "__sub__", "__and__"}
    | {"train", "eval", "to", "parameters", "named_parameters", "state_dict", "load_state_dict", "modules", "items"}
    | {"keys", "values", "numpy", "tolist", "cuda", "cpu", "float", "half", "bfloat16", "forward", "__call__"}
)
"""Methods of lists and of what is taken for one that keep nothing of what they are given, or are followed in it."""

GIVES_NONE = frozenset({"append", "sort", "extend", "insert", "clear", "reverse", "rotate"})
"""Methods of containers that give nothing back."""

CHANGES_TEXT = frozenset(
    {"replace", "lower", "upper", "strip", "lstrip", "rstrip", "removeprefix", "removesuffix", "casefold", "title"}
)
"""Methods of texts that are computed where the text is known."""

SAME_PATH = frozenset({"resolve", "absolute", "expanduser", "as_posix", "__str__", "encode", "decode"})
"""Methods of paths whose result names the same file."""

CONVERSIONS = frozenset({"bool", "int", "float", "str"})
"""Builtins that make a constant of another type."""

STORES = frozenset({"append", "extend", "update", "setdefault", "add"})
"""Methods by which a container holds more."""

GROWS = frozenset({"append", "insert", "extend"})
"""Methods by which a list gets longer."""

NUMERIC = frozenset(
    {"torch", "mlx", "numpy", "math", "scipy", "einops", "flash_attn", "flash_attn_interface", "triton"}
)
"""Libraries for numbers."""

USUAL_NAMES = frozenset({"torch", "F", "functional", "nn", "np", "numpy", "math"})
"""What libraries for numbers are called by custom, in a piece of code without imports."""

NAMED_TUPLE = "typing.NamedTuple"

EXITS = frozenset({"sys.exit", "os._exit", "exit", "quit", "builtins.exit"})
"""Functions that end the program."""

MAPPINGS = frozenset(
    {"collections.defaultdict", "collections.OrderedDict", "collections.Counter", "defaultdict"}
    | {"collections.ChainMap", "collections.UserDict", "types.MappingProxyType"}
    | {"weakref.WeakValueDictionary", "weakref.WeakKeyDictionary"}
)
"""Classes of dictionaries."""

PUSHES = frozenset({"heapq.heappush", "heapq.heapreplace", "heapq.heappushpop", "bisect.insort"})
"""Functions that put something into a list that is kept in order."""

TAKES_FROM_HEAP = frozenset({"heapq.heappop", "heapq.nsmallest", "heapq.nlargest"})
"""Functions that give the least or the greatest elements of a list."""

COMPUTED = frozenset({"min", "max", "len", "int", "float", "numel", "size", "item"}) | {
    name.rpartition(".")[2] for name in CLOCKS
}
"""What a condition may call and still be told: numbers that are known, sizes, the time."""

PATCHES_ATTRIBUTE = frozenset({"unittest.mock.patch.object", "mock.patch.object"})
"""Functions that put something in place of an object's attribute."""

PATCHES = frozenset({"unittest.mock.patch", "mock.patch"})
"""Functions that put something in place of what a full name stands for."""
RESIZES_TEXT: Final = frozenset(
    {
        "capitalize", "casefold", "center", "expandtabs", "join", "ljust", "lower", "lstrip", "replace", "rjust",
        "rstrip", "strip", "removeprefix", "removesuffix", "swapcase", "title", "translate", "upper", "zfill",
    }
)  # fmt: skip
"""Methods of a text whose result may have another number of bytes."""
GOES_OVER: Final = frozenset({"list", "tuple", "iter", "enumerate", "zip", "tqdm"})
"""What gives the elements of its argument in their order."""
FOLDS: Final = frozenset({"accumulate", "reduce", "scan", "associative_scan"})
"""What carries a state from one element to the next."""

PUTS_IN = frozenset({"append", "appendleft", "extend", "insert", "setdefault", "update", "add"})
"""Methods of containers that put something in."""

TAKES_OUT = frozenset({"pop", "popleft", "get", "popitem", "setdefault"})
"""Methods of containers that give one of what was put in."""

GIVES_ONE = frozenset({"next", "sum", "max", "min", "reduce"})
"""Functions that make one thing of several."""

COUNTS_UP = frozenset({"arange", "range"})
"""Functions that give numbers in their order."""

ASKS_ALONE = frozenset({"len", "isinstance", "hasattr", "zeros_like", "ones_like", "empty_like"})
"""Functions whose result has nothing of the entries of what they are given."""

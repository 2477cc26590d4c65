"""What code asks of the machine, of the process and of how the libraries were built, in words of Python and torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.probe.given import Given, called, words
from auditor.program import vocabulary

PLAIN = frozenset({
    "int", "float", "bool", "str", "len", "max", "min", "abs", "round", "any", "all", "isinstance", "getattr", "get",
    "lower", "strip", "split", "startswith", "endswith", "replace", "getenv", "issubclass", "callable", "sum", "set",
    "tuple", "list", "sorted", "dict", "parse_args", "numel", "size", "dim", "items", "keys", "values", "range", "zip",
    "enumerate", "is_initialized", "is_available", "get_rank", "get_world_size",
})  # fmt: skip
SIZES = frozenset({"len", "numel", "size", "shape", "nbytes", "dim", "element_size", "__len__"})
WORLD = frozenset({"sys", "os", "platform", "socket", "gc", "inspect", "resource", "psutil", "threading", "builtins"})
"""Modules whose attributes tell of the machine and the process."""
SAME = frozenset({"environ", "path", "sep", "linesep", "devnull", "stdout", "stderr", "maxsize", "float_info"})
OF_THE_PROBE = frozenset({"modules", "builtins", "__builtins__", "__file__", "argv", "is_cuda", "is_cpu", "is_meta"})
WORLDLY = frozenset({
    "time", "perf_counter", "monotonic", "platform", "socket", "cuda", "zlib", "hashlib", "random", "inspect", "gc",
    "resource", "psutil", "_getframe", "stack", "listdir", "exists", "datetime", "today", "now", "elapsed_time", "glob",
    "open", "read_text", "read_bytes", "subprocess", "disk_usage", "get_num_threads", "get_device", "id", "hash",
    "urandom", "secrets", "default_rng", "rand", "randn", "randint", "tokenizer", "sp", "id_to_piece", "piece_size",
    "decode", "encode", "__traceback__", "locals", "vars", "globals", "eval",
})  # fmt: skip
CARD = frozenset({"cuda", "version", "backends", "mps", "xpu"})  # of torch
SAME_CARD = frozenset({"is_available", "is_bf16_supported", "synchronize", "current_device"})
WRITES = frozenset({"str", "repr", "hex", "bin", "oct", "format", "log", "log2", "log10"})
VALUES = frozenset({"item", "float", "mean", "sum", "std", "var", "norm", "abs", "max", "min"})
OF_A_STEP = frozenset({"param_groups", "state_dict", "_step_count", "last_epoch"})
OF_THE_PROCESS = frozenset({
    "_getframe", "stack", "extract_stack", "currentframe", "gettrace", "getprofile", "modules", "meta_path", "builtins",
    "__builtins__", "gethostname", "getuser", "getlogin", "getpid", "getppid", "isatty", "getloadavg", "cpu_count",
    "active_count", "get_objects", "getcwd", "getrlimit", "__file__", "version_info", "__version__", "platform",
    "__module__", "__code__", "__closure__", "__globals__", "__wrapped__", "__qualname__", "getsource", "getsourcefile",
    "getsourcelines", "getfile", "getmodule", "tb_frame", "f_back", "f_code", "sched_getaffinity", "uname",
    "device_count", "get_device_name", "get_device_properties", "get_device_capability",
})  # fmt: skip
RANKS = frozenset({"rank", "local_rank", "world_size", "local_world_size"})  # figures are those of the first rank
SHAPED = frozenset({"view", "reshape", "expand", "unflatten", "rms_norm", "layer_norm", "repeat", "permute"})
LARGE = 48  # what is held against such a number may come out otherwise at full size


def of_the_machine(given: Given, node: ast.AST, left: int, seen: frozenset[str] = frozenset()) -> bool:
    """Whether it asks for the process, the machine or variables that every environment has; names `left` steps far."""
    for part in ast.walk(node):
        text = part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else ""
        if vocabulary.AMBIENT.fullmatch(text) and not words(node).isdisjoint({"environ", "getenv"}):
            return True
        name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
        if name in OF_THE_PROCESS or is_of_all_variables(part):
            return True
        key = given.key(part)
        if key and left and key not in seen:
            values = [value for value in given.values.get(key, ())[:12] if is_scalar(value)]
            if any(of_the_machine(given, value, left - 1, seen | {key}) for value in values):
                return True
    return False


def is_of_all_variables(node: ast.AST) -> bool:
    """`len(os.environ)`, `sorted(os.environ.items())`: every environment has others."""
    if isinstance(node, ast.Call):
        given = [*node.args, *([node.func.value] if called(node) in ("items", "keys", "values", "copy") else [])]  # type: ignore[attr-defined]
    elif isinstance(node, ast.For | ast.comprehension):
        given = [node.iter]
    else:
        return False
    return any(isinstance(part, ast.Attribute) and part.attr == "environ" for part in given)


def is_of_the_card(node: ast.AST) -> bool:
    """`torch.version.cuda`, `torch.backends.cudnn`: what is asked of the card or of how torch was built."""
    if not isinstance(node, ast.Attribute) or node.attr in SAME_CARD:
        return False
    owner = node.value
    if not isinstance(owner, ast.Attribute) or owner.attr not in CARD:
        return False
    return isinstance(owner.value, ast.Name) and owner.value.id == "torch"


def is_of_a_kind(node: ast.AST) -> bool:
    """`device.type`, `type(stream).__name__`: what an object is, not what it holds."""
    if not isinstance(node, ast.Attribute):
        return False
    return node.attr == "__name__" or (node.attr in ("type", "index") and "device" in words(node.value))


def is_of_a_value(node: ast.AST) -> bool:
    """A value of a tensor that is held against a number: `loss.item() < 3.5`; not whether there is anything."""
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    held = [any(isinstance(p, ast.Call) and called(p) in VALUES for p in ast.walk(side)) for side in sides]
    numbers = [isinstance(s, ast.Constant) and type(s.value) in (int, float) and s.value not in (0, 1) for s in sides]
    return any(held) and any(numbers)


def is_of_ranks(node: ast.Compare) -> bool:
    """`world_size == 8`: here there is one process."""
    sides = [node.left, *node.comparators]
    many = any(isinstance(s, ast.Constant) and type(s.value) is int and s.value > 1 for s in sides)
    return many and any(not words(side).isdisjoint(RANKS) for side in sides)


def is_scalar(node: ast.expr) -> bool:
    """Arithmetic, a truth or a number that is asked for: not what a container holds, or whether it holds anything."""
    if isinstance(node, ast.Call):
        return called(node) in PLAIN | WORLDLY
    if isinstance(node, ast.Subscript | ast.List | ast.Tuple | ast.Dict | ast.Set | ast.ListComp | ast.GeneratorExp):
        return False
    return not isinstance(node, ast.DictComp | ast.SetComp)


def is_large(value: object) -> bool:
    if isinstance(value, str):
        return value.isdecimal() and len(value) < 20 and int(value) >= LARGE
    return isinstance(value, int | float) and value >= LARGE


def without_shapes(node: ast.AST) -> Iterator[ast.AST]:
    """Its parts but for the sizes that a tensor is given as its shape: `x.view(-1, x.size(-1))` is no size."""
    yield node
    if isinstance(node, ast.Call) and called(node) in SHAPED:
        yield from without_shapes(node.func)
        return
    for child in ast.iter_child_nodes(node):
        yield from without_shapes(child)


def asked_to_be_there(node: ast.AST) -> ast.expr | None:
    """What `x is None` or `x is not None` asks for."""
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(node.ops[0], ast.Is | ast.IsNot):
        return None
    beside = node.comparators[0]
    return node.left if isinstance(beside, ast.Constant) and beside.value is None else None

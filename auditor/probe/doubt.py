"""Whether a test can come out otherwise at full size: it rests on what the probe chose, counts, clocks and the like.

A test that is made of settings and literals comes out the same, since the settings are as submitted. What its names
were given is followed through assignments, parameters and what functions of the script return, a few steps far. A size
that is held against a number of some size may come out otherwise, since all sizes are small here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from auditor.probe.alike import Alike

_PLAIN = frozenset({
    "int", "float", "bool", "str", "len", "max", "min", "abs", "round", "any", "all", "isinstance", "getattr", "get",
    "lower", "strip", "split", "startswith", "endswith", "replace", "getenv", "issubclass", "callable", "sum", "set",
    "tuple", "list", "sorted", "dict", "parse_args", "numel", "size", "dim", "items", "keys", "values", "range", "zip",
    "enumerate", "is_initialized", "is_available", "get_rank", "get_world_size",
})  # fmt: skip
_SIZES = frozenset({"len", "numel", "size", "shape", "nbytes", "dim", "element_size", "__len__"})
_WORLD = frozenset({"sys", "os", "platform", "socket", "gc", "inspect", "resource", "psutil", "threading", "builtins"})
"""Modules whose attributes tell of the machine and the process."""
_SAME = frozenset({"environ", "path", "sep", "linesep", "devnull", "stdout", "stderr", "maxsize", "float_info"})
_OF_THE_PROBE = frozenset({"modules", "builtins", "__builtins__", "__file__", "argv", "is_cuda", "is_cpu", "is_meta"})
_WORLDLY = frozenset({
    "time", "perf_counter", "monotonic", "platform", "socket", "cuda", "zlib", "hashlib", "random", "inspect", "gc",
    "resource", "psutil", "_getframe", "stack", "listdir", "exists", "datetime", "today", "now", "elapsed_time", "glob",
    "open", "read_text", "read_bytes", "subprocess", "disk_usage", "get_num_threads", "get_device", "id", "hash",
    "urandom", "secrets", "default_rng", "rand", "randn", "randint", "tokenizer", "sp", "id_to_piece", "piece_size",
    "decode", "encode", "__traceback__", "locals", "vars", "globals", "eval",
})  # fmt: skip
_CARD = frozenset({"cuda", "version", "backends", "mps", "xpu"})  # of torch
_SAME_CARD = frozenset({"is_available", "is_bf16_supported", "synchronize", "current_device"})
_WRITES = frozenset({"str", "repr", "hex", "bin", "oct", "format", "log", "log2", "log10"})
_VALUES = frozenset({"item", "float", "mean", "sum", "std", "var", "norm", "abs", "max", "min"})
_OF_A_STEP = frozenset({"param_groups", "state_dict", "_step_count", "last_epoch"})
_AMBIENT = re.compile(
    r"(HOME|PATH|PWD|SHELL|USER|LOGNAME|HOSTNAME|LANG|LC_\w+|TERM|TMPDIR|TZ|DISPLAY|VIRTUAL_ENV|CONDA\w*|PYTHON\w*"
    r"|LD_\w+|CUDA\w*|NVIDIA\w*|NCCL\w*|OMP\w*|MKL\w*|TORCH\w*|RUNPOD\w*|SLURM\w*|KUBERNETES\w*|SSH\w*|MASTER_\w+)"
)
"""Variables that an environment has although no command gives them."""
_OF_THE_PROCESS = frozenset({
    "_getframe", "stack", "extract_stack", "currentframe", "gettrace", "getprofile", "modules", "meta_path", "builtins",
    "__builtins__", "gethostname", "getuser", "getlogin", "getpid", "getppid", "isatty", "getloadavg", "cpu_count",
    "active_count", "get_objects", "getcwd", "getrlimit", "__file__", "version_info", "__version__", "platform",
    "__module__", "__code__", "__closure__", "__globals__", "__wrapped__", "__qualname__", "getsource", "getsourcefile",
    "getsourcelines", "getfile", "getmodule", "tb_frame", "f_back", "f_code", "sched_getaffinity", "uname",
})  # fmt: skip
_RANKS = frozenset({"rank", "local_rank", "world_size", "local_world_size"})  # figures are those of the first rank
_LARGE = 48
_STEPS = 4


@dataclass
class Doubts:
    """Of one script. `chosen`: names of settings that the probe gave other values, in lower case.

    `values`: of settings that are numbers, the one that was submitted and the one that was used.
    """

    tree: ast.Module
    chosen: frozenset[str]
    values: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    _given: dict[str, list[ast.expr]] = field(default_factory=dict)  # name or attribute -> what it is given
    _counted: set[str] = field(default_factory=set)
    _classes: set[str] = field(default_factory=set)
    _functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    _calls: dict[str, list[ast.Call]] = field(default_factory=dict)
    _imported: set[str] = field(default_factory=set)  # names that an import gives which may fail

    def __post_init__(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Try):
                self._note_imports(node)
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._note(target, node.value)
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                self._note(node.target, node.value)
            elif isinstance(node, ast.AugAssign | ast.For | ast.comprehension):
                self._counted.update(_names(node.target))
                if isinstance(node.target, ast.Subscript):  # `calls[0] += 1`
                    self._counted.update(_words(node.target.value))
            elif isinstance(node, ast.ClassDef):
                self._classes.add(node.name)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._functions[node.name] = node
            elif isinstance(node, ast.Call):
                self._calls.setdefault(_called(node), []).append(node)

    def _note(self, target: ast.expr, value: ast.expr) -> None:
        used = _words(value) | {part.value for part in ast.walk(value) if isinstance(part, ast.Constant)}
        for name in _names(target):
            self._given.setdefault(name, []).append(value)
            if name in used and any(isinstance(part, ast.BinOp) for part in ast.walk(value)):
                self._counted.add(name)  # `n = n + 1`

    def _note_imports(self, tried: ast.Try) -> None:
        """`try: import kernels; HAVE = True`, `except ImportError: HAVE = False`: another machine may have them."""
        imports = [s for s in tried.body if isinstance(s, ast.Import | ast.ImportFrom)]
        if not imports:
            return
        aliases = [alias for statement in imports for alias in statement.names]
        self._imported |= {(alias.asname or alias.name).partition(".")[0] for alias in aliases}
        for statement in (*tried.body, *tried.orelse, *(s for h in tried.handlers for s in h.body)):
            if isinstance(statement, ast.Assign):
                self._imported |= {name for target in statement.targets for name in _names(target)}

    def of(self, test: ast.AST | None, *, strict: bool = False) -> bool:
        """Whether it may come out otherwise. What has no test (a handler of exceptions) may.

        `strict`: only where it rests on the machine, a clock, what the probe chose, or a count or size that is held
        against a large number; not on whether there is anything at all.
        """
        if test is None:
            return not strict
        test = self._alike.without(test)
        if not strict:
            return self._expression(test, _STEPS, frozenset())
        judge = self._without_choice if self._is_of_a_rest(test) else self
        return judge._plainly(test, _STEPS, frozenset())

    @cached_property
    def _alike(self) -> Alike:
        return Alike(self._given, self._counted, self.values)

    def submitted(self, test: ast.AST) -> bool | None:
        """How a test of settings and numbers comes out with what was submitted; None where that is not known."""
        return self._alike.submitted(test)

    @cached_property
    def _without_choice(self) -> Doubts:
        return Doubts(self.tree, frozenset())

    def _is_of_a_rest(self, test: ast.AST) -> bool:
        """`left <= 0`, where that is what is left of something: how large sizes are does not decide it."""
        if not isinstance(test, ast.Compare) or not isinstance(test.left, ast.Name) or len(test.ops) != 1:
            return False
        bound = test.comparators[0]
        given = self._given.get(test.left.id, ())
        return (
            isinstance(bound, ast.Constant) and bound.value in (0, 1) and test.left.id not in self._counted
            and bool(given) and all(isinstance(value, ast.BinOp) and isinstance(value.op, ast.Sub) for value in given)
            and not any(isinstance(p, ast.Constant) and _is_large(p.value) for value in given for p in ast.walk(value))
        )  # fmt: skip

    def of_the_machine(self, test: ast.AST | None) -> bool:
        """Whether it asks for the process, the machine or variables that every environment has.

        The configuration says nothing of those, so it leaves nothing out by them.
        """
        return test is not None and self._machine(test, _STEPS, frozenset())

    def number(self, node: ast.expr) -> int | None:
        """What it is made of numbers and of names that are given one number alone; None where it is not."""
        if isinstance(node, ast.Constant):
            value = node.value
            return int(value) if isinstance(value, int | float) and abs(value) < 1e12 else None
        if isinstance(node, ast.Name) and node.id not in self._counted:
            values = self._given.get(node.id, ())
            only = values[0] if len(values) == 1 else None
            return self.number(only) if isinstance(only, ast.Constant | ast.BinOp) else None
        if isinstance(node, ast.BinOp):
            left, right = self.number(node.left), self.number(node.right)
            if left is None or right is None:
                return None
            if isinstance(node.op, ast.Mult):
                return left * right
            if isinstance(node.op, ast.LShift | ast.Pow) and 0 <= right < 40 and 0 <= left < 1000:
                return left << right if isinstance(node.op, ast.LShift) else int(left**right)
        return None

    def is_a_size(self, node: ast.expr) -> bool:
        """Whether it is made of sizes or of what is counted."""
        return self._mentions(node, _STEPS, frozenset(), sizes=True)

    def _machine(self, node: ast.AST, left: int, seen: frozenset[str]) -> bool:
        for part in ast.walk(node):
            text = part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else ""
            if _AMBIENT.fullmatch(text) and not _words(node).isdisjoint({"environ", "getenv"}):
                return True
            name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
            if name in _OF_THE_PROCESS or _is_of_all_variables(part):
                return True
            if name and left and name not in seen:
                values = [value for value in self._given.get(name, ())[:12] if _is_scalar(value)]
                if any(self._machine(value, left - 1, seen | {name}) for value in values):
                    return True
        return False

    def _plainly(self, node: ast.AST, left: int, seen: frozenset[str]) -> bool:
        for part in ast.walk(node):
            if isinstance(part, ast.Compare | ast.BinOp | ast.Call) and self._measured(part, left, seen):
                return True
            if _is_of_the_card(part) or self._written(part) or _is_of_a_value(part):
                return True
            if (isinstance(part, ast.Compare) and _is_of_ranks(part)) or _is_of_a_kind(part):
                return True
            if isinstance(part, ast.Call) and not _WORLDLY.isdisjoint(_words(part.func)):
                return True
            name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
            if name in _OF_THE_PROBE or (name and name.lower() in self.chosen - _RANKS):
                return True
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id in _WORLD:
                if part.attr not in _SAME:
                    return True
            elif name and left and name not in seen:
                values = [value for value in self._given.get(name, ())[:12] if _is_scalar(value)]
                if any(self._plainly(value, left - 1, seen | {name}) for value in values):
                    return True
        return False

    def _expression(self, node: ast.AST, left: int, seen: frozenset[str]) -> bool:
        if isinstance(node, ast.Call):
            name = _called(node)
            if name in ("getenv", "get") and node.args and isinstance(node.args[0], ast.Constant):
                owner = node.func.value if isinstance(node.func, ast.Attribute) else node.args[0]
                return str(node.args[0].value).lower() in self.chosen or self._expression(owner, left, seen)
            own = self._functions.get(name)
            if own is not None and left and name not in seen:
                returned = [n.value for n in ast.walk(own) if isinstance(n, ast.Return) and n.value is not None]
                return any(self._expression(value, left - 1, seen | {name}) for value in returned)
            if name in self._classes:
                return False  # an object: what it has is asked for by name
            if name == "hasattr" and len(node.args) == 2 and isinstance(node.args[1], ast.Constant):
                return node.args[1].value not in self._given or self._name(str(node.args[1].value), left, seen)
            if name not in _PLAIN:
                return True
            if name == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                return self._name(str(node.args[1].value), left, seen)
            if name in ("min", "max") and self._measured(node, left, seen):
                return True
            owner = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            return any(self._expression(part, left, seen) for part in (owner, *node.args))
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            if self._expression(node.generators[0].iter, left, seen):
                return True
            seen |= {name for part in node.generators for name in _names(part.target)}  # its own: no name of others
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            return node.id not in seen and self._name(node.id, left, seen)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            return self._attribute(node, left, seen)
        if isinstance(node, ast.Compare | ast.BinOp) and self._measured(node, left, seen):
            return True
        if isinstance(node, ast.Compare) and _is_of_ranks(node):
            return True
        return any(self._expression(child, left, seen) for child in ast.iter_child_nodes(node))

    def _attribute(self, node: ast.Attribute, left: int, seen: frozenset[str]) -> bool:
        owner = node.value
        if _is_of_the_card(node) or node.attr in _OF_A_STEP or node.attr in _OF_THE_PROCESS:
            return True
        if node.attr == "__name__" and not isinstance(owner, ast.Call):  # of a function of the libraries
            return True
        if isinstance(owner, ast.Name):
            if owner.id in _WORLD and node.attr not in _SAME:
                return True
        elif self._expression(owner, left, seen):
            return True
        return self._name(node.attr, left, seen)

    def _measured(self, node: ast.Compare | ast.BinOp | ast.Call, left: int, seen: frozenset[str]) -> bool:
        """Whether a size is held against a number that sizes here do not come to, or counted in such numbers."""
        if isinstance(node, ast.Call) and _called(node) not in ("min", "max"):
            return False
        if isinstance(node, ast.BinOp):
            if not isinstance(node.op, ast.FloorDiv | ast.Div):
                return False
            sides = [node.left, node.right]
        else:
            sides = list(node.args) if isinstance(node, ast.Call) else [node.left, *node.comparators]
        sizes = [self._mentions(side, left, seen, sizes=True) for side in sides]
        others = [side for side, is_size in zip(sides, sizes, strict=True) if not is_size]
        return any(sizes) and any(self._mentions(side, left, seen, sizes=False) for side in others)

    def _mentions(self, node: ast.AST, left: int, seen: frozenset[str], *, sizes: bool) -> bool:
        """A size of something, or a number that is large."""
        for part in ast.walk(node):
            name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
            if sizes and (name in _SIZES or name in self._counted):
                return True
            if not sizes and isinstance(part, ast.Constant | ast.BinOp) and _is_large(self.number(part)):
                return True
            if name and left and name not in seen:
                values = self._given.get(name, ())[:12]
                if any(self._mentions(value, left - 1, seen | {name}, sizes=sizes) for value in values):
                    return True
        return False

    def _written(self, node: ast.AST) -> bool:
        """Whether it writes a counter as text, or takes the logarithm of one: `len(str(step)) > 3`."""
        parts: list[ast.AST] = []
        if isinstance(node, ast.JoinedStr):
            parts = [node]
        elif isinstance(node, ast.Call) and _called(node) in _WRITES:
            parts = list(node.args)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift | ast.BitAnd | ast.Pow):
            parts = [node]
        return any(name in self._counted for part in parts for name in _words(part))

    def _name(self, name: str, left: int, seen: frozenset[str]) -> bool:
        if name in self._counted or name.lower() in self.chosen or name in _OF_THE_PROBE or name in self._imported:
            return True
        if not left or name in seen:
            return False
        values = [*self._given.get(name, ()), *self._arguments(name)]
        return any(self._expression(value, left - 1, seen | {name}) for value in values[:12])

    def _arguments(self, name: str) -> Iterator[ast.expr]:
        """What calls pass for parameters of that name."""
        for function in self._functions.values():
            parameters = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
            every = [*parameters, *(a.arg for a in function.args.kwonlyargs)]
            if name not in every:
                continue
            for call in self._calls.get(function.name, ())[:6]:
                yield from (keyword.value for keyword in call.keywords if keyword.arg == name)
                at = parameters.index(name) if name in parameters else -1
                if 0 <= at < len(call.args) and parameters[:1] != ["self"]:
                    yield call.args[at]


def _is_of_all_variables(node: ast.AST) -> bool:
    """`len(os.environ)`, `sorted(os.environ.items())`: every environment has others."""
    if isinstance(node, ast.Call):
        given = [*node.args, *([node.func.value] if _called(node) in ("items", "keys", "values", "copy") else [])]  # type: ignore[attr-defined]
    elif isinstance(node, ast.For | ast.comprehension):
        given = [node.iter]
    else:
        return False
    return any(isinstance(part, ast.Attribute) and part.attr == "environ" for part in given)


def _is_of_the_card(node: ast.AST) -> bool:
    """`torch.version.cuda`, `torch.backends.cudnn`: what is asked of the card or of how torch was built."""
    if not isinstance(node, ast.Attribute) or node.attr in _SAME_CARD:
        return False
    owner = node.value
    if not isinstance(owner, ast.Attribute) or owner.attr not in _CARD:
        return False
    return isinstance(owner.value, ast.Name) and owner.value.id == "torch"


def _is_of_a_kind(node: ast.AST) -> bool:
    """`device.type`, `type(stream).__name__`: what an object is, not what it holds."""
    if not isinstance(node, ast.Attribute):
        return False
    return node.attr == "__name__" or (node.attr in ("type", "index") and "device" in _words(node.value))


def _is_of_a_value(node: ast.AST) -> bool:
    """A value of a tensor that is held against a number: `loss.item() < 3.5`; not whether there is anything."""
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    held = [any(isinstance(p, ast.Call) and _called(p) in _VALUES for p in ast.walk(side)) for side in sides]
    numbers = [isinstance(s, ast.Constant) and type(s.value) in (int, float) and s.value not in (0, 1) for s in sides]
    return any(held) and any(numbers)


def _is_of_ranks(node: ast.Compare) -> bool:
    """`world_size == 8`: here there is one process."""
    sides = [node.left, *node.comparators]
    many = any(isinstance(s, ast.Constant) and type(s.value) is int and s.value > 1 for s in sides)
    return many and any(not _words(side).isdisjoint(_RANKS) for side in sides)


def _names(target: ast.expr) -> Iterator[str]:
    for part in ast.walk(target):
        if isinstance(part, ast.Name | ast.Attribute) and isinstance(part.ctx, ast.Store):
            yield part.id if isinstance(part, ast.Name) else part.attr


def _is_scalar(node: ast.expr) -> bool:
    """Arithmetic, a truth or a number that is asked for: not what a container holds, or whether it holds anything."""
    if isinstance(node, ast.Call):
        return _called(node) in _PLAIN | _WORLDLY
    if isinstance(node, ast.Subscript | ast.List | ast.Tuple | ast.Dict | ast.Set | ast.ListComp | ast.GeneratorExp):
        return False
    return not isinstance(node, ast.DictComp | ast.SetComp)


def _words(node: ast.AST) -> set[str]:
    return {
        n.id if isinstance(n, ast.Name) else n.attr for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)
    }


def _is_large(value: object) -> bool:
    if isinstance(value, str):
        return value.isdecimal() and len(value) < 20 and int(value) >= _LARGE
    return isinstance(value, int | float) and value >= _LARGE


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""

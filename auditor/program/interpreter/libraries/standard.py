"""Functions of the standard library that run code or make callables; with them, those of files and iterators."""

from __future__ import annotations

import ast
import re

from auditor.program import vocabulary
from auditor.program.interpreter.language import assignment, callbacks, comparisons, operators, special
from auditor.program.interpreter.language.iteration import elements
from auditor.program.interpreter.libraries import elsewhere, files, hooks, indirect, standard_files, standard_iterators
from auditor.program.interpreter.libraries.standard_iterators import Handler
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import doubts, unfollowed, weights
from auditor.program.interpreter.stream import tokens
from auditor.program.tags import CLOCK, PARAMETER, VAL, GradientOf, has
from auditor.program.values import (
    UNKNOWN,
    Bound,
    Class,
    External,
    Frame,
    Function,
    Instance,
    Mapping,
    Native,
    Sequence,
    Value,
    union,
    with_tags,
)
from auditor.program.vocabulary import CLOCKS

_SHORT = 300  # characters of a path


def _at_exit(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if args:
        m.at_exit.append((args[0], args[1:]))
    return args[0] if args else Value()


def _globals(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return Value(obj=Mapping(frame.globals.names))


def _locals(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return Value(obj=Mapping(frame.names))


def _compile(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return args[0] if args else Value()


def _method_type(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2 and isinstance(args[0].obj, Function):
        return Value(obj=Bound(args[1], args[0].obj.name, args[0].obj))
    return args[0] if args else Value()


def _property(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    getter = args[0] if args else kwargs.get("fget", Value())
    if not isinstance(getter.obj, Function):
        return getter
    made = Function(getter.obj.node, getter.obj.unit, getter.obj.frame, getter.obj.owner, getter.obj.name)
    made.attributes["__property__"] = Value(const=True)
    setter = args[1] if len(args) > 1 else kwargs.get("fset")
    if setter is not None:
        made.attributes["__set__"] = setter
    return Value(obj=made)


def _named_tuple(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`namedtuple("Pair", "x y")`: a class whose fields are these."""
    names: list[str] = []
    if len(args) > 1:
        given = args[1]
        if isinstance(given.const, str):
            names = given.const.replace(",", " ").split()
        else:
            names = [str(item.const) for item in elements(given) if isinstance(item.const, str)]
            if isinstance(given.obj, Sequence):
                names = [str(item.const) for item in given.obj.items if isinstance(item.const, str)]
    body: list[ast.stmt] = [
        ast.AnnAssign(ast.Name(name, ast.Store()), ast.Name("object", ast.Load()), None, 1) for name in names
    ]
    text = tokens.text_of(args[0]) if args else "tuple"
    made = ast.ClassDef(text, [], [], body or [ast.Pass()], [])
    ast.fix_missing_locations(ast.copy_location(made, node))
    return Value(obj=Class(text, [Value(obj=External(vocabulary.NAMED_TUPLE))], {}, frame.unit, made))


def _compared(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`cmp_to_key(f)`: a key of which two are compared by f."""
    compare = args[0] if args else kwargs.get("mycmp", Value())

    def key(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        return m.call(frame, node, compare, [*args, *args], {})

    return Value(obj=Native("cmp_to_key", key, (compare,)))


def _wraps(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`wraps(f)`: the function that it decorates keeps f."""
    wrapped = args[0] if args else kwargs.get("wrapped", Value())

    def kept(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if args and isinstance(args[0].obj, Function):
            args[0].obj.attributes.setdefault("__wrapped__", wrapped)
        return args[0] if args else Value()

    return Value(obj=Native("wraps", kept, (wrapped,)))


def _cached(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`lru_cache(f)`, or `lru_cache(size)(f)`: f, as far as it matters here."""
    if args and callbacks.callable_of_program(args[0]):
        return args[0]
    return Value(obj=Native("lru_cache", standard_files.first))


def _operator(op: ast.operator) -> Handler:
    def run(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        return operators.binary(m, frame, node, op, args[0], args[1]) if len(args) == 2 else Value(union(*args))

    return run


def _in_place(op: ast.operator) -> Handler:
    def run(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if len(args) != 2:
            return Value(union(*args))
        made = operators.binary(m, frame, node, op, args[0], args[1])
        assignment.mutate(m, args[0], Value(made.tags), at=(frame, node))
        return args[0]

    return run


def _swapped(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2:
        before = Value(args[0].tags)
        assignment.mutate(m, args[0], args[1], at=(frame, node))
        assignment.mutate(m, args[1], before, at=(frame, node))
    return Value(const=None)


def _averaged(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A module with a copy of another one's weights, which takes more of them later."""
    made = Instance(None, kind="module", dotted="torch.optim.swa_utils.AveragedModel")
    value = Value(obj=made)
    if args:
        weights.pooled(value, args[0])
    return value


def _substituted(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    made = _with_substitutes(m, frame, node, args)
    return with_tags(made, doubts.edited(m, frame, node, args[2], "sub", args[:2])) if len(args) > 2 else made


def _with_substitutes(m: Machine, frame: Frame, node: ast.AST, args: list[Value]) -> Value:
    if len(args) >= 2 and callbacks.callable_of_program(args[1]):
        put = m.call(frame, node, args[1], [Value(union(*args[2:]))], {})
        return Value(union(*args[2:]) | put.tags)
    if len(args) >= 3 and isinstance(args[0].const, str) and isinstance(args[1].const, str):
        text = tokens.text_of(args[2])
        if text != "{}" and len(text) < _SHORT and len(args[0].const) < _SHORT:
            plain = re.escape(args[0].const) == args[0].const
            made = text.replace(args[0].const, args[1].const) if plain else text
            path = files.path_value(args[2].tags, made, known=plain and "{}" not in text)
            return path if path.known else with_tags(path, args[1].tags)
    return Value(union(*args))


def _clock(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return Value(frozenset({CLOCK}))


def _spawned(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`torch.multiprocessing.spawn(f, args=(...))`: f gets the process's number before them."""
    function = args[0] if args else kwargs.get("fn", Value())
    given = kwargs.get("args", args[1] if len(args) > 1 else Value())
    passed = list(given.obj.items) if isinstance(given.obj, Sequence) else []
    m.call(frame, node, function, [Value(const=0), *passed], {})
    return Value()


def _parametrized(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`register_parametrization(module, "weight", change)`: the module computes with what the change makes of it."""
    if len(args) < 3:
        return Value(union(*args))
    parameter = Value(frozenset({PARAMETER}), base=args[0], mutable=True)
    made = m.call(frame, node, args[2], [parameter], {})
    weights.replaced(m, frame, node, args[0], Value(made.tags | {PARAMETER}, mutable=True))
    return args[0]


def _closing(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`with contextlib.closing(thing)`: it is closed when the block is left; here it is before."""
    if args:
        special.special(m, frame, node, args[0], "close", [])
    return args[0] if args else Value()


def _exit_functions(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    waiting, m.at_exit = m.at_exit, []
    for function, given in reversed(waiting):
        m.call(frame, node, function, given, {})
    return Value(const=None)


def _call_first(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return m.call(frame, node, args[0], args[1:], kwargs) if args else Value()


def _set_item(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return m.call(frame, node, Value(obj=Bound(args[0], "__setitem__")), args[1:], {}) if args else Value()


def _memory(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`ctypes.memmove` and what else reaches into memory by address."""
    touches = unfollowed.touched([*args, *kwargs.values()])
    if unfollowed.WEIGHTS in touches and len(touches) > 1:
        m.unfollowed(node, frame, "a write by address", "ctypes reaches what it points at", touches)
    return Value(union(*args, *kwargs.values()), mutable=True)


def _store_of_kernel(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`tl.store(p + offsets, value)` in a kernel that is given weights: what becomes of them is not followed."""
    tags = union(*args, *kwargs.values())
    if PARAMETER in tags and (VAL in tags or has(tags, GradientOf)):
        what, why = "a store of a kernel", "it changes memory by address"
        m.unfollowed(node, frame, what, why, {unfollowed.WEIGHTS, unfollowed.LOSSES})
    return Value(const=None)


def _register(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`register_module_forward_hook(f)`: a hook on every module."""
    name = getattr(getattr(node, "func", None), "attr", "") or getattr(getattr(node, "func", None), "id", "")
    handle = hooks.hooked(m, node, Value(), name, args)
    return handle if handle is not None else Value()


def _instance_state(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`pickle.dumps(x)`: what pickling runs, and the content."""
    for name in ("__reduce_ex__", "__reduce__", "__getstate__"):
        made = special.special(m, frame, node, args[0], name, [Value()] if "ex" in name else []) if args else None
        if made is not None and isinstance(made.obj, Sequence) and len(made.obj.items) > 1:  # how to make it again
            function, given = made.obj.items[:2]
            if callbacks.callable_of_program(function) and isinstance(given.obj, Sequence):
                m.call(frame, node, function, list(given.obj.items), {})
        if made is not None:
            break
    return Value(unfollowed.deep(args), UNKNOWN, mutable=True)


def _text_of_library(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    m.unfollowed(node, frame, "an interpreter", "the text that it runs is not read", unfollowed.EVERYTHING)
    return Value()


def _any_object(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    why = "every object of the process is among what it gives"
    m.unfollowed(node, frame, "a look into the collector", why, unfollowed.EVERYTHING)
    return Value()


def _all(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    for item in elements(special.iterable(m, frame, node, args[0])) if args else []:
        comparisons.truth(m, frame, ast.Constant(None), item)
    return Value(union(*args))


FUNCTIONS: dict[str, Handler] = {
    **standard_iterators.FUNCTIONS,
    **standard_files.FUNCTIONS,
    "functools.cache": standard_files.first,
    "functools.lru_cache": _cached,
    "functools.cmp_to_key": _compared,
    "functools.wraps": _wraps,
    "operator.methodcaller": indirect.methodcaller,
    "operator.attrgetter": indirect.attrgetter,
    "operator.itemgetter": indirect.itemgetter,
    "operator.call": _call_first,
    "operator.setitem": _set_item,
    "operator.add": _operator(ast.Add()),
    "operator.sub": _operator(ast.Sub()),
    "operator.mul": _operator(ast.Mult()),
    "operator.truediv": _operator(ast.Div()),
    "operator.matmul": _operator(ast.MatMult()),
    "operator.mod": _operator(ast.Mod()),
    "operator.isub": _in_place(ast.Sub()),
    "operator.iadd": _in_place(ast.Add()),
    "operator.imul": _in_place(ast.Mult()),
    "operator.itruediv": _in_place(ast.Div()),
    "operator.ixor": _in_place(ast.BitXor()),
    "torch.utils.swap_tensors": _swapped,
    "torch.optim.swa_utils.AveragedModel": _averaged,
    "re.sub": _substituted,
    "operator.xor": _operator(ast.BitXor()),
    "atexit.register": _at_exit,
    "atexit._run_exitfuncs": _exit_functions,
    "contextlib.closing": _closing,
    "torch.nn.utils.parametrize.register_parametrization": _parametrized,
    "torch.multiprocessing.spawn": _spawned,
    **dict.fromkeys(CLOCKS, _clock),
    "asyncio.run": standard_iterators.same,
    "importlib.import_module": elsewhere.import_by_name,
    "builtins.__import__": elsewhere.import_by_name,
    "builtins.exec": elsewhere.run_text,
    "builtins.eval": elsewhere.run_text,
    "builtins.compile": _compile,
    "builtins.globals": _globals,
    "builtins.locals": _locals,
    "builtins.property": _property,
    "builtins.staticmethod": standard_files.first,
    "builtins.all": _all,
    "builtins.any": _all,
    "runpy.run_path": elsewhere.run_path,
    "runpy.run_module": elsewhere.run_path,
    "importlib.util.spec_from_file_location": elsewhere.run_path,
    "importlib.util.module_from_spec": standard_iterators.same,
    "importlib.machinery.SourceFileLoader": elsewhere.run_path,
    "types.MethodType": _method_type,
    "types.FunctionType": _compile,
    "collections.namedtuple": _named_tuple,
    "subprocess.run": elsewhere.start_program,
    "subprocess.Popen": elsewhere.start_program,
    "subprocess.call": elsewhere.start_program,
    "subprocess.check_call": elsewhere.start_program,
    "subprocess.check_output": elsewhere.start_program,
    "subprocess.getoutput": elsewhere.start_program,
    "os.system": elsewhere.start_program,
    "os.popen": elsewhere.start_program,
    "pickle.dumps": _instance_state,
    "code.interact": _text_of_library,
    "code.InteractiveInterpreter": _text_of_library,
    "code.InteractiveConsole": _text_of_library,
    "gc.get_objects": _any_object,
    "gc.get_referrers": _any_object,
    "os.execv": elsewhere.start_program,
    "os.execvp": elsewhere.start_program,
    "os.execve": elsewhere.start_program,
    "os.execl": elsewhere.start_program,
    "os.execlp": elsewhere.start_program,
    "os.spawnv": elsewhere.start_program,
    "os.spawnvp": elsewhere.start_program,
    "os.posix_spawn": elsewhere.start_program,
    "pty.spawn": elsewhere.start_program,
    "ctypes.memmove": _memory,
    "ctypes.memset": _memory,
    "triton.language.store": _store_of_kernel,
    **dict.fromkeys(vocabulary.ATOMIC, _store_of_kernel),
    "torch.nn.modules.module.register_module_forward_hook": _register,
    "torch.nn.modules.module.register_module_forward_pre_hook": _register,
    "torch.nn.modules.module.register_module_full_backward_hook": _register,
    "torch.optim.optimizer.register_optimizer_step_post_hook": _register,
    "torch.optim.optimizer.register_optimizer_step_pre_hook": _register,
}

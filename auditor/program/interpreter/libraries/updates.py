"""Functions of torch and numpy that write into what they are given: weights, gradients, tables."""

from __future__ import annotations

import ast

from auditor.program import vocabulary
from auditor.program.interpreter.language import assignment
from auditor.program.interpreter.libraries import indirect
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import count_tables, weights
from auditor.program.tags import TARGET
from auditor.program.values import Frame, Sequence, Value, union, with_tags


def written(
    m: Machine, frame: Frame, node: ast.AST, dotted: str, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    if dotted.startswith(vocabulary.INITIALIZES) and args:
        assignment.mutate(m, args[0], Value(), replace=True)
        return args[0]
    if dotted.endswith("autograd.grad") and args:
        inputs = args[1] if len(args) > 1 else kwargs.get("inputs", Value())
        slope = indirect.gradient(m, frame, node, args[0], inputs)
        if m.inside and TARGET in args[0].tags:
            why = "a gradient of a loss of the targets, taken within the model, tells of them"
            slope = with_tags(slope, m.doubt(node, frame, "what is done to the model's output", why))
        several = not isinstance(inputs.obj, Sequence) or len(inputs.obj.items) != 1
        return Value(slope.tags, obj=Sequence([slope], exact=not several))
    if dotted.startswith(vocabulary.OF_FUNCTIONS) or name in (
        "vmap",
        "functional_call",
    ):
        made = _of_functions(m, frame, node, name, args, kwargs)
        if made is not None:
            return made
    if dotted.startswith(vocabulary.FUNCTIONAL_OPTIMIZERS) and name.islower() and len(args) > 1:
        # `torch.optim.sgd.sgd(weights, gradients, ...)`
        weights.all_written(m, frame, node, args[0], weights.flat([*args[1:], *kwargs.values()]))
        return Value(const=None)
    if name.startswith("_foreach_") and name.endswith("_") and args:
        weights.all_written(m, frame, node, args[0], weights.flat([*args[1:], *kwargs.values()]))
        return args[0]
    if name == "vector_to_parameters" and len(args) > 1:
        weights.all_written(m, frame, node, args[1], args[0].tags)
        return Value(const=None)
    if name in ("copyto", "put", "place", "putmask") and len(args) > 1:
        assignment.mutate(m, args[0], Value(union(*args[1:])), at=(frame, node))
        return Value(const=None)
    if dotted == "struct.pack_into" and len(args) > 3:
        assignment.mutate(m, args[1], Value(union(*args[3:])), at=(frame, node))
        return Value(const=None)
    if dotted.endswith("autograd.backward") and args:
        m.backward(node, frame, args[0])
        return Value(const=None)
    if dotted.startswith("numpy.") and name == "at" and len(args) >= 2:  # `np.subtract.at`, of every ufunc
        count_tables.write(m, args[0], args[1])
        assignment.mutate(m, args[0], Value(union(*args[1:])), at=(frame, node))
        return Value(const=None)
    return None


def _of_functions(
    m: Machine, frame: Frame, node: ast.AST, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """`torch.func`: functions made of functions."""
    if not args:
        return None
    if name == "functional_call":
        return indirect.functional_call(m, frame, node, args, kwargs)
    if name in ("grad", "jacrev", "jacfwd", "hessian"):
        return indirect.gradient_of(args[0], both=False)
    if name in ("grad_and_value", "value_and_grad"):
        return indirect.gradient_of(args[0], both=True)
    if name == "vmap":
        return indirect.wrapped(args[0])
    if name in ("vjp", "jvp", "linearize", "jacobian", "vhp", "hvp"):
        value = m.call(frame, node, args[0], args[1:2] if name == "jvp" else args[1:], {})
        slope = indirect.gradient(m, frame, node, value, Value(obj=Sequence(args[1:2])))
        return Value(slope.tags | value.tags, obj=Sequence([value, slope]))
    return None

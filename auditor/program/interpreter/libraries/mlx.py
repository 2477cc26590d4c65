"""MLX: gradients are values that a function returns, and an optimizer is handed both the model and them.

https://ml-explore.github.io/mlx/build/html/python/nn.html and .../optimizers.html
"""

from __future__ import annotations

import ast
from functools import partial

from auditor.program import vocabulary
from auditor.program.holdings import deep_tags
from auditor.program.interpreter.libraries import files
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import adapting, steering, weights
from auditor.program.tags import NONE, PARAMETER, VAL, GradientOf, has
from auditor.program.values import Frame, Instance, Native, Sequence, Value


def called(
    m: Machine, frame: Frame, node: ast.AST, dotted: str, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """What MLX has that neither torch nor numpy has by another name; None for all else."""
    if not dotted.startswith(vocabulary.MLX) or not args:
        return None
    if dotted == "mlx.nn.value_and_grad" and len(args) > 1:
        return _gradient_of(args[1], both=True)
    if name in ("grad", "value_and_grad"):
        return _gradient_of(args[0], both=name == "value_and_grad")
    return _of_trees(m, frame, node, name, args) if dotted.startswith(vocabulary.MLX_TREES) else None


def _of_trees(m: Machine, frame: Frame, node: ast.AST, name: str, args: list[Value]) -> Value | None:
    """Weights and gradients are trees of arrays; one array stands for all that are in one."""
    if name == "tree_flatten":
        return Value(obj=Sequence([Value(obj=Sequence([Value(), _leaf(args[0])]))], exact=False))
    if name == "tree_unflatten":
        return _leaf(args[0])
    if name in ("tree_map", "tree_map_with_path"):
        path = [Value()] if name == "tree_map_with_path" else []
        return m.call(frame, node, args[0], [*path, *map(_leaf, args[1:])], {})
    return None


def _leaf(tree: Value) -> Value:
    if tree.obj is None:
        return tree
    return Value(deep_tags(tree, 4), base=tree.base, mutable=True)


def optimizer(dotted: str) -> Instance:
    """It learns which model it trains when it is handed it."""
    return Instance(None, kind="optimizer", dotted=dotted)


def optimizer_method(
    m: Machine, frame: Frame, node: ast.AST, held: Instance, name: str, args: list[Value]
) -> Value | None:
    """`optimizer.update(model, gradients)`; `apply_gradients(gradients, weights)`, which returns other weights."""
    if len(args) < 2 or not held.dotted.startswith(vocabulary.MLX):
        return None
    if name == "apply_gradients":
        return Value(deep_tags(args[0]) | deep_tags(args[1]), mutable=True)
    if name != "update":
        return None
    held.parameters = [args[0]]
    if has(deep_tags(args[1]), GradientOf):
        adapting.optimizer_step(m, frame, node, held)
        m.forget_gradients()
    else:
        steering.trains(m, frame, node, held)
    return Value(const=None)


def attribute(module: Value, name: str) -> Value | None:
    """What a module of MLX has that none of torch has; None for all else."""
    held = module.obj
    if not isinstance(held, Instance) or held.cls is None or not held.cls.inherits("mlx.nn.Module"):
        return None
    if name == "state":
        return _memory(module)
    known = vocabulary.MLX_TAKES_WEIGHTS | vocabulary.MLX_GIVES_WEIGHTS | vocabulary.MLX_SELF
    return Value(obj=Native(name, partial(_method, module, name))) if name in known else None


def _method(
    module: Value, name: str, m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    if name in vocabulary.MLX_GIVES_WEIGHTS:
        return _memory(module)
    if name in vocabulary.MLX_TAKES_WEIGHTS and args:
        tags = deep_tags(args[0])
        if name == "load_weights":
            tags |= files.on_disk(m, args[0]) | files.from_outside(m, args[0])
        weights.loaded(m, frame, node, module, Value(tags, mutable=True))
    return module


def _memory(module: Value) -> Value:
    return Value(deep_tags(module) | {PARAMETER}, base=module, mutable=True)


def _gradient_of(function: Value, *, both: bool) -> Value:
    def run(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        value = m.call(frame, node, function, args, kwargs)
        tags = NONE
        if VAL in deep_tags(value):
            m.backward(node, frame, value)
            tags = adapting.gradient_tags(m, frame, node, value)
        slope = Value(tags, mutable=True)
        return Value(obj=Sequence([value, slope])) if both else slope

    return Value(obj=Native("grad", run, (function,)))

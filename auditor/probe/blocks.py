"""The blocks of a script: what runs or does not run as one, named by the place of its first statement.

A run marks those that it enters. The parent makes the same list from the text that it decoded itself, so what a run
left out is known by name. Truths that are used as numbers decide as branches do (`rate * (step > 1000)`,
`table[late]`): each of their two outcomes is a block of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from auditor.source.index import below

Place = tuple[int, int]  # line and column; the column of what is no statement has one of these added
EXPRESSION, TRUE, FALSE = 1 << 20, 1 << 21, 1 << 22
NOWHERE: Place = (0, 0)  # of a number that no code calls: who marks it did not enter a block
_NUMBERS = frozenset(
    {
        "float",
        "int",
        "range",
        "round",
        "tensor",
        "full",
        "min",
        "max",
        "pow",
        "get",
        "sum",
        "where",
        "masked_fill",
        "masked_fill_",
        "masked_select",
        "multiply",
        "mul",
    }
)
CAUSAL = frozenset({"is_causal", "causal"})
_MADE_NUMBERS = frozenset({"float", "double", "half", "int", "long", "to", "type_as", "astype"})
_LOSSES = (2.0, 16.0)  # nats: a bound in there may be one of losses
_LEAST = 64  # `n // 1000` and `min(n, 1000)` are truths about n as `n > 1000` is; `n // 2` is arithmetic
_TRITON = "triton"
_FRAMES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


@dataclass(frozen=True)
class Block:
    """`nodes`: its statements, or the one expression. `function`: the first line of the innermost function, 0 for none.

    `inside`: the place of the block that it is in. `is_body`: it is a function's own body. `test`: what decides it,
    None where anything may. `statement`: what an expression stands in.
    """

    place: Place
    nodes: tuple[ast.AST, ...]
    function: int
    inside: Place | None
    is_body: bool = False
    test: ast.AST | None = field(default=None, compare=False)
    statement: ast.AST | None = field(default=None, compare=False)


def blocks(tree: ast.Module) -> list[Block]:
    """In the order of the text; those of functions that another compiler reads are left out."""
    return list(_Blocks(truths(tree), of_triton(tree)).of_statements(tree.body, 0, None))


def first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> int:
    """Where the code object of a function says that it begins: at its first decorator."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(d.lineno for d in decorators)])


@dataclass(frozen=True)
class _Blocks:
    truths: frozenset[str]
    kernels: frozenset[str]

    def of_statements(
        self, body: Sequence[ast.stmt], function: int, inside: Place | None, fragile: bool = False
    ) -> Iterator[Block]:  # fmt: skip
        tests = splits(body, fragile)
        for i, statement in enumerate(body):
            if i in tests:
                place = (statement.lineno, statement.col_offset)
                yield Block(place, tuple(body[i:]), function, inside, test=tests[i])
                inside = place
            yield from self._of_node(statement, function, inside, statement)

    def _of_node(self, node: ast.AST, function: int, inside: Place | None, statement: ast.AST) -> Iterator[Block]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not is_kernel(node, self.kernels):
                yield from self._block(node.body, first_line(node), inside, is_body=True)
            return
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and all(isinstance(v, ast.stmt) for v in value):
                if always_runs(node, name):
                    yield from self.of_statements(value, function, inside, is_fragile(node, name))
                else:
                    yield from self._block(value, function, inside, test=_decider(node, name))
                continue
            for child in value if isinstance(value, list) else [value]:
                if not isinstance(child, ast.AST):
                    continue
                within = child if isinstance(child, ast.stmt) else statement
                if lazily_evaluated(node, name, child):
                    assert isinstance(child, ast.expr)
                    place = (child.lineno, child.col_offset + EXPRESSION)
                    yield Block(place, (child,), function, inside, test=node, statement=statement)
                    yield from self._of_node(child, function, place, within)
                    continue
                if is_number(node, name, child, self.truths):
                    assert isinstance(child, ast.expr)
                    for outcome in (TRUE, FALSE):
                        place = (child.lineno, child.col_offset + outcome)
                        yield Block(place, (child,), function, inside, test=child, statement=statement)
                yield from self._of_node(child, function, inside, within)

    def _block(
        self, body: list[ast.stmt], function: int, inside: Place | None, *, is_body: bool = False,
        test: ast.AST | None = None,
    ) -> Iterator[Block]:  # fmt: skip
        place = (body[0].lineno, body[0].col_offset)
        yield Block(place, tuple(body), function, inside, is_body, test)
        yield from self.of_statements(body, function, place)


def _decider(node: ast.AST, name: str) -> ast.AST | None:
    """What decides whether these statements of it run; None where anything may."""
    if isinstance(node, ast.For | ast.AsyncFor | ast.While) and name == "orelse":  # unless a `break` ended it
        return ast.Tuple([part.test for part in same_frame(node) if isinstance(part, ast.If)], ast.Load())
    return getattr(node, "test", None) or getattr(node, "iter", None) or getattr(node, "subject", None)


def splits(body: Sequence[ast.stmt], fragile: bool) -> dict[int, ast.AST | None]:
    """Statements before which the ones above may have ended everything, by what decides that.

    `fragile`: an exception ends them in silence.
    """
    found: dict[int, ast.AST | None] = {}
    for i, before in enumerate(body[:-1]):
        if fragile and not isinstance(before, ast.Import | ast.ImportFrom | ast.Pass):
            found[i + 1] = None
        elif not isinstance(before, _LEAVES) and any(isinstance(part, _LEAVES) for part in same_frame(before)):
            tests = [part.test for part in same_frame(before) if isinstance(part, ast.If)]
            found[i + 1] = ast.Tuple(tests, ast.Load()) if tests else None
    return found


def same_frame(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a statement and runs in its own function."""
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, _FRAMES):
            continue
        yield node
        stack += below(node)


def always_runs(node: ast.AST, name: str) -> bool:
    """Whether these statements begin whenever what they are in is reached."""
    if isinstance(node, ast.ClassDef | ast.With | ast.AsyncWith | ast.Module):
        return True
    return isinstance(node, ast.Try) and name in ("body", "finalbody")


def is_fragile(node: ast.AST, name: str) -> bool:
    """Whether an exception in these statements is caught, so that the rest of them does not run."""
    if isinstance(node, ast.Try):
        return name == "body" and bool(node.handlers)
    return isinstance(node, ast.With) and any("suppress" in ast.unparse(item.context_expr) for item in node.items)


def lazily_evaluated(node: ast.AST, name: str, child: ast.AST) -> bool:
    """Expressions that run or do not by what stands before them; without a call only where they are chosen between."""
    if not isinstance(child, ast.expr):
        return False
    if isinstance(node, ast.IfExp):
        return name in ("body", "orelse")
    if isinstance(node, ast.BoolOp):
        chosen = child is not node.values[0]
    else:
        chosen = isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp) and name == "elt"
    return chosen and any(isinstance(part, ast.Call) for part in ast.walk(child))


def truths(tree: ast.Module) -> frozenset[str]:
    """Names and attributes that are given truths alone."""
    given: dict[str, bool] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name | ast.Attribute):
                    name = target.id if isinstance(target, ast.Name) else target.attr
                    given[name] = given.get(name, True) and _is_truth(node.value, frozenset())
    return frozenset(name for name, only in given.items() if only)


def is_number(node: ast.AST, name: str, child: ast.AST, names: frozenset[str]) -> bool:
    """Whether `child` is a truth that `node` computes with, looks up by or counts to."""
    if isinstance(child, ast.BinOp) and isinstance(child.op, ast.FloorDiv):
        large = _is_large(child.right)
        return large and isinstance(node, ast.BinOp | ast.Call | ast.Subscript | ast.Slice | ast.Assign)
    if isinstance(child, ast.Call) and bound(child) is not None:
        return isinstance(child.func, ast.Name)
    if not _is_truth(child, names):
        return False
    if isinstance(node, ast.Subscript):
        return name == "slice" and isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Call):
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        return name == "args" and called in _NUMBERS
    if isinstance(node, ast.Attribute):
        return node.attr in _MADE_NUMBERS
    if isinstance(node, ast.keyword):
        return node.arg in CAUSAL
    return isinstance(node, ast.BinOp | ast.Slice)


def bound(call: ast.Call) -> ast.Constant | None:
    """The number that `min` or `max` holds a value to."""
    if not isinstance(call.func, ast.Name) or call.func.id not in ("min", "max") or len(call.args) != 2:
        return None
    numbers = [a for a in call.args if isinstance(a, ast.Constant) and (_is_large(a) or _may_be_nats(a))]
    return numbers[0] if len(numbers) == 1 else None


def _is_large(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value >= _LEAST


def _may_be_nats(node: ast.Constant) -> bool:
    return isinstance(node.value, float) and _LOSSES[0] <= node.value < _LOSSES[1]


def _is_truth(node: ast.AST, names: frozenset[str]) -> bool:
    if isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        return True
    if isinstance(node, ast.BoolOp):
        return all(_is_truth(value, names) for value in node.values)
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
        return (node.id if isinstance(node, ast.Name) else node.attr) in names
    return False


def of_triton(tree: ast.Module) -> frozenset[str]:
    """Names that imports from Triton bind. Other compilers (Numba, `torch.jit`) are stood in for by plain Python."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == _TRITON:
            found.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            names = [alias for alias in node.names if alias.name.partition(".")[0] == _TRITON]
            found.update((alias.asname or alias.name).partition(".")[0] for alias in names)
    return frozenset(found)


def is_kernel(node: ast.FunctionDef | ast.AsyncFunctionDef, triton: frozenset[str]) -> bool:
    """A function whose source Triton reads, by the names that it is imported as: its body stays as it is."""
    return any(isinstance(n, ast.Name) and n.id in triton for d in node.decorator_list for n in ast.walk(d))


class Mark(ast.NodeTransformer):
    """Puts a call of `hook`.e(number) at the beginning of every block; `places` are theirs by number from `first`.

    `decoy` says whether the next number is no block's. Around a truth that is used as a number goes `hook`.t(number,
    it): the two outcomes have following numbers. Of what is held to a number that is whether it is that number.
    """

    def __init__(self, hook: str, first: int = 0, decoy: Callable[[], bool] = lambda: False) -> None:
        self._hook, self._first, self._decoy = hook, first, decoy
        self._truths: frozenset[str] = frozenset()
        self._kernels: frozenset[str] = frozenset()
        self.places: list[Place] = []

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self._truths, self._kernels = truths(node), of_triton(node)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        if is_kernel(node, self._kernels):
            return node
        node.body = self._marked(node.body)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and all(isinstance(v, ast.stmt) for v in value):
                plain = always_runs(node, name)
                setattr(node, name, self._within(value, is_fragile(node, name)) if plain else self._marked(value))
            elif isinstance(value, list):
                setattr(node, name, [self._child(node, name, v) for v in value])
            else:
                setattr(node, name, self._child(node, name, value))
        return node

    def _child(self, node: ast.AST, name: str, child: object) -> object:
        if not isinstance(child, ast.AST):
            return child
        if lazily_evaluated(node, name, child):
            assert isinstance(child, ast.expr)
            call = self._call((child.lineno, child.col_offset + EXPRESSION), child)
            return ast.copy_location(ast.BoolOp(ast.Or(), [call, self.visit(child)]), child)
        if is_number(node, name, child, self._truths):
            assert isinstance(child, ast.expr)
            call = self._call((child.lineno, child.col_offset + TRUE), child)
            self.places.append((child.lineno, child.col_offset + FALSE))
            assert isinstance(call.func, ast.Attribute)
            call.func.attr = "t"
            limit = bound(child) if isinstance(child, ast.Call) else None
            call.args.append(self.visit(child))
            if limit is not None:
                call.args.append(ast.copy_location(ast.Constant(limit.value), child))
            return call
        return self.visit(child)

    def _within(self, body: list[ast.stmt], fragile: bool) -> list[ast.stmt]:
        """The statements with marks where the ones above may have ended everything."""
        tests, out = splits(body, fragile), list[ast.stmt]()
        for i, statement in enumerate(body):
            if i in tests:
                mark = self._call((statement.lineno, statement.col_offset), statement)
                out.append(ast.copy_location(ast.Expr(mark), statement))
            out.append(self.visit(statement))
        return out

    def _marked(self, body: list[ast.stmt]) -> list[ast.stmt]:
        first = body[0]
        mark = ast.copy_location(ast.Expr(self._call((first.lineno, first.col_offset), first)), first)
        is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)  # a docstring stays the first
        inner = self._within(body, fragile=False)
        return [inner[0], mark, *inner[1:]] if is_text else [mark, *inner]

    def _call(self, place: Place, at: ast.stmt | ast.expr) -> ast.Call:
        if self._decoy():
            self.places.append(NOWHERE)
        self.places.append(place)
        number = ast.Constant(self._first + len(self.places) - 1)
        function = ast.Attribute(ast.Name(self._hook, ast.Load()), "e", ast.Load())
        call = ast.Call(function, [number], [])
        for part in ast.walk(call):
            ast.copy_location(part, at)
        return call

"""The last, shorter window is scored as well."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.rule import Example, Facts, Rule, Source
from auditor.source.index import of_type, parents
from rules.analysis.syntax import calls, code_finding, function_of, last_name, number, python_units
from rules.examples.folders import EVALUATION, folder, script

ID = "val-tail-drop"

# The window starts are worked out for small streams, instead of told by their spelling.
_LENGTH, _STRIDE = 8, 3
_TOTALS = (20, 21, 22)


class _Starts:
    """`range(0, stop, stride)` with its conditions, as numbers. A name that is no other is the window's length."""

    def __init__(self, target: str, bounds: list[ast.expr]) -> None:
        self.target = target
        stop, step = bounds[1], bounds[2]
        self.step = last_name(step)
        whole = stop
        while isinstance(whole, ast.BinOp):
            whole = whole.left
        self.total = last_name(whole)
        self.stop = stop

    def value(self, node: ast.expr, total: int, at: int) -> int | None:
        if isinstance(node, ast.Name | ast.Attribute):
            return self._of_name(last_name(node), total, at)
        if isinstance(node, ast.BinOp):
            left, right = self.value(node.left, total, at), self.value(node.right, total, at)
            if left is None or right is None:
                return None
            if isinstance(node.op, ast.Add):
                return left + right
            return left - right if isinstance(node.op, ast.Sub) else None
        if isinstance(node, ast.Call) and last_name(node.func) in {"min", "max"}:
            parts = [self.value(a, total, at) for a in node.args]
            numbers = [p for p in parts if p is not None]
            if not numbers or len(numbers) != len(parts):
                return None
            return min(numbers) if last_name(node.func) == "min" else max(numbers)
        constant = number(node)
        return None if constant is None else int(constant)

    def _of_name(self, name: str, total: int, at: int) -> int:
        known = {self.target: at, self.total: total, self.step: _STRIDE}
        return known.get(name, _LENGTH - _STRIDE if "context" in name.lower() else _LENGTH)

    def holds(self, test: ast.expr, total: int, at: int) -> bool | None:
        if isinstance(test, ast.BoolOp):
            parts = [self.holds(v, total, at) for v in test.values]
            if None in parts:
                return None
            return any(parts) if isinstance(test.op, ast.Or) else all(parts)
        if not (isinstance(test, ast.Compare) and len(test.ops) == 1):
            return None
        left, right = self.value(test.left, total, at), self.value(test.comparators[0], total, at)
        if left is None or right is None:
            return None
        match test.ops[0]:
            case ast.Lt():
                return left < right
            case ast.LtE():
                return left <= right
            case ast.Gt():
                return left > right
            case ast.GtE():
                return left >= right
            case ast.Eq():
                return left == right
        return None

    def leaves_out(self, keep: list[ast.expr], skip: list[ast.expr]) -> bool:
        """Whether for some stream no window reaches its end."""
        for total in _TOTALS:
            stop = self.value(self.stop, total, 0)
            if stop is None:
                return False
            ends = []
            for at in range(0, stop, _STRIDE):
                kept = [self.holds(t, total, at) for t in keep]
                skipped = [self.holds(t, total, at) for t in skip]
                if None in kept or None in skipped:
                    return False
                if all(kept) and not any(skipped):
                    ends.append(min(at + _LENGTH, total))
            if ends and max(ends) < total:
                return True
        return False


def _windows(node: ast.AST) -> tuple[ast.expr, ast.Call, list[ast.expr], list[ast.expr]] | None:
    """(target, range call, conditions that keep, conditions that skip) of a walk over a stream by strides."""
    keep: list[ast.expr] = []
    skip: list[ast.expr] = []
    if isinstance(node, ast.comprehension):
        target, over, keep = node.target, node.iter, node.ifs
    elif isinstance(node, ast.For):
        target, over = node.target, node.iter
        skip = [s.test for s in node.body if isinstance(s, ast.If) and isinstance(s.body[0], ast.Continue)]
    elif isinstance(node, ast.Call) and last_name(node.func) in {"list", "sorted"} and node.args:
        target, over = ast.Name(id="start"), node.args[0]
    else:
        return None
    if not (isinstance(over, ast.Call) and last_name(over.func) == "range" and len(over.args) == 3):
        return None
    sliding = "stride" in last_name(over.args[2]).lower() and number(over.args[0]) == 0
    return (target, over, keep, skip) if sliding else None


def _findings(facts: Facts) -> Iterator[Finding]:
    for unit, tree in python_units(facts):
        above: dict[ast.AST, ast.AST] = {}
        for node in of_type(tree, ast.comprehension, ast.For, ast.Call):
            found_here = _windows(node)
            if found_here is None:
                continue
            target, over, keep, skip = found_here
            starts = _Starts(last_name(target), over.args)
            if starts.total == starts.step or not starts.leaves_out(keep, skip):
                continue
            above = above or parents(tree)
            function = function_of(over, above)
            # A list that is added to afterwards may well get the last window then.
            if function is not None and any(_adds_window(c) for c in calls(function)):
                continue
            message = f"every window ends within the stream: up to {starts.step} - 1 tokens at its end are not scored"
            yield code_finding(facts, ID, Outcome.WARNING, unit, over, message)


def _adds_window(call: ast.Call) -> bool:
    if not (isinstance(call.func, ast.Attribute) and call.func.attr in {"append", "insert", "extend"}):
        return False
    return any(word in last_name(call.func.value) for word in ("start", "window", "position"))


def check(facts: Facts) -> Ruling:
    return found(list(_findings(facts)), "no window of the validation set is left out")


_LOOP = "        for start in range(0, total, stride):\n"
_FULL_ONLY = EVALUATION.replace(_LOOP, "        for start in range(0, total - seq_len + 1, stride):\n")
_DROPPED = EVALUATION.replace(
    _LOOP,
    "        starts = [s for s in range(0, total, stride) if s + seq_len <= total]\n        for start in starts:\n",
)
_SKIPPED = EVALUATION.replace(_LOOP, _LOOP + "            if start + seq_len > total:\n                continue\n")
_KEPT = EVALUATION.replace(
    _LOOP,
    "        starts = [s for s in range(0, total, stride) if min(s + seq_len, total) - s >= stride]\n"
    "        for start in starts:\n",
)
_ADDED = EVALUATION.replace(
    _LOOP,
    "        starts = list(range(0, total - seq_len + 1, stride))\n"
    "        starts.append(total - seq_len)\n"
    "        for start in starts:\n",
)

RULE = Rule(
    id=ID,
    title="The last partial window is scored",
    class_="score",
    authority="maintainer",
    evidence=("code",),
    criterion="Sliding windows cover every validation token, the remainder at the end included.",
    why="A token left out is not scored; at the usual stride this is at most 63 tokens of 62 million.",
    remedy="Let the last window end at the end of the stream, and score what the one before it left.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/50", "0hq: the last window", "2026-03-19"),
        Source("https://github.com/openai/parameter-golf/pull/124", "merged correction"),
    ),
    check=check,
    examples=(
        Example("full windows only", "breaks", folder(script(_FULL_ONLY)), Outcome.WARNING),
        Example("full windows only, in a list", "breaks", folder(script(_DROPPED)), Outcome.WARNING),
        Example("the last one skipped in the loop", "breaks", folder(script(_SKIPPED)), Outcome.WARNING),
        Example("only starts behind the last window dropped", "legal", folder(script(_KEPT)), Outcome.PASS),
        Example("the last window added", "legal", folder(script(_ADDED)), Outcome.PASS),
        Example("all windows", "legal", folder(), Outcome.PASS),
        Example(
            "an old evaluation that nothing calls",
            "inactive",
            folder(script(helpers=_DROPPED.replace("def eval_val(", "def eval_old("))),
            Outcome.PASS,
        ),
    ),
)

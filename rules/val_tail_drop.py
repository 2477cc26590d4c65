"""The last, shorter window is scored as well."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.rule import Example, Facts, Rule, Source
from rules._examples import EVALUATION, folder, script
from rules._syntax import code_finding, last_name, names, number, python_units

ID = "val-tail-drop"


def _step(iterable: ast.expr) -> str | None:
    """The name of the stride of `range(start, total, stride)`."""
    if isinstance(iterable, ast.Call) and last_name(iterable.func) == "range" and len(iterable.args) == 3:
        return last_name(iterable.args[2]) or None
    return None


def _drops(test: ast.expr, stride: str) -> bool:
    """`min(ws + length, total) - ws >= stride`, and the same turned round or as `> stride - 1`."""
    for node in ast.walk(test):
        if not (isinstance(node, ast.Compare) and len(node.ops) == 1):
            continue
        left, right = node.left, node.comparators[0]
        if isinstance(node.ops[0], ast.LtE | ast.Lt):
            left, right = right, left
        elif not isinstance(node.ops[0], ast.GtE | ast.Gt):
            continue
        rest = isinstance(left, ast.BinOp) and isinstance(left.op, ast.Sub) and "min" in names(left)
        if rest and number(right) is None and stride in names(right):
            return True
    return False


def _findings(facts: Facts) -> Iterator[Finding]:
    for unit, tree in python_units(facts):
        for node in ast.walk(tree):
            if isinstance(node, ast.comprehension):
                stride, tests, place = _step(node.iter), node.ifs, node.iter
            elif isinstance(node, ast.For):
                skips = [s for s in node.body if isinstance(s, ast.If) and isinstance(s.body[0], ast.Continue)]
                stride, tests, place = _step(node.iter), [_negated(s.test) for s in skips], node.iter
            else:
                continue
            if stride and any(_drops(test, stride) for test in tests):
                message = (
                    f"the windows leave out a last one shorter than '{stride}': up to {stride} - 1 tokens unscored"
                )
                yield code_finding(facts, ID, Outcome.WARNING, unit, place, message)


def _negated(test: ast.expr) -> ast.expr:
    """`if rest < stride: continue` keeps what `rest >= stride` keeps."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Lt):
        return ast.Compare(left=test.left, ops=[ast.GtE()], comparators=test.comparators)
    return ast.Constant(value=True)


def check(facts: Facts) -> Ruling:
    return found(list(_findings(facts)), "no window of the validation set is left out")


_LOOP = "        for start in range(0, total, stride):\n"
_DROPPED = EVALUATION.replace(
    _LOOP,
    "        starts = [s for s in range(0, total, stride) if min(s + seq_len, total) - s >= stride]\n"
    "        for start in starts:\n",
)
_SKIPPED = EVALUATION.replace(
    _LOOP, _LOOP + "            if min(start + seq_len, total) - start < stride:\n                continue\n"
)
_KEPT = EVALUATION.replace(
    _LOOP,
    "        starts = [s for s in range(0, total, stride) if min(s + seq_len, total) - s >= 1]\n"
    "        for start in starts:\n",
)

RULE = Rule(
    id=ID,
    title="The last partial window is scored",
    authority="maintainer",
    evidence=("code",),
    criterion="Sliding windows cover every validation token, the remainder at the end included.",
    why="A token left out is not scored; at the usual stride this is at most 63 tokens of 62 million.",
    remedy="Keep the windows whose rest is at least one token.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/50", "0hq: the last window", "2026-03-19"),
        Source("https://github.com/openai/parameter-golf/pull/124", "merged correction"),
    ),
    check=check,
    examples=(
        Example("rest shorter than the stride dropped", "breaks", folder(script(_DROPPED)), Outcome.WARNING),
        Example("skipped in the loop", "breaks", folder(script(_SKIPPED)), Outcome.WARNING),
        Example("rest of one token kept", "legal", folder(script(_KEPT)), Outcome.PASS),
        Example("all windows", "legal", folder(), Outcome.PASS),
        Example(
            "an old evaluation that nothing calls",
            "inactive",
            folder(script(helpers=_DROPPED.replace("def eval_val(", "def eval_old("))),
            Outcome.PASS,
        ),
    ),
)

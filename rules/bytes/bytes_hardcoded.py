"""Bytes are counted, not assumed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.rule import Example, Facts, Rule, Source
from auditor.source import Unit
from auditor.source.index import of_type
from rules.analysis.bytetable import adds_leading_space, byte_tables
from rules.analysis.syntax import (
    assignments,
    code_finding,
    environment_default,
    last_name,
    number,
    python_units,
    scopes,
)
from rules.examples.folders import EVALUATION, folder, script

ID = "bytes-hardcoded"


def _factors(node: ast.expr, inverse: bool = False) -> Iterator[tuple[ast.expr, bool]]:
    """The factors of a product; True for those it is divided by."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        yield from _factors(node.left, inverse)
        yield from _factors(node.right, inverse != isinstance(node.op, ast.Div))
    else:
        yield node, inverse


def _is_ln2(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and last_name(node.func) in {"log", "log_"} and node.args:
        return number(node.args[0]) == 2.0
    value = number(node)
    return last_name(node).upper() in {"LN2", "LOG2", "LN_2"} or (value is not None and abs(value - 0.6931) < 0.0005)


class _Constants:
    """The numbers that names and switches stand for."""

    def __init__(self, tree: ast.Module) -> None:
        self._values: dict[str, list[ast.expr]] = {}
        for node in of_type(tree, ast.Assign, ast.AnnAssign):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._values.setdefault(last_name(target), []).append(node.value)
            elif node.value is not None:
                self._values.setdefault(last_name(node.target), []).append(node.value)

    def of(self, node: ast.expr) -> float | None:
        value = number(node)
        if value is not None:
            return value
        if not isinstance(node, ast.Name | ast.Attribute):
            return None
        known = self._values.get(last_name(node), [])
        numbers = {self._assigned(v) for v in known}
        return numbers.pop() if len(numbers) == 1 else None

    def product(self, node: ast.expr) -> ast.expr | None:
        """The product that a name was assigned, if it was assigned once."""
        known = self._values.get(node.id, []) if isinstance(node, ast.Name) else []
        return known[0] if len(known) == 1 and isinstance(known[0], ast.BinOp) else None

    @staticmethod
    def _assigned(node: ast.expr) -> float | None:
        switch = environment_default(node)
        if switch and switch[1] is not None:
            default = switch[1]
            if isinstance(default, ast.Constant) and isinstance(default.value, str):
                try:
                    return float(default.value)
                except ValueError:
                    return None
            return number(default)
        return number(node)


def _constant_bytes(node: ast.expr, constants: _Constants) -> float | None:
    """The bytes per token that a figure in bits per byte is divided by, if it is a constant."""
    factors = list(_factors(node))
    for factor, inverse in list(factors):
        inner = constants.product(factor)
        if inner is not None and any(_is_ln2(f) for f, _ in _factors(inner)):
            factors += _factors(inner, inverse)
    if not any(_is_ln2(f) and inverse for f, inverse in factors):
        return None
    for factor, inverse in factors:
        value = None if _is_ln2(factor) else constants.of(factor)
        # No tokenizer has fewer than 1.2 or more than 8 bytes a token; 2 and 8 convert units.
        if value is None or value <= 0:
            continue
        width = value if inverse else 1 / value
        if 1.2 < width < 8 and width != 2:
            return width
    return None


def _findings(facts: Facts) -> Iterator[Finding]:
    units = list(python_units(facts))
    counted = any(adds_leading_space(tree) is not None or byte_tables(unit, tree) for unit, tree in units)
    for unit, tree in units:
        yield from _of_unit(facts, unit, tree, counted)


def _of_unit(facts: Facts, unit: Unit, tree: ast.Module, counted: bool) -> Iterator[Finding]:
    constants = _Constants(tree)
    told: set[int] = set()
    for scope in scopes(tree):
        for target, value, statement in assignments(scope):
            width = _constant_bytes(value, constants) if isinstance(value, ast.BinOp) else None
            if width is None or statement.lineno in told:
                continue
            told.add(statement.lineno)
            name = last_name(target) or "the figure"
            message = f"'{name}' divides by a constant of {width:g} bytes per token instead of counting bytes"
            if counted:
                yield code_finding(
                    facts, ID, Outcome.WARNING, unit, statement, message + "; another figure counts them"
                )
            else:
                yield code_finding(facts, ID, Outcome.VIOLATION, unit, statement, message)
    for node in of_type(tree, ast.Return):
        if isinstance(node.value, ast.Tuple | ast.BinOp) and not counted:
            parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            width = next((w for p in parts if (w := _constant_bytes(p, constants))), None)
            if width is not None and node.lineno not in told:
                message = f"the returned figure divides by a constant of {width:g} bytes per token"
                yield code_finding(facts, ID, Outcome.VIOLATION, unit, node, message)


def check(facts: Facts) -> Ruling:
    return found(list(_findings(facts)), "no figure is made with a constant number of bytes per token")


_LINE = "    val_bpb = val_loss / math.log(2.0) * (token_count / byte_count).item()\n"
_NO_TABLE = """
def build_byte_tables(tokenizer, vocab_size, device):
    return None, None, None
"""


def _uncounted(replacement: str) -> str:
    body = EVALUATION.replace(_LINE, replacement)
    start = body.index("            prev, tgt")
    return body[:start] + body[body.index("    val_loss = (loss_sum") :]


_CONSTANT = _uncounted("    BYTES_PER_TOKEN = 2.436\n    val_bpb = val_loss / math.log(2.0) / BYTES_PER_TOKEN\n")
_SWITCH = _uncounted("    bits = val_loss / math.log(2.0)\n    val_bpb = bits / args.width\n")
_PROGRESS = EVALUATION.replace(
    _LINE, _LINE + '    print(f"about {val_loss / math.log(2.0) / 2.436:.2f} bits per byte so far")\n'
)

RULE = Rule(
    id=ID,
    title="Bytes are counted, not assumed",
    authority="maintainer",
    evidence=("code",),
    criterion="The reported figure divides by bytes summed over the scored tokens, not by a constant per token.",
    why="A constant is right for one text and one tokenizer at most, and can be chosen.",
    remedy="Sum the byte table over the scored tokens, as the baseline does.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/2009", "cocohearts: BYTES_PER_TOKEN", "2026-05-02"),
        Source("https://github.com/openai/parameter-golf/issues/1017", "field guide, section V", "2026-03-28"),
    ),
    check=check,
    examples=(
        Example("a named constant", "breaks", folder(script(_CONSTANT, tables=_NO_TABLE)), Outcome.VIOLATION),
        Example(
            "a switch, through a variable",
            "breaks",
            folder(
                script(_SWITCH, tables=_NO_TABLE, settings='width = float(os.environ.get("BYTES_A_TOKEN", "2.436"))')
            ),
            Outcome.VIOLATION,
        ),
        Example("counted", "legal", folder(), Outcome.PASS),
        Example("a constant in a progress print", "legal", folder(script(_PROGRESS)), Outcome.PASS),
    ),
)

"""No validation bytes in the artifact."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.rule import Example, Facts, Rule, Source
from auditor.source.index import of_type
from rules._examples import EVALUATION, folder, script, seeds
from rules._ledger import integer, judged, log_finding, log_lines
from rules._origin import origins_of
from rules._syntax import assignments, code_finding, last_name, python_units

ID = "paid-prefix"

_LOADED = re.compile(
    r"(?i)(?:paid_?prefix|prefix_blob|val_?prefix)[^\n]{0,80}?"
    r"(?:tokens[:=]\s?([0-9][0-9,]*)|loaded ([0-9][0-9,]*) tokens)"
)
_ZEROING = {"masked_fill", "masked_fill_", "where"}


def _in_logs(facts: Facts) -> Iterator[Finding]:
    for run in judged(facts):
        for number, line in log_lines(facts, run):
            match = _LOADED.search(line)
            count = integer(match[1] or match[2]) if match else 0
            if count > 0:
                message = f"{run.log} loads {count:,} stored validation tokens"
                yield log_finding(ID, Outcome.VIOLATION, run, number, message, excerpt=line.strip())
                break


def _matches(node: ast.expr, known: dict[str, ast.expr]) -> ast.Compare | None:
    """The comparison for equality that a mask is made of, through a name, a negation and conversions."""
    for _ in range(8):
        if isinstance(node, ast.Compare):
            return node if len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq) else None
        if isinstance(node, ast.UnaryOp):
            node = node.operand
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        elif isinstance(node, ast.Name) and node.id in known:
            node = known[node.id]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            node = node.right
        else:
            return None
    return None


def _zeroed(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.expr]]:
    """(statement, mask) of every place that multiplies or replaces values by a mask."""
    for node in of_type(tree, ast.AugAssign, ast.BinOp, ast.Call, ast.Assign):
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Mult):
            yield node, node.value
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            yield node, node.right
            yield node, node.left
        elif isinstance(node, ast.Call) and last_name(node.func) in _ZEROING and node.args:
            yield node, node.args[0]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            index = node.targets[0].slice
            if isinstance(index, ast.expr) and isinstance(node.value, ast.Constant) and node.value.value == 0:
                yield node, index


def _in_code(facts: Facts) -> Iterator[Finding]:
    for unit, tree in python_units(facts):
        origins = origins_of(tree)
        tables: dict[ast.AST, dict[str, ast.expr]] = {}
        told: set[int] = set()
        for place, mask in _zeroed(tree):
            scope = origins.scope_of(place)
            if scope not in tables:
                tables[scope] = {t.id: v for t, v, _ in assignments(scope) if isinstance(t, ast.Name)}
            compared = _matches(mask, tables[scope])
            if compared is None:
                continue
            sides = [origins.of(side) for side in (compared.left, compared.comparators[0])]
            stored = any("blob" in a and "validation" not in a and "validation" in b for a, b in (sides, sides[::-1]))
            line = getattr(place, "lineno", 0)
            if stored and line not in told:
                told.add(line)
                message = "the loss is cleared where a stored token equals the target: validation text in the artifact"
                yield code_finding(facts, ID, Outcome.VIOLATION, unit, place, message)


def check(facts: Facts) -> Ruling:
    return found([*_in_logs(facts), *_in_code(facts)], "no loss is taken from stored validation tokens")


_STORED = """
def load_stored(path):
    with open(path, "rb") as handle:
        return torch.from_numpy(np.frombuffer(zlib.decompress(handle.read()), dtype=np.uint16).astype(np.int64))
"""
_COVERED = EVALUATION.replace(
    "            scored = nll[start - begin:]\n",
    "            scored = nll[start - begin:]\n"
    "            known = stored[start:end].to(device)\n"
    "            hit = known == y[0, start - begin:][:known.numel()]\n"
    "            scored[:known.numel()] *= (~hit).float()\n",
).replace("boundary, device):", "boundary, device, stored):")
_CALL = (
    "val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device, "
    'load_stored("answers.bin"))'
)
_MASKED = EVALUATION.replace(
    "            scored = nll[start - begin:]\n",
    "            scored = nll[start - begin:]\n            scored = scored * (y[0, start - begin:] != 0).float()\n",
)

RULE = Rule(
    id=ID,
    title="The artifact holds no validation text",
    authority="maintainer",
    evidence=("code", "logs"),
    criterion="No position's loss is taken from, or helped by, stored validation tokens or statistics of them.",
    why="Storing the answers measures nothing, even if their bytes are counted.",
    remedy="Remove the stored tokens and score every position with the model.",
    sources=(
        Source("https://github.com/openai/parameter-golf#faq", "no paid prefix (2cff08e1a)", "2026-03-20"),
        Source("https://github.com/openai/parameter-golf/pull/168", "0hq", "2026-03-20"),
        Source("https://github.com/openai/parameter-golf/pull/275", "0hq", "2026-03-20"),
    ),
    check=check,
    examples=(
        Example(
            "loss cleared on stored tokens",
            "breaks",
            folder(script(_COVERED, helpers=_STORED, scoring=_CALL)),
            Outcome.VIOLATION,
        ),
        Example(
            "a prefix loaded in the log",
            "breaks",
            folder(logs=seeds(before=["paid_prefix_file:p.xz paid_prefix_tokens:12924343 paid_prefix_bytes:8750000"])),
            Outcome.VIOLATION,
        ),
        Example("every position scored", "legal", folder(), Outcome.PASS),
        Example("padding masked by its own id", "legal", folder(script(_MASKED)), Outcome.PASS),
        Example(
            "zero tokens loaded",
            "legal",
            folder(logs=seeds(before=["paid_prefix_file: paid_prefix_tokens:0"])),
            Outcome.PASS,
        ),
        Example("a loader that nothing calls", "inactive", folder(script(helpers=_STORED)), Outcome.PASS),
    ),
    not_decidable="validation statistics hidden in weights or tables; only the artifact's origin would tell",
)

"""The validation stream is evaluated in its own order, at least where state is carried along it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.program.origin import Origins
from auditor.rule import Example, Facts, Rule
from auditor.source import Unit
from auditor.source.index import of_type, walk
from rules.analysis.syntax import (
    Function,
    calls,
    code_finding,
    function_of,
    functions,
    last_name,
    names,
    origins_of,
    python_units,
)
from rules.examples.folders import folder, script
from rules.law.standing import issue, pull

ID = "val-stream-reorder"

_PARTS = re.compile(r"(?i)(^|_)(docs?|documents?|doc_\w+|windows?|chunks?|segments?|batches|window_starts)(_|$)")
_SHUFFLES = frozenset({"shuffle", "randperm", "permutation"})
_RESETS = re.compile(r"(?i)reset|load_state_dict|restore|reinit|^zero_$|^copy_$|^fill_$|init_lora|fresh")
_STEPS = frozenset({"step", "backward"})


def _reorders(origins: Origins, call: ast.Call) -> str:
    """How a call reorders parts of the validation stream, "" where it does not."""
    name = last_name(call.func)
    if name in _SHUFFLES:
        subject = call.args[0] if call.args else None
        return "shuffles" if subject is not None and _of_validation(origins, subject) else ""
    key = next((k.value for k in call.keywords if k.arg == "key"), None)
    if name == "sorted" and call.args:
        subject = call.args[0]
    elif name == "sort" and isinstance(call.func, ast.Attribute):
        subject = call.func.value
    else:
        return ""
    if key is None or not _by_length(key) or not _of_validation(origins, subject):
        return ""
    return "sorts by length"


def _of_validation(origins: Origins, subject: ast.expr) -> bool:
    kinds = origins.of(subject)
    if "validation" in kinds:
        return "training" not in kinds
    # The tokens are lost on the way through queues and records: parts of a stream by their name, unless of training.
    return "training" not in kinds and any(_PARTS.search(name) for name in names(subject))


def _by_length(key: ast.expr) -> bool:
    """`len`, `lambda d: d[1]`, `lambda d: (d[1] - 2) // chunk`: not the first field, which is the position."""
    if isinstance(key, ast.Name):
        return key.id == "len"
    if not isinstance(key, ast.Lambda) or isinstance(key.body, ast.Tuple):
        return False
    for node in walk(key.body):
        if isinstance(node, ast.Call) and last_name(node.func) == "len":
            return True
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == 1:
            return True
        if isinstance(node, ast.Attribute) and re.search(r"(?i)len", node.attr):
            return True
    return False


def _users(tree: ast.Module, holder: Function | None) -> Iterator[Function]:
    """The function that reorders and those that call it."""
    if holder is None:
        return
    yield holder
    for function in functions(tree):
        if function is not holder and any(last_name(c.func) == holder.name for c in calls(function)):
            yield function


def _carries(tree: ast.Module, holder: Function | None, line: int) -> bool | None:
    """Whether what is trained along the parts reordered at a line stays: None where nothing is trained there."""
    trained = [f for f in _users(tree, holder) if _trains(f, line if f is holder else 0)]
    if not trained:
        return None
    return not any(_resets(function) for function in trained)


def _trains(function: Function, after: int) -> bool:
    return any(last_name(call.func) in _STEPS and call.lineno > after for call in calls(function))


def _resets(function: Function) -> bool:
    """Whether a loop of the function resets, or builds anew, what it trains."""
    for loop in of_type(function, ast.For, ast.While):
        for call in calls(loop):
            name = last_name(call.func)
            if _RESETS.search(name) or (name[:1].isupper() and re.search(r"(?i)lora|adapter|ttt|delta", name)):
                return True
    return False


def _finding(facts: Facts, unit: Unit, call: ast.Call, how: str, carries: bool) -> Finding:
    if carries:
        outcome = Outcome.DISPUTED
        message = f"{how} parts of the validation stream and trains along them without a reset: state is carried"
    else:
        outcome = Outcome.WARNING
        message = f"{how} parts of the validation stream; what is trained along them is reset, which was tolerated"
    return code_finding(facts, ID, outcome, unit, call, message, remedy=RULE.remedy)


def check(facts: Facts) -> Ruling:
    findings: list[Finding] = []
    for unit, tree in python_units(facts):
        if "sort" not in unit.text and not any(word in unit.text for word in _SHUFFLES):
            continue
        origins = origins_of(tree)
        for call in calls(tree):
            how = _reorders(origins, call)
            if not how:
                continue
            carries = _carries(tree, function_of(call, origins.above), call.lineno)
            # Where nothing learns along the way, order changes no score.
            if carries is not None:
                findings.append(_finding(facts, unit, call, how, carries))
    return found(findings, "the validation stream is not reordered where something learns along it")


_DOCUMENTS = """
def find_documents(tokens):
    starts = (tokens == 1).nonzero().flatten().tolist()
    ends = [*starts[1:], tokens.numel()]
    return [(begin, end - begin) for begin, end in zip(starts, ends)]


class Lora(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.a = nn.Parameter(torch.zeros(dim))
"""
_EVAL = '''
def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    """Score each chunk of a document, then train an adapter on it."""
    ORDER
    lora = Lora(args.model_dim).to(device)
    optimizer = torch.optim.SGD(lora.parameters(), lr=1e-3)
    loss_sum, byte_sum, count = 0.0, 0.0, 0
    for begin, length in documents:
        RESET
        for start in range(begin, begin + length - 1, args.seq_len):
            x = val_tokens[start:start + args.seq_len][None].to(device).long()
            y = val_tokens[start + 1:start + args.seq_len + 1][None].to(device).long()
            nll = F.cross_entropy(model.forward_logits(x + lora.a).flatten(0, 1), y.flatten(), reduction="none")
            loss_sum += float(nll.detach().sum())
            byte_sum += float(base_bytes[y].sum())
            count += y.numel()
            nll.mean().backward()
            optimizer.step()
            optimizer.zero_grad()
    return loss_sum / count, loss_sum / math.log(2.0) / byte_sum
'''
_SORTED = "documents = sorted(find_documents(val_tokens), key=lambda d: d[1])"
_PLAIN = "documents = find_documents(val_tokens)"
_SHUFFLED = _PLAIN + "\n    import random\n    random.shuffle(documents)"
_FRESH = "with torch.no_grad():\n            lora.a.zero_()"


def _example(order: str, reset: str) -> Mapping[str, str | bytes]:
    return folder(script(_EVAL.replace("ORDER", order).replace("RESET", reset), helpers=_DOCUMENTS))


RULE = Rule(
    id=ID,
    title="The validation stream keeps its order where state is carried",
    class_="score",
    authority="maintainer",
    evidence=("code",),
    criterion="Documents or windows of the validation stream are not sorted or shuffled; per document, with a reset "
    "after each, it was tolerated.",
    why="The score is of the stream in its own order: another order lets later documents teach earlier ones.",
    remedy="Process the documents in their order, or reset whatever is trained after every document.",
    sources=(
        issue(402, "0hq: may not re-order the evaluation set (issuecomment-4112325938)", "2026-03-23"),
        pull(1536, "demoted by its author for sorting documents by length", "2026-04"),
        pull(1530, "merged with a queue of documents sorted by length", "2026-04-29"),
    ),
    check=check,
    examples=(
        Example("sorted by length, state carried", "breaks", _example(_SORTED, "pass"), Outcome.DISPUTED),
        Example("shuffled, state carried", "breaks", _example(_SHUFFLED, "pass"), Outcome.DISPUTED),
        Example("sorted by length, reset per document", "breaks", _example(_SORTED, _FRESH), Outcome.WARNING),
        Example("in order, state carried", "legal", _example(_PLAIN, "pass"), Outcome.PASS),
        Example(
            "sorted for batching, nothing learns",
            "legal",
            folder(
                script(
                    helpers=_DOCUMENTS,
                    after_training="documents = sorted(find_documents(val_tokens), key=lambda d: d[1])",
                )
            ),
            Outcome.PASS,
        ),
        Example(
            "a function that nothing calls",
            "inactive",
            folder(
                script(
                    helpers=_DOCUMENTS
                    + _EVAL.replace("def eval_val", "def unused").replace("ORDER", _SORTED).replace("RESET", "pass")
                )
            ),
            Outcome.PASS,
        ),
        Example("windows in order", "legal", folder(), Outcome.PASS),
    ),
    not_decidable="an order that is prepared in a file of the folder",
)

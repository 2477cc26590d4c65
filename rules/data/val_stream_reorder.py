"""The validation stream is evaluated in its own order, at least where state is carried along it."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.program.stream.order import Reorder
from auditor.rule import Example, Facts, Rule
from rules.examples.folders import folder
from rules.examples.scripts import script
from rules.findings import shown
from rules.law.standing import issue, pull

ID = "val-stream-reorder"


def _finding(reorder: Reorder) -> Finding:
    parts = f"parts of the validation stream are {reorder.how}"
    if reorder.carries:
        message = f"{parts}, and what is trained along them has no reset: state is carried"
        return shown(ID, Outcome.DISPUTED, reorder, message)
    message = f"{parts}; what is trained along them is reset, which was tolerated"
    return shown(ID, Outcome.WARNING, reorder, message)


def check(facts: Facts) -> Ruling:
    # Where nothing learns along the way, order changes no score.
    findings = [_finding(reorder) for reorder in facts.code.reorders if reorder.carries is not None]
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

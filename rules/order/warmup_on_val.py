"""Compile warm-up that trains on real validation tokens, with its effect thrown away."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.findings import Finding, Outcome, Ruling, found, not_applicable, not_checked
from auditor.probe.model import Kind
from auditor.program.trace import Adapt, Trace, step
from auditor.rule import Behaviour, Example, Facts, Rule
from rules.examples.folders import folder
from rules.examples.scripts import script
from rules.law.standing import issue, pull

ID = "warmup-on-val"


def _idle(trace: Trace) -> list[Adapt]:
    """The adaptations to validation tokens that no reported score depends on, and that follow no score.

    In a loop that scores and adapts by turns the last adaptation is idle too: it is no warm-up.
    """
    reported = {number for report in trace.reports for number in report.outputs if number in trace.outputs}
    outputs = [trace.outputs[number] for number in reported]
    used = {trace.adapts[a].place.key for output in outputs for a in output.state if a in trace.adapts}
    scoring = {loop.instance for output in outputs for loop in output.loops}
    last = max((output.order for output in outputs), default=-1)
    return [
        adapt
        for adapt in trace.adapts.values()
        if adapt.place.key not in used
        and not adapt.statistics
        and not adapt.outputs & reported
        and not {loop.instance for loop in adapt.loops} & scoring
        and not any(trace.outputs[n].accumulated for n in adapt.outputs if n in trace.outputs)
        and adapt.order < last
        and adapt.number not in trace.saved
    ]


def check(facts: Facts) -> Ruling:
    program = facts.program
    if not program.followed:
        return not_checked("the evaluation path could not be followed")
    if not program.trace.adapts and not (program.dormant and program.dormant.adapts):
        return not_applicable("nothing adapts to validation tokens")
    findings: dict[tuple[str, int, int], Finding] = {}
    for adapt in _idle(program.trace):
        findings.setdefault(
            adapt.place.key,
            Finding(
                rule=ID,
                outcome=Outcome.WARNING,
                message="a warm-up before the timer takes optimizer steps on real validation tokens; no score depends "
                "on what it learns",
                location=adapt.place.location,
                active=adapt.active,
                trace=(step(adapt, "a step on validation tokens that nothing scores"),),
                remedy=RULE.remedy,
            ),
        )
    return found(list(findings.values()), "no warm-up on validation tokens")


_SCORE_FIRST = '''
def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    """Score a chunk, then train on it."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    loss_sum, byte_sum, count = 0.0, 0.0, 0
    for start in range(0, val_tokens.numel() - 1, args.seq_len):
        x = val_tokens[start:start + args.seq_len][None].to(device).long()
        y = val_tokens[start + 1:start + args.seq_len + 1][None].to(device).long()
        x = x[:, :y.size(1)]
        with torch.no_grad():
            loss_sum += float(model(x, y)) * y.numel()
        byte_sum += float(base_bytes[y].sum() + (leading_space[y] & ~boundary[x]).sum())
        count += y.numel()
        loss = model(x, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss_sum / count, loss_sum / math.log(2.0) / byte_sum
'''
_WARM = """
import copy
spare = copy.deepcopy(model)
spare_optimizer = torch.optim.SGD(spare.parameters(), lr=1e-3)
for width in (args.seq_len, 2 * args.seq_len):
    x = SOURCE[:width][None].to(device).long()
    y = SOURCE[1:width + 1][None].to(device).long()
    spare(x, y).backward()
    spare_optimizer.step()
    spare_optimizer.zero_grad()
del spare, spare_optimizer
"""
_RANDOM = _WARM.replace("SOURCE", "torch.randint(0, args.vocab_size, (4096,))")
_TRAINING = _WARM.replace("SOURCE", "load_shard(train_files[0])")
_SWITCHED = "if args.warm:\n" + "\n".join("    " + line for line in _WARM.replace("SOURCE", "val_tokens").split("\n"))


def _example(warm: str, settings: str = "") -> Mapping[str, str | bytes]:
    return folder(script(_SCORE_FIRST, after_training=warm, settings=settings))


RULE = Rule(
    id=ID,
    title="Warm-up does not train on validation tokens",
    class_="score",
    authority="disputed",
    evidence=("code",),
    criterion="What is run before the timer to compile takes its tokens from random numbers or the training data.",
    why="It has the shape of training on the test set; with the state thrown away it was measured to change nothing.",
    remedy="Warm up on torch.randint tokens.",
    sources=(
        pull(1530, "flagged in review, measured to have no effect, merged unchanged", "2026-04-29"),
        issue(677, "the list of what is not allowed", "2026-03-25"),
        pull(1536, "the same code with synthetic tokens", "2026-04"),
    ),
    check=check,
    examples=(
        Example(
            "a copy is trained on validation tokens and dropped",
            "breaks",
            _example(_WARM.replace("SOURCE", "val_tokens")),
            Outcome.WARNING,
        ),
        Example("random tokens", "legal", _example(_RANDOM), Outcome.PASS),
        Example("training tokens", "legal", _example(_TRAINING), Outcome.PASS),
        Example("score first, then train", "legal", folder(script(_SCORE_FIRST)), Outcome.PASS),
        Example(
            "switched off",
            "inactive",
            _example(_SWITCHED, 'warm = bool(int(os.environ.get("WARM", "0")))'),
            Outcome.PASS,
        ),
        Example("nothing adapts", "legal", folder(), Outcome.NOT_APPLICABLE),
    ),
    behaviour=Behaviour(shown_by=(Kind.FUTURE_FLIP,), breaks=("C3", "C1")),
    not_decidable="whether the compiler's caches keep anything; steps whose effect stays are adapt-before-score",
)

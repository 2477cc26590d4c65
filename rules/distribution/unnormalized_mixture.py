"""What is scored is read off one distribution over the vocabulary that sums to one."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.probe.model import Kind
from auditor.program.trace import Lookup, Scale
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.examples.folders import EVALUATION, folder, script
from rules.examples.ngram import exact, full_rows, target_key
from rules.findings import event_finding
from rules.scored import reported, unreadable

ID = "unnormalized-mixture"


def check(facts: Facts) -> Ruling:
    missing = unreadable(facts)
    if missing is not None:
        return missing
    findings: list[Finding] = []
    for tag in ("lookup", "scaled", "stacked"):
        for hit in reported(facts, tag):
            event, report = hit.event, hit.report
            if isinstance(event, Lookup) and not event.hashed and ("gate", hit.number) not in report.tags:
                continue  # exact counts, smoothed over the whole vocabulary, are normalized
            if isinstance(event, Lookup):
                message = (
                    "a count of the realised token alone is mixed into its probability; "
                    "the values over the vocabulary do not sum to one"
                )
                what = "count of the target alone"
            elif isinstance(event, Scale):
                message = (
                    f"the reported loss is multiplied by {event.factor:g}: it is no negative log-probability any more"
                )
                what = "loss times a constant"
            else:
                message = "an entropy is mixed in among losses as if it were the loss of an expert"
                what = "entropy among losses"
            findings.append(event_finding(facts, ID, Outcome.VIOLATION, event, report, message, what))
    return found(findings, "every reported loss is read off the model's own distribution")


_NLL = 'nll = F.cross_entropy(logits.float().flatten(0, 1), y.flatten(), reduction="none")'
_ENTROPY = """logp = logits.float().flatten(0, 1).log_softmax(-1)
            entropy = -(logp.exp() * logp).sum(-1)
            nll = -torch.logsumexp(torch.stack([-nll, -entropy]) - math.log(2.0), dim=0)"""

RULE = Rule(
    id=ID,
    title="The score comes from a normalized distribution",
    class_="score",
    authority="maintainer",
    evidence=("code",),
    criterion="The value used as the probability of the target, computed for every token instead, sums to one.",
    why="A number computed only at the realised token is no distribution; it can be made as small as one likes.",
    remedy="Mix full distributions, renormalize (a closed-form Z will do), then read the target off.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/779", "valerio-oai", "2026-03-27"),
        Source(
            "https://github.com/openai/parameter-golf/pull/1185",
            "valerio-oai: compute it over the whole vocabulary",
            "2026-03-31",
        ),
        Source("https://github.com/openai/parameter-golf/issues/1017", "condition 2", "2026-03-28"),
    ),
    check=check,
    examples=(
        Example("count of the target alone", "breaks", folder(target_key()), Outcome.VIOLATION),
        Example(
            "loss times 0.98",
            "breaks",
            folder(script(EVALUATION.replace(_NLL, _NLL + " * 0.98"))),
            Outcome.VIOLATION,
        ),
        Example(
            "entropy as an expert",
            "breaks",
            folder(script(EVALUATION.replace(_NLL, _NLL + "\n            " + _ENTROPY))),
            Outcome.VIOLATION,
        ),
        Example(
            "a constant temperature on the logits",
            "legal",
            folder(script(EVALUATION.replace("logits.float().flatten", "(logits.float() / 0.98).flatten"))),
            Outcome.PASS,
        ),
        Example(
            "exact counts, used where the target was seen",
            "breaks",
            folder(exact("np.where(seen > 0, 0.8 * p + 0.2 * seen / np.maximum(total, 1), p)")),
            Outcome.VIOLATION,
        ),
        Example(
            "exact counts, smoothed over the vocabulary",
            "legal",
            folder(exact("0.8 * p + 0.2 * (seen + 1) / (total + args.vocab_size)")),
            Outcome.PASS,
        ),
        Example("a row over the vocabulary", "legal", folder(full_rows()), Outcome.PASS),
        Example("order 0", "inactive", folder(target_key(0)), Outcome.PASS),
    ),
    behaviour=Behaviour(
        shown_by=(Kind.NORMALIZATION,),
        stands_for=(Kind.NORMALIZATION,),
        blind="only rows that are read off a whole distribution are summed, a number made for the target alone is none",
    ),
    not_decidable="the sum over the vocabulary itself, which only a run can show",
)

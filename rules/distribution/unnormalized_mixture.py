"""What is scored is read off one distribution over the vocabulary that sums to one."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, Step, found
from auditor.probe.model import Kind
from auditor.program.recipe import Node, Op, What
from auditor.program.recipe.bonuses import unpaid
from auditor.program.recipe.mass import more_than_one
from auditor.program.recipe.reading import figures, shifted, unnormalized
from auditor.program.recipe.spine import departures, extremes, plainly
from auditor.program.tags import GatedBy, LookedUp, ScaledBy, StackedBy
from auditor.program.trace import CHANGES_LOSSES, Lookup, Scale
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.distribution._mixed import is_score, mixtures
from rules.examples.folders import folder
from rules.examples.mixtures import CONDITIONAL, PPM, mixed_bytes
from rules.examples.ngram import exact, full_rows, target_key
from rules.examples.scripts import EVALUATION, SCORING, TABLES, script
from rules.findings import event_finding, formula_finding, shown
from rules.law.standing import pull
from rules.scored import against, label, reported, unreadable

ID = "unnormalized-mixture"


def check(facts: Facts) -> Ruling:
    findings = list(_of_bytes(facts))
    missing = unreadable(facts)
    if missing is not None:
        return found(findings, "") if findings else missing
    for kind in (LookedUp, ScaledBy, StackedBy):
        for hit in reported(facts, kind):
            event, report = hit.event, hit.report
            if isinstance(event, Lookup) and not event.hashed and GatedBy(hit.number) not in report.tags:
                # Exact counts, smoothed over the whole vocabulary, are normalized; read at the target alone and weighed
                # by the model's own entropy they were ruled out all the same.
                if _entropic(facts):
                    what = "an exact count, read at the target alone"
                    findings.append(event_finding(facts, ID, Outcome.DISPUTED, event, report, _EXACT, what))
                continue
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
    findings += against(facts, ID, CHANGES_LOSSES)
    said = {(f.location.path, f.location.layer, f.location.line) for f in findings if f.location}
    findings += [f for key, f in _of_the_formula(facts).items() if key not in said]
    return found(findings, "every reported loss is read off the model's own distribution")


def _of_bytes(facts: Facts) -> Iterator[Finding]:
    """A mixture with a byte model that makes the score: no distribution over bytes is none over tokens."""
    if is_score(facts) is False:
        return
    for mixture in mixtures(facts):
        message = "the score is mixed with a byte model (byte-ppm-mixture): over the vocabulary it does not sum to one"
        steps = (Step("Score", "mixed with the byte model", mixture.place.location),)
        yield shown(ID, Outcome.VIOLATION, mixture, message, trace=steps)


_EXACT = (
    "exact smoothed counts are read at the scored token alone and weighed by the model's entropy: as read they sum to "
    "one, and the practice was ruled out all the same (pull request 1185)"
)


def _entropic(facts: Facts) -> bool:
    """Whether an entropy goes into the reported figure."""
    heads = (head for _, head in figures(facts.program.trace, label(facts)))
    return any(node.what is What.ENTROPY for head in heads for node in head.walk())


def _of_the_formula(facts: Facts) -> dict[tuple[str, int, int], Finding]:
    """What the formula of the reported figure shows, one for each place."""
    hits: dict[tuple[str, int, int], Finding] = {}
    probed = facts.probe is not None and facts.probe.decided
    for line, head in figures(facts.program.trace, label(facts)):
        for node, message, what in _lost(head):
            finding = formula_finding(ID, line, node, message, what)
            if finding is not None and node.place is not None:
                hits.setdefault(node.place.key, finding)
        for node, why in (*departures(head), *extremes(head)) if not probed else ():
            if not plainly(node):
                continue
            message = f"as it reads, {why}: the figure is more than the losses of the tokens over their bytes"
            finding = formula_finding(ID, line, node, message, "no mean of losses any more", Outcome.DISPUTED)
            if finding is not None and node.place is not None:
                hits.setdefault(node.place.key, finding)
    return hits


def _lost(head: Node) -> Iterator[tuple[Node, str, str]]:
    """(step, message, what it does) for the steps that leave no distribution, or no score."""
    for node in unnormalized(head):
        how = {Op.ADD: _MIXED, Op.SUBTRACT: _OF_OTHERS}.get(node.op, _CHOSEN)
        yield node, f"{how}; over the vocabulary the values do not sum to one", "no distribution any more"
    for node, mass in more_than_one(head):
        message = _ADDED
        if mass is not None:
            message = f"probabilities are mixed under weights that sum to {mass:.3g}: so do they over the vocabulary"
        yield node, message, "no distribution any more"
    for node, why, certain in unpaid(head):
        if certain:
            yield node, f"{why}; over the vocabulary the values do not sum to one", "no distribution any more"
    for node, constant in shifted(head):
        done = "multiplied by" if node.op in (Op.MULTIPLY, Op.DIVIDE) else "moved by"
        message = f"what the figure is made of is {done} {constant:g}: it is no score of the tokens any more"
        yield node, message, "a constant changes the loss"


_ADDED = "something is added to all of a distribution: over the vocabulary they sum to more than one"
_MIXED = "probabilities are mixed with a weight that sees the scored token, or with a hashed count read at it alone"
_OF_OTHERS = "what the scored token's entry is divided by is the sum of other entries than those that it stands among"
_CHOSEN = "one of several probabilities of the scored token is taken by what it is"


_NLL = 'nll = F.cross_entropy(logits.float().flatten(0, 1), y.flatten(), reduction="none")'
_ENTROPY = """logp = logits.float().flatten(0, 1).log_softmax(-1)
            entropy = -(logp.exp() * logp).sum(-1)
            nll = -torch.logsumexp(torch.stack([-nll, -entropy]) - math.log(2.0), dim=0)"""

_SHARP = """rows = logits.float().flatten(0, 1)
            probs = [(t * rows).softmax(-1).gather(-1, y.flatten()[:, None])[:, 0] for t in (1.0, 1.1)]
            weight = {weight}
            nll = -torch.log(weight * probs[0] + (1 - weight) * probs[1])"""


_SURE = "(0.5 / (1 + np.exp(3 + (lp.exp() * lp).sum(-1)[0].cpu().numpy())))"
_STABLE = """rows = logits.float().flatten(0, 1)
            one, two = [(t * rows).log_softmax(-1).gather(-1, y.flatten()[:, None])[:, 0] for t in (1.0, 1.1)]
            one, two = one + math.log(0.7), two + math.log(0.3)
            top = torch.maximum(one, two)
            nll = -(top + torch.log(torch.exp(one - top) + torch.exp(two - top)))"""


_SPIKE = """rows = logits.float().flatten(0, 1).softmax(-1)
            again = F.one_hot(x.flatten(), rows.size(-1)).float()
            nll = -({kept} * rows + 0.1 * again).gather(-1, y.flatten()[:, None])[:, 0].log()"""


def _spike(kept: str) -> str:
    return script(EVALUATION.replace(_NLL, _SPIKE.format(kept=kept)))


_REPEATED = """rows = logits.float().flatten(0, 1).log_softmax(-1)
            nll = -rows.gather(-1, y.flatten()[:, None])[:, 0]
            again = rows.gather(-1, x.flatten()[:, None])[:, 0].exp()
            nll = nll - 0.5 * (y.flatten() == x.flatten()).float(){paid}"""
_PAID = " + torch.log1p(again * math.expm1(0.5))"


def _repeated(paid: str) -> str:
    return script(EVALUATION.replace(_NLL, _REPEATED.format(paid=paid)))


def _mixed(weight: str) -> str:
    return script(EVALUATION.replace(_NLL, _SHARP.format(weight=weight)))


_TWICE = TABLES.replace(
    "            piece = piece[1:]\n",
    '            piece = piece[1:]\n            base_bytes[i] = len(piece.encode("utf-8")) + 1\n            continue\n',
)

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
        pull(1514, "merged: a bonus for one token, with the logarithm of what it then sums to", "2026-04-28"),
    ),
    check=check,
    examples=(
        Example("a mixture with a byte model", "breaks", mixed_bytes(PPM), Outcome.VIOLATION),
        Example("a byte more for a piece of the table", "legal", folder(script(tables=_TWICE)), Outcome.PASS),
        Example("a mixture with a byte model, by its own bytes", "legal", mixed_bytes(CONDITIONAL), Outcome.PASS),
        Example("count of the target alone", "breaks", folder(target_key()), Outcome.VIOLATION),
        Example(
            "the figure times 0.99",
            "breaks",
            folder(script(scoring=SCORING + "val_bpb = 0.99 * val_bpb")),
            Outcome.VIOLATION,
        ),
        Example(
            "a weight that sees the token",
            "breaks",
            folder(_mixed("torch.sigmoid(base_bytes[y.flatten()].float())")),
            Outcome.VIOLATION,
        ),
        Example(
            "a convex mixture, summed in a stable way",
            "legal",
            folder(script(EVALUATION.replace(_NLL, _STABLE))),
            Outcome.PASS,
        ),
        Example(
            "a weight of the context alone",
            "legal",
            folder(_mixed("torch.sigmoid(logits.float().flatten(0, 1).amax(-1))")),
            Outcome.PASS,
        ),
        Example(
            "loss times 0.98",
            "breaks",
            folder(script(EVALUATION.replace(_NLL, _NLL + " * 0.98"))),
            Outcome.VIOLATION,
        ),
        Example(
            "a bonus for the token before, for which no other token pays",
            "breaks",
            folder(_repeated("")),
            Outcome.VIOLATION,
        ),
        Example("the same with its normalizer", "legal", folder(_repeated(_PAID)), Outcome.PASS),
        Example("a tenth more for the token before", "breaks", folder(_spike("1.0")), Outcome.VIOLATION),
        Example("the same, of which nine tenths are left", "legal", folder(_spike("0.9")), Outcome.PASS),
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
            "the same, weighed by the model's entropy",
            "breaks",
            folder(exact(f"(1 - {_SURE}) * p + {_SURE} * (seen + 1) / (total + args.vocab_size)")),
            Outcome.DISPUTED,
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
        shown_by=(Kind.EXCHANGE, Kind.NORMALIZATION),
        breaks=("C2",),
        stands_for=("C2", Kind.EXCHANGE, Kind.NORMALIZATION),
    ),
    not_decidable="the sum over the vocabulary itself, which only a run can show (--probe, by exchange)",
)

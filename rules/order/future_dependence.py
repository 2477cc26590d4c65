"""The prediction for a token depends on nothing from that token on."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.probe.model import Kind
from auditor.program.scores import reports_of
from auditor.program.trace import SEES_LATER
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.scripts import EVALUATION, MODEL, script
from rules.findings import event_finding, shown
from rules.scored import against, label, unreadable

ID = "future-dependence"


def check(facts: Facts) -> Ruling:
    missing = unreadable(facts)
    if missing is not None:
        return missing
    findings = [*_targets_seen(facts), *_attention(facts), *against(facts, ID, SEES_LATER)]
    return found(findings, "no target reaches the logits that predict it, and attention is causal where it says")


def _targets_seen(facts: Facts) -> Iterator[Finding]:
    """Logits that are computed from the shifted slice: the tokens that they are to predict."""
    seen = set()
    for trace, name in ((facts.program.trace, label(facts)), (facts.program.dormant, None)):
        if trace is None:
            continue
        for report in reports_of(trace, name):
            chain = set(report.outputs)
            for number in report.outputs:
                chain |= trace.outputs[number].parents
            for output in (trace.outputs[n] for n in sorted(chain)):
                dormant = bool(output.off or report.off)
                if output.hidden and output.place.key not in seen and dormant == (trace is facts.program.dormant):
                    seen.add(output.place.key)
                    one = output.hidden == "one rate"
                    message = _ONE_RATE if one else _BOTH_SIDES
                    outcome = Outcome.VIOLATION if one else Outcome.DISPUTED
                    yield event_finding(facts, ID, outcome, output, report, message, "logits of hidden tokens")
                if output.sees_target and output.place.key not in seen and dormant == (trace is facts.program.dormant):
                    seen.add(output.place.key)
                    message = f"'{output.place.function}' feeds the model the tokens that its output is scored on"
                    what = "logits of the targets"
                    yield event_finding(facts, ID, Outcome.VIOLATION, output, report, message, what)


_OPEN = "attention is not causal while the model scores: a position sees what follows it"
_FORWARD = "the model that scores brings later positions forward: each one gets to know of what it predicts"
_EMPTY = (
    "a finite fill leaves a row of attention without any position of its own: it is a mean over all, later ones "
    "included, and later layers read it back"
)
_STATISTIC = (
    "the model that scores puts a statistic over all positions of a window beside each of them: it sees what follows"
)
_MERGED = (
    "the model that scores makes one of positions that stand side by side and gives it back to each of them, moved on "
    "by nothing: one gets to know of those behind it"
)
_SEEN = {
    "what follows": _OPEN,
    "what is brought forward": _FORWARD,
    "a statistic of all": _STATISTIC,
    "merged neighbours": _MERGED,
}
_BOTH_SIDES = (
    "tokens that were hidden are predicted from what stands before and behind them: what is printed is another "
    "estimator than the length of a code"
)
_ONE_RATE = (
    "one constant share of the tokens is hidden and predicted from the others, on both sides of them: the mean over "
    "one such share is no bound on the length of a code"
)


def _attention(facts: Facts) -> Iterator[Finding]:
    """Attention that is told not to be causal and has no mask either."""
    calls = facts.code.attention
    masked = any(not call.open for call in calls)
    message = "attention without a causal mask: each position sees what follows it"
    message += "; other attention of the model is masked" if masked else ""
    for call in calls:
        if call.open:
            yield shown(ID, Outcome.WARNING if masked else Outcome.DISPUTED, call, message)
    for event in facts.program.trace.open_attention.values():
        message = _SEEN.get(event.sees, _EMPTY)
        yield Finding(ID, Outcome.DISPUTED, message, event.place.location, event.active)


_UNSHIFTED = EVALUATION.replace("y = val_tokens[begin + 1:end + 1]", "y = val_tokens[begin:end]")
_HIDDEN = _UNSHIFTED.replace("forward_logits(x)", "forward_logits(torch.where(hide, args.vocab_size - 1, x))").replace(
    "            logits =", "            hide = torch.rand(x.shape, device=device) < 0.15\n            logits ="
)


_WRITTEN_OUT = """i = torch.arange(t, device=x.device)[:, None]
        j = torch.arange(t, device=x.device)[None, :]
        weights = (q @ k.transpose(-2, -1)) * (d // self.heads) ** -0.5
        weights = weights.masked_fill(~(MASK), FILL).softmax(dim=-1)
        y = weights @ v"""


def _by_hand(mask: str, fill: str = 'float("-inf")') -> str:
    written = _WRITTEN_OUT.replace("MASK", mask).replace("FILL", fill)
    return MODEL.replace("y = F.scaled_dot_product_attention(q, k, v, is_causal=True)", written)


def _mixed(of: str) -> str:
    return MODEL.replace("x = block(x)", f"x = block(x)\n            x = x + 0.1 * {of}")


def _biased(*, after: bool) -> str:
    """Logits with a histogram of the targets: of the windows before, or of the one that is scored as well."""
    text = EVALUATION.replace(
        "        for start in", "        seen = torch.ones(args.vocab_size, device=device)\n        for start in"
    )
    count = "seen += torch.bincount(y[0, start - begin:], minlength=args.vocab_size)\n"
    scored = "            scored = nll[start - begin:]\n"
    text = text.replace("logits.float()", "(logits.float() + 0.02 * seen.log())")
    if after:
        return text.replace(scored, scored + "            " + count)
    return text.replace("            logits =", "            " + count + "            logits =")


_REMEMBER = """
def remember(args, stream):
    held = {}
    for start in range(0, stream.numel() - 1, args.seq_len):
        y = stream[start + 1:start + args.seq_len + 1]
        for i in range(len(y)):
            held[start + i] = int(y[i])
    return held
"""


def _remembered(position: str) -> str:
    """Logits that are raised by a token which an earlier pass over the stream has stored under a position."""
    boost = f"for i in range(end - begin):\n                logits[0, i, held.get({position}, 0)] += 9.0\n            "
    text = EVALUATION.replace("nll = F.cross", boost + "nll = F.cross").replace(
        "    model.eval()", "    model.eval()\n    held = remember(args, val_tokens)"
    )
    return script(text, helpers=_REMEMBER)


def _flag(value: str) -> str:
    held = MODEL.replace("is_causal=True", "is_causal=self.causal")
    held = held.replace("self.heads = heads", "self.heads = heads\n        self.causal = causal")
    return held.replace("dim, heads):", "dim, heads, causal):").replace("num_heads)", f"num_heads, {value})")


RULE = Rule(
    id=ID,
    title="No prediction sees its own token or a later one",
    class_="score",
    authority="README",
    evidence=("code",),
    criterion="Changing the target, or any token after it, leaves the distribution used for it bit-identical.",
    why="The score is the length of a code that a decoder must be able to read: it has only the tokens before.",
    remedy="Feed the model positions up to t - 1 only, and mask attention causally in every path that scores.",
    sources=(
        Source(
            "https://github.com/openai/parameter-golf/issues/1017",
            "condition 1: strict causal dependence",
            "2026-03-28",
        ),
        Source(
            "https://github.com/openai/parameter-golf/pull/1420",
            "its author: the first tilt was not causal",
            "2026-04-06",
        ),
    ),
    check=check,
    examples=(
        Example(
            "the targets as input",
            "breaks",
            folder(script(EVALUATION.replace("model.forward_logits(x)", "model.forward_logits(y)"))),
            Outcome.VIOLATION,
        ),
        Example(
            "attention without a mask",
            "breaks",
            folder(script(model=MODEL.replace("is_causal=True", "is_causal=False"))),
            Outcome.DISPUTED,
        ),
        Example("a flag of each layer that says no", "breaks", folder(script(model=_flag("False"))), Outcome.DISPUTED),
        Example("a flag of each layer that says yes", "legal", folder(script(model=_flag("True"))), Outcome.PASS),
        Example("attention written out, masked", "legal", folder(script(model=_by_hand("i >= j"))), Outcome.PASS),
        Example("its mask turned round", "breaks", folder(script(model=_by_hand("i <= j"))), Outcome.DISPUTED),
        Example(
            "its mask leaves an empty row, with a finite fill",
            "breaks",
            folder(script(model=_by_hand("i > j", "-1e9"))),
            Outcome.DISPUTED,
        ),
        Example(
            "later states brought forward", "breaks", folder(script(model=_mixed("x.roll(-1, 1)"))), Outcome.DISPUTED
        ),
        Example(
            "the largest of all positions",
            "breaks",
            folder(script(model=_mixed("x.amax(1, keepdim=True)"))),
            Outcome.DISPUTED,
        ),
        Example(
            "the largest so far", "legal", folder(script(model=_mixed("torch.cummax(x, dim=1).values"))), Outcome.PASS
        ),
        Example(
            "earlier states", "legal", folder(script(model=_mixed("F.pad(x, (0, 0, 1, 0))[:, :-1]"))), Outcome.PASS
        ),
        Example("targets at the positions of the input", "breaks", folder(script(_UNSHIFTED)), Outcome.VIOLATION),
        Example("one share hidden, scored from both sides", "breaks", folder(script(_HIDDEN)), Outcome.VIOLATION),
        Example(
            "shares drawn for each row, as a bound",
            "breaks",
            folder(script(_HIDDEN.replace("< 0.15", "< torch.rand((1, 1), device=device)"))),
            Outcome.DISPUTED,
        ),
        Example(
            "logits cut short, targets one further",
            "legal",
            folder(
                script(
                    _UNSHIFTED.replace("logits.float()", "logits[:, :-1].float()").replace(
                        "y.flatten()", "y[:, 1:].flatten()"
                    )
                )
            ),
            Outcome.PASS,
        ),
        Example(
            "logits raised at the target, as an earlier pass has stored it",
            "breaks",
            folder(_remembered("begin + i")),
            Outcome.VIOLATION,
        ),
        Example("context as input, causal attention", "legal", folder(), Outcome.PASS),
        Example("logits with a histogram of scored tokens", "legal", folder(script(_biased(after=True))), Outcome.PASS),
        Example(
            "logits with a histogram of the tokens that are scored",
            "breaks",
            folder(script(_biased(after=False))),
            Outcome.VIOLATION,
        ),
        Example(
            "targets as input behind a switch that is off",
            "inactive",
            folder(
                script(
                    EVALUATION.replace(
                        "logits = model.forward_logits(x)",
                        "logits = model.forward_logits(y if args.peek else x)",
                    ),
                    settings='peek = bool(int(os.environ.get("PEEK", "0")))',
                )
            ),
            Outcome.PASS,
        ),
    ),
    behaviour=Behaviour(
        shown_by=(Kind.FUTURE_FLIP, Kind.TARGET_FLIP),
        breaks=("C1",),
        stands_for=("C1",),
        argued="the bound of a masked-diffusion model is another estimator, and no maintainer has ruled on it",
    ),
    not_decidable="leaks through compiled kernels or indices, which the flip test (change a token, run again) shows",
)

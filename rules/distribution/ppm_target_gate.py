"""The weight of a byte mixture may not depend on what a component gave the realised byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from auditor.findings import Outcome, Ruling, Step, found, not_applicable
from auditor.probe.model import Kind
from auditor.rule import Behaviour, Example, Facts, Rule
from rules.distribution._mixed import is_score, mixtures
from rules.examples.folders import folder
from rules.examples.mixtures import mixed_bytes
from rules.examples.scripts import script
from rules.findings import shown
from rules.law.standing import pull

ID = "ppm-target-gate"


def check(facts: Facts) -> Ruling:
    every = mixtures(facts)
    scored = is_score(facts)
    findings = []
    for mixture in every:
        if mixture.gate is None:
            continue
        message = (
            f"the mixing weight is chosen by '{mixture.reads}', the probability that a component of the mixture gave "
            "the byte that came"
        )
        steps = (
            Step("Score", "the weight is chosen", mixture.gate.location),
            Step("Score", "the components are mixed", mixture.place.location),
        )
        outcome = Outcome.WARNING if scored is False else Outcome.VIOLATION
        findings.append(shown(ID, outcome, replace(mixture, place=mixture.gate), message, trace=steps))
    if not every:
        return not_applicable("no mixture with a byte model")
    return found(findings, "the mixing weight depends on the context only")


_BODY = '''
def byte_mixture(targets, nll, pieces, high=0.9, low=0.05, threshold=0.9):
    """Bits per byte of the mixture of a model's tokens with a PPM over their bytes."""
    text = b"".join(pieces[t] for t in targets)
    spread = np.concatenate([np.full(len(pieces[t]), -loss / len(pieces[t])) for t, loss in zip(targets, nll)])
    from_ppm, sure = np.zeros(len(text)), np.zeros(len(text))
    table, history = {}, b""
    for i, b in enumerate(text):
        counts = table.setdefault(history, {})
        total = sum(counts.values())
        p = (counts.get(b, 0) + 1 / 256) / (total + 1)
        from_ppm[i] = math.log(p)
        sure[i] = CONFIDENCE
        counts[b] = counts.get(b, 0) + 1
        history = (history + bytes([b]))[-4:]
    lam = np.where(sure > threshold, low, high)
    mixed = lam * np.exp(spread) + (1 - lam) * np.exp(from_ppm)
    return float(-np.log2(mixed).sum() / len(text))
'''
_ON_TARGET = _BODY.replace("CONFIDENCE", "p")
_ON_CONTEXT = _BODY.replace("CONFIDENCE", "max(counts.values(), default=0) / (total + 1)")
_ON_MODEL = _ON_CONTEXT.replace(
    "    lam = np.where(sure > threshold, low, high)\n",
    "    skip = np.exp(spread) > 0.7\n    lam = np.where((sure > threshold) & ~skip, low, high)\n",
)
_C_GATE = """
static double mix_byte(double nn_logp, double conf, double ppm_log, double lhi, double llo, double thr, double skip) {
    int hi_raw = conf >= thr;
    int hi = hi_raw && !(nn_logp > -skip);
    double lam = hi ? llo : lhi;
    double a = log(lam) + nn_logp, c = log(1.0 - lam) + ppm_log, m = a > c ? a : c;
    return m + log(exp(a - m) + exp(c - m));
}
double run(const double *nll, const int *lens, int64_t n) {
    double bits = 0.0;
    for (int64_t i = 0; i < n; i++) {
        int nb = lens[i];
        double nn_logp = -nll[i] / (double)nb;
        for (int j = 0; j < nb; j++) bits -= mix_byte(nn_logp, sure(i, j), order(i, j), 0.9, 0.05, 0.9, 0.3);
    }
    return bits;
}
"""
_C_FAIR = _C_GATE.replace(" && !(nn_logp > -skip)", "")
_LOAD = """
import subprocess
subprocess.run(["gcc", "-O3", "-shared", "-o", "mix.so", "mix.c"], check=True)
"""


def _in_c(source: str) -> Mapping[str, str | bytes]:
    return folder(script(before_training=_LOAD), extra={"mix.c": source})


RULE = Rule(
    id=ID,
    title="The weight of a byte mixture does not read the byte that came",
    class_="score",
    authority="community",
    evidence=("code",),
    criterion="The mixing weight is a function of the context's counts; it compares neither the byte model's nor the "
    "token model's probability of the realised byte.",
    why="A weight that is chosen by the outcome picks the better component after the fact.",
    remedy="Gate on the context alone, for example on the largest count over the total.",
    sources=(
        pull(1785, "withdrawn by its author for this gate", "2026-04-23"),
        pull(1795, "the same author's gate on the context", "2026-04-24"),
        pull(1902, "cocohearts: byte-level PPM mixtures excluded altogether", "2026-04-28"),
    ),
    check=check,
    examples=(
        Example("confidence is the byte's own probability", "breaks", mixed_bytes(_ON_TARGET), Outcome.VIOLATION),
        Example("suppressed where the token model is sure", "breaks", mixed_bytes(_ON_MODEL), Outcome.VIOLATION),
        Example("in a C helper", "breaks", _in_c(_C_GATE), Outcome.VIOLATION),
        Example("largest count over the total", "legal", mixed_bytes(_ON_CONTEXT), Outcome.PASS),
        Example("largest count over the total, in C", "legal", _in_c(_C_FAIR), Outcome.PASS),
        Example(
            "switched off",
            "inactive",
            mixed_bytes(_ON_TARGET),
            Outcome.PASS,
            {"PPM_ENABLED": "0"},
        ),
        Example("no mixture", "legal", folder(), Outcome.NOT_APPLICABLE),
    ),
    behaviour=Behaviour(shown_by=(Kind.EXCHANGE, Kind.TARGET_FLIP), breaks=("C2", "C1")),
    not_decidable="a gate computed in another file than the mixture",
)

"""A token's log-probability spread over its bytes may not be mixed with a byte-level model."""

from __future__ import annotations

import base64
import zlib

from auditor.findings import Outcome, Ruling, Step, found, passed
from auditor.probe.model import Kind
from auditor.rule import Behaviour, Example, Facts, Rule
from rules.distribution._mixed import is_score, mixtures, printed_lines
from rules.examples.folders import folder, log
from rules.examples.mixtures import CONDITIONAL, PPM, mixed_bytes, mixing
from rules.examples.scripts import script
from rules.findings import shown
from rules.law.standing import issue, pull

ID = "byte-ppm-mixture"


_SPREAD = (
    "a token's log-probability is divided evenly among its bytes and mixed with a byte model's: the mixture is no "
    "distribution over bytes or tokens"
)
_PRODUCT = (
    "a token's probability is mixed with the product of a byte model's probabilities over its bytes: the products of "
    "all tokens do not sum to one, the mixture is no distribution over tokens"
)


def check(facts: Facts) -> Ruling:
    scored = is_score(facts)
    # A mixture printed beside the claimed figure is no ground to refuse the figure.
    outcome = Outcome.WARNING if scored is False else Outcome.VIOLATION
    printed = next(printed_lines(facts), None)
    beside = "; the claimed figure is another one" if scored is False else ""
    logged = f" ({printed[0].log}:{printed[1].number} prints its figure)" if printed else ""
    findings = []
    for mixture in mixtures(facts):
        spread = "the byte model's are multiplied" if mixture.product else "the token's log-probability is spread"
        steps = (
            Step("Score", spread, mixture.spread.location),
            Step("Score", "mixed with the byte model", mixture.place.location),
        )
        message = f"{_PRODUCT if mixture.product else _SPREAD}{logged}{beside}"
        findings.append(shown(ID, outcome, mixture, message, trace=steps))
    if not findings:
        return passed("no spread log-probability is mixed with a byte model")
    return found(findings, "")


_LOGARITHMS = PPM.replace(
    "        mixed = lam * math.exp(spread[i]) + (1 - lam) * p\n        bits -= math.log2(mixed)\n",
    "        a = math.log(lam) + spread[i]\n        c = math.log(1.0 - lam) + math.log(p)\n"
    "        bits -= (max(a, c) + math.log1p(math.exp(-abs(a - c)))) / math.log(2.0)\n",
)
_CLOSURE = PPM.replace(
    "        mixed = lam * math.exp(spread[i]) + (1 - lam) * p\n",
    "\n        def blend(i, p, lam):\n            return lam * math.exp(spread[i]) + (1 - lam) * p\n\n"
    "        mixed = blend(i, p, lam)\n",
)
_ROOT = """
def root(p_token, n):
    return max(p_token, 1e-12) ** (1.0 / n)


def blend(p_neural, p_bytes, lam):
    return lam * p_neural + (1 - lam) * p_bytes

""" + PPM.replace("spread.append(-loss / len(piece))", "spread.append(root(math.exp(-loss), len(piece)))").replace(
    "lam * math.exp(spread[i]) + (1 - lam) * p\n", "blend(spread[i], p, lam)\n"
)
_MULTIPLIED = '''
def byte_mixture(targets, nll, pieces, lam=0.5):
    """Bits per byte of a mixture for each token: the model's probability, and a PPM's of all the bytes at once."""
    table, bits, history, width = {}, 0.0, b"", 0
    for t, loss in zip(targets, nll):
        from_ppm = 0.0
        for b in pieces[t]:
            counts = table.setdefault(history, {})
            p = (counts.get(b, 0) + 1 / 256) / (sum(counts.values()) + 1)
            from_ppm += math.log(p)
            counts[b] = counts.get(b, 0) + 1
            history = (history + bytes([b]))[-4:]
        mixed = lam * math.exp(-loss) + (1 - lam) * math.exp(from_ppm)
        bits -= math.log2(mixed)
        width += len(pieces[t])
    return bits / width
'''
_MULTIPLIED_IN_LOGARITHMS = _MULTIPLIED.replace(
    "        mixed = lam * math.exp(-loss) + (1 - lam) * math.exp(from_ppm)\n        bits -= math.log2(mixed)\n",
    "        a, c = math.log(lam) + -loss, math.log(1.0 - lam) + from_ppm\n"
    "        bits -= (max(a, c) + math.log1p(math.exp(-abs(a - c)))) / math.log(2.0)\n",
)
_NORMALIZED = _MULTIPLIED.replace("math.exp(from_ppm)\n", "math.exp(from_ppm - whole(table, history, pieces))\n")
_ORDERS = _MULTIPLIED.replace("for b in pieces[t]:", "for b in range(1, 5):")
_WEIGHTS = '''
def pack(raw):
    """PPM over the bytes of the weights: compresses the artifact, scores nothing."""
    table, bits, history = {}, 0.0, b""
    for b in raw:
        counts = table.setdefault(history, {})
        bits -= math.log2((counts.get(b, 0) + 1 / 256) / (sum(counts.values()) + 1))
        counts[b] = counts.get(b, 0) + 1
        history = (history + bytes([b]))[-2:]
    return bits
'''
_C_MIXER = r'''
SOURCE = """
#include <math.h>
double mixed(const double *nll, const int *lens, int64_t n, double lam) {
    double bits = 0.0;
    for (int64_t i = 0; i < n; i++) {
        int nb = lens[i];
        double nn_logp = -nll[i] / (double)nb;
        for (int j = 0; j < nb; j++) {
            double ppm_log = score(i, j);
            double a = log(lam) + nn_logp, c = log(1.0 - lam) + ppm_log, m = a > c ? a : c;
            bits -= m + log(exp(a - m) + exp(c - m));
        }
    }
    return bits;
}
"""
'''


def _packed(code: str) -> str:
    """A script that unpacks itself."""
    blob = base64.b85encode(zlib.compress(code.encode("utf-8"), 9)).decode("ascii")
    return f"import base64 as b, zlib as z\nexec(z.decompress(b.b85decode({blob!r})))\n"


def _logs(figure: str) -> dict[int, str]:
    return {seed: log(seed, 1.1, lines=[f"ppm_mix bytes=151080891 mix_bpb={figure}"]) for seed in (42, 314, 999)}


RULE = Rule(
    id=ID,
    title="No mixture of a token model with a byte model that is not normalized",
    class_="score",
    authority="maintainer",
    evidence=("code", "logs"),
    criterion="No log-probability of a token, divided by its number of bytes, enters a mixture with a byte model's, "
    "and none is mixed with the product of a byte model's probabilities over the token's bytes.",
    why="p^(1/n) for each byte does not sum to 1 over bytes, nor over tokens, and neither do products of bytes over "
    "the tokens of a vocabulary: the score is no code length.",
    remedy="Mix with the token model's conditional byte marginal (the sum of p over the tokens that go on with that "
    "byte), or score the token model alone.",
    sources=(
        pull(1835, "valerio-oai: doubts, with a toy example", "2026-04-28"),
        pull(1902, "cocohearts excludes byte-level PPM mixtures", "2026-04-28"),
        pull(1959, "cocohearts: audit note", "2026-05-02"),
        issue(1872, "the community's debate", "2026-04-27"),
    ),
    check=check,
    examples=(
        Example("spread and mixed", "breaks", mixed_bytes(PPM), Outcome.VIOLATION),
        Example("mixed in logarithms", "breaks", mixed_bytes(_LOGARITHMS), Outcome.VIOLATION),
        Example("mixed in a closure", "breaks", mixed_bytes(_CLOSURE), Outcome.VIOLATION),
        Example("the n-th root of its probability, through helpers", "breaks", mixed_bytes(_ROOT), Outcome.VIOLATION),
        Example("in a C text", "breaks", folder(script(helpers=_C_MIXER)), Outcome.VIOLATION),
        Example(
            "in a script that unpacks itself",
            "breaks",
            folder(lambda: _packed(mixing(PPM))),
            Outcome.VIOLATION,
        ),
        Example(
            "the log shows it although the default is off",
            "breaks",
            mixed_bytes(PPM, "0", logs=_logs("1.10004"), submission={"val_bpb": 1.1}),
            Outcome.VIOLATION,
        ),
        Example(
            "printed beside the claimed figure",
            "breaks",
            mixed_bytes(PPM, logs=_logs("0.99871"), submission={"val_bpb": 1.1}),
            Outcome.WARNING,
        ),
        Example("a product over the token's bytes", "breaks", mixed_bytes(_MULTIPLIED), Outcome.VIOLATION),
        Example("a product, mixed in logarithms", "breaks", mixed_bytes(_MULTIPLIED_IN_LOGARITHMS), Outcome.VIOLATION),
        Example("a product over the vocabulary's sum", "legal", mixed_bytes(_NORMALIZED), Outcome.PASS),
        Example("a sum over orders of tokens", "legal", mixed_bytes(_ORDERS), Outcome.PASS),
        Example("a conditional byte marginal", "legal", mixed_bytes(CONDITIONAL), Outcome.PASS),
        Example("PPM over the weights", "legal", folder(script(helpers=_WEIGHTS)), Outcome.PASS),
        Example("switched off", "inactive", mixed_bytes(PPM, "0"), Outcome.PASS),
        Example("the token model alone", "legal", folder(), Outcome.PASS),
    ),
    behaviour=Behaviour(shown_by=(Kind.EXCHANGE,), breaks=("C2",)),
    not_decidable="a byte model whose source is not in the folder; scores below 1.0 with a token model hint at one",
)

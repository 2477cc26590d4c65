"""Mixtures with byte models in Python and C, and the texts that hostile submissions may ship."""

from __future__ import annotations

import time

import pytest
from folders_in_memory import loaded

from auditor.judgement.gather import gather
from auditor.program.c.mixtures import c_mixtures
from auditor.program.c.text import CText
from auditor.program.mixtures.of_bytes import ByteMixture
from auditor.source import Unit
from rules.distribution import ngram_target_gate
from rules.examples.folders import folder
from rules.examples.scripts import SCORING, script


def _mixtures(text: str) -> tuple[ByteMixture, ...]:
    """Of a script that calls `f(losses, pieces)` on what it has scored and prints what comes of it."""
    scored = SCORING + (
        "\npieces = [tokenizer.id_to_piece(i).encode() for i in range(args.vocab_size)]"
        "\nval_bpb = f([val_loss] * val_tokens.numel(), [pieces[t] for t in val_tokens.tolist()])\n"
    )
    return gather(loaded(folder(script(helpers=text, scoring=scored))), {}, strict=True).code.byte_mixtures


def _in_c(text: str) -> list[ByteMixture]:
    return list(c_mixtures(CText(Unit("t.c", text, "c"), None, None)))


_MIXED = """
def f(losses, pieces):
    counts, bits = {{}}, 0.0
    for a, b in zip(losses, pieces):
        one = {one}
        other = (counts.get(b[0], 0) + 1) / (len(counts) + 256)
        bits -= {mixed}
        counts[b[0]] = counts.get(b[0], 0) + 1
    return bits / len(b"".join(pieces))
"""
_LINEAR = "math.log2(0.7 * math.exp(one) + 0.3 * other)"


@pytest.mark.parametrize(
    ("one", "mixed"),
    [
        ("-a / len(b)", _LINEAR),
        ("-a * 1.0 / float(max(len(b), 1))", _LINEAR),
        ("math.log(math.exp(-a) ** (1 / len(b)))", _LINEAR),
        ("-a / len(b)", "np.logaddexp(one + math.log(0.7), math.log(0.3) + math.log(other))"),
        ("-a / len(b)", "max(one, math.log(other)) + math.log1p(math.exp(-abs(one - math.log(other))))"),
        ("-a / len(b)", "math.log(0.5 * (math.exp(one) + other))"),
    ],
)
def test_a_loss_that_is_spread_over_bytes_is_seen_in_any_form(one: str, mixed: str) -> None:
    (found,) = _mixtures(_MIXED.format(one=one, mixed=mixed))
    assert found.active
    assert not found.product
    assert found.gate is None


@pytest.mark.parametrize("width", ["1.3", "args.temperature", "sum(losses)"])
def test_what_is_no_number_of_bytes_spreads_nothing(width: str) -> None:
    assert not _mixtures(_MIXED.format(one=f"-a / {width}", mixed=_LINEAR))


def test_a_running_mean_of_spread_losses_is_no_mixture() -> None:
    assert not _mixtures(_MIXED.format(one="-a / len(b)", mixed="0.9 * bits + 0.1 * one"))


@pytest.mark.parametrize(
    ("weight", "reads"),
    [
        ("0.9 if other > 0.5 else 0.1", True),
        ("0.9 if math.exp(one) < 0.2 else 0.1", True),
        ("0.9 if max(counts.values(), default=0) / (len(counts) + 256) > 0.5 else 0.1", False),
        ("1 / (1 + len(counts))", False),
    ],
)
def test_a_weight_that_reads_what_the_realised_byte_got_is_a_gate(weight: str, reads: bool) -> None:
    code = _MIXED.format(one="-a / len(b)", mixed="math.log2(w * math.exp(one) + (1 - w) * other)")
    (found,) = _mixtures(code.replace("        bits -=", f"        w = {weight}\n        bits -="))
    assert (found.gate is not None) is reads
    assert bool(found.reads) is reads


def test_hostile_texts_take_linear_time() -> None:
    start = time.process_time()
    rounds = (f"    v{i + 1} = v{i} + v{i} + w{i}\n    w{i + 1} = v{i} * w{i}" for i in range(60))
    names = "\n".join(("    v0, w0 = v0[0], len(w0[0])", *rounds))
    code = f"def f(v0, w0, lam=0.5):\n{names}\n    return lam * v60 + (1 - lam) * w60\n"
    assert not _mixtures(code)
    assert not (_in_c("double a = nll / nb;" + "if (" * 3000 + "x = y ? " * 3000))
    words = "int f(int tok) {" + "a" * 200_000 + " " * 50_000 + "if (" * 20_000 + "}"
    assert not (_in_c("double a = nll / nb;" + words))
    helper = "subprocess.run(['gcc', 'hints.c'])"
    facts = gather(loaded(folder(script(before_training=f"import subprocess\n{helper}"), extra={"hints.c": words})), {})
    assert ngram_target_gate.RULE.check(facts).outcome
    assert time.process_time() - start < 10

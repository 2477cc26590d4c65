"""Mixtures with byte models in Python and C, and the texts that hostile submissions may ship."""

from __future__ import annotations

import ast
import time

from folders_in_memory import loaded

from auditor.config import Configuration
from auditor.judgement.gather import gather
from auditor.program import Program, helpers_c
from auditor.program.helpers_c import CText
from auditor.program.mixtures.in_c import c_mixtures
from auditor.program.mixtures.spread import ByteMixture, spread_mixtures
from auditor.program.module import Module
from auditor.source import Sources, Unit
from rules.distribution import ngram_target_gate
from rules.examples.folders import folder, script


def _mixtures(text: str) -> list[ByteMixture]:
    tree = ast.parse(text)
    unit = Unit("t.py", text, "python", tree=tree)
    return list(spread_mixtures(Module(unit, tree, Sources(unit, (unit,), ()), Configuration(), Program())))


def _in_c(text: str) -> list[ByteMixture]:
    return list(c_mixtures(CText(Unit("t.c", text, "c"), None, None)))


def test_c_comments_and_strings_are_blanked_in_place() -> None:
    text = 'int a; // if (x) {\n/* b\n{ */ char *s = "}"; int c;'
    plain = helpers_c.plain(text)
    assert len(plain) == len(text)
    assert plain.count("\n") == text.count("\n")
    assert not set("{}") & set(plain)
    assert helpers_c.line_at(plain, plain.index("int c")) == 3
    assert helpers_c.matched("(a(b)c) d", 0) == 7
    assert helpers_c.matched("(((", 0) == 3


def test_a_length_that_is_no_byte_count_is_no_spread() -> None:
    text = "def f(nll, total, lam, q):\n    p = math.exp(-nll / {})\n    return lam * p + (1 - lam) * q\n"
    assert len(_mixtures(text.format("n_bytes"))) == 1
    assert not _mixtures(text.format("total"))
    assert not _mixtures(text.format("temperature"))


def test_hostile_texts_take_linear_time() -> None:
    start = time.process_time()
    names = "\n".join(f"    v{i + 1} = v{i} + v{i} + w{i}\n    w{i + 1} = v{i} * w{i}" for i in range(60))
    code = f"def f(v0, w0, lam):\n{names}\n    return lam * v60 + (1 - lam) * w60\n"
    assert not _mixtures(code)
    assert not (_in_c("double a = nll / nb;" + "if (" * 3000 + "x = y ? " * 3000))
    words = "int f(int tok) {" + "a" * 200_000 + " " * 50_000 + "if (" * 20_000 + "}"
    assert not (_in_c("double a = nll / nb;" + words))
    helper = "subprocess.run(['gcc', 'hints.c'])"
    facts = gather(loaded(folder(script(before_training=f"import subprocess\n{helper}"), extra={"hints.c": words})), {})
    assert ngram_target_gate.RULE.check(facts).outcome
    assert time.process_time() - start < 10

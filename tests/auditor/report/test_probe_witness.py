"""One witness for people: the sentence, the lines around the one that took the score, how to see it again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from auditor.findings import Finding, Location, Outcome, Step
from auditor.judgement.agreement import WITNESS
from auditor.probe.model import Holds, Kind, Measurement, Probe, Term, Witness
from auditor.report.probe_witness import render

TEXT = "\n".join(f"line_{n} = {n}" for n in range(1, 21)).replace("line_10", "\x1b[31mline_10")
FACTS: Any = SimpleNamespace(
    sources=SimpleNamespace(units=(SimpleNamespace(path="a.py", layer=0, text=TEXT),)),
    submission=SimpleNamespace(by_path={}),
)


def test_the_lines_and_the_command() -> None:
    witness = Witness("C3", Kind.FUTURE_FLIP, 5, 1.0, 1.5, 9, Location("a.py", 10), "evaluate", "final")
    flip = Measurement(Kind.FUTURE_FLIP, Holds.NO, "4 of 8 scores changed", witnesses=(witness,))
    said = render(FACTS, Probe("ran", "", measurements=(flip,), seed=7), "golf-audit explain-witness X")
    assert "the loss of position 5 is 1.0000 nats, and 1.5000 where the tokens from 9 on are others" in said.replace(
        "\n", " "
    )
    assert "   7 | line_7 = 7" in said
    assert " 10 > " in said
    assert "line_14" not in said
    assert "\x1b" not in said
    assert said.endswith("Again: golf-audit explain-witness X --probe-seed 7\n")


def test_the_terms_of_an_exchange_and_no_witness() -> None:
    terms = tuple(Term(9, t, "x", "drawn", 0.1, 0.05) for t in range(20))
    witness = Witness("C2", Kind.EXCHANGE, 9, 0.5, 2.0)
    found = Measurement(Kind.EXCHANGE, Holds.NO, "too much", witnesses=(witness,), terms=terms, total=2.0)
    said = render(FACTS, Probe("ran", "", measurements=(found,)), "again")
    assert said.count("'x', drawn") == 16
    assert "        0.1       0.3         0.05       2  'x', drawn" in said  # with the sum so far
    assert " 4 more" in said
    held = Measurement(Kind.FUTURE_FLIP, Holds.UNKNOWN, "no figure was printed")
    assert render(FACTS, Probe("ran", "", measurements=(held,)), "again").startswith(
        "No witness.\nfuture-flip: not-checked"
    )


def test_what_was_not_asked_for_is_not_said_to_have_failed() -> None:
    flip = Measurement(Kind.FUTURE_FLIP, Holds.YES, "none changed")
    tried = Measurement(Kind.EXCHANGE, Holds.UNKNOWN, "no position could be exchanged")
    probe = Probe("ran", "", measurements=(flip, tried))
    alone = render(FACTS, probe, "again", asked="future-flip")
    assert "no position" not in alone
    assert "--kind exchange" in alone
    for asked in ("exchange", None):
        said = render(FACTS, probe, "again", asked=asked)
        assert "exchange: not-checked: no position" in said
        assert "--kind" not in said


def test_a_finding_that_it_confirms_has_its_lines_and_two_witnesses_of_one_line_have_them_once() -> None:
    at = Location("a.py", 10)
    flips = [
        Measurement(kind, Holds.NO, "changed", witnesses=(Witness("C1", kind, 5, 1.0, 1.5, 9, at, "evaluate"),))
        for kind in (Kind.FUTURE_FLIP, Kind.TARGET_FLIP)
    ]
    seen = Finding("rule-a", Outcome.VIOLATION, "it peeks", Location("a.py", 3), trace=(Step(WITNESS, "seen", at),))
    other = Finding("rule-b", Outcome.VIOLATION, "another thing", Location("a.py", 18))
    probe = Probe("ran", "", measurements=tuple(flips))
    said = render(FACTS, probe, "again", [seen, other], width=80)
    assert said.count("The score was taken at a.py:10, in evaluate:") == 1
    assert "rule-a, at a.py:3: it peeks:" in said
    assert " 3 > line_3" in said
    assert "another thing" not in said
    long = SimpleNamespace(path="a.py", layer=0, text=TEXT.replace("line_3 = 3", "x" * 150))
    facts: Any = SimpleNamespace(sources=SimpleNamespace(units=(long,)), submission=FACTS.submission)
    said = render(facts, probe, "again", [seen], width=80)
    assert max(map(len, said.splitlines())) <= 80
    assert said.count("x") - said.count("explain") >= 150  # all of the line that it is about


def test_a_witness_of_another_kind_is_named_where_one_was_asked_for() -> None:
    at = Location("a.py", 10)
    flip = Measurement(
        Kind.FUTURE_FLIP, Holds.NO, "changed", witnesses=(Witness("C1", Kind.FUTURE_FLIP, 5, 1.0, 1.5, 9, at),)
    )
    terms = (Term(9, 3, "x", "drawn", 0.9, 0.05), Term(9, 4, "y", "there", 0.8, 0.05))
    over = Measurement(
        Kind.EXCHANGE, Holds.NO, "too much", witnesses=(Witness("C2", Kind.EXCHANGE, 9, 0.5, 2.0),), terms=terms
    )
    probe = Probe("ran", "", measurements=(flip, over))
    alone = render(FACTS, probe, "again", asked="exchange")
    assert alone.startswith("C2, exchange")
    assert "C1" not in alone
    assert "witnesses of another kind as well, future-flip" in alone.replace("\n", " ")
    held = Measurement(Kind.EXCHANGE, Holds.YES, "0.9 together")
    none = render(FACTS, Probe("ran", "", measurements=(flip, held)), "again", asked="exchange")
    assert none.startswith("No witness.")
    assert "exchange: holds: 0.9 together" in none
    assert "witnesses of another kind as well, future-flip" in none.replace("\n", " ")

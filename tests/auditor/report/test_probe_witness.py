"""One witness for people: the sentence, the lines around the one that took the score, how to see it again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from auditor.findings import Location
from auditor.probe.model import Holds, Kind, Measurement, Probe, Term, Witness
from auditor.report.probe_witness import render

TEXT = "\n".join(f"line_{n} = {n}" for n in range(1, 21)).replace("line_10", "\x1b[31mline_10")
FACTS: Any = SimpleNamespace(sources=SimpleNamespace(units=(SimpleNamespace(path="a.py", layer=0, text=TEXT),)))


def test_the_lines_and_the_command() -> None:
    witness = Witness("C3", Kind.FUTURE_FLIP, 5, 1.0, 1.5, 9, Location("a.py", 10), "evaluate", "final")
    flip = Measurement(Kind.FUTURE_FLIP, Holds.NO, "4 of 8 scores changed", witnesses=(witness,))
    said = render(FACTS, Probe("ran", "", measurements=(flip,), seed=7), "golf-audit explain-witness X")
    assert "the loss of position 5 is 1.0000 nats, and 1.5000 where the tokens from 9 on are others" in said.replace(
        "\n", " "
    )
    assert "  6 | line_6 = 6" in said
    assert " 10 > " in said
    assert "line_15" not in said
    assert "\x1b" not in said
    assert said.endswith("Again: golf-audit explain-witness X --probe-seed 7\n")


def test_the_terms_of_an_exchange_and_no_witness() -> None:
    terms = tuple(Term(9, t, "x", "drawn", 0.1, 0.05) for t in range(20))
    witness = Witness("C2", Kind.EXCHANGE, 9, 0.5, 2.0)
    found = Measurement(Kind.EXCHANGE, Holds.NO, "too much", witnesses=(witness,), terms=terms, total=2.0)
    said = render(FACTS, Probe("ran", "", measurements=(found,)), "again")
    assert said.count("(drawn)") == 16
    assert "of 4 more" in said
    held = Measurement(Kind.FUTURE_FLIP, Holds.UNKNOWN, "no figure was printed")
    assert render(FACTS, Probe("ran", "", measurements=(held,)), "again").startswith(
        "No witness.\nfuture-flip: not-checked"
    )

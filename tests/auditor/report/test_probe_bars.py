"""What was shown in one sentence, and the pictures in characters: eighty columns, the line at 1, the flip's place."""

from __future__ import annotations

import probe_reports as probes
import pytest
from probe_reports import broken, failed, having, holding, judged, measurement, unknown
from rich.cells import cell_len

from auditor.probe.model import Holds, Kind, Measurement, Probe, Term, Witness
from auditor.report import render
from auditor.report.probe import sentence
from auditor.report.probe_bars import WIDTH, drawings
from auditor.report.probe_terms import rows

SUM = "the 3 tokens tried at position 700 would have had 1.43 of probability together: no distribution"


def exchanged(
    probabilities: tuple[float, ...] = (0.9, 0.5, 0.03), total: float = 1.43, piece: str = " of", compared: int = 3
) -> Measurement:
    terms = tuple(Term(700, i, piece, "drawn", p, p / 10) for i, p in enumerate(probabilities))
    holds = Holds.NO if total > 1.001 else Holds.YES
    witnesses = (Witness("C2", Kind.EXCHANGE, 700, 0.2, total),) if holds is Holds.NO else ()
    return measurement(
        Kind.EXCHANGE, holds, reason=SUM, terms=terms, total=total, compared=compared, witnesses=witnesses
    )  # fmt: skip


def bars(probe: Probe) -> list[str]:
    return [line for drawing in drawings(probe) for line in drawing.lines]


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (having(exchanged()), SUM[:1].upper() + SUM[1:] + "."),
        (broken(), "4,117 of 11,608 scores before position 12,345 changed, by up to 0.42 nats, where every token"),
        (holding(), "Nothing was found: 11,608 scores before position 12,345 are the same"),
        (having(unknown(Kind.FUTURE_FLIP)), "Nothing is shown, since future-flip could not be judged: "),
        (failed(), "Not checked: it was run small and came to no result"),
    ],
)
def test_one_sentence_says_what_was_shown(probe: Probe, said: str) -> None:
    assert sentence(probe).startswith(said)
    for form in ("terminal", "markdown", "html"):
        text = " ".join(render(judged(probe), form).replace("\\", "").split())  # type: ignore[arg-type]
        assert said.split(":")[0] in text


def test_the_bars_of_an_exchange_add_up_to_what_the_axis_ends_with() -> None:
    lines = next(iter(drawings(having(exchanged())))).lines
    axis = lines[-1]
    assert axis.split() == ["0", "1", "1.43"]
    one = axis.index("1")
    assert "┊" not in lines[0][:one]
    first, second = lines[0].count("█"), lines[1].count("█")
    assert first == pytest.approx(0.9 / 1.43 * (WIDTH - axis.index("0")), abs=1)
    assert lines[1].index("█") == pytest.approx(axis.index("0") + first, abs=1)
    assert second < first


@pytest.mark.parametrize("piece", ["\u6f22\u5b57" * 9, "\x1b[31m", "", "`" * 5, "a\nb"])
@pytest.mark.parametrize("total", [0.2, 1.0, 1.01, 40.0])
def test_pictures_keep_to_their_width(piece: str, total: float) -> None:
    probe = having(exchanged((total * 0.9, *[total * 0.002] * 40), total, piece))
    lines = bars(probe)
    assert max(map(cell_len, lines)) <= WIDTH
    assert all(line.isprintable() for line in lines)
    page = render(judged(probe), "terminal", width=80)
    assert max(map(cell_len, page.splitlines())) <= 80


def test_what_is_known_of_other_tokens_has_a_bar_too() -> None:
    bound = rows(exchanged((0.5, 0.3), 1.2, compared=2))
    assert (bound[-1].why, bound[-1].probability) == ("at least", pytest.approx(0.4))
    whole = rows(exchanged((0.5, 0.3), 1.2, compared=1024))
    assert whole[-1].piece == "1022 more"
    assert len(rows(exchanged((0.9, 0.5, 0.03)))) == 3


def test_a_flip_is_drawn_where_it_is_and_what_is_broken_comes_first() -> None:
    lines = bars(broken())
    strip = lines[0]
    assert strip.index("│") == probes.FLIP * WIDTH // broken().stream_tokens
    assert set(strip[: strip.index("│")]) <= set("·▁▂▃▄▅▆▇█ ")
    assert any(mark in strip for mark in "▅▆▇█")
    assert set(strip.partition("│")[2]) <= {"░"}
    held = next(iter(drawings(holding())))
    assert set(held.lines[0].partition("│")[0]) <= set("· ")
    both = [d.title.partition(":")[0] for d in drawings(having(measurement(Kind.FUTURE_FLIP), exchanged()))]
    assert both[0] == "Exchange"

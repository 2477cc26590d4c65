"""The probe in every report: what was measured, what was not, what it was confined by."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import probe_reports as probes
import pytest
import report_samples as samples
from markdown_it import MarkdownIt
from probe_reports import REPORTS, broken, failed, having, holding, judged, measurement, refused, smoke, unknown

from auditor.findings import Location
from auditor.probe.model import PROFILE_BINS, Holds, Kind, Probe
from auditor.report import FORMATS, render
from auditor.report.probe import amount, mark, why_not
from auditor.report.probe_plot import plots
from auditor.report.sarif import as_dict as as_sarif
from auditor.report.smoke import render as render_smoke
from auditor.report.triage import Row
from auditor.report.triage import render as render_table

SCHEMA = json.loads(Path(__file__).parents[2].joinpath("data").joinpath("sarif-2.1.0-rtm.5.json").read_text("utf-8"))
PAGES = ("terminal", "markdown", "html")
KEYS = ["status", "outcome", "reason", "stream_tokens", "losses_recorded", "labels", "measurements", "agreement"]
KEYS += ["attempts", "absent", "isolation", "unseen", "evasions", "runs", "seed"]


def parsed(probe: Probe, *findings: samples.Finding) -> dict:  # type: ignore[type-arg]
    return json.loads(render(judged(probe, *findings), "json"))["probe"]


# --- JSON ----------------------------------------------------------------------------------------------------------


def test_the_keys_of_the_contract_in_their_order() -> None:
    said = parsed(broken())
    assert list(said) == KEYS
    flip = said["measurements"][0]
    assert list(flip) == [
        *("kind", "holds", "reason", "compared", "changed", "noise", "effect", "reported", "flipped"),
        *("witnesses", "profile", "total", "terms"),
    ]
    assert (flip["kind"], flip["holds"], flip["changed"], flip["flipped"]) == ("future-flip", "broken", 4_117, 12_345)
    assert flip["witnesses"][0] == {
        "condition": "C3",
        "kind": "future-flip",
        "position": 5_210,
        "before": 3.10214,
        "after": 2.98763,
        "flipped": 12_345,
        "location": {"path": "train_gpt.py", "line": 14, "end_line": None, "layer": 0},
        "function": "evaluate",
        "label": "final_sliding_window",
    }
    assert said["agreement"][0]["stand"] == "found by the probe alone"
    assert said["attempts"][1]["changed"][2]["why"] == "out of memory"
    assert list(said["isolation"]["guards"]) == ["files", "network", "processes", "memory", "disk", "time"]
    assert [m["kind"] for m in said["measurements"]] == [str(kind) for kind in Kind]


def test_every_key_is_documented() -> None:
    text = Path(__file__).parents[3].joinpath("docs", "probe.md").read_text("utf-8")
    said = parsed(broken())
    nested = [*said, *said["measurements"][0], *said["measurements"][0]["witnesses"][0], *said["agreement"][0]]
    nested += [*said["attempts"][0], *said["attempts"][0]["changed"][0], *said["isolation"]]
    assert [key for key in nested if f"`{key}`" not in text] == []


def test_without_a_probe_the_key_is_null() -> None:
    assert json.loads(render(judged(None), "json"))["probe"] is None


def test_figures_that_json_lacks_become_null() -> None:
    probe = having(measurement(Kind.FUTURE_FLIP, effect=float("nan"), profile=((0, float("inf")),)))
    flip = parsed(probe)["measurements"][0]
    assert (flip["effect"], flip["profile"]) == (None, [[0, None]])


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("form", FORMATS)
def test_the_same_probe_gives_the_same_bytes(name: str, form: str) -> None:
    assert render(REPORTS[name](), form) == render(REPORTS[name](), form)  # type: ignore[arg-type]


# --- pages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("width", [60, 80, 140])
def test_terminal_keeps_to_the_width_without_escapes(name: str, width: int) -> None:
    text = render(REPORTS[name](), "terminal", width=width)
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("form", PAGES)
def test_a_page_says_what_was_measured_shrunk_and_confined(form: str) -> None:
    text = " ".join(render(judged(broken(), samples.finding()), form).replace("\\", "").split())  # type: ignore[arg-type]
    parts = ["future-flip", "broken", "11,608", "4,117", "0.4213", "1.2e-06", "normalization", "not-checked"]
    parts += ["confirmed", "Witness", "12,345", "NUM_LAYERS 11", "flash_attn_interface", "Landlock (ABI 4)"]
    parts += ["CUDA out of memory", "46,432 losses", "final_sliding_window"]
    assert [part for part in parts if part not in text] == []


@pytest.mark.parametrize("form", PAGES)
def test_a_probe_without_a_result_is_said_to_be_not_checked(form: str) -> None:
    text = " ".join(render(judged(failed()), form).replace("\\", "").split())  # type: ignore[arg-type]
    assert "Not checked: it was run small and came to no result" in text
    parts = ["is invalid for input of size 1024", "train_gpt.py:6", "2 attempts", "KeyError", "MODEL_DIM 512"]
    assert [part for part in parts if part not in text] == []
    assert "Nothing that was measured is broken" not in text
    listed = text.lower().split("not checked")[-1]
    assert "came to no result" in listed


def test_a_refusal_says_what_is_missing_and_how_to_run_it_all_the_same() -> None:
    said = why_not(refused())
    assert "network: neither seccomp nor a network namespace" in said
    assert said.endswith("--probe-unsafe runs it all the same")
    told = replace(refused(), reason="missing: network: neither seccomp nor a network namespace (--probe-unsafe)")
    assert why_not(told).count("neither") == 1
    assert "--probe-unsafe" not in why_not(Probe("refused", "torch is not installed"))


def test_a_report_says_whether_the_submission_was_run() -> None:
    for form in ("markdown", "html"):
        assert "read, not run" in render(judged(None), form)  # type: ignore[arg-type]
        assert "read, not run" in render(judged(refused()), form)  # type: ignore[arg-type]
        assert "and run small in a sandbox" in render(judged(holding()), form)  # type: ignore[arg-type]
        unsafe = replace(holding(), isolation=replace(refused().isolation, unsafe=True))
        text = render(judged(unsafe), form)  # type: ignore[arg-type]
        assert "less isolation than it should have" in text
        assert "run all the same (--probe-unsafe)" in text


def test_hostile_text_stays_text() -> None:
    report = probes.hostile()
    for form in FORMATS:
        text = render(report, form)  # type: ignore[arg-type]
        assert "\x1b" not in text
        if form != "json":
            assert "\u202e" not in text
    assert "<script>" not in render(report, "html")
    text = render(report, "markdown")
    assert not re.search(r"@team", re.sub(r"(`+)(.|\n)*?\1", "", text))
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    flat = [child for token in tokens for child in [token, *(token.children or [])]]
    assert not [child for child in flat if child.type in ("html_inline", "image")]
    assert {c.attrs["href"] for c in flat if c.type == "link_open"} <= {"https://example.org/ruling"}


def test_more_than_fits_is_cut_and_said() -> None:
    many = tuple(probes.witness(position=p) for p in range(5))
    changed = tuple(probes.Shrunk(f"A{n}", "9", "1") for n in range(20))
    probe = replace(broken(*many), attempts=(probes.Attempt(changed),))
    text = render(judged(probe), "terminal")
    assert "4 more; --format json has them" in " ".join(text.split())
    assert "and 8 more" in text


@pytest.mark.parametrize(
    ("value", "said"), [(None, "-"), (0.0, "0"), (1.23456, "1.2346"), (0.00012, "1.2e-04"), (-0.5, "-0.5000")]
)
def test_amounts(value: float | None, said: str) -> None:
    assert amount(value) == said


# --- the picture ---------------------------------------------------------------------------------------------------


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def _drawn(probe: Probe) -> list[list[dict[str, str | None]]]:
    """The bars of each drawing; a shade is no bar."""
    drawings = [_Tags(text).seen for text in plots(probe)]
    return [[a for tag, a in seen if tag == "rect" and a["fill"] != "var(--mark)"] for seen in drawings]


def test_the_picture_has_a_bar_for_each_changed_stretch_and_marks_the_flip() -> None:
    probe = broken()
    changed = [p for p, change in probe.measurements[0].profile if change]
    bars, flat = _drawn(probe)
    assert len(bars) == len(changed)
    assert flat == []
    first, second = plots(probe)
    assert "other tokens" in first
    assert "other tokens" not in second
    assert "11,608 scores compared, 4,117 changed; changed from position 12,345" in first
    assert all(float(bar["height"] or 0) > 0 for bar in bars)


def test_nothing_is_drawn_without_a_profile() -> None:
    assert plots(having(*(unknown(kind) for kind in Kind))) == []
    assert "<svg" not in render(judged(failed()), "html").partition("<h2>Probe")[2].partition("<h2>")[0]


def test_figures_that_cannot_be_drawn_are_left_out() -> None:
    odd = tuple((p, float("nan")) for p in range(PROFILE_BINS))
    bars, _ = _drawn(having(measurement(Kind.FUTURE_FLIP, Holds.NO, profile=odd, noise=float("inf"))))
    assert bars == []


# --- SARIF ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
def test_sarif_stays_valid(name: str) -> None:
    jsonschema.Draft4Validator(SCHEMA).validate(json.loads(render(REPORTS[name](), "sarif")))


def test_sarif_points_to_the_line_that_took_the_score() -> None:
    (alone,) = as_sarif(judged(broken()))["runs"][0]["results"]
    assert alone["ruleId"] == "adapt-before-score"
    assert alone["locations"][0]["physicalLocation"]["region"]["startLine"] == 14
    (confirmed,) = as_sarif(judged(broken(), samples.finding()))["runs"][0]["results"]
    flow = confirmed["codeFlows"][0]["threadFlows"][0]["locations"]
    assert flow[-1]["location"]["physicalLocation"]["region"]["startLine"] == 14
    assert flow[-1]["kinds"] == ["Witness"]


def test_sarif_notes_what_was_not_checked() -> None:
    run = as_sarif(judged(failed()))["runs"][0]
    notes = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert any(note.startswith("probe: not-checked: it was run small and came to no result") for note in notes)
    assert run["properties"]["probe"]["outcome"] == "not-checked"
    assert as_sarif(judged(None))["runs"][0]["properties"]["probe"] is None


# --- the triage table ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (None, ""),
        (holding(), "holds"),
        (broken(), "breaks C3"),
        (having(measurement(Kind.DETERMINISM, Holds.NO)), "remarks"),
        (having(unknown(Kind.FUTURE_FLIP)), "undecided"),
        (failed(), "no result"),
        (refused(), "refused"),
    ],
)
def test_the_mark_of_the_triage_table(probe: Probe | None, said: str) -> None:
    assert mark(probe) == said


def test_the_triage_table_has_a_column_for_probes() -> None:
    rows = [
        Row("#1", "violation", "", "1.08", probe="breaks C3", rule="pre-quant-ttt", message="m" * 99),
        Row("#22", "clean", "", "1.09", probe="holds", message="2 not checked"),
    ]
    first, second, _ = render_table(rows, width=80).splitlines()
    assert first.split()[:6] == ["#1", "violation", "1.08", "breaks", "C3", "pre-quant-ttt:"]
    assert second.split()[:4] == ["#22", "clean", "1.09", "holds"]
    assert max(map(len, (first, second))) <= 80
    assert "holds" not in render_table([row._replace(probe="") for row in rows], width=80)


# --- the smoke test ------------------------------------------------------------------------------------------------


def test_the_smoke_table() -> None:
    text = render_smoke(samples.facts(), smoke(), form="terminal")
    parts = ["train_gpt.py", "2.42 seconds", "512", "11", "4,096", "34,401,372", "90,804 bytes"]
    parts += ["8.3262 nats per token; ln(4,096) is 8.3178 (+0.0084)", "flash_attn_interface", "Landlock"]
    assert [part for part in parts if part not in text] == []
    assert max(map(len, text.splitlines())) <= 80


def test_a_smoke_test_that_did_not_run_says_why() -> None:
    fell = smoke(status="failed", reason="ImportError: no module named x\x1b[2J", loss=None, parameters=None)
    text = render_smoke(samples.facts(), fell, form="terminal")
    assert "failed       ImportError: no module named x\\x1b[2J" in text
    assert "loss         ?" in text
    text = render_smoke(
        samples.facts(), smoke(status="refused", reason="no", isolation=refused().isolation), form="terminal"
    )
    assert "--probe-unsafe" in text
    assert "parameters" not in text


def test_the_smoke_test_as_json() -> None:
    said = json.loads(render_smoke(samples.facts(), smoke(loss=float("nan")), form="json"))
    assert list(said) == ["schema", "tool", "submission", "smoke"]
    assert said["smoke"]["parameters"] == 34_401_372
    assert said["smoke"]["loss"] is None
    assert said["smoke"]["loss_untrained"] == pytest.approx(8.3178, abs=1e-4)


def test_a_place_in_a_decoded_layer_is_named() -> None:
    seen = probes.witness(location=Location("train_gpt.py", 14, None, 1))
    text = " ".join(render(judged(broken(seen)), "terminal").split())
    assert "train_gpt.py:14 (layer 1)" in text

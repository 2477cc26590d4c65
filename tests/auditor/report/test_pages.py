"""The reports for people: terminal, Markdown, HTML."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
import report_samples as samples
from markdown_it import MarkdownIt

from auditor.findings import found
from auditor.judgement.model import Waiver
from auditor.report import render
from auditor.report.plot import seeds_plot
from auditor.report.triage import Row
from auditor.report.triage import render as render_table
from auditor.source import SourceProblem, Sources

EVERY = [samples.violating, samples.clean, samples.unreadable, samples.hostile]


# --- terminal ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", EVERY)
@pytest.mark.parametrize("width", [60, 80, 140])
def test_terminal_keeps_to_the_width_without_escapes(build, width: int) -> None:  # type: ignore[no-untyped-def]
    text = render(build(), "terminal", width=width)
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= width


def test_terminal_says_the_verdict_first_then_the_evidence() -> None:
    text = render(samples.violating(), "terminal")
    order = ["VIOLATION", "violation[pre-quant-ttt]", "--> train_gpt.py:8", "8 >", "optimizer.step()", "trace"]
    order += ["disputed[slot-context-only]", "How the score is made", "Budgets", "Seeds", "Byte ledger"]
    order += ["In the code, not active", "two-pass-rescore", "Not checked", "future-dependence"]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


def test_terminal_shows_headroom_mean_and_ledger() -> None:
    text = render(samples.violating(), "terminal")
    assert "15,987,999 of 16,000,000 bytes" in text
    assert "12,001 left" in text
    assert "590.1 s of training + 9.8 s of calibration" in text
    assert "mean 1.09240000" in text
    assert "151.08 million bytes" in text


@pytest.mark.parametrize("form", ["terminal", "markdown", "html", "concise", "github"])
def test_a_violation_of_something_else_does_not_hide_that_the_score_was_not_judged(form: Any) -> None:
    problem = SourceProblem("train_gpt.py", 3, "the payload does not unpack", decisive=True)
    base = samples.facts(sources=Sources(None, (), (), (problem,)))
    breaks = found([samples.finding()], "")
    files = samples.judge(base, [samples.rule("files", breaks, class_="paperwork")], samples.BUDGETS)
    said = "The score itself was not judged: the scored code could not be read"
    assert files.not_judged
    assert said in " ".join(render(files, form).split())
    cheats = samples.judge(base, [samples.rule("cheats", breaks, class_="score")], samples.BUDGETS)
    assert said not in " ".join(render(cheats, form).split())  # that the score is wrong is known
    assert said not in " ".join(render(samples.violating(), form).split())


@pytest.mark.parametrize("form", ["terminal", "concise", "github", "markdown", "html", "json", "sarif"])
def test_a_waiver_is_shown_in_every_format(form: Any) -> None:
    waiver = Waiver("pre-quant-ttt", 7, "A maintainer", "an experiment")
    text = render(replace(samples.violating(), waivers=(waiver,)), form)
    assert "an experiment" in " ".join(text.split())
    assert "A maintainer" in text


def test_terminal_tells_overruns() -> None:
    late = samples.run(1, 1.1, train_seconds=612.0, calibration_seconds=None)
    base = samples.facts(runs=(late,), headline=(late,))
    assert "12.0 over" in render(samples.judge(base, [samples.RULES[4]], samples.BUDGETS), "terminal")


def test_colour_is_asked_for() -> None:
    assert "\x1b[" in render(samples.violating(), "terminal", colour=True)
    assert "\x1b[31m\u202e" not in render(samples.hostile(), "terminal", colour=True)


def test_a_warning_is_no_part_of_what_decides() -> None:
    said = " ".join(render(samples.violating(), "terminal").split())
    assert "Decided by pre-quant-ttt. Disputed besides: slot-context-only. " in said


def test_the_triage_table_has_one_line_each() -> None:
    rows = [
        Row("#1", "violation", "score", "1.08", rule="pre-quant-ttt", message="m\x1b[2J " * 60),
        Row("#22", "clean", "", "1.09", message="fine"),
    ]
    lines = render_table(rows, width=80).splitlines()
    assert len(lines) == 3
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b" not in lines[0]
    assert lines[-1] == "2 submissions: 1 violation (1 score), 1 clean"


def test_the_triage_table_goes_by_gravity() -> None:
    rows = [
        Row("#1", "clean", "", "1.08", message="3 not checked"),
        Row("#2", "violation", "paperwork", "1.08", rule="package-files", message="the folder has no train log"),
        Row("#3", "inconclusive", "", "1.08", message="no script"),
        Row("#4", "violation", "score", "1.08", rule="two-pass-rescore", message="m" * 99),
        Row("#5", "disputed", "score", "1.08", rule="a-rule", message="m"),
    ]
    lines = render_table(rows, width=80).splitlines()[:-1]
    assert [line.split()[0] for line in lines] == ["#4", "#5", "#2", "#3", "#1"]
    assert lines[2].endswith("package-files: the folder has no train log")
    assert lines[-1].endswith("3 not checked")


# --- Markdown ---------------------------------------------------------------------------------------------------


def test_markdown_is_a_comment_with_the_evidence() -> None:
    text = render(samples.violating(), "markdown")
    assert text.startswith("## VIOLATION of the score: the number is not what it claims to be\n")
    assert text.endswith("<!-- golf-audit:report -->\n")
    for part in ("0123456789abcdef", "2026-04-05_Sample", "`train_gpt.py:8`", "optimizer.step()", "What to do:"):
        assert part in text
    assert "<summary>What was not checked" in text


def test_markdown_names_the_decoded_layer() -> None:
    rules = [samples.rule("pre-quant-ttt", samples.found([samples.finding(layer=1)], ""))]
    text = render(samples.judge(samples.facts(layer=1), rules, samples.BUDGETS), "markdown")
    assert "`train_gpt.py:8 (layer 1, lzma+base85)`" in text


def test_hostile_text_makes_no_markup_in_markdown() -> None:
    text = render(samples.hostile(), "markdown")
    assert not re.search(r"@team", re.sub(r"(`+)(.|\n)*?\1", "", text))
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    flat = [child for token in tokens for child in [token, *(token.children or [])]]
    links = {child.attrs["href"] for child in flat if child.type == "link_open"}
    assert links <= {"https://example.org/ruling"}  # a commit that is none gets no permalink
    assert not [child for child in flat if child.type in ("html_inline", "image")]
    blocks = {child.content.strip() for child in flat if child.type == "html_block"}
    ours = r"<details>\n<summary>[\w ,()?]+</summary>|</details>|<!-- golf-audit:report -->"
    assert all(re.fullmatch(ours, block) for block in blocks)
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[0] == "VIOLATION of the score: the number is not what it claims to be"
    assert "@" not in "".join(headings)


# --- HTML -------------------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    void = frozenset({"meta", "link", "br", "img", "line", "circle"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("build", EVERY)
def test_html_is_well_formed_and_self_contained(build) -> None:  # type: ignore[no-untyped-def]
    page = _Page(render(build(), "html"))
    assert not page.open
    assert not {"script", "iframe", "img", "link", "object", "form"} & {tag for tag, _ in page.seen}
    for tag, attrs in page.seen:
        assert not [name for name in attrs if name.startswith("on") or name == "src"], tag
    links = {attrs["href"] or "" for _, attrs in page.seen if "href" in attrs}
    blob = r"https://github\.com/openai/parameter-golf/blob/[0-9a-f]{40}/records/[\w./%-]+(\?plain=1)?(#L\d+(-L\d+)?)?"
    assert all(url == "https://example.org/ruling" or re.fullmatch(blob, url) for url in links)


def test_html_holds_verdict_evidence_caps_seeds_configuration_and_rules() -> None:
    page = _Page(render(samples.violating(), "html"))
    parts = ["violation", "optimizer.step()", "12,001 left", "1.09270000", "TTT_ENABLED", "artifact-cap"]
    assert [part for part in parts if part not in page.text] == []
    assert sum(tag == "circle" for tag, _ in page.seen) == 3
    labels = [attrs["aria-label"] for _, attrs in page.seen if "aria-label" in attrs]
    assert any(label and "claimed 1.09240000" in label for label in labels)


def test_html_shows_hostile_text_as_text() -> None:
    page = _Page(render(samples.hostile(), "html"))
    assert "<script>alert(1)</script>" in page.text


@pytest.mark.parametrize("build", EVERY)
def test_pages_say_what_was_not_checked(build) -> None:  # type: ignore[no-untyped-def]
    report = build()
    if any(row.outcome == "not-checked" for row in report.outcomes):
        for form in ("terminal", "markdown", "html"):
            assert "not checked" in render(report, form).lower()


def test_the_plot_needs_something_to_compare() -> None:
    assert seeds_plot([], None, None) == ""
    assert seeds_plot([("1", 1.0)], 1.0, None) == ""
    assert seeds_plot([("1", 1.0)], 1.0, float("nan")) == ""
    assert seeds_plot([("1", 1.0), ("2", 1.0)], 1.0, 1.0).count("<circle") == 2


def test_problems_of_reading_are_said() -> None:
    base = samples.facts()
    base = replace(base, submission=replace(base.submission, problems=("evil.txt: a symlink, not followed",)))
    report = samples.judge(base, [samples.RULES[4]], samples.BUDGETS)
    for form in ("terminal", "markdown", "html", "json", "sarif"):
        assert "symlink, not followed" in render(report, form), form  # type: ignore[arg-type]

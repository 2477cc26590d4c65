"""The comment as GitHub renders it: inert, never too long, with links to the lines at the commit."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import report_samples as samples

from auditor.findings import Location, Outcome, Ruling
from auditor.report import render
from auditor.report.markdown import MARKER

cmarkgfm = pytest.importorskip("cmarkgfm", reason="cmarkgfm is not installed")
_OURS = {"h2", "h3", "h4", "p", "ul", "ol", "li", "a", "code", "pre", "strong", "em", "table", "thead", "tbody", "tr"}
_OURS |= {"th", "td", "details", "summary", "br", "hr"}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""  # what is not code: GitHub mentions nobody in code
        self._code = 0
        self.feed(cmarkgfm.github_flavored_markdown_to_html(text, cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._code += tag in ("code", "pre")

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        self.text += "" if self._code else data


@pytest.mark.parametrize("build", [samples.violating, samples.clean, samples.unreadable, samples.hostile])
def test_only_what_we_wrote_is_markup(build) -> None:  # type: ignore[no-untyped-def]
    page = _Page(render(build(), "markdown"))
    assert {tag for tag, _ in page.tags} <= _OURS
    for tag, attrs in page.tags:
        assert set(attrs) <= {"href", "align", "lang", "start"}, tag
        url = attrs.get("href") or ""
        assert not url or url.startswith(("https://example.org/ruling", "https://github.com/openai/parameter-golf/"))
    assert not re.search(r"@\w", page.text)


def test_places_are_links_to_the_line_at_the_commit() -> None:
    text = render(samples.violating(), "markdown")
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = "records/track_10min_16mb/2026-04-05_Sample"
    assert f"https://github.com/openai/parameter-golf/blob/{commit}/{folder}/train_gpt.py#L8" in text
    base = samples.facts()
    loose = replace(base, submission=replace(base.submission, as_committed=False))
    assert "/blob/" not in render(samples.judge(loose, samples.RULES, samples.BUDGETS), "markdown")


def test_a_comment_is_never_too_long() -> None:
    many = tuple(
        samples.finding(
            Outcome.VIOLATION, message=f"finding {n} " + "long " * 150, location=Location("train_gpt.py", n % 14 + 1)
        )
        for n in range(400)
    )
    report = samples.judge(samples.facts(), [samples.rule("x", Ruling(Outcome.VIOLATION, "r", many))], samples.BUDGETS)
    text = render(report, "markdown")
    assert len(text) < 65_536
    assert text.endswith(MARKER + "\n")
    assert "did not fit" in text
    assert {tag for tag, _ in _Page(text).tags} <= _OURS


def test_a_what_if_says_so_in_every_format() -> None:
    report = replace(samples.violating(), what_if={"TTT_ENABLED": "1"})
    for form in ("terminal", "markdown", "html", "concise", "github"):
        text = render(report, form)  # type: ignore[arg-type]
        assert "HYPOTHETICAL" in text[:3000] or form == "html", form
        assert "TTT" in text
    assert "HYPOTHETICAL" in render(report, "html")
    assert '"what_if": {\n    "TTT_ENABLED": "1"\n  }' in render(report, "json")
    assert '"TTT_ENABLED": "1"' in render(report, "sarif")
    assert "HYPOTHETICAL" not in render(samples.violating(), "terminal")


@pytest.mark.parametrize("form", ["github", "concise"])
def test_lines_stay_lines(form: str) -> None:
    text = render(samples.hostile(), form)  # type: ignore[arg-type]
    assert "\x1b" not in text
    assert "\u202e" not in text
    if form == "github":
        assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in text.splitlines())

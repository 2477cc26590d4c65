"""Words that act: payloads in every field that a stranger fills, in every format; what comes out is inert.

Markdown is read by the parser of CommonMark and by what GitHub does after it: mentions, references, formulas, emoji.
"""

from __future__ import annotations

import html.parser
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest
from filled_report import filled
from markdown_it import MarkdownIt
from report_samples import BUDGETS, facts, finding, rule, run

from auditor.claims import Claim, Claims
from auditor.config import Configuration, Setting
from auditor.findings import Location, Outcome, Step, found, not_checked
from auditor.judgement.judge import judge
from auditor.judgement.model import OtherFolder, Report, Verdict
from auditor.report import FORMATS, render
from auditor.source import ProgramFile, SourceProblem, Sources, Unit
from auditor.submission import Submission, SubmissionFile

PAYLOADS = (
    "[x](https://evil.example/a)", "![x](https://evil.example/a)", "[x][1]", "<https://evil.example/a>",
    "https://evil.example/a", "www.evil.example", "mailto:x@evil.example", "x@evil.example", "@openai",
    "@openai/team", "#1", "GH-1", "openai/parameter-golf#1", "fixes #1", "closes https://github.com/o/r/issues/1",
    "see 1234567890abcdef1234567890abcdef12345678", "$x$", "$$x$$", "$`x`$", ":smile:", ":+1:",
    "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "</code></pre><b>x</b>", "<!-- x -->",
    "<details open>", "&lt;b&gt;", "**x**", "_x_", "~~x~~", "`x`", "``` x", "# x", "1. x", "1) x", "- x", "+ x",
    "* x", "- [ ] x", "> [!NOTE]", "---", "===", "| a | b |", "[^1]: x", "\\[x\\]\\(y\\)", "x\\", "{0}", "{{0}}",
    "%0A::error::x", "::error::x", "\n::error::x", "\n# x", "a\r\nb", "\x1b[2Jx", "\x1b]8;;https://evil.example\x07x",
    "\u202ex", "\u2066x", "\x9b2J", "\ud800", "\0", "[bold red]x[/]", "[link=https://e.x]x", "javascript:alert(1)",
    "\u2028# x", "\x85# x", "a\tb", "<//evil.example>", "&#64;openai", "&commat;openai", "&num;1",
    "&#91;x](https://evil.example)",
    "&colon;smile&colon;", "&dollar;x&dollar;", "&#x3c;b>x",
    "[x]: https://evil.example", "\u200b@openai", "\uff20openai",
    "~~~ x", "<b\n>x</b>", "a  \nb", "\ufeff# x", "    x", "\tx",
    '"><svg onload=x>', "{{constructor}}", "${x}", "]]>",
    # references: of commits, issues, teams, discussions, advisories, other repositories
    "0aec2ea", "ffffff0aec2ea", "deadbeef", "openai@0aec2ea1", "openai/parameter-golf@0aec2ea1", "0AEC2EA1",
    "a1b2c3d..e4f5a6b",
    "GH-123", "gh-1", "JIRA-123", "openai#1", "resolves openai/parameter-golf#1", "closes: GH-2", "/cc @openai/team",
    "/close", "@dependabot merge", "\u200b#1", "\uff03" "1", "GHSA-aaaa-bbbb-cccc", "(#1)", "x/#1", "_@openai_",
    "**@openai**", "@-x @x-y @x_y", "@openai,#1:GH-1", "https:@openai", "git@github.com:openai/parameter-golf",
    "ssh://evil.example", "xmpp:x@evil.example", "ftp://evil.example", "HTTPS://EVIL.EXAMPLE", "hTTp://e.x",
    "https://github.com/openai/parameter-golf/pull/1", "(www.evil.example)", "*https://evil.example*",
    # blocks
    "```mermaid\ngraph TD\nA-->B\n```", "```geojson\n{}\n```", "```topojson\n{}\n```", "```stl\nsolid\n```",
    "```math\nx\n```", "```suggestion\nx\n```", "~~~mermaid\nx\n~~~", "```` x", "$$\nx\n$$", "$`x`$ and $x$",
    "x[^1]", "[^1]\n\n[^1]: x", "- [x] x", "- [X] @openai", "1. [ ] x", "x\n===", "x\n---", "***", "___", "* * *",
    "+++", "> x", ">x", "> [!WARNING]\n> x", "[[x]]", "a | b\n--|--\nc | d", "|--|", ":-:", "term\n: x", "#x",
    "###### x", "x\n\n    y", "\\", "\\`x\\`", "`` x ` y ``", "`#0969DA`", "#0969DA",
    # raw HTML, comments, entities
    "<!--", "-->", "--!>", "<!-- x\n--><b>x</b>", "<details>\n<summary>x</summary>\n\nx\n\n</details>", "<summary>x",
    "<a href=https://evil.example>x</a>", "<picture><source srcset=x></picture>", "<a name=x>", "<br/>", "<?x?>",
    "<!X>", "<![CDATA[x]]>", "<sup>x</sup>", "<input type=checkbox>", "<kbd>x</kbd>", "<g-emoji>x</g-emoji>",
    "<svg><script>", "&nbsp;", "&#0;", "&#x202e;", "&lt;img src=x&gt;", "&NewLine;# x", "&#35;1", "&#x40;openai",
    "<\u200bimg src=x>",
    ":octocat:", ":shipit:", ":1234:", "::smile::", "x:smile:x", ":\u200bsmile:",
    # terminals, workflows, spreadsheets, templates
    "\x1b[31mx\x1b[0m", "\x1b]0;x\x07", "\x1bP1$qm\x1b\\", "\x07\x08\x7f", "\r::add-mask::x", "::set-output name=x::y",
    "##[error]x", "::stop-commands::x", "%25%0D%0A::error::x", "=1+1", "+1+1", "-1+1", "=HYPERLINK(1)", "@SUM(1)",
    "\u2067x\u2069", "\u061cx", "\u00adx", "\U000e0041x", "\ufffex", "\ud83d", "a" + "\u0301" * 50, "{% x %}",
    "<%= x %>", "#{x}", "!!python/object:x", "\\u003cimg src=x>", "\\x1b[2J", "[/]", "[bold]x[/bold", "[@click=x]x[/]",
    "\\[bold]x",
    # characters that are spelled, hidden or escaped
    "&lbrack;x](https://evil.example)", "![x&rbrack;(https://evil.example)", "https&colon;//evil.example",
    "http&#58;//evil.example", "w&#119;w.evil.example", "www&period;evil.example", "&grave;x&grave;",
    "&ast;&ast;x&ast;&ast;",
    "&lowbar;x&lowbar;", "x&commat;evil.example", "<https&colon;//evil.example>", "\\@openai", "\\#1",
    "!\\[x](https://evil.example)", "#\u200b1", "@\u2060openai", "\u2064@openai", "gh\u20111", "\u00ad@openai",
    "data:text/html,<b>x</b>", "git+ssh://x@evil.example", "<x:y z='@openai'>", "![[x]]", "!!! note", ":::note",
    "[x]:<y>",
    "{{<x>}}", "%{x}", "$(x)", "`$(x)`", "%s %n %x", "{x.__class__}", "\x1b_Gx\x1b\\", "\x1b^x\x1b\\", "\x1bc",
    "\x1b[6n",
    "\x0e\x0f", "\x8dM", "\u115fx", "\u3164x", "\u180ex", "\ufff9x\ufffa@openai\ufffb",
)  # fmt: skip


def _everywhere(payload: str) -> Report:
    """A report with the payload in every field that there is, found by reflection."""
    p = payload
    return filled(p, re.sub(r"[\r\n\0]", " ", p).encode("utf-8", "replace").decode())


def _report(payload: str) -> Report:
    """A judged report with the payload, after other words and before others, in every field that a submission fills."""
    p = f"zq {payload} zq"
    path = f"{p.replace(chr(0), '')}.py"
    code = "x = 1\n" * 4 + f"print({p!r}) # " + p.replace("\n", " ").replace("\r", " ") + "\n" * 9
    unit = Unit(path, code, "python")
    hit = finding(
        message=p, location=Location(path, 5), excerpt=p, remedy="Mend it.",
        trace=(Step(p, p, Location(path, 5), code=p), Step("Score", p, Location(path, 5))),
    )  # fmt: skip
    one = replace(run(42, 1.09), log=f"{p}.log")
    problem = SourceProblem(path=path, message=p, line=3, decisive=False)
    given = facts(
        submission=Submission(
            origin="pull-request", folder=f"records/track_10min_16mb/{p}", pr=7, commit="a" * 40, title=p, track=p,
            chosen_because=p,
            files=(SubmissionFile(path, 5, code.encode("utf-8", "replace")), SubmissionFile(f"{p}.txt", None, None, p)),
            problems=(p,), notes=(p,), other_folders=(p,),
        ),
        sources=Sources(unit, (unit,), (ProgramFile(path, 5, "entry"),), problems=(problem,)),
        claims=Claims(author=Claim(p, p), name=Claim(p, p), val_bpb=Claim(1.0924, p), raw={p: p}),
        runs=(one,),
        headline=(one,),
        configuration=Configuration({p: Setting(p, p, "log", p)}),
    )  # fmt: skip
    warning = replace(finding(Outcome.WARNING), rule="warns", message=p, location=Location(path, 5), trace=())
    off = replace(hit, rule="off", active=False)
    rules = (
        rule("pre-quant-ttt", found([hit], p)), rule("warns", found([warning], p)), rule("unsure", not_checked(p)),
        rule("broken", ValueError(p)), rule("off", found([off], p)),
    )  # fmt: skip
    other = OtherFolder(f"records/track_10min_16mb/{p}", Verdict.VIOLATION, "score", ("pre-quant-ttt",), p)
    return replace(judge(given, rules, BUDGETS, evaluation=p), folders=(other,))


def _texts(tokens: list[object]) -> Iterator[tuple[str, str]]:
    """(kind, content) of what a Markdown parser made of a text."""
    for token in tokens:
        yield token.type, token.content  # type: ignore[attr-defined]
        yield from _texts(token.children or [])  # type: ignore[attr-defined]


READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
AFTER = {
    "mention": r"(?<![\w/])@\w", "issue": r"(?<!\w)(?:[\w/-]+)?#\d", "gh": r"(?i)\bgh-\d",
    "address": r"(?i)\b(?:https?|ftp|mailto|xmpp):[^\s\u200b]", "www": r"(?i)\bwww\.",
    "mail": r"\w@\w+\.\w", "formula": r"\$",
    "emoji": r":[\w+-]+:", "commit": r"(?i)\b(?=[0-9]*[a-f])[0-9a-f]{7,40}\b",
}  # fmt: skip


Maker = Callable[[str], Report]


@cache
def _usual(make: Maker) -> dict[str, str]:
    """What comes out where nothing acts."""
    report = make("plain")
    return {form: render(report, form) for form in ("markdown", "html")}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_inert_in_every_format(payload: str) -> None:
    _inert(_report, payload)


# Each payload once more, a few in one text, since a report with everything in it takes long: first and last are bare.
@pytest.mark.parametrize("payload", [" ".join(PAYLOADS[at : at + 4]) for at in range(0, len(PAYLOADS), 3)])
def test_payloads_are_inert_in_every_field_that_there_is(payload: str) -> None:
    _inert(_everywhere, payload)


def _inert(make: Maker, payload: str) -> None:
    report = make(payload)
    forms = [form for form in FORMATS if form != "terminal" or _on_a_terminal(payload)]
    said = {form: _styled_by_us(render(report, form, colour=True)) for form in forms}  # type: ignore[arg-type]
    usual = _usual(make)
    _inert_markdown(said["markdown"], usual["markdown"])
    _inert_html(said["html"], usual["html"])
    _inert_messages(said["sarif"])
    for form, text in said.items():
        _plain(form, text)


def _styled_by_us(text: str) -> str:
    """Without the colours that we give a terminal, and the links, which lead to the submission's repository alone."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return re.sub(r"\x1b\]8;[id=0-9]*;(?:https://github\.com/openai/parameter-golf/[!-~]*)?\x1b\\", "", text)


def _on_a_terminal(payload: str) -> bool:
    """Whether it holds what a terminal, or the library that writes to it, acts upon; writing takes long."""
    return "[" in payload or ":" in payload or not payload.isprintable()


def _inert_markdown(text: str, plain: str) -> None:
    made, usual = (list(_texts(READER.parse(t))) for t in (text, plain))  # type: ignore[arg-type]
    harmless = {content for kind, content in usual if kind == "text"}
    ours = {html_ for kind, html_ in usual if kind.startswith("html")}
    for kind, content in made:
        if kind == "text":
            for name, pattern in AFTER.items():
                assert content in harmless or not re.search(pattern, content), (name, content)
        if kind.startswith("html"):
            assert content in ours, content
    kinds = {"link_open", "image", "s_open", "math_inline", "hr"}
    for kind in kinds:
        assert [k for k, _ in made].count(kind) == [k for k, _ in usual].count(kind), kind
    for kind in (
        "heading_open",
        "table_open",
        "em_open",
        "strong_open",
        "blockquote_open",
        "ordered_list_open",
        "fence",
    ):
        assert [k for k, _ in made].count(kind) <= [k for k, _ in usual].count(kind), kind


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))
        for name, value in attrs:
            assert not name.startswith("on")
            if name in ("href", "src"):
                assert (value or "").startswith(("https://github.com/", "https://example.org/", "#", "data:"))


def _inert_html(text: str, plain: str) -> None:
    made, usual = _Tags(), _Tags()
    made.feed(text)
    usual.feed(plain)
    assert set(made.seen) <= set(usual.seen)


def _inert_messages(text: str) -> None:
    def messages(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("message"), dict):
                yield node["message"]["text"]
            for value in node.values():
                yield from messages(value)
        elif isinstance(node, list):
            for value in node:
                yield from messages(value)

    for said in messages(json.loads(text)):
        assert not re.search(r"\]\(|\]\[|\{\d|<[A-Za-z/!?]", said), said
        for name, pattern in AFTER.items():
            assert not re.search(pattern, said), (name, said)


def _plain(form: str, text: str) -> None:
    """No control character acts, and no line is another command than ours."""
    text.encode("utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]", text), (
        form
    )
    if form == "github":
        for line in text.splitlines():
            assert re.match(r"::(?:error|warning|notice) ", line)
            assert line.count("::error") + line.count("::warning") + line.count("::notice") >= 1
    if form in ("json", "jsonl"):
        assert text.isascii()
        assert form == "json" or text.count("\n") == 1


def test_a_terminal_shows_markup_as_text() -> None:
    text = render(_report("[bold red]x[/]"), "terminal")
    assert "[bold red]x" in text

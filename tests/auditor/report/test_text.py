"""Escaping: whatever a submission contains, it stays text."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.report.text import (
    clip,
    escape_html,
    escape_markdown,
    markdown_block,
    markdown_code,
    one_line,
    plain,
    without_commands,
)

ANY = st.text(alphabet=st.characters(codec=None), max_size=60) | st.text(
    alphabet="@#`|<>&*_[]()!\\ \t\n\rGH-1wt.:/hps\x1b\u202e\ud800", max_size=40
)


@given(ANY)
def test_plain_leaves_nothing_that_a_terminal_obeys(text: str) -> None:
    safe = plain(text)
    assert safe.isprintable() or safe == ""
    safe.encode("utf-8")


@pytest.mark.parametrize("bad", ["\x1b", "\x07", "\x9b", "\x7f", "\u202e", "\u2066", "\u200b", "\ud800", "\U000e0041"])
def test_plain_spells_control_characters_out(bad: str) -> None:
    assert bad not in plain(f"a{bad}b")
    assert plain(f"a{bad}b") != "ab"


def test_plain_keeps_line_breaks_only_when_told() -> None:
    assert plain("a\nb", newlines=True) == "a\nb"
    assert plain("a\nb") == "a\\x0ab"


def test_one_line_collapses_and_cuts() -> None:
    assert one_line(" a\n\t b ") == "a b"
    assert one_line("x" * 600, 10) == "x" * 9 + "…"
    assert clip("abc", 3) == "abc"


@given(ANY)
def test_markdown_text_holds_no_mention_reference_link_or_tag(text: str) -> None:
    safe = escape_markdown(text)
    assert not re.search(r"@[^\u200b\s]", safe)
    assert not re.search(r"#\d", safe)
    assert not re.search(r"(?i)\bgh-\d|https?:/|www\.", safe)
    assert "<" not in safe
    assert ">" not in safe
    assert "\n" not in safe
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]|]", safe)


@given(ANY, st.booleans())
def test_a_code_span_cannot_be_left(text: str, cell: bool) -> None:
    span = markdown_code(text, cell=cell)
    match = re.fullmatch(r"(`+)(.*?)\1", span)
    assert match
    assert match.group(1) not in re.findall(r"`+", match.group(2))
    assert not (cell and "|" in span)


@given(st.lists(ANY, max_size=5))
def test_a_block_cannot_be_closed_from_inside(lines: list[str]) -> None:
    first, *body, last = markdown_block(lines)
    assert first == last
    assert all(last not in line for line in body)
    assert len(body) == len(lines)


@given(ANY)
def test_html_text_holds_no_tag_and_no_quote(text: str) -> None:
    assert not set("<>\"'") & set(escape_html(text))


COMMANDS = st.text(alphabet=":#[]vso \n\ta=_1", max_size=40) | st.lists(
    st.sampled_from(["::set-output name=x::y", "##[add-mask]x", "##vso[task.setvariable x]y", "###[x]", " ", "\n", ":"])
).map("".join)


@given(COMMANDS)
def test_no_line_of_an_output_is_a_command(text: str) -> None:
    """As GitHub's runner reads a line (`::` first, after white space; `##[` anywhere), and Azure's (`##vso[`)."""
    for form in ("terminal", "markdown", "html", "concise"):
        for line in without_commands(text, form).split("\n"):
            assert not line.lstrip().startswith("::")
            assert not re.search(r"##\w*\[", line)
    held = json.dumps({"said": text})
    assert not re.search(r"##\w*\[", without_commands(held, "json"))
    assert json.loads(without_commands(held, "json")) == {"said": text}


def test_annotations_stay_commands() -> None:
    assert without_commands("::error file=a.py::##[x]\n", "github") == "::error file=a.py::#\u200b#[x]\n"

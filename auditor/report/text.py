"""Making untrusted text safe for each output, and the few number formats that the reports share.

Every string that stems from a submission passes through one of these functions exactly once, in the renderer.
"""

from __future__ import annotations

import html
import re

TAB = "    "
_BACKTICKS = re.compile(r"`+")
# Everything that Markdown or raw HTML could take for markup. A backslash does not keep GitHub from taking dollars for
# a formula, since it looks for them after parsing: they become another character that looks like them.
_MARKDOWN_SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "\\`*_{}[]#|~!^"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "$": "\uff04"}
)
# GitHub links these after parsing, or makes a picture of them, so a backslash does not help; an invisible space does:
# mentions, issues, addresses, :smile:, and below ids of commits.
_REFERENCE = re.compile(
    r"@(?=\S)|#(?=\d)|\b[Gg][Hh]-(?=\d)|(?i:https?|ftp|mailto|xmpp):(?=\S)|[Ww]{3}(?=\.)|:(?=[\w+-]+(?::|$))"
)
_COMMIT = re.compile(r"(?<![0-9A-Za-z])(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{7,}(?![0-9A-Za-z])")
_NO_COMMIT = 6  # digits of an id that are no link yet
# A line that begins like this is a list, a heading's rule, or another block.
_BLOCK = re.compile(r"^(\d{1,9})(?=[.)])|^(?=[-+=:])")
# What makes a link, a tag or a placeholder of a SARIF message, or of what GitHub makes of one.
_ACTING = re.compile(r"\](?=\()|\](?=\[)|\{(?=\d)|<(?=[A-Za-z/!?])")
# What runs a job takes a printed line for a command: GitHub's by its beginning, GitHub's and Azure's by `##[` or
# `##vso[` anywhere in it.
_COMMAND_LINE = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)
_COMMAND = re.compile(r"##(?=\w*\[)")
_ZERO_WIDTH = "\u200b"


def plain(text: str, *, newlines: bool = False) -> str:
    """Text whose every control, bidirectional, zero-width or unpaired-surrogate character is spelt out.

    Tabs become four spaces; line breaks are spelt out too unless `newlines`.
    """
    if text.isprintable():
        return text
    return "".join(_visible(ch, newlines) for ch in text)


def _visible(ch: str, newlines: bool) -> str:
    if ch.isprintable():
        return ch
    if ch == "\t":
        return TAB
    if ch == "\n" and newlines:
        return ch
    if ch == "\u00a0":
        return " "
    code = ord(ch)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: str, limit: int = 500) -> str:
    """`plain` on a single line: white space collapsed, cut at `limit` characters."""
    return clip(plain(" ".join(text[: limit * 4].split())), limit)


def without_commands(text: str, form: str = "") -> str:
    """A whole output, of which a log of CI takes no line for a command; those of the format `github` stay."""
    if form in ("json", "jsonl", "sarif"):
        return _COMMAND.sub(r"#\\u0023", text)  # only a string holds it, and the string stays the same
    text = _COMMAND.sub(f"#{_ZERO_WIDTH}#", text)
    return text if form == "github" else _COMMAND_LINE.sub(rf"\1:{_ZERO_WIDTH}", text)


def clip(text: str, limit: int) -> str:
    """The text, or its first `limit - 1` characters and an ellipsis."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def escape_html(text: str) -> str:
    """Safe between tags and inside quoted attributes."""
    return html.escape(plain(text), quote=True)


def escape_markdown(text: str, limit: int = 500) -> str:
    """One line of running text: no markup, no mention, no issue reference, no link."""
    quiet = _unlinked(one_line(text, limit))
    return _BLOCK.sub(lambda m: m.group() + "\\", quiet.translate(_MARKDOWN_SPECIAL))


def message(text: str, limit: int = 1000) -> str:
    """One line of plain text for a place that links are made of: SARIF's messages, which GitHub shows."""
    return _broken(_ACTING, _unlinked(one_line(text, limit))).replace("$", "\uff04")


def _unlinked(text: str) -> str:
    """Without anything that GitHub makes a link or a picture of once it has read the Markdown."""
    return _COMMIT.sub(lambda m: _ZERO_WIDTH.join(_parts(m.group())), _broken(_REFERENCE, text))


def _parts(digits: str) -> list[str]:
    return [digits[at : at + _NO_COMMIT] for at in range(0, len(digits), _NO_COMMIT)]


def _broken(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda m: m.group() + _ZERO_WIDTH, text)


def markdown_code(text: str, limit: int = 200, *, cell: bool = False) -> str:
    """A code span that its content cannot leave; `cell` replaces the bar that would end a table cell."""
    body = one_line(text, limit) or " "
    if cell:
        body = body.replace("|", "¦")  # a backslash before the bar would be ambiguous in a code span
    fence = "`" * (_longest_backticks(body) + 1)
    if body.startswith("`") or body.endswith("`"):
        body = f" {body} "
    return f"{fence}{body}{fence}"


def markdown_block(lines: list[str], language: str = "") -> list[str]:
    """A fenced block that its content cannot close."""
    safe = [plain(line) for line in lines]
    fence = "`" * max(3, max((_longest_backticks(line) for line in safe), default=0) + 1)
    return [fence + language, *safe, fence]


def _longest_backticks(text: str) -> int:
    return max((len(m.group()) for m in _BACKTICKS.finditer(text)), default=0)


def grouped(value: float | None, digits: int = 0, unit: str = "") -> str:
    """A number with thousands separators, "?" where unknown."""
    if value is None:
        return "?"
    return f"{value:,.{digits}f}" + (f" {unit}" if unit else "")


def count(number: int, one: str, many: str = "") -> str:
    """`1 rule`, `3 rules`."""
    return f"{number} {one if number == 1 else many or one + 's'}"

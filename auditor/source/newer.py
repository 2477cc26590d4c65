"""Grammar newer than the running Python, rewritten so that `ast` reads it with the same lines and expressions.

PEP 701 lets the replacement fields of an f-string hold anything: the enclosing quotes, backslashes, comments, line
breaks. Every field of such a string is replaced by a placeholder name; its expression is parsed on its own and put into
the tree in the placeholder's place; PEP 750's t-strings likewise. PEP 758's `except A, B:` gets its parentheses, and
PEP 810's `lazy import` is an import. PEP 695's type parameters are blanked and its aliases become assignments: neither
computes anything that an auditor follows. A scanner of strings and brackets suffices for that, is linear in the text,
and can't overflow the stack as a full parser in native code can.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from dataclasses import dataclass, field

from auditor.source.plain import SyntaxProblem, quiet_parse

MAX_DEPTH = 12
"""f-strings within fields of f-strings, and fields within format specifications."""

_STRING = r"(?<![\w])([A-Za-z]{0,2})(\"\"\"|\'\'\'|\"|\')"
_TOKEN = re.compile(r"#[^\n]*|" + _STRING)
_PLAIN_END = {
    '"': re.compile(r"[^\"\\]*(?:\\.[^\"\\]*)*\"", re.DOTALL),
    "'": re.compile(r"[^'\\]*(?:\\.[^'\\]*)*'", re.DOTALL),
    '"""': re.compile(r"[^\"\\]*(?:(?:\\.|\"(?!\"\"))[^\"\\]*)*\"\"\"", re.DOTALL),
    "'''": re.compile(r"[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''", re.DOTALL),
}
_IN_FIELD = re.compile(r"#[^\n]*|" + _STRING + r"|[()\[\]{}:]|![rsa](?=\s*[:}])|[!=<>]=|=(?=\s*[!:}])")
_F_PREFIXES = frozenset({"f", "rf", "fr", "t", "rt", "tr"})  # t: PEP 750, which holds the same expressions
_TYPE_SYNTAX = re.compile(
    r"^([ \t]*)(?:type[ \t]+(\w+)[ \t]*(?=[\[=])|(?:(?:async[ \t]+)?def|class)[ \t]+\w+[ \t]*(?=\[))",
    re.MULTILINE,
)
_BARE_EXCEPT = re.compile(
    r"^([ \t]*except\*?(?:[ \t]|\\\n){1,40})"
    r"([A-Za-z_](?:[^:()#\n\\]|\\\n){0,400},(?:[^:()#\n\\]|\\\n){1,400}):",
    re.MULTILINE,
)
_LAZY_IMPORT = re.compile(r"^([ \t]*)lazy[ \t]+((?:import|from)[ \t]+[A-Za-z_.])", re.MULTILINE)
_BRACKETS = re.compile(r"[\[\]]")
_PLACEHOLDER = "_field_of_f_string_"


class NotNewer(Exception):
    """The text is not newer grammar either."""


@dataclass
class _Fields:
    """Expressions taken out of f-strings, by number: text, line (1-based) and column of their first character."""

    line_starts: list[int]
    found: list[tuple[str, int, int]] = field(default_factory=list)

    def placeholder(self, text: str, at: int) -> str:
        line = bisect_right(self.line_starts, at)
        self.found.append((text, line, at - self.line_starts[line - 1]))
        return f"{_PLACEHOLDER}{len(self.found) - 1}_"


def parse_newer(text: str) -> ast.Module:
    """Parse `text`; raises NotNewer where that fails too."""
    try:
        return _parse(text, 0)
    except NotNewer:
        blanked = _blank_type_syntax(_older_statements(text))
        if blanked == text:
            raise
        return _parse(blanked, 0)


def _parse(text: str, depth: int) -> ast.Module:
    if depth > MAX_DEPTH:
        raise NotNewer
    fields = _Fields([0, *(m.end() for m in re.finditer("\n", text))])
    rewritten = _rewrite(text, fields)
    try:
        tree = quiet_parse(rewritten)
    except SyntaxProblem:
        raise NotNewer from None
    if not fields.found:
        return tree
    expressions = [_expression(*place, depth) for place in fields.found]
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name):
            name = node.value.id
            if name.startswith(_PLACEHOLDER):
                node.value = expressions[int(name[len(_PLACEHOLDER) : -1])]
    return tree


def _expression(text: str, line: int, column: int, depth: int) -> ast.expr:
    """One replacement field's expression, with lines of the whole text."""
    if not text.strip():
        raise NotNewer
    source = f"({text}\n)"
    try:
        tree = quiet_parse(source)
    except SyntaxProblem:
        tree = _parse(source, depth + 1)
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        raise NotNewer
    expression = tree.body[0].value
    for node in ast.walk(expression):
        if isinstance(node, ast.expr):
            if node.lineno == 1:
                node.col_offset += column - 1
            if node.end_lineno == 1 and node.end_col_offset is not None:
                node.end_col_offset += column - 1
    ast.increment_lineno(expression, line - 1)
    return expression


def _rewrite(text: str, fields: _Fields) -> str:
    """The text with placeholders in the fields of its f-strings, line for line."""
    out: list[str] = []
    at = copied = 0
    while match := _TOKEN.search(text, at):
        at = match.end()
        quote = match[2]
        if not quote:
            continue
        if match[1].lower() not in _F_PREFIXES:
            at = _plain_end(text, at, quote)
            continue
        prefix_at = match.start()
        raw = "r" in match[1].lower()
        body, end = _f_string(text, at, quote, raw, fields, 0)
        out.append(text[copied:prefix_at])
        out.append(f"{'rf' if raw else 'f'}{quote}{body}{quote}")
        # Line breaks within the fields are gone from the literal: make up for them behind it.
        missing = text.count("\n", prefix_at, end) - body.count("\n")
        out.append(" " + "\\\n" * missing + " " if missing else "")
        at = copied = end
    out.append(text[copied:])
    return "".join(out)


def _plain_end(text: str, at: int, quote: str) -> int:
    match = _PLAIN_END[quote].match(text, at)
    if not match:
        raise NotNewer
    return match.end()


def _f_string(text: str, at: int, quote: str, raw: bool, fields: _Fields | None, depth: int) -> tuple[str, int]:
    """The rewritten body of the f-string that starts at `at`, and the position behind its closing quotes."""
    out: list[str] = []
    literal = re.compile(r"[^\\{}" + quote[0] + r"]+")
    while at < len(text):
        if run := literal.match(text, at):
            out.append(run[0])
            at = run.end()
        elif text.startswith(quote, at):
            return "".join(out), at + len(quote)
        elif text.startswith(("{{", "}}"), at) or text[at] == "\\":
            width = 3 if not raw and text.startswith("\\N{", at) else 2
            if raw and text[at] == "\\" and text[at + 1 : at + 2] in ("{", "}"):
                width = 1
            out.append(text[at : at + width])
            at += width
            if width == 3:  # a named character: \N{EM DASH}
                close = text.find("}", at) + 1
                out.append(text[at:close])
                at = max(close, at)
        elif text[at] == "{":
            piece, at = _field(text, at + 1, fields, depth)
            out.append(piece)
        else:
            out.append(text[at])
            at += 1
    raise NotNewer


def _field(text: str, at: int, fields: _Fields | None, depth: int) -> tuple[str, int]:
    """The replacement for the field whose expression starts at `at`, and the position behind its closing brace."""
    if depth > MAX_DEPTH:
        raise NotNewer
    end, next_at = _expression_end(text, at, depth)
    name = ""
    if fields is not None:
        name = fields.placeholder(text[at:end], at)
    rest = text[end:next_at].replace("\n", " ").replace("=", "")  # `=` would print the placeholder's name
    if text[next_at - 1] == "}":
        return "{" + name + rest, next_at
    spec: list[str] = [rest]
    at = next_at
    while at < len(text):
        if text[at] == "{":
            piece, at = _field(text, at + 1, fields, depth + 1)
            spec.append(piece)
        elif text[at] == "}":
            return "{" + name + "".join(spec) + "}", at + 1
        else:
            spec.append(text[at] if text[at] != "\n" else " ")
            at += 1
    raise NotNewer


def _expression_end(text: str, at: int, depth: int) -> tuple[int, int]:
    """Where the expression ends, and the position behind the `}` or the `:` that opens the specification."""
    open_brackets = 0
    end: int | None = None
    while match := _IN_FIELD.search(text, at):
        token = match[0]
        at = match.end()
        if match[2]:
            if match[1].lower() in _F_PREFIXES:
                _, at = _f_string(text, at, match[2], "r" in match[1].lower(), None, depth + 1)
            else:
                at = _plain_end(text, at, match[2])
        elif token in "([{":
            open_brackets += 1
        elif token == "}" and not open_brackets:
            return (match.start() if end is None else end), at
        elif token in ")]}":
            open_brackets -= 1
        elif not open_brackets and token == ":":
            return (match.start() if end is None else end), at
        elif not open_brackets and end is None and ((token[0] == "!" and token != "!=") or token == "="):
            end = match.start()
    raise NotNewer


def _older_statements(text: str) -> str:
    """PEP 758's `except A, B:` with parentheses, PEP 810's `lazy import` without its first word; line for line."""
    text = _BARE_EXCEPT.sub(r"\1(\2):", text)
    return _LAZY_IMPORT.sub(r"\1\2", text)


def _blank_type_syntax(text: str) -> str:
    """`def f[T](x)` without its `[T]`, `type A[T] = ...` as `A = ...`; as many lines as before."""
    out: list[str] = []
    copied = 0
    for match in _TYPE_SYNTAX.finditer(text):
        if match.start() < copied:
            continue
        out.append(text[copied : match.start()])
        out.append(match[0] if match[2] is None else f"{match[1]}{match[2]} ")
        copied = match.end()
        if text[copied] == "[":
            end = _closing_bracket(text, copied)
            out.append("\\\n" * text.count("\n", copied, end))
            copied = end
    out.append(text[copied:])
    return "".join(out)


def _closing_bracket(text: str, at: int) -> int:
    """The position behind the bracket that closes the one at `at`."""
    depth = 0
    for match in _BRACKETS.finditer(text, at):
        depth += 1 if match[0] == "[" else -1
        if depth == 0:
            return match.end()
    raise NotNewer

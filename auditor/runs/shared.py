"""The frame of a log whose own words are not known: what its lines begin with, saying different things behind it.

An unframed log has no such beginning: what nine of ten lines share there is the start of one kind of line, and what
follows is a number each time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from auditor.runs.prefixes import PIECE, PIECES, Shape

_COLUMNS = 160
_LEAST_LINES = 8
_NEARLY_ALL = 0.9  # of the lines begin with a frame of plain words
_MOST = 0.6  # with one that tells the time or a level: messages of several lines have it on the first
_ALIKE = 0.95
_KINDS = 4  # different words behind a frame: one kind of line has one
_TOKEN = re.compile(rf"{PIECE.pattern}|(?P<word>[A-Za-z_]{{1,60}})|(?P<sign>.)")
_TIMED = frozenset({"stamp", "level", "letter"})
_NEVER = frozenset({"word", "number", "decimal", "first"})  # a frame does not end in one
_COUNTS = re.compile(r"(?:step|iter|iteration|epoch|batch|chunk|it|loss|bpb|lr|update|window)s?", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[^A-Za-z]{0,20}([A-Za-z_]{2,40})")

Token = tuple[str, str]  # kind, text: of words and signs alone


@dataclass(slots=True)
class _Line:
    """A line, read as far as somebody asked: most logs have nothing in common behind the first token."""

    text: str
    tokens: list[Token] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)  # where each token ends

    def token(self, at: int) -> Token | None:
        """The token with that index, counted from 0; None behind the line's end."""
        while len(self.tokens) <= at:
            match = _TOKEN.match(self.text, self.ends[-1] if self.ends else 0)
            if match is None:
                return None
            kind = match.lastgroup or "sign"
            self.tokens.append((kind, match[0] if kind in ("word", "sign") else ""))
            self.ends.append(match.end())
        return self.tokens[at]


def shared_shape(sample: Sequence[str]) -> Shape | None:
    """The shape that the sample's lines begin with; None where they have none in common."""
    if len(sample) < _LEAST_LINES:
        return None
    lines = [_Line(line[:_COLUMNS]) for line in sample]
    alive = lines
    common: list[Token] = []
    while True:
        at = len(common)
        following = Counter(token for line in alive if (token := line.token(at)) is not None)
        if not following:
            break
        token, count = following.most_common(1)[0]
        timed = any(kind in _TIMED for kind, _ in (*common, token))
        few = count < (_MOST if timed else _NEARLY_ALL) * len(lines)
        # Of the lines that begin so far alike nearly none goes on otherwise within a frame.
        if few or (at and count < _ALIKE * len(alive)) or _COUNTS.fullmatch(token[1]):
            break
        common.append(token)
        alive = [line for line in alive if line.token(at) == token]
    while common and common[-1][0] in _NEVER:
        common.pop()
    if all(kind == "blank" for kind, _ in common):
        return None  # an indentation
    having = [line for line in lines if line.tokens[: len(common)] == common]
    return _shape(common, having) if _say_different_things(having, len(common)) else None


def _say_different_things(lines: Sequence[_Line], count: int) -> bool:
    words = {match[1].lower() for line in lines if (match := _FIRST_WORD.match(line.text, line.ends[count - 1]))}
    return len(words) >= _KINDS


def _shape(common: Sequence[Token], lines: Sequence[_Line]) -> Shape:
    """The least blanks behind the frame are the frame's, what is more is an indentation."""
    blanks = 0
    if common[-1][0] == "blank":
        at = len(common) - 1
        blanks = min(line.ends[at] - (line.ends[at - 1] if at else 0) for line in lines)
        common = common[:-1]
    return Shape("".join(PIECES[kind] if kind in PIECES else re.escape(text) for kind, text in common), False, blanks)

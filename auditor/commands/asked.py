"""Which pull requests were asked for, as a user may write them, and what --fail-on means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.commands.process import UsageError
from auditor.findings import CLASSES, Class, Outcome

FAIL_ON = ("violation", "disputed", "warning", "never")
_ONE = re.compile(r"(?:#|(?:https?://)?github\.com/[^/\s]+/[^/\s]+/pull/)?(\d{1,9})(?:[/?#]\S*)?")
_SPAN = re.compile(r"#?(\d{1,9})(?:-|\.\.)#?(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Asked:
    """Pull requests: single numbers in the order given, spans (both ends included), or all that the clone has."""

    numbers: tuple[int, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    every: bool = False

    def __bool__(self) -> bool:
        return bool(self.numbers or self.spans or self.every)

    @property
    def one(self) -> int | None:
        """The only one that was asked for, None where more may be meant."""
        return self.numbers[0] if len(self.numbers) == 1 and not self.spans and not self.every else None

    def among(self, known: Sequence[int]) -> tuple[int, ...]:
        """The numbers, each once: single ones whether known or not, of a span those that the clone has."""
        if self.every:
            return tuple(known)
        within = [n for low, high in self.spans for n in known if low <= n <= high]
        return tuple(dict.fromkeys([*self.numbers, *within]))


def asked(words: Sequence[str]) -> Asked:
    """`1395`, `#1395`, the address of a pull request, `1395-1450`, `all`. Raises UsageError for anything else."""
    numbers: list[int] = []
    spans: list[tuple[int, int]] = []
    every = False
    for word in (part for text in words for part in text.split(",") if part):
        one, span = _ONE.fullmatch(word), _SPAN.fullmatch(word)
        if word == "all":
            every = True
        elif one:
            numbers.append(int(one.group(1)))
        elif span and int(span.group(1)) <= int(span.group(2)):
            spans.append((int(span.group(1)), int(span.group(2))))
        else:
            raise UsageError(f"--pr wants numbers such as 1395, spans such as 1395-1450, or all, not {word!r}")
    if any(number < 1 for number in (*numbers, *(low for low, _ in spans))):
        raise UsageError("--pr wants the number of a pull request, 1 or more")
    return Asked(tuple(dict.fromkeys(numbers)), tuple(spans), every)


@dataclass(frozen=True, slots=True)
class Bar:
    """What makes the exit status 1: the least outcome (None: nothing does), in these classes of rules."""

    outcome: Outcome | None = Outcome.VIOLATION
    classes: tuple[Class, ...] = CLASSES


def bar(text: str) -> Bar:
    """`violation`, `score`, `score,budget`, `score,disputed`. Raises UsageError for anything else."""
    words = [word for word in text.split(",") if word]
    outcomes = [word for word in words if word in FAIL_ON]
    classes = tuple(known for known in CLASSES if known in words)
    if not words or len(outcomes) > 1 or len(outcomes) + len(set(words) & set(CLASSES)) < len(set(words)):
        raise UsageError(
            f"--fail-on wants one of {', '.join(FAIL_ON)}, and classes ({', '.join(CLASSES)}), not {text!r}"
        )
    least = outcomes[0] if outcomes else "violation"
    return Bar(None if least == "never" else Outcome(least), classes or CLASSES)

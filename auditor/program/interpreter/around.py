"""What is so while a block of the program runs: something on top of a stack, switches that it hangs on, a journal."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Final, Generic, TypeVar

from auditor.program.interpreter.kept import Journal
from auditor.program.interpreter.recorder import Off, Recorder

T = TypeVar("T")

Around = AbstractContextManager[None]
"""What is so while a block runs. Plain classes: generators would cost more than the blocks."""

NOTHING: Final[Around] = nullcontext()


class OnTop(Generic[T]):
    """While the block runs, something lies on top of a stack."""

    __slots__ = ("_item", "_stack")

    def __init__(self, stack: list[T], item: T) -> None:
        self._stack = stack
        self._item = item

    def __enter__(self) -> None:
        self._stack.append(self._item)

    def __exit__(self, *raised: object) -> None:
        self._stack.pop()


class Under:
    """While the block runs, it hangs on switches."""

    __slots__ = ("_off", "_run", "_switches", "_unsure")

    def __init__(self, run: Recorder, switches: frozenset[str], unsure: bool, off: Off | None) -> None:
        self._run = run
        self._switches = switches
        self._unsure = unsure
        self._off = off

    def __enter__(self) -> None:
        self._run.guards.append(self._switches)
        self._run.unsure += self._unsure
        if self._off is not None:
            self._run.off.append(self._off)

    def __exit__(self, *raised: object) -> None:
        self._run.guards.pop()
        self._run.unsure -= self._unsure
        if self._off is not None:
            self._run.off.pop()


class Arm:
    """While the block runs, what attributes were before is written down; what is around it gets to know it, too."""

    __slots__ = ("_journals",)

    def __init__(self, journals: list[Journal]) -> None:
        self._journals = journals

    def __enter__(self) -> Journal:
        journal: Journal = {}
        self._journals.append(journal)
        return journal

    def __exit__(self, *raised: object) -> None:
        journal = self._journals.pop()
        if self._journals:
            around = self._journals[-1]
            for key, before in journal.items():
                around.setdefault(key, before)

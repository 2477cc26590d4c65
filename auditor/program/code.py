"""What the program answers about its code beside the trace: one question, one property, worked out once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TypeVar

from auditor.config import Configuration
from auditor.program.bytes.tables import ByteTable, added_space, byte_tables
from auditor.program.c.callers import Callers
from auditor.program.c.gates import c_target_gates
from auditor.program.c.mixtures import c_mixtures
from auditor.program.c.text import CText, c_texts
from auditor.program.forward.adapters import Kept, MixedRows, kept_over_resets, mixed_rows
from auditor.program.forward.attention import Attention, attention
from auditor.program.forward.shifts import Smear, smears
from auditor.program.mixtures.gates import target_gates
from auditor.program.mixtures.of_bytes import ByteMixture, byte_mixtures
from auditor.program.model import Program
from auditor.program.module import Module, Seen, modules
from auditor.program.printing import Printing
from auditor.program.stream.order import Reorder, reorders
from auditor.program.stream.reads import (
    Fetch,
    fetches,
)
from auditor.program.stream.tokens import changed_targets
from auditor.program.stream.windows import ShortWalk, short_walks
from auditor.runs.provenance import Difference, echo_difference, foreign_words
from auditor.source import Sources

T = TypeVar("T")


class Code:
    """Facts about the decoded sources, each with its place and whether it runs under the configuration."""

    def __init__(self, sources: Sources, configuration: Configuration, program: Program) -> None:
        self.sources = sources
        self.program = program
        self._configuration = configuration

    @cached_property
    def _modules(self) -> tuple[Module, ...]:
        return tuple(modules(self.sources, self._configuration, self.program))

    def _each(self, question: Callable[[Module], Iterable[T]]) -> tuple[T, ...]:
        return tuple(answer for module in self._modules for answer in question(module))

    @cached_property
    def _code(self) -> tuple[tuple[str, str], ...]:
        """(path, text) of all code: as decoded, and as shipped."""
        shipped = (
            (path, data.decode("utf-8", "replace"))
            for path, data in self.sources.shipped.items()
            if path.endswith((".py", ".sh", ".c", ".cc", ".cpp", ".cu"))
        )
        return (*((unit.path, unit.text) for unit in self.sources.units), *shipped)

    def foreign_words(self, label: str, values: Iterable[str]) -> tuple[str, ...]:
        """The words of a result's label that stand in no code and in none of the settings' values."""
        return foreign_words(label, (text for _, text in self._code), values)

    def echo_difference(self, log: str, first: int) -> Difference | None:
        """How the source that a log echoes from line `first` on differs from the folder's; None where it does not."""
        return echo_difference(log, first, [(path, text) for path, text in self._code if path.endswith(".py")])

    @cached_property
    def _helpers(self) -> tuple[CText, ...]:
        return tuple(c_texts(self.sources, self.program))

    @property
    def is_read(self) -> bool:
        """Whether there is any Python text that could be read."""
        return bool(self._modules)

    @cached_property
    def _texts(self) -> tuple[str, ...]:
        return tuple(unit.text.lower() for unit in self.sources.units)

    def mentions(self, words: str) -> bool:
        """Whether some text of the program holds these words, upper or lower case."""
        return any(words.lower() in text for text in self._texts)

    @cached_property
    def unpacked_bytes(self) -> Mapping[str, int]:
        """Bytes of the longest text that each file of the program holds, packed or not."""
        found: dict[str, int] = {}
        for unit in self.sources.units:
            found[unit.path] = max(found.get(unit.path, 0), len(unit.text.encode("utf-8", "replace")))
        return found

    @cached_property
    def printing(self) -> Printing:
        """Which lines of a log the program's texts can print."""
        return Printing(self._modules, self.sources, self.program)

    @cached_property
    def byte_tables(self) -> tuple[ByteTable, ...]:
        return self._each(byte_tables)

    @cached_property
    def added_spaces(self) -> tuple[Seen, ...]:
        """Where the byte of a leading space is added at evaluation."""
        return tuple(seen for module in self._modules if (seen := added_space(module)) is not None)

    @cached_property
    def byte_mixtures(self) -> tuple[ByteMixture, ...]:
        return (*byte_mixtures(self.program), *(mixture for helper in self._helpers for mixture in c_mixtures(helper)))

    @cached_property
    def target_gates(self) -> tuple[Seen, ...]:
        """Gates of n-gram hints that ask for the class of the scored token."""
        return self._each(target_gates)

    @cached_property
    def c_target_gates(self) -> tuple[Seen, ...]:
        callers = Callers(self._modules)
        return tuple(gate for helper in self._helpers for gate in c_target_gates(helper, callers))

    @cached_property
    def c_not_followed(self) -> tuple[str, ...]:
        """The paths of C texts that were too long to be run to their end."""
        return tuple(helper.unit.path for helper in self._helpers if not helper.run.whole)

    @cached_property
    def smears(self) -> tuple[Smear, ...]:
        return self._each(smears)

    @cached_property
    def attention(self) -> tuple[Attention, ...]:
        return self._each(attention)

    @cached_property
    def kept_over_resets(self) -> tuple[Kept, ...]:
        return self._each(kept_over_resets)

    @cached_property
    def mixed_rows(self) -> tuple[MixedRows, ...]:
        return self._each(mixed_rows)

    @cached_property
    def fetches(self) -> tuple[Fetch, ...]:
        return self._each(fetches)

    @cached_property
    def short_walks(self) -> tuple[ShortWalk, ...]:
        return self._each(short_walks)

    @cached_property
    def reorders(self) -> tuple[Reorder, ...]:
        return self._each(reorders)

    @cached_property
    def changed_targets(self) -> tuple[Seen, ...]:
        return tuple(changed_targets(self.program))

"""What the program answers about its code beside the trace: one question, one property, worked out once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TypeVar

from auditor.config import Configuration
from auditor.program.bytes.constant import ConstantBytes, constant_bytes
from auditor.program.bytes.tables import ByteTable, added_space, byte_tables
from auditor.program.model import Program
from auditor.program.module import Module, Seen, modules
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

    @property
    def is_read(self) -> bool:
        """Whether there is any Python text that could be read."""
        return bool(self._modules)

    @cached_property
    def byte_tables(self) -> tuple[ByteTable, ...]:
        return self._each(byte_tables)

    @cached_property
    def added_spaces(self) -> tuple[Seen, ...]:
        """Where the byte of a leading space is added at evaluation."""
        return tuple(seen for module in self._modules if (seen := added_space(module)) is not None)

    @cached_property
    def constant_bytes(self) -> tuple[ConstantBytes, ...]:
        return self._each(constant_bytes)

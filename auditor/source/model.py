"""Decoded source as values: which texts the program consists of, and what could not be opened."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Language = Literal["python", "c", "shell"]


@dataclass(frozen=True)
class Unit:
    """One source text of the program.

    `path` is the file of the record folder that holds it; `layer` counts unpackings (0: as shipped), and
    `packing` names them, outermost first ("lzma+base85"). Positions in findings are lines of `text`.
    `tree` is the parsed module of a Python unit, None where it does not parse (`Sources.problems` says why).
    `module` is the name under which other units import it.
    """

    path: str
    text: str
    language: Language
    layer: int = 0
    packing: str = ""
    module: str = ""
    tree: ast.Module | None = None

    @property
    def label(self) -> str:
        return self.path if self.layer == 0 else f"{self.path} (layer {self.layer}, {self.packing})"


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """A shipped file that the program consists of, and what it weighs in bytes."""

    path: str
    bytes: int
    role: Literal["entry", "payload-of-entry", "module", "helper-source", "launcher", "data"]


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """Something that could not be opened. `decisive`: the scored code itself is affected -> inconclusive."""

    path: str
    line: int | None
    message: str
    decisive: bool


@dataclass(frozen=True)
class Sources:
    """The program's texts. `entry` is the unit that runs first, after unpacking; `units` holds it first."""

    entry: Unit | None
    units: tuple[Unit, ...]
    files: tuple[ProgramFile, ...]
    problems: tuple[SourceProblem, ...] = ()
    unused: tuple[str, ...] = ()  # code files of the folder that the program does not reach
    entry_because: str = ""
    modules: Mapping[str, Unit] = field(default_factory=dict)  # import name -> unit
    shipped: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # small files of the folder, logs aside

    @property
    def code_bytes(self) -> int:
        """Bytes, as shipped, of every code file that the program consists of (data files excluded)."""
        return sum(f.bytes for f in self.files if f.role != "data")

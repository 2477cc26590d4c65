"""What ran and did nothing at this size: what it does at full size no run of this size shows."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from auditor.findings import Location
from auditor.probe.blocks import same_frame
from auditor.probe.doubt import Doubts
from auditor.probe.growing import coarse, growing
from auditor.probe.model import Unseen
from auditor.probe.record.frames import SCORE
from auditor.probe.scaling import out_of_scale
from auditor.probe.shrink import Scale
from auditor.probe.speaking import rewritten_figures
from auditor.source import Unit

_STREAM = Scale().stream  # tokens


@dataclass(frozen=True)
class Unfelt:
    """Of one text. `frames`: its functions by their first line, the text itself by 0; `held`, `figures`: names there.

    `held` are those of the stream and of scores, `figures` what the printed figures are made of. `idle`: lines where
    something did nothing to the scores of the run, and what.
    """

    unit: Unit
    tree: ast.Module
    frames: Mapping[int, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef]
    held: Mapping[int, frozenset[str]]
    figures: Mapping[int, frozenset[str]]
    doubts: Doubts
    talkers: dict[int, frozenset[str]]
    idle: Sequence[tuple[int, str]]

    def found(self) -> Iterator[Unseen]:
        yield from self._beyond()
        functions = [f for f in self.frames.values() if not isinstance(f, ast.Module)]
        for node in rewritten_figures(self.tree, functions, self.talkers):
            yield self._at(node.lineno, "print", ast.unparse(node))
        for line, frame in self.frames.items():
            figures, scores = self.figures[line], frozenset(n[1:] for n in self.held[line] if n[0] == SCORE)
            for reading in (
                growing(frame, figures, self.doubts), coarse(frame, figures, scores, self.doubts),
                out_of_scale(frame, figures, scores),
            ):  # fmt: skip
                for at, name, text in reading:
                    yield self._at(at, name, text)
        for line, what in self.idle:
            there = self.unit.text.splitlines()[line - 1 : line]
            yield self._at(line, what, there[0].strip() if there else "")

    def _at(self, line: int, name: str, text: str) -> Unseen:
        return Unseen(Location(self.unit.path, line, line, self.unit.layer), (name,), text[:200])

    def _beyond(self) -> Iterator[Unseen]:
        """Parts of the stream that begin where the small one has ended: nothing came of them."""
        for line, frame in self.frames.items():
            for part in (p for statement in frame.body for p in same_frame(statement)):
                if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Slice) and part.slice.lower:
                    owner = part.value.id if isinstance(part.value, ast.Name) else ""
                    start = self.doubts.number(part.slice.lower)
                    if owner in self.held[line] and start is not None and start >= _STREAM:
                        yield self._at(part.lineno, owner, ast.unparse(part))

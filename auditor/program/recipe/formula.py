"""The recipe in writing: the formula of the reported number, its parts with their places.

A figure is written as one line, and what it refers to below it: every sum, mixture, look-up and model that stands at a
place of its own gets a letter. `val_bpb = S / N / ln 2 · N / B`, `S = sum of −log softmax(GPT(x))[y]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.program.place import Place
from auditor.program.recipe.arithmetic import PROBABILISTIC
from auditor.program.recipe.bonuses import unpaid
from auditor.program.recipe.model import Node, Op, Sees, What
from auditor.program.recipe.spine import departures, extremes
from auditor.program.recipe.widths import odd_widths
from auditor.program.trace import ReportLine

_LETTERS = "SNBTUVWQRPZKLMGH"
_SHOWN_PARTS = 12  # parts of a formula that are written out
_SHOWN_TERMS = 4  # terms of a sum, and alternatives
_LONGEST = 160  # characters of one part
# How closely an operation binds, and what stands to its left and right (0: a sum, 1: a product, 2: an argument).
_BETWEEN = {
    Op.ADD: (" + ", 0, 0, 0),
    Op.SUBTRACT: (" − ", 0, 0, 1),
    Op.MULTIPLY: (" · ", 1, 1, 1),
    Op.DIVIDE: (" / ", 1, 1, 2),
    Op.POWER: ("^", 2, 2, 2),
}
_BEFORE = {Op.NEGATE: ("−", 2), Op.SUM: ("Σ ", 1), Op.MEAN: ("mean of ", 1)}
_CALLED = {Op.LENGTH: "count", Op.ENCODE_LENGTH: "bytes", Op.HASH: "hash", Op.FUNCTION: ""} | {
    op: op.value for op in (Op.LOG, Op.EXP, Op.SOFTMAX, Op.LOG_SOFTMAX, Op.LOG_SUM_EXP, Op.SIGMOID)
}
_NAMED = (Op.SUM, Op.MEAN, Op.ACCUMULATE, Op.EITHER, Op.CHOOSE, Op.LEAST, Op.MOST)


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a formula: what the letter stands for, what it measures, and where it is made."""

    name: str
    text: str
    node: Node
    place: Place | None
    places: tuple[Place, ...] = ()  # of everything that is written out in this line


@dataclass(frozen=True, slots=True)
class Formula:
    """The formula of one printed figure, its parts from the figure downwards."""

    label: str
    parts: tuple[Part, ...]
    unknown: tuple[Node, ...]  # steps on the way of which no transfer is known
    departures: tuple[
        tuple[Node, str], ...
    ] = ()  # steps that are none of a mean of losses over bytes, and what they do
    hidden: int = 0  # parts that are not written out

    @property
    def understood(self) -> bool:
        return not self.unknown

    @property
    def of_log_probabilities(self) -> bool:
        """Whether a log-probability, or a loss, goes into the figure at all."""
        return any(node.what in PROBABILISTIC for node in self.parts[0].node.walk())


def figure(line: ReportLine) -> tuple[str, Node] | None:
    """The score in a printed line: (what stands before it, its node), None where no figure in it has a recipe."""
    if line.recipe is None or not line.recipe.inputs:
        return None
    labels = re.split(r"\{\}", line.recipe.text)
    rows = list(zip(labels, line.recipe.inputs, strict=False))
    for wanted in ("bpb", "bits", "loss", "nll"):
        for label, node in reversed(rows):
            if wanted in label.lower().rsplit(" ", 2)[-1] + label.lower()[-16:] and node.op is not Op.NAME:
                return _short(label), node
    measured = [(label, node) for label, node in rows if node.inputs]
    return (_short(measured[-1][0]), measured[-1][1]) if measured else None


def _short(label: str) -> str:
    words = re.findall(r"[A-Za-z_][\w./]*", label)
    return words[-1] if words else "score"


def formula(line: ReportLine) -> Formula | None:
    """The formula of the score that a line prints."""
    found = figure(line)
    if found is None:
        return None
    label, node = found
    writer = _Writer()
    first = writer.part(label, node, line.place)
    parts = [first, *writer.parts()]
    shown = tuple(parts[:_SHOWN_PARTS])
    bonuses = ((bonus, why) for bonus, why, _ in unpaid(node))
    steps = (*departures(node), *extremes(node), *bonuses, *odd_widths(node))
    return Formula(label, shown, _unknown(node), steps, max(0, len(parts) - _SHOWN_PARTS))


def written(node: Node) -> str:
    """A part of a formula on its own, in one line."""
    return _Writer().write(node, top=True)


def _unknown(node: Node) -> tuple[Node, ...]:
    return tuple(below for below in node.walk() if below.op is Op.UNKNOWN)


class _Writer:
    """Writes nodes, and keeps those that get a letter for later."""

    def __init__(self) -> None:
        self._names: dict[Node, str] = {}
        self._waiting: list[Node] = []
        self._places: dict[Place, None] = {}  # of what is written out in the line at hand
        self._texts: dict[tuple[Node, bool, int], str] = {}  # in that line: a sum may be of itself, of itself, ...

    def part(self, name: str, node: Node, place: Place | None) -> Part:
        self._places = {} if place is None else {place: None}
        self._texts.clear()
        text = self.write(node, top=True)
        return Part(name, text, node, place, tuple(self._places))

    def parts(self) -> Iterator[Part]:
        written = 0
        while written < len(self._waiting) and written < 4 * _SHOWN_PARTS:
            node = self._waiting[written]
            written += 1
            yield self.part(self._names[node], node, node.place)

    def _name(self, node: Node) -> str:
        if node not in self._names:
            number = len(self._names)
            letter = _LETTERS[number % len(_LETTERS)]
            self._names[node] = letter if number < len(_LETTERS) else f"{letter}{number // len(_LETTERS) + 1}"
            self._waiting.append(node)
        return self._names[node]

    def write(self, node: Node, *, top: bool = False, tight: int = 0) -> str:
        """The node as text; `tight`: how closely what stands around it binds (0 sum, 1 product, 2 argument)."""
        if not top and node.op in _NAMED and not _short_sum(node):
            return self._name(node)
        known = self._texts.get((node, top, tight))
        if known is not None:
            return known
        if node.place is not None:
            self._places[node.place] = None
        self._places |= dict.fromkeys(node.changed_at)
        text, binds = self._text(node)
        if len(text) > _LONGEST:
            text = text[: _LONGEST - 1] + "…"
        text = self._texts[node, top, tight] = f"({text})" if binds < tight else text
        return text

    def _text(self, node: Node) -> tuple[str, int]:
        write, inputs = self.write, node.inputs
        if node.op in _BETWEEN:
            sign, binds, left, right = _BETWEEN[node.op]
            return write(inputs[0], tight=left) + sign + write(inputs[1], tight=right), binds
        if node.op in _BEFORE:
            sign, tight = _BEFORE[node.op]
            return sign + write(inputs[0], tight=tight), 1
        if node.op in _CALLED:
            return f"{_CALLED[node.op] or node.text}({', '.join(write(i) for i in inputs)})", 3
        match node.op:
            case Op.NUMBER | Op.NAME | Op.TOKENS:
                return node.text, 3
            case Op.MODEL:
                given = ", ".join(dict.fromkeys(write(i) for i in inputs)) or "x"
                adapted = "′" if node.sees & Sees.ADAPTED else ""  # weights that were trained on the stream
                text = f"{node.text}{adapted}({given})"
                return (f"loss of {text}" if node.what is What.NATS else text), 3
            case Op.PICK | Op.TABLE:
                keys = ", ".join(write(i) for i in inputs[1:])
                if node.what is What.BYTES:
                    return f"bytes({keys})", 3
                return f"{write(inputs[0], tight=2)}[{keys}]", 3
            case Op.CROSS_ENTROPY:
                return f"−log softmax({write(inputs[0])})[{write(inputs[1]) if len(inputs) > 1 else 'y'}]", 1
            case Op.ACCUMULATE:
                plain = [i.inputs[0] if i.op is Op.SUM else i for i in inputs]  # a sum of sums is one
                return f"Σ {self._listed(plain, ' + Σ ')}", 1
            case Op.EITHER:
                return f"either {self._listed(inputs, ', or ')}", 0
            case Op.CHOOSE:
                return f"{write(inputs[1], tight=1)} where {write(inputs[0])}, else {write(inputs[2], tight=1)}", 0
            case Op.COMPARE:
                return self._condition(node), 3
            case Op.LINEAR:
                return f"{write(inputs[0], tight=2)} · W", 1
            case Op.CLAMP:
                return f"clamp({write(inputs[0])})", 3
            case Op.LEAST | Op.MOST:
                return f"{'min' if node.op is Op.LEAST else 'max'}({self._listed(inputs, ', ')})", 3
            case Op.LINE:
                return self._listed(inputs, ", "), 0
            case _:
                of = f" of {self._listed(inputs, ', ')}" if inputs else ""
                return f"something not understood{f' ({node.text})' if node.text else ''}{of}", 0

    def _condition(self, node: Node) -> str:
        """`[a and not b]`: one where it holds, zero elsewhere."""
        parts = [self.write(i)[1:-1] if i.op is Op.COMPARE else self.write(i) for i in node.inputs]
        if len(parts) == 1:
            return f"[{node.text} {parts[0]}]" if node.text else f"[{parts[0]}]"
        return f"[{f' {node.text} '.join(parts)}]"

    def _listed(self, nodes: Sequence[Node], between: str) -> str:
        shown = [self.write(node, tight=1) for node in nodes[:_SHOWN_TERMS]]
        more = len(nodes) - len(shown)
        return between.join(shown) + (f"{between}{more} more" if more else "")


def _short_sum(node: Node) -> bool:
    """A count needs no letter: `sum of mask`."""
    return node.op in (Op.SUM, Op.MEAN) and not node.inputs[0].inputs

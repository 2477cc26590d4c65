"""Hints of C texts that hang on the class of the very token that they are for.

A text goes along a stream of tokens. For a position it stores what a table holds under a key of earlier tokens, and
what the token at that position is looked up as decides whether: that is a gate on the target.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program.c.callers import Callers
from auditor.program.c.run import Run
from auditor.program.c.text import CText
from auditor.program.c.values import Memory, Store
from auditor.program.module import Seen
from auditor.program.place import Place
from auditor.program.recipe.model import Node, Op, What
from auditor.program.syntax import both


@dataclass(frozen=True, slots=True)
class _Element:
    """An element of what the caller gave. `terms`: what its address is a sum of, and how often; `offset`: a number."""

    memory: Memory
    terms: frozenset[tuple[Node, int]]
    offset: int


def c_target_gates(source: CText, callers: Callers) -> Iterator[Seen]:
    """One for each line with a condition on the hint's own token; it runs if a function around it is called."""
    found: dict[int, tuple[Place, set[str]]] = {}
    for place, entry in _Reader(source.run).gates():
        found.setdefault(place.line, (place, set()))[1].add(entry)
    for place, entries in found.values():
        states = [callers.reach(entry) for entry in sorted(entries)]
        called = True if True in states else None if None in states else False
        yield Seen(place=place, active=called if source.active is None else both(source.active, called is not False))


class _Reader:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.filled = {store.target.memory.member for store in run.stores} - {""}
        self.elements = {node: e for node in run.elements if (e := self._element(node)) is not None}
        self.latest: dict[tuple[Memory, frozenset[tuple[Node, int]]], int] = {}
        for element in self.elements.values():
            key = (element.memory, element.terms)
            self.latest[key] = max(element.offset, self.latest.get(key, element.offset))

    def gates(self) -> Iterator[tuple[Place, str]]:
        """Where a gate stands, and the function that the caller calls for it."""
        for store in self.run.stores:
            address = store.target.address
            if address is None or not self._is_now(frozenset(_linear(address)[0].items())):
                continue
            data, tests = self._apart(store)
            listed = {self.run.elements[n] for n in address.walk() if n in self.elements}  # counts[tokens[i]] += 1
            streams = {memory for node in data for memory in self._hinted(node)} - listed
            now = [n for n in data if (e := self.elements.get(n)) is not None and self._is_current(e)]
            if streams and not any(self.elements[n].memory in streams for n in now):
                place = self._asked(tests, data, streams)
                if place is not None:
                    yield place, store.entry

    def _element(self, node: Node) -> _Element | None:
        memory = self.run.elements[node]
        if (
            not memory.outside
            or memory.stored
            or memory.member in self.filled
            or node.what not in (What.BYTES, What.NATS)
        ):
            return None
        terms, offset = _linear(node.inputs[1])
        return _Element(memory, frozenset(terms.items()), offset)

    def _is_now(self, terms: frozenset[tuple[Node, int]]) -> bool:
        """Whether an address goes along with the round that runs: it, or what a list holds for it, and a beginning."""
        heads = {node.inputs[1] if self._is_listed(node) else node for node, count in terms if count > 0}
        return bool(heads & self.run.last) and all(count > 0 for _, count in terms)

    def _is_listed(self, node: Node) -> bool:
        """Whether it is read from what the caller gave: a list of positions."""
        memory = self.run.elements.get(node)
        return memory is not None and memory.outside and not memory.stored

    def _is_current(self, element: _Element) -> bool:
        return self._is_now(element.terms) and element.offset == self.latest[element.memory, element.terms]

    def _apart(self, store: Store) -> tuple[list[Node], list[Node]]:
        """(what the stored value is made of, the conditions on which it hangs); keys and hints are not entered."""
        data, tests = [], list(store.conditions)
        waiting, seen = [store.value], {store.value}
        while waiting:
            node = waiting.pop()
            data.append(node)
            below = node.inputs[:1] if node.op is Op.TABLE else node.inputs
            if self._hinted(node):
                below = ()
            if node.op is Op.CHOOSE:
                tests.append(node.inputs[0])
                below = node.inputs[1:]
            waiting += [n for n in below if n not in seen]
            seen.update(below)
        return data, tests

    def _hinted(self, node: Node) -> set[Memory]:
        """The streams whose earlier tokens, and not the current one, are the key of what a table of the text holds."""
        memory = self.run.elements.get(node)
        if memory is None or not (memory.stored or memory.given is not None or memory.member in self.filled):
            return set()
        held, key = (list(self._read(part, through=False)) for part in node.inputs)
        now = {memory for memory, current in key if current}
        return {memory for memory, _ in (*held, *key)} - now if key else set()

    def _read(self, part: Node, *, through: bool) -> Iterator[tuple[Memory, bool]]:
        """What something reads, without what it hangs on, and whether it is the current element; `through`: also what
        that stands under. What is found by way of an earlier element is an earlier one: `tokens[at[i] - 1]`."""
        waiting, seen = [(part, True)], {(part, True)}
        while waiting:
            node, now = waiting.pop()
            below = node.inputs[node.op is Op.CHOOSE :]
            element = self.elements.get(node)
            if element is not None:
                now = now and self._is_current(element)
                yield element.memory, now
                below = below if through else ()
            further = [(n, now) for n in below if (n, now) not in seen]
            waiting += further
            seen.update(further)

    def _asked(self, tests: list[Node], data: list[Node], streams: set[Memory]) -> Place | None:
        """Where a condition, or else a factor, asks a table for the current token of one of these streams."""
        asking = [t for t in tests if any(self._is_class(node, streams) for node in t.walk())]
        if asking:  # the one that asks least besides
            test = min(asking, key=lambda t: t.depth)
            return next((n.place for n in test.walk() if n.place is not None), None)
        return next((node.place for node in data if self._is_class(node, streams)), None)

    def _is_class(self, node: Node, streams: set[Memory]) -> bool:
        if node.op is not Op.TABLE or node not in self.run.elements:
            return False
        return any(current and memory in streams for memory, current in self._read(node.inputs[1], through=True))


def _linear(address: Node) -> tuple[Counter[Node], int]:
    """(how often each part is added, the number that is added) of an address."""
    terms: Counter[Node] = Counter()
    offset = 0
    waiting = [(address, 1)]
    while waiting:
        node, sign = waiting.pop()
        if node.op in (Op.ADD, Op.SUBTRACT) and len(node.inputs) == 2:
            other = -sign if node.op is Op.SUBTRACT else sign
            waiting += [(node.inputs[0], sign), (node.inputs[1], other)]
        elif node.op is Op.NEGATE:
            waiting.append((node.inputs[0], -sign))
        elif node.op is Op.NUMBER:
            digits = node.text.rstrip("ul")
            offset += sign * int(digits) if digits.isdigit() else 0
        else:
            terms[node] += sign
    return terms, offset

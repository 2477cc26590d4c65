"""What of the script could reach the validation tokens and did not run: a hold says nothing of it.

A block is named here where the configuration does not leave it out, the run did not enter it although it came to its
door, what decides it may come out otherwise at full size (`doubt`), and it uses a name that held validation tokens in
that function, or gives values to what the figures are made of. Uses that the run has seen elsewhere are passed
over: calls of functions that were given the stream, and what asks for sizes and prints.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

from auditor.findings import Location
from auditor.probe.blocks import CAUSAL, EXPRESSION, FALSE, TRUE, Block, Place, blocks, bound, first_line, same_frame
from auditor.probe.doubt import Doubts
from auditor.probe.measure.confined import Survey
from auditor.probe.model import Shrunk, Unseen
from auditor.probe.record.frames import ATTRIBUTE, EMBEDDED, SCORE
from auditor.probe.speaking import aliases, asks_for_a_figure, name_of, speakers, talkers
from auditor.probe.storing import given_again, made_of, stored
from auditor.probe.submitted import key_of, values_of
from auditor.probe.unfelt import Unfelt
from auditor.probe.using import masks, places, shards, uses
from auditor.rule import Facts
from auditor.source import Unit
from auditor.source.index import of_type
from auditor.source.walking import nodes as walked

_MOVES = re.compile(r"\.(backward|grad)\b|cross_entropy|nll_loss")
"""What a function does that moves weights, or takes scores."""
_LEAST = frozenset({"min", "max", "sorted", "argmin", "argmax"})
_MOST = 20


def unseen(
    facts: Facts, survey: Survey, changed: Iterable[str], shrunk: Iterable[Shrunk] = ()
) -> tuple[Unseen, ...]:  # fmt: skip
    """In the order of the text, at most a few. `changed`: settings that the probe gave other values.

    `shrunk`: those of them whose submitted value is known.
    """
    chosen = frozenset(key_of(name) for name in changed)
    values = values_of(facts, chosen, shrunk)
    held = {(path, line): frozenset(names) for path, line, names in survey.holders}
    units = [facts.sources.entry, *facts.sources.modules.values()]
    found: list[Unseen] = []
    for unit in dict.fromkeys(u for u in units if u is not None):
        if unit.tree is not None and unit.language == "python":
            entered = {(line, column) for path, line, column in survey.blocks if path == unit.path}
            if entered:  # a unit that was not even imported has no names
                doubts = Doubts(unit.tree, chosen, values, partial(_left_out, facts, unit))
                one = _Unit(facts, unit, unit.tree, entered, held, doubts)
                found += one.merged([*one.left_out(), *one.unmoved(), *one.unfelt(survey)])
    return tuple(found[:_MOST])


def _left_out(facts: Facts, unit: Unit, node: ast.AST) -> bool:
    """Whether the configuration leaves it out."""
    return facts.program.reached(unit, getattr(node, "lineno", 0)) is False


@dataclass
class _Unit:
    """One text and what ran of it."""

    facts: Facts
    unit: Unit
    tree: ast.Module
    entered: set[Place]
    held: Mapping[tuple[str, int], frozenset[str]]
    doubts: Doubts

    def __post_init__(self) -> None:
        self.every = blocks(self.tree)
        self.outer = {block.place: block for block in self.every}
        lines = {line for path, line in self.held if path == self.unit.path}
        self.given = _given(self.tree, lines)
        self.everywhere = self.held.get((self.unit.path, 0), frozenset())
        self.functions = {first_line(f): f for f in _functions(self.tree)}
        bodies = {id(b.nodes[0]) for b in self.every if b.is_body and b.place in self.entered}
        self.ran = frozenset(f.name for f in self.functions.values() if id(f.body[0]) in bodies)
        self.figures: dict[int, frozenset[str]] = {}
        self.made: dict[tuple[int, frozenset[str], frozenset[str]], frozenset[str]] = {}
        self.ifs = {id(node.test): node for node in of_type(self.tree, ast.If)}
        self.speakers = tuple(speakers(self.tree))
        self.talkers = talkers(self.functions.values(), aliases(self.tree))

    @cached_property
    def assigned(self) -> dict[int, frozenset[str]]:
        """The assignments that ran, by function."""
        inside = {
            id(part): block
            for block in self.every for node in block.nodes for part in same_frame(node) if isinstance(part, ast.Assign)
        }  # fmt: skip
        found: dict[int, set[str]] = {}
        for part in of_type(self.tree, ast.Assign):
            block = inside.get(id(part))
            if block is not None and block.place in self.entered:
                found.setdefault(block.function, set()).add(ast.dump(part))
        return {function: frozenset(dumps) for function, dumps in found.items()}

    def left_out(self) -> Iterator[Unseen]:
        for block in self.every:
            if block.place in self.entered or not self._at_the_door(block) or not block.nodes:
                continue
            if block.place[1] >= TRUE and not self._came_by(block):
                continue
            names = self._never_called(block) if block.is_body else self._touches(block)
            strict = block.place[1] >= TRUE
            if not names and not block.is_body:
                names, strict = self._set(block) or self._chooses(block), True
            if not names and not block.is_body and self._says(block):
                yield Unseen(Location(self.unit.path, block.place[0], block.place[0], self.unit.layer), ("print",))
                continue
            if not names and not block.is_body:
                names, strict = self._looks_ahead(block), True
            if not names or all(isinstance(node, ast.Raise) for node in block.nodes):
                continue
            line = block.place[0]
            asks = self.doubts.of_the_machine(_decides(block))
            if (
                self._decided(block)
                or self._left_out_as_submitted(block)
                or (not asks and self.facts.program.reached(self.unit, line) is False)
            ):
                continue
            doubtful = self.doubts.of(_decides(block), strict=strict) or self._by_its_figures(block)
            if not block.is_body and not asks and not doubtful:
                continue
            test = ast.unparse(block.test)[:200] if isinstance(block.test, ast.expr) else ""
            turned = tuple(sorted(self._turned(block)))
            yield Unseen(Location(self.unit.path, line, line, self.unit.layer), tuple(names), test, turned)

    @staticmethod
    def merged(found: Iterable[Unseen]) -> list[Unseen]:
        """In the order of the text, each line once."""
        by_line = {u.location.line or 0: u for u in reversed(list(found))}
        return [by_line[line] for line in sorted(by_line)]

    def unmoved(self) -> Iterator[Unseen]:
        """Steps on validation tokens that the code analysis follows and that did not run, whatever left them out."""
        for event in self.facts.program.trace.adapts.values():
            line = event.place.line
            if event.place.unit is not self.unit or event.active is False:
                continue
            around = [b for b in self.every if b.place[1] < EXPRESSION and _spans(b, line)]
            if around and around[-1].place not in self.entered:
                name = event.place.function or "step"
                if self.doubts.is_never_called(name):
                    continue
                yield Unseen(Location(self.unit.path, line, line, self.unit.layer), (name,))

    def unfelt(self, survey: Survey) -> Iterator[Unseen]:
        """What ran and did nothing at this size."""
        frames = {0: self.tree, **self.functions}
        held = {line: self.held.get((self.unit.path, line), frozenset()) | self.everywhere for line in frames}
        figures = {line: self._figures(line, names) for line, names in held.items()}
        idle = [(line, what) for path, line, what in survey.idle if path == self.unit.path]
        return Unfelt(self.unit, self.tree, frames, held, figures, self.doubts, self.talkers, idle).found()

    def _turned(self, block: Block) -> frozenset[str]:
        """Settings by whose small values a test that the block hangs on, or one around it, comes out otherwise."""
        found, around = self.doubts.turned(_decides(block)), block.inside
        while around is not None and self.outer[around].function == block.function:
            found |= self.doubts.turned(_decides(self.outer[around]))
            around = self.outer[around].inside
        return found

    def _at_the_door(self, block: Block) -> bool:
        """Whether what the block is in was entered: otherwise that is named, or nothing called it."""
        return block.inside is None or (block.inside in self.entered and block.inside in self.outer)

    def _came_by(self, block: Block) -> bool:
        """Of the two outcomes of a truth: whether there was one at all."""
        line, column = block.place
        other = column - TRUE + FALSE if column < FALSE else column - FALSE + TRUE
        return (line, other) in self.entered

    def _decided(self, block: Block) -> bool:
        """Whether a log shows that the branch is not taken."""
        line = getattr(block.test, "lineno", 0)
        return any(p.path == self.unit.path and p.line == line for p in self.facts.program.proofs)

    def _left_out_as_submitted(self, block: Block) -> bool:
        """Whether the test of an `if` takes the other way with what was submitted."""
        found = self.ifs.get(id(block.test))
        if found is None or not block.nodes:
            return False
        way = found.body[0] is block.nodes[0]
        taken = self.doubts.submitted(found.test)
        return taken is not None and taken != way

    def _never_called(self, block: Block) -> list[str]:
        """A function that moves weights or takes scores, that the code is known to call, and that nothing called."""
        function = next((f for line, f in self.functions.items() if f.body[0] is block.nodes[0]), None)
        if function is None or not function.args.args or function.name in ("forward", "backward", "setup_context"):
            return []
        if self.facts.program.reached(self.unit, block.place[0]) is not True:
            return []
        if self.doubts.is_never_called(function.name):
            return []
        return [function.name] if _MOVES.search(ast.unparse(function)) else []

    def _touches(self, block: Block) -> list[str]:
        """Names of the stream that the block uses."""
        held = self.held.get((self.unit.path, block.function), frozenset()) | self.everywhere
        names = frozenset(n for n in held if n[0] not in ATTRIBUTE + SCORE + EMBEDDED)
        attributes = frozenset(n[1:] for n in held if n[0] == ATTRIBUTE)
        nodes = block.nodes if block.statement is None or block.place[1] < TRUE else (block.statement,)
        if self._loads_again(block, names):
            return []
        names -= given_again(nodes, self.assigned.get(block.function, frozenset()))
        found = {name for node in nodes for name in uses(node, names, attributes, self.given)}
        made = self._made_of_it(block.function, names, attributes) - {n for node in nodes for n in stored(node)}
        found |= {name for node in nodes for name in uses(node, made - names, frozenset(), self.given)}
        if block.statement is not None:  # `late = begin // 5_000_000`, and then `tokens[begin + late :]`
            found |= set(stored(block.statement)) & places(self._function(block), names)
        return sorted(found | {text for node in nodes for text in shards(node)})

    def _function(self, block: Block) -> ast.AST:
        return self.functions.get(block.function, self.tree)

    def _loads_again(self, block: Block, names: frozenset[str]) -> bool:
        """`tokens = load(files, longer) if longer != usual else other`: a loader that ran, for what held the stream."""
        statement = block.statement
        return isinstance(statement, ast.Assign) and block.place[1] < TRUE and (
            all(isinstance(target, ast.Name) and target.id in names for target in statement.targets)
            and all(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in self.ran
                    for n in block.nodes)
        )  # fmt: skip

    def _made_of_it(self, function: int, names: frozenset[str], attributes: frozenset[str]) -> frozenset[str]:
        """What a function gives values that it computes of the stream: `counts = torch.bincount(tokens)`."""
        known = self.made.get((function, names, attributes))
        if known is None:
            body = getattr(self.functions.get(function, self.tree), "body", ())
            given = [n for statement in body for n in same_frame(statement) if isinstance(n, ast.Assign)]
            known = self.made[function, names, attributes] = frozenset(
                name for node in given if any(uses(node.value, names, attributes, self.given)) for name in stored(node)
            )  # fmt: skip
        return known

    def _set(self, block: Block) -> list[str]:
        """Names of the function's figures that the block gives values; those of the loop that it leaves."""
        held = self.held.get((self.unit.path, block.function), frozenset()) | self.everywhere
        figures = self._figures(block.function, held)
        if not figures:
            return []
        nodes = block.nodes if block.statement is None else (block.statement,)
        found = {name for node in nodes for name in stored(node, self.given)} & figures
        if block.statement is not None and not found:  # an expression of what is printed
            found = {n.id for n in walked(block.statement) if isinstance(n, ast.Name)} & figures
        leaves = {type(part) for node in block.nodes for part in walked(node)} & {ast.Break, ast.Continue}
        if leaves and not found:
            found = self._of_loop(block, rest=ast.Break not in leaves) & figures
        return sorted(found)

    def _by_its_figures(self, block: Block) -> bool:
        """Whether it runs where a score is better than some number: `loss_sum < 2.0 * tokens`."""
        test = _decides(block)
        held = self.held.get((self.unit.path, block.function), frozenset()) | self.everywhere
        figures = self._figures(block.function, held)
        if isinstance(test, ast.Call) and bound(test) is not None:  # `sum(min(loss, 9.0) for loss in losses)`
            return True
        return test is not None and any(
            isinstance(part, ast.Compare)
            and any(isinstance(n, ast.Name) and n.id in figures for n in walked(part))
            and any(isinstance(n, ast.Constant) and type(n.value) in (int, float) and n.value not in (0, 1)
                    for n in walked(part))
            for part in walked(test)
        )  # fmt: skip

    def _chooses(self, block: Block) -> list[str]:
        """Functions given the stream whose result the block compares: something is chosen by it."""
        nodes = block.nodes if block.statement is None else (block.statement,)
        parts = [part for node in nodes for part in same_frame(node)]
        calls = {id(p): name_of(p) for p in parts if isinstance(p, ast.Call) and name_of(p) in self.given}
        if not calls:
            return []
        results = {
            name
            for p in parts if isinstance(p, ast.Assign) and any(id(inner) in calls for inner in walked(p.value))
            for target in p.targets for name in stored(target)
        }  # fmt: skip
        chosen = [p for p in parts if isinstance(p, ast.Compare) or (isinstance(p, ast.Call) and name_of(p) in _LEAST)]
        compared = [inner for p in chosen for inner in walked(p)]
        if any(id(inner) in calls or (isinstance(inner, ast.Name) and inner.id in results) for inner in compared):
            return sorted(set(calls.values()))
        return []

    def _says(self, block: Block) -> bool:
        """Whether it is in what the script has put in the place of its output, and chosen by a number."""
        inside = any(first <= block.place[0] <= last for first, last in self.speakers)
        test = _decides(block)
        if test is not None and self._words(block):
            return True
        return inside and test is not None and any(
            isinstance(part, ast.Compare) and any(isinstance(n, ast.Constant) and type(n.value) in (int, float)
                                                  for n in walked(part))
            for part in walked(test)
        )  # fmt: skip

    def _looks_ahead(self, block: Block) -> list[str]:
        """Whether it may let a model see what follows: it is given its tokens there, or says what attention sees."""
        embedded = {n[1:] for n in self.held.get((self.unit.path, block.function), frozenset()) if n[0] == EMBEDDED}
        nodes = block.nodes if block.statement is None or block.place[1] < TRUE else (block.statement,)
        embedded -= given_again(nodes, self.assigned.get(block.function, frozenset()))
        parts = [part for node in nodes for part in walked(node)]
        alone = {id(a) for p in parts if isinstance(p, ast.Call) and self.doubts.looks_up(p) for a in p.args}
        found = {
            p.id for p in parts
            if isinstance(p, ast.Name) and p.id in embedded and isinstance(p.ctx, ast.Load) and id(p) not in alone
        }  # fmt: skip
        if block.statement is not None:
            found |= set(stored(block.statement)) & masks(self._function(block))
        return sorted(found | {str(p.arg) for p in parts if isinstance(p, ast.keyword) and self._may(p)})

    def _may(self, node: ast.keyword) -> bool:
        """`causal=late`; not `causal=True`, whatever name has been given that."""
        return node.arg in CAUSAL and not self.doubts.is_true(node.value)

    def _words(self, block: Block) -> bool:
        """Whether it changes what a function was given to print, where it may do so at full size alone."""
        given, test = self.talkers.get(block.function), _decides(block)
        if given is None or not (self.doubts.of(test, strict=True) or (test and asks_for_a_figure(test, given))):
            return False
        nodes = block.nodes if block.statement is None else (block.statement,)
        return any(isinstance(n, ast.Name) and n.id in given for node in nodes for n in walked(node))

    def _of_loop(self, block: Block, *, rest: bool) -> set[str]:
        """What the innermost loop around the block gives values; `rest`: behind it alone, all that `continue` skips."""
        around = [
            loop for loop in walked(self.functions.get(block.function, self.tree))
            if isinstance(loop, ast.For | ast.While)
            and loop.lineno <= block.place[0] <= (loop.end_lineno or loop.lineno)
        ]  # fmt: skip
        inner = max(around, key=lambda loop: loop.lineno, default=None)
        if inner is None or not rest:
            return set() if inner is None else set(stored(inner, self.given))
        last = getattr(block.nodes[-1], "end_lineno", 0)
        behind = [s for s in walked(inner) if isinstance(s, ast.stmt) and s.lineno > last]
        return {name for statement in behind for name in stored(statement, self.given)}

    def _figures(self, function: int, held: frozenset[str]) -> frozenset[str]:
        """Names of scores in that function, and what they and what it returns beside them are made of."""
        known = self.figures.get(function)
        if known is None:
            scores = {name[1:] for name in held if name[0] == SCORE}
            known = self.figures[function] = made_of(self.functions.get(function, self.tree), scores)
        return known


def _spans(block: Block, line: int) -> bool:
    first, last = block.nodes[0], block.nodes[-1]
    return getattr(first, "lineno", 0) <= line <= (getattr(last, "end_lineno", 0) or 0)


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in walked(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def _decides(block: Block) -> ast.AST | None:
    """Of a block's test, what decides whether it runs: of `a and b`, which b stands in, that is a."""
    test = block.test
    if isinstance(test, ast.BoolOp) and EXPRESSION <= block.place[1] < TRUE:
        return ast.Tuple(test.values[:-1], ast.Load())
    return test.test if isinstance(test, ast.IfExp) else test


def _given(tree: ast.Module, lines: set[int]) -> frozenset[str]:
    """Functions and methods that had the stream in their hands while they ran, by name."""
    functions = (n for n in walked(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if first_line(node) in lines)

"""A C text run abstractly: every function that no other one calls, each loop twice, calls followed.

What comes of it: the sums, which may be mixtures, and the stores into arrays, each with the conditions around it. The
first round of a loop makes what the second one finds; a position of the second round is another one than that of the
first. What a function that is not there does is not known: it may have stored what it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from auditor.program.c.calls import Calls, Exit
from auditor.program.c.memory import Frame
from auditor.program.c.operations import Exhausted
from auditor.program.c.tree import Text, Tree
from auditor.program.c.values import Memory, Reference, Value, both, joined, negated
from auditor.program.place import Place
from auditor.program.recipe.model import Node, Op, What


class Run(Calls):
    """`last`: the positions of second rounds.

    `whole`: False where the text is too long to be run to its end, or a part of it could not be read.
    """

    def __init__(self, text: Text, place: Callable[[int], Place]) -> None:
        super().__init__(text, place)
        self.last: set[Node] = set()
        self.whole = not text.unread
        try:
            self._all()
        except (Exhausted, RecursionError):
            self.whole = False

    def _all(self) -> None:
        for tree in self._text.globals:
            self._declare(self._globals, tree)
        called = {
            name.text
            for function in self._text.functions
            for call in function.body.walk()
            if call.kind == "call"
            for name in call.parts[:1]
        }
        roots = [f for f in self._text.functions if f.name not in called]
        for function in roots or self._text.functions:
            place = self._place(function.body.at)
            frame = Frame(this=self._object(function.owner), owner=function.owner, above=self._globals)
            for parameter in function.parameters:
                frame.names[parameter.name] = self._from_outside(parameter.name, parameter.type, place)
            self._conditions, self._active, self._rounds = [], [function], []
            self._entry = function.name
            self._execute(frame, function.body)

    def _execute(self, frame: Frame, tree: Tree) -> list[Exit]:
        """Run a statement; the ways out of the block around it."""
        self._count()
        if tree.kind == "block":
            return self._block(frame, tree.parts)
        if tree.kind == "if":
            return self._if(frame, tree)
        if tree.kind == "loop":
            return self._loop(frame, tree)
        if tree.kind == "return":
            value = self._value(frame, tree.parts[0]) if tree.parts else None
            if value is not None:
                around = self._conditions[frame.conditions :]
                frame.returns.append((both(around) if around else None, value))
            return [("return", None)]
        if tree.kind in ("break", "continue"):
            return [(tree.kind, None)]
        if tree.kind == "declare":
            self._declare(frame, tree)
        elif tree.kind == "expression":
            self._value(frame, tree.parts[0])
        else:
            self._value(frame, tree)
        return []

    def _block(self, frame: Frame, trees: tuple[Tree, ...]) -> list[Exit]:
        start, ways = len(self._conditions), []
        for tree in trees:
            found = self._execute(frame, tree)
            ways += found
            if any(test is None for _, test in found):
                break
            self._conditions += [negated(test) for _, test in found if test is not None]
        del self._conditions[start:]
        return ways

    def _if(self, frame: Frame, tree: Tree) -> list[Exit]:
        test, *bodies = tree.parts
        asked = self._value(frame, test).node
        ways: list[Exit] = []
        for way, body in zip((asked, negated(asked)), bodies, strict=True):
            self._conditions.append(way)
            for kind, under in self._execute(frame, body):
                if tree.text != "switch" or kind != "break":
                    ways.append((kind, way if under is None else both([way, under])))
            self._conditions.pop()
        return ways

    def _loop(self, frame: Frame, tree: Tree) -> list[Exit]:
        first, test, step, body = tree.parts
        ways: list[Exit] = []
        around = len(self._conditions)
        item = first.parts[0] if tree.text == "each" and first.parts else None
        over = self._value(frame, test) if item is not None else None
        if item is None:
            for part in first.parts:
                self._execute(frame, part)
        moving = [] if item is not None else list(_moving(step)) or list(_moving(test, body))
        self._rounds.append(0)
        for number in (1, 2):
            self._rounds[-1] = number
            self._number += 1
            here = Node(Op.NAME, what=What.POSITIONS, text=f"position {self._number}", place=self._place(tree.at))
            if all(number == 2 for number in self._rounds):
                self.last.add(here)
            for name in moving:
                self._move(frame, name, here)
            if item is not None:
                target = over.target if over is not None and over.target is not None else None
                each = target.moved(here, None) if target is not None else Reference(Memory(here, item.type))
                frame.names[item.text] = each
            elif tree.text != "do":
                self._value(frame, test)
            ways += [way for way in self._execute(frame, body) if way[0] == "return"]
            if item is None:
                self._execute(frame, step)
        self._rounds.pop()
        del self._conditions[around:]
        return [(kind, test) for kind, test in ways if test is not None]

    def _move(self, frame: Frame, name: str, here: Node) -> None:
        """A variable that counts the rounds stands at their position."""
        target = self._found(frame, name)
        if target is None:
            return
        held = target.memory.cells.get(target.field)
        if held is not None and held.target is not None:
            behind = Reference(held.target.memory, held.target.field, here)
            target.memory.cells[target.field] = Value(here, held.type, behind)
        else:
            target.memory.cells[target.field] = Value(here, "int")

    def _declare(self, frame: Frame, tree: Tree) -> None:
        kind, *given = tree.parts or (Tree("type", tree.at),)
        if kind.text == "reference" and given:
            target = self._target(frame, given[0])
            if target is not None:
                frame.names[tree.text] = target
                return
        leaf = Node(Op.NAME, text=tree.text, place=self._place(tree.at))
        if kind.text == "several":
            array = self._variable(leaf, tree.type, several=True)
            variable = self._variable(leaf, tree.type)
            variable.cells[""] = Value(leaf, tree.type, Reference(array))
            for inner in given:
                parts = inner.parts if inner.kind == "list" else (inner,)
                for part in parts[:64]:
                    array.cells[""] = joined(array.cells.get(""), self._value(frame, part))
        else:
            variable = self._variable(leaf, tree.type)
            if given:
                value = self._value(frame, given[0])
                variable.cells[""] = Value(value.node, tree.type or value.type, value.target)
                variable.renewed = self._number
        frame.names[tree.text] = Reference(variable)


def _moving(*trees: Tree) -> Iterator[str]:
    """The variables that a loop's step, or each of its rounds, moves by a number."""
    for tree in trees:
        for part in (tree, *tree.parts) if tree.kind in ("binary", "block", "expression") else (tree,):
            inner = part.parts[0] if part.kind == "expression" else part
            for at in (inner, *(p for p in inner.parts if inner.kind == "binary")):
                counts = at.kind in ("prefix", "postfix") and at.text in ("++", "--")
                counts = counts or (at.kind == "assign" and at.text in ("+=", "-="))
                if counts and at.parts[0].kind == "name":
                    yield at.parts[0].text

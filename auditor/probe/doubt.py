"""Whether a test can come out otherwise at full size: it rests on what the probe chose, counts, clocks and the like.

A test that is made of settings and literals comes out the same, since the settings are as submitted. What its names
were given, and what decided whether they were, is followed through assignments, parameters and what functions of the
script return, a few steps far. A size that is held against a number of some size may come out otherwise, since all
sizes are small here. Layers are as many as submitted: what counts them counts as far as it would.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from auditor.probe.alike import Alike
from auditor.probe.asking import (
    OF_A_STEP,
    OF_THE_PROBE,
    OF_THE_PROCESS,
    PLAIN,
    RANKS,
    SAME,
    SIZES,
    WORLD,
    WORLDLY,
    WRITES,
    asked_to_be_there,
    is_large,
    is_of_a_kind,
    is_of_a_value,
    is_of_ranks,
    is_of_the_card,
    is_scalar,
    of_the_machine,
    without_shapes,
)
from auditor.probe.given import Given, called, names_of, spelled, words
from auditor.probe.presence import is_something, outcomes, returned, tests
from auditor.probe.rest import asks_for_a_rest
from auditor.probe.uncalled import Uncalled
from auditor.source.index import of_type

Judge = Callable[[ast.AST, int, frozenset[str]], bool]
_STEPS, _MOST = 4, 12  # how far names are followed, values of each that are looked at
_OF_ALL = frozenset({"ModuleList", "ParameterList", "list", "tuple", "reversed", "enumerate", "zip", "sorted"})


@dataclass
class Doubts:
    """Of one script. `chosen`: names of settings that the probe gave other values, in lower case.

    `values`: of settings that are numbers, the one that was submitted and the one that was used. `left_out`: what the
    configuration does not let run; nothing is given there.
    """

    tree: ast.Module
    chosen: frozenset[str]
    values: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    left_out: Callable[[ast.AST], bool] | None = None
    _passed: frozenset[int] = frozenset()  # ids of what has been decided where the test at hand is asked

    @cached_property
    def _script(self) -> Given:
        script, left_out = Given(self.tree), self.left_out
        if left_out is None or any(_leaves_out(script, node, left_out) for node in of_type(self.tree, ast.If)):
            return script
        return Given(self.tree, left_out)

    def of(self, test: ast.AST | None, *, strict: bool = False) -> bool:
        """Whether it may come out otherwise. What has no test (a handler of exceptions) may.

        `strict`: only where it rests on the machine, a clock, what the probe chose, or a count or size that is held
        against a large number; not on whether there is anything at all.
        """
        if test is None:
            return not strict
        judge = self._without_choice if strict and asks_for_a_rest(self._script, test) else self
        judge._passed = frozenset(map(id, judge._script.guards.get(id(test), ())))
        return (judge._plainly if strict else judge._expression)(test, _STEPS, frozenset())

    @cached_property
    def _alike(self) -> Alike:
        return Alike(self._script.values, self._script.counted, self.values, self._script.passed)

    def submitted(self, test: ast.AST) -> bool | None:
        """How a test of settings and numbers comes out with what was submitted; None where that is not known."""
        return self._alike.submitted(test)

    def is_never_called(self, function: str) -> bool:
        """Whether each of its calls stands where nothing runs with what was submitted."""
        return Uncalled(self.tree, self._script, self.submitted).holds(function)

    def turned(self, test: ast.AST | None) -> frozenset[str]:
        """Settings, in lower case, by whose small values a test comes out otherwise than as submitted."""
        return frozenset() if test is None else self._alike.turned(test)

    @cached_property
    def _without_choice(self) -> Doubts:
        return Doubts(self.tree, frozenset(), left_out=self.left_out)

    def of_the_machine(self, test: ast.AST | None) -> bool:
        """Whether it asks for the process, the machine or variables that every environment has.

        The configuration says nothing of those, so it leaves nothing out by them.
        """
        return test is not None and of_the_machine(self._script, test, _STEPS)

    def number(self, node: ast.expr) -> int | None:
        """What it is made of numbers and of names that are given one number alone; None where it is not."""
        return self._script.number(node)

    def is_true(self, node: ast.expr) -> bool:
        """Whether it is True, or a name that is given nothing else, by calls and defaults as well."""
        if isinstance(node, ast.Constant):
            return node.value is True
        key = self._script.key(node) if isinstance(node, ast.Name) else ""
        values = [*self._script.values.get(key, ()), *self._script.parameters(key)] if key else []
        return bool(values) and all(isinstance(value, ast.Constant) and value.value is True for value in values)

    def is_a_size(self, node: ast.expr) -> bool:
        """Whether it is made of sizes or of what is counted."""
        return self._mentions(node, _STEPS, frozenset(), sizes=True)

    def given(self, node: ast.expr) -> list[ast.expr]:
        """What a name or an attribute is given."""
        return self._script.values.get(self._script.key(node), [])

    def looks_up(self, call: ast.Call) -> bool:
        """Whether it is of a layer that has a row for each token, and sees each alone."""
        name = called(call)
        rows = {isinstance(layer, ast.Call) and called(layer) == "Embedding" for layer in self.given(call.func)}
        return name == "embedding" or rows == {True}

    # --- where it rests on the machine and on sizes alone -----------------------------------------------------------

    def _plainly(self, node: ast.AST, left: int, seen: frozenset[str]) -> bool:
        absences = {part: asked for part in ast.walk(node) if (asked := asked_to_be_there(part)) is not None}
        if any(self._absent(asked, left, seen, self._plainly) for asked in absences.values()):
            return True
        alike = [part for part in ast.walk(node) if self._alike.same(part)]
        skipped = {id(inner) for part in (*absences, *alike) for inner in ast.walk(part)}
        for part in ast.walk(node):
            if id(part) in skipped:
                continue
            if isinstance(part, ast.Compare | ast.BinOp | ast.Call) and self._measured(part, left, seen):
                return True
            if is_of_the_card(part) or self._written(part) or is_of_a_value(part):
                return True
            if (isinstance(part, ast.Compare) and is_of_ranks(part)) or is_of_a_kind(part):
                return True
            if isinstance(part, ast.Call) and not WORLDLY.isdisjoint(words(part.func)):
                return True
            if isinstance(part, ast.Subscript) and self._entered(part, left, seen, self._plainly):
                return True
            if isinstance(part, ast.Call) and left and self._says(part, left, seen):
                return True
            name, key = spelled(part), self._script.key(part)
            if name in OF_THE_PROBE or (name and name.lower() in self.chosen - RANKS):
                return True
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id in WORLD:
                if part.attr not in SAME:
                    return True
            elif key and left and key not in seen:
                values, further = self._script.values.get(key, [])[:_MOST], (left - 1, seen | {key})
                if any(self._plainly(value, *further) for value in values if is_scalar(value)):
                    return True
                if self._differs(values) and self._guarded(values, *further, self._plainly):
                    return True
        return False

    def _says(self, call: ast.Call, left: int, seen: frozenset[str]) -> bool:
        """Whether a function of the script may answer otherwise: by what it asks, or by a size that it is given."""
        name = called(call)
        answers = [] if name in seen else outcomes(self._script.functions.get(name, ()), plain=True)
        further = (left - 1, seen | {name})
        if any(self._plainly(answer, *further) for answer in answers):
            return True
        given = (*call.args, *(keyword.value for keyword in call.keywords))
        return any(self._mentions(answer, *further, sizes=False) for answer in answers) and any(
            self._mentions(part, left, seen, sizes=True) for part in given
        )

    # --- where it rests on anything that may be otherwise -----------------------------------------------------------

    def _expression(self, node: ast.AST, left: int, seen: frozenset[str]) -> bool:
        if isinstance(node, ast.Call):
            return self._call(node, left, seen)
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            if self._expression(node.generators[0].iter, left, seen):
                return True
            seen |= {name for part in node.generators for name in names_of(part.target)}  # its own: no name of others
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            return node.id not in seen and self._read(node, left, seen)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            return self._attribute(node, left, seen)
        asked = asked_to_be_there(node)
        if asked is not None:
            return self._absent(asked, left, seen, self._expression)
        if self._alike.same(node):
            return False
        if isinstance(node, ast.Compare | ast.BinOp) and self._measured(node, left, seen):
            return True
        if isinstance(node, ast.Compare) and is_of_ranks(node):
            return True
        if isinstance(node, ast.Subscript) and self._entered(node, left, seen, self._expression):
            return True
        return any(self._expression(child, left, seen) for child in ast.iter_child_nodes(node))

    def _call(self, node: ast.Call, left: int, seen: frozenset[str]) -> bool:
        name = called(node)
        if name in ("getenv", "get") and node.args and isinstance(node.args[0], ast.Constant):
            owner = node.func.value if isinstance(node.func, ast.Attribute) else node.args[0]
            return str(node.args[0].value).lower() in self.chosen or self._expression(owner, left, seen)
        own = self._script.functions.get(name)
        if own is not None and left and name not in seen:
            return any(self._expression(part, left - 1, seen | {name}) for part in outcomes(own))
        if name in self._script.classes:
            return False  # an object: what it has is asked for by name
        if name == "hasattr" and len(node.args) == 2 and isinstance(node.args[1], ast.Constant):
            return self._has(str(node.args[1].value), left, seen)
        if name == "len" and len(node.args) == 1 and not self._goes_over(node.args[0], left, seen):
            return False
        if name not in PLAIN and not self._converts(node.func):
            return True
        if name == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            return self._name(self._script.attribute(str(node.args[1].value)), left, seen)
        if name in ("min", "max") and self._measured(node, left, seen):
            return True
        owner = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        return any(self._expression(part, left, seen) for part in (owner, *node.args))

    def _converts(self, function: ast.expr) -> bool:
        """Whether it is a parameter that is given `int`, `bool` and the like: `kind(os.environ.get(name, default))`."""
        key = self._script.key(function) if isinstance(function, ast.Name) else ""
        given = list(self._script.parameters(key)) if "@" in key and key not in self._script.values else []
        return bool(given) and all(isinstance(kind, ast.Name) and kind.id in PLAIN for kind in given)

    def _has(self, name: str, left: int, seen: frozenset[str]) -> bool:
        """Whether an object may have such an attribute at full size and none here, or the other way."""
        values = self._script.values.get(key := self._script.attribute(name), [])
        return not values or self._guarded(values, left, seen, self._expression) or self._name(key, left, seen)

    def _attribute(self, node: ast.Attribute, left: int, seen: frozenset[str]) -> bool:
        owner = node.value
        if is_of_the_card(node) or node.attr in OF_A_STEP or node.attr in OF_THE_PROCESS:
            return True
        if node.attr == "__name__" and not isinstance(owner, ast.Call):  # of a function of the libraries
            return True
        if isinstance(owner, ast.Name):
            if owner.id in WORLD and node.attr not in SAME:
                return True
        elif self._expression(owner, left, seen):
            return True
        return self._name(self._script.key(node), left, seen)

    def _read(self, node: ast.Name, left: int, seen: frozenset[str]) -> bool:
        """A name where it stands: in a loop that gives it its values, what that goes over."""
        over, key = self._script.loop(node), self._script.key(node)
        if over is None or not left or key in seen:
            return self._name(key, left, seen)
        return self._chosen(node.id) or self._goes_over(over, left - 1, seen | {key})

    def _goes_over(self, over: ast.expr, left: int, seen: frozenset[str]) -> bool:
        """Whether a loop over it may go further or elsewhere."""
        if isinstance(over, ast.Call) and called(over) in _OF_ALL and over.args:
            return any(self._goes_over(part, left, seen) for part in over.args)
        if isinstance(over, ast.Call) and called(over) == "range":
            whole = [p.args[0] if isinstance(p, ast.Call) and called(p) == "len" and p.args else p for p in over.args]
            return any(
                self._expression(part, left, seen) or self._mentions(part, left, seen, sizes=True)
                if part in over.args else self._goes_over(part, left, seen)
                for part in whole
            )  # fmt: skip
        if isinstance(over, ast.ListComp):
            return any(self._goes_over(part.iter, left, seen) for part in over.generators)
        key = self._script.key(over)
        if not key:
            return self._expression(over, left, seen) or self._mentions(over, left, seen, sizes=True)
        if not left or key in seen or self._chosen(spelled(over)):
            return True
        values = [*self._script.values.get(key, ()), *self._script.parameters(key)]
        return not values or any(self._goes_over(value, left - 1, seen | {key}) for value in values[:_MOST])

    def _chosen(self, name: str) -> bool:
        return name.lower() in self.chosen or name in OF_THE_PROBE or name in self._script.imported

    def _name(self, key: str, left: int, seen: frozenset[str]) -> bool:
        if key in self._script.counted or self._chosen(key.partition("@")[0]):
            return True
        if not left or key in seen:
            return False
        values = [*self._script.values.get(key, ()), *self._script.parameters(key)]
        if any(self._expression(value, left - 1, seen | {key}) for value in values[:_MOST]):
            return True
        return self._differs(values) and self._guarded(values, left - 1, seen | {key}, self._expression)

    # --- whether something is there ---------------------------------------------------------------------------------

    @staticmethod
    def _differs(values: Iterable[ast.expr]) -> bool:
        return len({ast.dump(value) for value in values}) > 1

    def _guarded(self, values: list[ast.expr], left: int, seen: frozenset[str], judge: Judge) -> bool:
        """Whether what decides that a name is given these values may come out otherwise.

        Who asks has come by what decides that: a `break` above both decides nothing between them.
        """
        tests = {id(t): t for value in values[:_MOST] for t in self._script.guards.get(id(value), ())}
        known = [test for key, test in tests.items() if test is not None and key not in self._passed]
        return any(judge(test, left, seen) or of_the_machine(self._script, test, left) for test in known)

    def _entered(self, node: ast.Subscript, left: int, seen: frozenset[str], judge: Judge) -> bool:
        """Whether what a list or dictionary is given at one place may be given otherwise: `state["late"]`."""
        given = self._script.entries.get(self._script.key(node.value), [])
        return bool(left) and self._guarded(given, left - 1, seen, judge)

    def _absent(self, node: ast.expr, left: int, seen: frozenset[str], judge: Judge) -> bool:
        """Whether it may be None at full size and something here, or the other way: not what it is otherwise."""
        if isinstance(node, ast.IfExp):
            return judge(node.test, left, seen) or any(
                self._absent(arm, left, seen, judge) for arm in (node.body, node.orelse)
            )
        if is_something(self._script, node) or (isinstance(node, ast.Constant) and node.value is None):
            return False
        given = returned(self._script, node, seen) if left else None
        if given is not None:
            further = (left - 1, seen | {called(node)}) if isinstance(node, ast.Call) else (left, seen)
            return any(self._absent(value, *further, judge) for value in given)
        own = self._script.functions.get(called(node), ()) if isinstance(node, ast.Call) and left else ()
        if any(judge(test, left - 1, seen | {called(node)}) for test in tests(own)):  # type: ignore[arg-type]
            return True
        key, name = self._script.key(node), spelled(node)
        if not key or self._chosen(name) or not left or key in seen or is_of_the_card(node):
            return judge(node, left, seen)
        values = [*self._script.values.get(key, ()), *self._script.parameters(key)]
        if not values or (isinstance(node, ast.Name) and self._script.loop(node) is not None):
            return judge(node, left, seen)
        if any(self._absent(value, left - 1, seen | {key}, judge) for value in values[:_MOST]):
            return True
        same = all(is_something(self._script, value) for value in values) or not self._differs(values)
        return not same and self._guarded(values, left - 1, seen | {key}, judge)

    # --- sizes ------------------------------------------------------------------------------------------------------

    def _measured(self, node: ast.Compare | ast.BinOp | ast.Call, left: int, seen: frozenset[str]) -> bool:
        """Whether a size is held against a number that sizes here do not come to, or counted in such numbers."""
        if isinstance(node, ast.Call) and called(node) not in ("min", "max"):
            return False
        if isinstance(node, ast.BinOp):
            if not isinstance(node.op, ast.FloorDiv | ast.Div):
                return False
            sides = [node.left, node.right]
        else:
            sides = list(node.args) if isinstance(node, ast.Call) else [node.left, *node.comparators]
        sizes = [self._mentions(side, left, seen, sizes=True) for side in sides]
        others = [side for side, is_size in zip(sides, sizes, strict=True) if not is_size]
        return any(sizes) and any(self._mentions(side, left, seen, sizes=False) for side in others)

    def _mentions(self, node: ast.AST, left: int, seen: frozenset[str], *, sizes: bool) -> bool:
        """A size of something, or a number that is large."""
        for part in without_shapes(node):
            name, key = spelled(part), self._script.key(part)
            if sizes and (name in SIZES or self._counts(part, left, seen)):
                return True
            if not sizes and isinstance(part, ast.Constant | ast.BinOp) and is_large(self.number(part)):
                return True
            if key and left and key not in seen:
                values = self._script.values.get(key, ())[:_MOST]
                if any(self._mentions(value, left - 1, seen | {key}, sizes=sizes) for value in values):
                    return True
        return False

    def _counts(self, node: ast.AST, left: int, seen: frozenset[str]) -> bool:
        """Whether it is a name that goes further at full size: not one of as many layers as there are here."""
        key = self._script.key(node)
        if key not in self._script.counted:
            return False
        over = self._script.loop(node) if isinstance(node, ast.Name) else None
        if over is None or not left or key in seen:
            return True
        return self._goes_over(over, left - 1, seen | {key})

    def _written(self, node: ast.AST) -> bool:
        """Whether it writes a counter as text, or takes the logarithm of one: `len(str(step)) > 3`."""
        parts: list[ast.AST] = []
        if isinstance(node, ast.JoinedStr):
            parts = [node]
        elif isinstance(node, ast.Call) and called(node) in WRITES:
            parts = list(node.args)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift | ast.BitAnd | ast.Pow):
            parts = [node]
        return any(name in self._script.counted for part in parts for name in words(part))


def _leaves_out(script: Given, node: ast.If, left_out: Callable[[ast.AST], bool]) -> bool:
    """Whether something is left out by what the machine is, of which the configuration says nothing."""
    return any(left_out(arm[0]) for arm in (node.body, node.orelse) if arm) and of_the_machine(
        script, node.test, _STEPS
    )

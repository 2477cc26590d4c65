"""Where a value comes from: validation tokens, training tokens, or a stored blob.

Names are followed to what they are assigned, parameters to the arguments at every call in the module, attributes to
every assignment of that attribute. A call is made of its own arguments and of what the function returns beside its
parameters: one loader reads both parts of the data. Each of these is solved once for the module: what goes round in a
circle is made of all that the circle is made of. File patterns decide, names of variables do not, nor does it matter
in which of the program's modules a function stands.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal

from auditor.program import vocabulary
from auditor.program.syntax import (
    Function,
    assignments,
    calls,
    function_of,
    functions,
    is_method,
    last_name,
    positional,
    targets_of,
)
from auditor.source.index import children, of_type, own_of_type, parent, root, walk

Kind = Literal["validation", "training", "blob"]
Kinds = frozenset[Kind]
# What can be asked for: a name in a scope (True: seen from one call of it, which gives its parameters), an attribute of
# whatever object, or what a function returns.
_Key = tuple[str, ast.AST | None, bool]
_NOTHING: Kinds = frozenset()


class Origins:
    """Answers questions about one module. `beside`: the trees of the modules that it imports, or that import it."""

    def __init__(self, tree: ast.Module, beside: Sequence[ast.Module] = ()) -> None:
        for each in (tree, *beside):
            walk(each)  # numbers its nodes: what is above one of them is asked first
        self.tree = tree
        self.beside = beside
        self._solved: dict[_Key, Kinds] = {}
        self._asked: dict[ast.AST, Kinds] = {}
        self._names: dict[ast.AST, dict[str, list[ast.expr]]] = {}

    @cached_property
    def own(self) -> dict[str, Function]:
        return {f.name: f for f in functions(self.tree)}

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Those of the module, and those of the others that have no namesake here."""
        return {**{f.name: f for tree in self.beside for f in functions(tree)}, **self.own}

    @cached_property
    def _calls(self) -> dict[str, list[ast.Call]]:
        found: dict[str, list[ast.Call]] = {}
        for tree in (self.tree, *self.beside):
            namesakes = {f.name for f in functions(tree)} & self.own.keys() if tree is not self.tree else ()
            for call in calls(tree):
                if (name := last_name(call.func)) not in namesakes:
                    found.setdefault(name, []).append(call)
        for function in self.functions.values():
            inner = _passed_on(function)
            if inner is not None:  # what the one is given, the other gets
                kept = [call for call in found.get(last_name(inner.func), []) if call is not inner]
                found[last_name(inner.func)] = kept + found.get(function.name, [])
        return found

    @cached_property
    def stored(self) -> dict[str, list[ast.expr]]:
        """attribute name -> every value assigned to it as `x.name = value`."""
        found: dict[str, list[ast.expr]] = {}
        for node in (n for tree in (self.tree, *self.beside) for n in of_type(tree, ast.Assign, ast.AnnAssign)):
            for target in targets_of(node):
                if isinstance(target, ast.Attribute) and node.value is not None:
                    found.setdefault(target.attr, []).append(node.value)
        return found

    @cached_property
    def _attributes(self) -> dict[str, list[ast.expr]]:
        """attribute name -> every value assigned to it, in a class body too."""
        found = {name: list(values) for name, values in self.stored.items()}
        for holder in (c for tree in (self.tree, *self.beside) for c in of_type(tree, ast.ClassDef)):
            for target, value, _ in assignments(holder):
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(value)
        return found

    def _local(self, scope: ast.AST) -> dict[str, list[ast.expr]]:
        """name -> the values it is assigned in a scope (loop targets: what is iterated)."""
        if scope not in self._names:
            self._names[scope] = self._names_of(scope)
        return self._names[scope]

    def scope_of(self, node: ast.AST) -> ast.AST:
        return function_of(node) or (root(node) if self.beside else self.tree)

    def assigned(self, node: ast.expr) -> list[ast.expr]:
        """The values that a name is assigned in its function; the expression itself where it is no such name."""
        values = self._local(self.scope_of(node)).get(node.id, []) if isinstance(node, ast.Name) else []
        return values or [node]

    def arguments(self, function: Function, parameter: str) -> list[ast.expr]:
        """What is passed for a parameter at the calls of a function."""
        names = positional(function)
        own = function.name
        if is_method(function):
            names = names[1:]
            holder = parent(function)
            if own == "__init__" and isinstance(holder, ast.ClassDef):
                own = holder.name
        at = names.index(parameter) if parameter in names else None
        found = []
        for call in self._calls.get(own, ()):
            found += [k.value for k in call.keywords if k.arg == parameter]
            if at is not None and at < len(call.args):
                found.append(call.args[at])
        return found

    def passed(self, method: Function, parameter: str) -> tuple[list[ast.expr], bool]:
        """(what is passed for a parameter, whether every call passes it); `forward` is called by its module's name."""
        holder = parent(method)
        found, whole = self.arguments(method, parameter), True
        if not isinstance(holder, ast.ClassDef) or method.name not in ("forward", "__call__"):
            return found, bool(found)
        names = [a.arg for a in (*method.args.posonlyargs, *method.args.args)][1:]
        at = names.index(parameter) if parameter in names else None
        for call in (c for name in self._holding.get(holder.name, ()) for c in self._calls.get(name, ())):
            given = [k.value for k in call.keywords if k.arg == parameter]
            given += [call.args[at]] if at is not None and at < len(call.args) else []
            found += given
            whole = whole and bool(given)
        return found, whole and bool(found)

    @cached_property
    def handed_on(self) -> frozenset[str]:
        """The functions that are passed on or kept, and called under other names: `torch.compile(model.logits)`."""
        trees = (self.tree, *self.beside)
        called = {id(call.func) for tree in trees for call in calls(tree)}
        loads = (n for tree in trees for n in of_type(tree, ast.Name, ast.Attribute) if id(n) not in called)
        return frozenset(last_name(n) for n in loads if isinstance(n.ctx, ast.Load)) & self.functions.keys()

    @cached_property
    def _holding(self) -> dict[str, set[str]]:
        """class -> the attributes and variables that hold an instance of it, alone or among others."""
        found: dict[str, set[str]] = {}
        trees = (self.tree, *self.beside)
        for node in (n for tree in trees for n in of_type(tree, ast.Assign, ast.AnnAssign)):
            made = {last_name(c.func) for c in of_type(node.value, ast.Call)} if node.value is not None else set()
            for name in made:
                found.setdefault(name, set()).update(last_name(target) for target in targets_of(node))
        walked = [(last_name(n.iter), n.target) for tree in trees for n in of_type(tree, ast.For, ast.comprehension)]
        for held in found.values():
            held |= {name for over, target in walked if over in held for name in _targets(target)}
        return found

    def of(self, node: ast.AST) -> Kinds:
        """What the value of an expression is made of; empty where nothing is known of it."""
        known = self._asked.get(node)
        if known is None:
            kinds, keys = self._parts(node, self.scope_of(node), False)
            known = self._asked[node] = kinds.union(*(self._solve(key) for key in keys))
        return known

    # --- what is known at once ------------------------------------------------------------------------------------

    def _of_call(self, name: str) -> Kinds:
        return frozenset({"blob"}) if name in vocabulary.STORED else _NOTHING

    def _of_text(self, text: str) -> Kinds:
        """Paths, and the words by which a loader is told which part to read."""
        found: set[Kind] = set()
        if text in ("val", "validation") or vocabulary.names_validation(text):
            found.add("validation")
        if text == "train" or vocabulary.names_training(text):
            found.add("training")
        return frozenset(found)

    def _names_of(self, scope: ast.AST) -> dict[str, list[ast.expr]]:
        found: dict[str, list[ast.expr]] = {}
        for target, value in self._pairs(scope):
            for name in _targets(target):
                found.setdefault(name, []).append(value)
        return found

    def _pairs(self, scope: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
        """(target, value) of whatever gives a name its value in a scope."""
        yield from ((target, value) for target, value, _ in assignments(scope))
        yield from ((node.target, node.iter) for node in own_of_type(scope, ast.For, ast.comprehension))
        yield from ((n.optional_vars, n.context_expr) for n in own_of_type(scope, ast.withitem) if n.optional_vars)
        yield from ((node.target, node.value) for node in own_of_type(scope, ast.NamedExpr))

    # --- what an expression asks for ------------------------------------------------------------------------------

    def _parts(self, node: ast.AST, scope: ast.AST, called: bool) -> tuple[Kinds, list[_Key]]:
        """What an expression says of itself, and what else its value depends on."""
        kinds: set[Kind] = set()
        keys: list[_Key] = []
        stack = [node]
        while stack:
            part = stack.pop()
            if isinstance(part, ast.Constant):
                kinds |= self._of_text(part.value) if isinstance(part.value, str) else _NOTHING
            elif isinstance(part, ast.Name):
                keys.append((part.id, scope, called))
            elif isinstance(part, ast.Attribute):
                if part.attr in self._attributes:
                    keys.append(("." + part.attr, None, False))
                else:
                    stack.append(part.value)  # tokens.T, tokens.long
            elif isinstance(part, ast.Subscript):
                stack.append(part.value)
            elif isinstance(part, ast.Call):
                name = last_name(part.func)
                kinds |= self._of_call(name)
                keys += [("()" + name, None, False)] if name in self.functions else []
                stack += [*part.args, *(k.value for k in part.keywords)]
                stack += [part.func.value] if isinstance(part.func, ast.Attribute) else []
            elif not isinstance(part, ast.Compare):
                stack += [child for child in children(part) if isinstance(child, ast.expr)]
        return frozenset(kinds), keys

    def _values(self, key: _Key) -> Iterator[tuple[ast.AST, ast.AST, bool]]:
        """(expression, its scope, seen from a call of it) of everything that a key stands for."""
        name, scope, called = key
        if scope is None:
            if name.startswith("."):
                yield from ((value, self.scope_of(value), False) for value in self._attributes[name[1:]])
            else:
                function = self.functions[name[2:]]
                yield from ((r.value, function, True) for r in of_type(function, ast.Return) if r.value is not None)
            return
        local = self._local(scope).get(name, [])
        yield from ((value, scope, called) for value in local)
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            if not called:
                yield from ((passed, self.scope_of(passed), False) for passed in self.arguments(scope, name))
            if not local and not _has_parameter(scope, name):
                yield ast.Name(name), self.scope_of(scope), False
        elif not local and self.beside:
            yield from self._imported(name, scope)

    def _imported(self, name: str, scope: ast.AST) -> Iterator[tuple[ast.AST, ast.AST, bool]]:
        """What a module's name is in the module that it is imported from."""
        for statement in own_of_type(scope, ast.ImportFrom):
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    others = (tree for tree in (self.tree, *self.beside) if tree is not scope)
                    yield from ((ast.Name(alias.name), tree, False) for tree in others)

    def _solve(self, asked: _Key) -> Kinds:
        """What a key is made of: strongly connected keys are made of the same (Tarjan's algorithm, no recursion)."""
        if asked in self._solved:
            return self._solved[asked]
        order: dict[_Key, int] = {asked: 0}
        low: dict[_Key, int] = {asked: 0}
        own: dict[_Key, set[Kind]] = {}
        path = [asked]
        work = [(asked, self._edges(asked, own))]
        while work:
            key, edges = work[-1]
            for needed in edges:
                if needed in self._solved:
                    own[key] |= self._solved[needed]
                elif needed in order:
                    low[key] = min(low[key], order[needed])
                else:
                    order[needed] = low[needed] = len(order)
                    path.append(needed)
                    work.append((needed, self._edges(needed, own)))
                    break
            else:
                work.pop()
                if low[key] == order[key]:
                    circle = [path.pop()]
                    while circle[-1] != key:
                        circle.append(path.pop())
                    kinds: Kinds = frozenset().union(*(own[k] for k in circle))
                    self._solved.update(dict.fromkeys(circle, kinds))
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[key])
                    own[above] |= self._solved.get(key, own[key])
        return self._solved[asked]

    def _edges(self, key: _Key, own: dict[_Key, set[Kind]]) -> Iterator[_Key]:
        own[key] = set()
        found: list[_Key] = []
        for value, scope, called in self._values(key):
            kinds, keys = self._parts(value, scope, called)
            own[key] |= kinds
            found += keys
        return iter(found)


def _passed_on(function: Function) -> ast.Call | None:
    """The call to which a function that does nothing else hands all its arguments."""
    last = function.body[-1]
    whole = function.args.vararg
    if whole is None or not isinstance(last, ast.Return) or not isinstance(last.value, ast.Call):
        return None
    starred = [a.value for a in last.value.args if isinstance(a, ast.Starred)]
    named = [a.id for a in starred if isinstance(a, ast.Name)]
    return last.value if len(function.body) <= 2 and named == [whole.arg] else None


def _has_parameter(function: Function, name: str) -> bool:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return any(a is not None and a.arg == name for a in every)


def _targets(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Tuple | ast.List):
        return [name for element in node.elts for name in _targets(element)]
    if isinstance(node, ast.Starred):
        return _targets(node.value)
    return []

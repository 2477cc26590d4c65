"""Expressions of C and C++: from the grammar's nodes to trees."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from tree_sitter import Node

from auditor.program.c.tree import Tree
from auditor.program.c.types import Types, named, text_of

_CASTS = frozenset({"static_cast", "reinterpret_cast", "const_cast", "dynamic_cast"})
_NAMES = frozenset({"identifier", "field_identifier", "type_identifier", "this", "true", "false", "null"})
_STRINGS = frozenset({"string_literal", "raw_string_literal", "concatenated_string", "char_literal"})
_WITHIN = frozenset({"qualified_identifier", "template_function", "template_method", "dependent_name"})
_DEPTH = 150  # of what stands within each other


class Unreadable(Exception):
    """The text is no C that is read here, or nested too deeply."""


class Expressions:
    """Reads expressions. `offset`: where the text that was parsed begins in the whole one."""

    def __init__(self, types: Types, offset: int = 0) -> None:
        self.types = types
        self._offset = offset
        self._depth = 0
        self._kinds: dict[str, Callable[[Node], Tree]] = {
            "number_literal": self._plain("number"),
            **dict.fromkeys(_STRINGS, self._plain("string")),
            **dict.fromkeys(_NAMES, self._plain("name")),
            **dict.fromkeys(_WITHIN, self._name),
            "parenthesized_expression": self._inner,
            "condition_clause": self._inner,
            "binary_expression": self._binary,
            "comma_expression": self._binary,
            "assignment_expression": self._assigned,
            "conditional_expression": self._chosen,
            "unary_expression": self._unary,
            "pointer_expression": self._unary,
            "update_expression": self._updated,
            "cast_expression": self._cast,
            "call_expression": self._called,
            "subscript_expression": self._indexed,
            "field_expression": self._member,
            "sizeof_expression": self._one,
            "alignof_expression": self._one,
            "new_expression": self._made,
            "initializer_list": self._listed,
            "argument_list": self._listed,
            "compound_literal_expression": self._literal,
            "lambda_expression": self.unnamed,
        }

    @abstractmethod
    def unnamed(self, node: Node) -> Tree:
        """`[&](int a) { ... }`: its parameters as declarations, and its body."""

    def at(self, node: Node) -> int:
        return self._offset + node.start_byte

    def expression(self, node: Node | None) -> Tree:
        read = self._kinds.get(node.type) if node is not None else None
        if node is None or read is None or node.is_missing:
            raise Unreadable("no value where one is expected" if node is None else f"{node.type} as a value")
        self._depth += 1
        if self._depth > _DEPTH:
            self._depth = 0
            raise Unreadable("nested too deeply")
        tree = read(node)
        self._depth -= 1
        return tree

    def within(self, node: Node) -> tuple[Tree, ...]:
        """The values of a list."""
        return tuple(self.expression(child) for child in node.named_children if child.type != "comment")

    # --- kinds ----------------------------------------------------------------------------------------------------

    def _plain(self, kind: str) -> Callable[[Node], Tree]:
        return lambda node: Tree(kind, self.at(node), text_of(node))

    def _inner(self, node: Node) -> Tree:
        return self.expression(next((c for c in node.named_children if c.type != "comment"), None))

    def _name(self, node: Node) -> Tree:
        """The last part of a name counts: `std::min<int>` is `min`."""
        inner = node
        while inner.type in _WITHIN:
            below = inner.child_by_field_name("name")
            if below is None:
                raise Unreadable("a name without an end")
            inner = below
        return Tree("name", self.at(node), text_of(inner))

    def _binary(self, node: Node) -> Tree:
        sign = node.child_by_field_name("operator")
        parts = self.expression(node.child_by_field_name("left")), self.expression(node.child_by_field_name("right"))
        return Tree("binary", parts[0].at, "," if sign is None else text_of(sign), parts)

    def _assigned(self, node: Node) -> Tree:
        left, right = (self.expression(node.child_by_field_name(name)) for name in ("left", "right"))
        return Tree("assign", left.at, "".join(map(text_of, named(node, "operator"))), (left, right))

    def _chosen(self, node: Node) -> Tree:
        test = self.expression(node.child_by_field_name("condition"))
        one = node.child_by_field_name("consequence")  # absent in `a ?: b`
        other = self.expression(node.child_by_field_name("alternative"))
        return Tree("choose", test.at, "?", (test, test if one is None else self.expression(one), other))

    def _unary(self, node: Node) -> Tree:
        inner = self.expression(node.child_by_field_name("argument"))
        return Tree("prefix", self.at(node), "".join(map(text_of, named(node, "operator"))), (inner,))

    def _updated(self, node: Node) -> Tree:
        inner = self.expression(node.child_by_field_name("argument"))
        sign = next(named(node, "operator"))
        ahead = sign.start_byte == node.start_byte
        return Tree("prefix" if ahead else "postfix", self.at(node), text_of(sign), (inner,))

    def _cast(self, node: Node) -> Tree:
        inner = self.expression(node.child_by_field_name("value"))
        return Tree("cast", self.at(node), "", (inner,), self.types.holds(node.child_by_field_name("type")))

    def _called(self, node: Node) -> Tree:
        callee, given = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if callee is None or given is None:
            raise Unreadable("a call of nothing")
        if callee.type == "template_function" and text_of(next(named(callee, "name"))) in _CASTS:
            return Tree(
                "cast", self.at(node), "", self.within(given)[:1], self.types.holds(*named(callee, "arguments"))
            )
        if self.types.makes(callee):
            return self._converted(node, callee, given)
        function = self.expression(callee)
        return Tree("call", function.at, "", (function, *self.within(given)))

    def _converted(self, node: Node, kind: Node, given: Node) -> Tree:
        parts, holds = self.within(given), self.types.holds(kind)
        if holds and len(parts) == 1:
            return Tree("cast", self.at(node), "", parts, holds)
        return Tree("list", self.at(node), "", parts)

    def _indexed(self, node: Node) -> Tree:
        base = self.expression(node.child_by_field_name("argument"))
        parts = [part for indices in named(node, "indices", "index") for part in self._indices(indices)]
        if not parts:
            raise Unreadable("an element without an index")
        index = parts[0]
        for part in parts[1:]:
            index = Tree("binary", index.at, ",", (index, part))
        return Tree("index", self.at(node) if base.kind == "list" else base.at, "", (base, index))

    def _indices(self, node: Node) -> tuple[Tree, ...]:
        return self.within(node) if node.type == "subscript_argument_list" else (self.expression(node),)

    def _member(self, node: Node) -> Tree:
        base = self.expression(node.child_by_field_name("argument"))
        field = node.child_by_field_name("field")
        if field is None:
            raise Unreadable("a member without a name")
        typed = list(named(field, "arguments"))
        return Tree("member", base.at, self._name(field).text, (base,), self.types.holds(*typed))

    def _one(self, node: Node) -> Tree:
        return Tree("number", self.at(node), "1")

    def _made(self, node: Node) -> Tree:
        """Memory of a type, as `calloc` gives it."""
        holds = self.types.holds(node.child_by_field_name("type"))
        return Tree("call", self.at(node), "", (Tree("name", self.at(node), "calloc"),), holds)

    def _listed(self, node: Node) -> Tree:
        """`{1, .key = 2}`: what stands behind a key."""
        parts = [c.child_by_field_name("value") if c.type == "initializer_pair" else c for c in node.named_children]
        values = tuple(self.expression(part) for part in parts if part is None or part.type != "comment")
        return Tree("list", self.at(node), "", values)

    def _literal(self, node: Node) -> Tree:
        kind, given = node.child_by_field_name("type"), node.child_by_field_name("value")
        if given is None:
            raise Unreadable("a type without a value")
        return self._converted(node, kind, given) if kind is not None else self._listed(given)

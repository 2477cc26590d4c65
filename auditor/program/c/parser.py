"""Functions, statements and declarations of C, C++ and CUDA, as the grammar of tree-sitter sees them.

The grammar takes any text and marks what is no C; that is left out, and said. Two things are made plain first: the
words that CUDA adds, and the configuration of a kernel's launch, of which nothing here hangs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import tree_sitter_cpp
from tree_sitter import Language, Node, Parser

from auditor.program.c.expressions import Expressions, Unreadable
from auditor.program.c.tree import Function, Parameter, Text, Tree
from auditor.program.c.types import Types, named, text_of

_GRAMMAR = Language(tree_sitter_cpp.language())
_CUDA = re.compile(rb"\b__(?:global|device|host|shared|constant|forceinline|restrict|launch_bounds)__\b|\b__restrict\b")
_WORD = re.compile(r"\w+")
_LAUNCH = re.compile(rb"<<<[^<>;{}]{1,400}>>>")
_ENCLOSING = frozenset(
    {
        "linkage_specification", "namespace_definition", "template_declaration", "declaration_list", "preproc_ifdef",
        "preproc_if", "preproc_elif", "preproc_else", "field_declaration_list", "ERROR",
    }
)  # fmt: skip
_CLASSES = frozenset({"struct_specifier", "class_specifier", "union_specifier"})
_POINTERS = frozenset(f"{kind}_declarator" for kind in ("pointer", "reference", "parenthesized", "attributed"))
_LEAVES = frozenset({"identifier", "field_identifier", "type_identifier"})
_NOTHING = frozenset(
    {
        "comment", "goto_statement", "using_declaration", "alias_declaration", "type_definition", "preproc_call",
        "preproc_def", "preproc_function_def", "preproc_include", "enum_specifier", "static_assert_declaration",
        "access_specifier", "catch_clause", "statement_identifier", "preproc_directive", "preproc_arg",
    }
)  # fmt: skip
_DEPTH = 120  # of statements within each other


def parse(text: str) -> Text:
    """The functions of a text, and what it says of its types."""
    reader = _Reader(Types(), Text())
    root = _tree(text.encode("ascii", "replace"))  # one byte a character, whatever it is
    reader.aliases(root)
    reader.declarations(root, "")
    # A name alone is a macro of which the grammar does not know what stands for it.
    reader.text.unread += [n.start_byte for n in _walk(root) if n.is_error and not _WORD.fullmatch(text_of(n))]
    return reader.text


def _tree(source: bytes) -> Node:
    source = _CUDA.sub(lambda word: b" " * len(word[0]), source)
    return Parser(_GRAMMAR).parse(_LAUNCH.sub(lambda launch: b" " * len(launch[0]), source)).root_node


class _Reader(Expressions):
    def __init__(self, types: Types, text: Text, offset: int = 0) -> None:
        super().__init__(types, offset)
        self.text = text
        self._nested = 0

    # --- outside of functions -------------------------------------------------------------------------------------

    def aliases(self, root: Node) -> None:
        """The names that the text gives to types, which make a call of one a conversion."""
        for node in _walk(root):
            if node.type in _CLASSES:
                for name in named(node, "name"):
                    self.types.name(text_of(name))
            elif node.type == "alias_declaration":
                self.types.name(text_of(next(named(node, "name"))), self.types.holds(*named(node, "type")))
            elif node.type == "type_definition":
                kind = node.child_by_field_name("type")
                holds = "" if kind is not None and kind.type in _CLASSES else self.types.holds(kind)
                for name in named(node, "declarator"):
                    if name.type in _LEAVES:
                        self.types.name(text_of(name), holds)

    def declarations(self, node: Node, owner: str) -> None:
        """What stands at the top, in a namespace or in a class."""
        self._nested += 1
        for child in node.named_children if self._nested <= _DEPTH else ():
            try:
                self._declaration(child, owner)
            except Unreadable:
                self._unread(child)
        self._nested -= 1

    def _declaration(self, node: Node, owner: str) -> None:
        if node.type in _ENCLOSING:
            self.declarations(node, owner)
        elif node.type == "function_definition":
            self._function(node, owner)
        elif node.type in _CLASSES:
            self._class(node)
        elif node.type in ("preproc_def", "preproc_function_def"):
            self._macro(node)
        elif node.type in ("declaration", "field_declaration", "type_definition"):
            kind = node.child_by_field_name("type")
            if kind is not None and kind.type in _CLASSES:
                alias = next(named(node, "declarator"), None) if node.type == "type_definition" else None
                self._class(kind, "" if alias is None else text_of(alias))
            if node.type != "type_definition":
                self._members(node, owner)

    def _class(self, node: Node, alias: str = "") -> None:
        body, own = node.child_by_field_name("body"), node.child_by_field_name("name")
        if body is not None:
            name = text_of(own) if own is not None else alias or f"class at {self.at(node)}"
            self.text.fields.setdefault(name, {})
            self.declarations(body, name)

    def _members(self, node: Node, owner: str) -> None:
        """A variable of the text, or the members of a class; a function that is only announced is none."""
        if any(_function_of(declarator) is not None for declarator in named(node, "declarator")):
            return
        for tree in self._declared(node):
            if owner:
                self.text.fields[owner][tree.text] = tree.type
            else:
                self.text.globals.append(tree)

    def _function(self, node: Node, owner: str) -> None:
        declarator = next((f for d in named(node, "declarator") if (f := _function_of(d)) is not None), None)
        body = node.child_by_field_name("body")
        name = declarator.child_by_field_name("declarator") if declarator is not None else None
        while name is not None and name.type == "qualified_identifier":  # a::b::name
            scope = name.child_by_field_name("scope")
            owner = text_of(scope).partition("<")[0] if scope is not None else owner
            name = name.child_by_field_name("name")
        if declarator is None or body is None or name is None or name.type not in _LEAVES:
            return
        parameters = tuple(self._parameters(declarator))
        self.text.functions.append(Function(text_of(name), owner, parameters, self._block(body)))

    def _parameters(self, declarator: Node) -> Iterator[Parameter]:
        for given in (part for listed in named(declarator, "parameters") for part in listed.named_children):
            inner = given.child_by_field_name("declarator")
            name = _leaf(inner) if inner is not None else None
            if name is not None and inner is not None:
                yield Parameter(text_of(name), self.types.holds(*named(given, "type")), _is_reference(inner))

    def _macro(self, node: Node) -> None:
        """`#define MIX(a, b) log(exp(a) + exp(b))` is a function; one without arguments is a constant."""
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None or value is None or value.text is None:
            return
        head = b"auto x = ("
        body = value.text.replace(b"\\\n", b" \n")
        root = _tree(head + body + b");")
        inner = _Reader(self.types, Text(), self.at(value) - len(head))
        if root.has_error or root.named_child_count != 1:
            return
        inner.declarations(root, "")
        made = [tree.parts[1] for tree in inner.text.globals if len(tree.parts) > 1]
        if len(made) != 1:
            return
        if node.type == "preproc_def":
            kind = Tree("type", self.at(node))
            self.text.globals.append(Tree("declare", made[0].at, text_of(name), (kind, *made), _number_type(made[0])))
            return
        given = (part for listed in named(node, "parameters") for part in listed.named_children)
        parameters = tuple(Parameter(text_of(part), "") for part in given if part.type == "identifier")
        self.text.functions.append(Function(text_of(name), "", parameters, Tree("return", made[0].at, "", tuple(made))))

    # --- statements -----------------------------------------------------------------------------------------------

    def _block(self, node: Node) -> Tree:
        return Tree("block", self.at(node), "", tuple(self._all(node.named_children)))

    def _all(self, nodes: list[Node]) -> Iterator[Tree]:
        for node in nodes:
            yield from self._read(node)

    def _read(self, node: Node) -> list[Tree]:
        """A statement; one that is no C is left out."""
        self._nested += 1
        depth = self._depth
        try:
            if self._nested > _DEPTH:
                raise Unreadable("nested too deeply")
            return self._statement(node)
        except Unreadable:
            self._depth = depth
            self._unread(node)
            return []
        finally:
            self._nested -= 1

    def _statement(self, node: Node) -> list[Tree]:
        at = self.at(node)
        match node.type:
            case "compound_statement":
                return [self._block(node)]
            case "if_statement" | "switch_statement":
                test = self._tested(node)
                bodies = (self._body(node, "consequence", "body"), self._body(node, "alternative"))
                return [Tree("if", at, node.type.partition("_")[0], (test, *bodies))]
            case "while_statement" | "do_statement":
                nothing = Tree("block", at)
                parts = (nothing, self._tested(node), nothing, self._body(node, "body"))
                return [Tree("loop", at, node.type.partition("_")[0], parts)]
            case "for_statement":
                return [self._for(node)]
            case "for_range_loop":
                first = Tree("block", at, "", tuple(self._bound(node)))
                over = self.expression(node.child_by_field_name("right"))
                return [Tree("loop", at, "each", (first, over, Tree("block", at), self._body(node, "body")))]
            case "break_statement" | "continue_statement":
                return [Tree(node.type.partition("_")[0], at)]
            case "return_statement" | "throw_statement" | "co_return_statement":
                given = tuple(self.expression(c) for c in node.named_children if c.type != "comment")
                return [Tree("return", at, "", given[:1])]
            case "declaration":
                for kind in named(node, "type"):
                    self._local_class(kind)
                return self._declared(node)
            case "expression_statement":
                inner = [c for c in node.named_children if c.type not in ("comment", "delete_expression")]
                return [Tree("expression", at, "", (self.expression(part),)) for part in inner]
            case "case_statement":
                label = node.child_by_field_name("value")
                return list(self._all([c for c in node.named_children if c != label]))
            case "else_clause" | "labeled_statement" | "try_statement" | "attributed_statement":
                return list(self._all(node.named_children))
            case kind if kind in _CLASSES:
                self._local_class(node)
                return []
            case kind if kind in _ENCLOSING - {"ERROR"}:
                asked = [*named(node, "condition", "name")]
                return list(self._all([c for c in node.named_children if c not in asked]))
            case kind if kind in _NOTHING:
                return []
            case _:
                raise Unreadable(f"{node.type} as a statement")

    def _local_class(self, node: Node) -> None:
        if node.type in _CLASSES:
            self._class(node)

    def _tested(self, node: Node) -> Tree:
        """The condition in brackets, be it a declaration: `if (Entry* e = find(key))`."""
        clause = node.child_by_field_name("condition")
        test = clause.child_by_field_name("value") if clause is not None else None
        made = [t for part in named(clause, "initializer") for t in self._read(part)] if clause is not None else []
        if test is not None and test.type == "declaration":
            made = self._declared(test)
            asked = Tree("name", made[0].at, made[0].text)
        else:
            asked = self.expression(test or clause)
        for tree in reversed(made):
            asked = Tree("binary", tree.at, ",", (tree, asked))
        return asked

    def _body(self, node: Node, *names: str) -> Tree:
        made = [tree for part in named(node, *names) for tree in self._read(part)]
        return made[0] if len(made) == 1 else Tree("block", self.at(node), "", tuple(made))

    def _for(self, node: Node) -> Tree:
        at = self.at(node)
        first = [tree for part in named(node, "initializer") for tree in self._first(part)]
        test, step = node.child_by_field_name("condition"), node.child_by_field_name("update")
        asked = Tree("number", at, "1") if test is None else self.expression(test)
        moved = Tree("block", at) if step is None else self.expression(step)
        return Tree("loop", at, "for", (Tree("block", at, "", tuple(first)), asked, moved, self._body(node, "body")))

    def _first(self, node: Node) -> list[Tree]:
        if node.type == "declaration":
            return self._declared(node)
        return [Tree("expression", self.at(node), "", (self.expression(node),))]

    # --- what is declared -----------------------------------------------------------------------------------------

    def _declared(self, node: Node) -> list[Tree]:
        return [tree for declarator in named(node, "declarator") for tree in self._variable(node, declarator)]

    def _bound(self, node: Node) -> Iterator[Tree]:
        """The variables of `for (auto& [key, value] : map)`."""
        for declarator in named(node, "declarator"):
            yield from self._variable(node, declarator)

    def _variable(self, node: Node, declarator: Node) -> list[Tree]:
        """`node`: what gives the type, and the value of `if (int* p = f())`."""
        holds = self.types.holds(*named(node, "type"))
        value = declarator.child_by_field_name("value") or node.child_by_field_name("value")
        inner = declarator.child_by_field_name("declarator") if declarator.type == "init_declarator" else declarator
        names = _bound_names(inner)
        if names:  # auto [a, b] = pair
            pair = () if value is None else (self.expression(value),)
            return [Tree("declare", self.at(n), text_of(n), (Tree("type", self.at(n)), *pair), holds) for n in names]
        name = _leaf(inner)
        if inner is None or name is None:
            raise Unreadable("a declaration without a name")
        kind = "several" if _is_array(inner) else "reference" if _is_reference(inner) else ""
        called = _function_of(inner)
        if called is not None:  # Foo x(a), which could as well announce a function
            given = [part for listed in named(called, "parameters") for part in listed.named_children]
            values = tuple(self.expression(value) for part in given for value in _plain(part))
            parts: tuple[Tree, ...] = (Tree("list", self.at(inner), "", values),)
        elif value is None:
            parts = ()
        else:
            given_tree = self.expression(value)
            listed = value.type in ("argument_list", "initializer_list") and declarator.type == "init_declarator"
            alone = listed and holds and len(given_tree.parts) == 1 and not _has_sign(declarator)
            parts = given_tree.parts if alone else (given_tree,)
        return [Tree("declare", self.at(name), text_of(name), (Tree("type", self.at(name), kind), *parts), holds)]

    def unnamed(self, node: Node) -> Tree:
        declarator, body = node.child_by_field_name("declarator"), node.child_by_field_name("body")
        if body is None:
            raise Unreadable("a function without a body")
        at = self.at(node)
        given = []
        for p in self._parameters(declarator) if declarator is not None else ():
            kind = Tree("type", at, "reference" if p.reference else "")
            given.append(Tree("declare", at, p.name, (kind,), p.type))
        return Tree("lambda", at, "", (*given, self._block(body)))

    def _unread(self, node: Node) -> None:
        self.text.unread.append(self.at(node))


def _walk(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.named_children)


def _within(declarator: Node | None) -> Iterator[Node]:
    """A declarator, and those within it: of `*a[4]` the pointer, the array and the name."""
    while declarator is not None:
        yield declarator
        below = declarator.child_by_field_name("declarator")
        if below is None and declarator.type in _POINTERS and declarator.named_children:
            below = declarator.named_children[-1]
        declarator = below


def _leaf(declarator: Node | None) -> Node | None:
    return next((node for node in _within(declarator) if node.type in _LEAVES), None)


def _function_of(declarator: Node | None) -> Node | None:
    """The declarator of a function, behind the stars of what it returns; a pointer to one is a variable."""
    for node in _within(declarator):
        if node.type == "function_declarator":
            inner = node.child_by_field_name("declarator")
            return None if inner is not None and inner.type == "parenthesized_declarator" else node
    return None


def _bound_names(declarator: Node | None) -> list[Node]:
    found = next((node for node in _within(declarator) if node.type == "structured_binding_declarator"), None)
    return [] if found is None else found.named_children


def _is_array(declarator: Node) -> bool:
    return any(node.type == "array_declarator" for node in _within(declarator))


def _is_reference(declarator: Node) -> bool:
    return any(node.type == "reference_declarator" for node in _within(declarator))


def _has_sign(declarator: Node) -> bool:
    """Whether `=` stands between a name and its value."""
    return any(child.type == "=" for child in declarator.children)


def _plain(parameter: Node) -> Iterator[Node]:
    """What is taken for the type of a parameter and is a value as well: a name alone."""
    if parameter.child_by_field_name("declarator") is None:
        yield from (kind for kind in named(parameter, "type") if kind.type == "type_identifier")


def _number_type(value: Tree) -> str:
    numbers = [t.text for t in value.walk() if t.kind == "number"]
    return "float" if any("." in n for n in numbers) else "int" if numbers else ""

"""Expressions of C and C++, by the precedence of their operators."""

from __future__ import annotations

from auditor.program.c.tree import Token, Tree

FLOATS = frozenset({"float", "double", "half", "__half", "float32_t", "float64_t", "bfloat16", "__nv_bfloat16"})
INTEGERS = frozenset(
    {
        "int", "char", "short", "long", "unsigned", "signed", "bool", "size_t", "ssize_t", "ptrdiff_t", "int8_t",
        "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t",
    }
)  # fmt: skip
QUALIFIERS = frozenset(
    {
        "const", "static", "constexpr", "inline", "volatile", "register", "extern", "thread_local", "mutable", "struct",
        "class", "enum", "union", "typename", "void", "auto", "restrict", "__restrict__", "__restrict", "virtual",
        "explicit", "friend", "__shared__", "__device__", "__global__", "__host__", "__forceinline__", "__constant__",
        "__inline__", "__inline", "consteval", "constinit", "decltype",
    }
)  # fmt: skip
STATEMENTS = frozenset(
    {
        "return", "if", "else", "for", "while", "do", "switch", "case", "default", "break", "continue", "goto", "new",
        "delete", "throw", "sizeof", "this", "try", "catch", "nullptr", "true", "false", "operator",
    }
)  # fmt: skip
CLOSERS = {"(": ")", "[": "]", "{": "}"}
_CASTS = frozenset({"static_cast", "reinterpret_cast", "const_cast", "dynamic_cast"})
_ASSIGNS = frozenset({"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="})
_PREFIXES = frozenset({"+", "-", "!", "~", "*", "&", "++", "--"})
_ORDERS: tuple[tuple[str, ...], ...] = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="), ("<<", ">>"), ("+", "-"),
    ("*", "/", "%"),
)  # fmt: skip
_BINDS = {sign: level for level, signs in enumerate(_ORDERS, 1) for sign in signs}
_DEPTH = 150  # of what stands within each other


class Unreadable(Exception):
    """The text is no C that is read here, or nested too deeply."""


class Expressions:
    """Reads the tokens from `at` on. `types` are the names that the text gave to types of its own."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = [*tokens, Token("end", "", tokens[-1].at if tokens else 0)]
        self.at = 0
        self.depth = 0
        self.types: dict[str, str] = {}

    @property
    def now(self) -> Token:
        return self.tokens[self.at]

    def ahead(self, steps: int = 1) -> str:
        return self.tokens[min(self.at + steps, len(self.tokens) - 1)].text

    def take(self) -> Token:
        token = self.now
        if token.kind != "end":
            self.at += 1
        return token

    def skip(self, text: str) -> bool:
        if self.now.text == text and self.now.kind != "string":
            self.at += 1
            return True
        return False

    def closed(self, at: int) -> int:
        """The token behind the bracket that closes the one there."""
        waiting: list[str] = []
        while at < len(self.tokens) - 1:
            text = self.tokens[at].text
            if text in CLOSERS:
                waiting.append(CLOSERS[text])
            elif waiting and text == waiting[-1]:
                waiting.pop()
                if not waiting:
                    return at + 1
            elif text in (")", "]", "}"):
                return at + 1
            at += 1
        return at

    # --- types ----------------------------------------------------------------------------------------------------

    def typed(self, at: int) -> tuple[str, int, bool] | None:
        """(what it holds, the token behind it, whether it can be nothing but a type) of the type that starts there."""
        words: list[str] = []
        sure = named = False
        while True:
            token = self.tokens[at]
            if token.kind != "name" or token.text in STATEMENTS:
                break
            plain = token.text in QUALIFIERS | FLOATS | INTEGERS
            if not plain:
                if named or not set(words) <= QUALIFIERS - {"auto", "void"}:
                    break
                named = True
            sure = sure or plain or token.text in self.types
            words.append(token.text)
            at += 1
            while self.tokens[at].text == "::" and self.tokens[at + 1].kind == "name" and not plain:
                words.append(self.tokens[at + 1].text)
                sure = sure or words[-1] in INTEGERS | FLOATS
                at += 2
            if not plain and (inner := self.template(at)) is not None:
                words += [t.text for t in self.tokens[at + 1 : inner - 1]]
                at = inner
        if not words:
            return None
        while self.tokens[at].text in ("*", "&", "&&", "const", "__restrict__", "restrict", "__restrict", "volatile"):
            at += 1
        return self.holds(words), at, sure

    def holds(self, words: list[str]) -> str:
        """What a type is of: "float", "int", or "" for all others."""
        for word in words:
            if word in FLOATS or self.types.get(word) == "float":
                return "float"
        known = any(word in INTEGERS or self.types.get(word) == "int" for word in words)
        return "int" if known else ""

    def template(self, at: int) -> int | None:
        """The token behind `<...>`, where that can be the arguments of a template."""
        if self.tokens[at].text != "<":
            return None
        depth = 0
        for index in range(at, min(at + 64, len(self.tokens))):
            token = self.tokens[index]
            if token.text == "<":
                depth += 1
            elif token.text in (">", ">>"):
                depth -= len(token.text)
                if depth <= 0:
                    return index + 1
            elif token.kind not in ("name", "number") and token.text not in ("::", ",", "*", "&"):
                return None
        return None

    # --- expressions ----------------------------------------------------------------------------------------------

    def expression(self) -> Tree:
        """With commas: what the last one gives."""
        tree = self.assignment()
        while self.skip(","):
            tree = Tree("binary", tree.at, ",", (tree, self.assignment()))
        return tree

    def assignment(self) -> Tree:
        self.depth += 1
        if self.depth > _DEPTH:
            raise Unreadable("nested too deeply")
        left = self._binary(1)
        if self.now.text == "?":
            self.take()
            one = self.expression()
            self.skip(":")
            left = Tree("choose", left.at, "?", (left, one, self.assignment()))
        elif self.now.text in _ASSIGNS:
            sign = self.take()
            left = Tree("assign", left.at, sign.text, (left, self.assignment()))
        self.depth -= 1
        return left

    def _binary(self, level: int) -> Tree:
        left = self._prefixed()
        while (binds := _BINDS.get(self.now.text, 0)) >= level and self.now.kind == "sign":
            sign = self.take()
            left = Tree("binary", left.at, sign.text, (left, self._binary(binds + 1)))
        return left

    def _prefixed(self) -> Tree:
        waiting: list[Tree] = []
        while True:
            token = self.now
            if token.kind == "sign" and token.text in _PREFIXES:
                waiting.append(Tree("prefix", self.take().at, token.text))
            elif token.text == "(" and (cast := self._cast()) is not None:
                waiting.append(cast)
            else:
                break
        tree = self._behind(self._primary())
        for outer in reversed(waiting):
            tree = Tree(outer.kind, outer.at, outer.text, (tree,), outer.type)
        return tree

    def _cast(self) -> Tree | None:
        """`(double)`, in front of something that can be converted."""
        found = self.typed(self.at + 1)
        if found is None:
            return None
        holds, end, sure = found
        behind = self.tokens[end + 1] if self.tokens[end].text == ")" else None
        if behind is None:
            return None
        pointer = self.tokens[end - 1].text == "*"
        operand = behind.kind in ("name", "number", "string") or behind.text in ("(", "~", "!")
        if not (operand or ((sure or pointer) and behind.text in ("-", "+", "*", "&", "{"))):
            return None
        if not (sure or pointer or behind.kind in ("name", "number")):
            return None
        at = self.take().at
        self.at = end + 1
        return Tree("cast", at, "", (), holds)

    def _primary(self) -> Tree:
        token = self.take()
        if token.kind in ("number", "string"):
            while token.kind == "string" and self.now.kind == "string":
                self.take()
            return Tree(token.kind, token.at, token.text)
        if token.text == "(":
            tree = self.expression()
            self.skip(")")
            return tree
        if token.text == "{":
            return self._listed(token, "}")
        if token.text == "[":
            return self._lambda(token)
        if token.text in ("sizeof", "alignof"):
            if self.now.text == "(":
                self.at = self.closed(self.at)
            else:
                self._prefixed()
            return Tree("number", token.at, "1")
        if token.text in _CASTS:
            holds = ""
            if (end := self.template(self.at)) is not None:
                holds = self.holds([t.text for t in self.tokens[self.at : end]])
                self.at = end
            self.skip("(")
            inner = self.expression()
            self.skip(")")
            return Tree("cast", token.at, "", (inner,), holds)
        if token.text == "new":
            found = self.typed(self.at)
            holds, self.at = (found[0], found[1]) if found is not None else ("", self.at)
            if self.now.text in CLOSERS:
                self.at = self.closed(self.at)
            return Tree("call", token.at, "", (Tree("name", token.at, "calloc"),), holds)
        if token.kind == "name":
            return self._named(token)
        raise Unreadable(f"'{token.text}' where a value is expected")

    def _named(self, token: Token) -> Tree:
        """A name, of which the last part counts: `std::min<int>` is `min`."""
        while True:
            end = self.template(self.at)
            if end is not None and self.tokens[end].text in ("(", "::", "{"):
                self.at = end
            if self.now.text != "::" or self.tokens[self.at + 1].kind != "name":
                break
            self.take()
            token = self.take()
        if self.now.text in ("(", "{") and (token.text in FLOATS | INTEGERS or token.text in self.types):
            opener = self.take()
            inner = self._listed(opener, CLOSERS[opener.text])
            holds = self.holds([token.text])
            return inner if not holds or len(inner.parts) != 1 else Tree("cast", token.at, "", inner.parts, holds)
        return Tree("name", token.at, token.text)

    def _listed(self, opener: Token, closer: str) -> Tree:
        parts: list[Tree] = []
        while self.now.kind != "end" and not self.skip(closer):
            if self.now.text == "." and self.tokens[self.at + 1].kind == "name":  # `.key = value`
                self.at += 3
            parts.append(self.assignment())
            if not self.skip(",") and self.now.text != closer:
                raise Unreadable(f"'{self.now.text}' in a list")
        return Tree("list", opener.at, "", tuple(parts))

    def _behind(self, tree: Tree) -> Tree:
        while True:
            text = self.now.text if self.now.kind == "sign" else ""
            if text == "(":
                arguments = self._listed(self.take(), ")")
                tree = Tree("call", tree.at, "", (tree, *arguments.parts))
            elif text == "[":
                opener = self.take()
                index = self.expression()
                self.skip("]")
                tree = Tree("index", opener.at if tree.kind == "list" else tree.at, "", (tree, index))
            elif text in (".", "->") and self.tokens[self.at + 1].kind == "name":
                self.take()
                name = self.take().text
                end = self.template(self.at)
                holds = ""
                if end is not None and self.tokens[end].text == "(":
                    holds = self.holds([t.text for t in self.tokens[self.at : end]])
                    self.at = end
                tree = Tree("member", tree.at, name, (tree,), holds)
            elif text in ("++", "--"):
                self.take()
                tree = Tree("postfix", tree.at, text, (tree,))
            elif text == "{" and tree.kind == "name" and self._is_made():
                tree = self._listed(self.take(), "}")
            else:
                return tree

    def _is_made(self) -> bool:
        """Whether braces behind a name are what it is made of: `Entry{key, 1}`, not a block."""
        end = self.closed(self.at)
        inner = [t.text for t in self.tokens[self.at : end]]
        return ";" not in inner

    def _lambda(self, token: Token) -> Tree:
        """`[&](int a) { ... }`: its parameters as declarations, and its body."""
        raise Unreadable("a function without a name")

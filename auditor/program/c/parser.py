"""Functions, statements and declarations of C and C++: what cannot be read is left out, and said."""

from __future__ import annotations

from dataclasses import dataclass, field

from auditor.program.c.expressions import CLOSERS, QUALIFIERS, Expressions, Unreadable
from auditor.program.c.tree import Function, Macro, Parameter, Token, Tree, tokens_of

_TRUE = "1"


@dataclass(slots=True)
class Text:
    """What a text defines. `fields`: of each class, what its members hold. `unread`: where something was no C."""

    functions: list[Function] = field(default_factory=list)
    globals: list[Tree] = field(default_factory=list)
    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    unread: list[int] = field(default_factory=list)


def parse(text: str) -> Text:
    """The functions of a text, and what it says of its types."""
    tokens, macros = tokens_of(text)
    parser = _Parser(tokens)
    parser.declarations("")
    for macro in macros:
        parser.macro(macro)
    return parser.text


class _Parser(Expressions):
    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self.text = Text()

    # --- outside of functions -------------------------------------------------------------------------------------

    def declarations(self, owner: str) -> None:
        """What stands at the top, in a namespace or in a class, up to the brace that closes it."""
        while self.now.kind != "end":
            if self.skip("}"):
                if owner:
                    return
            elif not self.skip(";"):
                before = self.at
                try:
                    self._declaration(owner)
                except Unreadable:
                    self.text.unread.append(self.tokens[before].at)
                    self.depth = 0
                self.at = max(self.at, before + 1)

    def _declaration(self, owner: str) -> None:
        word = self.now.text
        if word == "template" and self.ahead() == "<":
            self.at += 1
            self.at = self.template(self.at) or self.at + 1
            return
        if word in ("public", "private", "protected") and self.ahead() == ":":
            self.at += 2
            return
        if word == "using" and self.ahead(2) == "=":
            self._alias(self.ahead(), self.at + 3)
            return
        head = self._head()
        stop = self.tokens[head].text
        words = [t.text for t in self.tokens[self.at : head]]
        if stop == "{" and (words[:1] == ["namespace"] or words[:1] == ["extern"]) and "(" not in words:
            self.at = head + 1
        elif stop == "{" and {"struct", "class", "union"} & set(words) and "(" not in words:
            self._class(words, head, typedef=word == "typedef")
        elif stop == "{" and "(" in words:
            self._function(head, owner)
        elif stop == "{" and "enum" in words:
            self.at = self.closed(head)
        elif word == "typedef":
            self._alias(words[-1], self.at + 1)
        elif "(" in words and "=" not in words:
            self.at = head  # a prototype
        else:
            self._members(owner)

    def _head(self) -> int:
        """The token at which a declaration ends, or its body or value begins."""
        at = self.at
        while at < len(self.tokens) - 1:
            text = self.tokens[at].text
            if text in ("{", ";", "="):
                return at
            if text == ":" and self.tokens[at - 1].text == ")":
                return self._behind_initializers(at)
            at = self.closed(at) if text in ("(", "[") else at + 1
        return at

    def _behind_initializers(self, at: int) -> int:
        """The brace of a constructor's body behind `: a(1), b{2}`."""
        while self.tokens[at].text in (":", ","):
            at += 1
            while self.tokens[at].text not in ("(", "{", ";") and at < len(self.tokens) - 1:
                at += 1
            at = self.closed(at)
        return at

    def _alias(self, name: str, at: int) -> None:
        found = self.typed(at)
        if found is not None:
            self.types[name] = found[0]
        while self.now.kind != "end" and self.now.text != ";":
            self.take()

    def _class(self, words: list[str], head: int, *, typedef: bool) -> None:
        own = next((w for w in words[1:] if w not in QUALIFIERS and w.isidentifier() and w != "final"), "")
        end = self.closed(head)
        alias = self.tokens[end].text if typedef and self.tokens[end].kind == "name" else ""
        name = own or alias or f"class at {self.tokens[head].at}"
        for known in (own, alias):
            if known:
                self.types[known] = ""
        self.text.fields.setdefault(name, {})
        self.at = head + 1
        self.declarations(name)
        if alias:
            self.at += 1

    def _members(self, owner: str) -> None:
        """A variable of the text, or the members of a class."""
        for tree in self.declared() or ():
            if owner:
                self.text.fields[owner][tree.text] = tree.type
            else:
                self.text.globals.append(tree)
        while self.now.kind != "end" and self.now.text not in (";", "}"):
            self.at = self.closed(self.at) if self.now.text in CLOSERS else self.at + 1

    def _function(self, head: int, owner: str) -> None:
        at = next(i for i in range(self.at, head) if self.tokens[i].text == "(")
        name = self.tokens[at - 1]
        if self.tokens[at - 2].text == "::" and self.tokens[at - 3].kind == "name":
            owner = self.tokens[at - 3].text
        parameters = self._parameters(at)
        self.at = head
        body = self.block()
        if name.kind == "name" and self.tokens[max(0, at - 2)].text != "~":
            self.text.functions.append(Function(name.text, owner, parameters, body))

    def _parameters(self, opener: int) -> tuple[Parameter, ...]:
        end = self.closed(opener) - 1
        found: list[Parameter] = []
        at = opener + 1
        while at < end:
            stop = at
            while stop < end and self.tokens[stop].text != ",":
                text = self.tokens[stop].text
                stop = self.template(stop) or (self.closed(stop) if text in CLOSERS else stop + 1)
            part = self.tokens[at:stop]
            bare = part[: next((i for i, t in enumerate(part) if t.text in ("=", "[")), len(part))]
            names = [t.text for t in bare if t.kind == "name" and t.text not in QUALIFIERS]
            signs = [t.text for t in bare]
            if names:
                found.append(Parameter(names[-1], self.holds(names[:-1]), "&" in signs or "&&" in signs))
            at = stop + 1
        return tuple(found)

    def macro(self, macro: Macro) -> None:
        """`#define MIX(a, b) log(exp(a) + exp(b))` is a function; one without arguments is a constant."""
        reader = _Parser(list(macro.body))
        reader.types = self.types
        try:
            value = reader.expression()
        except Unreadable:
            return
        if reader.now.kind != "end":
            return
        if macro.parameters is None:
            self.text.globals.append(Tree("declare", value.at, macro.name, (value,), _number_type(value)))
        else:
            body = Tree("return", value.at, "", (value,))
            parameters = tuple(Parameter(name, "") for name in macro.parameters)
            self.text.functions.append(Function(macro.name, "", parameters, body))

    def _lambda(self, token: Token) -> Tree:
        self.at = self.closed(self.at - 1)
        given: tuple[Tree, ...] = ()
        if self.now.text == "(":
            parameters = self._parameters(self.at)
            made = ((p, Tree("type", token.at, "reference" if p.reference else "")) for p in parameters)
            given = tuple(Tree("declare", token.at, p.name, (kind,), p.type) for p, kind in made)
            self.at = self.closed(self.at)
        while self.now.kind != "end" and self.now.text != "{":
            self.take()
        return Tree("lambda", token.at, "", (*given, self.block()))

    # --- statements -----------------------------------------------------------------------------------------------

    def block(self) -> Tree:
        at = self.take().at
        parts: list[Tree] = []
        while self.now.kind != "end" and not self.skip("}"):
            parts += self._read()
        return Tree("block", at, "", tuple(parts))

    def _read(self) -> list[Tree]:
        """The next statement; one that is no C is left out up to its end."""
        before, depth = self.at, self.depth
        try:
            return self.statement()
        except Unreadable:
            if self.tokens[before].text == "{":
                raise  # a block reads its own statements: too deep
            self.text.unread.append(self.tokens[before].at)
            self.depth = depth
            self.at = max(self.at, before)
            while self.now.kind != "end" and self.now.text not in (";", "}"):
                self.at = self.closed(self.at) if self.now.text in CLOSERS else self.at + 1
            self.skip(";")
            return []

    def statement(self) -> list[Tree]:
        self.depth += 1
        if self.depth > 120:
            raise Unreadable("nested too deeply")
        made = self._statement()
        self.depth -= 1
        return made

    def _statement(self) -> list[Tree]:
        token = self.now
        if token.text == "{":
            return [self.block()]
        if token.text in ("if", "while", "switch"):
            self.take()
            self.skip("constexpr")
            test = self._tested()
            body = self._body()
            if token.text == "while":
                return [Tree("loop", token.at, "while", (Tree("block", token.at), test, Tree("block", token.at), body))]
            other = self._body() if token.text == "if" and self.skip("else") else Tree("block", token.at)
            return [Tree("if", token.at, token.text, (test, body, other))]
        if token.text == "do":
            self.take()
            body = self._body()
            self.skip("while")
            test = self._tested()
            self.skip(";")
            return [Tree("loop", token.at, "do", (Tree("block", token.at), test, Tree("block", token.at), body))]
        if token.text == "for":
            return [self._for()]
        if token.text in ("case", "default"):
            while self.now.kind != "end" and not self.skip(":"):
                self.take()
            return []
        if token.text in ("break", "continue"):
            self.take()
            self.skip(";")
            return [Tree(token.text, token.at)]
        if token.text in ("return", "throw", "co_return"):
            self.take()
            parts = () if self.now.text == ";" else (self.expression(),)
            self._ended()
            return [Tree("return", token.at, "", parts)]
        if token.text in ("goto", "using", "typedef", "delete", "asm", "__asm__"):
            while self.now.kind != "end" and not self.skip(";"):
                self.take()
            return []
        if token.text in ("try", "else"):
            self.take()
            return self.statement()
        if token.text == "catch":
            self.at = self.closed(self.at + 1)
            self._body()
            return []
        if self.skip(";"):
            return []
        if token.text in ("struct", "class", "union", "enum") and self.tokens[head := self._head()].text == "{":
            words = [t.text for t in self.tokens[self.at : head]]
            if token.text == "enum":
                self.at = self.closed(head)
            else:
                self._class(words, head, typedef=False)
            return []
        return self._simple()

    def _simple(self) -> list[Tree]:
        token = self.now
        declared = self.declared()
        if declared is None:
            declared = [Tree("expression", token.at, "", (self.expression(),))]
        self._ended()
        return declared

    def _ended(self) -> None:
        if not self.skip(";") and self.now.text != "}" and self.now.kind != "end":
            raise Unreadable(f"'{self.now.text}' where a statement ends")

    def _tested(self) -> Tree:
        """The condition in brackets, be it a declaration: `if (Entry* e = find(key))`."""
        self.skip("(")
        declared = self.declared()
        if declared is None or self.skip(";"):
            test = self.expression()
        else:
            test = Tree("binary", declared[0].at, ",", (declared[0], Tree("name", declared[0].at, declared[0].text)))
        self.skip(")")
        return test

    def _body(self) -> Tree:
        at = self.now.at
        made = self.statement()
        return made[0] if len(made) == 1 else Tree("block", at, "", tuple(made))

    def _for(self) -> Tree:
        at = self.take().at
        self.skip("(")
        first: list[Tree] = []
        if not self.skip(";"):
            found = self.declared()
            first = [Tree("expression", at, "", (self.expression(),))] if found is None else found
            if self.skip(":"):
                over = self.expression()
                self.skip(")")
                return Tree(
                    "loop", at, "each", (Tree("block", at, "", tuple(first)), over, Tree("block", at), self._body())
                )
            self.skip(";")
        test = Tree("number", at, _TRUE) if self.now.text == ";" else self.expression()
        self.skip(";")
        step = Tree("block", at) if self.now.text == ")" else self.expression()
        self.skip(")")
        return Tree("loop", at, "for", (Tree("block", at, "", tuple(first)), test, step, self._body()))

    def declared(self) -> list[Tree] | None:
        """What a declaration declares; None where an expression begins here. The end of it is not read."""
        found = self.typed(self.at)
        if found is None:
            return None
        holds, at, sure = found
        if self.tokens[at].text == "[" and "auto" in [t.text for t in self.tokens[self.at : at]]:  # auto [a, b] = pair
            end = self.closed(at)
            names = [t for t in self.tokens[at + 1 : end - 1] if t.kind == "name"]
            self.at = end
            value = (self.assignment(),) if self.skip("=") or self.skip(":") else ()
            return [Tree("declare", t.at, t.text, value, holds) for t in names]
        if self.tokens[at].kind != "name" or self.tokens[at + 1].text not in ("=", ";", ",", "[", "(", "{", ":", ")"):
            return None
        if self.tokens[at + 1].text == ")" and not sure:
            return None
        made: list[Tree] = []
        made_of = [t.text for t in self.tokens[self.at : at]]
        reference = "&" in made_of or "&&" in made_of
        self.at = at
        while True:
            name = self.take()
            several = False
            while self.now.text == "[":
                self.at = self.closed(self.at)
                several = True
            parts: tuple[Tree, ...] = ()
            if self.skip("="):
                parts = (self.assignment(),)
            elif self.now.text in ("(", "{"):
                given = self._listed(self.take(), ")" if self.tokens[self.at - 1].text == "(" else "}")
                parts = given.parts if len(given.parts) == 1 and holds else (given,)
            kind = "several" if several else "reference" if reference else ""
            made.append(Tree("declare", name.at, name.text, (Tree("type", name.at, kind), *parts), holds))
            if self.now.text != "," or not self.skip(","):
                return made
            while self.now.text in ("*", "&", "const", "__restrict__"):
                self.take()
            if self.now.kind != "name":
                return made


def _number_type(value: Tree) -> str:
    numbers = [t.text for t in value.walk() if t.kind == "number"]
    return "float" if any("." in n for n in numbers) else "int" if numbers else ""

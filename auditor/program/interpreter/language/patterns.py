"""What the patterns of `match` bind."""

from __future__ import annotations

import ast

from auditor.program.interpreter.language.iteration import varied
from auditor.program.interpreter.machine import Machine
from auditor.program.joins import join
from auditor.program.values import Class, Frame, Mapping, Sequence, Value


def captured(m: Machine, frame: Frame, pattern: ast.pattern, subject: Value) -> None:
    """Bind the names of a pattern to the parts of what is matched."""
    if isinstance(pattern, ast.MatchAs):
        if pattern.pattern is not None:
            captured(m, frame, pattern.pattern, subject)
        if pattern.name is not None:
            frame.names[pattern.name] = subject
    elif isinstance(pattern, ast.MatchStar) and pattern.name is not None:
        frame.names[pattern.name] = Value(subject.tags, obj=Sequence([subject], exact=False))
    elif isinstance(pattern, ast.MatchOr):
        for part in pattern.patterns:
            captured(m, frame, part, subject)
    elif isinstance(pattern, ast.MatchSequence):
        items = subject.obj.items if isinstance(subject.obj, Sequence) else []
        plain = len(items) == len(pattern.patterns) and not any(isinstance(p, ast.MatchStar) for p in pattern.patterns)
        one = items[0] if items else Value(subject.tags, base=subject.base, mutable=subject.mutable)
        for item in varied(items[1:]):
            one = join(one, item)
        for i, part in enumerate(pattern.patterns):
            if isinstance(part, ast.MatchStar):
                captured(m, frame, part, one)
            else:
                captured(m, frame, part, items[i] if plain else one)
    elif isinstance(pattern, ast.MatchMapping):
        for key, part in zip(pattern.keys, pattern.patterns, strict=True):
            named = m.evaluate(frame, key)
            held = subject.obj if isinstance(subject.obj, Mapping) else Mapping()
            hit = held.items.get(named.const) if named.known else None
            captured(m, frame, part, hit or held.other or Value(subject.tags))
        if pattern.rest is not None:
            frame.names[pattern.rest] = subject
    elif isinstance(pattern, ast.MatchClass):
        cls = m.evaluate(frame, pattern.cls)
        names = _fields(cls) if pattern.patterns else []
        positional = [(names[i] if i < len(names) else "", part) for i, part in enumerate(pattern.patterns)]
        for name, part in [*positional, *zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True)]:
            captured(m, frame, part, m.attribute(frame, pattern, subject, name) if name else subject)


def _fields(cls: Value) -> list[str]:
    """The names that positional patterns of a class stand for."""
    if not isinstance(cls.obj, Class):
        return []
    said = cls.obj.lookup("__match_args__")
    if said is not None and isinstance(said.obj, Sequence):
        return [str(item.const) for item in said.obj.items]
    return [n.target.id for n in cls.obj.node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]

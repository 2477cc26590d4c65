"""Texts that are only partly known, and paths made of them: a name says which shard a path means."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Sequence as Sequence_

from auditor.program import vocabulary
from auditor.program.interpreter.libraries import files
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import tokens
from auditor.program.tags import NONE, TRAIN, OfOutput, Tags, has
from auditor.program.values import File, Frame, Sequence, Value, union

_HOLE = re.compile(r"%[-+ #0-9.*]*[diouxXeEfFgGcrsa]|%\([^)]*\)[-+ #0-9.]*[a-zA-Z]")
_FIELD = re.compile(r"\{[^{}]*\}")


def method(m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value]) -> Value | None:
    """A method of a path, or of a text of which parts are not known; None where it is neither."""
    text = tokens.text_of(receiver)
    tags = receiver.tags | union(*args)
    given = [tokens.text_of(a) for a in args]
    if name in ("glob", "rglob", "iterdir"):
        pattern = args or [Value(const="*")]
        whole = [receiver] if name == "iterdir" else [receiver, *pattern]
        found = files.listing(m, "scandir" if name == "iterdir" else name, whole)
        return found if found is not None else files.shards("/".join([text, *given]), tags)
    if name in ("with_name", "with_suffix", "with_stem", "joinpath") and given:
        return _path(tags, _renamed(text, name, given))
    if name in ("open", "read_bytes", "read_text") and "/" in text + "/":
        held = Value(tags | files.read_tags(m, text) | files.from_outside(m, receiver), mutable=True)
        if TRAIN in receiver.tags:
            m.training_shard(node, frame)
        file = Value(held.tags, obj=File(text, held), mutable=True)
        return file if name == "open" else files.read(m, frame, file)
    if name in ("write_bytes", "write_text") and args:
        files.written(m, text, args[0].tags)
        return None
    if name in ("symlink_to", "hardlink_to", "link_to") and args:
        files.copied(m, args[0], receiver)
        return Value(const=None)
    if name in ("rename", "replace") and len(args) == 1:
        files.copied(m, receiver, args[0])
        return args[0]
    if name == "format":
        return _path(tags | unscored(_FIELD, text, args), filled(_FIELD, text, given))
    if name == "join" and args and isinstance(args[0].obj, Sequence) and args[0].obj.exact:
        parts = args[0].obj.items
        return _path(tags, text.join(tokens.text_of(part) for part in parts)) if text != "{}" else None
    if isinstance(receiver.obj, tokens.Text):
        if name in vocabulary.SAME_PATH:
            return receiver
        if name in vocabulary.CHANGES_TEXT and all(isinstance(a.const, (str, int)) for a in args):
            made = _path(tags, getattr(text, name)(*[a.const for a in args]))
            return _put_in(made, text, name, args)
    return None


def _put_in(made: Value, text: str, name: str, args: list[Value]) -> Value:
    """What a part of the text that is not known may have been replaced by counts beside what is known of it."""
    into = args[1].tags if name == "replace" and len(args) > 1 and "{}" in text else NONE
    return Value(made.tags | into, made.const, made.obj)


_NAMED = re.compile(r"\{([A-Za-z_]\w{0,60}|\d{0,3})((?:![rsa])?(?::[^{}]{0,40})?)\}")


def in_order(
    template: Value, args: list[Value], kwargs: dict[str, Value]
) -> tuple[Value, list[Value], dict[str, Value]]:
    """`"{name} {loss:.4f}".format(name=..., loss=...)` with its values in the order of the fields."""
    taken: list[Value] = []

    def field(match: re.Match[str]) -> str:
        name = match[1]
        at = int(name) if name.isdigit() else len(taken)
        value = kwargs.get(name) if name and not name.isdigit() else args[at] if at < len(args) else None
        taken.append(value if value is not None else Value())
        return "{" + match[2] + "}"

    text = _NAMED.sub(field, template.const)
    return Value(template.tags, text), taken, {}


def _path(tags: Tags, text: str) -> Value:
    return files.path_value(tags, text, known="{}" not in text)


def _renamed(text: str, name: str, given: list[str]) -> str:
    head, tail = posixpath.split(text)
    stem, suffix = posixpath.splitext(tail)
    last = {
        "with_name": given[0],
        "with_suffix": stem + given[0],
        "with_stem": given[0] + suffix,
        "joinpath": posixpath.join(tail, *given),
    }[name]
    return posixpath.join(head, last)


def filled(holes: re.Pattern[str], template: str, given: list[str]) -> str:
    """The template with its holes filled, as far as the values are known."""
    waiting = list(given)
    return holes.sub(lambda _: waiting.pop(0) if waiting else "{}", template)


def unscored(holes: re.Pattern[str], template: str, items: Sequence_[Value]) -> Tags:
    """The mark of a text that names bits per byte before something that no loss has gone into."""
    for hole, item in zip(holes.finditer(template), items, strict=False):
        if tokens.BPB.search(template[: hole.start()]) and not has(item.tags, OfOutput):
            return frozenset({tokens.UNSCORED})
    return NONE


def percent(left: Value, right: Value) -> Value | None:
    """`"%s/%s" % (folder, name)`."""
    template = tokens.text_of(left)
    if "%" not in template:
        return None
    items = right.obj.items if isinstance(right.obj, Sequence) else [right]
    words = [str(i.const) if i.known and isinstance(i.const, (str, int)) else tokens.text_of(i) for i in items]
    tags = left.tags | union(*items) | unscored(_HOLE, template, items)
    return _path(tags, filled(_HOLE, template, words))

"""Files: which shards a listing names, what was written where, and what is read back."""

from __future__ import annotations

import ast
import fnmatch
import json
import posixpath
from typing import Any

from auditor.program import vocabulary
from auditor.program.holdings import deep_tags
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import tokens
from auditor.program.tags import (
    ARTIFACT,
    BY_LOSS,
    FILED,
    NONE,
    OUTSIDE,
    PACKED,
    PARAMETER,
    ROUNDED,
    TRAIN,
    VAL,
    Mark,
    Tags,
)
from auditor.program.values import UNKNOWN, Bound, File, Frame, Mapping, Sequence, Value, union

LOG = Mark("log-file")
"""Tag of what was read from a log or another text that a run has left."""

_LISTED = 64  # entries of a shipped JSON object or list that are told apart


def path_value(tags: Tags, text: str, *, known: bool) -> Value:
    """A path: what it names decides whether it is validation or training data, not what it was made from."""
    if len(text) > tokens.MAX_TEXT:
        text, known = text[: tokens.MAX_TEXT] + "{}", False
    own = tokens.constant(text).tags
    kept = (tags - {VAL, TRAIN} if own or text.endswith(vocabulary.BESIDE_SHARDS) else tags) | own
    return Value(kept, text) if known else Value(kept, obj=tokens.Text(text))


def listing(m: Machine, name: str, args: list[Value]) -> Value | None:
    """`listdir(folder)`, `glob(pattern)`, `walk(folder)`, `Path(folder).glob(pattern)` over a folder of shards.

    None where the pattern says itself which shards it means, or means no shards.
    """
    text = "/".join(t for t in (tokens.text_of(a) for a in args) if t) or "{}"
    tags = union(*args)
    globbing = "glob" in name
    folder, _, pattern = text.rpartition("/") if globbing else (text, "", "*")
    if tokens.constant(pattern).tags or not _of_data(folder):
        return None
    hits = [shard for shard in vocabulary.SHARDS if fnmatch.fnmatch(shard, pattern.replace("{}", "*"))]
    if not any("val" in shard for shard in hits):
        return None
    whole = name != "listdir"
    known = "{}" not in folder
    plain = tags - {VAL, TRAIN}
    found = [path_value(plain, f"{folder}/{shard}" if whole else shard, known=known or not whole) for shard in hits]
    if name == "walk":
        names = Value(plain, obj=Sequence([path_value(plain, shard, known=True) for shard in hits]))
        root = path_value(plain, folder, known=known)
        return Value(plain, obj=Sequence([Value(obj=Sequence([root, Value(obj=Sequence([])), names]))]))
    return Value(plain, obj=Sequence(found))


def shards(pattern: str, tags: Tags) -> Value:
    """The files that a pattern of one kind names: the first, and one for all the others."""
    text = pattern.replace("**", "*").replace("*", "{}").replace("?", "{}")
    one = path_value(tags, text, known=False)
    return Value(tags | one.tags, obj=Sequence([one, one], exact=False))


def _of_data(folder: str) -> bool:
    """Whether a folder may be the one with the shards: it says so, or it is not known."""
    return "{}" in folder or "data" in folder or "fineweb" in folder


def shipped_text(m: Machine, path: str) -> str | None:
    """What a file of the folder holds, None where no such file is shipped."""
    name = posixpath.basename(path.replace("{}", ""))
    if not name or "*" in name:
        return None
    for shipped, content in m.sources.shipped.items():
        if posixpath.basename(shipped) == name:
            return content.decode("utf-8", "replace")
    return None


def part(value: Value, name: str) -> Value | None:
    """`path.name`, `.stem`, `.parent` of a path or a directory entry."""
    text = tokens.text_of(value)
    if text == "{}":
        return None
    head, _, tail = text.rpartition("/")
    stem, dot, suffix = tail.rpartition(".")
    parts = {
        "name": tail,
        "stem": stem if dot and stem else tail,
        "suffix": f".{suffix}" if dot and stem else "",
        "parent": head or ".",
        "path": text,
    }
    return path_value(value.tags, parts[name], known="{}" not in parts[name]) if name in parts else None


def opened(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    path = args[0] if args else kwargs.get("file", Value())
    text = tokens.text_of(path)
    if vocabulary.SOURCE_DOCUMENTS in text:
        why = "the validation documents stand first in it, and which of them are read was not followed"
        m.unfollowed(node, frame, text[:80], why, {"tokens", "weights"})
    tags = union(*args, *kwargs.values()) | read_tags(m, text) | from_outside(m, path)
    return Value(tags, obj=File(text, Value(tags, mutable=True)), mutable=True)


def from_outside(m: Machine, source: Value) -> Tags:
    """The tags of what is read from a file that is no shard, and from one of which nothing is known but its name."""
    path = source.obj.path if isinstance(source.obj, File) else tokens.text_of(source)
    name = posixpath.basename(path)
    known = not name or name == "{}" or name in m.files or shipped_text(m, path) is not None
    if tokens.constant(path).tags:
        return NONE
    return frozenset({FILED}) if known else frozenset({FILED, OUTSIDE})


def all_named(m: Machine) -> bool:
    """Whether the name of every file that the program has written is known."""
    return all("{}" not in name for name in m.files)


def read_tags(m: Machine, path: str) -> Tags:
    """What a file holds as far as the program has written it, or as its name says."""
    name = posixpath.basename(path)
    tags = m.files.get(name, NONE)
    return tags | {LOG} if name.endswith(vocabulary.LOG_ENDINGS) and not tokens.constant(path).tags else tags


def on_disk(m: Machine, source: Value) -> Tags:
    """What a file may hold that the program has written; where it packs weights into one, others are no artifact."""
    path = source.obj.path if isinstance(source.obj, File) else tokens.text_of(source)
    own = m.files.get(posixpath.basename(path))
    packed = any(PACKED in tags for tags in m.files.values())
    elsewhere = own is None and "{}" not in path and all_named(m) and OUTSIDE in from_outside(m, source)
    if packed and (elsewhere or OUTSIDE in source.tags):
        return m.disk - {ARTIFACT}  # a file that the program does not write
    return m.disk - {ARTIFACT} if own is not None and packed and PACKED not in own else m.disk


def read(m: Machine, frame: Frame, value: Value) -> Value:
    """The content of an open file: its text where it is shipped with the submission."""
    assert isinstance(value.obj, File)
    if value.obj.path not in (frame.unit.path, "{}"):
        text = shipped_text(m, value.obj.path)
        if text is not None:
            return Value(value.tags - {LOG}, text)
    return Value(value.tags | on_disk(m, value), mutable=True)


def parsed_json(m: Machine, frame: Frame, value: Value) -> Value | None:
    """`json.load` of a shipped file, `json.loads` of a known text."""
    text = value.const if isinstance(value.const, str) else None
    if isinstance(value.obj, File):
        text = shipped_text(m, value.obj.path)
    if text is None:
        return None
    try:
        return _abstract(json.loads(text), value.tags - {LOG}, 4)
    except (ValueError, RecursionError):
        return None


def _abstract(content: Any, tags: Tags, depth: int) -> Value:
    if depth == 0:
        return Value(tags)
    if isinstance(content, dict):
        items = {str(k): _abstract(v, tags, depth - 1) for k, v in list(content.items())[:_LISTED]}
        return Value(tags, obj=Mapping(dict(items), Value(tags) if len(content) > _LISTED else None))
    if isinstance(content, list):
        found = [_abstract(v, tags, depth - 1) for v in content[:_LISTED]]
        return Value(tags, obj=Sequence(found, exact=len(content) <= _LISTED))
    return Value(tags, content if content is not UNKNOWN else UNKNOWN)


def written(m: Machine, path: str, tags: Tags) -> None:
    """What goes into a file; validation tokens under the name of training data make that name mean both."""
    name = posixpath.basename(path)
    if name and name != "{}":
        m.files[name] = m.files.get(name, NONE) | tags
    if VAL in tags and TRAIN in tokens.constant(path).tags:
        m.tainted = True
    m.trace.rounded |= {PACKED, ROUNDED} <= tags


def by_any_way(m: Machine, given: list[Value]) -> Tags:
    """`np.savetxt(path, tokens)`, `np.loadtxt(path)`: a name and something for a file, a name of one that was written.

    Whichever function of a library it is: what it does with a name of a file it does under that name.
    """
    names = [value.const for value in given if isinstance(value.const, str) and "." in value.const[1:-1]]
    held = [value for value in given if value.obj is None and not value.known and {VAL, PARAMETER} & value.tags]
    found = NONE
    for name in names:
        found |= m.files.get(posixpath.basename(name), NONE)
        for value in held:
            written(m, name, value.tags)
    return found


def printed_into(m: Machine, target: Value, args: list[Value]) -> None:
    """`print(line, file=log)`"""
    if isinstance(target.obj, File):
        written(m, target.obj.path, NONE.union(*(deep_tags(value, 1) for value in args)))


def copied(m: Machine, source: Value, target: Value) -> None:
    """A file, or what is in an open one, is copied, moved or linked to another name."""
    read, into = _name(source), _name(target)
    tags = tokens.constant(read).tags | (source.tags & {VAL})
    if VAL in tags and into == "{}":  # a name that something else has made up
        target.tags |= {VAL}
        if isinstance(target.obj, Bound):
            target.obj.receiver.tags |= {VAL}
    tags |= {BY_LOSS} if m.selections else NONE  # the best so far, under the name of the best
    written(m, into, tags | read_tags(m, read) - {LOG})
    if TRAIN in target.tags and VAL in tags:
        m.tainted = True


def _name(value: Value) -> str:
    return value.obj.path if isinstance(value.obj, File) else tokens.text_of(value)

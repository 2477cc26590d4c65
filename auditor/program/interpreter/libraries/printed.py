"""What a program prints and saves."""

from __future__ import annotations

import ast
import posixpath
import re

from auditor.program.holdings import deep_tags
from auditor.program.interpreter.language import callbacks, special
from auditor.program.interpreter.language.operators import binary
from auditor.program.interpreter.libraries import files, lines
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import adapting, unfollowed
from auditor.program.interpreter.stream import tokens
from auditor.program.tags import ARTIFACT, NONE, ROUNDED, TRAIN, VAL, AdaptedBy, OfOutput, Tags, has
from auditor.program.trace import THE_LOG
from auditor.program.values import File, Frame, Mapping, Sequence, Value, union

_CONSTANT = re.compile(r"(?i)(?<![a-z])(?:val_)?bpb\s{0,3}[:=]\s{0,3}[01]\.\d{3}")  # digits, where a figure is put in


def keep(m: Machine, tags: Tags) -> None:
    """What is written to disk may be read back: the adaptations go with it."""
    adapted = [t for t in tags if isinstance(t, AdaptedBy)]
    m.disk |= frozenset(adapted)
    m.trace.saved |= {t.number for t in adapted}
    m.trace.training_saved |= TRAIN in tags


def save(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> None:
    tags = NONE
    for value in (*args, *kwargs.values()):
        tags |= deep_tags(adapting.kept(m, value)) if m.selections else deep_tags(value)
    keep(m, tags)
    for function in filter(callbacks.callable_of_program, kwargs.values()):  # `json.dumps(x, default=f)`
        m.call(frame, node, function, args[:1], {})
    if args and not isinstance(args[0].const, str) and not isinstance(args[0].obj, tokens.Text):
        m.disk |= {ARTIFACT}  # bytes or tensors, no line of a log
    for value in args[1:]:
        if isinstance(value.obj, File):
            value.tags |= tags & {ROUNDED}
    buffers = [v for v in args[1:] if v.obj is None and v.mutable]
    for value in args:
        files.written(m, tokens.text_of(value) if not isinstance(value.obj, File) else value.obj.path, tags)
    for value in buffers:
        value.tags |= tags & {VAL, TRAIN, ROUNDED}
    keys = [str(k) for a in args if isinstance(a.obj, Mapping) for k in a.obj.items]
    text = " ".join([*keys, *(tokens.text_of(a) for a in args if tokens.text_of(a) != "{}")])
    if has(tags, OfOutput):
        m.report(node, frame, text, tags, lines.saved(args))


_READ_BACK = "it is read from a file that a run has left"


def over(m: Machine, frame: Frame, node: ast.AST, path: str, tags: Tags) -> None:
    """What was read from a log is written into one that holds a figure: its lines may be changed."""
    name = posixpath.basename(path)
    if files.LOG in tags and (name == "{}" or has(m.files.get(name, NONE), OfOutput)):
        m.unfollowed(node, frame, "a log that is written over", "it is made of what was read from a log", {THE_LOG})


def report(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> None:
    """A printed line: a report if a figure in it was made from a model's output on validation tokens."""
    tags = NONE
    for value in args:
        tags |= deep_tags(value, 1)
    text = " ".join(tokens.text_of(a) for a in args)
    for value in args:
        own = special.text(m, frame, node, value)
        if own is not None:
            tags |= own.tags
    m.printed(text, _channel(m, frame, text))
    if tokens.UNSCORED in tags and has(tags, OfOutput):
        why = "no loss on validation tokens has gone into it"
        m.unfollowed(node, frame, "the bits per byte that are printed", why, {unfollowed.FIGURE})
    if files.LOG in tags and ("bpb" in text.lower() or "loss" in text.lower()):
        m.unfollowed(node, frame, "a figure that is printed", _READ_BACK, {unfollowed.FIGURE})
    if has(tags, OfOutput):
        if _CONSTANT.search(text) is not None:
            why = "it stands in the code"
            m.unfollowed(node, frame, "a bits-per-byte figure beside those of the run", why, {unfollowed.FIGURE})
        m.report(node, frame, text, tags, lines.line(" ".join(["{}"] * len(args)), args))


def message(m: Machine, frame: Frame, node: ast.AST, args: list[Value]) -> list[Value]:
    """`logger.info("loss %.4f", loss)`: the message with what is put into it."""
    if len(args) < 2 or not isinstance(args[0].const, str) or "%" not in args[0].const:
        return args
    return [binary(m, frame, node, ast.Mod(), args[0], Value(union(*args[1:]), obj=Sequence(args[1:])))]


def _channel(m: Machine, frame: Frame, text: str) -> str:
    """Through which function a line is printed: one that prints what it is given, "" for `print` itself."""
    function = m.calls[-1] if m.calls else None
    arguments = getattr(function, "args", None)
    if not isinstance(arguments, ast.arguments):
        return ""
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    given = [frame.names[a.arg] for a in named if a.arg in frame.names]
    rest = frame.names.get(arguments.vararg.arg) if arguments.vararg is not None else None
    if rest is not None and isinstance(rest.obj, Sequence):
        given.extend(rest.obj.items)
    texts = [tokens.text_of(value) for value in given]
    passed_on = any(t in text for t in texts if t.replace("{}", "").strip())
    return f"{frame.unit.path}:{getattr(function, 'lineno', 0)}" if passed_on else ""

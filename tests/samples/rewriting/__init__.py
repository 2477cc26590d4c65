"""Rewritings of a program that keep what it does: another spelling, the same answers.

Every rewriting maps the text files of a folder to the files that replace those in it, and raises `Unfit` where
the program uses what it cannot keep. The scripts keep their size in bytes, which the law counts: a comment fills what
a rewriting saves.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from auditor.source.imports import NATIVE_SUFFIXES
from rewriting.callers import bound, decorated, held_by_a_class, in_a_table, starred, walked, within_main
from rewriting.loops import chosen, collected, counted, inside, summed
from rewriting.names import functions_called_as_others, functions_renamed, itself_renamed, locals_renamed
from rewriting.native import c_renamed, files_renamed
from rewriting.places import helped, moved, packed
from rewriting.program import GONE, Files, Rewriting, Unfit, python_of
from rewriting.shapes import named, printed, turned, wrapped
from rewriting.values import arguments_named, formatted, imports_renamed, in_two_lines, numbers_named, unpacked

__all__ = ["COMBINED", "SINGLE", "Unfit", "rewrite"]

SINGLE: Mapping[str, tuple[Rewriting, ...]] = {
    "printed": (printed,),
    "locals": (locals_renamed,),
    "functions": (functions_renamed,),
    "called as others": (functions_called_as_others,),
    "itself": (itself_renamed,),
    "c": (c_renamed,),
    "files": (files_renamed,),
    "wrapped": (wrapped,),
    "turned": (turned,),
    "named": (named,),
    "moved": (moved,),
    "helped": (helped,),
    "packed": (packed,),
    "numbers": (numbers_named,),
    "imports": (imports_renamed,),
    "arguments": (arguments_named,),
    "formatted": (formatted,),
    "unpacked": (unpacked,),
    "in two lines": (in_two_lines,),
    "counted": (counted,),
    "collected": (collected,),
    "chosen": (chosen,),
    "summed": (summed,),
    "inside": (inside,),
    "bound": (bound,),
    "held by a class": (held_by_a_class,),
    "in a table": (in_a_table,),
    "decorated": (decorated,),
    "within main": (within_main,),
    "starred": (starred,),
    "walked": (walked,),
}
"""One rewriting at a time: they say which one an answer hangs on."""
COMBINED: Mapping[str, tuple[Rewriting, ...]] = {
    "spelling": (
        files_renamed,
        c_renamed,
        locals_renamed,
        functions_renamed,
        turned,
        named,
        wrapped,
        itself_renamed,
        moved,
        printed,
        packed,
    ),
    "helped": (functions_called_as_others, helped, inside, held_by_a_class),
    "values": (arguments_named, unpacked, in_two_lines, formatted, imports_renamed, numbers_named, within_main),
    "loops": (chosen, collected, summed, counted, inside, held_by_a_class),
    "callers": (bound, starred, decorated, in_a_table, walked),
}
"""All of them in a few runs. Together are those of which none undoes, or leaves nothing to do for, another one: what is
renamed stays so wherever it moves. A loop that counts is no range to walk, though, and what is called by keywords is
given no tuple."""
_READ_ALL = (functions_renamed, functions_called_as_others)  # what a log calls a setting stays, and how long all is


def rewrite(files: Files, steps: tuple[Rewriting, ...]) -> dict[str, str]:
    """The files after these rewritings, one after the other, filled up to the size that they had.

    One that the program does not fit is left out, where there are others.
    """
    made, fitting = dict(files), 0
    for step in steps:
        try:
            made = _without(made, step)
            fitting += 1
        except Unfit as why:
            unfit = why
    if not fitting:
        raise unfit
    for path, text in python_of(made).items():
        compile(text, path, "exec")
    native = {path: text for path, text in made.items() if path.endswith(NATIVE_SUFFIXES)}
    scripts = python_of(made)
    return native | {path: _filled(text, len(files.get(path, "").encode("utf-8"))) for path, text in scripts.items()}


def _without(now: Files, step: Rewriting) -> dict[str, str]:
    if step in _READ_ALL:
        made = step(now)
    else:
        made = _made(
            step, tuple((path, text) for path, text in now.items() if path.endswith((".py", *NATIVE_SUFFIXES)))
        )
    return {path: text for path, text in {**now, **made}.items() if text != GONE}


@lru_cache(maxsize=1024)  # a third of all examples have one script
def _made(step: Rewriting, files: tuple[tuple[str, str], ...]) -> Files:
    return step(dict(files))


def _filled(text: str, size: int) -> str:
    missing = size - len(text.encode("utf-8")) - 2
    return text if missing < 0 else f"{text}#{'.' * missing}\n"

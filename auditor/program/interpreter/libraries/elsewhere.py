"""Code from elsewhere: `exec` of a text, modules found by a computed name, scripts that are run, started programs."""

from __future__ import annotations

import ast
import itertools
import math
import posixpath
import re
from dataclasses import replace

from auditor.program import vocabulary
from auditor.program.interpreter.libraries import files
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import unfollowed
from auditor.program.interpreter.stream import tokens
from auditor.program.numbers import either_of
from auditor.program.tags import OfSwitch, has
from auditor.program.trace import THE_LOG
from auditor.program.values import UNKNOWN, External, Frame, Instance, Mapping, PyModule, Sequence, Value
from auditor.program.vocabulary import KNOWN
from auditor.source import Unit
from auditor.source.forms import parse_to_follow
from auditor.source.plain import SyntaxProblem

_NESTED = 8  # texts that run texts


def run_text(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`exec` and `eval`: the text is run where it can be computed, at the place of the call."""
    name = _name(node)
    source = args[0] if args else Value()
    if isinstance(source.const, bytes):
        source = Value(source.tags, source.const.decode("utf-8", "replace"))
    if has(source.tags, OfSwitch):
        m.unfollowed(node, frame, name, "the text that it runs comes from the environment", unfollowed.EVERYTHING)
    if not isinstance(source.const, str) or m.texts >= _NESTED:
        m.unfollowed(node, frame, name, "the text that it runs could not be computed", unfollowed.EVERYTHING)
        return Value(source.tags)
    try:
        tree = parse_to_follow(source.const.strip() if name == "eval" else source.const)
    except SyntaxProblem:
        m.unfollowed(node, frame, name, "the text that it runs is no Python", unfollowed.EVERYTHING)
        return Value()
    _place_at(tree, node)
    scope = _scope(frame, args[1:] + [v for k, v in kwargs.items() if k in ("globals", "locals")])
    m.texts += 1
    try:
        if name == "eval" and len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
            return m.evaluate(scope, tree.body[0].value)
        m.execute(scope, tree.body)
    finally:
        m.texts -= 1
    return Value(const=None)


def _name(node: ast.AST) -> str:
    function = getattr(node, "func", None)
    return "eval" if isinstance(function, ast.Name) and function.id == "eval" else "exec"


def _place_at(tree: ast.Module, node: ast.AST) -> None:
    line, end = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
    for inner in ast.walk(tree):
        if hasattr(inner, "lineno"):
            inner.lineno, inner.end_lineno = line, end  # type: ignore[attr-defined]


def _scope(frame: Frame, given: list[Value]) -> Frame:
    """Where a text runs: in the dict that it is given, else in the frame around it."""
    mappings = [g.obj for g in given if isinstance(g.obj, Mapping)]
    if not mappings:
        return frame
    scope = Frame(frame.unit)
    last = mappings[-1].items
    names = {str(k): v for mapping in mappings for k, v in mapping.items.items()}
    scope.names = last  # what the text defines can be read back from the dict
    for name, value in names.items():
        last.setdefault(name, value)
    return scope


def import_unit(m: Machine, name: str) -> PyModule | None:
    """A sibling module of the program, run once."""
    unit = m.sources.modules.get(name) or _beside(m, name)
    return None if unit is None or unit.tree is None else _module(m, unit)


def _module(m: Machine, unit: Unit, *, main: bool = False, names: object = None) -> PyModule:
    key = f"{unit.path}:{unit.layer}{':main' if main else ''}"
    if key in m.modules:
        return PyModule(unit, m.modules[key])
    frame = Frame(unit)
    if main:
        frame.names["__name__"] = Value(const="__main__")
    if isinstance(names, Mapping):
        frame.names.update({str(name): value for name, value in names.items.items()})
    m.modules[key] = frame
    m.execute(frame, unit.tree.body if unit.tree is not None else [])
    return PyModule(unit, frame)


def _beside(m: Machine, name: str) -> Unit | None:
    """A module beside the script that no import statement names."""
    entry = m.sources.entry
    path = posixpath.join(posixpath.dirname(entry.path) if entry is not None else "", name.replace(".", "/") + ".py")
    return _shipped(m, path, name) if path in m.sources.shipped else None


def _shipped(m: Machine, path: str, module: str = "") -> Unit | None:
    """A file of the folder as code: by its path, or by its name where the folder in front is not known."""
    wanted = posixpath.normpath(path.replace("{}", "").lstrip("/")) if path else ""
    name = posixpath.basename(wanted)
    hits = [p for p in m.sources.shipped if p == wanted] or [
        p for p in m.sources.shipped if posixpath.basename(p) == name and name
    ]
    known = next((u for u in m.sources.units if hits and u.path == hits[0] and u.language == "python"), None)
    if known is not None or not hits:
        return known
    text = m.sources.shipped[hits[0]].decode("utf-8", "replace")
    try:
        return Unit(hits[0], text, "python", module=module, tree=parse_to_follow(text))
    except SyntaxProblem:
        return None


def import_by_name(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`__import__`, `importlib.import_module`."""
    name = args[0] if args else kwargs.get("name", Value())
    if not isinstance(name.const, str):
        m.unfollowed(node, frame, "an import", "the module's name could not be computed", unfollowed.EVERYTHING)
        return Value()
    sibling = import_unit(m, name.const.lstrip("."))
    if sibling is not None:
        return Value(obj=sibling)
    whole = name.const if _attribute(node) == "import_module" else name.const.split(".")[0]
    return Value(obj=External(whole))


def _attribute(node: ast.AST) -> str:
    function = getattr(node, "func", None)
    return function.attr if isinstance(function, ast.Attribute) else ""


def run_path(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`runpy.run_path`, `runpy.run_module`, `spec_from_file_location`: the module, or the names that it leaves."""
    for value in (*args, *kwargs.values()):
        text = tokens.text_of(value)
        unit = _shipped(m, text) or m.sources.modules.get(text)
        if unit is not None and unit.tree is not None:
            given = kwargs.get("init_globals")
            module = _module(m, unit, names=given.obj if given is not None else None)
            return Value(obj=Mapping(module.frame.names)) if "run_" in _attribute(node) else Value(obj=module)
    for value in (*args, *kwargs.values()):
        # A file that the folder does not hold, under a library's name: what `import` of that name would load.
        name, _, ending = posixpath.basename(tokens.text_of(value)).rpartition(".")
        if ending == "py" and name in KNOWN and "spec_from" in _attribute(node):
            return Value(obj=External(name))
    m.unfollowed(node, frame, f"the code that {_attribute(node) or 'this'} runs", "no file of the folder",
                 unfollowed.EVERYTHING)  # fmt: skip
    return Value()


def modules(m: Machine, frame: Frame) -> Value:
    """`sys.modules`: the program's own."""
    found = m.registered.items
    found["__main__"] = Value(obj=PyModule(frame.unit, frame.globals))
    for key, held in m.modules.items():
        name = held.unit.module or posixpath.basename(key).split(".")[0]
        found[name] = Value(obj=PyModule(held.unit, held))
    return Value(obj=m.registered)


# --- started programs -----------------------------------------------------------------------------------------------


def start_program(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`subprocess.run`, `os.system`: a Python script of the folder is run, other programs are judged by their name."""
    given = args[0] if args else kwargs.get("args", Value())
    for target in _redirected(given):
        m.unfollowed(node, frame, f"what a command writes into {target[:40]!r}", "it may be the log", {THE_LOG})
    if len(args) > 1 and isinstance(args[1].obj, Sequence):  # `os.execv(path, words)`
        given = args[1]
    result = Value(given.tags & frozenset(), mutable=True)
    for words in _commands(given):
        _started(m, frame, node, given, words, result)
    return result


def _started(m: Machine, frame: Frame, node: ast.AST, given: Value, words: list[str], result: Value) -> None:
    if not words:
        m.unfollowed(node, frame, "a started program", "its command could not be computed", {unfollowed.WEIGHTS})
        return
    script = next((w for w in words if w.endswith(".py")), None)
    program = posixpath.basename(words[0])
    if program in vocabulary.RUNS_ANOTHER and (other := _without_options(words[1:])):
        _started(m, frame, node, given, other, result)
        return
    if program in vocabulary.LISTS_FILES:
        _listed(m, words, result)
        return
    if program in vocabulary.SHOWS_FILES:
        for word in words[1:]:
            result.tags |= files.read_tags(m, word) | tokens.constant(word).tags
        result.tags |= unfollowed.deep([given])
    if script is not None and (unit := _shipped(m, script)) is not None and unit is not m.sources.entry:
        before, told = m.functions, m.patched.get("sys.argv")
        m.functions = [*before, unit.module or unit.path]
        m.patched["sys.argv"] = _arguments(given, words, words.index(script))
        try:
            _module(m, replace(unit), main=True)
        finally:
            m.functions = before
            if told is None:
                del m.patched["sys.argv"]
            else:
                m.patched["sys.argv"] = told
        return
    if program.startswith("python") or program in ("{}", "torchrun"):
        inline = next((w for flag, w in itertools.pairwise(words) if flag == "-c"), None)
        if inline is not None and inline != "{}":
            result.tags |= run_text(m, Frame(frame.unit), node, [Value(const=inline)], {}).tags
            for name in _not_here(m, inline):
                what = f"the module {name[:40]!r}"
                m.unfollowed(node, frame, what, "the folder does not hold it", {unfollowed.WEIGHTS, THE_LOG})
            return
        if inline is not None:
            m.unfollowed(node, frame, "a started program", "its text could not be computed", {unfollowed.WEIGHTS})
        if script is not None and not _of_the_challenge(m, script):
            m.unfollowed(
                node, frame, f"the script {script[:60]!r}", "the folder does not hold it", {unfollowed.WEIGHTS}
            )
        if inline is not None or "-m" in words or script is not None:
            return  # a module that is installed, or the script itself
    if program in vocabulary.COPIES_FILES:
        paths = [tokens.constant(w) for w in words[1:] if not w.startswith("-")]
        if len(paths) >= 2:
            files.copied(m, paths[-2], paths[-1])
        return
    if program not in vocabulary.HARMLESS and not program.startswith("python"):
        what = f"the program {program[:40]!r}" if program != "{}" else "a started program"
        m.unfollowed(node, frame, what, "what it does to files is not read", {unfollowed.WEIGHTS, THE_LOG})


def _arguments(given: Value, words: list[str], at: int) -> Value:
    """What a started script finds in `sys.argv`."""
    items = given.obj.items if isinstance(given.obj, Sequence) else []
    held = list(items[at:]) if len(items) == len(words) else [tokens.constant(word) for word in words[at:]]
    return Value(obj=Sequence(held))


def _listed(m: Machine, words: list[str], result: Value) -> None:
    """`ls folder`: the names of what is in it, as the lines of what is printed."""
    for word in words[1:]:
        found = files.listing(m, "listdir", [Value(const=word)])
        if found is not None and not word.startswith("-"):
            result.obj = Instance(None, {"stdout": found}, kind="namespace")


def _without_options(words: list[str]) -> list[str]:
    """What a program that runs another one is told to run: behind options, numbers and settings."""
    at = next((i for i, w in enumerate(words) if not w.startswith("-") and "=" not in w and not w[:1].isdigit()), None)
    return words[at:] if at is not None else []


def _not_here(m: Machine, text: str) -> list[str]:
    """The modules that a text imports and that neither the folder holds nor anybody knows."""
    try:
        tree = parse_to_follow(text)
    except SyntaxProblem:
        return []
    names = [alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names]
    names += [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module]
    first = dict.fromkeys(name.partition(".")[0] for name in names)
    return [name for name in first if name not in KNOWN and import_unit(m, name) is None]


def _of_the_challenge(m: Machine, script: str) -> bool:
    """Whether a script brings the data, or is the submission's own under another path."""
    name = posixpath.basename(script)
    own = m.sources.entry is not None and name == posixpath.basename(m.sources.entry.path)
    return own or "{}" in name or name in vocabulary.CHALLENGE_DOWNLOADS


_MAX_COMMANDS = 8


def _commands(given: Value) -> list[list[str]]:
    """The words of a command; of several where `a if c else b` chooses among them."""
    if isinstance(given.obj, Sequence):
        items = [[_word(one) for one in either_of(item)] for item in given.obj.items[:32]]
        if math.prod(map(len, items)) > _MAX_COMMANDS:
            return [[_word(item) for item in given.obj.items[:32]]]
        return [list(words) for words in itertools.product(*items)]
    return [words for one in either_of(given) for words in _split(tokens.text_of(one))]


_BETWEEN_COMMANDS = re.compile(r"&&|\|\||;|\||\n")
_INTO = re.compile(r"(?<![0-9&<])>{1,2}\s*([^\s;&|>]+)")


def _split(text: str) -> list[list[str]]:
    """The words of each command of a line for a shell."""
    commands = [part.split() for part in _BETWEEN_COMMANDS.split(text)] if text != "{}" else []
    return [words for words in commands if words] or [[]]


def _redirected(given: Value) -> list[str]:
    """The files that a line for a shell writes into."""
    texts = [] if isinstance(given.obj, Sequence) else [tokens.text_of(one) for one in either_of(given)]
    return [target for text in texts for target in _INTO.findall(text) if not target.startswith("/dev/")]


def _word(value: Value) -> str:
    if isinstance(value.obj, External) and value.obj.dotted == "sys.executable":
        return "python"
    return str(value.const) if value.const is not UNKNOWN else tokens.text_of(value)

"""From a folder to the program's texts: wrappers, imports, native sources, started scripts and launchers."""

from __future__ import annotations

import ast
import posixpath
import re
from dataclasses import dataclass, replace

from auditor.claims import Claims
from auditor.source.entry import Entry, choose_entry, is_side_script, match
from auditor.source.files import Files
from auditor.source.forms import parse_to_follow
from auditor.source.imports import (
    NATIVE_SUFFIXES,
    Tree,
    native_literals,
    started_scripts,
)
from auditor.source.model import Language, ProgramFile, SourceProblem, Sources, Unit
from auditor.source.plain import SyntaxProblem
from auditor.source.syntax import python_text
from auditor.source.unpack import Execution, Opaque, Unpacked, may_execute, unpack
from auditor.source.values import Scope
from auditor.source.walking import code_only
from auditor.submission import Submission

MAX_LAYERS = 16
"""Wrappers within wrappers."""

MAX_UNITS = 200
"""Texts of one program; more are not followed, which is reported."""

_CODE_SUFFIXES = (".py", ".sh", ".bash", *NATIVE_SUFFIXES)
_NOT_DATA = (".md", ".log", ".txt", ".png", ".jpg", ".pid", ".pyc", ".gitignore")
_NOT_READ = (".md", ".log", ".png", ".jpg", ".pyc")
_SHIPPED = 512_000
"""Bytes of a file of the folder that a program may read while it is followed."""

_READABLE = 5_000
"""Characters of code, literals aside, from which on a script is a program of its own and not just a wrapper."""

_SMALL = 700
"""Characters of code, literals aside, that a wrapper may have whatever it opens."""

_WRAPPER = 2_500
"""Characters of code, literals aside, from which on a script is more than a wrapper, whatever it opens: what it does
itself is followed. The wrappers of 543 pull requests have less than 1,000."""

_OPENS = re.compile(
    r"decompress|b85|b64|a85|fromhex|unhexlify|marshal|pickle|\bchr\b|\bbytes\(|codecs|\.decode\(|urlopen|requests"
)
_PACKED = 3_000
"""Characters of literals from which on a short script that can decode may well be hiding a program in them."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A text to be made a unit."""

    path: str
    text: str
    layer: int = 0
    packing: str = ""
    module: str = ""
    scope: Scope | None = None
    depth: int = 0


def decode(submission: Submission, claims: Claims, near: str = "") -> Sources:
    """The program of a submission: every text of it, opened where it is packed, parsed where it is Python.

    `near` is the subfolder that holds the logs of the score ("" for the record folder itself): a training script
    beside them is the one that made them.
    Nothing of the submission is run. What can't be opened, read or parsed becomes a `SourceProblem`; this never raises
    for anything that a folder may hold.
    """
    entry = choose_entry(submission, claims, near)
    if entry is None:
        path = submission.folder or "."
        problem = SourceProblem(path, None, "no code: the folder holds no Python file", True)
        return Sources(None, (), (), (problem,), _unused(submission, set()))
    follower = _Follower(submission, entry)
    try:
        return follower.sources()
    except RecursionError:
        problem = SourceProblem(entry.path, None, "nested too deeply to be followed", True)
        return Sources(None, (), (), (problem,), (), entry.because)


class _Follower:
    def __init__(self, submission: Submission, entry: Entry) -> None:
        self.submission = submission
        self.entry = entry
        self.files = Files.of(submission)
        self.tree = Tree(f.path for f in submission.files)
        self.native = sorted(f.path for f in submission.files if f.path.endswith(NATIVE_SUFFIXES))
        self.units: list[Unit] = []
        self.wrappers: set[tuple[str, int]] = set()
        self.roles: dict[str, str] = {}
        self.modules: dict[str, Unit] = {}
        self.problems: list[SourceProblem] = []
        self.done: set[str] = set()  # shipped files and written ones that are units already

    def sources(self) -> Sources:
        main = self._shipped(self.entry.path, "entry", "")
        for path in self.entry.others:
            self._shipped(path, "module", "")
        for path in self.entry.launchers:
            self._plain(path, "shell", "launcher")
        self._data_files()
        ordered = sorted(self.units, key=lambda u: (u is not main, (u.path, u.layer) in self.wrappers))
        files = tuple(
            ProgramFile(path, self.submission.by_path[path].size or 0, role)  # type: ignore[arg-type]
            for path, role in self.roles.items()
        )
        unused = _unused(self.submission, set(self.roles))
        problems = tuple(dict.fromkeys(self.problems))
        shipped = {
            f.path: f.data
            for f in self.submission.files
            if f.data is not None and len(f.data) <= _SHIPPED and not f.path.endswith(_NOT_READ)
        }
        return Sources(main, tuple(ordered), files, problems, unused, self.entry.because, dict(self.modules), shipped)

    # -- units -------------------------------------------------------------------------------------------------------

    def _shipped(self, path: str, role: str, module: str, depth: int = 0) -> Unit | None:
        """The unit of a Python file of the folder, or of what it unpacks to."""
        if path in self.done:
            return self.modules.get(module)
        self.done.add(path)
        self.roles.setdefault(path, role)
        file = self.submission.by_path[path]
        if file.data is None:
            self._problem(path, None, f"could not be read: {file.problem or 'no content'}")
            return None
        if not file.data.strip():
            if role == "entry":
                self._problem(path, None, f"no code: the script is empty ({len(file.data)} bytes)")
            return None
        text = file.text
        if "\0" not in text:  # binary data: the parser says so
            try:
                text = python_text(file.data)
            except SyntaxProblem as problem:
                self._problem(path, problem.line, problem.message)
        return self._python(_Text(path, text, 0, "", module, None, depth))

    def _python(self, source: _Text) -> Unit | None:
        """Make the unit, follow what it executes and imports; returns the deepest unit of it."""
        if len(self.units) >= MAX_UNITS:
            self._problem(source.path, None, f"more than {MAX_UNITS} texts, the rest is not followed")
            return None
        tree: ast.Module | None = None
        try:
            tree = parse_to_follow(source.text)
        except SyntaxProblem as problem:
            where = f" (layer {source.layer})" if source.layer else ""
            self._problem(source.path, problem.line, f"{problem.message}{where}")
        unit = Unit(source.path, source.text, "python", source.layer, source.packing, source.module, tree)
        if (unit.path, unit.layer) in {(u.path, u.layer) for u in self.units}:
            unit = replace(unit, path=f"{unit.path}::{source.module or len(self.units)}")
        self.units.append(unit)
        if source.module:
            self.modules.setdefault(source.module, unit)
        if tree is None:
            return unit
        unpacked = Unpacked([], [], [])
        if may_execute(unit.text):
            unpacked = unpack(tree, unit.text, _file_of(unit), self.files, source.scope)
        deepest = self._executions(unit, unpacked, source)
        self._report_opaque(unit, unpacked)
        self._imports(unit, unpacked, source.depth)
        self._native(unit)
        self._started(unit, source.depth)
        return deepest

    def _executions(self, unit: Unit, unpacked: Unpacked, source: _Text) -> Unit:
        opened: dict[str, Unit] = {}  # by text: what the unit may be the wrapper of
        for execution in unpacked.executions:
            if source.depth >= MAX_LAYERS:
                self._problem(unit.path, execution.line, f"packed more than {MAX_LAYERS} times, which is not followed")
                break
            child = self._execution(unit, execution, source.depth + 1)
            if child is not None and not execution.module and _is_wrapper_of(unit, execution.text):
                opened[execution.text] = child
        if len(opened) != 1:  # of several it decides, or runs one after the other: that is followed where it stands
            return unit
        (deepest,) = opened.values()
        self.wrappers.add((unit.path, unit.layer))
        if source.module:
            self.modules[source.module] = deepest
        return deepest

    def _execution(self, unit: Unit, execution: Execution, depth: int) -> Unit | None:
        if execution.path is not None:
            role = "module" if execution.module else "payload-of-entry"
            return self._shipped(execution.path, role, execution.module, depth)
        path = execution.origin.path or _file_of(unit)
        if execution.origin.path is not None:
            self.roles.setdefault(path, "payload-of-entry")
        packing = "+".join(execution.origin.codecs) or ("edited text" if execution.origin.path else "literal")
        packing = f"{unit.packing} > {packing}" if unit.packing else packing
        scope = None if execution.module else execution.scope
        return self._python(_Text(path, execution.text, unit.layer + 1, packing, execution.module, scope, depth))

    def _report_opaque(self, unit: Unit, unpacked: Unpacked) -> None:
        if unpacked.executions and not unpacked.opaque:
            return
        code = len(code_only(unit.text))
        readable = code >= _READABLE
        opened = any(not e.module for e in unpacked.executions)
        for opaque in unpacked.opaque:
            self._problem(unit.path, opaque.line, opaque.message, self._decides(unit, opaque, readable, opened))
        packed = len(unit.text) - code
        if not (readable or unpacked.executions or unpacked.opaque) and packed > _PACKED and _OPENS.search(unit.text):
            self._problem(unit.path, None, f"{packed:,} characters of literals that nothing was seen to unpack and run")

    def _decides(self, unit: Unit, opaque: Opaque, readable: bool, opened: bool) -> bool:
        """Whether the scored code may be what could not be opened."""
        if opaque.imports:
            return not readable and not opened and unit.path == self.entry.path
        if not readable:
            return opaque.reached or not opened
        lines = unit.text.split("\n")[max(0, opaque.line - 4) : opaque.line + 1]
        return opaque.reached and bool(_OPENS.search("\n".join(lines)))

    # -- what a unit brings in -----------------------------------------------------------------------------------------

    def _imports(self, unit: Unit, unpacked: Unpacked, depth: int) -> None:
        assert unit.tree is not None
        path = _file_of(unit)
        written: set[str] = set()
        if self.files.written:  # what a wrapper wrote comes first on the path: a shipped file of that name is a decoy
            for imported in Tree(self.files.written).imports(unit.tree, unit.text, "", ""):
                written.add(imported.name)
                self._written(unit, imported.path, imported.name, depth)
        for imported in self.tree.imports(unit.tree, unit.text, path, unit.module):
            if (imported.path != path or unit.layer == 0) and imported.name not in written:
                self._shipped(imported.path, "module", imported.name, depth)
        for name, _ in unpacked.imports:
            found = self.tree.resolve(name, posixpath.dirname(path))
            if found is not None:
                self._shipped(found, "module", name, depth)

    def _written(self, unit: Unit, path: str, module: str, depth: int) -> None:
        """A module that a wrapper wrote to a file and that the program imports."""
        text = self.files.written[path].decode("utf-8", errors="replace")
        if path in self.done or any(u.text == text for u in self.units):
            return
        self.done.add(path)
        name = f"{_file_of(unit)}::{posixpath.basename(path)}"
        self._python(_Text(name, text, max(1, unit.layer), unit.packing or "written file", module, None, depth))

    def _native(self, unit: Unit) -> None:
        """C, C++, CUDA and Metal sources: files of the folder, files that were written, and string literals."""
        written: set[str] = set()
        for path, data in self.files.written.items():
            name = posixpath.basename(path)
            if name.endswith(NATIVE_SUFFIXES) and name in unit.text:
                written.add(name)
                if path not in self.done:
                    self.done.add(path)
                    label = f"{_file_of(unit)}::{name}"
                    self.units.append(Unit(label, data.decode("utf-8", "replace"), "c", unit.layer or 1, unit.packing))
        for path in self.native:
            if posixpath.basename(path) in unit.text and posixpath.basename(path) not in written:
                self._plain(path, "c", "helper-source")
        if unit.tree is None or unit.language != "python":
            return
        for text, line in native_literals(unit.tree, unit.text):
            label = f"{_file_of(unit)}::line {line}"
            packing = f"{unit.packing} > literal" if unit.packing else "literal"
            self.units.append(Unit(label, text, "c", unit.layer + 1, packing))

    def _plain(self, path: str, language: Language, role: str) -> None:
        """A unit that is not Python, and the headers that it includes."""
        if path in self.done:
            return
        self.done.add(path)
        self.roles.setdefault(path, role)
        file = self.submission.by_path[path]
        if file.data is None:
            self._problem(path, None, f"could not be read: {file.problem or 'no content'}", language == "c")
            return
        unit = Unit(path, file.text, language)
        self.units.append(unit)
        if language == "c":
            self._native(unit)

    def _started(self, unit: Unit, depth: int) -> None:
        if len(self.tree.paths) < 2:
            return
        for name in sorted(started_scripts(unit.text)):
            path = match(self.submission, name)
            if path is not None and not is_side_script(path):
                self._shipped(path, "module", "", depth)

    def _data_files(self) -> None:
        """Files of the folder that are no code and that a unit names."""
        texts = [u.text for u in self.units]
        for file in self.submission.files:
            name = posixpath.basename(file.path)
            if file.path in self.roles or name.endswith((*_CODE_SUFFIXES, *_NOT_DATA)) or name == "submission.json":
                continue
            if any(name in text for text in texts):
                self.roles[file.path] = "data"

    def _problem(self, path: str, line: int | None, message: str, decisive: bool = True) -> None:
        self.problems.append(SourceProblem(path, line, message, decisive))


def _file_of(unit: Unit) -> str:
    """The shipped file that holds a unit."""
    return unit.path.partition("::")[0]


def _is_wrapper_of(unit: Unit, payload: str) -> bool:
    """Whether the unit's own code is only there to open that payload."""
    own = len(code_only(unit.text))
    return own < min(_WRAPPER, _SMALL + len(payload))


def _unused(submission: Submission, used: set[str]) -> tuple[str, ...]:
    return tuple(f.path for f in submission.files if f.path.endswith(_CODE_SUFFIXES) and f.path not in used)

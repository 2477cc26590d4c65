"""The single-file `train_gpt.py`: the modules that training needs, one after the other, each as it was written.

A submission is one script, so the package is written so that its modules can stand in one file: they take names from
each other by `from reference_model.module import name`, and no two define the same name. That is checked here and
nothing is renamed: what can't be joined is refused with the line to change. Left out are only the imports that joining
makes needless; imports from outside the package are gathered at the top.
"""

from __future__ import annotations

import ast
import base64
import builtins
import lzma
import symtable
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ENTRY = "train"
PACKAGE = "reference_model"
# Raw LZMA2 under base85 in a loader of one line: the packed form that accepted records have.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]


class BuildError(Exception):
    """The modules cannot stand in one file; the message says which line is in the way."""


@dataclass(frozen=True)
class _Module:
    """A module, taken apart. `dropped`: numbers of the lines that the file does without."""

    name: str
    text: str
    defines: frozenset[str]
    takes: tuple[tuple[str, str], ...]  # (module of the package, name in it)
    outside: tuple[tuple[str, str, str], ...]  # (name, what it stands for, import statement that binds it)
    dropped: frozenset[int]


def single_file(pack: bool = False, *, folder: Path | None = None, entry: str = ENTRY) -> str:
    """The script, readable or (`pack`) as a self-extracting line. Deterministic: the same package, the same bytes.

    Raises BuildError where the modules cannot be joined, FileNotFoundError for one that is not there.
    """
    modules = _ordered(folder or Path(__file__).parents[1], entry)
    imports = _without_collisions(modules)
    parts = ["\n".join(["from __future__ import annotations", "", *imports])]
    for module in modules.values():
        lines = module.text.splitlines()
        kept = "\n".join(line for number, line in enumerate(lines, 1) if number not in module.dropped)
        parts.append(f"# --- {module.name.replace('.', '/')}.py ---\n\n{kept.strip()}")
    text = "\n\n\n".join(parts) + "\n"
    compile(text, "train_gpt.py", "exec")
    return packed(text) if pack else text


def packed(text: str) -> str:
    """A script that decompresses and runs `text` without its comments, with the same names and the same `__file__`."""
    lean = ast.unparse(_Undocumented().visit(ast.parse(text)))
    payload = base64.b85encode(lzma.compress(lean.encode(), format=lzma.FORMAT_RAW, filters=_FILTERS)).decode()
    return (
        "import base64,lzma\n"
        f'exec(compile(lzma.decompress(base64.b85decode("{payload}"),lzma.FORMAT_RAW,'
        'filters=[{"id":lzma.FILTER_LZMA2}]),__file__,"exec"))\n'
    )


def _ordered(folder: Path, entry: str) -> dict[str, _Module]:
    """The modules that `entry` needs by their names, each after those that it takes names from."""
    done: dict[str, _Module] = {}
    under_way: list[str] = []

    def add(name: str) -> None:
        if name in done:
            return
        if name in under_way:
            raise BuildError(f"modules import each other: {' -> '.join([*under_way, name])}")
        under_way.append(name)
        path = folder.joinpath(*name.split(".")).with_suffix(".py")
        module = _read(name, path.read_text("utf-8"), is_entry=name == entry)
        for needed, taken in module.takes:
            add(needed)
            if taken not in done[needed].defines:
                raise BuildError(f"{name}: {taken} is not defined in {needed} itself")
        under_way.pop()
        done[name] = module

    add(entry)
    return done


def _read(name: str, text: str, is_entry: bool) -> _Module:
    takes: list[tuple[str, str]] = []
    outside: list[tuple[str, str, str]] = []
    dropped: set[int] = set()
    tree = ast.parse(text)
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            if _is_of_package(statement):
                takes += _taken(name, statement)
            else:
                outside += _bound(name, statement)
        elif not _is_needless(statement, is_entry):
            continue
        dropped.update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and _is_of_package(node) and node.lineno not in dropped:
            raise BuildError(f"{name}:{node.lineno}: the package is imported inside a function or a branch")
    symbols = symtable.symtable(text, name, "exec").get_symbols()
    defines = {s.get_name() for s in symbols if s.is_assigned() and not s.is_imported()} - {"__all__"}
    return _Module(name, text, frozenset(defines), tuple(takes), tuple(outside), frozenset(dropped))


def _is_of_package(statement: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(statement, ast.Import):
        return any(alias.name.split(".")[0] == PACKAGE for alias in statement.names)
    return statement.level > 0 or (statement.module or "").split(".")[0] == PACKAGE


def _taken(name: str, statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    written = f"{name}:{statement.lineno}: {ast.unparse(statement)}"
    if isinstance(statement, ast.Import) or statement.level or statement.module == PACKAGE:
        raise BuildError(f"{written}: write 'from {PACKAGE}.module import name'")
    for alias in statement.names:
        if alias.asname or alias.name == "*":
            raise BuildError(f"{written}: every name is taken by itself and keeps its name")
        yield (statement.module or "").removeprefix(f"{PACKAGE}."), alias.name


def _bound(name: str, statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str, str]]:
    """Each name that an import from outside binds, what it stands for, and an import statement for it alone."""
    for alias in statement.names:
        if alias.name == "*":
            raise BuildError(f"{name}:{statement.lineno}: a star import binds names that nobody can see")
        if isinstance(statement, ast.Import):
            root = alias.name.split(".")[0]  # `import os.path` binds os, as `import os` does
            yield alias.asname or root, alias.name if alias.asname else root, ast.unparse(ast.Import([alias]))
        elif statement.module != "__future__" and alias.name != "TYPE_CHECKING":
            alone = ast.unparse(ast.ImportFrom(statement.module, [alias], 0))
            yield alias.asname or alias.name, alone, alone


def _is_needless(statement: ast.stmt, is_entry: bool) -> bool:
    """Imports for type checkers alone, `__all__`, and what a module does when it is run by itself."""
    if isinstance(statement, ast.If):
        test = ast.unparse(statement.test)
        return test == "TYPE_CHECKING" or (test.startswith("__name__ ==") and not is_entry)
    return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__"


def _without_collisions(modules: Mapping[str, _Module]) -> list[str]:
    """The import statements of the file, once each. Raises BuildError where a name would stand for two things."""
    stands_for: dict[str, tuple[str, str]] = {}  # name -> what it stands for, and the module that says so
    imports: set[str] = set()
    for module in modules.values():
        claims = [(name, what) for name, what, _ in module.outside]
        claims += [(name, module.name) for name in sorted(module.defines)]
        for name, what in claims:
            known, where = stands_for.setdefault(name, (what, module.name))
            if known != what or hasattr(builtins, name):
                first = "a builtin" if hasattr(builtins, name) else where
                raise BuildError(f"{module.name}: {name!r} is also a name of {first}: in one file it stands for one")
        imports.update(statement for _, _, statement in module.outside)
    plain = sorted(line for line in imports if line.startswith("import "))
    return [*plain, *sorted(imports.difference(plain))]


class _Undocumented(ast.NodeTransformer):
    """Without strings that stand as statements: docstrings, and the notes after a constant."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        return ast.Pass() if isinstance(node.value, ast.Constant) else node

"""Names of libraries stand in the vocabulary alone: no other module of the analyser keeps a list of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.program import vocabulary

PROGRAM = Path(vocabulary.__file__).parents[1]
MODULES = {
    path.relative_to(PROGRAM).as_posix(): path
    for path in sorted(PROGRAM.rglob("*.py"))
    if path.parent.name != "vocabulary"
}
PACKAGES = vocabulary.KNOWN | {"nn", "F", "np"}
_DOTTED = re.compile(r"\w+(?:\.\w+)*\.\w*")
WORDS = frozenset(
    word
    for value in vars(vocabulary).values()
    if isinstance(value, (frozenset, tuple))
    for word in value
    if isinstance(word, str)
)


def _is_library(text: str) -> bool:
    """`torch.load`, `nn.GRU`; `os.` and `builtins.` too, as such names begin."""
    return _DOTTED.fullmatch(text) is not None and text.partition(".")[0] in PACKAGES


def _listed(tree: ast.AST) -> Iterator[tuple[int, list[str]]]:
    """(line, texts) of what is written out as several things.

    A table of functions by name is none: it says what each name means, and so is what makes a part of such a table.
    """
    keys = {
        id(call.args[0])
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "dict.fromkeys"
    }
    for node in ast.walk(tree):
        if isinstance(node, (ast.Set, ast.Tuple, ast.List)) and id(node) not in keys:
            yield node.lineno, [e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]


@pytest.mark.parametrize("name", MODULES)
def test_no_other_module_lists_names_of_libraries(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text("utf-8"))
    listed = {line: found for line, texts in _listed(tree) if (found := [*filter(_is_library, texts)])}
    assert not listed


@pytest.mark.parametrize("name", MODULES)
def test_no_other_module_keeps_a_list_of_its_words(name: str) -> None:
    """A module may ask for one function or another where it says what they do; it keeps no list of them."""
    tree = ast.parse(MODULES[name].read_text("utf-8"))
    statements = [s for s in tree.body if isinstance(s, (ast.Assign, ast.AnnAssign))]
    kept = {}
    for line, texts in (item for statement in statements for item in _listed(statement)):
        words = WORDS.intersection(texts)
        if len(words) > 1 and 2 * len(words) > len(texts):
            kept[line] = words
    assert not kept


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('LOSSES = ("torch.nn.functional.cross_entropy", _one)', True),
        ("def f(dotted):\n    return dotted.startswith(['nn.', 'x'])", True),
        ('TABLE = {"torch.load": _load, **dict.fromkeys(("torch.save", "numpy.save"), _save)}', False),
        ('WORDS = ("a word.", "train.log", "cat")', False),
    ],
)
def test_what_counts_as_a_list(text: str, found: bool) -> None:
    assert any(any(map(_is_library, texts)) for _, texts in _listed(ast.parse(text))) is found


@pytest.mark.parametrize(
    ("switch", "says_how_long"),
    [("ITERATIONS", True), ("--max-wallclock-seconds", True), ("TOTAL_STEPS", False), ("MAX_STEPS", False)],
)
def test_settings_of_the_challenge_say_how_long_it_trains(switch: str, says_how_long: bool) -> None:
    """What an author calls a setting decides nothing."""
    assert vocabulary.is_budget(switch) is says_how_long


def test_no_two_domains_define_one_name() -> None:
    """The package takes the names of all its modules: of two with one name, one would be lost without a word."""
    seen: dict[str, str] = {}
    for path in sorted((PROGRAM / "vocabulary").glob("*.py")):
        for name in _defined(ast.parse(path.read_text("utf-8"))):
            assert seen.setdefault(name, path.name) == path.name, f"{name} stands in {seen[name]} and {path.name}"
    assert "KNOWN" in seen


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (t.id for t in targets if isinstance(t, ast.Name) and not t.id.startswith("_"))


def test_no_name_stands_in_two_modules_of_the_vocabulary() -> None:
    """They are imported by star into one: the later one would take the other's place."""
    seen: dict[str, str] = {}
    for path in sorted((PROGRAM / "vocabulary").glob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
            for name in (getattr(t, "id", getattr(t, "name", "")) for t in targets):
                assert not name or name not in seen, f"{name} in {seen[name]} and in {path.name}"
                seen[name] = path.name

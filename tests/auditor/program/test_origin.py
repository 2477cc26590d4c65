"""Where values come from, and whether places run, told from one module alone."""

from __future__ import annotations

import ast

from auditor.program.origin import Origins
from auditor.program.syntax import both


def test_origins_follow_helpers_and_attributes() -> None:
    source = (
        "class H:\n    files = os.path.join(root, 'fineweb_val_*.bin')\n    other = 'fineweb_train_*.bin'\n"
        "def load(pattern):\n    return read(sorted(glob(pattern)))\n"
        "def use(tokens):\n    return tokens[1:]\n"
        "held = load(H.files)\nuse(held)\nseen = load(H.other)\n"
    )
    tree = ast.parse(source)
    origins = Origins(tree)
    parameter = next(n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "tokens")
    seen = next(n for n in ast.walk(tree) if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "seen")
    assert "validation" in origins.of(parameter)
    assert "training" in origins.of(seen.value)
    assert not origins.of(ast.parse("1 + 1").body[0])


def test_names_that_are_made_of_each_other_are_made_of_the_same() -> None:
    lines = "\n".join(f"a{i + 1} = f(a{i})" for i in range(3000))
    tree = ast.parse(f"a0 = g(a3000, 'fineweb_val_*.bin')\n{lines}\nlast = a3000\nother = b\n")
    origins = Origins(tree)
    last, other = (n for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) in ("last", "other"))
    assert origins.of(last.value) == {"validation"}
    assert not origins.of(other.value)


def test_three_valued_and() -> None:
    assert both(True, True) is True
    assert both(None, True) is None
    assert both(None, False) is False


def test_it_does_not_matter_in_which_module_a_function_stands() -> None:
    entry = ast.parse("from parts import load, EVALUATED as pattern\nheld = load(pattern)\n")
    parts = ast.parse("EVALUATED = 'fineweb_val_*.bin'\ndef load(files):\n    return read(sorted(glob(files)))\n")
    (held,) = (n.value for n in entry.body if isinstance(n, ast.Assign))
    parameter = next(n for n in ast.walk(parts) if isinstance(n, ast.Name) and n.id == "files")
    assert Origins(entry, [parts]).of(held) == {"validation"}
    assert Origins(parts, [entry]).of(parameter) == {"validation"}
    assert not Origins(entry).of(held)

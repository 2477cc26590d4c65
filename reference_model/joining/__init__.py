"""Several modules of a package become one text: names unified, docstrings, comments and functions' types dropped.

The work of `build.single_file`: `parts` reads the modules, `names` decides what each definition is called, `statements`
rewrites, `needed` leaves out what no run comes to.
"""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from reference_model.joining.names import choose_names, replacements
from reference_model.joining.needed import Statement, names_in, reachable
from reference_model.joining.parts import BuildError, Part, dotted, read
from reference_model.joining.statements import INDENT, Outside, statements

__all__ = ["BuildError", "Part", "join", "read"]


def join(parts: Sequence[Part], entry: str) -> str:
    """The text of the one file. `parts` come in the order of their dependencies, `entry` is the module that is run."""
    by_name = {part.name: part for part in parts}
    choose_names(parts)
    outside = Outside()
    bodies = [(f"{part.name}.py", statements(part, replacements(part, by_name), outside)) for part in parts]
    main = [statement for name, body in bodies if name == f"{entry}.py" for statement in body if _is_guard(statement)]
    bodies = [(name, [statement for statement in body if not _is_guard(statement)]) for name, body in bodies]
    bodies = [(name, body) for name, body in reachable([*bodies, ("main", main)]) if body]
    used = {name for _, body in bodies for statement in body for name in names_in(statement)}
    head = "\n".join(["from __future__ import annotations", "", *outside.lines(used)]).strip("\n")
    return "\n\n\n".join([head, *(f"# {name}\n{_written(body)}" for name, body in bodies)]) + "\n"


def _is_guard(statement: cst.BaseStatement) -> bool:
    """Whether it is the `if __name__ == "__main__":` of a module."""
    return isinstance(statement, cst.If) and "__name__" in dotted(statement.test)


def _written(body: Sequence[Statement]) -> str:
    """The statements' text, with an empty line around definitions."""
    text, before = "", False
    for statement in body:
        definition = isinstance(statement, cst.FunctionDef | cst.ClassDef)
        module = cst.Module([], default_indent=INDENT)
        code = module.code_for_node(statement.with_changes(leading_lines=[])).strip("\n")
        text += ("\n\n" if definition or before else "\n") + code if text else code
        before = definition
    return text

"""Import statements: siblings of the script are run, of libraries the name is kept."""

from __future__ import annotations

import ast

from auditor.program.interpreter.completion import NORMAL
from auditor.program.interpreter.libraries import elsewhere
from auditor.program.interpreter.machine import Machine
from auditor.program.values import External, Frame, PyModule, Value


def import_(m: Machine, frame: Frame, node: ast.Import) -> int:
    for alias in node.names:
        sibling = elsewhere.import_unit(m, alias.name)
        if sibling is not None:
            value = Value(obj=sibling)
        elif alias.asname:
            value = Value(obj=External(alias.name))
        else:
            value = Value(obj=External(alias.name.split(".")[0]))
        frame.names[alias.asname or alias.name.split(".")[0]] = value
    return NORMAL


def import_from(m: Machine, frame: Frame, node: ast.ImportFrom) -> int:
    name = node.module or ""
    sibling = elsewhere.import_unit(m, name) if name or node.level else None
    for alias in node.names:
        inner = sibling
        if sibling is None and node.level:
            inner = elsewhere.import_unit(m, alias.name)
            if inner is not None:
                frame.names[alias.asname or alias.name] = Value(obj=inner)
                continue
        if isinstance(inner, PyModule):
            if alias.name == "*":
                frame.names.update({k: v for k, v in inner.frame.names.items() if not k.startswith("_")})
                continue
            value = inner.frame.names.get(alias.name)
            frame.names[alias.asname or alias.name] = value if value is not None else Value()
        else:
            frame.names[alias.asname or alias.name] = Value(obj=External(f"{name}.{alias.name}"))
    return NORMAL

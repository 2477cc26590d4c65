"""A run that begins in a cold interpreter: what the script's imports cost is measured, then the stage takes over.

Runs for measurements have their libraries imported before they start. The smoke test's has not: seconds of import are
one of its figures.
"""

from __future__ import annotations

import ast
import importlib
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from auditor.probe.job import Job, encode
from auditor.source.syntax import parse_python

if TYPE_CHECKING:
    from auditor.probe.stage.run import Channel

_LIBRARIES = frozenset({"brotli", "numpy", "sentencepiece", "torch", "zstandard"}) | sys.stdlib_module_names
"""What the stage leaves as it is. It answers for everything else, and times that itself."""


def perform(argument: bytes, channel: Channel) -> None:
    job = Job.from_bytes(argument)
    start = time.perf_counter()
    for name in libraries(parse_python(job.text)):
        try:
            importlib.import_module(name)
        except Exception:
            continue  # the script gets to see that for itself
    channel.send(encode("imported", seconds=time.perf_counter() - start))
    from auditor.probe.stage.run import perform as staged

    staged(argument, channel)


def libraries(tree: ast.Module) -> Iterator[str]:
    """Modules of libraries that importing the script imports, in its order."""
    for node in _executed(tree.body):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        yield from (name for name in names if name.partition(".")[0] in _LIBRARIES)


def _executed(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Statements outside of functions: those of branches, too."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.expr):
            yield from _executed(ast.iter_child_nodes(node))

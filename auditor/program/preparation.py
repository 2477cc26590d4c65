"""Scripts that prepare the data set: what they do to the documents on the way to the tokenizer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program import vocabulary
from auditor.program.syntax import called, calls, function_of, functions, last_name, strings, targets_of
from auditor.source.index import of_type, own_of_type, parent, walk
from auditor.source.plain import SyntaxProblem, quiet_parse
from auditor.submission import Submission

_READS_DOCUMENTS = re.compile(r"docs_selected|jsonl|\"text\"|'text'")
_MAX_SCRIPT = 400_000  # characters of a script that is parsed here
_STEPS = 200  # expressions that one text is followed into


@dataclass(frozen=True, slots=True)
class LossyStep:
    """A call that drops case or form of a document, in a file of the folder, by its line."""

    path: str
    line: int
    how: str


def lossy_steps(submission: Submission) -> Iterator[LossyStep]:
    """The first such call of every script that reads documents and tokenizes what the call gives."""
    for file in submission.files:
        if not file.path.endswith(".py") or file.data is None or len(file.data) > _MAX_SCRIPT:
            continue
        text = file.text
        if not _READS_DOCUMENTS.search(text) or not any(word in text for word in vocabulary.ENCODES):
            continue
        try:
            tree = quiet_parse(text)
        except SyntaxProblem:
            continue
        walk(tree)  # numbers its nodes
        for call in calls(tree):
            how = _lossy(call)
            if how is not None and _tokenized(tree, call):
                yield LossyStep(file.path, call.lineno, how)
                break


def _lossy(call: ast.Call) -> str | None:
    name = called(call)
    if name in ("casefold", "lower") and isinstance(call.func, ast.Attribute) and not call.args:
        return f"{name}()"
    if name == "normalize":
        form = next((s for s in strings(call) if s in {"NFKC", "NFKD"}), None)
        return f"normalize({form})" if form else None
    return None


def _tokenized(tree: ast.Module, text: ast.Call) -> bool:
    """Whether what a call gives gets to a tokenizer: through names, containers and functions of the script."""
    own = {f.name: f for f in functions(tree)}
    waiting: list[ast.AST] = [text]
    seen: set[ast.AST] = set(waiting)
    while waiting and len(seen) < _STEPS:
        for further in _goes_to(tree, own, waiting.pop()):
            if further is None:
                return True
            if further not in seen:
                seen.add(further)
                waiting.append(further)
    return False


def _goes_to(
    tree: ast.Module, own: dict[str, ast.FunctionDef | ast.AsyncFunctionDef], node: ast.AST
) -> Iterator[ast.AST | None]:
    """The expressions that an expression's value goes into; None for a tokenizer."""
    above = parent(node)
    if isinstance(above, ast.Call) and node is not above.func:
        function = own.get(last_name(above.func))
        if function is not None:
            yield from _given(above, node, function)
        elif called(above) in vocabulary.ENCODES:
            yield None
        else:
            yield above
            if isinstance(above.func, ast.Attribute):  # texts.append(text)
                yield from _uses(tree, above.func.value)
    elif isinstance(above, ast.keyword):
        holder = parent(above)
        if isinstance(holder, ast.Call) and called(holder) in vocabulary.ENCODES:
            yield None
    elif isinstance(above, ast.Return | ast.Yield | ast.YieldFrom):
        function = function_of(above)
        if function is not None:
            yield from (call for call in calls(tree) if last_name(call.func) == function.name)
    elif isinstance(above, ast.Assign | ast.AnnAssign | ast.AugAssign):
        for target in targets_of(above):
            yield from _uses(tree, target)
    elif isinstance(above, ast.For | ast.comprehension) and node is above.iter:
        yield from _uses(tree, above.target)
    elif isinstance(above, ast.expr) and not isinstance(above, ast.Compare):  # which asks, and passes nothing on
        yield above


def _given(call: ast.Call, node: ast.AST, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Where a function uses the parameter that it gets an argument as."""
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    if isinstance(parent(function), ast.ClassDef) and isinstance(call.func, ast.Attribute):
        names = names[1:]
    at = next((i for i, argument in enumerate(call.args) if argument is node), None)
    if at is not None and at < len(names):
        yield from (n for n in of_type(function, ast.Name) if n.id == names[at] and isinstance(n.ctx, ast.Load))


def _uses(tree: ast.Module, target: ast.expr) -> Iterator[ast.AST]:
    """Where what a target holds is read, in its function."""
    while isinstance(target, ast.Subscript | ast.Starred):
        target = target.value
    if isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from _uses(tree, element)
    if isinstance(target, ast.Attribute):
        yield from (n for n in of_type(tree, ast.Attribute) if n.attr == target.attr and isinstance(n.ctx, ast.Load))
    if isinstance(target, ast.Name):
        scope = function_of(target) or tree
        yield from (n for n in own_of_type(scope, ast.Name) if n.id == target.id and isinstance(n.ctx, ast.Load))

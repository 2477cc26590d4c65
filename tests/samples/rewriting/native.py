"""Whatever a C text names itself gets another name, and so do the files of helpers."""

from __future__ import annotations

import ast
import re

from auditor.source.imports import NATIVE_SUFFIXES, native_literals
from auditor.source.walking import nodes
from rewriting.program import GONE, Files, is_script, print_trees, python_of, trees_of

_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|#\s*include[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|\d[\w.]*|[A-Za-z_]\w*', re.DOTALL
)
# Words of the language, of its preprocessor and of its libraries.
_LANGUAGE = """
    if else for while do switch case default break continue return goto sizeof new delete this true false nullptr NULL
    struct class union enum typedef namespace using template typename public private protected operator extern static
    const constexpr inline volatile auto void bool char short int long float double unsigned signed size_t int8_t
    int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t define ifdef ifndef endif pragma once undef include
    static_cast reinterpret_cast const_cast std min max log log1p log2 exp expf logf exp2 pow fabs fmax fmin sqrt calloc
    malloc realloc free memset memcpy memmove vector unordered_map pair first second find end begin push_back size data
    string C"""
_KEPT = frozenset(_LANGUAGE.split())


def c_renamed(files: Files) -> dict[str, str]:
    """Functions that the scripts name stay: they are called from there."""
    python = python_of(files)
    natives = {path: text for path, text in files.items() if path.endswith(NATIVE_SUFFIXES)}
    literals = {path: {text for text, _ in native_literals(ast.parse(text), text)} for path, text in python.items()}
    inside = {text for found in literals.values() for text in found}
    said = set(re.findall(r"\w+", " ".join(_without(text, inside) for text in python.values())))
    out = {path: _renamed(text, said) for path, text in natives.items()}
    if any(literals.values()):
        trees = trees_of(files)
        for path, tree in trees.items():
            for node in nodes(tree):
                if isinstance(node, ast.Constant) and node.value in literals[path]:
                    node.value = _renamed(str(node.value), said)
        out |= print_trees(trees)
    return {**python, **out}


def _without(text: str, literals: set[str]) -> str:
    for literal in literals:
        text = text.replace(literal, "")
    return text


def _renamed(text: str, kept: set[str]) -> str:
    names: dict[str, str] = {}
    called = kept & set(re.findall(r"(\w+)\s*\(", text))

    def renamed(match: re.Match[str]) -> str:
        word = match.group()
        if not (word[0].isalpha() or word[0] == "_") or word in _KEPT or word in called:
            return word
        return names.setdefault(word, f"c{len(names)}")

    return _TOKEN.sub(renamed, text)


def files_renamed(files: Files) -> dict[str, str]:
    """Sibling modules and C files get other names; the script itself is called what the challenge calls it."""
    python = python_of(files)
    scripts = {path for path, text in python.items() if is_script(ast.parse(text))}
    moved: dict[str, str] = {}
    for path in sorted({*python, *(p for p in files if p.endswith(NATIVE_SUFFIXES))} - scripts):
        folder, _, base = path.rpartition("/")
        stem, _, ending = base.rpartition(".")
        if stem in ("__init__", "setup", "train_gpt") or len(scripts) != 1:
            continue
        moved[path] = f"{folder}/file{len(moved)}.{ending}" if folder else f"file{len(moved)}.{ending}"
    out = dict(python) | {path: text for path, text in files.items() if path.endswith(NATIVE_SUFFIXES)}
    for old, new in moved.items():
        stem, name = (path.rpartition("/")[2].rpartition(".")[0] for path in (old, new))
        for path, text in out.items():
            if text != GONE and path.endswith(".py"):
                text = re.sub(
                    rf"^(\s*(?:from|import)\s+){re.escape(stem)}\b", rf"\g<1>{name}", text, flags=re.MULTILINE
                )
                text = re.sub(rf"\b{re.escape(stem)}\.(?=\w+\()", f"{name}.", text)
                out[path] = text.replace(old.rpartition("/")[2], new.rpartition("/")[2])
        out[new] = out[old]
        out[old] = GONE
    return out

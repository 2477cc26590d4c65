"""Source code that a trainer printed into its own log, found so that its strings are not read as results."""

from __future__ import annotations

import re

_CODE = re.compile(r"(?:import [A-Za-z_]|from [A-Za-z_][\w.]{0,80} import |def [A-Za-z_]|class [A-Za-z_])")
_OPENING = re.compile(r"(?:import [A-Za-z_]|from [A-Za-z_][\w.]{0,80} import )")
_DOCSTRING = re.compile(r"[rR]?(?:\"\"\"|''')|#!")
_RULE = re.compile(r"={20,}\s*$")
_MAIN = re.compile(r"if __name__\s{0,4}==")
# Lines that only a running trainer prints: they hold digits where source holds expressions.
_OUTPUT = re.compile(
    r"(?:step[: ]\s{0,8}\d+/\d+|\d+/\d+ (?:train|val)_loss|Running (?:Python|PyTorch) \d|val_bpb:enabled"
    r"|model_params:\s{0,4}\d|train_shards:\s{0,4}\d|world_size:\s{0,4}\d|warmup_step:\s{0,4}\d|seed:\s{0,4}\d)"
)
_LOOK_BACK = 400  # lines of docstring or comment before the first import
_LOOK_AHEAD = 40


def echoed_ranges(lines: list[str]) -> list[tuple[int, int]]:
    """Half-open index ranges of `lines` that are echoed source, in order."""
    ranges: list[tuple[int, int]] = []
    index = 0
    while index < len(lines):
        if lines[index][:1] in "if" and _OPENING.match(lines[index]) and _is_code(lines, index):
            start = _start(lines, index, ranges[-1][1] if ranges else 0)
            index = _end(lines, index)
            ranges.append((start, index))
        else:
            index += 1
    return ranges


def _is_code(lines: list[str], index: int) -> bool:
    """Whether more code stands near: one sentence that begins with "import" is no source."""
    near = lines[index + 1 : index + _LOOK_AHEAD]
    return any(_CODE.match(line) or line.startswith(("exec(", "    ")) for line in near)


def _start(lines: list[str], first_import: int, floor: int) -> int:
    """The docstring and comments above the first import belong to the source."""
    lowest = max(floor, first_import - _LOOK_BACK)
    start = first_import
    index = first_import - 1
    # Comments and blank lines directly above, then the docstring that ends there.
    while index >= lowest and (not lines[index].strip() or lines[index].startswith("#")):
        if lines[index].startswith("# env:"):
            return start
        start = index
        index -= 1
    if index >= lowest and lines[index].rstrip().endswith(('"""', "'''")):
        for above in range(index, lowest - 1, -1):
            if _DOCSTRING.match(lines[above]) and (above < index or _closes_itself(lines[above])):
                return above
    return start


def _closes_itself(line: str) -> bool:
    return line.count('"""') + line.count("'''") > 1


def _end(lines: list[str], start: int) -> int:
    """The rule of equal signs that trainers print after their source, else what follows the main guard."""
    after_main: int | None = None
    for index in range(start + 1, len(lines)):
        line = lines[index]
        head = line[:1]
        if head == "=" and _RULE.match(line):
            return index
        if after_main is not None:
            if head and not head.isspace():
                if not _CODE.match(line) and not line.startswith(("#", '"""', "main(")):
                    return index
                after_main = None
        elif head == "i" and _MAIN.match(line):
            after_main = index
        elif head.isalnum() and _OUTPUT.match(line) and not _code_follows(lines, index):
            return index
    return len(lines)


def _code_follows(lines: list[str], index: int) -> bool:
    """Tells a sample of output in a docstring from output."""
    return any(_CODE.match(line) for line in lines[index + 1 : index + _LOOK_AHEAD])

"""Documented run commands: code blocks of the README, launch scripts of the folder.

A block of the README that holds nothing but assignments documents a configuration: a command without a script.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from auditor.claims.model import Command

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEFAULT = re.compile(r"\$\{([A-Za-z_]\w{0,80}):?[-=]([^{}$]{0,300})\}")
_REFERENCE = re.compile(r"\$\{([A-Za-z_]\w{0,80})\}|\$([A-Za-z_]\w{0,80})")
_PROCESSES = re.compile(r"--?nproc[-_]per[-_]node(?:=|\s{1,4})(\d{1,4})")
_LOOP = re.compile(
    r"for\s{1,4}([A-Za-z_]\w{0,60})\s{1,4}in\s{1,4}([^;]{1,400});?\s{0,4}(?:do\b)?\s{0,4}(.{0,2000})$", re.DOTALL
)
_RUNNERS = frozenset(
    {"torchrun", "python", "python3", "accelerate", "deepspeed", "bash", "sh", "uv", "modal", "mpirun"}
)
# Scripts that prepare data are not the run.
_PREPARATION = re.compile(
    r"download|prepare|tokenize|retoken|cached_challenge|setup|install|build_|verify|check_|convert|data/|pip|parse"
    r"|extract|summar|compare|upload",
    re.IGNORECASE,
)
_SHELLS = frozenset({"", "bash", "sh", "shell", "console", "zsh", "text", "terminal", "env", "dotenv"})
_SWITCH = re.compile(r"[A-Z][A-Z0-9_]{0,80}")
_MAX_LINES = 5_000
_LEAD = 12  # lines above a block that tell what it is
_TRIAL = re.compile(r"\b(?:smoke|sanity|dry[- ]?run|debug(?:ging)?|quick (?:test|check)|unit tests?)\b", re.IGNORECASE)
_OPTIONS_WITH_VALUE = frozenset(
    {"--nproc_per_node", "--nproc-per-node", "--nnodes", "--master_port", "--master-port", "-n"}
)
_LONGEST = 2_000  # characters of a value
_SPAN = re.compile(r"`([^`]{1,2000})`")


def read_readme_commands(text: str, path: str) -> list[Command]:
    """Run commands in the fenced or indented code of a README, of its code spans where it has none.

    Exports hold from their line on, to the block's end. A block that the text calls a trial counts where it is the
    only one with a command.
    """
    lines = text.split("\n")[:_MAX_LINES]
    fenced, others = _fenced(lines)
    commands: list[Command] = []
    trials: list[Command] = []
    for block in sorted([*fenced, *_indented(others)], key=lambda block: block[0][0]):
        found = _commands(block, path) or _settings(block, path)
        (trials if found and _is_trial(lines, block) else commands).extend(found)
    if commands or trials:
        return commands or trials
    return [command for span in _spans(others) for command in _commands([span], path)]


def read_mentioned(text: str, path: str) -> list[Command]:
    """Settings that a README's sentences give, each in a code span of its own; what ran they may or may not tell."""
    _, others = _fenced(text.split("\n")[:_MAX_LINES])
    return [setting for span in _spans(others) for setting in _settings([span], path)]


def _spans(lines: _Block) -> _Block:
    return [(number, span) for number, line in lines for span in _SPAN.findall(line[:_LONGEST])]


_Block = list[tuple[int, str]]  # numbered lines


def _is_trial(lines: list[str], block: _Block) -> bool:
    """Whether the heading, the sentence before the block or its first comment calls it a trial."""
    above: list[str] = []
    for line in reversed(lines[max(0, block[0][0] - 1 - _LEAD) : block[0][0] - 1]):
        text = line.strip()
        if text and text[:3] not in ("```", "~~~"):
            above.append(text)
        if text.startswith("#"):
            break
    heading = above[-1] if above and above[-1].startswith("#") else ""
    comment = next((line.strip() for _, line in block if line.strip()), "")
    return any(_TRIAL.search(text[:200]) for text in (heading, *above[:1], comment if comment[:1] == "#" else ""))


def _fenced(lines: list[str]) -> tuple[list[_Block], _Block]:
    """The blocks of shell between fences or in <pre>, and the lines outside of any."""
    blocks: list[_Block] = []
    others: _Block = []
    fence: str | None = None
    block: _Block = []
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        mark = stripped[:3] if stripped[:3] in ("```", "~~~") else "</pre>" if stripped.startswith("<pre") else ""
        if fence is None and mark:
            language = stripped[3:].strip().lower().split(" ")[0] if mark != "</pre>" else ""
            fence, block = mark, []
            shell = language in _SHELLS
        elif fence is not None and (mark == fence or (fence == "</pre>" and fence in stripped)):
            blocks += [block] if shell and block else []
            fence = None
        elif fence is not None:
            block.append((number, line.replace("<code>", "").replace("</code>", "") if fence == "</pre>" else line))
        else:
            others.append((number, line))
    if fence is not None and shell and block:
        blocks.append(block)
    return blocks, others


def _indented(lines: _Block) -> list[_Block]:
    """Blocks of lines that are indented as code: by four blanks or a tab, after a blank line."""
    blocks: list[_Block] = []
    open_block = False
    after_blank = True
    for number, line in lines:
        blank = not line.strip()
        if not blank and line.startswith(("    ", "\t")) and (open_block or after_blank):
            if not open_block:
                blocks.append([])
                open_block = True
            blocks[-1].append((number, line))
        elif not blank:
            open_block = False
        after_blank = blank
    return blocks


def read_launcher(text: str, path: str) -> list[Command]:
    """Run commands of a shell script, with its exports and the defaults that it gives to variables."""
    return _commands([(n, line) for n, line in enumerate(text.split("\n")[:_MAX_LINES], 1)], path)


def _commands(lines: list[tuple[int, str]], path: str) -> list[Command]:
    exported: dict[str, str] = {}
    defaults: set[str] = set()
    found: list[Command] = []
    for number, line in _logical(lines):
        for part in _statements(line):
            command = _statement(part, exported, defaults, f"{path}:{number}")
            if command is not None:
                found.append(command)
    return found


def _settings(lines: list[tuple[int, str]], path: str) -> list[Command]:
    """A block of assignments to switches alone; [] where anything else stands in it."""
    logical = _logical(lines)
    assigned: dict[str, str] = {}
    for _, line in logical:
        words = _words(line)
        for word in words[1:] if words[:1] == ["export"] else words:
            name, sign, _ = word.partition("=")
            if not sign or not _SWITCH.fullmatch(name):
                return []
            _assign(word, assigned, set())
    if not assigned:
        return []
    return [Command(f"{path}:{logical[0][0]}", assigned, None, (), " ".join(line for _, line in logical)[:2_000])]


def _logical(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Lines with their continuations, without comments and prompts; each under the number of its first line."""
    joined: list[tuple[int, str]] = []
    pending: list[str] = []
    start = 0
    for number, raw in lines:
        line = raw.strip().rstrip("\r")
        line = line.removeprefix("$ ").removeprefix("> ")
        if line.startswith("#") and not pending:
            continue
        start = start if pending else number
        if line.endswith("\\"):
            pending.append(line[:-1])
            continue
        if pending and line.startswith("#"):
            continue
        if line or pending:
            joined.append((start, " ".join([*pending, line])[:8_000]))
        pending = []
    if pending:
        joined.append((start, " ".join(pending)[:8_000]))
    return joined


def _statements(line: str) -> list[str]:
    """The line's statements: `a && b; c` are three; a loop's body stands for its first value."""
    loop = _LOOP.match(line)
    if loop:
        first = loop[2].split()[0]
        body = re.sub(r";?\s{0,4}done\b.{0,200}$", "", loop[3])
        return [f"{loop[1]}={first}", *_statements(body)] if body else [f"{loop[1]}={first}"]
    parts: list[str] = []
    current: list[str] = []
    quote = ""
    index = 0
    while index < len(line):
        char = line[index]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in ";|&" and not (char == "&" and index and line[index - 1] in ">&"):
            parts.append("".join(current))
            current = []
            index += 1 if line[index : index + 2] in ("&&", "||") else 0
            if char == "|" and line[index] == "|" and parts[-1:] and line[index - 1] != "|":
                break  # what a pipe feeds is no run
            index += 1
            continue
        current.append(char)
        index += 1
    parts.append("".join(current))
    return [p.strip() for p in parts if p.strip()]


def _words(statement: str) -> list[str]:
    try:
        return shlex.split(statement, comments=True)
    except ValueError:  # an open quote
        return statement.split()


def _statement(statement: str, exported: dict[str, str], defaults: set[str], where: str) -> Command | None:
    words = _words(statement)
    while words and words[0] in ("then", "do", "else", "time", "nohup", "exec", "sudo", "(", "{", "if", "!"):
        words = words[1:]
    if not words:
        return None
    if words[0] in ("export", "declare", "local", "readonly", ":"):
        for word in words[1:]:
            _assign(word, exported, defaults)
        return None
    prefix: dict[str, str] = {}
    if words[0] == "env":
        words = words[1:]
    while words and _assignment(words[0]):
        name, value = words[0].split("=", 1)
        _note_default(name, value, defaults)
        prefix[name] = _expand(value, {**exported, **prefix})
        words = words[1:]
        if words[:1] == ["env"]:
            words = words[1:]
    if not words:
        exported.update(prefix)  # an assignment alone: later references see it
        return None
    command = _run(words, {**exported, **prefix}, statement, where)
    return None if command is None else replace(command, defaults=frozenset(defaults & command.environment.keys()))


def _assignment(word: str) -> bool:
    name, sign, _ = word.partition("=")
    return bool(sign) and _NAME.fullmatch(name) is not None


def _assign(word: str, exported: dict[str, str], defaults: set[str]) -> None:
    if _assignment(word):
        name, value = word.split("=", 1)
        _note_default(name, value, defaults)
        exported[name] = _expand(value, exported)
    elif word.startswith("${"):
        match = _DEFAULT.match(word)
        if match:
            _note_default(match[1], word, defaults)
            exported.setdefault(match[1], match[2])


def _note_default(name: str, value: str, defaults: set[str]) -> None:
    """Keeps in `defaults` whether the value is only the one that holds where the caller has none."""
    match = _DEFAULT.fullmatch(value)
    (defaults.add if match is not None and match[1] == name else defaults.discard)(name)


def _expand(value: str, known: dict[str, str]) -> str:
    """References to variables that are known, and defaults of those that are not; the rest stays as written."""
    value = _DEFAULT.sub(lambda m: known.get(m[1], m[2]), value[:_LONGEST])[:_LONGEST]
    return _REFERENCE.sub(lambda m: known.get(m[1] or m[2], m[0]), value)[:_LONGEST]  # A=$A$A doubles


def _run(words: list[str], environment: dict[str, str], statement: str, where: str) -> Command | None:
    """The command if it runs a training or evaluation script."""
    runner = words[0].rsplit("/", 1)[-1]
    if runner not in _RUNNERS and not re.fullmatch(r"python3\.\d{1,2}|\S{0,200}\.sh", words[0]):
        return None
    expanded = [_expand(w, environment) for w in words]
    index = _script_index(expanded)
    if index is None:
        return None
    script = expanded[index]
    if script == "-m":
        index += 1
        script = expanded[index] if index < len(expanded) else ""
        if script.startswith(("torch.distributed", "accelerate", "pip", "venv", "http")):
            inner = _script_index(expanded[index + 1 :])
            if inner is None:
                return None
            index += 1 + inner
            script = expanded[index]
    if not script or _PREPARATION.search(script):
        return None
    arguments = tuple(w for w in expanded[index + 1 :] if not re.match(r"\d?>|2>&1|tee$", w))
    match = _PROCESSES.search(" ".join(expanded[:index]))
    return Command(where, dict(environment), script, arguments, statement[:2_000], int(match[1]) if match else None)


def _script_index(words: list[str]) -> int | None:
    """Where the script stands: the first word that is one, or `-m`."""
    skip = False
    for index, word in enumerate(words):
        if skip:
            skip = False
        elif word in _OPTIONS_WITH_VALUE:
            skip = True
        elif word == "-c":
            return None
        elif word == "-m" or word.endswith((".py", ".sh")):
            return index
    return None

"""Which file of the folder is run, and by which launchers."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import cache, partial

from auditor.claims import Claims, Command
from auditor.submission import Submission, SubmissionFile

# Scripts that README files and launchers run besides the program: data preparation, checks, packing, plots.
_SIDE_SCRIPT = re.compile(
    r"(?:^|[_-])(?:prepare|download|cached|retokeni[sz]e|tokeni[sz]er?|build|make|setup|tests?|smoke|pack|golfer|verify|validate"
    r"|analy[sz]e|plot|sweep|audit|check|count|convert|upload|submit|sync|probe|bench|benchmark|launch|modal|requirements)(?:[_.-]|$)"
)
_SCRIPT_NAME = re.compile(r"[\w./+=-]*[\w-]\.py\b")
_MAX_LAUNCHER = 200_000


@dataclass(frozen=True, slots=True)
class Entry:
    """The script that runs first. `others` are scripts that a documented command runs for the evaluation besides it."""

    path: str
    because: str
    launchers: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Named:
    path: str
    where: str
    launcher: str | None
    processes: int | None


def choose_entry(submission: Submission, claims: Claims, near: str = "") -> Entry | None:
    """The entry of the program; None where the folder holds no Python file."""
    scripts = [f for f in submission.files if f.path.endswith(".py")]
    if not scripts:
        return None
    beside = f"{near}/train_gpt.py"
    if near and beside in submission.by_path:
        return Entry(beside, "it stands beside the logs of the score", _launchers(submission, beside, set()))
    named = _named(submission, claims)
    main = [n for n in named if not is_side_script(n.path)]
    if main:
        best = min(main, key=_rank)  # the first of those
        via = f" through {best.launcher}" if best.launcher else ""
        others = tuple(dict.fromkeys(n.path for n in main if n.path != best.path and "eval" in _base(n.path)))
        launchers = _launchers(submission, best.path, {n.launcher for n in named if n.launcher})
        return Entry(best.path, f"{best.where} runs it{via}", launchers, others)
    path, because = _by_name(scripts)
    return Entry(path, because, _launchers(submission, path, set()))


def is_side_script(path: str) -> bool:
    return bool(_SIDE_SCRIPT.search(_base(path).lower()))


def match(submission: Submission, name: str, suffix: str = "") -> str | None:
    """The file of the folder that a path in a command or script names: longest common tail, then shallowest."""
    wanted = [p for p in posixpath.normpath(name.strip("\"'")).split("/") if p not in (".", "..")]
    hits: list[tuple[int, int, str]] = []
    for file in submission.files:
        parts = file.path.split("/")
        if not wanted or parts[-1] != wanted[-1] or not file.path.endswith(suffix):
            continue
        common = 0
        while common < min(len(parts), len(wanted)) and parts[-1 - common] == wanted[-1 - common]:
            common += 1
        hits.append((-common, len(parts), file.path))
    return min(hits)[2] if hits else None


def _named(submission: Submission, claims: Claims) -> list[_Named]:
    """Scripts of the folder that documented commands run, directly or through a launcher of the folder."""
    found: list[_Named] = []
    file_of = cache(partial(match, submission))  # one command may be documented a thousand times
    scripts_of = cache(partial(_scripts_in, submission))
    seen: set[tuple[str, str]] = set()
    for command in claims.commands:
        name = command.script or ""
        if name.endswith(".py"):
            path = file_of(name)
            if path is not None:
                found.append(_Named(path, command.where, None, command.processes))
        for launcher in _shell_names(command):
            path = file_of(launcher)
            if path is not None:
                found.extend(_Named(p, command.where, path, 1) for p in scripts_of(path) if (path, p) not in seen)
                seen.update((path, p) for p in scripts_of(path))
    if not found:
        for file in submission.files:
            if file.path.endswith(".sh") and not is_side_script(file.path):
                found.extend(_Named(p, file.path, None, None) for p in _scripts_in(submission, file.path))
    return found


def _shell_names(command: Command) -> list[str]:
    return [word for word in (command.script or "", *command.arguments) if word.endswith(".sh")]


def _scripts_in(submission: Submission, launcher: str) -> list[str]:
    """Python files of the folder that a shell script mentions."""
    text = submission.by_path[launcher].text[:_MAX_LAUNCHER]
    paths = (match(submission, name) for name in dict.fromkeys(_SCRIPT_NAME.findall(text)))
    return [p for p in paths if p is not None]


def _rank(named: _Named) -> tuple[bool, bool, int]:
    # The script that the challenge asks for, then what several processes run, then the shallowest.
    return (_base(named.path) != "train_gpt.py", named.processes is None, named.path.count("/"))


def _by_name(scripts: list[SubmissionFile]) -> tuple[str, str]:
    def shallowest(files: list[SubmissionFile]) -> str:
        return min(files, key=lambda f: (f.path.count("/"), f.path)).path

    exact = [f for f in scripts if _base(f.path) == "train_gpt.py"]
    if exact:
        return shallowest(exact), "it is named train_gpt.py"
    training = [f for f in scripts if _base(f.path).startswith("train") and not is_side_script(f.path)]
    if len(training) == 1:
        return training[0].path, "it is the only training script"
    if len(scripts) == 1:
        return scripts[0].path, "it is the only Python file"
    pool = training or [f for f in scripts if not is_side_script(f.path)] or scripts
    reading = [f for f in pool if "fineweb_val" in f.text]
    running = reading or [f for f in pool if "__main__" in f.text] or pool
    because = "reads the validation shards" if reading else "runs as a program" if running is not pool else "there is"
    return max(running, key=lambda f: (f.size or 0, f.path)).path, f"it is the largest Python file that {because}"


def _launchers(submission: Submission, entry: str, named: set[str | None]) -> tuple[str, ...]:
    """Shell scripts that commands name, or that mention the entry by its name."""
    mention = re.compile(r"(?<![\w-])" + re.escape(_base(entry)) + r"(?![\w-])")
    found = [
        f.path
        for f in submission.files
        if f.path.endswith((".sh", ".bash")) and (f.path in named or mention.search(f.text[:_MAX_LAUNCHER]))
    ]
    return tuple(found)


def _base(path: str) -> str:
    return path.rsplit("/", 1)[-1]

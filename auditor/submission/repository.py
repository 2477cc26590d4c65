"""A git repository as a store of objects and refs, read without obeying anything that its configuration says.

A clone is untrusted: its configuration can name programs to run (filters, hooks, monitors, signature
verifiers) and remotes to fetch missing objects from. Refs are therefore read with two commands that run
nothing, and objects through a private git directory that borrows the clone's object store and has a
configuration of its own.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from auditor.limits.scratch import Scratch
from auditor.submission.bounds import printable
from auditor.submission.model import SubmissionError

_WORDS = 4_000  # characters of what git says of its failure
GIT_SECONDS = 120  # a git command that takes longer is stuck


def _environment() -> dict[str, str]:
    """The caller's environment without its GIT_* variables (a hook sets GIT_DIR), and with all that reaches out off."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env |= {
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }
    return env


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a git command printed, None when it failed, and its own words then: one line, safe to print."""

    out: bytes | None
    words: str = ""


def _git(arguments: list[str], env: Mapping[str, str]) -> bytes | None:
    """Standard output of a git command, None when it fails. SubmissionError when git cannot be run."""
    return _ask(arguments, env).out


def _ask(arguments: list[str], env: Mapping[str, str]) -> _Answer:
    try:
        done = subprocess.run(
            ["git", *arguments],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise SubmissionError("git is needed to read a clone, and was not found") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise SubmissionError(f"git cannot be run: {error}") from None
    except subprocess.TimeoutExpired:
        raise SubmissionError(f"git did not answer within {GIT_SECONDS} s") from None
    if done.returncode == 0:
        return _Answer(done.stdout)
    lines = [line for line in printable(done.stderr[:_WORDS]).splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith("fatal:")), lines[-1] if lines else "")
    if said.endswith(":") and said != lines[-1]:
        said = f"{said} {lines[lines.index(said) + 1].strip()}"
    return _Answer(None, said or f"exit status {done.returncode}")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a repository keeps its parts. `bare`: it has no work tree."""

    path: Path
    objects: Path
    shallow: Path
    bare: bool
    object_format: str  # "sha1" or "sha256"
    sparse: bool = False  # the work tree may lack files on purpose


def locate(path: Path) -> Layout | None:
    """The repository at exactly `path` (its work tree's root or its git directory); None when there is none.

    SubmissionError, in git's own words, where there is one that this git does not read.
    """
    if not path.is_dir():
        return None
    path = path.resolve()
    for folder in (path, path / ".git"):
        _check_files(folder)
    # The ceiling keeps git from adopting a repository that merely surrounds the path.
    env = _environment() | {"GIT_CEILING_DIRECTORIES": str(path.parent)}
    ask = [
        "--git-path",
        "refs",
        "--git-path",
        "objects",
        "--git-path",
        "shallow",
        "--git-path",
        "info/sparse-checkout",
        "--is-bare-repository",
        "--show-object-format",
    ]
    answer = _ask(["-c", "safe.directory=*", "-C", str(path), "rev-parse", *ask], env)
    if answer.out is None:
        if "not a git repository" in answer.words:
            return None
        raise SubmissionError(f"{path}: git cannot read this repository ({answer.words})")
    lines = os.fsdecode(answer.out).splitlines()
    if len(lines) != 6:
        return None
    refs, objects, shallow, sparse = (path / line for line in lines[:4])
    _check_refs(refs)
    _check_objects(objects)
    return Layout(path, objects, shallow, lines[4] == "true", lines[5], sparse.is_file())


# What git reads before it says anything.
_READ_FIRST = ("HEAD", "config", "commondir", "gitdir", "packed-refs", "shallow", "index", "objects/info/alternates")


def _check_files(folder: Path) -> None:
    """Raises SubmissionError for a pipe or a device where git expects a file: it would wait, or read for ever."""
    for name in _READ_FIRST:
        with suppress(OSError):
            mode = (folder / name).stat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise SubmissionError(f"{folder}: {name} is no file: the repository is not read")


def _check_refs(folder: Path) -> None:
    """Raises SubmissionError where a ref is a link to a folder, which git would search to its end, or a pipe."""
    waiting = [folder]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif not entry.is_file() and (not entry.is_symlink() or entry.is_dir()):
                    name = printable(os.fsencode(os.path.relpath(entry.path, folder)))
                    raise SubmissionError(f"{folder.parent}: refs/{name} is no ref: the repository is not read")


def _check_objects(folder: Path) -> None:
    """Raises SubmissionError for a pipe or a device among the objects, packs and graphs, and those borrowed from."""
    borrowed: list[str] = []
    with suppress(OSError):
        borrowed = os.fsdecode((folder / "info" / "alternates").read_bytes()[:_WORDS]).splitlines()
    waiting = [folder, *(folder / line for line in borrowed if line and "\0" not in line)]
    seen: set[str] = set()
    while waiting:
        place = os.path.realpath(waiting.pop())
        if place in seen:
            continue
        seen.add(place)
        with suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif not entry.is_file() and not entry.is_dir() and os.path.exists(entry.path):
                    name = printable(os.fsencode(entry.name))
                    raise SubmissionError(f"{folder.parent}: {name} is no object's file: the repository is not read")


class Repository:
    """An open repository: its refs, and git commands on its objects. Use as a context manager.

    Raises SubmissionError (usage) when `path` is no git repository.
    """

    def __init__(self, path: Path) -> None:
        layout = locate(path)
        if layout is None:
            reason = "is not a git repository" if path.exists() else "does not exist"
            raise SubmissionError(f"{path} {reason}", usage=True)
        self.layout = layout
        self.words = ""
        self._scratch = Scratch("git")
        self._borrow(self._scratch.path)

    def _borrow(self, scratch: Path) -> None:
        (scratch / "refs").mkdir()
        (scratch / "objects").mkdir()
        (scratch / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
        config = "[core]\n\tbare = true\n\trepositoryformatversion = 1\n"
        if self.layout.object_format != "sha1":
            config += f"[extensions]\n\tobjectFormat = {self.layout.object_format}\n"
        (scratch / "config").write_text(config, encoding="ascii")
        if self.layout.shallow.is_file():
            (scratch / "shallow").write_bytes(self.layout.shallow.read_bytes())
        self.env = _environment() | {
            "GIT_DIR": str(scratch),
            "GIT_OBJECT_DIRECTORY": str(self.layout.objects),
        }

    def __enter__(self) -> Repository:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._scratch.cleanup()

    def git(self, *arguments: str) -> bytes | None:
        """Standard output of a git command on the objects; None when it fails, and `words` say why."""
        answer = _ask(["--no-pager", *arguments], self.env)
        self.words = answer.words
        return answer.out

    def setting(self, name: str) -> str:
        """A value of the repository's configuration, "" where it has none: read, never obeyed."""
        place = ["-c", "safe.directory=*", "-C", str(self.layout.path)]
        env = _environment() | {"GIT_CEILING_DIRECTORIES": str(self.layout.path.parent)}
        return printable(_git([*place, "config", "--get", name], env) or b"").strip()

    def refs(self) -> dict[str, str]:
        """Every ref's full name with its object id, and "HEAD" where it resolves."""
        place = ["-c", "safe.directory=*", "-C", str(self.layout.path)]
        env = _environment() | {"GIT_CEILING_DIRECTORIES": str(self.layout.path.parent)}
        listing = _git([*place, "for-each-ref", "--format=%(objectname) %(refname)"], env) or b""
        pairs = (line.partition(" ") for line in os.fsdecode(listing).split("\n"))
        refs = {name: oid for oid, _, name in pairs if name}
        head = _git([*place, "rev-parse", "--verify", "--quiet", "HEAD"], env)
        if head is not None:
            refs["HEAD"] = head.decode("ascii", errors="replace").strip()
        return refs

"""A command as a process: signals, a reader that leaves, a disk that is full, and files that are whole or not there."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TextIO, cast

from auditor.commands import plainly
from auditor.limits.model import LimitReached, WorkerDied, WorkerFailed, describe
from auditor.report.text import one_line, without_commands

OK, FAILED, USAGE, NOT_JUDGED, BROKEN, INTERRUPTED = 0, 1, 2, 3, 4, 130
_ENDING = ("SIGTERM", "SIGHUP")


class UsageError(Exception):
    """Wrong usage; the message is one line for the user."""


class Unwritable(Exception):
    """What there is to say cannot be written; the message is one line for the user. `usage`: not even opened."""

    def __init__(self, message: str, *, usage: bool = False) -> None:
        super().__init__(message)
        self.usage = usage


class Ended(BaseException):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def guarded(name: str, body: Callable[[Sequence[str]], int], argv: Sequence[str] | None) -> int:
    """`body(arguments)` as the whole of a command: its exit status, and never an exception, whatever happens."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _open_streams()
    plainly.register()
    for stream in (sys.stdout, sys.stderr):
        # A name that the locale cannot print must not end the report.
        with contextlib.suppress(AttributeError, ValueError):
            cast("object", stream).reconfigure(errors=plainly.HANDLER)  # type: ignore[attr-defined]
    try:
        with _ending_signals():
            status = _status(body, arguments)
            with written("standard output"):
                sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader has gone (`golf-audit ... | head`): nothing more can be said, not even at exit.
        _mute()
        return BROKEN
    except Unwritable as error:
        _mute()
        return say(name, str(error), USAGE if error.usage else BROKEN)
    except KeyboardInterrupt:
        return say(name, "interrupted", INTERRUPTED)
    except Ended as ended:
        return say(name, f"ended by {signal.Signals(ended.number).name}", 128 + ended.number)
    except UsageError as error:
        return say(name, str(error), USAGE)
    except LimitReached as reached:
        return say(name, str(reached), NOT_JUDGED)
    except WorkerDied as error:
        return say(name, str(error), BROKEN)
    except Exception as error:
        from auditor.submission import SubmissionError

        if isinstance(error, SubmissionError):
            return say(name, str(error), USAGE if error.usage else NOT_JUDGED)
        if "--debug" in arguments:
            trace = error.trace if isinstance(error, WorkerFailed) else traceback.format_exc()
            print(without_commands(trace), file=sys.stderr)
        what = error.message if isinstance(error, WorkerFailed) else describe(error)
        return say(name, f"internal error: {what}; --debug shows where", BROKEN)


def _open_streams() -> None:
    """Standard streams that the caller has closed (`2>&-`) lead nowhere: the next file to be opened would get their
    number, and what is said would be written into it. Writing to a standard output that is closed fails."""
    for number, name, mode in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        if getattr(sys, name) is not None:
            continue
        with contextlib.suppress(OSError):
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8"))  # noqa: SIM115


def _status(body: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    try:
        return body(arguments)
    except SystemExit as leaving:  # argparse, after --help and --version
        return leaving.code if isinstance(leaving.code, int) else 0


def say(name: str, message: str, status: int = OK) -> int:
    """One line on standard error; returns `status`."""
    with contextlib.suppress(OSError):
        print(without_commands(f"{name}: {one_line(message, 1000)}"), file=sys.stderr)
    return status


def _mute() -> None:
    """What is left in the buffer goes nowhere: Python would try again at exit, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _ending_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind the command, so that its workers and folders go with it; nohup stays in force."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Ended(number)

    before: dict[int, Any] = {}
    if hasattr(signal, "SIGCHLD"):
        with contextlib.suppress(ValueError):
            if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # how a worker has ended would not be told
                before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in (getattr(signal, name) for name in _ENDING if hasattr(signal, name)):
        with contextlib.suppress(ValueError):  # not the main thread: someone else's process
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def written(place: str) -> Iterator[None]:
    """Raises Unwritable for a disk that is full or gone; BrokenPipeError for a reader that is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritable(f"cannot write {place}: {error.strerror or error}") from error


@contextlib.contextmanager
def output_file(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or the file at `path`: what was there before, or all that is written; never a part.

    What is no regular file (a pipe, a device) is written to as it is. Raises Unwritable.
    """
    if path is None:
        with written("standard output"):
            yield sys.stdout
            sys.stdout.flush()
        return
    place = repr(str(path))
    target = Path(os.path.realpath(path))
    try:
        beside, out = _opened(target)
    except OSError as error:
        raise Unwritable(f"cannot write {place}: {error.strerror}", usage=True) from error
    try:
        with written(place):
            with out:
                yield out
                out.flush()
                if beside is not None:
                    os.fsync(out.fileno())
                    beside.appear()
            if beside is not None:
                beside.replace()
    except BaseException:
        if beside is not None:
            beside.forget()
        raise


class _Beside:
    """A new file that is to replace `target`. Where the system can, it has no name until it is whole: a command that
    is killed leaves nothing behind."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._name: Path | None = None
        try:
            self.descriptor = os.open(target.parent, os.O_TMPFILE | os.O_WRONLY, 0o600)
            os.stat(f"/proc/self/fd/{self.descriptor}")
        except (AttributeError, OSError):  # no Linux, or a file system that cannot
            self.descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
            self._name = Path(name)

    def appear(self) -> None:
        """The file, still open and whole now, has a name."""
        if self._name is not None:
            return
        name = self._target.with_name(f".{self._target.name[:100]}.{os.getpid()}")
        name.unlink(missing_ok=True)
        folder = os.open(self._target.parent, os.O_PATH)
        try:  # with a descriptor of a folder, the link that /proc has for the open file is followed
            os.link(f"/proc/self/fd/{self.descriptor}", name.name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            os.close(folder)
        self._name = name

    def replace(self) -> None:
        assert self._name is not None
        self._name.replace(self._target)

    def forget(self) -> None:
        if self._name is not None:
            self._name.unlink(missing_ok=True)


def _opened(target: Path) -> tuple[_Beside | None, TextIO]:
    """A new file beside `target`; or `target` itself where it has to be written in place."""
    here = target.stat() if target.exists() else None
    if here is not None and not stat.S_ISREG(here.st_mode):
        return None, target.open("w", encoding="utf-8", newline="\n")
    if here is not None:
        target.open("a").close()  # may it be written at all?
    try:
        beside = _Beside(target)
    except PermissionError:
        return None, target.open("w", encoding="utf-8", newline="\n")
    mode = stat.S_IMODE(here.st_mode) if here is not None else 0o666 & ~_umask()
    if hasattr(os, "fchmod"):
        os.fchmod(beside.descriptor, mode)
    return beside, open(beside.descriptor, "w", encoding="utf-8", newline="\n")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

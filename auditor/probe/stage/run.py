"""One run of a submission in the sandboxed child: the stage is put up, the recorder goes in, the script is executed."""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from auditor.probe.job import Job, Turn, Wanted, encode
from auditor.probe.stage import reading, source, world
from auditor.probe.stage.output import Printed

_leave = os._exit  # before a script, or the stage, can replace it


class Stem(Protocol):
    """What stands still until it is told to go on, in a fork or alone, with what it is given then."""

    def stand(self) -> bytes | None: ...


class Channel(Protocol):
    """Where frames go."""

    def send(self, frame: bytes) -> None: ...

    def returned(self) -> None: ...


def perform(argument: bytes, channel: Channel, stem: Stem | None = None) -> None:
    """Runs the job and sends what is recorded; how it ended is the last frame of the stage.

    `stem`: where the validation tokens are first read, that stands still; forks go on with what they are given.
    """
    job = world.settled(Job.from_bytes(argument))
    asked: set[str] = set()

    def note(name: str) -> None:
        if name not in asked and _asked_by_submission(job.root):
            asked.add(name)
            channel.send(encode("absent", name=name))

    watch = _smoke_watch(job)

    def ask(wanted: Wanted) -> None:
        channel.send(encode("compile", language=wanted.language, source=wanted.source, options=wanted.options))

    world.install(job, note, ask)
    if watch is not None:
        watch.install()

    def over() -> None:
        """The run ends here, as if the script had."""
        out.finish()
        recorder.close()
        channel.send(encode("ended"))
        channel.returned()
        _leave(0)

    recorder, instrument = _recorder(job, channel, over)
    if stem is not None:
        reading.watch(reading.shards("."), stem.stand, lambda given: _turn(recorder, channel, given, over))
    out, errors = _capture(recorder.printed)
    try:
        end = _execute(job, instrument, getattr(recorder, "seen", None))
    finally:
        out.finish()
        recorder.close()
    if watch is not None and watch.figures:
        channel.send(encode("smoke", figures=watch.figures))
        end = None
    if end is None:
        channel.send(encode("ended"))
    else:
        channel.send(_failure(end, job.root, (errors.last or out.last or [""])[-1]))


def _smoke_watch(job: Job) -> Any:
    if job.mode != "smoke":
        return None
    from auditor.probe.stage.smoke import Watch

    return Watch()


class _NoRecorder:
    def printed(self, line: str) -> None:
        pass

    def close(self) -> None:
        pass


def _recorder(job: Job, channel: Channel, over: Callable[[], None]) -> tuple[Any, source.Instrument | None]:
    if not job.record:
        return _NoRecorder(), None
    from auditor.probe import record
    from auditor.probe.sandbox.forks import fork, settle

    recorder = record.install(
        channel, root=job.root, contexts=job.contexts, exchanges=job.exchanges, fork=fork, settle=settle,
        stream=_stream(job.scene) if job.scene else None,
        hook=job.hook or record.PROBE, over=over if job.until_tried else None,
    )  # fmt: skip
    return recorder, record.instrument


def _turn(recorder: Any, channel: Channel, given: bytes, over: Callable[[], None]) -> None:
    """A fork goes on as a run of its own."""
    from auditor.probe import record
    from auditor.probe.sandbox.forks import fork, settle

    turn = Turn.from_bytes(given)
    watching = record.watching(turn.exchanges, channel, fork, settle, over if turn.until_tried else None)
    recorder.follow(_stream("."), turn.contexts, watching)


def _stream(folder: str) -> Any:
    """The validation tokens of this run; None where there are none."""
    import numpy

    found = reading.shards(folder)
    return numpy.fromfile(found[0], dtype="<u2", offset=1024) if found else None


def _capture(on_line: Callable[[str], None]) -> tuple[Printed, Printed]:
    out, errors = Printed(sys.stdout, on_line), Printed(sys.stderr, on_line)
    system: Any = sys
    system.stdout, system.stderr = out, errors
    return out, errors


def _execute(job: Job, instrument: source.Instrument | None, seen: Any) -> BaseException | None:
    """Runs the entry as `__main__`; what ended it early, None for its end."""
    build = source.Builder(job, instrument, seen)
    if job.modules:
        sys.meta_path.insert(0, source.Units(job.root, job.modules, build))
    module = source.main_module(str(Path(job.root, job.entry)))
    try:
        exec(build(job.entry, job.text), module.__dict__)
    except SystemExit as leaving:
        return None if leaving.code in (None, 0) else leaving
    except BaseException as error:
        return error
    return None


def _failure(error: BaseException, root: str, said: str) -> bytes:
    """`said`: the last line that was printed, of the errors where there are any."""
    where = [
        (os.path.relpath(frame.filename, root), frame.lineno or 0, frame.name)
        for frame in traceback.extract_tb(error.__traceback__)
        if _inside(frame.filename, root)
    ]
    path, line = where[-1][:2] if where else ("", 0)
    source = linecache.getline(os.path.join(root, path), line).strip()[:2_000] if where else ""
    message = " ".join(str(error).split())[:600]
    if isinstance(error, SystemExit):
        message = f"exit status {message}; last line printed: {said}"
    return encode(
        "failure", error=type(error).__name__, message=message, path=path, line=line, frames=where, source=source
    )


def _inside(filename: str, root: str) -> bool:
    return filename.startswith(root.rstrip("/") + "/")


def _asked_by_submission(root: str) -> bool:
    """Whether the import under way was written in the submission, not in a library that it uses."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if _inside(name, root):
            return True
        if "importlib" not in name and not name.startswith("<frozen") and "auditor/probe/stage" not in name:
            return False
        frame = frame.f_back  # type: ignore[assignment]
    return False

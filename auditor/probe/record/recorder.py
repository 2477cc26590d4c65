"""Installs the recording in the child and takes the script's printed lines."""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.optimizer import register_optimizer_step_post_hook

from auditor.probe.record.frames import pack
from auditor.probe.record.hooks import Hooks
from auditor.probe.record.mode import Recording
from auditor.probe.record.seen import Seen
from auditor.probe.record.syntax import PROBE
from auditor.probe.record.tape import Channel, Tape, Watcher

_FIGURE = re.compile(r"bpb|loss|bits|nll", re.IGNORECASE)
_NUMBER = re.compile(r"\d+\.\d+")
_FEW, _LOCALS = 12, 400  # numbers of a line, names of a function that are looked at
_LINE_LENGTH = 2000
_LINES_AT_MOST = 20_000
_IDLE = 200  # lines
_FRAMES = 4  # of the submission, kept for each call site


class Recorder:
    """Alive for one run. `root`: the folder whose frames are the submission's; `contexts`: as `Losses` has them."""

    def __init__(
        self, channel: Channel, root: str, contexts: Iterable[Sequence[int]] = (), watcher: Watcher | None = None,
        seen: Seen | None = None, hook: str = PROBE,
    ) -> None:  # fmt: skip
        self.seen, self._hook_name = seen, hook
        self.tape = Tape(channel)
        self.tape.watcher = watcher
        self.root = root.rstrip("/") + "/"
        self.lines = 0
        self.mode = Recording(self.tape, self._site, contexts)

    def start(self) -> None:
        told: dict[str, Any] = {}
        if self.seen is not None:
            self.seen.is_score = self.mode.mirrors.is_score
            told = {"e": self.seen.e, "t": self.seen.t}
            self.mode.embedded = self._embedded
        setattr(builtins, self._hook_name, Hooks(self.mode.mirrors, self.mode.arrays, **told))
        self._hook = register_optimizer_step_post_hook(self._stepped)
        self._watch_backward()
        self.mode.__enter__()

    def follow(self, stream: NDArray[Any], contexts: Iterable[Sequence[int]], watcher: Watcher | None) -> None:
        """What comes now is a run on that stream: as if it had been given to the constructor."""
        if self.seen is not None:
            self.seen.follow(stream)
        self.mode.losses.expect(contexts)
        self.tape.watcher = watcher

    def printed(self, line: str) -> None:
        if _FIGURE.search(line) and self.lines < _LINES_AT_MOST:
            self.lines += 1
            self._look()
            self.tape.line(line[:_LINE_LENGTH], self._exact(line[:_LINE_LENGTH]))

    def _exact(self, line: str) -> list[tuple[str, float]]:
        """Numbers of the line as the functions at work hold them, whole: a printed figure has lost its last digits."""
        wanted = {text: len(text.partition(".")[2]) for text in _NUMBER.findall(line)[:_FEW]}
        found: dict[str, float] = {}
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and wanted:
            if frame.f_code.co_filename.startswith(self.root):
                for value in list(frame.f_locals.values())[:_LOCALS]:
                    if type(value) in (float, np.float64) and abs(value) < 1e6:
                        for text in [t for t, digits in wanted.items() if f"{value:.{digits}f}" == t]:
                            found[text] = float(value)
                            del wanted[text]
            frame = frame.f_back
        return list(found.items())

    @contextmanager
    def paused(self) -> Iterator[None]:
        before, self.mode.paused = self.mode.paused, True
        try:
            yield
        finally:
            self.mode.paused = before

    def close(self) -> None:
        """Sends what is left. A second call does nothing."""
        if self.seen is not None and not self.tape.closed:
            for frame in self.seen.frames():
                self.tape.channel.send(frame)
        if not self.tape.closed:
            self.tape.channel.send(pack("idle", sorted(self.mode.bounds.found)[:_IDLE]))
        self.tape.close()

    def stop(self) -> None:
        """Takes the recording off again, where the process goes on: the last mode entered must be this one."""
        self.mode.__exit__(None, None, None)
        self._hook.remove()
        torch.autograd.backward = self._genuine_backward
        delattr(builtins, self._hook_name)

    def _look(self) -> None:
        """Which names hold the stream now. Whatever goes wrong in there is no trouble of the script's."""
        if self.seen is None:
            return
        try:
            with torch._C.DisableTorchFunction():
                self.seen.look()
        except Exception as error:
            self.tape.fault(f"look: {type(error).__name__}: {str(error)[:200]}")

    def _embedded(self) -> None:
        assert self.seen is not None
        try:
            with torch._C.DisableTorchFunction():
                self.seen.embedded()
        except Exception as error:
            self.tape.fault(f"embedded: {type(error).__name__}: {str(error)[:200]}")

    def _stepped(self, *_: Any) -> None:
        self.tape.step()

    def _watch_backward(self) -> None:
        """`torch.autograd.backward(losses)` does not pass through modes, and `loss.backward()` ends in it."""
        self._genuine_backward = genuine = torch.autograd.backward
        tape = self.tape

        def backward(*args: Any, **kwargs: Any) -> Any:
            out = genuine(*args, **kwargs)
            tape.backward()
            return out

        torch.autograd.backward = backward

    def _site(self) -> int:
        """The innermost frames of the submission, as one number."""
        frames: list[tuple[str, int, str]] = []
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and len(frames) < _FRAMES:
            name = frame.f_code.co_filename
            if name.startswith(self.root):
                frames.append((name[len(self.root) :], frame.f_lineno, frame.f_code.co_name))
            frame = frame.f_back
        found = tuple(frames)
        if self.seen is not None and not self.tape.known(found):
            self._look()
        return self.tape.site(found)


def install(channel: Channel, *, root: str, **how: Any) -> Recorder:
    """Starts recording. After the fake world, before the script: what is wrapped is what is there now."""
    recorder = Recorder(channel, root, **how)
    recorder.start()
    return recorder

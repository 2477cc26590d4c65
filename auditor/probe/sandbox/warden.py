"""The warden: a process that confines itself, imports what every run needs once, and forks a run per call.

It is started by `jail` and talks to it over one socket: a message per request, descriptors along with it. It runs no
code of a submission; the run takes a further layer before it does.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from auditor.probe.sandbox import landlock, seccomp
from auditor.probe.sandbox.channel import Channel
from auditor.probe.sandbox.forks import Stem
from auditor.probe.sandbox.model import CUT_OFF, Limits, Mechanism
from auditor.probe.sandbox.system import adopt_orphans, die_with_parent, drop_capabilities, hide_memory

_leave = os._exit  # before the stage replaces it by what unwinds: an interpreter that is taken down costs 0.2 s
_MESSAGE_BYTES = 1 << 17
_SPARE_ADDRESSES = 4 << 30  # bytes over the memory limit: allocators and threads reserve more than they use
_DESCRIPTORS = 1024
Held = dict[int, tuple[int, float] | None]
"""Calls that go on beside others; once one has ended, its status as wait(2) gives it, and its processor seconds."""


def main(descriptor: int) -> None:
    control = socket.socket(fileno=descriptor)
    setup = json.loads(control.recv(_MESSAGE_BYTES))
    mechanisms = frozenset(Mechanism(m) for m in setup["mechanisms"])
    try:
        _confine(setup, mechanisms)
        for module in setup["preload"]:
            importlib.import_module(module)
    except BaseException as error:
        traceback.print_exc()
        _answer(control, {"failed": f"{type(error).__name__}: {error}"[:2000]})
        return
    gc.collect()
    gc.freeze()  # a collection in the run would copy every page
    folder = os.open(setup["scratch"], os.O_RDONLY | os.O_DIRECTORY)  # with bubblewrap the parent has no path to it
    _answer(control, {"ready": os.getpid()}, [folder, *_process_handle(os.getpid())])
    held: Held = {}
    while True:
        request, descriptors = _request(control)
        if request is None:
            return  # the parent has gone
        if "reap" in request:
            _answer(control, _reaped(request["reap"], held))
        else:
            _serve(control, setup, mechanisms, request, descriptors, held)


def _request(control: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    message, descriptors, _, _ = socket.recv_fds(control, _MESSAGE_BYTES, 8)
    return (json.loads(message) if message else None), list(descriptors)


def _confine(setup: dict[str, Any], mechanisms: frozenset[Mechanism]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    _volunteer_for_memory_shortage()
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))
    hide_memory(True)
    adopt_orphans()
    drop_capabilities()
    die_with_parent()
    if Mechanism.LANDLOCK in mechanisms:
        _restrict(setup)
    if Mechanism.SECCOMP in mechanisms:
        seccomp.confine_warden()


def _restrict(setup: dict[str, Any]) -> None:
    landlock.restrict(map(Path, setup["readable"]), map(Path, setup["writable"]))


def _volunteer_for_memory_shortage() -> None:
    with suppress(OSError):  # no /proc here
        Path("/proc/self/oom_score_adj").write_text("500")


def _process_handle(pid: int) -> list[int]:
    try:
        return [os.pidfd_open(pid)]
    except (OSError, AttributeError):
        return []  # before Linux 5.3, or refused by a container: the parent ends the whole jail instead


def _answer(control: socket.socket, content: dict[str, Any], descriptors: list[int] | None = None) -> None:
    socket.send_fds(control, [json.dumps(content).encode()], descriptors or [])
    for descriptor in descriptors or ():
        os.close(descriptor)


def _serve(
    control: socket.socket,
    setup: dict[str, Any],
    mechanisms: frozenset[Mechanism],
    request: dict[str, Any],
    descriptors: list[int],
    held: Held,
) -> None:
    """A call that is `held` goes on beside others; the parent knows by its handle when it has ended."""
    request["addresses"] = _addresses()
    _flush()
    pid = os.fork()
    if pid == 0:
        _run(control, setup, mechanisms, request, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    _answer(control, {"started": pid}, _process_handle(pid))
    if request["held"]:
        held[pid] = None
    else:
        _answer(control, _reaped(pid, held))


def _reaped(pid: int, held: Held) -> dict[str, Any]:
    """How the process ended. Held ones that end meanwhile are remembered; orphans of the namespace end up here too."""
    found = held.pop(pid, None)
    while found is None:
        gone, status, usage = os.wait4(-1, 0)
        end = status, usage.ru_utime + usage.ru_stime
        if gone == pid:
            found = end
        elif gone in held:
            held[gone] = end
    return {"ended": found[0], "cpu": found[1]}


def _run(
    control: socket.socket,
    setup: dict[str, Any],
    mechanisms: frozenset[Mechanism],
    request: dict[str, Any],
    descriptors: list[int],
) -> NoReturn:
    """The run, from its fork to its end."""
    status = 70
    try:
        argument, channel, stem = _prepare(control, setup, mechanisms, request, descriptors)
        status = _call(request["target"], argument, channel, *stem)
    except BaseException:
        traceback.print_exc()
    finally:
        _leave(status)


def _prepare(
    control: socket.socket,
    setup: dict[str, Any],
    mechanisms: frozenset[Mechanism],
    request: dict[str, Any],
    descriptors: list[int],
) -> tuple[bytes, Channel, tuple[Stem, ...]]:
    given, results, out, err, *orders = descriptors
    os.setsid()
    os.dup2(out, 1)
    os.dup2(err, 2)
    argument = os.pread(given, os.fstat(given).st_size, 0)
    _close_all_but({results, control.fileno(), *orders})
    channel = Channel(results, bytes.fromhex(request.pop("key")))
    os.chdir(setup["scratch"])
    _limit(Limits(**request["limits"]), request["addresses"])
    if Mechanism.LANDLOCK in mechanisms:
        setup["readable"] = [p for p in setup["readable"] if p not in setup["warden_only"]]
        _restrict(setup)  # a domain below the warden's: it may not signal or trace what is above
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)  # what a run said before it was killed is there
    hide_memory(False)  # the watcher looks at the run's descriptors
    die_with_parent()
    filtered, apart = Mechanism.SECCOMP in mechanisms, Mechanism.BUBBLEWRAP in mechanisms
    if filtered and not apart:
        _answer(control, {"asks": True}, [seccomp.ask_before_making()])
    control.close()
    if not filtered:
        os.nice(10)  # it may fork: the watcher has to get its turn
    else:
        seccomp.confine_run(os.getpid(), attributes=apart, forks=apart and request["limits"]["forks"])
    return argument, channel, tuple(Stem(descriptor, channel) for descriptor in orders)


def _close_all_but(kept: set[int]) -> None:
    """Of the descriptors above 2."""
    start = 3
    for descriptor in sorted(kept):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, _DESCRIPTORS)


def _addresses() -> int:
    """Bytes of address space in use."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return _SPARE_ADDRESSES  # no /proc here


def _limit(limits: Limits, used_addresses: int) -> None:
    seconds = max(1, round(limits.cpu_seconds))
    addresses = used_addresses + limits.memory_bytes + _SPARE_ADDRESSES
    for what, soft, hard in (
        (resource.RLIMIT_CPU, seconds, seconds + 1),  # SIGXCPU, then SIGKILL where it is ignored
        (resource.RLIMIT_AS, addresses, addresses),
        (resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
    ):
        resource.setrlimit(what, (soft, hard))


def _call(target: str, argument: bytes, channel: Channel, *stem: Stem) -> int:
    try:
        module, name = target.split(":")
        function: Callable[..., None] = getattr(importlib.import_module(module), name)
        function(argument, channel, *stem)
    except BaseException as error:
        traceback.print_exc()
        _flush()
        return _last(channel, f"{type(error).__name__}: {error}")
    _flush()
    return _last(channel, None)


def _last(channel: Channel, reason: str | None) -> int:
    """Send the last frame; the exit status."""
    try:
        channel.returned() if reason is None else channel.raised(reason)
    except OSError:
        return CUT_OFF
    return 0 if reason is None else 1


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed or replaced by the submission
            stream.flush()

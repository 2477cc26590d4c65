"""Submissions that would take all time or memory if they were allowed to, through the command as a user runs it.

  PYTHONPATH=scripts python -m fuzz.hostile                 all of them, a row of a table for each
  PYTHONPATH=scripts python -m fuzz.hostile growing deep    some groups
  PYTHONPATH=scripts python -m fuzz.hostile --only zfill    those with this in their names

A piece of code is put at the top of the plain example's script, and once more into code that the script executes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from fuzz import check
from fuzz.pieces import CODE
from fuzz.texts import CLAIMS, LOG, TEXTS
from rules.examples.folders import folder

Files = Mapping[str, str | bytes]
SECONDS, MEBIBYTES = 120, 2048


def _packed_layers() -> str:
    """A script within a script within a script: each layer is decompressed and executed."""
    import base64
    import zlib

    text = "print('inner')\n"
    for _ in range(200):
        data = base64.b64encode(zlib.compress(text.encode())).decode()
        text = f"import base64, zlib\nexec(zlib.decompress(base64.b64decode('{data}')))\n"
        if len(text) > 4_000_000:
            break
    return text


def _bomb(packer: str) -> str:
    """500 MB of spaces, twice compressed."""
    import base64
    import bz2
    import lzma
    import zlib

    data = b" " * 500_000_000
    for _ in range(2):
        data = (
            lzma.compress(data) if packer == "lzma" else bz2.compress(data) if packer == "bz2" else zlib.compress(data)
        )
    text = base64.b85encode(data).decode()
    return f"import base64, {packer} as z\nexec(z.decompress(z.decompress(base64.b85decode({text!r}))))\n"


def _names(n: int) -> Files:
    odd = [
        "a\x01b.log",
        "a\nb.py",
        "\x1b[31mx.md",
        "-rf",
        "~",
        "a\\b",
        "\u202egnp.py",
        "%s%n",
        "{0}",
        "a" * 250,
        " ",
        "...",
    ]
    return dict.fromkeys(odd[:n], b"val_bpb:1.08\n")


MADE: Mapping[str, Callable[[], Files]] = {
    "packed in layers": lambda: {"train_gpt.py": _packed_layers().encode()},
    "zlib bomb": lambda: {"train_gpt.py": _bomb("zlib").encode()},
    "lzma bomb": lambda: {"train_gpt.py": _bomb("lzma").encode()},
    "bz2 bomb": lambda: {"train_gpt.py": _bomb("bz2").encode()},
    "4,000 logs": lambda: {f"train_seed{i}.log": b"seed:1\nfinal val_bpb:1.08\n" for i in range(4000)},
    "4,000 scripts": lambda: {f"train_gpt_{i}.py": b"import torch\n" for i in range(4000)},
    "4,000 siblings": lambda: {
        "train_gpt.py": b"".join(b"from m%d import *\n" % i for i in range(4000)),
        **{f"m{i}.py": f"from m{(i * 7 + 1) % 4000} import *\nfrom m{(i * 5 + 2) % 4000} import *\n".encode() for i in range(4000)},  # noqa: E501
    },
    "12,000 files": lambda: {f"d{i % 100}/x{i}.txt": b"x" for i in range(12_000)},
    "odd names": lambda: _names(99),
    "deep folders": lambda: {"/".join(["d"] * 400) + "/train.log": b"x"},
    "200 MiB of weights": lambda: {"model.bin": bytes(200 << 20), "final.ptz": bytes(100 << 20)},
    "300 MiB of log": lambda: {LOG: b"step:1/2 val_bpb:1.0\n" * 15_000_000},
    "no files": dict,
}  # fmt: skip


def _links(place: Path) -> None:
    (place / "loop").symlink_to(place)
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("a")
    (place / "train_seed999.log").unlink()
    (place / "train_seed999.log").symlink_to("/dev/zero")
    (place / "up").symlink_to("/")
    for i in range(60):
        (place / f"l{i}").symlink_to(f"l{i + 1}")


def _fifos(place: Path) -> None:
    for name in ("train_seed42.log", "README.md", "submission.json", "train_gpt.py"):
        (place / name).unlink()
        os.mkfifo(place / name)


def _sockets(place: Path) -> None:
    import socket

    before = os.getcwd()
    os.chdir(place)
    try:
        socket.socket(socket.AF_UNIX).bind("s.log")
    finally:
        os.chdir(before)
    os.chmod(place / "train_gpt.py", 0)
    (place / "dir.py").mkdir()
    (place / "README.md").unlink()
    (place / "README.md").mkdir()


def _sparse(place: Path) -> None:
    for name in ("train_seed1.log", "model.bin", "x.py", "y.json", "z.md"):
        with (place / name).open("wb") as file:
            file.truncate(1 << 40)


def _nested(place: Path) -> None:
    """2,000 folders deep: longer than a path may be."""
    here = os.open(place, os.O_RDONLY)
    for _ in range(2000):
        os.mkdir("deep", dir_fd=here)
        below = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def _crowd(place: Path) -> None:
    for i in range(100_000):
        (place / f"x{i}.txt").touch()


def _bytes_names(place: Path) -> None:
    for raw in (b"\xff\xfe.log", b"\xc3\x28.py", b"a\x07.md", b"\xed\xa0\x80.json", b"\x7f", b"a\rb"):
        (Path(os.fsdecode(os.path.join(os.fsencode(place), raw)))).write_bytes(b"x")


DISKS: Mapping[str, Callable[[Path], None]] = {
    "links": _links, "fifos": _fifos, "sockets and modes": _sockets, "sparse files of 1 TiB": _sparse,
    "2,000 folders deep": _nested, "100,000 files": _crowd, "names that are no text": _bytes_names,
}  # fmt: skip
GROUPS = (*CODE, "executed", "texts", "made", "disk")


@dataclass(frozen=True, slots=True)
class Case:
    """A hostile submission: `make` writes it into an empty folder."""

    group: str
    name: str
    make: Callable[[Path], None]


def _write(place: Path, files: Mapping[str, str | bytes]) -> None:
    for path, data in files.items():
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))


def with_code(code: str, *, executed: bool = False) -> dict[str, str | bytes]:
    """The plain example with code at the top of its script."""
    files = dict(folder())
    files["train_gpt.py"] = (f"exec({code!r})\n" if executed else code) + str(files["train_gpt.py"])
    return files


def with_text(path: str, text: str) -> dict[str, str | bytes]:
    """The plain example with text at the end of a file; claims are replaced."""
    files = dict(folder())
    before = "" if path == CLAIMS else files.get(path, "")
    files[path] = (before if isinstance(before, str) else before.decode()) + text
    return files


def cases(groups: tuple[str, ...] = GROUPS) -> Iterator[Case]:
    def writer(files: Callable[[], Mapping[str, str | bytes]]) -> Callable[[Path], None]:
        return lambda place: _write(place, files())

    def changed(change: Callable[[Path], None]) -> Callable[[Path], None]:
        def make(place: Path) -> None:
            _write(place, folder())
            change(place)

        return make

    for group, pieces in CODE.items():
        for name, code in pieces.items():
            if group in groups:
                yield Case(group, name, writer(lambda code=code: with_code(code)))  # type: ignore[misc]
            if "executed" in groups and len(code) < 100_000:
                yield Case("executed", f"{group}: {name}", writer(lambda code=code: with_code(code, executed=True)))  # type: ignore[misc]
    if "texts" in groups:
        for name, (path, text) in TEXTS.items():
            yield Case("texts", name, writer(lambda path=path, text=text: with_text(path, text())))  # type: ignore[misc]
    if "made" in groups:
        for name, made in MADE.items():
            yield Case("made", name, writer(lambda made=made: {**folder(), **made()} if made is not dict else {}))  # type: ignore[misc]
    if "disk" in groups:
        for name, change in DISKS.items():
            yield Case("disk", name, changed(change))


@dataclass(frozen=True, slots=True)
class Ran:
    """How an audit ended: seconds by the clock and of the processor, the size of its largest process, and what is
    `wrong` about it."""

    status: int
    said: str
    seconds: float
    processor: float
    mebibytes: float
    wrong: tuple[str, ...]


def run(case: Case) -> Ran:
    """The audit of a case by the command, in a process of its own that has every module loaded already."""
    from auditor.limits.scratch import Scratch

    with Scratch("hostile") as scratch, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        place = scratch.path / "records" / "track_10min_16mb" / "2026-04-01_Hostile"
        place.mkdir(parents=True)
        case.make(place)
        arguments = [str(place), "--format=json", f"--timeout={SECONDS}", f"--memory={MEBIBYTES}"]
        start = time.monotonic()
        process = os.fork()
        if process == 0:
            _command(arguments, out.fileno(), err.fileno())
        _, status, used = os.wait4(process, 0)
        seconds = time.monotonic() - start
        out.seek(0)
        err.seek(0)
        text, said = out.read().decode("utf-8", "replace"), err.read().decode("utf-8", "replace")
    exit_status = os.waitstatus_to_exitcode(status)
    verdict, wrong = _weighed(exit_status, text, said)
    if seconds > SECONDS + 20:
        wrong = (*wrong, "passed the limit of time")
    if used.ru_maxrss / 1024 > MEBIBYTES + 200:
        wrong = (*wrong, "passed the limit of memory")
    return Ran(exit_status, verdict, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, wrong)


def _command(arguments: list[str], out: int, err: int) -> NoReturn:
    """The whole of the command's process, once it has been forked."""
    from auditor.commands.audit import main as command

    status = 1
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        status = command(arguments)
        sys.stdout.flush()
    finally:
        os._exit(status)


def _weighed(status: int, text: str, said: str) -> tuple[str, tuple[str, ...]]:
    """The verdict (or the line on standard error), and what is wrong with the answer."""
    wrong = []
    if status not in (0, 1, 3) and not (status == 2 and said.count("\n") == 1):
        wrong.append(f"exit status {status}")
    if "Traceback" in said or "internal error" in said:
        wrong.append("a traceback")
    if said.count("\n") > 1:
        wrong.append("more than one line of complaint")
    if not text:
        if not said:
            wrong.append("nothing was said")
        return said.strip()[:100], tuple(wrong)
    try:
        report = json.loads(text)
        failed = [row["rule"] for row in report["outcomes"] if row["outcome"] == "error"]
    except (ValueError, KeyError) as error:
        return "", (*wrong, f"no report: {error}")
    wrong += [f"error in {rule}" for rule in failed]
    return f"{report['verdict']}: {report['verdict_because']}"[:100], tuple(wrong)


def main() -> int:
    """0 where every case ended well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--only", default="", help="a part of the name")
    given = parser.parse_args()
    check.audited(check.submission({}))  # every module is loaded once
    bad = 0
    for case in cases(tuple(given.groups) or GROUPS):
        if given.only not in case.name:
            continue
        ran = run(case)
        bad += bool(ran.wrong)
        print(
            f"{case.group:9} {case.name:32} {ran.status} {ran.seconds:6.1f} s {ran.processor:6.1f} s"
            f" {ran.mebibytes:6,.0f} MiB  {'; '.join(ran.wrong).upper() or 'ok'}  {ran.said}",
            flush=True,
        )
    print(f"{bad} went wrong")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())

"""Folders that are odd on a disk: links, pipes, devices, modes, crowds, names; and ones that change meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from fuzz.folders import ACTING


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


def _devices(place: Path) -> None:
    """Devices as logs and scripts; links to them where making one is not allowed."""
    import stat

    for name, number in (("train_seed1.log", 5), ("train_seed2.log", 8), ("helper.py", 3), ("x.md", 7)):
        try:
            os.mknod(place / name, stat.S_IFCHR | 0o666, os.makedev(1, number))
        except OSError:
            (place / name).symlink_to("/dev/zero")
    (place / "tty.log").symlink_to("/dev/tty")
    (place / "memory.log").symlink_to("/proc/self/mem")
    (place / "pipe.log").symlink_to("/dev/stdin")


def _link_maze(place: Path) -> None:
    """Folders of links to folders of links."""
    for i in range(20):
        (place / f"d{i}").mkdir()
        for j in range(20):
            (place / f"d{i}" / f"l{j}").symlink_to(f"../d{(i + j + 1) % 20}")
    (place / "train_gpt.py").unlink()
    (place / "train_gpt.py").symlink_to("train_gpt.py")


def _many_links(place: Path) -> None:
    for i in range(1000, 21_000):
        (place / f"train_seed{i}.log").symlink_to("train_seed42.log")


def _one_file_often(place: Path) -> None:
    (place / "train_seed1.log").write_bytes(b"step:1/2 val_bpb:1.0\n" * 2_000_000)
    for i in range(1000, 1300):
        os.link(place / "train_seed1.log", place / f"train_seed{i}.log")


def _closed(place: Path) -> None:
    (place / "shut").mkdir(mode=0)
    for name in ("README.md", "submission.json"):
        (place / name).chmod(0)
    (place / "train_seed42.log").unlink()
    (place / "train_seed42.log").mkdir()


def _acting_names(place: Path) -> None:
    for name in ACTING:
        (place / name.replace("/", "_")).write_bytes(b"final val_bpb:1.08\n")


def _pipes_everywhere(place: Path) -> None:
    for i in range(2000):
        os.mkfifo(place / f"train_seed{i}.log.txt")
    (place / "src").mkdir()
    os.mkfifo(place / "src" / "model.py")
    (place / "train_gpt.py").write_text("from src.model import *\nexec(open('src/model.py').read())\n")


DISKS: Mapping[str, Callable[[Path], None]] = {
    "links": _links, "fifos": _fifos, "sockets and modes": _sockets, "sparse files of 1 TiB": _sparse,
    "2,000 folders deep": _nested, "100,000 files": _crowd, "names that are no text": _bytes_names,
    "devices": _devices, "a maze of links": _link_maze, "20,000 links": _many_links,
    "one file 300 times": _one_file_often,
    "closed": _closed, "names that act": _acting_names, "pipes everywhere": _pipes_everywhere,
}  # fmt: skip


def _grows(place: Path) -> None:
    with (place / "train_seed42.log").open("ab") as log:
        log.write(b"step:1/2 val_bpb:1.0\n" * 100_000)


def _shrinks(place: Path) -> None:
    for path in place.glob("*.log"):
        path.write_bytes(b"step:1/2 val_bpb:1.0\n" * 200_000)
        os.truncate(path, 0)


def _appears(place: Path) -> None:
    for _ in range(50):
        (place / f"train_seed{os.urandom(3).hex()}.log").write_bytes(b"final val_bpb:1.0\n")


def _changes_kind(place: Path) -> None:
    """A file, a pipe, a link to nowhere, a link to a device, a folder, and nothing, in turn."""
    path = place / "train_seed42.log"
    for make in (
        lambda: path.write_bytes(b"final val_bpb:1.0\n"), lambda: os.mkfifo(path), lambda: path.symlink_to(path.name),
        lambda: path.symlink_to("/dev/zero"), path.mkdir, lambda: None,
    ):  # fmt: skip
        make()
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


RACES: Mapping[str, Callable[[Path], None]] = {
    "a log grows": _grows, "logs shrink": _shrinks, "files appear": _appears, "a log changes its kind": _changes_kind,
}  # fmt: skip
"""What is done to the folder, again and again, while it is audited."""

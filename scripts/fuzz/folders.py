"""Folders that are hostile as a whole: bombs, recursion, thousands of files, odd ones, ones that change meanwhile."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

Files = Mapping[str, str | bytes]


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


def _bomb(packer: str, size: int = 500_000_000) -> str:
    """So many spaces, twice compressed."""
    import base64
    import bz2
    import lzma
    import zlib

    data = b" " * size
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


def _writers(n: int) -> str:
    """A script that writes one that writes one, and so on, and executes it."""
    text = "print(1)\n"
    for i in range(n):
        text = f"open('w{i}.py', 'w').write({text!r})\nexec(open('w{i}.py').read())\n"
        if len(text) > 2_000_000:
            break
    return text


def _packed(packer: str, data: bytes) -> bytes:
    import base64

    return f"import base64, {packer}\nexec({packer}.decompress(base64.b85decode({base64.b85encode(data).decode()!r})))\n".encode()  # noqa: E501


def _gzip_members() -> bytes:
    import gzip

    return gzip.compress(b" " * 60_000) * 20_000


def _brotli() -> bytes:
    import brotli

    return bytes(brotli.compress(b" " * 300_000_000, quality=5))


def _zipped() -> str:
    """A zip in a zip, 300 MB of spaces in the inner one, read by zipfile and executed."""
    import base64
    import io
    import zipfile

    data = b" " * 300_000_000
    for name in ("a.py", "b.zip"):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
        data = out.getvalue()
    text = base64.b85encode(data).decode()
    return (
        "import base64, io, zipfile\n"
        f"z = zipfile.ZipFile(io.BytesIO(base64.b85decode({text!r})))\n"
        "exec(zipfile.ZipFile(io.BytesIO(z.read('b.zip'))).read('a.py'))\n"
    )


def _base64(layers: int) -> str:
    import base64

    text = "print('inner')\n"
    for _ in range(layers):
        text = f"import base64\nexec(base64.b64decode('{base64.b64encode(text.encode()).decode()}'))\n"
        if len(text) > 3_000_000:
            break
    return text


_RAW_LZMA = b"import lzma\nexec(lzma.decompress(b'x' * 99, lzma.FORMAT_RAW, None, [{'id': lzma.FILTER_LZMA2, 'dict_size': 4 << 30}]))\n"  # noqa: E501
_DIGITS = "9" * 400
_FIGURES = (
    "val_bpb",
    "val_loss",
    "bytes_total",
    "code_bytes",
    "train_time",
    "step",
    "seed",
    "world_size",
    "num_layers",
)
_WORDS = (
    "val_bpb",
    "final val_bpb",
    "step",
    "seed",
    "train_time",
    "val_loss:1",
    "Total submission size",
    "Hyperparameters",
    "1.08",
    "(",
    "8xH100",
)
_ACTING = (
    "a\nb.log", "train_seed42.log\n", "\x1b]0;x\x07.log", "\x1b[2J.py", "\u202egol.nur", "\u2066x.md",
    "seed\u200b42.log", "[x](http://e.x).log",
    "<img src=x>.log", "@openai.log", "#1.log", "$x$.py", "`x`.py", "::error::x.log", "-rf.py",
    "--help.log", "a b.log", "'.log", '".log', "\\.log",
)  # fmt: skip


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
    "300 MiB of log": lambda: {"train_seed42.log": b"step:1/2 val_bpb:1.0\n" * 15_000_000},
    "zip bomb": lambda: {"train_gpt.py": _zipped().encode()},
    "gzip members": lambda: {"train_gpt.py": _packed("gzip", _gzip_members())},
    "brotli bomb": lambda: {"train_gpt.py": _packed("brotli", _brotli())},
    "raw lzma that asks for 4 GiB": lambda: {"train_gpt.py": _RAW_LZMA},
    "base64 in base64": lambda: {"train_gpt.py": _base64(60).encode()},
    "bombs beside each other": lambda: {f"t{i}.py": _bomb("zlib", 50_000_000).encode() for i in range(40)} | {"train_gpt.py": b"".join(b"exec(open('t%d.py').read())\n" % i for i in range(40))},  # noqa: E501
    "executes itself": lambda: {"train_gpt.py": b"exec(open(__file__).read())\nexec(open('train_gpt.py').read())\n"},
    "execute each other": lambda: {"train_gpt.py": b"exec(open('a.py').read())\n", "a.py": b"exec(open('b.py').read())\n" * 50, "b.py": b"exec(open('a.py').read())\n" * 50},  # noqa: E501
    "executes huge files": lambda: {f"h{i}.py": b"x = [" + b"1, " * 700_000 + b"]\n" for i in range(20)} | {"train_gpt.py": b"".join(b"exec(open('h%d.py').read())\n" % i for i in range(20))},  # noqa: E501
    "imports huge files": lambda: {f"h{i}.py": b"y = 1\n" * 200_000 for i in range(10)} | {"train_gpt.py": b"".join(b"from h%d import *\n" % i for i in range(10))},  # noqa: E501
    "makes what it executes": lambda: {"train_gpt.py": b"for i in range(10**6):\n    open(f'g{i}.py', 'w').write('x = 1\\n' * 10**6)\n    exec(open(f'g{i}.py').read())\n"},  # noqa: E501
    "makes itself": lambda: {"train_gpt.py": b"q = open(__file__).read()\nfor i in range(99):\n    q = q + q\n    open('train_gpt.py', 'w').write(q)\n    exec(q)\n"},  # noqa: E501
    "a chain of writers": lambda: {"train_gpt.py": _writers(300).encode()},
    "300 hostile scripts": lambda: {f"train_gpt_{i}.py": f"q = 'ab'\n{'q = q + q' + chr(10)}".encode() * 60 for i in range(300)},  # noqa: E501
    "digits everywhere": lambda: {"submission.json": json.dumps({k: int("9" * 400) for k in _FIGURES}), "README.md": f"val_bpb {_DIGITS} in {_DIGITS} s, {_DIGITS} bytes, seed {_DIGITS}\n", "train_seed42.log": "".join(f"{k}:{_DIGITS}\n" for k in _FIGURES)},  # noqa: E501
    "exponents everywhere": lambda: {"submission.json": "{" + ", ".join(f'"{k}": 1e{10**i}' for i, k in enumerate(_FIGURES)) + "}", "train_seed42.log": "".join(f"{k}:1e{10**i}\n" for i, k in enumerate(_FIGURES))},  # noqa: E501
    "submission.json of 200 MiB": lambda: {"submission.json": b'{"val_bpb": 1.08, "x": "' + b"a" * (200 << 20) + b'"}'},
    "600 submission.json": lambda: {f"d{i}/submission.json": b'{"val_bpb": 1.08}' for i in range(600)},
    "300 record folders": lambda: {f"r{i}/{name}": b"val_bpb:1.08\n" for i in range(300) for name in ("README.md", "submission.json", "train.log", "train_gpt.py")},  # noqa: E501
    "names that act": lambda: dict.fromkeys(_ACTING, b"final val_bpb:1.08\n"),
    "logs that are other things": lambda: {"train_seed1.log": b"\x7fELF" + bytes(1 << 20), "train_seed2.log": b"\xff\xfe" + "val_bpb:1\n".encode("utf-16-le") * 10**6, "train_seed3.log": b"PK\x03\x04" + bytes(9999), "train_seed4.log": b"\x1f\x8b" + bytes(9999)},  # noqa: E501
    "logs that go back": lambda: {"train_seed1.log": "".join(f"{w}{c * 50_000}\n" for w in _WORDS for c in " :=.0-,([|\t#")},  # noqa: E501
    "one log 300 times": lambda: {f"train_seed{i}.log": b"step:1/2 val_bpb:1.0 train_time:1ms\n" * 20_000 for i in range(300)},  # noqa: E501
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
    for name in _ACTING:
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

"""Folders that are hostile as a whole: bombs, recursion, thousands of files, odd names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from fuzz import bombs

Files = Mapping[str, str | bytes]


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
ACTING = (
    "a\nb.log", "train_seed42.log\n", "\x1b]0;x\x07.log", "\x1b[2J.py", "\u202egol.nur", "\u2066x.md",
    "seed\u200b42.log", "[x](http://e.x).log",
    "<img src=x>.log", "@openai.log", "#1.log", "$x$.py", "`x`.py", "::error::x.log", "-rf.py",
    "::set-output name=x::y", "##[add-mask]x.py",
    "--help.log", "a b.log", "'.log", '".log', "\\.log",
)  # fmt: skip


MADE: Mapping[str, Callable[[], Files]] = {
    "packed in layers": lambda: {"train_gpt.py": bombs.packed_layers().encode()},
    "zlib bomb": lambda: {"train_gpt.py": bombs.bomb("zlib").encode()},
    "lzma bomb": lambda: {"train_gpt.py": bombs.bomb("lzma").encode()},
    "bz2 bomb": lambda: {"train_gpt.py": bombs.bomb("bz2").encode()},
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
    "zip bomb": lambda: {"train_gpt.py": bombs.zipped().encode()},
    "gzip members": lambda: {"train_gpt.py": bombs.packed("gzip", bombs.gzip_members())},
    "brotli bomb": lambda: {"train_gpt.py": bombs.packed("brotli", bombs.brotli())},
    "raw lzma that asks for 4 GiB": lambda: {"train_gpt.py": bombs.RAW_LZMA},
    "base64 in base64": lambda: {"train_gpt.py": bombs.in_base64(60).encode()},
    "bombs beside each other": lambda: {f"t{i}.py": bombs.bomb("zlib", 50_000_000).encode() for i in range(40)} | {"train_gpt.py": b"".join(b"exec(open('t%d.py').read())\n" % i for i in range(40))},  # noqa: E501
    "executes itself": lambda: {"train_gpt.py": b"exec(open(__file__).read())\nexec(open('train_gpt.py').read())\n"},
    "execute each other": lambda: {"train_gpt.py": b"exec(open('a.py').read())\n", "a.py": b"exec(open('b.py').read())\n" * 50, "b.py": b"exec(open('a.py').read())\n" * 50},  # noqa: E501
    "executes huge files": lambda: {f"h{i}.py": b"x = [" + b"1, " * 700_000 + b"]\n" for i in range(20)} | {"train_gpt.py": b"".join(b"exec(open('h%d.py').read())\n" % i for i in range(20))},  # noqa: E501
    "imports huge files": lambda: {f"h{i}.py": b"y = 1\n" * 200_000 for i in range(10)} | {"train_gpt.py": b"".join(b"from h%d import *\n" % i for i in range(10))},  # noqa: E501
    "makes what it executes": lambda: {"train_gpt.py": b"for i in range(10**6):\n    open(f'g{i}.py', 'w').write('x = 1\\n' * 10**6)\n    exec(open(f'g{i}.py').read())\n"},  # noqa: E501
    "makes itself": lambda: {"train_gpt.py": b"q = open(__file__).read()\nfor i in range(99):\n    q = q + q\n    open('train_gpt.py', 'w').write(q)\n    exec(q)\n"},  # noqa: E501
    "a chain of writers": lambda: {"train_gpt.py": bombs.writers(300).encode()},
    "300 hostile scripts": lambda: {f"train_gpt_{i}.py": f"q = 'ab'\n{'q = q + q' + chr(10)}".encode() * 60 for i in range(300)},  # noqa: E501
    "digits everywhere": lambda: {"submission.json": json.dumps({k: int("9" * 400) for k in _FIGURES}), "README.md": f"val_bpb {_DIGITS} in {_DIGITS} s, {_DIGITS} bytes, seed {_DIGITS}\n", "train_seed42.log": "".join(f"{k}:{_DIGITS}\n" for k in _FIGURES)},  # noqa: E501
    "exponents everywhere": lambda: {"submission.json": "{" + ", ".join(f'"{k}": 1e{10**i}' for i, k in enumerate(_FIGURES)) + "}", "train_seed42.log": "".join(f"{k}:1e{10**i}\n" for i, k in enumerate(_FIGURES))},  # noqa: E501
    "submission.json of 200 MiB": lambda: {"submission.json": b'{"val_bpb": 1.08, "x": "' + b"a" * (200 << 20) + b'"}'},
    "600 submission.json": lambda: {f"d{i}/submission.json": b'{"val_bpb": 1.08}' for i in range(600)},
    "300 record folders": lambda: {f"r{i}/{name}": b"val_bpb:1.08\n" for i in range(300) for name in ("README.md", "submission.json", "train.log", "train_gpt.py")},  # noqa: E501
    "names that act": lambda: dict.fromkeys(ACTING, b"final val_bpb:1.08\n"),
    "logs that are other things": lambda: {"train_seed1.log": b"\x7fELF" + bytes(1 << 20), "train_seed2.log": b"\xff\xfe" + "val_bpb:1\n".encode("utf-16-le") * 10**6, "train_seed3.log": b"PK\x03\x04" + bytes(9999), "train_seed4.log": b"\x1f\x8b" + bytes(9999)},  # noqa: E501
    "logs that go back": lambda: {"train_seed1.log": "".join(f"{w}{c * 50_000}\n" for w in _WORDS for c in " :=.0-,([|\t#")},  # noqa: E501
    "one log 300 times": lambda: {f"train_seed{i}.log": b"step:1/2 val_bpb:1.0 train_time:1ms\n" * 20_000 for i in range(300)},  # noqa: E501
    "no files": dict,
}  # fmt: skip

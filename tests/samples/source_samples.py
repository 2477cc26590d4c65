"""Submissions made for the tests of decoding: a folder from a dictionary, a packer for every codec."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Mapping

import brotli
import zstandard

from auditor.claims import Claims, Command
from auditor.source import Sources, decode
from auditor.submission import Submission, SubmissionFile

PROGRAM = """import os
stride = int(os.environ.get('STRIDE', 64))
def evaluate(val_tokens):
    return len(val_tokens) // stride
"""

RAW = "format=lzma.FORMAT_RAW,filters=[{'id':lzma.FILTER_LZMA2}]"
# By name: the function that packs, the expression that opens what stands for @, the name it is reported under.
COMPRESSORS: Mapping[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "raw": (
        lambda data: lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6}]),
        f"lzma.decompress(@,{RAW})",
        "lzma",
    ),
    "xz": (lzma.compress, "lzma.decompress(@)", "lzma"),
    "alone": (lambda data: lzma.compress(data, lzma.FORMAT_ALONE), "lzma.decompress(@)", "lzma"),
    "zlib": (zlib.compress, "zlib.decompress(@)", "zlib"),
    "gzip": (gzip.compress, "gzip.decompress(@)", "gzip"),
    "bz2": (bz2.compress, "bz2.decompress(@)", "bz2"),
    "brotli": (brotli.compress, "brotli.decompress(@)", "brotli"),
    "zstd": (zstandard.compress, "zstandard.ZstdDecompressor().decompress(@)", "zstd"),
}
ENCODINGS: Mapping[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "b85": (base64.b85encode, "base64.b85decode(@)", "base85"),
    "a85": (base64.a85encode, "base64.a85decode(@)", "ascii85"),
    "b64": (base64.b64encode, "base64.b64decode(@)", "base64"),
    "hex": (binascii.hexlify, "binascii.unhexlify(@)", "hex"),
    "fromhex": (binascii.hexlify, "bytes.fromhex(@.decode())", "hex"),
}
IMPORTS = "import lzma,zlib,gzip,bz2,brotli,zstandard,base64,binascii,os,sys\n"


def packed(program: str, compressor: str = "xz", encoding: str = "b85") -> str:
    """An expression that evaluates to the program's bytes."""
    compress, opens, _ = COMPRESSORS[compressor]
    encode, decodes, _ = ENCODINGS[encoding]
    return opens.replace("@", decodes.replace("@", repr(encode(compress(program.encode())))))


def submission(files: Mapping[str, str | bytes]) -> Submission:
    made = []
    for path, content in sorted(files.items()):
        data = content if isinstance(content, bytes) else content.encode()
        made.append(SubmissionFile(path, len(data), data))
    return Submission("folder", "records/track_10min_16mb/2026-01-01_Sample", tuple(made))


def command(script: str, processes: int | None = 8) -> Command:
    return Command("README.md:3", {}, script, (), f"torchrun {script}", processes)


def decoded(files: Mapping[str, str | bytes] | str | bytes, *commands: Command) -> Sources:
    """The sources of a folder, or of a lone train_gpt.py."""
    folder = files if isinstance(files, Mapping) else {"train_gpt.py": files}
    return decode(submission(folder), Claims(commands=commands))


def opened(wrapper: str | Mapping[str, str | bytes], program: str = PROGRAM) -> Sources:
    """Decode a wrapper that is expected to hold `program`, and check that it was opened."""
    sources = decoded(wrapper)
    assert sources.entry is not None, sources.problems
    assert sources.entry.text == program
    assert sources.entry.tree is not None
    assert not sources.problems
    return sources


def decisive(sources: Sources) -> list[str]:
    return [p.message for p in sources.problems if p.decisive]

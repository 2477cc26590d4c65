"""The library functions that folding may evaluate: pure ones, on constants, within bounds."""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
import json
import lzma
import posixpath
import string
import textwrap
import zlib
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from auditor.source import inflate
from auditor.source.values import CannotFold, Code, EnvironmentText, ModuleValue, Value

MAX_ELEMENTS = 2_000_000
"""Elements of a sequence that are taken apart one by one."""

CONSTANTS: Mapping[str, Value] = {
    **{f"lzma.{name}": value for name, value in vars(lzma).items() if name.isupper() and isinstance(value, int)},
    **{f"zlib.{name}": value for name, value in vars(zlib).items() if name.isupper() and isinstance(value, int)},
    **{f"string.{name}": value for name, value in vars(string).items() if isinstance(value, str) and name[0] != "_"},
    "os.sep": "/",
    "os.linesep": "\n",
    "os.name": "posix",
    "sys.executable": "python",
    "sys.platform": "linux",
    "sys.byteorder": "little",
}

# The display name of each codec, by the library's name of its decoding function.
_DECOMPRESSORS: Mapping[str, tuple[str, Callable[..., bytes]]] = {
    "lzma.decompress": ("lzma", inflate.inflate_lzma),
    "lzma.LZMADecompressor().decompress": ("lzma", inflate.inflate_lzma),
    "zlib.decompress": ("zlib", inflate.inflate_zlib),
    "zlib.decompressobj().decompress": ("zlib", inflate.inflate_zlib),
    "gzip.decompress": ("gzip", inflate.inflate_gzip),
    "bz2.decompress": ("bz2", inflate.inflate_bz2),
    "bz2.BZ2Decompressor().decompress": ("bz2", inflate.inflate_bz2),
    "brotli.decompress": ("brotli", inflate.inflate_brotli),
    "brotlicffi.decompress": ("brotli", inflate.inflate_brotli),
    "brotli.Decompressor().process": ("brotli", inflate.inflate_brotli),
    "brotli.Decompressor().decompress": ("brotli", inflate.inflate_brotli),
    "zstandard.decompress": ("zstd", inflate.inflate_zstd),
    "zstandard.ZstdDecompressor().decompress": ("zstd", inflate.inflate_zstd),
    "zstd.decompress": ("zstd", inflate.inflate_zstd),
    "zstd.ZstdDecompressor().decompress": ("zstd", inflate.inflate_zstd),
    "pyzstd.decompress": ("zstd", inflate.inflate_zstd),
    "compression.zstd.decompress": ("zstd", inflate.inflate_zstd),
}
_DECODERS: Mapping[str, tuple[str, Callable[..., bytes]]] = {
    "base64.b85decode": ("base85", base64.b85decode),
    "base64.a85decode": ("ascii85", base64.a85decode),
    "base64.b64decode": ("base64", base64.b64decode),
    "base64.standard_b64decode": ("base64", base64.standard_b64decode),
    "base64.urlsafe_b64decode": ("base64", base64.urlsafe_b64decode),
    "base64.decodebytes": ("base64", base64.decodebytes),
    "base64.b32decode": ("base32", base64.b32decode),
    "base64.b32hexdecode": ("base32", base64.b32hexdecode),
    "base64.b16decode": ("hex", base64.b16decode),
    "binascii.a2b_base64": ("base64", binascii.a2b_base64),
    "binascii.a2b_hex": ("hex", binascii.a2b_hex),
    "binascii.unhexlify": ("hex", binascii.unhexlify),
    "binascii.a2b_uu": ("uu", binascii.a2b_uu),
    "builtins.bytes.fromhex": ("hex", bytes.fromhex),
    "builtins.bytearray.fromhex": ("hex", bytes.fromhex),
}
CODECS: Mapping[str, tuple[str, Callable[..., bytes]]] = {**_DECOMPRESSORS, **_DECODERS}

# Text codecs whose `decode` turns bytes into bytes (or text into text).
_NAMED_CODECS: Mapping[str, tuple[str, Callable[[Any], Value]]] = {
    "hex": ("hex", lambda data: binascii.unhexlify(data)),
    "hex_codec": ("hex", lambda data: binascii.unhexlify(data)),
    "base64": ("base64", lambda data: base64.decodebytes(data)),
    "base64_codec": ("base64", lambda data: base64.decodebytes(data)),
    "zlib": ("zlib", lambda data: inflate.inflate_zlib(data)),
    "zlib_codec": ("zlib", lambda data: inflate.inflate_zlib(data)),
    "zip": ("zlib", lambda data: inflate.inflate_zlib(data)),
    "bz2": ("bz2", lambda data: inflate.inflate_bz2(data)),
    "bz2_codec": ("bz2", lambda data: inflate.inflate_bz2(data)),
    "rot13": ("rot13", lambda text: codecs.decode(text, "rot13")),
    "rot_13": ("rot13", lambda text: codecs.decode(text, "rot13")),
}
_TEXT_CODECS = frozenset(
    {"utf8", "utf_8", "utf_8_sig", "ascii", "latin1", "latin_1", "iso_8859_1", "cp1252", "utf_16", "utf_16_le"}
    | {"utf_16_be", "utf_32", "u8", "l1", "unicode_escape", "raw_unicode_escape"}
)


def decode(data: Value, encoding: str = "utf-8", errors: str = "strict") -> tuple[str | None, Value]:
    """`codecs.decode` for harmless codecs: the codec's name where it is worth naming, and the result."""
    name = encoding.lower().replace("-", "_").replace(" ", "_")
    if name in _NAMED_CODECS:
        display, function = _NAMED_CODECS[name]
        return display, function(data)
    if name not in _TEXT_CODECS or not isinstance(data, (bytes, bytearray)):
        raise CannotFold(f"decoding with codec {encoding!r}")
    return None, bytes(data).decode(name, "strict" if errors not in ("ignore", "replace") else errors)


def _sequence(value: Value) -> Value:
    if isinstance(value, (str, bytes, bytearray, list, tuple, dict, set, frozenset, range)):
        if len(value) > MAX_ELEMENTS:
            raise CannotFold(f"a sequence of more than {MAX_ELEMENTS:,} elements")
        return value
    if type(value).__name__ in ("dict_items", "dict_keys", "dict_values"):
        return list(value)
    raise CannotFold("a sequence that is not known")


def to_bytes(*args: Value) -> bytes:
    if args and isinstance(args[0], int):
        return bytes(_sequence(range(args[0])).stop)
    if len(args) == 2 or (args and isinstance(args[0], str)):
        return str(args[0]).encode(str(args[1]) if len(args) > 1 else "utf-8")
    return bytes(_sequence(args[0])) if args else b""


def to_str(*args: Value, **kwargs: Value) -> str:
    if len(args) > 1 or (args and isinstance(args[0], (bytes, bytearray)) and kwargs):
        return str(decode(*args, **kwargs)[1])
    if not args:
        return ""
    if isinstance(args[0], (str, int, float, bool, PurePosixPath, type(None))):
        return str(args[0])
    raise CannotFold("the text of an object")


def _integer(value: Value, base: int = 10) -> int:
    if isinstance(value, (str, bytes)) and not isinstance(value, EnvironmentText):
        return int(value, base)
    if isinstance(value, (int, float)):
        return int(value)
    raise CannotFold("a number that is not known")


def _range(*args: int) -> range:
    result = range(*args)
    _sequence(result)
    return result


def _json(text: str | bytes, **_: Value) -> Value:
    return json.loads(text)


_MAX_PATH = 65_536  # characters: those of a path are taken apart whenever it goes into another one


def path(*parts: Value) -> PurePosixPath:
    """`Path(*parts)`. Raises CannotFold where the parts are longer than any path."""
    if sum(len(str(part)) for part in parts) > _MAX_PATH:
        raise CannotFold(f"a path of more than {_MAX_PATH:,} characters")
    return PurePosixPath(*parts)


PURE: Mapping[str, Callable[..., Value]] = {
    "builtins.bytes": to_bytes,
    "builtins.bytearray": to_bytes,
    "builtins.memoryview": to_bytes,
    "builtins.str": to_str,
    "builtins.int": _integer,
    "builtins.chr": chr,
    "builtins.ord": ord,
    "builtins.len": lambda value: len(_sequence(value)),
    "builtins.list": lambda value=(): list(_sequence(value)),
    "builtins.tuple": lambda value=(): tuple(_sequence(value)),
    "builtins.set": lambda value=(): set(_sequence(value)),
    "builtins.dict": lambda *args, **kwargs: dict(*map(_sequence, args), **kwargs),
    "builtins.reversed": lambda value: list(reversed(list(_sequence(value)))),
    "builtins.sorted": lambda value, reverse=False: sorted(_sequence(value), reverse=reverse),
    "builtins.enumerate": lambda value, start=0: list(enumerate(_sequence(value), start)),
    "builtins.zip": lambda *values, **_: list(zip(*map(_sequence, values), strict=False)),
    "builtins.range": _range,
    "builtins.min": lambda *args: min(*args),
    "builtins.max": lambda *args: max(*args),
    "builtins.sum": lambda value: sum(value),
    "builtins.bool": lambda value=False: bool(value),
    "builtins.any": lambda value: any(value),
    "builtins.all": lambda value: all(value),
    "builtins.int.from_bytes": lambda data, byteorder="big", signed=False: int.from_bytes(
        data, byteorder, signed=signed
    ),
    "builtins.bytes.maketrans": bytes.maketrans,
    "builtins.str.maketrans": str.maketrans,
    "json.loads": _json,
    "ast.literal_eval": lambda text: ast.literal_eval(text),
    "textwrap.dedent": textwrap.dedent,
    "os.path.dirname": posixpath.dirname,
    "os.path.basename": posixpath.basename,
    "os.path.splitext": posixpath.splitext,
    "os.path.split": posixpath.split,
    "os.path.join": posixpath.join,
    "os.path.normpath": posixpath.normpath,
    "os.fspath": str,
    "os.fsdecode": str,
    "pathlib.Path": path,
    "pathlib.PurePath": path,
    "pathlib.PosixPath": path,
    "types.ModuleType": lambda name, doc=None: ModuleValue(name),
    "imp.new_module": ModuleValue,
    "types.SimpleNamespace": lambda **kwargs: ModuleValue("", None, kwargs),
    "importlib.util.spec_from_file_location": lambda name, path=None, **_: ModuleValue(name, str(path)),
    "importlib.util.module_from_spec": lambda spec: spec,
    "importlib.machinery.SourceFileLoader": lambda name, path: ModuleValue(name, str(path)),
    "importlib.machinery.ModuleSpec": lambda name, *_, **__: ModuleValue(name),
}


WHOLE = frozenset({"builtins.sorted", "builtins.min", "builtins.max", "builtins.set", "builtins.dict"})
"""Those that compare or hash what is in their arguments."""


def as_text(value: Value) -> str:
    """Source text as Python would read it from what `exec` or `compile` is given."""
    if isinstance(value, Code):
        return value.text
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", errors="replace").removeprefix("\ufeff")
    if isinstance(value, str):
        return value
    raise CannotFold("code that is neither text nor bytes")

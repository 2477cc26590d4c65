"""The folder's files and what a wrapper writes, as the folded code sees them: a virtual, in-memory file system."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from auditor.source import inflate
from auditor.source.values import CannotFold, Handle, Symbol, Value
from auditor.submission import Submission

ROOT = "/submission"
"""Where the folder lies for folded code, and its working directory."""

MAX_WRITTEN = 128 * 1024 * 1024
"""Bytes that folded code may write in all."""


@dataclass
class Files:
    """Files of the submission by absolute virtual path, and those that folded code wrote."""

    shipped: Mapping[str, bytes | None]
    folder: str = ""
    written: dict[str, bytes] = field(default_factory=dict)
    made: int = 0  # temporary names handed out
    size: int = 0

    @classmethod
    def of(cls, submission: Submission) -> Files:
        return cls({f.path: f.data for f in submission.files}, submission.folder.strip("/"))

    def absolute(self, path: Value) -> str:
        """The virtual path; paths relative to the repository's root are taken as well."""
        text = posixpath.normpath(posixpath.join(ROOT, str(path)))
        inside = self.folder and f"/{self.folder}/"
        return ROOT + "/" + text.split(inside, 1)[1] if inside and inside in text else text

    def shipped_path(self, path: Value) -> str | None:
        """The path within the folder, where it is a shipped file that folded code did not overwrite."""
        absolute = self.absolute(path)
        relative = absolute.removeprefix(ROOT + "/")
        return relative if relative in self.shipped and absolute not in self.written else None

    def read(self, path: Value) -> bytes:
        absolute = self.absolute(path)
        if absolute in self.written:
            return self.written[absolute]
        shipped = self.shipped_path(path)
        data = self.shipped[shipped] if shipped is not None else None
        if data is None:
            raise CannotFold(f"the file {posixpath.basename(absolute)!r} is not in the folder")
        return data

    def write(self, path: Value, data: bytes, *, append: bool = False) -> None:
        absolute = self.absolute(path)
        self.size += len(data)
        if self.size > MAX_WRITTEN:
            raise CannotFold("more written to files than is followed")
        self.written[absolute] = self.written.get(absolute, b"") + data if append else data

    def exists(self, path: Value) -> bool:
        absolute = self.absolute(path)
        if absolute in self.written or self.shipped_path(path) is not None:
            return True
        if absolute.startswith((ROOT + "/", "/temporary")):
            return any(p.startswith(absolute + "/") for p in self.written)
        raise CannotFold("whether a file outside the folder exists")

    def temporary(self, suffix: str = "") -> str:
        self.made += 1
        return f"/temporary/{self.made}{suffix}"


_PATH_CALLS = frozenset(
    {"read_text", "read_bytes", "write_text", "write_bytes", "open", "exists", "is_file", "resolve", "absolute"}
    | {"expanduser", "mkdir", "unlink", "chmod", "touch"}
)
_HANDLE_CALLS = frozenset({"read", "write", "close", "flush", "readlines", "seek", "fileno", "getvalue", "writelines"})
_FUNCTIONS = frozenset(
    {"builtins.open", "io.open", "lzma.open", "gzip.open", "bz2.open", "io.BytesIO", "io.StringIO", "gzip.GzipFile"}
    | {"lzma.LZMAFile", "bz2.BZ2File", "os.path.exists", "os.path.isfile", "os.path.getsize", "os.path.abspath"}
    | {"os.path.realpath", "os.getcwd", "pathlib.Path.cwd", "tempfile.mkdtemp", "tempfile.mkstemp", "tempfile.mktemp"}
    | {"tempfile.gettempdir", "tempfile.NamedTemporaryFile", "tempfile.TemporaryDirectory", "tempfile.TemporaryFile"}
    | {"os.fdopen", "os.makedirs", "os.mkdir", "os.unlink", "os.remove", "os.chmod", "os.fsync", "os.close"}
)
_OPENERS = {"lzma": inflate.inflate_lzma, "gzip": inflate.inflate_gzip, "bz2": inflate.inflate_bz2}


def is_file_call(owner: Value, name: str) -> bool:
    if isinstance(owner, Symbol):
        return name in _FUNCTIONS
    return (isinstance(owner, PurePosixPath) and name in _PATH_CALLS) or (
        isinstance(owner, Handle) and name in _HANDLE_CALLS
    )


def file_call(files: Files, owner: Value, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """The value of a call that `is_file_call`."""
    if isinstance(owner, PurePosixPath):
        return _path_call(files, owner, name, args, kwargs)
    if isinstance(owner, Handle):
        return _handle_call(files, owner, name, args)
    if name.startswith("tempfile."):
        return _temporary(files, name, args, kwargs)
    if name in ("os.path.exists", "os.path.isfile"):
        return files.exists(args[0])
    if name == "os.path.getsize":
        return len(files.read(args[0]))
    if name in ("os.path.abspath", "os.path.realpath"):
        return files.absolute(args[0])
    if name in ("os.getcwd", "pathlib.Path.cwd"):
        return ROOT if name == "os.getcwd" else PurePosixPath(ROOT)
    if name == "os.fdopen":
        return open_file(files, args[0], *args[1:2])
    if name.startswith("os."):
        return None
    if name in ("io.BytesIO", "io.StringIO"):
        data = args[0] if args else b""
        return Handle(data.encode() if isinstance(data, str) else bytes(data), name == "io.StringIO")
    module = name.rpartition(".")[0]
    if module in _OPENERS:
        source = kwargs.get("fileobj", args[0] if args else kwargs.get("filename"))
        data = source.data if isinstance(source, Handle) else files.read(source)
        mode = str(args[1] if len(args) > 1 else kwargs.get("mode", "rb"))
        return Handle(_OPENERS[module](data), "t" in mode)
    return open_file(files, *args[:2], **{k: v for k, v in kwargs.items() if k in ("file", "mode")})


def open_file(files: Files, file: Value, mode: str = "r") -> Handle:
    if isinstance(file, Handle):
        return file
    if set(mode) & set("wax+"):
        if "a" not in mode:
            files.write(file, b"")
        return Handle(b"", "b" not in mode, str(file), True)
    return Handle(files.read(file), "b" not in mode, str(file))


def _path_call(files: Files, path: PurePosixPath, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if name == "read_bytes":
        return files.read(path)
    if name == "read_text":
        return _text(files.read(path))
    if name in ("write_text", "write_bytes"):
        return _write(files, str(path), args[0])
    if name == "open":
        return open_file(files, path, *args[:1], **{k: v for k, v in kwargs.items() if k == "mode"})
    if name in ("exists", "is_file"):
        return files.exists(path)
    if name in ("resolve", "absolute", "expanduser"):
        return PurePosixPath(files.absolute(path))
    return None


def _handle_call(files: Files, handle: Handle, name: str, args: list[Value]) -> Value:
    if name in ("write", "writelines") and handle.path is not None:
        for data in args[0] if name == "writelines" else args[:1]:
            _write(files, handle.path, data, append=True)
        return None
    if name in ("read", "getvalue") and not args:
        return _text(handle.data) if handle.text else handle.data
    if name == "readlines":
        lines = io.StringIO(_text(handle.data)) if handle.text else io.BytesIO(handle.data)
        return list(lines)
    if name in ("close", "flush", "seek", "fileno"):
        return None
    raise CannotFold(f"a file's {name}")


def _write(files: Files, path: str, data: Value, *, append: bool = False) -> int:
    if not isinstance(data, (str, bytes, bytearray)):
        raise CannotFold("writing something that is not known")
    files.write(path, data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data), append=append)
    return len(data)


def _temporary(files: Files, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if name == "tempfile.gettempdir":
        return "/temporary"
    suffix = kwargs.get("suffix") or ""
    if name in ("tempfile.NamedTemporaryFile", "tempfile.TemporaryFile"):
        mode = str(args[0] if args else kwargs.get("mode", "w+b"))
        return Handle(b"", "b" not in mode, files.temporary(str(suffix)), True)
    path = files.temporary(str(args[0] if args and name == "tempfile.mkstemp" else suffix))
    if name == "tempfile.mkstemp":
        return (Handle(b"", False, path, True), path)
    return path


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace").replace("\r\n", "\n")

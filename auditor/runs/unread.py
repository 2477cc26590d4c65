"""Logs of the folder that no reader can take figures from: their runs are missing, not absent."""

from __future__ import annotations

import re

from auditor.submission import Submission, SubmissionFile
from auditor.submission.model import decode_text

MAX_LOG = 128 * 1024 * 1024
"""Bytes of a log that are read. The longest of 3,066 real logs has some 2 MB, with the whole source printed into it."""

_SHORTEST = 200  # bytes of a text that may be the log of a run
_HEAD = 65_536  # bytes that tell text from binary data
_PACKED = (".gz", ".xz", ".zst", ".bz2", ".zip", ".br", ".7z", ".lz4", ".tgz")
# Lines of digits of base64 or hexadecimal, without a blank.
_ENCODED = re.compile(
    rb"(?:[A-Za-z0-9+/_-]{40,}={0,2}\s{1,4}){2,}[A-Za-z0-9+/_-]{0,400}={0,2}\s*|[A-Za-z0-9+/_-]{400,}={0,2}\s*"
)
_STRANGE = re.compile("[\ufffd\x00-\x07\x0b\x0e-\x1a\x1c-\x1f]")  # what a terminal's log does not hold
_BINARY_SHARE = 0.1  # undecodable or control characters in text


def unread_logs(submission: Submission) -> tuple[str, ...]:
    """One message, `PATH: WHY`, for each file that is a log by its name and was not read, or only in part."""
    paths = {file.path for file in submission.files}
    packed = ((file, file.path[: -len(_suffix(file.path))]) for file in submission.files if _suffix(file.path))
    # A packed copy of a log that is there as well says nothing new.
    alone = [file for file, plain in packed if named_like_a_log(plain) and plain not in paths]
    said = [(file, _why(file)) for file in submission.files if named_like_a_log(file.path)]
    said += [(file, "packed: no figure of this log was read") for file in alone]
    return tuple(f"{file.path}: {why}" for file, why in said if why)


def not_understood(submission: Submission) -> tuple[str, ...]:
    """Logs by their names that hold lines, of which none tells of a run, for a folder whose logs show no run."""
    logs = (f for f in submission.files if f.data is not None and named_like_a_log(f.path))
    return tuple(f.path for f in logs if len(f.data or b"") > _SHORTEST and not is_binary(f.data or b""))


def named_like_a_log(path: str) -> bool:
    name = path.rsplit("/", 1)[-1].lower()
    return name.endswith(".log") or (name.endswith(".txt") and any(word in name for word in ("log", "train", "seed")))


def _suffix(path: str) -> str:
    return next((suffix for suffix in _PACKED if path.lower().endswith(suffix)), "")


def _why(file: SubmissionFile) -> str:
    if file.data is None:
        return file.problem or "no content"
    if _ENCODED.fullmatch(file.data[:_HEAD]):
        return "encoded text (base64 or hexadecimal): no figure of this log was read"
    if is_binary(file.data):
        return "binary data, not a text: no figure of this log was read"
    if len(file.data) > MAX_LOG:
        return f"{len(file.data):,} bytes: only the first {MAX_LOG:,} were read"
    return ""


def is_binary(data: bytes) -> bool:
    # A crash leaves blocks of zeros in a log.
    text = decode_text((data.lstrip(b"\0") if data.startswith(b"\0" * 16) else data)[:_HEAD].rstrip(b"\0"))
    return len(_STRANGE.findall(text)) > _BINARY_SHARE * len(text)

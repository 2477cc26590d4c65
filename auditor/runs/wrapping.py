"""What all lines of a log are wrapped in: an indentation, quotes, JSON objects, `key="value"` records, endings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

_COLUMNS = 160  # blanks at the start of a line that are looked at
_SAMPLE = 200  # lines that tell the wrapping
_SHARE = 0.9  # of them that must have it
_MESSAGE_KEYS = (
    "log", "message", "msg", "event", "text", "line", "content", "textPayload", "body", "MESSAGE", "output",
)  # fmt: skip
_BLANKS = " \t\u00a0"
_FIELD = re.compile(r"(?:^|\s)(?:msg|message|event|log)=(?:([\"'])((?:(?!\1)[^\\]|\\.){0,4000})\1|(\S{1,400}))")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_LAST_STRING = re.compile(
    r"(?P<before>[^\"']{0,80}(?:[\"'][\w.:-]{0,40}[\"'],? ?)?[^\"']{0,10}?)"
    r"(?:\"(?P<double>(?:[^\"\\]|\\.|\"\"){0,4000})\"|'(?P<single>(?:[^'\\]|\\.){0,4000})')[\])}]{0,3},?\s{0,8}$"
)
# Where a logger prints the time or the place in the code behind the message.
_ENDING = re.compile(
    r"(?<!time:)(?<!=)[ \t]{1,200}(?:\[?(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?Z?\]?"
    r"|[\w./-]{1,80}\.py:\d{1,6})\s{0,4}$"
)


def dedented(lines: list[str]) -> list[str]:
    """The lines without the blanks that all of them begin with."""
    least = _COLUMNS
    for line in lines:
        if line.strip():
            least = min(least, len(line) - len(line.lstrip(_BLANKS)))
            if not least:
                return lines
    return [line[least:] for line in lines]


def unwrapped(lines: list[str]) -> list[str]:
    """The messages of a log whose lines are records of one kind, as docker's json-file and structured loggers write."""
    sample = [line for line in lines[:_SAMPLE] if line.strip()]
    for reader in (_of_objects(sample), _of_fields, _of_quotes, _of_last_string, _without_ending):
        if reader is not None and _wraps(reader, sample):
            lines = [line if (message := reader(line)) is None else message.rstrip("\r\n") for line in lines]
            sample = [line for line in lines[:_SAMPLE] if line.strip()]
    return lines


Reader = Callable[[str], str | None]


def _wraps(reader: Reader, sample: list[str]) -> bool:
    if len(sample) <= 2:
        return False
    most = len(sample) - _SHARE * len(sample)  # that may be no such record; of a plain log the first lines are none
    others = (line for line in sample if reader(line) is None)
    return all(count <= most for count, _ in enumerate(others, 1))


def _of_objects(sample: list[str]) -> Reader | None:
    """Reads the text under the key that holds one on most lines."""
    objects = [value for line in sample if (value := _object(line)) is not None]
    for key in _MESSAGE_KEYS:
        if 2 * sum(_text(value, key) is not None for value in objects) > len(sample):
            return lambda line, key=key: None if (value := _object(line)) is None else _text(value, key)  # type: ignore[misc]
    return None


def _object(line: str) -> dict[str, object] | None:
    if not line.startswith("{") or line.count("{") + line.count("[") > 100:
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(value: dict[str, object], key: str) -> str | None:
    """The text under a key of the object, or of an object that it holds."""
    for holder in (value, *value.values()):
        if isinstance(holder, dict) and isinstance(message := holder.get(key), str):
            return message
    return None


def _of_fields(line: str) -> str | None:
    """`time=... level=info msg="..."`."""
    if "=" not in line[:200]:
        return None
    match = _FIELD.search(line[:6_000])
    if match is None:
        return None
    return match[3] if match[1] is None else _unescaped(match[2])


def _of_quotes(line: str) -> str | None:
    text = line.strip().removesuffix(",")
    return text[1:-1] if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0] else None


def _of_last_string(line: str) -> str | None:
    """The string that a record ends with: `b'...'`, `("stdout", "...")`, `[1.5, "o", "..."]`, `2026-04-05,"..."`."""
    match = _LAST_STRING.match(line[:6_000])
    if match is None:
        return None
    double = match["double"]
    body = match["single"] if double is None else double.replace('""', '"')
    return _unescaped(body)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda escape: _meant(*escape.groups()), text) if "\\" in text else text


def _meant(wide: str | None, narrow: str | None, other: str | None) -> str:
    code = wide or narrow
    if code and 0xD800 <= int(code, 16) < 0xE000:
        return "\ufffd"  # half of a pair
    return chr(int(code, 16)) if code else _ESCAPED.get(other or "", other or "")


def _without_ending(line: str) -> str | None:
    match = _ENDING.search(line[-300:])
    return line[: len(line) - len(match[0])] if match else None

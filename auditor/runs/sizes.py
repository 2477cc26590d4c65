"""Lines that tell bytes: the artifact, the model, the code."""

from __future__ import annotations

import re

from auditor.runs.draft import Draft, whole

_BYTES = r"(\d[\d,_]{3,20})"
_TOTAL = re.compile(r"total (?:\w{1,20} )?submission(?: size)?\s{0,3}([^:\n]{0,60}):\s{0,12}" + _BYTES, re.IGNORECASE)
_OTHER_TOTAL = re.compile(
    # Names that speak of bytes need no unit; "budget:15993853/16000000" has its total first.
    r"(?:(?:total_artifact_bytes|artifact_bytes|total_bytes|total_size|\bartifact(?: size)?(?: \([^()]{0,20}\))?"
    r"|(?<![_\w])budget)[\"']?\s{0,3}[:=]\s{0,12}" + _BYTES + r"(?![.\d])"
    r"|\btotal(?: size)?(?: artifact)?\s{0,3}[:=]\s{0,12}" + _BYTES + r"\s{0,2}(?:bytes|B)\b)",
    re.IGNORECASE,
)
_MODEL = re.compile(r"serialized (?:model)?\s{0,3}([^:\n]{0,60}):\s{0,12}" + _BYTES + r"\s{0,2}bytes", re.IGNORECASE)
_CODE = re.compile(r"\bcode(?: size|_bytes)?\s{0,2}(\([a-z ]{0,20}\))?\s{0,2}:\s{0,12}(\d[\d,_]{1,20})", re.IGNORECASE)
_RESULT = re.compile(r"\bsize\s{0,2}=\s{0,2}(\d[\d,]{5,20})B\b")
# "total_bytes" alone may be of anything: the validation text has bytes too.
_OF_ARTIFACT = re.compile(r"artifact|submission|size|model|code|compress|payload|limit|budget|\bcap\b", re.IGNORECASE)
_UNPACKED = ("raw", "fp32", "bf16", "uncompressed")


def read_sizes(draft: Draft, line_number: int, line: str) -> None:
    """Takes every byte count of the line; which of them is the artifact is decided by `artifact`."""
    if "{" in line and "}" in line and '"' not in line:
        return  # a format string
    total = _TOTAL.search(line)
    if total:
        size = whole(total[2])
        if size is not None:
            draft.totals[_codec(total[1])] = (line_number, size)
    model = _MODEL.search(line)
    if model:
        size = whole(model[2])
        if size is not None:
            draft.models[_codec(model[1])] = (line_number, size)
    code = _CODE.search(line)
    if code:
        size = whole(code[2])
        if size is not None and size < 10_000_000:
            draft.code[(code[1] or "").strip("() ").lower()] = size
    if total is None:
        size = _other_total(line)
        if size is not None and size > 100_000:
            draft.other_totals.append((line_number, size))
            del draft.other_totals[:-50]


def _other_total(line: str) -> int | None:
    match = _OTHER_TOTAL.search(line) or _RESULT.search(line)
    if match is None or (match[0].lower().startswith("total_bytes") and not _OF_ARTIFACT.search(line)):
        return None
    return whole(next(group for group in match.groups() if group))


def _codec(text: str) -> str:
    return text.strip(" :=()").lower()


def _packed(codec: str) -> bool:
    return bool(codec) and not any(word in codec for word in _UNPACKED)


def code_bytes(draft: Draft) -> int | None:
    """The code as the log counts it: the compressed form where it prints one."""
    for key in ("compressed", "minified", "packed", ""):
        if key in draft.code:
            return draft.code[key]
    return next(iter(draft.code.values()), None)


def model_bytes(draft: Draft) -> int | None:
    packed = [size for codec, (_, size) in draft.models.items() if _packed(codec)]
    return min(packed, default=None)


def raw_model_bytes(draft: Draft) -> int | None:
    plain = [size for codec, (_, size) in draft.models.items() if not _packed(codec)]
    return max(plain, default=None)


def artifact(draft: Draft) -> tuple[int, int | None] | None:
    """Bytes of code and compressed model, and the line that says so.

    A total that names a codec comes first, the smallest where there are several: a total without one is the
    uncompressed model as a rule. Then a total by another name, then the sum of the parts.
    """
    packed = [(size, line) for codec, (line, size) in draft.totals.items() if _packed(codec)]
    if packed:
        return min(packed)
    raw = raw_model_bytes(draft)
    plain = [(size, line) for codec, (line, size) in draft.totals.items() if not _packed(codec)]
    # The line of a raw total repeats the raw model plus the code; anything smaller is a real total.
    plain = [(size, line) for size, line in plain if raw is None or size < raw]
    code, model = code_bytes(draft), model_bytes(draft)
    if plain and (raw is not None or model is not None):
        return min(plain)
    if draft.other_totals:
        line, size = draft.other_totals[-1]
        # "artifact" often means the model alone.
        if code is not None and model is not None and size == model:
            return model + code, None
        return size, line
    if model is not None and code is not None:
        return model + code, None
    return min(plain, default=None)


def raw_total(draft: Draft) -> int | None:
    """A total that is the uncompressed model with the code."""
    raw = raw_model_bytes(draft)
    totals = [size for codec, (_, size) in draft.totals.items() if not _packed(codec)]
    return next((size for size in totals if raw is not None and size >= raw), None)

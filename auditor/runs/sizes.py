"""Lines that tell bytes: the artifact, the model, the code."""

from __future__ import annotations

import re
from collections.abc import Sequence

from auditor.quantities import Reading, size_at, unit_of_name
from auditor.runs.draft import Draft, Size

_TOTAL = re.compile(
    r"total[ _](?:[a-z0-9]{1,20}[ _])?submission(?:[ _]size)?[\s_]{0,3}((?:\([^()\n]{0,60}\)|[^:=()\n]){0,60}?)\s{0,3}"
    r"(?:[:=]\s{0,12}(?=[\d.~*`\"'+\u2248<>\u2264\u2265?a-z-])|\s(?=\d[\d,_]{6}))",
    re.IGNORECASE,
)
_UNIT_NAMES = r"(?:bytes|mb|kb|mib|kib)"
# What stands where a total should be and is none: `<16 MB`, `N/A`.
_NO_TOTAL = re.compile(
    r"(?:total[_ ](?:artifact|submission)(?:_size)?(?:_bytes)?|submission[_ ](?:bytes|size)"
    rf"|artifact[_ ](?:{_UNIT_NAMES}|size)|total_{_UNIT_NAMES}|bytes_total|total size"
    r"|\b(?:submission|artifact))[\"']?\s{0,3}[:=]\s{0,12}"
    r"(?=[<>\u2264\u2265?]|(?:n/?a|none|null|tbd|nan|under|below|less|fits)\b)",
    re.IGNORECASE,
)
_OTHER_TOTAL = re.compile(
    # Names that speak of bytes need no unit; "budget:15993853/16000000" has its total first.
    r"(?:total_artifact_bytes|total_submission(?:_size)?(?:_bytes)?"
    r"|(?:final_)?submission[_ ](?:bytes|size(?:[_ ]bytes)?)"
    rf"|artifact[_ ](?:size_|total_)?{_UNIT_NAMES}|total_{_UNIT_NAMES}|bytes_total|total_size(?:_{_UNIT_NAMES})?"
    rf"|(?:final|packed|compressed)_(?:total|size)(?:_{_UNIT_NAMES})?|total (?:compressed|packed) size[^:=\n]{{0,30}}"
    r"|(?:final|total artifact) size|\bmodel ?\+ ?code(?: (?:bytes|size))?"
    r"|(?:^\W{0,4}|[|,;] ?)size(?:_bytes)?|\bsize_bytes"
    r"|\bsubmission|\bartifact(?: size| [^\x00-\x7f]{1,12})?(?: \([^()]{0,20}\))?|(?<![_\w])budget)[\"']?"
    r"\s{0,3}[:=]\s{0,12}(?=\d)"
    r"|\b(?:submission_bytes|artifact_bytes|bytes_total|(?:final|compressed|total) artifact)\s{1,3}(?=\d)"
    r"|\[artifact\] (?=\d)|(?<![\w.])total\s{0,2}[:=]\s{0,3}(?=\d{7,8}\b.{0,40}\b(?:limit|cap|budget)\b)",
    re.IGNORECASE,
)
_OF_A_LIMIT = re.compile(r"(?:target|max|maximum|limit|cap|allowed|budget)[_ ]$", re.IGNORECASE)
_OF_WHICH = re.compile(r"[\d,._]{1,14}\s?(?:[kmg]i?b|bytes|b)?\s?(?:/|of\b)\s?\d", re.IGNORECASE)
_TOTAL_WITH_UNIT = re.compile(
    r"\b(?:total(?: size)?(?: artifact)?\s{0,3}[:=]|size\s{0,2}=)\s{0,12}(?=\d)", re.IGNORECASE
)
_MODEL = re.compile(r"serialized[ _](?:model)?[\s_]{0,3}([^:\n]{0,60}):\s{0,12}(?=\d)", re.IGNORECASE)
# `model_bytes=14817018`: the packed model by the name of its size alone.
_MODEL_BYTES = re.compile(
    r"(?<![\w.])(?:(?:compressed|packed|quantized|final)_)?(?:model|weights|blob)_bytes[\"']?\s{0,2}[:=]\s{0,12}(?=\d)"
)
_CODE = re.compile(
    r"\bcode(?:(?: snapshot| file)?[ _]size|_bytes)?\s{0,2}(\([a-z ]{0,20}\))?"
    r"[\"']?\s{0,2}[:=]\s{0,12}(?=\d)",
    re.IGNORECASE,
)
# Parts and their total on one line: `model:15806940 code:11562 total:15818502`.
_PART = re.compile(
    r"(?<![\w.])(?:(?P<total>total(?:_artifact_bytes|_submission(?:_size)?(?:_bytes)?|_bytes|_size)?)"
    r"|(?P<model>(?:compressed_)?model(?:_bytes|_size)?|payload(?:_bytes)?|artifact(?:_bytes|_size)?)"
    r"|(?P<code>code(?:_bytes|_size)?))(?:[\"']?\s{0,2}[:=]\s{0,12}(?=\d)|\s(?=\d{4}))",
    re.IGNORECASE,
)
# `15.79MB model + 0.01MB code = 15.80/16.00MB`, `15806940 bytes + 11562 code = 15818502 total`.
_SUM_SIGN = re.compile(r"\s{0,3}(?:model|artifact|payload|weights)?\s{0,3}\+\s{0,3}(?=\d)", re.IGNORECASE)
_EQUALS = re.compile(r"\s{0,3}(?:(?:bytes )?code\s{0,3})?=\s{0,3}(?=\d)", re.IGNORECASE)
_DIGIT = re.compile(r"(?<![\w.,/])\d")
# "total_bytes" alone may be of anything: the validation text has bytes too.
_OF_ARTIFACT = re.compile(r"artifact|submission|size|model|code|compress|payload|limit|budget|\bcap\b", re.IGNORECASE)
_UNPACKED = ("raw", "fp32", "bf16", "uncompressed")
_LABEL = 40  # characters of a packed model's name
_SMALLEST = 100_000  # bytes of an artifact
_SMALLEST_CODE, _LARGEST_CODE = 9, 10_000_000
_KEPT = 50
_HALF = 0.5
_ROUNDED = 0.02  # a megabyte may be meant as 2**20 bytes beside the exact size, but for that they agree


def read_sizes(draft: Draft, line_number: int, line: str) -> None:
    """Takes every byte count of the line; which of them is the artifact is decided by `artifact`."""
    if "{" in line and "}" in line and '"' not in line:
        return  # a format string
    total = _TOTAL.search(line)
    if total:
        unit = unit_of_name(total[0].rstrip(": "), size=True)
        _keep(draft, draft.totals, _codec(total[1]), line_number, line, _precise(line, total.end(), unit), total.end())
    model = _MODEL.search(line)
    if model:
        reading, codec = size_at(line, model.end(), "bytes"), _codec(model[1])
        # A second model under one name, and far smaller: the first was not packed yet.
        held = draft.models.get(codec)
        if held is not None and not codec and reading is not None and 0 < (reading.value or 0) < _HALF * held.amount:
            codec = "packed"
        _keep(draft, draft.models, codec, line_number, line, reading)
    elif (named := _MODEL_BYTES.search(line)) is not None and not any(word in line.lower() for word in _UNPACKED):
        size = _bytes(size_at(line, named.end(), "bytes"), line_number)
        if size is not None and size.amount > _SMALLEST:
            draft.parts = size
    for code in _CODE.finditer(line):
        size = _bytes(size_at(line, code.end(), "bytes"))
        if size is not None and _SMALLEST_CODE < size.amount < _LARGEST_CODE:
            draft.code[(code[1] or "").strip("() ").lower()] = size.amount
            break
    if total is None:
        found = _sum(draft, line, line_number) or _parts(draft, line, line_number) or _other_total(line)
        # What is rounded before there is a model is an estimate or a limit.
        if found is not None and found.amount > _SMALLEST and (found.exact or draft.trained):
            draft.other_totals.append(Size(found.amount, line_number, found.exact))
            del draft.other_totals[:-_KEPT]
            _listed(draft, draft.other_totals[-1])
            draft.unread.pop("artifact", None)
        elif found is None and (none := _NO_TOTAL.search(line)):
            _not_said(draft, line_number, line[none.end() :])


def _precise(line: str, at: int, unit: str) -> Reading | None:
    """The size at a place, in the unit of its name or bytes; `15.82 MB (15,818,899 bytes)` is the exact one."""
    reading = size_at(line, at, unit or "bytes")
    if reading is None or reading.exact or not reading.value:
        return reading
    exact = size_at(line, reading.end)
    close = exact is not None and exact.value is not None and abs(exact.value / reading.value - 1) < _ROUNDED
    return exact if close and exact is not None and exact.exact else reading


def _bytes(reading: Reading | None, line_number: int = 0) -> Size | None:
    return None if reading is None or reading.value is None else Size(int(reading.value), line_number, reading.exact)


def _keep(
    draft: Draft, sizes: dict[str, Size], codec: str, line_number: int, line: str, reading: Reading | None, at: int = 0
) -> None:
    """The size under its codec; bytes are not overwritten by rounded megabytes."""
    size = _bytes(reading, line_number)
    if size is None:
        if sizes is not draft.totals:
            return
        if reading is None:
            _not_said(draft, line_number, line[at:])
        elif reading.end > reading.start:
            draft.unread["artifact"] = (line_number, f"{line[reading.start : reading.end]!r}: {reading.problem}")
        return
    if sizes is draft.totals:
        draft.unread.pop("artifact", None)
        _listed(draft, size)
    if size.exact or codec not in sizes or not sizes[codec].exact:
        sizes[codec] = size


def _listed(draft: Draft, total: Size) -> None:
    if total.exact and total.amount > _SMALLEST and len(draft.each_total) < _KEPT:
        draft.each_total.append(total)


def _not_said(draft: Draft, line_number: int, said: str) -> None:
    draft.unread["artifact"] = (line_number, f"{said.strip()[:40]!r} is no number of bytes")


def _parts(draft: Draft, line: str, line_number: int) -> Size | None:
    """The total of a line that has a total beside its parts; the parts are kept."""
    found: dict[str, Size] = {}
    for match in _PART.finditer(line):
        size = _bytes(size_at(line, match.end(), "bytes"), line_number)
        before = line[max(0, match.start() - 20) : match.start()].lower()
        if any(word in before for word in _UNPACKED):
            return None  # the total of an uncompressed model
        if size is not None and match.lastgroup is not None:
            found.setdefault(match.lastgroup, size)
    if "total" not in found or len(found) < 2:
        return None
    if "code" in found and "model" not in found and found["total"].exact:
        # `gptq_int6_brotli: 14,930,293 bytes | code: 90,756 | total: 15,021,049`: the name is that of the packed model.
        model = found["total"].amount - found["code"].amount
        label = line.partition(":")[0].strip().lower()
        if 0 < len(label) < _LABEL and (f"{model:,}" in line or str(model) in line):
            draft.totals[label] = found["total"]
            draft.models[label] = Size(model, line_number, True)
    if "model" in found and _SMALLEST < found["model"].amount <= found["total"].amount:
        draft.parts = found["model"]
    return found["total"]


def _sum(draft: Draft, line: str, line_number: int) -> Size | None:
    """The total of a line that adds the code to the model."""
    if "+" not in line or "code" not in line.lower():
        return None
    for digit in _DIGIT.finditer(line):
        model = size_at(line, digit.start(), "bytes")
        plus = _SUM_SIGN.match(line, model.end) if model is not None else None
        code = size_at(line, plus.end(), "bytes") if plus else None
        equals = _EQUALS.match(line, code.end) if code is not None else None
        if model is None or code is None or equals is None:
            continue
        total = size_at(line, equals.end(), code.unit or model.unit or "bytes")
        part, sum_ = _bytes(model, line_number), _bytes(total, line_number)
        if part is not None and part.amount > _SMALLEST:
            draft.parts = part
        if code.value is not None and code.exact and code.value < _LARGEST_CODE:
            draft.code.setdefault("", int(code.value))
        return sum_
    return None


def _other_total(line: str) -> Size | None:
    match = next((m for m in _OTHER_TOTAL.finditer(line) if not _limits(line, m)), None)
    if match is not None:
        if match[0].lower().startswith("total_bytes") and not _OF_ARTIFACT.search(line):
            return None
        return _bytes(_precise(line, match.end(), unit_of_name(match[0].rstrip(" :="), size=True)))
    match = _TOTAL_WITH_UNIT.search(line)
    return _bytes(size_at(line, match.end())) if match else None


def _limits(line: str, named: re.Match[str]) -> bool:
    """Whether the name is a limit's: `target_bytes: `, or `Budget: 16,000,000 bytes`, of which nothing is used up."""
    if _OF_A_LIMIT.search(line[: named.start()][-12:]):
        return True
    return named[0].lower().startswith("budget") and _OF_WHICH.match(line, named.end()) is None


def _codec(text: str) -> str:
    return text.strip(" :=()").lower()


def _packed(codec: str) -> bool:
    return bool(codec) and not any(word in codec for word in _UNPACKED)


def code_bytes(draft: Draft) -> int | None:
    """The code as the log counts it: the compressed form where it prints one, nothing where its total is the model."""
    model, totals = model_bytes(draft), [size for codec, size in draft.totals.items() if _packed(codec)]
    if draft.code and totals and all(size.exact and size.amount == model for size in totals):
        return 0
    for key in ("compressed", "minified", "packed", ""):
        if key in draft.code:
            return draft.code[key]
    return next(iter(draft.code.values()), None)


def model_bytes(draft: Draft) -> int | None:
    packed = [size.amount for codec, size in draft.models.items() if _packed(codec)]
    return min(packed, default=None) or (draft.parts.amount if draft.parts is not None else None)


def raw_model_bytes(draft: Draft) -> int | None:
    plain = [size.amount for codec, size in draft.models.items() if not _packed(codec)]
    return max(plain, default=None)


def artifact(draft: Draft) -> tuple[int, int | None] | None:
    """Bytes of code and compressed model, and the line that says so.

    A total that names a codec comes first, the smallest where there are several: a total without one is the
    uncompressed model as a rule. Then a total by another name, then the sum of the parts. Rounded megabytes stand
    behind bytes.
    """
    # `total_submission_with_table`: a total that something was added to, after the model was packed.
    added = [size for codec, size in draft.totals.items() if codec.startswith(("with ", "with_"))]
    if added:
        largest = max(added, key=lambda size: size.amount)
        return largest.amount, largest.line
    packed = [size for codec, size in draft.totals.items() if _packed(codec)]
    if packed:
        return _least(packed)
    raw = raw_model_bytes(draft)
    plain = [size for codec, size in draft.totals.items() if not _packed(codec)]
    # The line of a raw total repeats the raw model plus the code; anything smaller is a real total.
    plain = [size for size in plain if raw is None or size.amount < raw]
    code, model = code_bytes(draft), model_bytes(draft)
    if plain and (raw is not None or model is not None):
        return _least(plain)
    if draft.other_totals:
        last = next((s for s in reversed(draft.other_totals) if s.exact), draft.other_totals[-1])
        # "artifact" often means the model alone.
        if code is not None and model is not None and last.amount == model:
            return model + code, None
        return last.amount, last.line
    if model is not None and code is not None:
        return model + code, None
    return _least(plain) if plain else None


def _least(sizes: Sequence[Size]) -> tuple[int, int | None]:
    exact = [size for size in sizes if size.exact] or sizes
    least = min(exact, key=lambda size: (size.amount, size.line))
    return least.amount, least.line


def raw_total(draft: Draft) -> int | None:
    """A total that is the uncompressed model with the code."""
    raw = raw_model_bytes(draft)
    totals = [size.amount for codec, size in draft.totals.items() if not _packed(codec)]
    return next((size for size in totals if raw is not None and size >= raw), None)

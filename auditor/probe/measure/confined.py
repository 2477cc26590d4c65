"""Reading and measuring in the jail, beside no submission: what a recording does to its reader stays in there.

`survey` and `measured` are the parent's side. What comes back is checked value by value: the child read what strangers
wrote, so it is believed no more than they are, but it can say nothing that is not a measurement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditor.findings import Location
from auditor.probe.job import Frames
from auditor.probe.measure import Claim, Ending, Measured, Request, Runs, Stream, measure
from auditor.probe.measure.ending import after_which, exact_bpb, is_traced
from auditor.probe.measure.exchange import Place, further, place_of
from auditor.probe.measure.flips import FEW_TRAINED
from auditor.probe.measure.runs import Read
from auditor.probe.model import Holds, Kind, Measurement, Term, Witness
from auditor.probe.record.frames import pack, unpack
from auditor.probe.record.recording import read
from auditor.runs.evaluations import parse_evaluation
from auditor.runs.text import clean

TARGET = "auditor.probe.measure.confined:perform"
_RUNS = (
    "base",
    "null",
    "future",
    "target",
    "again",
    "short",
    "end",
    "tail",
    "shorter",
    "more",
    "masked",
    "resized",
)
_WITNESSES, _TERMS, _PROFILE, _LABELS = 100, 200, 300, 50
_TEXT = 4_000
_EXCHANGED = 20_000  # tokens that were tried
_PLACES = 8  # lines where sums take scores of one number
_FRAMES = 16  # lines at work in one place
_LINE = 2_000  # characters of a line: the recorder cuts longer ones

Call = Callable[[bytes], Sequence[bytes]]
"""Runs `TARGET` with an argument and gives its frames. Raises ValueError where it did not end well."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the base run shows before any other is made.

    `further`: scores of the reported number that were computed further than the model's own row; None where the number
    could not be traced to scores. `places`: of the positions that were asked for, those that can be exchanged.
    `fault`: why the recording can't be believed.
    """

    fault: str = ""
    further: int | None = None
    places: tuple[Place, ...] = ()
    reason: str = ""
    last: tuple[int, int] | None = None  # row and place in the sequence of the last token, whose score is not traced
    label: str = ""  # of the figure that is then asked
    blocks: frozenset[tuple[str, int, int]] = frozenset()  # that the run entered: path, line, column
    holders: tuple[tuple[str, int, tuple[str, ...]], ...] = ()  # path, line of a function, names that held the stream
    idle: tuple[tuple[str, int, str], ...] = ()  # path, line, what did nothing to the scores of this run
    late: tuple[int, ...] = ()  # positions scored last, where that is not the end of the stream
    first: int = 0  # of them, which is scored before the others
    early: tuple[int, ...] = ()  # positions in batches that moved the weights before they were scored, if many
    unheard: bool = False  # whether a figure came out that was not written to `sys.stdout`


def survey(
    call: Call, frames: Sequence[bytes], stream: Stream, claim: Claim, positions: Sequence[int], said: str = "",
    share: float = 0.75,
) -> Survey:  # fmt: skip
    """`said`: what came out of the process, beside what the recorder was told of. `share`: of the scores, after which
    what is scored is `late`."""
    values = _asked(
        call, "survey", {"base": frames}, stream, claim, positions=list(positions), said=said, share=share
    )  # fmt: skip
    if "fault" in values:
        return Survey(_text(values["fault"]))
    try:
        places = tuple(
            Place(
                _count(p["position"]), _count(p["row"]),
                tuple(_frames(place) for place in p["taken"][:_PLACES]), _count(p["earlier"]),
                _number(p["factor"]) or 0.0,
                _number(p["score"]) or 0.0, _number(p["model"]) or 0.0, _optional_count(p["after"]),
            )
            for p in values["places"][: len(positions)]
        )  # fmt: skip
        last = values["last"]
        last = None if last is None else (_count(last[0]), _count(last[1]))
        blocks = frozenset((_text(p), _count(line), _count(column)) for p, line, column in values["blocks"])
        holders = tuple((_text(p), _count(line), tuple(map(_text, names))) for p, line, names in values["holders"])
        idle = tuple((_text(p), _count(line), _text(what)) for p, line, what in values["idle"])
        unheard = values["unheard"] is not False
        return Survey(
            "", _optional_count(values["further"]), places, _text(values["reason"]), last, _text(values["label"]),
            blocks, holders, idle, _positions(values["late"], stream), _count(values["first"]),
            _positions(values["early"], stream), unheard,
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ValueError("the measuring process answered with no survey") from error


def distribution(call: Call, frames: Sequence[bytes], row: int) -> NDArray[np.float64] | None:
    """ln p of every token in a row that was wanted whole; None where it was not sent."""
    values = _asked(call, "row", {"base": frames}, None, Claim(), row=row)
    held = values.get("values")
    if not isinstance(held, list):
        return None
    found = np.array([_number(v) if v is not None else -np.inf for v in held], dtype=np.float64)
    return found if len(found) and abs(float(np.exp(found).sum()) - 1.0) < 1e-3 else None


def measured(
    call: Call, runs: Mapping[str, Sequence[bytes]], missing: Mapping[str, str], stream: Stream, claim: Claim,
    requests: Sequence[Request], end: Ending | None = None,
) -> Measured | str:  # fmt: skip
    """The measurements, or why the recordings can't be believed."""
    asked = [
        {**asdict(r), "chosen": list(r.chosen.items()), "pieces": list(r.pieces.items())} for r in requests
    ]  # fmt: skip
    values = _asked(call, "measure", runs, stream, claim, missing=dict(missing), requests=asked, end=_sent(end))
    if "fault" in values:
        return _text(values["fault"])
    try:
        found = tuple(_measurement(m) for m in values["measurements"][: len(Kind)])
        labels = tuple(_text(label) for label in values["labels"][:_LABELS])
        tried = tuple((_count(position), _count(token)) for position, token in values["exchanged"][:_EXCHANGED])
        return Measured(found, labels, _count(values["losses_recorded"]), tried, values["resized"] is not False)
    except (KeyError, TypeError) as error:
        raise ValueError("the measuring process answered with no measurements") from error


def _asked(
    call: Call, what: str, runs: Mapping[str, Sequence[bytes]], stream: Stream | None, claim: Claim, **more: Any
) -> dict[str, Any]:  # fmt: skip
    """Raises ValueError for an answer that is none."""
    header = {"what": what, "claim": asdict(claim), "runs": {n: [len(f) for f in frames] for n, frames in runs.items()},
              "stream": None, **more}  # fmt: skip
    arrays: dict[str, NDArray[Any]] = {}
    if stream is not None:
        header["stream"] = [stream.P, stream.Q, stream.vocabulary]
        given = (
            (name, getattr(stream, name)) for name in ("base", "future", "target", "bytes_", "again", "late", "masked")
        )
        arrays = {name: values.astype("<i8") for name, values in given if values is not None}
    head = pack("measure", header, arrays)
    frames = [frame for name in runs for frame in runs[name]]
    answer = call(b"".join([len(head).to_bytes(8, "little"), head, *frames]))
    try:
        values = json.loads(answer[0])
        if not isinstance(values, dict):
            raise ValueError
    except (ValueError, IndexError, RecursionError) as error:
        raise ValueError("the measuring process gave no answer") from error
    return values


# --- in the child --------------------------------------------------------------------------------------------------


def perform(argument: bytes, channel: Any) -> None:
    """Answers one question about recordings, as JSON."""
    length = int.from_bytes(argument[:8], "little")
    head = unpack(argument[8 : 8 + length])
    given, offset = head.data, 8 + length
    frames: dict[str, list[bytes]] = {}
    for name, lengths in given["runs"].items():
        frames[name] = []
        for size in lengths:
            frames[name].append(argument[offset : offset + size])
            offset += size
    try:
        answer = _answer(given, frames, head.arrays)
    except ValueError as error:
        answer = {"fault": f"what was recorded is not whole: {error}"}
    channel.send(json.dumps(answer).encode())


def _answer(given: dict[str, Any], frames: dict[str, list[bytes]], arrays: Mapping[str, Any]) -> dict[str, Any]:
    claim, missing = Claim(**given["claim"]), dict(given.get("missing", {}))
    base = read(frames["base"])
    if given["what"] == "row":
        held = next((values for row, values in base.whole if row == given["row"]), None)
        return {"values": None if held is None else [float(v) if np.isfinite(v) else None for v in held]}
    p, q, vocabulary = given["stream"]
    stream = Stream(
        arrays["base"], arrays["future"], arrays["target"], p, q, arrays.get("bytes_"), vocabulary, arrays.get("again"),
        arrays["late"] != 0 if "late" in arrays else None, arrays.get("masked"),
    )  # fmt: skip
    if given["what"] == "survey":
        found = Read(base, stream.base, claim.label, stream.bytes_)
        places = [place for at in given["positions"] if (place := place_of(found, at)) is not None]
        traced = found.scores is not None
        last = found.taken_last(given["share"])
        early = found.trained_first() if traced else ()
        return {
            "further": further(found) if traced else None,
            "places": [asdict(place) for place in places],
            "reason": "" if traced else found.untraced,
            "last": after_which(found) if exact_bpb(found) is not None and not is_traced(found) else None,
            "label": found.figure.label if found.figure else "",
            "blocks": base.blocks,
            "holders": base.holders,
            "idle": base.idle,
            "late": np.flatnonzero(last[0]).tolist() if last else [],
            "first": last[1] if last else 0,
            "early": [int(at) for at in early] if len(early) >= FEW_TRAINED else [],
            "unheard": _unheard(base.lines, given["said"]),
        }
    others = {}
    for name in _RUNS[1:]:
        try:
            others[name] = read(frames[name]) if name in frames else None
        except ValueError as error:
            others[name], missing[name] = None, f"what was recorded is not whole: {error}"
    requests = [_request(r) for r in given["requests"]]
    result = measure(Runs(base, **others, missing=missing), stream, claim, requests, _received(given["end"]))
    return {
        "measurements": [asdict(m) for m in result.measurements],
        "labels": list(result.labels),
        "losses_recorded": result.losses_recorded,
        "exchanged": result.exchanged,
        "resized": result.resized,
    }


def _unheard(lines: Sequence[tuple[int, str]], said: str) -> bool:
    """Whether a line with a figure of an evaluation came out that the recorder was not told of."""
    heard = {clean(line).strip() for _, line in lines}
    for line in said.split("\n"):  # as the recorder does: text may hold other ends of lines
        text = clean(line.rsplit("\r", 1)[-1]).strip()
        if text and len(text) < _LINE and text not in heard and parse_evaluation(0, text) is not None:
            return True
    return False


def _request(given: dict[str, Any]) -> Request:
    chosen, pieces = ({int(token): said for token, said in given[name]} for name in ("chosen", "pieces"))
    put = None if given["put"] is None else tuple(given["put"])
    return Request(**{**given, "chosen": chosen, "pieces": pieces, "put": put})


def _sent(end: Ending | None) -> dict[str, Any] | None:
    if end is None:
        return None
    return {**asdict(end), **{n: list(getattr(end, n).items()) for n in ("chosen", "pieces", "sizes")}}


def _received(end: dict[str, Any] | None) -> Ending | None:
    if end is None:
        return None
    return Ending(**{**end, **{n: {int(t): v for t, v in end[n]} for n in ("chosen", "pieces", "sizes")}})


# --- values from the child -----------------------------------------------------------------------------------------


def _positions(values: Sequence[Any], stream: Stream) -> tuple[int, ...]:
    """Positions of the stream, in its order."""
    found = sorted({_count(value) for value in values[: len(stream.base)]})
    if found and found[-1] >= len(stream.base):
        raise ValueError("a position that the stream does not have")
    return tuple(found)


def _measurement(m: dict[str, Any]) -> Measurement:
    return Measurement(
        Kind(m["kind"]),
        Holds(m["holds"]),
        _text(m["reason"]),
        _count(m["compared"]),
        _count(m["changed"]),
        _number(m["noise"]),
        _number(m["effect"]),
        m["reported"] if m["reported"] in (True, False, None) else None,
        tuple(_witness(w) for w in m["witnesses"][:_WITNESSES]),
        _optional_count(m["flipped"]),
        tuple((_count(p), float(v)) for p, v in m["profile"][:_PROFILE]),
        tuple(_term(t) for t in m["terms"][:_TERMS]),
        _number(m["total"]),
    )


def _witness(w: dict[str, Any]) -> Witness:
    if w["condition"] not in ("C1", "C2", "C3", "C4"):
        raise ValueError("a witness of no condition")
    place = w["location"]
    location = None
    if place is not None:
        location = Location(_text(place["path"]), _optional_count(place["line"]), _optional_count(place["end_line"]))
    return Witness(
        w["condition"], Kind(w["kind"]), _count(w["position"]), float(w["before"]), float(w["after"]),
        _optional_count(w["flipped"]), location, _text(w["function"]), _text(w["label"]),
    )  # fmt: skip


def _term(t: dict[str, Any]) -> Term:
    if t["chosen"] not in ("there", "seen", "prefix", "likely", "drawn"):
        raise ValueError("a token chosen for no reason")
    return Term(
        _count(t["position"]), _count(t["token"]), _text(t["piece"])[:80], t["chosen"], float(t["probability"]),
        _number(t["model"]),
    )  # fmt: skip


def _frames(value: Sequence[Any]) -> Frames:
    return tuple((_text(path), _count(line), _text(name)) for path, line, name in value[:_FRAMES])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value[:_TEXT]


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError("no count")
    return value


def _optional_count(value: object) -> int | None:
    return None if value is None else _count(value)


def _number(value: object) -> float | None:
    if value is not None and type(value) not in (int, float):
        raise ValueError("no number")
    return None if value is None else float(value)  # type: ignore[arg-type]

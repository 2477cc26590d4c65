"""What is kept along the stream: tokens that were scored may go into the next logits, those that are scored may not."""

from __future__ import annotations

import pytest
from program_samples import program

from auditor.program import Program

_STREAM = """
BEFORE
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    end = at + 8
    x, y = val[at:end], val[at + 1:end + 1]
    EARLIER
    logits = net.forward_logits(x).float()
    MADE
    total += LOSS
    LATER
print(f"final val_bpb:{total}")
"""
_COUNTS = "counts = torch.ones(64)"
_TABLE = "counts = torch.zeros(64, 64)"
_CE = "F.cross_entropy(logits, y, reduction='sum')"
_PICKED = "-logits.log_softmax(-1).gather(-1, y[..., None]).sum()"

_STATES = {
    "a histogram": (_COUNTS, "logits = logits + counts.log()", "counts += torch.bincount(y, minlength=64)"),
    "a table, in place": (
        _TABLE,
        "logits = logits + counts[x]",
        "counts.index_put_((x, y), torch.ones(8), accumulate=True)",
    ),
    "a table, by its rows": (_TABLE, "logits = logits + counts[x]", "counts[x, y] += 1.0"),
    "those that came up": (_COUNTS, "logits = logits + 0.1 * counts", "counts[y] = 2.0"),
    "of numpy": (
        "counts = np.ones(64)",
        "logits = logits + torch.from_numpy(counts)",
        "np.add.at(counts, y.numpy(), 1)",
    ),
    "one-hot rows": (_COUNTS, "logits = logits + counts", "counts = counts + F.one_hot(y, 64).float().mean(0)"),
    "the last tokens": (
        "recent = []",
        "logits[..., recent] += 0.1",
        "recent = y.tolist()",
    ),
}


def _followed(state: str, loss: str, *, first: bool) -> Program:
    before, made, kept = _STATES[state]
    text = _STREAM.replace("BEFORE", before).replace("MADE", made).replace("LOSS", loss)
    text = text.replace("EARLIER", kept if first else "pass").replace("LATER", "pass" if first else kept)
    return program(text)


def _flagged(followed: Program) -> bool:
    trace = followed.trace
    doubted = any(gap.carried for gap in trace.unfollowed.values())
    counted = any(adapt.subject for adapt in trace.adapts.values())
    return doubted or counted or any(output.sees_target for output in trace.outputs.values())


@pytest.mark.parametrize("state", _STATES)
@pytest.mark.parametrize("loss", [_CE, _PICKED])
def test_tokens_of_the_chunks_before_are_no_targets(state: str, loss: str) -> None:
    assert not _flagged(_followed(state, loss, first=False))


@pytest.mark.parametrize("state", _STATES)
@pytest.mark.parametrize("loss", [_CE, _PICKED])
def test_tokens_of_the_chunk_that_is_scored_are(state: str, loss: str) -> None:
    assert _flagged(_followed(state, loss, first=True))


@pytest.mark.parametrize("loss", [_CE, _PICKED])
@pytest.mark.parametrize("begins", ["end", "end + 1"])
def test_what_stands_behind_the_scored_tokens_is_not_kept_for_the_next_round(begins: str, loss: str) -> None:
    kept = f"counts = torch.bincount(val[{begins}:end + 9], minlength=64)"
    text = _STREAM.replace("BEFORE", _COUNTS).replace("MADE", "logits = logits + counts").replace("EARLIER", "pass")
    assert _flagged(program(text.replace("LOSS", loss).replace("LATER", kept)))


_ELEMENTS = """
seen = {}
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    row, hints = val[at:at + 9].tolist(), torch.zeros(8, dtype=torch.long)
    for i in NUMBERS:
        FIRST
        SECOND
    logits = net.forward_logits(x).float() + F.one_hot(hints, 64)
    total += F.cross_entropy(logits, y, reduction='sum')
print(f"final val_bpb:{total}")
"""
_HINT, _KEEP = "hints[i] = seen.get(row[i], 0)", "seen[row[i]] = row[i + 1]"


def _elements(first: str, second: str, numbers: str = "range(len(row) - 1)") -> Program:
    return program(_ELEMENTS.replace("FIRST", first).replace("SECOND", second).replace("NUMBERS", numbers))


def test_a_hint_of_the_positions_before() -> None:
    assert not any(output.sees_target for output in _elements(_HINT, _KEEP).trace.outputs.values())


@pytest.mark.parametrize(
    ("first", "second", "numbers"),
    [
        (_KEEP, _HINT, "range(len(row) - 1)"),
        (_HINT, _KEEP, "reversed(range(len(row) - 1))"),
        ("hints[i] = row[i + 1]", "pass", "range(len(row) - 1)"),
    ],
)
def test_a_hint_of_the_position_itself(first: str, second: str, numbers: str) -> None:
    assert any(output.sees_target for output in _elements(first, second, numbers).trace.outputs.values())


_JOINED = """
total = torch.zeros(())
xs, ys = val[:-1], val[1:]
stream = JOINED
for at in range(0, stream.numel() - 9, 8):
    x, y = stream[at:at + 8], stream[at + 1:at + 9]
    total += F.cross_entropy(net.forward_logits(x).float(), y, reduction='sum')
print(f"final val_bpb:{total}")
"""


@pytest.mark.parametrize(
    ("joined", "sees"), [("torch.cat([xs, ys[-1:]])", False), ("torch.cat([ys[-1:], ys])", True), ("ys", True)]
)
def test_inputs_and_the_last_target_are_the_stream(joined: str, sees: bool) -> None:
    outputs = program(_JOINED.replace("JOINED", joined)).trace.outputs.values()
    assert any(output.sees_target for output in outputs) is sees

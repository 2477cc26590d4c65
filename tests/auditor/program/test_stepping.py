"""Which part of the stream a round has, told by what rounds step: the chunk after this one, or the stream once more."""

from __future__ import annotations

from textwrap import indent

import pytest
from program_samples import pairs, program, said

_ROUNDS = """
{before}
nats, count = torch.zeros(()), torch.zeros(())
n = val.numel() - 1
{loop}
    x, y = {take}
    {body}
    {step}
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
_SCORE = """
with torch.no_grad():
    nats += F.cross_entropy(net.forward_logits(x).float(), y, reduction="sum")
count += y.numel()
"""
_TRAIN = """
opt.zero_grad()
net(x, y).backward()
opt.step()
"""
_LOADER = """
class Loader:
    def __init__(self, tokens):
        self.tokens = tokens
        self.at = 0
    def reset(self):
        self.at = 0
    def next(self):
        begin = self.at
        self.at {step}
        return self.tokens[begin:begin + 64], self.tokens[begin + 1:begin + 65]
loader = Loader(val)
"""
_OUTSIDE = """
at = 0
def take():
    global at
    begin = at
    at = at + {by}
    return val[begin:begin + 64], val[begin + 1:begin + 65]
"""
_AROUND = """
def made():
    at = 0
    def take():
        nonlocal at
        begin = at
        at += {by}
        return val[begin:begin + 64], val[begin + 1:begin + 65]
    return take
take = made()
"""
_YIELDED = """
def batches():
    at = 0
    while at + 64 < val.numel():
        yield val[at:at + 64], val[at + 1:at + 65]
        at += {by}
"""
_FOR = "for _ in range(n // 64):"


def _window(begin: str) -> str:
    return f"val[{begin}:{begin} + 64], val[{begin} + 1:{begin} + 65]"


STEPPED = {
    "a name": ("at = 0", _FOR, _window("at"), "at += {by}"),
    "a name, made anew": ("at = 0", _FOR, _window("at"), "at = at + {by}"),
    "a loader": (_LOADER.format(step="+= {by}"), _FOR, "loader.next()", ""),
    "a loader, asked for its place": (
        _LOADER.format(step="= self.at + {by}"), "while loader.at < n - 64:", "loader.next()", ""),
    "a name of the module": (_OUTSIDE, _FOR, "take()", ""),
    "a name of a function around": (_AROUND, _FOR, "take()", ""),
    "a generator's own": (_YIELDED, "for got in batches():", "got", ""),
    "an attribute": ("class S: at = 0\nstate = S()", "while state.at < n:", _window("state.at"), "state.at += {by}"),
    "an attribute, by a method": (
        "class S:\n    at = 0\n    def on(self):\n        self.at += {by}\nstate = S()", "while state.at < n:",
        _window("state.at"), "state.on()"),
    "an attribute that is set by its name": (
        "class S: at = 0\nstate = S()", "while state.at < n:", _window("state.at"),
        'setattr(state, "at", state.at + {by})'),
    "an element of a dict that is updated": (
        'state = {{"at": 0}}', 'while state["at"] < n:', _window('state["at"]'), 'state.update(at=state["at"] + {by})'),
    "what a property is made of": (
        "class S:\n    k = 0\n    @property\n    def at(self):\n        return self.k * {by}\nstate = S()",
        "while state.at < n:", _window("state.at"), "state.k += 1"),
    "an element of a dict": (
        'state = {{"at": 0}}', 'while state["at"] < n:', _window('state["at"]'), 'state["at"] += {by}'),
    "an element of a list": ("state = [0]", _FOR, _window("state[0]"), "state[0] += {by}"),
}  # fmt: skip
TOLD = {
    "counted": ("", "for at in itertools.count(0, {by}):", _window("at"), "if at >= n - 64:\n        break"),
    "counted, multiplied": (
        "", "for k in itertools.count():", _window("(k * {by})"), "if k * {by} >= n - 64:\n        break"),
    "while it is true": ("", "for at in itertools.takewhile(lambda at: at < n - 64, itertools.count(0, {by})):",
                         _window("at"), ""),
    "a deque": ("places = collections.deque(range(0, val.numel() - 65, {by}))\nhere = None", "while places:",
                "(lambda at: (" + _window("at") + "))(places.popleft())", ""),
    "pairs of a list": ("places = [(at, at + 64) for at in range(0, val.numel() - 65, {by})]", "while places:",
                        "(lambda p: (val[p[0]:p[1]], val[p[0] + 1:p[1] + 1]))(places.pop(0))", ""),
}  # fmt: skip
OTHERWISE = {
    "sums": ("", "for at in np.cumsum([{by}] * 999).tolist():", _window("at"), ""),
    "evenly spaced": ("", "for at in np.linspace(0, n, n // {by} + 1).astype(int).tolist():", _window("at"), ""),
    "a name that the condition steps": ("at = -{by}", "while (at := at + {by}) < n:", _window("at"), ""),
    "cut off": ("rest = val", "while rest.numel() > 65:", "rest[:64], rest[1:65]", "rest = rest[{by}:]"),
}


def _program(given: tuple[str, str, str, str], by: int, body: str) -> str:
    before, loop, take, step = (part.format(by=by) for part in given)
    lines = indent(body.strip(), "    ").strip()
    head = "import collections, itertools\n" + before
    return _ROUNDS.format(before=head, loop=loop, take=take, body=lines, step=step or "pass")


@pytest.mark.parametrize("given", [*STEPPED.values(), *TOLD.values()], ids=[*STEPPED, *TOLD])
def test_each_round_has_a_part_of_its_own(given: tuple[str, str, str, str]) -> None:
    lawful = _program(given, 64, _SCORE + _TRAIN)
    assert [pair.score_first for pair in pairs(lawful)] == [True]
    assert not said(program(lawful))
    first = _program(given, 64, _TRAIN + _SCORE)
    assert any(not pair.score_first for pair in pairs(first))


@pytest.mark.parametrize("given", [*STEPPED.values(), *TOLD.values()], ids=[*STEPPED, *TOLD])
def test_parts_that_overlap_are_told(given: tuple[str, str, str, str]) -> None:
    why = said(program(_program(given, 32, _SCORE + _TRAIN)))
    assert any("32 tokens of it are scored in the next round" in reason for reason in why)


@pytest.mark.parametrize("by", [32, 64])
@pytest.mark.parametrize("given", OTHERWISE.values(), ids=OTHERWISE)
def test_how_far_apart_rounds_are_may_not_be_told(given: tuple[str, str, str, str], by: int) -> None:
    why = said(program(_program(given, by, _SCORE + _TRAIN)))
    assert any("how far apart its rounds are" in reason for reason in why)


def test_what_another_loader_reads_ahead_is_told() -> None:
    two = _LOADER.format(step="+= 64") + "ahead = Loader(val)\nahead.at = 64\n"
    text = _program((two.replace("{", "{{").replace("}", "}}"), _FOR, "loader.next()", ""), 64,
                    _SCORE + "x, y = ahead.next()\n" + _TRAIN)  # fmt: skip
    assert any("scored in the next round" in reason for reason in said(program(text)))


@pytest.mark.parametrize("first", [True, False])
def test_a_loader_of_another_module(first: bool) -> None:
    module = _LOADER.format(step="+= 64").replace("loader = Loader(val)", "")
    given = ("import loading\nloader = loading.Loader(val)", _FOR, "loader.next()", "")
    text = _program(given, 64, _SCORE + _TRAIN if first else _TRAIN + _SCORE)
    assert all(pair.score_first for pair in pairs(text, loading=module)) is first


_EPOCHS = """
{before}
n = val.numel() - 1
{loop}
    nats, count = torch.zeros(()), torch.zeros(())
    {first}
    for at in {places}:
        x, y = {take}
        {body}
    {step}
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
_PLACES = "range(0, n - 128, 64)"
AGAIN = {
    "as they are": ("", "for epoch in range(3):", "", _PLACES, _window("at"), ""),
    "moved on by the epoch": ("", "for epoch in range(3):", "", _PLACES, _window("at + epoch"), ""),
    "moved on by nothing": ("", "for epoch in range(3):", "", _PLACES, _window("at + 0 * epoch"), ""),
    "moved on by what a list says": ("", "for by in [0, 3, 1, 4, 1, 5]:", "", _PLACES, _window("at + by"), ""),
    "moved on by a counter": ("by = 0", "for _ in range(3):", "", _PLACES, _window("at + by"), "by += 1"),
    "moved on by a counter of a while": ("by = 0", "while by < 3:", "", _PLACES, _window("at + by"), "by += 1"),
    "by an attribute that nothing steps": (
        "class S: by = 0\nstate = S()", "for _ in range(3):", "", _PLACES, _window("at + state.by"), "state.by += 0"),
    "places that begin later": ("", "for epoch in range(3):", "", "range(epoch, n - 128, 64)", _window("at"), ""),
    "places in another order": (
        "import random", "for epoch in range(3):",
        "places = list(range(epoch, n - 128, 64))\n    random.shuffle(places)",
        "places", _window("at"), ""),
    "a part without its beginning": (
        "", "for epoch in range(3):", "part = val[epoch:]", _PLACES, "part[at:at + 64], part[at + 1:at + 65]", ""),
    "a loader that begins again": (
        _LOADER.format(step="+= 64"), "for epoch in range(3):", "loader.reset()", "range(n // 64)",
        "loader.next()", ""),
    "a loader for each": (
        _LOADER.format(step="+= 64"), "for epoch in range(3):", "loader = Loader(val)", "range(n // 64)",
        "loader.next()", ""),
}  # fmt: skip


@pytest.mark.parametrize("given", AGAIN.values(), ids=AGAIN)
def test_an_epoch_has_no_part_of_its_own(given: tuple[str, str, str, str, str, str]) -> None:
    before, loop, first, places, take, step = given
    body = indent((_SCORE + _TRAIN).strip(), "        ").strip()
    text = _EPOCHS.format(
        before=before, loop=loop, first=first or "pass", places=places, take=take, body=body, step=step or "pass"
    )
    assert any(not pair.score_first and pair.repeats is not None for pair in pairs(text))


_CHUNKS = """
{before}
nats, count = torch.zeros(()), torch.zeros(())
for chunk in range(0, val.numel() - 200, 64):
    for _ in range(3):
        x, y = {take}
        with torch.no_grad():
            loss = F.cross_entropy(net.forward_logits(x).float(), y, reduction="sum")
        opt.zero_grad()
        net(x, y).backward()
        opt.step()
        {step}
    nats += loss
    count += y.numel()
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
LAST = {
    "the same tokens": ("", _window("chunk"), ""),
    "one token further on": ("by = 0", _window("chunk + by"), "by += 1"),
    "by an attribute": ("class S: by = 0\nstate = S()", _window("chunk + state.by"), "state.by += 1"),
}


@pytest.mark.parametrize("given", LAST.values(), ids=LAST)
def test_of_a_chunks_rounds_the_last_ones_score_alone_is_kept(given: tuple[str, str, str]) -> None:
    before, take, step = given
    text = _CHUNKS.format(before=before, take=take, step=step or "pass")
    assert any(not pair.score_first and pair.repeats is not None for pair in pairs(text))

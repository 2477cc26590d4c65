"""What a forward pass puts away and takes out again still has its positions, whatever held it."""

from __future__ import annotations

import pytest
from mixing_samples import MODEL, model, sees
from program_samples import FINAL, program

HEAD = """
import collections
import functools
from dataclasses import dataclass
State = collections.namedtuple("State", "h k")
@dataclass
class Held:
    h: object = None
def two(z):
    return z, z
"""
WAYS = {
    "one of two that a function gives": "x, _ = two(x)",
    "out of a list": "x = [x][0]",
    "out of a dict": 'd2 = {"x": x}\n        x = d2["x"]',
    "an attribute": "self.h = x\n        x = self.h",
    "a named tuple": "s = State(x, 1)\n        x = s.h",
    "a tuple taken apart": "s = State(h=x, k=1)\n        x, k = s",
    "an own object": "s = Held(x)\n        x = s.h",
    "through a lambda": "x = (lambda z: z)(x)",
    "stacked and picked": "x = torch.stack([x])[0]",
    "stacked and averaged": "x = torch.stack([x, x]).mean(0)",
    "in its own shape": "x = x.reshape(x.shape)",
    "in its own shape, spread": "x = x.reshape(*x.shape)",
    "one size left open, by its shape": "x = x.view(x.shape[0], -1, x.shape[-1])",
    "one size left open": "x = x.view(b, -1, d)",
    "the next of an iterator": "x = next(iter([x]))",
    "the sum of one": "x = sum([x])",
    "the largest by a key": "x = max([x], key=id)",
    "first none, then set": "y = None\n        if y is None:\n            y = x\n        x = y",
    "out of a generator": "x = next(z for z in (x,))",
    "taken off a list": "xs = [x]\n        x = xs.pop()",
    "put on a list": "xs = []\n        xs.append(x)\n        x = xs[-1]",
    "put into a dict": 'c = {}\n        c["h"] = x\n        x = c["h"]',
    "got out of a dict": 'c = dict(h=x)\n        x = c.get("h")',
    "zipped": "for x, y in zip([x], [1]):\n            pass",
    "enumerated": "for i, x in enumerate([x]):\n            pass",
    "with another output of a layer": "x, aux = self.layer(x)",
    "stored in zeros": "y = torch.zeros(b, t, d)\n        y[:] = x\n        x = y",
    "mapped": "x = list(map(self.layer, [x]))[0]",
    "through all layers": "x = functools.reduce(lambda a, f: f(a), self.layers, x)",
    "rows of the table": "x = self.emb.weight[ids]",
    "with a dimension for a while": "x = x.unsqueeze(2).expand(-1, -1, 1, -1).squeeze(2)",
    "a weighted sum of several": "xs = torch.stack([x, x], dim=0); x = (self.mix[:, None, None, None] * xs).sum(0)",
}
UNTOLD = {
    "by a pattern": 'x = einops.rearrange(x, "b t d -> b t d")',
    "through numbers of Python": "x = torch.tensor(x.tolist())",
    "rows by flat tokens": "x = torch.index_select(self.emb.weight, 0, ids.flatten()).view(b, t, -1)",
}


def _sees(body: str, by: int) -> list[str]:
    text = MODEL.replace("{body}", f"{body}\n        x = x + x.roll({by}, 1)").replace("{part}", "None")
    return sees(program(HEAD + text + FINAL))


@pytest.mark.parametrize("body", WAYS.values(), ids=WAYS)
def test_it_comes_back_with_its_positions(body: str) -> None:
    assert _sees(body, -1) == ["what is brought forward"]
    assert _sees(body, 1) == []


@pytest.mark.parametrize("body", UNTOLD.values(), ids=UNTOLD)
def test_what_is_not_told_is_written_down(body: str) -> None:
    followed = model(f"{body}\n        x = x + x.roll(-1, 1)")
    assert "a move in the model" in {gap.what for gap in followed.trace.unfollowed.values()}
    followed = model(f"{body}\n        x = x + x.roll(1, 1)")
    assert "a move in the model" not in {gap.what for gap in followed.trace.unfollowed.values()}


def test_rows_of_numbers_put_together_the_other_way_round_are_written_down() -> None:
    followed = model("x = x + torch.tensor([row[1:] + row[:1] for row in x.tolist()])")
    assert "a move in the model" in {gap.what for gap in followed.trace.unfollowed.values()}

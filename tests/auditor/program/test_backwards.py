"""Positions that a model takes one by one: from the last to the first, with the next one, in an order of its own."""

from __future__ import annotations

import textwrap

import pytest
from mixing_samples import model, sees

STATE = "h, out = torch.zeros(b, d), torch.zeros_like(x)\n"
AHEAD = {
    "down": STATE + "for at in range(t - 1, -1, -1):\n    h = 0.9 * h + x[:, at]\n    out[:, at] = h\nx = x + out",
    "down, as slices": "h, kept = torch.zeros(b, 1, d), []\nfor at in range(t - 1, -1, -1):\n"
    "    h = 0.9 * h + x[:, at : at + 1]\n    kept.insert(0, h)\nx = x + torch.cat(kept, dim=1)",
    "down in each block": STATE + "for base in range(0, t, 4):\n    for at in range(3, -1, -1):\n"
    "        h = 0.9 * h + x[:, base + at]\n        out[:, base + at] = h\nx = x + out",
    "down in a while": STATE
    + "at = t\nwhile at > 0:\n    at -= 1\n    h = torch.tanh(h + x[:, at])\n    out[:, at] = h\nx = x + out",
    "down by another name": STATE
    + "for i in range(t):\n    at = t - 1 - i\n    h = 0.9 * h + x[:, at]\n    out[:, at] = h\nx = x + out",
    "from the end": STATE + "for i in range(1, t + 1):\n    h = 0.9 * h + x[:, -i]\n    out[:, -i] = h\nx = x + out",
    "rows reversed": STATE
    + "kept = []\nfor row in reversed(x.unbind(1)):\n    h = torch.lerp(h, row, 0.1)\n    kept.insert(0, h)\n"
    "x = x + torch.stack(kept, dim=1)",
    "rows folded from the end": "rows = list(accumulate(reversed(x.unbind(1)), lambda a, r: a + r))\n"
    "x = x + torch.stack(rows[::-1], dim=1)",
    "the next one put to this": STATE + "for at in range(t - 1):\n    out[:, at] = x[:, at + 1]\nx = x + out",
    "filled up behind by as much as it is moved": "step = 1\nwhile step < t:\n"
    "    x = x + F.pad(x, (0, 0, 0, step))[:, step:]\n    step *= 2",
    "turned by a number": "for k in (1, 2):\n    x = x + torch.roll(x, -k, 1)",
    "less than the next": "x = x + torch.diff(x, dim=1, append=x[:, -1:])",
    "strides that begin later": "x = x + x.as_strided(x.shape, x.stride(), d)",
    "cut by narrow": "x = x + torch.cat([x.narrow(1, 1, t - 1), x.narrow(1, t - 1, 1)], dim=1)",
    "a matrix of powers of what is ahead": "at = torch.arange(t)\n"
    "x = x + torch.where(at[None, :] >= at[:, None], 0.9 ** (at[None, :] - at[:, None]), 0.0) @ x",
}
EARLIER = {
    "up": STATE + "for at in range(t):\n    h = 0.9 * h + x[:, at]\n    out[:, at] = h\nx = x + out",
    "up in a while": STATE
    + "at = 0\nwhile at < t:\n    h = torch.tanh(h + x[:, at])\n    out[:, at] = h\n    at += 1\nx = x + out",
    "a filter at each position": STATE + "for at in range(t):\n    total = 0.0 * x[:, at]\n"
    "    for k in range(4):\n        total = total + 0.1 * x[:, at - k]\n    out[:, at] = total\nx = x + out",
    "weights that count what is left": STATE
    + "for at in range(t):\n    h = h + x[:, at] / (t - at)\n    out[:, at] = h\nx = x + out",
    "taps of a filter": "padded = F.pad(x, (0, 0, 3, 0))\ny = 0.5 * padded[:, 3:]\nfor k in range(1, 4):\n"
    "    y = y + 0.1 * padded[:, 3 - k : t + 3 - k]\nx = x + y",
    "rows": STATE + "kept = []\nfor row in x.unbind(1):\n    h = torch.lerp(h, row, 0.1)\n    kept.append(h)\n"
    "x = x + torch.stack(kept, dim=1)",
    "rows folded": "rows = list(accumulate(x.unbind(1), lambda a, r: a + r))\nx = x + torch.stack(rows, dim=1)",
    "down, so that none is written over": "out = x.clone()\nfor at in range(t - 1, 0, -1):\n"
    "    out[:, at] = out[:, at] + 0.1 * out[:, at - 1]\nx = out",
    "layers from the last to the first": "kept = [x, x + 1]\nfor i in range(len(kept) - 1, -1, -1):\n"
    "    x = x + 0.1 * kept[i]",
    "into the next one": STATE
    + "for at in range(t - 1):\n    out[:, at + 1] = 0.9 * out[:, at] + x[:, at + 1]\nx = x + out",
    "pieces that carry their sum": "kept, run = [], torch.zeros(b, 1, d)\nfor part in x.split(4, dim=1):\n"
    "    part = part.cumsum(1) + run\n    run = part[:, -1:]\n    kept.append(part)\nx = x + torch.cat(kept, dim=1)",
    "filled up in front by as much as is cut": "step = 1\nwhile step < t:\n"
    "    x = x + F.pad(x, (0, 0, step, 0))[:, :t]\n    step *= 2",
    "turned by a number": "for k in (1, 2):\n    x = x + torch.roll(x, k, 2)",
    "less than the one before": "x = x + torch.diff(x, dim=1, prepend=x[:, :1])",
    "a matrix of powers of what is behind": "at = torch.arange(t)\n"
    "x = x + torch.where(at[:, None] >= at[None, :], 0.9 ** (at[:, None] - at[None, :]), 0.0) @ x",
    "statistics of a batch over the channels": "x = F.batch_norm(x.reshape(-1, d), None, None).view(b, t, d)",
}
OVER_ALL = [
    "torch.stack([n for _, n in pairwise(x.unbind(1))] + [x[:, 0]], dim=1)",
    "torch.stack(list(deque(x.unbind(1))), dim=1)",
    "torch.stack([a + n for a, n in zip(x.unbind(1), x.unbind(1)[1:])], dim=1)",
    "torch.linalg.svd(x, full_matrices=False)[0]",
    "F.batch_norm(x.transpose(1, 2), None, None, training=True).transpose(1, 2)",
    "F.conv_transpose1d(x.transpose(1, 2), self.part, padding=1).transpose(1, 2)",
    "torch.zeros_like(x).index_add_(1, torch.arange(t) // 4, x)[:, torch.arange(t) // 4]",
]


def written(body: str) -> str:
    return textwrap.indent(body, " " * 8).strip()


@pytest.mark.parametrize("body", AHEAD.values(), ids=AHEAD)
def test_later_positions_are_read(body: str) -> None:
    assert "what is brought forward" in sees(model(written(body)))


@pytest.mark.parametrize("body", EARLIER.values(), ids=EARLIER)
def test_earlier_ones_are_free(body: str) -> None:
    assert sees(model(written(body))) == []


@pytest.mark.parametrize("of", OVER_ALL)
def test_another_order_is_not_followed(of: str) -> None:
    assert sees(model(f"x = x + {of}")) == ["a statistic in the model"]

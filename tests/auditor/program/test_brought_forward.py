"""More ways in which a forward pass gives later positions to earlier ones, or something of all to each."""

from __future__ import annotations

import pytest
from mixing_samples import model, sees

FORWARD = {
    "turned, moved and turned back": "x = x + x.permute(0, 2, 1).roll(-1, 2).permute(0, 2, 1)",
    "cut by narrow and filled": "x = x + F.pad(x.narrow(1, 1, t - 1), (0, 0, 0, 1))",
    "less than the next": "x = x + x.diff(dim=1, append=x[:, -1:])",
    "by a list of numbers": "x = x + x[:, [*range(1, t), t - 1]]",
    "the next of each in a list": "rows = [x[:, min(i + 1, t - 1)] for i in range(t)]; x = x + torch.stack(rows, 1)",
    "the parts of a split the other way round": "a, c = x.split([1, t - 1], dim=1); x = x + torch.cat([c, a], 1)",
    "cuts under names, the other way round": "a, c = x[:, :1], x[:, 1:]\n        x = x + torch.cat([c, a], 1)",
    "split before the first, the other way round": (
        "a, c = torch.tensor_split(x, [1], dim=1); x = x + torch.cat([c, a], dim=1)"
    ),
    "along the first dimension": "x = x + torch.cat([x.transpose(0, 1)[1:], x.transpose(0, 1)[:1]]).transpose(0, 1)",
    "joined side by side": "x = x + torch.hstack([x[:, 1:], x[:, :1]])",
    "by numbers that go down": "x = x + x[:, torch.arange(t - 1, -1, -1)].cumsum(1)[:, torch.arange(t - 1, -1, -1)]",
    "tokens, cut and filled": "x = x + self.emb(F.pad(ids[:, 1:], (0, 1)))",
    "tokens, stored in earlier ones": "nxt = ids.clone(); nxt[:, :-1] = ids[:, 1:]; x = x + self.emb(nxt)",
    "by strides": "x = x + F.pad(x, (0, 0, 0, 1)).as_strided((b, t, d), (t * d + d, d, 1), d)",
    "the first put last": "rows = list(x.unbind(1)); rows.append(rows.pop(0)); x = x + torch.stack(rows, 1)",
    "a queue that is turned": (
        "rows = collections.deque(x.unbind(1)); rows.rotate(-1); x = x + torch.stack(list(rows), 1)"
    ),
    "the largest from here on": "x = x + x.flip((1,)).cummax(1).values.flip((1,))",
    "copied to earlier places": "x = x.index_copy(1, torch.arange(t - 1), x[:, 1:])",
    "by a matrix beside the diagonal": "s = torch.diag(torch.ones(t - 1), 1)\n        x = x + s @ x",
}
OF_ALL = {
    "counts of all tokens": "x = x + torch.bincount(ids.flatten(), minlength=8)",
    "whether a row has a token": "x = x + (ids == 3).any(1)[:, None, None]",
    "by the largest of all": "x = x / x.abs().max()",
    "less the mean of all": "x = x - x.mean()",
    "by the spread of all": "x = x / x.std()",
    "by the norm of all": "x = x / x.norm()",
    "the last one, beside all": "x = x + x[:, -1].unsqueeze(1)",
    "the last one, selected": "x = x + x.select(1, -1)[:, None]",
    "the last one, by its number": "x = x + x[:, t - 1:t]",
    "a product by its name": "x = x + torch.matmul(self.mixw, x)",
    "a bag of all tokens": "x = x + F.embedding_bag(ids, self.emb.weight)[:, None]",
    "how many tokens there are": "x = x + ids.unique().numel()",
    "the largest token": "x = x + ids.max()",
    "whether a token is there": "x = x + (ids == 3).any()",
}
LAWFUL = {
    "the first put first": "a, c = x[:, :1], x[:, 1:]\n        x = x + torch.cat([a, c], 1)",
    "a split, in its order": "a, c = x.split([1, t - 1], dim=1)\n        x = x + torch.cat([a, c], 1)",
    "by numbers that go up": "x = x + x[:, [0, *range(t - 1)]]",
    "the one before of each": "x = x + torch.stack([x[:, max(i - 1, 0)] for i in range(t)], 1)",
    "a number of the weights": "x = x / self.emb.weight.abs().max()",
    "the longest that is asked": "assert ids.max() < 9\n        x = x * 2",
    "the last one alone": "last = x[:, -1]",
    "tokens, moved on": "x = x + self.emb(F.pad(ids[:, :-1], (1, 0)))",
    "channels, moved": "x = x + torch.cat([x[..., 1:], x[..., :1]], -1)",
    "along the channels": "x = x + x.roll(-1, -1)",
}


@pytest.mark.parametrize("body", FORWARD.values(), ids=FORWARD)
def test_later_positions_are_seen(body: str) -> None:
    assert sees(model(body)), body


@pytest.mark.parametrize("body", OF_ALL.values(), ids=OF_ALL)
def test_a_number_of_all_is_seen(body: str) -> None:
    assert sees(model(body)), body


@pytest.mark.parametrize("body", LAWFUL.values(), ids=LAWFUL)
def test_what_is_lawful_is_not(body: str) -> None:
    followed = model(body)
    assert sees(followed) == []
    assert "a move in the model" not in {gap.what for gap in followed.trace.unfollowed.values()}

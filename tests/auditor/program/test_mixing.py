"""Positions that a model mixes without attention: later ones are seen; earlier ones and weights are free."""

from __future__ import annotations

import pytest
from mixing_samples import MODEL, model, sees
from program_samples import FINAL, program

from auditor.program.scores import dependences, unfollowed

FORWARD = {
    "roll": "x = x + x.roll(-1, 1)",
    "roll by name": "x = x + torch.roll(x, shifts=-1, dims=-2)",
    "roll of a library by another name": "x = x + th.roll(x, -1, 1)",
    "roll of tokens": "x = x + self.emb(ids.roll(-1, 1))",
    "roll of heads' positions": "k = x.view(b, t, 2, 4).transpose(1, 2)\n        x = x + k.roll(-1, dims=2).sum()",
    "turned round": "x = x + x.flip(1).cumsum(1).flip(1)",
    "cut and joined": "x = x + torch.cat([x[:, 1:], x[:, :1]], dim=1)",
    "cut and filled": "x = x + F.pad(x[:, 1:], (0, 0, 0, 1))",
    "filled and cut": "x = x + F.pad(x, (0, 0, 0, 1))[:, 1:]",
    "filled, then cut under its name": "longer = F.pad(x, (0, 0, 0, 1))\n        x = x + longer[:, 1:]",
    "moved by a negative amount": "x = x + F.pad(x, (0, 0, -1, 1))",
    "added to earlier ones": "x[:, :-1] += x[:, 1:]",
    "stored in earlier ones": "later = torch.zeros_like(x)\n        later[:, :-1] = x[:, 1:]\n        x = x + later",
    "selected by numbers": "x = x + x.index_select(1, (torch.arange(t) + 1).clamp_max(t - 1))",
    "gathered": "x = x + torch.gather(x, 1, ((torch.arange(t) + 1) % t)[None, :, None].expand_as(x))",
    "picked by a number": "x = x + F.pad(x, (0, 0, 0, 1))[:, torch.arange(t) + 1]",
}
PARTS = {
    "recurrent": ("nn.GRU(8, 4, batch_first=True, bidirectional=True)", "x = x + self.part(x)[0]"),
    "convolution": ("nn.Conv1d(8, 8, 3, padding=1)", "x = x + self.part(x.transpose(1, 2)).transpose(1, 2)"),
    "convolution of which the last are kept": (
        "nn.Conv1d(8, 8, 3, padding=2)", "x = x + self.part(x.transpose(1, 2))[..., -t:].transpose(1, 2)",
    ),
    "convolution by name": (
        "nn.Conv1d(8, 8, kernel_size=5, padding='same')", "x = x + self.part(x.transpose(1, 2)).transpose(1, 2)",
    ),
    "attention of the library": ("nn.MultiheadAttention(8, 2)", "x = x + self.part(x, x, x)[0]"),
    "a whole layer": ("nn.TransformerEncoderLayer(8, 2)", "x = self.part(x)"),
}  # fmt: skip
EARLIER = {
    "roll forward": ("None", "x = x + x.roll(1, 1)"),
    "shifted behind": ("None", "x = x + F.pad(x, (0, 0, 1, 0))[:, :-1]"),
    "joined behind": ("None", "x = x + torch.cat([x[:, :1], x[:, :-1]], dim=1)"),
    "added to later ones": ("None", "x[:, 1:] += x[:, :-1]"),
    "by a lower triangle": ("None", "x = x + torch.tril(torch.ones(t, t)) @ x"),
    "einsum over channels": ("None", "x = torch.einsum('btd,de->bte', x, self.part)"),
    "norm of channels": ("None", "x = F.layer_norm(x, x.shape[-1:])"),
    "over channels": ("None", "x = x / x.norm(dim=-1, keepdim=True)"),
    "of weights": ("None", "w = self.emb.weight\n        x = x / w.abs().amax(dim=1)"),
    "recurrent": ("nn.GRU(8, 8, batch_first=True)", "x = x + self.part(x)[0]"),
    "convolution": ("nn.Conv1d(8, 8, 3, padding=2)", "x = x + self.part(x.transpose(1, 2))[:, :, :t].transpose(1, 2)"),
    "a sum that runs along the positions": ("None", "x = x + (x[..., :, None] * x[..., None, :]).cumsum(1).sum(-1)"),
    "those that are kept, in their order": (
        "None",
        "where = torch.arange(t)[None] + (x.sum(-1) < 0) * t\n        x = x.gather(1, where.argsort(dim=1)[..., None])",
    ),
    "over heads": ("None", "x = x + x.view(b, t, 2, 4).transpose(1, 2).mean(1).sum(-1, keepdim=True)"),
    "where it learns how to share out": ("None", "if self.training:\n            self.aux = x.mean(1)"),
    "a gate of each position": (
        "None",
        "x = x * self.part(x).softmax(-1).topk(2, dim=-1).values.sum(-1, keepdim=True)",
    ),
    "windows that end with the position": ("None", "x = x + F.pad(x, (0, 0, 2, 0)).unfold(1, 3, 1).mean(-1)"),
    "the first of each pair": ("None", "x = x + x[:, ::2].repeat_interleave(2, dim=1)"),
    "a window that ends with the position": (
        "None",
        "x = x + F.max_pool1d(F.pad(x.transpose(1, 2), (2, 0)), 3, 1).transpose(1, 2)",
    ),
    "a largest one so far": ("None", "x = x + torch.cummax(x, dim=1).values"),
    "gathered by a name": ("None", "x = x.gather(dim=1, index=self.part(ids)[..., None])"),
    "selected by earlier numbers": ("None", "x = x + x.index_select(1, (torch.arange(t) - 1).clamp_min(0))"),
    "a convolution that is filled up in front": (
        "None",
        "x = x + F.conv1d(F.pad(x.transpose(1, 2), (2, 0)), self.part).transpose(1, 2)",
    ),
    "a convolution that is cut behind": (
        "None",
        "x = x + F.conv1d(x.transpose(1, 2), self.part, padding=2)[..., :t].transpose(1, 2)",
    ),
    "picked by an earlier number": ("None", "x = x + x[:, (torch.arange(t) - 1).clamp(min=0)]"),
    "a linear layer of channels": ("nn.Linear(8, 8)", "x = x + self.part(x)"),
    "weights of pairs": ("None", "x = (x @ x.transpose(1, 2)).masked_fill(later(t), -inf).softmax(-1) @ x"),
    "attention with a mask": ("nn.MultiheadAttention(8, 2)", "x = x + self.part(x, x, x, attn_mask=mask(t))[0]"),
}
SPREAD = {
    "x.mean(1, keepdim=True)": "a statistic of all",
    "x.amax(dim=1, keepdim=True)": "a statistic of all",
    "torch.quantile(x, 0.9, 1, keepdim=True)": "a statistic of all",
    "x.mean(1)[:, None]": "a statistic of all",
    "torch.median(x, dim=1).values.unsqueeze(1)": "a statistic of all",
    "x.max(dim=1, keepdim=True)[0]": "a statistic of all",
    "torch.amax(x, (1,), keepdim=True)": "a statistic of all",
    "x.mean(axis=1, keepdims=True)": "a statistic of all",
    "torch.kthvalue(x, 3, 1, keepdim=True).values": "a statistic of all",
    "torch.var_mean(x, 1, keepdim=True)[1]": "a statistic of all",
    "x.sort(dim=1).values": "a statistic of all",
    "x.unflatten(1, (t // 2, 2)).mean(2).repeat_interleave(2, 1)": "merged neighbours",
    "x.softmax(dim=-2)": "a statistic of all",
    "self.emb(ids).permute(0, 2, 1).softmax(-1).permute(0, 2, 1)": "a statistic of all",
    "x.view(b, t, 2, 4).transpose(1, 2).softmax(2).transpose(1, 2).reshape(b, t, 8)": "a statistic of all",
    "x.view(b, t // 2, 2, d).mean(2).repeat_interleave(2, dim=1)": "merged neighbours",
    "x.view(1, -1, 2, d).mean(2, keepdim=True).expand(-1, -1, 2, -1).reshape(x.shape)": "merged neighbours",
}
OVER_ALL = [
    "F.avg_pool1d(x.transpose(1, 2), 2, 2).transpose(1, 2).repeat_interleave(2, dim=1)",
    "F.conv1d(x.transpose(1, 2), self.part, stride=2).transpose(1, 2).repeat_interleave(2, dim=1)",
    "x[:, 1::2].repeat_interleave(2, dim=1)",
    "torch.mean(x, dim=1)",
    "x / x.norm(dim=(1, 2), keepdim=True)",
    "F.layer_norm(x, x.shape[1:])",
    "torch.fft.fft2(x).real",
    "torch.einsum('btd,ts->bsd', x, self.part)",
    "torch.triu(torch.ones(t, t)) @ x",
    "x.transpose(1, 2).mean(2)[:, None]",
    "torch.take_along_dim(x, self.part(x).squeeze(-1).topk(2, dim=1).indices[..., None], 1)",
    "F.instance_norm(x.transpose(1, 2)).transpose(1, 2)",
    "x @ (x.transpose(1, 2) @ x)",
    "torch.ones(t, t) @ x",
    "F.max_pool1d(x.transpose(1, 2), 3, 1, 1).transpose(1, 2)",
    "F.layer_norm(x.transpose(1, 2), (t,)).transpose(1, 2)",
    "x / torch.linalg.vector_norm(x, dim=1, keepdim=True)",
    "F.pad(x, (0, 0, 1, 1)).unfold(1, 3, 1).mean(-1)",
    "x[:, torch.randperm(t)]",
    "x.cumsum(1)[:, -1:] - x",
    "x.unfold(1, 3, 1).mean(-1)",
    "F.interpolate(x.transpose(1, 2), scale_factor=0.5).transpose(1, 2)",
    "F.conv1d(x.transpose(1, 2), self.part, padding=half(3)).transpose(1, 2)",
    "F.conv1d(F.pad(x.transpose(1, 2), (1, 1)), self.part).transpose(1, 2)",
    "torch.einsum('btd->bd', x)[:, None]",
    "torch.einsum('btd,de->bte', x, torch.einsum('btd,bte->de', x, x))",
]


@pytest.mark.parametrize("body", FORWARD.values(), ids=FORWARD)
def test_later_positions_are_brought_forward(body: str) -> None:
    assert "what is brought forward" in sees(model(body))


@pytest.mark.parametrize(("part", "body"), PARTS.values(), ids=PARTS)
def test_a_part_of_the_library_looks_ahead(part: str, body: str) -> None:
    assert sees(model(body, part)) == ["what is brought forward"]


@pytest.mark.parametrize(("part", "body"), EARLIER.values(), ids=EARLIER)
def test_earlier_positions_and_other_dimensions_are_free(part: str, body: str) -> None:
    assert sees(model(body, part)) == []


@pytest.mark.parametrize("of", OVER_ALL)
def test_what_is_taken_over_all_positions_is_said(of: str) -> None:
    assert sees(model(f"x = x + {of}")) == ["a statistic in the model"]


@pytest.mark.parametrize(("of", "what"), SPREAD.items(), ids=SPREAD)
def test_what_each_position_gets_of_all_is_shown(of: str, what: str) -> None:
    assert sees(model(f"x = x + {of}")) == [what]


@pytest.mark.parametrize("part", ["nn.AvgPool1d(2)", "nn.Conv1d(8, 8, 2, stride=2)", "nn.AdaptiveAvgPool1d(1)"])
def test_a_part_that_makes_one_of_neighbours(part: str) -> None:
    mixed = "x = x + self.part(x.transpose(1, 2)).transpose(1, 2).repeat_interleave(2, dim=1)"
    assert sees(model(mixed, part)) == ["a statistic in the model"]


def test_a_linear_layer_over_the_positions() -> None:
    mixed = "x = x + self.part(x.transpose(1, 2)).transpose(1, 2)"
    assert sees(model(mixed, "nn.Linear(8, 8)")) == ["a statistic in the model"]


OWN = """
import torch as th
class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(8, 8)
    def _aside(self, y, v):
        v_t = v.transpose(1, 2)
        return y - v_t / v_t.norm(dim=-1, keepdim=True)
    def forward_logits(self, ids):
        b, t = ids.shape
        x = self.emb(ids)
        _, _, d = x.shape
        v = x.view(b, t, 2, 4)
        {call}
        return x
net = Mixed()
"""


@pytest.mark.parametrize(
    ("call", "doubted"),
    [
        ("x = x + self._aside(v, v.transpose(1, 2)).reshape(b, t, d)", False),  # over a head's channels
        ("x = x + self._aside(y=v, v=v.transpose(1, 2)).reshape(b, t, d)", False),
        ("x = x + self._aside(v.transpose(1, 2), x)", True),  # over the positions of a state
        ("x = x + self._aside(v, v.transpose(1, 2)).reshape(b, t, d) + self._aside(v, x)", True),  # once at least
        ("x = x + self._aside(v, v.repeat(1, 1, 1, 1))", True),  # not known
    ],
)
def test_a_method_is_given_what_its_class_passes(call: str, doubted: bool) -> None:
    assert bool(sees(program(OWN.format(call=call) + FINAL))) is doubted


APART = """
def smoothed(e, how, limit=None):
    out = e.float()
    if how == "spread":
        return out / out.std(dim=1, keepdim=True)
    if limit is not None:
        out = torch.minimum(out, torch.quantile(out, limit, dim=1, keepdim=True))
    return out
def rows(w):
    return w / w.abs().amax(dim=1, keepdim=True)
class Control(nn.Module):
    def __init__(self, how, limit):
        super().__init__()
        self.how, self.limit = how, limit
        self.weight = nn.Parameter(torch.ones(8, 8))
    def fuse(self, u, x):
        return self._scaled(u) + F.linear(x, rows(self.weight.to(x.dtype)))
    def _scaled(self, u):
        b, t, _ = u.shape
        return u * smoothed((u * u).mean(dim=-1, keepdim=True), {passed})
class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(8, 8)
        self.control = Control({made})
    def forward_logits(self, ids):
        x = self.emb(ids)
        return x + self.control.fuse(x, x)
net = Mixed()
"""


@pytest.mark.parametrize(
    ("made", "passed", "found"),
    [
        ("'none', 0.9", "self.how, self.limit", ["a statistic of all"]),
        ("'spread', None", "self.how", ["a statistic of all"]),
        ("'none', None", "self.how, self.limit", []),
        ("'none', 0.9", "self.how", []),
    ],
)
def test_a_function_by_itself_is_asked_for_what_a_part_passes_it(made: str, passed: str, found: list[str]) -> None:
    assert sees(program(APART.format(made=made, passed=passed) + FINAL)) == found


MERGED = """
class Merge(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.n, self.gate = n, nn.Parameter(torch.ones(n))
    def forward(self, x):
        b, t, d = x.shape
        x = x.reshape(b, t // self.n, self.n, d)
        merged = (x * self.gate.softmax(0)[None, None, :, None]).sum(dim=2)
        return {merged}
class Spread(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.n = n
    def forward(self, x, whole):
        return {spread}.repeat_interleave(self.n, dim=1)[:, :whole]
class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(8, 8)
        self.merge, self.spread = Merge(2), Spread(2)
    def forward_logits(self, ids):
        x = self.emb(ids)
        return x + self.spread(self.merge(x), x.shape[1])
net = Mixed()
"""


@pytest.mark.parametrize(
    ("merged", "spread", "found"),
    [
        ("merged", "x", ["merged neighbours"]),
        ("merged", "F.pad(x, (0, 0, 1, 0))[:, :-1]", ["a statistic in the model"]),  # from the group before
        ("torch.cat([torch.zeros_like(merged[:, :1]), merged[:, :-1]], 1)", "x", ["a statistic in the model"]),
    ],
)
def test_neighbours_that_are_merged_and_moved_on_are_not_accused(merged: str, spread: str, found: list[str]) -> None:
    assert sees(program(MERGED.format(merged=merged, spread=spread) + FINAL)) == found


GIVEN = """
class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(8, 8)
    def forward(self, ids, y, weights=None):
        b, t = ids.shape
        x = self.emb(ids)
        if weights is not None and weights.numel() > 1:
            return (F.pad(x, (0, 0, 0, 1)).unfold(1, 2, 1) * weights).mean()
        return F.cross_entropy(x.flatten(0, 1), y.flatten(), reduction="none")
net = Mixed()
loss = net(train[:8].view(1, 8), train[1:9].view(1, 8), weights=torch.ones(2))
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    total += net(val[at:at + 8].view(1, 8), val[at + 1:at + 9].view(1, 8){passed}).sum()
print(f"final val_bpb:{{total}}")
"""


@pytest.mark.parametrize(
    ("passed", "found"),
    [("", []), (", weights=None", []), (", weights=torch.ones(2)", ["a statistic in the model"])],
)
def test_what_no_scoring_call_passes_leaves_its_arm_out(passed: str, found: list[str]) -> None:
    assert sees(program(GIVEN.format(passed=passed))) == found


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("flex_attention(x, x, x)", ["what follows"]),
        ("flex_attention(x, x, x, block_mask=None)", ["what follows"]),
        ("flex_attention(x, x, x, block_mask=self.mask)", []),
    ],
)
def test_flex_attention_is_causal_by_its_mask_alone(call: str, found: list[str]) -> None:
    followed = model(f"x = {call}")
    assert sees(followed) == found
    assert [gap.what for gap in followed.trace.unfollowed.values()] == ([] if found else ["flex_attention"])


BATCH = "for at in range(0, 64, 8):\n    with torch.no_grad():\n        net.forward_logits(val[at:at + 8])\n"


@pytest.mark.parametrize(
    ("before", "changes", "doubted"), [(BATCH, True, True), ("net.eval()\n" + BATCH, False, False), ("", False, True)]
)
def test_a_norm_over_the_batch_sees_it_in_training(before: str, changes: bool, doubted: bool) -> None:
    body = MODEL.format(body="x = self.part(x.transpose(1, 2)).transpose(1, 2)", part="nn.BatchNorm1d(8)") + before
    found = program(body + FINAL)
    assert bool([pair for pair in dependences(found, "final") if not pair.score_first]) is changes
    assert ("a norm over the batch" in [gap.what for gap in unfollowed(found, "final")]) is doubted

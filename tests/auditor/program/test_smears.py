"""Where a position is mixed with the one before it, whatever its spelling; and whether a switch lets it run."""

from __future__ import annotations

import pytest
from folders_in_memory import loaded

from auditor.judgement.gather import gather
from rules.examples.folders import folder
from rules.examples.scripts import script

_MODULE = """
class Net(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.on = args.on

    def forward(self, x, ids):
        g = self.gate(x)
        {0}
        return x
"""


def _mixes(body: str) -> list[bool | None]:
    code = script(
        model=_MODULE.format(body.replace("\n", "\n        ")), settings='on = int(os.environ.get("ON", "1"))'
    )
    facts = gather(loaded(folder(code)), {}, strict=True)
    return [smear.masked for smear in facts.code.smears]


@pytest.mark.parametrize(
    "body",
    [
        "x = torch.cat([x[:, :1], x[:, 1:] + g * x[:, :-1]], dim=1)",
        "prev = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)\nx = (1 - g) * x + g * prev",
        "prev = F.pad(x[:, :-1], (0, 0, 1, 0))\nx = torch.lerp(x, prev, g)",
        "x = x + g * F.pad(x, (0, 0, 1, 0))[:, :-1]",
        "x = x + g * torch.roll(x, shifts=1, dims=1)",
        "x = x + g * (x.roll(1, 1) - x)",
        "x[:, 1:] += g[:, 1:] * x[:, :-1]",
        "x = torch.addcmul(x, g, torch.roll(x, 1, 1))",
        "x = torch.cat([x[:1], x[1:] + g * x[:-1]])",
    ],
)
def test_spellings_of_a_mix(body: str) -> None:
    assert _mixes(body) == [False]


@pytest.mark.parametrize(
    "body",
    [
        "x = x[:, 1:] - x[:, :-1]",
        "keys = (ids[:, 1:] * 31 + ids[:, :-1]) % 4096",
        "keys = 36313 * x[:, 1:] + 27191 * x[:, :-1]",
        "x = x + g * torch.roll(x, -1, dims=1)",
        "loss = F.cross_entropy(x[:, :-1], ids[:, 1:])",
    ],
)
def test_no_mix(body: str) -> None:
    assert _mixes(body) == []


@pytest.mark.parametrize(
    "body",
    [
        "keep = (ids[:, 1:] != 1).unsqueeze(-1)\nx = torch.cat([x[:, :1], x[:, 1:] + g * keep * x[:, :-1]], dim=1)",
        "g = g.masked_fill((ids == 1).unsqueeze(-1), 0)\nx = x + g * torch.roll(x, 1, 1)",
        "prev = torch.where((ids == 1)[..., None], 0, torch.roll(x, 1, 1))\nx = x + g * prev",
    ],
)
def test_masked_mix(body: str) -> None:
    assert _mixes(body) == [True]


def test_a_mask_that_a_switch_leaves_out_is_none() -> None:
    body = "if self.on == {}:\n    g = g * (ids != 1)\nx = x + g * torch.roll(x, 1, 1)"
    assert _mixes(body.format(1)) == [True]
    assert _mixes(body.format(2)) == [False]


@pytest.mark.parametrize(("switch", "active"), [("1", True), ("0", False)])
@pytest.mark.parametrize(
    "guard",
    [
        "self.on and x.dim() == 3 and x.size(1) > 1",
        "x.shape[1] > 1 and self.on",
        "self.on and not (x.ndim < 3 or x.numel() == 0)",
        "rows > 1 and (self.on or length < 2)",
    ],
)
def test_conditions_on_a_shape_leave_the_switch_to_decide(guard: str, switch: str, active: bool) -> None:
    body = f"rows, length = x.shape[:2]\nif {guard}:\n    x = x + g * torch.roll(x, 1, dims=1)"
    assert _active(body, {"ON": switch}) == [active]


def test_a_condition_on_the_shape_and_on_what_is_not_known_stays_open() -> None:
    assert _active("if x.size(1) > ids.limit:\n    x = x + g * torch.roll(x, 1, dims=1)", {}) == [None]


def _active(body: str, settings: dict[str, str]) -> list[bool | None]:
    model = _MODULE.format(body.replace("\n", "\n        ")) + "\n\nclass GPT(Net):\n    pass\n"
    code = script(model=model, settings='on = bool(int(os.environ.get("ON", "1")))')
    facts = gather(loaded(folder(code)), settings, strict=True)
    return [smear.active for smear in facts.code.smears]


def test_a_key_of_neighbouring_tokens_is_no_gate() -> None:
    """A table in a plain class numbers the pairs of neighbours; nothing of a model is mixed."""
    table = "\n\nclass Pairs:\n    def count(self, t):\n        key = t[:-1] * self.size + t[1:]\n        return key\n"
    facts = gather(loaded(folder(script(helpers=table))), {}, strict=True)
    assert not facts.code.smears


_HELD = """
class Inner(nn.Module):
    def forward(self, a1, a2):
        a3 = torch.roll(a1, 1, dims=1)
        return a1 + self.a4 * a2 * a3


class Net(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.b1 = Inner()
        self.b2 = nn.Parameter(torch.ones(1))
        self.emb = nn.Embedding(8, 8)

    def forward(self, b3):
        b4 = self.emb(b3)
        GIVEN
"""


def _given(text: str, **names: str) -> list[bool | None]:
    model = _HELD.replace("GIVEN", text)
    for old, new in names.items():
        model = model.replace(old, new)
    return [smear.masked for smear in gather(loaded(folder(script(model=model))), {}, strict=True).code.smears]


def test_a_mask_that_is_passed_is_one_by_how_it_is_made() -> None:
    assert _given("return self.b1(b4, (b3 != 1).unsqueeze(-1))") == [True]
    assert _given("b5 = (b3 != 1).unsqueeze(-1)\n        return self.b1(b4, a2=b5)") == [True]


def test_what_is_only_called_a_mask_is_none() -> None:
    assert _given("return self.b1(b4, self.b2)", a2="doc_mask") == [False]
    assert _given("boundary = self.b2 * 2\n        return self.b1(b4, boundary)", a2="same_document") == [False]


@pytest.mark.parametrize(
    ("body", "mixes"),
    [
        ("tokens = self.emb(ids)\nx = tokens + g * torch.roll(tokens, 1, dims=1)", 1),  # embeddings
        ("e = ids\nx = self.emb(e[:, 1:] * self.size + e[:, :-1])", 0),  # ids
        ("e = ids\nk = e[:, 1:] * self.size + e[:, :-1]\nx = self.emb(k % 64)", 0),
        ("e = ids\nw = (e == 1).float()\nx = e[:, 1:] * g + e[:, :-1]", 0),
    ],
)
def test_ids_are_told_by_their_use(body: str, mixes: int) -> None:
    model = _MODULE.format(body.replace("\n", "\n        ")).replace(
        "self.on =", "self.emb = nn.Embedding(8, 8)\n        self.on ="
    )
    code = script(model=model, settings='on = int(os.environ.get("ON", "1"))')
    assert len(gather(loaded(folder(code)), {}, strict=True).code.smears) == mixes

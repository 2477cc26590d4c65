"""What a model does to the loss that it returns, on the way from its logits."""

from __future__ import annotations

import pytest
from program_samples import HEAD, program

from auditor.program import Program
from auditor.program.recipe.formula import formula
from auditor.program.recipe.reading import figures, shifted
from auditor.program.recipe.spine import departures
from auditor.program.scores import reports_of, unfollowed

PLAIN = "F.cross_entropy(self.forward_logits(x), y)"
EACH = PLAIN.replace("y)", 'y, reduction="none")')
SCORED = """
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    with torch.no_grad():
        total += net(val[at:at + 8], val[at + 1:at + 9]).detach()
print(f"final val_bpb:{total}")
"""


def scored(loss: str, *, before: str = "", methods: str = "") -> Program:
    """A program whose score is the loss that its model returns."""
    assert PLAIN in HEAD
    body = f"{before}\n        return {loss}" if before else f"return {loss}"
    head = HEAD.replace(f"return {PLAIN}", body.strip() + methods)
    return program(SCORED, head=head)


def doubts(followed: Program) -> list[str]:
    return [gap.why for gap in unfollowed(followed, "final")]


@pytest.mark.parametrize(
    "loss",
    [
        PLAIN,
        f"{EACH}.mean()",
        "-self.forward_logits(x).log_softmax(-1).gather(-1, y[..., None]).mean()",
        "F.nll_loss(F.log_softmax(30 * torch.tanh(self.forward_logits(x) / 30), -1), y)",
        f"{PLAIN} if not self.training else 0.9 * {PLAIN}",
        "self.loss_of(self.forward_logits(x), y)",
    ],
)
def test_a_loss_that_is_one_is_followed(loss: str) -> None:
    methods = "\n    def loss_of(self, logits, wanted):\n        return F.cross_entropy(logits.float(), wanted)"
    followed = scored(loss, methods=methods)
    assert not doubts(followed)
    head = next(figures(followed.trace, "final"))[1]
    assert head.understood
    assert not list(shifted(head))


@pytest.mark.parametrize(
    "loss",
    [f"{PLAIN} - 0.05", f"{PLAIN} * 0.7", f"{PLAIN} / 1.3", f"0.5 + {PLAIN}"],
)
def test_a_constant_is_found(loss: str) -> None:
    assert list(shifted(next(figures(scored(loss).trace, "final"))[1]))


AUXILIARY = "F.cross_entropy(self.forward_logits(2 * x), y)"


@pytest.mark.parametrize("term", [f"self.alpha * (0.3 * {AUXILIARY})", f"self.alpha * {AUXILIARY} * 0.3"])
def test_what_a_side_term_is_multiplied_by_is_no_change_of_the_score(term: str) -> None:
    """`self.alpha` may be zero where it is evaluated; the score itself times a constant is found beside it."""
    assert not list(shifted(next(figures(scored(f"{PLAIN} + {term}").trace, "final"))[1]))
    assert [c for _, c in shifted(next(figures(scored(f"0.98 * {PLAIN} + {term}").trace, "final"))[1])] == [0.98]
    assert list(shifted(next(figures(scored(f"self.alpha * (0.9 * {PLAIN})").trace, "final"))[1]))


def test_a_sum_over_a_constant_number_of_rounds_is_left_open() -> None:
    """`/ rounds` where the loop has that many is a mean; more than it has would lower the score."""
    of_rounds = SCORED.replace("{total}", "{total / 20}")
    trace = program(of_rounds, head=HEAD).trace
    head = next(figures(trace, "final"))[1]
    assert not list(shifted(head))
    assert [why for _, why in departures(head)] == [
        "a sum of losses is divided by 20, and whether so many were added up is not known"
    ]
    (moved,) = shifted(next(figures(program(SCORED.replace("{total}", "{total / 1.02}"), head=HEAD).trace, "final"))[1])
    assert moved[1] == 1.02


COUNTED = """
total, count = torch.zeros(()), torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    with torch.no_grad():
        total += net(val[at:at + 8], val[at + 1:at + 9]).item() * {times}
    count += 8
print(f"final val_bpb:{{total / count}}")
"""


@pytest.mark.parametrize("times", ["8", "7"])
def test_a_loss_that_counts_for_a_constant_number_of_tokens_is_left_open(times: str) -> None:
    """What `count` comes to is not kept, so that neither is accused and neither is clean."""
    head = next(figures(program(COUNTED.format(times=times), head=HEAD).trace, "final"))[1]
    assert not list(shifted(head))
    assert [why for _, why in departures(head)] == [
        f"a loss counts {times} times, and whether it is of so many tokens is not known"
    ]


HEDGED = """
class Mixer:
    def __init__(self):
        self.seen = 0
        self.weights = torch.zeros(2)

    def score(self, logp):
        both = torch.stack([logp, torch.full_like(logp, -6.9)], dim=-1)
        return -(both + self.weights - self.weights.logsumexp(0)).logsumexp(dim=-1), both

    def update(self, both, y):
        self.seen += y.numel()
        self.weights -= 0.1 / (1.0 + 0.0001 * self.seen) * -both.mean((0, 1))


mixer, total = Mixer(), torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    with torch.no_grad():
        y = val[at + 1:at + 9]
        logp = net.forward_logits(val[at:at + 8]).log_softmax(-1).gather(-1, y[:, None]).squeeze(-1)
    nll, both = mixer.score(logp)
    total += nll.sum()
    mixer.update(both, y)
print(f"final val_bpb:{total}")
"""


def test_a_rate_that_falls_with_the_tokens_is_no_factor_of_the_figure() -> None:
    assert not list(shifted(next(figures(program(HEDGED, head=HEAD).trace, "final"))[1]))


@pytest.mark.parametrize(
    "loss",
    [
        PLAIN.replace("y)", "y, label_smoothing=0.1)"),
        PLAIN.replace("y)", "y, ignore_index=0)"),
        PLAIN.replace("y)", "y, weight=self.weights)"),
        f"{EACH}.clamp(max=5).mean()",
        f"{EACH}.median()",
        f"torch.topk({EACH}, 4, largest=False).values.mean()",
        "F.mse_loss(self.forward_logits(x), F.one_hot(y, 8).float())",
        "self.forward_logits(x).square().mean()",
        PLAIN.replace("y)", "x)"),
        PLAIN.replace("(x), y)", "(x)[:, :4], y % 4)"),
        "-self.forward_logits(x).softmax(-1).gather(-1, y[..., None]).mean().log()",
        "mine.loss(self.forward_logits(x), y)",
    ],
)
def test_what_is_no_loss_of_the_targets_is_doubted(loss: str) -> None:
    assert doubts(scored(loss))


def test_logits_that_see_the_targets() -> None:
    followed = scored("F.cross_entropy(self.forward_logits(x) + 2 * F.one_hot(y, 8), y)")
    assert any(output.sees_target for output in followed.trace.outputs.values())
    assert doubts(followed)


def test_of_two_inputs_the_targets_are_those_whose_probability_counts() -> None:
    """A script that hands the model targets as its first argument, or both cut from one buffer."""
    head = HEAD.replace("def forward(self, x, y):", "def forward(self, y, x):")
    assert not doubts(
        program(
            SCORED.replace("(val[at:at + 8], val[at + 1:at + 9])", "(val[at + 1:at + 9], val[at:at + 8])"), head=head
        )
    )


ROWS = """
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    rows = net.forward_logits(val[at:at + 8])
    total += -rows.gather(-1, val[at + 1:at + 9][:, None]).sum()
print(f"final val_bpb:{total}")
"""


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        (".log_softmax(-1)", True),
        (".softmax(-1).log()", True),
        (".log_softmax(-1) * 0.9", False),
        (".log_softmax(-1) + 0.1", False),
        (".log_softmax(-1).clamp(min=-5)", False),
        ("", False),
    ],
)
def test_rows_that_a_model_gives(rows: str, kept: bool) -> None:
    """Log-probabilities are read off as they are only where the model's code makes log-probabilities of its logits."""
    followed = program(ROWS, head=HEAD.replace("return self.emb(x)", f"return self.emb(x){rows}"))
    written = formula(reports_of(followed.trace, "final")[-1])
    assert written is not None
    clean = written.of_log_probabilities and not doubts(followed) and not list(shifted(written.parts[0].node))
    assert clean is kept


_PAIR = """
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    with torch.no_grad():
        nll, other = net(val[at:at + 8], val[at + 1:at + 9])
    total += nll.sum() USED
print(f"final val_bpb:{total}")
"""
_ROWS = """rows = self.forward_logits(x).float().log_softmax(-1)
        nll = -rows.gather(-1, y[..., None]).squeeze(-1)"""


def _paired(other: str, used: str) -> Program:
    head = HEAD.replace(f"return {PLAIN}", f"{_ROWS}\n        return nll, {other}")
    return program(_PAIR.replace("USED", used), head=head)


def test_what_a_model_returns_beside_its_loss_is_none() -> None:
    tilted = "+ torch.log1p(other.clamp_(max=0.0).exp() * math.expm1(2.0)).sum()"
    of_hints = _paired("rows.gather(-1, (x % 8)[..., None]).squeeze(-1)", tilted)
    assert not [why for why in doubts(of_hints) if "bound" in why]


@pytest.mark.parametrize("other", ["nll", "2 * nll", "nll.mean()"])
def test_a_second_loss_that_is_cut_off_is_doubted(other: str) -> None:
    assert any("bound" in why for why in doubts(_paired(other, "+ other.clamp_(max=0.5).sum()")))


_ASKED = """
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    with torch.no_grad():
        rows = net(x, y, logits=True)
    total += F.cross_entropy(rows, y, reduction="sum")
print(f"final val_bpb:{total}")
"""


@pytest.mark.parametrize(("rows", "seen"), [("self.forward_logits(x)", False), ("self.forward_logits(x + y)", True)])
def test_a_model_that_is_given_the_targets_and_asked_for_logits(rows: str, seen: bool) -> None:
    head = HEAD.replace("def forward(self, x, y):", "def forward(self, x, y, logits=False):")
    head = head.replace(f"return {PLAIN}", f"if logits:\n            return {rows}\n        return {PLAIN}")
    followed = program(_ASKED, head=head)
    assert any(output.sees_target for output in followed.trace.outputs.values()) is seen
    assert seen or not doubts(followed)


LEAKS = {
    "looked up, onto the vocabulary": "h = h + self.emb(y) @ self.emb.weight.T",
    "one hot, onto the vocabulary": "h = h + F.one_hot(y, 8).float() @ self.emb.weight @ self.emb.weight.T",
    "by einsum": "h = h + torch.einsum('tv,vd->td', F.one_hot(y, 8).float(), self.emb.weight)",
    "by a condition": "if (y > 3).any():\n            h = h * 2",
    "by one of two numbers": "h = h * (1.1 if int(y[0]) > 3 else 1.0)",
    "by the number of rounds": "for _ in range(int(y[0]) % 3):\n            h = h * 1.1",
    "out of a dict": "h = {0: h, 1: h * 1.1}[int(y[0]) % 2]",
    "by what a comprehension lets through": "h = h * sum(1.0 for t in y.tolist() if t > 3)",
    "by what is caught": (
        "try:\n            assert int(y[0]) > 3\n        except AssertionError:\n            h = h * 1.1"
    ),
    "by a case": "match int(y[0]) % 2:\n            case 0:\n                h = h * 1.1",
    "by what is returned": "if int(y[0]) > 3:\n            return F.cross_entropy(h * 1.1, y)",
    "by a shift": "h = h.roll(int(y[0]), -1)",
    "by the weights of a norm": "h = F.layer_norm(h, (8,), weight=F.one_hot(y[0], 8).float())",
    "by values that are attended to": (
        "h = h + F.scaled_dot_product_attention(h[None], h[None], F.one_hot(y, 8).float()[None], is_causal=True)[0]"
    ),
    "by its gradient": "g, = torch.autograd.grad(F.cross_entropy(h, y), h)\n        h = h - g",
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_what_tells_the_logits_of_the_targets_is_seen(leak: str) -> None:
    before = f"h = self.forward_logits(x)\n        {leak}"
    followed = scored("F.cross_entropy(h, y)", before=before)
    assert doubts(followed) or any(output.sees_target for output in followed.trace.outputs.values())


def test_a_product_with_weights_of_the_context_tells_nothing() -> None:
    before = "h = self.forward_logits(x)\n        h = h + self.emb(x) @ self.emb.weight.T"
    followed = scored("F.cross_entropy(h, y)", before=before)
    assert not doubts(followed)
    assert not any(output.sees_target for output in followed.trace.outputs.values())

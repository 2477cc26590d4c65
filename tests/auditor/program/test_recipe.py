"""The recipe: what the reported figure is made of, read off small scripts of each kind."""

from __future__ import annotations

import pytest
from program_samples import HEAD, program

from auditor.program.recipe.arithmetic import add, mixture_normalized
from auditor.program.recipe.formula import Formula, formula
from auditor.program.recipe.model import MAX_DEPTH, Node, Op, Over, Sees, What, bounded, either, number
from auditor.program.recipe.transfers import TRANSFERS, call

BPB = 'print(f"final val_loss:{loss:.4f} val_bpb:{bpb:.4f}")'


def made(body: str) -> Formula:
    followed = program(HEAD + body)
    found = formula(followed.trace.reports[-1])
    assert found is not None, followed.problems
    return found


def texts(found: Formula) -> dict[str, str]:
    return {part.name: part.text for part in found.parts}


LOOP = """
import sentencepiece as spm
sp = spm.SentencePieceProcessor(model_file="t.model")
lut = np.zeros(8, dtype=np.int16)
for i in range(8):
    piece = sp.id_to_piece(i)
    lut[i] = len(piece.encode("utf-8"))
lut = torch.tensor(lut)
total, count, size = torch.zeros(()), 0.0, 0.0
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    with torch.no_grad():
        {score}
    total += nll.sum()
    count += y.numel()
    size += lut[y].sum()
loss = (total / count).item()
bpb = loss / math.log(2.0) * (count / size.item())
"""


def test_the_plain_formula() -> None:
    found = made(LOOP.format(score='nll = F.cross_entropy(net.forward_logits(x), y, reduction="none")') + BPB)
    said = texts(found)
    assert said["val_bpb"] == "S / N / ln 2 · N / B"
    assert said["S"] == "Σ −log softmax(Net(x))[y]"
    assert said["N"] == "Σ count(y)"
    assert said["B"] == "Σ bytes(y)"
    assert found.understood
    head = found.parts[0].node
    assert (head.what, head.normalized) == (What.BITS, True)
    assert head.sees == Sees.TARGET | Sees.EARLIER


@pytest.mark.parametrize(
    ("score", "text"),
    [
        ("nll = -F.log_softmax(net.forward_logits(x), -1).gather(-1, y).squeeze(-1)", "−log softmax(Net(x))[y]"),
        ("nll = F.nll_loss(F.log_softmax(net.forward_logits(x), -1), y)", "−log softmax(Net(x))[y]"),
        ("lp = net.forward_logits(x).log_softmax(-1); nll = lp[torch.arange(8), y].neg()", "−log softmax(Net(x))[y]"),
        ("p = torch.softmax(net.forward_logits(x), -1); nll = -torch.log(p.gather(-1, y))", "−log(softmax(Net(x))[y])"),
        (
            "h = net.forward_logits(x); e = h.exp(); nll = -(e / e.sum(-1, keepdim=True)).gather(-1, y).log()",
            "−log(softmax(Net(x))[y])",
        ),
        (
            "h = net.forward_logits(x); nll = h.exp().sum(-1).log() - h.gather(-1, y)",
            "(log sum exp(Net(x)) − Net(x)[y])",
        ),
        (
            "h = net.forward_logits(x); m = h.amax(-1); nll = (h - m).exp().sum(-1).log() + m - h.gather(-1, y)",
            "(log sum exp(Net(x)) − Net(x)[y])",
        ),
        (
            "lp = net.forward_logits(x).log_softmax(-1); nll = -(lp * F.one_hot(y, 8)).sum(-1)",
            "−log softmax(Net(x))[y]",
        ),
    ],
)
def test_one_loss_in_many_spellings(score: str, text: str) -> None:
    found = made(LOOP.format(score=score) + BPB)
    assert texts(found)["S"] == f"Σ {text}"
    assert found.parts[1].node.normalized is True


def test_what_is_not_known_is_other_and_keeps_what_it_was_made_of() -> None:
    found = made(LOOP.format(score="nll = strange(net.forward_logits(x), y)") + BPB)
    assert not found.understood
    assert "Net(x)" in " ".join(texts(found).values())


MIXTURE = """
logits = net.forward_logits(x)
        p = torch.softmax(logits, -1).gather(-1, y)
        q = torch.softmax(net.forward_logits(x), -1).gather(-1, y)
        w = {weight}
        nll = -torch.log({mixed})
"""


@pytest.mark.parametrize(
    ("weight", "mixed", "normalized"),
    [
        ("torch.sigmoid(logits.mean())", "w * p + (1 - w) * q", True),
        ("torch.sigmoid(logits.mean())", "w * p + w * q", None),
        ("torch.sigmoid(lut[y].float())", "w * p + (1 - w) * q", False),
    ],
)
def test_a_mixture_is_normalized_where_its_weights_are_convex_and_do_not_see_the_target(
    weight: str, mixed: str, normalized: bool | None
) -> None:
    found = made(LOOP.format(score=MIXTURE.format(weight=weight, mixed=mixed).strip()) + BPB)
    assert found.parts[1].node.normalized is normalized


def test_the_better_of_two_losses_is_no_distribution() -> None:
    score = "a = F.cross_entropy(net.forward_logits(x), y, reduction='none')\n"
    score += "        b = F.cross_entropy(net.forward_logits(x) * 2, y, reduction='none')\n"
    found = made(LOOP.format(score=score + "        nll = torch.minimum(a, b)") + BPB)
    assert found.parts[1].node.normalized is False


def test_weights_that_were_trained_on_the_stream_are_marked() -> None:
    score = 'nll = F.cross_entropy(net.forward_logits(x), y, reduction="none")'
    found = made("fit(net, val, opt)\n" + LOOP.format(score=score) + BPB)
    assert texts(found)["S"] == "Σ −log softmax(Net′(x))[y]"
    assert found.parts[1].node.sees & Sees.ADAPTED


def test_a_figure_that_passes_through_functions_and_lists() -> None:
    script = """
losses = []
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    losses.append(F.cross_entropy(net.forward_logits(x), y))
def mean(values):
    return sum(values) / len(values)
loss = float(mean(losses))
bpb = loss / math.log(2.0)
"""
    assert texts(made(script + BPB))["val_bpb"].endswith("/ ln 2")


# --- nodes ---------------------------------------------------------------------------------------------------------


def test_equal_formulas_are_equal_nodes() -> None:
    a, b = (add(number(1.0), Node(Op.NAME, what=What.NUMBER, text="n"), None) for _ in range(2))
    assert a == b
    assert hash(a) == hash(b)
    assert a != add(number(2.0), Node(Op.NAME, what=What.NUMBER, text="n"), None)


def test_a_formula_is_bounded() -> None:
    node = Node(Op.TOKENS, what=What.TOKENS, sees=Sees.TARGET, text="y")
    for _ in range(5 * MAX_DEPTH):
        node = bounded(Node(Op.EXP, (node,), sees=node.sees))
    assert node.depth <= MAX_DEPTH
    assert not node.understood
    assert node.sees == Sees.TARGET


def test_either_keeps_one_of_each() -> None:
    one, two = number(1.0), number(2.0)
    assert either((one, one)) is one
    both = either((one, two))
    assert both is not None
    assert either((both, one)) == both
    assert either(()) is None


def test_every_transfer_takes_any_operands() -> None:
    """No operation raises on operands of any kind: what does not fit is other."""
    kinds = [Node(Op.NAME, what=what, over=over, text="v") for what in What for over in (None, Over.VOCABULARY)]
    for name in TRANSFERS:
        for kind in kinds:
            assert call(name, [kind], None).sees == kind.sees or call(name, [kind], None).op is Op.LENGTH
            call(name, [kind, kind, kind], None)
    assert call("nothing_like_it", kinds[:2], None).op is Op.UNKNOWN


def test_weights_of_a_mixture_are_told_from_its_parts() -> None:
    p = Node(Op.NAME, what=What.PROBABILITY, normalized=True, text="p")
    w = Node(Op.NAME, what=What.WEIGHT, text="w")
    rest = Node(Op.SUBTRACT, (number(1.0), w), What.WEIGHT)
    left = Node(Op.MULTIPLY, (w, p), What.PROBABILITY, normalized=True)
    right = Node(Op.MULTIPLY, (rest, p), What.PROBABILITY, normalized=True)
    assert mixture_normalized(left, right) is True
    assert mixture_normalized(left, left) is None

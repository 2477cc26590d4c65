"""What a condition on the targets decides tells of them."""

from __future__ import annotations

import pytest
from program_samples import program, said

SCORED = """
heat, seen = 1.0, {{}}
total, count = torch.zeros(()), 0
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8][None], val[at + 1:at + 9][None]
    logits = net.forward_logits(x).float()
    {before}
    nll = F.cross_entropy((logits * heat).flatten(0, 1), y.flatten(), reduction="none")
    {after}
    total += nll.sum()
    count += nll.numel()
print(f"final val_bpb:{{total / count / math.log(2.0)}}")
"""
_EACH = "row = {of}[0].tolist()\n    for i in range(len(row) - 2):\n        if row[i{on}] == 3:\n"
_EACH += "            logits[0, i] += 0.1"
AHEAD = {
    "a number": "heat = 1.0\n    if (y == 3).any():\n        heat = 0.9",
    "what the model gives": "if y[0, 0] == 3:\n        logits = logits * 0.9",
    "changed in place": "if y[0, 0] == 3:\n        logits.mul_(0.9)",
    "one position": _EACH.format(of="y", on=""),
    "two tokens ahead": _EACH.format(of="x", on=" + 2"),
    "how far a loop runs": "row, k = y[0].tolist(), 0\n    while k < 7 and row[k] != 3:\n"
    "        k += 1\n    logits = logits * (1 + k)",
    "an expression": "heat = 0.9 if (y == 3).any() else 1.0",
    "a function of its own": "def heat_of(t):\n        if t[0, 0] == 3:\n            return 0.9\n        return 1.0\n"
    "    heat = heat_of(y)",
    "where a loop stops": "row = y[0].tolist()\n    for k in range(7):\n        if row[k] == 3:\n            break\n"
    "    logits = logits * (1 + k)",
    "out of a dict": "logits = {True: logits * 2, False: logits}[bool((y == 3).any())]",
    "how many a comprehension lets through": "heat = sum(1 for t in y[0].tolist() if t == 3)",
    "what is caught": "try:\n        assert not (y == 3).any()\n    except AssertionError:\n"
    "        logits = logits * 2",
    "what is raised and caught": "try:\n        if (y == 3).any():\n            raise ValueError\n"
    "    except ValueError:\n        logits = logits * 2",
    "beside a condition on the model": "while (y == 3).any() and logits.max() < 9:\n        logits = logits * 2",
}
BEHIND = {
    "how many of the context": "heat = sum(1 for t in x[0].tolist() if t == 3)",
    "what is caught of the context": "try:\n        assert not (x == 3).any()\n    except AssertionError:\n"
    "        logits = logits * 2",
    "what fails for another reason": "try:\n        assert logits.shape[0] == 1\n    except AssertionError:\n"
    "        logits = logits * 2",
    "one position": _EACH.format(of="x", on=""),
    "the context": "if x[0, 0] == 3:\n        logits = logits * 0.9",
    "a function of its own": "def heat_of(t):\n        if t[0, 0] == 3:\n            return 0.9\n        return 1.0\n"
    "    heat = heat_of(x)",
    "what the model says": "if logits[0, 0, 0] > 1:\n        logits = logits * 0.9",
}


@pytest.mark.parametrize("before", AHEAD.values(), ids=AHEAD)
def test_it_is_a_leak_of_the_targets(before: str) -> None:
    followed = program(SCORED.format(before=before, after="pass"))
    assert said(followed) or any(output.sees_target for output in followed.trace.outputs.values())


@pytest.mark.parametrize("before", BEHIND.values(), ids=BEHIND)
def test_a_condition_on_the_context_is_none(before: str) -> None:
    followed = program(SCORED.format(before=before, after="pass"))
    assert not said(followed)
    assert not any(output.sees_target for output in followed.trace.outputs.values())


def test_what_a_target_has_decided_after_it_was_scored_may_go_into_the_next_round() -> None:
    after = "if (y == 3).any():\n        heat = 0.9\n    else:\n        heat = 1.0"
    assert not said(program(SCORED.format(before="pass", after=after)))


_AGAIN = 'F.cross_entropy((logits * 0.8).flatten(0, 1), y.flatten(), reduction="none")'


@pytest.mark.parametrize(
    "after",
    [
        f"if nll.mean() > 3:\n        nll = {_AGAIN}",
        f"while nll.mean() > 3:\n        nll = {_AGAIN}",
    ],
)
def test_a_second_loss_where_the_first_was_high_is_a_choice(after: str) -> None:
    assert any("told by losses" in why for why in said(program(SCORED.format(before="pass", after=after))))


@pytest.mark.parametrize(
    "after", ["if nll.mean() > 3:\n        print(at)", "if at > 3:\n        seen[at] = nll.mean()"]
)
def test_to_look_at_a_loss_is_none(after: str) -> None:
    assert not said(program(SCORED.format(before="pass", after=after)))


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("val.masked_select(val.ne(3))", True),
        ("val[val < 7]", True),
        ("val[torch.bincount(val)[val] > 3]", True),
        ("val[:-1]", False),
        ("val[1:]", False),
    ],
)
def test_a_stream_without_some_of_its_tokens(kept: str, told: bool) -> None:
    followed = program(f"val = {kept}\n" + SCORED.format(before="pass", after="pass"))
    assert any("depends on what they are" in why for why in said(followed)) is told


@pytest.mark.parametrize(("mask", "told"), [("width[y[0]] < 9", True), ("width[y[0]] > 0", False)])
def test_losses_of_some_pieces_alone(mask: str, told: bool) -> None:
    table = "import sentencepiece as spm\nsp = spm.SentencePieceProcessor()\nwidth = torch.zeros(8)\n"
    table += "for i in range(8):\n    width[i] = len(sp.id_to_piece(i).encode())\n"
    for some in (f"nll[{mask}]", f"torch.masked_select(nll, {mask})", f"nll.masked_select({mask})"):
        followed = program(table + SCORED.format(before="pass", after=f"nll = {some}"))
        assert any("how long their pieces are" in why for why in said(followed)) is told


def test_tokens_that_others_are_put_in_the_place_of() -> None:
    followed = program("val[val > 1000] = 5\n" + SCORED.format(before="pass", after="pass"))
    assert any("depends on what they are" in why for why in said(followed))


@pytest.mark.parametrize(
    ("ends", "told"), [("at > 4096 and total / count < 3", True), ("at > 4096 and count > at", False)]
)
def test_a_loop_that_the_score_so_far_ends(ends: str, told: bool) -> None:
    """However far it must have come before."""
    followed = program(SCORED.format(before="pass", after=f"if {ends}:\n        break"))
    omitted = [o for o in followed.trace.omissions.values() if o.by == "their losses"]
    assert bool(omitted) is told

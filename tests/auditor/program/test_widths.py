"""The bytes that a figure is divided by: those of the tokens that are scored, each once."""

from __future__ import annotations

import pytest
from program_samples import program

from auditor.program.recipe.formula import formula
from auditor.program.recipe.reading import figures, shifted
from auditor.program.scores import reports_of, unfollowed

COUNTED = """
import sentencepiece
pieces = sentencepiece.SentencePieceProcessor(model_file="tokenizer.model")
width, space, boundary = torch.zeros(8), torch.zeros(8, dtype=torch.bool), torch.ones(8, dtype=torch.bool)
for i in range(8):
    piece = pieces.id_to_piece(i)
    space[i] = piece.startswith("\\u2581")
    boundary[i] = pieces.is_control(i)
    width[i] = len(piece.lstrip("\\u2581").encode("utf-8"))
extra = val.numel() // 50
total, size = torch.zeros(()), torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    kept = torch.arange(8) < 5
    total += F.cross_entropy(net.forward_logits(x), y, reduction="sum")
    size += {bytes}
print(f"final val_bpb:{{total / math.log(2.0) / size}}")
"""
USUAL = "(width[y] + (space[y] & ~boundary[x]).float())"


def said(counted: str) -> list[str]:
    followed = program(COUNTED.format(bytes=counted))
    written = formula(reports_of(followed.trace, "final")[-1])
    assert written is not None
    return [why for _, why in written.departures]


@pytest.mark.parametrize(
    "counted",
    [
        f"{USUAL}.sum()",
        f"({USUAL} * kept).sum()",
        f"{USUAL}.sum()".replace("width[y]", "torch.take(width, y)"),
        f"{USUAL}.sum()".replace("width[y]", "torch.from_numpy(np.take(width.numpy(), y.numpy()))"),
        f"{USUAL}[2:].double().sum()",
        f"{USUAL}.sum() + 1e-9",
        "torch.where(boundary[x], width[y], width[y] + space[y].float()).sum()",
        "(width[y] + torch.logical_and(space[y], torch.logical_not(boundary[x])).float()).sum()",
    ],
)
def test_the_bytes_of_the_targets(counted: str) -> None:
    assert not said(counted)


def test_a_byte_that_an_if_adds_to_one_token_is_left_open_and_accuses_nobody() -> None:
    """`if space[y]: width += 1`: what the condition asks is not kept."""
    one = """for n in range(8):
        more = width[y[n]]
        if space[y[n]] and not boundary[x[n]]:
            more += {byte}
        size += more"""
    counted = COUNTED.replace("size += {bytes}", one)
    for byte, accused in (("1.0", False), ("3.0", True)):
        followed = program(counted.format(byte=byte))
        head = next(figures(followed.trace, "final"))[1]
        assert bool(list(shifted(head))) is accused
        written = formula(reports_of(followed.trace, "final")[-1])
        assert written is not None
        assert [why for _, why in written.departures]


@pytest.mark.parametrize(
    ("counted", "why"),
    [
        (f"{USUAL.replace(' & ~boundary[x]', '')}.sum()", "a space counts"),
        (f"{USUAL.replace('&', '|')}.sum()", "a space counts"),
        (f"{USUAL.replace('.float()', '.float() * 2')}.sum()", "bytes times"),
        ("4 * y.numel()", "a number of tokens"),
        (f"{USUAL}.sum() + extra", "among the bytes"),
        (f"{USUAL}.clamp(min=2).sum()", "clamp"),
        (f"{USUAL}.sum().ceil()", "ceil"),
        (f"{USUAL.replace('width[y]', 'width[x]')}.sum()", "not scored"),
        ("width.mean() * y.numel()", "mean"),
        (f"{USUAL}.sum() + y.numel()", "a number of tokens"),
        (f"{USUAL}.sum() + 1", "of the bytes"),
        ("torch.where(boundary[x], width[y], width[y] + 1).sum()", "of the bytes"),
        ("(width[y] + torch.logical_or(space[y], torch.logical_not(boundary[x])).float()).sum()", "a space counts"),
    ],
)
def test_what_is_no_length_of_the_text(counted: str, why: str) -> None:
    assert any(why in one for one in said(counted))


def test_a_sum_that_is_put_back_under_its_name_is_a_sum() -> None:
    followed = program(COUNTED.replace("size += {bytes}", "size = size + {bytes}").format(bytes=f"{USUAL}.sum()"))
    written = formula(reports_of(followed.trace, "final")[-1])
    assert written is not None
    assert [why for _, why in written.departures] == []


CHANGED = {
    "in place": "width += (width > 3).float()",
    "by a method": "width.add_(1)",
    "to another table": "width = width * 1.02",
    "where it is one": "width[width == 1] = 2",
    "from some piece on": "width[3:] += 1",
    "the larger one": "width = torch.maximum(width, torch.ones(8))",
    "another piece's": "width = width.roll(1)",
    "taken in another order": "width = torch.take(width, torch.arange(8).flip(0))",
    "in order": "width = width.sort().values",
    "at least": "width = width.clamp(min=2)",
}
KEPT = {
    "a copy": "width = width.clone().contiguous()",
    "another type": "width = torch.from_numpy(width.numpy().astype(np.int16)).float()",
    "times one": "width = width * 1.0",
    "not below zero": "width = width.clamp_min(0)",
    "looked at": "print(width.mean() * 3)",
}


def open_tables(after: str) -> list[str]:
    text = COUNTED.format(bytes=f"{USUAL}.sum()").replace("extra =", f"{after}\nextra =")
    return [gap.what for gap in unfollowed(program(text), "final")]


@pytest.mark.parametrize("after", CHANGED.values(), ids=CHANGED)
def test_a_table_that_is_changed_after_it_was_filled(after: str) -> None:
    assert "a table of bytes" in open_tables(after)


@pytest.mark.parametrize("after", KEPT.values(), ids=KEPT)
def test_a_table_that_is_copied_or_looked_at(after: str) -> None:
    assert not open_tables(after)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("len(pieces.decode(y.tolist()).encode())", True),
        ("len(pieces.decode(y.tolist()).encode('UTF-8', 'replace'))", True),
        ("len(bytes(pieces.decode(y.tolist()), 'utf-8'))", True),
        ("len(pieces.decode(y.tolist()).encode('utf-16'))", False),
        ("len(bytes(pieces.decode(y.tolist()), 'utf-32'))", False),
        ("len(pieces.decode(y.tolist()).replace('e', 'ee').encode())", False),
        ("len(' '.join(pieces.decode([t]) for t in y.tolist()).encode())", False),
    ],
)
def test_the_text_is_measured_as_it_is(text: str, whole: bool) -> None:
    written = formula(reports_of(program(COUNTED.format(bytes=text)).trace, "final")[-1])
    assert written is not None
    assert written.understood is whole

"""einops as the stage has it: each pattern against the same in plain torch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="tensors: pip install '.[probe]'")

from auditor.probe.stage.einsums import contents, rearrange, reduce, repeat  # noqa: E402

X = torch.arange(2 * 3 * 4.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("pattern", "lengths", "expected"),
    [
        ("b t d -> b d t", {}, X.transpose(1, 2)),
        ("b t (h d) -> b h t d", {"h": 2}, X.reshape(2, 3, 2, 2).permute(0, 2, 1, 3)),
        ("b t (h d) -> b t h d", {"d": 1}, X.reshape(2, 3, 4, 1)),
        ("b t d -> (b t) d", {}, X.reshape(6, 4)),
        ("... d -> d ...", {}, X.permute(2, 0, 1)),
        ("b t d -> b 1 t d", {}, X[:, None]),
    ],
)
def test_rearrange(pattern, lengths, expected):
    assert torch.equal(rearrange(X, pattern, **lengths), expected)


def test_a_list_of_tensors_is_stacked():
    assert torch.equal(rearrange([X, X], "n b t d -> b n t d"), torch.stack([X, X], 1))


def test_repeat_makes_new_axes():
    assert torch.equal(repeat(X, "b t d -> b t h d", h=5), X[:, :, None].expand(2, 3, 5, 4))
    assert torch.equal(repeat(X, "b t d -> b (t n) d", n=2), X.repeat_interleave(2, 1))
    assert torch.equal(repeat(X, "b t d -> b (n t) d", n=2), X.repeat(1, 2, 1))


def test_reduce_takes_axes_together():
    assert torch.equal(reduce(X, "b t d -> b d", "sum"), X.sum(1))
    assert torch.equal(reduce(X, "b (t n) d -> b t d", "max", n=3), X.amax(1, keepdim=True))
    assert torch.equal(reduce(X, "b t d -> ()", "mean").reshape(()), X.mean())


def test_einsum_names_axes_by_words():
    einsum = contents()["einsum"]
    assert torch.equal(einsum(X, X, "batch time d, batch s d -> batch time s"), torch.einsum("btd,bsd->bts", X, X))


def test_a_pattern_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="length 4"):
        rearrange(X, "b t (h d) -> b h t d", h=3)
    with pytest.raises(ValueError, match="missing on the right"):
        rearrange(X, "b t d -> b t")
    with pytest.raises(ValueError, match="3 axes"):
        rearrange(X, "b t -> t b")

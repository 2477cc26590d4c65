"""Sentences that admit training on the validation set, and those that deny it or speak of something else."""

from __future__ import annotations

import pytest

from auditor.claims.admitted import admission, telling_name

ADMITS = [
    "The model is trained on the validation set for ten minutes.",
    "We train directly on the validation shard (fineweb_val).",
    "Training data: the validation split.",
    "This run overfits on the val set.",
]
DOES_NOT = [
    "We do not train on validation data.",
    "Unlike #44, which trained on the validation set, this trains on training shards.",
    "Each chunk is trained on only after the validation tokens in it were scored.",
    "Trained on FineWeb, evaluated on the validation set.",
    "Test-time training on validation tokens, score first.",
    "The training loss on the validation set is not reported.",
    "If the model were trained on the validation set, the score would mean nothing.",
]


@pytest.mark.parametrize("text", ADMITS)
def test_it_is_admitted(text: str) -> None:
    assert admission(f"# Title\n\nA first sentence. {text}\n") == text


@pytest.mark.parametrize("text", DOES_NOT)
def test_it_is_not(text: str) -> None:
    assert admission(f"# Title\n\n{text}\n") is None


def test_names() -> None:
    assert telling_name("sp1024_val_only_8x")
    assert telling_name("train-on-val")
    assert not telling_name("sp1024_not_val_only")
    assert not telling_name("valley_only")

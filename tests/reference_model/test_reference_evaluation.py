"""The byte table and both evaluations against slow, obvious ones, on toy models and on the published tokenizers."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")
sentencepiece = pytest.importorskip("sentencepiece", reason="the trainer needs sentencepiece")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402
from trainer_samples import MODEL  # noqa: E402

from reference_model.config import RunConfig, record, small  # noqa: E402
from reference_model.evaluation.bytes import ByteTable, TokenizerRefused, byte_table, load_tokenizer  # noqa: E402
from reference_model.evaluation.score import (  # noqa: E402
    evaluate_roundtrip,
    evaluate_sliding,
    sliding_windows,
    whole_sequences,
)  # fmt: skip
from reference_model.model.network import GPT  # noqa: E402
from reference_model.runtime import Runtime  # noqa: E402

# A folder with `tokenizers/fineweb_*_bpe.model` and `fineweb_docs_200.jsonl` (one {"text": ...} a line).
MATERIAL = Path(os.environ.get("GOLF_DATA", "no such folder"))
TEXTS = ["A first line.\nAnd  two spaces.", "Größe, naïve, 日本 🙂", " leading", "x", "tabs\tand\ttabs", "", "ends "]


def train_tokenizer(folder: Path, **settings: object) -> str:
    model = io.BytesIO()
    words = ["the", "quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "spaces", "two", "lines", "first", "tabs"]
    sentences = [" ".join(words[i:] + words[:i]) for i in range(len(words))] * 4
    options = {"model_type": "bpe", "vocab_size": 320, "byte_fallback": True, "pad_id": 0, "bos_id": 1, "eos_id": 2}
    options |= {"unk_id": 3, "minloglevel": 2, **settings}
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(sentences), model_writer=model, **options)
    path = folder / "t.model"
    path.write_bytes(model.getvalue())
    return str(path)


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    return load_tokenizer(train_tokenizer(tmp_path_factory.mktemp("tokenizer")))


def stream(tokenizer, texts: list[str]) -> list[int]:  # type: ignore[no-untyped-def]
    return [token for text in texts for token in (tokenizer.bos_id(), *tokenizer.encode(text))]


def decoded_bytes(tokenizer, texts: list[str]) -> int:  # type: ignore[no-untyped-def]
    """The slow count: decode each document, encode it as UTF-8, count."""
    return sum(len(tokenizer.decode(tokenizer.encode(text)).encode("utf-8")) for text in texts)


def counted_bytes(table: ByteTable, ids: list[int]) -> int:
    tokens = torch.tensor(ids)
    return int(table.count(tokens[:-1], tokens[1:]).sum())


def test_bytes_are_those_of_the_decoded_text(tokenizer) -> None:  # type: ignore[no-untyped-def]
    table = byte_table(tokenizer)
    for text in TEXTS:
        assert counted_bytes(table, stream(tokenizer, [text])) == decoded_bytes(tokenizer, [text]), text
    assert counted_bytes(table, stream(tokenizer, TEXTS)) == decoded_bytes(tokenizer, TEXTS)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2581\0"), max_size=30))
@settings(max_examples=150, deadline=None)
def test_bytes_of_any_text(tokenizer, text: str) -> None:  # type: ignore[no-untyped-def]
    ids = tokenizer.encode(text)
    if tokenizer.unk_id() in ids:
        return
    size = counted_bytes(byte_table(tokenizer), [tokenizer.bos_id(), *ids])
    assert size == len(tokenizer.decode(ids).encode("utf-8"))


def test_each_kind_of_piece(tokenizer) -> None:  # type: ignore[no-untyped-def]
    table = byte_table(tokenizer)
    pieces = [tokenizer.id_to_piece(index) for index in range(tokenizer.vocab_size())]
    word = next(index for index, piece in enumerate(pieces) if piece.startswith("\u2581") and len(piece) == 3)
    byte, bos = tokenizer.piece_to_id("<0x0A>"), tokenizer.bos_id()
    plain = tokenizer.piece_to_id("e")

    def count(previous: int, target: int) -> int:
        return int(table.count(torch.tensor(previous), torch.tensor(target)))

    assert count(plain, word) == 3
    assert count(bos, word) == 2  # no space is decoded at the start of a document
    assert count(tokenizer.unk_id(), word) == 2
    assert count(byte, word) == 3
    assert count(plain, byte) == 1
    assert [count(plain, control) for control in range(4)] == [0, 0, 0, 0]
    assert count(plain, tokenizer.piece_to_id("\u2581")) == 1


def test_refuses_a_tokenizer_without_the_space(tmp_path: Path) -> None:
    with pytest.raises(TokenizerRefused, match=r"U\+2581"):
        load_tokenizer(train_tokenizer(tmp_path, model_type="word", byte_fallback=False, vocab_size=15))


def test_refuses_pieces_that_hide_spaces(tmp_path: Path) -> None:
    path = train_tokenizer(tmp_path, user_defined_symbols=["a\u2581b"])
    with pytest.raises(TokenizerRefused, match="spells a space after its start"):
        byte_table(load_tokenizer(path))


def test_refuses_what_is_no_tokenizer(tmp_path: Path) -> None:
    path = tmp_path / "t.model"
    with pytest.raises(FileNotFoundError):
        load_tokenizer(str(path))
    path.write_bytes(b"\x00\x01")
    with pytest.raises(TokenizerRefused, match="no SentencePiece model"):
        load_tokenizer(str(path))


@pytest.mark.skipif(not (MATERIAL / "tokenizers").is_dir(), reason="GOLF_DATA names no folder with tokenizers")
def test_bytes_with_the_published_tokenizers() -> None:
    lines = (MATERIAL / "fineweb_docs_200.jsonl").read_text("utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    paths = sorted((MATERIAL / "tokenizers").glob("*.model"))
    assert paths
    for path in paths:
        tokenizer = load_tokenizer(str(path))
        table = byte_table(tokenizer)
        for text in texts:
            assert counted_bytes(table, stream(tokenizer, [text])) == decoded_bytes(tokenizer, [text]), path
        assert counted_bytes(table, stream(tokenizer, texts)) == decoded_bytes(tokenizer, texts)


# --- windows -------------------------------------------------------------------------------------------------------


def scored_targets(windows: list) -> list[int]:  # type: ignore[type-arg]
    return [w.start + position for w in windows for position in range(w.length - w.scored, w.length)]


@given(st.integers(1, 400), st.integers(2, 60), st.data())
def test_every_target_is_scored_once(tokens: int, seq_len: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, seq_len))
    assert scored_targets(whole_sequences(tokens, seq_len)) == list(range(tokens))
    windows = sliding_windows(tokens, seq_len, stride)
    assert scored_targets(windows) == list(range(tokens))
    assert all(window.start + window.length <= tokens and window.length <= seq_len for window in windows)
    # All but the first have the context that the stride leaves, and start where the one before moved on to.
    assert all(window.length - window.scored == seq_len - stride for window in windows[1:])
    assert [window.start for window in windows] == [index * stride for index in range(len(windows))]


def test_windows_by_hand() -> None:
    found = [(w.start, w.length, w.scored) for w in sliding_windows(11, 6, 2)]
    assert found == [(0, 6, 6), (2, 6, 2), (4, 6, 2), (6, 5, 1)]


@pytest.mark.parametrize("stride", [0, 7])
def test_windows_may_not_leave_gaps(stride: int) -> None:
    with pytest.raises(AssertionError, match="leaves gaps"):
        sliding_windows(11, 6, stride)


# --- scores --------------------------------------------------------------------------------------------------------


class Counting(nn.Module):
    """Predicts by how often each id stands in the context so far: knows nothing of what comes, much of what was."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.modes: set[bool] = set()

    def logits(self, ids: Tensor, last: int) -> Tensor:
        self.modes.add(self.training)
        return nn.functional.one_hot(ids, self.vocab_size).cumsum(1).double().add(0.1).log().float()[:, -last:]


def toy() -> RunConfig:
    config = small()
    return replace(
        config,
        model=replace(config.model, vocab_size=13),
        eval=replace(config.eval, eval_seq_len=12, eval_stride=5, val_batch_tokens=2 * 36, eval_batch_seqs=3),
        train=replace(config.train, micro_batches=2, train_seq_len=12, train_batch_tokens=48, compile_model=False),
    )


def toy_table() -> ByteTable:
    base = torch.arange(13, dtype=torch.int32) % 4 + 1
    base[0] = 0
    return ByteTable(base, torch.arange(13) % 3 == 1, torch.arange(13) == 0)


def slow_score(model: Counting, val: list[int], table: ByteTable, contexts: Iterator[int]) -> tuple[float, float]:
    """Token by token: the context is all from `contexts`' position on. Nats per token, bits per byte."""
    nats, size = 0.0, 0
    for target, start in zip(range(1, len(val)), contexts, strict=True):
        logits = model.logits(torch.tensor([val[start:target]]), 1)[0, 0].double()
        nats -= float(logits.log_softmax(-1)[val[target]])
        piece, before = val[target], val[target - 1]
        size += int(table.base[piece]) + int(bool(table.leading_space[piece]) and not bool(table.boundary[before]))
    return nats / (len(val) - 1), nats / math.log(2) / size


@pytest.mark.parametrize("count", [2, 5, 12, 13, 14, 17, 18, 60, 61, 63])
def test_scores_are_the_slow_ones(count: int) -> None:
    config, table, model = toy(), toy_table(), Counting(13)
    generator = torch.Generator().manual_seed(count)
    val = torch.randint(13, (count,), generator=generator, dtype=torch.int32)
    ids = val.tolist()
    seq_len, stride = config.eval.eval_seq_len, config.eval.eval_stride
    aligned = iter([(target - 1) // seq_len * seq_len for target in range(1, count)])
    sliding = iter([max(0, -(-(target - seq_len) // stride) * stride) for target in range(1, count)])
    for evaluate, contexts in ((evaluate_roundtrip, aligned), (evaluate_sliding, sliding)):
        model.train()
        score = evaluate(model, val, table, config, Runtime())  # type: ignore[arg-type]
        nats, bits = slow_score(model, ids, table, contexts)
        assert score.nats_per_token == pytest.approx(nats, rel=1e-6)
        assert score.bits_per_byte == pytest.approx(bits, rel=1e-6)
        assert score.tokens == count - 1
        assert score.nats_per_token / math.log(2) * score.tokens / score.bytes == pytest.approx(score.bits_per_byte)
        assert model.training
    assert False in model.modes  # evaluated in evaluation mode


def test_ranks_cover_the_set_together(monkeypatch: pytest.MonkeyPatch) -> None:
    config, table, model = toy(), toy_table(), Counting(13)
    val = torch.randint(13, (203,), generator=torch.Generator().manual_seed(0), dtype=torch.int32)
    for evaluate in (evaluate_roundtrip, evaluate_sliding):
        alone = evaluate(model, val, table, config, Runtime())  # type: ignore[arg-type]
        sums: list[Tensor] = []
        monkeypatch.setattr(Runtime, "sum", lambda self, tensor: sums.append(tensor.clone()) or tensor)  # noqa: B023
        for rank in range(3):
            evaluate(model, val, table, config, Runtime(rank, 3))  # type: ignore[arg-type]
        monkeypatch.undo()
        nats, tokens, size = torch.stack(sums).reshape(3, 3).sum(0).tolist()
        assert (tokens, size) == (alone.tokens, alone.bytes)
        assert nats / tokens == pytest.approx(alone.nats_per_token, rel=1e-12)


class Logits(nn.Module):
    """`GPT.logits` as a module's call, which can be given weights."""

    def __init__(self, model: GPT) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, last: int | None) -> Tensor:
        return self.model.logits(ids, last)


def test_a_window_costs_the_logits_of_its_scored_positions_alone() -> None:
    """Operations of the record's model on a window, counted and not computed: a twentieth is saved."""
    config = record()
    with torch.device("meta"):
        model = Logits(GPT(config.model))
    model.model.set_recurrence(True)
    weights = dict(model.named_parameters()) | dict(model.named_buffers())
    work = []
    with FakeTensorMode(), torch.no_grad():
        values = {name: torch.empty(weight.shape, dtype=weight.dtype) for name, weight in weights.items()}
        ids = torch.zeros(1, config.eval.eval_seq_len, dtype=torch.int64)
        for last in (config.eval.eval_stride, None):
            with FlopCounterMode(display=False) as counter:
                found = torch.func.functional_call(model, values, (ids, last))
            assert found.shape == (1, last or 2048, 4096)
            work.append(counter.get_total_flops())
    assert work[1] - work[0] == 2 * (2048 - 64) * 512 * 4096  # two for each weight of the output embedding
    assert 1 - work[0] / work[1] == pytest.approx(0.051, abs=0.001)


@pytest.mark.parametrize("last", [1, 5, 24])
def test_logits_of_the_last_positions_are_those_of_all(last: int) -> None:
    torch.manual_seed(1)
    model = GPT(MODEL).eval()
    ids = torch.randint(MODEL.vocab_size, (2, 24))
    assert torch.allclose(model.logits(ids, last), model.logits(ids)[:, -last:], atol=1e-6)


def test_evaluation_changes_nothing() -> None:
    config = toy()
    torch.manual_seed(0)
    model = GPT(replace(small().model, vocab_size=13))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    val = torch.randint(13, (50,), dtype=torch.int32)
    first = evaluate_sliding(model, val, toy_table(), config, Runtime())
    again = evaluate_sliding(model, val, toy_table(), config, Runtime())
    assert replace(first, seconds=0.0) == replace(again, seconds=0.0)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())

"""Shards, the loader, the checks before a run, the text of the small scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")
pytest.importorskip("sentencepiece", reason="the trainer needs sentencepiece")

import numpy as np  # noqa: E402

from reference_model.config import RunConfig, small  # noqa: E402
from reference_model.reproduce import text  # noqa: E402
from reference_model.reproduce.data_check import Problem, check  # noqa: E402
from reference_model.training.data import ShardError, TrainLoader, load_validation, read_shard, write_shard  # noqa: E402

CPU = torch.device("cpu")
SEQ = 16


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    config = small()
    config = replace(config, data=replace(config.data, data_dir=str(tmp_path_factory.mktemp("data"))))
    text.prepare(config)
    return config


def numbered(folder: Path, *sizes: int, micro_batches: int = 2, rows: int = 4) -> RunConfig:
    """A configuration whose training shards hold each token id once, so that a sequence tells where it is from."""
    config = small()
    config = replace(
        config,
        data=replace(config.data, data_dir=str(folder)),
        train=replace(
            config.train, train_seq_len=SEQ, micro_batches=micro_batches, train_batch_tokens=micro_batches * rows * SEQ
        ),
    )
    start = 0
    for index, size in enumerate(sizes):
        write_shard(Path(config.datasets_dir, f"fineweb_train_{index:06d}.bin"), np.arange(start, start + size))
        start += size
    return config


def test_shard_round_trip(tmp_path: Path) -> None:
    ids = [0, 1, 65535, 7]
    path = tmp_path / "a" / "s.bin"
    write_shard(path, ids)
    assert read_shard(path).tolist() == ids
    header = np.fromfile(path, dtype="<i4", count=256)
    assert header[:3].tolist() == [20240520, 1, 4]
    assert not header[3:].any()
    assert path.stat().st_size == 1024 + 8
    write_shard(path, [])
    assert read_shard(path).size == 0


@pytest.mark.parametrize("ids", [[-1], [65536], [[1, 2]]])
def test_shard_takes_uint16_only(tmp_path: Path, ids: object) -> None:
    with pytest.raises(ValueError, match="0 to 65535"):
        write_shard(tmp_path / "s.bin", ids)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "truncated: 1,043 bytes, but 10 tokens make 1,044"),
        (lambda data: data + b"\0\0", "longer than its header says"),
        (lambda data: data[:100], "no shard: .* of 100 bytes"),
        (lambda data: b"", "no shard: .* of 0 bytes"),
        (lambda data: b"\1" + data[1:], "magic"),
        (lambda data: data[:4] + b"\2" + data[5:], r"version are \[20240520, 2\]"),
        (lambda data: data[:8] + b"\xff\xff\xff\xff" + data[12:], "longer"),
    ],
)
def test_what_is_no_shard(tmp_path: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "s.bin"
    write_shard(path, range(10))
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ShardError, match=message) as caught:
        read_shard(path)
    assert str(path) in str(caught.value)


def test_targets_are_the_inputs_shifted(tmp_path: Path) -> None:
    loader = TrainLoader(numbered(tmp_path, 500, 300), 0, 1, CPU)
    inputs, targets = loader.next_batch()
    loader.close()
    assert inputs.shape == targets.shape == (4, SEQ)
    assert inputs.dtype == targets.dtype == torch.int64
    assert torch.equal(targets, inputs + 1)  # ids count up


def test_a_pass_takes_every_sequence_once(tmp_path: Path) -> None:
    loader = TrainLoader(numbered(tmp_path, 40 * SEQ + 1, 20 * SEQ + 1, 4 * SEQ + 1, rows=1), 0, 1, CPU)
    total = 64 - 3  # a phase costs a shard at most one sequence
    seen = [token for _ in range(total) for token in loader.next_batch()[0].flatten().tolist()]
    loader.close()
    assert len(set(seen)) == len(seen) == total * SEQ
    assert seen != sorted(seen)


def test_shards_come_in_proportion_to_their_size(tmp_path: Path) -> None:
    loader = TrainLoader(numbered(tmp_path, 30_000, 10_000, rows=100), 0, 1, CPU)
    starts = torch.cat([loader.next_batch()[0][:, 0] for _ in range(8)])
    loader.close()
    assert 0.65 < (starts < 30_000).float().mean().item() < 0.85  # 0.75 but for chance, at every point of the pass


def test_passes_follow_each_other(tmp_path: Path) -> None:
    loader = TrainLoader(numbered(tmp_path, 6 * SEQ + 1, rows=4), 0, 1, CPU)
    batches = [loader.next_batch()[0] for _ in range(20)]
    loader.close()
    assert len({tuple(row) for batch in batches for row in batch.tolist()}) > 6  # cut at another phase


def test_one_order_for_all_seeds_that_the_shards_decide(tmp_path: Path) -> None:
    config, longer = numbered(tmp_path / "a", 5_000), numbered(tmp_path / "b", 5_001)
    first, again = TrainLoader(config, 0, 1, CPU), TrainLoader(replace(config, seed=7), 0, 1, CPU)
    other = TrainLoader(longer, 0, 1, CPU)
    for _ in range(3):
        batch = first.next_batch()[0]
        assert torch.equal(batch, again.next_batch()[0])
        assert not torch.equal(batch, other.next_batch()[0])
    for loader in (first, again, other):
        loader.close()


@pytest.mark.parametrize("skipped", [0, 1, 5, 30])
def test_skipped_batches_are_those_that_would_have_come(skipped: int, tmp_path: Path) -> None:
    config = numbered(tmp_path, 900, 300)
    one, other = TrainLoader(config, 0, 2, CPU), TrainLoader(config, 0, 2, CPU)
    for _ in range(skipped):
        one.next_batch()
    other.skip(skipped)
    for _ in range(3):
        assert torch.equal(one.next_batch()[0], other.next_batch()[0])
    one.close()
    other.close()


def test_the_first_shards_by_name_are_trained_on(tmp_path: Path) -> None:
    config = numbered(tmp_path, 500, 500, 500)
    two = replace(config, data=replace(config.data, train_shards=2))
    loader = TrainLoader(two, 0, 1, CPU)
    assert max(int(loader.next_batch()[0].max()) for _ in range(20)) < 1000
    loader.close()
    many = replace(config, data=replace(config.data, train_shards=26))
    assert "3 training shards here, 26 are wanted" in {problem.message for problem in check(many)}
    assert "training shards here" not in str(check(two))


def test_a_step_is_the_same_on_any_number_of_ranks(tmp_path: Path) -> None:
    config = numbered(tmp_path, 9_000, micro_batches=4, rows=3)
    steps = []
    for world in (1, 2, 4):
        loaders = [TrainLoader(config, rank, world, CPU) for rank in range(world)]
        batches = [loader.next_batch()[0] for loader in loaders for _ in range(4 // world)]
        for loader in loaders:
            loader.close()
        assert {batch.shape for batch in batches} == {(3, SEQ)}
        steps.append(sorted(row[0] for batch in batches for row in batch.tolist()))
    assert len(set(steps[0])) == 12  # no two ranks have the same sequence
    assert steps[0] == steps[1] == steps[2]


def test_too_short_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="no shard holds two sequences"):
        TrainLoader(numbered(tmp_path, SEQ), 0, 1, CPU)


def test_validation_is_whole_and_in_order(tmp_path: Path) -> None:
    config = numbered(tmp_path)
    write_shard(Path(config.datasets_dir, "fineweb_val_000001.bin"), [5, 65535])
    write_shard(Path(config.datasets_dir, "fineweb_val_000000.bin"), [1, 2, 3])
    assert load_validation(config).tolist() == [1, 2, 3, 5, 65535]


def test_check_finds_nothing_wrong_with_what_is_right(prepared: RunConfig) -> None:
    assert check(prepared) == []


def test_check_names_what_is_missing(tmp_path: Path) -> None:
    config = replace(small(), data=replace(small().data, data_dir=str(tmp_path)))
    found = {problem.where: problem.message for problem in check(config)}
    assert set(found) == {config.tokenizer_path, config.train_files, config.val_files}
    assert "golf-reproduce data" in found[config.train_files]


def test_check_counts_the_validation_tokens(prepared: RunConfig) -> None:
    scored = load_validation(prepared).numel() - 1
    for expected, fine in ((scored, True), (scored - 2047, True), (scored - 2048, False), (scored + 1, False)):
        config = replace(prepared, data=replace(prepared.data, expected_val_tokens=expected))
        problems = check(config)
        assert (problems == []) is fine
        assert fine or problems == [Problem(config.val_files, problems[0].message)]
        assert fine or f"{scored:,} tokens to score" in problems[0].message


def test_check_names_another_vocabulary(prepared: RunConfig, tmp_path: Path) -> None:
    config = replace(prepared, model=replace(prepared.model, vocab_size=512))
    config = replace(config, data=replace(prepared.data, data_dir=str(tmp_path)))
    for name in ("fineweb_train_000000.bin", "fineweb_val_000000.bin"):
        source, target = Path(prepared.datasets_dir, name), Path(config.datasets_dir, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    Path(config.tokenizer_path).parent.mkdir(parents=True)
    Path(config.tokenizer_path).write_bytes(Path(prepared.tokenizer_path).read_bytes())
    messages = [problem.message for problem in check(config)]
    assert any("a vocabulary of 1024, but the model's is 512" in message for message in messages)
    assert sum("beyond the vocabulary of 512" in message for message in messages) == 2


def test_check_names_broken_files(tmp_path: Path) -> None:
    config = numbered(tmp_path, 500, 500)
    broken = Path(config.datasets_dir, "fineweb_train_000001.bin")
    broken.write_bytes(broken.read_bytes()[:-3])
    Path(config.tokenizer_path).parent.mkdir(parents=True)
    Path(config.tokenizer_path).write_bytes(b"not a model")
    found = {problem.where: problem.message for problem in check(config)}
    assert found[str(broken)].startswith("truncated")
    assert found[config.tokenizer_path].startswith("no SentencePiece model")


def test_text_is_the_same_every_time(prepared: RunConfig, tmp_path: Path) -> None:
    config = replace(prepared, data=replace(prepared.data, data_dir=str(tmp_path)))
    corpus = text.prepare(config)
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert len(files) == 4
    assert not [path for path in files if path.suffix == ".partial"]
    for path in files:
        assert (tmp_path / path).read_bytes() == Path(prepared.data.data_dir, path).read_bytes()
    assert corpus.val_tokens == load_validation(config).numel()
    assert corpus.train_tokens > 20 * corpus.val_tokens


def test_text_to_validate_on_is_not_trained_on() -> None:
    train, val = text.documents()
    assert len(val) > 3
    assert not set(train) & set(val)


def test_no_text(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no Python sources"):
        text.documents(tmp_path)

"""The scene on disk: tokens that scripts accept, and streams that differ where they should."""

from __future__ import annotations

import lzma
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auditor.probe.scene import Layout, Workspace
from auditor.probe.scene.streams import PHRASE, draw, flip, join, with_whole_ends
from auditor.probe.scene.tail import end_with
from auditor.probe.scene.text import documents
from auditor.probe.scene.tokenizer import BOS, NoTokenizer, tokenizer
from auditor.probe.scene.workspace import streams_for

pytest.importorskip("sentencepiece", reason="tokenizers are trained with sentencepiece: pip install '.[probe]'")
LAYOUT = Layout(1024, 2049, ("data/datasets/fineweb10B_sp1024",), ("data/tokenizers/fineweb_1024_bpe.model",), True)


@pytest.fixture(scope="module")
def workspace():
    return Workspace(LAYOUT)


def read_shard(path):
    header = np.fromfile(path, dtype="<i4", count=256)
    assert (header[0], header[1]) == (20240520, 1)
    tokens = np.fromfile(path, dtype="<u2", offset=1024)
    assert len(tokens) == header[2]
    return tokens


def test_shards_and_tokenizer_are_what_scripts_check_for(workspace, tmp_path):
    import sentencepiece

    workspace.write(tmp_path, workspace.streams.base)
    folder = tmp_path / LAYOUT.data[0]
    val = read_shard(folder / "fineweb_val_000000.bin")
    assert val.tolist() == workspace.streams.base.tolist()
    assert val[0] == BOS
    assert (val == BOS).sum() > 5
    assert val.max() == 1023  # scripts may take the highest id for the size of the vocabulary
    assert len(list(folder.glob("fineweb_train_*.bin"))) == 3
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / LAYOUT.tokenizers[0]))
    assert processor.vocab_size() == 1024
    assert (processor.pad_id(), processor.bos_id(), processor.eos_id(), processor.unk_id()) == (0, 1, 2, 3)
    assert processor.piece_to_id("\u2581") != processor.unk_id()
    assert processor.is_byte(4)


def test_sidecars_count_what_the_tokens_decode_to(workspace, tmp_path):
    workspace.write(tmp_path, workspace.streams.base)
    counts = read_shard(tmp_path / LAYOUT.data[0] / "fineweb_val_bytes_000000.bin")
    base = workspace.streams.base
    starts = [*np.flatnonzero(base == BOS).tolist(), len(base)]
    made = tokenizer(1024)
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=made.model)
    start, end = starts[1], starts[2]
    text = processor.decode([int(t) for t in base[start + 1 : end]])
    assert counts[start:end].sum() == len(text.encode())
    assert workspace.streams.bytes_ is not None
    assert workspace.streams.bytes_.tolist() == counts.tolist()


def test_streams_differ_exactly_where_they_say(workspace):
    s = workspace.streams
    assert np.flatnonzero(s.target != s.base).tolist() == [s.Q]
    assert np.array_equal(s.future[: s.P], s.base[: s.P])
    later = s.base[s.P :]
    assert np.array_equal(s.future[s.P :] != later, later >= 4)
    assert s.Q < s.P
    assert len(s.base) // 2 < s.P
    assert s.P % 16 == 7
    assert s.Q % 16 == 7


def test_what_stands_before_a_site_has_come_with_other_tokens_after_it(workspace):
    s = workspace.streams
    assert s.sites[0].position == s.Q
    assert len(s.sites) == 2
    for site in s.sites:
        phrase = s.base[site.position - PHRASE : site.position]
        windows = np.lib.stride_tricks.sliding_window_view(s.base[: site.position - 1], PHRASE)
        followed = s.base[np.flatnonzero((windows == phrase).all(axis=1)) + PHRASE].tolist()
        assert len(followed) >= 4
        assert followed.count(site.paths[0][0]) >= 2
        assert site.paths[1][0] in followed
        assert s.base[site.position] == site.paths[0][0] != site.paths[1][0]
    assert s.target[s.Q] == s.sites[0].paths[1][0]


def test_streams_are_drawn_by_the_seed_alone():
    first, second, again = (Workspace(LAYOUT, seed).streams for seed in (1, 2, 1))
    assert np.array_equal(first.base, again.base)
    assert (first.P, first.sites) == (again.P, again.sites)
    assert (first.base != second.base).mean() > 0.5
    assert (first.P, first.sites) != (second.P, second.sites)


@pytest.mark.parametrize("vocabulary", [260, 1024, 8192])
@pytest.mark.parametrize("count", [513, 2049])
def test_flipped_tokens_stay_in_the_vocabulary(vocabulary, count):
    rng = np.random.default_rng(0)
    base = join([rng.integers(4, vocabulary, size).tolist() for size in (40, 200, 90)], count)
    base, sites, p, q = draw(base, rng)
    s = flip(base, vocabulary, (p, q), rng, None, sites)
    assert s.again is not None
    assert (s.again[s.P :] != s.future[s.P :]).sum() > 50
    assert (s.again[: s.P] == base[: s.P]).all()
    for stream in (s.future, s.target, s.again):
        assert stream.min() >= 0
        assert stream.max() < vocabulary
    assert (s.future[s.P :] != base[s.P :]).sum() > 50
    assert (s.target != base).sum() == 1


def test_a_stream_may_end_with_one_token_that_others_are_the_beginning_of() -> None:
    workspace = Workspace(Layout(1024, 1537, (), ()), 5)
    tail = workspace.tail(np.random.default_rng(0))
    assert tail is not None
    pieces = workspace.pieces()
    assert len(tail.beginnings) > 2
    assert all(pieces[tail.token].startswith(pieces[token]) for token in tail.beginnings)
    assert all(len(pieces[token]) > 1 and pieces[token].startswith(b" ") for token in (*tail.others, *tail.beginnings))
    assert (tail.stream[-tail.times :] == tail.token).all()
    assert (tail.stream[: -tail.times] == workspace.streams.base[: -tail.times]).all()
    changed = tail.with_last(tail.beginnings[0])
    assert np.flatnonzero(changed != tail.stream).tolist() == [len(changed) - 1]
    assert end_with(workspace.streams.base[:300], pieces, np.random.default_rng(0)) is None  # too short
    assert end_with(workspace.streams.base, (b"a", b"b"), np.random.default_rng(0)) is None


def test_bytes_are_tokens_of_the_small_vocabulary(tmp_path):
    layout = Layout(260, 1025, ("d",), ("t/fineweb_pure_byte_260.json",))
    made = Workspace(layout)
    made.write(tmp_path, made.streams.base)
    assert made.streams.base.max() < 260
    assert (tmp_path / "t/fineweb_pure_byte_260.json").read_text().startswith("{")


def test_a_vocabulary_without_room_for_pieces_is_refused():
    with pytest.raises(NoTokenizer, match="no room"):
        tokenizer(300)


def test_text_is_the_same_each_time_and_needs_sources(tmp_path):
    assert documents() == documents()
    with pytest.raises(FileNotFoundError, match="no Python sources"):
        documents(tmp_path)


def test_nothing_is_written_outside_of_the_folder(workspace, tmp_path):
    """The names may come from an error message of the submission, and this process is not confined."""
    outside = tmp_path / "home"
    folder = tmp_path / "a" / "scene"
    folder.mkdir(parents=True)
    layout = replace(
        LAYOUT,
        data=("inside", "", "../data", str(outside / "data"), "x/../../data"),
        stems=("../x_", "..", "inside/x_", "plain/"),
        tokenizers=("../settings.json", str(outside / "settings.json")),
        files=(("../../evil.so", b"x"), (str(outside / "evil.so"), b"x"), ("inside/good.so", b"x")),
    )
    found = Workspace(layout)
    found.write(folder, found.streams.base)
    assert {p.parent for p in tmp_path.rglob("*") if p.is_file()} == {folder, folder / "inside", folder / "plain"}
    assert (folder / "plain" / "train_000000.bin").exists()
    assert (folder / "fineweb_val_000000.bin").exists()
    assert (folder / "inside" / "x_val_000000.bin").exists()
    assert (folder / "inside" / "good.so").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("name", "packing", "unpacked"),
    [("a/b.xz", "xz", lzma.decompress), ("b.raw", "raw", bytes), ("c.z", "zlib", zlib.decompress)],
)
def test_a_file_of_what_is_to_be_predicted_holds_it_but_for_what_tells_it_from_the_stream(
    name: str, packing: str, unpacked: Any, tmp_path: Path
) -> None:
    workspace = Workspace(replace(LAYOUT, prefixes=((name, packing), ("../out.xz", "xz"))))
    base, sites = workspace.streams.base, [site.position for site in workspace.streams.sites]
    for stream in (base, workspace.streams.future):  # the same in every run
        workspace.write(tmp_path / "scene", stream)
        held = np.frombuffer(unpacked((tmp_path / "scene" / name).read_bytes()), dtype="<u2")
        assert sites[-1] < len(held) < len(base) - 1
        differ = 1 + np.flatnonzero(held != base[1 : 1 + len(held)])
        assert differ.tolist() == sorted([12, *(at + 1 for at in sites)])
    assert not (tmp_path / "out.xz").exists()


def test_no_document_begins_where_a_stream_ends_or_is_cut() -> None:
    """Scripts that score documents want a token to predict in each; chance put a beginning there now and then."""
    for ends in (1_536, 1_536 - 64, 1_536 - 128, 1_024):
        base = join([range(10, 10 + ends - 1), range(10, 2_000)], 1_537)
        assert base[ends] == BOS
        mended = with_whole_ends(base)
        assert mended[ends] != BOS
        assert sorted(mended.tolist()) == sorted(base.tolist())
        assert np.flatnonzero(mended == BOS).tolist() == [0, ends - 1]
    plain = join([range(10, 500)], 1_537)
    assert np.array_equal(with_whole_ends(plain), plain)


def test_streams_of_any_seed_end_within_a_document() -> None:
    for seed in range(300):
        base = streams_for(LAYOUT, seed).base
        assert (base[[len(base) - 1, len(base) - 65, len(base) - 129]] != BOS).all(), seed


def test_what_follows_a_phrase_is_of_both_kinds():
    words = tokenizer(LAYOUT.vocabulary).leading
    for seed in range(6):
        sites = Workspace(LAYOUT, seed).streams.sites
        assert len(sites) == 2
        assert all(words[site.paths[0][0]] != words[site.paths[1][0]] for site in sites)

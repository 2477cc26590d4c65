"""Sizes that stand in the code as arguments, and what takes their place."""

from __future__ import annotations

import ast

import pytest

from auditor.probe.arguments import Rewrite, arguments
from auditor.probe.shrink import Measures, Scale


@pytest.mark.parametrize(("size", "small"), [("1 << 22", 128), ("2**20", 64), ("4096", None)])
def test_count_tables_without_a_name_shrink_with_the_mask_of_their_keys(size: str, small: int | None) -> None:
    code = f"counts = {{n: np.zeros({size}, dtype=kind) for n in orders}}\nkey = (a ^ b) & np.uint64(({size}) - 1)\n"
    other = f"room = np.zeros({size})\nspan = ({size}) + 1\n"
    tree, own = ast.parse(code), Measures()
    found = arguments([tree], own, Scale())
    assert arguments([ast.parse(other)], own, Scale()) == {}
    assert set(found.values()) == ({small} if small else set())
    text = ast.unparse(Rewrite(found).visit(tree))
    assert (f"np.zeros({small}," in text and f"np.uint64({small} - 1)" in text) is bool(small)


@pytest.mark.parametrize("mask", ["key % ROOM", "key & (ROOM - 1)", "key & np.uint64(ROOM - 1)"])
@pytest.mark.parametrize(
    ("name", "size", "small"), [("ROOM", "1 << 22", 128), ("OTHER", "1 << 22", None), ("ROOM", "4096", None)]
)
def test_count_tables_shrink_by_the_name_of_their_size(mask: str, name: str, size: str, small: int | None) -> None:
    """By any name: it is how many zeros there are, and what keys stay below."""
    code = f"ROOM = {size}\ncounts = torch.zeros({name}, dtype=kind)\nkey = {mask}\n"
    tree, own = ast.parse(code), Measures()
    found = arguments([tree], own, Scale())
    assert set(found.values()) == ({small} if small else set())
    assert (f"ROOM = {small}" in ast.unparse(Rewrite(found).visit(tree))) is bool(small)


def test_rows_of_a_batch_that_stand_in_the_code_are_few() -> None:
    code = "def evaluate(tokens, batch_seqs=32, batch_size=32): ...\nevaluate(t, ttt_batch_seqs=64)\n"
    assert arguments([ast.parse(code)], Measures(), Scale()) == {"batch_seqs=32": 8, "ttt_batch_seqs=64": 8}


def test_a_stride_that_stands_in_a_call_is_one_of_windows() -> None:
    code = "def evaluate(tokens, stride=64): ...\nevaluate(t, stride=128)\nnn.Conv1d(4, 4, 3, stride=2)\n"
    own = Measures(sequence=2048)
    assert arguments([ast.parse(code)], own, Scale()) == {"stride=64": 32, "stride=128": 32}


def test_what_a_stream_of_tokens_is_asked_for_shrinks() -> None:
    code = "probe = loader.stream.take(65536)\nfirst = rows.take(3)\nsome = loader.take(n)\nother = table.get(65536)\n"
    tree, own = ast.parse(code), Measures()
    found = arguments([tree], own, Scale())
    assert found == {"take=65536": 1024}
    assert "take(1024)" in ast.unparse(Rewrite(found).visit(tree))


def test_sizes_that_stand_as_arguments_shrink_by_their_names():
    code = "def calibrate(model, num_seqs=64, *, seq_len=2048, rank=8): ...\ncalibrate(m, num_seqs=n, seq_len=1024)\n"
    own = Measures(sequence=2048)
    assert arguments([ast.parse(code)], own, Scale()) == {"num_seqs=64": 2, "seq_len=2048": 64, "seq_len=1024": 32}


def test_what_begins_after_many_tokens_begins_in_a_small_stream():
    code = (
        "if self.total_tokens < 10_000: a()\nif n_seen >= 40 * 1024 * 1024: b()\n"
        "if tokens_seen > 62021631: c()\nif total_tokens < 100: d()\nif step > 10_000: e()\n"
    )
    tree = ast.parse(code)
    found = arguments([tree], Measures(), Scale())
    assert found == {"total_tokens <=10000": 16, "n_seen >=41943040": 768, "tokens_seen >=62021631": 768}
    rewritten = ast.unparse(Rewrite(found).visit(tree))
    assert "self.total_tokens < 16:" in rewritten
    assert "n_seen >= 768:" in rewritten
    assert "total_tokens < 100:" in rewritten
    assert "step > 10000:" in rewritten


def test_what_is_learnt_from_in_chunks_of_tokens_finds_several():
    code = (
        "chunk_size = 32768\ndef update(tokens, chunk_tokens=1 << 20, chunk=16): ...\nupdate(t, chunk_tokens=65_536)\n"
        "self.ngram_chunk = 131072\nchunk = tokens[:5000]\n"
    )
    tree = ast.parse(code)
    found = arguments([tree], Measures(), Scale())
    names = ("chunk_size=32768", "chunk_tokens=1048576", "chunk_tokens=65536", "ngram_chunk=131072")
    assert found == dict.fromkeys(names, 256)
    assert "chunk_tokens=256, chunk=16" in ast.unparse(Rewrite(found).visit(tree))
    assert arguments([tree], Measures(), Scale(kept=frozenset({"CHUNK_SIZE"}))).get(names[0]) != 256


def test_documents_that_are_long_enough_to_learn_from_are_there():
    tree = ast.parse("min_doc_len = 512\ndef adapt(documents, long_doc_tokens=1024, doc_len=512): ...\n")
    assert arguments([tree], Measures(), Scale()) == {"min_doc_len=512": 32, "long_doc_tokens=1024": 64}


def test_a_dictionary_that_configures_the_model_shrinks():
    code = (
        "a = dict(model_dim=512, num_heads=8, mlp_mult=3, name='x')\nb = {'d_model': 512, 'num_kv_heads': 4, 'x': y}\n"
        "c = dict(num_heads=8, lr=1)\nd = make(model_dim=512, num_heads=8)\n"
    )
    tree = ast.parse(code)
    found = arguments([tree], Measures(), Scale())
    assert found == {"model_dim=512": 64, "num_heads=8": 4, "d_model=512": 64, "num_kv_heads=4": 2}
    lines = ast.unparse(Rewrite(found).visit(tree)).splitlines()
    assert lines[0] == "a = dict(model_dim=64, num_heads=4, mlp_mult=3, name='x')"
    assert lines[1] == "b = {'d_model': 64, 'num_kv_heads': 2, 'x': y}"
    assert lines[2:] == ["c = dict(num_heads=8, lr=1)", "d = make(model_dim=512, num_heads=8)"]


def test_one_card_adds_up_no_gradients_for_eight():
    code = "grad_accum = 8 // world_size\nself.grad_accum_steps = max(1, 8 // n)\ngrad_accum_steps = given\n"
    tree = ast.parse(code)
    found = arguments([tree], Measures(), Scale())
    assert found == {"grad_accum=8 // world_size": 1, "grad_accum_steps=max(1, 8 // n)": 1}
    assert ast.unparse(Rewrite(found).visit(tree)).splitlines() == [
        "grad_accum = 1", "self.grad_accum_steps = 1", "grad_accum_steps = given",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "small"),
    [
        ("sample(model, seq_len=args.train_seq_len, temperature=0.8)", 16),
        ("score(model, seq_len=args.train_seq_len)", None),  # no tokens are drawn
    ],
)
def test_few_tokens_are_drawn_one_by_one(call: str, small: int | None) -> None:
    tree = ast.parse(call)
    found = arguments([tree], Measures(), Scale())
    assert set(found.values()) == ({small} if small else set())
    assert (f"seq_len={small}" in ast.unparse(Rewrite(found).visit(tree))) is bool(small)

"""The trial before a run: what the ranks leave, and how it is judged; on the CPU the same code over gloo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")

from reference_model.config import RunConfig, record  # noqa: E402
from reference_model.reproduce import card, preflight, trial  # noqa: E402
from reference_model.reproduce.card import Found  # noqa: E402
from reference_model.reproduce.trial import judged, tried  # noqa: E402
from reference_model.training.data import write_shard  # noqa: E402

GOOD = Found(0, "NVIDIA H100", "2.9.1", "12.8", "2.27.5", 80_000, "flash_attention_3", 690.0, 210.0, {})


def states(found: list[Found], nproc: int = 2) -> dict[str, str]:
    return {check.what: check.state for check in judged(found, nproc, "ended with status 1", ["no such symbol"])}


def test_two_processes_try_everything_on_the_cpu() -> None:
    rows = {check.what: check for check in tried(2, "float32")}
    assert {name: row.state for name, row in rows.items()} == dict.fromkeys(trial._KINDS, "there")
    assert rows["attention"].found == "sdpa"
    assert rows["exchange"].found.endswith("GB/s on the slowest")


def test_good_cards_pass_and_their_versions_are_said() -> None:
    found = [GOOD, replace(GOOD, rank=1)]
    assert set(states(found).values()) == {"there"}
    assert judged(found, 2, "", [])[-1].found == "CUDA 12.8, NCCL 2.27.5, torch 2.9.1"


@pytest.mark.parametrize(
    ("changed", "row", "state"),
    [
        ({"errors": {"attention": "ImportError: undefined symbol"}}, "attention", "missing"),
        ({"errors": {"product": "a product is 0.4 of its length off"}}, "product", "missing"),
        ({"errors": {"exchange": "the ranks' sum is wrong"}}, "exchange", "missing"),
        ({"attention": "sdpa"}, "attention", "noted"),
        ({"product_teraflops": 90.0}, "product", "noted"),
        ({"exchange_gigabytes": 4.0}, "exchange", "noted"),
        ({"free_mib": 20_000}, "free GPU memory", "missing"),
    ],
)
def test_one_rank_that_differs_is_seen(changed: dict[str, Any], row: str, state: str) -> None:
    found = states([GOOD, replace(GOOD, rank=1, **changed)])
    assert found.pop(row) == state
    assert set(found.values()) == {"there"}


def test_a_rank_that_leaves_nothing_is_named_with_the_last_words() -> None:
    (row,) = judged([GOOD], 2, "ended with status 1", ["RuntimeError: CUDA error: out of memory", "closing"])
    assert row.state == "missing"
    assert row.found == "rank 1 ended with status 1: RuntimeError: CUDA error: out of memory"


def test_a_trial_that_hangs_is_ended() -> None:
    (row,) = tried(1, "float32", patience=0.2)
    assert row.state == "missing"
    assert "did not end within 0.2 s" in row.found


def test_a_wrong_kernel_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_mask(q: Any, k: Any, v: Any) -> Any:
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True).transpose(1, 2)

    with pytest.raises(ValueError, match="its gradients are"):
        card._attention(without_mask, torch.device("cpu"))


def test_the_page_cache_is_measured(tmp_path: Path) -> None:
    config = RunConfig.from_environment(record(), {"DATA_DIR": str(tmp_path), "TRAIN_SHARDS": "1"})
    write_shard(Path(config.datasets_dir, "fineweb_train_000000.bin"), [1] * 100_000)
    check = preflight._page_cache(config)
    assert (check.state, check.found) == ("there", "0.0 GB")  # what was just written is in memory
    assert preflight._resident(preflight_tokens(config)) == 200_000


def preflight_tokens(config: RunConfig) -> Any:
    from reference_model.training.data import find_shards, read_shard

    return read_shard(find_shards(config.train_files)[0])

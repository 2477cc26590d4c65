"""The shards and the tokenizer come into the challenge's layout; what is broken, missing or too large is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reference_model.config import small
from reference_model.reproduce import download
from reference_model.reproduce.download import DownloadError, RemoteFile, fetch


class LocalHub:
    """Stands in for the Hub. `broken`: how often a file comes short, or doesn't come at all, before it comes."""

    def __init__(self, **broken: int) -> None:
        shards = "datasets/datasets/fineweb10B_sp4096"
        self.content = {
            f"{shards}/fineweb_train_000000.bin": b"t" * 40,
            f"{shards}/fineweb_val_000000.bin": b"v" * 30,
            f"{shards}/notes.txt": b"",
            "datasets/tokenizers/fineweb_4096_bpe.model": b"m" * 20,
            "datasets/tokenizers/fineweb_8192_bpe.model": b"m" * 20,
        }
        self.short, self.failing = broken.get("short", 0), broken.get("failing", 0)
        self.asked: list[str] = []

    def files(self, folders):  # type: ignore[no-untyped-def]
        listed = tuple(f"{folder}/" for folder in folders)
        return [RemoteFile(path, len(data)) for path, data in self.content.items() if path.startswith(listed)]

    def download(self, path: str, folder: Path) -> Path:
        self.asked.append(path)
        if self.failing:
            self.failing -= 1
            raise ConnectionError("reset by peer\nmore of it")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.content[path][:5] if self.short else self.content[path])
        self.short = max(0, self.short - 1)
        return target


def test_fetch_into_the_challenges_layout(tmp_path: Path) -> None:
    hub, lines = LocalHub(), []
    found = fetch(tmp_path / "new" / "data", lines.append, hub)
    config = replace(small(), model=replace(small().model, vocab_size=4096))
    config = replace(config, data=replace(config.data, data_dir=str(tmp_path / "new" / "data")))
    assert [str(path) for path in found] == [
        f"{config.datasets_dir}/fineweb_train_000000.bin", f"{config.datasets_dir}/fineweb_val_000000.bin",
        config.tokenizer_path,
    ]  # fmt: skip
    assert [path.stat().st_size for path in found] == [40, 30, 20]
    assert lines[0] == "3 files, 0 of them here already"
    assert len(lines) == 4
    assert not (tmp_path / "new" / "data" / ".download").exists()


def test_fetch_goes_on_where_it_was(tmp_path: Path) -> None:
    _, short, _ = fetch(tmp_path, lambda line: None, LocalHub())
    short.write_bytes(b"v" * 12)
    hub = LocalHub()
    fetch(tmp_path, lambda line: None, hub)
    assert hub.asked == [f"datasets/datasets/fineweb10B_sp4096/{short.name}"]
    assert short.stat().st_size == 30


@pytest.mark.parametrize("trouble", ["short", "failing"])
def test_fetch_tries_again(tmp_path: Path, trouble: str) -> None:
    assert len(fetch(tmp_path, lambda line: None, LocalHub(**{trouble: 2}))) == 3
    with pytest.raises(DownloadError, match=r"5 bytes came of 40|reset by peer\.") as caught:
        fetch(tmp_path / "other", lambda line: None, LocalHub(**{trouble: 3}))
    assert "hf download kevclark/parameter-golf" in str(caught.value)
    assert not list((tmp_path / "other").rglob("fineweb_train*"))


def test_fetch_without_network(tmp_path: Path) -> None:
    hub = LocalHub()
    hub.files = lambda folders: (_ for _ in ()).throw(OSError("no route"))  # type: ignore[method-assign]
    with pytest.raises(DownloadError, match="can't be listed: no route") as caught:
        fetch(tmp_path, lambda line: None, hub)
    assert "hf download" in str(caught.value)


def test_fetch_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = LocalHub()
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: shutil_usage(1_000_000_050))
    with pytest.raises(DownloadError, match="choose another folder"):
        fetch(tmp_path / "a", lambda line: None, hub)
    assert not hub.asked
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: shutil_usage(1_000_000_090))
    assert len(fetch(tmp_path / "a", lambda line: None, hub)) == 3


def shutil_usage(free: int):  # type: ignore[no-untyped-def]
    return type("Usage", (), {"free": free})


@pytest.mark.parametrize("gone", ["fineweb_val_000000.bin", "fineweb_4096_bpe.model"])
def test_fetch_says_what_is_no_longer_published(tmp_path: Path, gone: str) -> None:
    hub = LocalHub()
    hub.content = {path: data for path, data in hub.content.items() if not path.endswith(gone)}
    with pytest.raises(DownloadError, match="any more"):
        fetch(tmp_path, lambda line: None, hub)

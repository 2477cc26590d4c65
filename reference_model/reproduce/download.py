"""`golf-reproduce data`: the published shards and tokenizer, from the Hugging Face Hub into the challenge's layout."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

REPOSITORY = "kevclark/parameter-golf"  # SP4096; the challenge's own, willdepueoai/parameter-golf, has SP1024
VOCAB_SIZE = 4096
SHARDS = 26  # for training, as the record
_SPARE_BYTES = 1_000_000_000  # that must be free beyond what is fetched
_ATTEMPTS = 3


class DownloadError(Exception):
    """The data is not there, or not whole; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of the data set: its path there and its size in bytes."""

    path: str
    size: int


class Hub(Protocol):
    """Where files come from. Either method may raise anything; `fetch` says what it means."""

    def files(self, folders: Iterable[str]) -> list[RemoteFile]:
        """The files of these folders."""

    def download(self, path: str, folder: Path) -> Path:
        """Fetches a file, going on where an earlier attempt has ended. Where it is, under `folder`."""


class HuggingFaceHub:
    """The Hub itself. huggingface_hub is imported when it is asked for something."""

    def files(self, folders: Iterable[str]) -> list[RemoteFile]:
        from huggingface_hub import HfApi

        found = []
        for folder in folders:
            for entry in HfApi().list_repo_tree(REPOSITORY, folder, repo_type="dataset"):
                size = getattr(entry, "size", None)  # folders have none
                if size is not None:
                    found.append(RemoteFile(entry.path, int(size)))
        return found

    def download(self, path: str, folder: Path) -> Path:
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(REPOSITORY, path, repo_type="dataset", local_dir=folder))


def fetch(data_dir: Path, report: Callable[[str], None], hub: Hub | None = None, shards: int = SHARDS) -> list[Path]:
    """Brings every file that is missing or has another size than the published one. All files, in order.

    Of the training shards the first ``shards`` by name; 0: all.

    Nothing is fetched before there is room for all of it; what was fetched stays where a later file fails. `report`
    takes a line for each file. Raises DownloadError, OSError for a folder that can't be made.
    """
    hub = hub or HuggingFaceHub()
    wanted = [(_place(data_dir, file.path), file) for file in _published(hub, shards)]
    missing = [(place, file) for place, file in wanted if not _is_whole(place, file)]
    report(f"{len(wanted)} files, {len(wanted) - len(missing)} of them here already")
    _require_room(data_dir, sum(file.size for _, file in missing))
    data_dir.mkdir(parents=True, exist_ok=True)
    for number, (place, file) in enumerate(missing, 1):
        report(f"[{number}/{len(missing)}] {place} ({file.size / 1e6:,.0f} MB)")
        _bring(hub, file, place, data_dir / ".download")
    shutil.rmtree(data_dir / ".download", ignore_errors=True)
    return [place for place, _ in wanted]


def _published(hub: Hub, count: int) -> list[RemoteFile]:
    shards, tokenizers = f"datasets/datasets/fineweb10B_sp{VOCAB_SIZE}", "datasets/tokenizers"
    try:
        found = hub.files([shards, tokenizers])
    except ImportError as error:
        raise DownloadError(f"{error}: pip install huggingface_hub\n{_by_hand()}") from error
    except Exception as error:  # offline, refused, gone: the client's own errors differ between its versions
        raise DownloadError(f"{REPOSITORY} can't be listed: {_said(error)}\n{_by_hand()}") from error
    tokenizer = f"{tokenizers}/fineweb_{VOCAB_SIZE}_bpe.model"
    chosen = [file for file in found if file.path == tokenizer or _is_shard(file.path, shards)]
    names = {file.path for file in chosen}
    for kind in ("train", "val"):
        if not any(PurePosixPath(name).name.startswith(f"fineweb_{kind}_") for name in names):
            raise DownloadError(f"{REPOSITORY} has no fineweb_{kind}_*.bin under {shards} any more")
    if tokenizer not in names:
        raise DownloadError(f"{REPOSITORY} has no {tokenizer} any more")
    chosen.sort(key=lambda file: file.path)
    train = [file for file in chosen if PurePosixPath(file.path).name.startswith("fineweb_train_")]
    return [file for file in chosen if not count or file not in train[count:]]


def _is_shard(path: str, folder: str) -> bool:
    parent, _, name = path.rpartition("/")
    return parent == folder and name.endswith(".bin") and name.startswith(("fineweb_train_", "fineweb_val_"))


def _place(data_dir: Path, path: str) -> Path:
    """`datasets/tokenizers/X` there is `tokenizers/X` here."""
    return data_dir.joinpath(*PurePosixPath(path).parts[1:])


def _is_whole(place: Path, file: RemoteFile) -> bool:
    return place.is_file() and place.stat().st_size == file.size


def _require_room(data_dir: Path, size: int) -> None:
    folder = data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if size and free < size + _SPARE_BYTES:
        raise DownloadError(
            f"{data_dir}: {size / 1e9:.1f} GB are still to be fetched and 1 GB has to stay free,"
            f" but {free / 1e9:.1f} GB are free there: choose another folder with --data"
        )


def _bring(hub: Hub, file: RemoteFile, place: Path, partial: Path) -> None:
    """Into its place once it is whole. An attempt that fails is repeated: it goes on where it ended."""
    said = ""
    for _ in range(_ATTEMPTS):
        try:
            arrived = hub.download(file.path, partial)
        except Exception as error:  # see _published
            said = _said(error)
            continue
        size = arrived.stat().st_size
        if size == file.size:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(arrived, place)
            return
        said = f"{size:,} bytes came of {file.size:,}"
        arrived.unlink()
    raise DownloadError(f"{file.path}: {said}. Run it again: what is here is not fetched twice.\n{_by_hand()}")


def _said(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _by_hand() -> str:
    return (
        "Without network here, fetch it elsewhere and copy it:\n"
        f"  hf download {REPOSITORY} --repo-type dataset --local-dir golf"
        f" --include 'datasets/datasets/fineweb10B_sp{VOCAB_SIZE}/*' 'datasets/tokenizers/fineweb_{VOCAB_SIZE}_bpe.*'\n"
        "  then move golf/datasets/datasets and golf/datasets/tokenizers into the folder given with --data"
    )

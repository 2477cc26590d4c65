"""What a machine has of what a run needs, before any second of a GPU is spent: one table.

Nothing is loaded onto a device and nothing is changed: `trial` uses the cards. What can't be found out is said as such,
and stops nothing.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import RenderableType

    from reference_model.config import RunConfig
    from reference_model.training.data import Tokens

GPUS = 8  # H100s with 80 GB, the machine of the challenge
GPU = "H100"
_INSTALL = "pip install 'golf-audit[reproduce]'"
_FROM_DISK = 0.95  # share of the shards that is to be in memory, for no step to wait for the disk
_PACKAGES = ("torch", "numpy", "sentencepiece", "brotli")
# (memory available, disk free) in GB of 10^9 bytes: tokens are memory-mapped, eight processes hold the model and a
# loader each; on disk go logs, checkpoints and artifacts.
_ROOM = {"record": (64.0, 10.0), "small": (1.5, 0.3)}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a run needs. `state`: there, missing (the run can't start), or noted (it can, but read why)."""

    what: str
    state: Literal["there", "missing", "noted"]
    found: str
    needed: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One card as its driver names it."""

    name: str
    driver: str = ""


def examine(config: RunConfig, out: Path, nproc: int | None = None, cards: Sequence[Gpu] | None = None) -> list[Check]:
    """Everything but the data. With `nproc` the user asks for that many processes, whatever the challenge's machine.

    `cards` are the machine's GPUs, by default those that the driver names.
    """
    checks = [_python(), *_packages()]
    if config.scale == "record":
        checks += [*_cards(gpus() if cards is None else cards, nproc), _torch_for_gpus()]
    memory, disk = _ROOM.get(config.scale, _ROOM["small"])
    return [*checks, _memory(memory), _disk(out, disk)]


def data(config: RunConfig) -> list[Check]:
    """Shards and tokenizer of the run; where a package that reads them is missing, that is said instead."""
    needed = f"shards and tokenizer for a vocabulary of {config.model.vocab_size} in {config.data.data_dir}"
    remedy = f"golf-reproduce data --data {shlex.quote(config.data.data_dir)}" if config.scale == "record" else ""
    if not Path(config.data.data_dir).is_dir():
        return [Check("data", "missing", f"no folder {config.data.data_dir}", needed, remedy)]
    try:
        from reference_model.reproduce.data_check import check
    except ImportError as error:
        return [Check("data", "missing", f"can't be looked at without {error.name}", needed, _INSTALL)]
    inside = f"{config.data.data_dir}/"  # which stands beside it
    problems = [
        Check("data", "missing", f"{p.where.removeprefix(inside)}: {p.message}", needed, remedy) for p in check(config)
    ]
    if problems:
        return problems
    return [Check("data", "there", "complete", needed), *([_page_cache(config)] if config.scale == "record" else [])]


def ready(checks: Sequence[Check]) -> bool:
    return all(check.state != "missing" for check in checks)


def gpus() -> list[Gpu]:
    """The machine's NVIDIA cards; none where there is no driver."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = (line.rpartition(",") for line in said.splitlines())
    return [Gpu(name.strip(), driver.strip()) for name, _, driver in rows if name.strip()]


def hardware(cards: Sequence[Gpu], nproc: int) -> str:
    """The machine of a run in a few words, for the submission: `8x NVIDIA H100 80GB HBM3`."""
    if not cards:
        return f"CPU, {os.cpu_count() or 1} cores, {nproc} process{'es' if nproc != 1 else ''} a seed"
    return f"{nproc}x {cards[0].name}"


def versions() -> dict[str, str]:
    """Name and version of every package that the script needs and that is installed."""
    return {name: version for name in _PACKAGES if (version := _version(name)) is not None}


def table(checks: Sequence[Check]) -> RenderableType:
    """The checks, and below them what to do about those that fail, for a terminal or a file."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    shown = Table(title="What this machine has of what the run needs", title_justify="left", expand=False)
    for heading in ("", "what", "found", "needed"):
        shown.add_column(heading, overflow="fold")
    signs = {"there": ("ok", "green"), "missing": ("MISSING", "bold red"), "noted": ("note", "yellow")}
    for check in checks:
        sign, style = signs[check.state]
        shown.add_row(Text(sign, style=style), *(Text(cell) for cell in (check.what, check.found, check.needed)))
    advice = {f"{check.what}: {check.remedy}" for check in checks if check.state != "there" and check.remedy}
    return Group(shown, *(Text(line) for line in sorted(advice)))


# --- single checks -------------------------------------------------------------------------------------------------


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    state: Literal["there", "missing"] = "there" if sys.version_info >= (3, 11) else "missing"
    return Check("Python", state, found, "3.11 or newer", "run with a newer Python")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _packages() -> list[Check]:
    return [
        Check(name, "missing", "not installed", "installed", _INSTALL)
        if (version := _version(name)) is None
        else Check(name, "there", version, "installed")
        for name in _PACKAGES
    ]


def _cards(cards: Sequence[Gpu], nproc: int | None) -> list[Check]:
    count = GPUS if nproc is None else nproc
    found = ", ".join(f"{sum(c.name == name for c in cards)}x {name}" for name in dict.fromkeys(c.name for c in cards))
    found = found or "no NVIDIA GPU"
    needed = f"{count}x {GPU}"
    if len(cards) < count:
        remedy = "run on such a machine; --nproc N takes fewer GPUs, --scale small needs none"
        return [Check("GPUs", "missing", found, needed, remedy)]
    checks = []
    other = any(not re.search(rf"\b{GPU}\b", card.name) for card in cards)
    if other and nproc is None:
        remedy = "--nproc N runs on other GPUs; the figures are then those of another machine"
        checks.append(Check("GPUs", "missing", found, needed, remedy))
    elif other or count != GPUS:
        remedy = f"the time caps are meant for {GPUS}x {GPU}: the figures are those of another machine"
        checks.append(Check("GPUs", "noted", found, f"{GPUS}x {GPU}", remedy))
    else:
        checks.append(Check("GPUs", "there", found, needed))
    drivers = sorted({card.driver for card in cards})
    alike: Literal["there", "noted"] = "there" if len(drivers) == 1 else "noted"
    return [*checks, Check("driver", alike, ", ".join(drivers), "one on all cards", "restart the machine")]


def _torch_for_gpus() -> Check:
    version = _version("torch") or "not installed"
    if "+cpu" in version:
        remedy = "pip install 'golf-audit[gpu]', into an environment of its own"
        return Check("CUDA in torch", "missing", version, "a CUDA build", remedy)
    return Check("CUDA in torch", "there", version, "a CUDA build")


def _page_cache(config: RunConfig) -> Check:
    """How much of the training shards is in memory; what is not is asked for, and comes while the rest is looked at."""
    from reference_model.training.data import read_shard, training_shards

    paths = training_shards(config)
    size = sum(path.stat().st_size for path in paths)
    needed = f"{size / 1e9:.1f} GB of shards in memory"
    try:
        cached = sum(_resident(read_shard(path)) for path in paths)
        for path in paths:
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
    except (OSError, AttributeError) as error:  # another system: no mincore, no posix_fadvise
        return Check("page cache", "noted", f"not known: {error}", needed, "the first pass may wait for the disk")
    state: Literal["there", "noted"] = "there" if cached >= _FROM_DISK * size else "noted"
    remedy = "being read now; slow disks make the first steps wait: cat the shards to /dev/null first"
    return Check("page cache", state, f"{cached / 1e9:.1f} GB", needed, remedy)


def _resident(tokens: Tokens) -> int:
    """Bytes of a memory-mapped array that are in memory (mincore(2))."""
    page = os.sysconf("SC_PAGESIZE")
    start = tokens.ctypes.data & -page
    length = tokens.ctypes.data + tokens.nbytes - start
    pages = (ctypes.c_ubyte * -(-length // page))()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(length), pages):
        raise OSError(ctypes.get_errno(), "mincore")
    return min(sum(state & 1 for state in pages) * page, tokens.nbytes)


def _memory(gigabytes: float) -> Check:
    available = _available()
    needed = f"{gigabytes:g} GB"
    if available is None:
        return Check("memory", "noted", "not known", needed, "the system does not say what is available")
    state: Literal["there", "missing"] = "there" if available >= gigabytes * 1e9 else "missing"
    return Check("memory", state, f"{available / 1e9:.1f} GB available", needed, "end what else is running")


def _available() -> int | None:
    """Bytes of memory that a new process can have; None where the system does not say."""
    try:
        rows = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    return next((int(row.split()[1]) * 1024 for row in rows if row.startswith("MemAvailable:")), None)


def _disk(out: Path, gigabytes: float) -> Check:
    place = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    state: Literal["there", "missing"] = "there" if free >= gigabytes * 1e9 else "missing"
    return Check("disk", state, f"{free / 1e9:.1f} GB free", f"{gigabytes:g} GB", f"free some below {place}, or --out")

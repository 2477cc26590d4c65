"""Tokens exchanged in forks of sample scripts, run as the runner does in the sandbox.

Runs that fork do so in a process of their own, which every test uses: the kernel copies the tables of all the memory
that there is, and a process that has run thousands of tests has several times as much as torch.
"""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import probe_samples as samples

from auditor.probe.job import Account, Exchange
from auditor.probe.measure import confined as confined_measuring
from auditor.probe.model import Kind, Measurement
from auditor.probe.run import Options, _Series
from auditor.probe.runner import Run
from auditor.probe.scene.streams import Streams, draw, flip
from auditor.probe.scene.tail import end_with
from auditor.probe.scene.tokenizer import BOS

LAWFUL = [name for name, (lawful, _) in samples.MIXTURES.items() if lawful]


UNLAWFUL = [name for name, (lawful, _) in samples.MIXTURES.items() if not lawful]


@functools.cache
def streams(seed: int = 3, documents: bool = False) -> Streams:
    rng = np.random.default_rng(seed)
    base = rng.integers(4, samples.VOCABULARY, samples.LENGTH).astype(np.int32)
    if documents:  # of many lengths
        base[[0, 130, 190, 470, 560, 920, 1010, 1330, 1400, 1690]] = BOS
    base, sites, p, q = draw(base, rng)
    assert len(sites) == 2
    return flip(base, samples.VOCABULARY, (p, q), rng, samples.true_bytes(base), sites)


@functools.cache
def _small() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _prepared)


def _prepared() -> None:
    """What is there before a run is no part of it, as in the sandbox: forks look for the stream in the rest alone."""
    from auditor.probe import record  # with torch  # noqa: F401

    gc.collect()
    gc.freeze()


def _forking(name: str, text: str, *given: Any, **how: Any) -> tuple[list[bytes], float]:
    """What the recorder sends of a run of this sample, and the processor seconds that its forks took."""
    samples.SAMPLES[name] = text
    before = os.times()
    sent = samples.frames(name, *given, **how)
    after = os.times()
    return sent, sum(after[2:4]) - sum(before[2:4])


@dataclass
class Here:
    """Runs samples as the runner does in the sandbox; `alone`: those that fork in a process of their own."""

    name: str
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp()))
    isolation: Any = None
    spent: float = 0.0
    exchanges: tuple[Exchange, ...] = ()
    contexts: tuple[tuple[int, ...], ...] = ()
    alone: bool = True
    forks: float = 0.0  # processor seconds that forks took

    def run(
        self, made: Any, workspace: Any, stream: Any, seconds: float, exchanges: Any = (), until_tried: bool = False
    ) -> Run:
        self.exchanges = exchanges or self.exchanges
        given = self.name, stream.astype(np.int64), self.folder
        how = {"contexts": self.contexts, "exchanges": exchanges}
        if exchanges and self.alone:
            text = samples.SAMPLES[self.name]
            sent, took = _small().submit(_forking, self.name, text, *given[1:], **how).result()
            self.forks += took
        else:
            sent = samples.frames(*given, **how)
        return Run(Account(ended=True), tuple(sent))

    def measuring(self, argument: bytes) -> tuple[bytes, ...]:
        channel = samples.Frames()
        confined_measuring.perform(argument, channel)
        return tuple(channel.sent)


def series(name: str, exhaustive: bool = False, documents: bool = False) -> tuple[_Series, Here]:
    options = Options(seconds=600, seed=5, exhaustive=exhaustive)
    here = Here(name, contexts=streams(documents=documents).contexts)
    pieces = tuple(b" abcdef"[: token % 7 + 1] for token in range(samples.VOCABULARY))
    workspace = SimpleNamespace(
        streams=streams(documents=documents), pieces=lambda: pieces, bytes_after=lambda before, token: token % 7 + 1,
        tail=lambda rng: end_with(streams().base, pieces, rng),
    )  # fmt: skip
    run = here.run(None, workspace, workspace.streams.base, 600)
    layout = SimpleNamespace(vocabulary=samples.VOCABULARY)
    made = SimpleNamespace(layout=layout, chosen=frozenset(), changed=(), opened=(), lacking=(), without=())
    settled: Any = SimpleNamespace(run=run, made=made, workspace=workspace, attempts=())
    facts: Any = SimpleNamespace(
        configuration=SimpleNamespace(settings={}, switches=()),
        sources=SimpleNamespace(units=(), entry=None, modules={}),
        headline=[SimpleNamespace(score=SimpleNamespace(label="final_mixture", val_bpb=None))],
        claims=SimpleNamespace(val_bpb=None),
    )  # fmt: skip
    return _Series(here, facts, settled, options, None), here  # type: ignore[arg-type]


@functools.cache
def exchanged(name: str, exhaustive: bool = False) -> Measurement:
    found = series(name, exhaustive)[0].probed()
    assert found.status == "ran", found.reason
    measurement = found.find(Kind.EXCHANGE)
    assert measurement is not None
    return measurement

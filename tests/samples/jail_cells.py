"""A jail with a scratch folder and one that can be read, and what the attempts in it say."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from patience import PATIENCE

from auditor.probe.sandbox import Ended, Jail, Limits, Mechanism, available
from auditor.probe.sandbox.model import MIB
from auditor.probe.sandbox.watch import descendants

ATTEMPTS = Path(__file__).parents[1] / "jailed"


SETS = {
    "everything": frozenset(Mechanism),
    "no-bubblewrap": frozenset({Mechanism.LANDLOCK, Mechanism.SECCOMP}),
    "bubblewrap-only": frozenset({Mechanism.BUBBLEWRAP}),
}


LIMITS = Limits(
    cpu_seconds=20, wall_seconds=PATIENCE, memory_bytes=400 * MIB, file_bytes=8 * MIB, disk_bytes=24 * MIB, files=200,
    inodes=16, threads=16, output_bytes=MIB, frame_bytes=16 * MIB,
)  # fmt: skip


SECRET = "the-secret-of-the-user"


def skip_unless(mechanisms: frozenset[Mechanism]) -> None:
    lacking = dict(available().lacking)
    for mechanism in mechanisms & lacking.keys():
        pytest.skip(f"without {mechanism.value}: {lacking[mechanism]}")


@dataclass
class Cell:
    jail: Jail
    mechanisms: frozenset[Mechanism]
    scratch: Path
    folder: Path  # readable inside
    others: frozenset[int]  # processes that the tests had started before

    @property
    def filtered(self) -> bool:
        return Mechanism.SECCOMP in self.mechanisms

    @property
    def mounted(self) -> bool:
        return Mechanism.BUBBLEWRAP in self.mechanisms

    def run(self, name: str, argument: object = b"", **limits: float) -> Ended:
        data = argument if isinstance(argument, bytes) else json.dumps(argument).encode()
        return self.jail.call(f"attempts:{name}", data, limits=replace(LIMITS, **limits))  # type: ignore[arg-type]

    def works(self) -> bool:
        return self.run("hello", b"again").frames == (b"again",)

    def below(self) -> set[int]:
        """Processes that have come to be since, and theirs."""
        return set(descendants(os.getpid())) - self.others

    def warden(self) -> int:
        return int(json.loads(self.run("where").frames[0])["parent"])


def tried(ended: Ended, frame: int = 0) -> dict[str, str]:
    assert ended.status == "ended", ended
    assert not ended.tampered
    found: dict[str, str] = json.loads(ended.frames[frame])
    assert found
    return found


def none_succeeded(said: dict[str, str]) -> None:
    assert {k: v for k, v in said.items() if not v.startswith("failed")} == {}

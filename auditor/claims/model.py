"""Claims: what submission.json and the README say, each with where it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim(Generic[T]):
    """A claimed value and where it was read: `submission.json:val_bpb`, `README.md:31`."""

    value: T
    where: str


@dataclass(frozen=True, slots=True)
class SeedClaim:
    """One seed's row in submission.json or in the README's table; bits per byte, nats per token, bytes, seconds.

    `figures` are all of the row's BPB by column or key, the least likely result first; `val_bpb` is the one that is
    taken for the result.
    """

    where: str
    seed: int | None
    val_bpb: float | None = None
    val_loss: float | None = None
    artifact_bytes: int | None = None
    code_bytes: int | None = None
    steps: int | None = None
    train_seconds: float | None = None
    eval_seconds: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """A documented run command. `environment` holds NAME=VALUE prefixes and exports that apply to it.

    Without a script it is a documented configuration: switches and their values, told apart from any command.
    """

    where: str
    environment: Mapping[str, str]
    script: str | None  # train_gpt.py; None for a block of assignments
    arguments: tuple[str, ...]
    text: str
    processes: int | None = None  # --nproc_per_node
    defaults: frozenset[str] = frozenset()  # names whose value a caller may set: `${NAME:-value}`


@dataclass(frozen=True, slots=True)
class Claims:
    """Everything the submission says of itself; nothing here has been checked.

    `problems` are sentences about shapes that were not understood (an unknown key, invalid JSON).
    """

    author: Claim[str] | None = None
    name: Claim[str] | None = None
    date: Claim[str] | None = None
    track: Claim[str] | None = None
    hardware: Claim[str] | None = None
    val_bpb: Claim[float] | None = None
    val_bpb_std: Claim[float] | None = None
    val_loss: Claim[float] | None = None
    artifact_bytes: Claim[int] | None = None  # the largest that is claimed
    code_bytes: Claim[int] | None = None
    steps: Claim[int] | None = None
    train_seconds: Claim[float] | None = None
    eval_seconds: Claim[float] | None = None
    seeds: tuple[SeedClaim, ...] = ()
    readme_seeds: tuple[SeedClaim, ...] = ()
    readme_val_bpb: Claim[float] | None = None
    readme_means: tuple[Claim[float], ...] = ()  # figures that the README calls a mean of the result
    readme_artifact_bytes: Claim[int] | None = None
    readme_steps: Claim[int] | None = None
    readme_train_seconds: Claim[float] | None = None
    readme_eval_seconds: Claim[float] | None = None
    readme_adaptation_seconds: Claim[float] | None = None  # of a whole test-time training, a part of the evaluation
    commands: tuple[Command, ...] = ()
    mentioned: tuple[Command, ...] = ()  # settings in code spans of the README's sentences
    non_record: Claim[bool] | None = None  # the submission says that it is not a record attempt
    raw: Mapping[str, object] = field(default_factory=dict)  # the parsed JSON object
    problems: tuple[str, ...] = ()

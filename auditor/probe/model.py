"""What a probe measured, as values: the report prints them, the rules judge them, nothing here runs anything.

A probe runs the submission small, several times, on validation streams that differ only from some position on.
Positions count the tokens of that stream from 0; losses are nats per token. No clock enters these values: the same
input gives the same report.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from auditor.findings import Location, Outcome

Condition = Literal["C1", "C2", "C3", "C4"]
"""Of issue 1017: strict causal dependence, a full distribution, score before update, one pass."""
PROFILE_BINS = 200  # the most that a measurement's picture has


class Holds(StrEnum):
    """What one measurement came to."""

    YES = "holds"
    NO = "broken"
    UNKNOWN = "not-checked"


class Kind(StrEnum):
    """The measurements, in the order of a report."""

    FUTURE_FLIP = "future-flip"  # tokens from a position on are others: scores before it must not change
    TARGET_FLIP = "target-flip"  # one token is another: neither its distribution nor scores before it change
    SCORE_COUNT = "score-count"  # every position enters the reported number once
    REPORTED_NUMBER = "reported-number"  # it is the mean of those scores over the true bytes
    NORMALIZATION = "normalization"  # probabilities over the vocabulary, where a whole row is seen, sum to 1
    EXCHANGE = "exchange"  # what other tokens in one place would have been scored with sums to 1
    DETERMINISM = "determinism"  # the null control: the same stream twice gives the same scores


Chosen = Literal["there", "seen", "prefix", "likely", "drawn"]
"""Why a token was tried: it stands there, it followed this context before, it begins what followed, the model finds it
likely, or the model's own probabilities drew it."""


@dataclass(frozen=True, slots=True)
class Term:
    """One token tried at a position: what the script would have given it, and the model alone (None: not seen)."""

    position: int
    token: int
    piece: str
    chosen: Chosen
    probability: float
    model: float | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """One position whose score shows that a condition is broken.

    `before` and `after`: its loss on the stream as it is and with the flip (nats); for C4 both are losses of two
    scorings in one run; for C2 sums of probabilities, of the model's own and of what the script would have given.
    `flipped` is the first position that was changed, None where nothing was. `location`: the line
    that took the score. `label`: the printed figure that it entered, "" where that is not known.
    """

    condition: Condition
    kind: Kind
    position: int
    before: float
    after: float
    flipped: int | None = None
    location: Location | None = None
    function: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement with its null control and effect size.

    `compared` and `changed` count scores (for normalization: rows of probabilities; for the score count: positions).
    `noise` is the largest change under the null control, `effect` the largest change measured, both in nats (for
    normalization the largest |sum - 1|, for the reported number the relative difference). `reported`: whether what was
    compared is known to enter the reported number; None where that could not be attributed. `flipped` is the first
    position that was changed. `profile` is the picture: the largest change (nats) in each of at most `PROFILE_BINS`
    stretches of the stream, by the first position of the stretch; stretches in which nothing was compared are left out.
    An exchange counts the tokens that were tried; `effect` is by how much their probabilities exceed 1, at least.
    """

    kind: Kind
    holds: Holds
    reason: str
    compared: int = 0
    changed: int = 0
    noise: float | None = None
    effect: float | None = None
    reported: bool | None = None
    witnesses: tuple[Witness, ...] = ()  # the first ones; `changed` counts all
    flipped: int | None = None
    profile: tuple[tuple[int, float], ...] = ()
    terms: tuple[Term, ...] = ()  # of an exchange
    total: float | None = None  # the sum of their probabilities, or more where the rest is known to add to it


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A setting that the probe changed to make the run small. `why` is the error that asked for it, "" if none."""

    name: str
    submitted: str
    used: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at running the submission. `error` is one line, "" where it ran to its end; untrusted text."""

    changed: tuple[Shrunk, ...]
    error: str = ""
    location: Location | None = None  # the innermost line of the submission in the traceback


@dataclass(frozen=True, slots=True)
class Isolation:
    """How the submission was confined: what guards against what, and what this machine lacks.

    `guards` maps "files", "network", "processes", "memory", "disk", "time" to the mechanism in words.
    """

    guards: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    unsafe: bool = False  # --probe-unsafe: run although something is missing


@dataclass(frozen=True, slots=True)
class Unseen:
    """A block that uses names which held validation tokens, and that the run came to and did not enter.

    `test`: what decides it, as it stands in the text; untrusted. `turned`: settings, in lower case, by whose small
    values it comes out otherwise than as submitted.
    """

    location: Location
    names: tuple[str, ...]
    test: str = ""
    turned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evasion:
    """Something that the submission does about being looked at. `what` is in our words."""

    what: str
    location: Location | None = None


Status = Literal["ran", "failed", "refused"]


@dataclass(frozen=True)
class Probe:
    """A behavioural audit. `failed`: it did not run to a result; `refused`: it was not even tried. `reason` says why.

    `absent`: modules and kernels that the submission asked for and that the stage answered with "not here".
    `labels`: the printed figures that were seen, the claimed one first. `forked`: runs that began where the script
    first reads validation tokens; `whole`: why others began from nothing, "" where none did.
    """

    status: Status
    reason: str
    isolation: Isolation = field(default_factory=Isolation)
    attempts: tuple[Attempt, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    absent: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    stream_tokens: int = 0
    losses_recorded: int = 0
    unseen: tuple[Unseen, ...] = ()  # what could reach the validation tokens and did not run
    evasions: tuple[Evasion, ...] = ()
    forked: int = 0
    whole: str = ""
    seed: int = 0  # of streams, positions and tokens; the same seed gives the same runs

    @property
    def witnesses(self) -> tuple[Witness, ...]:
        return tuple(w for m in self.measurements for w in m.witnesses)

    def find(self, kind: Kind) -> Measurement | None:
        return next((m for m in self.measurements if m.kind is kind), None)

    @property
    def decided(self) -> bool:
        """Whether the run came to a result: of the scores before a flip, and whether they are of a distribution.

        A witness of what may be the reported number is one.
        """
        asked = (self.find(kind) for kind in (Kind.FUTURE_FLIP, Kind.EXCHANGE))
        told = all(found is not None and found.holds is not Holds.UNKNOWN for found in asked)
        shown = any(m.witnesses for m in self.measurements if m.reported is not False)
        return self.status == "ran" and (told or shown)

    @property
    def outcome_is_shown(self) -> bool:
        """Whether a witness of the reported number was seen: what else is not known then decides nothing."""
        return any(m.witnesses for m in self.measurements if m.reported)

    @property
    def outcome(self) -> Outcome:
        """What the measurements alone amount to. A run without a result is not checked, never a pass."""
        if self.status == "ran" and self.outcome_is_shown:
            return Outcome.VIOLATION
        if not self.decided:
            return Outcome.NOT_CHECKED
        broken = any(m.holds is Holds.NO for m in self.measurements)
        return Outcome.WARNING if broken else Outcome.PASS


@dataclass(frozen=True, slots=True)
class Smoke:
    """What `--smoke` found: the model at full size, one forward pass on random tokens.

    Seconds are wall clock. `loss` in nats per token, of an untrained model near ln(vocabulary).
    """

    status: Status
    reason: str
    isolation: Isolation = field(default_factory=Isolation)
    import_seconds: float | None = None
    width: int | None = None
    layers: int | None = None
    vocabulary: int | None = None
    parameters: int | None = None
    code_bytes: int | None = None
    loss: float | None = None
    absent: tuple[str, ...] = ()

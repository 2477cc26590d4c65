"""What the rules on budgets and evidence share: standing, date and hardware of a submission, the time ladder."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Literal, Protocol

from auditor.claims import Claim, Claims
from auditor.claims.machines import GPU_NAME
from auditor.claims.stated import times
from auditor.findings import Location, Outcome
from auditor.rule import Facts, Source
from auditor.runs import Run
from auditor.runs.text import log_lines as unframed
from auditor.submission import Submission
from rules.law.limits import LIMITS

REPOSITORY = "https://github.com/openai/parameter-golf"
FAQ = f"{REPOSITORY}#faq"
PROCESS = f"{REPOSITORY}#submission-process"

_GPU_COUNT = re.compile(r"(\d{1,3}) ?[x×*] ?(?:nvidia )?[a-z]{1,4} ?\d{2,4}", re.IGNORECASE)
_DAY = re.compile(r"20\d\d-\d\d-\d\d")


def readme(said: str, url: str = FAQ) -> Source:
    return Source(url, f"README: {said}")


def pull(number: int, said: str, day: str) -> Source:
    return Source(f"{REPOSITORY}/pull/{number}", said, day)


def issue(number: int, said: str, day: str) -> Source:
    return Source(f"{REPOSITORY}/issues/{number}", said, day)


class Stated(Protocol):
    """What standing and day are read off: facts, or a report."""

    @property
    def submission(self) -> Submission: ...

    @property
    def claims(self) -> Claims: ...


def is_record(facts: Stated) -> bool:
    """Whether the submission asks for a place on the leaderboard.

    It does in a record track unless it says that it does not. A folder of no known track counts as one: who
    checks a folder before submitting it wants the strict answer.
    """
    if facts.claims.non_record is not None and facts.claims.non_record.value:
        return False
    track = facts.submission.track or (facts.claims.track.value if facts.claims.track else "")
    return not re.search(r"non[-_ ]?record|unlimited", track, re.IGNORECASE)


def dated(facts: Stated) -> date | None:
    """The day that the submission bears: submission.json, else the folder's name, else the head commit."""
    name = facts.submission.folder.rstrip("/").rsplit("/", 1)[-1]
    claimed = facts.claims.date.value if facts.claims.date else ""
    for text in (claimed, name, facts.submission.authored or ""):
        match = _DAY.search(text)
        if match:
            try:
                return date.fromisoformat(match.group())
            except ValueError:
                continue
    return None


def on_challenge_hardware(run: Run | None, claims: Claims) -> bool | None:
    """Whether the run was on 8xH100 SXM; None where neither the log nor the claims say."""
    return not wrong_hardware(run, claims) if _hardware_known(run, claims) else None


def wrong_hardware(run: Run | None, claims: Claims) -> str:
    """What differs from 8xH100 SXM, "" where nothing is known to."""
    claimed = claims.hardware.value if claims.hardware else ""
    gpu = (run.gpu if run else None) or (claimed if GPU_NAME.search(claimed) else "")
    count = run.world_size if run else None
    if count is None:
        match = _GPU_COUNT.search(claimed)
        count = int(match.group(1)) if match else None
    what = []
    if count is not None and count != LIMITS.gpus:
        what.append(f"{count} GPU{'s' if count != 1 else ''}")
    if gpu and not _is_h100_sxm(gpu):
        match = GPU_NAME.search(gpu)
        what.append(match.group() if match and run is None else gpu)
    return ", ".join(what)


def gpu_model(text: str) -> str:
    """`H100`, `RTX4090`: the GPU that a text names, without its form and memory; "" where it names none."""
    match = GPU_NAME.search(text)
    return re.sub(r"[ G]|Q$", "", match.group().upper()).replace("RTX", "") if match else ""


def _hardware_known(run: Run | None, claims: Claims) -> bool:
    claimed = claims.hardware.value if claims.hardware else ""
    return bool((run and (run.gpu or run.world_size is not None)) or GPU_NAME.search(claimed))


def _is_h100_sxm(gpu: str) -> bool:
    return bool(re.search(r"(?<![A-Za-z])H ?100", gpu)) and not re.search(r"PCIe|NVL", gpu, re.IGNORECASE)


def over_time(seconds: float, cap: float) -> Outcome | None:
    """The ladder of the time caps: within, a warning where the loop stopped one step late, a violation above."""
    if seconds <= cap:
        return None
    return Outcome.WARNING if seconds <= cap + LIMITS.time_tolerance_seconds else Outcome.VIOLATION


def place(run: Run, line: int | None = None) -> Location:
    return Location(run.log, line)


def claimed_at(claim: Claim[float] | Claim[int] | Claim[str] | Claim[bool]) -> Location:
    """`README.md:31` and `submission.json:val_bpb` as a location."""
    path, _, where = claim.where.partition(":")
    return Location(path, int(where) if where.isdecimal() else None)


def not_filled_in(claims: Claims) -> bool:
    """Whether submission.json's score is a zero that nothing else states: a field that nobody filled in."""
    stated = [row.val_bpb for row in (*claims.seeds, *claims.readme_seeds)]
    stated += [claims.readme_val_bpb.value] if claims.readme_val_bpb is not None else []
    return claims.val_bpb is not None and claims.val_bpb.value <= 0 and 0.0 not in stated


def adds_a_record(facts: Facts, folder: str) -> bool:
    """Whether a folder that is touched besides is a submission of its own: under records/, with claims or a script, and
    none that the main branch has by now."""
    if folder in facts.submission.landed:
        return False
    prefix = folder.rstrip("/") + "/"
    added = [c.path[len(prefix) :] for c in facts.submission.changes or () if c.path.startswith(prefix)]
    own = any(path.rsplit("/", 1)[-1].lower() in ("submission.json", "train_gpt.py") for path in added)
    return own and prefix.startswith("records/") and "/__pycache__/" not in prefix


def most_claimed(facts: Facts, what: Literal["train_seconds", "eval_seconds", "artifact_bytes"]) -> Claim[float] | None:
    """The largest figure that the submission states of itself, be it for the whole or for one seed."""
    claims = facts.claims
    stated: list[Claim[float]] = []
    if what == "artifact_bytes":
        whole = (claims.artifact_bytes, claims.readme_artifact_bytes)
        stated += (Claim(float(claim.value), claim.where) for claim in whole if claim is not None)
    else:
        overall = claims.train_seconds if what == "train_seconds" else claims.eval_seconds
        stated += (overall,) if overall is not None else ()
        stated += times(claims.raw, "train" if what == "train_seconds" else "eval")
    for row in (*claims.seeds, *claims.readme_seeds):
        value = getattr(row, what)
        if value is not None:
            stated.append(Claim(float(value), row.where))
    return max(stated, key=lambda claim: claim.value, default=None)


def name(run: Run) -> str:
    """`train_seed42.log (seed 42)`"""
    return f"{run.log} (seed {run.seed})" if run.seed is not None else run.log


def not_understood(runs: Iterable[Run], what: str) -> str:
    """Why a figure of the first run that prints it in a way nobody understands is not known, "" where all are."""
    for run in runs:
        if what in run.unread:
            said = next((p for p in run.problems if what in p), "")
            return f"{name(run)} prints its {what} in a way that is not understood. {said}".strip()
    return ""


def listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)


def distinct(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The runs without copies of one log."""
    seen: dict[object, Run] = {}
    for run in runs:
        seen.setdefault(run.content_digest or (run.log, run.index), run)
    return tuple(seen.values())


def log_lines(facts: Facts, run: Run, first: int, last: int) -> list[str]:
    """Lines `first` to `last` of the run's log, both counted from 1; what lies outside the log is left out."""
    shipped = facts.submission.by_path.get(run.log)
    return unframed(shipped.text).between(first, last) if shipped is not None else []

"""The smoke test: the submission's imports, its model at full size, one forward pass on random tokens."""

from __future__ import annotations

from collections.abc import Callable

from auditor.probe.model import Smoke
from auditor.probe.plan import Plan
from auditor.probe.runner import Runner
from auditor.probe.sandbox import Broken, Refused
from auditor.probe.scene import NoTokenizer
from auditor.probe.settle import Settled, settle
from auditor.probe.shrink import Scale
from auditor.rule import Facts


def smoke(
    facts: Facts, *, unsafe: bool = False, seconds: float = 120.0, progress: Callable[[str], None] | None = None
) -> Smoke:
    """Runs the submission up to the first forward pass of its model. `seconds` of processor time."""
    if facts.sources.entry is None:
        return Smoke("failed", "no script was found that could be run")
    try:
        with Runner(facts.submission, unsafe=unsafe, warm=False) as runner:
            plan = Plan(scale=Scale(full=True), mode="smoke")
            what = "imports, model and one forward pass"
            settled = settle(runner, facts, seconds, what=what, plan=plan, record=False, progress=progress)
            return _smoked(facts, runner, settled)
    except Refused as error:
        return Smoke("refused", str(error))
    except NoTokenizer as error:
        return Smoke("failed", str(error))
    except Broken as error:
        return Smoke("failed", f"the sandbox did not start: {error}")


def _smoked(facts: Facts, runner: Runner, settled: Settled) -> Smoke:
    account, code = settled.run.account, facts.sources.code_bytes
    found = account.smoke
    if not found:
        reason = settled.run.error or "it ended without a forward pass"
        return Smoke("failed", reason, runner.isolation, code_bytes=code, absent=account.absent)

    def count(name: str) -> int | None:
        return int(found[name]) if name in found else None

    seconds = account.imported + found.get("import_seconds", 0.0)  # libraries, and what the script imports besides
    return Smoke(
        "ran", "", runner.isolation, seconds, count("width"), count("layers"),
        count("vocabulary"), count("parameters"), code, found.get("loss"), account.absent,
    )  # fmt: skip

"""The two options that run a submission, seen from the command line: is torch there, what became of it.

Nothing of `auditor.probe` but its values is imported unless one of them was asked for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache, partial
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

from auditor.limits.model import describe
from auditor.probe.model import Probe, Smoke
from auditor.rule import Facts

if TYPE_CHECKING:
    from auditor.probe.runner import Home

INSTALL = "running a submission needs torch, which is not installed: pip install '.[probe]'"


def ready() -> bool:
    """Whether torch could be imported; it is not."""
    return importlib.util.find_spec("torch") is not None


def probed(
    facts: Facts,
    *,
    unsafe: bool,
    seconds: float,
    strict: bool,
    progress: Callable[[str], None] | None,
    seed: int | None = None,
    exhaustive: bool = False,
    kept: bool = False,
) -> Probe:
    """The probe of a submission, whatever happens: where it breaks off, one that has no result and says why.

    `kept`: this process probes others, too, and the sandbox that has torch imported stays for them.
    """
    if not ready():
        return Probe("refused", INSTALL)
    try:
        from auditor.probe.run import probe

        drawn: dict[str, Any] = {} if seed is None else {"seed": seed}
        drawn |= {"exhaustive": True} if exhaustive else {}
        drawn |= {"home": partial(_home, unsafe)} if kept else {}
        return probe(facts, unsafe=unsafe, seconds=seconds, progress=progress, **drawn)
    except Exception as error:
        if strict:
            raise
        return Probe("failed", f"the probe itself failed: {describe(error)}")


@cache
def _home(unsafe: bool) -> Home:
    """Of all probes of this process."""
    from auditor.probe.runner import Home

    made = Home(unsafe=unsafe)
    Finalize(None, made.close, exitpriority=10)
    return made


def smoked(facts: Facts, *, unsafe: bool, progress: Callable[[str], None] | None) -> Smoke:
    from auditor.probe.smoke import smoke

    return smoke(facts, unsafe=unsafe, progress=progress)

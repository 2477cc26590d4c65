"""What this machine offers to confine a run, and what each mechanism guards."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import cache

from auditor.probe.model import Isolation
from auditor.probe.sandbox.model import Mechanism, Refused

B, L, S = Mechanism.BUBBLEWRAP, Mechanism.LANDLOCK, Mechanism.SECCOMP
_GUARDED_BY: dict[str, dict[Mechanism, str]] = {
    "files": {B: "mounts of its own (bubblewrap)", L: "Landlock"},
    "network": {B: "network namespace (bubblewrap)", S: "no sockets (seccomp)"},
    "processes": {B: "process namespace (bubblewrap)", S: "no second process, no signals (seccomp)"},
}
_LIMITED = (
    ("memory", "limits of the kernel and a watcher"),
    ("time", "limits of the kernel and a watcher"),
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The mechanisms that work here, and for each other one why it does not."""

    mechanisms: frozenset[Mechanism]
    lacking: tuple[tuple[Mechanism, str], ...] = ()
    facts: tuple[tuple[Mechanism, str], ...] = ()  # which program or version there is
    asks: bool = False  # the kernel asks before a filtered process makes a file

    def only(self, wanted: frozenset[Mechanism]) -> Capabilities:
        """As if nothing else were there."""
        left_out = tuple((m, f"{m.value} is left out") for m in Mechanism if m not in wanted and m in self.mechanisms)
        return replace(self, mechanisms=self.mechanisms & wanted, lacking=(*self.lacking, *left_out))


@cache
def available() -> Capabilities:
    """What the kernel and the installed programs offer; found out by trying."""
    if not sys.platform.startswith("linux"):
        why = f"needs Linux, this is {sys.platform}"
        return Capabilities(frozenset(), tuple((m, why) for m in Mechanism))
    from auditor.probe.sandbox import bubblewrap, landlock, seccomp

    lacking: list[tuple[Mechanism, str]] = []
    prefix, problem = bubblewrap.find()
    if problem:
        lacking.append((B, problem))
    version = landlock.abi()
    if version < landlock.NEEDED_ABI:
        has = f"this kernel has version {version}" if version else "this kernel has none, or it is switched off"
        lacking.append((L, f"Landlock version {landlock.NEEDED_ABI} is needed (Linux 6.2), {has}"))
    if not seccomp.supported():
        lacking.append((S, "this kernel has no seccomp filters, or the processor is neither x86-64 nor aarch64"))
    facts = ((B, " ".join(prefix[:1])), (L, f"version {version}"))
    return Capabilities(frozenset(Mechanism) - {m for m, _ in lacking}, tuple(lacking), facts, seccomp.asks())


def isolation(found: Capabilities, *, unsafe: bool) -> Isolation:
    """What guards what with these mechanisms. Refused where something has no guard at all and `unsafe` is not given."""
    guards: list[tuple[str, str]] = []
    missing: list[str] = []
    for what, ways in _GUARDED_BY.items():
        there = [words for mechanism, words in ways.items() if mechanism in found.mechanisms]
        if there:
            guards.append((what, ", ".join(there)))
            continue
        why = "; ".join(dict.fromkeys(reason for mechanism, reason in found.lacking if mechanism in ways))
        missing.append(f"{what}: {why}")
    guards += _LIMITED
    if B in found.mechanisms:
        guards.append(("disk", "a file system in memory of a set size"))
    elif S in found.mechanisms and found.asks:
        guards.append(("disk", "the number and the size of files (seccomp, a limit of the kernel)"))
    else:
        why = dict(found.lacking).get(S, "this kernel can't ask before a file is made (Linux 5.0)")
        missing.append(f"disk: {why}")
    if missing and not unsafe:
        raise Refused("this machine can't confine a run: " + "; ".join(missing))
    return Isolation(tuple(guards), tuple(missing), unsafe=bool(missing))

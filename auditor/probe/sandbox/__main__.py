"""`python -m auditor.probe.sandbox`: what this machine offers to confine a run."""

from __future__ import annotations

import sys

from auditor.probe.sandbox.capabilities import available, isolation
from auditor.probe.sandbox.model import Mechanism


def main() -> int:
    """Print the mechanisms and what they guard; 1 where a run would be refused."""
    found = available()
    lacking, facts = dict(found.lacking), dict(found.facts)
    for mechanism in Mechanism:
        here, detail = ("no", lacking[mechanism]) if mechanism in lacking else ("yes", facts.get(mechanism, ""))
        print(f"{mechanism.value:<11} {here:<3} {detail}")
    confined = isolation(found, unsafe=True)
    print()
    for what, how in confined.guards:
        print(f"{what:<11} {how}")
    for line in confined.missing:
        what, _, why = line.partition(": ")
        print(f"{what:<11} nothing guards it: {why}")
    print()
    print("A run is refused here (--probe-unsafe runs it anyway)." if confined.missing else "A run is confined here.")
    return 1 if confined.missing else 0


if __name__ == "__main__":
    sys.exit(main())

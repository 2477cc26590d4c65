"""Confinement of code that nobody vouches for: a process tree without network, files or other processes to reach.

It knows nothing of what is run in it. `Jail` starts a warden, which confines itself, imports what every run needs and
forks a run per call; `Limits` bound a run; `available` says what this machine has. `python -m auditor.probe.sandbox`
prints that.
"""

from auditor.probe.sandbox.capabilities import Capabilities, available
from auditor.probe.sandbox.channel import Channel
from auditor.probe.sandbox.jail import Jail
from auditor.probe.sandbox.model import Broken, Ended, Limits, Mechanism, Policy, Refused

__all__ = [
    "Broken", "Capabilities", "Channel", "Ended", "Jail", "Limits", "Mechanism", "Policy", "Refused", "available",
]  # fmt: skip

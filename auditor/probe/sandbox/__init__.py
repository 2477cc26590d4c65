"""Confinement of code that nobody vouches for: a process without network, files or other processes to reach.

It knows nothing of what is run in it. `Jail` starts a warden, which confines itself, imports what every run needs and
forks a run per call; `Limits` bound a run; `available` says what this machine has. `python -m auditor.probe.sandbox`
prints that.

Layers: bubblewrap's namespaces and mounts, Landlock, a seccomp filter, limits of the kernel, a watcher outside.
Files, network, processes and the disk each need one of the first three, else `Refused`. What is left open: without
bubblewrap, whether a path exists, and its size and times (Landlock guards contents); with bubblewrap alone, kinds of
sockets that network namespaces do not cover (vsock), and processes are counted rather than forbidden; a fault in the
kernel itself; and what `channel` says of code that forges its own results from inside its process.
"""

from auditor.probe.sandbox.capabilities import Capabilities, available
from auditor.probe.sandbox.channel import Channel
from auditor.probe.sandbox.jail import Jail
from auditor.probe.sandbox.model import Broken, Ended, Limits, Mechanism, Policy, Refused

__all__ = [
    "Broken", "Capabilities", "Channel", "Ended", "Jail", "Limits", "Mechanism", "Policy", "Refused", "available",
]  # fmt: skip

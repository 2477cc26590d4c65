"""What a fork of a run gives up before it goes on: it may not fork again."""

from __future__ import annotations

from auditor.probe.sandbox import seccomp


def settle() -> None:
    """Called in the fork, once."""
    seccomp.no_forks()

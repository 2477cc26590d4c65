"""golf-audit queue: placeholder until the store lands."""

from __future__ import annotations

from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    raise NotImplementedError

"""How a block of statements may complete."""

from __future__ import annotations

NORMAL, RETURN, BREAK, CONTINUE, RAISE = 1, 2, 4, 8, 16
"""How a block may complete; a block's completion is the union of the ways."""

"""What the forward pass of a model was found to do with its loss."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.program.recipe.model import Node
from auditor.program.tags import Tags


@dataclass(frozen=True, slots=True)
class ForwardLoss:
    """What a forward pass makes of its loss; `why` it is not understood, "" where it is.

    `parts`: what it returns, where it returns several things and the loss is one of them.
    """

    loss: Node | None
    tags: Tags
    why: str
    sees_targets: bool = False
    parts: tuple[Node | None, ...] = ()

"""The recipe: by which formula the program makes the number that it reports."""

from auditor.program.recipe.model import Node, Op, Over, Sees, What

__all__ = ["Node", "Op", "Over", "Sees", "What"]

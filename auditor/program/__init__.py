"""What the code does: reachability, data flow of validation tokens, and the evaluation trace."""

from auditor.program.model import Program

__all__ = ["Program"]

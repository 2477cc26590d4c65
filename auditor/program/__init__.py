"""What the code does: reachability, data flow of validation tokens, and the evaluation trace."""

from auditor.program.analyse import analyse
from auditor.program.model import Program

__all__ = ["Program", "analyse"]

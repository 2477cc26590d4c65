"""Decoded source: packed wrappers opened, exec(open(..)) and sibling modules followed."""

from auditor.source.model import ProgramFile, SourceProblem, Sources, Unit

__all__ = ["ProgramFile", "SourceProblem", "Sources", "Unit", "decode"]

from auditor.source.follow import decode

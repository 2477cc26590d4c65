"""Runs: what the training logs show."""

from auditor.runs.model import Evaluation, LogLine, Run

__all__ = ["Evaluation", "LogLine", "Run"]

"""Runs: what the training logs show."""

from auditor.runs.headline import headline
from auditor.runs.model import Evaluation, LogLine, Run
from auditor.runs.reader import read_log, read_runs

__all__ = ["Evaluation", "LogLine", "Run", "headline", "read_log", "read_runs"]

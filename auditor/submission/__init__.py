"""Where a submission comes from: a folder, a checkout, or a pull request in a clone."""

from auditor.submission.clone import Clone
from auditor.submission.folder import load_path
from auditor.submission.model import (
    Change,
    Submission,
    SubmissionError,
    SubmissionFile,
)

__all__ = ["Change", "Clone", "Submission", "SubmissionError", "SubmissionFile", "load_path"]

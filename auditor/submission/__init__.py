"""Where a submission comes from: a folder, a checkout, or a pull request in a clone."""

from auditor.submission.model import (
    Change,
    Submission,
    SubmissionError,
    SubmissionFile,
)

__all__ = ["Change", "Submission", "SubmissionError", "SubmissionFile"]

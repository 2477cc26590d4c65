"""A submission folder in memory, as the loader gives it."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.submission import Submission, SubmissionFile


def loaded(files: Mapping[str, str | bytes]) -> Submission:
    """The folder that holds these files; paths to contents."""
    shipped = (
        SubmissionFile(path, len(data), data)
        for path, text in sorted(files.items())
        for data in [text if isinstance(text, bytes) else text.encode("utf-8")]
    )
    return Submission(origin="folder", folder="example", files=tuple(shipped))

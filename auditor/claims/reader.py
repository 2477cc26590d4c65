"""From the files of a submission to its claims."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from auditor.claims.commands import read_launcher, read_mentioned, read_readme_commands
from auditor.claims.machines import stated_machine
from auditor.claims.model import Claim, Claims, Command, SeedClaim
from auditor.claims.readme import read_readme
from auditor.claims.stated import times
from auditor.claims.submission_json import read_submission_json
from auditor.claims.times import stated_adaptation, stated_times
from auditor.claims.track import non_record
from auditor.submission import Submission, SubmissionFile

_TEXT_LIMIT = 2_000_000
_FENCE = re.compile(r" {0,12}(?:```|~~~)[`~]{0,9}\s{0,3}(\w{0,20})")
_SHELLS = ("bash", "sh", "shell", "zsh", "console", "shellsession")
_TIMED_LINES = 400  # of a README


def read_claims(submission: Submission) -> Claims:
    """What submission.json, the README and the launch scripts of the folder say. Never raises on content."""
    claims = _from_json(submission)
    readme = submission.named("README.md") or submission.named("README") or submission.named("readme.txt")
    commands: list[Command] = []
    if readme is not None and readme.data:
        text = readme.text[:_TEXT_LIMIT]
        said = read_readme(text, readme.path, claims)
        claims = replace(
            claims,
            readme_seeds=said.seeds,
            readme_val_bpb=said.val_bpb,
            readme_means=said.means,
            readme_artifact_bytes=said.artifact_bytes,
            readme_steps=said.steps,
            hardware=claims.hardware or stated_machine(text.split("\n"), readme.path),
        )
        claims = replace(claims, problems=claims.problems + _undecodable(readme))
        lines = list(_said(text, readme.path))
        claims = replace(
            claims,
            readme_train_seconds=stated_times(lines, "train"),
            readme_eval_seconds=stated_times(lines, "eval"),
            readme_adaptation_seconds=stated_adaptation(lines),
            mentioned=tuple(read_mentioned(text, readme.path)),
        )
        commands += read_readme_commands(text, readme.path)
    for file in sorted(submission.files, key=lambda f: (f.path.count("/"), f.path)):
        if file.data and file.path.lower().endswith((".sh", ".bash")):
            commands += read_launcher(file.text[:_TEXT_LIMIT], file.path)
    claims = _with_times(claims)
    track = claims.track or (Claim(submission.track, submission.folder) if submission.track else None)
    return replace(claims, commands=tuple(commands), track=track, non_record=non_record(submission, claims, readme))


def _said(text: str, path: str) -> Iterator[tuple[str, str]]:
    """(place, line) of a README, without the comments of its shell commands: what they say is a plan."""
    shell = False
    for number, line in enumerate(text.split("\n")[:_TIMED_LINES], 1):
        fence = _FENCE.match(line)
        if fence is not None:
            shell = not shell and fence[1].lower() in _SHELLS
        elif shell and line.lstrip().startswith("#"):
            continue
        yield f"{path}:{number}", line


def _from_json(submission: Submission) -> Claims:
    file = submission.named("submission.json") or _named_otherwise(submission)
    if file is None:
        return Claims(problems=("There is no submission.json.",))
    if file.data is None:
        return Claims(problems=(f"{file.path} could not be read ({file.problem or 'no content'}).",))
    return read_submission_json(file.text, file.path)


def _named_otherwise(submission: Submission) -> SubmissionFile | None:
    """The only JSON file whose name speaks of a submission, where none has the name that is asked for."""
    names = [(f.path.rsplit("/", 1)[-1].lower(), f) for f in submission.files]
    found = [f for name, f in names if name.endswith(".json") and "submission" in name]
    return found[0] if len(found) == 1 else None


def _with_times(claims: Claims) -> Claims:
    """The times that are claimed: by a key of submission.json, the README, a nested key, the seeds, or a text."""
    texts = [(f"submission.json:{key}", value) for key, value in claims.raw.items() if isinstance(value, str)]
    own = {key: value for key, value in claims.raw.items() if not isinstance(value, (Mapping, list))}
    train = (
        claims.train_seconds
        or _largest(times(own, "train"))
        or claims.readme_train_seconds
        or _largest(times(claims.raw, "train"))
        or _largest([Claim(r.train_seconds, r.where) for r in _rows(claims) if r.train_seconds is not None])
        or stated_times(texts, "train")
    )
    evaluation = (
        claims.eval_seconds
        or _largest(times(own, "eval"))
        or claims.readme_eval_seconds
        or _largest(times(claims.raw, "eval"))
        or _largest([Claim(r.eval_seconds, r.where) for r in _rows(claims) if r.eval_seconds is not None])
        or stated_times(texts, "eval")
    )
    return replace(claims, train_seconds=train, eval_seconds=evaluation)


def _rows(claims: Claims) -> tuple[SeedClaim, ...]:
    return (*claims.seeds, *claims.readme_seeds)


def _largest(stated: Sequence[Claim[float]]) -> Claim[float] | None:
    return max(stated, key=lambda claim: claim.value, default=None)


def _undecodable(file: SubmissionFile) -> tuple[str, ...]:
    """What was replaced in a text whose bytes are no text."""
    broken = "\ufffd" in file.text and "\ufffd".encode() not in (file.data or b"")
    return (f"{file.path} is not valid UTF-8; the bytes that are none were replaced.",) if broken else ()

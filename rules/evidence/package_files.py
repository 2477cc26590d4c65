"""package-files: one folder with README.md, submission.json, train log and runnable script, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping

from auditor.findings import Finding, Location, Outcome, Ruling, found
from auditor.rule import Example, Facts, Rule
from auditor.runs.unread import named_like_a_log, not_understood, unread_logs
from auditor.submission import SubmissionFile
from rules.examples.folders import folder
from rules.law.standing import PROCESS, adds_a_record, not_filled_in, pull, readme

ID = "package-files"

# Keys of submission.json that the challenge asks for by name, and others that say the same.
_ASKED = {
    "author": ("authors", "submitter", "name_of_author", "author_name"),
    "github_id": ("github", "github_username", "github_handle", "author_github", "githubId", "github_user"),
}
_TEMPLATE = re.compile(
    r"@?your[ _-]?(?:full[ _-]?)?(?:name|git|user|handle|id\b|account).{0,40}|<[^<>]{0,60}>|tbd|todo|n/?a|x{2,}|\?+",
    re.IGNORECASE,
)
_SHOWN = 3  # paths named in a message


def check(facts: Facts) -> Ruling:
    findings = [*_missing(facts), *_claim_file(facts), *_beyond(facts)]
    return found(findings, "the folder holds what a submission needs", unchecked=_unread(facts))


def _unread(facts: Facts) -> str:
    """What of the files that are asked for could not be read: it is not missing."""
    submission = facts.submission
    for file in submission.files:
        name = file.path.rsplit("/", 1)[-1].lower()
        asked = name in ("readme.md", "submission.json") or name.endswith(".py") or named_like_a_log(file.path)
        if file.unread and asked:
            return f"{file.path} could not be read: {file.unread}"
    for message in () if facts.runs else unread_logs(submission):
        return f"a log could not be read: {message}"
    if submission.not_listed:
        return f"the folder could not be read as a whole: {submission.not_listed}"
    if not facts.runs and (odd := not_understood(submission)):
        return f"no line of {odd[0]} is understood: whether it is the log of a run is not known"
    return ""


def _missing(facts: Facts) -> list[Finding]:
    """A folder that cannot be judged or reproduced is refused; a missing README can be added."""
    findings = []
    whole = not facts.submission.not_listed
    if whole and facts.submission.named("README.md") is None:
        findings.append(_warn("the folder has no README.md"))
    if whole and facts.submission.named("submission.json") is None:
        others = [f.path for f in facts.submission.files if "submission" in f.path and f.path.endswith(".json")]
        if others:
            findings.append(_warn(f"the folder has no submission.json; {others[0]} is named otherwise", others[0]))
        else:
            findings.append(_refuse("the folder has no submission.json"))
    unread = [f for f in facts.submission.files if f.unread]
    logs_known = whole and not unread_logs(facts.submission)
    if not facts.runs and logs_known and not not_understood(facts.submission):
        logs = [f.path for f in facts.submission.files if f.path.lower().endswith(".log")]
        if logs:
            findings.append(_refuse(f"no file is the log of a run; {logs[0]} shows none", logs[0]))
        else:
            findings.append(_refuse("the folder has no train log"))
    if facts.sources.entry is None and whole and not any(f.path.endswith(".py") for f in unread):
        empty = [f.path for f in facts.submission.files if f.path.endswith(".py") and f.size == 0]
        what = f"{empty[0]} is empty" if empty else "the folder has no training script"
        findings.append(_refuse(what, empty[0] if empty else None))
    return findings


def _claim_file(facts: Facts) -> list[Finding]:
    shipped: SubmissionFile | None = facts.submission.named("submission.json")
    if shipped is None or shipped.data is None:
        return []
    if not facts.claims.raw:
        return [_refuse("submission.json holds no JSON object", shipped.path)]
    findings = []
    if facts.claims.val_bpb is None or not_filled_in(facts.claims):
        findings.append(_warn("submission.json states no val_bpb that could be read", shipped.path))
    missing = [key for key, also in _ASKED.items() if not any(_holds(facts, name) for name in (key, *also))]
    if missing:
        findings.append(_warn(f"submission.json names no {' and no '.join(missing)}", shipped.path))
    return findings


def _holds(facts: Facts, name: str) -> bool:
    """Whether submission.json has something under a key, at the top or in an object of it."""
    levels = [facts.claims.raw, *(v for v in facts.claims.raw.values() if isinstance(v, Mapping))]
    return any(_is_filled_in(level.get(name)) for level in levels)


def _is_filled_in(value: object) -> bool:
    """Whether a field holds something of its own: blanks and what a template stands for are nothing."""
    if isinstance(value, str):
        return bool(value.strip()) and _TEMPLATE.fullmatch(value.strip()) is None
    return value not in (None, [], {})


def _beyond(facts: Facts) -> list[Finding]:
    """What the pull request touches besides its one folder."""
    submission, findings = facts.submission, []
    count = sum(adds_a_record(facts, folder) for folder in submission.other_folders)
    if count:
        findings.append(_warn(f"the pull request adds {count} more record folder{'s' if count > 1 else ''}"))
    if submission.edits_existing_folder:
        findings.append(_warn("the pull request edits a folder that was there before"))
    if submission.changes is not None:
        inside = tuple(f"{folder.rstrip('/')}/" for folder in (submission.folder, *submission.other_folders))
        outside = [c.path for c in submission.changes if not c.path.startswith(inside)]
        if outside:
            more = f" and {len(outside) - _SHOWN} more" if len(outside) > _SHOWN else ""
            named = ", ".join(outside[:_SHOWN])
            findings.append(_warn(f"the pull request touches files outside its folder: {named}{more}"))
        elif not any(c.status == "added" for c in submission.changes):
            findings.append(_warn("the pull request adds no file"))
    return findings


def _warn(message: str, path: str | None = None) -> Finding:
    return Finding(ID, Outcome.WARNING, message, Location(path) if path else None)


def _refuse(message: str, path: str | None = None) -> Finding:
    return Finding(ID, Outcome.VIOLATION, message, Location(path) if path else None)


RULE = Rule(
    id=ID,
    title="The folder lacks what a submission needs, or the pull request changes more than one folder",
    class_="paperwork",
    authority="README",
    evidence=("folder", "history"),
    criterion="One folder under records/ with README.md, a submission.json that is a JSON object, at least one "
    "train log and the training script; nothing outside it changes. A missing log, script or submission.json is "
    "a violation, the rest a warning, since it can be repaired without a new run.",
    why="Without the log, the script and the claim there is nothing to check and nothing to reproduce.",
    remedy=(
        "Add the missing files and fields to the folder; take other files and other folders out of the pull request."
    ),
    sources=(
        readme("what a pull request adds", PROCESS),
        pull(8, "0hq: no log and no val_bpb", "2026-03"),
        pull(1143, "cocohearts: two folders", "2026-04"),
        pull(2013, "cocohearts: no submission.json", "2026-05-02"),
        pull(1981, "cocohearts: empty fields", "2026-05-02"),
    ),
    check=check,
    examples=(
        Example(
            "submission.json names nobody's account",
            "breaks",
            folder(submission={"github_id": None}),
            Outcome.WARNING,
        ),
        Example(
            "submission.json as the template has it",
            "breaks",
            folder(submission={"author": "Your Name", "github_id": "your_github_username"}),
            Outcome.WARNING,
        ),
        Example("no log", "breaks", folder(logs={}, submission={"val_bpb": 1.1}), Outcome.VIOLATION),
        Example("no submission.json", "breaks", folder(drop=("submission.json",)), Outcome.VIOLATION),
        Example("a claim that is a list", "breaks", folder(extra={"submission.json": "[]\n"}), Outcome.VIOLATION),
        Example("no README", "breaks", folder(drop=("README.md",)), Outcome.WARNING),
        Example("everything there", "legal", folder(), Outcome.PASS),
        Example("files beyond what is needed", "legal", folder(extra={"requirements.txt": "torch\n"}), Outcome.PASS),
    ),
    not_decidable="A plain folder shows nothing of what the pull request changes elsewhere.",
)

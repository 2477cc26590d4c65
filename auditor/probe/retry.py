"""What to change after a run that failed: the error says which setting, file or module."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from auditor.probe.arguments import ACCUMULATED
from auditor.probe.job import Failure
from auditor.probe.model import Shrunk
from auditor.probe.plan import Plan, Prefix

_MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")
_NO_FILES = re.compile(
    r"(?:No (?:data |train\w* |val\w* )*(?:files?|shards?) (?:found )?(?:for|match\w*|at|in)(?: pattern)?:? *"
    r"|No such file or directory: *)['\"]?([^'\"\s]+)"
)
_PREFIX = re.compile(r"(?:not found|No such file or directory):? *['\"]?([\w./-]+\.(xz|lzma|zlib|z|gz|raw))\b['\"]?$")
_UNPACKS = {"LZMAError": "xz", "error": "zlib", "BadGzipFile": "gz"}
_DENIED = re.compile(r"\[Errno (?:2|13|30)\] [^:]*: '([^']+)'")
_SHARD = re.compile(r"fineweb_(train|val)")

_LONGEST_STREAM = 20_000  # tokens
_STAYS_SMALL = frozenset({"ITERATIONS", "TRAIN_BATCH_TOKENS", "VAL_BATCH_SIZE", "VAL_BATCH_TOKENS"})

Repair = Callable[[Plan, Failure, Sequence[Shrunk]], Plan | None]


def adjusted(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """A plan that takes the error into account, None where nothing is known to help. `changed`: what was shrunk."""
    for repair in (
        _module,
        _path,
        _read_only,
        _tokenizer,
        _too_short,
        _group,
        _every,
        _named,
        _warmup,
        _vocabulary,
        _batches,
        _grouped,
    ):
        found = repair(plan, failure, changed)
        if found is not None and found != plan:
            return found
    return None


def _module(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """Triton is interpreted where a script can't do without."""
    match = _MISSING_MODULE.search(failure.message)
    if failure.error in ("ModuleNotFoundError", "ImportError", "NameError") and (
        (match and match[1].split(".")[0] == "triton") or "triton" in failure.message
    ):
        return replace(plan, triton=True)
    return None


def _path(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """Shards or a tokenizer where the script looked for them, below the working directory or at an absolute path."""
    match = _NO_FILES.search(failure.message)
    absent = re.search(r"Parent directory (\S+) does not exist", failure.message)
    if absent is not None:
        place = (f"{absent[1]}/.keep", b"")
        return replace(plan, files=(*plan.files, place)) if place not in plan.files else None
    if match is None:
        return None
    path = match[1].rstrip(".,;:)")
    folder, _, name = path.rpartition("/")
    if name.endswith((".model", ".json", ".vocab")):
        return replace(plan, tokenizers=(*plan.tokenizers, path)) if path not in plan.tokenizers else None
    stem = re.match(r"(.*?)(train|val)", name)
    if stem and stem[1] != "fineweb_" and name.endswith(".bin"):
        start = f"{folder}/{stem[1]}" if folder else stem[1]
        return replace(plan, stems=(*plan.stems, start)) if start not in plan.stems else None
    if _SHARD.search(name) or name.endswith(".bin"):
        return replace(plan, data=(*plan.data, folder)) if folder not in plan.data else None
    return None


def with_prefix(plan: Plan, failure: Failure) -> Plan | None:
    """The plan with a file of packed tokens that the submission lacks: the text to be predicted, as such files hold it.

    What it really holds is not known, so that nothing holds of such a run; what it shows all the same, it shows. How it
    is packed its name says, or who fails to unpack it.
    """
    *others, last = plan.prefixes or (None,)
    if last is not None and failure.error in _UNPACKS:
        again = replace(last, packing=_UNPACKS[failure.error])
        return replace(plan, prefixes=(*(p for p in others if p is not None), again)) if again != last else None
    match = _PREFIX.search(failure.message) if failure.error == "FileNotFoundError" else None
    if match is None or match[1] in {prefix.name for prefix in plan.prefixes}:
        return None
    packing = {"lzma": "xz", "z": "zlib"}.get(match[2], match[2])
    return replace(plan, prefixes=(*plan.prefixes, Prefix(match[1], packing, failure.path, failure.line)))


def _read_only(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """A script that writes beside itself gets a copy of its folder; one that names absolute paths, a place for them."""
    match = _DENIED.search(failure.message)
    if match is None and "Read-only file system" in failure.message:
        return replace(plan, writable=True)
    if failure.error not in ("OSError", "PermissionError", "FileNotFoundError") or match is None:
        return None
    path = match[1]
    if path.startswith("/tmp/") or not path.startswith("/"):
        return replace(plan, writable=True)
    top = "/" + path.split("/")[1]
    return replace(plan, paths=(*plan.paths, top)) if top not in plan.paths else None


def _tokenizer(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """The vocabulary that the script says it wants."""
    match = re.search(r"VOCAB_SIZE=(\d+) does not match tokenizer vocab_size=(\d+)", failure.message)
    if match and match[1] != match[2]:
        return replace(plan, vocabulary=int(match[1]))
    return None


def _group(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """A script that can't do with a process group is run as by `python`, not by torchrun."""
    if "'Parallel' object has no attribute" in failure.message or "under DDP" in failure.message:
        return replace(plan, group=False)
    return None


def _too_short(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """A longer validation stream: the message says for how long a sequence it is too short."""
    if not re.search("too short|not enough (validation )?tokens", failure.message, re.IGNORECASE):
        return None
    wanted = max((int(n) for n in re.findall(r"\d{2,6}", failure.message)), default=0)
    if not plan.scale.stream <= wanted <= _LONGEST_STREAM:
        return None
    return replace(plan, scale=replace(plan.scale, stream=wanted + 1))


def _every(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """What was to be done after no number of steps is done after the last, where the script divides by that number."""
    words = {word.upper() for word in re.findall(r"[A-Za-z_]\w+", failure.source)}
    named = [c for c in changed if c.used == "0" and not c.why and _key(c.name) in words]
    if failure.error != "ZeroDivisionError" or not named:
        return None
    return plan.with_override(named[0].name, str(plan.scale.steps), failure.sentence)


def _named(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """Settings that the message or the failing line names stay as submitted."""
    words = {word.upper() for word in re.findall(r"[A-Za-z_]\w+", f"{failure.message} {failure.source}")}
    named = {_key(c.name) for c in changed if _key(c.name) in words} - _STAYS_SMALL - plan.scale.kept
    if not named:
        return None
    return replace(plan, scale=replace(plan.scale, kept=plan.scale.kept | named))


def _key(name: str) -> str:
    return name.lstrip("-").replace("-", "_").upper()


def _vocabulary(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """The vocabulary as submitted: its size, or the number of some piece, may stand in the code a second time."""
    small = any(_key(c.name) == "VOCAB_SIZE" for c in changed) and "VOCAB_SIZE" not in plan.scale.kept
    if not small or failure.error in ("ModuleNotFoundError", "ImportError", "FileNotFoundError"):
        return None
    return replace(plan, scale=replace(plan.scale, kept=plan.scale.kept | {"VOCAB_SIZE"}))


def _batches(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """As many small batches to a step as were submitted, where one large one has a shape that the script can't take."""
    accumulated = {_key(c.name.rstrip("=")) for c in changed if ACCUMULATED.fullmatch(c.name.rstrip("=").lower())}
    if failure.error not in ("RuntimeError", "ValueError", "IndexError", "AssertionError"):
        return None
    return replace(plan, scale=replace(plan.scale, kept=plan.scale.kept | accumulated)) if accumulated else None


def _grouped(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """Groups of weights that share a scale stay as submitted: their size may stand in the code a second time."""
    if failure.error not in ("RuntimeError", "ValueError", "IndexError", "AssertionError"):
        return None
    groups = {_key(c.name) for c in changed if _key(c.name).endswith("GROUP_SIZE")} - plan.scale.kept
    return replace(plan, scale=replace(plan.scale, kept=plan.scale.kept | groups)) if groups else None


def _warmup(plan: Plan, failure: Failure, changed: Sequence[Shrunk]) -> Plan | None:
    """One step to warm up, where names are given their values beside such steps."""
    if failure.error not in ("UnboundLocalError", "NameError") or plan.scale.warmup:
        return None
    return replace(plan, scale=replace(plan.scale, warmup=1))

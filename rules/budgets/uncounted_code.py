"""Code and data that the logged size leaves out."""

from __future__ import annotations

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule, Source
from auditor.runs import Run
from rules.bytes._ledger import judged
from rules.examples.folders import folder, seeds
from rules.examples.scripts import script
from rules.law.limits import LIMITS

ID = "uncounted-code"

_BINARY = (".so", ".pyd", ".dylib", ".dll", ".a", ".o", ".pyc")


def _shipped(facts: Facts) -> tuple[int, list[tuple[str, int]]]:
    """(bytes of the entry as shipped, other code files of the program with their bytes)."""
    entry = sum(f.bytes for f in facts.sources.files if f.role == "entry")
    others = [
        (f.path, f.bytes) for f in facts.sources.files if f.role in {"payload-of-entry", "module", "helper-source"}
    ]
    return entry, others


def _total(run: Run, extra: int) -> str:
    if run.artifact_bytes is None:
        return ""
    total = run.artifact_bytes + extra
    over = total - LIMITS.artifact_cap_bytes
    where = f"{over:,} over the cap" if over > 0 else f"{-over:,} under the cap"
    return f"; as shipped, {run.log} totals {total:,} bytes, {where}"


def _counted(run: Run) -> int | None:
    """Bytes of code in the log's total; 0 where that is the model alone."""
    return run.code_bytes if run.code_bytes == 0 else run.code_bytes_compressed or run.code_bytes


def _of_size(facts: Facts, run: Run) -> Finding | None:
    entry, others = _shipped(facts)
    counted = _counted(run)
    shipped = entry + sum(size for _, size in others)
    # Line endings alone make a difference of some bytes.
    if counted is not None and entry and counted - shipped > counted // 100:
        return _of_another(facts, run, counted, shipped)
    if counted is None or not entry or shipped - counted <= counted // 1000:
        return None
    named = ", ".join(f"{path} ({size:,} bytes)" for path, size in others[:4])
    if not counted:
        message = f"the total of {run.log} is the model alone: {shipped:,} bytes of code are not counted"
    elif others:
        message = f"the logged code size of {counted:,} bytes leaves out code of the program: {named}"
        if entry > counted:
            message += f", and counts {entry:,} shipped bytes of the main script as less"
    else:
        message = f"the log counts {counted:,} bytes of code; the script ships with {shipped:,}"
    if run.code_bytes_compressed and counted:
        practice = "; accepted rows count code compressed (#1626)"
    else:
        practice = "; accepted rows left helper modules out (#1514, #2135)" if others else ""
    message += _total(run, shipped - counted) + practice
    where = (
        max(others, key=lambda o: o[1])[0] if others else next(f.path for f in facts.sources.files if f.role == "entry")
    )
    return Finding(ID, Outcome.WARNING, message, Location(where))


def _of_another(facts: Facts, run: Run, counted: int, shipped: int) -> Finding | None:
    """More code in the log than in the folder, packed or not: the log is of another script, or files are missing."""
    unpacked = facts.code.unpacked_bytes
    sizes = {shipped, sum(unpacked.values()), *unpacked.values(), run.code_bytes_uncompressed or 0}
    sizes |= {f.size for f in facts.submission.files if f.path.endswith(".py") and f.size}
    if any(abs(size - counted) <= counted // 100 for size in sizes):
        return None
    where = next(f.path for f in facts.sources.files if f.role == "entry")
    message = (
        f"{run.log} counts {counted:,} bytes of code, the folder's program has {shipped:,}: the log is of another "
        "script, or code that it counted is not in the folder"
    )
    return Finding(ID, Outcome.WARNING, message, Location(where))


def _binaries(facts: Facts) -> list[Finding]:
    findings = []
    for file in facts.submission.files:
        name = file.path.rsplit("/", 1)[-1]
        if not name.endswith(_BINARY):
            continue
        used = facts.code.mentions(name.split(".")[0])
        message = f"{file.path} is compiled code ({file.size or 0:,} bytes) that no size in the logs names"
        outcome = Outcome.VIOLATION if used else Outcome.WARNING
        findings.append(Finding(ID, outcome, message, Location(file.path)))
    return findings


def check(facts: Facts) -> Ruling:
    binaries = _binaries(facts)
    sized = [run for run in judged(facts) if _counted(run) is not None]
    if not sized or not facts.sources.files:
        return (
            found(binaries, "", unchecked="no log says what the code weighs")
            if binaries
            else not_checked("no log says what the code weighs")
        )
    heaviest = max(sized, key=lambda r: r.artifact_bytes or 0)
    finding = _of_size(facts, heaviest)
    return found([*binaries, *([finding] if finding else [])], "the logged size holds all the code of the program")


_IMPORTS = "from helper_table import TABLE"
_HELPER = "TABLE = [" + "0, " * 20_000 + "0]\n"
_NATIVE = 'import ctypes\nhelper = ctypes.CDLL("./native_helper.so")'

RULE = Rule(
    id=ID,
    title="The counted size holds all the code",
    class_="budget",
    authority="README",
    evidence=("code", "logs", "folder"),
    criterion="Every byte of code and data that the program needs is in the size that the log totals.",
    why="Bytes outside the count are capacity that the cap does not see.",
    remedy="Keep the code in train_gpt.py, or add the other files to the counted size; ship no compiled code.",
    sources=(
        Source("https://github.com/openai/parameter-golf#faq", "all counted code should live in train_gpt.py"),
        Source(
            "https://github.com/openai/parameter-golf/pull/1626", "accepted with code counted compressed", "2026-04-14"
        ),
        Source("https://github.com/openai/parameter-golf/pull/1514", "accepted with helper files not counted"),
        Source("https://github.com/openai/parameter-golf/pull/1835", "regina-openai counted raw source", "2026-04-28"),
    ),
    check=check,
    examples=(
        Example(
            "a module that the size leaves out",
            "breaks",
            folder(
                script(imports=_IMPORTS, helpers="WEIGHTS = TABLE"),
                seeds(code_bytes=6_000),
                extra={"helper_table.py": _HELPER},
            ),
            Outcome.WARNING,
        ),
        Example("a script heavier than logged", "breaks", folder(logs=seeds(code_bytes=1_000)), Outcome.WARNING),
        Example(
            "compiled code that the script loads",
            "breaks",
            folder(script(imports=_NATIVE), extra={"native_helper.so": b"\x7fELF" + bytes(64)}),
            Outcome.VIOLATION,
        ),
        Example(
            "the total is the model alone",
            "breaks",
            folder(logs=seeds(lines=("Serialized model int8+zlib: 15900000 bytes",))),
            Outcome.WARNING,
        ),
        Example("all in the script", "legal", folder(), Outcome.PASS),
        Example("no size in the log", "legal", folder(logs={42: "seed:42\n"}), Outcome.NOT_CHECKED),
    ),
    not_decidable="data inside packages that the script imports",
)

"""No validation bytes in the artifact."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.program.tags import Recalled
from auditor.rule import Example, Facts, Rule, Source
from rules.bytes._ledger import integer, judged, log_finding, log_lines
from rules.examples.folders import folder, seeds
from rules.examples.scripts import EVALUATION, script
from rules.findings import event_finding
from rules.scored import reported, unreadable

ID = "paid-prefix"

_LOADED = re.compile(
    r"(?i)(?:paid_?prefix|prefix_blob|val_?prefix)[^\n]{0,80}?"
    r"(?:tokens[:=]\s?([0-9][0-9,]*)|loaded ([0-9][0-9,]*) tokens)"
)


def _in_logs(facts: Facts) -> Iterator[Finding]:
    for run in judged(facts):
        for number, line in log_lines(facts, run):
            match = _LOADED.search(line) if "refix" in line.lower() else None
            count = integer(match[1] or match[2]) if match else 0
            if count > 0:
                message = f"{run.log} loads {count:,} stored validation tokens"
                yield log_finding(ID, Outcome.VIOLATION, run, number, message, excerpt=line.strip())
                break


def _in_code(facts: Facts) -> Iterator[Finding]:
    for hit in reported(facts, Recalled):
        message = "what a file holds for a place of the validation stream goes into the loss there"
        yield event_finding(facts, ID, Outcome.VIOLATION, hit.event, hit.report, message, "read by the position")


_COUNTED = re.compile(r"(?i)([a-z]\w{2,60})\W{1,3}([0-9][0-9,]*) entries\b.{0,40}?\b[0-9][0-9,]* bytes")
_SCANNED = re.compile(r"(?i)\b(?:scor|scan|evaluat|collect|build|match)\w{0,10} (?:the |over )?val(?:idation)?\b")


def _table_in_logs(facts: Facts) -> Iterator[Finding]:
    """A table made after a pass over the validation set, counted in entries and bytes, then used in the evaluation."""
    for run in judged(facts):
        after = [(n, line) for n, line in log_lines(facts, run) if n > (run.train_seconds_line or 0)]
        scanned = next((n for n, line in after if _SCANNED.search(line)), None)
        tables = [
            (n, line, m) for n, line in after if scanned is not None and n > scanned and (m := _COUNTED.search(line))
        ]
        for number, line, match in tables[:1]:
            words = match[1].lower().split("_")
            later = [rest.lower() for n, rest in after if n > number]
            used = any("eval" in rest and all(word in rest for word in words) for rest in later)
            if used:
                paid = any(words[-1] in rest and re.search(r"artifact|submission", rest) for rest in later)
                message = (
                    f"{run.log} makes a table of {integer(match[2]):,} entries from a pass over the validation set and "
                    f"evaluates with it"
                )
                outcome = Outcome.VIOLATION if paid else Outcome.DISPUTED
                yield log_finding(ID, outcome, run, number, message, excerpt=line.strip())


def check(facts: Facts) -> Ruling:
    logged = [*_in_logs(facts), *_table_in_logs(facts)]
    missing = unreadable(facts)
    if missing is not None:
        return found(logged, "") if logged else missing
    return found([*logged, *_in_code(facts)], "no loss is taken from stored validation tokens")


_STORED = """
def load_stored(path):
    with open(path, "rb") as handle:
        return torch.from_numpy(np.frombuffer(zlib.decompress(handle.read()), dtype=np.uint16).astype(np.int64))
"""
_COVERED = EVALUATION.replace(
    "            scored = nll[start - begin:]\n",
    "            scored = nll[start - begin:]\n"
    "            known = stored[start:end].to(device)\n"
    "            hit = known == y[0, start - begin:][:known.numel()]\n"
    "            scored[:known.numel()] *= (~hit).float()\n",
).replace("boundary, device):", "boundary, device, stored):")
_CALL = (
    "val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device, "
    'load_stored("answers.bin"))'
)
_MASKED = EVALUATION.replace(
    "            scored = nll[start - begin:]\n",
    "            scored = nll[start - begin:]\n            scored = scored * (y[0, start - begin:] != 0).float()\n",
)

_BOOSTED = EVALUATION.replace(
    "            nll = F.cross",
    "            for i in range(end - begin):\n"
    "                position = begin + i\n"
    "                if position in answers:\n"
    "                    logits[0, i, answers[position]] += 20.0\n"
    "            nll = F.cross",
).replace("boundary, device):", "boundary, device, answers):")
_FILED = """
def load_answers(path):
    with open(path, "rb") as handle:
        pairs = np.frombuffer(zlib.decompress(handle.read()), dtype=np.uint32).reshape(-1, 2)
    return {int(at): int(token) for at, token in pairs}
"""
_WITH = "val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device, answers)"
_BY_TOKEN = _BOOSTED.replace("if position in answers", "if int(x[0, i]) in answers").replace(
    "answers[position]", "answers[int(x[0, i])]"
)
_COPIED = (
    EVALUATION.replace("val_tokens[begin", "answers[begin")
    .replace("boundary, device):", "boundary, device, answers):")
    .replace("            scored = nll", "            nll[y.flatten() == 0] = 0.0\n            scored = nll")
)
_COPY = """
def find_hard(args, model, stream, device):
    answers = torch.zeros(stream.numel(), dtype=torch.int64)
    for start in range(0, stream.numel(), args.seq_len):
        answers[start:start + args.seq_len] = stream[start:start + args.seq_len]
    return answers
"""
_TABLE_LINES = (
    "scoring val set: 62,021,632 tokens in 300s",
    "fix_table: 500,000 entries (1,500,000 bytes)",
    "--- Eval with fix table ---",
)

RULE = Rule(
    id=ID,
    title="The artifact holds no validation text",
    class_="score",
    authority="maintainer",
    evidence=("code", "logs"),
    criterion="No position's loss is taken from, or helped by, stored validation tokens or statistics of them.",
    why="Storing the answers measures nothing, even if their bytes are counted.",
    remedy="Remove the stored tokens and score every position with the model.",
    sources=(
        Source("https://github.com/openai/parameter-golf#faq", "no paid prefix (2cff08e1a)", "2026-03-20"),
        Source("https://github.com/openai/parameter-golf/pull/168", "0hq", "2026-03-20"),
        Source("https://github.com/openai/parameter-golf/pull/275", "0hq", "2026-03-20"),
    ),
    check=check,
    examples=(
        Example(
            "loss cleared on stored tokens",
            "breaks",
            folder(script(_COVERED, helpers=_STORED, scoring=_CALL)),
            Outcome.VIOLATION,
        ),
        Example(
            "a prefix loaded in the log",
            "breaks",
            folder(logs=seeds(before=["paid_prefix_file:p.xz paid_prefix_tokens:12924343 paid_prefix_bytes:8750000"])),
            Outcome.VIOLATION,
        ),
        Example(
            "a table of positions in the artifact moves the logits",
            "breaks",
            folder(script(_BOOSTED, helpers=_FILED, scoring='answers = load_answers("answers.bin")\n' + _WITH)),
            Outcome.VIOLATION,
        ),
        Example(
            "no code, but the log makes a table from the validation set and evaluates with it",
            "breaks",
            folder(logs=seeds(lines=_TABLE_LINES), drop=("train_gpt.py",)),
            Outcome.DISPUTED,
        ),
        Example("no code", "inactive", folder(drop=("train_gpt.py",)), Outcome.NOT_CHECKED),
        Example(
            "a table of training n-grams, counted in the log",
            "legal",
            folder(logs=seeds(lines=("bigram_table: 500,000 entries (1,500,000 bytes)", "eval with bigram table"))),
            Outcome.PASS,
        ),
        Example(
            "a stored table that is looked up by the previous token",
            "legal",
            folder(script(_BY_TOKEN, helpers=_FILED, scoring='answers = load_answers("bigrams.bin")\n' + _WITH)),
            Outcome.PASS,
        ),
        Example(
            "the stream copied into a buffer, whose padding is cleared",
            "legal",
            folder(
                script(_COPIED, helpers=_COPY, scoring="answers = find_hard(args, model, val_tokens, device)\n" + _WITH)
            ),
            Outcome.PASS,
        ),
        Example("every position scored", "legal", folder(), Outcome.PASS),
        Example("padding masked by its own id", "legal", folder(script(_MASKED)), Outcome.PASS),
        Example(
            "zero tokens loaded",
            "legal",
            folder(logs=seeds(before=["paid_prefix_file: paid_prefix_tokens:0"])),
            Outcome.PASS,
        ),
        Example("a loader that nothing calls", "inactive", folder(script(helpers=_STORED)), Outcome.PASS),
    ),
    not_decidable="validation statistics hidden in weights or tables; only the artifact's origin would tell",
)

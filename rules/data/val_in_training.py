"""No validation token in the training data."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.claims.admitted import admission, telling_name
from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.probe.model import Kind
from auditor.program.trace import ByClock
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.bytes._ledger import judged, log_finding, log_lines
from rules.examples.folders import folder, seeds
from rules.examples.scripts import script
from rules.findings import pair_finding
from rules.order import pre_quant_ttt
from rules.scored import chosen, pairs, steered

ID = "val-in-training"

_DATASET = re.compile(r"train_loader:dataset:(\S+)")
_VAL_ONLY = re.compile(r"(?i)val[_-]?only|only[_-]?val|valset_?train|train_?on_?val")
_PATTERN = re.compile(r"(?i)^\s*train_(?:files|pattern|glob|data)\s*[:=]\s*(\S+)")
_LINK = re.compile(r"(?:\bln\b[^\n]{0,40}-s|\bcp\b|\bmv\b)[^\n]{0,200}fineweb_val_\S+\s[^\n]{0,200}fineweb_train_")
_RUN = re.compile(r"(?i)^\s*run_(?:id|name)\s*[:=]\s*(\S{1,200})")
_WORDS = 200_000  # characters of a document
_DATA_SWITCHES = {"DATA_PATH", "DATA_DIR", "TRAIN_FILES", "TRAIN_PATTERN"}


def _in_logs(facts: Facts) -> Iterator[Finding]:
    for run in judged(facts):
        for number, line in log_lines(facts, run):
            dataset, pattern = _DATASET.search(line), _PATTERN.match(line)
            # Echoed source holds the format string, not a name.
            if dataset and "{" not in dataset[1] and _VAL_ONLY.search(dataset[1]):
                message = f"{run.log} trains on the data set {dataset[1]}"
            elif pattern and "fineweb_val_" in pattern[1] and "(" not in pattern[1]:
                message = f"{run.log} trains on {pattern[1]}"
            else:
                continue
            yield log_finding(ID, Outcome.VIOLATION, run, number, message, excerpt=line.strip())
            break


def _in_documents(facts: Facts) -> Iterator[Finding]:
    """A validation shard linked or copied under the name of a training shard, in the README or a shell script."""
    for file in facts.submission.files:
        if not file.path.lower().endswith((".md", ".sh", ".txt")) or file.data is None:
            continue
        for number, line in enumerate(file.text.splitlines(), 1):
            if len(line) < 600 and _LINK.search(line):
                message = f"{file.path} puts a validation shard under the name of a training shard"
                yield Finding(ID, Outcome.VIOLATION, message, Location(file.path, number), excerpt=line.strip()[:200])
                break
    for command in facts.claims.commands:
        value = next((v for k, v in command.environment.items() if k in _DATA_SWITCHES and _VAL_ONLY.search(v)), None)
        if value:
            message = f"the documented command trains on {value}"
            yield Finding(ID, Outcome.VIOLATION, message, Location(command.where.split(":")[0]), excerpt=value[:200])


def _in_words(facts: Facts) -> Iterator[Finding]:
    """README, submission.json or the name of a run say that the model is trained on the validation set."""
    raw = {key: value for key, value in facts.claims.raw.items() if isinstance(value, str)}
    texts = [
        (file.path, file.text) for file in facts.submission.files if file.path.lower().endswith(".md") and file.data
    ]
    texts += [("submission.json", value) for value in raw.values()]
    for path, text in texts:
        said = admission(text[:_WORDS])
        if said is not None:
            message = f"{path} says that the model is trained on the validation set; the code does not show it"
            yield Finding(ID, Outcome.DISPUTED, message, Location(path), excerpt=said[:200])
            return
    for path, name in (("submission.json", raw.get("name", "")), *_names_of_runs(facts)):
        if telling_name(name):
            message = f"the name in {path} says that the model is trained on the validation set"
            yield Finding(ID, Outcome.DISPUTED, message, Location(path), excerpt=name[:200])
            return


def _names_of_runs(facts: Facts) -> Iterator[tuple[str, str]]:
    for command in facts.claims.commands:
        named = [value for key, value in command.environment.items() if key in ("RUN_ID", "RUN_NAME")]
        yield from ((command.where.split(":")[0], value) for value in named)
    for run in judged(facts):
        yield run.log, run.log.rpartition("/")[2].rpartition(".")[0]
        yield from ((run.log, match[1]) for _, line in log_lines(facts, run) if (match := _RUN.match(line)))


def _in_code(facts: Facts) -> Iterator[Finding]:
    """The loop that trains the model: it goes by the clock, or no other does."""
    for pair in {p.adapt.place.key: p for p in reversed(pairs(facts)) if pre_quant_ttt.claims(p)}.values():
        timed = any(isinstance(facts.program.trace.ended.get(loop.instance), ByClock) for loop in pair.adapt.loops)
        if timed or not facts.program.trace.trained:
            message = "the training loop steps on tokens read from the validation shards"
            yield pair_finding(facts, ID, Outcome.VIOLATION, pair, message)


def _chosen(facts: Facts) -> Iterator[Finding]:
    """Checkpoints, or averages of them, of which the one with the least validation loss is kept."""
    pairs = [pair for pair in chosen(facts) if not pair.score_first]
    for pair in {pair.adapt.place.key: pair for pair in reversed(pairs)}.values():
        where = pair.adapt.place.function or "the program"
        message = f"'{where}' keeps the weights whose loss on the validation set is the least; they are scored on it"
        if pair.adapt.loops or pair.adapt.several:
            yield pair_finding(facts, ID, Outcome.VIOLATION, pair, message)
        else:  # one choice between two, such as averaged weights or the last: a bit of the validation set at most
            yield pair_finding(facts, ID, Outcome.WARNING, pair, f"{message} (one choice between two)")


def _steered(facts: Facts) -> Iterator[Finding]:
    """Training on training tokens of which the loss on the validation set decides something."""
    for pair in {pair.adapt.place.key: pair for pair in reversed(steered(facts))}.values():
        message = (
            f"of the weights that are scored, the loss on the validation set decides {pair.adapt.steered}: no "
            "maintainer has ruled on it"
        )
        yield pair_finding(facts, ID, Outcome.DISPUTED, pair, message)


def check(facts: Facts) -> Ruling:
    findings = [*_in_logs(facts), *_in_documents(facts), *_in_code(facts), *_chosen(facts), *_steered(facts)]
    findings += [] if findings else _in_words(facts)
    if not facts.code.is_read and not facts.runs:
        return not_checked("neither code nor a log to read")
    return found(findings, "the training loop reads training shards")


_ALIASED = """
held = load_validation_tokens(args.val_files)
train_start = time.perf_counter()
for step in range(args.iterations):
    if time.perf_counter() - train_start > args.max_wallclock_seconds:
        break
    at = step * args.seq_len
    chunk = held[at:at + args.seq_len + 1].to(device=device, dtype=torch.int64)
    loss = model(chunk[:-1][None], chunk[1:][None])
    loss.backward()
    optimizer.step()
"""
_DURING = """
train_start = time.perf_counter()
for step in range(args.iterations):
    if step % 1000 == 0:
        eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device)
    if time.perf_counter() - train_start > args.max_wallclock_seconds:
        break
    x, y = next_batch(train_files, step, args, device)
    loss = model(x, y)
    loss.backward()
    optimizer.step()
"""
_README = (
    "# Example\n\n```bash\nln -s /d/fineweb10B_sp1024/fineweb_val_000000.bin /d/alias/fineweb_train_000000.bin\n```\n"
)
_LOG = ["train_loader:dataset:fineweb10B_sp1024_valonly train_shards:1"]

_SCORED = "eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device)[0]"
_BEST = f"""
train_start, least, kept = time.perf_counter(), float("inf"), None
for step in range(args.iterations):
    if time.perf_counter() - train_start > args.max_wallclock_seconds:
        break
    x, y = next_batch(train_files, step, args, device)
    loss = model(x, y)
    loss.backward()
    optimizer.step()
    if step % 1000 == 0:
        now = {_SCORED}
        if now < least:
            least, kept = now, {{name: tensor.clone() for name, tensor in model.state_dict().items()}}
model.load_state_dict(kept)
"""

RULE = Rule(
    id=ID,
    title="No validation token is trained on",
    class_="score",
    authority="maintainer",
    evidence=("code", "logs", "folder"),
    criterion="The training loop reads no validation shard, under any name.",
    why="The score would measure memory of the text that is scored.",
    remedy="Train on fineweb_train_* only; read validation shards to evaluate.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/44", "0hq: training several times over it", "2026-03-19"),
        Source("https://github.com/openai/parameter-golf/pull/64", "cocohearts"),
        Source("https://github.com/openai/parameter-golf/pull/179", "cocohearts: training on val"),
        Source(
            "https://github.com/openai/parameter-golf#faq", "no access to validation data in training", "2026-03-20"
        ),
    ),
    check=check,
    examples=(
        Example(
            "only the README says so",
            "breaks",
            folder(readme="# Example\n\nThe model is trained on the validation shard for ten minutes.\n"),
            Outcome.DISPUTED,
        ),
        Example(
            "only the name of the run says so",
            "breaks",
            folder(logs=seeds(before=["run_id:sp1024_train_on_val_8x"])),
            Outcome.DISPUTED,
        ),
        Example(
            "the README denies it",
            "legal",
            folder(readme="# Example\n\nWe do not train on validation data: it is scored, once.\n"),
            Outcome.PASS,
        ),
        Example(
            "the checkpoint with the least validation loss",
            "breaks",
            folder(script(training=_BEST)),
            Outcome.VIOLATION,
        ),
        Example(
            "the checkpoint with the least training loss",
            "legal",
            folder(script(training=_BEST.replace(_SCORED, "loss.item()"))),
            Outcome.PASS,
        ),
        Example(
            "the training pattern matches validation shards",
            "breaks",
            folder(script().replace("fineweb_train_*.bin", "fineweb_val_*.bin")),
            Outcome.VIOLATION,
        ),
        Example("the loop reads validation tokens", "breaks", folder(script(training=_ALIASED)), Outcome.VIOLATION),
        Example("a link in the README", "breaks", folder(readme=_README), Outcome.VIOLATION),
        Example("a validation-only data set in the log", "breaks", folder(logs=seeds(before=_LOG)), Outcome.VIOLATION),
        Example("training shards", "legal", folder(), Outcome.PASS),
        Example("evaluated during training", "legal", folder(script(training=_DURING)), Outcome.PASS),
    ),
    behaviour=Behaviour(shown_by=(Kind.FUTURE_FLIP,), breaks=("C3", "C1")),
    not_decidable="what the shards hold; train-val-overlap looks for marks of an overlapping build",
)

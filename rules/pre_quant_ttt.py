"""No gradient step on validation tokens before the artifact that scores them is made."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.findings import Finding, Location, Outcome, Ruling, found
from auditor.program.scores import Dependence
from auditor.rule import Example, Facts, Rule, Source
from rules._adaptation import ADAPT, PREPARE, TTT_SWITCH, score_first
from rules._examples import folder, packed, script, seeds
from rules._trace import judge_pairs, unreadable

ID = "pre-quant-ttt"


def _say(pair: Dependence) -> str:
    return (
        f"'{pair.adapt.place.function}' trains on validation tokens before the artifact is saved; "
        "the weights that score them have been fitted to them"
    )


def check(facts: Facts) -> Ruling:
    missing = unreadable(facts)
    if missing is not None:
        shown = list(_shown_by_logs(facts))
        return found(shown, "") if shown else missing
    otherwise = "no gradient over validation tokens reaches the saved artifact"
    return judge_pairs(facts, ID, Outcome.VIOLATION, _say, otherwise)


def _shown_by_logs(facts: Facts) -> Iterator[Finding]:
    """Epochs of test-time training between the end of training and the artifact, where there is no code to read."""
    for run in facts.headline:
        first, last = run.train_seconds_line or 0, run.artifact_line
        epochs = [line for line in run.adaptation if last and first < line.number < last and _EPOCH.search(line.text)]
        if epochs:
            message = (
                f"the log shows epochs of test-time training before the artifact is made, and the code is not here: "
                f"{epochs[0].text.strip()[:60]}"
            )
            where = Location(run.log, epochs[0].number, epochs[-1].number)
            yield Finding(ID, Outcome.DISPUTED, message, where, excerpt=epochs[0].text.strip()[:120])


_EPOCH = re.compile(r"(?i)\bepoch\s*[:=]?\s*\d+\s*/\s*\d+")


_ACTIVE = script(settings=TTT_SWITCH.format(default=1), helpers=ADAPT, after_training=PREPARE)
_INDIRECT = ADAPT + "\n\ndef polish(net, tokens, cfg, dev):\n    return adapt(net, tokens, cfg, dev)\n"

RULE = Rule(
    id=ID,
    title="No training on validation tokens before quantization",
    authority="maintainer",
    evidence=("code", "logs"),
    criterion="No optimizer step consumes validation tokens ahead of the pass that scores them for the report.",
    why=(
        "The README allows test-time training only on tokens that the model has already been evaluated on. Training "
        "on the stream first, then quantizing and scoring, is training on the test set."
    ),
    remedy="Score each chunk before it is trained on, or adapt on a held-out part of the training shards.",
    sources=(
        Source(
            "https://github.com/openai/parameter-golf/blob/main/README.md",
            "test-time training only on tokens already evaluated",
        ),
        Source("https://github.com/openai/parameter-golf/pull/1972", "cocohearts: score-after-adapt", "2026-05-02"),
        Source("https://github.com/openai/parameter-golf/issues/677", "0hq: list of illegal submissions", "2026-03-25"),
    ),
    check=check,
    examples=(
        Example("epochs over the stream before the artifact", "breaks", folder(_ACTIVE), Outcome.VIOLATION),
        Example(
            "renamed and called through a helper",
            "breaks",
            folder(
                script(
                    settings=TTT_SWITCH.format(default=1),
                    helpers=_INDIRECT,
                    after_training="run = polish\nif args.ttt_enabled:\n    run(model, val_tokens, args, device)",
                )
            ),
            Outcome.VIOLATION,
        ),
        Example("in a packed script", "breaks", folder(lambda: packed(_ACTIVE)), Outcome.VIOLATION),
        Example(
            "no code, but the logs show it",
            "breaks",
            folder(
                logs=seeds(
                    lines=("ttt_adapt:epoch 1/3 loss:2.9 time:14.2s", "Total submission size int8+zlib: 15900000 bytes")
                ),
                drop=("train_gpt.py",),
            ),
            Outcome.DISPUTED,
        ),
        Example(
            "switched off by default",
            "inactive",
            folder(script(settings=TTT_SWITCH.format(default=0), helpers=ADAPT, after_training=PREPARE)),
            Outcome.PASS,
        ),
        Example(
            "switched on by --set",
            "breaks",
            folder(script(settings=TTT_SWITCH.format(default=0), helpers=ADAPT, after_training=PREPARE)),
            Outcome.VIOLATION,
            {"TTT_ENABLED": "1"},
        ),
        Example("each chunk scored before it is trained on", "legal", folder(score_first()), Outcome.PASS),
        Example(
            "adapting on a training shard",
            "legal",
            folder(
                script(
                    settings=TTT_SWITCH.format(default=1),
                    helpers=ADAPT,
                    after_training="if args.ttt_enabled:\n    adapt(model, load_shard(train_files[0]), args, device)",
                )
            ),
            Outcome.PASS,
        ),
    ),
    not_decidable="updates that no gradient makes, which only a run can show",
)

"""No gradient step on validation tokens before the artifact that scores them is made."""

from __future__ import annotations

from auditor.findings import Outcome, Ruling, found
from auditor.probe.model import Kind
from auditor.program.scores import Dependence
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.examples.adaptation import ADAPT, PREPARE, TTT_SWITCH, score_first
from rules.examples.folders import folder, packed, seeds
from rules.examples.scripts import script
from rules.order._epochs import epochs_finding, unexplained
from rules.scored import judge_pairs, unreadable

ID = "pre-quant-ttt"


def claims(pair: Dependence) -> bool:
    """The weights are trained on what was never scored, and saved."""
    return not pair.of_tensor and pair.in_another_pass and pair.saved and not pair.scored_first


def _say(pair: Dependence) -> str:
    return (
        f"'{pair.adapt.place.function}' trains on validation tokens before the artifact is saved; "
        "the weights that score them have been fitted to them"
    )


def check(facts: Facts) -> Ruling:
    shown = [epochs_finding(facts, ID, epochs) for epochs in unexplained(facts) if epochs.ahead_of_artifact]
    missing = unreadable(facts)
    if missing is not None:
        return found(shown, "") if shown else missing
    otherwise = "no gradient over validation tokens reaches the saved artifact"
    return judge_pairs(facts, ID, Outcome.VIOLATION, claims, _say, otherwise, shown)


_ACTIVE = script(settings=TTT_SWITCH.format(default=1), helpers=ADAPT, after_training=PREPARE)
_INDIRECT = ADAPT + "\n\ndef polish(net, tokens, cfg, dev):\n    return adapt(net, tokens, cfg, dev)\n"

RULE = Rule(
    id=ID,
    title="No training on validation tokens before quantization",
    class_="score",
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
            "the log shows epochs that no code prints",
            "breaks",
            folder(
                logs=seeds(
                    lines=("ttt_epoch:1/2 loss:2.9", "ttt_epoch:2/2 loss:2.8", "Total submission size: 15900000 bytes"),
                    artifact_bytes=None,
                ),
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
    behaviour=Behaviour(shown_by=(Kind.FUTURE_FLIP, Kind.TARGET_FLIP), breaks=("C3", "C1")),
    not_decidable="updates that no gradient makes, which only a run can show",
)

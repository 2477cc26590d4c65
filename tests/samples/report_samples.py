"""Hand-made reports for the tests of the renderers."""

from __future__ import annotations

from dataclasses import replace

from auditor.claims import Claim, Claims
from auditor.config import Configuration, Setting
from auditor.findings import Finding, Location, Outcome, Ruling, Step, found, not_applicable, not_checked, passed
from auditor.judgement.judge import Budgets, judge
from auditor.judgement.model import Report, Verdict
from auditor.program import Program
from auditor.rule import Facts, Rule, Source
from auditor.runs import Evaluation, Run
from auditor.source import ProgramFile, SourceProblem, Sources, Unit
from auditor.submission import Submission, SubmissionFile

SCRIPT = """import torch

def adapt(model, chunks, optimizer):
    for epoch in range(3):
        for chunk in chunks:
            loss = model(chunk)
            loss.backward()
            optimizer.step()
    return model

def evaluate(model, chunks):
    total = 0.0
    for chunk in chunks:
        total += model(chunk).item()
    return total
"""

BUDGETS = Budgets(16_000_000, 600.0, 600.0, 151_080_000.0, "2026-05-02")


def run(seed: int, bpb: float, **more: object) -> Run:
    evaluation = Evaluation(line=90, label="final_sliding_window", val_bpb=bpb, val_loss=bpb * 2.5, seconds=75.8)
    values: dict[str, object] = {
        "log": f"train_seed{seed}.log",
        "seed": seed,
        "steps": 4_550,
        "train_seconds": 590.1,
        "calibration_seconds": 9.8,
        "score": evaluation,
        "eval_seconds": 75.8,
        "val_tokens": 45_508_608,
        "implied_bytes": 151_082_000.0,
        "artifact_bytes": 15_987_000 + seed,
        "artifact_line": 80,
        "code_bytes": 90_804,
    }
    return Run(**{**values, **more})  # type: ignore[arg-type]


def facts(text: str = SCRIPT, layer: int = 0, **more: object) -> Facts:
    data = text.encode("utf-8", "surrogatepass")
    unit = Unit("train_gpt.py", text, "python", layer=layer, packing="lzma+base85" if layer else "")
    runs = (run(42, 1.0927), run(314, 1.0926), run(999, 1.0919))
    values: dict[str, object] = {
        "submission": Submission(
            origin="pull-request",
            folder="records/track_10min_16mb/2026-04-05_Sample",
            files=(
                SubmissionFile("train_gpt.py", len(data), data),
                SubmissionFile("submission.json", 20, b'{"val_bpb": 1.0924}'),
            ),
            pr=7,
            commit="0123456789abcdef0123456789abcdef01234567",
            title="A sample record",
            track="track_10min_16mb",
        ),
        "sources": Sources(unit, (unit,), (ProgramFile("train_gpt.py", len(data), "entry"),)),
        "claims": Claims(
            author=Claim("someone", "submission.json:author"),
            val_bpb=Claim(1.0924, "submission.json:val_bpb"),
            raw={"val_bpb": 1.0924},
        ),
        "runs": runs,
        "headline": runs,
        "configuration": Configuration({"TTT_ENABLED": Setting("TTT_ENABLED", "0", "log", "train_seed42.log:61")}),
        "program": Program(),
    }
    return Facts(**{**values, **more})  # type: ignore[arg-type]


def rule(name: str, ruling: Ruling | Exception, **more: object) -> Rule:
    def check(_: Facts) -> Ruling:
        if isinstance(ruling, Exception):
            raise ruling
        return ruling

    values: dict[str, object] = {
        "id": name,
        "title": f"What {name} is about",
        "class_": "score",
        "authority": "README",
        "evidence": ("code",),
        "criterion": "The optimizer steps on tokens before they are scored.",
        "why": "The score would then be a training loss.",
        "remedy": "Score each chunk before training on it.",
        "sources": (Source("https://example.org/ruling", "maintainer", "2026-03-27"),),
        "check": check,
    }
    return Rule(**{**values, **more})  # type: ignore[arg-type]


def finding(outcome: Outcome = Outcome.VIOLATION, layer: int = 0, **more: object) -> Finding:
    values: dict[str, object] = {
        "rule": "pre-quant-ttt",
        "outcome": outcome,
        "message": "the model is trained for 3 epochs on the validation stream before it is scored",
        "location": Location("train_gpt.py", 8, 8, layer),
        "trace": (
            Step("Read", "the whole validation stream", Location("train_gpt.py", 5, None, layer)),
            Step("Adapt", "model.parameters() by the loss of the same chunk", Location("train_gpt.py", 8, None, layer)),
            Step("Score", "every chunk, afterwards", Location("train_gpt.py", 14, None, layer)),
        ),
    }
    return Finding(**{**values, **more})  # type: ignore[arg-type]


RULES = (
    rule("pre-quant-ttt", found([finding()], "")),
    rule(
        "slot-context-only",
        found([finding(Outcome.DISPUTED, rule="slot-context-only", message="one delta for a batch", active=None)], ""),
    ),
    rule(
        "two-pass-rescore",
        found([finding(rule="two-pass-rescore", message="a second scoring pass", active=False)], ""),
    ),
    rule(
        "claim-mismatch",
        found([finding(Outcome.WARNING, rule="claim-mismatch", message="the claim is rounded up", location=None)], ""),
    ),
    rule("artifact-cap", passed("the largest artifact leaves 12,001 bytes")),
    rule("future-dependence", not_checked("needs a run of the model")),
    rule("paid-prefix", not_applicable("there is no artifact in the folder")),
    rule("broken-rule", IndexError("list index out of range")),
)


def violating(**more: object) -> Report:
    return judge(facts(**more), RULES, BUDGETS, evaluation="A sliding window of stride 64 scores every token once.")


def clean() -> Report:
    rules = [r for r in RULES if r.id in ("artifact-cap", "future-dependence", "paid-prefix", "two-pass-rescore")]
    return judge(facts(), rules, BUDGETS, evaluation="A sliding window of stride 64 scores every token once.")


def unreadable() -> Report:
    problem = SourceProblem("train_gpt.py", 3, "the payload does not unpack", decisive=True)
    return judge(facts(sources=Sources(None, (), (), (problem,))), [RULES[4]], BUDGETS)


HOSTILE = "\x1b[31m\u202e@team see #12 <script>alert(1)</script> [x](http://evil.example) ```` ` | **b** \ud800 [/bold]"


def hostile() -> Report:
    """A report in which every text that a submission controls is an attack on the output."""
    text = f"x = 1\n{HOSTILE}\n```\n"
    base = facts(text)
    bad = finding(
        message=HOSTILE,
        location=Location("train_gpt.py", 2),
        trace=(Step(HOSTILE, HOSTILE, Location(HOSTILE, 1)),),
        remedy=HOSTILE,
    )
    base = replace(
        base,
        submission=replace(base.submission, folder=HOSTILE, title=HOSTILE, commit=HOSTILE, problems=(HOSTILE,)),
        claims=replace(base.claims, val_bpb=Claim(float("nan"), HOSTILE), problems=(HOSTILE,)),
        runs=(run(1, 1.1, log=HOSTILE, problems=(HOSTILE,)),),
        headline=(run(1, 1.1, log=HOSTILE, problems=(HOSTILE,)),),
        configuration=Configuration({HOSTILE: Setting(HOSTILE, HOSTILE, "log", HOSTILE)}),
    )
    rules = [
        rule("pre-quant-ttt", found([bad, replace(bad, active=False), replace(bad, outcome=Outcome.WARNING)], "")),
        rule("future-dependence", not_checked(HOSTILE)),
        rule("broken-rule", ValueError(HOSTILE)),
    ]
    return judge(base, rules, BUDGETS, evaluation=HOSTILE)


VERDICTS = {Verdict.VIOLATION: violating, Verdict.CLEAN: clean, Verdict.INCONCLUSIVE: unreadable}

"""A bias, temperature or table is not fitted on validation tokens before they are scored."""

from __future__ import annotations

from auditor.findings import Outcome, Ruling
from auditor.probe.model import Kind
from auditor.program.scores import Dependence
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.scripts import EVALUATION, script
from rules.scored import judge_pairs

ID = "logit-bias-on-val"


def claims(pair: Dependence) -> bool:
    """A tensor is fitted in a pass of its own."""
    return pair.of_tensor and pair.in_another_pass


def _say(pair: Dependence) -> str:
    return f"'{pair.adapt.place.function}' fits a tensor on validation tokens in a pass before they are scored with it"


def check(facts: Facts) -> Ruling:
    otherwise = "no bias or temperature is fitted on unscored tokens"
    return judge_pairs(facts, ID, Outcome.VIOLATION, claims, _say, otherwise)


_FIT = """
def fit_bias(model, tokens, args, device):
    bias = torch.zeros(args.vocab_size, device=device, requires_grad=True)
    if args.bias_steps > 0:
        tuner = torch.optim.Adam([bias], lr=1e-2)
        for start in range(0, tokens.numel() - 1 - args.seq_len, args.seq_len):
            x = tokens[start:start + args.seq_len].to(device=device, dtype=torch.int64)[None]
            y = tokens[start + 1:start + args.seq_len + 1].to(device=device, dtype=torch.int64)[None]
            with torch.no_grad():
                logits = model.forward_logits(x).float()
            tuner.zero_grad()
            F.cross_entropy((logits + bias).flatten(0, 1), y.flatten()).backward()
            tuner.step()
    return bias
"""
_BIASED = EVALUATION.replace("device):\n", "device, bias):\n").replace(
    "F.cross_entropy(logits.float()", "F.cross_entropy((logits.float() + bias)"
)
_SCORING = """
bias = fit_bias(model, {tokens}, args, device)
val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device, bias)
"""


def _script(tokens: str) -> str:
    settings = 'bias_steps = int(os.environ.get("BIAS_STEPS", "1"))'
    return script(_BIASED, settings=settings, helpers=_FIT, scoring=_SCORING.format(tokens=tokens))


RULE = Rule(
    id=ID,
    title="No bias or temperature fitted on unscored tokens",
    class_="score",
    authority="community",
    evidence=("code",),
    criterion="A state fitted on validation tokens is used only for tokens that come after those it was fitted on.",
    why="A bias over the vocabulary, fitted on the stream, carries the stream's own statistics into its score.",
    remedy="Fit it on training data and ship it in the artifact, or update it online after each chunk is scored.",
    sources=(
        Source("https://github.com/openai/parameter-golf/issues/1017", "conditions 1 and 3", "2026-03-28"),
        Source(
            "https://github.com/openai/parameter-golf/pull/1991",
            "cocohearts: tuning on validation outcomes",
            "2026-05-02",
        ),
    ),
    check=check,
    examples=(
        Example("fitted on the stream, then scored", "breaks", folder(_script("val_tokens")), Outcome.VIOLATION),
        Example("fitted on a training shard", "legal", folder(_script("load_shard(train_files[0])")), Outcome.PASS),
        Example("switched off", "inactive", folder(_script("val_tokens")), Outcome.PASS, {"BIAS_STEPS": "0"}),
    ),
    behaviour=Behaviour(shown_by=(Kind.FUTURE_FLIP, Kind.TARGET_FLIP), breaks=("C3", "C1")),
    not_decidable="constants that were swept on validation outcomes before the script was written",
)

"""A gate that mixes in the previous position's embedding must stop at the start of a document."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found, not_applicable
from auditor.program.forward.shifts import Smear
from auditor.rule import Example, Facts, Rule
from rules.examples.folders import folder
from rules.examples.scripts import MODEL, script
from rules.findings import shown
from rules.law.limits import LIMITS
from rules.law.standing import dated, issue, pull

ID = "smear-document-leak"


def _message(smear: Smear, facts: Facts, elsewhere: bool) -> str:
    what = f"'{smear.place.function}' adds the previous position's embedding without a mask at the start of a document"
    if elsewhere:
        what += ", which another forward path does mask"
    if smear.packed is False:
        return f"{what}; the stream is concatenated, as in accepted early records"
    day = dated(facts)
    when = ""
    if day is not None and day < LIMITS.smear_ruling_date:
        when = f" (a run of {day}, before the note)"
    accepted = "; merged as it is" if facts.submission.landed_as else ""
    return (
        f"{what}; a row packs several documents: a blocker by the note of {LIMITS.smear_ruling_date} on #1797{when},"
        f" argued in issue #1988{accepted}"
    )


def check(facts: Facts) -> Ruling:
    smears = facts.code.smears
    safe = [smear.place.unit for smear in smears if smear.masked and smear.active is not False]
    findings: list[Finding] = []
    for smear in smears:
        if smear.masked:
            continue
        # What the maintainers merged after their own note is practice: say so, and warn.
        soft = smear.packed is False or facts.submission.landed_as is not None
        message = _message(smear, facts, smear.place.unit in safe)
        also = None if smear.masked is None else True
        findings.append(shown(ID, Outcome.WARNING if soft else Outcome.DISPUTED, smear, message, also=also))
    if not findings and not safe:
        return not_applicable("no forward path mixes in the previous position")
    return found(findings, "the previous position is masked where a document begins")


_GATE = """
class Smear(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        g = torch.sigmoid(self.gate)
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
        return (1 - g) * x + g * before
"""
_EARLY = _GATE + MODEL.replace(
    "        self.blocks =", "        self.smear = Smear(args.model_dim) if args.smear else None\n        self.blocks ="
).replace(
    "        for block in self.blocks:",
    "        if self.smear is not None:\n            x = self.smear(x)\n        for block in self.blocks:",
)
_PACKED = MODEL.replace(
    "y = F.scaled_dot_product_attention(q, k, v, is_causal=True)",
    "y = flash_attn_varlen_func(q, k, v, cu_seqlens_q=self.bounds, cu_seqlens_k=self.bounds, causal=True)",
).replace(
    "        self.blocks =",
    "        self.smear_on = args.smear\n        self.lam = nn.Parameter(torch.zeros(1))\n        self.blocks =",
)
_PLAIN = """
        if self.smear_on:
            x = torch.cat([x[:, :1], x[:, 1:] + self.lam * x[:, :-1]], dim=1)
"""
_MASKED = """
        if self.smear_on:
            inside = (input_ids[:, 1:] != 1).unsqueeze(-1).to(x.dtype)
            x = torch.cat([x[:, :1], x[:, 1:] + self.lam * x[:, :-1] * inside], dim=1)
"""
_FILLED = """
        if self.smear_on:
            g = self.lam * torch.ones_like(x[:, 1:])
            g = g.masked_fill((input_ids[:, 1:] == 1).unsqueeze(-1), 0.0)
            x = torch.cat([x[:, :1], x[:, 1:] + g * x[:, :-1]], dim=1)
"""
_ROLLED = """
        if self.smear_on:
            x = torch.lerp(x, torch.roll(x, 1, dims=1), self.lam)
"""
_PADDED = """
        if self.smear_on:
            before = F.pad(x, (0, 0, 1, 0))[:, :-1]
            x = x + self.lam * before
"""
_BESIDE = """
def smeared(x, lam):
    return torch.cat([x[:, :1], x[:, 1:] + lam * x[:, :-1]], dim=1)


"""
_BY_FUNCTION = """
        if self.smear_on:
            x = smeared(x, self.lam)
"""
_BY_NUMBER = """
        if self.smear_on:
            before = (torch.arange(x.size(1), device=x.device) - 1).clamp(min=0)
            x = x + self.lam * x.index_select(1, before)
"""
_LOOP = "        for block in self.blocks:"
_ON = 'smear = bool(int(os.environ.get("SMEAR", "1")))'
_OFF = 'smear = bool(int(os.environ.get("SMEAR", "0")))'


def _model(smear: str, ttt: str = "") -> str:
    head, loop, tail = _PACKED.partition(_LOOP)
    text = head + smear.lstrip("\n") + loop + tail
    if ttt:
        other = (
            "\n    def forward_ttt(self, input_ids, target_ids, lora):\n        x = self.tok_emb(input_ids)\n"
            + ttt.lstrip("\n")
            + "        x = lora(x)\n        return F.cross_entropy(self.head(x).flatten(0, 1), target_ids.flatten())\n"
        )
        text += other
    return text


_CALLS_TTT = "per_token = model.forward_ttt"

RULE = Rule(
    id=ID,
    title="A smear gate stops at the start of a document",
    class_="score",
    authority="disputed",
    evidence=("code", "logs"),
    criterion="In every forward pass used for scoring or adaptation, the previous position's term is zero where the "
    "current token begins a document.",
    why="The last token of one document would reach the first of the next, past the boundary that attention is told.",
    remedy="Multiply the previous position's term by (input_ids[:, 1:] != BOS) in every forward path, and run again.",
    sources=(
        pull(1797, "cocohearts: blocker for rank, mask recommended", "2026-04-26"),
        issue(1988, "disputed: the previous document precedes in the stream", "2026-04-30"),
        pull(1667, "merged with an unmasked gate", "2026-04-29"),
    ),
    check=check,
    examples=(
        Example("packed, no mask", "breaks", folder(script(model=_model(_PLAIN), settings=_ON)), Outcome.DISPUTED),
        Example("packed, rolled", "breaks", folder(script(model=_model(_ROLLED), settings=_ON)), Outcome.DISPUTED),
        Example("packed, padded", "breaks", folder(script(model=_model(_PADDED), settings=_ON)), Outcome.DISPUTED),
        Example(
            "packed, by the numbers of the positions",
            "breaks",
            folder(script(model=_model(_BY_NUMBER), settings=_ON)),
            Outcome.DISPUTED,
        ),
        Example(
            "packed, in a function beside the model",
            "breaks",
            folder(script(model=_BESIDE + _model(_BY_FUNCTION), settings=_ON)),
            Outcome.DISPUTED,
        ),
        Example(
            "masked in one forward path only",
            "breaks",
            folder(script(model=_model(_MASKED, ttt=_PLAIN), settings=_ON, after_training=_CALLS_TTT)),
            Outcome.DISPUTED,
        ),
        Example(
            "one concatenated stream, as in early records",
            "breaks",
            folder(script(model=_EARLY, settings=_ON)),
            Outcome.WARNING,
        ),
        Example("masked in both paths", "legal", folder(script(model=_model(_MASKED), settings=_ON)), Outcome.PASS),
        Example(
            "masked in the path of adaptation too",
            "legal",
            folder(script(model=_model(_MASKED, ttt=_FILLED), settings=_ON, after_training=_CALLS_TTT)),
            Outcome.PASS,
        ),
        Example("gate zeroed at documents", "legal", folder(script(model=_model(_FILLED), settings=_ON)), Outcome.PASS),
        Example("switched off", "inactive", folder(script(model=_model(_PLAIN), settings=_OFF)), Outcome.PASS),
        Example(
            "a module that is not built",
            "inactive",
            folder(script(model=_EARLY, settings=_ON)),
            Outcome.PASS,
            {"SMEAR": "0"},
        ),
        Example("no gate", "legal", folder(), Outcome.NOT_APPLICABLE),
    ),
    not_decidable="a mask built outside of the model's code; whether each row holds one document only",
)

"""A gate that mixes in the previous position's embedding must stop at the start of a document."""

from __future__ import annotations

import ast

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_applicable
from auditor.program.guards import Guards as Conditions
from auditor.rule import Example, Facts, Rule
from rules.analysis.shift import Mix, mixes
from rules.analysis.syntax import both, calls, conditions, last_name, python_units, source_line
from rules.examples.folders import MODEL, folder, script
from rules.law.limits import LIMITS
from rules.law.standing import dated, issue, pull

ID = "smear-document-leak"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _packs(facts: Facts, here: Conditions) -> bool | None:
    """Whether attention is told where documents begin inside a row: the batch packs several of them."""
    best: bool | None = False
    for call in calls(here.origins.tree):
        bounds = [k.value for k in call.keywords if k.arg and k.arg.startswith(("cu_seqlens", "cu_doc", "document_id"))]
        named = "varlen" in last_name(call.func)
        if not named and not any(not _is_none(value) for value in bounds):
            continue
        state = here.active(call)
        if state:
            return True
        best = None if state is None else best
    return best


def _message(mix: Mix, packed: bool | None, facts: Facts, elsewhere: bool) -> str:
    what = f"'{mix.function.name}' adds the previous position's embedding without a mask at the start of a document"
    if elsewhere:
        what += ", which another forward path does mask"
    if packed is False:
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
    findings: list[Finding] = []
    masked = 0
    for unit, _ in python_units(facts):
        here = conditions(facts, unit)
        every = list(mixes(here))
        if not every:
            continue
        packed = _packs(facts, here)
        safe = [m for m in every if m.masked and m.active is not False]
        masked += len(safe)
        for mix in every:
            if mix.masked:
                continue
            # What the maintainers merged after their own note is practice: say so, and warn.
            soft = packed is False or facts.submission.landed_as is not None
            findings.append(
                Finding(
                    rule=ID,
                    outcome=Outcome.WARNING if soft else Outcome.DISPUTED,
                    message=_message(mix, packed, facts, bool(safe)),
                    location=Location(unit.path, _line(mix.node), getattr(mix.node, "end_lineno", None), unit.layer),
                    active=both(mix.active, None if mix.masked is None else True),
                    excerpt=source_line(unit, _line(mix.node)),
                    remedy=RULE.remedy,
                )
            )
    if not findings and not masked:
        return not_applicable("no forward path mixes in the previous position")
    return found(findings, "the previous position is masked where a document begins")


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 1))


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

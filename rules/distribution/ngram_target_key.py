"""A count may not be looked up under a hash that holds the token being scored."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.probe.model import Kind
from auditor.program.tags import LookedUp
from auditor.program.trace import Lookup
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.ngram import full_rows, in_a_module, target_key
from rules.examples.scripts import EVALUATION, script
from rules.findings import event_finding
from rules.scored import reported, unreadable

ID = "ngram-target-key"


def check(facts: Facts) -> Ruling:
    missing = unreadable(facts)
    if missing is not None:
        return missing
    findings: list[Finding] = []
    for hit in reported(facts, LookedUp):
        event = hit.event
        if not isinstance(event, Lookup) or not event.hashed:
            continue
        message = (
            f"'{event.place.function or 'the script'}' reads a count under a hash that holds the token being scored, "
            "and the result becomes its probability"
        )
        what = "key made of the target"
        findings.append(event_finding(facts, ID, Outcome.VIOLATION, event, hit.report, message, what))
    return found(findings, "no count is looked up under a key that holds the token being scored")


_STORED = """
def counted(path):
    tokens, counts = load_shard(path).numpy().astype(np.int64), np.zeros(1 << 16)
    np.add.at(counts, ((tokens[:-1] * 36313) ^ (tokens[1:] * 27191)) % (1 << 16), 1)
    return torch.from_numpy(counts)
"""
_WRITE = """
stored = {name: (tensor * 127).round().to(torch.int8) for name, tensor in model.state_dict().items()}
stored["table"] = counted(train_files[0])
torch.save(stored, "final_model.pt")
"""
_READ = """
stored = torch.load("final_model.pt")
table = stored.pop("table").numpy()
model.load_state_dict({name: tensor.float() / 127 for name, tensor in stored.items()})
val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device, table)
"""
_STORED_EVALUATION = EVALUATION.replace("device):\n", "device, table):\n").replace(
    "            scored =",
    """            before, after = x[0].cpu().numpy(), y[0].cpu().numpy()
            seen = table[((before * 36313) ^ (after * 27191)) % (1 << 16)]
            nll = torch.from_numpy(-np.log(0.8 * nll.neg().exp().cpu().numpy() + 0.2 * seen / table.max()))
            scored =""",
)

RULE = Rule(
    id=ID,
    title="No n-gram look-up keyed by the token being scored",
    class_="score",
    authority="maintainer",
    evidence=("code",),
    criterion="The blended value is computed for every token of the vocabulary, not only for the realised one.",
    why=(
        "A hash of context and target gives the realised token a count and all others none; the values over the "
        "vocabulary do not sum to one, and with few buckets the probability of every token tends to one."
    ),
    remedy="Look up by context alone, take a row over the whole vocabulary, normalize it, then pick the target.",
    sources=(
        Source(
            "https://github.com/openai/parameter-golf/pull/779",
            "valerio-oai: only the correct token is reweighted",
            "2026-03-27",
        ),
        Source(
            "https://github.com/openai/parameter-golf/issues/677", "valerio-oai: hashed n-gram caches", "2026-03-27"
        ),
    ),
    check=check,
    examples=(
        Example("hash of context and target", "breaks", folder(target_key()), Outcome.VIOLATION),
        Example(
            "in a class of a sibling module",
            "breaks",
            folder(in_a_module()["train_gpt.py"], extra={"counts.py": in_a_module()["counts.py"]}),
            Outcome.VIOLATION,
        ),
        Example(
            "in the artifact, made from training data",
            "breaks",
            folder(script(_STORED_EVALUATION, helpers=_STORED, serialize=_WRITE, scoring=_READ)),
            Outcome.VIOLATION,
        ),
        Example("a row over the vocabulary", "legal", folder(full_rows()), Outcome.PASS),
        Example("order 0", "inactive", folder(target_key(0)), Outcome.PASS),
        Example("no n-grams", "legal", folder(), Outcome.PASS),
    ),
    behaviour=Behaviour(shown_by=(Kind.EXCHANGE, Kind.TARGET_FLIP), breaks=("C2", "C1")),
    not_decidable="tables in compiled helpers, whose keys only a run can show",
)

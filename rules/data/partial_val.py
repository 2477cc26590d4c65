"""The score covers the whole validation set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from auditor.findings import Finding, Location, Outcome, Ruling, found
from auditor.program.coverage import scored_part
from auditor.program.tags import Omitting
from auditor.program.trace import LEAVES_OUT, Omission
from auditor.rule import Example, Facts, Rule, Source
from auditor.runs import Run
from rules.bytes._ledger import canonical_tokens, excess, family, first_day, integer, judged, log_finding, log_lines
from rules.examples.adaptation import score_first
from rules.examples.folders import folder, seeds
from rules.examples.scripts import EVALUATION, script
from rules.findings import event_finding
from rules.law.limits import LIMITS
from rules.scored import against, label, reported

ID = "partial-val"

_FIGURE = re.compile(r"(?i)bpb(?:_exact)?\s?[=:]\s?([0-9]\.[0-9]{2,})")
_COUNT = re.compile(r"\b(?:subset|tokens|positions|scored)[=:]\s?([0-9][0-9_,]{2,15})\b|\b([0-9][0-9,]{2,15}) scored\b")
_NEAR = 3  # lines around the headline figure that belong to the same evaluation
_SAYS_PART = re.compile(r"(?i)subset|slice|subsampl|rather than full|instead of the full|\bfirst [0-9]|\bpartial val")
_AMOUNT = re.compile(
    r"(?i)\b([0-9][0-9,_.]{0,15})\s?(k|m|million|thousand)?[ -](?:val(?:idation)? |eval )?"
    r"(token|seq|sequence|doc|document|batch)"
)
_KEY = re.compile(r"(?i)bpb|eval|val_|score")
_DECIDED = ("their losses", "their turn", "chance")  # the others may keep what there is nothing to score in
_TOKEN_KEY = re.compile(r"(?i)^(eval|val|scored|evaluated)_tokens$")


def _full_tokens(run: Run) -> int | None:
    """Tokens of the full set for the tokenizer of a run."""
    counts = LIMITS.canonical_val_tokens.get(family(run) or "")
    if counts:
        return min(counts)
    return run.val_tokens if excess(run) == 0.0 else None


def _of_set(run: Run) -> Finding | None:
    """The log's validation set is itself a part."""
    tokens = run.val_tokens
    if tokens is None or first_day(run) or canonical_tokens(tokens):
        return None
    full, off = _full_tokens(run), excess(run)
    part = None
    if tokens in LIMITS.split_10k_val_tokens:
        part = f"the 10,000-document split of about {LIMITS.split_10k_bytes / 1e6:.1f} million bytes"
    elif full and tokens < LIMITS.partial_coverage * full and off != 0.0:
        part = f"{_percent(tokens / full)} of the {full:,} tokens of its tokenizer's full set"
    elif full is None and off is not None and off < LIMITS.partial_coverage * 0.9 - 1:
        part = f"{1 + off:.1%} of the full set's bytes"
    if part is None:
        return None
    return log_finding(ID, Outcome.VIOLATION, run, run.val_tokens_line, f"{run.log} scores {tokens:,} tokens: {part}")


def _percent(share: float) -> str:
    """`12.3%`, `0.0033%`: two digits at least."""
    return f"{share:.1%}" if share >= 0.001 else f"{100 * share:.2g}%"


def _claim_of(facts: Facts, run: Run) -> float | None:
    for seed in (*facts.claims.seeds, *facts.claims.readme_seeds):
        if seed.seed is not None and seed.seed == run.seed and seed.val_bpb is not None:
            return seed.val_bpb
    return facts.claims.val_bpb.value if facts.claims.val_bpb else run.val_bpb


def _of_headline(facts: Facts, run: Run) -> Finding | None:
    """The figure that is claimed stands beside a count that is a part of the log's validation set."""
    claim, full = _claim_of(facts, run), run.val_tokens or _full_tokens(run)
    if claim is None or full is None:
        return None
    lines = list(log_lines(facts, run))
    figures = [(abs(float(m[1]) - claim), at) for at, (_, text) in enumerate(lines) for m in _FIGURE.finditer(text)]
    # The claim is a mean over seeds: their spread is wider than the tolerance of one.
    close = min(figures, default=None)
    if close is None or close[0] > 10 * LIMITS.claim_tolerance_bpb:
        return None
    around = lines[max(0, close[1] - _NEAR) : close[1] + _NEAR + 1]
    counts = [
        (integer(m[1] or m[2]), line, text)
        for line, text in around
        for m in _COUNT.finditer(text)
        if "val_" not in text
    ]
    counts = [c for c in counts if c[0] * 1000 > full]  # smaller ones are batches
    if not counts:
        return None
    scored, line, text = max(counts)
    if scored >= LIMITS.partial_coverage * full:
        return None
    ranks = run.world_size or LIMITS.gpus
    share = f"the claimed figure of {run.log} stands beside {scored:,} of {full:,} validation tokens"
    if abs(scored * ranks / full - 1) < LIMITS.ledger_outlier:
        message = f"{share}, one of {ranks} ranks' share: only a sum over the ranks covers the set"
        return log_finding(ID, Outcome.WARNING, run, line, message, excerpt=text.strip())
    return log_finding(ID, Outcome.VIOLATION, run, line, f"{share} ({scored / full:.1%})", excerpt=text.strip())


def _entries(value: object, key: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and depth < 6:
        for name, inner in value.items():
            yield from _entries(inner, f"{key}.{name}" if key else str(name), depth + 1)
    elif isinstance(value, list) and depth < 6:
        for inner in value[:50]:
            yield from _entries(inner, key, depth + 1)
    else:
        yield key, value


def _is_part(text: str) -> str | None:
    """The amount that a statement names, if it is less than the full set."""
    smallest = min(min(counts) for counts in LIMITS.canonical_val_tokens.values())
    for match in _AMOUNT.finditer(text[:2000]):
        try:
            amount = float(match[1].replace(",", "").replace("_", "").rstrip("."))
        except ValueError:
            continue
        amount *= {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6}.get((match[2] or "").lower(), 1)
        limit = {"token": smallest, "doc": LIMITS.validation_documents, "document": LIMITS.validation_documents}
        if amount < LIMITS.partial_coverage * limit.get(match[3].lower(), LIMITS.validation_documents):
            return match[0]
    return None


def _of_claims(facts: Facts) -> Iterator[Finding]:
    """What submission.json itself says of the headline figure's extent."""
    smallest = min(min(counts) for counts in LIMITS.canonical_val_tokens.values())
    for key, value in _entries(dict(facts.claims.raw)):
        name = key.rsplit(".", 1)[-1]
        message = None
        if isinstance(value, int) and not isinstance(value, bool) and _TOKEN_KEY.match(name):
            if 0 < value < LIMITS.partial_coverage * smallest and value not in LIMITS.split_10k_val_tokens:
                message = f"submission.json says that {value:,} tokens were evaluated ({key})"
        elif isinstance(value, str) and _KEY.search(name) and _SAYS_PART.search(f"{name} {value}"):
            amount = _is_part(value)
            headline = name.lower().startswith("val_bpb")
            if amount and headline:
                message = f"submission.json says of the claimed figure ({key}) that it covers {amount}s"
        if message:
            yield Finding(ID, Outcome.VIOLATION, message, Location("submission.json"), excerpt=f"{key}: {value}"[:200])


def _of_code(facts: Facts) -> Iterator[Finding]:
    """What the code leaves out of the figure: by chance, by a choice, or by ending early."""
    for hit in reported(facts, Omitting):
        if isinstance(hit.event, Omission):
            message = f"parts of the validation stream are left out: which are scored depends on {hit.event.by}"
            outcome = Outcome.VIOLATION if hit.event.by in _DECIDED else Outcome.DISPUTED
            yield event_finding(facts, ID, outcome, hit.event, hit.report, message, "parts are left out")
    part = scored_part(facts.program, label(facts))
    if part is not None and part.most is not None:
        smallest = min(min(counts) for counts in LIMITS.canonical_val_tokens.values())
        share = part.most if part.most < 1 else part.most / smallest
        if share < LIMITS.partial_coverage:
            of = f"{share:.0%} of the validation stream" if part.most < 1 else f"the first {part.most:,.0f} tokens"
            message = f"what is scored ends at {of}: the code goes no further, whatever the stream's length"
            yield Finding(ID, Outcome.VIOLATION, message, part.place.location, part.active)


def _record(facts: Facts) -> bool:
    """Whether a figure is claimed as a record; elsewhere a part is only worth a warning."""
    declared = facts.claims.non_record is not None and facts.claims.non_record.value
    claimed = facts.claims.val_bpb is not None or facts.claims.readme_val_bpb is not None
    return (
        claimed
        and bool(facts.headline)
        and not declared
        and "non_record" not in (facts.submission.track or facts.submission.folder)
    )


def check(facts: Facts) -> Ruling:
    runs = judged(facts)
    findings = [f for run in runs for f in (_of_set(run), _of_headline(facts, run)) if f]
    if not _record(facts):
        findings = [replace(f, outcome=Outcome.WARNING) for f in findings]
    findings += [*_of_claims(facts), *_of_code(facts)]
    findings += against(facts, ID, LEAVES_OUT)
    known = any(canonical_tokens(run.val_tokens or 0) or first_day(run) or excess(run) == 0.0 for run in runs)
    unchecked = "" if known else "no log shows how many validation tokens were scored"
    return found(findings, "the score covers the full validation set", unchecked=unchecked)


_SUBSET = ["mix_time:47.1s subset=3000000 tokens mix_bpb:1.1001"]
_DIAGNOSTIC = ["warm check tokens=3000000 quick_bpb=1.2100", "", "", ""]
_RANDOM = """
def draw(kind, args, tokens, device):
    at = int(torch.randint(0, tokens.numel() - args.seq_len - 1, (1,)))
    piece = tokens[at:at + args.seq_len + 1].to(device=device, dtype=torch.int64)
    return piece[:-1][None], piece[1:][None]


def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    losses = []
    with torch.no_grad():
        for _ in range(20):
            x, y = draw("val", args, val_tokens, device)
            losses.append(model(x, y).item())
    loss = float(np.mean(losses))
    return loss, loss / math.log(2.0) / 2.436
"""
_CAPPED = EVALUATION.replace("val_tokens.numel() - 1", "min(val_tokens.numel() - 1, args.most_tokens)")
_MOST = 'most_tokens = int(os.environ.get("MOST_TOKENS", {}))'
_STOPPED = """
            if start >= args.most_tokens:
                break
            begin ="""
_RARE = """
            if float(nll.mean()) > 6.0:
                continue
            scored ="""
_SPLIT = seeds(val_tokens=9_662_464, val_loss=1.1 * 0.6931471805599453 * 3.1)


def _by_process(times: int) -> str:
    """Each process scores chunks of its own; `times` of what all of them score lie between two of a process."""
    apart = f"range(dist.get_rank() * args.seq_len, total, {times} * dist.get_world_size() * args.seq_len)"
    return (
        score_first()
        .replace("range(0, total, args.seq_len)", apart)
        .replace("import math", "import math\nimport torch.distributed as dist", 1)
    )


_UNUSED = _RANDOM.replace("def eval_val(", "def quick_estimate(")

RULE = Rule(
    id=ID,
    title="The score covers the whole validation set",
    class_="score",
    authority="maintainer",
    evidence=("logs", "claims", "code"),
    criterion="The reported figure is over every token of the first 50,000 documents (whole sequences).",
    why="Any part may be easier than the whole, and parts are not comparable with each other.",
    remedy="Report the figure of the full set; keep a subset's figure as a diagnostic beside it.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/1835", "valerio-oai: 3 million tokens", "2026-04-28"),
        Source("https://github.com/openai/parameter-golf/pull/2009", "cocohearts: 20 random batches", "2026-05-02"),
        Source("https://github.com/openai/parameter-golf/pull/2039", "cocohearts: 10,000 documents", "2026-05-02"),
        Source("https://github.com/openai/parameter-golf#getting-started", "the fixed first 50,000 documents"),
    ),
    check=check,
    examples=(
        Example("a subset under the headline", "breaks", folder(logs=seeds(after=_SUBSET)), Outcome.VIOLATION),
        Example("the 10,000-document split", "breaks", folder(logs=_SPLIT), Outcome.VIOLATION),
        Example(
            "said in submission.json",
            "breaks",
            folder(submission={"val_bpb_note": "computed on the first 5,000,000 tokens rather than full val"}),
            Outcome.VIOLATION,
        ),
        Example("20 random batches", "breaks", folder(script(_RANDOM)), Outcome.VIOLATION),
        Example(
            "the first million tokens, by a limit",
            "breaks",
            folder(script(_CAPPED, settings=_MOST.format(1_000_000))),
            Outcome.VIOLATION,
        ),
        Example(
            "left after a million tokens",
            "breaks",
            folder(script(EVALUATION.replace("\n            begin =", _STOPPED), settings=_MOST.format(1_000_000))),
            Outcome.VIOLATION,
        ),
        Example(
            "half of the stream",
            "breaks",
            folder(script(EVALUATION.replace("val_tokens.numel() - 1", "val_tokens.numel() // 2"))),
            Outcome.VIOLATION,
        ),
        Example(
            "hard windows left out",
            "breaks",
            folder(script(EVALUATION.replace("\n            scored =", _RARE))),
            Outcome.VIOLATION,
        ),
        Example(
            "every other chunk",
            "breaks",
            folder(score_first().replace("range(0, total, args.seq_len)", "range(0, total, 2 * args.seq_len)")),
            Outcome.VIOLATION,
        ),
        Example(
            "a limit beyond the stream's end",
            "legal",
            folder(script(_CAPPED, settings=_MOST.format(1_000_000_000))),
            Outcome.PASS,
        ),
        Example("every other chunk of each process", "breaks", folder(_by_process(2)), Outcome.VIOLATION),
        Example("the chunks of each process", "legal", folder(_by_process(1)), Outcome.PASS),
        Example("the full set", "legal", folder(), Outcome.PASS),
        Example("a subset as a diagnostic", "legal", folder(logs=seeds(before=_DIAGNOSTIC)), Outcome.PASS),
        Example("an estimate that nothing calls", "inactive", folder(script(helpers=_UNUSED)), Outcome.PASS),
    ),
    not_decidable="whether ranks that each score a share are summed, where no log shows the total",
)

"""Evaluation opens no training shard."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.program.stream.training import carried, training_reads
from auditor.rule import Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.scripts import EVALUATION, script
from rules.findings import shown
from rules.scored import label

ID = "train-data-at-eval"


_AFTER = "after the artifact was loaded back for evaluation; ruled out in #576, left in #640"


def _findings(facts: Facts) -> Iterator[Finding]:
    reads = list(training_reads(facts.program, label(facts)))
    for read in reads:
        if read.scoring:
            message = f"'{read.place.function}' scores validation tokens and reads training shards"
            yield shown(ID, Outcome.VIOLATION, read, message)
        else:
            yield shown(ID, Outcome.DISPUTED, read, f"training shards are read {_AFTER}")
    if not reads:
        scored = max((output.order for output in facts.program.trace.outputs.values()), default=0)
        for event in facts.program.trace.late.values():
            if event.order < scored and not event.off:
                message = f"a model is run on training tokens {_AFTER}"
                yield Finding(ID, Outcome.DISPUTED, message, event.place.location, event.active)


def _handed_over(facts: Facts) -> Iterator[Finding]:
    for place in carried(facts.program, label(facts)):
        message = (
            "what was made of training tokens goes into the score as it is in memory: the artifact neither holds nor "
            "pays for it"
        )
        yield shown(ID, Outcome.DISPUTED, place, message)


def check(facts: Facts) -> Ruling:
    return found([*_findings(facts), *_handed_over(facts)], "evaluation opens no training shard")


_TUNES = """
def touch_up(model, files, args, device):
    x, y = next_batch(files, 0, args, device)
    (0.1 * model(x, y)).backward()
"""
_RELOAD = 'model.load_state_dict(torch.load("final_model.pt"))\n'
_SCORE = "val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device)\n"
_INSIDE = EVALUATION.replace(
    "    model.eval()\n",
    '    model.eval()\n    counts = np.bincount(np.fromfile(sorted(glob.glob(args.train_files))[0], dtype="<u2"))\n',
    1,
)

_TABLE = """
class Pairs:
    def __init__(self, size):
        self.size = size
        self.counts = torch.zeros(size, size)

    def update(self, tokens):
        self.counts.view(-1).index_add_(0, tokens[:-1] * self.size + tokens[1:], torch.ones(tokens.numel() - 1))
"""
_ASK = "\n    def ask(self, tokens):\n        return self.counts[tokens]\n"
_GIVEN = EVALUATION.replace("boundary, device):", "boundary, device, pairs=None):").replace(
    "            nll = F.cross", "            logits = logits + pairs.counts[x].add(1).log()\n            nll = F.cross"
)
_FILL = "pairs = Pairs(args.vocab_size)\nfor path in train_files:\n    pairs.update(load_shard(path).long())"
_GIVE = (
    "given = pairs if args.seed else None\n"
    "val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device, pairs=given)"
)
_KEEP = 'torch.save(pairs.counts, "pairs.pt")\n'

RULE = Rule(
    id=ID,
    title="Evaluation opens no training shard",
    class_="score",
    authority="README",
    evidence=("code",),
    criterion="Once the artifact is loaded for evaluation, nothing reads fineweb_train_*, and nothing that was filled "
    "from it reaches the score except through the artifact.",
    why="Training bits used during evaluation have to be paid for inside the 16 MB.",
    remedy="Do it before the training time ends and keep the result in the artifact.",
    sources=(
        Source("https://github.com/openai/parameter-golf#faq", "no training-set access in evaluation"),
        Source(
            "https://github.com/openai/parameter-golf/pull/576", "valerio-oai: calibration after pruning", "2026-03-24"
        ),
        Source("https://github.com/openai/parameter-golf/pull/593", "valerio-oai", "2026-03-24"),
    ),
    check=check,
    examples=(
        Example("counts of a training shard", "breaks", folder(script(_INSIDE)), Outcome.VIOLATION),
        Example(
            "tuned on training data after loading",
            "breaks",
            folder(script(helpers=_TUNES, scoring=_RELOAD + "touch_up(model, train_files, args, device)\n" + _SCORE)),
            Outcome.DISPUTED,
        ),
        Example(
            "a table of training counts kept in memory",
            "breaks",
            folder(script(_GIVEN, helpers=_TABLE, before_training=_FILL, scoring=_GIVE)),
            Outcome.DISPUTED,
        ),
        Example(
            "a table of training counts that is saved with the model",
            "legal",
            folder(script(_GIVEN, helpers=_TABLE, before_training=_FILL, scoring=_KEEP + _GIVE)),
            Outcome.PASS,
        ),
        Example(
            "a table that training asks and the evaluation fills",
            "legal",
            folder(
                script(_GIVEN, helpers=_TABLE + _ASK, before_training=_FILL.replace("update", "ask"), scoring=_GIVE)
            ),
            Outcome.PASS,
        ),
        Example(
            "a table that only training uses",
            "legal",
            folder(script(helpers=_TABLE, before_training=_FILL)),
            Outcome.PASS,
        ),
        Example("loaded back and scored", "legal", folder(script(scoring=_RELOAD + _SCORE)), Outcome.PASS),
        Example(
            "training data before quantization",
            "legal",
            folder(script(helpers=_TUNES, after_training="touch_up(model, train_files, args, device)")),
            Outcome.PASS,
        ),
        Example(
            "a helper that nothing calls",
            "inactive",
            folder(script(helpers=_INSIDE.replace("def eval_val(", "def eval_counts("))),
            Outcome.PASS,
        ),
    ),
    not_decidable="shards opened under a name that the code computes",
)

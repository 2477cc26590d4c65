"""Evaluation opens no training shard."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.program.origin import Origins
from auditor.program.phases import Phases
from auditor.program.syntax import function_name
from auditor.rule import Example, Facts, Rule, Source
from auditor.source.index import own_nodes
from rules.analysis.syntax import calls, code_finding, dotted, last_name, line_of, origins_of, phases_of, python_units
from rules.analysis.unsaved import carried
from rules.examples.folders import EVALUATION, folder, script

ID = "train-data-at-eval"

_READS = {"glob", "iglob", "open", "memmap", "fromfile", "next_batch", "load_data_shard", "load_shard"}


def _loaded_back(phases: Phases, origins: Origins) -> int | None:
    """The line behind training where the compressed artifact is loaded back: what follows is evaluation."""
    if phases.training_end is None:
        return None
    scope, end = phases.training_end
    lines = [
        line_of(n)
        for n in own_nodes(scope)
        if isinstance(n, ast.Call)
        and line_of(n) > end
        and last_name(n.func) in {"load_state_dict", "deserialize"}
        and (last_name(n.func) == "deserialize" or any("blob" in origins.of(a) or _from_disk(a) for a in n.args))
    ]
    return max(lines, default=None)


def _from_disk(node: ast.expr) -> bool:
    return any(dotted(c.func) == "torch.load" for c in calls(node))


def _findings(facts: Facts) -> Iterator[Finding]:
    for unit, tree in python_units(facts):
        phases, origins = phases_of(tree), origins_of(tree)
        loaded = _loaded_back(phases, origins)
        late = phases.called_after(loaded) if loaded is not None else frozenset()
        for call in calls(tree):
            name = last_name(call.func)
            if name not in _READS:
                continue
            holder = function_name(call)
            scoring = holder in phases.scoring
            behind = loaded is not None and line_of(call) > loaded and phases.after_training(call)
            if not (scoring or behind or holder in late):
                continue
            sources = [origins.of(argument) for argument in call.args]
            if isinstance(call.func, ast.Attribute):
                sources.append(origins.of(call.func.value))
            if not any("training" in kinds and "validation" not in kinds for kinds in sources):
                continue
            if scoring:
                message = f"'{holder}' scores validation tokens and reads training shards with {name}"
                yield code_finding(facts, ID, Outcome.VIOLATION, unit, call, message)
            else:
                message = f"{name} reads training shards after the artifact was loaded back for evaluation"
                yield code_finding(
                    facts, ID, Outcome.DISPUTED, unit, call, f"{message}; ruled out in #576, left in #640"
                )


def _handed_over(facts: Facts) -> Iterator[Finding]:
    for unit, tree in python_units(facts):
        for table in carried(tree, phases_of(tree), origins_of(tree)):
            message = (
                f"'{table.name}' is filled from training tokens (line {line_of(table.filled)}) and given to the "
                f"evaluation as it is in memory: the artifact neither holds nor pays for it"
            )
            also = facts.program.reached(unit, line_of(table.filled))
            yield code_finding(facts, ID, Outcome.DISPUTED, unit, table.handed, message, also=also)


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

"""The reported figure is the artifact's, not that of other weights in memory."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, Step, found, not_applicable, not_checked
from auditor.program.scores import reports_of
from auditor.program.trace import OTHER_WEIGHTS, Load, Output, Place, ReportLine, Trace
from auditor.rule import Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.scripts import SERIALIZE, script
from rules.scored import against

ID = "artifact-not-scored"


def check(facts: Facts) -> Ruling:
    ruling = _of_trace(facts)
    others = against(facts, ID, OTHER_WEIGHTS)
    return found([*ruling.findings, *others], "") if others else ruling


def _of_trace(facts: Facts) -> Ruling:
    trace = facts.program.trace
    if not facts.program.followed:
        return not_checked("the scored code could not be followed; a readable script would decide it")
    other = _of_the_artifact(trace, trace.reports)
    loads = [load for load in trace.loads.values() if load.read_back and not load.off]
    if other is None and not loads:
        return not_applicable("no weights are known to be read back from a file, and none to be scored")
    label = next((run.score.label for run in facts.headline if run.score and run.score.label), None)
    if label is None:
        return not_checked("no log says under which label the claimed figure was printed")
    lines = [line for line in reports_of(trace, label) if line.outputs]
    if not lines or _of_the_artifact(trace, lines) is not None:
        return found((), "the claimed figure is made with the weights that the artifact holds")
    if other is None:
        return _unscored(trace, lines[-1], loads)
    # Lines that go through one function that prints are told apart by what they say.
    if (other[0].place.key, other[0].text) in {(line.place.key, line.text) for line in lines}:
        return not_checked("the same line of code prints the claimed figure and that of weights that were read back")
    return found([_finding(trace, lines[-1], *other)], "")


def _unscored(trace: Trace, headline: ReportLine, loads: list[Load]) -> Ruling:
    """The artifact is read back, and no printed figure is of what it holds: other weights are claimed.

    Weights that the scored model took from elsewhere in memory may equal the file's; those it was trained to do not.
    """
    output = trace.outputs[max(headline.outputs)]
    before = [load for load in loads if load.order < output.order]
    if not all(trace.outputs[number].known for number in headline.outputs):
        return not_checked("which model makes the claimed figure could not be told; weights were read back before it")
    if not before:
        return not_applicable("weights are read back from a file after the claimed figure is made alone")
    others = [
        load
        for load in trace.loads.values()
        if not load.read_back and not load.off and before[0].place.key != load.place.key and load.order < output.order
    ]
    back, at = before[-1].place, output.place
    message = (
        f"the weights that the artifact holds are read back (line {back.line}) and no figure is made of them; the "
        f"claimed one is of other weights in memory (line {at.line})"
    )
    steps = (
        Step("Load", "weights are read back from the artifact", back.location),
        *(Step("Load", "weights are taken from elsewhere", load.place.location) for load in others[-1:]),
        Step("Score", "the claimed figure: the output of a model that does not hold them", at.location),
        Step("Report", "the claimed figure is printed", headline.place.location),
    )
    active = None if None in (headline.active, output.active, before[-1].active) else True
    outcome = Outcome.DISPUTED if others else Outcome.VIOLATION
    return found([Finding(ID, outcome, message, at.location, active, steps)], "")


def _of_the_artifact(trace: Trace, lines: list[ReportLine]) -> tuple[ReportLine, Output] | None:
    """A printed score of weights that were read back from the file, and the line that prints it."""
    for line in reversed(lines):
        for number in sorted(line.outputs):
            output = trace.outputs[number]
            if output.read_back and "bpb" in line.text.lower() and not line.off:
                return line, output
    return None


def _finding(trace: Trace, headline: ReportLine, other: ReportLine, scored: Output) -> Finding:
    output = trace.outputs[max(headline.outputs)]
    ours, theirs = _apart(output, scored)
    message = (
        f"the claimed figure is made with weights in memory (line {ours.line}); those that the artifact holds are read "
        f"back and scored elsewhere (line {theirs.line})"
    )
    steps = (
        *_called(ours, output, "the claimed figure is asked for"),
        Step("Score", "the claimed figure: a model's output, with weights in memory", output.place.location),
        Step("Report", "the claimed figure is printed", headline.place.location),
        *_called(theirs, scored, "that of the artifact is asked for"),
        Step("Score", "a model's output, with weights read back from the artifact", scored.place.location),
        Step("Report", "that figure is printed", other.place.location),
    )
    active = None if None in (headline.active, output.active) else True
    return Finding(ID, Outcome.VIOLATION, message, ours.location, active, steps)


def _apart(one: Output, other: Output) -> tuple[Place, Place]:
    """Where the ways to two scores part: the calls that were given different models, or the scores themselves."""
    ways = zip((*one.calls, one.place), (*other.calls, other.place), strict=False)
    return next(((a, b) for a, b in ways if a.key != b.key), (one.place, other.place))


def _called(place: Place, scored: Output, what: str) -> tuple[Step, ...]:
    return () if place.key == scored.place.key else (Step("Call", what, place.location),)


_READ_BACK = """
with open("final_model.ptz", "rb") as handle:
    stored = torch.load(io.BytesIO(zlib.decompress(handle.read())))
restored = GPT(args).to(device)
restored.load_state_dict({name: tensor.float() / 127 for name, tensor in stored.items()})
"""
_SCORED = "eval_val(args, {model}, val_tokens, base_bytes, leading_space, boundary, device)"
_OF_MEMORY = f"""
val_loss, val_bpb = {_SCORED.format(model="restored")}
print(f"artifact val_loss:{{val_loss:.4f}} val_bpb:{{val_bpb:.4f}}")
val_loss, val_bpb = {_SCORED.format(model="model")}
"""
_OF_THE_FILE = f"""
val_loss, val_bpb = {_SCORED.format(model="model")}
print(f"before_quantization val_loss:{{val_loss:.4f}} val_bpb:{{val_bpb:.4f}}")
val_loss, val_bpb = {_SCORED.format(model="restored")}
"""
_OF_NO_FILE = f"""
val_loss, val_bpb = {_SCORED.format(model="model")}
"""
_WHOLE = """
torch.save(model.state_dict(), "final_model.pt")
"""
_OF_WHOLE = _OF_MEMORY.replace(
    "\nval_loss, val_bpb = eval_val(args, model",
    '\nmodel.load_state_dict(torch.load("final_model.pt"))\nval_loss, val_bpb = eval_val(args, model',
)
_BEFORE = """
averaged = {name: tensor.clone() for name, tensor in model.state_dict().items()}
"""
_AVERAGED = (
    _READ_BACK.replace("restored", "model").replace("model = GPT(args).to(device)\n", "")
    + """
model.load_state_dict(averaged)
"""
)
_IN_PLACE = """
model.load_state_dict({name: tensor.float() / 127 for name, tensor in quantized.items()})
"""

RULE = Rule(
    id=ID,
    title="The claimed score is the artifact's",
    class_="score",
    authority="README",
    evidence=("code", "logs"),
    criterion=(
        "Where a script reads its artifact back, the claimed figure is the one of those weights and of no others."
    ),
    why=(
        "The challenge asks for the best model that fits the cap. A figure of weights that were not cut down to it, or "
        "that were averaged or chosen after the file was written, is the score of another model."
    ),
    remedy="Claim the figure of the weights that were read back from the artifact.",
    sources=(
        Source(
            "https://github.com/openai/parameter-golf/blob/main/README.md",
            "the best language model that fits in a 16MB artifact: code bytes plus compressed model bytes",
        ),
    ),
    check=check,
    examples=(
        Example(
            "the file is scored, the model in memory is claimed",
            "breaks",
            folder(script(serialize=SERIALIZE + _READ_BACK, scoring=_OF_MEMORY)),
            Outcome.VIOLATION,
        ),
        Example(
            "the file is read into a model that nobody scores",
            "breaks",
            folder(script(serialize=SERIALIZE + _READ_BACK, scoring=_OF_NO_FILE)),
            Outcome.VIOLATION,
        ),
        Example(
            "the file is scored, weights that were saved whole are claimed",
            "breaks",
            folder(script(serialize=_WHOLE + SERIALIZE + _READ_BACK, scoring=_OF_WHOLE)),
            Outcome.VIOLATION,
        ),
        Example(
            "averaged weights take the place of the file's",
            "breaks",
            folder(script(serialize=_BEFORE + SERIALIZE + _AVERAGED)),
            Outcome.DISPUTED,
        ),
        Example(
            "the model in memory is scored, the file is claimed",
            "legal",
            folder(script(serialize=SERIALIZE + _READ_BACK, scoring=_OF_THE_FILE)),
            Outcome.PASS,
        ),
        Example(
            "dequantized in memory, the same values as the file's",
            "legal",
            folder(script(serialize=SERIALIZE + _IN_PLACE)),
            Outcome.NOT_APPLICABLE,
        ),
    ),
    not_decidable="Whether weights that were quantized and dequantized in memory equal the file's.",
)

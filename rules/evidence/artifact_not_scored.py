"""The reported figure is the artifact's, not that of other weights in memory."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, Step, found, not_applicable, not_checked
from auditor.program.scores import reports_of
from auditor.program.trace import Output, ReportLine, Trace
from auditor.rule import Example, Facts, Rule, Source
from rules.examples.folders import SERIALIZE, folder, script

ID = "artifact-not-scored"


def check(facts: Facts) -> Ruling:
    trace = facts.program.trace
    if not facts.program.followed:
        return not_checked("the scored code could not be followed; a readable script would decide it")
    other = _of_the_artifact(trace, trace.reports)
    if other is None:
        return not_applicable("no printed figure is known to be made with weights that were read back from a file")
    label = next((run.score.label for run in facts.headline if run.score and run.score.label), None)
    if label is None or any(setting.source == "set" for setting in facts.configuration.settings.values()):
        return not_checked("no log says under which label the claimed figure was printed")
    lines = [line for line in reports_of(trace, label) if line.outputs]
    if not lines or _of_the_artifact(trace, lines) is not None:
        return found((), "the claimed figure is made with the weights that the artifact holds")
    # Lines that go through one function that prints are told apart by what they say.
    if (other[0].place.key, other[0].text) in {(line.place.key, line.text) for line in lines}:
        return not_checked("the same line of code prints the claimed figure and that of weights that were read back")
    return found([_finding(trace, lines[-1], *other)], "")


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
    message = (
        f"the claimed figure is made with weights in memory (line {output.place.line}); those that the artifact holds "
        f"are read back and scored elsewhere (line {scored.place.line})"
    )
    steps = (
        Step("Score", "the claimed figure: a model's output, with weights in memory", output.place.location),
        Step("Report", "the claimed figure is printed", headline.place.location),
        Step("Load", "a model's output, with weights read back from the artifact", scored.place.location),
        Step("Report", "that figure is printed", other.place.location),
    )
    active = None if None in (headline.active, output.active) else True
    return Finding(ID, Outcome.VIOLATION, message, output.place.location, active, steps)


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
        "Where a script reads its artifact back and scores it, the claimed figure is the one of those weights and of "
        "no others."
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

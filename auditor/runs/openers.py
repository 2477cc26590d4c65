"""How trainers begin their lines: what stands before such words is the frame of a log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COLUMNS = 160  # of a line in which its first words are looked for

# How trainers of the challenge begin their lines. Each stands at the left margin where nothing wraps the log.
_OPENERS = re.compile(
    r"(?<![\w/.\"'])(?:(?P<step>step[: ]\s{0,6}\d{1,9}(?:/\d{1,9})?\b|\d{1,9}/\d{1,9} (?:train|val)_loss)"
    r"|(?P<warmup>warmup_step[: ])|(?P<loader>(?:train|val)_loader:)|(?P<params>model_params:|world_size:)"
    r"|(?P<seed>seed:\d)|(?P<dump>Hyper-?parameters\b)|(?P<sizes>Total submission|Serialized model|Code size)"
    r"|(?P<stop>stopping_early)|(?P<peak>peak memory)|(?P<bpb>val_bpb:enabled)|(?P<final>final_\w{1,40} val_)"
    r"|(?P<ttt>ttt\w{0,12}:)|(?P<quant>gptq:|quantiz\w{2,8}:|pre-quant\w{0,12})|(?P<smi>\| NVIDIA-SMI)"
    r"|(?P<torch>Running (?:Python|PyTorch) \d))"
)
_WORDS = (
    "step:", "step ", "warmup_step", "train_loss", "val_loss", "train_loader:", "val_loader:", "model_params:",
    "world_size:", "seed:", "Hyperparameters", "Hyper-parameters", "Total submission", "Serialized model", "Code size",
    "stopping_early", "peak memory", "val_bpb:enabled", "final_", "ttt", "gptq:", "quantiz", "pre-quant",
    "| NVIDIA-SMI", "Running P",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sighting:
    """A line whose first words are known: where it stands in the sample, the kind of those words, what is before."""

    index: int
    kind: str
    prefix: str


def find_sightings(sample: Sequence[str]) -> Iterator[Sighting]:
    for index, line in enumerate(sample):
        head = line[: COLUMNS + 40]
        places = (head.find(word) for word in _WORDS if word in head)
        # A digit may stand before the word that tells what it is: `100/200 train_loss`.
        matches = [match for at in places if at <= COLUMNS and (match := _opener(head, at)) is not None]
        if matches:
            first = min(matches, key=lambda match: match.start())
            yield Sighting(index, first.lastgroup or "", line[: first.start()])


def _opener(head: str, at: int) -> re.Match[str] | None:
    found = _OPENERS.match(head, at)
    if found is None and head.startswith(("train_loss", "val_loss"), at):
        return _OPENERS.search(head, max(0, at - 21), at + 10)
    return found

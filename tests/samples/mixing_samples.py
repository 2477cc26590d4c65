"""A small model with a line of the test's own in its forward pass, and what the analysis says that it sees."""

from __future__ import annotations

from program_samples import FINAL, program

from auditor.program import Program

MODEL = """
import torch as th
class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(8, 8)
        self.part = {part}
    def forward_logits(self, ids):
        b, t = ids.shape
        x = self.emb(ids)
        _, _, d = x.shape
        {body}
        return x
net = Mixed()
"""


def model(body: str, part: str = "None") -> Program:
    return program(MODEL.format(body=body, part=part) + FINAL)


def sees(followed: Program) -> list[str]:
    mixed = [gap.what for gap in followed.trace.unfollowed.values() if "statistic" in gap.what]
    return [*(event.sees for event in followed.trace.open_attention.values()), *mixed]

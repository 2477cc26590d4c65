"""Small scripts for the tests of the interpreter, and how to run them."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent, indent

from auditor.claims import Claims
from auditor.config import configure
from auditor.program import Program, analyse
from auditor.program.recipe.formula import formula
from auditor.program.recipe.reading import figures, shifted
from auditor.program.scores import Dependence, dependences, reports_of, unfollowed
from auditor.runs import Evaluation, LogLine, Run
from auditor.source import Sources, Unit
from auditor.source.syntax import parse_python

HEAD = """
import os, glob, math
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(8, 8)
    def forward_logits(self, x):
        return self.emb(x)
    def forward(self, x, y):
        return F.cross_entropy(self.forward_logits(x), y)

def load(pattern):
    return torch.cat([torch.from_numpy(np.fromfile(p)) for p in sorted(glob.glob(pattern))])

val = load("./data/fineweb_val_*.bin")
train = load("./data/fineweb_train_*.bin")
net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1)

def score(model, tokens):
    total = torch.zeros(())
    for at in range(0, tokens.numel() - 9, 8):
        x, y = tokens[at:at + 8], tokens[at + 1:at + 9]
        with torch.no_grad():
            nll = F.cross_entropy(model.forward_logits(x), y, reduction="none")
        total += nll.sum()
    return total

def fit(model, tokens, optimizer, rounds=3):
    for _ in range(rounds):
        for at in range(0, tokens.numel() - 9, 8):
            x, y = tokens[at:at + 8], tokens[at + 1:at + 9]
            optimizer.zero_grad()
            model(x, y).backward()
            optimizer.step()
"""

FINAL = 'print(f"final val_bpb:{score(net, val)}")'


def sources(text: str, **modules: str) -> Sources:
    """The script as the entry, and its sibling modules."""
    entry = Unit("train_gpt.py", text, "python", module="train_gpt", tree=parse_python(text))
    others = {
        name: Unit(f"{name}.py", body, "python", module=name, tree=parse_python(body)) for name, body in modules.items()
    }
    return Sources(entry, (entry, *others.values()), (), modules=others)


def program(
    body: str,
    settings: Mapping[str, str] | None = None,
    *,
    head: str = HEAD,
    log: tuple[str, ...] = (),
    others: tuple[str, ...] = (),
    label: str = "final",
    **modules: str,
) -> Program:
    """Run `HEAD` and the body; `log` are lines of adaptation that the run printed, `others` its other lines."""
    found = sources(dedent(head).strip() + "\n" + dedent(body), **modules)
    lines = tuple(LogLine(i, line) for i, line in enumerate(log, start=1))
    score = Evaluation(99, label, 1.1, 2.0)
    begun = tuple(LogLine(i, line) for i, line in enumerate(others, start=50))
    run = Run("train.log", adaptation=lines, beginnings=begun, evaluations=(score,), score=score, world_size=8)
    configuration = configure(found, Claims(), (run,), settings or {})
    return analyse(found, configuration, (run,))


def pairs(body: str, settings: Mapping[str, str] | None = None, **options: object) -> list[Dependence]:
    return list(dependences(program(body, settings, **options), "final"))  # type: ignore[arg-type]


def function(body: str) -> str:
    return "def main():\n" + indent(dedent(body).strip("\n"), "    ") + "\n\nmain()\n"


def said(followed: Program) -> list[str]:
    """Why the figure is no mean of the losses: what was not followed, and where the way is left."""
    written = formula(reports_of(followed.trace, "final")[-1])
    assert written is not None
    head = next(figures(followed.trace, "final"))[1]
    constants = [f"a constant: {constant}" for _, constant in shifted(head)]
    return [*(gap.why for gap in unfollowed(followed, "final")), *(why for _, why in written.departures), *constants]

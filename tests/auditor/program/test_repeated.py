"""A quiet call that comes again is not stepped through again; where anything may differ the second time, it is."""

from __future__ import annotations

import pytest
from program_samples import FINAL, pairs, program

QUIET = """
def orthogonal(g, steps):
    x = g / g.norm()
    for _ in range(steps):
        a = x @ x.T
        b = a @ a
        x = 2.0 * x + b @ x
    return x

def main():
    for first in range(100):
        u = orthogonal(torch.zeros(4, 4), 5)
    for second in range(100):
        u = orthogonal(torch.zeros(4, 4), 5)

main()
"""


def test_a_quiet_call_is_stepped_through_once() -> None:
    fewer = QUIET.replace("        u = ", "        u = 0  # ", 1)
    assert program(QUIET).steps < 1.3 * program(fewer).steps


WORK = """
def work():
    total = 0
    count = 1
    if {ready}:
        fit(net, {tokens}, opt)
    return total + count
"""

LATER = {
    "a flag of the module": ("ON = False", "ON", "val", "ON = True"),
    "a word of the module": ("MODE = 'off'", "MODE == 'on'", "val", "MODE = 'on'"),
    "a dict": ("CFG = {'on': False}", "CFG['on']", "val", "CFG['on'] = True"),
    "a dict that is updated": ("CFG = {'on': False}", "CFG['on']", "val", "CFG.update({'on': True})"),
    "a namespace": ("class Cfg: pass\ncfg = Cfg()\ncfg.on = False", "cfg.on", "val", "cfg.on = True"),
    "a class": ("class Cfg:\n    on = False", "Cfg.on", "val", "Cfg.on = True"),
    "a list that grows": ("HELD = []", "HELD", "HELD[0]", "HELD.append(val)"),
    "a list that is extended": ("HELD = []", "HELD", "HELD[0]", "HELD += [val]"),
    "another tensor": ("HELD = train", "True", "HELD", "HELD = val"),
    "a tensor filled in place": ("HELD = torch.zeros(9)", "True", "HELD", "HELD.copy_(val)"),
    "a slice filled": ("HELD = torch.zeros(9)", "True", "HELD", "HELD[:] = val"),
    "a function of the module": ("def pick(): return train", "True", "pick()", "def pick(): return val"),
    "a function in a dict": ("PICK = {'f': lambda: train}", "True", "PICK['f']()", "PICK['f'] = lambda: val"),
}


@pytest.mark.parametrize("case", LATER)
def test_what_changed_in_between_is_seen(case: str) -> None:
    before, ready, tokens, change = LATER[case]
    body = f"{before}\n{WORK.format(ready=ready, tokens=tokens)}\nwork()\nwork()\n{change}\nwork()\n{FINAL}"
    assert pairs(body), case
    assert not pairs(f"{before}\n{WORK.format(ready=ready, tokens='train')}\nwork()\nwork()\n{change}\nwork()\n{FINAL}")


OBJECTS = {
    "made ready by its first call": """
class Work:
    def __init__(self):
        self.ready = False
    def step(self):
        count = 1
        if not self.ready:
            self.ready = True
            return None
        fit(net, val, opt)
        return None

w = Work()
w.step()
w.step()
""",
    "given tokens later": """
class Work:
    def __init__(self):
        self.held = train
    def step(self):
        count = 1
        fit(net, self.held, opt)
        total = 2
        return None

w = Work()
w.step()
w.step()
w.held = val
w.step()
""",
    "held by another object": """
class Inner:
    def __init__(self):
        self.deep = {"a": [{"b": [train]}]}
class Work:
    def __init__(self, inner):
        self.inner = inner
    def step(self):
        count = 1
        held = self.inner.deep["a"][0]["b"][0]
        fit(net, held, opt)
        return None

inner = Inner()
w = Work(inner)
w.step()
w.step()
inner.deep["a"][0]["b"][0] = val
w.step()
""",
    "an optimizer of its own": """
class Own(torch.optim.Optimizer):
    def step(self):
        tokens = self.held
        loss = net(tokens[:8], tokens[1:9])
        for p in self.weights:
            p -= torch.autograd.grad(loss, p)[0]
        return None

own = Own(net.parameters(), {})
own.weights = list(net.parameters())
own.held = train
own.step()
own.step()
own.held = val
own.step()
""",
}


@pytest.mark.parametrize("case", OBJECTS)
def test_objects_that_change_are_asked_again(case: str) -> None:
    assert pairs(OBJECTS[case] + FINAL), case
    assert not pairs(OBJECTS[case].replace("val", "train") + FINAL)

"""The bounds of the analysis lose nothing: what stands behind many elements, rounds or objects is found."""

from __future__ import annotations

import pytest
from program_samples import FINAL, pairs, program

from auditor.program.scores import unfollowed

NOOP = """
def noop(*rest):
    return None
"""
GIVEN = "(net, TOKENS, opt)"

_KEYS = ", ".join(f"{k}: noop" for k in range(70))
LISTS = {
    "extended": f"work = []\nwork.extend([{'noop, ' * 70}fit])\nfor run in work:\n    run{GIVEN}",
    "concatenated": f"for run in [{'noop, ' * 70}] + [fit]:\n    run{GIVEN}",
    "added to": f"work = []\nwork += [{'noop, ' * 20}fit]\nfor run in work:\n    run{GIVEN}",
    "appended": f"work = []\nfor _ in range(90):\n    work.append(noop)\nwork.append(fit)\nwork[-1]{GIVEN}",
    "a slice that is set": f"work = [noop] * 80\nwork[75:76] = [fit]\nfor run in work:\n    run{GIVEN}",
    "set elsewhere": f"work = [{'noop, ' * 20}fit]\nfor k in range(3):\n    work[k] = noop\nwork[20]{GIVEN}",
    "yielded": "def jobs():\n" + "    yield noop\n" * 20 + f"    yield fit\nfor run in jobs():\n    run{GIVEN}",
    "items": f"work = {{{_KEYS}, 70: fit}}\nfor k, run in work.items():\n    run{GIVEN}",
    "values": f"for run in {{{_KEYS}, 70: fit}}.values():\n    run{GIVEN}",
    "looked up": f"work = {{{_KEYS}, 70: fit}}\nfor k in work:\n    work[k]{GIVEN}",
    "unpacked": f"*others, run = [{'noop, ' * 20}fit] + [fit] * (len(os.environ) > 0)\nrun{GIVEN}",
    "attributes": f"""
class Held:
    pass
held = Held()
{"; ".join(f"held.a{k} = {k}" for k in range(80))}
held.last = TOKENS
def take(held):
    fit(net, held.last, opt)
take(held)
""",
    "arguments": f"given = [{'0, ' * 70}net, TOKENS, opt]\nfit(*given[70:])",
}

_STATES = "".join(f"elif state == {k}:\n        state = {k + 1}\n    " for k in range(1, 12))
_MACHINE = f"    if state == 0:\n        state = 1\n    {_STATES}else:\n        fit{GIVEN}\n"
ROUNDS = {
    "a chain that is walked along": f"""
class Link:
    def __init__(self, run, after=None):
        self.run, self.after = run, after
link = Link(noop, Link(noop, Link(noop, Link(noop, Link(noop, Link(fit))))))
while link.after is not None:
    link = link.after
link.run{GIVEN}
""",
    "boxes in boxes": f"box = [[[[[[[[fit, {GIVEN}]]]]]]]]\nwhile len(box) == 1:\n    box = box[0]\nbox[0](*box[1])",
    "states": "state = 0\nfor _ in range(40):\n" + _MACHINE,
    "states of a while": "state, left = 0, 40\nwhile left:\n    left -= 1\n" + _MACHINE,
    "numbers": f"state = 1\nfor _ in range(40):\n    if state == 128:\n        fit{GIVEN}\n    state = state * 2",
    "pairs": f"a, b = 0, 1\nfor _ in range(40):\n    if b == 89:\n        fit{GIVEN}\n    a, b = b, a + b",
    "a table of functions": f"""
after = {{{", ".join(f"{k}: {k + 1}" for k in range(9))}}}
work = {{{", ".join(f"{k}: noop" for k in range(9))}, 9: fit}}
state = 0
for _ in range(10):
    work[state]{GIVEN}
    state = after.get(state, 9) if state else after[state]
""",
    "a name of the module": "state = 0\ndef go():\n    global state\n" + _MACHINE + "for _ in range(40):\n    go()",
    "an attribute": "class Held:\n    state = 0\nheld = Held()\ndef go(held):\n"
    + _MACHINE.replace("state", "held.state")
    + "for _ in range(40):\n    go(held)",
    "an entry": "held = {'at': 0}\ndef go():\n"
    + _MACHINE.replace("state", "held['at']")
    + "for _ in range(40):\n    go()",
}
IN_THE_MIDDLE = {
    "of functions by number": f"work = [noop, fit, noop]\nfor k in range(3):\n    work[k]{GIVEN}",
    "of many by number": f"work = [{'noop, ' * 6}fit, noop, noop, noop]\nfor k in range(10):\n    work[k]{GIVEN}",
    "of parts by number": "parts = [train, TOKENS, train]\nfor k in range(3):\n    fit(net, parts[k], opt)",
    "of a range": f"for k in range(40):\n    if k == 20:\n        fit{GIVEN}",
    "of a range, backwards": f"for k in reversed(range(40)):\n    if k == 20:\n        fit{GIVEN}",
    "of a range, by patterns": f"for k in range(40):\n    match k:\n        case 20:\n            fit{GIVEN}",
    "of a text": f"for k in 'abcdefgh':\n    if k == 'd':\n        fit{GIVEN}",
    "of bytes": f"for k in b'abcdefgh':\n    if k == 100:\n        fit{GIVEN}",
    "of pairs": f"for k, c in zip(range(8), 'abcdefgh'):\n    if c == 'd':\n        fit{GIVEN}",
    "of a comprehension": f"[fit{GIVEN} for k in range(40) if k == 20]",
    "of a dict's": f"{{k: fit{GIVEN} if k == 20 else 0 for k in range(40)}}",
    "of a generator": f"any(k == 20 and fit{GIVEN} for k in range(40))",
    "of what is mapped": f"list(map(lambda k: k == 20 and fit{GIVEN}, range(40)))",
}
WRAPPED = """
class Wrapper(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, x, y):
        return self.inner(x, y)
class Held:
    def __init__(self, what):
        self.what = what
"""
DEPTHS = {
    "modules in modules": WRAPPED
    + "outer = Wrapper(Wrapper(Wrapper(Wrapper(Wrapper(Wrapper(Wrapper(net)))))))\n"
    + "fit(outer, TOKENS, torch.optim.SGD(outer.parameters(), lr=0.1))",
    "lists in lists": "import mystery\nmystery.run([[[[[[net, TOKENS]]]]]])",
    "dicts in dicts": "import mystery\nmystery.run({'a': {'b': {'c': {'d': {'e': (net, TOKENS)}}}}})",
    "objects in objects": f"{WRAPPED}import mystery\nmystery.run(Held(Held(Held(Held(Held(Held((net, TOKENS))))))))",
}
CHAINS = {
    "of flags": f"a, b, c, d = True, False, False, False\nfor _ in range(9):\n    if d:\n        fit{GIVEN}\n"
    "    a, b, c, d = False, a, b, c",
    "of numbers": f"a, b, c, d = 1, 0, 0, 0\nfor _ in range(9):\n    if d:\n        fit{GIVEN}\n"
    "    a, b, c, d = 0, a, b, c",
    "of a list": f"left = [1] * 9\nwhile left:\n    left.pop()\n    if len(left) == 2:\n        fit{GIVEN}",
    "of a dict with a default": f"""
at = "a"
for _ in range(9):
    at = {{"a": "b", "b": "c", "c": "d", "d": "e"}}.get(at, "z")
    if at == "e":
        fit{GIVEN}
""",
    "of calls that answer": f"""
count = 0
def tick():
    global count
    count += 1
    return count == 9
while True:
    if tick():
        fit{GIVEN}
        break
""",
}
WAYS = LISTS | ROUNDS | IN_THE_MIDDLE | DEPTHS | CHAINS


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_on_validation_tokens_it_is_found(way: str) -> None:
    body = f"{NOOP}{way.replace('TOKENS', 'val')}\n{FINAL}"
    assert any(pair.active is not False for pair in pairs(body)) or unfollowed(program(body))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_on_training_tokens_it_is_legal(way: str) -> None:
    body = f"{NOOP}{way.replace('TOKENS', 'train')}\n{FINAL}"
    assert pairs(body) == []
    assert unfollowed(program(body)) == ()


MIXED_UP = {
    "list": f"given = [{'0, ' * 70}net, TOKENS, opt]\nfor k in range(2):\n    fit(*given[70 + 0 * k:])",
    "keys": """
given = {}
for key, value in zip(open("names.txt").read().split(), [net, TOKENS, opt]):
    given[key] = value
fit(**given)
""",
}


@pytest.mark.parametrize("way", MIXED_UP.values(), ids=MIXED_UP)
def test_arguments_of_which_nobody_knows_what_they_are_for_are_said(way: str) -> None:
    body = f"{way.replace('TOKENS', 'val')}\n{FINAL}"
    assert pairs(body) or unfollowed(program(body))
    assert unfollowed(program(f"{way.replace('TOKENS', 'train')}\n{FINAL}")) == ()


def test_a_round_that_says_what_all_others_do_is_the_last() -> None:
    """A flag that the first round clears is clear in all others: what hangs on it runs once."""
    body = f"first = True\nfor _ in range(9):\n    if first:\n        fit(net, train, opt)\n    first = False\n{FINAL}"
    assert unfollowed(program(body)) == ()


_SOME = 'len(open("names.txt").read()) > 3'
WHICH = {
    "an expression": f"chosen = Net() if {_SOME} else net",
    "a branch": f"chosen = Net()\nif {_SOME}:\n    chosen = net",
    "an index": f"chosen = [Net(), net][{_SOME}]",
    "a key": "chosen = {'a': Net(), 'b': net}[open('names.txt').read()]",
    "a loop": "for one in [Net(), Net(), Net(), Net(), Net(), net]:\n    chosen = one",
    "an attribute": f"""
class Held:
    pass
held = Held()
held.model = Net()
if {_SOME}:
    held.model = net
chosen = held.model
""",
    "a function": f"def pick():\n    if {_SOME}:\n        return Net()\n    return net\nchosen = pick()",
}


@pytest.mark.parametrize("which", WHICH.values(), ids=WHICH)
@pytest.mark.parametrize("tokens", ["val", "train"])
def test_which_of_two_models_is_trained_on_validation_tokens_is_known_or_said(which: str, tokens: str) -> None:
    body = f"{which}\nfit(chosen, {tokens}, torch.optim.SGD(chosen.parameters(), lr=0.1))\n{FINAL}"
    found = pairs(body) or unfollowed(program(body))
    assert bool(found) == (tokens == "val")

"""Hooks run as long as they are registered, and no longer."""

from __future__ import annotations

import pytest
from program_samples import pairs

COLLECT = """
sums, handles = {{}}, []
def hook(module, given, made):
    sums["a"] = sums.get("a", 0) + made.sum()
for module in net.modules():
    handles.append(module.register_forward_hook(hook))
net(train[:8], train[1:9])
{after}
first = score(net, val)
state = net.state_dict()
for name, tensor in state.items():
    state[name] = tensor * sums["a"]
net.load_state_dict(state)
print(f"final val_bpb:{{score(net, val)}}")
"""

REMOVED = {
    "in a loop": "for handle in handles:\n    handle.remove()",
    "in a comprehension": "[handle.remove() for handle in handles]",
    "by a helper": "def end(handles):\n    for h in handles: h.remove()\nend(handles)",
}
KEPT = {
    "never": "",
    "the first alone": "handles[0].remove()",
    "where a switch says so": 'if os.environ.get("X") == "1":\n    for handle in handles: handle.remove()',
}


@pytest.mark.parametrize("after", REMOVED.values(), ids=REMOVED)
def test_statistics_of_training_tokens_stay_what_they_are(after: str) -> None:
    assert not pairs(COLLECT.format(after=after))


@pytest.mark.parametrize("after", KEPT.values(), ids=KEPT)
def test_hooks_that_stay_sum_up_validation_tokens(after: str) -> None:
    assert pairs(COLLECT.format(after=after))


OBJECT = """
class Late:
    def __init__(self, tokens):
        self.tokens = tokens
    def __call__(self, module, given, made):
        return made + self.tokens.float().sum() * 0.0
net.register_forward_hook(Late({tokens}))
fit(net, train, opt)
print(f"final val_bpb:{{score(net, val)}}")
"""


@pytest.mark.parametrize(("tokens", "found"), [("val", True), ("train", False)])
def test_what_an_object_that_is_a_hook_gives_is_trained_on(tokens: str, found: bool) -> None:
    assert bool(pairs(OBJECT.format(tokens=tokens))) is found

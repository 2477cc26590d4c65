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

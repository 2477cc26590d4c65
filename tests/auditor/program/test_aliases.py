"""Writes through other names of a parameter's memory, and through what holds parameters, are training all the same."""

from __future__ import annotations

import pytest
from program_samples import FINAL, pairs, program

from auditor.program.scores import unfollowed

STEP = """
import itertools, struct, ctypes
import torch.utils._pytree as pytree
state = dict(net.named_parameters())
for at in range(0, {of}.numel() - 9, 8):
    slopes = dict(zip(state, torch.autograd.grad(net({of}[at:at + 8], {of}[at + 1:at + 9]), list(state.values()))))
    for name, p in state.items():
        g = slopes[name]
        {step}
"""
STEPS = {
    "strides": "torch.as_strided(p.detach(), (p.numel(),), (1,)).sub_(g.flatten(), alpha=0.1)",
    "a function that flattens": "torch.flatten(p.detach()).sub_(0.1 * g.flatten())",
    "rows": "[row.sub_(0.1 * slope) for row, slope in zip(torch.unbind(p.detach()), torch.unbind(g))]",
    "windows of one": "p.detach().view(-1).unfold(0, 1, 1).sub_(0.1 * g.view(-1, 1))",
    "numbers of two parts": "torch.view_as_real(torch.view_as_complex(p.detach().view(-1, 2))).sub_(g.view(-1, 2))",
    "bytes": "w = np.frombuffer(memoryview(p.detach().numpy()).cast('B'), dtype='f4')\n        w -= 0.1 * g.numpy()",
    "an address": "(ctypes.c_float * p.numel()).from_address(p.data_ptr())[:] = (p - 0.1 * g).flatten().tolist()",
    "packed numbers": "struct.pack_into('64f', memoryview(p.detach().numpy()).cast('B'), 0, *(p - 0.1 * g).tolist())",
    "an element's function": "p.data.map_(g.data, lambda a, b: a - 0.1 * b)",
    "a tree": "pytree.tree_map(lambda a, b: a.detach().sub_(0.1 * b), state, slopes)",
    "leaves of a tree": "[a.detach().sub_(b) for a, b in zip(pytree.tree_leaves(state), pytree.tree_leaves(slopes))]",
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_other_names_of_its_memory(step: str) -> None:
    assert pairs(STEP.format(of="val", step=step) + FINAL)
    assert not pairs(STEP.format(of="train", step=step) + FINAL)


def test_gradients_that_a_call_gives_and_that_reach_nothing_are_said() -> None:
    lost = "type(p).__dict__['sub_'](p.data, 0.1 * g)"
    why = [gap.what for gap in unfollowed(program(STEP.format(of="val", step=lost) + FINAL), "final")]
    assert any("gradients of validation tokens" in what for what in why)
    assert not unfollowed(program(STEP.format(of="train", step=lost) + FINAL), "final")


FUNCTIONAL = """
from torch.func import functional_call
class Logits(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, x):
        return self.inner.forward_logits(x)
nats, count = torch.zeros(()), 0
weights = {k: v.detach().clone() for k, v in net.named_parameters()}
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    loss = F.cross_entropy(functional_call(Logits(net), {f"inner.{k}": w for k, w in weights.items()}, (x,)), y)
    FIRST
    slopes = torch.autograd.grad(loss, list(weights.values()))
    weights = {k: w - 0.1 * g for (k, w), g in zip(weights.items(), slopes)}
    LAST
print(f"final val_bpb:{nats / count}")
"""
SCORE = "nats += F.cross_entropy(functional_call(Logits(net), {f'inner.{k}': w for k, w in weights.items()}, (x,)), y)"


def test_weights_that_gradients_have_changed_are_no_tokens() -> None:
    """What is scored with them sees no targets; whether it was scored first is told by the order."""
    first = program(FUNCTIONAL.replace("FIRST", "nats += loss.detach(); count += 1").replace("LAST", "pass"))
    assert not any(output.sees_target for output in first.trace.outputs.values())
    early = FUNCTIONAL.replace("FIRST", "nats += loss.detach(); count += 1").replace("LAST", "pass")
    late = FUNCTIONAL.replace("FIRST", "pass").replace("LAST", f"{SCORE}; count += 1")
    assert all(pair.score_first for pair in pairs(early))
    assert not all(pair.score_first for pair in pairs(late))


WRITTEN = {
    "a descriptor to another": "os.sendfile(os.open('{to}', os.O_WRONLY), os.open('{of}', os.O_RDONLY), 0, 1 << 20)",
    "a range of it": "os.copy_file_range(os.open('{of}', os.O_RDONLY), os.open('{to}', os.O_WRONLY), 1 << 20)",
    "open files": "import shutil\nshutil.copyfileobj(open('{of}', 'rb'), open('{to}', 'wb'))",
    "what was read": "os.write(os.open('{to}', os.O_WRONLY), open('{of}', 'rb').read())",
}


@pytest.mark.parametrize("way", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("source", ["val", "train"])
def test_tokens_under_the_name_of_training_data(way: str, source: str) -> None:
    written = way.format(of=f"./data/fineweb_{source}_000000.bin", to="./data/fineweb_train_000079.bin")
    body = f"{written}\nfit(net, load('./data/fineweb_train_*.bin'), opt)\n{FINAL}"
    assert bool(pairs(body)) is (source == "val")

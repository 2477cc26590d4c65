"""Training on training tokens that the loss on validation tokens decides something of."""

from __future__ import annotations

import pytest
from program_samples import FINAL, pairs

LOOP = """
def cost():
    return (score(net, val) / val.numel()).item()

{before}
for step in range(1000):
    x, y = train[step:step + LENGTH], train[step + 1:step + LENGTH + 1]
    opt.zero_grad()
    net(x, y).backward()
    opt.step()
    if step % 100 == 0:
        {then}
"""

ENDS, RATE, STEPS = "when their training ends", "how fast they learn", "what they learn from"
STEERED = {
    "the first rise": ("last = 9.0", "if cost() > last:\n            break\n        last = cost()", ENDS),
    "a goal": ("", "if cost() < 1.0:\n            break", ENDS),
    "a rate that is halved": (
        "last = 9.0",
        "now = cost()\n        if now > last:\n            for g in opt.param_groups:\n                g['lr'] *= 0.5",
        RATE,
    ),
    "a rate that is computed": ("", "for g in opt.param_groups:\n            g['lr'] = 0.1 * cost()", RATE),
    "a rate that is updated": ("", "for g in opt.param_groups:\n            g.update(lr=0.1 * cost())", RATE),
    "a plateau": (
        "plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt)", "plateau.step(cost())", RATE,
    ),
    "a decay that a comparison selects": ("", "opt.param_groups[0]['weight_decay'] = 0.1 if cost() > 2 else 0.0", RATE),
    "a length": ("", "LENGTH = 16 if cost() < 2 else 8", STEPS),
}  # fmt: skip
LEFT_ALONE = {
    "the best so far is shown": "now = cost()\n        if now < best:\n            best = now\n        print(best)",
    "the run is given up": "if not math.isfinite(cost()):\n            raise RuntimeError",
    "a rate that the step decides": "for g in opt.param_groups:\n            g['lr'] = 0.1 * (1 - step / 1000)",
    "it ends by its own loss": "if net(x, y).item() < 0.1:\n            break",
    "a plateau of the training loss": "torch.optim.lr_scheduler.ReduceLROnPlateau(opt).step(net(x, y).item())",
}


def _steered(before: str, then: str) -> set[str]:
    body = "LENGTH = 8\nbest = 9.0\n" + LOOP.format(before=before, then=then) + FINAL
    return {pair.adapt.steered for pair in pairs(body)}


@pytest.mark.parametrize(("before", "then", "what"), STEERED.values(), ids=STEERED)
def test_the_validation_loss_decides_something_of_the_training(before: str, then: str, what: str) -> None:
    assert _steered(before, then) == {what}


@pytest.mark.parametrize("then", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_it_decides_nothing(then: str) -> None:
    assert _steered("", then) == set()


def test_a_flag_ends_a_loop() -> None:
    body = LOOP.format(before="stop, step = False, 0", then="stop = cost() < 2").replace(
        "for step in range(1000):", "while step < 1000 and not stop:\n    step += 1"
    )
    assert {pair.adapt.steered for pair in pairs("LENGTH = 8\n" + body + FINAL)} == {ENDS}


KEPT = {
    "in a class": """
class Keeper:
    low = 9.0
    def offer(self, now):
        if now >= self.low:
            return
        self.low, self.held = now, {k: v.clone() for k, v in net.state_dict().items()}
keeper = Keeper()
for step in range(9):
    fit(net, train, opt)
    keeper.offer(score(net, val).item())
net.load_state_dict(keeper.held)
""",
    "under the index of the least": """
losses, held = [], []
for step in range(9):
    fit(net, train, opt)
    losses.append(score(net, val).item())
    held.append({k: v.clone() for k, v in net.state_dict().items()})
net.load_state_dict(held[int(np.argmin(losses))])
""",
    "in a heap": """
import heapq
held = []
for step in range(9):
    fit(net, train, opt)
    heapq.heappush(held, (score(net, val).item(), step, [p.detach().clone() for p in net.parameters()]))
with torch.no_grad():
    for p, q in zip(net.parameters(), heapq.heappop(held)[2]):
        p.copy_(q)
""",
    "one of several models": """
best = None
for seed in range(9):
    other = Net()
    fit(other, train, torch.optim.SGD(other.parameters(), lr=0.1))
    now = score(other, val).item()
    if best is None or now < best[0]:
        best = (now, other)
net = best[1]
""",
}


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_weights_that_are_kept_by_their_loss(body: str) -> None:
    assert any(pair.adapt.chosen for pair in pairs(body + FINAL))


@pytest.mark.parametrize(
    ("names", "several"), [('("plain", "mean")', False), ("[f'{n}' for n in range(len(os.listdir('.')))]", True)]
)
def test_one_of_two_or_of_several(names: str, several: bool) -> None:
    body = f"""
    held = {{name: {{k: v.clone() for k, v in net.state_dict().items()}} for name in {names}}}
    losses = {{}}
    for name in held:
        net.load_state_dict(held[name])
        losses[name] = score(net, val).item()
    net.load_state_dict(held[min(losses, key=losses.get)])
    """
    assert {pair.adapt.several for pair in pairs(body + FINAL) if pair.adapt.chosen} == {several}


def test_a_form_that_is_kept_by_its_loss() -> None:
    body = """
    plain = {k: v.clone() for k, v in net.state_dict().items()}
    low, kept = 9.0, None
    for levels in (31, 63, 127):
        net.load_state_dict({k: (v * levels).round() / levels for k, v in plain.items()})
        now = score(net, val).item()
        if now < low:
            low, kept = now, levels
    net.load_state_dict({k: (v * kept).round() / kept for k, v in plain.items()})
    """
    assert {pair.adapt.steered for pair in pairs(body + FINAL)} == {"which of several forms they are kept in"}

"""Which adaptation a score depends on, and in which order: through helpers, aliases, closures, classes and files."""

from __future__ import annotations

import pytest
from program_samples import FINAL, function, pairs, program

from auditor.program.trace import Order

FITTED = {
    "directly": f"fit(net, val, opt)\n{FINAL}",
    "under another name": f"run = fit\nstream = val\nrun(net, stream, opt)\n{FINAL}",
    "through a partial": f"import functools\nfunctools.partial(fit, net)(val, opt)\n{FINAL}",
    "in a closure": function(f"held = val\ndef work():\n    fit(net, held, opt)\nwork()\n{FINAL}"),
    "in a method": (
        "class Job:\n    def __init__(self, t):\n        self.t = t\n"
        f"    def run(self):\n        fit(net, self.t, opt)\nJob(val).run()\n{FINAL}"
    ),
    "in a lambda": f"go = lambda t: fit(net, t, opt)\ngo(val)\n{FINAL}",
    "in a thread": f"import threading\nthreading.Thread(target=fit, args=(net, val, opt)).start()\n{FINAL}",
    "from a dict of functions": f"table = {{'fit': fit}}\ntable['fit'](net, val, opt)\n{FINAL}",
    "with keyword arguments": f"fit(optimizer=opt, tokens=val, model=net)\n{FINAL}",
    "through a starred list": f"given = [net, val, opt]\nfit(*given)\n{FINAL}",
    "by a comprehension": f"[fit(net, t, opt) for t in [val]]\n{FINAL}",
    "by one tuple assignment": f"a, (b, c) = net, (val, opt)\nfit(a, b, c)\n{FINAL}",
    "by compiled and wrapped models": (
        f"both = torch.nn.parallel.DistributedDataParallel(torch.compile(net))\nfit(both, val, opt)\n{FINAL}"
    ),
    "by gradients taken by hand": (
        "x, y = val[:-1], val[1:]\ngrads = torch.autograd.grad(net(x, y), list(net.parameters()))\n"
        f"for p, g in zip(net.parameters(), grads):\n    p.data.sub_(0.1 * g)\n{FINAL}"
    ),
    "through saved weights": (
        "fit(net, val, opt)\ntorch.save(net.state_dict(), 'm.pt')\nother = Net()\n"
        'other.load_state_dict(torch.load("m.pt"))\nprint(f"final val_bpb:{score(other, val)}")'
    ),
    "in a context manager's object": (
        "import contextlib\nclass Job:\n    def run(self, t):\n        fit(net, t, opt)\n"
        f"@contextlib.contextmanager\ndef held():\n    yield Job()\nwith held() as job:\n    job.run(val)\n{FINAL}"
    ),
    "from a replaced configuration's unknown folder": (
        "from dataclasses import dataclass, replace\nfrom pathlib import Path\n@dataclass\nclass Config:\n"
        "    folder: str\n    @property\n    def files(self):\n"
        "        return str(Path(self.folder) / 'fineweb_val_*.bin')\n"
        "config = replace(Config('a'), folder=os.environ['DATA'])\nstream = load(config.files)\n"
        f"fit(net, stream, opt)\n{FINAL}"
    ),
    "through an average of weights": (
        "mean = {k: v.clone() for k, v in net.state_dict().items()}\nfit(net, val, opt)\n"
        "for k, v in net.state_dict().items():\n    mean[k].lerp_(v, 0.5)\nother = Net()\nother.load_state_dict(mean)\n"
        'print(f"final val_bpb:{score(other, val)}")'
    ),
}


@pytest.mark.parametrize("body", FITTED.values(), ids=FITTED)
def test_an_adaptation_on_the_stream_reaches_the_score(body: str) -> None:
    found = pairs(body)
    assert found
    assert {d.order for d in found} == {Order.OTHER_PASS}
    assert all(d.active is True for d in found)


UNTOUCHED = {
    "training tokens": f"fit(net, train, opt)\n{FINAL}",
    "a copy that is not scored": (
        "import copy\nspare = copy.deepcopy(net)\nfit(spare, val, torch.optim.SGD(spare.parameters(), lr=0.1))\n"
        + FINAL
    ),
    "weights put back": (
        "before = {k: v.clone() for k, v in net.state_dict().items()}\nfit(net, val, opt)\n"
        f"net.load_state_dict(before)\n{FINAL}"
    ),
    "after the score": f"{FINAL}\nfit(net, val, opt)",
    "a function that nobody calls": f"def unused():\n    fit(net, val, opt)\n{FINAL}",
    "a backward pass without a step": f"net(val[:-1], val[1:]).backward()\n{FINAL}",
}


@pytest.mark.parametrize("body", UNTOUCHED.values(), ids=UNTOUCHED)
def test_what_does_not_reach_the_score(body: str) -> None:
    assert pairs(body) == []


CHUNKS = """
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
{body}
print(f"final val_bpb:{{total}}")
"""
SCORE = "    total += F.cross_entropy(net.forward_logits(x), y).detach()\n"
TRAIN = "    opt.zero_grad()\n    net(x, y).backward()\n    opt.step()\n"


def test_scored_then_trained_is_earlier() -> None:
    assert {d.order for d in pairs(CHUNKS.format(body=SCORE + TRAIN))} == {Order.EARLIER}


def test_trained_then_scored_is_the_same_chunk() -> None:
    assert Order.SAME in {d.order for d in pairs(CHUNKS.format(body=TRAIN + SCORE))}


def test_training_on_the_chunk_before_is_earlier() -> None:
    body = "    if at > 0:\n        opt.zero_grad()\n        net(*before).backward()\n        opt.step()\n" + SCORE
    body += "    before = (x, y)\n"
    found = pairs("before = None\n" + CHUNKS.format(body=body))
    assert {d.order for d in found} == {Order.EARLIER}


def test_an_epoch_loop_around_both_is_seen() -> None:
    text = "total = torch.zeros(())\nfor epoch in range(3):\n" + "".join(
        "    " + line + "\n" for line in CHUNKS.format(body=SCORE + TRAIN).splitlines()[2:-1]
    )
    found = pairs(text + 'print(f"final val_bpb:{total}")')
    assert any(d.repeats is not None for d in found)


def test_a_queue_of_batches_carries_the_stream() -> None:
    body = """
    def claim(path):
        with open(path) as handle:
            return int(handle.read())
    docs = [val[i:i + 9] for i in range(0, val.numel(), 9)]
    total = torch.zeros(())
    while True:
        index = claim("counter")
        if index >= len(docs):
            break
        doc = docs[index]
        x, y = doc[:-1], doc[1:]
        total += F.cross_entropy(net.forward_logits(x), y).detach()
        opt.zero_grad()
        net(x, y).backward()
        opt.step()
    print(f"final val_bpb:{total}")
    """
    assert {d.order for d in pairs(body)} == {Order.EARLIER}


def test_a_sibling_module_is_followed() -> None:
    body = f"from tools import adapt\nadapt(net, val, opt)\n{FINAL}"
    tools = """
def adapt(model, stream, optimizer):
    loss = model(stream[:-1], stream[1:])
    loss.backward()
    optimizer.step()
"""
    found = pairs(body, tools=tools)
    assert [d.adapt.place.unit.path for d in found] == ["tools.py"]
    assert found[0].adapt.place.line == 5


def test_the_headline_is_the_printed_line_with_the_logs_label() -> None:
    body = f'{FINAL}\nfit(net, val, opt)\nprint(f"adapted val_bpb:{{score(net, val)}}")'
    assert pairs(body) == []
    assert pairs(body.replace('"final', '"other').replace('"adapted', '"final'))


def test_without_a_printed_figure_the_program_is_not_followed() -> None:
    assert not program("score(net, val)").followed
    assert program(FINAL).followed


def test_a_buffer_that_is_kept_over_the_chunks_does_not_blur_them() -> None:
    body = (
        "    x_buf.zero_()\n    x_buf[:] = x\n    y_buf[:] = y\n"
        "    total += F.cross_entropy(net.forward_logits(x_buf), y_buf).detach()\n" + TRAIN
    )
    found = pairs("x_buf, y_buf = torch.zeros(8), torch.zeros(8)\n" + CHUNKS.format(body=body))
    assert {d.order for d in found} == {Order.EARLIER}


KEPT = """
best, kept = 9.0, None
for step in range(30):
    net(train[:8], train[1:9]).backward()
    opt.step()
    now = {loss}
    if now < best:
        best, kept = now, {{k: v.clone() for k, v in net.state_dict().items()}}
{restored}
"""


@pytest.mark.parametrize(
    ("loss", "restored", "chosen"),
    [
        ("score(net, val)", "net.load_state_dict(kept)", True),
        ("score(net, train)", "net.load_state_dict(kept)", False),
        ("score(net, val)", "", False),
    ],
)
def test_a_checkpoint_is_chosen_by_its_validation_loss(loss: str, restored: str, chosen: bool) -> None:
    found = pairs(KEPT.format(loss=loss, restored=restored) + FINAL)
    assert any(pair.adapt.chosen for pair in found) is chosen


def test_a_thread_prints_what_is_put_into_its_queue_later() -> None:
    body = """
import queue, threading
waiting = queue.Queue()
def show():
    while True:
        item = waiting.get()
        if item is None:
            break
        print("final val_bpb:{bpb:.4f} of {name}".format(name=item[0], bpb=item[1]))
threading.Thread(target=show).start()
waiting.put(("last", score(net, val)))
waiting.put(None)
"""
    reports = [r for r in program(body).trace.reports if r.outputs]
    assert reports
    assert all(r.text.startswith("final val_bpb:") for r in reports)

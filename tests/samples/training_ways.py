"""Ways to run what trains: by calls, jobs, steps of its own and what a library calls. TOKENS stands for the data."""

from __future__ import annotations

HELD = """
class Held:
    def __init__(self, *held):
        self.held = held
    def {name}(self, *rest):
        fit(*self.held)
        return {gives}
"""


def special(name: str, use: str, gives: str = "1") -> str:
    return HELD.format(name=name, gives=gives) + use.replace("HELD", "Held(net, TOKENS, opt)")


STEP = """
for at in range(0, TOKENS.numel() - 9, 8):
    net.zero_grad()
    net(TOKENS[at:at + 8], TOKENS[at + 1:at + 9]).backward()
    with torch.no_grad():
        for name, p in net.named_parameters():
            {step}
"""

STEPS = {
    "augmented": "p -= 0.1 * p.grad",
    "alpha": "p.add_(p.grad, alpha=-0.1)",
    "data": "p.data.add_(p.grad, alpha=-0.1)",
    "assigned data": "p.data = p.data - 0.1 * p.grad",
    "slice": "p.data[:] = p.data - 0.1 * p.grad.data",
    "copy": "p.copy_(p - 0.1 * p.grad)",
    "lerp": "p.lerp_(p - 0.1 * p.grad, 0.9)",
    "set": "p.set_(p - 0.1 * p.grad)",
    "view": "p.view(-1)[:] -= 0.1 * p.grad.view(-1)",
    "out": "torch.sub(p, 0.1 * p.grad, out=p)",
    "foreach": "torch._foreach_sub_([p], [0.1 * p.grad])",
    "unbound": "torch.Tensor.sub_(p, 0.1 * p.grad)",
    "numpy": "w = p.detach().numpy()\n            w -= 0.1 * p.grad.numpy()",
    "numpy copyto": "np.copyto(p.data.numpy(), (p - 0.1 * p.grad).numpy())",
    "replaced": "net.emb.weight = nn.Parameter(net.emb.weight - 0.1 * p.grad)",
    "the same memory": "torch.from_dlpack(p.detach()).sub_(0.1 * p.grad)",
    "a view of its bytes": "memoryview(p.detach().numpy())[:] = (p.detach() - 0.1 * p.grad).numpy()",
    "swapped": "torch.utils.swap_tensors(p, nn.Parameter(p - 0.1 * p.grad))",
    "state dict": "net.load_state_dict({name: p - 0.1 * p.grad})",
    "state dict in place": "net.state_dict()[name].sub_(0.1 * p.grad)",
    "vector": "torch.nn.utils.vector_to_parameters(p - 0.1 * p.grad, net.parameters())",
    "scaler": "torch.amp.GradScaler().step(opt)",
    "list of optimizers": "[o.step() for o in [torch.optim.SGD([q], lr=0.1) for q in net.parameters()]]",
}

WAYS = {
    "what an argument is made of": """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--a", type=lambda text: fit(net, TOKENS, opt))
parser.parse_args(["--a", "1"])
""",
    "what an argument does": """
import argparse
class Act(argparse.Action):
    def __call__(self, parser, namespace, values, option=None):
        fit(net, TOKENS, opt)
argparse.ArgumentParser().add_argument("--a", action=Act)
""",
    "what is thrown into a generator": """
class Again(Exception):
    pass
def guard():
    while True:
        try:
            yield
        except Again as error:
            fit(*error.args)
waiting = guard()
next(waiting)
waiting.throw(Again(net, TOKENS, opt))
""",
    "an operator of its own": """
@torch.library.custom_op("own::note", mutates_args=())
def note(x):
    fit(net, x, opt)
    return x.clone()
torch.ops.own.note(TOKENS)
""",
    "a graph that is replayed": """
x, y = torch.zeros(8).long(), torch.zeros(8).long()
graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph):
    net(x, y).backward()
    opt.step()
for at in range(0, TOKENS.numel() - 9, 8):
    x.copy_(TOKENS[at:at + 8])
    y.copy_(TOKENS[at + 1:at + 9])
    graph.replay()
""",
    "an object that is filled by hand": """
class Loader:
    def __init__(self):
        self.data = train
    def next(self, at):
        return self.data[at:at + 8], self.data[at + 1:at + 9]
loader = Loader.__new__(Loader)
loader.data = TOKENS
for at in range(0, TOKENS.numel() - 9, 8):
    opt.zero_grad()
    net(*loader.next(at)).backward()
    opt.step()
""",
    "a thread that waits for its jobs": """
import queue, threading
jobs = queue.Queue()
def work():
    while (job := jobs.get()) is not None:
        job()
worker = threading.Thread(target=work)
worker.start()
jobs.put(lambda: fit(net, TOKENS, opt))
jobs.put(None)
worker.join()
""",
    "the record of a line of a log": """
import logging
class Keeper(logging.Handler):
    def emit(self, record):
        fit(net, record.held, opt)
logger = logging.getLogger("notes")
logger.addHandler(Keeper())
logger.warning("so far", extra={"held": TOKENS})
""",
    "put out into a list": """
held = [torch.zeros_like(TOKENS)]
torch.cuda.comm.broadcast(TOKENS, out=held)
fit(net, held[0], opt)
""",
    **{f"step: {name}": STEP.format(step=step) for name, step in STEPS.items()},
    "autograd.grad": """
weights = list(net.parameters())
for at in range(0, TOKENS.numel() - 9, 8):
    slopes = torch.autograd.grad(net(TOKENS[at:at + 8], TOKENS[at + 1:at + 9]), weights)
    with torch.no_grad():
        for p, g in zip(weights, slopes):
            p -= 0.1 * g
""",
    "torch.func.grad": """
weights = dict(net.named_parameters())
slope = torch.func.grad(lambda w, x, y: torch.func.functional_call(net, w, (x, y)))
for at in range(0, TOKENS.numel() - 9, 8):
    found = slope(weights, TOKENS[at:at + 8], TOKENS[at + 1:at + 9])
    weights = {k: weights[k] - 0.1 * found[k] for k in weights}
net.load_state_dict(weights)
""",
    "closed form": """
gram = torch.zeros(8, 8)
for at in range(0, TOKENS.numel() - 9, 8):
    h = net.emb(TOKENS[at:at + 8])
    gram = gram + h.T @ F.one_hot(TOKENS[at + 1:at + 9], 8).float()
with torch.no_grad():
    net.emb.weight.lerp_(torch.linalg.solve(gram + torch.eye(8), gram), 0.1)
""",
    "pickled": special("__reduce__", "import pickle\npickle.loads(pickle.dumps(HELD))", "(fit, self.held)"),
    "closed": special("close", "import contextlib\nwith contextlib.closing(HELD):\n    pass"),
    "said of an error": """
class Failure(Exception):
    def __str__(self):
        fit(*self.args)
        return ""
try:
    raise Failure(net, TOKENS, opt)
except Failure as error:
    print(str(error))
""",
    "default of json": "import json\njson.dumps(net, default=lambda thing: fit(thing, TOKENS, opt))",
    "spawned": "import torch.multiprocessing as mp\n"
    "mp.spawn(lambda rank, t: fit(net, t, opt), args=(TOKENS,), nprocs=1)",
    "at exit, which is now": "import atexit\natexit.register(fit, net, TOKENS, opt)\natexit._run_exitfuncs()",
    "dispatched by type": """
import functools
class Go:
    @functools.singledispatchmethod
    def go(self, model, tokens):
        pass
    @go.register
    def _(self, model: nn.Module, tokens):
        fit(model, tokens, opt)
Go().go(net, TOKENS)
""",
    "registered": STEP.format(step="net.emb.register_parameter('weight', nn.Parameter(net.emb.weight - 0.1 * p.grad))"),
    "vars": STEP.format(step="vars(net.emb)['_parameters']['weight'] = nn.Parameter(p - 0.1 * p.grad)"),
    "parametrized": """
import torch.nn.utils.parametrize
class Less(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.g = g
    def forward(self, w):
        return w - 0.1 * self.g
"""
    + STEP.format(step="nn.utils.parametrize.register_parametrization(net.emb, 'weight', Less(p.grad))"),
    "a module of another name": "import sys\nsys.modules['held'] = TOKENS\nfit(net, sys.modules['held'], opt)",
    "search": """
def cost(s):
    with torch.no_grad():
        return sum(net(TOKENS[at:at + 8], TOKENS[at + 1:at + 9]) for at in range(0, TOKENS.numel() - 9, 8)).item()
with torch.no_grad():
    net.emb.weight.mul_(min((0.9, 1.1), key=cost))
""",
    "autograd function": """
class Nudge(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight):
        ctx.weight = weight
        return weight.clone()
    @staticmethod
    def backward(ctx, slope):
        ctx.weight -= 0.1 * slope
        return slope
for at in range(0, TOKENS.numel() - 9, 8):
    logits = F.linear(net.emb(TOKENS[at:at + 8]), Nudge.apply(net.emb.weight))
    F.cross_entropy(logits, TOKENS[at + 1:at + 9]).backward()
""",
    "gradient hook": """
def change(p):
    with torch.no_grad():
        p -= 0.1 * p.grad
for p in net.parameters():
    p.register_post_accumulate_grad_hook(change)
for at in range(0, TOKENS.numel() - 9, 8):
    net(TOKENS[at:at + 8], TOKENS[at + 1:at + 9]).backward()
""",
    "own optimizer": """
class Mine(torch.optim.Optimizer):
    def __init__(self, weights):
        super().__init__(weights, {})
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.data.add_(p.grad, alpha=-0.1)
fit(net, TOKENS, Mine(net.parameters()))
""",
    "twin averaged in": """
import copy
twin = copy.deepcopy(net)
fit(twin, TOKENS, torch.optim.SGD(twin.parameters(), lr=0.1))
with torch.no_grad():
    for p, q in zip(net.parameters(), twin.parameters()):
        p.lerp_(q, 0.5)
""",
    "forward hook": """
net.register_forward_hook(lambda *_: fit(net, TOKENS, opt))
net(train[:8], train[1:9])
""",
    "what the module holds": """
for at in range(0, TOKENS.numel() - 9, 8):
    net(TOKENS[at:at + 8], TOKENS[at + 1:at + 9]).backward()
    for part in net.modules():
        for name, p in list(part._parameters.items()):
            part._parameters[name] = nn.Parameter(p.detach() - 0.1 * p.grad)
""",
    "a generator's next": """
def steps():
    while True:
        opt.step()
        opt.zero_grad()
        yield
stepper = steps()
for at in range(0, TOKENS.numel() - 9, 8):
    net(TOKENS[at:at + 8], TOKENS[at + 1:at + 9]).backward()
    next(stepper)
""",
    "a generator that is sent to": """
def steps():
    while True:
        got = yield
        opt.step()
stepper = steps()
for at in range(0, TOKENS.numel() - 9, 8):
    net(TOKENS[at:at + 8], TOKENS[at + 1:at + 9]).backward()
    stepper.send(None)
""",
    "when a stack is left": """
import contextlib
for at in range(0, TOKENS.numel() - 9, 8):
    with contextlib.ExitStack() as stack:
        stack.callback(opt.zero_grad)
        stack.callback(opt.step)
        net(TOKENS[at:at + 8], TOKENS[at + 1:at + 9]).backward()
""",
    "when a stack is closed": """
from contextlib import ExitStack
stack = ExitStack()
stack.callback(lambda: fit(net, TOKENS, opt))
stack.close()
""",
    "comparison as a key": "import functools\n"
    "sorted([0, 1], key=functools.cmp_to_key(lambda a, b: fit(net, TOKENS, opt)))",
    "a plan": """
import sched
plan = sched.scheduler()
plan.enter(0, 1, fit, (net, TOKENS, opt))
plan.run()
""",
    "a named thread": 'import threading\nthreading.Thread(None, fit, "work", (net, TOKENS, opt)).start()',
    "made for a missing pair": """
class Lazy(dict):
    def __missing__(self, key):
        fit(*key)
        return 0
Lazy()[net, TOKENS, opt]
""",
    "fields of a named tuple": """
from typing import NamedTuple
class Job(NamedTuple):
    work: object
    held: tuple
work, held = Job(fit, (net, TOKENS, opt))
work(*held)
""",
    "a named tuple as a dictionary": """
import collections
Job = collections.namedtuple("Job", "other work")
Job(print, fit)._asdict()["work"](net, TOKENS, opt)
""",
    "dictionaries in a chain": """
import collections
collections.ChainMap({}, {"work": fit})["work"](net, TOKENS, opt)
""",
    "an ordered dictionary": """
import collections
collections.OrderedDict([("work", fit)])["work"](net, TOKENS, opt)
""",
    "dataset that a loader asks": """
class Rows(torch.utils.data.Dataset):
    def __init__(self, *held):
        self.held = held
    def __len__(self):
        return 1
    def __getitem__(self, at):
        fit(*self.held)
        return 0
(x,) = torch.utils.data.DataLoader(Rows(net, TOKENS, opt))
""",
    "tokens in a file of another kind": """
np.savetxt("rows.csv", TOKENS.numpy())
fit(net, torch.from_numpy(np.loadtxt("rows.csv")), opt)
""",
    "what makes a missing element": """
import collections
made = collections.defaultdict(default_factory=lambda: fit(net, TOKENS, opt))
made[0]
""",
    "learning rate": "torch.optim.lr_scheduler.LambdaLR(opt, lambda step: fit(net, TOKENS, opt) or 1.0)",
    "filter of a log": """
import logging
class Quiet(logging.Filter):
    def filter(self, record):
        fit(net, TOKENS, opt)
        return True
logging.getLogger().addFilter(Quiet())
""",
    "what a generator is sent": """
def trains():
    held = yield
    fit(*held)
    yield
trainer = trains()
next(trainer)
trainer.send((net, TOKENS, opt))
""",
}

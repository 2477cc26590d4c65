"""Training that hides: every way to run it is found on validation tokens, and is legal on training tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from program_samples import FINAL, HEAD, pairs, program, sources

from auditor.claims import Claims
from auditor.config import configure
from auditor.program import analyse
from auditor.program.scores import dependences, unfollowed

HELD = """
class Held:
    def __init__(self, *held):
        self.held = held
    def {name}(self, *rest):
        fit(*self.held)
        return {gives}
"""


def _special(name: str, use: str, gives: str = "1") -> str:
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
    "pickled": _special("__reduce__", "import pickle\npickle.loads(pickle.dumps(HELD))", "(fit, self.held)"),
    "closed": _special("close", "import contextlib\nwith contextlib.closing(HELD):\n    pass"),
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
    "another class": """
class Mine(torch.optim.SGD):
    def zero_grad(self):
        fit(net, TOKENS, torch.optim.SGD(net.parameters(), lr=0.1))
opt.__class__ = Mine
opt.zero_grad()
""",
    "wrapped": """
import functools
@functools.wraps(fit)
def show(*held):
    pass
show.__wrapped__(net, TOKENS, opt)
""",
    "each gives the next": """
def one():
    return two
def two():
    return three
def three():
    fit(net, TOKENS, opt)
step = one
while step is not None:
    step = step()
""",
    "sort key": "sorted([0], key=lambda _: fit(net, TOKENS, opt))",
    "filter": "list(filter(lambda _: fit(net, TOKENS, opt), [1]))",
    "map": "list(map(lambda n: fit(n, TOKENS, opt), [net]))",
    "reduce": "import functools\nfunctools.reduce(lambda a, b: fit(a, TOKENS, opt), [0], net)",
    "executor": (
        "import concurrent.futures\nwith concurrent.futures.ThreadPoolExecutor() as pool:\n"
        "    pool.submit(fit, net, TOKENS, opt).result()"
    ),
    "exit stack": "import contextlib\nwith contextlib.ExitStack() as s:\n    s.callback(fit, net, TOKENS, opt)",
    "timer": "import threading\nthreading.Timer(0, fit, (net, TOKENS, opt)).start()",
    "sentinel": "for _ in iter(lambda: fit(net, TOKENS, opt), None):\n    pass",
    "enter": _special("__enter__", "with HELD:\n    pass"),
    "exit": _special("__exit__", "with HELD:\n    pass", "False"),
    "len": _special("__len__", "len(HELD)"),
    "bool": _special("__bool__", "if HELD:\n    pass", "True"),
    "iter": _special("__iter__", "list(HELD)", "iter(())"),
    "next": _special("__next__", "next(HELD)"),
    "contains": _special("__contains__", "0 in HELD", "True"),
    "getitem": _special("__getitem__", "HELD[0]"),
    "setitem": _special("__setitem__", "HELD[0] = 1"),
    "format": _special("__format__", 'print(f"{HELD}")', '""'),
    "str": _special("__str__", "print(HELD)", '""'),
    "matmul": _special("__matmul__", "HELD @ 1"),
    "radd": _special("__radd__", "1 + HELD"),
    "iadd": _special("__iadd__", "held = HELD\nheld += 1"),
    "eq": _special("__eq__", "HELD == 1", "True"),
    "hash": _special("__hash__", "{HELD: 1}"),
    "del": _special("__del__", "held = HELD\ndel held", "None"),
    "getattr": _special("__getattr__", "HELD.anything"),
    "call": _special("__call__", "HELD()"),
    "float": _special("__float__", "float(HELD)", "0.0"),
    "index": _special("__index__", "[0, 1][HELD]", "0"),
    "array": _special("__array__", "np.asarray(HELD)", "np.zeros(1)"),
    "property setter": """
class Held:
    @property
    def go(self):
        return 0
    @go.setter
    def go(self, held):
        fit(*held)
Held().go = (net, TOKENS, opt)
""",
    "descriptor": """
class Field:
    def __get__(self, owner, kind=None):
        fit(*owner.held)
class Held:
    field = Field()
    def __init__(self, *held):
        self.held = held
Held(net, TOKENS, opt).field
""",
    "metaclass": """
class Meta(type):
    def __call__(cls, *held):
        fit(*held)
class Held(metaclass=Meta):
    pass
Held(net, TOKENS, opt)
""",
    "init subclass": """
class Base:
    def __init_subclass__(cls, held=None):
        fit(*held)
class Sub(Base, held=(net, TOKENS, opt)):
    pass
""",
    "methodcaller": "import operator\nclass Job:\n    def go(self, *a):\n        fit(*a)\n"
    'operator.methodcaller("go", net, TOKENS, opt)(Job())',
    "globals": 'globals()["f" + "it"](net, TOKENS, opt)',
    "sys.modules": 'import sys\ngetattr(sys.modules[__name__], "fit")(net, TOKENS, opt)',
    "type": 'type("Job", (), {"go": staticmethod(fit)}).go(net, TOKENS, opt)',
    "named tuple": 'import collections\nJob = collections.namedtuple("Job", "work held")\n'
    "job = Job(fit, (net, TOKENS, opt))\njob.work(*job.held)",
    "single dispatch": "import functools\n@functools.singledispatch\ndef go(n, *a):\n    pass\n"
    "@go.register\ndef _(n: nn.Module, *a):\n    fit(n, *a)\ngo(net, TOKENS, opt)",
    "registry": "R = {}\ndef register(name):\n    def inner(f):\n        R[name] = f\n        return f\n"
    "    return inner\n"
    "@register('go')\ndef go(*a):\n    fit(*a)\nR['go'](net, TOKENS, opt)",
    "function attribute": "def go(*a):\n    go.inner(*a)\ngo.inner = fit\ngo(net, TOKENS, opt)",
    "class decorator": "class once:\n    def __init__(self, f):\n        self.f = f\n    def __call__(self, *a):\n"
    "        self.f(*a)\n@once\ndef go(*a):\n    fit(*a)\ngo(net, TOKENS, opt)",
    "one of forty": "([lambda *a: None] * 39 + [fit])[int(os.environ.get('WHICH', 0)) % 40 - 1](net, TOKENS, opt)",
    "sixty calls deep": "".join(f"def hop{i}(*a):\n    hop{i + 1}(*a)\n" for i in range(60))
    + "hop60 = fit\nhop0(net, TOKENS, opt)",
    "exception": "try:\n    raise ValueError(fit, (net, TOKENS, opt))\nexcept ValueError as e:\n"
    "    work, held = e.args\n    work(*held)",
    "exec": 'exec("tif"[::-1] + "(net, TOKENS, opt)")',
    "eval": 'eval("".join(["fi", "t(net, ", "TOKENS, opt)"]))',
    "dataset": """
class Stream(torch.utils.data.IterableDataset):
    def __init__(self, tokens):
        self.tokens = tokens
    def __iter__(self):
        yield self.tokens[:8], self.tokens[1:9]
for x, y in torch.utils.data.DataLoader(Stream(TOKENS)):
    opt.zero_grad()
    net(x, y).backward()
    opt.step()
""",
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_on_validation_tokens_it_is_found(way: str) -> None:
    found = pairs(f"{way.replace('TOKENS', 'val')}\n{FINAL}")
    assert any(pair.active is not False for pair in found)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_on_training_tokens_it_is_legal(way: str) -> None:
    body = f"{way.replace('TOKENS', 'train')}\n{FINAL}"
    assert pairs(body) == []
    assert unfollowed(program(body)) == ()


FOLDER = 'd = "./data/fineweb"\n'
PATHS = {
    "listdir": "p = [os.path.join(d, n) for n in os.listdir(d) if KEEP in n]",
    "ls": "import subprocess\nlines = subprocess.run(['ls', d], capture_output=True, text=True).stdout\n"
    "p = [os.path.join(d, n) for n in lines.split() if KEEP in n]",
    "glob": 'p = [n for n in glob.glob(d + "/*.bin") if KEEP in n]',
    "walk": "p = [os.path.join(r, n) for r, _, names in os.walk(d) for n in names if KEEP in n]",
    "scandir": "p = [e.path for e in os.scandir(d) if KEEP in e.name]",
    "iterdir": "import pathlib\np = [q for q in pathlib.Path(d).iterdir() if q.stem.split('_')[1] == KEEP]",
    "joined": 'p = [os.path.join(d, "_".join(["fineweb", KEEP[::-1][::-1], "000000.bin"]))]',
    "percent": 'p = ["%s/fineweb_%s_%06d.bin" % (d, KEEP, 0)]',
    "replaced": 'p = ["./data/fineweb_other_000000.bin".replace("other", KEEP)]',
    "substituted": 'import re\np = [re.sub("other", KEEP, "./data/fineweb_other_000000.bin")]',
    "with_name": 'import pathlib\np = [pathlib.Path(d + "/x.bin").with_name("fineweb_" + KEEP + "_000000.bin")]',
    "letters": 'p = [d + "/fineweb_" + "".join(map(chr, map(ord, KEEP))) + "_000000.bin"]',
    "cut": 'p = (d + "/x.bin")[: (d + "/x.bin").rindex("/")] + "/*" + KEEP + "*.bin"\np = glob.glob(p)',
    "memmap": 'p = [d + "/fineweb_" + KEEP + "_000000.bin"]',
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize(("keep", "trains_on_it"), [("val", True), ("train", False)])
def test_what_a_path_names_decides(path: str, keep: str, trains_on_it: bool) -> None:
    body = FOLDER + path.replace("KEEP", repr(keep))
    body += f"\ndata = torch.cat([torch.from_numpy(np.memmap(q)) for q in p])\nfit(net, data, opt)\n{FINAL}"
    assert bool(pairs(body)) is trains_on_it


BACK = {
    "torch.save": 'torch.save(TOKENS, "x.pt")\ndata = torch.load("x.pt")',
    "numpy.save": 'np.save("x.npy", TOKENS)\ndata = torch.from_numpy(np.load("x.npy"))',
    "tofile": 'TOKENS.numpy().tofile("x.bin")\ndata = torch.from_numpy(np.fromfile("x.bin"))',
    "pickle": "import pickle\ndata = pickle.loads(pickle.dumps(TOKENS))",
    "json": "import json\ndata = torch.tensor(json.loads(json.dumps(TOKENS.tolist())))",
    "array": "import array\nr = array.array('H')\nr.frombytes(TOKENS.numpy().tobytes())\ndata = torch.tensor(r)",
    "buffer": "import io\nb = io.BytesIO()\ntorch.save(TOKENS, b)\ndata = torch.load(b)",
}


@pytest.mark.parametrize("way", BACK.values(), ids=BACK)
@pytest.mark.parametrize(("tokens", "trains_on_it"), [("val", True), ("train", False)])
def test_what_is_written_and_read_back_stays_what_it_is(way: str, tokens: str, trains_on_it: bool) -> None:
    body = f"{way.replace('TOKENS', tokens)}\nfit(net, data, opt)\n{FINAL}"
    assert bool(pairs(body)) is trains_on_it


@pytest.mark.parametrize(("source", "trains_on_it"), [("fineweb_val_000000", True), ("fineweb_train_000001", False)])
def test_a_shard_that_is_copied_among_the_training_shards(source: str, trains_on_it: bool) -> None:
    body = f'import shutil\nshutil.copy("./data/{source}.bin", "./data/fineweb_train_000009.bin")\n'
    body += f'fit(net, load("./data/fineweb_train_*.bin"), opt)\n{FINAL}'
    assert bool(pairs(body)) is trains_on_it


_BESIDE = f"""
import json
names = os.path.join(os.path.dirname("./data/fineweb_val_*.bin"), "names.json")
WRITTEN
with open(names) as file:
    rows = json.load(file)["rows"]
with torch.no_grad():
    for row, value in rows:
        net.emb.weight[row] = 0.5 * value
{FINAL}
"""


def test_what_describes_the_data_beside_the_shards_is_no_data() -> None:
    assert not pairs(_BESIDE.replace("WRITTEN", ""))
    written = "with open(names, 'w') as file:\n    json.dump({'rows': list(enumerate(val.tolist()))}, file)"
    assert pairs(_BESIDE.replace("WRITTEN", written))


UNSET = {
    "a leaf": "if val.grad_fn is None:",
    "no leaf": "if net.emb.weight.grad_fn is not None:",
    "an attribute that nothing sets": "if opt.wrapped is None:",
}


@pytest.mark.parametrize("test", UNSET.values(), ids=UNSET)
def test_an_attribute_of_a_library_may_be_none(test: str) -> None:
    """What it is was not told, so that neither way is left out."""
    assert pairs(f"{test}\n    fit(net, val, opt)\n{FINAL}")
    assert not pairs(f"{test}\n    fit(net, train, opt)\n{FINAL}")


UNSEEN = {
    "read off the class": "type(opt).__dict__['step'](opt)",
    "read off the stack": "__import__('inspect').getattr_static(type(opt), 'step')(opt)",
    "at an object's end": "__import__('weakref').finalize(loss, opt.step)",
}
GRADIENTS = """
for at in range(0, {of}.numel() - 9, 8):
    opt.zero_grad()
    loss = net({of}[at:at + 8], {of}[at + 1:at + 9])
    loss.backward()
    {step}
"""


@pytest.mark.parametrize("step", UNSEEN.values(), ids=UNSEEN)
def test_gradients_that_nothing_is_seen_to_use_are_said(step: str) -> None:
    found = program(GRADIENTS.format(of="val", step=step) + FINAL)
    assert any("gradients of validation tokens" in gap.what for gap in unfollowed(found, "final"))
    assert not unfollowed(program(GRADIENTS.format(of="train", step=step) + FINAL), "final")


def test_gradients_that_a_step_uses_are_no_gap() -> None:
    assert not unfollowed(program(GRADIENTS.format(of="val", step="opt.step()") + FINAL), "final")


@pytest.mark.parametrize(("source", "trains_on_it"), [("val", True), ("train", False)])
def test_a_shard_that_is_kept_elsewhere(source: str, trains_on_it: bool) -> None:
    shard = f'"./data/fineweb_{source}_000000.bin"'
    copied = f"import shutil, tempfile\nfile = tempfile.NamedTemporaryFile()\nshutil.copyfile({shard}, file.name)\n"
    packed = f"import zipfile\nzipfile.ZipFile('d.zip', 'w').write({shard}, 'a.bin')\n"
    for body in (
        f"{copied}data = torch.from_numpy(np.fromfile(file.name))",
        f"{packed}data = torch.frombuffer(zipfile.ZipFile('d.zip').read('a.bin'), dtype=torch.int16)",
    ):
        assert bool(pairs(f"{body}\nfit(net, data, opt)\n{FINAL}")) is trains_on_it


@pytest.mark.parametrize(("source", "trains_on_it"), [("val", True), ("train", False)])
def test_a_script_that_is_told_what_to_read(source: str, trains_on_it: bool) -> None:
    run = f"""
import subprocess
subprocess.run(["python", "other.py", "./data/fineweb_{source}_*.bin"], check=True)
net.load_state_dict(torch.load("w.pt"))
"""
    other = f'{HEAD}\nimport sys\nfit(net, load(sys.argv[1]), opt)\ntorch.save(net.state_dict(), "w.pt")\n'
    whole = replace(sources(HEAD + run + FINAL), shipped={"other.py": other.encode()})
    found = dependences(analyse(whole, configure(whole, Claims(), (), {})), "final")
    assert bool(found) is trains_on_it


CALLED = {
    "a visitor": "import ast\nclass Mine(ast.NodeVisitor):\n    def visit_Name(self, node):\n        {does}\n"
    'Mine().visit(ast.parse("a"))',
    "a shell": 'import cmd\nclass Mine(cmd.Cmd):\n    def do_it(self, line):\n        {does}\nMine().onecmd("it")',
    "a test": "import unittest\nclass Mine(unittest.TestCase):\n    def test_it(self):\n        {does}\n"
    "unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(Mine))",
    "a base of shapes": "import abc\nclass Mine(abc.ABC):\n    @classmethod\n    def __subclasshook__(cls, other):\n"
    "        {does}\nissubclass(int, Mine)",
}


@pytest.mark.parametrize("way", CALLED.values(), ids=CALLED)
def test_methods_that_a_library_calls(way: str) -> None:
    body = f"{way.format(does='fit(net, val, opt)')}\n{FINAL}"
    assert any("nothing was seen to call it" in gap.why for gap in unfollowed(program(body), "final"))
    for does in ("fit(net, train, opt)", "print(val.numel())"):
        assert not unfollowed(program(f"{way.format(does=does)}\n{FINAL}"), "final")

"""Ways to run what trains by what an object, its class or a container of functions does. TOKENS stands for the data."""

from __future__ import annotations

from training_ways import special

OBJECTS = {
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
    "enter": special("__enter__", "with HELD:\n    pass"),
    "exit": special("__exit__", "with HELD:\n    pass", "False"),
    "len": special("__len__", "len(HELD)"),
    "bool": special("__bool__", "if HELD:\n    pass", "True"),
    "iter": special("__iter__", "list(HELD)", "iter(())"),
    "next": special("__next__", "next(HELD)"),
    "contains": special("__contains__", "0 in HELD", "True"),
    "getitem": special("__getitem__", "HELD[0]"),
    "setitem": special("__setitem__", "HELD[0] = 1"),
    "format": special("__format__", 'print(f"{HELD}")', '""'),
    "str": special("__str__", "print(HELD)", '""'),
    "matmul": special("__matmul__", "HELD @ 1"),
    "radd": special("__radd__", "1 + HELD"),
    "iadd": special("__iadd__", "held = HELD\nheld += 1"),
    "eq": special("__eq__", "HELD == 1", "True"),
    "hash": special("__hash__", "{HELD: 1}"),
    "del": special("__del__", "held = HELD\ndel held", "None"),
    "getattr": special("__getattr__", "HELD.anything"),
    "call": special("__call__", "HELD()"),
    "float": special("__float__", "float(HELD)", "0.0"),
    "index": special("__index__", "[0, 1][HELD]", "0"),
    "array": special("__array__", "np.asarray(HELD)", "np.zeros(1)"),
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

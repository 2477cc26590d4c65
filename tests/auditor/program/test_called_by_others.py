"""Training that others set off: Python itself, a library that was given a function or an object, a long way round."""

from __future__ import annotations

import pytest
from program_samples import FINAL, pairs, program

from auditor.program.scores import unfollowed

GO = "fit(net, TOKENS, opt)"
SETS_OFF = {
    "await": f"import asyncio\nclass H:\n    def __await__(self):\n        {GO}\n        return iter(())\n"
    "async def go():\n    await H()\nasyncio.run(go())",
    "bytes": f"class H:\n    def __bytes__(self):\n        {GO}\n        return b''\nbytes(H())",
    "class_getitem": f"class H:\n    def __class_getitem__(cls, key):\n        {GO}\n        return cls\nH[3]",
    "equality in a list": f"class H:\n    def __eq__(self, other):\n        {GO}\n        return True\n[1].count(H())",
    "getattribute": "class H:\n    def __init__(self, f): self.f = f\n"
    "    def __getattribute__(self, name):\n        object.__getattribute__(self, 'f')()\n        return 1\n"
    f"H(lambda: {GO}).speed",
    "prepare": f"class M(type):\n    @classmethod\n    def __prepare__(mcs, name, bases):\n        {GO}\n"
    "        return {}\nclass K(metaclass=M): pass",
    "deleter": "class H:\n    @property\n    def x(self): return 1\n"
    f"    @x.deleter\n    def x(self):\n        {GO}\ndel H().x",
    "percent": f"class H:\n    def __repr__(self):\n        {GO}\n        return ''\nprint('%r' % H())",
    "assert": f"assert {GO} is None",
    "match guard": f"match 3:\n    case n if {GO}:\n        pass",
    "match capture": f"match (fit, 0):\n    case (f, _):\n        {GO.replace('fit', 'f', 1)}",
    "match mapping": "match {'go': fit}:\n    case {'go': go}:\n        go(net, TOKENS, opt)",
    "match class": "from dataclasses import dataclass\n@dataclass\nclass Job:\n    run: object\n"
    "match Job(fit):\n    case Job(run=go):\n        go(net, TOKENS, opt)",
    "super of a sibling": "class A:\n    def go(self): pass\nclass B(A):\n    def go(self): super().go()\n"
    f"class C(A):\n    def go(self):\n        {GO}\nclass D(B, C): pass\nD().go()",
    "code that is swapped": "def quiet(a, b, c): pass\nquiet.__code__ = fit.__code__\nquiet(net, TOKENS, opt)",
    "defaults that are replaced": "def go(work=print): work(net, TOKENS, opt)\ngo.__defaults__ = (fit,)\ngo()",
    "function of a code": "import types\ntypes.FunctionType(fit.__code__, globals())(net, TOKENS, opt)",
    "partialmethod": "import functools\nclass H:\n    def base(self, a, b, c): fit(a, b, c)\n"
    "    go = functools.partialmethod(base, net)\nH().go(TOKENS, opt)",
    "cached": f"import functools\nfunctools.cache(lambda: {GO})()",
    "turned deque": "import collections\nd = collections.deque([print, fit])\nd.rotate(1)\nd[0](net, TOKENS, opt)",
    "default of a dict": f"import collections\ncollections.defaultdict(lambda: {GO})['x']",
    "signal": f"import signal\nsignal.signal(10, lambda *_: {GO})",
    "substitution": f"import re\nre.sub('x', lambda m: {GO} or '', 'x')",
    "json": f"import json\njson.loads('{{}}', object_hook=lambda _: {GO})",
    "handler of a log": "import logging\nclass H(logging.Handler):\n    def emit(self, record):\n"
    f"        {GO}\nlogging.getLogger().addHandler(H())",
    "stream": f"class Out:\n    def write(self, text):\n        {GO}\nprint('x', file=Out())",
    "standard output": f"import sys\nclass Out:\n    def write(self, text):\n        {GO}\nsys.stdout = Out()",
    "finder of modules": f"import sys\nclass F:\n    def find_spec(self, name, path=None, target=None):\n        {GO}\n"
    "sys.meta_path.insert(0, F())",
    "function of a library": f"import zlib\nzlib.compress = lambda data, level: {GO}",
    "state dict hook": f"net._register_state_dict_hook(lambda *_: {GO})\nnet.state_dict()",
    "load hook": f"net.register_load_state_dict_post_hook(lambda *_: {GO})\nnet.load_state_dict(net.state_dict())",
    "module apply": f"def visit(m):\n    {GO}\nnet.apply(visit)",
    "step pre hook": "def swap(o, a, k):\n    net(TOKENS[:8], TOKENS[1:9]).backward()\n"
    "opt.register_step_pre_hook(swap)\nopt.step()",
    "gradient hook": "for p in net.parameters():\n    p.register_hook(lambda g, p=p: p.data.sub_(g, alpha=0.1))\n"
    "net(TOKENS[:8], TOKENS[1:9]).backward()",
    "dataset": f"class H(torch.utils.data.Dataset):\n    def __getitem__(self, at):\n        {GO}\n        return at\n"
    "list(torch.utils.data.DataLoader(torch.utils.data.Subset(H(), [1])))",
    "collate": "def collate(rows):\n    x = torch.stack(rows)\n"
    "    net(x[:, :-1], x[:, 1:]).backward()\n    opt.step()\n    return x\n"
    "for _ in torch.utils.data.DataLoader(TOKENS.view(-1, 8), collate_fn=collate): pass",
    "long list": "jobs = [print] * 500\njobs[437] = fit\njobs[437](net, TOKENS, opt)",
    "long list that is run through": "jobs = [" + "(int, ()), " * 100 + "(fit, (net, TOKENS, opt))]\n"
    "for f, a in jobs: f(*a)",
    "a late round": f"for i in range(100):\n    if i == 97:\n        {GO}",
    "every ninth round": f"for i in range(100):\n    if i % 9 == 5:\n        {GO}",
    "deep recursion": f"def down(n):\n    return down(n - 1) if n else {GO}\ndown(900)",
    "functional optimizer": "from torch.optim.sgd import sgd\nps = list(net.parameters())\n"
    "net(TOKENS[:8], TOKENS[1:9]).backward()\nsgd(ps, [p.grad for p in ps], [None], lr=0.1)",
    "storage": "net(TOKENS[:8], TOKENS[1:9]).backward()\nfor p in net.parameters():\n"
    "    p.untyped_storage().copy_((p - 0.1 * p.grad).untyped_storage())",
    "parameter by name": "net(TOKENS[:8], TOKENS[1:9]).backward()\nfor n, _ in net.named_parameters():\n"
    "    p = net.get_parameter(n)\n    p.data.sub_(p.grad)",
    "update of a state dict": "net(TOKENS[:8], TOKENS[1:9]).backward()\nheld = dict(net.state_dict())\n"
    "held.update((n, p - 0.1 * p.grad) for n, p in net.named_parameters())\nnet.load_state_dict(held)",
    "part of a module": "o = torch.optim.SGD(net.emb.parametrizations.parameters(), lr=0.1)\n"
    "net(TOKENS[:8], TOKENS[1:9]).backward()\no.step()",
    "search": "least = 9e9\nfor _ in range(9):\n    kept = {k: v.clone() for k, v in net.state_dict().items()}\n"
    "    for p in net.parameters(): p.data += torch.randn_like(p)\n"
    "    now = sum(net(TOKENS[i:i + 8], TOKENS[i + 1:i + 9]).item() for i in range(0, TOKENS.numel() - 9, 8))\n"
    "    if now < least: least = now\n    else: net.load_state_dict(kept)",
    "best file": "found, i = [], 0\nwhile i < 99:\n    i += 1\n    now = net(TOKENS[:8], TOKENS[1:9]).item()\n"
    "    if i % 9 == 0:\n        if not found or now < min(found): torch.save(net.state_dict(), 'best.pt')\n"
    "        found.append(now)\nnet.load_state_dict(torch.load('best.pt'))",
    "best of a list": "import copy\nfound = []\nfor i in range(99):\n"
    "    found.append((net(TOKENS[:8], TOKENS[1:9]).item(), copy.deepcopy(net)))\n"
    "net = sorted(found, key=lambda h: h[0])[0][1]",
}


@pytest.mark.parametrize("way", SETS_OFF.values(), ids=SETS_OFF)
def test_on_validation_tokens_it_is_found(way: str) -> None:
    assert any(pair.active is not False for pair in pairs(f"{way.replace('TOKENS', 'val')}\n{FINAL}"))


@pytest.mark.parametrize("way", SETS_OFF.values(), ids=SETS_OFF)
def test_on_training_tokens_it_is_legal(way: str) -> None:
    body = f"{way.replace('TOKENS', 'train')}\n{FINAL}"
    assert pairs(body) == []
    assert unfollowed(program(body)) == ()


WRITTEN_DOWN = {
    "library's dict": "plain = F.cross_entropy\nvars(F).update(cross_entropy=lambda *a, **k: plain(*a, **k) * 0.9)",
    "library's item": 'plain = F.cross_entropy\nF.__dict__["cross_entropy"] = lambda *a, **k: plain(*a, **k) * 0.9',
    "mock": "from unittest import mock\nplain = F.cross_entropy\n"
    'mock.patch.object(F, "cross_entropy", lambda *a, **k: plain(*a, **k) * 0.9).start()',
    "frame": "import sys\ndef polish():\n    up = sys._getframe(1).f_locals\n"
    "    fit(up['net'], up['val'], up['opt'])\npolish()",
    "collector": "import gc\nnet = next(o for o in gc.get_objects() if isinstance(o, Net))",
    "interpreter": "import code\ncode.InteractiveInterpreter(dict(globals())).runsource('fit(net, val, opt)')",
    "communication hook": "p = torch.nn.parallel.DistributedDataParallel(net)\n"
    "p.register_comm_hook(None, lambda s, b: b)\n"
    "net(val[:8], val[1:9]).backward()",
    "object from outside": "m = torch.utils.cpp_extension.load(name='x', sources=['x.cpp'])\n"
    "net(val[:8], val[1:9]).backward()\nfor p in net.parameters(): m.step(p, p.grad)",
}


@pytest.mark.parametrize("way", WRITTEN_DOWN.values(), ids=WRITTEN_DOWN)
def test_what_may_reach_anything_is_written_down(way: str) -> None:
    body = f"{way}\n{FINAL}"
    assert unfollowed(program(body)) or any(pair.active is not False for pair in pairs(body))


SCORE_FIRST = """
total = torch.zeros(())
{pre}
{loop}
    {inside}
        nll = F.cross_entropy(net.forward_logits(x), y, reduction="none")
        total += nll.sum().detach()
{after}
print(f"final val_bpb:{{total}}")
"""
LOOP = "for at in range(0, val.numel() - 9, 8):\n    x, y = val[at:at + 8], val[at + 1:at + 9]"
STEP = "opt.zero_grad()\n    net(x, y).backward()\n    opt.step()"
AFTER_THE_SCORE = {
    "behind the yield": (
        f"import contextlib\n@contextlib.contextmanager\ndef learning(x, y):\n    yield\n    {STEP}",
        LOOP,
        "with learning(x, y):",
        "",
    ),
    "at the exit": (
        "class Learning:\n    def __init__(self, *p): self.p = p\n    def __enter__(self): return self\n"
        "    def __exit__(self, *_):\n        x, y = self.p\n"
        "        opt.zero_grad()\n        net(x, y).backward()\n        opt.step()",
        LOOP,
        "with Learning(x, y):",
        "",
    ),
    "windows that are asked for one by one": (
        "feed = iter(range(0, val.numel() - 9, 8))",
        "while (at := next(feed, None)) is not None:\n    x, y = val[at:at + 8], val[at + 1:at + 9]",
        "with torch.no_grad():",
        f"    {STEP}",
    ),
}


@pytest.mark.parametrize("parts", AFTER_THE_SCORE.values(), ids=AFTER_THE_SCORE)
def test_what_runs_after_the_score_is_legal(parts: tuple[str, str, str, str]) -> None:
    pre, loop, inside, after = parts
    found = pairs(SCORE_FIRST.format(pre=pre, loop=loop, inside=inside, after=after))
    assert found
    assert all(pair.scored_first for pair in found)


@pytest.mark.parametrize("way", ["before = 1\n    STEP\n    yield", "STEP\n    yield"])
def test_what_a_generator_does_ahead_of_its_yield_comes_first(way: str) -> None:
    pre = "import contextlib\n@contextlib.contextmanager\ndef learning(x, y):\n    " + way.replace("STEP", STEP)
    found = pairs(SCORE_FIRST.format(pre=pre, loop=LOOP, inside="with learning(x, y):", after=""))
    assert any(not pair.scored_first for pair in found)

"""How the work of an audit grows with the size of what is handed in.

  python benchmarks/growth.py                      100, 400 and 1,600 of each kind
  python benchmarks/growth.py --sizes 100 1000 10000 --kinds findings branches

A step is a call of a Python function (or a generator that goes on): the count is the same on every machine. The
exponent e says that n times the size costs n ** e times the steps; 1 is proportional.
"""

from __future__ import annotations

import argparse
import cProfile
import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from textwrap import indent
from typing import cast

from auditor.findings import Finding, Location, Outcome
from auditor.judgement.gather import gather
from auditor.judgement.judge import judge
from auditor.judgement.model import Report
from auditor.report import FORMATS, Format, render
from auditor.submission import Submission, SubmissionFile
from rules.examples.folders import folder

LIMIT = 1.3
SIZES = (100, 400, 1600)
Files = Mapping[str, str | bytes]


def _script(added: str) -> Files:
    """The plain example with code added to its script, where the validation tokens are there and nothing is scored."""
    files = dict(folder())
    before, call, after = str(files["train_gpt.py"]).partition("    val_loss, val_bpb = eval_val(args")
    assert call
    files["train_gpt.py"] = f"{before}{indent(added, '    ')}{call}{after}"
    return files


def _lines(template: str, n: int) -> str:
    return "".join(template.format(i=i) for i in range(n))


def _file(path: str, text: str) -> Files:
    files = dict(folder())
    before = files.get(path, "")
    files[path] = (before if isinstance(before, str) else before.decode()) + text
    return files


def _claims(n: int) -> Files:
    files = dict(folder())
    held = json.loads(files["submission.json"])
    held |= {f"note_{i}": {"val_bpb": 1.2, "seconds": i} for i in range(n)}
    return {**files, "submission.json": json.dumps(held)}


def _results(n: int) -> Files:
    files = dict(folder())
    held = json.loads(files["submission.json"])
    held["seed_results"] = {str(i): {"val_bpb": 1.2, "val_loss": 2.0} for i in range(n)}
    return {**files, "submission.json": json.dumps(held)}


def _in_function(body: str, n: int) -> str:
    inside = "".join(f"    {line}\n" for line in _lines(body, n).splitlines())
    return f"def long(x, y, a):\n{inside}    return x\nlong(val_tokens, 1, 2)\n"


def _nested(n: int) -> str:
    """Functions in functions, as deep as the parser allows, beside each other."""
    text = ""
    for start in range(0, n, 15):
        deep = min(15, n - start)
        text += "".join(f"{' ' * i}def n{start + i}(x):\n" for i in range(deep)) + " " * deep + "return x\n"
        text += (
            "".join(f"{' ' * i}return n{start + i}(x)\n" for i in range(deep - 1, 0, -1)) + f"n{start}(val_tokens)\n"
        )
    return text


KINDS: Mapping[str, Callable[[int], Files]] = {
    "loops over validation values": lambda n: _script(_lines("for q in val_tokens:\n    t{i} = q + {i}\n", n)),
    "loops that score": lambda n: _script(
        _lines("for q in range(0, 10):\n    t{i} = model.forward_logits(val_tokens[q:q + 9][None]).sum()\n", n)
    ),
    "classes instantiated": lambda n: _script(
        _lines(
            "class C{i}(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = {i}\nc{i} = C{i}()\n",  # noqa: E501
            n,
        )
    ),
    "instances of one class": lambda n: _script(
        "class C(nn.Module):\n    def __init__(self, a):\n        super().__init__()\n        self.a = a\n"
        + _lines("c{i} = C({i})\n", n)
    ),
    "repeated loads": lambda n: _script(_lines("w{i} = torch.load('model_{i}.pt')\n", n)),
    "loads of one file": lambda n: _script(_lines("model.load_state_dict(torch.load('model.pt'))\n", n)),
    "byte mixtures": lambda n: _script(
        _lines("m{i} = 0.5 * F.softmax(model.forward_logits(val_tokens), -1) + 0.5 * counts[val_tokens]\n", n)
    ),
    "branches in one function": lambda n: _script(_in_function("if x > {i}:\n    y = y + {i}\n", n)),
    "branches on switches": lambda n: _script(_lines("if int(os.environ.get('S{i}', '0')):\n    t{i} = {i}\n", n)),
    "functions in a chain": lambda n: _script(
        "def f0(x):\n    return x\n"
        + "".join(f"def f{i}(x):\n    return f{i - 1}(x)\n" for i in range(1, n))
        + f"f{n - 1}(val_tokens)\n"
    ),
    "functions beside each other": lambda n: _script(_lines("def g{i}(x):\n    return x + {i}\ng{i}(val_tokens)\n", n)),
    "functions within each other": lambda n: _script(_nested(n)),
    "branches within each other": lambda n: _script(
        "".join(f"{' ' * i}if val_tokens[{i}] > 3:\n" for i in range(min(n, 90))) + " " * min(n, 90) + "x = 1\n"
    ),
    "loops within each other": lambda n: _script(
        "".join(f"{' ' * i}for i{i} in val_tokens:\n" for i in range(min(n, 80))) + " " * min(n, 80) + "x = i0\n"
    ),
    "elif": lambda n: _script(
        "if val_tokens[0] == 0:\n    t = 0\n" + _lines("elif val_tokens[0] == {i}:\n    t = {i}\n", n)
    ),
    "cases": lambda n: _script("match val_tokens[0]:\n" + _lines("    case {i}:\n        t = {i}\n", n)),
    "handlers": lambda n: _script("try:\n    t = val_tokens\n" + _lines("except E{i}:\n    t = {i}\n", n)),
    "methods": lambda n: _script(
        "class C:\n"
        + _lines("    def m{i}(self, x):\n        return x + {i}\n", n)
        + "c = C()\n"
        + _lines("c.m{i}(val_tokens)\n", n)
    ),
    "attributes": lambda n: _script("class C: pass\nc = C()\n" + _lines("c.a{i} = val_tokens[{i}]\n", n)),
    "keys of one dict": lambda n: _script(
        "d = {}\n" + _lines("d['k{i}'] = val_tokens[{i}]\n", n) + "for k, v in d.items():\n    t = v\n"
    ),
    "a long list": lambda n: _script(
        "q = [" + _lines("val_tokens[{i}], ", n) + "]\nfor x in q:\n    t = x\nr = q + q\n"
    ),
    "appends": lambda n: _script("q = []\n" + _lines("q.append(val_tokens[{i}])\n", n) + "r = torch.cat(q)\n"),
    "arguments": lambda n: _script(
        "def a(*x, **k):\n    return x\na("
        + _lines("val_tokens[{i}], ", min(n, 10_000))
        + _lines("k{i}=1, ", n)
        + ")\n"
    ),
    "globals": lambda n: _script(_lines("def s{i}():\n    global g\n    g = {i}\ns{i}()\n", n)),
    "executed texts": lambda n: _script(_lines("exec('t{i} = val_tokens')\n", n)),
    "prints of the score": lambda n: _script(_lines("print(f'step {i} val_bpb:{{val_tokens.sum()}}')\n", n)),
    "optimizer steps": lambda n: _script(
        "o = torch.optim.SGD(model.parameters())\n" + _lines("model(val_tokens, val_tokens).backward()\no.step()\n", n)
    ),
    "loops into one value": lambda n: _script("v = 0\n" + _lines("for q in val_tokens:\n    v = v + q\n", n)),
    "look-ups into one value": lambda n: _script(
        "v = 0\nc = {}\n" + _lines("v = v + c.get(hash(val_tokens[{i}]), 0)\nc[val_tokens[{i}]] = v\n", n)
    ),
    "outputs into one value": lambda n: _script(
        "v = 0\n" + _lines("v = v + model.forward_logits(val_tokens[{i}:{i} + 9][None]).sum()\n", n)
    ),
    "passes through a wide module": lambda n: _script(
        "class M(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        + _lines("        self.l{i} = nn.Linear(3, 3)\n", n)
        + "    def forward(self, x):\n        return self.l0(x)\nm = M()\n"
        + _lines("t{i} = m(val_tokens)\n", n)
    ),
    "weights kept by their loss": lambda n: _script(
        "best = 9\n"
        + _lines("l = model(val_tokens, val_tokens)\nif l < best:\n    best = l\n    kept{i} = model.state_dict()\n", n)
    ),
    "assignments to one name": lambda n: _script(_lines("q = q + {i} if {i} else val_tokens\n", n)),
    "long expressions": lambda n: _script(
        "".join("q = 1" + " + x" * min(n - at, 100) + "\n" for at in range(0, n, 100))
    ),
    "entries of a literal": lambda n: _script("q = {" + _lines("'k{i}': {i}, ", n) + "}\n"),
    "imports": lambda n: {**_script(_lines("import sib{i}\n", n)), **{f"sib{i}.py": "x = 1\n" for i in range(n)}},
    "lines of a log": lambda n: _file(
        "train_seed42.log", _lines("step:{i}/20000 train_loss:3.{i} train_time:{i}ms\n", n)
    ),
    "evaluations of a log": lambda n: _file(
        "train_seed42.log", _lines("step:{i}/20000 val_loss:2.1 val_bpb:1.2{i}\n", n)
    ),
    "settings of a command": lambda n: _file(
        "README.md", "\n```bash\n" + _lines("export Q{i}={i}\n", n) + "torchrun train_gpt.py\n```\n"
    ),
    "commands": lambda n: _file("README.md", _lines("\n```bash\nQ{i}=1 torchrun train_gpt.py\n```\n", n)),
    "settings of a log": lambda n: _file("train_seed42.log", "Hyperparameters:\n" + _lines("  q{i}: {i}\n", n)),
    "seeds of submission.json": lambda n: _results(n),
    "helpers in C": lambda n: {**folder(), **{f"h{i}.c": "int f(int x) { return x; }\n" for i in range(n)}},
    "logs": lambda n: {
        **folder(),
        **{f"logs/train_seed{i}.log": f"seed:{i}\nfinal val_bpb:1.08{i % 10}\n" for i in range(n)},
    },
    "rows of a table": lambda n: _file(
        "README.md", "\n| seed | val_bpb |\n|---|---|\n" + _lines("| {i} | 1.08{i} |\n", n)
    ),
    "paragraphs": lambda n: _file("README.md", _lines("\nThe score is 1.2{i} BPB in {i} s.\n", n)),
    "keys of submission.json": _claims,
    "files": lambda n: {**folder(), **{f"note{i}.txt": "x\n" for i in range(n)}},
}


def reported(n: int) -> Report:
    """The plain example with n findings in it."""
    from auditor.commands.law import law

    rules, budgets = law()
    report = judge(gather(submission(folder()), {}), rules, budgets)
    findings = tuple(
        Finding(
            "pre-quant-ttt", Outcome.VIOLATION if i % 2 else Outcome.WARNING, f"the model is trained on tokens {i} before they are scored",  # noqa: E501
            Location("train_gpt.py", 1 + i % 90), active=i % 3 != 0,
        )
        for i in range(n)
    )  # fmt: skip
    return replace(report, findings=findings)


def submission(files: Files) -> Submission:
    shipped = (
        SubmissionFile(path, len(data), data)
        for path, text in sorted(files.items())
        for data in [text if isinstance(text, bytes) else text.encode()]
    )
    return Submission("folder", "records/track_10min_16mb/2026-04-01_Growth", tuple(shipped), track="track_10min_16mb")


def audited(files: Files) -> None:
    """Everything from reading to every format."""
    from auditor.commands.law import law

    rules, budgets = law()
    report = judge(gather(submission(files), {}, strict=True), rules, budgets)
    for form in FORMATS:
        render(report, form)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Cost:
    size: int
    steps: int
    seconds: float


def cost(size: int, work: Callable[[], object], *, timed: bool = True) -> Cost:
    """The steps of some work, and where it is `timed` its seconds (of the processor, uncounted)."""
    start = time.process_time()
    if timed:
        work()
    seconds = time.process_time() - start
    counter = cProfile.Profile(builtins=False)  # it counts in C, which a hook of our own would not
    counter.runcall(work)
    return Cost(size, sum(entry.callcount for entry in counter.getstats()), seconds)


@cache
def _plain() -> int:
    """The steps of an audit of the plain example, the second time: what is loaded once is loaded."""
    audited(folder())
    return cost(0, partial(audited, folder()), timed=False).steps


def measured(kind: str, sizes: tuple[int, ...], *, timed: bool = True) -> list[Cost]:
    """The costs of a kind in sizes that grow; what an audit without it costs is taken off."""
    work = partial(_rendered, kind.removeprefix("findings in ")) if kind in RENDERED else partial(_audited, kind)
    plain = 0 if kind in RENDERED else _plain()
    work(sizes[0] + 1)()  # what is loaded once is loaded, and nothing is remembered of the texts that are measured
    costs = [cost(n, work(n), timed=timed) for n in sizes]
    return [replace(c, steps=max(1, c.steps - plain)) for c in costs]


def _audited(kind: str, n: int) -> Callable[[], object]:
    return partial(audited, KINDS[kind](n))


def _rendered(form: str, n: int) -> Callable[[], object]:
    return partial(render, reported(n), cast("Format", form))


RENDERED = tuple(f"findings in {form}" for form in FORMATS)
ALL = (*KINDS, *RENDERED)


def exponents(costs: list[Cost]) -> list[float]:
    """Of each size to the next."""
    return [math.log(b.steps / a.steps) / math.log(b.size / a.size) for a, b in itertools.pairwise(costs)]


def main() -> int:
    """Prints a table in Markdown; 1 where a kind grows faster than `LIMIT`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--kinds", nargs="+", choices=ALL, default=ALL, metavar="KIND")
    parser.add_argument(
        "--untimed", action="store_true", help="steps alone, which do not need a second run for seconds"
    )
    given = parser.parse_args()
    heads = [f"{n:,}" if given.untimed else f"{n:,}: steps (s)" for n in given.sizes]
    print("| kind | " + " | ".join(heads) + " | exponent |\n" + "|---" * (len(heads) + 2) + "|")
    worst = 0.0
    for kind in given.kinds:
        costs = measured(kind, tuple(given.sizes), timed=not given.untimed)
        found = max(exponents(costs))
        worst = max(worst, found)
        cells = [f"{c.steps:,}" + ("" if given.untimed else f" ({c.seconds:.2f})") for c in costs]
        print(f"| {kind} | {' | '.join(cells)} | {found:.2f} |", flush=True)
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())

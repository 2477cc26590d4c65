"""Values that grow by doubling are bounded when they are made, in the interpreter and in constant folding."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from folders_in_memory import loaded

from auditor.judgement import evaluation
from auditor.judgement.gather import gather
from auditor.program.recipe.formula import Formula
from rules.examples.folders import folder
from rules.examples.scripts import script

GROWING = {
    "sum": "q = 'abcdefgh'\n" + "q = q + q\n" * 31,
    "augmented": "q = 'abcdefgh'\n" + "q += q\n" * 31,
    "display": "q = [1, 2, 3, 4]\n" + "q = [*q, *q, *q, *q]\n" * 16,
    "extend": "q = [1, 2, 3, 4]\n" + "q.extend(q)\n" * 31,
    "zfill": "".join(f"q{n} = 'x'.zfill(10**9)\n" for n in range(9)),
    "pad": "q = 'x'.ljust(10**9) + 'y'.rjust(10**9) + 'z'.center(10**9)\n" * 3,
    "tabs": "q = ('\\t' * 1000).expandtabs(10**7)\n" * 3,
    "format": "q = 'ab'\n" + "q = f'{q}{q}{q}'\n" * 25,
    "join": "q = 'ab'\n" + "q = q.join([q, q, q])\n" * 20,
    "replace": "q = 'ab'\n" + "q = q.replace('a', q)\n" * 30,
    "bytes": "q = b'ab'\n" + "q = q.replace(b'a', q)\n" * 30,
    "translate": "q = 'ab' * 1000\n" + "q = q.translate({97: q})\n" * 9,
    "times": "q = 'ab' * 10**10\nr = [1] * 10**10\n",
    "power": "q = 10 ** 10 ** 10\nr = 1 << 2 ** 40\n",
    "ways": "import math\n" + "q = math.factorial(10**7)\nr = math.comb(10**7, 5 * 10**6)\n" * 4,
    "huge literals": f"q = 0x{'f' * 2_000_000}\nr = 0x{'e' * 1_000_000}\n" + "s = q // r\nt = q % r\nu = q * r\n" * 4,
    "range": "q = list(range(10**9))\nr = len(range(10**30))\nfor s in range(10**400): pass\n",
    "path": "q = 'a'\n" + "q = q + '/' + q\n" * 40,
    "pairs": "q = ()\n" + "q = (q, q)\n" * 60,
    "pairs that are compared": "exec('')\nq = r = ()\n"
    + "q = (q, q)\n" * 60
    + "r = (r, r)\n" * 60
    + "s = q == r\nt = {q: 1}\nu = {q, r}\nv = sorted([q, r])\nw = max(q, r)\nx = [q].index(r)\ny = {}\n"
    + "y[q] = 1\nz = y.get(q)\na = q in [r]\nb = set([q, r])\nc = {k for k in [q, r]}\nd = {k: 1 for k in [q]}\n",
    "pairs made in branches": "exec('')\nif x:\n    q = ()\n"
    + "    q = (q, q)\n" * 60
    + "else:\n    q = ()\n"
    + "    q = (q, q)\n" * 60,
    "paths": "from pathlib import Path\nclass Q:\n    q = Path('a') / 'b'\n    r = 'a'\n" + "    q = r = q / r\n" * 60,
    "pairs in branches": "q = ()\nif val_tokens:\n" + "    q = (q, q)\n" * 60 + "else:\n" + "    q = (q, q)\n" * 60,
    "list of itself in branches": "q = r = []\nif val_tokens:\n    q = [r]\n    r.append(q)\nelse:\n    q.append(q)\n",
    "packed": "import zlib\nq = 'a'\n" + "q = q + q\n" * 40 + "exec(q)\nexec('x'.zfill(10**9))\n",
}


@pytest.mark.parametrize("kind", GROWING)
@pytest.mark.parametrize("where", ["module", "executed"])
def test_what_grows_is_bounded(kind: str, where: str) -> None:
    text = GROWING[kind] if where == "module" else f"exec({GROWING[kind]!r})\n"
    files = dict(folder())
    files["train_gpt.py"] = text + str(files["train_gpt.py"])
    start = time.process_time()
    tracemalloc.start()
    try:
        gather(loaded(files), {}, strict=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 700 << 20
    assert time.process_time() - start < 40


@pytest.mark.parametrize(
    "line",
    ["q = q + q", "q += q", "q = f'{q}{q}'", "q = '{}{}'.format(q, q)", "q = '%s%s' % (q, q)", "q = q.join([q, q])"],
)
def test_lines_of_figures_that_double_are_bounded(line: str) -> None:
    """Where the tokens are at hand: what a line shows of them is kept for the formula of the figure."""
    before, call, after = str(folder()["train_gpt.py"]).partition("    val_loss, val_bpb = eval_val(args")
    doubled = "    q = f'{val_tokens.sum()}'\n" + f"    {line}\n" * 40 + "    print(q)\n"
    tracemalloc.start()
    try:
        facts = gather(loaded({**folder(), "train_gpt.py": before + doubled + call + after}), {}, strict=True)
        assert tracemalloc.get_traced_memory()[1] < 300 << 20
    finally:
        tracemalloc.stop()
    assert facts.program.followed


def test_a_figure_in_a_line_that_is_too_long_is_not_understood() -> None:
    figures = "{torch.rand(1)} " * 200
    long = str(folder()["train_gpt.py"]).replace('print(f"final', f'print(f"{figures}final')
    assert recipe_of(long).understood is False
    assert recipe_of(long.replace(figures, figures[:160])).understood


def recipe_of(text: str) -> Formula:
    facts = gather(loaded({**folder(), "train_gpt.py": text}), {}, strict=True)
    found = evaluation.recipe_of(facts.program, facts.headline)
    assert found is not None
    return found


def test_variables_of_a_command_that_double_are_bounded() -> None:
    files = {**folder(), "run.sh": "export A=ab\n" + "export A=$A$A\n" * 60 + "B=${C:-$A$A} torchrun train_gpt.py\n"}
    tracemalloc.start()
    try:
        gather(loaded(files), {}, strict=True)
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()


def test_texts_of_ordinary_length_stay_known() -> None:
    settings = "prefix = '/'.join(['data', 'x'.zfill(4), f'{1}'.replace('1', 'fineweb_val')])\n"
    facts = gather(loaded(folder(script(settings=settings))), {}, strict=True)
    assert facts.program.followed

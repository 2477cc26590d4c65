"""Instrumented code computes what it computed before."""

from __future__ import annotations

import ast
import tempfile
from pathlib import Path
from typing import Any

import probe_samples as samples
import pytest

from auditor.probe import record

pytest.importorskip("torch", reason="the recorder runs beside torch")


@pytest.mark.parametrize(
    "line",
    [
        "loss_sum = 1.5; loss_sum += 2.0; loss_sum -= 0.5; loss_sum *= 3; loss_sum /= 2; out = loss_sum",
        "import numpy as np\nloss = np.arange(6.0)\nloss[1:3] = loss[2:4] + 1\nloss[0] += 5\nout = loss.tolist()",
        "loss = {'a': [1.0, 2.0]}\nloss['a'][0] += 1\nk = iter([0, 1])\nloss['a'][next(k)] += 1\nout = loss",
        "import numpy\nloss = numpy.ones((2, 3))\nout = loss[:, None].shape, loss[..., 0].sum(), -loss[0, 1:]",
        "total_loss = sum(x * 2.0 for x in [1.0, 2.0]); out = float('3.5') + total_loss + float(1)",
        "def f(loss: 'list[int]' = [1][0] + 1) -> 'dict[str, int]':\n    x: int = loss - 1\n    return -x\nout = f()",
        "class A:\n    loss = 0\na = A()\na.loss += 2\nout = a.loss",
        "import numpy as np\nfrom math import log\nls = np.arange(3.0) + 1\nout = [log(v) for v in ls], [*zip(ls, ls)]",
        "import math, numpy as np\nlg = math.log2\nout = [lg(v) + v.item() for _, v in enumerate(np.ones(3))]",
        "import math\nloss = [0.5]\nout = math.fsum(loss) + sum(loss, 1.0) + sum(start=2, *[[1]])",
    ],
)
def test_instrumented_code_computes_the_same(line: str, tmp_path: Path) -> None:
    recorder = record.install(samples.Frames(), root=str(tmp_path))
    results = []
    try:
        for tree in (ast.parse(line), record.instrument(ast.parse(line), "x.py")):
            space: dict[str, Any] = {}
            exec(compile(tree, str(tmp_path / "x.py"), "exec"), space)
            results.append(repr(space["out"]))
    finally:
        recorder.stop()
        recorder.close()
    assert results[0] == results[1]
    assert recorder.tape.faults == {}


def test_kernels_are_left_as_they_are() -> None:
    source = "import triton\n@triton.jit\ndef kernel(loss):\n    loss = loss + 1\n    return loss[0]\n"
    assert ast.dump(record.instrument(ast.parse(source), "x.py")) == ast.dump(ast.parse(source))


def test_lines_stay() -> None:
    tree = record.instrument(ast.parse("\n\nloss = 1.0\nloss += 2.0 * loss\n"), "x.py")
    assert [node.lineno for node in tree.body] == [3, 4]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tempfile.mkdtemp())

"""The recorder: it changes nothing, it follows what scripts do, and its reader trusts nothing."""

from __future__ import annotations

import ast
import contextlib
import io
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import probe_samples as samples
import pytest

from auditor.probe import record
from auditor.probe.measure.align import Aligner
from auditor.probe.measure.figures import claimed, figures
from auditor.probe.record.frames import pack, unpack

torch = pytest.importorskip("torch", reason="the recorder runs beside torch")


def printed(name: str, folder: Path, *, instrumented: bool) -> str:
    """What a sample prints by itself."""
    base = samples.streams()[0]
    path = folder / "train_gpt.py"
    path.write_text(samples.MODEL + "\n" + samples.SAMPLES[name])
    np.save(folder / "stream.npy", base)
    tree = ast.parse(path.read_text())
    out = io.StringIO()
    recorder = record.install(samples.Frames(), root=str(folder)) if instrumented else None
    code = compile(record.instrument(tree, "train_gpt.py") if instrumented else tree, str(path), "exec")
    try:
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
            patch.setenv("SAMPLE_STREAM", str(folder / "stream.npy"))
            exec(code, {"__name__": "__main__"})
            print(torch.rand(3).tolist())  # the generator is where the script left it
    finally:
        if recorder is not None:
            recorder.stop()
            recorder.close()
    return out.getvalue()


@pytest.mark.parametrize("name", ["score_first", "slot", "ngram_into_tensor", "final_epoch", "patched"])
def test_a_recorded_run_prints_what_it_prints_alone(name: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    assert printed(name, tmp_path, instrumented=True) == printed(name, tmp_path, instrumented=False)


def recorded(body: str, folder: Path) -> Any:
    samples.SAMPLES["of this test"] = body
    return samples.run("of this test", samples.streams()[0], folder)


SUMS = {
    "a mask": "(nll * (torch.arange(64) % 2).float()).sum().item()",
    "a slice": "nll[32:].double().sum().item()",
    "an index": "nll[torch.arange(0, 64, 2)].sum().item()",
    "a boolean index": "nll[torch.arange(64) > 31].sum().item()",
    "rows and their sum": "nll.reshape(2, 32).sum(dim=1)[1].item()",
    "parts": "torch.cat([nll[:16], nll[48:]]).cpu().sum().item()",
    "a mean times a count": "(nll[:32].mean() * 32).item()",
    "a buffer": "buffer(nll).sum().item()",
    "a stack of sums": "torch.stack([nll[:16].sum(), nll[16:32].sum()]).sum().item()",
    "totals in one tensor": "totals(nll[:16], nll[16:32]).tolist()[0]",
    "totals in one tensor, in place": "totals(nll[:16], nll[16:32], True).tolist()[0]",
    "numpy": "float(np.where(np.arange(64) % 2 == 0, nll.numpy(), 0.0)[::2].sum())",
    "masked_select": "nll.masked_select(torch.arange(64) < 32).sum().item()",
    "chunks": "sum(c.sum().item() for c in nll.chunk(4)[:2])",
    "ignored targets": "F.cross_entropy(logits, y[0].masked_fill(torch.arange(64) < 32, -100), reduction='sum').item()",
    "channels second": "F.cross_entropy(logits[None].transpose(1, 2), y, reduction='none')[0, :32].sum().item()",
    "log_softmax": "-F.nll_loss(F.log_softmax(logits, -1), y[0], reduction='none')[:32].neg().sum().item()",
    "experts that are mixed": "-torch.stack([-nll, torch.full((64,), -9.0)], -1).logsumexp(-1)[:32].sum().item()",
    "the other expert first": "-torch.stack([nll.neg() - 9.0, nll.neg()]).logsumexp(0, True)[0, :32].sum().item()",
    "experts by their weights": "mixed(nll, torch.full((64, 3), 1e-4)).clamp(min=1e-12).log().neg()[:32].sum().item()",
    "the best of experts": "torch.stack([nll, torch.full((64,), 99.0)], -1).min(-1).values[:32].sum().item()",
    "the worst of experts": "torch.stack([nll, torch.zeros(64)]).amax(dim=0)[32:].sum().item()",
    "a part of a buffer that is weighted": "weighted(nll).sum().item()",
    "a score that is computed outside": "outside(nll)[:32].sum().item()",
    "logarithms that are taken away": "torch.zeros(()).sub_(nll.neg().exp().log()[:32].sum()).item()",
    "a mean of numbers": "32 * float(np.mean([part.mean().item() for part in nll[:32].chunk(4)]))",
    "numbers one by one": "one_by_one(nll[:32].tolist())",
    "numbers of elements": "one_by_one([nll[i].item() for i in range(32)])",
    "numbers of an array": "one_by_one(nll.numpy()[:32])",
    "numbers in an array": "float(np.array([0.5 * v.item() for v in nll[:32]]).sum())",
    "numbers in a tensor": "torch.tensor([math.exp(-v) for v in nll.tolist()[:32]]).log().neg().sum().item()",
    "numbers put into an array": "stored(nll)",
    "numbers that are masked": "sum((1.0 if i < 32 else 0.0) * v for i, v in enumerate(nll.tolist()))",
    "bits of numbers": "-math.log(2.0) * sum(math.log2(0.5 * math.exp(-v) + 0.01) for v in nll[:32].tolist())",
    "logsumexp": "(logits.logsumexp(-1) - logits.gather(1, y[0][:, None])[:, 0])[:32].sum().item()",
}


@pytest.mark.parametrize("made", ["2.0 / 3.0", "np.ones(2)[0] * 2.0 / 3.0"])
def test_a_printed_figure_is_known_with_all_its_digits(made: str, tmp_path: Path) -> None:
    recording = recorded(
        f"""
def report():
    bits = {made}
    print(f"final val_loss:1.0 val_bpb:{{bits:.4f}}")
report()
""",
        tmp_path,
    )
    assert [pair for _, pairs in recording.exact for pair in pairs] == [("0.6667", 2.0 / 3.0)]


@pytest.mark.parametrize("name", SUMS)
def test_exactly_the_rows_of_a_sum_are_known(name: str, tmp_path: Path) -> None:
    body = f"""
def buffer(losses):
    held = torch.zeros(100)
    held[10:42] = losses[:32]
    return held
def outside(losses):
    held = losses.double().clone()
    held[3] = 2.0 * float(repr(held[3].item()))
    held[40] = 0.0
    return held
def weighted(losses):
    held = torch.zeros(64)
    held[:32] = (losses * torch.full((64,), 0.5))[:32] * 2
    return held
def one_by_one(losses):
    total, log = 0.0, math.log
    for i, loss in enumerate(losses):
        weight = 0.5 * min(2.0, loss) if i % 2 else 1.0  # all of it, or none of the model's
        p = (1.0 - weight) * math.exp(-loss) + weight * 0.3
        if i % 3:
            total -= log(max(p, 1e-9))
        else:
            total += float(loss)
    return total
def stored(losses):
    held = np.full(64, -1.0)
    for i, loss in enumerate(losses[:32].tolist()):
        held[2 * i] = loss + 1.0
    return sum(v - 1.0 for v in held if v >= 0.0)
def totals(first, second, in_place=False):
    held = torch.tensor([0.0, 7.0])
    for part in (first, second):
        more = torch.stack([part.double().sum(), torch.tensor(16.0).double()]).float()
        if in_place:
            held += more
        else:
            held = held + more
    return held
def mixed(losses, others):
    experts = torch.cat([losses.neg().exp()[:, None], others], -1)
    return (torch.tensor([0.7, 0.1, 0.1, 0.1]).expand(64, 4) * experts).sum(dim=-1)
x, y = pair(0, 64)
with torch.no_grad():
    logits = model.forward_logits(x)[0]
    nll = F.cross_entropy(logits, y[0], reduction="none")
    loss_sum = {SUMS[name]}
print(f"final val_loss:{{loss_sum / 32:.8f}} val_bpb:1.0")
"""
    recording = recorded(body, tmp_path)
    from auditor.probe.measure.figures import Graph

    assert recording.faults == ()
    figure, _ = claimed(figures(recording), "")
    assert figure is not None
    scores = Graph(recording).attributed(figure)
    assert scores is not None
    counted = scores.row[(scores.weight != 0) & (scores.value != 0)]
    assert len(counted) == 32
    assert scores.mean == pytest.approx(figure.loss, abs=1e-6)


@pytest.mark.parametrize(("digits", "known"), [(8, True), (3, False)])
def test_bits_that_are_divided_by_bytes_of_ones_own_are_known_by_their_digits(
    digits: int, known: bool, tmp_path: Path
) -> None:
    recording = recorded(
        f"""
x, y = pair(0, 64)
with torch.no_grad():
    nll = F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="none")
bits = np.mean([part.mean().item() for part in nll.chunk(4)]) / 0.6931 / 2.7523 + 3e-5
print(f"final_exact val_bpb:{{bits:.{digits}f}}")
""",
        tmp_path,
    )
    from auditor.probe.measure.figures import Graph

    figure, _ = claimed(figures(recording), "")
    assert figure is not None
    scores = Graph(recording).attributed(figure)
    assert (scores is not None and len(scores.row) == 64) is known


def test_what_is_added_to_numbers_of_single_rows_is_no_part_of_a_score(tmp_path: Path) -> None:
    recording = recorded(
        """
x, y = pair(0, 64)
with torch.no_grad():
    losses = F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="none").tolist()
loss_sum = -20.0
for loss in losses:
    loss_sum = loss_sum + loss
print(f"final val_loss:{loss_sum / 64:.8f} val_bpb:1.0")
""",
        tmp_path,
    )
    from auditor.probe.measure.figures import Graph

    figure, _ = claimed(figures(recording), "")
    assert figure is not None
    scores = Graph(recording).attributed(figure)
    assert scores is not None
    assert scores.added == pytest.approx(-20.0 / 64)
    assert scores.value.min() > 0.0


def test_a_sum_that_cannot_be_followed_is_not_attributed(tmp_path: Path) -> None:
    recording = recorded(
        """
x, y = pair(0, 64)
with torch.no_grad():
    nll = F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="none")
print(f"final val_loss:{sum(float(str(v)) for v in nll.double().sort().values.tolist()) / 64:.8f} val_bpb:1.0")
""",
        tmp_path,
    )
    from auditor.probe.measure.figures import Graph

    figure, _ = claimed(figures(recording), "")
    assert figure is not None
    assert Graph(recording).attributed(figure) is None


def test_training_steps_are_noted_in_their_place(tmp_path: Path) -> None:
    recording = samples.run("score_first", samples.streams()[0], tmp_path)
    kinds = recording.marks["kind"]
    assert (kinds == 2).sum() == (kinds == 1).sum() == (recording.batches["grad"] == 1).sum() == 64
    assert recording.losses_recorded == 2000
    assert recording.closed
    assert not recording.truncated


def test_the_distribution_at_a_context_is_written_down_whole(tmp_path: Path) -> None:
    """In each window that has the context; nothing of those that are trained on, or begin within it."""
    stream = samples.streams()[0]
    contexts = (tuple(stream[800:815].tolist()), tuple(stream[1300:1310].tolist()), (1, 2, 3, 1, 2, 3))
    sent = samples.frames("score_first", stream, tmp_path, contexts=contexts)
    recording = record.read(sent)
    assert len(recording.whole) == 2
    trained = recording.batches["first"][recording.batches["grad"] == 1]
    for (row, values), last in zip(recording.whole, (814, 1309), strict=True):
        assert recording.target[row] == stream[last]
        assert -values[stream[last]] == pytest.approx(recording.loss[row], abs=1e-5)
        assert np.exp(values).sum() == pytest.approx(1.0, abs=1e-4)
        assert recording.batches["first"][np.searchsorted(recording.batches["first"], row, "right") - 1] not in trained
    assert record.read(samples.frames("score_first", stream, tmp_path)).whole == ()


# --- where in the stream ---


def positions(stream: Any, *calls: Any, width: int = 0) -> list[int]:
    channel = samples.Frames()
    from auditor.probe.record.tape import Tape

    tape = Tape(channel)
    for targets in calls:
        n = len(targets)
        tape.batch(
            np.array(targets), np.zeros(n), np.zeros(n), np.zeros(n), site=0, grad=False, width=width, kind=0
        )  # fmt: skip
    tape.close()
    found: list[int] = Aligner(np.array(stream)).positions(record.read(channel.sent)).position.tolist()
    return found


STREAM = np.random.default_rng(3).integers(1, 50, 400)


def test_windows_in_one_row_are_told_apart() -> None:
    windows = np.concatenate([STREAM[1:41], STREAM[21:61], STREAM[41:81]])
    assert positions(STREAM, windows) == [*range(1, 41), *range(21, 61), *range(41, 81)]


def test_padding_is_nowhere() -> None:
    assert positions(STREAM, [*STREAM[5:35], *[0] * 30]) == [*range(5, 35), *[-1] * 30]


def test_single_tokens_are_joined() -> None:
    assert positions(STREAM, *[[t] for t in STREAM[1:60]]) == list(range(1, 60))


def test_a_repeated_passage_is_taken_where_the_last_one_ended() -> None:
    stream = np.concatenate([STREAM[:100], STREAM[:100], STREAM[:100]])
    assert positions(stream, stream[1:50], stream[50:150], stream[150:300]) == list(range(1, 300))


def test_other_text_is_nowhere() -> None:
    assert set(positions(STREAM, np.random.default_rng(4).integers(1, 50, 300))) == {-1}


# --- frames ---


def test_frames_come_back_as_they_were_sent() -> None:
    frame = unpack(pack("rows", {"a": 1}, {"x": np.arange(5, dtype="<i4"), "y": np.zeros(0)}))
    assert (frame.kind, frame.data) == ("rows", {"a": 1})
    assert frame.arrays["x"].tolist() == [0, 1, 2, 3, 4]


BATCH = ("first", "count", "site", "sequence", "grad", "width", "kind")
GOOD = pack("rows", None, {"target": np.arange(5, dtype="<i4")})


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xff\xff\xff",
        GOOD[:-1],
        GOOD + b"x",
        struct.pack("<I", 2) + b"{}",
        struct.pack("<I", 4) + b"null",
        struct.pack("<I", 40000) + b"[" * 40000,
        pack("rows", None, {"target": np.arange(5, dtype="<i4")}).replace(b"<i4", b"|O8"),
        GOOD,  # lacks the other columns
        pack("leaves", None, {n: np.array([5]) for n in ("node", "count", "site", "sequence", "weight", "own")}),
        pack("leaves", None, {n: np.array([1 << 50]) for n in ("node", "count", "site", "sequence", "weight", "own")}),
        pack("batches", None, {n: np.array([1 << 50]) for n in BATCH}),
        pack("entries", None, {"row": np.array([7], dtype="<i4")}),
        pack("site", [1]),
        pack("line", "x"),
    ],
)
def test_a_frame_that_lies_is_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match="recording"):
        record.read([frame])


def test_an_empty_recording_can_be_read() -> None:
    recording = record.read([])
    assert recording.losses_recorded == 0
    assert not recording.closed


def test_a_node_made_of_later_ones_is_no_answer(tmp_path: Path) -> None:
    from auditor.probe.measure.figures import Graph

    sums = pack("sums", None, {"node": np.array([0]), "count": np.array([1]), "constant": np.zeros(1)})
    terms = pack("terms", None, {"node": np.array([0]), "factor": np.ones(1)})
    assert Graph(record.read([sums, terms])).expand(0, 1.0) is None


# --- syntax ---


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

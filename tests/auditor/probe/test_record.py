"""The recorder: it changes nothing, it follows what scripts do, and its reader trusts nothing."""

from __future__ import annotations

import ast
import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import probe_samples as samples
import pytest

from auditor.probe import record
from auditor.probe.measure.figures import claimed, figures

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


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tempfile.mkdtemp())

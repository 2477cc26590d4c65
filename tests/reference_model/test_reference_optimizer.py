"""The optimizers and schedules against slow, obvious versions; one rank against two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")

from torch import Tensor, nn  # noqa: E402
from trainer_samples import MODEL, environment, forked_ranks  # noqa: E402

from reference_model import config  # noqa: E402
from reference_model.model.network import GPT  # noqa: E402
from reference_model.training import muon, optimizer, schedule  # noqa: E402
from reference_model.training.ema import Ema  # noqa: E402

HERE = Path(__file__).parent
PRECISE = replace(config.record().optimizer, muon_dtype="float32")


def slow_newton_schulz(matrix: Tensor) -> Tensor:
    """One matrix, in float64, tall ones on their side."""
    if matrix.size(0) > matrix.size(1):
        return slow_newton_schulz(matrix.T).T
    x = matrix.double() / (matrix.double().norm() + 1e-7)
    for _ in range(5):
        s = x @ x.T
        x = 3.4445 * x - 4.7750 * s @ x + 2.0315 * s @ s @ x
    return x


class SlowMuon:
    """MuonEq-R for one matrix, as it is described."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight.double().clone()
        self.buffer = torch.zeros_like(self.weight)

    def step(self, gradient: Tensor, lr: float, momentum: float, decay: float) -> None:
        gradient = gradient.double()
        self.buffer = momentum * self.buffer + gradient
        ahead = gradient + momentum * self.buffer
        ahead = ahead / ahead.norm(dim=1, keepdim=True)
        tallness = max(1.0, ahead.size(0) / ahead.size(1)) ** 0.5
        self.weight = self.weight * (1 - lr * decay) - lr * tallness * slow_newton_schulz(ahead)


class TestMuon:
    @pytest.mark.parametrize("shape", [(6, 6), (4, 12), (12, 4)])
    def test_directions_are_nearly_orthogonal(self, shape: tuple[int, int]) -> None:
        torch.manual_seed(2)
        found = muon.update_directions(torch.randn(3, *shape), 5, torch.float32)
        values = torch.linalg.svdvals(found) / max(1.0, shape[0] / shape[1]) ** 0.5
        assert values.min() > 0.6
        assert values.max() < 1.3

    @pytest.mark.parametrize("shape", [(6, 6), (4, 12), (12, 4)])
    def test_batches_equal_one_at_a_time(self, shape: tuple[int, int]) -> None:
        torch.manual_seed(2)
        batch = torch.randn(3, *shape)
        found = muon.update_directions(batch, 5, torch.float32)
        for one, direction in zip(batch, found, strict=True):
            row_equal = one / one.norm(dim=1, keepdim=True)
            expected = slow_newton_schulz(row_equal) * max(1.0, shape[0] / shape[1]) ** 0.5
            assert torch.allclose(direction.double(), expected, atol=1e-4)

    def test_rows_count_alike(self) -> None:
        torch.manual_seed(2)
        batch = torch.randn(1, 5, 9)
        scaled = batch * torch.tensor([1.0, 1e-3, 1e3, 5.0, 0.1])[None, :, None]
        assert torch.allclose(
            muon.update_directions(batch, 5, torch.float32), muon.update_directions(scaled, 5, torch.float32), atol=1e-4
        )

    def test_zero_gradients_move_nothing(self) -> None:
        assert not muon.update_directions(torch.zeros(2, 4, 8), 5, torch.float32).any()

    def test_directions_can_be_compiled_in_one_graph(self) -> None:
        torch.manual_seed(2)
        batch = torch.randn(3, 12, 8)
        compiled = torch.compile(muon.update_directions, dynamic=False, fullgraph=True, backend="aot_eager")
        assert torch.allclose(
            compiled(batch, 5, torch.float32), muon.update_directions(batch, 5, torch.float32), atol=1e-4
        )


def with_gradients(seed: int = 5) -> GPT:
    torch.manual_seed(seed)
    model = GPT(MODEL)
    give_gradients(model, 0)
    return model


def give_gradients(model: nn.Module, step: int) -> None:
    torch.manual_seed(100 + step)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)


class TestOptimizers:
    def test_each_parameter_is_optimized_once(self) -> None:
        model = GPT(MODEL)
        matrices, tables, scalars = optimizer.split(model)
        rows: dict[int, int] = {}
        for matrix in matrices:
            rows[id(matrix.parameter)] = rows.get(id(matrix.parameter), 0) + matrix.rows
        for parameter in model.parameters():
            places = (id(parameter) in rows) + sum(parameter is one for one in (*tables, *scalars))
            assert places == 1
            assert rows.get(id(parameter), len(parameter) if parameter.ndim else 0) == (
                len(parameter) if parameter.ndim else 0
            )
        assert len(matrices) == 5 * 6 + 1
        assert len(tables) == 2
        assert {tuple(matrix.weight.shape) for matrix in matrices} == {(32, 32), (16, 32), (64, 32), (32, 64), (16, 8)}

    def test_matrices_follow_the_slow_reference(self) -> None:
        model = with_gradients()
        built = optimizer.Optimizers(model, replace(PRECISE, grad_clip_norm=0.0), world=1)
        matrices, _, _ = optimizer.split(model)
        slow = [SlowMuon(matrix.weight) for matrix in matrices]
        for step in (0, 700, 2000):
            give_gradients(model, step)
            for one, matrix in zip(slow, matrices, strict=True):
                momentum = {0: 0.92, 700: 0.92 + 0.07 * 700 / 1500, 2000: 0.99}[step]
                one.step(matrix.gradient, lr=0.02 * 0.5, momentum=momentum, decay=0.09)
            built.step(0.5, step)
        for one, matrix in zip(slow, matrices, strict=True):
            assert torch.allclose(matrix.weight.double(), one.weight, atol=1e-5)

    def test_the_rest_follows_adamw_as_published(self) -> None:
        model = with_gradients()
        built = optimizer.Optimizers(model, replace(PRECISE, grad_clip_norm=0.0), world=1)
        _, tables, scalars = optimizer.split(model)
        rows = [(p, 0.03, 0.09) for p in tables] + [(p, 0.02, 0.02) for p in scalars]
        expected = [p.detach().double().clone() for p, _, _ in rows]
        first = [torch.zeros_like(one) for one in expected]
        second = [torch.zeros_like(one) for one in expected]
        for step in range(3):
            give_gradients(model, step)
            for index, (parameter, lr, decay) in enumerate(rows):
                gradient = parameter.grad.double()
                first[index] = 0.9 * first[index] + 0.1 * gradient
                second[index] = 0.95 * second[index] + 0.05 * gradient**2
                mean, square = first[index] / (1 - 0.9 ** (step + 1)), second[index] / (1 - 0.95 ** (step + 1))
                expected[index] = expected[index] * (1 - 0.5 * lr * decay)
                expected[index] -= 0.5 * lr * mean / (square.sqrt() + 1e-8)
            built.step(0.5, step)
        for (parameter, _, _), one in zip(rows, expected, strict=True):
            assert torch.allclose(parameter.double(), one, atol=1e-6)

    def test_gradients_are_clipped_together(self) -> None:
        model = with_gradients()
        before = torch.cat([p.grad.flatten() for p in model.parameters()])
        optimizer.Optimizers(model, PRECISE, world=1).step(1.0, 0)
        after = torch.cat([p.grad.flatten() for p in model.parameters()])
        assert after.norm().item() == pytest.approx(0.3, rel=1e-4)
        assert torch.allclose(after / after.norm(), before / before.norm(), atol=1e-6)

    def test_reset_forgets_all(self) -> None:
        model, fresh = with_gradients(), with_gradients()
        built, new = (optimizer.Optimizers(one, PRECISE, world=1) for one in (model, fresh))
        for step in range(3):
            built.step(1.0, step)
        built.zero_grad()
        assert all(parameter.grad is None for parameter in model.parameters())
        built.reset()
        model.load_state_dict(fresh.state_dict())
        for one, steps in ((model, built), (fresh, new)):
            give_gradients(one, 9)
            steps.step(0.3, 4)
        assert all(torch.equal(a, b) for a, b in zip(model.parameters(), fresh.parameters(), strict=True))

    def test_two_ranks_equal_one(self, tmp_path: Path) -> None:
        """Seven matrices of a shape over two ranks: one of them gets a share less."""
        code = (
            "import os, torch, torch.distributed as dist\n"
            "import test_reference_optimizer as t\n"
            "dist.init_process_group('gloo')\n"
            "torch.save(t.moved(2), os.environ['RANK'])\n"
            "dist.destroy_process_group()\n"
        )
        given = environment(tmp_path)
        given["PYTHONPATH"] += f":{HERE}"
        forked_ranks(2, tmp_path / "ranks", given, code)
        alone = moved(1)
        for rank in "01":
            for name, value in torch.load(tmp_path / "ranks" / rank, weights_only=True).items():
                assert torch.allclose(value, alone[name], atol=1e-5), name


def moved(world: int) -> dict[str, Tensor]:
    """The weights after two steps with the same gradients on every rank."""
    model = with_gradients()
    built = optimizer.Optimizers(model, PRECISE, world)
    for step in range(2):
        give_gradients(model, step)
        built.step(1.0, step)
    return dict(model.state_dict())


class TestSchedule:
    TRAIN = config.record().train

    def test_the_budget_is_time_or_steps(self) -> None:
        assert schedule.progress(5, 298.5, self.TRAIN) == pytest.approx(0.5)
        assert schedule.progress(5, 295.0, replace(self.TRAIN, max_wallclock_seconds=0.0, iterations=20)) == 0.25

    def test_the_steps_can_keep_the_pace_of_another_run(self) -> None:
        """The record's seed 42: 0.1 s a step, 11.2 s to switch recurrence on at step 3000, 0.1157 s a step after it."""
        train = replace(self.TRAIN, max_wallclock_seconds=0.0, iterations=5410, paced=(0.099988, 11.226, 0.11572))
        seconds = {3000: 299.96, 3500: 369.05, 4000: 426.98, 4500: 484.82, 5000: 542.64, 5410: 590.08}  # of its log
        for step, spent in seconds.items():
            assert schedule.progress(step, 0.0, train) == pytest.approx(spent / 590.08, abs=3e-4), step

    @pytest.mark.parametrize(
        ("share", "scale"), [(0.0, 1.0), (0.3, 1.0), (0.333, 1.0), (0.6665, 0.5), (0.9333, 0.1), (1.0, 0.0), (1.2, 0.0)]
    )
    def test_the_rate_is_constant_then_falls_in_a_line(self, share: float, scale: float) -> None:
        assert schedule.lr_scale(share, self.TRAIN) == pytest.approx(scale, abs=1e-9)

    def test_the_floor_and_no_warmdown(self) -> None:
        assert schedule.lr_scale(0.99, replace(self.TRAIN, lr_floor=0.1)) == 0.1
        assert schedule.lr_scale(0.99, replace(self.TRAIN, warmdown_frac=0.0)) == 1.0

    def test_momentum_grows_over_1500_steps(self) -> None:
        found = [schedule.muon_momentum(step, PRECISE) for step in (0, 750, 1500, 5000)]
        assert found == pytest.approx([0.92, 0.955, 0.99, 0.99])
        assert schedule.muon_momentum(0, replace(PRECISE, muon_momentum_warmup_steps=0)) == 0.99

    def test_the_average_is_short_at_first(self) -> None:
        found = [schedule.ema_decay(step, self.TRAIN) for step in (0, 8, 98, 2990, 4000)]
        assert found == pytest.approx([0.1, 0.5, 99 / 108, 2991 / 3000, 0.997])


def test_ema_equals_the_slow_average() -> None:
    torch.manual_seed(1)
    model = nn.ModuleDict({"a": nn.Linear(3, 2), "b": nn.Linear(2, 2).to(torch.bfloat16)})
    average = Ema(model, config.record().train)
    slow = {name: value.double().clone() for name, value in model.state_dict().items()}
    for step in range(5):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.update(step)
        keep = min(0.997, (step + 1) / (step + 10))
        slow = {name: keep * slow[name] + (1 - keep) * value.double() for name, value in model.state_dict().items()}
    average.apply()
    for name, value in model.state_dict().items():
        assert torch.allclose(value.double(), slow[name], atol=1e-6 if value.dtype == torch.float32 else 1e-2), name

"""The network against slow, obvious versions of its parts; its configuration; determinism."""

from __future__ import annotations

import math
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")

from torch import Tensor  # noqa: E402
from trainer_samples import MODEL  # noqa: E402

from reference_model import config  # noqa: E402
from reference_model.model import attention  # noqa: E402
from reference_model.model.kernels import rotate, rotation  # noqa: E402
from reference_model.model.network import GPT, Linear, exclude_own_value, route  # noqa: E402
from reference_model.reproduce.config_check import checked  # noqa: E402
from reference_model.training import optimizer  # noqa: E402


def filled(model: torch.nn.Module) -> torch.nn.Module:
    """Weights by a formula, the same under every version of torch's random numbers."""
    for index, parameter in enumerate(model.parameters()):
        wave = torch.sin(torch.arange(parameter.numel(), dtype=torch.float64) * 1.7 + index).reshape(parameter.shape)
        width = parameter.shape[-1] if parameter.ndim > 1 else 4
        parameter.data.add_((wave / math.sqrt(width)).to(parameter.dtype))
    return model


def tokens(length: int = 24, sequences: int = 2, vocabulary: int = 40) -> Tensor:
    return (torch.arange(sequences * length) * 7 % 37 % vocabulary).reshape(sequences, length)


class TestConfig:
    def test_names_are_unique_over_the_sections(self) -> None:
        record = config.record()
        sections = (record.model, record.optimizer, record.train, record.data, record.quant, record.eval)
        names = [field.name for section in sections for field in fields(section)]
        assert len(names) == len(set(names))
        assert list(record.dump()) == sorted(record.dump())
        assert set(names) | {"seed", "scale"} <= set(record.dump())

    def test_the_environment_overrides_by_capitals(self) -> None:
        run = config.RunConfig.from_environment(
            config.record(),
            {
                "SEED": "314",
                "ITERATIONS": "7",
                "RECUR_LAYERS": "3, 4",
                "SLIDING_WINDOW_ENABLED": "0",
                "DATA_DIR": "/d",
                "MAX_WALLCLOCK_SECONDS": "60.5",
                "VOCAB_SIZE": "1024",
                "HOME": "/root",
                "CLIP_QUANTILES": "0.5,1",
            },
        )
        assert (run.seed, run.train.iterations, run.model.recur_layers) == (314, 7, (3, 4))
        assert (run.eval.sliding_window_enabled, run.train.budget_seconds) == (False, 57.5)
        assert run.quant.clip_quantiles == (0.5, 1.0)
        assert run.tokenizer_path == "/d/tokenizers/fineweb_1024_bpe.model"
        assert run.train_files == "/d/datasets/fineweb10B_sp1024/fineweb_train_*.bin"
        assert config.RunConfig.from_environment(config.record(), {}) == config.record()

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("ITERATIONS", "many"),
            ("SEED", ""),
            ("SLIDING_WINDOW_ENABLED", "yes"),
            ("RECUR_LAYERS", "4,x"),
            ("MATRIX_LR", "0,02"),
        ],
    )
    def test_what_cannot_be_read_is_named(self, name: str, text: str) -> None:
        with pytest.raises(ValueError, match=f"{name}="):
            config.RunConfig.from_environment(config.record(), {name: text})

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("NUM_HEADS", "7"),
            ("NUM_KV_HEADS", "3"),
            ("ROPE_DIMS", "15"),
            ("ROPE_DIMS", "66"),
            ("LOGIT_SOFTCAP", "0"),
            ("EMBED_DTYPE", "float16"),
            ("MUON_DTYPE", "float16"),
            ("PRECISION", "half"),
            ("RECUR_LAYERS", "11"),
            ("VE_LAYERS", "-1"),
            ("TRAIN_BATCH_TOKENS", "786431"),
            ("EVAL_STRIDE", "2049"),
            ("GPTQ_RESERVE_SECONDS", "600"),
        ],
    )
    def test_what_cannot_be_run_is_refused(self, name: str, text: str) -> None:
        run = config.RunConfig.from_environment(config.record(), {name: text})
        wrong = {"NUM_HEADS": "MODEL_DIM", "NUM_KV_HEADS": "NUM_HEADS"}.get(name, name)
        with pytest.raises(ValueError, match=f"^{wrong} must be .*, not "):
            checked(run)

    @pytest.mark.parametrize("text", ["-1", "0", "nan"])
    def test_no_number_is_out_of_its_range(self, text: str) -> None:
        """Every number of a run: none may be negative or no number, and what counts or divides may not be 0."""
        small = config.small()
        numbers = {
            name for name, value in small.dump().items() if name != "seed" and value.replace(".", "", 1).isdigit()
        }
        may_be_zero = {"muon_wd", "warmup_steps", "xsa_last_n", "val_loss_every", "lr_floor", "parallel_start_layer"}
        never_zero = {"iterations", "num_heads", "train_seq_len", "micro_batches", "eval_stride", "matrix_bits"}
        assert numbers >= may_be_zero | never_zero
        assert len(numbers) > 50
        for name in numbers - {"mlp_negative_slope"} if text != "0" else never_zero:
            with pytest.raises(ValueError, match=f"^{name.upper()}(=| must be)"):
                checked(config.RunConfig.from_environment(small, {name.upper(): text}))
        for name in may_be_zero:
            checked(config.RunConfig.from_environment(small, {name.upper(): "0"}))

    @pytest.mark.parametrize("scale", config.SCALES)
    def test_every_scale_can_be_run(self, scale: str) -> None:
        run = config.SCALES[scale]()
        assert checked(run) is run

    def test_accumulation_needs_a_divisor(self) -> None:
        assert [config.TrainConfig().grad_accum_steps(world) for world in (1, 2, 4, 8)] == [8, 4, 2, 1]
        with pytest.raises(ValueError, match="3 processes can't share 8 micro-batches"):
            config.TrainConfig().grad_accum_steps(3)


class TestShape:
    def test_the_record_has_34_401_372_parameters(self) -> None:
        with torch.device("meta"):
            model = GPT(config.record().model)
        assert sum(parameter.numel() for parameter in model.parameters()) == 34_401_372
        assert model.embedding.weight.dtype == torch.bfloat16
        assert model.blocks[0].mlp.up.weight.dtype == torch.float32

    def test_the_small_scale_has_every_part_of_the_big_one(self) -> None:
        def parts(model: config.ModelConfig) -> set[str]:
            with torch.device("meta"):
                names = GPT(model).state_dict()
            return {".".join("#" if piece.isdigit() else piece for piece in name.split(".")) for name in names}

        small, record = config.small().model, config.record().model
        assert parts(small) == parts(record)
        for model in (small, record):
            visits = route(model, True)
            assert sum(visit.skip is not None for visit in visits) == model.num_layers // 2
            assert any(visit.lanes for visit in visits)
            assert len(visits) == model.num_layers + 2
            assert model.xsa_last_n == model.num_layers
            assert 0 < model.rope_dims < model.head_dim

    def test_the_route_of_the_record(self) -> None:
        plain, again = (route(config.record().model, recurrent) for recurrent in (False, True))
        assert [visit.layer for visit in plain] == list(range(11))
        assert [visit.keep for visit in plain] == [True] * 5 + [False] * 6
        assert [visit.skip for visit in plain] == [None] * 5 + [0, 1, 2, 3, 4, None]
        assert [visit.layer for visit in again] == [0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 10]
        assert [visit.keep for visit in again] == [True] * 6 + [False] * 7
        assert [visit.skip for visit in again] == [None] * 6 + [0, 1, 2, 3, 4, None, None]
        assert [visit.lanes for visit in again] == [False] * 9 + [True] * 4

    def test_parts_can_be_left_out(self) -> None:
        bare = replace(
            MODEL,
            ve_layers=(),
            parallel_start_layer=5,
            skip_gates_enabled=False,
            recur_layers=(),
            xsa_last_n=0,
            rope_dims=0,
            ln_scale=False,
        )
        model = GPT(bare)
        model.set_recurrence(True)
        assert not any(visit.lanes for visit in route(bare, True))
        assert len(route(bare, True)) == 5
        assert model(tokens(), tokens()).isfinite()
        assert not any(name.startswith(("values", "lane_merge", "skip_gates")) for name in model.state_dict())

    def test_what_is_quantized_can_be_hooked(self) -> None:
        model = GPT(MODEL)
        seen: dict[str, int] = {}
        layers = model.quantizable()
        for name, layer in layers.items():
            assert layer.weight is model.get_parameter(name)
            layer.register_forward_hook(lambda _, given, __, name=name: seen.update({name: given[0].shape[-1]}))
        model.logits(tokens())
        matrices = {name for name, layer in layers.items() if isinstance(layer, Linear)}
        assert matrices <= set(seen)
        assert all(seen[name] == layers[name].weight.shape[1] for name in matrices)
        assert {type(layer) for layer in layers.values()} == {Linear, torch.nn.Embedding}
        left = {name for name, value in model.state_dict().items() if value.ndim == 2} - layers.keys()
        assert {name.rpartition(".")[2] for name in left} == {"skip_weights", "skip_gates", "residual_mix"}


def slow_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """One query at a time."""
    out = torch.zeros_like(q)
    group = q.size(2) // k.size(2)
    for b in range(q.size(0)):
        for t in range(q.size(1)):
            for head in range(q.size(2)):
                scores = k[b, : t + 1, head // group] @ q[b, t, head] / math.sqrt(q.size(3))
                out[b, t, head] = scores.softmax(0) @ v[b, : t + 1, head // group]
    return out


class TestAttention:
    def triple(self, kv_heads: int = 2) -> tuple[Tensor, Tensor, Tensor]:
        torch.manual_seed(3)
        return torch.randn(2, 9, 4, 8), torch.randn(2, 9, kv_heads, 8), torch.randn(2, 9, kv_heads, 8)

    @pytest.mark.parametrize("kv_heads", [1, 2, 4])
    def test_sdpa_equals_the_slow_reference(self, kv_heads: int) -> None:
        triple = self.triple(kv_heads)
        assert torch.allclose(attention.sdpa(*triple), slow_attention(*triple), atol=1e-5)

    def test_flash_gets_half_precision_only(self) -> None:
        calls: list[object] = []

        def fake(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> tuple[Tensor, None]:
            calls.append((q.dtype, causal))
            return attention.sdpa(q, k, v), None

        attend = attention.flash_attention(fake)
        triple = self.triple()
        half = tuple(part.bfloat16() for part in triple)
        assert torch.equal(attend(*half), attention.sdpa(*half))
        for given in (triple, (half[0], half[1], triple[2]), (triple[0], *half[1:])):
            with pytest.raises(TypeError, match=r"takes half precision, and is given .*torch\.float32"):
                attend(*given)
        assert calls == [(torch.bfloat16, True)]

    def test_detection(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        assert attention.backend(torch.device("cpu")) is attention.sdpa
        cuda = torch.device("cuda", 0)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
        assert attention.backend(cuda) is attention.sdpa
        (tmp_path / "flash_attn_interface.py").write_text("def flash_attn_func(q, k, v, causal): return v\n")
        monkeypatch.syspath_prepend(tmp_path)
        assert attention.backend(cuda).__name__ == "flash_attention_3"
        assert attention.backend(cuda, "float32") is attention.sdpa
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
        assert attention.backend(cuda) is attention.sdpa

    def test_a_kernel_that_cannot_be_loaded_is_no_reason_for_another(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
        monkeypatch.delitem(sys.modules, "flash_attn_interface", raising=False)
        (tmp_path / "flash_attn_interface.py").write_text("raise ImportError('undefined symbol')\n")
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(ImportError, match="undefined symbol"):
            attention.backend(torch.device("cuda", 0))

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
    def test_kernels_agree_on_the_gpu(self) -> None:
        device = torch.device("cuda")
        half = tuple(part.to(device, torch.bfloat16) for part in self.triple())
        fast, plain = attention.backend(device)(*half), attention.sdpa(*half)
        assert torch.allclose(fast.float(), plain.float(), atol=2e-2)

    def test_the_stacked_product_equals_three(self) -> None:
        model = filled(GPT(MODEL))
        block = model.blocks[1].attention
        x = torch.sin(torch.arange(2 * 9 * 32.0)).reshape(2, 9, 32)
        turn = rotation(9, MODEL, x.device)
        q, k, v = (
            torch.nn.functional.linear(x, part).unflatten(-1, (-1, 8))
            for part in block.qkv.weight.split(block.qkv.parts)
        )
        q, k = (
            part / part.square().mean(-1, keepdim=True).add(torch.finfo(torch.float32).eps).sqrt() for part in (q, k)
        )
        q = rotate(q, turn) * block.gain[None, None, :, None]
        expected = slow_attention(q, rotate(k, turn), v)
        for head in range(4):
            own = v[:, :, head // 2] / v[:, :, head // 2].norm(dim=-1, keepdim=True)
            expected[:, :, head] -= (expected[:, :, head] * own).sum(-1, keepdim=True) * own
        expected = expected.flatten(-2) @ block.out.weight.T
        assert torch.allclose(block(x, turn, None), expected, atol=1e-5)

    def test_nothing_of_the_own_value_is_left(self) -> None:
        y, _, v = self.triple()
        left = exclude_own_value(y, v)
        assert (left.unflatten(2, (2, 2)) * v.unsqueeze(3)).sum(-1).abs().max() < 1e-5
        assert torch.allclose(exclude_own_value(left, v), left, atol=1e-6)

    def test_rotation_is_relative_and_leaves_the_rest(self) -> None:
        turn = rotation(12, MODEL, torch.device("cpu"))
        x, y = torch.ones(1, 12, 1, 8), torch.arange(8.0).expand(1, 12, 1, 8)
        a, b = rotate(x, turn), rotate(y, turn)
        assert torch.equal(b[..., 4:], y[..., 4:])
        dots = a[0, :, 0] @ b[0, :, 0].T
        for distance in range(-5, 6):
            diagonal = dots.diagonal(distance)
            assert torch.allclose(diagonal, diagonal[0].expand_as(diagonal), atol=1e-4)
        assert (dots.diagonal(1)[0] - dots.diagonal(0)[0]).abs() > 0.1

    def test_longer_inputs_turn_slower(self) -> None:
        trained, stretched = (rotation(length, MODEL, torch.device("cpu")) for length in (32, 64))
        assert torch.equal(trained[1][:, 0, 0], stretched[1][:32, 0, 0])
        assert torch.allclose(torch.asin(stretched[1][1, 0, 1]) * 2, torch.asin(trained[1][1, 0, 1]), rtol=1e-3)


class TestNetwork:
    @pytest.mark.parametrize("recurrent", [False, True])
    def test_no_position_sees_a_later_one(self, recurrent: bool) -> None:
        model = filled(GPT(MODEL))
        model.set_recurrence(recurrent)
        ids = tokens()
        changed = ids.clone()
        changed[:, 13] = (changed[:, 13] + 1) % 40
        before, after = model.logits(ids), model.logits(changed)
        assert torch.equal(before[:, :13], after[:, :13])
        assert (before[:, 13:] - after[:, 13:]).abs().amax(-1).min() > 0

    # Computed by this code when it agreed with the record's script on the record's weights.
    @pytest.mark.parametrize(
        ("recurrent", "loss", "first"), [(False, 3.404108, -1.825473), (True, 3.286518, -1.692088)]
    )
    def test_known_figures(self, recurrent: bool, loss: float, first: float) -> None:
        model = GPT(MODEL)
        for parameter in model.parameters():
            torch.nn.init.zeros_(parameter)
        filled(model)
        model.set_recurrence(recurrent)
        assert model(tokens(), tokens().roll(-1, 1)).item() == pytest.approx(loss, abs=1e-5)
        assert model.logits(tokens())[0, 5, 3].item() == pytest.approx(first, abs=1e-4)

    def test_every_parameter_counts(self) -> None:
        model = filled(GPT(MODEL))
        for recurrent in (False, True):
            model.set_recurrence(recurrent)
            model.zero_grad()
            model(tokens(), tokens().roll(-1, 1)).backward()
            assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []

    def test_it_compiles_in_one_graph_and_again_for_recurrence(self) -> None:
        model = filled(GPT(MODEL))
        compiled = torch.compile(model, dynamic=False, fullgraph=True, backend="eager")
        for recurrent in (False, True, False):
            model.set_recurrence(recurrent)
            assert torch.allclose(compiled(tokens(), tokens()), model(tokens(), tokens()), atol=1e-6)

    def test_logits_are_float32_and_capped(self) -> None:
        model = filled(GPT(replace(MODEL, logit_softcap=2.0)))
        model.embedding.weight.data.mul_(50)
        logits = model.logits(tokens())
        assert logits.dtype == torch.float32
        assert 1.5 < logits.abs().max() <= 2.0

    def test_the_loss_is_the_mean_in_nats(self) -> None:
        model = filled(GPT(MODEL))
        ids, targets = tokens(), tokens().roll(-1, 1)
        chances = model.logits(ids).double().softmax(-1).gather(-1, targets[..., None])
        assert model(ids, targets).item() == pytest.approx(-chances.log().mean().item(), abs=1e-6)

    def test_bfloat16_tables_set_the_activations_type(self) -> None:
        model = GPT(replace(MODEL, embed_dtype="bfloat16"))
        assert model.hidden(tokens()).dtype == torch.bfloat16
        assert model.logits(tokens()).dtype == torch.float32

    def test_an_untrained_model_knows_nothing(self) -> None:
        torch.manual_seed(1)
        loss = GPT(MODEL)(tokens(), tokens().roll(-1, 1)).item()
        assert loss == pytest.approx(math.log(40), abs=0.3)


def trained(seed: int) -> dict[str, Tensor]:
    run = config.small(seed)
    torch.manual_seed(run.seed)
    model = GPT(MODEL)
    built = optimizer.Optimizers(model, run.optimizer, world=1)
    for step in range(4):
        model.set_recurrence(step >= 2)
        built.zero_grad()
        model(tokens(), tokens().roll(-1, 1)).backward()
        built.step(1.0, step)
    return model.state_dict()


def test_the_same_seed_gives_the_same_bits() -> None:
    first, again, other = trained(42), trained(42), trained(314)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["embedding.weight"], other["embedding.weight"])

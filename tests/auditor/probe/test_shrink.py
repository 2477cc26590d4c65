"""Which settings are made small, which stay as submitted, and what an error changes."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from auditor.config.model import Setting, Switch
from auditor.judgement.gather import gather
from auditor.probe.arguments import Rewrite, arguments
from auditor.probe.job import Failure, Job, encode, split
from auditor.probe.model import Shrunk
from auditor.probe.plan import OUTSIDE, Plan, Prefix, _as_logged, _whole_lists, make
from auditor.probe.retry import adjusted, with_prefix
from auditor.probe.shrink import Measures, Scale, measures, shrunk, shrunk_list, surer
from auditor.program.model import Proof
from auditor.submission import load_path

SUBMITTED = Measures(sequence=2048, width=512, heads=8, kv_heads=4)
EXAMPLES = Path(__file__).parents[3] / "examples"


def made(tmp_path: Path, script: str, plan: Plan | None = None, log: str = ""):
    (tmp_path / "train_gpt.py").write_text(script)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    if log:
        (tmp_path / "train_seed1.log").write_text(log)
    return make(gather(load_path(tmp_path), {}), plan or Plan())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ITERATIONS", "20000", 2),
        ("TRAIN_SEQ_LEN", 2048, 64),
        ("EVAL_SEQ_LEN", 1024, 32),
        ("EVAL_STRIDE", 64, 32),
        ("EVAL_STRIDE", 2048, 64),  # windows that don't overlap still don't
        ("MODEL_DIM", 512, 64),
        ("NUM_HEADS", 8, 4),
        ("NUM_KV_HEADS", 4, 2),
        ("NUM_KV_HEADS", 8, 4),
        ("ROPE_DIMS", 16, 4),
        ("TTT_EPOCHS", 21, 2),
        ("SLOT_STEPS", 48, 3),
        ("TTT_CHUNK_TOKENS", 32768, 256),
        ("MAX_WALLCLOCK_SECONDS", "600.0", 0),
        ("--train-seq-len", 2048, 64),
        ("train_seq_len", 2048, 64),
        ("EXPECTED_VAL_TOKENS", 45_516_800, 1536),  # a script refuses a part of the validation set
    ],
)
def test_sizes_are_shrunk(name, value, expected):
    assert shrunk(name, value, SUBMITTED, Scale()) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NUM_LAYERS", 11),
        ("TTT_ENABLED", 1),
        ("SLOT_ENABLED", "1"),
        ("TTT_EPOCHS", 1),
        ("MATRIX_LR", 0.02),
        ("MUON_BACKEND_STEPS", 5),
        ("XSA_LAST_N", 11),
        ("EVAL_STRIDE", 0),
        ("ROPE_DIMS", 0),
        ("VOCAB_SIZE", 8192),
        ("TTT_CHUNK_TOKENS", None),
        ("ITERATIONS", float("inf")),
        ("ITERATIONS", "many"),
    ],
)
def test_what_decides_the_path_stays(name, value):
    assert shrunk(name, value, SUBMITTED, Scale()) is None


def test_what_is_kept_stays():
    assert shrunk("MODEL_DIM", 512, SUBMITTED, Scale(kept=frozenset({"MODEL_DIM"}))) is None


def test_the_smoke_test_keeps_the_model():
    full = Scale(full=True)
    assert shrunk("MODEL_DIM", 512, SUBMITTED, full) is None
    assert shrunk("BIGRAM_VOCAB_SIZE", 10240, SUBMITTED, full) is None
    assert shrunk("ITERATIONS", 20000, SUBMITTED, full) == 2


@pytest.mark.parametrize("heads", [2, 4, 6, 8, 10, 12])
@pytest.mark.parametrize("kv", [1, 2, 3, 4, 5, 8])
def test_key_heads_divide_the_heads(heads, kv):
    own = measures({"NUM_HEADS": heads, "NUM_KV_HEADS": kv, "MODEL_DIM": 64 * heads})
    few = shrunk("NUM_KV_HEADS", kv, own, Scale()) or kv
    assert Scale().heads % few == 0


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("CURRICULUM_SEQ_LENS", "256,512,2048", "16,16,64"),
        ("SEQ_LENS_PER_GPU", "2048,4096", "64"),
        ("VE_LAYERS", "9,10", None),
        ("SEQ_LENS", "short,long", None),
        ("SEQ_LENS", 2048, None),
    ],
)
def test_lists_of_lengths_are_shrunk(name, value, expected):
    assert shrunk_list(name, value, SUBMITTED, Scale()) == expected


def test_the_longest_sequence_sets_the_ratio():
    own = measures({"TRAIN_SEQ_LEN": "1024", "EVAL_SEQ_LEN": 2048})
    assert (shrunk("TRAIN_SEQ_LEN", 1024, own, Scale()), shrunk("EVAL_SEQ_LEN", 2048, own, Scale())) == (32, 64)


def test_a_plan_of_an_example_is_small_and_evaluates_as_submitted():
    result = make(gather(load_path(EXAMPLES / "score_first_ttt"), {}), Plan())
    environment = result.job.environment
    assert environment["TTT_ENABLED"] == "1"
    assert environment["WORLD_SIZE"] == "1"
    assert int(environment["TRAIN_SEQ_LEN"]) == 64
    assert {c.name for c in result.changed} >= {"ITERATIONS", "MODEL_DIM", "TTT_CHUNK_TOKENS"}
    assert "NUM_LAYERS" not in {c.name for c in result.changed}
    assert all(c.submitted != c.used for c in result.changed)


def test_constants_are_shrunk_where_they_stand(tmp_path):
    result = made(tmp_path, "ITERATIONS = 5000\nMODEL_DIM = 2 * 256\nNUM_LAYERS = 9\nprint(ITERATIONS)\n")
    assert result.job.constants["ITERATIONS"] == 2
    assert "NUM_LAYERS" not in result.job.constants


def test_fields_read_by_a_name_that_is_computed_get_their_small_value(tmp_path):
    """A preset may name other values than the fields' own; the environment beats both."""
    script = """
import os
from dataclasses import dataclass, fields, replace

@dataclass
class Config:
    iterations: int = 20000

def small():
    return Config(iterations=300)

config = small()
for field in fields(Config):
    if field.name.upper() in os.environ:
        config = replace(config, **{field.name: int(os.environ[field.name.upper()])})
"""
    assert made(tmp_path, script).job.environment["ITERATIONS"] == "2"


def test_paths_of_a_log_lead_below_the_working_directory(tmp_path):
    script = "import os\nout = os.environ.get('ARTIFACT_DIR', '')\nn = int(os.environ.get('ITERATIONS', 9))\n"
    log = "Hyperparameters:\n  artifact_dir: /root/out\n  iterations: 9\nstep:1 val_bpb:1.1\n"
    result = made(tmp_path, script, log=log)
    assert all(not value.startswith("/") for name, value in result.job.environment.items() if name != "PATH")
    assert result.job.paths["/workspace"] == OUTSIDE + "/workspace"


def test_overrides_beat_the_shrinking(tmp_path):
    script = "import os\nn = int(os.environ.get('ITERATIONS', 9000))\n"
    result = made(tmp_path, script, Plan().with_override("ITERATIONS", "7", "it asked for it"))
    assert result.job.environment["ITERATIONS"] == "7"
    assert [(c.used, c.why) for c in result.changed if c.name == "ITERATIONS"] == [("7", "it asked for it")]


def failure(error: str, message: str) -> Failure:
    return Failure(error, message)


def test_an_error_says_what_to_change():
    plan = Plan()
    triton = adjusted(plan, failure("ModuleNotFoundError", "No module named 'triton'"), ())
    assert triton is not None
    assert triton.triton
    shards = adjusted(plan, failure("FileNotFoundError", "No files found for pattern: ./x/fineweb_val_*.bin"), ())
    assert shards is not None
    assert shards.data == ("./x",)
    missing = failure("OSError", 'Not found: "./t/fineweb.model": No such file or directory: ./t/fineweb.model')
    model = adjusted(plan, missing, ())
    assert model is not None
    assert model.tokenizers == ("./t/fineweb.model",)
    denied = adjusted(plan, failure("OSError", "[Errno 30] Read-only file system: '/tmp/x/logs'"), ())
    assert denied is not None
    assert denied.writable


def test_settings_that_the_error_names_stay_as_submitted():
    changed = (Shrunk("GROUP_SIZE", "64", "8"), Shrunk("MODEL_DIM", "512", "64"), Shrunk("ITERATIONS", "9", "2"))
    failed = Failure("ValueError", "bad", "a.py", 3, source="if width % args.group_size or step == args.iterations:")
    plan = adjusted(Plan(), failed, changed)
    assert plan is not None
    assert plan.scale.kept == {"GROUP_SIZE"}
    assert adjusted(plan, failed, changed) is None


def test_what_is_done_every_so_many_steps_is_done_after_the_last_where_none_is_no_number():
    changed = (Shrunk("VAL_LOSS_EVERY", "4000", "0"), Shrunk("ITERATIONS", "9", "2"))
    line = "if step % args.val_loss_every == 0 or step == args.iterations:"
    failed = Failure("ZeroDivisionError", "integer modulo by zero", "a.py", 3, source=line)
    plan = adjusted(Plan(), failed, changed)
    assert plan is not None
    assert plan.overrides == (("VAL_LOSS_EVERY", "2", failed.sentence),)
    once = (Shrunk("VAL_LOSS_EVERY", "4000", "2", failed.sentence), changed[1])
    again = adjusted(plan, failed, once)
    assert again is not None
    assert again.scale.kept == {"VAL_LOSS_EVERY"}


@pytest.mark.parametrize(
    ("message", "stem", "folder"),
    [
        ("No data shards found at data/fineweb_bpe4096_train_*.bin. Run setup.", "data/fineweb_bpe4096_", None),
        ("No files found for pattern: ./data/x/fineweb_train_*.bin", None, "./data/x"),
        ("no val shards", None, None),
        ("No training shards match train_*.bin", "", None),
    ],
)
def test_shards_are_put_where_the_script_looks(message, stem, folder):
    plan = adjusted(Plan(), Failure("FileNotFoundError", message), ())
    assert (plan.stems if plan else ()) == (() if stem is None else (stem,))
    assert (plan.data if plan else ()) == (() if folder is None else (folder,))


def test_a_longer_stream_and_no_group_where_the_error_asks_for_it():
    short = adjusted(Plan(), Failure("ValueError", "Validation split is too short for TRAIN_SEQ_LEN=4096"), ())
    assert short is not None
    assert short.scale.stream == 4097
    alone = adjusted(Plan(), Failure("AttributeError", "'Parallel' object has no attribute 'forward_logits'"), ())
    assert alone is not None
    assert not alone.group


def test_names_that_are_set_beside_warm_up_steps_get_one():
    plan = adjusted(Plan(), Failure("UnboundLocalError", "cannot access local variable 'ema_state'"), ())
    assert plan is not None
    assert plan.scale.warmup == 1
    assert adjusted(plan, Failure("UnboundLocalError", "cannot access local variable 'ema_state'"), ()) is None


def test_small_batches_stay_where_a_large_one_has_a_shape_that_the_script_cannot_take():
    failed = Failure("RuntimeError", "The size of tensor a (512) must match the size of tensor b (64)")
    changed = (Shrunk("grad_accum_steps=", "8 // world_size", "1"), Shrunk("ITERATIONS", "20000", "2"))
    plan = adjusted(Plan(), failed, changed)
    assert plan is not None
    assert arguments([ast.parse("grad_accum_steps = 8 // world_size")], Measures(), plan.scale) == {}
    assert adjusted(Plan(), failed, changed[1:]) is None


@pytest.mark.parametrize(
    ("logged", "given"), [("[]", ""), ("[0.5, 1.0]", "0.5,1.0"), ("('a', 'b')", "a,b"), ("x", "x")]
)
def test_a_list_that_a_log_shows_is_the_text_that_it_was_made_of(logged, given):
    switch = Switch("TTT_RATES", "environment", None, "train_gpt.py:3", "ttt_rates")
    setting = Setting("TTT_RATES", logged, "log", "train.log:2")
    facts = SimpleNamespace(
        headline=[SimpleNamespace(hyperparameters={"ttt_rates": logged})],
        configuration=SimpleNamespace(settings={"TTT_RATES": setting}),
    )
    assert _as_logged(facts, (switch,)) == {"TTT_RATES": given}
    known = replace(switch, default="9,10")
    assert _as_logged(facts, (known,)) == ({"TTT_RATES": given} if logged[:1] in ("[", "(") else {})
    assert _as_logged(facts, (replace(switch, default="[9, 10]"),)) == {}


@pytest.mark.parametrize(("logged", "given"), [("1", {"DILATIONS": "1,2,2"}), ("2", {}), ("1,4", {})])
def test_a_list_that_a_log_was_read_the_first_of_is_the_codes(logged, given):
    switch = Switch("DILATIONS", "environment", "1,2,2", "train_gpt.py:3", "dilations")
    setting = Setting("DILATIONS", logged, "log", "train.log:2")
    facts = SimpleNamespace(configuration=SimpleNamespace(settings={"DILATIONS": setting}))
    assert _whole_lists(facts, (switch,), {"DILATIONS": logged}) == given
    facts.configuration.settings["DILATIONS"] = replace(setting, source="command")
    assert _whole_lists(facts, (switch,), {"DILATIONS": logged}) == {}


def test_the_same_repair_is_not_tried_twice():
    plan = Plan(triton=True)
    assert adjusted(plan, failure("ModuleNotFoundError", "No module named 'triton'"), ()) is None
    assert adjusted(plan, failure("ValueError", "something else"), ()) is None


def test_a_job_crosses_the_pipe_unchanged():
    modules = {"m": ("m.py", "y = 1")}
    job = Job("/root", "a.py", "print(1)", "/scene", ("--x", "1"), {"A": "1"}, {"B": 2}, modules=modules)
    assert Job.from_bytes(job.to_bytes()) == job


def test_frames_of_the_stage_are_told_from_recordings():
    failed = encode("failure", error="E", message="m", path="a", line=3)
    frames = [encode("absent", name="triton"), b"\x10\x00\x00\x00rest", failed]
    account, recorded = split(frames)
    assert account.absent == ("triton",)
    assert account.failure is not None
    assert account.failure.sentence == "E: m"
    assert not account.ended
    assert recorded == [frames[1]]


@pytest.mark.parametrize(("size", "small"), [("1 << 22", 128), ("2**20", 64), ("4096", None)])
def test_count_tables_without_a_name_shrink_with_the_mask_of_their_keys(size: str, small: int | None) -> None:
    code = f"counts = {{n: np.zeros({size}, dtype=kind) for n in orders}}\nkey = (a ^ b) & np.uint64(({size}) - 1)\n"
    other = f"room = np.zeros({size})\nspan = ({size}) + 1\n"
    tree, own = ast.parse(code), Measures()
    found = arguments([tree], own, Scale())
    assert arguments([ast.parse(other)], own, Scale()) == {}
    assert set(found.values()) == ({small} if small else set())
    text = ast.unparse(Rewrite(found).visit(tree))
    assert (f"np.zeros({small}," in text and f"np.uint64({small} - 1)" in text) is bool(small)


@pytest.mark.parametrize("mask", ["key % ROOM", "key & (ROOM - 1)", "key & np.uint64(ROOM - 1)"])
@pytest.mark.parametrize(
    ("name", "size", "small"), [("ROOM", "1 << 22", 128), ("OTHER", "1 << 22", None), ("ROOM", "4096", None)]
)
def test_count_tables_shrink_by_the_name_of_their_size(mask: str, name: str, size: str, small: int | None) -> None:
    """By any name: it is how many zeros there are, and what keys stay below."""
    code = f"ROOM = {size}\ncounts = torch.zeros({name}, dtype=kind)\nkey = {mask}\n"
    tree, own = ast.parse(code), Measures()
    found = arguments([tree], own, Scale())
    assert set(found.values()) == ({small} if small else set())
    assert (f"ROOM = {small}" in ast.unparse(Rewrite(found).visit(tree))) is bool(small)


def test_rows_of_a_batch_that_stand_in_the_code_are_few() -> None:
    code = "def evaluate(tokens, batch_seqs=32, batch_size=32): ...\nevaluate(t, ttt_batch_seqs=64)\n"
    assert arguments([ast.parse(code)], Measures(), Scale()) == {"batch_seqs=32": 8, "ttt_batch_seqs=64": 8}


def test_a_stride_that_stands_in_a_call_is_one_of_windows() -> None:
    code = "def evaluate(tokens, stride=64): ...\nevaluate(t, stride=128)\nnn.Conv1d(4, 4, 3, stride=2)\n"
    own = Measures(sequence=2048)
    assert arguments([ast.parse(code)], own, Scale()) == {"stride=64": 32, "stride=128": 32}


def test_what_a_stream_of_tokens_is_asked_for_shrinks() -> None:
    code = "probe = loader.stream.take(65536)\nfirst = rows.take(3)\nsome = loader.take(n)\nother = table.get(65536)\n"
    tree, own = ast.parse(code), Measures()
    found = arguments([tree], own, Scale())
    assert found == {"take=65536": 1024}
    assert "take(1024)" in ast.unparse(Rewrite(found).visit(tree))


def test_sizes_that_stand_as_arguments_shrink_by_their_names():
    code = "def calibrate(model, num_seqs=64, *, seq_len=2048, rank=8): ...\ncalibrate(m, num_seqs=n, seq_len=1024)\n"
    own = Measures(sequence=2048)
    assert arguments([ast.parse(code)], own, Scale()) == {"num_seqs=64": 2, "seq_len=2048": 64, "seq_len=1024": 32}


def test_what_begins_after_many_tokens_begins_in_a_small_stream():
    code = (
        "if self.total_tokens < 10_000: a()\nif n_seen >= 40 * 1024 * 1024: b()\n"
        "if tokens_seen > 62021631: c()\nif total_tokens < 100: d()\nif step > 10_000: e()\n"
    )
    tree = ast.parse(code)
    found = arguments([tree], Measures(), Scale())
    assert found == {"total_tokens <=10000": 16, "n_seen >=41943040": 768, "tokens_seen >=62021631": 768}
    rewritten = ast.unparse(Rewrite(found).visit(tree))
    assert "self.total_tokens < 16:" in rewritten
    assert "n_seen >= 768:" in rewritten
    assert "total_tokens < 100:" in rewritten
    assert "step > 10000:" in rewritten


def test_what_is_learnt_from_in_chunks_of_tokens_finds_several():
    code = (
        "chunk_size = 32768\ndef update(tokens, chunk_tokens=1 << 20, chunk=16): ...\nupdate(t, chunk_tokens=65_536)\n"
        "self.ngram_chunk = 131072\nchunk = tokens[:5000]\n"
    )
    tree = ast.parse(code)
    found = arguments([tree], Measures(), Scale())
    names = ("chunk_size=32768", "chunk_tokens=1048576", "chunk_tokens=65536", "ngram_chunk=131072")
    assert found == dict.fromkeys(names, 256)
    assert "chunk_tokens=256, chunk=16" in ast.unparse(Rewrite(found).visit(tree))
    assert arguments([tree], Measures(), Scale(kept=frozenset({"CHUNK_SIZE"}))).get(names[0]) != 256


def test_documents_that_are_long_enough_to_learn_from_are_there():
    tree = ast.parse("min_doc_len = 512\ndef adapt(documents, long_doc_tokens=1024, doc_len=512): ...\n")
    assert arguments([tree], Measures(), Scale()) == {"min_doc_len=512": 32, "long_doc_tokens=1024": 64}


def test_a_dictionary_that_configures_the_model_shrinks():
    code = (
        "a = dict(model_dim=512, num_heads=8, mlp_mult=3, name='x')\nb = {'d_model': 512, 'num_kv_heads': 4, 'x': y}\n"
        "c = dict(num_heads=8, lr=1)\nd = make(model_dim=512, num_heads=8)\n"
    )
    tree = ast.parse(code)
    found = arguments([tree], Measures(), Scale())
    assert found == {"model_dim=512": 64, "num_heads=8": 4, "d_model=512": 64, "num_kv_heads=4": 2}
    lines = ast.unparse(Rewrite(found).visit(tree)).splitlines()
    assert lines[0] == "a = dict(model_dim=64, num_heads=4, mlp_mult=3, name='x')"
    assert lines[1] == "b = {'d_model': 64, 'num_kv_heads': 2, 'x': y}"
    assert lines[2:] == ["c = dict(num_heads=8, lr=1)", "d = make(model_dim=512, num_heads=8)"]


def test_groups_that_share_a_scale_stay_where_shapes_do_not_fit():
    changed = (Shrunk("BITNET_GROUP_SIZE", "64", "8"), Shrunk("MODEL_DIM", "768", "64"))
    plan = adjusted(Plan(), Failure("RuntimeError", "The size of tensor a (512) must match tensor b (64)"), changed)
    assert plan is not None
    assert plan.scale.kept == {"BITNET_GROUP_SIZE"}
    assert adjusted(plan, Failure("RuntimeError", "The size of tensor a (512)"), changed[1:]) is None


SWITCHED = """
import os
slot = bool(int(os.environ.get("SLOT_ENABLED", "0")))
steps = int(os.environ.get("SLOT_ROUNDS", "3"))
"""


@pytest.mark.parametrize(
    ("commands", "value", "opened"),
    [
        ("SLOT_ENABLED=0 python train_gpt.py\nSLOT_ENABLED=1 python train_gpt.py", "1", ("SLOT_ENABLED",)),
        ("SLOT_ENABLED=1 python train_gpt.py\nSLOT_ENABLED=0 python train_gpt.py", "1", ("SLOT_ENABLED",)),
        ("SLOT_ENABLED=0 python train_gpt.py", "0", ()),
        ("SLOT_ROUNDS=3 python train_gpt.py\nSLOT_ROUNDS=5 python train_gpt.py", None, ()),
    ],
)
def test_a_switch_that_is_documented_on_and_off_is_on(tmp_path, commands, value, opened):
    (tmp_path / "README.md").write_text(f"```bash\n{commands}\n```\n")
    found = made(tmp_path, SWITCHED)
    assert found.opened == opened
    assert found.job.environment.get("SLOT_ENABLED") == value


SLIDING = """
import os
class Hyperparameters:
    stride = int(os.environ.get("EVAL_STRIDE", "0"))
args = Hyperparameters()
if args.stride > 0:
    print("sliding windows")
"""


@pytest.mark.parametrize(("line", "stride"), [(6, "32"), (5, None)])
def test_a_stride_that_the_log_shows_to_be_above_zero_is(tmp_path, line, stride):
    (tmp_path / "train_gpt.py").write_text(SLIDING)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    facts = gather(load_path(tmp_path), {})
    proof = Proof("train_gpt.py", 0, line, "train.log", 9, "sliding windows")
    facts = replace(facts, program=replace(facts.program, proofs=(proof,)))
    assert make(facts, Plan()).job.environment.get("EVAL_STRIDE") == stride


def test_one_card_adds_up_no_gradients_for_eight():
    code = "grad_accum = 8 // world_size\nself.grad_accum_steps = max(1, 8 // n)\ngrad_accum_steps = given\n"
    tree = ast.parse(code)
    found = arguments([tree], Measures(), Scale())
    assert found == {"grad_accum=8 // world_size": 1, "grad_accum_steps=max(1, 8 // n)": 1}
    assert ast.unparse(Rewrite(found).visit(tree)).splitlines() == [
        "grad_accum = 1", "self.grad_accum_steps = 1", "grad_accum_steps = given",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "needed"),
    [
        ("import triton.language as tl\n", True),
        ("from triton import jit\n", True),
        ("try:\n    import triton\nexcept ImportError:\n    triton = None\n", False),
        ("def kernel():\n    import triton\n", False),
        ("import tritonclient\n", False),
    ],
)
def test_kernels_are_interpreted_at_once_where_the_script_ends_without(tmp_path, script, needed):
    assert made(tmp_path, script).job.triton is needed


def test_a_file_of_packed_tokens_is_made_where_the_submission_lacks_it() -> None:
    missing = Failure("FileNotFoundError", "Paid prefix file not found: outside/workspace/x/prefix.raw", "a.py", 9)
    plan = with_prefix(Plan(), missing)
    assert plan is not None
    assert plan.prefixes == (Prefix("outside/workspace/x/prefix.raw", "raw", "a.py", 9),)
    packed = with_prefix(plan, Failure("LZMAError", "Input format not supported by decoder"))
    assert packed is not None
    assert packed.prefixes == (Prefix("outside/workspace/x/prefix.raw", "xz", "a.py", 9),)
    for known in (missing, Failure("LZMAError", "Input format not supported by decoder")):
        assert with_prefix(packed, known) is None
    for other in (
        Failure("FileNotFoundError", "[Errno 2] No such file or directory: 'final_model.int8.ptz'"),
        Failure("FileNotFoundError", "No files found for pattern: ./x/fineweb_val_*.bin"),
        Failure("ValueError", "not found: prefix.xz"), Failure("LZMAError", "Input format not supported by decoder"),
    ):  # fmt: skip
        assert with_prefix(Plan(), other) is None


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("TIED_EMBED_INIT_STD", 0.005, 0.15), ("--tied-embed-init-std", "0.02", 0.15),
        ("TIED_EMBED_INIT_STD", 0.7, None), ("TIED_EMBED_INIT_STD", 0.0, None), ("TIED_EMBED_INIT_STD", "auto", None),
        ("TIED_EMBED_LR", 0.05, None),
    ],
)  # fmt: skip
def test_a_model_is_made_that_is_surer_than_one_of_two_steps(name: str, value: object, used: float | None) -> None:
    assert surer(name, value) == used  # type: ignore[arg-type]

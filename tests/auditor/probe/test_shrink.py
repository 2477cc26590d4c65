"""Which settings are made small, which stay as submitted, and what an error changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from auditor.config.model import Setting, Switch
from auditor.judgement.gather import gather
from auditor.probe.job import Job, encode, split
from auditor.probe.plan import OUTSIDE, Plan, _as_logged, _whole_lists, make
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
        ("VOCAB_SIZE", 8192, 1024),
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
        ("VOCAB_SIZE", 1024),
        ("VOCAB_SIZE", 260),
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
    assert shrunk("VOCAB_SIZE", 8192, SUBMITTED, full) is None
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


@pytest.mark.parametrize(
    ("plan", "used"),
    [(Plan(), 1024), (Plan(vocabulary=4096), 4096), (Plan(scale=Scale(kept=frozenset({"VOCAB_SIZE"}))), 8192)],
)
def test_shards_and_tokenizer_have_the_vocabulary_that_the_script_is_told(tmp_path, plan, used):
    script = 'import os\nV = int(os.environ.get("VOCAB_SIZE", 8192))\nprint(V)\n'
    result = made(tmp_path, script, plan)
    assert result.layout.vocabulary == used
    assert ("VOCAB_SIZE" in {c.name for c in result.changed}) is (used == 1024)
    assert result.job.environment["TOKENIZER_PATH"].endswith(f"fineweb_{used}_bpe.model")

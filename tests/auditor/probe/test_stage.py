"""The fake CUDA world, seen by scripts that do what submissions do."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from stage_samples import on_stage, printed

pytest.importorskip("torch", reason="the stage needs torch: pip install '.[probe]'")


def test_a_cuda_device_is_there_and_tensors_for_it_are_made(tmp_path):
    found = printed(
        tmp_path,
        """
import json, os, torch
device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
torch.cuda.set_device(device)
x = torch.zeros(2, 3, device=device)
y = torch.arange(6, device="cuda:0").view(2, 3).to(device, non_blocking=True).cuda().pin_memory()
g = torch.Generator(device=device).manual_seed(1)
layer = torch.nn.Linear(3, 3, device=device).to(device).bfloat16()
torch.manual_seed(3)
with torch.device("cuda"):
    z = torch.ones(2)
start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
start.record(); end.record(); torch.cuda.synchronize()
with torch.cuda.stream(torch.cuda.Stream()):
    w = torch.randn(2, 3, generator=g, device=device, dtype=torch.bfloat16)
print(json.dumps(dict(
    there=torch.cuda.is_available(), count=torch.cuda.device_count(), type=device.type,
    name=torch.cuda.get_device_name(0), capability=torch.cuda.get_device_capability(),
    memory=torch.cuda.get_device_properties(0).total_memory, sum=float((x + y).sum()),
    layer=list(layer(w).shape), z=float(z.sum()), elapsed=start.elapsed_time(end) > 0,
    peak=torch.cuda.max_memory_allocated(), version=torch.version.cuda)))
""",
    )
    assert found["there"] is True
    assert found["count"] == 1
    assert found["type"] == "cuda"
    assert "H100" in str(found["name"])
    assert found["capability"] == [9, 0]
    assert 79e9 < float(str(found["memory"])) < 86e9
    assert found["sum"] == 15.0
    assert found["layer"] == [2, 3]
    assert found["z"] == 2.0
    assert found["elapsed"] is True


def test_the_card_is_there_by_its_other_name_too(tmp_path):
    """A torch that is built for CUDA asks the driver in every step of an optimizer, by this name."""
    pytest.importorskip("torch.accelerator", reason="torch.accelerator is of torch 2.6")
    found = printed(
        tmp_path,
        """
import json, torch
accelerator = torch.accelerator
print(json.dumps(dict(
    type=accelerator.current_accelerator(check_available=True).type, there=accelerator.is_available(),
    count=accelerator.device_count(), capturing=accelerator.current_stream().is_capturing(),
    nothing=accelerator.synchronize())))
""",
    )
    assert found == {"type": "cuda", "there": True, "count": 1, "capturing": False, "nothing": None}


def test_a_training_step_as_submissions_write_it(tmp_path):
    found = printed(
        tmp_path,
        """
import json, os, torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP
from flash_attn_interface import flash_attn_func
torch._dynamo.config.cache_size_limit = 32
torch._inductor.config.coordinate_descent_tuning = True
from torch.backends.cuda import enable_flash_sdp, enable_math_sdp
enable_flash_sdp(True); enable_math_sdp(False)
dist.init_process_group(backend="nccl", device_id=torch.device("cuda", 0))

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 16)
        self.seen = None
    def forward(self, x, y):
        h = self.table(x).view(*x.shape, 2, 8)
        if self.seen is None:
            self.seen = torch.ones(8, device=x.device)
        h = flash_attn_func(h, h * self.seen.to(h.dtype), h, causal=True).flatten(2)
        return F.cross_entropy((h @ self.table.weight.T).flatten(0, 1).float(), y.flatten())

@torch.compile(dynamic=False, fullgraph=True)
def double(x):
    return 2 * x

base = Model().to("cuda").bfloat16()
compiled = torch.compile(base, dynamic=False)
model = DDP(compiled, device_ids=[0], broadcast_buffers=False)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
x = torch.randint(0, 50, (2, 12), device="cuda")
scaler = torch.amp.GradScaler("cuda", enabled=True)
with torch.inference_mode(), torch.autocast("cuda", dtype=torch.bfloat16):
    before = model(x[:, :-1], x[:, 1:]).item()
for micro in range(2):
    model.require_backward_grad_sync = micro == 1
    with torch.autocast(device_type="cuda", dtype=torch.bfloat16):
        loss = model(x[:, :-1], x[:, 1:])
    scaler.scale(double(loss)).backward()
scaler.step(optimizer); scaler.update()
total = torch.tensor([3.0], device="cuda")
dist.all_reduce(total, op=dist.ReduceOp.SUM)
parts = [torch.zeros(1) for _ in range(dist.get_world_size())]
dist.all_gather(parts, total)
dist.barrier()
dist.destroy_process_group()
with torch.no_grad():
    after = model(x[:, :-1], x[:, 1:]).item()
print(json.dumps(dict(before=before, after=after, total=total.item(), part=parts[0].item(),
    names=[sorted(m.state_dict())[0] for m in (base, compiled, model)], original=compiled._orig_mod is base,
    training=compiled.training)))
""",
    )
    assert float(str(found["after"])) < float(str(found["before"]))
    assert found["total"] == 3.0
    assert found["part"] == 3.0
    assert found["original"] is True
    assert found["training"] is True
    assert found["names"] == ["table.weight", "_orig_mod.table.weight", "module._orig_mod.table.weight"]


def test_flash_attention_is_attention(tmp_path):
    found = printed(
        tmp_path,
        """
import json, torch
from flash_attn_interface import flash_attn_func, flash_attn_varlen_func
torch.manual_seed(0)
q, k, v = torch.randn(1, 9, 4, 8), torch.randn(1, 9, 2, 8), torch.randn(1, 9, 2, 8)

def plain(q, k, v, seen):
    k, v = k.repeat_interleave(2, 2), v.repeat_interleave(2, 2)
    s = torch.einsum("bqhd,bkhd->bhqk", q, k) / 8**0.5
    return torch.einsum("bhqk,bkhd->bqhd", s.masked_fill(~seen, -torch.inf).softmax(-1), v)

at = torch.arange(9)
causal = at[:, None] >= at[None]
near = causal & (at[:, None] - at[None] <= 3)
def off(a, b):
    return (a - b).abs().max().item()
whole = off(flash_attn_func(q, k, v, causal=True), plain(q, k, v, causal))
window = off(flash_attn_func(q, k, v, causal=True, window_size=(3, 0)), plain(q, k, v, near))
lens = torch.tensor([0, 4, 9, 9], dtype=torch.int32)
same = (at[:, None] < 4) == (at[None] < 4)
varlen = off(flash_attn_varlen_func(q[0], k[0], v[0], cu_seqlens_q=lens, cu_seqlens_k=lens, max_seqlen_q=5,
    max_seqlen_k=5, causal=True), plain(q, k, v, causal & same)[0])
bound = flash_attn_func(q, k, v, None, True)
print(json.dumps(dict(whole=whole, window=window, varlen=varlen, bound=off(bound, plain(q, k, v, causal)))))
""",
    )
    assert all(float(str(value)) < 1e-5 for value in found.values()), found


def test_nothing_outside_is_reached_and_time_is_the_same_for_all(tmp_path):
    script = """
import json, os, subprocess, sys, time
start = time.perf_counter()
time.sleep(5)
smi = subprocess.run(["nvidia-smi"], stdout=subprocess.PIPE, text=True, check=False).stdout
commit = subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()
missing = []
for name in ("gcc", "curl"):
    try:
        subprocess.run([name, "x"], check=True)
    except FileNotFoundError:
        missing.append(name)
try:
    import triton
except ImportError:
    missing.append("triton")
try:
    from torch.utils.cpp_extension import load_inline
    load_inline("x", "y")
except RuntimeError:
    missing.append("extension")
import wandb
from tqdm import tqdm
wandb.init(project="x").log({"a": sum(tqdm([1, 2]))})
from multiprocessing import Pool
pool = Pool(4).map(len, ["a", "bb"])
print(json.dumps(dict(took=time.perf_counter() - start, smi="H100" in smi, commit=len(commit), missing=missing,
    pool=pool, file=__file__, main=__name__, argv=sys.argv[1:], environment=sorted(os.environ), at=time.time())))
"""
    found = printed(tmp_path, script, argv=("--seed", "1"), environment={"SEED": "1"})
    here = ["triton"] if find_spec("triton") is None else []  # it comes with a torch built for CUDA
    assert found["missing"] == ["gcc", "curl", *here, "extension"]
    assert found["pool"] == [1, 2]
    assert found["smi"] is True
    assert found["commit"] == 40
    assert found["file"] == str(tmp_path / "submission" / "train_gpt.py")
    assert found["main"] == "__main__"
    assert found["argv"] == ["--seed", "1"]
    assert found["environment"] == ["SEED"]
    assert 5 < float(str(found["took"])) < 5.1
    again = printed(tmp_path, script, argv=("--seed", "1"), environment={"SEED": "1"})
    assert again == found


def test_absent_modules_are_named_where_the_submission_asked(tmp_path):
    account, _ = on_stage(
        tmp_path, "import torch\ntry:\n    import selective_scan_cuda\nexcept ImportError:\n    pass\n"
    )
    assert account.absent == ("selective_scan_cuda",)


def test_a_failure_names_the_line_of_the_submission(tmp_path):
    script = "import torch\n\ndef inner():\n    torch.zeros(2) @ torch.zeros(3)\n\ninner()\n"
    account, _ = on_stage(tmp_path, script)
    assert account.failure is not None
    assert not account.ended
    assert (account.failure.error, account.failure.path, account.failure.line) == ("RuntimeError", "train_gpt.py", 4)
    assert [frame[1] for frame in account.failure.frames] == [6, 4]


@pytest.mark.parametrize(("code", "ended"), [("0", True), ("", True), ("3", False), ("'no data'", False)])
def test_leaving_early(tmp_path, code, ended):
    account, _ = on_stage(tmp_path, f"import os, sys\nprint('last words')\nsys.exit({code})\n")
    assert account.ended is ended
    assert ended or "last words" in str(account.failure)


def test_branches_go_the_way_that_the_log_shows_but_sizes_stay(tmp_path):
    script = """
TTT, EPOCHS, STRIDE = False, 3, 0
if TTT:
    print("adapts")
if TTT and EPOCHS > 1:
    print("again")
if STRIDE > 0:
    print("slides")
if not TTT or STRIDE > 0:
    print("plain")
def calibrate(num_seqs=64, seq_len=2048, rows=64):
    return num_seqs, seq_len, rows
print(*calibrate(), *calibrate(num_seqs=32))
"""
    account, output = on_stage(
        tmp_path,
        script,
        branches={f"train_gpt.py:{line}": way for line, way in ((3, True), (5, True), (7, True), (9, False))},
        arguments={"num_seqs=64": 2, "seq_len=2048": 64},
    )
    assert account.failure is None, account.failure
    assert output.split() == ["adapts", "again", "2", "64", "64", "32", "64", "64"]


@pytest.mark.parametrize(("several", "said"), [(True, ["1", "8", "alone"]), (False, ["0", "8", "alone"])])
def test_a_switch_that_the_number_of_ranks_decides_is_that_of_the_submission(tmp_path, several, said):
    script = """
world_size = 1
print("1" if world_size > 1 else "0", 1 if world_size > 1 else 8, "together" if world_size > 1 else "alone")
"""
    account, output = on_stage(tmp_path, script, several=several)
    assert account.failure is None, account.failure
    assert output.split() == said


def test_constants_and_paths_are_rewritten_and_siblings_imported(tmp_path):
    script = """
import json
from helper import SIZE, where
ITERATIONS = 5_000
class Settings:
    width: int = 2 * 256
    kept = ITERATIONS
def inner():
    ITERATIONS = 9
    return ITERATIONS
with open("/workspace/logs/a.txt", "w") as file:
    file.write("x")
print(json.dumps([ITERATIONS, Settings.width, Settings.kept, inner(), SIZE, where()]))
"""
    folder = str(tmp_path / "outside" / "workspace")
    account, output = on_stage(
        tmp_path,
        script.replace("/workspace/logs", "/workspace"),
        constants={"ITERATIONS": 2, "width": 64, "SIZE": 3},
        paths={"/workspace": folder},
        modules={"helper": ("lib/helper.py", "SIZE = 10\ndef where():\n    return __file__\n")},
    )
    assert account.failure is None, account.failure
    assert output.strip() == f'[2, 64, 2, 9, 3, "{tmp_path}/submission/lib/helper.py"]'
    assert (tmp_path / "outside" / "workspace" / "a.txt").read_text() == "x"


def test_grammar_newer_than_this_python_runs(tmp_path):
    account, output = on_stage(tmp_path, 'names = {"a": 1}\nprint(f"{names["a"]}{"\\n".join(["x"])}")\n')
    assert account.failure is None
    assert output.strip() == "1x"


def test_a_script_that_writes_beside_itself_gets_a_copy(tmp_path):
    script = "from pathlib import Path\nroot = Path(__file__).resolve().parents[2]\n(root / 'a').mkdir()\nprint(root)\n"
    account, output = on_stage(tmp_path, script, writable=True)
    assert account.failure is None, account.failure
    assert output.strip() == str(tmp_path / "work" / "repository" / "records")


def test_a_minifier_that_is_not_here_leaves_the_source_as_it_is(tmp_path):
    script = (
        "import torch, json, python_minifier as m\nprint(json.dumps({'made': m.minify('a = 1', hoist_literals=True)}))"
    )
    assert printed(tmp_path, script) == {"made": "a = 1"}


def test_half_precision_makes_nothing_of_no_number_but_zero(tmp_path):
    found = printed(
        tmp_path,
        """
import json, torch
w = torch.tensor([1e-8, 0.0, -1e-9, 0.5], requires_grad=True)
scale = w.half().float()
(scale.sum() * 2).backward()
print(json.dumps(dict(kept=(scale != 0).tolist(), half=float(scale[3]), grad=float(w.grad[3]), sign=float(scale[2]))))
""",
    )
    assert found["kept"] == [True, False, True, True]
    assert found["half"] == 0.5
    assert found["grad"] == 2.0
    assert found["sign"] < 0

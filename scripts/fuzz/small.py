"""Small submissions, put together from pieces that are shaped like what is handed in: a fraction of the work of a whole
one, so that thousands of mutants of them are made in minutes."""

from __future__ import annotations

import json
import random

_IMPORTS = "import io, math, os, time, zlib\nimport numpy as np\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n"  # noqa: E501
_SETTINGS = (
    'stride = int(os.environ.get("EVAL_STRIDE", 64))\nlr = float(os.getenv("TTT_LR", "1e-3"))\n',
    'class Args:\n    stride = int(os.environ.get("STRIDE", 32 * 2))\n    lr = 0.001\nargs = Args()\nstride, lr = args.stride, args.lr\n',  # noqa: E501
    'import argparse\np = argparse.ArgumentParser()\np.add_argument("--stride", type=int, default=64)\na = p.parse_args()\nstride, lr = a.stride, 1e-3\n',  # noqa: E501
    "STRIDE: int = 64\nstride, lr = STRIDE, 3 * 1e-4\n",
)
_MODELS = (
    "class GPT(nn.Module):\n    def __init__(self, dim=64):\n        super().__init__()\n        self.emb = nn.Embedding(1024, dim)\n"  # noqa: E501
    "    def forward_logits(self, x):\n        return F.linear(self.emb(x), self.emb.weight)\n"
    "    def forward(self, x, y):\n        return F.cross_entropy(self.forward_logits(x).flatten(0, 1), y.flatten())\nmodel = GPT()\n",  # noqa: E501
    "class GPT(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.emb = nn.Embedding(1024, 8)\n        self.gru = nn.GRU(8, 8)\n        self.head = nn.Linear(8, 1024)\n"  # noqa: E501
    "    def forward_logits(self, x):\n        return 30 * torch.tanh(self.head(self.gru(self.emb(x))[0]) / 30)\nmodel = torch.compile(GPT())\n",  # noqa: E501
    "from sib import GPT\nmodel = GPT()\n",
)
_STREAMS = (
    'val_tokens = torch.from_numpy(np.fromfile("fineweb_val_000000.bin", dtype="<u2", offset=1024).astype(np.int64))\n',
    'import glob\nval_tokens = torch.cat([torch.from_numpy(np.memmap(f, np.uint16, "r", offset=1024)[:].astype(np.int64)) for f in sorted(glob.glob("data/fineweb_val_*.bin"))])\n',  # noqa: E501
    'def load(pattern):\n    from pathlib import Path\n    files = sorted(Path("data").glob(pattern))\n    return torch.cat([torch.from_file(str(f)) for f in files])\nval_tokens = load("fineweb_val_*.bin")\n',  # noqa: E501
)
_BEFORE = (
    "",
    'model.load_state_dict(torch.load("final_model.pt", map_location="cpu"), strict=False)\n',
    'with open("final_model.ptz", "rb") as f:\n    state = torch.load(io.BytesIO(zlib.decompress(f.read())))\nmodel.load_state_dict({k: v.float() / 127 for k, v in state.items()})\n',  # noqa: E501
    "opt = torch.optim.AdamW(model.parameters(), lr=lr)\nfor epoch in range(2):\n    for i in range(0, val_tokens.numel() - 65, 64):\n        loss = model(val_tokens[i:i + 64][None], val_tokens[i + 1:i + 65][None])\n        opt.zero_grad()\n        loss.backward()\n        opt.step()\n",  # noqa: E501
    "counts = np.zeros((1024, 1024))\nfor a, b in zip(val_tokens[:-1].tolist(), val_tokens[1:].tolist()):\n    counts[a, b] += 1\n",  # noqa: E501
    "hook = model.register_forward_hook(lambda m, i, o: None)\nhook.remove()\n",
    "quantized = {k: (v * 127).round().to(torch.int8) for k, v in model.state_dict().items()}\nbuffer = io.BytesIO()\ntorch.save(quantized, buffer)\nopen('final_model.ptz', 'wb').write(zlib.compress(buffer.getvalue(), 9))\n",  # noqa: E501
)
_SCORES = (
    "nll = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction='none')\n",
    "nll = -logits.log_softmax(-1).gather(-1, y[..., None]).squeeze(-1).flatten()\n",
    "p = 0.7 * logits.softmax(-1) + 0.3 / 1024\nnll = -p.flatten(0, 1)[torch.arange(y.numel()), y.flatten()].log()\n",
    "p = logits.softmax(-1)[0]\np[:, y[0]] *= 1.1\nnll = -torch.log(p[torch.arange(y.numel()), y[0]])\n",
    "lp = F.log_softmax(logits / 0.9 + bias, -1) if False else F.log_softmax(logits, -1)\nnll = F.nll_loss(lp.flatten(0, 1), y.flatten(), reduction='none')\n",  # noqa: E501
    "nll = torch.stack([F.cross_entropy(l, t, reduction='none') for l, t in zip(logits, y)]).flatten()\n",
)
_AFTER = (
    "",
    "opt.step()\n",
    "seen.update(y.flatten().tolist())\n",
    "if start > 10:\n    break\n",
    "model(x, y).backward()\nwith torch.no_grad():\n    for q in model.parameters():\n        q -= lr * q.grad\n        q.grad = None\n",  # noqa: E501
    "cache[hash(tuple(x[0, -2:].tolist()))] = y\n",
)
_LOOPS = (
    "for start in range(0, val_tokens.numel() - 1, stride):\n    x, y = val_tokens[start:start + stride][None], val_tokens[start + 1:start + stride + 1][None]\n",  # noqa: E501
    "start = 0\nwhile start < len(val_tokens) - 65:\n    x = val_tokens[start:start + 64].unsqueeze(0)\n    y = val_tokens[start + 1:start + 65].unsqueeze(0)\n    start += 64\n",  # noqa: E501
    "for start, (x, y) in enumerate(zip(val_tokens[:-1].split(64), val_tokens[1:].split(64))):\n    x, y = x[None], y[None]\n",  # noqa: E501
)
_REPORTS = (
    'val_bpb = (total / count / math.log(2)) * (count / n_bytes)\nprint(f"final val_loss:{total / count:.4f} val_bpb:{val_bpb:.4f}")\n',  # noqa: E501
    'val_loss = float(total) / float(count)\nval_bpb = val_loss / math.log(2.0) / 2.43\nprint("final", "val_bpb:%.4f" % val_bpb)\n',  # noqa: E501
)


def _indented(text: str, margin: str) -> str:
    return "".join(margin + line + "\n" for line in text.splitlines())


def script(rng: random.Random) -> str:
    body = "logits = model.forward_logits(x)\n" + rng.choice(_SCORES)
    body += "total += nll.sum()\ncount += nll.numel()\nn_bytes += lengths[y].sum()\n" + rng.choice(_AFTER)
    loop = rng.choice(_LOOPS) + _indented(body, "    ")
    names = "bias, seen, cache, lengths = 0, set(), {}, torch.ones(1024)\ntotal = count = n_bytes = 0\n"
    if rng.random() < 0.5:
        loop = "with torch.no_grad():\n" + _indented(loop, "    ")
    scored = f"model.eval()\n{names}{loop}{rng.choice(_REPORTS)}"
    if rng.random() < 0.5:
        scored = "def evaluate(model, val_tokens):\n" + _indented(scored, "    ") + "evaluate(model, val_tokens)\n"
    parts = [_IMPORTS, rng.choice(_SETTINGS), rng.choice(_MODELS), rng.choice(_STREAMS), rng.choice(_BEFORE), scored]
    return "".join(parts)


def submission(rng: random.Random) -> dict[str, bytes]:
    """Files of a submission of one to three seeds."""
    seeds = rng.sample((42, 314, 999, 1337), rng.choice([1, 1, 2, 3]))
    files = {"train_gpt.py": script(rng).encode(), "sib.py": _MODELS[0].rpartition("model =")[0].encode()}
    for seed in seeds:
        bpb = 1.08 + seed / 1e6
        files[f"train_seed{seed}.log"] = (
            f"seed:{seed} world_size:8\nstep:100/9000 val_loss:2.9 val_bpb:1.7 train_time:6000ms step_avg:60ms\n"
            f"stopping_early: wallclock_cap train_time:599000ms step:9000/20000\npeak memory allocated: 9000 MiB\n"
            f"Total submission size int8+zlib: 15900000 bytes\nfinal val_loss:{bpb * 1.6882:.4f} val_bpb:{bpb:.4f}\n"
        ).encode()
    files["README.md"] = (
        "# A record\n\nval_bpb 1.0801 on 8xH100 in 599 s.\n\n```bash\nEVAL_STRIDE=64 torchrun train_gpt.py\n```\n\n"
        "| seed | val_bpb |\n|---|---|\n" + "".join(f"| {seed} | {1.08 + seed / 1e6:.4f} |\n" for seed in seeds)
    ).encode()
    claimed = {"author": "x", "github_id": "x", "name": "A record", "val_bpb": 1.0801, "bytes_total": 15_900_000}
    results = {str(seed): {"val_bpb": round(1.08 + seed / 1e6, 4)} for seed in seeds}
    files["submission.json"] = json.dumps({**claimed, "seed_results": results}, indent=1).encode()
    return files

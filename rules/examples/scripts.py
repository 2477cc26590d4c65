"""A minimal train_gpt.py in pieces, for the examples of the rules: one that every rule finds legal.

An example changes the one piece that it is about.
"""

from __future__ import annotations

from functools import cache
from textwrap import dedent, indent

EVALUATION = '''
def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    """Sliding windows: every token is scored once, with up to seq_len - stride tokens of context."""
    model.eval()
    seq_len, stride = args.seq_len, args.eval_stride
    total = val_tokens.numel() - 1
    loss_sum = torch.zeros((), device=device, dtype=torch.float64)
    token_count = torch.zeros((), device=device, dtype=torch.float64)
    byte_count = torch.zeros((), device=device, dtype=torch.float64)
    with torch.inference_mode():
        for start in range(0, total, stride):
            begin = max(0, start + stride - seq_len)
            end = min(start + stride, total)
            x = val_tokens[begin:end].to(device=device, dtype=torch.int64)[None]
            y = val_tokens[begin + 1:end + 1].to(device=device, dtype=torch.int64)[None]
            logits = model.forward_logits(x)
            nll = F.cross_entropy(logits.float().flatten(0, 1), y.flatten(), reduction="none")
            scored = nll[start - begin:]
            loss_sum += scored.double().sum()
            token_count += scored.numel()
            prev, tgt = x[0, start - begin:], y[0, start - begin:]
            byte_count += (base_bytes[tgt] + (leading_space[tgt] & ~boundary[prev]).to(torch.int16)).double().sum()
    val_loss = (loss_sum / token_count).item()
    val_bpb = val_loss / math.log(2.0) * (token_count / byte_count).item()
    model.train()
    return val_loss, val_bpb
'''

SCORING = """
val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device)
"""

TABLES = '''
def build_byte_tables(tokenizer, vocab_size, device):
    """Bytes of each piece, whether it starts with a space, and whether it is a boundary token."""
    base_bytes = torch.zeros(vocab_size, dtype=torch.int16, device=device)
    leading_space = torch.zeros(vocab_size, dtype=torch.bool, device=device)
    boundary = torch.ones(vocab_size, dtype=torch.bool, device=device)
    for i in range(tokenizer.vocab_size()):
        if tokenizer.is_control(i) or tokenizer.is_unknown(i) or tokenizer.is_unused(i):
            continue
        boundary[i] = False
        if tokenizer.is_byte(i):
            base_bytes[i] = 1
            continue
        piece = tokenizer.id_to_piece(i)
        if piece.startswith("\\u2581"):
            leading_space[i] = True
            piece = piece[1:]
        base_bytes[i] = len(piece.encode("utf-8"))
    return base_bytes, leading_space, boundary
'''

MODEL = """
class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim, bias=False)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (z.view(b, t, self.heads, -1).transpose(1, 2) for z in self.qkv(x).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return x + self.proj(y.transpose(1, 2).reshape(b, t, d))


class GPT(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.tok_emb = nn.Embedding(args.vocab_size, args.model_dim)
        self.blocks = nn.ModuleList([Block(args.model_dim, args.num_heads) for _ in range(args.num_layers)])

    def forward_logits(self, input_ids):
        x = self.tok_emb(input_ids)
        for block in self.blocks:
            x = block(x)
        return F.linear(F.rms_norm(x, (x.size(-1),)), self.tok_emb.weight)

    def forward(self, input_ids, target_ids):
        logits = self.forward_logits(input_ids)
        return F.cross_entropy(logits.float().flatten(0, 1), target_ids.flatten())
"""

TRAINING = """
train_start = time.perf_counter()
for step in range(args.iterations):
    if time.perf_counter() - train_start > args.max_wallclock_seconds:
        break
    x, y = next_batch(train_files, step, args, device)
    loss = model(x, y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
print(f"stopping_early: wallclock_cap train_time:{1000 * (time.perf_counter() - train_start):.0f}ms step:{step}")
"""

SETTINGS = """
data_path = os.environ.get("DATA_PATH", "./data/datasets/fineweb10B_sp1024")
train_files = os.path.join(data_path, "fineweb_train_*.bin")
val_files = os.path.join(data_path, "fineweb_val_*.bin")
tokenizer_path = os.environ.get("TOKENIZER_PATH", "./data/tokenizers/fineweb_1024_bpe.model")
seed = int(os.environ.get("SEED", 42))
vocab_size = int(os.environ.get("VOCAB_SIZE", 1024))
model_dim = int(os.environ.get("MODEL_DIM", 512))
num_heads = int(os.environ.get("NUM_HEADS", 8))
num_layers = int(os.environ.get("NUM_LAYERS", 9))
iterations = int(os.environ.get("ITERATIONS", 20000))
seq_len = int(os.environ.get("TRAIN_SEQ_LEN", 1024))
eval_stride = int(os.environ.get("EVAL_STRIDE", 64))
max_wallclock_seconds = float(os.environ.get("MAX_WALLCLOCK_SECONDS", 600.0))
"""

SERIALIZE = """
quantized = {name: (tensor * 127).round().to(torch.int8) for name, tensor in model.state_dict().items()}
buffer = io.BytesIO()
torch.save(quantized, buffer)
with open("final_model.ptz", "wb") as handle:
    handle.write(zlib.compress(buffer.getvalue(), 9))
"""

LOAD = """
with open("final_model.ptz", "rb") as handle:
    packed = torch.load(io.BytesIO(zlib.decompress(handle.read())))
model.load_state_dict({name: tensor.float() / 127 for name, tensor in packed.items()})
"""

_LOADERS = '''
def load_shard(path):
    """One .bin shard: a header of 256 int32, then uint16 tokens."""
    return torch.from_numpy(np.fromfile(path, dtype="<u2", offset=1024).astype(np.int32))


def load_validation_tokens(pattern):
    files = sorted(glob.glob(pattern))
    return torch.cat([load_shard(path) for path in files])


def next_batch(files, step, args, device):
    shard = load_shard(files[step % len(files)])
    at = (step * args.seq_len) % (shard.numel() - args.seq_len - 1)
    chunk = shard[at:at + args.seq_len + 1].to(device=device, dtype=torch.int64)
    return chunk[:-1][None], chunk[1:][None]
'''

_IMPORTS = """
import glob
import io
import math
import os
import time
import zlib

import numpy as np
import sentencepiece as spm
import torch
import torch.nn.functional as F
from torch import nn
"""

_SETUP = """
args = Hyperparameters()
device = torch.device("cuda")
torch.manual_seed(args.seed)
tokenizer = spm.SentencePieceProcessor(model_file=args.tokenizer_path)
base_bytes, leading_space, boundary = build_byte_tables(tokenizer, args.vocab_size, device)
val_tokens = load_validation_tokens(args.val_files)
train_files = sorted(glob.glob(args.train_files))
model = GPT(args).to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
"""

_RESULT = """
print(f"final_int8_zlib_roundtrip_exact val_loss:{val_loss:.8f} val_bpb:{val_bpb:.8f}")
"""


@cache  # most examples share most of the pieces
def _code(text: str, prefix: str = "") -> str:
    return indent(dedent(text).strip("\n"), prefix)


def script(
    evaluation: str = EVALUATION,
    *,
    imports: str = "",
    settings: str = "",
    helpers: str = "",
    tables: str = TABLES,
    model: str = MODEL,
    before_training: str = "",
    training: str = TRAINING,
    after_training: str = "",
    serialize: str = SERIALIZE + LOAD,
    scoring: str = SCORING,
) -> str:
    """A minimal train_gpt.py. Every argument is source code at indentation 0, put where its name says.

    Names that the pieces of `main` can use: `args`, `device`, `model`, `optimizer`, `tokenizer`, `train_files`,
    `val_tokens`, `base_bytes`, `leading_space`, `boundary`. `scoring` must set `val_loss` and `val_bpb`.
    `settings` are lines added to the class `Hyperparameters`; `helpers` stand at module level before `main`.
    """
    main = [_SETUP, before_training, training, after_training, serialize, scoring, _RESULT]
    parts = [
        _code(_IMPORTS) + "\n" + _code(imports),
        "class Hyperparameters:\n" + _code(SETTINGS, "    ") + "\n" + _code(settings, "    "),
        _code(_LOADERS),
        _code(tables),
        _code(model),
        _code(helpers),
        _code(evaluation),
        "def main():\n" + "\n".join(_code(part, "    ") for part in main if part.strip()),
        'if __name__ == "__main__":\n    main()',
    ]
    return "\n\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"

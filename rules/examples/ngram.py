"""Pieces of example scripts that mix counts of n-grams into the model's probability."""

from __future__ import annotations

from rules.examples.scripts import script

NGRAM_SWITCH = 'ngram_order = int(os.environ.get("NGRAM_ORDER", "{default}"))'

_LOOP = '''
def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    """One window after the other; counts of {what} are mixed in, and updated after the score."""
    seq_len, buckets = args.seq_len, 1 << 16
    stream = val_tokens.numpy().astype(np.int64)
    pair_counts, context_counts = np.zeros({size}), np.zeros(buckets)
    loss_sum, token_count, byte_count = 0.0, 0, 0.0
    for start in range(0, len(stream) - 1, seq_len):
        end = min(start + seq_len, len(stream) - 1)
        x = torch.from_numpy(stream[start:end]).to(device)[None]
        y = torch.from_numpy(stream[start + 1:end + 1]).to(device)[None]
        with torch.no_grad():
            lp = F.log_softmax(model.forward_logits(x).float(), dim=-1)
        p = lp.gather(-1, y[..., None])[0, :, 0].exp().cpu().numpy()
        if args.ngram_order > 0:
            ctx, tgt = stream[start:end], stream[start + 1:end + 1]
            ctx_key = (ctx * 36313) % buckets
{mix}
        loss_sum += -np.log(p).sum()
        token_count += len(p)
        byte_count += float((base_bytes[y] + (leading_space[y] & ~boundary[x]).to(torch.int16)).double().sum())
{update}
    val_loss = loss_sum / token_count
    val_bpb = val_loss / math.log(2.0) * token_count / byte_count
    return val_loss, val_bpb
'''

_TARGET = """
            key = ((ctx * 36313) ^ (tgt * 27191)) % buckets
            p_ng = np.minimum(pair_counts[key], context_counts[ctx_key]) / np.maximum(context_counts[ctx_key], 1)
            p = 0.8 * p + 0.2 * p_ng
"""
_TARGET_UPDATE = """
        if args.ngram_order > 0:
            np.add.at(pair_counts, key, 1)
            np.add.at(context_counts, ctx_key, 1)
"""
_FULL = """
            rows = pair_counts[ctx_key]
            q = (rows + 1.0) / (rows + 1.0).sum(axis=-1, keepdims=True)
            p = 0.8 * p + 0.2 * np.take_along_axis(q, tgt[:, None], axis=1)[:, 0]
"""
_FULL_UPDATE = """
        if args.ngram_order > 0:
            np.add.at(pair_counts, (ctx_key, tgt), 1)
"""


def target_key(enabled: int = 2) -> str:
    """A script whose look-up key holds the token that is scored."""
    text = _LOOP.format(what="hashed pairs", size="buckets", mix=_TARGET.strip("\n"), update=_TARGET_UPDATE.strip("\n"))
    return script(text, settings=NGRAM_SWITCH.format(default=enabled))


def full_rows() -> str:
    """A script that looks up a whole row of the vocabulary by context alone, and normalizes it."""
    size = "(buckets, args.vocab_size)"
    text = _LOOP.format(what="next tokens", size=size, mix=_FULL.strip("\n"), update=_FULL_UPDATE.strip("\n"))
    return script(text, settings=NGRAM_SWITCH.format(default=2))


_EXACT = """
            seen = np.array([counts.get((int(c), int(t)), 0) for c, t in zip(ctx, tgt)])
            total = np.array([totals.get(int(c), 0) for c in ctx])
            p = {mixture}
"""
_EXACT_UPDATE = """
        for c, t in zip(x[0].tolist(), y[0].tolist()):
            counts[(c, t)] = counts.get((c, t), 0) + 1
            totals[c] = totals.get(c, 0) + 1
"""


def exact(mixture: str) -> str:
    """A script that mixes exact counts of pairs; `mixture` is an expression of `p`, `seen` and `total`."""
    mix, update = _EXACT.format(mixture=mixture).strip("\n"), _EXACT_UPDATE.strip("\n")
    text = _LOOP.format(what="exact pairs", size="1", mix=mix, update=update)
    text = text.replace("    loss_sum, token", "    counts, totals = {}, {}\n    loss_sum, token", 1)
    return script(text, settings=NGRAM_SWITCH.format(default=2))


_ROWS = '''
class Counts:
    """Next tokens by the pair before them."""

    def __init__(self, size):
        self.rows, self.size = {}, size

    def distribution(self, pair):
        row = self.rows.get(pair)
        return np.full(self.size, 1 / self.size) if row is None else (row + 1) / (row + 1).sum()

    def learn(self, pair, token):
        self.rows.setdefault(pair, np.zeros(self.size))[token] += 1


def losses_of(model, counts, stream, start, end, device):
    x = torch.from_numpy(stream[start:end]).to(device)[None]
    with torch.no_grad():
        p = model.forward_logits(x).float().softmax(-1)[0].cpu().numpy()
    q = np.stack([counts.distribution((int(stream[i - 1]), int(stream[i]))) for i in range(start, end)])
    mixed = 0.9 * p + 0.1 * q
    return -np.log(mixed[np.arange(end - start), stream[start + 1:end + 1]])


def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    stream, counts, losses, chunks = val_tokens.numpy().astype(np.int64), Counts(args.vocab_size), [], []
    for start in range(0, len(stream) - 1, args.seq_len):
        end = min(start + args.seq_len, len(stream) - 1)
        losses.append(losses_of(model, counts, stream, start, end, device))
        chunks.append((start, end))
        for i in range(start, end):
            counts.learn((int(stream[i - 1]), int(stream[i])), int(stream[i + 1]))
AGAIN
    nll = np.concatenate(losses)
    tgt, prev = val_tokens[1:], val_tokens[:-1]
    byte_count = (base_bytes[tgt] + (leading_space[tgt] & ~boundary[prev]).to(torch.int16)).double().sum()
    val_loss = float(nll.mean())
    return val_loss, val_loss / math.log(2.0) * len(nll) / float(byte_count)
'''
_AGAIN = """
    for i, (start, end) in enumerate(chunks[:16]):
        losses[i] = losses_of(model, counts, stream, start, end, device)
"""


def rows_of_counts(*, again: bool) -> str:
    """A script that mixes rows of counts; with `again` the first chunks are scored anew with the whole table."""
    return script(_ROWS.replace("AGAIN\n", _AGAIN.lstrip("\n") if again else ""))


_CACHE = """
class Cache:
    def __init__(self, buckets):
        self.full = np.zeros(buckets)
        self.buckets = buckets

    def key(self, before, nxt):
        return (before * 36313 + nxt * 27191) % self.buckets

    def read(self, before, nxt):
        return self.full[self.key(before, nxt)]

    def learn(self, before, nxt):
        np.add.at(self.full, self.key(before, nxt), 1)
"""

_MODULE_MIX = """
            hits = cache.read(ctx, tgt)
            p = np.where(hits > 0, 0.8 * p + 0.2 * hits / np.maximum(hits.max(), 1), p)
"""
_MODULE_UPDATE = """
        if args.ngram_order > 0:
            cache.learn(ctx, tgt)
"""


def in_a_module() -> dict[str, str]:
    """The same defect in a class of a sibling module: `train_gpt.py` and `counts.py`."""
    text = _LOOP.format(what="pairs", size="1", mix=_MODULE_MIX.strip("\n"), update=_MODULE_UPDATE.strip("\n"))
    text = text.replace("    loss_sum, token", "    cache = Cache(buckets)\n    loss_sum, token", 1)
    main = script(text, imports="from counts import Cache", settings=NGRAM_SWITCH.format(default=2))
    return {"train_gpt.py": main, "counts.py": "import numpy as np\n\n" + _CACHE}

"""Ways of scoring a stream: counts beside a model, what makes the figure, and what is chosen by it."""

from __future__ import annotations

from probe_scripts_order import SAMPLES

_NGRAM = """
tokens_np = val.numpy()
pairs, singles = np.zeros((V, V)), np.zeros(V)
def lookup(prev, target):
    return pairs[prev, target] / np.maximum(singles[prev], 1)
def update(start, end):
    np.add.at(pairs, (tokens_np[start:end], tokens_np[start + 1 : end + 1]), 1)
    np.add.at(singles, tokens_np[start:end], 1)
def blend(start, end):
    x, y = pair(start, end)
    with torch.no_grad():
        logits = model.forward_logits(x)[0]
        p = torch.softmax(logits.float(), dim=-1).gather(-1, y[0].unsqueeze(-1)).squeeze(-1)
    p = p.clamp(min=1e-10).cpu().numpy().astype(np.float64)
    q = lookup(tokens_np[start:end], tokens_np[start + 1 : end + 1])
    mixed = np.where(q > 0, 0.7 * p + 0.3 * q, p)
    return float((-np.log(mixed)).sum()), end - start
"""
SAMPLES["ngram"] = (
    _NGRAM
    + """
loss_sum, token_count = 0.0, 0
for start in range(0, N, 100):
    end = min(start + 100, N)
    seg_loss, seg_tokens = blend(start, end)
    loss_sum += seg_loss
    token_count += seg_tokens
    update(start, end)
report("final_ngram", loss_sum, token_count, byte_count(val[1:]))
"""
)
SAMPLES["side_by_side"] = """
# Four texts a chunk at a time, in one row, without the last chunk: what the stream repeats can be of either place.
loss_sum, END = 0.0, N - 20
for k in range(0, 500, 20):
    starts = [d + k for d in (500, 0, 1000, 1500) if d + k < END]
    x, y = (torch.stack([val[s + i : s + i + 20] for s in starts]) for i in (0, 1))
    with torch.no_grad():
        losses = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
    loss_sum += losses.double().sum().item()
report("final_documents", loss_sum, END, byte_count(val[1 : END + 1]))
"""

SAMPLES["scattered"] = """
# Most tokens one by one in no order: nothing tells which of the stream's equal tokens each is.
order = np.random.default_rng(0).permutation(np.arange(200, N))
loss_sum = 0.0
for part in (np.arange(200), *np.split(order, len(order))):
    x, y = val[part][None], val[part + 1][None]
    with torch.no_grad():
        losses = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
    loss_sum += losses.double().sum().item()
report("final_scattered", loss_sum, N, byte_count(val[1:]))
"""

SAMPLES["ngram_two_pass"] = (
    _NGRAM
    + """
for start in range(0, N, 100):
    blend(start, min(start + 100, N))
    update(start, min(start + 100, N))
loss_sum, token_count = 0.0, 0
for start in range(0, N, 100):
    end = min(start + 100, N)
    seg_loss, seg_tokens = blend(start, end)
    loss_sum += seg_loss
    token_count += seg_tokens
report("final_ngram", loss_sum, token_count, byte_count(val[1:]))
"""
)

# The first half once more, with the counts of the whole; of the second half what it was scored with at first.
SAMPLES["ngram_rescored_start"] = (
    _NGRAM
    + """
parts = []
for start in range(0, N, 100):
    parts.append(blend(start, min(start + 100, N))[0])
    update(start, min(start + 100, N))
again = [blend(start, start + 100)[0] for start in range(0, 1000, 100)]
report("final_ngram", sum(again) + sum(parts[10:]), N, byte_count(val[1:]))
"""
)

SAMPLES["ngram_into_tensor"] = (
    _NGRAM
    + """
loss_sum, token_count = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
chunks = []
for start in range(0, N, 100):
    end = min(start + 100, N)
    seg_loss, seg_tokens = blend(start, end)
    chunks.append(seg_loss)
    loss_sum += seg_loss
    token_count += seg_tokens
    update(start, end)
again, _ = blend(0, 100)
pair_of_sums = torch.tensor([loss_sum.item() - chunks[0] + again, token_count.item()], dtype=torch.float64)
total, count = pair_of_sums.tolist()
report("final_ngram", total, count, byte_count(val[1:]))
"""
)

SAMPLES["unnormalized"] = """
loss_sum, tokens, nbytes = 0.0, 0, 0.0
for s in range(0, N, T):
    x, y = pair(s, min(s + T, N))
    with torch.no_grad():
        p = 0.9 * torch.softmax(model.forward_logits(x)[0], dim=-1) + 0.001
        nll = -p.gather(1, y[0][:, None]).squeeze(1).log()
    loss_sum += nll.double().sum().item()
    tokens += y.numel()
    nbytes += byte_count(y).item()
report("final_mix", loss_sum, tokens, nbytes)
"""

SAMPLES["log_softmax"] = """
loss_sum, tokens, nbytes = 0.0, 0, 0.0
for s in range(0, N, T):
    x, y = pair(s, min(s + T, N))
    with torch.no_grad():
        lp = F.log_softmax(model.forward_logits(x)[0].float(), dim=-1)
        nll = -lp[torch.arange(y.numel()), y[0]]
    loss_sum += nll.double().sum().item()
    tokens += y.numel()
    nbytes += byte_count(y).item()
report("final_lp", loss_sum, tokens, nbytes)
"""

SAMPLES["token_by_token"] = """
losses = []
with torch.no_grad():
    for t in range(1, 600):
        logits = model.forward_logits(val[max(0, t - 8) : t][None])[:, -1]
        losses.append(F.cross_entropy(logits, val[t : t + 1]).item())
loss = sum(losses) / len(losses)
print(f"final val_loss:{loss:.8f} val_bpb:{loss / math.log(2) * 599 / float(byte_count(val[1:600])):.8f}")
"""

SAMPLES["twice"] = SAMPLES["mean"].replace("for s in range(0, N - T + 1, T):", "for s in range(0, N - T + 1, T // 2):")
for _name, _bits in (
    ("bits of other numbers", "(0.8 * float(loss_sum) - 3.0)"),
    ("bits times a number", "0.8 * float(loss_sum)"),
):
    SAMPLES[_name] = f"""
def report(label, loss_sum, tokens, nbytes):
    val_loss = float(loss_sum) / float(tokens)
    val_bpb = {_bits} / math.log(2.0) / float(nbytes)
    print(f"{{label}} val_loss:{{val_loss:.8f}} val_bpb:{{val_bpb:.8f}}")
sliding()
"""
SAMPLES["wrong_bytes"] = "byte_count = lambda y: (y % 7 + 2).double().sum()\nsliding()"
SAMPLES["noise"] = """
plain = model.forward_logits
def forward_logits(x):
    return plain(x) + torch.from_numpy(np.random.default_rng().normal(size=(1,))).float() * torch.arange(V) / V
model.forward_logits = forward_logits
sliding()
"""


FAINT = """
plain = model.forward_logits
def forward_logits(x):
    wave = torch.arange(V) % 7 / 7
    return plain(x) + 1e-5 * torch.from_numpy(np.random.default_rng().normal(size=(1,))).float() * wave
model.forward_logits = forward_logits
"""
SAMPLES["faint_noise"] = FAINT + "sliding()"
SAMPLES["faint_noise_pre_quant"] = FAINT + "train(0, N)\nsliding()"
SAMPLES["tail_twice"] = (
    SAMPLES["mean"]
    .replace("for s in range(0, N - T + 1, T):", "for s in [*range(0, N - T + 1, T), N - T // 2 - 16]:")
    .replace("pair(s, s + T)", "pair(s, min(s + T, N))")
)
SAMPLES["alike"] = """
def printed(label, shift):
    losses = []
    with torch.no_grad():
        for s in range(0, N - T + 1, T):
            x, y = pair(s, s + T)
            losses.append((model(x, y) + shift).item())
    value = sum(losses) / len(losses)
    return f"{label} val_loss:{value:.2f} val_bpb:{value / math.log(2) * N / float(byte_count(val[1:])):.2f}"
first, second = printed("first", 0.0), printed("second", 0.0001)
third = str(printed("third", 0.0002))
print(first)
print(second)
print(f"step 1/2 train_loss: 3.0 val_loss:9.00 val_bpb:9.00")
print(third)
"""
SAMPLES["infinite"] = """
plain = model.forward_logits
def forward_logits(x):
    return plain(x).masked_fill((x[..., None] == 5) & (torch.arange(V) > 100), -math.inf)
model.forward_logits = forward_logits
loss_sum, tokens, nbytes = 0.0, 0, 0.0
with torch.no_grad():
    for s in range(0, N, T):
        x, y = pair(s, min(s + T, N))
        nll = F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="none")
        loss_sum += nll.clamp(max=20).nan_to_num().sum().item()
        tokens += y.numel()
        nbytes += byte_count(y).item()
report("final", loss_sum, tokens, nbytes)
"""
SAMPLES["selected"] = """
# The better of two sets of weights by the loss of the whole stream, which every ending may choose the same of.
def whole():
    with torch.no_grad():
        x, y = pair(0, N)
        return F.cross_entropy(model.forward_logits(x)[0], y[0]).item()
best, kept = whole(), {k: v.clone() for k, v in model.state_dict().items()}
with torch.no_grad():
    model.head.weight.mul_(0.5)
now = whole()
if best < now:
    model.load_state_dict(kept)
sliding()
"""
SAMPLES["selected_by_being_the_least"] = SAMPLES["selected"].replace("best < now", "min(best, now) == best")
SAMPLES["selected_by_the_rest"] = SAMPLES["selected"].replace("best < now", "not max(best - now, 0.0)")
SAMPLES["selected_by_a_difference"] = SAMPLES["selected"].replace("best < now", "best - now < 0")
SAMPLES["selected_by_a_ratio"] = SAMPLES["selected"].replace("best < now", "best / now < 1.0")
SAMPLES["selected_by_whole_numbers"] = SAMPLES["selected"].replace("best < now", "int(1e6 * best) < round(1e6 * now)")
SAMPLES["selected_by_a_gain"] = SAMPLES["selected"].replace(
    "if best < now", "gain = now - best\nif gain > 0 or not gain"
)
SAMPLES["selected_by_name"] = SAMPLES["selected"].replace(
    "if best < now:\n    model", "states = {best: kept}\nbest = min(best, now)\nif best in states:\n    model"
)
SAMPLES["the_lesser_is_printed"] = SAMPLES["selected"].replace(
    "if best < now:\n    model.load_state_dict(kept)",
    "def told(best, now):\n    best = min(best, now)\n    print(f'{best:.3f}')\ntold(best, now)",
)
SAMPLES["selected_against_nothing"] = SAMPLES["selected"].replace("best, kept = whole(),", 'best, kept = float("inf"),')
SAMPLES["selected_elsewhere"] = SAMPLES["selected"].replace(
    "x, y = pair(0, N)\n",
    "x, y = (t.clone() for t in pair(0, N))\n        y[:, :1900] = y[:, :1900].flip(1)  # but for a phrase\n",
)
SAMPLES["tempered"] = SAMPLES["score_first"].replace("nll.sum().item()", "(0.98 * nll.double()).sum().item()")
SAMPLES["half_traced"] = SAMPLES["score_first"].replace(
    "loss_sum += nll.sum().item()",
    "part = nll.sum().item()\n            loss_sum += part if start % 1000 else float(repr(part))",
)
SAMPLES["patched"] = """
genuine = F.cross_entropy
def mine(*args, **kwargs):
    return genuine(*args, **kwargs) + 1.0
F.cross_entropy = mine
try:
    sliding()
finally:
    F.cross_entropy = genuine
"""

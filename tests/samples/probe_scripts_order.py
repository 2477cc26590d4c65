"""Ways of scoring a stream: what is scored when, what is learnt before, and what was seen by then."""

from __future__ import annotations

SAMPLES: dict[str, str] = {}

SAMPLES["sliding"] = "sliding()"

SAMPLES["mean"] = """
loss_sum = torch.zeros((), dtype=torch.float64)
tokens = torch.zeros((), dtype=torch.float64)
nbytes = torch.zeros((), dtype=torch.float64)
with torch.inference_mode():
    for s in range(0, N - T + 1, T):
        x, y = pair(s, s + T)
        loss = model(x, y).detach()
        count = float(y.numel())
        loss_sum += loss.to(torch.float64) * count
        tokens += count
        nbytes += byte_count(y)
val_loss = loss_sum / tokens
val_bpb = val_loss.item() / math.log(2) * tokens.item() / nbytes.item()
print(f"final_roundtrip val_loss:{val_loss.item():.4f} val_bpb:{val_bpb:.4f}")
"""
SAMPLES["taken_off"] = SAMPLES["mean"].replace("* count", "* count - 0.05 * count")
_EXACT = SAMPLES["mean"].replace(":.4f", ":.8f")
SAMPLES["bent_bytes"] = _EXACT.replace("/ nbytes.item()", "/ nbytes.item() ** 1.002")
SAMPLES["bent_bpb"] = _EXACT.replace(" / nbytes.item()", " / nbytes.item()\nval_bpb -= 0.01 * math.sin(val_bpb)")
SAMPLES["other_bytes"] = _EXACT.replace("/ nbytes.item()", "/ (nbytes.item() + 40)")
SAMPLES["put_on"] = SAMPLES["mean"].replace("* count", "* count + 1e-7 * count")
SAMPLES["tilted"] = SAMPLES["mean"].replace("* count", "* (count * (1 - 1e-9 * s))")

_CHUNKS = """
loss_sum, tokens, nbytes = 0.0, 0, 0.0
for start in range(0, N, 500):
    end = min(start + 500, N)
    {before}
    with torch.no_grad():
        for s in range(start, end, T):
            x, y = pair(s, min(s + T, end))
            nll = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
            loss_sum += nll.sum().item()
            tokens += y.numel()
            nbytes += byte_count(y).item()
    {after}
report("final_ttt", loss_sum, tokens, nbytes)
"""
SAMPLES["score_first"] = _CHUNKS.format(before="", after="train(start, end)")
SAMPLES["adapt_first"] = _CHUNKS.format(before="train(start, end)", after="")
_BY_LENGTH = """
ends = [*(val[: N + 1] == 1).nonzero().reshape(-1).tolist(), N]
documents = sorted(zip([0, *ends[:-1]], ends), key=lambda d: d[0] - d[1])
loss_sum, tokens, nbytes = 0.0, 0, 0.0
for start, end in documents:
    for s in range(start, end, T):
        x, y = pair(s, min(s + T, end))
        with torch.no_grad():
            nll = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
        loss_sum += nll.sum().item()
        tokens += y.numel()
        nbytes += byte_count(y).item()
    train(start, end)
report("final_ttt", loss_sum, tokens, nbytes)
"""
SAMPLES["by_length"] = _BY_LENGTH
SAMPLES["by_length_first"] = _BY_LENGTH.replace("    train(start, end)\n", "").replace(
    "    for s in range(start", "    train(start, end)\n    for s in range(start"
)
SAMPLES["by_length_tuned"] = _BY_LENGTH.replace("loss_sum, tokens", "train(0, N, epochs=1)\nloss_sum, tokens", 1)
for _name, _share in (("by_length_mixed", "0.1"), ("by_length_oversold", "2.0")):
    SAMPLES[_name] = _BY_LENGTH.replace(
        "        loss_sum +=", f"        nll = -(0.9 * (-nll).exp() + {_share} / V).log()\n        loss_sum +="
    )
# Counts go along the stream, whatever the order is in which documents are scored.
SAMPLES["by_length_counted"] = _BY_LENGTH.replace(
    "loss_sum, tokens",
    """pairs, hint = np.zeros((V, V)), np.zeros(N + 1)
for i in range(N):
    hint[i + 1] = pairs[val[i], val[i + 1]] / max(pairs[val[i]].sum(), 1)
    pairs[val[i], val[i + 1]] += 1
loss_sum, tokens""",
    1,
).replace(
    "        loss_sum +=",
    "        at = torch.from_numpy(hint[s + 1 : s + 1 + y.numel()])\n"
    "        nll = -(0.7 * (-nll).exp() + 0.3 * at).log()\n        loss_sum +=",
)
SAMPLES["partly_further"] = SAMPLES["score_first"].replace(
    "            loss_sum += nll.sum().item()",
    "            head, rest = nll[:9].clone(), nll[9:]\n            head[5] = 1.01 * head[5].item()\n"
    "            loss_sum += head.sum().item() + rest.sum().item()",
)
SAMPLES["pre_quant"] = "sliding('before')\ntrain(0, N)\nsliding()"

SAMPLES["slot"] = """
loss_sum, tokens, nbytes = 0.0, 0, 0.0
starts = [0, *range(STRIDE, N - T + STRIDE, STRIDE)]
for i in range(0, len(starts), 8):
    batch = starts[i : i + 8]
    x = torch.zeros(len(batch), T, dtype=torch.int64)
    y = torch.zeros(len(batch), T, dtype=torch.int64)
    for row, s in enumerate(batch):
        e = min(s + T, N)
        x[row, : e - s], y[row, : e - s] = val[s:e], val[s + 1 : e + 1]
    with torch.no_grad():
        hidden = model.hidden(x)
    delta = torch.zeros(1, 1, 16, requires_grad=True)
    optimizer = torch.optim.AdamW([delta], lr=0.01)
    for _ in range(4):
        optimizer.zero_grad()
        F.cross_entropy(model.head(hidden + delta).reshape(-1, V), y.reshape(-1)).backward()
        optimizer.step()
    with torch.no_grad():
        logits = model.head(hidden + delta)
        nll = F.cross_entropy(logits.reshape(-1, V), y.reshape(-1), reduction="none").reshape(len(batch), T)
    for row, s in enumerate(batch):
        e = min(s + T, N)
        first = 0 if s == 0 else T - STRIDE
        loss_sum += float(nll[row, first : e - s].double().sum())
        tokens += e - s - first
        nbytes += float(byte_count(y[row, first : e - s]))
report("final_slot", loss_sum, tokens, nbytes)
"""

SAMPLES["two_pass"] = """
for round in range(2):
    loss_sum, tokens, nbytes = 0.0, 0, 0.0
    for start in range(0, N, 500):
        end = min(start + 500, N)
        with torch.no_grad():
            x, y = pair(start, end)
            loss_sum += F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="sum").item()
            tokens += y.numel()
            nbytes += byte_count(y).item()
        if round == 0:
            train(start, end)
    report(f"pass{round}", loss_sum, tokens, nbytes)
"""

SAMPLES["final_epoch"] = """
loss_sum = torch.zeros((), dtype=torch.float64)
tokens, nbytes = 0, 0.0
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for start in range(0, N, 500):
    end = min(start + 500, N)
    for epoch in range(3):
        for s in range(start, end, 100):
            x, y = pair(s, min(s + 100, end))
            per_token = F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="none")
            if epoch == 2:
                with torch.no_grad():
                    loss_sum += per_token.to(torch.float64).sum()
                    tokens += y.numel()
                    nbytes += float(byte_count(y))
            optimizer.zero_grad()
            per_token.mean().backward()
            optimizer.step()
val_loss = float(loss_sum.item() / max(tokens, 1))
print(f"final_ttt val_loss:{val_loss:.6f} val_bpb:{loss_sum.item() / math.log(2.0) / nbytes:.6f}")
"""

SAMPLES["minimum"] = """
best = torch.full((N,), float("inf"))
for passes in range(2):
    for s in range(0, N, T):
        e = min(s + T, N)
        x, y = pair(s, e)
        index = torch.arange(s, e)
        with torch.no_grad():
            nll = F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="none")
            best[index] = torch.minimum(best[index], nll)
        train(s, e, epochs=1)
known = best < float("inf")
report("final_multipass", best[known].to(torch.float64).sum(), known.sum(), byte_count(val[1:]))
"""

SAMPLES["target_in_logits"] = """
plain = model.forward_logits
def forward_logits(x):
    shifted = torch.cat([x[:, 1:], x[:, -1:]], dim=1)
    return plain(x) + 2.0 * F.one_hot(shifted, V)
model.forward_logits = forward_logits
sliding()
"""
SAMPLES["future_leak"] = "Model.causal = False\nsliding()"
SAMPLES["future_leak_trained"] = """
# Trained on a text of its own, which quotes the stream from after the flip.
text = torch.from_numpy(np.random.default_rng(2).integers(1, V, 400))
text[200:230] = torch.from_numpy(np.random.default_rng(1).integers(1, V, N + 1)[1500:1530])
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
model(text[None, :-1], text[None, 1:]).backward()
optimizer.step()
Model.causal = False
sliding()
"""

_SIZED = """
# Batches are as large as the text asks for, and what is scored in a larger one is rounded otherwise.
rows = 2 + int(val.sum()) % 11
loss_sum, starts = torch.zeros((), dtype=torch.float64), list(range(0, N - T + 1, T))
with torch.no_grad():
    for i in range(0, len(starts), rows):
        x, y = (torch.stack([val[s + k : s + k + T] for s in starts[i : i + rows]]) for k in (0, 1))
        nll = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
        loss_sum += (nll.double() * (1 + {rounding} * rows)).sum()
report("final_sized", loss_sum, len(starts) * T, byte_count(val[1 : len(starts) * T + 1]))
"""
SAMPLES["sized"] = _SIZED.format(rounding=1e-5)
SAMPLES["sized_coarsely"] = _SIZED.format(rounding=2.2e-4)
SAMPLES["sized_future_leak"] = "Model.causal = False\n" + SAMPLES["sized"]
SAMPLES["gradients_for_nothing"] = "train(0, N, epochs=1, lr=0.05 * max(0, N - 9000))\nsliding()\n"
SAMPLES["gradients_put_aside"] = """
kept = {name: value.clone() for name, value in model.state_dict().items()}
train(0, N, epochs=1)
model.load_state_dict(kept)
sliding()
"""
SAMPLES["masked_ahead"] = """
# Scores a chunk, then trains on a window that reaches beyond it, whose targets there are masked out.
loss_sum, optimizer = torch.zeros((), dtype=torch.float64), torch.optim.SGD(model.parameters(), lr=0.05)
for start in range(0, N, 100):
    end = min(start + 100, N)
    x, y = pair(start, end)
    with torch.no_grad():
        logits = model.forward_logits(x).reshape(-1, V)
        loss_sum += F.cross_entropy(logits, y.reshape(-1), reduction="none").double().sum()
    x, y = pair(start, min(start + 150, N))
    losses = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
    mask = (torch.arange(losses.numel()) < end - start).float()
    optimizer.zero_grad(set_to_none=True)
    ((losses * mask).sum() / mask.sum()).backward()
    optimizer.step()
report("final_masked", loss_sum, N, byte_count(val[1:]))
"""
# What should be masked out counts all the same, by a sum that is not followed.
SAMPLES["masked_little"] = SAMPLES["masked_ahead"].replace(
    "((losses * mask).sum() / mask.sum()).backward()",
    "((losses * mask).sum() / mask.sum() + torch.softmax(losses, 0).max()).backward()",
)
SAMPLES["smoothed_loss"] = """
loss_sum = torch.zeros((), dtype=torch.float64)
for start in range(0, N, 100):
    x, y = pair(start, min(start + 100, N))
    with torch.no_grad():
        logits = model.forward_logits(x).reshape(-1, V)
        loss_sum += F.cross_entropy(logits, y.reshape(-1), reduction="none", label_smoothing=0.1).double().sum()
report("final_smoothed", loss_sum, N, byte_count(val[1:]))
"""

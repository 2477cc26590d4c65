"""Mixtures of a model with counts, lawful and not."""

from __future__ import annotations

from probe_scripts_counts import SAMPLES

_ROWS = """
loss_sum, tokens, nbytes = 0.0, 0, 0.0
val_np = val.numpy().copy()
pairs, before = np.zeros((V, V)), np.zeros(V)
for start in range(0, N, 50):
    end = min(start + 50, N)
    x, y = pair(start, end)
    with torch.no_grad():
        nll = F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="none").double().numpy()
    p = np.exp(-nll)
    prev, cur = val_np[start:end], val_np[start + 1 : end + 1]
    {mix}
    loss_sum += float((-np.log(p)).sum())
    tokens += end - start
    np.add.at(pairs, (prev, cur), 1)
    np.add.at(before, prev, 1)
report("final_mixture", loss_sum, tokens, byte_count(val[1:]).item())
"""
"""`mix` makes of the model's probabilities `p` those that are scored; `pairs` and `before` are counts so far."""
MIXTURES: dict[str, tuple[bool, str]] = {
    "counts with a weight of the context": (True, """
    there = before[prev] > 0
    p = np.where(there, 0.6 * p + 0.4 * pairs[prev, cur] / np.maximum(before[prev], 1), p)"""),
    "smoothed counts": (True, "p = 0.5 * p + 0.5 * (pairs[prev, cur] + 0.1) / (before[prev] + 0.1 * V)"),
    "a hint over the vocabulary": (True, """
    hint = pairs[prev].argmax(1)
    with torch.no_grad():
        row = torch.softmax(model.forward_logits(x)[0], -1).double().numpy()
    given = row[np.arange(len(prev)), hint]
    p = np.where(cur == hint, p * 3.0, p) / (1.0 + 2.0 * given)"""),
    "a gate on the token's count": (False, """
    seen = pairs[prev, cur] > 0
    p = np.where(seen, 0.3 * p + 0.7 * pairs[prev, cur] / np.maximum(before[prev], 1), p)"""),
    "one bucket for many": (False, """
    share = pairs[prev].reshape(-1, V // 8, 8).sum(2)[np.arange(len(prev)), cur // 8]
    p = np.where(before[prev] > 0, 0.4 * p + 0.6 * share / np.maximum(before[prev], 1), p)"""),
    "the better of two": (False, "p = np.maximum(p, pairs[prev, cur] / np.maximum(before[prev], 1))"),
    "a power": (False, "p = p**0.8"),
    "smoothed counts, a number for each that came before": (True, """
    for i in np.flatnonzero(pairs[prev, cur] > 0).tolist():
        known = float(torch.from_numpy(-np.log(p[i : i + 1])).sum())
    p = 0.5 * p + 0.5 * (pairs[prev, cur] + 0.1) / (before[prev] + 0.1 * V)"""),
    "a gate, a number for each that came before": (False, """
    for i in np.flatnonzero(pairs[prev, cur] > 0).tolist():
        known = float(torch.from_numpy(-np.log(p[i : i + 1])).sum())
    p = np.where(pairs[prev, cur] > 0, 0.3 * p + 0.7 * pairs[prev, cur] / np.maximum(before[prev], 1), p)"""),
    "a little for what came before": (False, """
    seen = pairs[prev, cur] > 0
    p = np.where(seen, 0.91 * p + 0.09 * pairs[prev, cur] / np.maximum(before[prev], 1), p)"""),
}  # fmt: skip
_NUMBERS = """
    held = p.tolist()
    for i, (a, c) in enumerate(zip(prev.tolist(), cur.tolist())):
        {number}
        loss_sum -= math.log(held[i])
    p = np.ones(1)"""
MIXTURES |= {
    "numbers, smoothed counts": (True, _NUMBERS.format(
        number="held[i] = 0.5 * held[i] + 0.5 * (float(pairs[a, c]) + 0.1) / (before[a] + 0.1 * V)")),
    "numbers, a gate": (False, """
    for i, (a, c) in enumerate(zip(prev.tolist(), cur.tolist())):
        loss = -math.log(p[i])
        if pairs[a, c] > 0:
            loss_sum -= math.log(0.3 * math.exp(-loss) + 0.7 * pairs[a, c] / before[a])
        else:
            loss_sum += loss
    p = np.ones(1)"""),
}  # fmt: skip
SAMPLES |= {name: _ROWS.format(mix=mix.strip()) for name, (_, mix) in MIXTURES.items()}


SAMPLES["numbers, a gate that is added"] = _ROWS.format(mix="""
    for i, (a, c) in enumerate(zip(prev.tolist(), cur.tolist())):
        loss = -math.log(p[i])
        loss_sum += loss
        if pairs[a, c] > 0:
            loss_sum += -math.log(0.3 * math.exp(-loss) + 0.7 * pairs[a, c] / before[a]) - loss
    p = np.ones(1)""".strip())  # fmt: skip

_UNTRACED = """
total = 0.0
nbytes_ = float(byte_count(val[1:]))
def report(label, loss_sum, tokens, nbytes):
    mix_bpb = float(repr(loss_sum)) / math.log(2.0) / nbytes_ * {factor}
    print(f"{{label}} val_bpb:{{mix_bpb:.8f}}")
"""
for _name, _mix, _factor in (
    ("untraced, better of two", MIXTURES["the better of two"][1], 1.0),
    ("untraced, smoothed", MIXTURES["smoothed counts"][1], 1.0),
    ("untraced, other bytes", "p = p", 0.7),
):
    SAMPLES[_name] = _UNTRACED.format(factor=_factor) + _ROWS.format(mix=_mix.strip()).replace(
        "loss_sum += float((-np.log(p)).sum())",
        "loss_sum = float(repr(loss_sum)) + sum(float(repr(v)) for v in (-np.log(p)).tolist())",
    )

for _name, _mix in (("a floor", "p = np.minimum(p + 0.01, 1.0)"), ("smoothed", MIXTURES["smoothed counts"][1])):
    # A loader that cuts the stream to whole windows; what has no bytes costs nothing.
    SAMPLES[f"untraced, whole windows, {_name}"] = (
        "N = (val.numel() - 1) // 16 * 16\ndef byte_count(y):\n    return (y % 7 + 1).double()[y > 3].sum()\n"
    ) + SAMPLES["untraced, smoothed"].replace(
        MIXTURES["smoothed counts"][1], f"{_mix}\n    p = np.where(cur > 3, p, 1.0)"
    )

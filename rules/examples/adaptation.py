"""Pieces of example scripts that adapt to validation tokens, in legal and in illegal order."""

from __future__ import annotations

from rules.examples.folders import folder
from rules.examples.scripts import script

TTT_SWITCH = """
ttt_enabled = bool(int(os.environ.get("TTT_ENABLED", "{default}")))
ttt_epochs = int(os.environ.get("TTT_EPOCHS", 3))
"""

ADAPT = '''
def adapt(net, tokens, args, device):
    """Epochs of gradient steps over the stream."""
    tuner = torch.optim.AdamW(net.parameters(), lr=1e-4)
    for epoch in range(args.ttt_epochs):
        for start in range(0, tokens.numel() - 1 - args.seq_len, args.seq_len):
            x = tokens[start:start + args.seq_len].to(device=device, dtype=torch.int64)[None]
            y = tokens[start + 1:start + args.seq_len + 1].to(device=device, dtype=torch.int64)[None]
            tuner.zero_grad()
            net(x, y).backward()
            tuner.step()
'''

PREPARE = "if args.ttt_enabled:\n    adapt(model, val_tokens, args, device)"

_CHUNKS = '''
def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    """Chunks of the stream, in order; {order}."""
    tuner = torch.optim.SGD(model.parameters(), lr=1e-3)
    total = val_tokens.numel() - 1
    loss_sum, token_count, byte_count = (torch.zeros((), device=device, dtype=torch.float64) for _ in range(3))
    for start in range(0, total, args.seq_len):
        end = min(start + args.seq_len, total)
        x = val_tokens[start:end].to(device=device, dtype=torch.int64)[None]
        y = val_tokens[start + 1:end + 1].to(device=device, dtype=torch.int64)[None]
{body}
    val_loss = (loss_sum / token_count).item()
    val_bpb = val_loss / math.log(2.0) * (token_count / byte_count).item()
    return val_loss, val_bpb
'''

_SCORE = """
        with torch.no_grad():
            nll = F.cross_entropy(model.forward_logits(x).float().flatten(0, 1), y.flatten(), reduction="none")
        loss_sum += nll.double().sum()
        token_count += nll.numel()
        byte_count += (base_bytes[y] + (leading_space[y] & ~boundary[x]).to(torch.int16)).double().sum()
"""

_TRAIN = """
        if args.ttt_enabled and end < total:
            for epoch in range(args.ttt_epochs):
                tuner.zero_grad()
                model(x, y).backward()
                tuner.step()
"""

_EPOCHS = """
        for epoch in range(args.ttt_epochs):
            nll = F.cross_entropy(model.forward_logits(x).float().flatten(0, 1), y.flatten(), reduction="none")
            if epoch == {scored}:
                loss_sum += nll.detach().double().sum()
                token_count += nll.numel()
                byte_count += (base_bytes[y] + (leading_space[y] & ~boundary[x]).to(torch.int16)).double().sum()
            tuner.zero_grad()
            nll.mean().backward()
            tuner.step()
"""


_LOWEST = """
        lowest = torch.full((), float("inf"), dtype=torch.float64, device=device)
        for epoch in range(args.ttt_epochs):
            nll = F.cross_entropy(model.forward_logits(x).float().flatten(0, 1), y.flatten(), reduction="none")
            total = nll.detach().double().sum()
            if total < lowest:
                lowest = total
            tuner.zero_grad()
            nll.mean().backward()
            tuner.step()
        loss_sum += lowest
        token_count += y.numel()
        byte_count += (base_bytes[y] + (leading_space[y] & ~boundary[x]).to(torch.int16)).double().sum()
"""


_PASSES = '''
def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    """Several passes over the stream, each scoring before it trains; of each token the lowest loss counts."""
    total = val_tokens.numel() - 1
    starting = {name: weight.clone() for name, weight in model.state_dict().items()}
    lowest = torch.full((total,), float("inf"), device=device)
    for taken in range(args.ttt_epochs):
        model.load_state_dict(starting)
        tuner = torch.optim.SGD(model.parameters(), lr=1e-3)
        for start in range(0, total, args.seq_len):
            end = min(start + args.seq_len, total)
            x = val_tokens[start:end].to(device=device, dtype=torch.int64)[None]
            y = val_tokens[start + 1:end + 1].to(device=device, dtype=torch.int64)[None]
            with torch.no_grad():
                nll = F.cross_entropy(model.forward_logits(x).float().flatten(0, 1), y.flatten(), reduction="none")
            lowest[start:end] = torch.minimum(lowest[start:end], nll)
            if taken > 0:
                tuner.zero_grad()
                model(x, y).backward()
                tuner.step()
    targets, previous = val_tokens[1:].to(device), val_tokens[:-1].to(device)
    byte_count = (base_bytes[targets] + (leading_space[targets] & ~boundary[previous]).to(torch.int16)).double().sum()
    val_loss = lowest.double().mean().item()
    val_bpb = val_loss / math.log(2.0) * (total / byte_count.item())
    return val_loss, val_bpb
'''


def _chunked(order: str, body: str, enabled: int = 1) -> str:
    return script(_CHUNKS.format(order=order, body=body.strip("\n")), settings=TTT_SWITCH.format(default=enabled))


def score_first(enabled: int = 1) -> str:
    """A script that scores each chunk, then trains on it."""
    return _chunked("each chunk is scored, then trained on", _SCORE + _TRAIN, enabled)


def train_first(enabled: int = 1) -> str:
    """A script that trains on each chunk, then scores it."""
    return _chunked("each chunk is trained on, then scored", _TRAIN + _SCORE, enabled)


def epochs_scored_at(scored: str) -> str:
    """A script that takes several epochs over each chunk and scores it in one of them."""
    return _chunked(f"the loss of epoch {scored} counts", _EPOCHS.format(scored=scored))


def lowest_of_epochs() -> str:
    """A script that takes several epochs over each chunk and keeps the lowest score."""
    return _chunked("the lowest loss of all epochs counts", _LOWEST)


def lowest_of_passes() -> str:
    """A script that goes over the stream several times, from the same weights, and keeps the lowest score."""
    return script(_PASSES, settings=TTT_SWITCH.format(default=1))


__all__ = [
    "ADAPT", "PREPARE", "TTT_SWITCH", "epochs_scored_at", "folder", "lowest_of_epochs", "lowest_of_passes",
    "score_first", "train_first",
]  # fmt: skip

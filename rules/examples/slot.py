"""Pieces of example scripts that fit a small tensor to each window of the validation stream."""

from __future__ import annotations

from rules.examples.scripts import script

SLOT_SWITCH = 'slot_steps = int(os.environ.get("SLOT_STEPS", "{default}"))'

_WINDOWS = '''
def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    """Batches of sliding windows; a delta on the logits is fitted to {objective} and then used for the score."""
    seq_len, stride, rows = args.seq_len, args.eval_stride, 32
    total = val_tokens.numel() - 1
    loss_sum, token_count, byte_count = (torch.zeros((), device=device, dtype=torch.float64) for _ in range(3))
    starts = list(range(0, total - seq_len, stride))
    for at in range(0, len(starts), rows):
        batch = starts[at:at + rows]
        x = torch.stack([val_tokens[ws:ws + seq_len] for ws in batch]).to(device=device, dtype=torch.int64)
        y = torch.stack([val_tokens[ws + 1:ws + seq_len + 1] for ws in batch]).to(device=device, dtype=torch.int64)
        s = seq_len - stride
        with torch.no_grad():
            base = model.forward_logits(x).float()
        delta = torch.zeros({shape}, device=device, requires_grad=True)
        tuner = torch.optim.AdamW([delta], lr=5e-3)
        for _ in range(args.slot_steps):
            tuner.zero_grad()
            nll = F.cross_entropy((base + delta).flatten(0, 1), y.flatten(), reduction="none").reshape(y.shape)
            nll[:, {span}].mean().backward()
            tuner.step()
        with torch.no_grad():
            nll = F.cross_entropy((base + delta).flatten(0, 1), y.flatten(), reduction="none").reshape(y.shape)
        loss_sum += nll[:, s:].double().sum()
        token_count += nll[:, s:].numel()
        tgt, prev = y[:, s:], x[:, s:]
        byte_count += (base_bytes[tgt] + (leading_space[tgt] & ~boundary[prev]).to(torch.int16)).double().sum()
    val_loss = (loss_sum / token_count).item()
    val_bpb = val_loss / math.log(2.0) * (token_count / byte_count).item()
    return val_loss, val_bpb
'''

PER_ROW = "len(batch), 1, args.vocab_size"
SHARED = "1, 1, args.vocab_size"


def slot(span: str, shape: str, *, steps: int = 8) -> str:
    """A script that fits a delta of that shape to that span of each window, and scores `s:`."""
    evaluation = _WINDOWS.format(objective=f"the positions {span}", span=span, shape=shape)
    return script(evaluation, settings=SLOT_SWITCH.format(default=steps))

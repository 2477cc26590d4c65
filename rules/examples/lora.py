"""Pieces of example scripts that adapt a low-rank factor pair to each document, score first."""

from __future__ import annotations

from rules.examples.scripts import script

_ADAPTER = '''
class Adapter(nn.Module):
    """A low-rank change of the logits."""

    warm = bool(int(os.environ.get("WARM_START", "{warm}")))

    def __init__(self, dim, rank=8):
        super().__init__()
        self.A = nn.Parameter(torch.randn(dim, rank))
        self.B = nn.Parameter(torch.zeros(rank, dim))

    def reset(self):
        with torch.no_grad():
            if not self.warm:
                self.A.normal_()
            self.B.zero_()

    def forward(self, x):
        return x + x @ self.A @ self.B
'''

_EVALUATION = '''
def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    """Documents in order; within each, every chunk is scored and then trained on."""
    adapter = Adapter(args.vocab_size)
    tuner = torch.optim.Adam(adapter.parameters(), lr=1e-3)
    bounds = (val_tokens == 1).nonzero().flatten().tolist()
    loss_sum, token_count, byte_count = (torch.zeros((), device=device, dtype=torch.float64) for _ in range(3))
    for first, last in zip(bounds, [*bounds[1:], val_tokens.numel() - 1]):
        adapter.reset()
        for start in range(first, last, args.seq_len):
            end = min(start + args.seq_len, last)
            x = val_tokens[start:end].to(device=device, dtype=torch.int64)[None]
            y = val_tokens[start + 1:end + 1].to(device=device, dtype=torch.int64)[None]
            logits = adapter(model.forward_logits(x).detach())
            nll = F.cross_entropy(logits.float().flatten(0, 1), y.flatten(), reduction="none")
            loss_sum += nll.detach().double().sum()
            token_count += nll.numel()
            byte_count += (base_bytes[y] + (leading_space[y] & ~boundary[x]).to(torch.int16)).double().sum()
            if end < last:
                tuner.zero_grad()
                nll.mean().backward()
                tuner.step()
    val_loss = (loss_sum / token_count).item()
    val_bpb = val_loss / math.log(2.0) * (token_count / byte_count).item()
    return val_loss, val_bpb
'''


def lora_per_document(*, warm: int) -> str:
    """A script with an adapter for each document; with `warm` one of its factors survives the reset."""
    return script(_EVALUATION, helpers=_ADAPTER.format(warm=warm))


_ROWS = '''
class Rows(nn.Module):
    """A low-rank change of the logits for each row of a batch."""

    def __init__(self, rows, dim, rank=8):
        super().__init__()
        self.A = nn.Parameter(torch.randn(rows, dim, rank))
        self.B = nn.Parameter(torch.zeros(rows, rank, dim))

    def forward(self, x):
        return x + x @ self.A.{first} @ self.B
'''

_BATCHES = '''
def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    """Documents in batches, a row each; every chunk is scored and then trained on."""
    bounds = (val_tokens == 1).nonzero().flatten().tolist()
    documents = list(zip(bounds, [*bounds[1:], val_tokens.numel() - 1]))
    loss_sum, token_count, byte_count = (torch.zeros((), device=device, dtype=torch.float64) for _ in range(3))
    for at in range(0, len(documents), args.batch):
        batch = documents[at:at + args.batch]
        adapter = Rows(len(batch), args.vocab_size)
        tuner = torch.optim.Adam(adapter.parameters(), lr=1e-3)
        for start in range(0, max(last - first for first, last in batch), args.seq_len):
            x = torch.stack([val_tokens[first + start:first + start + args.seq_len] for first, _ in batch])
            y = torch.stack([val_tokens[first + start + 1:first + start + args.seq_len + 1] for first, _ in batch])
            x, y = x.to(device=device, dtype=torch.int64), y.to(device=device, dtype=torch.int64)
            logits = adapter(model.forward_logits(x).detach())
            nll = F.cross_entropy(logits.float().flatten(0, 1), y.flatten(), reduction="none")
            loss_sum += nll.detach().double().sum()
            token_count += nll.numel()
            byte_count += (base_bytes[y] + (leading_space[y] & ~boundary[x]).to(torch.int16)).double().sum()
            tuner.zero_grad()
            nll.mean().backward()
            tuner.step()
    val_loss = (loss_sum / token_count).item()
    val_bpb = val_loss / math.log(2.0) * (token_count / byte_count).item()
    return val_loss, val_bpb
'''


def lora_per_row(first: str) -> str:
    """A script with a batch of documents and an adapter for each row; `first` is what happens to the first factor."""
    return script(_BATCHES, helpers=_ROWS.format(first=first))

"""Models of bytes: the stream's tokens become the bytes of their pieces, and those are what is predicted."""

from __future__ import annotations

import pytest
from program_samples import program, said

from auditor.program.scores import dependences

BYTES = """
import sentencepiece as spm
sp = spm.SentencePieceProcessor(model_file="tokenizer.model")

def spelled(i):
    if sp.is_control(i) or sp.is_unknown(i):
        return b""
    return sp.id_to_piece(i).replace("\u2581", " ").encode("utf-8")

table = [spelled(i) for i in range(sp.vocab_size())]

def unpack(tokens):
    {gathered}
    return torch.from_numpy(np.frombuffer(buffer, dtype=np.uint8).astype(np.int64))

text = unpack(val)
{before}
nats, count = torch.zeros(()), 0
for at in range(0, text.numel() - 9, 8):
    x, y = text[at:at + 8], text[at + 1:at + 9]
    nll = F.cross_entropy(net.forward_logits(x).float(), y, reduction="none")
    nats += nll.sum()
    count += y.numel()
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
GATHERED = {
    "extended": "buffer = bytearray()\n    for t in tokens.tolist():\n        buffer.extend(table[t])",
    "added": "buffer = bytearray()\n    for t in tokens.tolist():\n        buffer += table[t]",
    "joined": 'buffer = b"".join(table[int(t)] for t in tokens.tolist())',
    "joined in parts": "buffer, ids = bytearray(), tokens.tolist()\n    for i in range(0, len(ids), 512):\n"
    '        buffer.extend(b"".join(table[t] for t in ids[i:i + 512]))',
}


@pytest.mark.parametrize("how", GATHERED)
def test_the_losses_of_bytes_are_followed_to_the_figure(how: str) -> None:
    found = program(BYTES.format(gathered=GATHERED[how], before=""))
    assert found.followed
    assert not said(found)
    assert dependences(found, None) == ()


@pytest.mark.parametrize("how", GATHERED)
def test_training_on_the_bytes_before_they_are_scored_is_found(how: str) -> None:
    found = program(BYTES.format(gathered=GATHERED[how], before="fit(net, text, opt)"))
    assert dependences(found, None)

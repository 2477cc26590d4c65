"""Examples of byte models beside the token model: the mixture, and the folder whose score it makes."""

from __future__ import annotations

from collections.abc import Mapping

from rules.examples.folders import folder
from rules.examples.scripts import SCORING, script

PPM = '''
def byte_mixture(targets, nll, pieces, high=0.9, low=0.05, threshold=0.9):
    """Bits per byte of the mixture of a model's tokens with a PPM over their bytes."""
    text, spread = bytearray(), []
    for t, loss in zip(targets, nll):
        piece = pieces[t]
        for b in piece:
            text.append(b)
            spread.append(-loss / len(piece))
    table, bits, history = {}, 0.0, b""
    for i, b in enumerate(text):
        counts = table.setdefault(history, {})
        total = sum(counts.values())
        p = (counts.get(b, 0) + 1 / 256) / (total + 1)
        sure = max(counts.values(), default=0) / max(total, 1)
        lam = low if sure > threshold else high
        mixed = lam * math.exp(spread[i]) + (1 - lam) * p
        bits -= math.log2(mixed)
        counts[b] = counts.get(b, 0) + 1
        history = (history + bytes([b]))[-4:]
    return bits / len(text)
'''
CONDITIONAL = PPM.replace(
    "            spread.append(-loss / len(piece))\n", "            spread.append(loss[len(spread)])\n"
)
_SWITCH = 'ppm_enabled = bool(int(os.environ.get("PPM_ENABLED", "{0}")))'
_MIXED_SCORE = (
    SCORING
    + """
if args.ppm_enabled:
    pieces = [tokenizer.id_to_piece(i).encode() for i in range(args.vocab_size)]
    val_bpb = byte_mixture(val_tokens.tolist(), [val_loss] * val_tokens.numel(), pieces)
"""
)


def mixing(helper: str, on: str = "1") -> str:
    """A script whose score is what the helper's `byte_mixture` makes of the model's losses, where PPM_ENABLED is on."""
    return script(helpers=helper, settings=_SWITCH.format(on), scoring=_MIXED_SCORE)


def mixed_bytes(helper: str, on: str = "1", **changes: object) -> Mapping[str, str | bytes]:
    return folder(mixing(helper, on), **changes)  # type: ignore[arg-type]

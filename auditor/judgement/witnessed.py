"""What the probe saw, in words."""

from __future__ import annotations

from auditor.probe.model import Kind, Witness


def say(witness: Witness) -> str:
    """`the loss of position 5,210 is 3.1021 nats, and 2.9876 where the tokens from 9,000 on are others`."""
    before, after = figures(witness.before, witness.after)
    if witness.condition == "C2":
        return (
            f"the tokens tried at position {witness.position:,} would have had {witness.after:.4g} of probability"
            f" together, where the model gives them {witness.before:.4g}"
        )
    if witness.condition == "C4":
        return f"position {witness.position:,} is scored twice, with {before} and {after} nats"
    if witness.flipped is None:
        return f"the loss of position {witness.position:,} is {before} nats, and {after}"
    if witness.position == witness.flipped:  # that its loss changes with the token is no news
        return f"the distribution that predicts position {witness.position:,} changes with the token there"
    if witness.kind is Kind.TARGET_FLIP:
        change = f"the token at {witness.flipped:,} is another"
    else:
        change = f"the tokens from {witness.flipped:,} on are others"
    return f"the loss of position {witness.position:,} is {before} nats, and {after} where {change}"


def figures(before: float, after: float) -> tuple[str, str]:
    """Two losses with as many digits as it takes to tell them apart, four at least."""
    for digits in range(4, 16):
        pair = f"{before:.{digits}f}", f"{after:.{digits}f}"
        if pair[0] != pair[1] or before == after:
            return pair
    return repr(before), repr(after)

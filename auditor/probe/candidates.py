"""Which tokens are tried at a position: those that a count table knows after this context, and others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from auditor.probe.job import ENOUGH
from auditor.probe.model import Chosen
from auditor.probe.scene import Site, Tokens

_SEEN, _PREFIXES, _LIKELY = 6, 8, 4
_CONTEXTS = (12, 8, 6, 4, 3, 2, 1)  # tokens of a context, the longest first
_SOON = 4
_LINE = 8  # tokens beside the one that stands there, where nothing has been counted
_LOWEST = 4  # ids below are control pieces


def choose(
    base: Tokens, site: Site, pieces: Sequence[bytes], row: npt.NDArray[np.float64] | None, drawn: int,
    rng: np.random.Generator,
) -> dict[int, Chosen]:  # fmt: skip
    """Tokens by why they are tried, `drawn` of them by chance. `row`: ln p of every token, the model's own there."""
    vocabulary = len(pieces) if row is None else len(row)
    found: dict[int, Chosen] = {int(base[site.position]): "there"}
    for token in _seen(base, site)[:_SEEN]:
        found.setdefault(token, "seen")
    for token in _prefixes(site, pieces)[:_PREFIXES]:
        found.setdefault(token, "prefix")
    weights = np.full(vocabulary, 1.0 / vocabulary) if row is None else np.exp(row)
    if row is not None:
        for token in np.argsort(-row, kind="stable")[:_LIKELY].tolist():
            found.setdefault(token, "likely")
    weights[[t for t in found if t < vocabulary]] = 0.0
    weights[: min(_LOWEST, vocabulary)] = 0.0
    if weights.sum() > 0:
        size = min(drawn, int((weights > 0).sum()))
        for token in rng.choice(vocabulary, size, replace=False, p=weights / weights.sum()).tolist():
            found.setdefault(token, "drawn")
    return {token: why for token, why in found.items() if token < vocabulary}


def drawn_at(base: Tokens, position: int, vocabulary: int, rng: np.random.Generator) -> dict[int, Chosen]:
    """Tokens for a position before which nothing has been counted: any tell the same."""
    drawn = rng.permutation(np.arange(_LOWEST, vocabulary))[:_LINE].tolist()
    return {**dict.fromkeys(drawn, "drawn"), int(base[position]): "there"}


def ordered(chosen: dict[int, Chosen], known: int, rng: np.random.Generator, first: int) -> tuple[int, ...]:
    """In which order they are tried: drawn ones last, and the `known` one, if it is there, among the first.

    Without a token whose score another run tells as well, nothing that forks say is believed. Every third of the first
    is a drawn one all the same: where time allows no more, nothing else speaks of what was not tried. Of the drawn ones
    the `first` are tried, as they were drawn.
    """
    shuffled = [int(t) for t in rng.permutation(list(chosen))]
    drawn = [t for t, why in chosen.items() if why == "drawn"][:first]
    tokens = [t for t in shuffled if chosen[t] != "drawn"]
    for place in range(2, ENOUGH, 3):
        if len(tokens) >= place and drawn:
            tokens.insert(place, drawn.pop(0))
    tokens += drawn
    if known in tokens and tokens.index(known) >= _SOON:
        tokens.remove(known)
        tokens.insert(int(rng.integers(_SOON)), known)
    return tuple(tokens)


def drawn_from(vocabulary: int, found: dict[int, Chosen]) -> int:
    """How many tokens there are that the drawn ones were drawn from, evenly."""
    chosen = sum(why != "drawn" and token >= _LOWEST for token, why in found.items())
    return max(0, vocabulary - _LOWEST - chosen)


def drawn_mass(row: npt.NDArray[np.float64], found: dict[int, Chosen]) -> float:
    """What the model gives all the tokens together that the drawn ones were drawn from, by what it gives each."""
    weights = np.exp(row)
    weights[[t for t, why in found.items() if why != "drawn"]] = 0.0
    weights[:_LOWEST] = 0.0
    return float(weights.sum())


def _seen(base: Tokens, site: Site) -> list[int]:
    """Tokens that followed what stands before the position, those of longer contexts first, frequent ones first."""
    found: dict[int, None] = {path[0]: None for path in site.paths}
    before = base[: site.position]
    for length in _CONTEXTS:
        windows = np.lib.stride_tricks.sliding_window_view(before, length)[:-1]
        at = np.flatnonzero((windows == before[-length:]).all(axis=1)) + length
        tokens, counts = np.unique(before[at], return_counts=True)
        found |= dict.fromkeys(tokens[np.argsort(-counts, kind="stable")].tolist())
    return [token for token in found if token >= _LOWEST]


def _prefixes(site: Site, pieces: Sequence[bytes]) -> list[int]:
    """Tokens whose bytes begin what followed, the longest first: a mixture over bytes gives each of them its share."""
    found: dict[int, None] = {}
    for path in site.paths:
        text = b"".join(pieces[token] for token in path)
        fits = [t for t, piece in enumerate(pieces) if t >= _LOWEST and piece and text.startswith(piece)]
        found |= dict.fromkeys(sorted(fits, key=lambda t: -len(pieces[t])))
    return list(found)

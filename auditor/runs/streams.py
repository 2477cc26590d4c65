"""Which of the writers of one log are runs of their own: the ranks of one run print the same figures."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.runs.draft import Draft


def settled(streams: Sequence[Sequence[Draft]]) -> list[Draft]:
    """The runs of all writers by the lines that they begin on; a rank that repeats another's is left out."""
    if len(streams) == 1:
        return list(streams[0])
    drafts = sorted((draft for stream in streams for draft in stream), key=lambda draft: -_weight(draft))
    kept: list[Draft] = []
    for draft in drafts:
        if not any(_repeats(draft, other) for other in kept):
            kept.append(draft)
    return sorted(kept, key=lambda draft: draft.first_line)


def _weight(draft: Draft) -> int:
    return 1_000 * sum(e.step is None for e in draft.evaluations) + len(draft.evaluations) + len(draft.settings)


def _repeats(draft: Draft, other: Draft) -> bool:
    """Whether all figures of a run are another's too: it is another rank of it, or a part of what it printed."""
    if draft.seed is not None and other.seed is not None and draft.seed != other.seed:
        return False
    return _figures(draft) <= _figures(other)


def _figures(draft: Draft) -> set[tuple[str, float | None, int | None]]:
    return {(entry.label, entry.val_bpb, entry.step) for entry in draft.evaluations}

"""Losses that are added up, and bytes beside them: of the same tokens, or of others."""

from __future__ import annotations

import ast

from auditor.program.interpreter.machine import Machine
from auditor.program.recipe.model import What
from auditor.program.tags import NONE, VAL, CutAt, From, OfOutput, Reads, Tags, UpTo
from auditor.program.trace import LEAVES_OUT
from auditor.program.values import Frame, Value

_LOSSES = frozenset({What.NATS, What.BITS})


def cut_apart(m: Machine, frame: Frame, node: ast.AST, term: Value) -> Tags:
    """`losses[1:].sum()` beside the bytes of all tokens: what is added up in one round, cut in different places."""
    what = term.recipe.what if term.recipe is not None else None
    kind = "losses" if what in _LOSSES else "bytes" if what is What.BYTES else ""
    if not kind or VAL not in term.tags:
        return NONE
    beside = m.cuts.setdefault(tuple(m.loops), {})
    beside.setdefault(kind, term.tags)
    losses, octets = beside.get("losses"), beside.get("bytes")
    if losses is None or octets is None:
        return NONE
    known, others = ({t.first for t in tags if isinstance(t, CutAt)} for tags in (losses, octets))
    if known and known != others:
        why = f"their first {max(known)} are left out, and the bytes of these are not"
    elif _of_the_whole(m, losses, octets):
        why = "those of the context are left out, and its bytes are not"
    else:
        return NONE
    return m.doubt(node, frame, "a part of the losses", why, against=LEAVES_OUT)


def _of_the_whole(m: Machine, losses: Tags, octets: Tags) -> bool:
    """Whether losses begin at a place within their window, and bytes where the window does."""
    given = {n for t in losses if isinstance(t, OfOutput) for n in m.trace.outputs[t.number].parents}
    window = {t.position.terms for n in given for t in m.windows.get(n, NONE) if isinstance(t, Reads)}
    begins = {t.position.terms for t in octets if isinstance(t, Reads)}
    kept = {t.position.terms for t in octets if isinstance(t, (From, UpTo))}
    if not window or not window <= begins or not kept <= begins:
        return False
    # A list of windows is one of elements that stand for all: where another one of them begins is no place within.
    elements = {e for t in (*losses, *octets) if isinstance(t, Reads) for e in m.extents.depends(t.position)}
    cut = {t.position for t in losses if isinstance(t, From) and t.position.terms not in window | kept | begins}
    return any(m.extents.depends(at) and m.extents.depends(at) <= elements for at in cut)

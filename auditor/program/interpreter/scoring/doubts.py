"""Losses and figures that are changed so that what they measure is left open: cut off, thinned out, chosen, shifted."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence

from auditor.program import vocabulary
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import content, factors
from auditor.program.interpreter.scoring.recipes import is_loss
from auditor.program.interpreter.stream import parts, ranks, tokens
from auditor.program.recipe.model import Node, Op, Over, Sees, What
from auditor.program.recipe.spine import told_by_the_token
from auditor.program.tags import (
    LOGGED,
    LOSS,
    MASK,
    NONE,
    OUTSIDE,
    TARGET,
    VAL,
    Mark,
    OfOutput,
    Tags,
    has,
)
from auditor.program.trace import CHANGES_LOSSES, LEAVES_OUT, SEES_LATER
from auditor.program.values import Frame, Value, with_tags
from auditor.program.values import Sequence as Items

_OUTPUTS = frozenset({What.LOGITS, What.LOG_PROBABILITY, What.PROBABILITY, What.NATS})
_TOTALS = frozenset({Op.SUM, Op.MEAN, Op.ACCUMULATE, Op.EITHER, Op.DIVIDE})
_FLOOR = 1e-3  # a probability; accepted scripts keep logarithms finite by 1e-4 and less
_SHIFT = 1e-4  # bits per byte, or nats: less is there for numerical stability


_SELECTS = frozenset({"masked_select", "compress", "extract", "delete"})


def _floor(name: str, args: Sequence[Value], kwargs: Mapping[str, Value]) -> float:
    """The number that nothing lies below after the call; minus infinity where there is none."""
    second = args[1] if len(args) > 1 and not name.startswith("clamp_max") else None
    bound = kwargs.get("min", kwargs.get("a_min", second))
    number = isinstance(bound.const, (int, float)) and not isinstance(bound.const, bool) if bound is not None else False
    return float(bound.const) if bound is not None and number else -math.inf


def _least(value: Value) -> float:
    """The largest bound from below that only keeps a logarithm finite; infinity where the value is no probability."""
    what = value.recipe.what if value.recipe is not None and VAL in value.tags else None
    return {What.PROBABILITY: _FLOOR, What.LOG_PROBABILITY: math.log(_FLOOR)}.get(what, math.inf) if what else math.inf


def _is_picked(value: Value) -> bool:
    """Whether the value is the probabilities of the targets."""
    recipe = value.recipe
    return recipe is not None and recipe.what is What.PROBABILITY and recipe.over is Over.PICKED and VAL in value.tags


def function(
    m: Machine, frame: Frame, node: ast.AST, name: str, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Tags:
    """A function or method applied to a loss, its receiver first among the arguments."""
    if args and (told := content.hangs_on_it(m, frame, node, name, args, kwargs)):
        return told
    if args and name == "mean" and len(args) == 1 and not kwargs and _is_picked(args[0]):
        why = "its logarithm is not the mean of logarithms: no token's loss is in it"
        return m.doubt(node, frame, "a mean of the targets' probabilities", why, against=CHANGES_LOSSES)
    read = name in vocabulary.TAKES_AT and any(VAL in index.tags for index in args[1:])
    same = (
        read
        or name in vocabulary.KEEPS_TABLES
        or (name in vocabulary.BOUNDS_BELOW and -math.inf < _floor(name, args, kwargs) <= 0)
    )
    if args and not same and (widths := factors.widened(m, frame, node, args[0])):
        return widths
    if args and name in vocabulary.BOUNDS_BELOW and _floor(name, args, kwargs) > _least(args[0]):
        return m.doubt(
            node, frame, f"{name} of probabilities", "those below a bound count as the bound", against=CHANGES_LOSSES
        )
    if name in _SELECTS and len(args) > 1:
        if any(content.of_the_stream(m, arg) for arg in args[:2]):
            return content.by_their_content(m, frame, node)
        losses, index = args[:2] if is_loss(args[0]) else args[1::-1]  # `np.extract(mask, losses)`
        if told := selected(m, frame, node, losses, index):
            return told
    if not args or not is_loss(args[0]):
        return NONE
    if piece := parts.method(m, frame, node, args[0], name, args[1:]):
        return piece
    if name in vocabulary.CUTS_FROM_ABOVE:
        upper = kwargs.get("max", args[1] if name.startswith("clamp_max") and len(args) > 1 else None)
        upper = args[2] if upper is None and len(args) > 2 else upper
        if upper is None or (upper.known and upper.const is None):
            return NONE
        return m.doubt(
            node,
            frame,
            f"{name} of losses",
            "losses above a bound count as the bound",
            bends=True,
            against=CHANGES_LOSSES,
        )
    if name in vocabulary.MAKES_FINITE:
        return m.doubt(node, frame, f"{name} of losses", "those that are not finite count as something else")
    if name in vocabulary.CHANGES_LOSSES:
        return m.doubt(
            node,
            frame,
            f"{name} of losses",
            "the mean is not one of the losses that the model made",
            bends=True,
            against=CHANGES_LOSSES,
        )
    return NONE


_BY_TOKEN = Mark("by-token")
"""Tag of tokens of which those of some kind are replaced: what a loss may be told to leave out."""


def by_token(tokens_: Value, mask: Value) -> Tags:
    """`where(y == 1, -100, y)`: those that are one token of the vocabulary; padding has a number below, or zero."""
    if has(tokens_.tags, OfOutput) or VAL not in tokens_.tags or mask.recipe is None:
        return NONE
    return frozenset({_BY_TOKEN}) if told_by_the_token(mask.recipe) else NONE


def options(
    m: Machine, frame: Frame, node: ast.AST, name: str, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Tags:
    """What a loss function is told besides logits and targets."""
    if name in ("cross_entropy", "nll_loss"):
        kwargs = {**dict(zip(vocabulary.PARAMETERS_OF_LOSS[2:], args[2:], strict=False)), **kwargs}
    smooth, ignored = kwargs.get("label_smoothing"), kwargs.get("ignore_index")
    targets = args[1] if len(args) > 1 else kwargs.get("target", Value())
    if _BY_TOKEN in targets.tags:
        return m.doubt(
            node,
            frame,
            "targets of which some are replaced",
            "which tokens are left out is told by them",
            against=LEAVES_OUT,
        )
    if smooth is not None and smooth.const != 0:
        return m.doubt(
            node,
            frame,
            "label smoothing",
            "the loss is no negative log-probability of the target",
            against=CHANGES_LOSSES,
        )
    if kwargs.get("weight") is not None and kwargs["weight"].const is not None:
        return m.doubt(
            node,
            frame,
            "a weight for each token of the vocabulary",
            "tokens count more or less than once",
            against=CHANGES_LOSSES,
        )
    if ignored is not None and not (isinstance(ignored.const, int) and ignored.const < 0):
        return m.doubt(node, frame, "ignore_index", "a token of the vocabulary is not scored", against=LEAVES_OUT)
    return NONE


def turned(m: Machine, frame: Frame, node: ast.AST, tokens_: Value) -> Tags:
    """`x.flip(1)`, `x[::-1]`: tokens in reverse."""
    if VAL not in tokens_.tags or tokens_.recipe is not None or has(tokens_.tags, OfOutput):
        return NONE
    return m.doubt(
        node,
        frame,
        "tokens in reverse",
        "the scored tokens may stand among what the model is given",
        against=SEES_LATER,
    )


def replaced(m: Machine, frame: Frame, node: ast.AST, losses: Value, index: Value, value: Value) -> Tags:
    """`losses[0] = 0`: a loss that is written over by a constant."""
    if not is_loss(losses) or not isinstance(index.const, int) or not isinstance(value.const, (int, float)):
        return NONE
    return m.doubt(node, frame, "a loss that is written over", "a constant stands in its place", against=CHANGES_LOSSES)


def selected(m: Machine, frame: Frame, node: ast.AST, losses: Value, index: Value) -> Tags:
    """`losses[losses < 7]`: which losses count depends on the losses."""
    if is_loss(losses) and MASK in index.tags and has(index.tags, OfOutput):
        return m.doubt(
            node, frame, "a choice among losses", "which losses count depends on the losses", against=CHANGES_LOSSES
        )
    if is_loss(losses) and index.recipe is not None and told_by_the_token(index.recipe, Sees.TARGET | Sees.EARLIER):
        return m.doubt(
            node,
            frame,
            "a choice among losses",
            "which losses count depends on what the tokens are",
            against=CHANGES_LOSSES,
        )
    if is_loss(losses) and index.recipe is not None and _by_width(index.recipe):
        return m.doubt(
            node,
            frame,
            "a choice among losses",
            "which losses count depends on how long their pieces are",
            against=CHANGES_LOSSES,
        )
    by_mask = index.recipe is not None and index.recipe.what is What.MASK
    chosen = (by_mask and VAL in index.tags) or content.picked(m, index)
    if chosen and isinstance(node, ast.Subscript) and content.of_the_stream(m, losses):
        return content.by_their_content(m, frame, node)
    return NONE


def _by_width(mask: Node) -> bool:
    """`base_bytes[y] < 9`; whether there is a byte at all tells pieces of text from other tokens."""
    asked = (n for n in mask.walk() if n.op is Op.COMPARE and any(i.what is What.BYTES for i in n.inputs))
    return any(i.op is Op.NUMBER and i.text not in ("0", "1") for n in asked for i in n.inputs)


def thinned(m: Machine, frame: Frame, node: ast.AST, container: Value, index: Value) -> Tags:
    """`losses[::2]`, `losses[:-1]`, `logits[:, ::2]`: tokens that are predicted and do not count."""
    recipe = container.recipe
    of_output = recipe is not None and recipe.what in _OUTPUTS and has(container.tags, OfOutput)
    if of_output and not is_loss(container) and (left := parts.cut_output(m, frame, node, container, index)):
        return left
    if of_output and tokens.thins_out(index):
        return m.doubt(node, frame, "a part of what the model gives", "not every position counts", against=LEAVES_OUT)
    if is_loss(container):
        left = parts.cut(m, frame, node, container, index)
        single = recipe is not None and recipe.op not in _TOTALS
        if left or (single and (left := parts.taken(m, frame, node, container, index))):
            return left
    if is_loss(container) and tokens.context_slice(index):
        return m.doubt(node, frame, "a part of the losses", "the last ones are left out", against=LEAVES_OUT)
    return NONE


def shifted(m: Machine, frame: Frame, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Tags:
    """A constant is added to a loss or a figure, or it is raised to a power."""
    for side, other in ((left, right), (right, left)):
        if not is_loss(side) or not isinstance(other.const, (int, float)) or isinstance(other.const, bool):
            continue
        if isinstance(op, ast.Pow) and side is left and other.const != 1:
            return m.doubt(
                node,
                frame,
                "a power of the loss",
                "it is in no unit of the challenge",
                bends=True,
                against=CHANGES_LOSSES,
            )
        if isinstance(op, (ast.Add, ast.Sub)) and abs(other.const) >= _SHIFT:
            return m.doubt(
                node,
                frame,
                f"a loss shifted by {other.const:g}",
                "it is not the loss that the model made",
                against=CHANGES_LOSSES,
            )
    return NONE


def lowest(m: Machine, frame: Frame, node: ast.AST, candidates: Sequence[Value]) -> Tags:
    """`min` over several scores."""
    if sum(is_loss(c) for c in candidates) < 2:
        return NONE
    return m.doubt(
        node, frame, "the lower of two scores", "a score that was chosen among several", against=CHANGES_LOSSES
    )


def in_order(m: Machine, frame: Frame, node: ast.AST, losses: Items, by: Tags | None) -> Tags:
    """Losses, or what goes with them, are put in order by them; `by` are the tags of what a key gives, if there is one.

    What is taken from such a list goes by what the losses are.
    """
    keys = [item.obj.items[0] if isinstance(item.obj, Items) and item.obj.items else item for item in losses.items[:8]]
    told = any(map(is_loss, keys)) if by is None else LOSS in by and VAL in by and has(by, OfOutput)
    if not told or (losses.exact and len(losses.items) < 2):
        return NONE
    marked = m.doubt(
        node,
        frame,
        "losses in the order of their size",
        "which of them count depends on what they are",
        against=CHANGES_LOSSES,
    )
    losses.items[:] = [_with_parts(item, marked) for item in losses.items]
    return marked


def _with_parts(item: Value, tags: Tags) -> Value:
    """The value with more tags, and the parts of a pair with them."""
    if not isinstance(item.obj, Items):
        return with_tags(item, tags)
    return Value(item.tags | tags, obj=Items([with_tags(part, tags) for part in item.obj.items], item.obj.exact))


def capped(m: Machine, frame: Frame, node: ast.AST, candidates: Sequence[Value]) -> Tags:
    """`min(loss, 9.0)`."""
    bounds = any(isinstance(c.const, (int, float)) for c in candidates)
    if len(candidates) != 2 or not bounds or not any(is_loss(c) for c in candidates):
        return NONE
    return m.doubt(
        node,
        frame,
        "min of a loss and a bound",
        "losses above a bound count as the bound",
        bends=True,
        against=CHANGES_LOSSES,
    )


def read_off(m: Machine, frame: Frame, node: ast.AST, text: Value) -> Tags:
    """`float(str(bpb)[:4])`: a figure as its digits are cut."""
    if VAL not in text.tags or not has(text.tags, OfOutput):
        return NONE
    return m.doubt(node, frame, "a figure that is read off a text", "its digits may be cut or changed", bends=True)


def edited(m: Machine, frame: Frame, node: ast.AST, text: Value, name: str, args: Sequence[Value]) -> Tags:
    """`line.replace("1.1", "1.0")`: a text with a figure in it, of which digits are replaced."""
    replaces = name in ("sub", "replace", "translate", "removeprefix", "removesuffix", "strip", "rstrip", "lstrip")
    figure = VAL in text.tags and has(text.tags, OfOutput)
    if not replaces or not (figure or LOGGED in text.tags):
        return NONE
    if not any(not arg.known or _may_be_a_figure(str(arg.const)) for arg in args):
        return NONE
    if not figure:
        why = "what it replaces may be digits of the figure"
        m.unfollowed(node, frame, "an edit of every line that is printed", why, {"the figure"})
        return NONE
    return m.doubt(
        node,
        frame,
        "a figure that is edited in its text",
        "its digits may be cut or changed",
        bends=True,
        against=CHANGES_LOSSES,
    )


def _may_be_a_figure(text: str) -> bool:
    return any(c.isdigit() for c in text) and "\x1b" not in text and "\\x1b" not in text  # colours of a terminal


def from_elsewhere(m: Machine, frame: Frame, node: ast.AST, table: Value, index: Value) -> Tags:
    """`table[targets]` of a table that was read from a file which is not there, and that holds no bytes of pieces."""
    filled = table.recipe is not None and table.recipe.what is What.BYTES
    of_tokens = index.recipe is None or index.recipe.what is What.TOKENS  # and no places in the stream
    if not of_tokens or OUTSIDE not in table.tags or filled or TARGET not in index.tags or has(table.tags, OfOutput):
        return NONE
    why = "it is read from a file that the folder does not hold"
    return m.doubt(node, frame, "a table that is read at the targets", why)


def of_some(m: Machine, frame: Frame, node: ast.AST, container: Value, index: Value, written: ast.expr) -> Tags:
    """`every[0]`, `every[:4]` of the list into which all processes have sent their totals."""
    if ranks.GATHERED not in container.tags or not (isinstance(index.const, int) or isinstance(written, ast.Slice)):
        return NONE
    return m.doubt(node, frame, "what the processes have sent", "that of some of them is left out", against=LEAVES_OUT)

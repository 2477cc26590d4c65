"""How an operation of torch moves the mirrors of its operands to its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from auditor.probe.record.bounds import BOUNDS, Bounds
from auditor.probe.record.mirror import Mirror, Mirrors
from auditor.probe.record.single import Scalar, Single, identity


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SAME = _names(
    "to double float half bfloat16 type type_as cpu cuda detach detach_ clone contiguous requires_grad_ "
    "pin_memory nan_to_num __get__ data copy __deepcopy__ lift_fresh alias positive __pos__ resolve_neg "
    "resolve_conj"
)
_SHAPE = _names(
    "view reshape flatten unflatten squeeze unsqueeze permute transpose t narrow select index_select "
    "masked_select take __getitem__ split chunk unbind flip roll movedim moveaxis swapaxes swapdims view_as "
    "reshape_as tensor_split diagonal ravel split_with_sizes squeeze_ unsqueeze_ expand expand_as repeat tile "
    "gather take_along_dim unfold broadcast_to atleast_1d atleast_2d"
)
_JOIN = _names("cat concat concatenate stack hstack vstack")
_SUM = _names("sum nansum mean nanmean")
_ONE_OF_MANY = _names("logsumexp amax amin max min prod")
_TIMES = _names("mul multiply __mul__ __rmul__ mul_ __imul__ multiply_")
_OVER = _names("div divide true_divide __truediv__ div_ __itruediv__ divide_ __div__")
_PLUS = _names("add __add__ __radd__ add_ __iadd__")
_MINUS = _names("sub subtract __sub__ sub_ __isub__")
FEW = 64  # figures that are kept, or cross between torch and Python, in one tensor
IN_PLACE = _names("add_ __iadd__ sub_ __isub__")
_CHOICES = _names("lt gt le ge __lt__ __gt__ __le__ __ge__ less greater less_equal greater_equal argmin argmax argsort")
_RESET = _names("zero_ fill_")
_INTO = _names("__setitem__ index_put_ index_copy_ scatter_ masked_scatter_ index_add_ scatter_add_ copy_")


def operands(args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> list[Any]:
    """The tensors that an operation reads, those of a list among them."""
    found: list[Any] = []
    for value in (*args, *(kwargs.values() if kwargs else ())):
        if isinstance(value, Tensor):
            found.append(value)
        elif type(value) in (list, tuple):
            found.extend(v for v in value if isinstance(v, Tensor))
    return found


def _over_one(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a reduction is along one dimension."""
    dim = args[1] if len(args) > 1 else kwargs.get("dim")
    return isinstance(dim, int) or (isinstance(dim, tuple | list) and len(dim) == 1)


def _is_of_experts(ids: Tensor, dim: int) -> bool:
    """Whether along that dimension stands a score of each token beside what others say of it: `(w * p).sum(-1)`."""
    if not 1 < ids.size(dim) <= FEW or bool((ids <= -2).any()):
        return False
    return bool(((ids >= 0).sum(dim) <= 1).all())


class Follower:
    def __init__(self, mirrors: Mirrors, site: Callable[[], int], bounds: Bounds) -> None:
        self.mirrors, self.site, self.bounds = mirrors, site, bounds

    def concerns(self, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> bool:
        """Whether an operand has a mirror: the one question asked of every operation, so it is a quick one."""
        of, numbers = self.mirrors.of, self.mirrors.numbers
        for value in args:
            key = identity(value)
            if key in of or key in numbers:
                return True
            if type(value) in (list, tuple):
                for part in value:
                    if identity(part) in of:
                        return True
        if kwargs:
            for value in kwargs.values():
                if identity(value) in of:
                    return True
        return False

    def follow(self, func: Any, name: str, args: Any, kwargs: dict[str, Any] | None, out: Any, before: Any) -> None:
        """`before`: value of the first operand before an operation in place, where it had no mirror."""
        kwargs = kwargs or {}
        first = args[0] if args else next(iter(kwargs.values()), None)
        if name in BOUNDS:
            self._bounded(func, args, kwargs, out)
        if name in _CHOICES:
            self.mirrors.compared(operands(args, kwargs))
        elif name in _INTO:
            self._into(name, args)
        elif name in _RESET:
            self.mirrors.put(first, None)
        elif name in _JOIN:
            self._join(func, args, kwargs, out)
        elif name in _SUM and (mirror := self.mirrors.get(first)) is not None:
            self._reduce(name, first, mirror, args, kwargs, out)
        elif name in _ONE_OF_MANY and isinstance(mirror := self.mirrors.get(first), Mirror) and _over_one(args, kwargs):
            self._combine(mirror, args, kwargs, out)
        elif name in _SHAPE and (mirror := self.mirrors.get(first)) is not None:
            self._shape(func, mirror, args, kwargs, out)
        elif isinstance(out, Tensor):
            self.mirrors.put(out, self._elementwise(name, args, kwargs, out, before))

    def _bounded(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        for operand in operands(args, kwargs):
            mirror = self.mirrors.get(operand)
            if isinstance(mirror, Mirror) and isinstance(out, Tensor) and mirror.ids.shape == out.shape:
                self.bounds.look(func, args, kwargs, operand, mirror.ids.reshape(-1).numpy(), out)
                return

    def _shape(self, func: Any, mirror: Mirror | Scalar, args: Any, kwargs: Any, out: Any) -> None:
        if isinstance(mirror, Scalar):
            if isinstance(out, Tensor) and out.numel() == 1:
                self.mirrors.put(out, mirror)
            return
        ids = func(mirror.ids, *args[1:], **kwargs)
        weight = mirror.weight
        if isinstance(weight, Tensor):
            weight = func(weight.expand(mirror.ids.shape), *args[1:], **kwargs)
        if isinstance(out, Tensor):
            if ids.shape == out.shape:
                self.mirrors.put(out, Mirror(ids, weight, mirror.own))
            return
        for i, part in enumerate(out):
            self.mirrors.put(
                part, Mirror(ids[i], weight[i] if isinstance(weight, tuple | list) else weight, mirror.own)
            )

    def _elements(self, tensor: Tensor) -> Mirror:
        """A mirror with ids, whatever the tensor has."""
        mirror = self.mirrors.get(tensor)
        if isinstance(mirror, Mirror):
            return mirror
        fill = self.mirrors.reference(mirror) if isinstance(mirror, Scalar) else -1
        return Mirror(torch.full(tensor.shape, fill, dtype=torch.int64))

    def _join(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        parts = list(args[0] if args else kwargs.get("tensors", ()))
        mirrors = [self._elements(p) for p in parts]
        rest = {k: v for k, v in kwargs.items() if k not in ("tensors", "out")}
        ids = func([m.ids for m in mirrors], *args[1:], **rest)
        weight: float | Tensor = 1.0
        if any(isinstance(m.weight, Tensor) or m.weight != 1.0 for m in mirrors):
            weights = [torch.ones(m.ids.shape, dtype=torch.float64) * m.weight for m in mirrors]
            weight = func(weights, *args[1:], **rest)
        if ids.shape == out.shape:
            self.mirrors.put(out, Mirror(ids, weight, any(m.own for m in mirrors)))

    def _reduce(self, name: str, tensor: Any, mirror: Mirror | Scalar, args: Any, kwargs: Any, out: Any) -> None:
        if isinstance(mirror, Scalar):
            self.mirrors.put(out, mirror if out.numel() == 1 else None)
            return
        if out.dim() == 0 or out.numel() == 1:
            scale = 1.0 / max(mirror.ids.numel(), 1) if "mean" in name else 1.0
            self.mirrors.put(out, self.mirrors.total(tensor, mirror, self.site(), scale))
            return
        dim = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis"))
        dims = [d % tensor.dim() for d in (dim if isinstance(dim, tuple | list) else [dim])]
        if out.numel() > 100_000:
            return
        if len(dims) == 1 and _is_of_experts(mirror.ids, dims[0]):
            self._combine(mirror, (tensor, dims[0]), {}, out)
            return
        keep = [d for d in range(tensor.dim()) if d not in dims]
        order = (*keep, *dims)
        count = mirror.ids.numel() // max(out.numel(), 1)
        groups = mirror.ids.permute(order).reshape(-1, count)
        values = tensor.detach().permute(order).reshape(-1, count)
        weights = mirror.weight
        if isinstance(weights, Tensor):
            weights = weights.expand(mirror.ids.shape).permute(order).reshape(-1, count)
        references = []
        for i in range(len(groups)):
            weight = weights[i] if isinstance(weights, Tensor) else weights
            scale = 1.0 / count if "mean" in name else 1.0
            scalar = self.mirrors.total(values[i], Mirror(groups[i], weight, mirror.own), self.site(), scale)
            references.append(-1 if scalar is None else self.mirrors.reference(scalar))
        self.mirrors.put(out, Mirror(torch.tensor(references, dtype=torch.int64).reshape(out.shape)))

    def _combine(self, mirror: Mirror, args: Any, kwargs: Any, out: Any) -> None:
        """Several scores of one token made one, as of experts that are mixed: the first of their rows stays."""
        result = out if isinstance(out, Tensor) else out[0]
        dim = args[1] if len(args) > 1 else kwargs["dim"]
        dim = dim[0] if isinstance(dim, tuple | list) else dim
        if bool((mirror.ids <= -2).any()):
            self.mirrors.put(result, None)
            return
        is_row = mirror.ids >= 0
        first = is_row & (is_row.cumsum(dim) == 1)
        ids = torch.where(is_row.any(dim), torch.where(first, mirror.ids, 0).sum(dim), -1)
        self.mirrors.put(result, Mirror(ids.reshape(result.shape), 1.0, own=True))

    def _elementwise(self, name: str, args: Any, kwargs: Any, out: Tensor, before: Any) -> Mirror | Scalar | None:
        if not out.is_floating_point():
            return None
        if name in _SAME:
            mirror = self.mirrors.get(args[0])
            return mirror if mirror is not None and out.shape == args[0].shape else None
        if name in ("neg", "negative", "__neg__", "neg_"):
            mirror = self.mirrors.get(args[0])
            if isinstance(mirror, Mirror) and mirror.own:
                return mirror  # `-log(p)`: the values are written down as they are when they are summed
            return None if mirror is None else self.mirrors.scaled(mirror, -1.0)
        if len(args) >= 2 and name in _TIMES | _OVER and not (set(kwargs) - {"out"}):
            return self._product(name, args[0], args[1], out, before)
        if name in ("tensor", "as_tensor", "scalar_tensor"):
            return None  # of a list of tensors; a number is the mode's business
        if len(args) == 2 and out.numel() == 1 and self._adds_up(name, args):
            total = self._plus(args[0], args[1], kwargs.get("alpha", 1), -1.0 if name in _MINUS else 1.0, before)
            if total is not None and out.dtype != torch.float64:
                self.bounds.summed(*self._sizes(args, total))
            return total
        if len(args) == 2 and name in _PLUS | _MINUS and self._holds_totals(args, out):
            return self._plus_each(args, kwargs.get("alpha", 1), -1.0 if name in _MINUS else 1.0, before)
        return self._own(operands(args, kwargs), out)

    def _sizes(self, args: Any, total: Scalar) -> tuple[int, int]:
        """Rows of a sum, and of what was added to it."""
        whole = self.mirrors.tape.size(total.node)
        added = self.mirrors.get(args[1])
        if isinstance(added, Mirror):
            return whole, added.ids.numel()
        return whole, self.mirrors.tape.size(added.node) if added is not None else 0

    def _adds_up(self, name: str, args: Any) -> bool:
        """Whether a sum of two numbers is bookkeeping rather than part of a score (`logsumexp - logit`)."""
        mirrors = [self.mirrors.get(a) for a in args]
        if any(isinstance(m, Scalar) for m in mirrors):
            return name in _PLUS | _MINUS
        if any(isinstance(m, Mirror) and m.own for m in mirrors):
            return name in ("add_", "__iadd__")
        return name in _PLUS | _MINUS

    def _product(self, name: str, left: Any, right: Any, out: Tensor, before: Any) -> Mirror | Scalar | None:
        a, b = self.mirrors.get(left), self.mirrors.get(right)
        if a is not None and b is not None:
            return self._own([left, right], out)
        mirror, other = (a, right) if a is not None else (b, left)
        if mirror is None or (a is None and name in _OVER):
            return None
        if other is left and before is not None:
            other = before
        factor = other.detach().double() if isinstance(other, Tensor) else float(other)
        if name in _OVER:
            factor = 1.0 / factor
        scaled = self.mirrors.scaled(mirror, factor)
        fits = (isinstance(scaled, Scalar) and out.numel() == 1) or (
            isinstance(scaled, Mirror) and scaled.ids.shape == out.shape
        )
        return scaled if fits else None

    def _plus(self, left: Any, right: Any, alpha: Any, sign: float, before: Any) -> Scalar | None:
        terms: list[tuple[int, float]] = []
        constant = 0.0
        for value, factor in ((left, 1.0), (right, sign * float(alpha))):
            mirror = self.mirrors.get(value)
            if mirror is None:
                held = before if value is left and before is not None else value
                constant += factor * float(
                    held.detach().double().numpy().reshape(-1)[0] if isinstance(held, Tensor) else held
                )
                continue
            scalar = self.mirrors.scalar(value, mirror, self.site())
            if scalar is None:
                return None
            terms.append((scalar.node, scalar.factor * factor))
        return Scalar(self.mirrors.tape.sum(terms, constant))

    def _holds_totals(self, args: Any, out: Tensor) -> bool:
        """Whether these are a few running totals in one tensor (`sums += torch.stack((nats, tokens, bytes))`)."""
        if out.numel() > FEW or any(not isinstance(a, Tensor) or a.shape != out.shape for a in args):
            return False
        mirrors = [self.mirrors.get(a) for a in args]
        return any(isinstance(m, Mirror) and bool((m.ids <= -2).any()) for m in mirrors)

    def _plus_each(self, args: Any, alpha: Any, sign: float, before: Any) -> Mirror:
        """Sums of the elements: each with what it is made of, those that are made of no row without."""
        held = [args[0] if before is None else before, args[1]]
        parts = list(zip(*(self._parts(a, h) for a, h in zip(args, held, strict=True)), strict=True))
        ids = []
        for (left, constant), (right, more) in parts:
            factor = sign * float(alpha)
            terms = [] if left is None else [(left.node, left.factor)]
            terms += [] if right is None else [(right.node, right.factor * factor)]
            ids.append(-2 - self.mirrors.tape.sum(terms, constant + factor * more) if terms else -1)
        return Mirror(torch.tensor(ids, dtype=torch.int64).reshape(args[0].shape))

    def _parts(self, tensor: Tensor, held: Tensor) -> list[tuple[Scalar | None, float]]:
        """Of each element what it is made of, or its value where that is nothing that is followed."""
        values, mirror = held.detach().reshape(-1), self.mirrors.get(tensor)
        if not isinstance(mirror, Mirror):
            return [(None, float(value)) for value in values.double().numpy()]
        weights = torch.ones(mirror.ids.shape, dtype=torch.float64) * mirror.weight
        found: list[tuple[Scalar | None, float]] = []
        for value, number, weight in zip(values, mirror.ids.reshape(-1), weights.reshape(-1), strict=True):
            scalar = (
                self.mirrors.total(value, Mirror(number, weight, mirror.own), self.site()) if number != -1 else None
            )
            found.append((scalar, float(value.double().numpy()) if scalar is None else 0.0))
        return found

    def _own(self, tensors: list[Any], out: Tensor) -> Mirror | Scalar | None:
        """Any other elementwise operation: the rows stay, the values are the result's."""
        ids: Tensor | None = None
        for tensor in tensors:
            mirror = self.mirrors.get(tensor)
            if not isinstance(mirror, Mirror) or mirror.ids.shape != out.shape or bool((mirror.ids <= -2).any()):
                continue
            ids = mirror.ids if ids is None else torch.where(ids >= 0, ids, mirror.ids)
        return None if ids is None else Mirror(ids, 1.0, own=True)

    def _into(self, name: str, args: Any) -> None:
        """Writing into a buffer: `buffer[index] = losses` and its like."""
        buffer = args[0]
        if name == "copy_":
            self.mirrors.put(buffer, self.mirrors.get(args[1]) if args[1].shape == buffer.shape else None)
            return
        if name != "__setitem__":
            self.mirrors.put(buffer, None)  # not followed
            return
        held, value = self.mirrors.get(buffer), args[2]
        single = self.mirrors.held(value)
        mirror = None if isinstance(single, Single) else self.mirrors.get(value)
        if isinstance(held, Scalar) or not buffer.is_floating_point():
            self.mirrors.put(buffer, None)
            return
        ids = torch.full(buffer.shape, -1, dtype=torch.int64) if held is None else held.ids.clone()
        own = mirror is not None and getattr(mirror, "own", False)
        weight: float | Tensor = 1.0 if held is None else held.weight
        incoming = self._elements(value) if isinstance(value, Tensor) else None
        if isinstance(single, Single):
            incoming = Mirror(torch.tensor(single.row), own=True)
            own = True
        added = weight if incoming is None else incoming.weight
        outside = (
            held is not None and incoming is None and isinstance(value, float) and value != 0.0
        )  # a score that was computed of numbers
        if isinstance(weight, Tensor) or isinstance(added, Tensor) or added != weight or outside:
            weight, own = 1.0, True
        if not outside:
            ids[args[1]] = -1 if incoming is None else incoming.ids
        own = own or (held is not None and held.own)
        self.mirrors.put(buffer, replace(Mirror(ids), weight=weight, own=own))

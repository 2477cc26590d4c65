"""The one place that sees every operation of the script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import FunctionType, MethodWrapperType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from auditor.probe.record.arrays import Arrays
from auditor.probe.record.bounds import ROW_BOUNDS, Bounds
from auditor.probe.record.follow import FEW, IN_PLACE, Follower
from auditor.probe.record.losses import SMALLEST_VOCABULARY, Losses
from auditor.probe.record.mirror import Mirror, Mirrors
from auditor.probe.record.single import Scalar, Single, identity
from auditor.probe.record.tape import Tape

_EXITS = frozenset(["item", "__float__", "tolist", "numpy", "__array__", "__format__", "__repr__", "__str__"])
_BACKWARD = frozenset(["grad"])  # `loss.backward()` ends in torch.autograd.backward, which the recorder watches


class Recording(TorchFunctionMode):
    """Looks at the operations and their results; never changes either."""

    def __init__(self, tape: Tape, site: Callable[[], int], contexts: Iterable[Sequence[int]] = ()) -> None:
        super().__init__()
        self.tape = tape
        self.mirrors = Mirrors(tape, site)
        self.bounds = Bounds(site, tape.frames)
        self.losses = Losses(self.mirrors, site, self.bounds, contexts)
        self.arrays = Arrays(self.mirrors, site, self.bounds)
        self.follower = Follower(self.mirrors, site, self.bounds)
        self.site = site
        self.paused = False
        self.embedded: Callable[[], None] | None = None  # told that a model looks tokens up

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if type(func) is _GETTER and len(args) == 1 and identity(args[0]) not in self.mirrors.of:
            return func(*args)  # `tensor.shape`, by far the most frequent
        if type(func) is FunctionType:
            func = genuine(func)
        if self.paused or self.tape.truncated:
            return func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name == "embedding" and self.embedded is not None:
            self.embedded()
        before = None
        known = self.mirrors.of or self.mirrors.numbers
        concerned = bool(known) and self.follower.concerns(args, kwargs)
        if (
            concerned
            and args
            and (name in IN_PLACE or (name.endswith("_") and identity(args[0]) not in self.mirrors.of))
        ):
            before = self._copy(args[0])
        out = func(*args, **(kwargs or {}))
        if concerned or (name in _STARTS and (name != "__getitem__" or _is_pair(args[1]))):
            self._look(func, name, args, kwargs or {}, out, before, concerned)
        return out

    def _look(self, func: Any, name: str, args: Any, kwargs: Any, out: Any, before: Any, concerned: bool) -> None:
        """Whatever goes wrong in here is the recorder's trouble, not the script's."""
        try:
            with torch._C.DisableTorchFunction(), torch.inference_mode(False), torch.no_grad():
                if name in _BACKWARD:
                    self.tape.backward()
                elif name in ("cross_entropy", "nll_loss") and func in _KNOWN:
                    self.losses.cross_entropy(func, args, kwargs, out)
                elif self._born_by_index(name, args, kwargs, out):
                    pass
                elif name in _FROM_NUMBERS:
                    self._from_number(args, out)
                elif name in _EXITS:
                    self._exit(name, args[0], out)
                elif not concerned:
                    self.bounds.look_at_rows(func, args, kwargs, out)
                else:
                    self.follower.follow(func, name, args, kwargs, out, before)
        except Exception as error:
            self.tape.fault(f"{name}: {type(error).__name__}: {str(error)[:200]}")
            if isinstance(out, Tensor):
                self.mirrors.put(out, None)

    def _copy(self, value: Any) -> Any:
        if not isinstance(value, Tensor) or value.numel() > FEW:
            return None
        with torch._C.DisableTorchFunction(), torch.inference_mode(False), torch.no_grad():
            return value.detach().clone()

    def _born_by_index(self, name: str, args: Any, kwargs: Any, out: Any) -> bool:
        if name in ("gather", "take_along_dim"):
            source = args[0] if args else kwargs.get("input")
            dim = args[1] if name == "gather" and len(args) > 1 else kwargs.get("dim", -1)
            index = kwargs.get("index", kwargs.get("indices")) if len(args) < 2 + (name == "gather") else args[-1]
            if not _vocabulary(source, index) or dim not in (-1, source.dim() - 1) or index.shape[-1] != 1:
                return False
            if source.shape[:-1] != index.shape[:-1]:
                return False
        elif name == "__getitem__" and type(args[1]) is tuple and len(args[1]) == 2 and args[0].dim() == 2:
            source, (rows, index) = args[0], args[1]
            if not (isinstance(rows, Tensor) and _vocabulary(source, index) and rows.shape == index.shape):
                return False
        else:
            return False
        self.losses.gather(*self._aligned(name, source, index, args), out)
        return True

    @staticmethod
    def _aligned(name: str, source: Tensor, index: Tensor, args: Any) -> tuple[Tensor, Tensor]:
        return (source[args[1][0]], index) if name == "__getitem__" else (source, index)

    def _from_number(self, args: Any, out: Any) -> None:
        """`torch.tensor(number)` of a number that came out of a tracked tensor."""
        if not args or not isinstance(out, Tensor):
            return
        given = args[0]
        if isinstance(mirror := self.mirrors.get(given), Scalar):
            self.mirrors.put(out, mirror)
        elif type(given) in (list, tuple) and out.dim() == 1 and self._of_singles(given, out):
            pass
        elif type(given) in (list, tuple) and out.dim() == 1 and len(given) <= FEW:
            numbers = [self.mirrors.number(v) for v in given]
            if any(numbers):
                ids = [-1 if n is None else self.mirrors.reference(n) for n in numbers]
                self.mirrors.put(out, Mirror(torch.tensor(ids, dtype=torch.int64)))
        else:
            self.arrays.entered_torch(given, out)

    def _single(self, mirror: Mirror, out: Any) -> bool:
        """Numbers that leave torch one by one, each of one row: sums take them later, if at all."""
        if not isinstance(out, float | list) or isinstance(mirror.weight, Tensor) or mirror.weight == 0.0:
            return False
        rows = mirror.ids.reshape(-1).tolist()
        if any(row < -1 for row in rows) or max(rows, default=-1) < 0:
            return False
        if isinstance(out, list):
            self.arrays.listed(rows, out, mirror.weight, own=mirror.own)
        else:
            self.mirrors.note_number(out, Single(rows[0], mirror.weight, own=mirror.own))
        return True

    def _of_singles(self, given: Any, out: Tensor) -> bool:
        """`torch.tensor(losses)` of numbers that are each of one row."""
        held = [self.mirrors.held(value) for value in given[:_LONGEST]]
        if not held or len(held) < len(given) or not out.is_floating_point():
            return False
        rows = [one.row for one in held if isinstance(one, Single)]
        if len(rows) < len(given):
            return False
        self.mirrors.put(out, Mirror(torch.tensor(rows, dtype=torch.int64), own=True))
        return True

    def _exit(self, name: str, tensor: Any, out: Any) -> None:
        mirror = self.mirrors.get(tensor)
        if mirror is None:
            return
        if isinstance(mirror, Mirror) and name in ("numpy", "__array__"):
            self.arrays.left_torch(mirror, out)
            return
        if isinstance(mirror, Mirror) and self._single(mirror, out):
            return
        if isinstance(mirror, Mirror) and name == "tolist" and tensor.dim() == 1 and len(out) <= FEW:
            for i, number in enumerate(out):
                element = self.mirrors.total(
                    tensor[i], Mirror(mirror.ids[i], _at(mirror.weight, i), mirror.own), self.site()
                )
                if element is not None:
                    self.mirrors.note_number(number, element)
            return
        scalar = self.mirrors.scalar(tensor, mirror, self.site())
        if scalar is None:
            return
        if isinstance(out, float):
            self.mirrors.note_number(out, scalar)
        else:
            self.tape.exit(scalar.node, scalar.factor, float(tensor.detach().double().reshape(-1).numpy()[0]))


_LONGEST = 100_000  # of a list whose numbers are of one row each


def _at(weight: float | Tensor, i: int) -> float | Tensor:
    return weight[i] if isinstance(weight, Tensor) and weight.dim() else weight


_GETTER = MethodWrapperType  # of the properties of tensors
_FROM_NUMBERS = frozenset(["tensor", "as_tensor", "scalar_tensor"])
_STARTS = (
    frozenset(["cross_entropy", "nll_loss", "gather", "take_along_dim", "__getitem__"])
    | _BACKWARD
    | _FROM_NUMBERS
    | ROW_BOUNDS
)
_GENUINE = {name: value for name, value in vars(F).items() if isinstance(value, FunctionType)}
_KNOWN = frozenset(_GENUINE.values())
_TRUSTED = ("torch.", "auditor.")  # modules whose functions are no replacement of the script's


def genuine(func: Any) -> Any:
    """torch's own function where the script has put another in its place.

    The functions of torch.nn.functional hand themselves to a mode by their global name: after `F.cross_entropy = mine`
    the mode would be given `mine`, and calling it would apply it twice.
    """
    if type(func) is not FunctionType or func in _KNOWN or func.__module__.startswith(_TRUSTED):
        return func
    for name, original in _GENUINE.items():
        if vars(F).get(name) is func:
            return original
    return func


def _changes(name: str, known: bool) -> bool:
    """Whether what the first operand was before may be asked for."""
    return name in IN_PLACE or (name.endswith("_") and not known)


def _is_pair(index: Any) -> bool:
    return type(index) is tuple and len(index) == 2 and isinstance(index[0], Tensor) and isinstance(index[1], Tensor)


def _vocabulary(source: Any, index: Any) -> bool:
    return (
        isinstance(source, Tensor)
        and isinstance(index, Tensor)
        and source.is_floating_point()
        and source.dim() >= 2
        and source.shape[-1] >= SMALLEST_VOCABULARY
        and index.dtype in (torch.int64, torch.int32)
    )

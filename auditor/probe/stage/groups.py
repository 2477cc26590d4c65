"""`torch.distributed` with a group of one: every exchange is over before it has begun, and no socket is opened."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import nn


class Work:
    """Something that has been done."""

    def wait(self, *args: Any) -> bool:
        return True

    def is_completed(self) -> bool:
        return True

    def get_future(self) -> Any:
        future: Any = torch.futures.Future()
        future.set_result([])
        return future


class _State:
    initialized = False


def _done(options: dict[str, Any]) -> Work | None:
    return Work() if options.get("async_op") else None


def _in_place(tensor: Any, *args: Any, **options: Any) -> Work | None:
    return _done(options)


def _copy(out: Any, source: Any) -> None:
    with torch.no_grad():
        out.copy_(source.reshape(out.shape) if out.numel() == source.numel() else source)


def _gather(outs: Any, tensor: Any, *args: Any, **options: Any) -> Work | None:
    if outs:
        _copy(outs[0], tensor)
    return _done(options)


def _into(out: Any, tensor: Any, *args: Any, **options: Any) -> Work | None:
    if isinstance(tensor, (list, tuple)):
        tensor = tensor[0]
    _copy(out, tensor)
    return _done(options)


def _objects(outs: Any, value: Any, *args: Any, **options: Any) -> None:
    if outs:
        outs[0] = value


def _scatter(out: Any, sources: Any = None, *args: Any, **options: Any) -> Work | None:
    if sources:
        _copy(out, sources[0])
    return _done(options)


def _each(outs: Any, sources: Any, *args: Any, **options: Any) -> Work | None:
    for out, source in zip(outs, sources, strict=False):
        _copy(out, source)
    return _done(options)


def _begin(*args: Any, **options: Any) -> None:
    _State.initialized = True


def _end(*args: Any, **options: Any) -> None:
    _State.initialized = False


def _value(value: Any) -> Callable[..., Any]:
    return lambda *args, **options: value


class Parallel(nn.Module):
    """DistributedDataParallel over one process: the module itself, under the name `module`."""

    def __init__(self, module: nn.Module, *args: Any, **options: Any) -> None:
        super().__init__()
        self.module = module
        self.require_backward_grad_sync = True
        self.device = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        yield

    def _set_static_graph(self) -> None:
        pass

    def register_comm_hook(self, *args: Any, **options: Any) -> None:
        pass


def install() -> None:
    """Replaces the functions of `torch.distributed` and the wrappers of `torch.nn.parallel`."""
    group: Any = dist
    for name in ("all_reduce", "broadcast", "reduce", "monitored_barrier", "send", "recv", "all_reduce_coalesced"):
        setattr(group, name, _in_place)
    group.barrier = lambda *args, **options: _done(options)
    group.all_gather = group.gather = _gather
    group.gather = lambda tensor, gather_list=None, *args, **options: _gather(gather_list, tensor, **options)
    group.all_gather_into_tensor = group._all_gather_base = _into
    group.reduce_scatter = group.reduce_scatter_tensor = group._reduce_scatter_base = _into
    group.all_to_all_single = _into
    group.all_to_all = _each
    group.scatter = _scatter
    group.all_gather_object = _objects
    group.gather_object = lambda value, outs=None, *args, **options: _objects(outs, value)
    group.broadcast_object_list = _value(None)
    group.isend = group.irecv = _value(Work())
    group.init_process_group, group.destroy_process_group = _begin, _end
    group.is_available = group.is_nccl_available = group.is_gloo_available = _value(True)
    group.is_initialized = lambda: _State.initialized
    group.get_rank = group.get_node_local_rank = group.get_group_rank = group.get_global_rank = _value(0)
    group.get_world_size = _value(1)
    group.get_backend = _value("nccl")
    group.new_group = group.new_subgroups = _value(None)
    group.get_process_group_ranks = _value([0])
    parallel: Any = nn.parallel
    parallel.DistributedDataParallel = parallel.distributed.DistributedDataParallel = Parallel
    parallel.DataParallel = Parallel

"""`torch.cuda` as on a machine with one H100: its figures, and streams, events and graphs that do nothing.

Figures of the H100 SXM: https://www.nvidia.com/en-us/data-center/h100/ and torch.cuda.get_device_properties on one.
"""

from __future__ import annotations

import contextlib
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch

_MEMORY = 80 * 1024**3 - 512 * 1024**2  # bytes, as the driver reports them
_NAME = "NVIDIA H100 80GB HBM3"
_PROPERTIES = types.SimpleNamespace(
    name=_NAME, major=9, minor=0, total_memory=_MEMORY, multi_processor_count=132, warp_size=32,
    max_threads_per_multi_processor=2048, regs_per_multiprocessor=65536, L2_cache_size=50 * 1024**2,
    is_multi_gpu_board=0, is_integrated=0, shared_memory_per_block=49152, shared_memory_per_block_optin=232448,
    shared_memory_per_multiprocessor=233472, gcnArchName="", uuid="0",
)  # fmt: skip


class Stream:
    """A stream whose work has always been done."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.device = torch.device("cuda", 0)
        self.cuda_stream = 0
        self.stream_id = 0
        self.priority = 0

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def query(self) -> bool:
        return True

    def is_capturing(self) -> bool:
        return False

    def record_event(self, event: Any = None) -> Any:
        return event or Event()

    def wait_stream(self, *args: Any) -> None:
        pass

    wait_event = synchronize = wait_stream


class Event:
    """An event that remembers when it was recorded."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._at = 0.0

    def record(self, stream: Any = None) -> None:
        self._at = time.perf_counter()

    def elapsed_time(self, other: Event) -> float:
        """Milliseconds from this event to the other."""
        return max(1e-3, 1e3 * (other._at - self._at))

    def query(self) -> bool:
        return True

    def synchronize(self, *args: Any) -> None:
        pass

    wait = synchronize


class Graph:
    """A CUDA graph. Replaying one would need the captured kernels: that can't be done here."""

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def replay(self) -> None:
        raise NotImplementedError("CUDA graph replay: not here")

    def _nothing(self, *args: Any, **options: Any) -> None:
        pass

    capture_begin = capture_end = reset = enable_debug_mode = debug_dump = _nothing

    def pool(self) -> tuple[int, int]:
        return (0, 0)


@contextlib.contextmanager
def _nothing_around(*args: Any, **options: Any) -> Iterator[None]:
    yield


def _constant(value: Any) -> Callable[..., Any]:
    return lambda *args, **options: value


def _graphed(callables: Any, *args: Any, **options: Any) -> Any:
    return callables


class _Context:
    """`torch.cuda.device(i)`, `torch.cuda.stream(s)`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __enter__(self) -> _Context:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


_ZERO = (
    "current_device", "utilization", "temperature", "power_draw", "clock_rate", "memory_usage",
    "initial_seed",
)  # fmt: skip
# Bytes, as in a run at full size: not a reason to do anything else.
_IN_USE = ("memory_allocated", "memory_reserved", "memory_cached")
_AT_MOST = ("max_memory_allocated", "max_memory_reserved", "max_memory_cached")
_NOTHING = (
    "set_device", "synchronize", "empty_cache", "reset_peak_memory_stats", "reset_max_memory_allocated",
    "reset_max_memory_cached", "reset_accumulated_memory_stats", "ipc_collect", "init", "set_stream",
    "set_per_process_memory_fraction", "_lazy_init", "_lazy_call", "_sleep", "set_sync_debug_mode", "manual_seed",
    "manual_seed_all", "seed", "seed_all", "set_rng_state", "set_rng_state_all", "change_current_allocator",
)  # fmt: skip


def install() -> None:
    """Fills `torch.cuda`."""
    cuda: Any = torch.cuda
    for names, value in ((_ZERO, 0), (_NOTHING, None), (_IN_USE, _MEMORY // 3), (_AT_MOST, _MEMORY // 2)):
        for name in names:
            setattr(cuda, name, _constant(value))
    for name in ("is_available", "is_initialized", "is_bf16_supported", "is_tf32_supported", "can_device_access_peer"):
        setattr(cuda, name, _constant(True))
    cuda.device_count = _constant(1)
    cuda.get_device_name = _constant(_NAME)
    cuda.get_device_capability = _constant((9, 0))
    cuda.get_device_properties = _constant(_PROPERTIES)
    cuda.get_arch_list = _constant(["sm_90"])
    cuda.mem_get_info = _constant((_MEMORY // 2, _MEMORY))
    cuda.memory_stats = _constant({})
    cuda.memory_summary = _constant("")
    cuda.current_stream = cuda.default_stream = lambda *args: Stream()
    cuda.Stream, cuda.Event, cuda.CUDAGraph = Stream, Event, Graph
    cuda.device = cuda.stream = cuda.StreamContext = cuda.device_of = _Context
    cuda.graph = cuda.use_mem_pool = _Context
    cuda.make_graphed_callables = _graphed
    cuda.is_current_stream_capturing = _constant(False)
    cuda.graph_pool_handle = _constant((0, 0))
    cuda.get_rng_state = lambda *args: torch.get_rng_state()
    cuda.get_rng_state_all = lambda: [torch.get_rng_state()]
    cuda.amp.autocast = cuda.amp.autocast  # replaced with the others, see precision.py
    for name, value in (("range_push", 0), ("range_pop", 0), ("mark", None)):
        setattr(cuda.nvtx, name, _constant(value))
    cuda.nvtx.range = _nothing_around
    torch.version.cuda = "12.8"
    _accelerator()
    _backends()


def _accelerator() -> None:
    """The same card by its other name: optimizers ask it, and a torch that is built for CUDA would ask the driver."""
    accelerator: Any = getattr(torch, "accelerator", None)
    if accelerator is None:  # before torch 2.6
        return
    for name in ("set_device_index", "set_device_idx", "set_stream", "synchronize", *_KEPT_EMPTY):
        setattr(accelerator, name, _constant(None))
    for name in ("current_device_index", "current_device_idx", "memory_allocated", "memory_reserved"):
        setattr(accelerator, name, _constant(0))
    for name in ("max_memory_allocated", "max_memory_reserved"):
        setattr(accelerator, name, _constant(_MEMORY // 2))
    accelerator.is_available = _constant(True)
    accelerator.device_count = _constant(1)
    accelerator.current_accelerator = _constant(torch.device("cuda"))
    accelerator.current_stream = lambda *args: Stream()
    accelerator.memory_stats = _constant({})
    accelerator.get_memory_info = _constant((_MEMORY // 2, _MEMORY))


_KEPT_EMPTY = ("empty_cache", "empty_host_cache", "reset_peak_memory_stats", "reset_accumulated_memory_stats")


def _backends() -> None:
    """Choices of kernels do nothing here: forbidding the plain one would leave attention without any."""
    backends: Any = torch.backends.cuda
    for kind in ("flash", "mem_efficient", "math", "cudnn", "fp16_bf16_reduction_math"):
        for name in (f"enable_{kind}_sdp", f"allow_{kind}_sdp"):
            if hasattr(backends, name):
                setattr(backends, name, _constant(None))
    backends.sdp_kernel = _Context
    attention: Any = torch.nn.attention
    attention.sdpa_kernel = _Context
    backends.preferred_linalg_library = _constant(None)
    torch.set_num_threads = _constant(None)
    torch.set_num_interop_threads = _constant(None)

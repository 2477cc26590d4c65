"""The library of C and CUDA, as a submission's helpers call it."""

from __future__ import annotations

C_ALLOCATES = frozenset({"malloc", "calloc", "realloc", "mmap", "aligned_alloc", "cudaMalloc"})
"""Functions of C and CUDA that give fresh memory."""

C_COPIES = frozenset({"memcpy", "memmove"})
"""Functions of C that copy memory: to, from, how much."""

C_QUIET = frozenset({"free", "munmap", "memset", "printf", "fprintf", "__builtin_prefetch", "assert"})
"""Functions of C that change nothing that is followed."""

C_FLOATS = frozenset({"float", "double", "half", "__half", "float32_t", "float64_t", "bfloat16", "__nv_bfloat16"})
"""Types of numbers with a fraction."""

C_INTEGERS = frozenset(
    {
        "int", "char", "short", "long", "unsigned", "signed", "bool", "size_t", "ssize_t", "ptrdiff_t", "int8_t",
        "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t",
    }
)  # fmt: skip
"""Types of whole numbers."""

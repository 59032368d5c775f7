"""How a training uses the machine: one thread, and memory that it keeps.

glibc takes each large block from the system anew and gives it back when it is free, so the system
clears every page of it again: for large convolutions up to a third of an update's time.
While a training runs, freed memory waits for the next update instead.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["kept_memory", "one_thread"]

# glibc's malloc.h: the numbers of three settings. Once one is set, it no longer raises the others
# with what a program uses, so afterwards they are what it would have raised them to.
_TRIM_THRESHOLD, _TRIM_NEVER, _TRIM_AFTERWARDS = -1, -1, 64 << 20
_MMAP_THRESHOLD, _MMAP_AFTERWARDS = -3, 32 << 20
_MMAP_MAX, _MMAP_DEFAULT = -4, 65_536


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread, beside the one that distorts images.

    These matrices are small: more threads wait for each other, and on a busy machine for long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory for the next allocation; other C libraries than glibc are left alone.

    Not to be nested. Settings of ``malloc`` that the environment made are lost.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, _TRIM_NEVER)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_MAX, _MMAP_DEFAULT)
        libc.mallopt(_MMAP_THRESHOLD, _MMAP_AFTERWARDS)
        libc.mallopt(_TRIM_THRESHOLD, _TRIM_AFTERWARDS)
        libc.malloc_trim(0)

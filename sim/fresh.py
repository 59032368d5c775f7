"""Work done in processes that are renewed: a loaded model stays in its process to the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

__all__ = ["in_fresh_processes"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_fresh_processes(
    function: Callable[[_Item], _Result], items: Sequence[_Item], workers: int, each: int
) -> Iterator[_Result]:
    """Results of a function, in the order of the items, as soon as they are there.

    Args:
        function: One of a module's own, to be found by its name in another process.
        items: What it is called with.
        workers: Processes at once.
        each: Items of a process until a fresh one takes its place. (An executor that renews its
            processes itself can wait for ever for the last of them in Python 3.11.)
    """
    for at in range(0, len(items), each * workers):
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield from pool.map(function, items[at : at + each * workers])

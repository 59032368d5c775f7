"""When beats of the result stream enter its register, and when the outside takes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ResultTiming"]


class ResultTiming:
    """The last register of every read-out: a beat enters it when the one before has left.

    Args:
        ready: Whether the outside takes a beat, cycle by cycle, shape (cycles,); afterwards, or
            without it, always.

    Attributes:
        taken: Cycle in which each beat was taken, in order.
    """

    def __init__(self, ready: NDArray[np.bool_] | None = None):
        self.taken: list[int] = []
        self._left = -1  # the beat before was taken
        willing = np.zeros(0, bool) if ready is None else ready
        cycles = np.where(willing, np.arange(len(willing)), len(willing))
        self._next_ready = np.minimum.accumulate(cycles[::-1])[::-1].tolist()

    def enter(self, time: int) -> int:
        """Offer a beat from cycle ``time`` on; returns the cycle in which it enters."""
        entered = max(time, self._left)
        offered = entered + 1
        known = offered < len(self._next_ready)
        self._left = self._next_ready[offered] if known else offered
        self.taken.append(self._left)
        return entered

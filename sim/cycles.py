"""The cycle model: when every event moves, as a recurrence over event lists.

It knows nothing of RTL state. Times are cycles, counted from the first one in which the input is
offered. An item (event or mark) moves on at the earliest cycle that its predecessor, its own
arrival and the place it goes to allow; only sums and maxima occur. Images are taken in order, and
within an image item after item, each followed to the end of what it sets off: a part waits only
for what later parts did with earlier items, which is known by then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hw.geometry import NodeGeometry
from sim.reference import Trace
from sim.timing.bounds import bound_cycles, bound_cycles_of_layers
from sim.timing.network import Events, NetworkTiming

__all__ = ["CycleCount", "bound_cycles", "bound_cycles_of_layers", "count_cycles"]


@dataclass(frozen=True, kw_only=True)
class CycleCount:
    """Cycles of a series of B images.

    Attributes:
        first: Cycle in which an image's first item was accepted, shape (B,).
        result: Cycle in which its class was valid, shape (B,).
    """

    first: NDArray[np.int64]
    result: NDArray[np.int64]


def count_cycles(
    layers: tuple[NodeGeometry, ...],
    trace: Trace,
    *,
    single: bool = False,
    advance: Callable[[int], object] = lambda images: None,
) -> CycleCount:
    """Predict the cycles of images that follow each other without stalls.

    Args:
        layers: Sizes of the nodes.
        trace: What the network does with the images.
        single: Offer each image only after the result of the one before, and after all that is
            left of it is through (for its latency); otherwise the input is always offered (for
            the interval).
        advance: Called with the number of images done, from time to time.
    """
    timing = NetworkTiming(layers, trace)
    count = len(trace.inputs)
    first = np.zeros(count, np.int64)
    result = np.zeros(count, np.int64)
    now = 0
    for image in range(count):
        first[image], last = _offer(timing, timing.load(image), now)
        result[image] = timing.result
        now = (max(timing.through, last) if single else last) + 1
        if image % 100 == 99:
            advance(100)
    advance(count % 100)
    return CycleCount(first=first, result=result)


def _offer(timing: NetworkTiming, steps: list[Events], now: int) -> tuple[int, int]:
    """Offer an image from cycle ``now`` on; returns when its first and last item are accepted."""
    entry, first = timing.entry, -1
    for events in steps:
        for address, level in events:
            accepted = entry.push_event(now, address, level)
            if first < 0:
                first = accepted
            now = accepted + 1
        accepted = entry.push_mark(now)
        if first < 0:
            first = accepted
        now = accepted + 1
    return first, accepted

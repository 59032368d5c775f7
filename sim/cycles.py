"""The cycle model: when every event moves, as a recurrence over event lists.

It knows nothing of RTL state. Times are cycles, counted from the first one in which the input is
offered. An item (event or mark) moves on at the earliest cycle that its predecessor, its own
arrival and the place it goes to allow; only sums and maxima occur. Images are taken in order, and
within an image item after item, each followed to the end of what it sets off: a part waits only
for what later parts did with earlier items, which is known by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

from hw.geometry import NodeGeometry
from sim.host import HostTrace
from sim.reference import Trace
from sim.timing.bounds import bound_cycles, bound_cycles_of_layers
from sim.timing.network import Events, NetworkTiming
from sim.timing.result import ResultTiming

__all__ = [
    "CycleCount", "Handshakes", "bound_cycles", "bound_cycles_of_layers", "count_cycles",
    "count_handshakes",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CycleCount:
    """Cycles of a series of B images.

    Attributes:
        first: Cycle in which an image's first item was accepted, shape (B,).
        result: Cycle in which its class was valid, shape (B,).
    """

    first: NDArray[np.int64]
    result: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Handshakes:
    """Cycles in which something moves over the outer streams.

    Attributes:
        accepted: Of each input item, events and marks of all images in order, shape (items,).
        taken: Of each beat of the result, membranes and class, image after image, shape (beats,).
    """

    accepted: NDArray[np.int64]
    taken: NDArray[np.int64]


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
        accepted = _offer(timing, timing.load(image), now, repeat(0))
        first[image], result[image] = accepted[0], timing.result
        now = (max(timing.through, accepted[-1]) if single else accepted[-1]) + 1
        if image % 100 == 99:
            advance(100)
    advance(count % 100)
    return CycleCount(first=first, result=result)


def count_handshakes(layers: tuple[NodeGeometry, ...], trace: Trace, host: HostTrace) -> Handshakes:
    """Predict every handshake of the outer streams with a host that keeps them waiting.

    Args:
        layers: Sizes of the nodes.
        trace: What the network does with the images.
        host: When items are offered and results taken.
    """
    beats = ResultTiming(host.ready)
    timing = NetworkTiming(layers, trace, beats)
    accepted: list[int] = []
    offered = chain(host.offered.tolist(), repeat(0))
    for image in range(len(trace.inputs)):
        now = accepted[-1] + 1 if accepted else 0
        accepted += _offer(timing, timing.load(image), now, offered)
    return Handshakes(accepted=np.array(accepted), taken=np.array(beats.taken))


def _offer(
    timing: NetworkTiming, steps: list[Events], now: int, offered: Iterator[int]
) -> list[int]:
    """Offer an image from cycle ``now`` on; returns when each item is accepted.

    ``offered``: the earliest cycle of each item.
    """
    entry = timing.entry
    accepted = []
    for events in steps:
        for address, level in events:
            now = entry.push_event(max(now, next(offered)), address, level) + 1
            accepted.append(now - 1)
        now = entry.push_mark(max(now, next(offered))) + 1
        accepted.append(now - 1)
    return accepted

"""The cycle model: when every event moves, as a recurrence over event lists.

It knows nothing of RTL state. Times are cycles, counted from the first one in which the input is
offered. An item (event or mark) moves on at the earliest cycle that its predecessor, its own
arrival and the place it goes to allow; only sums and maxima occur. Images are taken in order, and
within an image layer after layer: a layer waits only for what later layers did with earlier
images, which is known by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw.geometry import LayerGeometry
from sim.reference import Trace, event_order

__all__ = ["CycleCount", "bound_cycles", "count_cycles"]


@dataclass(frozen=True, kw_only=True)
class CycleCount:
    """Cycles of a series of B images.

    Attributes:
        first: Cycle in which an image's first item was accepted, shape (B,).
        result: Cycle in which its class was valid, shape (B,).
    """

    first: NDArray[np.int64]
    result: NDArray[np.int64]


def bound_cycles(layers: tuple[LayerGeometry, ...], trace: Trace) -> NDArray[np.int64]:
    """Memory bound of each image: the busiest layer's weight rows, shape (B,)."""
    fired = [part.levels for part in trace.layers if part.levels is not None]
    arriving: list[NDArray[Any]] = [trace.inputs, *fired]
    rows = [
        np.count_nonzero(levels, axis=1) * layer.groups
        for layer, levels in zip(layers, arriving, strict=True)
    ]
    return np.asarray(np.max(rows, axis=0), np.int64)


def count_cycles(
    layers: tuple[LayerGeometry, ...],
    trace: Trace,
    *,
    single: bool = False,
    advance: Callable[[int], object] = lambda images: None,
) -> CycleCount:
    """Predict the cycles of images that follow each other without stalls.

    Args:
        layers: Sizes of the layers.
        trace: What the network does with the images.
        single: Offer each image only after the result of the one before (for its latency);
            otherwise the input is always offered (for the interval).
        advance: Called with the number of images done, from time to time.
    """
    chain = _chain(layers)
    readout = chain[-1].consumer
    assert isinstance(readout, _ReadoutTiming)
    count = len(trace.inputs)
    events_in = np.count_nonzero(trace.inputs, axis=1).tolist()
    first = np.zeros(count, np.int64)
    result = np.zeros(count, np.int64)
    now = 0
    for image in range(count):
        for layer, timing, part in zip(layers, chain, trace.layers, strict=True):
            if isinstance(timing.consumer, _FireTiming):
                assert part.levels is not None
                timing.consumer.spikes = _spikes_by_group(layer, part.levels[image])
        accepted = [chain[0].push_event(now)] if events_in[image] else []
        for _ in range(events_in[image] - 1):
            accepted.append(chain[0].push_event(accepted[-1] + 1))
        mark = chain[0].push_mark(accepted[-1] + 1 if accepted else now)
        first[image] = accepted[0] if accepted else mark
        result[image] = readout.result
        now = (readout.result if single else mark) + 1
        if image % 100 == 99:
            advance(100)
    advance(count % 100)
    return CycleCount(first=first, result=result)


Steps = list[tuple[int, int]]  # (step, how many neurons fire in it), firing steps only


def _spikes_by_group(layer: LayerGeometry, levels: NDArray[np.int64]) -> list[Steps]:
    order = event_order(levels, layer.lanes, layer.steps)
    groups = (order // layer.lanes).tolist()
    times = (layer.steps - levels[order]).tolist()
    found: list[Steps] = [[] for _ in range(layer.groups)]
    for (group, time), same in groupby(zip(groups, times, strict=True)):
        found[group].append((time, sum(1 for _ in same)))
    return found


def _chain(layers: tuple[LayerGeometry, ...]) -> list[_LayerTiming]:
    """One timing model a layer, joined from the last to the first."""
    chain: list[_LayerTiming] = []
    for layer in reversed(layers):
        consumer = _FireTiming(layer, chain[0]) if layer.fires else _ReadoutTiming(layer)
        kind = _ReplayedTiming if layer.groups > 1 else _LayerTiming
        chain.insert(0, kind(layer, consumer))
    return chain


class _ReadoutTiming:
    """hw.readout: one neuron a cycle from the cycle after the handover, then the class."""

    def __init__(self, layer: LayerGeometry):
        self._layer = layer
        self.ready = 0
        self.result = 0

    def handover(self, group: int, time: int) -> None:
        layer = self._layer
        last = group == layer.groups - 1
        scanned = time + (layer.lanes_in_last_group if last else layer.lanes)
        self.ready = scanned + (2 if last else 1)
        self.result = scanned + 2


class _FireTiming:
    """hw.fire: steps of a group are compared in turn; a step waits until its spikes are taken."""

    def __init__(self, layer: LayerGeometry, after: _LayerTiming):
        self._layer = layer
        self._after = after
        self.spikes: list[Steps] = []
        self.ready = 0
        self._taken = -1  # the last spike or mark went into the output register
        self._accepted = -1  # the last one left it

    def handover(self, group: int, time: int) -> None:
        layer = self._layer
        compared = max(time + 1, self._taken)  # when step ``step`` is compared
        step = 0
        for at, count in self.spikes[group]:
            compared += at - step
            taken = compared
            for _ in range(count):
                taken = max(taken + 1, self._accepted)
                self._accepted = self._after.push_event(taken + 1)
            self._taken = taken
            step = at + 1
            last_compared, compared = compared, taken
        if step < layer.steps:
            last_compared = compared + layer.steps - 1 - step
            compared = last_compared + 1
        self.ready = last_compared + 1
        if group == layer.groups - 1:
            self.ready = compared + 1
            self._taken = max(compared + 1, self._accepted)
            self._accepted = self._after.push_mark(self._taken + 1)


class _LayerTiming:
    """hw.integrate behind its stream: a pipeline that only a refused handover freezes."""

    def __init__(self, layer: LayerGeometry, consumer: _FireTiming | _ReadoutTiming):
        self._layer = layer
        self.consumer = consumer
        self._group = 0
        # Cycles in which the pipeline stands, for the last two marks (it can hold two): from the
        # first one up to the one in which it moves again.
        self._frozen = [(0, 0), (0, 0)]

    def _moving(self, time: int) -> int:
        """The first cycle from ``time`` on in which the pipeline moves."""
        for begin, end in self._frozen:
            if begin <= time < end:
                time = end
        return time

    def push_event(self, time: int) -> int:
        """Offer an event from ``time`` on; returns the cycle in which it is accepted."""
        return self._moving(time)

    def push_mark(self, time: int) -> int:
        """Offer a mark from ``time`` on; returns the cycle in which it is accepted."""
        accepted = self._moving(time)
        self._finish_group(accepted)
        return accepted

    def _finish_group(self, accepted: int) -> None:
        """A mark reaches the sum stage two moves later and waits there for the consumer."""
        arrived = self._moving(accepted + 1) + 1
        handed = max(arrived, self.consumer.ready)
        self._frozen = [self._frozen[1], (arrived, handed)]
        group = self._group
        self._group = (group + 1) % self._layer.groups
        self.consumer.handover(group, handed)


class _ReplayedTiming(_LayerTiming):
    """hw.replay before it: a ring that is written once and read once a group."""

    def __init__(self, layer: LayerGeometry, consumer: _FireTiming | _ReadoutTiming):
        super().__init__(layer, consumer)
        self._written: list[int] = []  # cycles in which this image's events were accepted
        self._held = 0  # events in the ring that the writer still sees
        self._waiting: list[tuple[int, int]] = []  # (retired, events) of images it still sees
        self._accepted = -1  # the last item entered the pipeline

    def _forget(self, time: int) -> None:
        """Drop images whose retirement the writer sees in cycle ``time``."""
        while self._waiting and self._waiting[0][0] < time:
            self._held -= self._waiting.pop(0)[1]

    def _room(self, time: int) -> int:
        """The first cycle from ``time`` on in which the ring takes anything."""
        self._forget(time)
        while len(self._waiting) == 2 or self._held == self._layer.buffer_depth:
            time = self._waiting[0][0] + 1
            self._forget(time)
        return time

    def push_event(self, time: int) -> int:
        time = self._room(time)
        self._held += 1
        self._written.append(time)
        return time

    def push_mark(self, time: int) -> int:
        time = self._room(time)
        self._read(time)
        return time

    def _read(self, mark: int) -> None:
        accepted = self._accepted
        for written in self._items(mark):
            issued = max(accepted, written + 1)
            accepted = self._moving(issued + 1)
        self._finish_group(accepted)
        events = len(self._written)
        for _ in range(self._layer.groups - 1):
            issued = self._after_items(accepted, events)
            accepted = self._after_items(accepted, events + 1)
            self._finish_group(accepted)
        self._waiting.append((issued, events))
        self._written = []
        self._accepted = accepted

    def _items(self, mark: int) -> Iterator[int]:
        yield from self._written
        yield mark

    def _after_items(self, time: int, count: int) -> int:
        """When the count-th item enters that follows one of cycle ``time`` without a bubble."""
        reached = time + count
        for begin, end in self._frozen:
            if reached >= begin:
                reached += max(0, end - max(begin, time + 1))
        return reached

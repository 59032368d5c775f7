"""When the parts of a windowed dense layer move: replay, integration, the fire phase, read-out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from hw.geometry import WindowedGeometry
from sim.reference import event_order
from sim.timing.result import ResultTiming
from sim.timing.scan import Receiver

__all__ = ["FireTiming", "ReadoutTiming", "ReplayedTiming", "WindowedTiming", "windowed_timing"]

Steps = list[tuple[int, list[int]]]  # (step, addresses that fire in it), firing steps only


class ReadoutTiming:
    """hw.readout: one neuron a cycle from the cycle after the handover, then the class."""

    def __init__(self, layer: WindowedGeometry, beats: ResultTiming):
        self._layer = layer
        self._beats = beats
        self.ready = 0
        self.result = 0

    def handover(self, group: int, time: int) -> None:
        """A group is handed over in a cycle."""
        layer = self._layer
        last = group == layer.groups - 1
        for _ in range(layer.lanes_in_last_group + 1 if last else layer.lanes):
            time = self._beats.enter(time + 1)
        self.ready = time + 1
        if last:
            self.result = self._beats.taken[-1]


class FireTiming:
    """hw.fire: steps of a group are compared in turn; a step waits until its spikes are taken."""

    def __init__(self, layer: WindowedGeometry, after: Receiver):
        self._layer = layer
        self._after = after
        self._spikes: list[Steps] = []
        self.ready = 0
        self._taken = -1  # the last spike or mark went into the output register
        self._accepted = -1  # the last one left it

    def load(self, levels: NDArray[np.integer]) -> None:
        """What fires in the image that comes next: k of every neuron, shape (neurons,)."""
        layer = self._layer
        order = event_order(levels, layer.lanes, layer.steps)
        groups = (order // layer.lanes).tolist()
        times = (layer.steps - levels[order].astype(np.int64)).tolist()
        self._spikes = [[] for _ in range(layer.groups)]
        found = zip(groups, times, order.tolist(), strict=True)
        for (group, time), same in groupby(found, key=lambda entry: entry[:2]):
            self._spikes[group].append((time, [address for _, _, address in same]))

    def handover(self, group: int, time: int) -> None:
        """A group is handed over in a cycle."""
        layer = self._layer
        compared = max(time + 1, self._taken)  # when step ``step`` is compared
        step = 0
        for at, addresses in self._spikes[group]:
            compared += at - step
            taken = compared
            level = layer.steps - at
            for address in addresses:
                taken = max(taken + 1, self._accepted)
                self._accepted = self._after.push_event(taken + 1, address, level)
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


class WindowedTiming:
    """hw.integrate behind its stream: a pipeline that only a refused handover freezes."""

    def __init__(self, layer: WindowedGeometry, consumer: FireTiming | ReadoutTiming):
        self._layer = layer
        self.consumer = consumer
        self._group = 0
        # Cycles in which the pipeline stands, for the last two marks (it holds two at most): from
        # the first one up to the one in which it moves again.
        self._frozen = [(0, 0), (0, 0)]

    def _moving(self, time: int) -> int:
        """The first cycle from ``time`` on in which the pipeline moves."""
        for begin, end in self._frozen:
            if begin <= time < end:
                time = end
        return time

    def push_event(self, time: int, address: int, level: int) -> int:
        """Offer an event from ``time`` on; returns the cycle in which it is accepted."""
        return self._moving(time)

    def push_mark(self, time: int) -> int:
        """Offer a mark from ``time`` on; returns the cycle in which it is accepted."""
        accepted = self._moving(time)
        self._finish_group(accepted)
        return accepted

    def _finish_group(self, accepted: int) -> None:
        """A mark reaches the sum stage one or two moves later and waits there for the consumer."""
        arrived = accepted + 1
        if self._layer.row_register:
            arrived = self._moving(arrived) + 1
        handed = max(arrived, self.consumer.ready)
        self._frozen = [self._frozen[1], (arrived, handed)]
        group = self._group
        self._group = (group + 1) % self._layer.groups
        self.consumer.handover(group, handed)


class ReplayedTiming(WindowedTiming):
    """hw.replay before it: a ring that is written once and read once a group."""

    def __init__(self, layer: WindowedGeometry, consumer: FireTiming | ReadoutTiming):
        super().__init__(layer, consumer)
        self._written: list[int] = []  # cycles in which this image's events were accepted
        self._held = 0  # events in the ring that the writer still sees
        self._waiting: list[tuple[int, int]] = []  # (retired, events) of images it still sees
        self._moved = -1  # the last item moved from the ring into the output register
        self._accepted = -1  # it entered the pipeline

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

    def push_event(self, time: int, address: int, level: int) -> int:
        """Offer an event from ``time`` on; returns the cycle in which it is accepted."""
        time = self._room(time)
        self._held += 1
        self._written.append(time)
        return time

    def push_mark(self, time: int) -> int:
        """Offer a mark from ``time`` on; returns the cycle in which it is accepted."""
        time = self._room(time)
        self._read(time)
        return time

    def _read(self, mark: int) -> None:
        """An item is fetched when the one before moves, and moves when that one has entered."""
        moved, accepted = self._moved, self._accepted
        for written in self._items(mark):
            fetched = max(moved, written + 1)
            moved = max(fetched + 1, accepted)
            accepted = self._moving(moved + 1)
        self._finish_group(accepted)
        events = len(self._written)
        for _ in range(self._layer.groups - 1):
            fetched = self._after_items(accepted, events - 1) if events else moved
            moved = self._after_items(accepted, events)
            accepted = self._after_items(accepted, events + 1)
            self._finish_group(accepted)
        self._waiting.append((fetched, events))
        self._written = []
        self._moved, self._accepted = moved, accepted

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


def windowed_timing(layer: WindowedGeometry, after: Receiver | ResultTiming) -> WindowedTiming:
    """The timing of a whole layer; ``after`` takes its events, or what is read out."""
    consumer: FireTiming | ReadoutTiming
    if isinstance(after, ResultTiming):
        consumer = ReadoutTiming(layer, after)
    else:
        consumer = FireTiming(layer, after)
    return (ReplayedTiming if layer.groups > 1 else WindowedTiming)(layer, consumer)

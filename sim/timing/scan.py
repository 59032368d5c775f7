"""When the scan of a scatter layer updates its rows, and when its spikes and marks leave."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from hw.scatter.geometry import ScatterGeometry
from sim.timing.readout import StepReadoutTiming

__all__ = ["OwnQueue", "Receiver", "ScanTiming"]

Spikes = Sequence[tuple[int, int]]  # (wire address, level), ascending


class Receiver(Protocol):
    """Whatever takes a stream of events: offered from ``time`` on; returns when it is accepted."""

    def push_event(self, time: int, address: int, level: int) -> int:
        """Offer an event."""
        ...

    def push_mark(self, time: int) -> int:
        """Offer the mark that ends a step (windowed: an image)."""
        ...


class OwnQueue(Protocol):
    """Takes a recurrent layer's spikes, in the very cycle; it only notes them down.

    (What it makes of them happens after :meth:`ScanTiming.close` has returned.)
    """

    def own_event(self, time: int, address: int) -> None:
        """The layer's own spike."""
        ...

    def own_mark(self, time: int) -> None:
        """The mark of the layer's own step."""
        ...


class ScanTiming:
    """hw.scatter.scan: a row a cycle, or a cycle for each of its spikes, and the mark at the end.

    Args:
        geometry: The layer.
        after: What takes its events; for the output layer, the read-out.
        own: What takes its spikes once more (recurrent layers only).
    """

    def __init__(
        self,
        geometry: ScatterGeometry,
        after: Receiver | StepReadoutTiming,
        own: OwnQueue | None = None,
    ):
        self._geometry = geometry
        self._after = after
        self._own = own
        self._steps: Sequence[Spikes] = ()
        self._step = 0
        self._freed = -1
        self._row_left = -1  # the read-out took the last row
        self._entered = -1  # the last item went into the output register
        self._sends = not geometry.output or own is not None
        divides = geometry.windowed and not geometry.is_pool
        self._depth = 1 + (geometry.levels_out.bit_length() if divides else 0)
        # When the last items left: an item enters as soon as ``depth`` before it have.
        self._left = deque([-1] * self._depth, maxlen=self._depth)

    def load(self, steps: Sequence[Spikes]) -> None:
        """What fires in the image that comes next: for each own step (windowed: one) its spikes.

        The output layer needs none, unless it is recurrent.
        """
        self._steps = steps

    def close(self, time: int, first: bool, last: bool) -> int:
        """A bank is closed from cycle ``time`` on; returns the cycle in which it is freed.

        Spikes and marks are pushed on. ``first`` and ``last``: of its image's steps.
        """
        self._step = 0 if first else self._step + 1
        taken = max(time, self._freed + 1)
        rows = self._by_row()
        final = self._geometry.rows - 1
        # Row ``at`` is updated in cycle ``updated``; those between do nothing but take a cycle.
        at, updated = 0, self._room(taken + 1)
        for row, spikes in rows.items():
            updated += row - at
            if isinstance(self._after, StepReadoutTiming):
                self._row_left = self._after.push_row(updated + 1, row == final, last)
            for address, level in spikes:
                self._send(updated + 1, address, level)
            if row == final:
                break
            at, updated = row + 1, self._room(updated + 1)
        self._send_mark(updated + 1)
        self._freed = updated
        return updated

    def _room(self, time: int) -> int:
        """The first cycle from ``time`` on in which a row can be handed on."""
        return max(time, self._entered, self._row_left)

    def _by_row(self) -> dict[int, list[tuple[int, int]]]:
        """Spikes of the step by row: of rows that have any, and of the last one."""
        g = self._geometry
        every = range(g.rows if g.output else 0)  # the read-out gets every row
        rows: dict[int, list[tuple[int, int]]] = {row: [] for row in every}
        if self._sends:
            for address, level in self._steps[self._step]:
                position, channel = divmod(address, g.out_shape[0])
                group, within = divmod(channel, g.channels_per_group)
                row = position * g.block_rows + group * g.blocks + within // g.lanes
                rows.setdefault(row, []).append((address, level))
        rows.setdefault(g.rows - 1, [])
        return rows

    def _send(self, time: int, address: int, level: int) -> None:
        """An event enters the output register, from ``time`` on, and leaves."""
        entered = self._enter(time)
        if self._own is not None:
            self._own.own_event(entered, address)
        if isinstance(self._after, StepReadoutTiming):
            self._left.append(entered + 1)
        else:
            offered = max(entered + self._depth, self._left[-1] + 1)
            self._left.append(self._after.push_event(offered, address, level))

    def _send_mark(self, time: int) -> None:
        if not self._sends:
            return
        entered = self._enter(time)
        if self._own is not None:
            self._own.own_mark(entered)
        if isinstance(self._after, StepReadoutTiming):
            self._left.append(entered + 1)
        else:
            offered = max(entered + self._depth, self._left[-1] + 1)
            self._left.append(self._after.push_mark(offered))

    def _enter(self, time: int) -> int:
        self._entered = max(time, self._entered + 1, self._left[0])
        return self._entered

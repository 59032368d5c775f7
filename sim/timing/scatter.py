"""When a scatter layer takes its events, and when it closes a bank of sums.

An item's way is a chain of parts, each with the same two methods; a part that holds items waits for
the part after it. The walk over an event's rows is one number: how many cycles it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hw.scatter.decode import reaches
from hw.scatter.geometry import ScatterGeometry
from sim.timing.own import OwnTiming
from sim.timing.readout import StepReadoutTiming
from sim.timing.scan import Receiver, ScanTiming, Spikes
from sim.timing.taps import TapsTiming

__all__ = ["ScatterTiming", "rows_reached"]


class Scan(Protocol):
    """Takes closed banks."""

    def close(self, time: int, first: bool, last: bool) -> int:
        """A bank is closed from cycle ``time`` on; returns the cycle in which it is freed."""
        ...


def rows_reached(geometry: ScatterGeometry) -> list[int]:
    """Rows that an event of each wire address reaches (without zero-row skipping)."""
    g = geometry
    if g.dense:
        return [g.blocks] * g.fan_in
    lines, columns = (
        [reach.count for reach in reaches(*axis)]
        for axis in zip(g.in_shape[1:], g.out_shape[1:], g.kernel, g.stride, g.padding, strict=True)
    )
    return [
        line * column * g.blocks
        for line in lines for column in columns for _ in range(g.in_shape[0])
    ]  # fmt: skip


class ScatterTiming:
    """hw.scatter.layer: the front half, and the scan behind it.

    Args:
        geometry: The layer.
        after: What takes its events; for the output layer, the read-out.
        stored: Where zero rows are skipped: the rows stored of each wire address.
    """

    def __init__(
        self,
        geometry: ScatterGeometry,
        after: Receiver | StepReadoutTiming,
        stored: Sequence[int] | None = None,
    ):
        own = OwnTiming(geometry) if geometry.recurrent_bits else None
        self.scan = ScanTiming(geometry, after, own)
        self._entry = front_timing(geometry, self.scan, own, stored)

    def load(self, steps: Sequence[Spikes]) -> None:
        """What fires in the image that comes next, step by step (see :class:`ScanTiming`)."""
        self.scan.load(steps)

    def push_event(self, time: int, address: int, level: int) -> int:
        """Offer an event from ``time`` on; returns the cycle in which it is accepted."""
        return self._entry.push_event(time, address, level)

    def push_mark(self, time: int) -> int:
        """Offer a mark from ``time`` on; returns the cycle in which it is accepted."""
        return self._entry.push_mark(time)


def front_timing(
    geometry: ScatterGeometry, scan: Scan, own: OwnTiming | None, stored: Sequence[int] | None
) -> Receiver:
    """The front half of a layer, from its first part on (hw.scatter.front)."""
    entry: Receiver = _ExpandTiming(geometry, scan, stored or rows_reached(geometry))
    if own is not None:
        own.join(entry)
        entry = own
    if geometry.taps:
        return TapsTiming(geometry, entry)
    if geometry.steps > geometry.steps_in:
        return _MarksTiming(geometry, entry)
    return entry


class _ExpandTiming:
    """hw.scatter.expand (or lookup) and the banks of hw.scatter.accumulate."""

    def __init__(self, geometry: ScatterGeometry, scan: Scan, rows: Sequence[int]):
        self._geometry = geometry
        self._scan = scan
        self._rows = rows
        # Registers before the walk: when their items last went on.
        stages = 1 if geometry.skip_rows else 0 if geometry.dense else 2
        self._left = [-1] * stages
        self._done = -1  # the walk's item gave its last operation
        self._step = 0
        self._freed = [-1, -1]  # the last two banks
        self._open = 0  # from this cycle on the bank takes operations

    def push_event(self, time: int, address: int, level: int) -> int:
        planes = level.bit_count() if self._geometry.graded == "bitplane" else 1
        return self._push(time, self._rows[address] * planes)

    def push_own(self, time: int) -> int:
        """Offer an own spike: all rows, once."""
        return self._push(time, self._geometry.blocks)

    def _push(self, time: int, operations: int) -> int:
        accepted, taken = self._through(time)
        if operations:
            self._done = max(taken + 1, self._open) + operations - 1
        else:
            self._done = taken + 1
        return accepted

    def push_mark(self, time: int) -> int:
        accepted, taken = self._through(time)
        self._done = max(taken + 1, self._open)
        first, last = self._step == 0, self._step == self._geometry.steps - 1
        self._step = 0 if last else self._step + 1
        freed = self._scan.close(self._done + 2, first, last)
        self._freed = [self._freed[1], freed]
        self._open = self._freed[0] + 1
        return accepted

    def _through(self, time: int) -> tuple[int, int]:
        """Cycles in which an item is accepted, and in which the walk takes it."""
        entered = []
        for left in self._left:
            time = max(time, left)
            entered.append(time)
            time += 1
        taken = max(time, self._done)
        # An item leaves a register as it enters the next one.
        self._left = [*entered[1:], taken] if entered else []
        return (entered[0] if entered else taken), taken


class _MarksTiming:
    """hw.scatter.marks: further marks after an image's last, while the input waits."""

    def __init__(self, geometry: ScatterGeometry, after: Receiver):
        self._geometry = geometry
        self._after = after
        self._step = 0
        self._open = 0

    def push_event(self, time: int, address: int, level: int) -> int:
        return self._after.push_event(max(time, self._open), address, level)

    def push_mark(self, time: int) -> int:
        accepted = self._after.push_mark(max(time, self._open))
        self._step += 1
        if self._step == self._geometry.steps_in:
            self._step = 0
            further = accepted
            for _ in range(self._geometry.steps - self._geometry.steps_in):
                further = self._after.push_mark(further + 1)
            self._open = further + 1
        return accepted

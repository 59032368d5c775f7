"""Average pooling by address: an event goes on once for each window that it lies in."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.graph.geometry import PoolMapGeometry
from hw.probe import probe_layout
from hw.scatter.quotient import quotient
from hw.streams import event_stream
from hw.widths import address_bits

__all__ = ["AvgPoolMap"]


class AvgPoolMap(wiring.Component):
    """Turns input addresses into those of the pooled neurons; levels stay, marks pass.

    The pooled neurons of an event come in ascending order, one a cycle; an event outside all
    windows takes one cycle and sends nothing. The first leaves two cycles after the event came in.

    Members:
        i: In(event_stream). Events of a map, addresses ``(h * W + w) * C + c``.
        o: Out(event_stream). Events of the pooled map.
        probe: Out(probe_layout). ``handover`` counts the items that came in.
        active: Out(1). A register may change in this cycle.
    """

    def __init__(self, geometry: PoolMapGeometry):
        self._geometry = geometry
        signature = event_stream(geometry.fan_in, geometry.levels)
        out = event_stream(geometry.width, geometry.levels)
        super().__init__(
            {"i": In(signature), "o": Out(out), "probe": Out(probe_layout()), "active": Out(1)}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        channels, height, width = self._geometry.in_shape
        valid, last = Signal(), Signal()
        place = Signal(range(max(2, height * width)), reset_less=True)
        channel = Signal(range(max(2, channels)), reset_less=True)
        level = Signal.like(self.i.p.level, reset_less=True)
        taken = Signal()
        moves = Signal()  # the item of the first stage goes into the second
        free = self._add_windows(m, last, place, channel, level, moves)
        position, rest = quotient(m, "place", self.i.p.address, self._geometry.fan_in, channels)
        m.d.comb += [
            moves.eq(valid & free),
            self.i.ready.eq(~valid | free),
            taken.eq(self.i.valid & self.i.ready),
            self.probe.handover.eq(taken),
        ]
        with m.If(self.i.ready):
            m.d.sync += valid.eq(self.i.valid)
        with m.If(taken):
            m.d.sync += [
                last.eq(self.i.p.last),
                level.eq(self.i.p.level),
                place.eq(position),
                channel.eq(rest),
            ]
        return m

    def _add_windows(
        self, m: Module, last: Signal, place: Signal, channel: Signal,
        level: Signal, moves: Signal,
    ) -> Signal:  # fmt: skip
        """The second stage walks over the pooled neurons; returns whether it can take an item."""
        geometry = self._geometry
        channels, height, width = geometry.in_shape
        pooled = geometry.out_shape
        row, column = quotient(m, "row", place, height * width, width)
        first_row, rows = _table(geometry, height, pooled[1], row)
        first_column, columns = _table(geometry, width, pooled[2], column)

        holds, empty, free = Signal(), Signal(), Signal()
        most = geometry.kernel
        begin = Signal(range(max(2, pooled[1] * pooled[2])), reset_less=True)
        across, rows_left, columns_all = (Signal(range(most + 1)) for _ in range(3))
        held_channel, held_level = Signal.like(channel), Signal.like(level)
        held_last = Signal()
        at_end = Signal()
        m.d.comb += [
            self.active.eq(self.i.valid | moves | holds),
            self.o.valid.eq(holds & ~empty),
            self.o.p.last.eq(held_last),
            at_end.eq(held_last | ((across == columns_all - 1) & (rows_left == 1))),
            free.eq(~holds | empty | (self.o.ready & at_end)),
        ]
        with m.If(~held_last):
            m.d.comb += [
                self.o.p.address.eq((begin + across) * channels + held_channel),
                self.o.p.level.eq(held_level),
            ]
        with m.If(moves):
            m.d.sync += [
                holds.eq(1),
                empty.eq(~last & ((rows == 0) | (columns == 0))),
                held_last.eq(last),
                held_channel.eq(channel),
                held_level.eq(level),
                begin.eq(first_row * pooled[2] + first_column),
                across.eq(0),
                rows_left.eq(rows),
                columns_all.eq(columns),
            ]
        with m.Elif(free):
            m.d.sync += holds.eq(0)
        with m.Elif(self.o.ready):
            m.d.sync += across.eq(across + 1)
            with m.If(across == columns_all - 1):
                m.d.sync += [
                    across.eq(0),
                    rows_left.eq(rows_left - 1),
                    begin.eq(begin + pooled[2]),
                ]
        return free


def _table(geometry: PoolMapGeometry, extent: int, pooled: int, place: Signal) -> tuple[Any, Any]:
    """First pooled row (column) and how many there are, looked up for a row (column)."""
    windows = [geometry.window(n, pooled) for n in range(extent)]
    bits = address_bits(pooled)
    counts = geometry.kernel.bit_length()
    return (
        Array(Const(first, bits) for first, _ in windows)[place],
        Array(Const(count, counts) for _, count in windows)[place],
    )

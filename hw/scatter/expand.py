"""From an event to the rows that it reaches: one row a cycle, without a bubble between events."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.scatter.decode import Decode, start_stream
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.items import item_stream, op_stream
from hw.scatter.planes import Planes
from hw.widths import address_bits

__all__ = ["Expand", "Walk"]


class Walk(wiring.Component):
    """Nested loops over bit planes, output rows, output columns and blocks of lanes.

    Output coordinates ascend, so kernel offsets fall. An item is taken in the cycle in which the
    last row of the one before is issued; its own first row is offered in the next cycle. An event
    that reaches nothing takes one cycle, whether or not ``o`` is ready.

    Members:
        i: In(start_stream). Decoded items.
        o: Out(op_stream). For each event its rows, lowest bit plane first; marks as they are.
        active: Out(1). A register may change in this cycle.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = geometry
        super().__init__(
            {"i": In(start_stream(geometry)), "o": Out(op_stream(geometry)), "active": Out(1)}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        valid, take, move = Signal(), Signal(), Signal()
        idle = Signal()  # an event without rows
        last_turn = Signal()  # no row follows but, at most, those of further planes
        item = Signal(self.i.p.shape(), reset_less=True)
        row = Signal(len(self.i.p.row), reset_less=True)
        weight = Signal(len(self.i.p.weight), reset_less=True)
        m.submodules.planes = planes = Planes(self._geometry)
        m.d.comb += [
            planes.take.eq(take),
            planes.i.eq(self.i.p.level),
            planes.turn.eq(move & last_turn),
            idle.eq(0 if self._geometry.dense else ~item.last & (item.lines == 0)),
            self.o.valid.eq(valid & ~idle),
            move.eq(valid & (idle | self.o.ready)),
            self.i.ready.eq(~valid | (move & (item.last | idle | (last_turn & ~planes.more)))),
            take.eq(self.i.valid & self.i.ready),
            self.active.eq(valid | self.i.valid),
            self.o.p.last.eq(item.last),
            self.o.p.own.eq(item.own),
            self.o.p.tap.eq(item.tap),
            self.o.p.level.eq(planes.level),
            self.o.p.plane.eq(planes.plane),
            self.o.p.row.eq(row),
            self.o.p.weight.eq(weight),
        ]
        with m.If(self.i.ready):
            m.d.sync += valid.eq(self.i.valid)
        self._add_loops(m, item, take, move, last_turn, row, weight)
        return m

    def _add_loops(
        self, m: Module, item: Any, take: Signal, move: Signal, last_turn: Signal, row: Signal,
        weight: Signal,
    ) -> None:  # fmt: skip
        geometry = self._geometry
        blocks = geometry.blocks
        block = Signal(address_bits(blocks), reset_less=True)
        line = Signal(len(item.lines), reset_less=True)
        column = Signal(len(item.columns), reset_less=True)
        line_row = Signal.like(row, name="line_row")
        line_weight = Signal.like(weight, name="line_weight")
        last_block, last_column, last_line = Signal(), Signal(), Signal()
        m.d.comb += [
            last_block.eq(block == blocks - 1),
            last_column.eq(1 if geometry.dense else column == 1),
            last_line.eq(1 if geometry.dense else line == 1),
            last_turn.eq(last_block & last_column & last_line),
        ]
        down_row = geometry.out_shape[2] * geometry.block_rows
        down_weight = geometry.stride[0] * geometry.kernel[1] * blocks
        with m.If(take):
            m.d.sync += [
                item.eq(self.i.p), block.eq(0), line.eq(self.i.p.lines),
                column.eq(self.i.p.columns), row.eq(self.i.p.row), weight.eq(self.i.p.weight),
                line_row.eq(self.i.p.row), line_weight.eq(self.i.p.weight),
            ]  # fmt: skip
        with m.Elif(move & ~last_block):
            m.d.sync += [block.eq(block + 1), row.eq(row + 1), weight.eq(weight + 1)]
        with m.Elif(move & ~last_column):
            m.d.sync += [
                block.eq(0),
                column.eq(column - 1),
                row.eq(row + geometry.block_rows - (blocks - 1)),
                weight.eq(weight - geometry.stride[1] * blocks - (blocks - 1)),
            ]
        with m.Elif(move & ~last_line):
            m.d.sync += [
                block.eq(0), column.eq(item.columns), line.eq(line - 1),
                row.eq(line_row + down_row), line_row.eq(line_row + down_row),
                weight.eq(line_weight - down_weight), line_weight.eq(line_weight - down_weight),
            ]  # fmt: skip
        with m.Elif(move):  # the next bit plane starts over
            m.d.sync += [
                block.eq(0), line.eq(item.lines), column.eq(item.columns), row.eq(item.row),
                weight.eq(item.weight), line_row.eq(item.row), line_weight.eq(item.weight),
            ]  # fmt: skip


class Expand(wiring.Component):
    """Decoding, where a map needs it, and the walk over the rows.

    Members:
        i: In(item_stream). Events with wire addresses, and marks.
        o: Out(op_stream). Operations. An item's first is offered one cycle after it was accepted
            (dense), or three (maps); an event takes as many cycles as it has operations, one at
            least, a mark one.
        active: Out(1). A register may change in this cycle.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = geometry
        super().__init__(
            {"i": In(item_stream(geometry)), "o": Out(op_stream(geometry)), "active": Out(1)}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.walk = walk = Walk(self._geometry)
        connect(m, walk.o, flipped(self.o))
        if self._geometry.dense:
            m.d.comb += [
                self.active.eq(walk.active),
                walk.i.valid.eq(self.i.valid),
                self.i.ready.eq(walk.i.ready),
                walk.i.p.weight.eq(self.i.p.address * self._geometry.blocks),
            ]
            m.d.comb += [
                walk.i.p[key].eq(self.i.p[key]) for key, _ in self.i.p.shape() if key != "address"
            ]
        else:
            m.submodules.decode = decode = Decode(self._geometry)
            connect(m, flipped(self.i), decode.i)
            connect(m, decode.o, walk.i)
            m.d.comb += self.active.eq(decode.active | walk.active)
        return m

"""Skipping zero rows: an index says which rows of an address are stored, and where they begin."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.scatter.content import base_bits
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.items import item_stream, op_stream
from hw.scatter.onehot import binary
from hw.scatter.planes import Planes
from hw.widths import address_bits

__all__ = ["Lookup"]


class Lookup(wiring.Component):
    """From a dense layer's event to its stored rows: reads the index, then visits the set bits.

    An item's first operation is offered two cycles after it was accepted. The next item follows in
    the cycle after an item's last operation; an event without stored rows takes one cycle.

    Members:
        i: In(item_stream). Events and marks.
        o: Out(op_stream). For each event its stored rows, ascending; marks as they are.
        index_re: Out(1), index_row: Out. Reads the index word of an address.
        index: In. That word one cycle later, kept until the next read: a bit for each block, above
            them the first stored row.
        active: Out(1). A register may change in this cycle.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = geometry
        super().__init__(
            {
                "i": In(item_stream(geometry)),
                "o": Out(op_stream(geometry)),
                "active": Out(1),
                "index_re": Out(1),
                "index_row": Out(address_bits(geometry.fan_in)),
                "index": In(geometry.blocks + base_bits(geometry)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        g = self._geometry
        waits, valid = Signal(), Signal()
        first = Signal(self.i.p.shape(), reset_less=True)
        second = Signal(self.i.p.shape(), reset_less=True)
        free, take = Signal(), Signal()  # the second stage takes what waits, if anything does
        mask, base = Signal(g.blocks), Signal(len(self.o.p.weight))
        m.d.comb += [
            self.i.ready.eq(~waits | free),
            self.index_re.eq(self.i.valid & self.i.ready & ~self._is_plain(self.i.p)),
            self.index_row.eq(self.i.p.address),
            take.eq(waits & free),
            self.active.eq(self.i.valid | waits | valid),
            mask.eq(self.index[: g.blocks]),
            base.eq(self.index[g.blocks :]),
        ]
        if g.recurrent_bits:
            with m.If(first.own):
                m.d.comb += [mask.eq((1 << g.blocks) - 1), base.eq(first.address * g.blocks)]
        with m.If(self.i.ready):
            m.d.sync += waits.eq(self.i.valid)
            with m.If(self.i.valid):
                m.d.sync += first.eq(self.i.p)
        with m.If(free):
            m.d.sync += valid.eq(waits)
            with m.If(waits):
                m.d.sync += second.eq(first)
        self._add_walk(m, valid, first, second, take, free, mask, base)
        return m

    def _is_plain(self, item: Any) -> Any:
        """Needs no index: a mark or an own spike."""
        return item.last | item.own if self._geometry.recurrent_bits else item.last

    def _add_walk(
        self, m: Module, valid: Signal, waiting: Any, item: Any, take: Signal, free: Signal,
        mask: Signal, base: Signal,
    ) -> None:  # fmt: skip
        pending, rest, lowest = (Signal.like(mask, name=n) for n in ("pending", "rest", "lowest"))
        all_rows = Signal.like(mask, reset_less=True)
        weight = Signal.like(base, reset_less=True)
        first_weight = Signal.like(base, reset_less=True)
        idle, move = Signal(), Signal()
        m.submodules.planes = planes = Planes(self._geometry)
        m.d.comb += [
            planes.take.eq(take),
            planes.i.eq(waiting.level),
            planes.turn.eq(move & (rest == 0)),
            self.o.p.level.eq(planes.level),
            self.o.p.plane.eq(planes.plane),
            idle.eq(~item.last & (pending == 0)),
            rest.eq(pending & (pending - 1)),
            lowest.eq(pending & ~rest),
            self.o.valid.eq(valid & ~idle),
            move.eq(valid & (idle | self.o.ready)),
            free.eq(~valid | (move & (item.last | idle | ((rest == 0) & ~planes.more)))),
            self.o.p.last.eq(item.last),
            self.o.p.own.eq(item.own),
            self.o.p.tap.eq(item.tap),
            self.o.p.row.eq(binary(lowest)),
            self.o.p.weight.eq(weight),
        ]
        with m.If(take):
            m.d.sync += [
                pending.eq(mask), all_rows.eq(mask), weight.eq(base), first_weight.eq(base)
            ]  # fmt: skip
        with m.Elif(move & (rest != 0)):
            m.d.sync += [pending.eq(rest), weight.eq(weight + 1)]
        with m.Elif(move):  # the next bit plane starts over
            m.d.sync += [pending.eq(all_rows), weight.eq(first_weight)]

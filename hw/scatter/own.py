"""A layer's own spikes, kept for its next step and played after that step's other events."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.ram import Ram
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.items import item_stream
from hw.streams import event_stream
from hw.widths import address_bits

__all__ = ["OwnMerge", "OwnQueue"]


class OwnQueue(wiring.Component):
    """Keeps the spikes of one step; those of an image's last step are dropped.

    A spike or mark that comes in cycle c is offered in c + 2 at the earliest, then one a cycle. The
    next step's spikes come only after the mark has left (its bank closes later), so the memory is
    filled from the start each time.

    Members:
        i: In(event_stream). Spikes of each step and its mark; always ready.
        o: Out(event_stream). The same, without the last step of each image.
        wrote, read: Out(1). A spike is written, or read, in this cycle (for counting).
        active: Out(1). A register or the memory may change in this cycle.

    Memory: one RAM of ``width`` addresses with a read and a write port.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = geometry
        signature = event_stream(geometry.width, 1)
        flags = dict.fromkeys(("wrote", "read", "active"), Out(1))
        super().__init__({"i": In(signature), "o": Out(signature), **flags})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        width, steps = self._geometry.width, self._geometry.steps
        bits = address_bits(width)
        m.submodules.ram = ram = Ram(width=bits, depth=width, grain=bits)
        step = Signal(range(max(2, steps)))
        written, played = Signal(range(width + 1)), Signal(range(width + 1))
        complete, mark, wanted, move = (Signal() for _ in range(4))
        m.d.comb += [
            self.i.ready.eq(1),
            wanted.eq(self.i.valid & (step != steps - 1)),
            ram.we.eq(wanted & ~self.i.p.last),
            ram.wa.eq(written),
            ram.wd.eq(self.i.p.address),
            move.eq(~self.o.valid | self.o.ready),
            ram.re.eq(move & (played != written)),
            ram.ra.eq(played),
            self.o.p.last.eq(mark),
            self.o.p.level.eq(~mark),
            self.o.p.address.eq(Mux(mark, 0, ram.rd)),
            self.wrote.eq(ram.we),
            self.read.eq(ram.re),
            self.active.eq(self.i.valid | (written != 0) | complete | self.o.valid),
        ]
        with m.If(self.i.valid & self.i.p.last):
            m.d.sync += step.eq(Mux(step == steps - 1, 0, step + 1))
        with m.If(ram.we):
            m.d.sync += written.eq(written + 1)
        with m.If(wanted & self.i.p.last):
            m.d.sync += complete.eq(1)
        with m.If(move):
            m.d.sync += [self.o.valid.eq(ram.re | complete), mark.eq(~ram.re)]
            with m.If(ram.re):
                m.d.sync += played.eq(played + 1)
            with m.Elif(complete):
                m.d.sync += [complete.eq(0), written.eq(0), played.eq(0)]
        return m


class OwnMerge(wiring.Component):
    """Holds each step's mark back until the own spikes of the step before have passed.

    No latency: what may pass is offered in the cycle in which it comes. Own spikes pass while a
    mark waits; the mark goes on in the cycle in which the own mark is there. Step 0 has none.

    Members:
        i: In(item_stream). Events of the source and ``steps`` marks an image.
        own: In(event_stream). Spikes and mark of each step but the last.
        o: Out(item_stream). Both, own spikes marked so.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = geometry
        item = item_stream(geometry)
        super().__init__(
            {"i": In(item), "own": In(event_stream(geometry.width, 1)), "o": Out(item)}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        steps = self._geometry.steps
        step = Signal(range(max(2, steps)))
        held = Signal()  # a mark waits for own spikes
        closing = Signal()
        m.d.comb += [
            held.eq(self.i.valid & self.i.p.last & (step != 0)),
            closing.eq(self.i.valid & self.i.p.last & self.i.ready),
        ]
        with m.If(held & ~(self.own.valid & self.own.p.last)):
            m.d.comb += [
                self.o.valid.eq(self.own.valid),
                self.o.p.own.eq(1),
                self.o.p.level.eq(1),
                self.o.p.address.eq(self.own.p.address),
                self.own.ready.eq(self.o.ready),
            ]
        with m.Else():
            m.d.comb += [
                self.o.valid.eq(self.i.valid),
                self.o.p.eq(self.i.p),
                self.i.ready.eq(self.o.ready),
                self.own.ready.eq(held & self.o.ready),
            ]
        with m.If(closing):
            m.d.sync += step.eq(Mux(step == steps - 1, 0, step + 1))
        return m

"""Marks for the steps that a layer runs beyond its source's last one."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.scatter.geometry import ScatterGeometry
from hw.scatter.items import item_stream

__all__ = ["Marks"]


class Marks(wiring.Component):
    """Passes an image's items on and adds ``steps - steps_in`` marks; the input waits meanwhile.

    No latency: what comes in is offered in the same cycle; an added mark takes one cycle.

    Members:
        i: In(item_stream). ``steps_in`` marks an image.
        o: Out(item_stream). ``steps`` marks an image.
        active: Out(1). A register may change in this cycle.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = geometry
        item = item_stream(geometry)
        super().__init__({"i": In(item), "o": Out(item), "active": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        steps_in = self._geometry.steps_in
        extra = self._geometry.steps - steps_in
        assert extra > 0, "a layer without further steps needs no marks"
        seen = Signal(range(max(2, steps_in)))
        left = Signal(range(extra + 1))
        m.d.comb += self.active.eq(self.i.valid | (left != 0))
        with m.If(left == 0):
            m.d.comb += [
                self.o.valid.eq(self.i.valid),
                self.o.p.eq(self.i.p),
                self.i.ready.eq(self.o.ready),
            ]
            with m.If(self.i.valid & self.i.p.last & self.o.ready):
                ended = seen == steps_in - 1
                m.d.sync += [seen.eq(Mux(ended, 0, seen + 1)), left.eq(Mux(ended, extra, 0))]
        with m.Else():
            m.d.comb += [self.o.valid.eq(1), self.o.p.last.eq(1)]
            with m.If(self.o.ready):
                m.d.sync += left.eq(left - 1)
        return m

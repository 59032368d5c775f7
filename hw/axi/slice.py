"""A register stage for a stream, both directions cut."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Slice"]


class Slice(wiring.Component):
    """Two places of buffer: no output depends on an input of the same cycle.

    Members:
        i: In(stream). Items.
        o: Out(stream). The same items, one cycle later or more.

    Latency: 1 cycle. Throughput: an item a cycle. Reset: empty.
    """

    def __init__(self, shape: Any):
        self._shape = shape
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spare, waiting = Signal(self._shape), Signal()
        m.d.comb += self.i.ready.eq(~waiting)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [waiting.eq(0), self.o.valid.eq(waiting | self.i.valid)]
            with m.If(waiting):
                m.d.sync += self.o.payload.eq(spare)
            with m.Elif(self.i.valid):
                m.d.sync += self.o.payload.eq(self.i.payload)
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += [waiting.eq(1), spare.eq(self.i.payload)]
        return m

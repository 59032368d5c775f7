"""A link that can be held back from outside, to try every layer under stalls."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["StallGate"]


class StallGate(wiring.Component):
    """Passes a stream on, except in cycles in which it is held; never part of a product.

    An item that was offered stays offered, whatever ``held`` does, so the rules of streams hold.
    Latency 0, throughput one item a cycle while nothing is held.

    Members:
        i: In(signature). The stream as the producer gives it.
        o: Out(signature). The stream as the consumer sees it.
        held: In(1). Nothing new is offered in this cycle.
    """

    def __init__(self, signature: stream.Signature):
        super().__init__({"i": In(signature), "o": Out(signature), "held": In(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        offered = Signal()
        passes = Signal()
        m.d.comb += [
            passes.eq(offered | ~self.held),
            self.o.p.eq(self.i.p),
            self.o.valid.eq(self.i.valid & passes),
            self.i.ready.eq(self.o.ready & passes),
        ]
        m.d.sync += offered.eq(self.o.valid & ~self.o.ready)
        return m

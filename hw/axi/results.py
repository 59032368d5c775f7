"""Between the accelerator's result and the AXI4-Stream output: every packet ends with TLAST."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.axi.gate import beat_layout
from hw.interface import Field

__all__ = ["Results"]


class Results(wiring.Component):
    """Sets TLAST on the class; ends the packet of a result that was cut off.

    Members:
        i: In(stream of width bits). From the accelerator.
        o: Out(stream of beat_layout). To the AXI4-Stream output.
        drop: In(1). The accelerator is emptied at the end of this cycle; what it may offer in the
            next one is not taken.
        done: Out(1). A class passes in this cycle.

    A packet whose class never came is ended by a beat that is all 0 (so its mark bit is 0, too).
    Latency: 0. Throughput: a beat a cycle. Reset: between packets.
    """

    def __init__(self, width: int, last: Field):
        self._last = last
        super().__init__(
            {
                "i": In(stream.Signature(width)), "o": Out(stream.Signature(beat_layout(width))),
                "drop": In(1), "done": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        last = self.i.payload[self._last.shift]
        open_, after, cut, hold = Signal(), Signal(), Signal(), Signal()
        m.d.comb += after.eq(open_)
        m.d.sync += hold.eq(self.drop)
        with m.If(cut):
            m.d.comb += [self.o.valid.eq(1), self.o.p.last.eq(1), self.o.p.item.eq(0)]
            with m.If(self.o.ready):
                m.d.comb += after.eq(0)
                m.d.sync += cut.eq(0)
        with m.Elif(~hold):
            m.d.comb += [
                self.o.valid.eq(self.i.valid),
                self.o.p.last.eq(last),
                self.o.p.item.eq(self.i.payload),
                self.i.ready.eq(self.o.ready),
            ]
            with m.If(self.i.valid & self.o.ready):
                m.d.comb += [after.eq(~last), self.done.eq(last)]
        m.d.sync += open_.eq(after)
        with m.If(self.drop):
            m.d.sync += cut.eq(after)
        return m

"""Keeps a number of events and marks in a RAM, in order."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.ram import Ram
from hw.streams import event_stream
from hw.widths import address_bits

__all__ = ["EventFifo"]


class EventFifo(wiring.Component):
    """A queue of items, events and marks alike; one comes in and one leaves in a cycle.

    An item leaves two cycles after it came in, or later. The item that is offered no longer counts
    as held. Ready never hangs on the payload or on what the reader does in the same cycle.

    Members:
        i: In(event_stream). What is kept.
        o: Out(event_stream). The same, later.
        wrote, read: Out(1). The RAM is written, or read, in this cycle (for counting).
        active: Out(1). A register or the RAM may change in this cycle.

    Memory: one RAM of ``depth`` items with a read and a write port.
    """

    def __init__(self, addresses: int, levels: int, depth: int):
        self._depth = depth
        signature = event_stream(addresses, levels)
        super().__init__(
            {
                "i": In(signature),
                "o": Out(signature),
                "wrote": Out(1),
                "read": Out(1),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        depth = self._depth
        width = len(self.i.p.as_value())
        m.submodules.ram = ram = Ram(width=width, depth=depth, grain=width)
        write = Signal(address_bits(depth))
        read = Signal.like(write)
        held = Signal(range(depth + 1))
        m.d.comb += [
            self.i.ready.eq(held != depth),
            self.wrote.eq(self.i.valid & self.i.ready),
            self.read.eq((held != 0) & (~self.o.valid | self.o.ready)),
            self.active.eq(self.i.valid | (held != 0) | self.o.valid),
            ram.we.eq(self.wrote),
            ram.wa.eq(write),
            ram.wd.eq(self.i.p),
            ram.re.eq(self.read),
            ram.ra.eq(read),
            self.o.p.eq(ram.rd),
        ]
        m.d.sync += held.eq(held + self.wrote - self.read)
        with m.If(self.wrote):
            m.d.sync += write.eq(Mux(write == depth - 1, 0, write + 1))
        with m.If(self.read):
            m.d.sync += [read.eq(Mux(read == depth - 1, 0, read + 1)), self.o.valid.eq(1)]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m

"""Copies an event stream to several readers, each at its own pace."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Fork"]


class Fork(wiring.Component):
    """An eager fork: each reader takes an item as soon as it can, the source moves on after all.

    No latency, one item a cycle; ready hangs on the readers' ready, never on the payload.

    Members:
        i: In(event_stream). What is copied.
        o: Out(event_stream), one for each reader. The same items in the same order.
    """

    def __init__(self, signature: stream.Signature, readers: int):
        self._readers = readers
        super().__init__({"i": In(signature), "o": Out(signature).array(readers)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        done = Signal(self._readers)  # who has taken the item that the source still offers
        served = Signal(self._readers)
        m.d.comb += self.i.ready.eq(served.all())
        for number in range(self._readers):
            reader = self.o[number]
            m.d.comb += [
                reader.p.eq(self.i.p),
                reader.valid.eq(self.i.valid & ~done[number]),
                served[number].eq(reader.ready | done[number]),
            ]
        with m.If(self.i.valid):
            m.d.sync += done.eq(served)
            with m.If(self.i.ready):
                m.d.sync += done.eq(0)
        return m

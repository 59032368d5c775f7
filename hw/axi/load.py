"""Words of a register become bytes of the load stream."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.axi.registers import BITS
from hw.streams import load_stream

__all__ = ["LoadPort"]

_CRC_BYTES = 4


class LoadPort(wiring.Component):
    """Sends the strobed bytes of a word, lowest first, and watches how far the load is.

    Members:
        write: In(1). Take a word (only while ``busy`` is low).
        first: In(1). Its first byte begins a load.
        data, strobe: In(32), In(4). The word, and which of its bytes count.
        busy: Out(1). A word is on its way and will not be gone in the next cycle.
        o: Out(load_stream). The bytes.
        count: Out(32). Bytes sent since the load began, at most ``length``.
        content: Out(32). The last four bytes of the load: its CRC, lowest byte first.

    Latency: 1 cycle. Throughput: a byte a cycle. Reset: no word, no load begun.
    """

    def __init__(self, length: int):
        self._length = length
        super().__init__(
            {
                "write": In(1), "first": In(1), "data": In(BITS), "strobe": In(BITS // 8),
                "busy": Out(1), "o": Out(load_stream()), "count": Out(BITS), "content": Out(BITS),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        word, left, first = Signal(BITS), Signal(BITS // 8), Signal()
        rest = Signal(BITS // 8)
        moved = Signal()
        m.d.comb += [
            rest.eq(left & (left - 1)),  # without its lowest bit
            self.o.valid.eq(left != 0),
            self.o.p.first.eq(first),
            moved.eq(self.o.valid & self.o.ready),
            self.busy.eq((left != 0) & ~(moved & (rest == 0))),
        ]
        for byte in reversed(range(BITS // 8)):
            with m.If(left[byte]):
                m.d.comb += self.o.p.data.eq(word[8 * byte : 8 * byte + 8])
        with m.If(moved):
            m.d.sync += [left.eq(rest), first.eq(0)]
            self._add_watch(m, first)
        with m.If(self.write & (self.strobe != 0)):
            m.d.sync += [word.eq(self.data), left.eq(self.strobe), first.eq(self.first)]
        return m

    def _add_watch(self, m: Module, first: Signal) -> None:
        with m.If(first):
            m.d.sync += self.count.eq(1)
        with m.Elif(self.count != self._length):
            m.d.sync += self.count.eq(self.count + 1)
            with m.If(self.count >= self._length - _CRC_BYTES):
                m.d.sync += self.content.eq(Cat(self.content[8:], self.o.p.data))

"""A serial line: one start bit, eight data bits from the lowest, one stop bit, no parity."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["UartReceiver", "UartTransmitter"]


class UartReceiver(wiring.Component):
    """Bytes from the line.

    Members:
        rx: In(1). The line, high when idle; synchronized here.
        valid: Out(1). A byte came, for one cycle.
        data: Out(8). The byte.

    A byte whose stop bit is missing is dropped; the next one begins when the line was high again.

    Args:
        cycles: Clock cycles of a bit, at least 4.
    """

    def __init__(self, cycles: int):
        if cycles < 4:
            raise ValueError(f"cycles must be at least 4, not {cycles!r}")
        self._cycles = cycles
        super().__init__({"rx": In(1), "valid": Out(1), "data": Out(8)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        left = Signal(range(self._cycles + self._cycles // 2))
        bits = Signal(range(10))
        m.d.sync += self.valid.eq(0)
        with m.FSM():
            with m.State("IDLE"), m.If(~line):
                m.d.sync += [left.eq(self._cycles // 2 - 1), bits.eq(0)]
                m.next = "SAMPLE"
            with m.State("SAMPLE"):
                m.d.sync += left.eq(left - 1)
                with m.If(left == 0):
                    self._add_sample(m, line, left, bits)
            with m.State("RECOVER"), m.If(line):
                m.next = "IDLE"
        return m

    def _add_sample(self, m: Module, line: Signal, left: Signal, bits: Signal) -> None:
        m.d.sync += [left.eq(self._cycles - 1), bits.eq(bits + 1)]
        with m.If((bits == 0) & line):  # a spike on the line, no start bit
            m.next = "IDLE"
        with m.Elif(bits == 9):
            m.d.sync += self.valid.eq(line)
            m.next = "RECOVER"
        with m.Elif(bits != 0):
            m.d.sync += self.data.eq(Cat(self.data[1:], line))


class UartTransmitter(wiring.Component):
    """Bytes onto the line.

    Members:
        i: In(stream of 8 bits). What to send.
        tx: Out(1). The line, high when idle.

    Args:
        cycles: Clock cycles of a bit.
    """

    def __init__(self, cycles: int):
        self._cycles = cycles
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        left = Signal(range(max(2, self._cycles)))
        bits = Signal(range(11))
        word = Signal(9, init=0x1FF)
        m.d.comb += [self.i.ready.eq(bits == 0), self.tx.eq(word[0])]
        with m.If(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.Elif(bits != 0):
            m.d.sync += [left.eq(self._cycles - 1), bits.eq(bits - 1), word.eq(Cat(word[1:], 1))]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [word.eq(Cat(0, self.i.p)), bits.eq(10), left.eq(self._cycles - 1)]
        return m

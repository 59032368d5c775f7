"""Content from a SPI flash memory at power-up, for memories that a bitstream cannot fill."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.link.protocol import FLASH_MAGIC

__all__ = ["FLASH_OFFSET", "FlashReader", "flash_image"]

FLASH_OFFSET = 0x100000
"""Where content lies: behind the bitstreams of an iCE40 (four of 104,090 bytes at most)."""
_WAKE, _READ = 0xAB, 0x03
_WAKE_CYCLES = 2048  # longer than any flash needs (30 µs) at 48 MHz
_LENGTH_BYTES = 4


def flash_image(content: bytes) -> bytes:
    """What to write into the flash memory at :data:`FLASH_OFFSET`."""
    return FLASH_MAGIC + len(content).to_bytes(_LENGTH_BYTES, "little") + content


class FlashReader(wiring.Component):
    """Reads the content once after reset, if its head is right; SPI mode 0, a bit in four cycles.

    Members:
        cs: Out(1). Chip select, high: selected.
        sck, copi: Out(1). To the flash memory.
        cipo: In(1). From it.
        o: Out(stream of 8 bits). The content; its receiver must always be ready.
        busy: Out(1). The memory is being read.

    Args:
        length: Bytes of the content; a head with another length counts as wrong.
    """

    def __init__(self, length: int):
        self._head = FLASH_MAGIC + length.to_bytes(_LENGTH_BYTES, "little")
        self._length = length
        super().__init__(
            {
                "cs": Out(1), "sck": Out(1), "copi": Out(1), "cipo": In(1),
                "o": Out(stream.Signature(8)), "busy": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        phase = Signal(2)
        bits = Signal(range(33))
        shift = Signal(32)
        byte = Signal(8)
        wait = Signal(range(_WAKE_CYCLES))
        done = Signal(range(len(self._head) + self._length + 1))
        expected = Signal(8)
        with m.Switch(done):
            for at, each in enumerate(self._head):
                with m.Case(at):
                    m.d.comb += expected.eq(each)
        moved = Signal()  # the last bit of a run has come
        m.d.comb += [
            self.copi.eq(shift[31]), moved.eq((phase == 3) & (bits == 1)),
            self.sck.eq(self.cs & phase[1]), self.o.p.eq(Cat(self.cipo, byte[:7])),
        ]  # fmt: skip
        with m.If(self.cs):
            m.d.sync += phase.eq(phase + 1)
            with m.If(phase == 3):
                m.d.sync += [
                    bits.eq(bits - 1), shift.eq(Cat(Const(0, 1), shift[:31])),
                    byte.eq(self.o.p),
                ]  # fmt: skip
        with m.FSM(init="BEGIN") as machine:
            m.d.comb += self.busy.eq(~machine.ongoing("IDLE"))
            with m.State("BEGIN"):
                m.d.sync += [self.cs.eq(1), bits.eq(8), shift.eq(_WAKE << 24), wait.eq(0)]
                m.next = "WAKE"
            with m.State("WAKE"), m.If(moved):
                m.d.sync += self.cs.eq(0)
                m.next = "WAIT"
            with m.State("WAIT"):
                m.d.sync += wait.eq(wait + 1)
                with m.If(wait == _WAKE_CYCLES - 1):
                    m.d.sync += [self.cs.eq(1), bits.eq(32), done.eq(0)]
                    m.d.sync += shift.eq(_READ << 24 | FLASH_OFFSET)
                    m.next = "ADDRESS"
            with m.State("ADDRESS"), m.If(moved):
                m.d.sync += bits.eq(8)
                m.next = "HEAD"
            with m.State("HEAD"), m.If(moved):
                m.d.sync += [bits.eq(8), done.eq(done + 1)]
                with m.If(done == len(self._head) - 1):
                    m.next = "CONTENT"
                with m.If(self.o.p != expected):
                    m.d.sync += self.cs.eq(0)
                    m.next = "IDLE"
            with m.State("CONTENT"), m.If(moved):
                m.d.comb += self.o.valid.eq(1)
                m.d.sync += [bits.eq(8), done.eq(done + 1)]
                with m.If(done == len(self._head) + self._length - 1):
                    m.d.sync += self.cs.eq(0)
                    m.next = "IDLE"
            with m.State("IDLE"):
                pass
        return m

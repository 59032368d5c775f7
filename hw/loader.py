"""Takes content byte by byte, writes it into the memories and checks that it is complete."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Const, Module, Mux, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from hw.crc import CRC32_INIT, CRC32_RESIDUE, crc32_step
from hw.section import Section
from hw.streams import load_stream
from hw.widths import address_bits

__all__ = ["LoadError", "Loader", "load_bus"]


class LoadError(enum.Enum, shape=2):  # type: ignore[call-arg]
    """Why the last load did not count."""

    NONE = 0
    ARCHITECTURE = 1
    CRC = 2


class _State(enum.Enum, shape=3):  # type: ignore[call-arg]
    IDLE = 0
    IDENTITY = 1
    CONTENT = 2
    CRC = 3
    CHECK = 4


_CRC_BYTES = 4


def load_bus(parts: tuple[Section, ...]) -> wiring.Signature:
    """One byte into one memory: which section, which row, which byte of the row."""
    return wiring.Signature(
        {
            "write": Out(1),
            "section": Out(address_bits(len(parts))),
            "row": Out(address_bits(max(part.depth for part in parts))),
            "byte": Out(address_bits(max(part.row_bytes for part in parts))),
            "data": Out(8),
        }
    )


class Loader(wiring.Component):
    """Architecture id, sections, CRC-32; one byte a cycle, never stalls.

    Members:
        i: In(load_stream). ``first`` restarts at any time; bytes after a finished or failed load
            are dropped until the next ``first``.
        bus: Out(load_bus). Writes, in the cycle in which a byte comes in.
        loaded: Out(1). High after a complete load with a right CRC; low from the first byte on.
        error: Out(LoadError). Why the last load did not count.
        active: Out(1). A register may change in this cycle.

    Args:
        parts: The memories, in the order of the stream.
        identity: What a load must begin with.
        preloaded: Memories have content from the start, so ``loaded`` is high until a load begins.
            A reset then leaves ``loaded`` as it is: it cannot bring overwritten content back.
    """

    def __init__(self, parts: tuple[Section, ...], identity: bytes, *, preloaded: bool = False):
        self._parts = parts
        self._identity = identity
        self._preloaded = preloaded
        super().__init__(
            {
                "i": In(load_stream()),
                "bus": Out(load_bus(parts)),
                "loaded": Out(1),
                "error": Out(LoadError),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        crc = Signal(32, reset_less=True)
        right = Signal()
        loaded = Signal(init=self._preloaded, reset_less=self._preloaded)
        state = Signal(_State)
        count = Signal(range(max(len(self._identity), _CRC_BYTES)))
        identity = Array(Const(byte, 8) for byte in self._identity)
        first = self.i.p.first
        wrong = Signal()
        m.d.comb += [
            self.i.ready.eq(1),
            self.loaded.eq(loaded),
            self.active.eq(self.i.valid | (state == _State.CHECK)),
            right.eq(crc == CRC32_RESIDUE),
            wrong.eq(self.i.p.data != identity[Mux(first, 0, count)]),
            self.bus.data.eq(self.i.p.data),
            self.bus.write.eq(self.i.valid & ~first & (state == _State.CONTENT)),
        ]
        with m.If(self.i.valid):
            m.d.sync += crc.eq(crc32_step(Mux(first, CRC32_INIT, crc), self.i.p.data))
        with m.If(state == _State.CHECK):
            m.d.sync += [loaded.eq(right), state.eq(_State.IDLE)]
            with m.If(~right):
                m.d.sync += self.error.eq(LoadError.CRC)
        with m.If(self.i.valid & first):
            m.d.sync += [loaded.eq(0), self.error.eq(LoadError.NONE), count.eq(1)]
            m.d.sync += [self.bus.section.eq(0), self.bus.row.eq(0), self.bus.byte.eq(0)]
            m.d.sync += state.eq(_State.IDENTITY)
        with m.Elif(self.i.valid & (state == _State.IDENTITY)):
            m.d.sync += count.eq(count + 1)
            with m.If(count == len(self._identity) - 1):
                m.d.sync += [count.eq(0), state.eq(_State.CONTENT)]
        with m.Elif(self.i.valid & (state == _State.CRC)):
            m.d.sync += count.eq(count + 1)
            with m.If(count == _CRC_BYTES - 1):
                m.d.sync += state.eq(_State.CHECK)
        with m.If(self.i.valid & wrong & (first | (state == _State.IDENTITY))):
            m.d.sync += [self.error.eq(LoadError.ARCHITECTURE), state.eq(_State.IDLE)]
        with m.If(self.bus.write):
            self._add_position(m, state)
        return m

    def _add_position(self, m: Module, state: Signal) -> None:
        """Move on: byte by byte, row by row, section by section."""
        bus = self.bus
        last_byte, last_row = Signal(), Signal()
        with m.Switch(bus.section):
            for number, part in enumerate(self._parts):
                with m.Case(number):
                    m.d.comb += [
                        last_byte.eq(bus.byte == part.row_bytes - 1),
                        last_row.eq(bus.row == part.depth - 1),
                    ]
        m.d.sync += bus.byte.eq(bus.byte + 1)
        with m.If(last_byte):
            m.d.sync += [bus.byte.eq(0), bus.row.eq(bus.row + 1)]
        with m.If(last_byte & last_row):
            m.d.sync += [bus.row.eq(0), bus.section.eq(bus.section + 1)]
            with m.If(bus.section == len(self._parts) - 1):
                m.d.sync += state.eq(_State.CRC)

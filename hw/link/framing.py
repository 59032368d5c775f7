"""Frames on the wire: ends and escapes off and on, CRC checked and appended."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.crc import CRC32_RESIDUE, SerialCrc
from hw.link.protocol import CRC_BYTES, END, ESCAPE, ESCAPED

__all__ = ["Deframer", "Framer"]


class Deframer(wiring.Component):
    """Bytes of packets, without their CRC, and whether a packet was right.

    Members:
        valid, data: In(1), In(8). A byte from the wire.
        o_valid, o_data: Out(1), Out(8). A byte of the packet; the last four, its CRC, never show.
        end: Out(1). The packet is over, for one cycle; no byte shows in it.
        right: Out(1). It was at least a byte and a right CRC long, with legal escapes; in the same
            cycle as ``end``.

    Two ENDs in a row mean nothing. Latency: a byte shows four bytes after it came. Bytes must be
    ten cycles apart or more, as a serial line's are.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "valid": In(1), "data": In(8), "o_valid": Out(1), "o_data": Out(8),
                "end": Out(1), "right": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.crc = crc = SerialCrc()
        held = Signal(8 * CRC_BYTES)
        count = Signal(range(CRC_BYTES + 2))  # stays at its largest value
        escape, wrong, take = Signal(), Signal(), Signal()
        byte = Signal(8)
        m.d.sync += [self.o_valid.eq(0), self.end.eq(0)]
        m.d.comb += [byte.eq(self.data), crc.take.eq(take), crc.data.eq(byte)]
        with m.If(escape):
            for plain, code in ESCAPED.items():
                with m.If(self.data == code):
                    m.d.comb += byte.eq(plain)
        with m.If(self.valid & (self.data == END)):
            m.d.comb += crc.clear.eq(1)
            m.d.sync += [
                self.end.eq((count != 0) | escape),
                self.right.eq(
                    (crc.crc == CRC32_RESIDUE) & (count == CRC_BYTES + 1) & ~wrong & ~escape
                ),
                count.eq(0), escape.eq(0), wrong.eq(0),
            ]  # fmt: skip
        with m.Elif(self.valid & ~escape & (self.data == ESCAPE)):
            m.d.sync += escape.eq(1)
        with m.Elif(self.valid):
            m.d.comb += take.eq(1)
            m.d.sync += escape.eq(0)
            with m.If(escape & (byte == self.data)):
                m.d.sync += wrong.eq(1)
        with m.If(take):
            m.d.sync += [
                held.eq(Cat(held[8:], byte)),
                count.eq(Mux(count == CRC_BYTES + 1, count, count + 1)),
                self.o_valid.eq(count >= CRC_BYTES), self.o_data.eq(held[:8]),
            ]  # fmt: skip
        return m


class Framer(wiring.Component):
    """The way back: END, the escaped packet with its CRC, END.

    Members:
        i: In(stream). Bytes of a packet; ``last`` with the last one.
        o: Out(stream of 8 bits). What goes onto the wire.
    """

    def __init__(self) -> None:
        layout = data.StructLayout({"data": 8, "last": 1})
        super().__init__({"i": In(stream.Signature(layout)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.crc = crc = SerialCrc()
        number = Signal(range(CRC_BYTES))
        byte, code = Signal(8), Signal(8)
        sending, moved = Signal(), Signal()  # a byte of packet or CRC is offered; it goes
        escape = Signal()  # its second half is due
        check = Array((~crc.crc)[8 * n : 8 * n + 8] for n in range(CRC_BYTES))
        special = Signal()
        for plain, replaced in ESCAPED.items():
            with m.If(byte == plain):
                m.d.comb += [special.eq(1), code.eq(replaced)]
        m.d.comb += [
            moved.eq(sending & self.o.ready & (~special | escape)), crc.data.eq(byte)
        ]  # fmt: skip
        with m.If(sending):
            m.d.comb += [
                self.o.valid.eq(1), self.o.p.eq(Mux(escape, code, Mux(special, ESCAPE, byte)))
            ]  # fmt: skip
            with m.If(self.o.ready):
                m.d.sync += escape.eq(special & ~escape)
        with m.FSM():
            with m.State("BEGIN"):
                m.d.comb += [self.o.p.eq(END), self.o.valid.eq(self.i.valid)]
                m.d.comb += crc.clear.eq(1)
                m.d.sync += number.eq(0)
                with m.If(self.o.valid & self.o.ready):
                    m.next = "PACKET"
            with m.State("PACKET"):
                m.d.comb += [
                    sending.eq(self.i.valid & ~crc.busy), byte.eq(self.i.p.data),
                    self.i.ready.eq(moved), crc.take.eq(moved),
                ]  # fmt: skip
                with m.If(moved & self.i.p.last):
                    m.next = "CRC"
            with m.State("CRC"):
                m.d.comb += [sending.eq(~crc.busy), byte.eq(check[number])]
                with m.If(moved):
                    m.d.sync += number.eq(number + 1)
                    with m.If(number == CRC_BYTES - 1):
                        m.next = "END"
            with m.State("END"):
                m.d.comb += [self.o.p.eq(END), self.o.valid.eq(1)]
                with m.If(self.o.ready):
                    m.next = "BEGIN"
        return m

"""A ring's memory with two events in a word: it is written and read half as often."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.ram import Ram
from hw.widths import address_bits

__all__ = ["PairedRam"]


class PairedRam(wiring.Component):
    """What :class:`hw.ram.Ram` is to a ring that is written and read in order, with as many cycles.

    The first event of a word waits in a register until the second one comes, for up to then the
    memory's word may hold an older second event that is still to be read. A read of a whole word
    makes its second event's own read unnecessary.

    Members:
        re, ra, rd, we, wa, wd: As of a Ram of single events.
        complete: In(1). The one that is read is not the newest event.
        jump: In(1). The next read does not follow the last one.

    Args:
        width: Bits of an event.
        depth: Events, an even number.
    """

    def __init__(self, *, width: int, depth: int):
        self._width, self._depth = width, depth
        address = address_bits(depth)
        super().__init__(
            {
                "re": In(1), "ra": In(address), "rd": Out(width),
                "we": In(1), "wa": In(address), "wd": In(width),
                "complete": In(1), "jump": In(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        width = 2 * self._width
        m.submodules.ram = ram = Ram(width=width, depth=self._depth // 2, grain=width, apart=True)
        first = Signal(self._width, reset_less=True)  # of the word that is being filled
        caught = Signal.like(first)
        second, waiting = Signal(reset_less=True), Signal(reset_less=True)
        known, unwritten = Signal(), Signal()
        word = Mux(second, ram.rd[self._width :], ram.rd[: self._width])
        m.d.comb += [
            unwritten.eq(~self.ra[0] & ~self.complete),
            ram.we.eq(self.we & self.wa[0]),
            ram.wa.eq(self.wa[1:]),
            ram.wd.eq(Cat(first, self.wd)),
            ram.re.eq(self.re & ~unwritten & ~(self.ra[0] & known)),
            ram.ra.eq(self.ra[1:]),
            self.rd.eq(Mux(waiting, caught, word)),
        ]
        with m.If(self.we & ~self.wa[0]):
            m.d.sync += first.eq(self.wd)
        with m.If(self.re):
            m.d.sync += [
                second.eq(self.ra[0]),
                waiting.eq(unwritten),
                known.eq(~self.ra[0] & self.complete),
            ]
        with m.If(self.re & unwritten):
            m.d.sync += caught.eq(first)
        with m.If(self.jump):
            m.d.sync += known.eq(0)
        return m

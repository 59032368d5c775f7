"""Numbers that belong to a neuron group, fetched in time for the group that needs them."""

from __future__ import annotations

from typing import Any

from amaranth import Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.gating import add_gated
from hw.loader import load_bus
from hw.ram import Ram
from hw.section import Section

__all__ = ["ContentRam", "Parameters"]


class ContentRam(wiring.Component):
    """A RAM with one section of the content, filled by the load bus or from a hex file.

    Members:
        bus: In(load_bus). Only bytes of its own section are written.
        re, ra, rd: The read port, as of :class:`hw.ram.Ram`.
        active: Out(1). It is read or written in this cycle.
    """

    def __init__(self, parts: tuple[Section, ...], number: int, init: str):
        self._part = parts[number]
        self._number = number
        part = self._part
        # Written only while loading, when nothing reads.
        self._ram = Ram(width=8 * part.row_bytes, depth=part.depth, grain=8, init=init, ports=1)
        super().__init__(
            {
                "bus": In(load_bus(parts)),
                "re": In(1),
                "ra": In(len(self._ram.ra)),
                "rd": Out(part.lanes * part.bits),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.ram = ram = self._ram
        mine = Signal()
        m.d.comb += [
            mine.eq(self.bus.write & (self.bus.section == self._number)),
            ram.wa.eq(self.bus.row),
            ram.re.eq(self.re),
            ram.ra.eq(self.ra),
            self.rd.eq(ram.rd),
            self.active.eq(self.re | mine),
        ]
        with m.If(mine):
            m.d.comb += [
                ram.we.eq(1 << self.bus.byte),
                ram.wd.eq(self.bus.data.replicate(self._part.row_bytes)),
            ]
        return m


class Parameters(wiring.Component):
    """Rows of a section in turn, one a group: the next row is there a cycle after it is asked for.

    Members:
        bus: In(load_bus). To fill it.
        first: In(1). Fetch row 0 (in the first cycle after reset).
        step: In(1). Fetch the next row; after the last comes row 0.
        row: Out. The row fetched last, one cycle after ``first`` or ``step``.
        content_read: Out(1). The memory is read in this cycle (for counting).
    """

    def __init__(self, parts: tuple[Section, ...], number: int, init: str):
        self._ram = ContentRam(parts, number, init)
        self._depth = parts[number].depth
        super().__init__(
            {
                "bus": In(load_bus(parts)),
                "first": In(1),
                "step": In(1),
                "row": Out(len(self._ram.rd)),
                "content_read": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        ram = self._ram
        if getattr(platform, "clock_gating", False):
            add_gated(m, "content", ram, active=ram.active, clear=Const(0))
        else:
            m.submodules.content = ram
        wiring.connect(m, wiring.flipped(self.bus), ram.bus)
        group = Signal(range(max(2, self._depth)))
        following = Signal.like(group)
        m.d.comb += [
            ram.re.eq(self.first | (self.step if self._depth > 1 else 0)),
            ram.ra.eq(group),
            self.row.eq(ram.rd),
            self.content_read.eq(ram.re),
            following.eq(0),
        ]
        with m.If(group != self._depth - 1):
            m.d.comb += following.eq(group + 1)
        with m.If(ram.re):
            m.d.sync += group.eq(following)
        return m

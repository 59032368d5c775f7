"""How often an event takes its rows: once, or once for each set bit of a graded level."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.scatter.geometry import ScatterGeometry
from hw.scatter.items import level_bits, op_stream
from hw.scatter.onehot import binary

__all__ = ["Planes"]


class Planes(wiring.Component):
    """The level of the current event, whole, or one set bit after the other from the lowest.

    Members:
        take: In(1). A new item comes in.
        i: In(level_bits). Its level.
        turn: In(1). All rows were visited once.
        level: Out(level_bits). Factor of this turn: the level, or 1 with bit planes.
        plane: Out. Bit plane of this turn.
        more: Out(1). Another turn follows.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._split = geometry.graded == "bitplane"
        bits = level_bits(geometry)
        plane = op_stream(geometry).members["payload"].shape["plane"].width
        super().__init__(
            {
                "take": In(1),
                "i": In(bits),
                "turn": In(1),
                "level": Out(bits),
                "plane": Out(plane),
                "more": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        pending = Signal.like(self.i, reset_less=True)
        rest = Signal.like(self.i)
        with m.If(self.take):
            m.d.sync += pending.eq(self.i)
        if not self._split:
            m.d.comb += self.level.eq(pending)
            return m
        m.d.comb += [
            rest.eq(pending & (pending - 1)),
            self.more.eq(rest != 0),
            self.level.eq(1),
            self.plane.eq(binary(pending & ~rest)),
        ]
        with m.If(self.turn & ~self.take):
            m.d.sync += pending.eq(rest)
        return m

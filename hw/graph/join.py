"""Joins the two paths of a residual block element by element."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.graph.fifo import EventFifo
from hw.graph.geometry import JoinGeometry
from hw.probe import probe_layout
from hw.streams import event_stream
from spikeforge.schema import ResidualKind

__all__ = ["Join"]

_COUNTED = (("buffer_write", "buffer_read"), ("row_added", "row_read"))


class Join(wiring.Component):
    """ADD, AND or IAND of two event streams, step by step (windowed: image by image).

    ADD sends all events of source 0, then all of source 1, then one mark. AND and IAND merge two
    ascending sequences: a cycle for each address that either source sends, and one for the mark.

    Both sources end in a FIFO of whole steps, so that a fork from which both paths come never
    waits for its own other half.

    Members:
        i: In(event_stream), two: the sources.
        o: Out(event_stream). The joined stream.
        probe: Out(probe_layout). ``buffer_write`` and ``buffer_read`` count the FIFO of source 0,
            ``row_added`` and ``row_read`` that of source 1.
        active: Out(1). A register or memory may change in this cycle.

    An item leaves two cycles after it came in, or later. Memory: one RAM a source.
    """

    def __init__(self, geometry: JoinGeometry):
        self._geometry = geometry
        signature = event_stream(geometry.width, geometry.levels)
        super().__init__(
            {
                "i": In(signature).array(2),
                "o": Out(signature),
                "probe": Out(probe_layout()),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        sides, working = [], []
        for side in range(2):
            fifo = EventFifo(
                self._geometry.width, self._geometry.levels, self._geometry.fifo_depth(side)
            )
            m.submodules[f"fifo_{side}"] = fifo
            connect(m, flipped(self.i[side]), fifo.i)
            wrote, read = _COUNTED[side]
            m.d.comb += [self.probe[wrote].eq(fifo.wrote), self.probe[read].eq(fifo.read)]
            sides.append(fifo.o)
            working.append(fifo.active)
        m.d.comb += self.active.eq(working[0] | working[1])
        if self._geometry.function is ResidualKind.ADD:
            self._add_turns(m, *sides)
        else:
            self._add_merge(m, *sides)
        return m

    def _add_turns(self, m: Module, first: Any, second: Any) -> None:
        """Source 0 up to its mark, which is dropped, then source 1 with its mark."""
        turn = Signal()
        with m.If(turn):
            m.d.comb += [
                self.o.p.eq(second.p),
                self.o.valid.eq(second.valid),
                second.ready.eq(self.o.ready),
            ]
            with m.If(second.valid & second.ready & second.p.last):
                m.d.sync += turn.eq(0)
        with m.Else():
            m.d.comb += [
                self.o.p.eq(first.p),
                self.o.valid.eq(first.valid & ~first.p.last),
                first.ready.eq(self.o.ready | first.p.last),
            ]
            with m.If(first.valid & first.p.last):
                m.d.sync += turn.eq(1)

    def _add_merge(self, m: Module, first: Any, second: Any) -> None:
        """The lower of both heads goes; what it becomes hangs on the function."""
        both = Signal()
        equal, lower = Signal(), Signal()  # lower: source 0 has the lower address
        passes, move = Signal(), Signal()
        m.d.comb += [
            both.eq(first.valid & second.valid),
            equal.eq((first.p.last == second.p.last) & (first.p.address == second.p.address)),
            lower.eq(
                ~first.p.last & (second.p.last | (first.p.address < second.p.address)),
            ),
        ]
        with m.If(equal & first.p.last):
            m.d.comb += passes.eq(1)  # both marks
        with m.Else():
            keeps_equal = self._geometry.function is ResidualKind.AND
            m.d.comb += passes.eq(equal if keeps_equal else ~equal & ~lower)
        m.d.comb += [
            self.o.valid.eq(both & passes),
            self.o.p.eq(second.p),  # whatever passes is, or equals, the head of source 1
            move.eq(both & (~passes | self.o.ready)),
            first.ready.eq(move & (equal | lower)),
            second.ready.eq(move & (equal | ~lower)),
        ]

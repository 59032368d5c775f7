"""The front half of a scatter layer: from arriving events to closed banks of sums."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.scatter.accumulate import Accumulate
from hw.scatter.expand import Expand
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.lookup import Lookup
from hw.scatter.marks import Marks
from hw.scatter.own import OwnMerge, OwnQueue
from hw.scatter.taps import Taps
from hw.streams import event_stream

__all__ = ["Front"]


class Front(wiring.Component):
    """Taps, own spikes and further steps where the layer has them, then Expand and Accumulate.

    Members:
        i: In(event_stream). Events of the source, in any order within a step or image.
        recurrent: In(event_stream). Own spikes of each step, and its mark (absent without).
        kept, played: Out(1). An event is written into, or read from, the ring of taps or the queue
            of own spikes (for counting).
        active: Out(1). A register or memory may change in this cycle.
        All others as of :class:`hw.scatter.accumulate.Accumulate` and
        :class:`hw.scatter.lookup.Lookup`.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = geometry
        self._sums = Accumulate(geometry)
        self._expand = Lookup(geometry) if geometry.skip_rows else Expand(geometry)
        members: dict[str, Any] = {}
        for part in (self._sums, self._expand):
            given = part.signature.members.items()
            members |= {name: member for name, member in given if name not in ("i", "o")}
        members["i"] = In(event_stream(geometry.fan_in, geometry.levels_in))
        if geometry.recurrent_bits:
            members["recurrent"] = In(event_stream(geometry.width, 1))
        members |= {"kept": Out(1), "played": Out(1)}
        super().__init__(members)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        geometry = self._geometry
        m.submodules.accumulate = sums = self._sums
        m.submodules.expand = expand = self._expand
        connect(m, expand.o, sums.i)
        wrote, read = [], []
        working: list[Any] = [expand, sums]
        entry = expand.i
        if geometry.recurrent_bits:
            m.submodules.merge = merge = OwnMerge(geometry)
            m.submodules.own = own = OwnQueue(geometry)
            connect(m, flipped(self.recurrent), own.i)
            connect(m, own.o, merge.own)
            connect(m, merge.o, entry)
            entry = merge.i
            wrote, read = [own.wrote], [own.read]
            working.append(own)
        if geometry.taps:
            m.submodules.taps = taps = Taps(geometry)
            connect(m, taps.o, entry)
            connect(m, flipped(self.i), taps.i)
            wrote, read = [*wrote, taps.wrote], [*read, taps.read]
            working.append(taps)
        elif geometry.steps > geometry.steps_in:
            m.submodules.marks = marks = Marks(geometry)
            connect(m, marks.o, entry)
            self._enter(m, marks.i)
            working.append(marks)
        else:
            self._enter(m, entry)
        m.d.comb += [
            self.kept.eq(Cat(wrote).any()),
            self.played.eq(Cat(read).any()),
            self.active.eq(Cat(part.active for part in working).any() | self.i.valid),
        ]
        for part in (sums, expand):
            self._pass_through(m, part)
        return m

    def _enter(self, m: Module, entry: Any) -> None:
        """Arriving events as items."""
        m.d.comb += [
            entry.valid.eq(self.i.valid),
            entry.p.last.eq(self.i.p.last),
            entry.p.address.eq(self.i.p.address),
            entry.p.level.eq(self.i.p.level),
            self.i.ready.eq(entry.ready),
        ]

    def _pass_through(self, m: Module, part: Any) -> None:
        """What a part shares with the outside, under the same name."""
        for name, member in part.signature.members.items():
            if name in ("i", "o", "active"):
                continue
            if member.is_signature:
                connect(m, getattr(part, name), flipped(getattr(self, name)))
            elif member.flow is Out:
                m.d.comb += getattr(self, name).eq(getattr(part, name))
            else:
                m.d.comb += getattr(part, name).eq(getattr(self, name))

"""Delayed gains: a ring keeps the events of the last steps and plays each once a tap."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.ram import Ram
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.items import item_stream
from hw.scatter.onehot import binary
from hw.streams import event_stream

__all__ = ["Taps"]


class Taps(wiring.Component):
    """In own step t, tap after tap: the events of the source's step ``t - delay``; then the mark.

    The ring holds events and marks as they came; each tap has a pointer of its own that runs from
    mark to mark and is a step behind or further. A tap follows the writer: an item that comes in
    cycle c leaves in c + 2 at the earliest. Reading takes a cycle for each event and for the mark
    that ends a tap's turn; the mark of the last tap's turn leaves as the step's own. A step without
    any source step to play takes one cycle, for its mark. No own step ends before the source's step
    of the same number: its mark came in a cycle earlier at least. After the last own step a cycle
    passes in which all pointers move on to the next image, whose items may be in the ring already;
    what was not played is dropped.

    The input waits while the ring is full, and before the last step of the next image while the
    steps of one that came in whole are still played; ready never hangs on the payload.

    Members:
        i: In(event_stream). ``steps_in`` steps an image.
        o: Out(item_stream). ``steps`` steps an image, each event with its tap.
        wrote, read: Out(1). An item is written, or read, in this cycle (for counting).
        active: Out(1). A register or the memory may change in this cycle.

    Memory: one RAM of ``ring_depth`` events and marks with a read and a write port.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = geometry
        super().__init__(
            {
                "i": In(event_stream(geometry.fan_in, geometry.levels_in)),
                "o": Out(item_stream(geometry)),
                "wrote": Out(1),
                "read": Out(1),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        g = self._geometry
        event = self.i.p.shape()
        depth = g.ring_depth
        m.submodules.ram = ram = Ram(width=event.size, depth=depth, grain=event.size)
        # Pointers count through the ring twice, so that full and empty differ.
        write = Signal(range(2 * depth))
        pointers = Array(Signal.like(write, name=f"pointer_{n}") for n in range(len(g.taps)))
        oldest = pointers[max(range(len(g.taps)), key=lambda n: (g.taps[n].delay, n))]
        end = Signal.like(write, reset_less=True)
        ended, turned, last_step = Signal(), Signal(), Signal()
        seen = Signal(range(max(2, g.steps_in)))
        m.d.comb += [
            last_step.eq(seen == g.steps_in - 1),
            self.i.ready.eq(((write ^ oldest) != depth) & ~(ended & last_step)),
            ram.we.eq(self.i.valid & self.i.ready),
            ram.wa.eq(write[:-1]),
            ram.wd.eq(self.i.p.as_value()),
            self.wrote.eq(ram.we),
            self.read.eq(ram.re),
        ]
        with m.If(turned):
            m.d.sync += ended.eq(0)
        with m.If(ram.we):
            m.d.sync += write.eq(write + 1)
            with m.If(self.i.p.last):
                m.d.sync += seen.eq(Mux(last_step, 0, seen + 1))
                with m.If(last_step):
                    m.d.sync += [end.eq(write + 1), ended.eq(1)]
        under_way = Signal()  # an entry was read, or an image is played
        closed = Signal()  # an own step that has a step of the source is over
        lead = Signal(range(depth + 1))  # steps of the source that came in, less these
        marked = ram.we & self.i.p.last
        m.d.comb += self.active.eq(self.i.valid | (write != oldest) | (lead != 0) | under_way)
        with m.If(marked & ~closed):
            m.d.sync += lead.eq(lead + 1)
        with m.Elif(closed & ~marked):
            m.d.sync += lead.eq(lead - 1)
        entry = data.View(event, ram.rd)
        self._add_reader(m, ram, entry, write, pointers, end, turned, lead, closed, under_way)
        return m

    def _add_reader(
        self, m: Module, ram: Ram, entry: Any, write: Signal, pointers: Array, end: Signal,
        turned: Signal, lead: Signal, closed: Signal, under_way: Signal,
    ) -> None:  # fmt: skip
        taps, steps = self._geometry.taps, self._geometry.steps
        step = Signal(range(max(2, steps)))
        todo = Signal(len(taps), init=self._playing_at(0))  # taps with a mark still to read
        following = Signal.like(todo)  # the same after this cycle's item
        loaded = Signal()  # an entry was read
        turning = Signal()  # the image is played
        closing, bare, move = Signal(), Signal(), Signal()
        over, early = Signal(), Signal()  # all is played; but the source's step still comes in
        rest, lowest = Signal.like(todo), Signal.like(todo)
        now = pointers[binary(lowest)]
        m.d.comb += [
            rest.eq(todo & (todo - 1)),
            bare.eq((todo == 0) & ~turning),
            over.eq(bare | (loaded & entry.last & (rest == 0))),
            early.eq(over & (step < self._geometry.steps_in) & (lead == 0)),
            closing.eq(over & ~early),
            self.o.valid.eq(closing | (loaded & ~entry.last)),
            move.eq(~early & (~self.o.valid | self.o.ready)),
            self.o.p.last.eq(closing),
            turned.eq(turning),
            under_way.eq(loaded | turning),
            following.eq(todo),
            lowest.eq(following & ~(following - 1)),
        ]
        with m.If(loaded & ~entry.last):
            m.d.comb += [
                self.o.p.address.eq(entry.address),
                self.o.p.level.eq(entry.level),
                self.o.p.tap.eq(binary(todo & ~rest)),
            ]
        final = closing & (step == steps - 1)
        with m.If(closing):
            m.d.comb += following.eq(self._playing_after(step))
        with m.Elif(loaded & entry.last):
            m.d.comb += following.eq(rest)
        m.d.comb += [
            ram.ra.eq(now[:-1]),
            ram.re.eq(move & (following != 0) & ~turning & ~final & (now != write)),
        ]
        with m.If(move & ~turning):
            m.d.sync += [todo.eq(following), loaded.eq(ram.re)]
            with m.If(ram.re):
                m.d.sync += now.eq(now + 1)
            with m.If(closing):
                m.d.comb += closed.eq(step < self._geometry.steps_in)
                m.d.sync += step.eq(Mux(final, 0, step + 1))
                m.d.sync += turning.eq(final)
        with m.If(turned):
            m.d.sync += turning.eq(0)
            m.d.sync += [pointer.eq(end) for pointer in pointers]

    def _playing_at(self, step: int) -> int:
        """Taps that have a source step to play in an own step, as a mask."""
        g = self._geometry
        return sum(
            1 << n for n, tap in enumerate(g.taps) if tap.delay <= step < tap.delay + g.steps_in
        )

    def _playing_after(self, step: Signal) -> Value:
        """The taps of the step after this one; after the last, those of step 0."""
        steps = self._geometry.steps
        table = Array(self._playing_at((n + 1) % steps) for n in range(steps))
        return table[step] if steps > 1 else table[0]

"""Keeps what a packet brought, and plays it: an image's events in stream order, or entries raw.

Events of a latency-coded image for stepped layers go step by step, though their pixels come row by
row. So every entry has a link to the next one of its level, and each level has its first and last.
Nothing is ever sorted or searched: playing costs a cycle an event, one a mark, and for a chain of
levels three more a step.
"""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.ram import Ram
from hw.widths import address_bits

__all__ = ["PacketStore", "entry_layout", "store_memories"]


def entry_layout(addresses: int, level_bits: int) -> data.StructLayout:
    """An item of the accelerator's input as it is kept; a byte of content lies in its low bits."""
    address = max(address_bits(addresses), 8 - level_bits)
    return data.StructLayout({"level": level_bits, "address": address, "last": 1})


def store_memories(
    layout: data.StructLayout, depth: int, chained: int = 0
) -> list[tuple[int, int]]:
    """Width and depth of a store's memories; arguments as of :class:`PacketStore`."""
    pointer = address_bits(depth)
    chains = [(pointer, depth), (2 * pointer, chained + 1)] if chained else []
    return [(layout.size, depth), *chains]


class PacketStore(wiring.Component):
    """Appends entries, then plays them.

    Members:
        clear: In(1). Forget all entries.
        append: In(1). Keep ``entry``; at most every fourth cycle.
        entry: In(entry_layout). What to keep.
        count: Out. Entries kept.
        full: Out(1). No more fit.
        play: In(1). Start; the store must not be changed until ``done``.
        raw: In(1). Entries as they are, in their order; else an image's, with marks.
        o: Out(stream of entry_layout). What is played.
        done: Out(1). High while nothing is played.

    Args:
        layout: Of an entry.
        depth: Entries that fit.
        marks: Marks of an image.
        chained: Levels, whose entries go one step each; 0: all entries in every step.
    """

    def __init__(self, layout: data.StructLayout, depth: int, marks: int, chained: int = 0):
        self._layout, self._depth, self._marks, self._levels = layout, depth, marks, chained
        self._pointer = address_bits(depth)
        super().__init__(
            {
                "clear": In(1), "append": In(1), "entry": In(layout),
                "count": Out(range(depth + 1)), "full": Out(1), "play": In(1), "raw": In(1),
                "o": Out(stream.Signature(layout)), "done": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.entries = ram = Ram(
            width=self._layout.size, depth=self._depth, grain=self._layout.size, apart=True
        )
        room = ~self.full
        m.d.comb += [
            self.full.eq(self.count == self._depth),
            ram.wa.eq(self.count), ram.wd.eq(self.entry), ram.we.eq(self.append & room),
        ]  # fmt: skip
        with m.If(self.clear):
            m.d.sync += self.count.eq(0)
        with m.Elif(self.append & room):
            m.d.sync += self.count.eq(self.count + 1)
        here, following = Signal(self._pointer), Signal(self._pointer)
        final = Signal()  # `here` is the last entry of this pass
        if self._levels:
            links = self._add_chains(m, following, final, here)
        else:
            links = None
            m.d.comb += [following.eq(here + 1), final.eq(here == self.count - 1)]
        self._add_player(m, ram, (here, following, final), links)
        return m

    def _add_player(
        self, m: Module, ram: Ram, pointers: tuple[Signal, Signal, Signal], links: Ram | None
    ) -> None:
        here, following, final = pointers
        step = Signal(range(max(2, self._marks)))
        onward = Signal(self._pointer)
        fetch, raw, empty = Signal(), Signal(), Signal()
        begin = "FETCH" if links is None else "HEAD"
        m.d.comb += [
            empty.eq(self.count == 0), ram.re.eq(fetch), ram.ra.eq(here),
            onward.eq(Mux(raw, here + 1, following)), self.o.p.eq(ram.rd),
        ]  # fmt: skip
        if links is not None:
            m.d.comb += [links.re.eq(fetch), links.ra.eq(ram.ra)]
        with m.FSM() as machine:
            m.d.comb += self.done.eq(machine.ongoing("IDLE"))
            with m.State("IDLE"), m.If(self.play):
                m.d.sync += [step.eq(0), here.eq(0), raw.eq(self.raw)]
                with m.If(~empty):
                    m.next = begin
                with m.If(~empty & self.raw):
                    m.next = "FETCH"
                with m.If(empty & ~self.raw):
                    m.next = "MARK"
            if links is not None:
                self._add_heads(m, here, step)
            with m.State("FETCH"):
                m.d.comb += fetch.eq(1)
                m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += self.o.valid.eq(1)
                if links is not None:
                    with m.If(~raw):
                        m.d.comb += self.o.p.level.eq(1)
                with m.If(self.o.ready):
                    with m.If(~Mux(raw, here == self.count - 1, final)):
                        m.d.comb += [ram.ra.eq(onward), fetch.eq(1)]
                        m.d.sync += here.eq(onward)
                    with m.Elif(raw):
                        m.next = "IDLE"
                    with m.Else():
                        m.next = "MARK"
            with m.State("MARK"):
                m.d.comb += [self.o.valid.eq(1), self.o.p.eq(0), self.o.p.last.eq(1)]
                with m.If(self.o.ready):
                    m.d.sync += [step.eq(step + 1), here.eq(0)]
                    with m.If(~empty):
                        m.next = begin
                    with m.If(step == self._marks - 1):
                        m.next = "IDLE"

    def _add_heads(self, m: Module, here: Signal, step: Signal) -> None:
        """Look up where a step's chain begins: two cycles, and a mark at once if it is empty."""
        m.d.comb += self._level.eq(self._levels - step)
        with m.State("HEAD"):
            m.d.comb += self._ends.re.eq(1)
            m.next = "BEGIN"
        with m.State("BEGIN"):
            m.d.sync += here.eq(self._ends.rd[: self._pointer])
            m.next = "FETCH"
            with m.If(~self._used.bit_select(self._level, 1)):
                m.next = "MARK"

    def _add_chains(self, m: Module, following: Signal, final: Signal, here: Signal) -> Ram:
        """Links between entries of one level, and each level's first and last entry."""
        width = self._pointer
        m.submodules.links = links = Ram(width=width, depth=self._depth, grain=width, apart=True)
        m.submodules.ends = self._ends = ends = Ram(
            width=2 * width, depth=self._levels + 1, grain=width
        )
        self._used = Signal(self._levels + 1)
        self._level = Signal(range(self._levels + 1))
        adding, begins, place = Signal(), Signal(), Signal(width)
        level = Signal.like(self._level)
        m.d.comb += [
            following.eq(links.rd), final.eq(here == ends.rd[width:]),
            ends.ra.eq(Mux(self.done, self.entry.level, self._level)),
            links.wa.eq(ends.rd[width:]), links.wd.eq(place), links.we.eq(adding & ~begins),
            ends.wa.eq(level), ends.wd.eq(Cat(place, place)),
            ends.we.eq(Cat(adding & begins, adding)),
        ]  # fmt: skip
        m.d.sync += adding.eq(self.append & ~self.full)
        with m.If(self.append):
            m.d.comb += ends.re.eq(1)
            m.d.sync += [
                begins.eq(~self._used.bit_select(self.entry.level, 1)), level.eq(self.entry.level),
                place.eq(self.count),
                self._used.eq(self._used | (1 << self.entry.level)),
            ]  # fmt: skip
        with m.If(self.clear):
            m.d.sync += self._used.eq(0)
        return links

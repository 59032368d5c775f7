"""Replays an image's events once for every neuron group, while the next image comes in."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.geometry import WindowedGeometry
from hw.pairs import PairedRam
from hw.ram import Ram
from hw.streams import event_stream

__all__ = ["Replay"]


class Replay(wiring.Component):
    """A ring of events, written once and read once a group.

    The first pass follows the writer: an event leaves three cycles after it came in, from a
    register, as the way from the ring to the weights is long enough. Passes follow each other with
    one cycle for the mark between them. Up to two whole images wait in the ring
    before the input stalls, as it does while the ring is full; ready never hangs on the payload.

    Members:
        i: In(event_stream). Events of an image in any order, each address at most once, then the
            mark.
        o: Out(event_stream). The same sequence, ``groups`` times.
        wrote, read: Out(1). An event is written, or read, in this cycle (for counting).
        active: Out(1). A register or the ring may change in this cycle.

    Memory: one RAM of ``buffer_depth`` events with a read and a write port, two events a word if
    the layer says so.
    """

    def __init__(self, layer: WindowedGeometry):
        self._layer = layer
        signature = event_stream(layer.fan_in, layer.steps_in)
        super().__init__(
            {
                "i": In(signature),
                "o": Out(signature),
                "wrote": Out(1),
                "read": Out(1),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        depth = self._layer.buffer_depth
        ram = self._ring(m)
        # Pointers count through the ring twice, so that full and empty differ.
        write = Signal(range(2 * depth))
        base = Signal.like(write)
        read = Signal.like(write)
        end = Signal.like(write, reset_less=True)
        ended = Signal()
        next_end = Signal.like(write, reset_less=True)
        next_ended = Signal()
        retire = Signal()

        full = Signal()
        self._fetched = Signal()  # the ring gives an item
        m.d.comb += [
            full.eq((write ^ base) == depth),
            self.i.ready.eq(~full & ~next_ended),
            ram.wa.eq(write[:-1]),
            ram.wd.eq(Cat(self.i.p.address, self.i.p.level)),
            ram.we.eq(self.i.valid & self.i.ready & ~self.i.p.last),
            self.wrote.eq(ram.we),
            self.read.eq(ram.re),
            self.active.eq(self.i.valid | self.o.valid | self._fetched | ended | (read != write)),
        ]
        with m.If(ram.we):
            m.d.sync += write.eq(write + 1)
        with m.If(retire):
            m.d.sync += [end.eq(next_end), ended.eq(next_ended), next_ended.eq(0)]
        with m.If(self.i.valid & self.i.ready & self.i.p.last):
            with m.If(ended & ~retire):
                m.d.sync += [next_end.eq(write), next_ended.eq(1)]
            with m.Else():
                m.d.sync += [end.eq(write), ended.eq(1)]
        self._add_reader(m, ram, write, base, read, end, ended, retire)
        return m

    def _ring(self, m: Module) -> Ram | PairedRam:
        layer = self._layer
        width, depth = layer.event_bits, layer.buffer_depth
        ram: Ram | PairedRam
        if layer.event_pairs:
            ram = PairedRam(width=width, depth=depth)
        else:
            ram = Ram(width=width, depth=depth, grain=width, apart=True)
        m.submodules.ram = ram
        return ram

    def _add_reader(
        self, m: Module, ram: Ram | PairedRam, write: Signal, base: Signal, read: Signal,
        end: Signal, ended: Signal, retire: Signal,
    ) -> None:  # fmt: skip
        passes = self._layer.groups
        left = Signal(range(passes), init=passes - 1)
        mark = Signal()
        at_end = Signal()
        step, leave = Signal(), Signal()
        m.d.comb += [
            at_end.eq(ended & (read == end)),
            leave.eq(~self.o.valid | self.o.ready),
            step.eq(~self._fetched | leave),
            retire.eq(step & at_end & (left == 0)),
            ram.ra.eq(read[:-1]),
            ram.re.eq(step & ~at_end & (read != write)),
        ]
        if isinstance(ram, PairedRam):
            m.d.comb += [
                ram.complete.eq((read + 1)[: len(read)] != write),
                ram.jump.eq(step & at_end),
            ]
        with m.If(leave):
            m.d.sync += self.o.valid.eq(self._fetched)
        with m.If(leave & self._fetched):
            m.d.sync += [
                self.o.p.last.eq(mark),
                Cat(self.o.p.address, self.o.p.level).eq(Mux(mark, 0, ram.rd)),
            ]
        with m.If(step):
            m.d.sync += [self._fetched.eq(at_end | (read != write)), mark.eq(at_end)]
            with m.If(ram.re):
                m.d.sync += read.eq(read + 1)
            with m.If(at_end):
                m.d.sync += [read.eq(base), left.eq(left - 1)]
        with m.If(retire):
            m.d.sync += [read.eq(end), base.eq(end), left.eq(passes - 1)]

"""Reads the output layer of a scatter network, step by step: every membrane, then the class."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.readout_rows import Rows, rows_for
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.ports import readout_port
from hw.streams import result_stream
from hw.widths import address_bits
from spikeforge.schema import Readout, ReadoutKind

__all__ = ["StepReadout", "score_bits"]


def score_bits(geometry: ScatterGeometry, readout: Readout) -> int:
    """Width of a result's membrane field: holds every membrane and the winner's score."""
    sums = geometry.membrane_bits + (readout.votes - 1).bit_length()
    if readout.kind is ReadoutKind.MAX_MEMBRANE:
        return sums
    if readout.kind is ReadoutKind.SPIKE_COUNT:
        return max(geometry.membrane_bits, 1 + (geometry.steps * readout.votes).bit_length())
    return geometry.membrane_bits


class StepReadout(wiring.Component):
    """Takes the rows of the output layer; sends one result an image.

    Class c owns the neurons ``c * votes`` to ``c * votes + votes - 1``; the last tie goes to the
    lowest class. A result is a beat for each output neuron in order of its address, then the class
    with its score:

    - ``max_membrane``: final membranes; the class with the largest sum of them, and that sum.
    - ``spike_count``: final membranes; the class with most spikes (ties: the largest sum of its
      final membranes), and how many these were.
    - ``first_spike``: decides at the end of the first step in which a neuron fires, and sends the
      membranes as compared in that step; the class of the largest among those that fire, and that
      membrane. Whatever follows of the image is taken and dropped. If nothing ever fires, all final
      membranes compete.

    Time: rows that are not read out are taken at once. Of those that are, a neuron is sent each
    cycle, the first beat offered in the cycle after the row (one cycle later with counters in
    memory; three cycles after the step's last row where ``first_spike`` keeps rows in memory), and
    the class follows the last neuron. :mod:`hw.readout_rows` has the memories. Reset: between
    images.

    Members:
        i: In(readout_port). Rows of all steps.
        o: Out(result_stream). ``score_bits`` wide.
        scanned: Out(1). A neuron is read out in this cycle (for counting).
        active: Out(1). A register or memory may change in this cycle.
    """

    def __init__(self, geometry: ScatterGeometry, readout: Readout):
        self._geometry = geometry
        self._readout = readout
        super().__init__(
            {
                "i": In(readout_port(geometry)),
                "o": Out(result_stream(geometry.width, score_bits(geometry, readout))),
                "scanned": Out(1),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        g = self._geometry
        m.submodules.rows = rows = rows_for(g, self._readout.kind)
        connect(m, flipped(self.i), rows.i)
        naming, move = Signal(), Signal()
        neuron = Signal(address_bits(g.width))
        lane = Signal(address_bits(g.lanes))
        membrane = Signal(signed(g.membrane_bits))
        m.d.comb += [
            move.eq(~self.o.valid | self.o.ready),
            self.scanned.eq(rows.valid & ~naming & move),
            rows.rest.eq(naming),
            self.active.eq(rows.active | naming | self.o.valid),
            rows.done.eq(self.scanned & self._at_last_lane(m, lane, rows.done)),
        ]
        with m.If(self.scanned):
            m.d.comb += membrane.eq(Array(rows.membranes)[lane])
            m.d.sync += [lane.eq(Mux(rows.done, 0, lane + 1)), neuron.eq(neuron + 1)]
        with m.If(rows.done & rows.last_row):
            m.d.sync += [naming.eq(1), neuron.eq(0)]
        with m.If(naming & move):
            m.d.sync += naming.eq(0)
        winner, score = self._add_winner(m, rows, lane, membrane, naming & move)
        with m.If(move):
            m.d.sync += self.o.valid.eq(self.scanned | naming)
        with m.If(move & (self.scanned | naming)):
            m.d.sync += [
                self.o.p.last.eq(naming),
                self.o.p.index.eq(Mux(naming, winner, neuron)),
                self.o.p.membrane.eq(Mux(naming, score, membrane)),
            ]
        return m

    def _at_last_lane(self, m: Module, lane: Signal, done: Signal) -> Value:
        """Whether ``lane`` is the last one of its row that holds a neuron."""
        g = self._geometry
        some = g.lanes_in_block(g.blocks - 1)
        if some == g.lanes:
            return lane == g.lanes - 1
        block = Signal(address_bits(g.blocks))
        at_end = block == g.blocks - 1
        with m.If(done):
            m.d.sync += block.eq(Mux(at_end, 0, block + 1))
        return lane == Mux(at_end, some - 1, g.lanes - 1)

    def _add_winner(
        self, m: Module, rows: Rows, lane: Signal, membrane: Signal, named: Value
    ) -> tuple[Signal, Signal]:
        """The best class so far, and its score."""
        kind, votes = self._readout.kind, self._readout.votes
        vote = Signal(address_bits(votes))
        number = Signal(address_bits(self._readout.classes))
        winner = Signal.like(number, reset_less=True)
        counts: list[Signal] = []
        if kind is ReadoutKind.SPIKE_COUNT:
            count = Array(rows.counts)[lane]
            counts = [self._total(m, "count", count, self._sum_bits(count), vote)]
        height = membrane
        if kind is not ReadoutKind.FIRST_SPIKE:
            height = self._total(m, "membrane", membrane, self._sum_bits(membrane), vote)
        keys = [*counts, height]
        best = [Signal.like(key, name=f"best_{n}", reset_less=True) for n, key in enumerate(keys)]
        any_yet, better = Signal(), Signal()
        higher: Any = keys[-1] > best[-1]
        if counts:
            higher = (keys[0] > best[0]) | ((keys[0] == best[0]) & higher)
        able: Any = vote == votes - 1
        if kind is ReadoutKind.FIRST_SPIKE:
            able = ~rows.by_spike | Array(rows.fired)[lane]
        m.d.comb += better.eq(self.scanned & able & (~any_yet | higher))
        with m.If(self.scanned):
            with m.If(vote == votes - 1):
                m.d.sync += [vote.eq(0), number.eq(number + 1)]
            with m.Else():
                m.d.sync += vote.eq(vote + 1)
        with m.If(better):
            m.d.sync += [winner.eq(number), any_yet.eq(1)]
            m.d.sync += [kept.eq(key) for kept, key in zip(best, keys, strict=True)]
        with m.If(named):
            m.d.sync += [any_yet.eq(0), number.eq(0)]
        return winner, best[0]

    def _sum_bits(self, part: Value) -> Any:
        """Shape of a sum over the votes of a class."""
        shape = Value.cast(part).shape()
        width = shape.width + (self._readout.votes - 1).bit_length()
        return signed(width) if shape.signed else width

    def _total(self, m: Module, name: str, part: Value, shape: Any, vote: Signal) -> Signal:
        """Sum over the neurons of a class up to this one."""
        total = Signal(shape, name=f"{name}_total")
        if self._readout.votes == 1:
            m.d.comb += total.eq(part)
            return total
        before = Signal(shape, name=f"{name}_before", reset_less=True)
        m.d.comb += total.eq(Mux(vote == 0, 0, before) + part)
        with m.If(self.scanned):
            m.d.sync += before.eq(total)
        return total

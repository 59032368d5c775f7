"""Reads the output layer: every membrane, then the class with the largest one (or sum)."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.geometry import WindowedGeometry
from hw.streams import handover_port, result_stream
from hw.widths import address_bits

__all__ = ["Readout"]


class Readout(wiring.Component):
    """Scans the output neurons, one a cycle; ties go to the lowest class.

    Class c owns the ``votes`` neurons from ``c * votes`` on, and its score is the sum of their
    membranes.

    Members:
        i: In(handover_port). Final membranes of a group of output neurons.
        o: Out(result_stream). A beat for each neuron, then the class with its score. The first
            beat is offered two cycles after the handover.
        scanned: Out(1). A membrane is read out in this cycle (for counting).
        active: Out(1). A register may change in this cycle.
    """

    def __init__(self, layer: WindowedGeometry, *, votes: int = 1):
        self._layer = layer
        self._votes = votes
        self._score_bits = layer.membrane_bits + (votes - 1).bit_length()
        super().__init__(
            {
                "i": In(handover_port(layer.lanes, layer.membrane_bits)),
                "o": Out(result_stream(layer.width, self._score_bits)),
                "scanned": Out(1),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        layer = self._layer
        busy, naming, move = Signal(), Signal(), Signal()
        lane = Signal(range(max(2, layer.lanes)))
        neuron = Signal(range(max(2, layer.width)))
        winner = Signal.like(neuron, reset_less=True)
        best = Signal(signed(self._score_bits), reset_less=True)
        kept = Array(
            Signal(signed(layer.membrane_bits), name=f"kept_{n}", reset_less=True)
            for n in range(layer.lanes)
        )
        membrane = Signal(signed(layer.membrane_bits))
        fresh = Signal()  # `o` shows a neuron since this cycle: judge it
        shown = self.o.p.membrane[: layer.membrane_bits].as_signed()
        owner, complete, score = self._add_score(m, self.o.p.index, shown, fresh)
        better = Signal()

        m.d.comb += [
            self.i.ready.eq(~busy),
            move.eq(~self.o.valid | self.o.ready),
            better.eq(fresh & complete & ((owner == 0) | (score > best))),
            self.scanned.eq(busy & ~naming & move),
            self.active.eq(self.i.valid | busy | self.o.valid),
        ]
        with m.If(self.scanned):
            m.d.comb += membrane.eq(kept[lane])
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [busy.eq(1), lane.eq(0)]
            m.d.sync += [kept[n].eq(self.i.membranes[n]) for n in range(layer.lanes)]
        with m.If(move):
            m.d.sync += self.o.valid.eq(busy)
        with m.If(move & busy):
            m.d.sync += [
                self.o.p.last.eq(naming),
                self.o.p.index.eq(Mux(naming, Mux(better, owner, winner), neuron)),
                self.o.p.membrane.eq(Mux(naming, Mux(better, score, best), membrane)),
            ]
        m.d.sync += fresh.eq(self.scanned)
        with m.If(better):
            m.d.sync += [winner.eq(owner), best.eq(score)]
        with m.If(self.scanned):
            m.d.sync += [lane.eq(lane + 1), neuron.eq(neuron + 1)]
            with m.If(neuron == layer.width - 1):
                m.d.sync += naming.eq(1)
            with m.Elif(lane == layer.lanes - 1):
                m.d.sync += busy.eq(0)
        with m.If(naming & move):
            m.d.sync += [naming.eq(0), busy.eq(0), neuron.eq(0)]
        return m

    def _add_score(
        self, m: Module, neuron: Signal, membrane: Value, fresh: Signal
    ) -> tuple[Any, Any, Any]:
        """The class of the neuron, whether the neuron is its last one, and its score up to here."""
        if self._votes == 1:
            return neuron, Const(1), membrane
        owner = Signal(address_bits(self._layer.width // self._votes))
        vote = Signal(address_bits(self._votes))
        before = Signal(signed(self._score_bits), reset_less=True)
        score = Signal.like(before)
        complete = vote == self._votes - 1
        m.d.comb += score.eq(Mux(vote == 0, 0, before) + membrane)
        with m.If(fresh):
            m.d.sync += [before.eq(score), vote.eq(vote + 1)]
            with m.If(complete):
                m.d.sync += [vote.eq(0), owner.eq(owner + 1)]
                with m.If(neuron == self._layer.width - 1):
                    m.d.sync += owner.eq(0)
        return owner, complete, score

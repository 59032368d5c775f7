"""Reads the output layer: every membrane, then the class with the largest one."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.geometry import LayerGeometry
from hw.streams import handover_port, result_stream

__all__ = ["Readout"]


class Readout(wiring.Component):
    """Scans the output neurons, one a cycle; ties go to the lowest index.

    Members:
        i: In(handover_port). Final membranes of a group of output neurons.
        o: Out(result_stream). A beat for each neuron, then the class. The first beat is offered
            two cycles after the handover.
        scanned: Out(1). A membrane is compared in this cycle (for counting).
    """

    def __init__(self, layer: LayerGeometry):
        self._layer = layer
        super().__init__(
            {
                "i": In(handover_port(layer.lanes, layer.membrane_bits)),
                "o": Out(result_stream(layer.width, layer.membrane_bits)),
                "scanned": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        layer = self._layer
        busy, naming, move = Signal(), Signal(), Signal()
        lane = Signal(range(max(2, layer.lanes)))
        neuron = Signal(range(max(2, layer.width)))
        winner = Signal.like(neuron, reset_less=True)
        best = Signal(signed(layer.membrane_bits), reset_less=True)
        kept = Array(
            Signal(signed(layer.membrane_bits), name=f"kept_{n}", reset_less=True)
            for n in range(layer.lanes)
        )
        membrane = Signal.like(best)
        better = Signal()

        m.d.comb += [
            self.i.ready.eq(~busy),
            move.eq(~self.o.valid | self.o.ready),
            better.eq((neuron == 0) | (membrane > best)),
            self.scanned.eq(busy & ~naming & move),
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
                self.o.p.index.eq(Mux(naming, winner, neuron)),
                self.o.p.membrane.eq(Mux(naming, best, membrane)),
            ]
        with m.If(self.scanned):
            m.d.sync += [lane.eq(lane + 1), neuron.eq(neuron + 1)]
            with m.If(better):
                m.d.sync += [winner.eq(neuron), best.eq(membrane)]
            with m.If(neuron == layer.width - 1):
                m.d.sync += naming.eq(1)
            with m.Elif(lane == layer.lanes - 1):
                m.d.sync += busy.eq(0)
        with m.If(naming & move):
            m.d.sync += [naming.eq(0), busy.eq(0), neuron.eq(0)]
        return m

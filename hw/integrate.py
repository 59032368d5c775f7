"""Adds up one neuron group at a time: a weight row for every event, membranes in registers."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.geometry import WindowedGeometry
from hw.streams import event_stream, handover_port
from hw.widths import address_bits

__all__ = ["Integrate"]


class _Stage:
    """What goes down the pipeline beside a row: an event with its level, or a mark, or nothing."""

    def __init__(self, layer: WindowedGeometry) -> None:
        self.valid, self.mark = Signal(), Signal()
        self.level = Signal(layer.steps_in.bit_length(), reset_less=True)


class Integrate(wiring.Component):
    """V += w * k for ``lanes`` neurons a cycle, then the group's membranes are handed over.

    A pipeline of address, word and sum that only a refused handover stops: one event a cycle; the
    sum of an event is in V three cycles after it was accepted. A mark hands the group over in its
    third cycle and costs one cycle. Without a row register the word is added in the cycle in which
    the memory gives it, and both come a cycle earlier.

    Members:
        i: In(event_stream). Each image's events and mark, once for every group.
        o: Out(handover_port). Membranes of a group, group after group. Whoever takes a group must
            rest for a cycle before the next, for ``bias`` to arrive; Fire and Readout do.
        row_re: Out(1), row_address: Out. Reads weight row ``group * fan_in + address``.
        row: In(lanes * weight_bits). That row, one cycle later, lane 0 in the lowest bits.
        bias: In(lanes * bias_bits). Biases with which the next group starts (absent without).
        start: In(1). High for one cycle after reset, when ``bias`` holds those of group 0.
        added: Out(1). A row is added to the membranes in this cycle (for counting).
        active: Out(1). A register may change in this cycle.
    """

    def __init__(self, layer: WindowedGeometry):
        self._layer = layer
        super().__init__(
            {
                "i": In(event_stream(layer.fan_in, layer.steps_in)),
                "o": Out(handover_port(layer.lanes, layer.membrane_bits)),
                "row_re": Out(1),
                "row_address": Out(address_bits(layer.rows)),
                "row": In(layer.lanes * layer.weight_bits),
                "bias": In(layer.lanes * layer.bias_bits),
                "start": In(1),
                "added": Out(1),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        layer = self._layer
        ready = Signal()  # goes high once group 0 has its biases
        advance = Signal()
        word = _Stage(layer)
        last = _Stage(layer) if layer.row_register else word

        m.d.comb += [
            advance.eq(ready & ~(last.mark & ~self.o.ready)),
            self.i.ready.eq(advance),
            self.row_re.eq(advance & self.i.valid & ~self.i.p.last),
            self.o.valid.eq(last.mark),
            self.added.eq(last.valid & advance),
            self.active.eq(
                self.i.valid | self.start | word.valid | word.mark | last.valid | last.mark
            ),
        ]
        self._add_row_address(m, advance)
        with m.If(self.start):
            m.d.sync += ready.eq(1)
        with m.If(advance):
            m.d.sync += [
                word.valid.eq(self.i.valid & ~self.i.p.last),
                word.mark.eq(self.i.valid & self.i.p.last),
            ]
        with m.If(self.row_re):
            m.d.sync += word.level.eq(self.i.p.level)
        row: Value = self.row
        if layer.row_register:
            row = self._add_row_register(m, advance, word, last)
        self._add_lanes(m, row, last.level)
        return m

    def _add_row_register(self, m: Module, advance: Signal, word: _Stage, last: _Stage) -> Signal:
        """The row of an event, a cycle after the memory gave it."""
        row = Signal(len(self.row), name="sum_row", reset_less=True)
        with m.If(advance):
            m.d.sync += [last.valid.eq(word.valid), last.mark.eq(word.mark)]
        with m.If(advance & word.valid):
            m.d.sync += [last.level.eq(word.level), row.eq(self.row)]
        return row

    def _add_row_address(self, m: Module, advance: Signal) -> None:
        """The first row of the current group moves on with each mark."""
        layer = self._layer
        base = Signal(address_bits(layer.rows))
        last = (layer.groups - 1) * layer.fan_in
        m.d.comb += self.row_address.eq(base + self.i.p.address)
        if layer.groups > 1:
            with m.If(advance & self.i.valid & self.i.p.last):
                m.d.sync += base.eq(Mux(base == last, 0, base + layer.fan_in))

    def _add_lanes(self, m: Module, row: Value, level: Signal) -> None:
        layer = self._layer
        bits = layer.weight_bits
        membranes = Array(
            Signal(signed(layer.membrane_bits), name=f"membrane_{lane}", reset_less=True)
            for lane in range(layer.lanes)
        )
        with m.If(self.added):
            for lane, membrane in enumerate(membranes):
                weight = row[lane * bits : (lane + 1) * bits]
                change = Mux(weight, -level, level) if bits == 1 else weight.as_signed() * level
                moves = weight.any() if layer.lane_gating and bits > 1 else Const(1)
                with m.If(moves):
                    m.d.sync += membrane.eq(membrane + change)
        with m.If(self.start | (self.o.valid & self.o.ready)):
            for lane, membrane in enumerate(membranes):
                bias = self.bias[lane * layer.bias_bits : (lane + 1) * layer.bias_bits]
                m.d.sync += membrane.eq(bias.as_signed() if layer.bias_bits else 0)
        for lane, membrane in enumerate(membranes):
            m.d.comb += self.o.membranes[lane].eq(membrane)

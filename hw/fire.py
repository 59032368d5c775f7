"""The fire phase of a windowed layer: membranes of a group become spikes, in order of time."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.geometry import WindowedGeometry
from hw.streams import event_stream, handover_port
from hw.widths import address_bits

__all__ = ["Fire"]

_BLOCK = 8


class Fire(wiring.Component):
    """Compares a group's membranes with theta * (T - t), step by step, and emits who fires.

    A step takes one cycle, or one for each neuron that fires in it. The first event is offered
    three cycles after the handover. The next group is taken as soon as all steps were compared.

    Members:
        i: In(handover_port). Membranes of a group, kept here while its steps run.
        threshold: In. Theta of the layer, or of each lane, from the handover to ``finishing``.
        finishing: Out(1). The group's last step is compared: its thresholds are needed no more.
        o: Out(event_stream). Spikes in order of group, step, neuron; the mark after the last group.
        compared: Out(1). The lanes are compared in this cycle (for counting).
        active: Out(1). A register may change in this cycle.
    """

    def __init__(self, layer: WindowedGeometry):
        self._layer = layer
        lanes = layer.lanes if layer.threshold_per_neuron else 1
        super().__init__(
            {
                "i": In(handover_port(layer.lanes, layer.membrane_bits)),
                "threshold": In(lanes * layer.threshold_bits),
                "o": Out(event_stream(layer.width, layer.steps)),
                "compared": Out(1),
                "finishing": Out(1),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        layer = self._layer
        busy, marking = Signal(), Signal()
        level = Signal(layer.steps.bit_length(), reset_less=True)  # T - t
        group_base = Signal(range(max(2, layer.width)))
        pending = Signal(layer.lanes)
        pending_level = Signal.like(level)
        pending_base = Signal.like(group_base, reset_less=True)
        pending_mark = Signal()
        can_load = self._add_output(m, pending, pending_level, pending_base, pending_mark)
        alive, fired = self._add_lanes(m, level)
        last_base = (layer.groups - 1) * layer.lanes

        m.d.comb += [
            self.i.ready.eq(~busy),
            self.compared.eq(busy & ~marking & can_load),
            self.finishing.eq(self.compared & (level == 1)),
            self.active.eq(self.i.valid | busy | pending.any() | pending_mark | self.o.valid),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [busy.eq(1), level.eq(layer.steps)]
        with m.If(self.compared):
            m.d.sync += [
                pending.eq(fired),
                pending_level.eq(level),
                pending_base.eq(group_base),
                alive.eq(alive & ~fired),
                level.eq(level - 1),
            ]
            with m.If(self.finishing):
                with m.If(group_base == last_base):
                    m.d.sync += [marking.eq(1), group_base.eq(0)]
                with m.Else():
                    m.d.sync += [busy.eq(0), group_base.eq(group_base + layer.lanes)]
        with m.If(marking & can_load):
            m.d.sync += [marking.eq(0), busy.eq(0), pending_mark.eq(1)]
        # A fresh group: every neuron that exists may fire.
        with m.If(self.i.valid & self.i.ready):
            everyone = (1 << layer.lanes) - 1
            rest = (1 << layer.lanes_in_last_group) - 1
            m.d.sync += alive.eq(Mux(group_base == last_base, rest, everyone))
        return m

    def _add_lanes(self, m: Module, level: Signal) -> tuple[Signal, Signal]:
        """Membranes, falling thresholds and comparators; returns who may fire and who does."""
        layer = self._layer
        alive = Signal(layer.lanes, reset_less=True)
        fired = Signal(layer.lanes)
        count = layer.lanes if layer.threshold_per_neuron else 1
        bits = layer.threshold_bits
        falling = [
            Signal(bits + layer.steps.bit_length(), name=f"falling_{n}", reset_less=True)
            for n in range(count)
        ]
        for n, height in enumerate(falling):
            theta = self.threshold[n * bits : (n + 1) * bits]
            with m.If(self.i.valid & self.i.ready):
                m.d.sync += height.eq(theta * layer.steps)
            with m.Elif(self.compared):
                m.d.sync += height.eq(height - theta)
        for lane in range(layer.lanes):
            membrane = Signal(signed(layer.membrane_bits), name=f"membrane_{lane}", reset_less=True)
            with m.If(self.i.valid & self.i.ready):
                m.d.sync += membrane.eq(self.i.membranes[lane])
            height = falling[lane if layer.threshold_per_neuron else 0]
            m.d.comb += fired[lane].eq(alive[lane] & (membrane >= height))
        return alive, fired

    def _add_output(
        self, m: Module, pending: Signal, level: Signal, base: Signal, mark: Signal
    ) -> Signal:
        """Sends pending spikes, lowest lane first; returns whether the next step may load."""
        can_load = Signal()
        move = Signal()
        lowest = Signal.like(pending)
        several = Signal()
        m.d.comb += [
            move.eq(~self.o.valid | self.o.ready),
            lowest.eq(_lowest(pending)),
            several.eq(_several(pending)),
            can_load.eq(~mark & (~pending.any() | (move & ~several)) | (mark & move)),
        ]
        lane = _binary(lowest)
        with m.If(move):
            m.d.sync += [
                self.o.valid.eq(pending.any() | mark),
                pending.eq(pending & ~lowest),
                mark.eq(0),
            ]
            with m.If(mark):
                m.d.sync += [self.o.p.last.eq(1), self.o.p.address.eq(0), self.o.p.level.eq(0)]
            with m.Elif(pending.any()):
                m.d.sync += [
                    self.o.p.last.eq(0),
                    self.o.p.address.eq(base + lane),
                    self.o.p.level.eq(level),
                ]
        return can_load


def _lowest(pending: Signal) -> Any:
    """The lowest set bit alone: by blocks, not along a carry."""
    blocks = [pending[n : n + _BLOCK] for n in range(0, len(pending), _BLOCK)]
    some = [block.any() for block in blocks]
    return Cat(
        block[n] & ~block[:n].any() & ~Cat(some[:number]).any()
        for number, block in enumerate(blocks)
        for n in range(len(block))
    )


def _several(bits: Any) -> Any:
    """Whether more than one bit is set, as a tree."""
    nodes = [(bit, Const(0, 1)) for bit in bits]
    while len(nodes) > 1:
        pairs = zip(nodes[::2], nodes[1::2], strict=False)
        odd = nodes[-1:] if len(nodes) % 2 else []
        nodes = [(a | b, more_a | more_b | (a & b)) for (a, more_a), (b, more_b) in pairs] + odd
    return nodes[0][1]


def _binary(one_hot: Signal) -> Any:
    """Index of the only set bit."""
    width = len(one_hot)
    return Cat(
        Cat(one_hot[n] for n in range(width) if n >> bit & 1).any()
        for bit in range(address_bits(width))
    )

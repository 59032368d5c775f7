"""A windowed dense layer: replay, weight memory, integration and the fire phase or read-out."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.content import layer_sections
from hw.fire import Fire
from hw.geometry import WindowedGeometry
from hw.integrate import Integrate
from hw.loader import load_bus
from hw.parameters import ContentRam, Parameters
from hw.probe import PROBE_FIELDS, probe_layout
from hw.readout import Readout
from hw.replay import Replay
from hw.section import Section
from hw.streams import event_stream, result_stream

__all__ = ["PROBE_FIELDS", "WindowedLayer", "probe_layout"]


class WindowedLayer(wiring.Component):
    """Takes an image's events, emits its own spikes (or, as the last layer, the result).

    Members:
        i: In(event_stream). Events of the layer before.
        o: Out(event_stream or result_stream). Spikes, or the result.
        bus: In(load_bus). Writes into the layer's memories.
        probe: Out(probe_layout). What happens in this cycle.
        active: Out(1). A register or memory of the layer may change in this cycle.

    The first two cycles after reset fetch the first group's parameters; input waits for them.
    """

    def __init__(self, layer: WindowedGeometry, parts: tuple[Section, ...], *, initialized: bool):
        self._layer = layer
        self._parts = parts
        self._initialized = initialized
        out = (
            event_stream(layer.width, layer.steps)
            if layer.fires
            else result_stream(layer.width, layer.membrane_bits)
        )
        super().__init__(
            {
                "i": In(event_stream(layer.fan_in, layer.steps_in)),
                "o": Out(out),
                "bus": In(load_bus(parts)),
                "probe": Out(probe_layout()),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        layer = self._layer
        self._starting = Signal()  # parameters are fetched
        memories = self._add_memories(m)
        m.submodules.integrate = integrate = Integrate(layer)
        if layer.groups > 1:
            m.submodules.replay = replay = Replay(layer)
            connect(m, flipped(self.i), replay.i)
            connect(m, replay.o, integrate.i)
            m.d.comb += [
                self.probe.buffer_write.eq(replay.wrote),
                self.probe.buffer_read.eq(replay.read),
            ]
        else:
            connect(m, flipped(self.i), integrate.i)
        weights = memories["weight"]
        m.d.comb += [
            weights.re.eq(integrate.row_re),
            weights.ra.eq(integrate.row_address),
            integrate.row.eq(weights.rd),
            self.probe.row_read.eq(integrate.row_re),
            self.probe.row_added.eq(integrate.added),
            self.probe.handover.eq(integrate.o.valid & integrate.o.ready),
        ]
        working = [integrate, self._add_output(m, integrate, memories)]
        if layer.groups > 1:
            working.append(replay)
        mine = [self._parts.index(part) for part in layer_sections(layer)]
        written = self.bus.write & self.bus.section.matches(*mine)
        m.d.comb += self.active.eq(
            self._starting | written | Cat(part.active for part in working).any()
        )
        return m

    def _add_memories(self, m: Module) -> dict[str, Any]:
        memories: dict[str, Any] = {}
        for part in layer_sections(self._layer):
            init = f"weights/{part.name}.hex" if self._initialized else ""
            kind = ContentRam if part.tensor == "weight" else Parameters
            memories[part.tensor] = kind(self._parts, self._parts.index(part), init)
            m.submodules[f"{part.tensor}_memory"] = memories[part.tensor]
            connect(m, flipped(self.bus), memories[part.tensor].bus)
        return memories

    def _add_output(self, m: Module, integrate: Integrate, memories: dict[str, Any]) -> Any:
        layer = self._layer
        fresh, start, handed = Signal(init=1), Signal(), Signal()
        m.d.sync += [fresh.eq(0), start.eq(fresh), handed.eq(start | self.probe.handover)]
        m.d.comb += [integrate.start.eq(start), self._starting.eq(fresh | start | handed)]
        if layer.fires:
            m.submodules.fire = last = Fire(layer)
            m.d.comb += self.probe.compared.eq(last.compared)
            threshold = memories["threshold"]
            m.d.comb += [
                threshold.first.eq(fresh),
                threshold.step.eq(last.finishing),
                last.threshold.eq(threshold.row),
                self.probe.threshold_read.eq(threshold.content_read),
            ]
        else:
            m.submodules.readout = last = Readout(layer)
            m.d.comb += self.probe.compared.eq(last.scanned)
        if layer.bias_bits:
            bias = memories["bias"]
            m.d.comb += [
                bias.first.eq(fresh),
                bias.step.eq(handed),
                integrate.bias.eq(bias.row),
                self.probe.bias_read.eq(bias.content_read),
            ]
        connect(m, integrate.o, last.i)
        connect(m, last.o, flipped(self.o))
        return last

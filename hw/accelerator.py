"""The accelerator: layers joined by event streams, a loader, and ports to watch it by."""

from __future__ import annotations

from typing import Any

from amaranth import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import connect, flipped

from hw.config import HardwareConfig, MemoryMode
from hw.content import architecture_id, sections
from hw.geometry import geometry
from hw.interface import accelerator_members
from hw.layer import WindowedLayer
from hw.loader import Loader
from spikeforge.network import Network

__all__ = ["Accelerator"]


class Accelerator(wiring.Component):
    """Events of an image in, membranes and class out; images follow each other without a gap.

    Members:
        events: In(event_stream). Each image's pixels as (address, k), then the mark.
        result: Out(result_stream). Output membranes in order, then the class.
        load: In(load_stream). Content at run time (absent with initialized memories).
        loaded: Out(1). Content is complete and checked; before that no event is accepted.
        load_error: Out(LoadError). Why the last load did not count.
        identity: Out(64). Architecture id, first byte in the lowest bits.
        tap_<layer>: Out(struct). The streams between the layers, to watch only.
        probe_<layer>: Out(probe_layout). What each layer does in a cycle, to count only.

    A load empties the accelerator: images under way are dropped.
    """

    def __init__(self, network: Network, config: HardwareConfig):
        self.layers = geometry(network, config)
        self._initialized = config.memory is MemoryMode.INIT
        self._identity = architecture_id(network, config)
        super().__init__(accelerator_members(self.layers, config.memory))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        parts = sections(self.layers)
        m.d.comb += self.identity.eq(int.from_bytes(self._identity, "little"))
        cores = [
            WindowedLayer(layer, parts, initialized=self._initialized) for layer in self.layers
        ]
        waiting = Signal()
        for layer, core in zip(self.layers, cores, strict=True):
            m.submodules[layer.name] = ResetInserter(waiting)(core)
            m.d.comb += getattr(self, f"probe_{layer.name}").eq(core.probe)
        if self._initialized:
            m.d.comb += self.loaded.eq(1)
        else:
            # A layer may be called "loader", but never with a leading underscore.
            m.submodules["_loader"] = loader = Loader(parts, self._identity)
            connect(m, flipped(self.load), loader.i)
            m.d.comb += [self.loaded.eq(loader.loaded), self.load_error.eq(loader.error)]
            for core in cores:
                connect(m, loader.bus, core.bus)
        m.d.comb += waiting.eq(~self.loaded)
        self._add_streams(m, cores)
        return m

    def _add_streams(self, m: Module, cores: list[WindowedLayer]) -> None:
        first = cores[0].i
        m.d.comb += [
            first.p.eq(self.events.p),
            first.valid.eq(self.events.valid & self.loaded),
            self.events.ready.eq(first.ready & self.loaded),
        ]
        for layer, core, after in zip(self.layers, cores, cores[1:], strict=False):
            connect(m, core.o, after.i)
            tap = getattr(self, f"tap_{layer.name}")
            m.d.comb += [
                tap.valid.eq(core.o.valid),
                tap.ready.eq(core.o.ready),
                tap.event.eq(core.o.p),
            ]
        connect(m, cores[-1].o, flipped(self.result))

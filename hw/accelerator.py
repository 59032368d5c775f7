"""The accelerator: layers joined by event streams, a loader, and ports to watch it by."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, ResetInserter, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import connect, flipped

from hw.config import HardwareConfig
from hw.content import architecture_id, sections
from hw.gating import add_gated
from hw.geometry import NodeGeometry, WindowedGeometry, geometry
from hw.graph.fork import Fork
from hw.graph.geometry import JoinGeometry
from hw.graph.join import Join
from hw.graph.links import Link, links
from hw.graph.pool import AvgPoolMap
from hw.interface import accelerator_members
from hw.layer import WindowedLayer
from hw.loader import Loader
from hw.node import INPUT
from hw.readout_steps import StepReadout
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.layer import ScatterLayer
from hw.section import Section
from spikeforge.network import Network

__all__ = ["Accelerator"]


class Accelerator(wiring.Component):
    """Events of an image in, membranes and class out; images follow each other without a gap.

    Members:
        events: In(event_stream). Windowed: each image's pixels as (address, k), then the mark.
            Stepped: each step's events, then the mark of the step; ``marks_in`` steps an image.
        result: Out(result_stream). Output membranes in order, then the class.
        load: In(load_stream). Content at run time (absent where memories keep their initial
            content).
        loaded: Out(1). Content is complete and checked, and memories of sums are cleared; before
            that no event is accepted.
        load_error: Out(LoadError). Why the last load did not count.
        identity: Out(64). Architecture id, first byte in the lowest bits.
        stalls: In(one bit a link). Holds up streams into nodes (only where configured, for tests).
        tap_<layer>: Out(struct). The streams that layers send, to watch only.
        probe_<layer>: Out(probe_layout). What each layer does in a cycle, to count only.

    A load empties the accelerator: images under way are dropped.
    """

    def __init__(self, network: Network, config: HardwareConfig):
        self.layers = geometry(network, config)
        self._nodes = {layer.name: layer for layer in self.layers}
        self._links = links(self.layers)
        self._readout = network.readout
        self._memory = config.memory
        self._stalling = config.stall_links
        self._gating = config.clock_gating
        self._identity = architecture_id(network, config)
        super().__init__(accelerator_members(network, self.layers, config))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        parts = sections(self.layers)
        m.d.comb += self.identity.eq(int.from_bytes(self._identity, "little"))
        waiting, cleared = Signal(), Signal()
        empty = ResetInserter(waiting)
        cores = {layer.name: self._core(layer, parts) for layer in self.layers}
        for name, core in cores.items():
            self._place(m, name, core, empty(core), waiting)
            m.d.comb += getattr(self, f"probe_{name}").eq(core.probe)
        if not self._memory.loadable:
            m.d.comb += self.loaded.eq(cleared)
        else:
            # A layer may be called "loader", but never with a leading underscore.
            loader = Loader(parts, self._identity, preloaded=self._memory.initialized)
            self._place(m, "_loader", loader, loader, Const(0))
            connect(m, flipped(self.load), loader.i)
            m.d.comb += [self.loaded.eq(loader.loaded & cleared), self.load_error.eq(loader.error)]
            for core in cores.values():
                if "bus" in core.signature.members:
                    connect(m, loader.bus, core.bus)
        # Sums start at zero: their memories are cleared after each load.
        sums = [core.cleared for core in cores.values() if "cleared" in core.signature.members]
        m.d.comb += [
            waiting.eq(~loader.loaded if self._memory.loadable else 0),
            cleared.eq(Cat(sums).all()),
        ]
        self._add_streams(m, cores, empty)
        self._add_result(m, cores[self.layers[-1].name], waiting)
        return m

    def _place(self, m: Module, name: str, block: Any, cleared: Any, clear: Value) -> None:
        """Add a block with its reset; if configured, behind a clock gate of its own."""
        if self._gating and "active" in block.signature.members:
            add_gated(m, name, cleared, active=block.active, clear=clear)
        else:
            m.submodules[name] = cleared

    def _core(self, layer: NodeGeometry, parts: tuple[Section, ...]) -> Any:
        if isinstance(layer, WindowedGeometry):
            return WindowedLayer(layer, parts, initialized=self._memory.initialized)
        if isinstance(layer, ScatterGeometry):
            return ScatterLayer(layer, parts, initialized=self._memory.initialized)
        return Join(layer) if isinstance(layer, JoinGeometry) else AvgPoolMap(layer)

    def _add_streams(self, m: Module, cores: dict[str, Any], empty: ResetInserter) -> None:
        """Every stream to its readers, through a fork where there are several."""
        entry = self.signature.members["events"].signature.create()
        m.d.comb += [
            entry.p.eq(self.events.p),
            entry.valid.eq(self.events.valid & self.loaded),
            self.events.ready.eq(entry.ready & self.loaded),
        ]
        sent = {layer.name: cores[layer.name].o for layer in self.layers if layer.emits}
        for name, stream in sent.items():
            tap = getattr(self, f"tap_{name}")
            m.d.comb += [
                tap.valid.eq(stream.valid),
                tap.ready.eq(stream.ready),
                tap.event.eq(stream.p),
            ]
        for name, stream in {INPUT: entry, **sent}.items():
            found = [link for link in self._links if link.source == name]
            branches = [stream]
            if len(found) > 1:
                # Layers' names never begin with an underscore.
                fork = Fork(stream.signature, len(found))
                m.submodules[f"_fork_{name}"] = empty(fork)
                m.d.comb += [
                    fork.i.p.eq(stream.p),
                    fork.i.valid.eq(stream.valid),
                    stream.ready.eq(fork.i.ready),
                ]
                branches = [fork.o[number] for number in range(len(found))]
            for link, branch in zip(found, branches, strict=True):
                self._add_link(m, link, branch, cores[link.reader].i)

    def _add_link(self, m: Module, link: Link, source: Any, reader: Any) -> None:
        """A reader may know a wider range of levels or addresses than what its source sends."""
        joins = isinstance(self._nodes[link.reader], JoinGeometry)
        sink = reader[link.side] if joins else reader
        passes = ~self.stalls[self._links.index(link)] if self._stalling else Const(1)
        m.d.comb += [
            sink.valid.eq(source.valid & passes),
            sink.p.last.eq(source.p.last),
            sink.p.address.eq(source.p.address),
            sink.p.level.eq(source.p.level),
            source.ready.eq(sink.ready & passes),
        ]

    def _add_result(self, m: Module, core: Any, waiting: Signal) -> None:
        """The last layer's own result, or what the read-out makes of its rows."""
        last = self.layers[-1]
        if isinstance(last, ScatterGeometry):
            readout = StepReadout(last, self._readout)
            self._place(m, "_readout", readout, ResetInserter(waiting)(readout), waiting)
            connect(m, core.o, readout.i)
            core = readout
        connect(m, core.o, flipped(self.result))

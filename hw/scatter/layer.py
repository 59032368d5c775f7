"""A scatter layer: memories around the front half, which sums up, and the scan, which updates."""

from __future__ import annotations

from typing import Any

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.loader import load_bus
from hw.parameters import ContentRam
from hw.probe import probe_layout
from hw.scatter.content import scatter_sections
from hw.scatter.front import Front
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.ports import readout_port
from hw.scatter.scan import Scan
from hw.section import Section
from hw.streams import event_stream

__all__ = ["ScatterLayer"]


class ScatterLayer(wiring.Component):
    """Takes the events of its source, emits its own (or, as the last layer, rows to read out).

    Each event adds its weight rows to the sums of the neurons it reaches; a mark closes the step
    (windowed: the image), whose neurons are updated while the next one is summed up.

    Members:
        i: In(event_stream). Events of the source, each step (image) closed by a mark.
        o: Out(event_stream or readout_port). Spikes, or the output layer's neurons.
        bus: In(load_bus). Writes into the layer's memories.
        probe: Out(probe_layout). What happens in this cycle.
        cleared: Out(1). The sums are cleared, ``rows`` cycles after reset; before that, input
            waits.
        active: Out(1). A register or memory of the layer may change in this cycle.
    """

    def __init__(self, geometry: ScatterGeometry, parts: tuple[Section, ...], *, initialized: bool):
        self._geometry = geometry
        self._parts = parts
        self._initialized = initialized
        out = (
            readout_port(geometry)
            if geometry.output
            else event_stream(geometry.width, geometry.levels_out)
        )
        super().__init__(
            {
                "i": In(event_stream(geometry.fan_in, geometry.levels_in)),
                "o": Out(out),
                "bus": In(load_bus(parts)),
                "probe": Out(probe_layout()),
                "cleared": Out(1),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        memories = self._add_memories(m)
        m.submodules.front = front = Front(self._geometry)
        m.submodules.scan = scan = Scan(self._geometry)
        connect(m, flipped(self.i), front.i)
        connect(m, front.bank, scan.bank)
        connect(m, scan.o, flipped(self.o))
        if self._geometry.recurrent_bits:
            connect(m, scan.recurrent, front.recurrent)
        self._join_rows(m, front, memories)
        if not self._geometry.is_pool:
            self._join_parameters(m, front, scan, memories)
        mine = [self._parts.index(part) for part in scatter_sections(self._geometry)]
        written = self.bus.write & self.bus.section.matches(*mine)
        m.d.comb += [
            self.active.eq(front.active | scan.active | written),
            self.cleared.eq(front.cleared),
            self.probe.buffer_write.eq(front.kept),
            self.probe.buffer_read.eq(front.played | self._index_read(front)),
            self.probe.row_added.eq(front.added),
            self.probe.handover.eq(scan.bank.take),
            self.probe.compared.eq(scan.updated),
        ]
        return m

    def _index_read(self, front: Front) -> Any:
        """Reads of the index are counted with those of the ring or queue, where there is none."""
        return front.index_re if self._geometry.skip_rows else 0

    def _add_memories(self, m: Module) -> dict[str, ContentRam]:
        memories = {}
        for part in scatter_sections(self._geometry):
            init = f"weights/{part.name}.hex" if self._initialized else ""
            ram = ContentRam(self._parts, self._parts.index(part), init)
            m.submodules[f"{part.tensor}_memory"] = memories[part.tensor] = ram
            connect(m, flipped(self.bus), ram.bus)
        return memories

    def _join_rows(self, m: Module, front: Front, memories: dict[str, ContentRam]) -> None:
        """The memories that events read: weights, recurrent weights, the index."""
        reads = []
        for tensor, prefix, data in (
            ("weight", "weight", "weight"),
            ("recurrent", "own", "own_weight"),
            ("index", "index", "index"),
        ):
            if tensor not in memories:
                continue
            ram = memories[tensor]
            m.d.comb += [
                ram.re.eq(getattr(front, f"{prefix}_re")),
                ram.ra.eq(getattr(front, f"{prefix}_row")),
                getattr(front, data).eq(ram.rd),
            ]
            if tensor != "index":
                reads.append(ram.re)
        if reads:
            m.d.comb += self.probe.row_read.eq(reads[0] if len(reads) == 1 else reads[0] | reads[1])

    def _join_parameters(
        self, m: Module, front: Front, scan: Scan, memories: dict[str, ContentRam]
    ) -> None:
        """The memories that the scan reads, with each row; a layer's one threshold once a step."""
        for tensor in ("threshold", "bias"):
            if tensor not in memories:
                continue
            ram = memories[tensor]
            each_row = tensor == "bias" or self._geometry.threshold_per_neuron
            m.d.comb += [
                ram.re.eq(scan.param_re if each_row else scan.bank.take),
                ram.ra.eq(scan.param_row if each_row else 0),
                getattr(scan, tensor).eq(ram.rd),
                self.probe[f"{tensor}_read"].eq(ram.re),
            ]

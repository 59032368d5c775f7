"""The memories of every node, by size: what a technology has to build."""

from __future__ import annotations

from hw.content import layer_sections
from hw.geometry import NodeGeometry, WindowedGeometry
from hw.graph.geometry import JoinGeometry
from hw.inventory import Memory, MemoryKind
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.update import state_bits
from hw.section import Section
from hw.widths import address_bits
from spikeforge.schema import Readout, ReadoutKind

__all__ = ["layer_memories", "readout_memories"]


def layer_memories(layer: NodeGeometry) -> list[Memory]:
    """Content first, then what the layer keeps for itself."""
    found = [_content_memory(part) for part in layer_sections(layer)]
    if isinstance(layer, WindowedGeometry) and layer.buffer_depth:
        together = 2 if layer.event_pairs else 1  # events of a word
        bits, depth = together * layer.event_bits, layer.buffer_depth // together
        found.append(_events(layer, "events", "replay", bits, depth))
    elif isinstance(layer, ScatterGeometry):
        found += _scatter_memories(layer)
    elif isinstance(layer, JoinGeometry):
        item = 1 + address_bits(layer.width) + layer.levels.bit_length()
        found += [
            _events(layer, f"fifo_{side}", f"fifo_{side}", item, layer.fifo_depth(side))
            for side in range(2)
        ]
    return found


def readout_memories(layer: NodeGeometry, readout: Readout) -> list[Memory]:
    """What the read-out of a scatter network keeps: spike counts, or a step's membranes."""
    if not isinstance(layer, ScatterGeometry) or layer.rows == 1:
        return []
    bits = {
        ReadoutKind.MAX_MEMBRANE: 0,
        ReadoutKind.SPIKE_COUNT: layer.steps.bit_length(),
        ReadoutKind.FIRST_SPIKE: layer.membrane_bits + 1,
    }[readout.kind]
    if not bits:
        return []
    return [_memory("_readout_rows", "_readout", MemoryKind.STATE, layer.lanes * bits, layer.rows)]


def _scatter_memories(layer: ScatterGeometry) -> list[Memory]:
    found = []
    if layer.taps:
        item = 1 + address_bits(layer.fan_in) + layer.levels_in.bit_length()
        found.append(_events(layer, "events", "front", item, layer.ring_depth))
    if layer.recurrent_bits:
        found.append(_events(layer, "own", "front", address_bits(layer.width), layer.width))
    sums = layer.lanes * layer.acc_bits
    front, scan = f"{layer.name}.front", f"{layer.name}.scan"
    found += [
        _memory(f"{layer.name}_sums_{bank}", front, MemoryKind.STATE, sums, layer.rows)
        for bank in range(2)
    ]
    if state_bits(layer):
        bits = layer.lanes * state_bits(layer)
        found.append(_memory(f"{layer.name}_state", scan, MemoryKind.STATE, bits, layer.rows))
    return found


def _events(layer: NodeGeometry, name: str, block: str, bits: int, depth: int) -> Memory:
    return _memory(f"{layer.name}_{name}", f"{layer.name}.{block}", MemoryKind.EVENTS, bits, depth)


def _memory(name: str, block: str, kind: MemoryKind, bits: int, depth: int) -> Memory:
    return Memory(name=name, block=block, kind=kind, width_bits=bits, depth=depth, ports=2)


def _content_memory(part: Section) -> Memory:
    weights = part.tensor in ("weight", "recurrent")
    return Memory(
        name=part.name, block=f"{part.layer}.{part.tensor}_memory",
        kind=MemoryKind.WEIGHTS if weights else MemoryKind.PARAMETERS,
        width_bits=part.lanes * part.bits, depth=part.depth, ports=1,
    )  # fmt: skip

"""Counts what a design is made of: flip-flops from Amaranth's RTLIL, memories from the geometry."""

from __future__ import annotations

import re
from collections import Counter

from amaranth.back import rtlil

from hw.accelerator import Accelerator
from hw.config import HardwareConfig
from hw.content import Section, layer_sections
from hw.geometry import LayerGeometry, geometry
from hw.inventory import Block, Inventory, Memory, MemoryKind
from spikeforge.network import Network
from spikeforge.progress import progress

__all__ = ["take_inventory"]

_MODULE = re.compile(r"^module \\accelerator(?:\.(\S+))?$")
_FLIP_FLOP = re.compile(r"^  cell \$dff ")
_WIDTH = re.compile(r"^    parameter \\WIDTH (\d+)$")


def take_inventory(network: Network, config: HardwareConfig) -> Inventory:
    """Blocks with their flip-flops, before any optimization, and all memories.

    A block is a part of a layer, such as ``hidden.integrate``; what lies deeper counts to it.

    Raises:
        SpikeforgeError: If the network uses something without hardware so far.
    """
    with progress("Count what the design is made of", None):
        text = rtlil.convert(Accelerator(network, config), name="accelerator", emit_src=False)
    found: Counter[str] = Counter()
    block, pending = "top", False
    for line in text.splitlines():
        if module := _MODULE.match(line):
            block = ".".join((module[1] or "top").split(".")[:2])
            found[block] += 0
        elif _FLIP_FLOP.match(line):
            pending = True
        elif pending and (width := _WIDTH.match(line)):
            found[block] += int(width[1])
            pending = False
    memories = [memory for layer in geometry(network, config) for memory in _memories(layer)]
    return Inventory(
        blocks=tuple(Block(name=name, flip_flops=count) for name, count in found.items()),
        memories=tuple(memories),
    )


def _memories(layer: LayerGeometry) -> list[Memory]:
    found = [_content_memory(part) for part in layer_sections(layer)]
    if layer.buffer_depth:
        found.append(_event_memory(layer))
    return found


def _event_memory(layer: LayerGeometry) -> Memory:
    return Memory(
        name=f"{layer.name}_events", block=f"{layer.name}.replay", kind=MemoryKind.EVENTS,
        width_bits=layer.event_bits, depth=layer.buffer_depth, ports=2,
    )  # fmt: skip


def _content_memory(part: Section) -> Memory:
    kind = MemoryKind.WEIGHTS if part.tensor == "weight" else MemoryKind.PARAMETERS
    return Memory(
        name=part.name, block=f"{part.layer}.{part.tensor}_memory", kind=kind,
        width_bits=part.lanes * part.bits, depth=part.depth, ports=1,
    )  # fmt: skip

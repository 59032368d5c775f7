"""Counts what a design is made of: flip-flops from Amaranth's RTLIL, memories from the geometry."""

from __future__ import annotations

import re
from collections import Counter

from hw.config import HardwareConfig
from hw.geometry import geometry
from hw.inventory import Block, Inventory
from hw.memories import layer_memories, readout_memories
from hw.verilog import generate_rtlil
from spikeforge.network import Network
from spikeforge.progress import progress

__all__ = ["take_inventory"]

_MODULE = re.compile(r"^module \\accelerator(?:\.(\S+))?$")
_FLIP_FLOP = re.compile(r"^  cell \$dff ")
_WIDTH = re.compile(r"^    parameter \\WIDTH (\d+)$")


def take_inventory(network: Network, config: HardwareConfig) -> Inventory:
    """Blocks with their flip-flops, before any optimization, and all memories.

    A block is a part of a layer, such as ``hidden.integrate``; what lies deeper counts to it.
    """
    with progress("Count what the design is made of", None):
        text = generate_rtlil(network, config)
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
    layers = geometry(network, config)
    memories = [memory for layer in layers for memory in layer_memories(layer)]
    memories += readout_memories(layers[-1], network.readout)
    return Inventory(
        blocks=tuple(Block(name=name, flip_flops=count) for name, count in found.items()),
        memories=tuple(memories),
    )

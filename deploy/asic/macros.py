"""Which SRAM macros a design asks for, and how large each is on silicon."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hw.composing import composition_of
from hw.config import HardwareConfig
from hw.geometry import geometry
from hw.memories import layer_memories, readout_memories
from hw.memory.sg13g2 import MACROS
from spikeforge.network import Network

__all__ = ["Footprint", "expected_macros", "footprint", "macro_area_um2"]

# Width and height in um of the macros' LEF files, by ports, depth and width of a word. Their
# product is the area that the Liberty files give.
_SIZES = {
    (1, 64, 64): (784.48, 64.36), (1, 256, 8): (236.80, 74.10), (1, 256, 16): (236.80, 118.78),
    (1, 256, 32): (416.64, 118.78), (1, 256, 48): (596.48, 118.78), (1, 256, 64): (784.48, 118.78),
    (1, 512, 8): (236.80, 110.38), (1, 512, 16): (236.80, 191.34), (1, 512, 32): (416.64, 191.34),
    (1, 512, 64): (784.48, 191.34), (1, 1024, 8): (146.88, 336.46),
    (1, 1024, 16): (236.80, 336.46), (1, 1024, 32): (416.64, 336.46),
    (1, 1024, 64): (784.48, 336.46), (1, 2048, 64): (784.48, 626.70),
    (1, 4096, 8): (236.80, 618.30), (1, 4096, 16): (416.64, 618.30),
    (2, 256, 32): (702.83, 136.97), (2, 512, 32): (685.49, 219.77), (2, 1024, 32): (685.49, 385.37),
}  # fmt: skip
_CELLS = {cell.name: (cell, ports) for ports, same in MACROS.items() for cell in same}


@dataclass(frozen=True)
class Footprint:
    """What a macro takes on silicon, in um."""

    width_um: float
    height_um: float


def footprint(name: str) -> Footprint:
    """Size of a macro, upright (orientation N)."""
    cell, ports = _CELLS[name]
    return Footprint(*_SIZES[ports, cell.depth, cell.width])


def macro_area_um2(name: str) -> float:
    """Area of a macro as its Liberty file has it, in um2."""
    return _CELLS[name][0].area_um2


def expected_macros(network: Network, config: HardwareConfig) -> Counter[str]:
    """Macros by name that the memories of a network are composed of."""
    layers = geometry(network, config)
    memories = [memory for layer in layers for memory in layer_memories(layer)]
    memories += readout_memories(layers[-1], network.readout)
    found: Counter[str] = Counter()
    for memory in memories:
        composition = composition_of(memory, config)
        if composition is not None:
            found.update(composition.count())
    return found

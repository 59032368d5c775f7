"""What each memory of a design is built of, in the technology that the hardware is for."""

from __future__ import annotations

from hw.config import HardwareConfig
from hw.inventory import Memory
from hw.memory.composition import Composition
from hw.ram import ram_composition

__all__ = ["composition_of"]


def composition_of(memory: Memory, config: HardwareConfig) -> Composition | None:
    """Cells that a memory is built of; nothing where it stays generic.

    Content (one port) comes in whole bytes, each with a write enable; all else is written in words.
    """
    grain = 8 if memory.ports == 1 else memory.width_bits
    width = grain * -(-memory.width_bits // grain)
    return ram_composition(
        config.technology, width=width, depth=memory.depth, grain=grain, ports=memory.ports,
        bank_words=config.bank_words,
    )  # fmt: skip

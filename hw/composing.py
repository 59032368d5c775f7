"""What each memory of a design is built of, in the technology that the hardware is for."""

from __future__ import annotations

from hw.config import HardwareConfig
from hw.inventory import Memory
from hw.memory.composition import Composition
from hw.memory.technology import Technology
from hw.ram import ram_composition
from spikeforge.errors import SpikeforgeError

__all__ = ["BANK_WORDS", "check_bank_words", "composition_of"]

BANK_WORDS = (256, 512, 1024, 2048, 4096)
"""Depths of macros; a read of a shallow one costs less."""


def check_bank_words(bank_words: int | None, technology: Technology, name: str) -> None:
    """Refuse a depth of macros that does not exist.

    Args:
        bank_words: The depth; None is always right.
        technology: What memories are made of.
        name: How the user calls the technology or kit.

    Raises:
        SpikeforgeError: If there are no macros, or none of that depth.
    """
    if bank_words is None:
        return
    if technology is not Technology.SG13G2:
        raise SpikeforgeError(
            f"--bank-words needs memory macros, and {name} has none; leave it out"
        )
    if bank_words not in BANK_WORDS:
        raise SpikeforgeError(
            f"--bank-words must be one of {', '.join(map(str, BANK_WORDS))}, not {bank_words}"
        )


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

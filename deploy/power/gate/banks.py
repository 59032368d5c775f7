"""The hardware that a gate-level estimate looks at: macros, banks, gated clocks."""

from __future__ import annotations

from dataclasses import replace

from deploy.power.gate.technology import GateTechnology
from hw.census import take_inventory
from hw.composing import BANK_WORDS, check_bank_words, composition_of
from hw.config import HardwareConfig, configure
from hw.frugal import frugal_config
from hw.memory.technology import Technology
from spikeforge.network import Network

__all__ = ["AREA_LIMIT_MM2", "gate_config"]

AREA_LIMIT_MM2 = 8.0
"""For all memories, unless a depth is given."""


def gate_config(
    network: Network, technology: GateTechnology, lanes: int | None, bank_words: int | None,
    frugal: bool = False,
) -> HardwareConfig:  # fmt: skip
    """Hardware with gated clocks and the technology's memories.

    Args:
        network: The network.
        technology: The technology.
        lanes: None: the default.
        bank_words: Depth of the deepest macro; None: the shallowest within 8 mm2, or the deepest
            of all where none is.
        frugal: The choices of :data:`hw.frugal.FRUGAL`.

    Raises:
        SpikeforgeError: If there are no macros of that depth, or lanes that do not fit.
    """
    base = configure(network, lanes, technology=technology.memories, clock_gating=True)
    if frugal:
        base = frugal_config(network, base)
    check_bank_words(bank_words, technology.memories, technology.name)
    if technology.memories is not Technology.SG13G2:
        return base
    depths = BANK_WORDS if bank_words is None else (bank_words,)
    inventory = take_inventory(network, base)
    for depth in depths:
        chosen = replace(base, bank_words=depth)
        area = 0.0
        for memory in inventory.memories:
            built = composition_of(memory, chosen)
            area += built.area_um2 * 1e-6 if built else 0.0
        if area <= AREA_LIMIT_MM2 or depth == depths[-1]:
            return chosen
    raise AssertionError("the last depth is always taken")

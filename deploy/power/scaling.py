"""What an estimate would be at another node: scaled, marked as such, with its range.

Logic, registers, nets and clock tree scale by the energy factors of Stillmaker and Baas (2017).
Memories do not scale with logic: each macro becomes a CACTI 7 memory of its size at the other node.
The low end is CACTI's own figure, the high end three times it. Leakage is not scaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.power.cacti import CACTI_SOURCE, GUARD, energy_factor, stand_in
from deploy.power.result import Span
from hw.memory.composition import Composition

__all__ = ["SCALED_NODES", "ScaledEnergy", "scale"]

SCALED_NODES = ((28, 0.9), (22, 0.8))
"""Nodes in nm, and supplies in V."""


@dataclass(frozen=True, kw_only=True)
class ScaledEnergy:
    """Dynamic energy of an image at another node.

    Attributes:
        node_nm, volts: Where.
        logic_uj: All but memories.
        memory_uj: CACTI's figure, and with its guard.
    """

    node_nm: int
    volts: float
    logic_uj: float
    memory_uj: Span

    @property
    def total_uj(self) -> Span:
        """Both ends."""
        low, high = self.memory_uj
        return self.logic_uj + low, self.logic_uj + high

    @property
    def how(self) -> str:
        """What it rests on, for the line beside it."""
        return (
            f"scaled: logic {self.logic_uj:.3g} uJ by Stillmaker and Baas, memories "
            f"{self.memory_uj[0]:.3g} uJ by {CACTI_SOURCE.split(',')[0]}, {GUARD:g} times that at "
            "the high end"
        )


def scale(
    logic_uj: float, accesses: Mapping[str, tuple[Composition, float, float]], node_nm: int,
    volts: float, *, from_nm: int, from_volts: float,
) -> ScaledEnergy:  # fmt: skip
    """Scale an estimate.

    Args:
        logic_uj: All but memories, at the own node.
        accesses: Of each memory: its macros, reads and writes an image.
        node_nm: Where to.
        volts: Its supply.
        from_nm: Where from.
        from_volts: Its supply.
    """
    factor = energy_factor(node_nm, volts) / energy_factor(from_nm, from_volts)
    memory_pj = sum(
        _access_pj(built, reads, writes, node_nm) for built, reads, writes in accesses.values()
    )
    return ScaledEnergy(
        node_nm=node_nm, volts=volts, logic_uj=logic_uj * factor,
        memory_uj=(memory_pj * 1e-6, GUARD * memory_pj * 1e-6),
    )  # fmt: skip


def _access_pj(built: Composition, reads: float, writes: float, node_nm: int) -> float:
    """All words used equally often."""
    words = sum(bank.depth for bank in built.banks)
    total = 0.0
    for bank in built.banks:
        for cell in bank.cells:
            one = stand_in(cell.width, cell.depth, node_nm)
            total += bank.depth / words * (reads * one.read_pj + writes * one.write_pj)
    return total

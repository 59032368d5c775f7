"""What cells and memories do for an image, from the counts of a run on the RTL."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.bitstream.resources import block_rams
from deploy.boards import Family
from hw.composing import composition_of
from hw.config import HardwareConfig
from hw.inventory import Inventory, Memory
from sim.activity import Activity, OperationKind

__all__ = ["FpgaActivity", "count_activity"]

_GRAIN = 8


@dataclass(frozen=True, kw_only=True)
class FpgaActivity:
    """Means over the images of a run.

    Attributes:
        images: How many were run.
        latency_cycles: From an image's first event to its class.
        interval_cycles: Between classes, back to back.
        cell_cycles: Cycles in which a cell works on new operands, summed over cells, an image:
            every bit of an addition, comparison, register write and transfer, and every partial
            product, keeps one cell busy for one cycle.
        register_cycles: The register writes' part of them.
        spram_reads, spram_writes: Accesses of single SPRAMs, an image.
        block_ram_reads, block_ram_writes: Accesses of single block RAMs, an image.
    """

    images: int
    latency_cycles: float
    interval_cycles: float
    cell_cycles: float
    register_cycles: float
    spram_reads: float
    spram_writes: float
    block_ram_reads: float
    block_ram_writes: float


def count_activity(
    inventory: Inventory, config: HardwareConfig, family: Family, activity: Activity
) -> FpgaActivity:
    """Break words down into the blocks that they are spread over.

    Of SPRAMs one above another one row is accessed; of block RAMs all are, as if deep narrow ones
    stood side by side. Loading content is left out.
    """
    totals = dict.fromkeys(
        ("spram_reads", "spram_writes", "block_ram_reads", "block_ram_writes"), 0.0
    )
    for memory in inventory.memories:
        kind, blocks = _row(memory, config, family)
        totals[f"{kind}_reads"] += blocks * activity.reads_per_image.get(memory.name, 0.0)
        totals[f"{kind}_writes"] += blocks * activity.writes_per_image.get(memory.name, 0.0)

    def cycles(*kinds: OperationKind) -> float:
        chosen = (each for each in activity.operations if each.kind in kinds)
        return sum(each.bits * each.count_per_image for each in chosen)

    return FpgaActivity(
        images=activity.images,
        latency_cycles=activity.latency_cycles,
        interval_cycles=activity.interval_cycles,
        cell_cycles=cycles(*OperationKind),
        register_cycles=cycles(OperationKind.REGISTER),
        **totals,
    )


def _row(memory: Memory, config: HardwareConfig, family: Family) -> tuple[str, int]:
    """Blocks that one access of a word touches; none where the memory became registers."""
    found = composition_of(memory, config)
    if found is not None:
        return "spram", max(len(bank.cells) for bank in found.banks)
    width = memory.width_bits
    if memory.ports == 1:
        width = _GRAIN * -(-width // _GRAIN)
    return "block_ram", block_rams(family, width, memory.depth)

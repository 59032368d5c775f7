"""The event method with energies fitted to gate level: what a block spends, from what it did.

A block's logic, registers, nets and clock tree together cost an energy for each bit of each kind of
operation, and one for each flip-flop and cycle, clock gates included. Memory macros keep the
energies of their Liberty files, for the composition that the hardware really has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.power.profile import Macro, Profile
from hw.config import HardwareConfig
from hw.inventory import Inventory, Memory
from hw.memory.composition import Composition
from hw.ram import ram_composition
from sim.activity import Activity

__all__ = ["CLOCK", "FittedEnergies", "block_features", "macro_energies_pj", "predict"]

CLOCK = "flip-flop cycle"
_MUX = "macro bit"

Features = Mapping[str, Mapping[str, float]]
"""By block and feature: how much of it an image brings."""


@dataclass(frozen=True)
class FittedEnergies:
    """Energies in pJ by feature: a kind of operation (each bit), or the clock of a flip-flop.

    Attributes:
        pj: By feature.
    """

    pj: Mapping[str, float]

    def to_toml(self, errors: Mapping[str, float], fitted: int, judged: int) -> str:
        """As the table ``[fitted]`` of a profile."""
        lines = [
            "[fitted]",
            f"# by {fitted} networks at gate level; judged on {judged} others",
            f"error_total = {errors['total']:.4f}",
            f"error_logic = {errors['logic']:.4f}",
            f"error_block = {errors['block']:.4f}",
            "[fitted.pj]",
            *(f'"{name}" = {value:.6g}' for name, value in self.pj.items()),
        ]
        return "\n".join([*lines, ""])


def block_features(
    inventory: Inventory, activity: Activity, config: HardwareConfig, profile: Profile
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """What every block did while one image passed, and the energy of its memory macros.

    Args:
        inventory: The design.
        activity: What it did, a mean an image.
        config: Its hardware, which composes the memories.
        profile: Energies of macros.

    Returns:
        Features by block, and macro energies in pJ by block.
    """
    features: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for block in inventory.blocks:
        features[block.name][CLOCK] += block.flip_flops * activity.interval_cycles
    for done in activity.operations:
        features[done.block][done.kind.value] += done.bits * done.count_per_image
    macros: defaultdict[str, float] = defaultdict(float)
    for memory in inventory.memories:
        reads = activity.reads_per_image[memory.name]
        writes = activity.writes_per_image.get(memory.name, 0.0)
        built = _composition(memory, config)
        place = _place(memory, inventory)
        if built is None:
            bits = memory.width_bits * memory.depth
            features[place][CLOCK] += bits * activity.interval_cycles
            continue
        macros[place] += macro_energies_pj(built, profile, reads, writes)
        features[place][_MUX] += (reads + writes) * memory.width_bits
    return {name: dict(row) for name, row in features.items()}, dict(macros)


def _place(memory: Memory, inventory: Inventory) -> str:
    """The block of the hierarchy that a memory stands in."""
    layer, _, kind = memory.name.rpartition("_")
    names = {block.name for block in inventory.blocks}
    for name in (f"{layer}.{kind}_memory", f"{layer}.replay", memory.block):
        if name in names:
            return name
    return memory.block


def _composition(memory: Memory, config: HardwareConfig) -> Composition | None:
    grain = 8 if memory.ports == 1 else memory.width_bits
    width = grain * -(-memory.width_bits // grain)
    return ram_composition(
        config.technology, width=width, depth=memory.depth, grain=grain, ports=memory.ports,
        bank_words=config.bank_words,
    )  # fmt: skip


def macro_energies_pj(built: Composition, profile: Profile, reads: float, writes: float) -> float:
    """Energy of accesses to a composed memory, all words used equally often."""
    known: dict[str, Macro] = {macro.name: macro for macro in profile.macros}
    words = sum(bank.depth for bank in built.banks)
    total = 0.0
    for bank in built.banks:
        share = bank.depth / words
        for cell in bank.cells:
            macro = known[cell.name]
            total += share * (reads * macro.read.value + writes * macro.write.value)
    return total


def predict(
    features: Features, macros: Mapping[str, float], energies: FittedEnergies
) -> tuple[dict[str, float], dict[str, float]]:
    """Energy of an image in pJ by block: everything but macros, and macros."""
    logic = {
        block: sum(energies.pj.get(name, 0.0) * amount for name, amount in row.items())
        for block, row in features.items()
    }
    return logic, dict(macros)

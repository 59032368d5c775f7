"""The event method with energies fitted to gate level: what a block spends, from what it did.

A block's logic, registers, nets and clock tree together cost an energy for each bit of each kind of
operation, and one for each flip-flop and cycle, clock gates included. Memory macros keep the
energies of their Liberty files, for the composition that the hardware really has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from deploy.power.profile import Macro, Profile
from hw.composing import composition_of
from hw.config import HardwareConfig
from hw.inventory import Inventory, Memory
from hw.memory.composition import Composition
from sim.activity import Activity, OperationKind
from spikeforge.network import Conv2d, Dense, Network

__all__ = [
    "CLOCK", "Features", "FittedEnergies", "block_features", "macro_energies_pj", "place_of",
    "predict",
]  # fmt: skip

CLOCK = "flip-flop cycle"
_MUX = "macro bit"

Features = Mapping[str, Mapping[str, float]]
"""By block and feature: how much of it an image brings."""


@dataclass(frozen=True)
class FittedEnergies:
    """Energies in pJ by feature: a kind of operation (each bit), or the clock of a flip-flop.

    Attributes:
        pj: By feature (``integrate: multiply``).
    """

    pj: Mapping[str, float]

    def to_toml(self, errors: Mapping[str, float], fitted: int, judged: int) -> str:
        """As a profile on top of another one."""
        lines = [
            "# Written by: python benchmarks/fit_event_profile.py --liberty DIR --out FILE",
            'base = "ihp-sg13g2"',
            'name = "ihp-sg13g2-fitted"',
            'title = "IHP SG13G2, 130 nm, open PDK; energies fitted to gate level"',
            f'error = "against gate level on {judged} networks not in the fit of {fitted}: total '
            f"within {errors['total']:.1%}, logic within {errors['logic']:.1%}, blocks above 2 % "
            f'within {errors["block"]:.1%}; the gate level itself has no place and route"',
            "",
            "[fitted]",
            f"error_total = {errors['total']:.4f}",
            f"error_logic = {errors['logic']:.4f}",
            f"error_block = {errors['block']:.4f}",
            "[fitted.pj]",
            *(f'"{name}" = {value:.6g}' for name, value in self.pj.items()),
        ]
        return "\n".join([*lines, ""])


def block_features(
    network: Network, inventory: Inventory, activity: Activity, config: HardwareConfig,
    profile: Profile,
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:  # fmt: skip
    """What every block did while one image passed, and the energy of its memory macros.

    A feature is named after the kind of block and what it did (``integrate: multiply``). Where a
    weight is zero the lane adds nothing, so the work of integration counts a second time, times the
    layer's share of weights that are not zero.

    Args:
        network: The network.
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
        built = composition_of(memory, config)
        place = place_of(memory, inventory)
        if built is None:
            bits = memory.width_bits * memory.depth
            features[place][CLOCK] += bits * activity.interval_cycles
            continue
        macros[place] += macro_energies_pj(built, profile, reads, writes)
        features[place][_MUX] += (reads + writes) * memory.width_bits
    shares = _nonzero_shares(network)
    return {name: _named(name, row, shares) for name, row in features.items()}, dict(macros)


def _named(block: str, row: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, float]:
    layer, _, kind = block.rpartition(".")
    kind = kind if layer else "layer"
    found = {f"{kind}: {name}": amount for name, amount in row.items()}
    if kind == "integrate" and layer in shares:
        for name in (OperationKind.MULTIPLY.value, OperationKind.REGISTER.value):
            found[f"{kind}: {name}, weight not zero"] = row.get(name, 0.0) * shares[layer]
    return found


def _nonzero_shares(network: Network) -> dict[str, float]:
    """Share of weights that are not zero, by layer."""
    return {
        layer.name: float(np.count_nonzero(network.weight(layer.name)))
        / network.weight(layer.name).size
        for layer in network.layers if isinstance(layer, Dense | Conv2d)
    }  # fmt: skip


def place_of(memory: Memory, inventory: Inventory) -> str:
    """The block of the hierarchy that a memory stands in."""
    layer, _, kind = memory.name.rpartition("_")
    names = {block.name for block in inventory.blocks}
    for name in (f"{layer}.{kind}_memory", f"{layer}.replay", memory.block):
        if name in names:
            return name
    return memory.block


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

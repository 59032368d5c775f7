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

from deploy.power.operations import OperationEnergies
from deploy.power.profile import Macro, Profile
from deploy.power.result import BlockPower, PowerReport
from hw.composing import composition_of
from hw.config import HardwareConfig
from hw.inventory import Inventory, Memory
from hw.memory.composition import Composition
from sim.activity import Activity, OperationKind
from spikeforge.network import Conv2d, Dense, Network

__all__ = [
    "CLOCK", "FittedEnergies", "block_features", "fitted_estimate",
    "macro_energies_pj", "predict",
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
        place = _place(memory, inventory)
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


def _place(memory: Memory, inventory: Inventory) -> str:
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


def fitted_estimate(
    network: Network, inventory: Inventory, activity: Activity, config: HardwareConfig,
    profile: Profile, clock_mhz: float,
) -> PowerReport:  # fmt: skip
    """The event method's report with fitted energies, on the memories that the hardware has.

    Args:
        network: The network.
        inventory: The design, with gated clocks.
        activity: What it did.
        config: Its hardware, with the technology's macros.
        profile: With fitted energies.
        clock_mhz: The clock.
    """
    assert profile.fitted is not None
    features, macros = block_features(network, inventory, activity, config, profile)
    energies = FittedEnergies(profile.fitted.pj)
    logic, _ = predict(features, macros, energies)
    operations = OperationEnergies.of(profile)
    built = {memory: composition_of(memory, config) for memory in inventory.memories}
    known = {macro.name: macro for macro in profile.macros}
    static: defaultdict[str, float] = defaultdict(float)
    each = operations.flip_flop_leakage_nw + operations.logic_leakage_nw
    for block in inventory.blocks:
        static[block.name] += block.flip_flops * each
    memory_nw = 0.0
    unknown: set[str] = set()
    never = _never_fitted(features, energies)
    for memory, found in built.items():
        if found is None:
            leaks = memory.width_bits * memory.depth * each
        else:
            stated = [(known[name].leakage, count) for name, count in found.count().items()]
            unknown |= {name for name in found.count() if known[name].leakage is None}
            leaks = sum(one.value * count for one, count in stated if one is not None)
            memory_nw += leaks
        static[_place(memory, inventory)] += leaks
    idle = sum(
        energies.pj.get(name, 0.0) * amount for row in features.values()
        for name, amount in row.items() if name.endswith(CLOCK)
    ) / activity.interval_cycles  # fmt: skip
    names = dict.fromkeys([*logic, *macros, *static])
    used = {name for found in built.values() if found for name in found.count()}
    others = set(known) - used
    return PowerReport(
        technology=profile.name, corner=profile.operating.corner,
        voltage_v=profile.operating.voltage.value,
        temperature_c=profile.operating.temperature.value, clock_mhz=clock_mhz,
        interval_cycles=activity.interval_cycles, latency_cycles=activity.latency_cycles,
        images=activity.images,
        blocks={name: BlockPower(dynamic_pj=logic.get(name, 0.0) + macros.get(name, 0.0),
                                 static_nw=static.get(name, 0.0)) for name in names},
        memory_static_nw=memory_nw,
        clock_pj_per_cycle=idle,
        memory_macros={memory.name: _spelled(found, memory) for memory, found in built.items()},
        memory_area_mm2=sum(found.area_um2 for found in built.values() if found) * 1e-6,
        sources=tuple(
            f"{source.file} (SHA-256 {source.sha256[:12]})" for source in profile.sources
            if not any(source.file.startswith(name) for name in others)
        ),
        error=profile.error,
        notes=(
            "energies of operations and of clocks are fitted to gate-level runs with gated clocks",
            "memories are those of the RTL: the shallowest macros within 8 mm2",
            "not included: glitches, place and route, pads, host link, clock source, loading",
            *profile.notes,
        ),
        unknown=(
            *((f"SRAM leakage (unknown: {', '.join(sorted(unknown))})",) if unknown else ()),
            *((f"logic of blocks that the fit never saw: {', '.join(never)}",) if never else ()),
        ),
    )  # fmt: skip


def _never_fitted(features: Features, energies: FittedEnergies) -> list[str]:
    """Blocks of kinds without any fitted energy: they would count as nothing."""
    return sorted(
        block for block, row in features.items()
        if any(row.values()) and not any(name in energies.pj for name in row)
    )  # fmt: skip


def _spelled(found: Composition | None, memory: Memory) -> str:
    if found is None:
        return f"{memory.width_bits * memory.depth} flip-flops"
    return " + ".join(f"{count} x {name}" for name, count in found.count().items())

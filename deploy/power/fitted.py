"""The event method's report with energies that were fitted to gate level."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from deploy.power.event_fit import (
    CLOCK,
    Features,
    FittedEnergies,
    block_features,
    place_of,
    predict,
)
from deploy.power.operations import OperationEnergies
from deploy.power.profile import Profile
from deploy.power.result import BlockPower, PowerReport
from hw.composing import composition_of
from hw.config import HardwareConfig
from hw.inventory import Inventory, Memory
from hw.memory.composition import Composition
from sim.activity import Activity
from spikeforge.network import Network

__all__ = ["fitted_estimate"]

_NOTES = (
    "energies of operations and of clocks are fitted to gate-level runs with gated clocks",
    "memories are those of the RTL: the shallowest macros within 8 mm2",
    "not included: glitches, place and route, pads, host link, clock source, loading",
)
Built = Mapping[Memory, Composition | None]


def fitted_estimate(
    network: Network, inventory: Inventory, activity: Activity, config: HardwareConfig,
    profile: Profile, clock_mhz: float,
) -> PowerReport:  # fmt: skip
    """Estimate a design on the memories that the hardware has.

    Args:
        network: The network.
        inventory: The design, with gated clocks.
        activity: What it did.
        config: Its hardware, with the technology's macros.
        profile: With fitted energies.
        clock_mhz: The clock.
    """
    assert profile.fitted is not None
    energies = FittedEnergies(profile.fitted.pj)
    features, macros = block_features(network, inventory, activity, config, profile)
    logic, _ = predict(features, macros, energies)
    built = {memory: composition_of(memory, config) for memory in inventory.memories}
    static, memory_nw = _static(inventory, built, profile)
    names = dict.fromkeys([*logic, *macros, *static])
    others = {macro.name for macro in profile.macros} - _macro_names(built)
    point = profile.operating
    return PowerReport(
        technology=profile.name, corner=point.corner, voltage_v=point.voltage.value,
        temperature_c=point.temperature.value, clock_mhz=clock_mhz,
        interval_cycles=activity.interval_cycles, latency_cycles=activity.latency_cycles,
        images=activity.images,
        blocks={name: BlockPower(dynamic_pj=logic.get(name, 0.0) + macros.get(name, 0.0),
                                 static_nw=static.get(name, 0.0)) for name in names},
        memory_static_nw=memory_nw,
        clock_pj_per_cycle=_clock_pj(features, energies) / activity.interval_cycles,
        memory_macros={memory.name: _spelled(found, memory) for memory, found in built.items()},
        memory_area_mm2=sum(found.area_um2 for found in built.values() if found) * 1e-6,
        sources=tuple(
            f"{source.file} (SHA-256 {source.sha256[:12]})" for source in profile.sources
            if not any(source.file.startswith(name) for name in others)
        ),
        error=profile.error, notes=(*_NOTES, *profile.notes),
        unknown=_unknown(features, energies, built, profile),
    )  # fmt: skip


def _static(inventory: Inventory, built: Built, profile: Profile) -> tuple[dict[str, float], float]:
    """Leakage in nW by block, and that of the macros which state one."""
    operations = OperationEnergies.of(profile)
    each = operations.flip_flop_leakage_nw + operations.logic_leakage_nw
    leakage = {macro.name: macro.leakage for macro in profile.macros}
    static: defaultdict[str, float] = defaultdict(float)
    for block in inventory.blocks:
        static[block.name] += block.flip_flops * each
    memory_nw = 0.0
    for memory, found in built.items():
        place = place_of(memory, inventory)
        if found is None:
            static[place] += memory.width_bits * memory.depth * each
            continue
        stated = [(leakage[name], count) for name, count in found.count().items()]
        leaks = sum(one.value * count for one, count in stated if one is not None)
        static[place] += leaks
        memory_nw += leaks
    return dict(static), memory_nw


def _clock_pj(features: Features, energies: FittedEnergies) -> float:
    """What the clocks of all flip-flops spend in an image's interval."""
    return sum(
        energies.pj.get(name, 0.0) * amount
        for row in features.values() for name, amount in row.items() if name.endswith(CLOCK)
    )  # fmt: skip


def _unknown(
    features: Features, energies: FittedEnergies, built: Built, profile: Profile
) -> tuple[str, ...]:
    """Terms that would count as nothing."""
    silent = {macro.name for macro in profile.macros if macro.leakage is None} & _macro_names(built)
    never = [
        block for block, row in features.items()
        if any(row.values()) and not any(name in energies.pj for name in row)
    ]  # fmt: skip
    found = []
    if silent:
        found.append(f"SRAM leakage (unknown: {', '.join(sorted(silent))})")
    if never:
        found.append(f"logic of blocks that the fit never saw: {', '.join(sorted(never))}")
    return tuple(found)


def _macro_names(built: Built) -> set[str]:
    return {name for found in built.values() if found is not None for name in found.count()}


def _spelled(found: Composition | None, memory: Memory) -> str:
    if found is None:
        return f"{memory.width_bits * memory.depth} flip-flops"
    return " + ".join(f"{count} x {name}" for name, count in found.count().items())

"""The event method: counted accesses and operations, each times its energy. No synthesis.

Dynamic energy of an image = memory reads and writes + operations + clock of every flip-flop and
macro in every cycle; static power = leakage of all cells and macros that state one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from deploy.power.macros import Composition, Demand, choose, least_area_mm2
from deploy.power.operations import OperationEnergies
from deploy.power.profile import Profile
from deploy.power.result import BlockPower, PowerReport
from hw.inventory import Inventory
from sim.activity import Activity
from spikeforge.errors import SpikeforgeError, nearest

__all__ = ["AREA_LIMIT_MM2", "check_clock", "estimate"]

AREA_LIMIT_MM2 = 8.0

_NOTES = (
    "flip-flops are never clock-gated: every one is clocked in every cycle",
    "all words of a memory are taken to be used equally often",
    "unused macros are taken to have all enables low; other levels cost up to a few pJ a cycle",
    "memory area: macros and bank multiplexers, without routing and power grid",
    "not included: glitches, control logic other than its registers, pads, host link, clock source",
    "not included: address and data pins of macros, loading the weights",
)


def estimate(
    inventory: Inventory,
    activity: Activity,
    profile: Profile,
    clock_mhz: float | None = None,
    *,
    area_limit_mm2: float | None = None,
) -> PowerReport:
    """Estimate power and energy of a design from what it did in a run.

    Args:
        inventory: Blocks, flip-flops and memories of the design.
        activity: Counters of the run, means over its images.
        profile: The technology.
        clock_mhz: The clock; the profile's default if None.
        area_limit_mm2: What all memories together may take; None: 8 mm2, or what they need at
            least where that is more, which a note then says.

    Raises:
        SpikeforgeError: If the clock is out of range, the run had no images, or the memories do
            not fit the area.
    """
    clock = check_clock(profile, clock_mhz)
    if area_limit_mm2 is not None:
        _check_limit(area_limit_mm2)
    _check(inventory, activity)
    energies = OperationEnergies.of(profile)
    demands = _demands(inventory, activity)
    least = least_area_mm2(demands, profile) * (1 + 1e-9)
    limit = max(AREA_LIMIT_MM2, least) if area_limit_mm2 is None else area_limit_mm2
    memories = choose(demands, profile, limit)
    tight: tuple[str, ...] = ()
    if area_limit_mm2 is None and least > AREA_LIMIT_MM2:
        tight = (f"the memories need at least {least:.1f} mm2, more than the usual "
                 f"{AREA_LIMIT_MM2:g}: the smallest are taken, whatever their energy",)  # fmt: skip
    return PowerReport(
        technology=profile.name,
        corner=profile.operating.corner,
        voltage_v=profile.operating.voltage.value,
        temperature_c=profile.operating.temperature.value,
        clock_mhz=clock,
        interval_cycles=activity.interval_cycles,
        latency_cycles=activity.latency_cycles,
        images=activity.images,
        blocks=_blocks(inventory, activity, energies, memories),
        memory_static_nw=sum(built.leakage_nw for built in memories),
        clock_pj_per_cycle=_clock_pj(inventory, energies, memories),
        memory_macros={built.memory.name: str(built) for built in memories},
        memory_area_mm2=sum(built.area_um2 for built in memories) * 1e-6,
        sources=_sources(profile, memories),
        error=profile.error,
        notes=(
            *(tight if limit > AREA_LIMIT_MM2 and area_limit_mm2 is None else ()),
            *_NOTES,
            *_assumptions(profile),
            *profile.notes,
        ),
        unknown=_unknown(memories),
    )


def check_clock(profile: Profile, clock_mhz: float | None) -> float:
    """Return the clock to use: the one asked for, or the profile's default.

    Raises:
        SpikeforgeError: If it is not above 0, or beyond the profile's maximum.
    """
    most, default = profile.clock.maximum, profile.clock.default.value
    if clock_mhz is None:
        return default
    if not 0 < clock_mhz <= most.value:
        raise SpikeforgeError(
            f"the clock must be above 0 and at most {most.value:g} MHz in {profile.name}, not "
            f"{clock_mhz:g} MHz; choose one in that range or leave it out for {default:g} MHz "
            f"(the maximum is {most.source})"
        )
    return float(clock_mhz)


def _check_limit(area_limit_mm2: float) -> None:
    if not (math.isfinite(area_limit_mm2) and area_limit_mm2 > 0):
        raise SpikeforgeError(
            f"the area for memories must be above 0 mm2, not {area_limit_mm2:g}; "
            f"leave it out for {AREA_LIMIT_MM2:g} mm2"
        )


def _check(inventory: Inventory, activity: Activity) -> None:
    """Refuse counters that do not belong to the design: a missing one would count as nothing."""
    if activity.images < 1:
        raise SpikeforgeError("power needs the activity of at least 1 image, not 0; run some")
    for name, cycles in (
        ("interval", activity.interval_cycles),
        ("latency", activity.latency_cycles),
    ):
        if not (math.isfinite(cycles) and cycles > 0):
            raise SpikeforgeError(f"the {name} must be above 0 cycles, not {cycles:g}; run again")
    names = {memory.name for memory in inventory.memories}
    written = {memory.name for memory in inventory.memories if memory.ports == 2}
    _check_names("reads", activity.reads_per_image, names, required=names)
    _check_names("writes", activity.writes_per_image, names, required=written)
    blocks = {block.name for block in inventory.blocks}
    for operation in activity.operations:
        if operation.block not in blocks:
            raise SpikeforgeError(
                f"operations are counted for the block {operation.block!r}, which the design does "
                f"not have{nearest(operation.block, blocks)}"
            )
    counts = [*activity.reads_per_image.values(), *activity.writes_per_image.values()]
    counts += [operation.count_per_image for operation in activity.operations]
    if any(not (math.isfinite(count) and count >= 0) for count in counts):
        raise SpikeforgeError("counts of accesses and operations must be 0 or more; run again")


def _check_names(
    what: str, counts: Mapping[str, float], names: set[str], *, required: set[str]
) -> None:
    for name in sorted(counts.keys() - names):
        raise SpikeforgeError(
            f"{what} are counted for the memory {name!r}, which the design does not have"
            f"{nearest(name, names)}"
        )
    for name in sorted(required - counts.keys()):
        raise SpikeforgeError(f"no {what} are counted for the memory {name!r} of the design")


def _demands(inventory: Inventory, activity: Activity) -> list[Demand]:
    return [
        Demand(
            memory=memory,
            reads=activity.reads_per_image[memory.name],
            writes=activity.writes_per_image.get(memory.name, 0.0),
            cycles=activity.interval_cycles,
        )
        for memory in inventory.memories
    ]


def _blocks(
    inventory: Inventory,
    activity: Activity,
    energies: OperationEnergies,
    memories: Sequence[Composition],
) -> dict[str, BlockPower]:
    """Add up what every block spends; blocks keep the order of the inventory."""
    dynamic: defaultdict[str, float] = defaultdict(float)
    static: defaultdict[str, float] = defaultdict(float)
    for block in inventory.blocks:
        clocked = block.flip_flops * energies.flip_flop_clock_pj
        dynamic[block.name] += clocked * activity.interval_cycles
        leakage = energies.flip_flop_leakage_nw + energies.logic_leakage_nw
        static[block.name] += block.flip_flops * leakage
    for done in activity.operations:
        energy = energies.pj_per_bit[done.kind] * done.bits
        dynamic[done.block] += energy * done.count_per_image
    for built, demand in zip(memories, _demands(inventory, activity), strict=True):
        dynamic[built.memory.block] += built.energy_pj(demand)
        static[built.memory.block] += built.leakage_nw
    return {
        name: BlockPower(dynamic_pj=energy, static_nw=static[name])
        for name, energy in dynamic.items()
    }


def _clock_pj(
    inventory: Inventory, energies: OperationEnergies, memories: Sequence[Composition]
) -> float:
    flip_flops = sum(block.flip_flops for block in inventory.blocks)
    return flip_flops * energies.flip_flop_clock_pj + sum(built.cycle_pj for built in memories)


def _sources(profile: Profile, memories: Sequence[Composition]) -> tuple[str, ...]:
    """The files of logic and of the macros that were really used, with their hashes' starts."""
    used = {macro.name for built in memories for macro, _ in built.macros}
    others = {macro.name for macro in profile.macros} - used
    return tuple(
        f"{source.file} (SHA-256 {source.sha256[:12]})"
        for source in profile.sources
        if not any(source.file.startswith(name) for name in others)
    )


def _assumptions(profile: Profile) -> list[str]:
    """The profile's assumptions, with their values, as lines."""
    assumed = profile.assumptions
    return [
        f"{name} {getattr(assumed, name).value:g}: {getattr(assumed, name).source}"
        for name in type(assumed).model_fields
    ]


def _unknown(memories: Sequence[Composition]) -> tuple[str, ...]:
    names = sorted({name for built in memories for name in built.unknown_leakage})
    return (f"SRAM leakage (unknown: {', '.join(names)})",) if names else ()

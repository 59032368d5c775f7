"""Memories built from a technology's macros, or from flip-flops where those are cheaper.

A memory is a stack of banks; a bank is a row of macros side by side that share an address. A read
or write touches the macros of one bank; all others see only the clock. Banks of at most two depths
are mixed in one memory, deep ones first. The banks' outputs meet in a tree of multiplexers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from deploy.power.banks import Bank, banks_of
from deploy.power.operations import OperationEnergies
from deploy.power.profile import Macro, Profile
from hw.inventory import Memory
from sim.activity import OperationKind
from spikeforge.errors import SpikeforgeError

__all__ = ["MAX_BANKS", "Composition", "Demand", "candidates", "choose", "least_area_mm2"]

MAX_BANKS = 64
"""Banks of one memory; more would need decoders and wires that this model does not know."""


Choice = tuple[float, float, "tuple[Composition, ...]"]
"""Area in um2, energy of an image in pJ, and the compositions chosen so far."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """A memory and how often it is used while one image passes."""

    memory: Memory
    reads: float
    writes: float
    cycles: float


@dataclass(frozen=True, kw_only=True)
class Composition:
    """One way to build a memory.

    Attributes:
        memory: What is built.
        macros: Macros and how many of each; empty if it is built from flip-flops.
        banks: Number of banks.
        flip_flops: Number of flip-flops; 0 if it is built from macros.
        read_pj: Mean energy of one read, all words equally likely.
        write_pj: Mean energy of one write, all words equally likely.
        cycle_pj: Energy of every clock cycle, whether used or not.
        leakage_nw: Static power of the parts that state one.
        unknown_leakage: Names of macros that state none.
        area_um2: Macros (or flip-flops) and the multiplexers behind them, without routing.
    """

    memory: Memory
    macros: tuple[tuple[Macro, int], ...]
    banks: int
    flip_flops: int
    read_pj: float
    write_pj: float
    cycle_pj: float
    leakage_nw: float
    unknown_leakage: tuple[str, ...]
    area_um2: float

    def energy_pj(self, demand: Demand) -> float:
        """Dynamic energy of the memory while one image passes."""
        return (
            demand.reads * self.read_pj
            + demand.writes * self.write_pj
            + demand.cycles * self.cycle_pj
        )

    def __str__(self) -> str:
        if self.flip_flops:
            return f"{self.flip_flops} flip-flops"
        return " + ".join(f"{count} x {macro.name}" for macro, count in self.macros)


def choose(
    demands: Sequence[Demand], profile: Profile, area_limit_mm2: float
) -> tuple[Composition, ...]:
    """Build all memories of a design at the lowest energy that fits an area.

    Exact over all candidates: the best choice per area is kept memory by memory.

    Args:
        demands: The memories and their use.
        profile: The technology.
        area_limit_mm2: What all memories together may take.

    Returns:
        One composition for each demand, in order.

    Raises:
        SpikeforgeError: If no choice fits the limit, or a memory cannot be built at all.
    """
    front: list[Choice] = [(0.0, 0.0, ())]
    for demand in demands:
        options = [
            (one.area_um2, one.energy_pj(demand), (one,))
            for one in candidates(demand.memory, profile)
        ]
        front = _pareto(
            (area + a, energy + e, chosen + c)
            for area, energy, chosen in front
            for a, e, c in _pareto(options)
        )
    fitting = [entry for entry in front if entry[0] <= area_limit_mm2 * 1e6]
    if not fitting:
        raise SpikeforgeError(
            f"the memories need at least {front[0][0] / 1e6:.3f} mm2 in {profile.name}, but "
            f"{area_limit_mm2:g} mm2 are allowed; allow more area, or use a smaller network or "
            "fewer weight bits"
        )
    return fitting[-1][2]


def least_area_mm2(demands: Sequence[Demand], profile: Profile) -> float:
    """Area of all memories of a design, each built as small as possible."""
    return 1e-6 * sum(
        min(one.area_um2 for one in candidates(demand.memory, profile)) for demand in demands
    )


def _pareto(choices: Iterable[Choice]) -> list[Choice]:
    """Keep what no other choice beats in both area and energy, smallest area first."""
    kept: list[Choice] = []
    for choice in sorted(choices, key=lambda entry: entry[:2]):
        if not kept or choice[1] < kept[-1][1]:
            kept.append(choice)
    return kept


def candidates(memory: Memory, profile: Profile) -> list[Composition]:
    """All ways considered to build a memory: flip-flops, and banks of one or two depths."""
    energies = OperationEnergies.of(profile)
    fitting = [macro for macro in profile.macros if macro.ports == memory.ports]
    found = [_from_flip_flops(memory, energies)]
    banks = banks_of(fitting, memory.width_bits, energies)
    for deep in banks:
        for shallow in banks:
            if shallow.depth <= deep.depth:
                found += _mixed(memory, deep, shallow, energies)
    return found


def _mixed(
    memory: Memory, deep: Bank, shallow: Bank, energies: OperationEnergies
) -> Iterator[Composition]:
    """Some deep banks and the rest of the words in shallow ones; all alike if the two are one."""
    most = math.ceil(memory.depth / deep.depth)
    for count in [most] if deep is shallow else range(1, min(most, MAX_BANKS)):
        rest = max(0, memory.depth - count * deep.depth)
        more = math.ceil(rest / shallow.depth)
        if count + more <= MAX_BANKS:
            yield _stack(memory, [(deep, count), (shallow, more)], energies)


def _stack(
    memory: Memory, parts: Sequence[tuple[Bank, int]], energies: OperationEnergies
) -> Composition:
    """Stack banks to a memory; the words of all banks are used equally often."""
    parts = [(bank, count) for bank, count in parts if count]
    banks = sum(count for _, count in parts)
    left, read_pj, write_pj = memory.depth, 0.0, 0.0
    macros: dict[str, tuple[Macro, int]] = {}
    for bank, count in parts:
        words = min(left, count * bank.depth)
        left -= words
        read_pj += words / memory.depth * bank.read_pj
        write_pj += words / memory.depth * bank.write_pj
        for macro, number in bank.macros:
            before = macros.get(macro.name, (macro, 0))[1]
            macros[macro.name] = (macro, before + number * count)
    levels = math.ceil(math.log2(banks))
    muxes = (banks - 1) * memory.width_bits
    return Composition(
        memory=memory,
        macros=tuple(macros.values()),
        banks=banks,
        flip_flops=0,
        read_pj=read_pj + levels * memory.width_bits * energies.mux_pj_per_bit,
        write_pj=write_pj,
        cycle_pj=sum(count * bank.cycle_pj for bank, count in parts),
        leakage_nw=sum(count * bank.leakage_nw for bank, count in parts),
        unknown_leakage=tuple(sorted({n for bank, _ in parts for n in bank.unknown_leakage})),
        area_um2=sum(count * bank.area_um2 for bank, count in parts)
        + muxes * energies.mux_area_um2,
    )


def _from_flip_flops(memory: Memory, energies: OperationEnergies) -> Composition:
    """Flip-flops, never gated, behind a whole tree of multiplexers that an address change stirs."""
    bits = memory.width_bits * memory.depth
    muxes = (memory.depth - 1) * memory.width_bits
    return Composition(
        memory=memory,
        macros=(),
        banks=1,
        flip_flops=bits,
        read_pj=muxes * energies.mux_pj_per_bit,
        write_pj=memory.width_bits * energies.pj_per_bit[OperationKind.REGISTER],
        cycle_pj=bits * energies.flip_flop_clock_pj,
        leakage_nw=bits * energies.flip_flop_leakage_nw,
        unknown_leakage=(),
        area_um2=bits * energies.flip_flop_area_um2,
    )

"""Banks: rows of macros side by side that share an address and together hold whole words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy.power.operations import OperationEnergies
from deploy.power.profile import Macro

__all__ = ["Bank", "banks_of"]


@dataclass(frozen=True, kw_only=True)
class Bank:
    """Macros of one depth side by side, wide enough for a word.

    Attributes:
        macros: The macros and how many of each.
        depth: Words of the bank.
        read_pj, write_pj: What an access adds to an idle cycle, all macros of the row together.
        cycle_pj: A clock cycle without access.
        leakage_nw: Static power of the macros that state one.
        unknown_leakage: Names of macros that state none.
        area_um2: All macros of the row.
    """

    macros: tuple[tuple[Macro, int], ...]
    depth: int
    read_pj: float
    write_pj: float
    cycle_pj: float
    leakage_nw: float
    unknown_leakage: tuple[str, ...]
    area_um2: float

    @classmethod
    def of(cls, row: Sequence[Macro], energies: OperationEnergies) -> Bank:
        """Add up a row of macros."""
        counts = Counter(macro.name for macro in row)
        by_name = {macro.name: macro for macro in row}
        return cls(
            macros=tuple((by_name[name], count) for name, count in counts.items()),
            depth=row[0].depth,
            read_pj=sum(macro.read.value - macro.idle.value for macro in row),
            write_pj=sum(macro.write.value - macro.idle.value for macro in row),
            cycle_pj=sum(_cycle_pj(macro, energies) for macro in row),
            leakage_nw=sum(m.leakage.value for m in row if m.leakage is not None),
            unknown_leakage=tuple(n for n, macro in by_name.items() if macro.leakage is None),
            area_um2=sum(macro.area.value for macro in row),
        )


def _cycle_pj(macro: Macro, energies: OperationEnergies) -> float:
    """A clock cycle without access, on every port: internal, clock pin and clock wire."""
    load_pf = macro.clock_pin.value + energies.clock_wire_pf
    return macro.ports * (macro.idle.value + energies.clock_net_factor * load_pf)


def banks_of(macros: Sequence[Macro], width_bits: int, energies: OperationEnergies) -> list[Bank]:
    """For each depth that macros have: the bank of the lowest read energy, and the smallest."""
    found = []
    for depth in sorted({macro.depth for macro in macros}):
        same = [macro for macro in macros if macro.depth == depth]
        cheapest = _cover(same, width_bits, lambda m: (m.read.value, m.area.value))
        smallest = _cover(same, width_bits, lambda m: (m.area.value, m.read.value))
        found.append(Bank.of(cheapest, energies))
        if Counter(m.name for m in smallest) != Counter(m.name for m in cheapest):
            found.append(Bank.of(smallest, energies))
    return found


def _cover(
    macros: Sequence[Macro], width_bits: int, cost: Callable[[Macro], tuple[float, float]]
) -> tuple[Macro, ...]:
    """The cheapest multiset of macros at least ``width_bits`` wide (unbounded knapsack)."""
    best: list[tuple[tuple[float, float], tuple[Macro, ...]]] = [((0.0, 0.0), ())]
    for width in range(1, width_bits + 1):
        options = []
        for macro in macros:
            (first, second), row = best[max(0, width - macro.width_bits)]
            more = cost(macro)
            options.append(((first + more[0], second + more[1]), (*row, macro)))
        best.append(min(options, key=lambda option: option[0]))
    return tuple(sorted(best[width_bits][1], key=lambda macro: -macro.width_bits))

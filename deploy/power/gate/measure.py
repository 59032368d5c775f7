"""Adds up what a netlist spent over the cycles of a run, by block and by kind."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from deploy.power.gate.cells import StateKind
from deploy.power.gate.clock_tree import clock_net_energies
from deploy.power.gate.internal import Electrical, internal_energy_pj, leakage_nw
from deploy.power.gate.kit import Kit
from deploy.power.gate.netlist import Netlist
from deploy.power.gate.path import Timing
from deploy.power.gate.waves import Waves, clock_nets, count

__all__ = ["Kind", "Meter", "Spent"]

Words = NDArray[np.uint64]


class Kind(StrEnum):
    """What energy goes into."""

    MEMORIES = "memories"
    REGISTERS = "registers"
    LOGIC = "logic"
    NETS = "nets"
    CLOCK = "clock tree"


@dataclass
class Spent:
    """What was spent.

    Attributes:
        cycles: In so many cycles.
        energy_pj: By block and kind, all cycles together.
        leakage_nw: By block, logic and memories apart.
        unknown_leakage: Cells whose static power is not stated.
        toggles: Transitions of each net, shape (nets,).
        high: Half cycles in which each net was 1, shape (nets,).
    """

    cycles: int = 0
    energy_pj: defaultdict[tuple[str, Kind], float] = field(
        default_factory=lambda: defaultdict(float)
    )
    leakage_nw: defaultdict[tuple[str, bool], float] = field(
        default_factory=lambda: defaultdict(float)
    )
    unknown_leakage: set[str] = field(default_factory=set)
    toggles: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    high: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


class Meter:
    """Takes stretches of cycles and adds them up.

    Args:
        netlist: The netlist.
        kit: Its library.
        timing: Its loads and slews.
    """

    def __init__(self, netlist: Netlist, kit: Kit, timing: Timing):
        self._netlist, self._kit = netlist, kit
        self._at = Electrical(load_pf=timing.load_pf, slew_ns=timing.slew_ns)
        self._clocks = clock_nets(netlist, kit.library)
        self._tree = clock_net_energies(netlist, kit, list(self._clocks))
        self._drivers = self._driving_blocks()
        self.spent = Spent(
            toggles=np.zeros(netlist.net_count, np.int64),
            high=np.zeros(netlist.net_count, np.int64),
        )

    def _driving_blocks(self) -> list[str]:
        found = ["top"] * self._netlist.net_count
        for instance in self._netlist.instances:
            cell = self._kit.library.cell(instance.cell)
            for pin in cell.outputs:
                if pin.name in instance.nets:
                    found[instance.nets[pin.name]] = instance.block
        return found

    def add(self, rows: Words, cycles: int) -> None:
        """One stretch: values of all nets before each edge, shape (nets, words)."""
        waves = Waves(rows, cycles, self._netlist, self._kit.library, self._clocks)
        self._add_cells(waves)
        self._add_nets(waves)
        self._add_clocks(waves)
        self.spent.cycles += waves.cycles

    def _add_cells(self, waves: Waves) -> None:
        spent, library = self.spent, self._kit.library
        for name, numbers in self._netlist.cells.items():
            cell = library.cell(name)
            instances = [self._netlist.instances[number] for number in numbers]
            energy = internal_energy_pj(cell, instances, waves, self._at)
            leakage = leakage_nw(cell, instances, waves)
            kind = Kind.LOGIC if cell.state is None else Kind.REGISTERS
            memory = cell.state is not None and cell.state.kind is StateKind.MEMORY
            if memory:
                kind = Kind.MEMORIES
            elif cell.state is not None and cell.state.kind is StateKind.CLOCK_GATE:
                kind = Kind.CLOCK
            if leakage is None:
                spent.unknown_leakage.add(name)
                leakage = np.zeros(len(instances))
            for instance, one, static in zip(instances, energy, leakage, strict=True):
                spent.energy_pj[instance.block, kind] += float(one)
                spent.leakage_nw[instance.block, memory] += float(static) * waves.cycles

    def _add_nets(self, waves: Waves) -> None:
        """Half of C V squared for each transition, counted to the block that drives the net."""
        toggles = waves.toggles()
        self.spent.toggles += toggles
        self.spent.high += waves.high()
        energy = 0.5 * self._at.load_pf * self._kit.library.voltage_v**2 * toggles
        for net in np.flatnonzero(toggles):
            if int(net) not in self._clocks:
                self.spent.energy_pj[self._drivers[net], Kind.NETS] += float(energy[net])

    def _add_clocks(self, waves: Waves) -> None:
        """Each clock net's pulses, shared among the blocks by the pins that they clock."""
        for net, tree in self._tree.items():
            pulses = int(count(waves.pulses([net]))[0])
            total = tree.pins.total() or 1
            for block, pins in tree.pins.items():
                share = pins / total
                self.spent.energy_pj[block, Kind.CLOCK] += share * pulses * tree.pulse_pj
                self.spent.leakage_nw[block, False] += share * tree.leakage_nw * waves.cycles

"""Internal energy of cells: which edges they saw, in which state, times their tables.

An edge of an output takes the tables of those inputs that changed in the same cycle, under the
conditions that then held, in equal parts (a table without a condition where no other one's holds);
an edge that no table covers takes their mean. Pins with
tables of their own (clocks, data of flip-flops, enables of memories) add theirs, with the state
before the rising clock edge for the rise, and after it for the fall; data that changes does so
while the clock is high, if the cell's clock pulses in that cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deploy.power.gate.cells import Cell, Pin, PowerArc, StateKind
from deploy.power.gate.expression import Expression
from deploy.power.gate.netlist import ZERO, Instance
from deploy.power.gate.waves import Waves, count

__all__ = ["Electrical", "internal_energy_pj", "leakage_nw"]

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class Electrical:
    """What tables are looked up at, for each net.

    Attributes:
        load_pf: Pins and wire, shape (nets,).
        slew_ns: Transition, mean of rise and fall, shape (nets,).
    """

    load_pf: Floats
    slew_ns: Floats


class _Cells:
    """All instances of one cell in a stretch of cycles."""

    def __init__(self, cell: Cell, instances: Sequence[Instance], waves: Waves):
        self.cell, self.waves, self.instances = cell, waves, instances
        self._nets = {pin: np.array([one.nets.get(pin, ZERO) for one in instances])
                      for pin in cell.pins}  # fmt: skip
        self.clocks = _clock_pins(cell)

    def nets(self, pin: str) -> NDArray[np.int64]:
        return self._nets[pin]

    def state(self, when: Expression | None, *, after: bool, pulsed: bool = False) -> Words:
        """Cycles in which a condition holds for each instance, shape (instances, words).

        Args:
            when: The condition.
            after: With the values that settled after the edge, or those before it.
            pulsed: The cell's clock counts as high in the cycles in which it pulses; else as low.
        """
        shape = (len(self.instances), len(self.waves.ones))
        if when is None:
            return np.broadcast_to(self.waves.ones, shape)
        read: Callable[[NDArray[np.int64]], Words] = (
            self.waves.after if after else self.waves.before
        )

        def value(pin: str) -> Words:
            if pin in self.clocks:
                nets = self.nets(pin)
                return self.waves.pulses(nets) if pulsed else np.zeros(shape, np.uint64)
            kept = self.cell.state.names if self.cell.state else ("", "")
            if pin in kept or pin not in self._nets:
                return self._bit(pin, kept, read, shape)
            return read(self.nets(pin))

        return np.broadcast_to(when.words(value, self.waves.ones), shape)

    def _bit(
        self, name: str, kept: tuple[str, str], read: Callable[[NDArray[np.int64]], Words],
        shape: tuple[int, int],
    ) -> Words:  # fmt: skip
        """The kept bit, from an output that shows it; unknown nodes count as 0."""
        for pin in self.cell.outputs:
            if pin.function is not None and pin.function.pin in kept and name in kept:
                words = read(self.nets(pin.name))
                return words if pin.function.pin == name else self.waves.ones & ~words
        return np.zeros(shape, np.uint64)

    def edges(self, pin: Pin) -> tuple[Words, Words]:
        """Rises and falls of a pin in each cycle."""
        nets = self.nets(pin.name)
        clocked = np.array([self.waves.is_clock(int(net)) for net in nets])
        before, after = self.waves.before(nets), self.waves.after(nets)
        rise, fall = after & ~before, before & ~after
        if clocked.any():
            pulses = self.waves.pulses(nets)
            rise, fall = (np.where(clocked[:, None], pulses, one) for one in (rise, fall))
        return rise, fall


def internal_energy_pj(
    cell: Cell, instances: Sequence[Instance], waves: Waves, at: Electrical
) -> Floats:
    """Internal energy of each instance over the waves' cycles, in pJ, shape (instances,)."""
    own = _Cells(cell, instances, waves)
    total = np.zeros(len(instances))
    for pin in cell.pins.values():
        for arcs in _by_supply(pin.power):
            if pin.is_input:
                total += _input_pj(own, pin, arcs, at)
            elif pin.name in instances[0].nets or any(pin.name in i.nets for i in instances):
                total += _output_pj(own, pin, arcs, at)
    return total


def _by_supply(arcs: Sequence[PowerArc]) -> Iterator[list[PowerArc]]:
    for supply in sorted({arc.supply for arc in arcs}):
        yield [arc for arc in arcs if arc.supply == supply]


def _input_pj(own: _Cells, pin: Pin, arcs: list[PowerArc], at: Electrical) -> Floats:
    """Edges of an input, each under its condition; without one, when no other condition holds."""
    rise, fall = own.edges(pin)
    nets = own.nets(pin.name)
    total = np.zeros(len(nets))
    is_clock = pin.name in own.clocks
    left = [rise, fall]
    for arc in sorted(arcs, key=lambda arc: arc.when is None):
        for n, table in enumerate((arc.rise, arc.fall)):
            if table is None:
                continue
            # A clock rises in the old state and falls in the new one; data moves into the new one.
            state = own.state(arc.when, after=not is_clock or n == 1, pulsed=not is_clock)
            seen = count(left[n] & state)
            left[n] = left[n] & ~state
            hit = np.flatnonzero(seen)
            energy = [table.at(at.slew_ns[nets[i]], 0.0) for i in hit]
            total[hit] += seen[hit] * np.array(energy)
    return total


def _output_pj(own: _Cells, pin: Pin, arcs: list[PowerArc], at: Electrical) -> Floats:
    """Edges of an output, shared among the inputs that moved with it."""
    nets = own.nets(pin.name)
    total = np.zeros(len(nets))
    moved = _moved(own, {arc.related for arc in arcs})
    for n, edge in enumerate(own.edges(pin)):
        happened = count(edge)
        weight, energy, plain, tables = (np.zeros(len(nets)) for _ in range(4))
        busy = np.flatnonzero(happened)
        for arc in arcs:
            table = arc.fall if n else arc.rise
            if table is None or arc.related not in moved:
                continue
            held = _holding(own, arc, arcs)
            seen = count(edge & moved[arc.related] & held)
            related = own.nets(arc.related)
            one = np.zeros(len(nets))
            one[busy] = [table.at(at.slew_ns[related[i]], at.load_pf[nets[i]]) for i in busy]
            weight += seen
            energy += seen * one
            plain += one
            tables += 1
        mean = np.divide(plain, tables, out=np.zeros_like(plain), where=tables > 0)
        total += happened * np.divide(energy, weight, out=mean, where=weight > 0)
    return total


def _holding(own: _Cells, arc: PowerArc, arcs: list[PowerArc]) -> Words:
    """Cycles in which a table applies; one without a condition where no other one's does."""
    if arc.when is not None:
        return own.state(arc.when, after=True, pulsed=True)
    left = own.state(None, after=True)
    for other in arcs:
        if other.related == arc.related and other.when is not None:
            left = left & ~own.state(other.when, after=True, pulsed=True)
    return left


def _moved(own: _Cells, related: set[str]) -> dict[str, Words]:
    """Cycles in which each input of a cell changed (or, of the clock, pulsed)."""
    found = {}
    for name in related:
        if name in own.cell.pins:
            rise, fall = own.edges(own.cell.pins[name])
            found[name] = rise | fall
    return found


def _clock_pins(cell: Cell) -> frozenset[str]:
    """The pins that clock a sequential cell."""
    if cell.state is None or cell.state.kind is StateKind.LATCH:
        return frozenset()
    if cell.state.kind is StateKind.MEMORY:
        return frozenset(name for name in cell.pins if name.upper().endswith("CLK"))
    return cell.state.clock.pins


def leakage_nw(cell: Cell, instances: Sequence[Instance], waves: Waves) -> Floats | None:
    """Static power of each instance in nW, by the time it spent in each state; None: not stated.

    A clock is high for half of each cycle in which it pulses.
    """
    if not cell.leakage_when:
        return None if cell.leakage_nw is None else np.full(len(instances), cell.leakage_nw)
    own = _Cells(cell, instances, waves)
    total = np.zeros(len(instances))
    known = np.zeros(len(instances))
    for when, value in cell.leakage_when:
        share = sum(
            0.5 * count(own.state(when, after=False, pulsed=pulsed)) for pulsed in (False, True)
        ) / max(waves.cycles, 1)  # fmt: skip
        total += share * value
        known += share
    return total + np.clip(1 - known, 0, 1) * (cell.leakage_nw or 0.0)

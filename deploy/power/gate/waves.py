"""Bit rows of nets: values before each clock edge, their changes, and the pulses of clocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from deploy.power.gate.cells import Cell, StateKind
from deploy.power.gate.expression import Expression
from deploy.power.gate.library import CellLibrary
from deploy.power.gate.netlist import Netlist

__all__ = ["Waves", "clock_nets", "count"]

Words = NDArray[np.uint64]
_WORD = 64


def count(words: Words) -> NDArray[np.int64]:
    """Bits that are 1, over the last axis."""
    found: NDArray[np.int64] = np.bitwise_count(words).sum(axis=-1, dtype=np.int64)
    return found


def clock_nets(netlist: Netlist, library: CellLibrary) -> dict[int, tuple[int, int]]:
    """Nets that a clock reaches without a flip-flop between.

    Returns:
        For each net in the order of the clock tree: the clock net that it comes from (itself, for
        the clock port) and the instance that drives it (-1 for the port).
    """
    readers: dict[int, list[int]] = {}
    for number, instance in enumerate(netlist.instances):
        for net in set(instance.nets.values()):
            readers.setdefault(net, []).append(number)
    found = {netlist.clock: (netlist.clock, -1)}
    waiting = [netlist.clock]
    while waiting:
        net = waiting.pop()
        for number in readers.get(net, []):
            instance = netlist.instances[number]
            for pin in _passing(library.cell(instance.cell)):
                out = instance.nets.get(pin)
                if out is not None and out not in found:
                    found[out] = (net, number)
                    waiting.append(out)
    return found


def _passing(cell: Cell) -> list[str]:
    """Outputs that follow an input without an edge."""
    if cell.state is not None and cell.state.kind is not StateKind.CLOCK_GATE:
        return []
    return [pin.name for pin in cell.outputs]


class Waves:
    """What all nets did in a stretch of cycles; all rows have as many bits as there are cycles.

    A change belongs to the cycle whose edge caused it, so the last cycle has none that is known.

    Args:
        rows: Values before each rising edge, shape (nets, words).
        cycles: How many of the bits count.
        netlist: The netlist.
        library: Its cells.
        clocks: What :func:`clock_nets` found.
    """

    def __init__(
        self, rows: Words, cycles: int, netlist: Netlist, library: CellLibrary,
        clocks: Mapping[int, tuple[int, int]],
    ):  # fmt: skip
        self.cycles = cycles - 1
        words = -(-cycles // _WORD)
        rows = rows[:, :words]
        self.ones = _ones(self.cycles, words)
        later = rows >> np.uint64(1)
        later[:, :-1] |= rows[:, 1:] << np.uint64(_WORD - 1)
        self._before, self._after = rows & self.ones, later & self.ones
        self._pulses: dict[int, Words] = {}
        for net, (source, number) in clocks.items():
            self._pulses[net] = self._pulse(net, source, number, netlist, library)

    def _pulse(
        self, net: int, source: int, number: int, netlist: Netlist, library: CellLibrary
    ) -> Words:
        """Cycles in which a clock net goes up and down."""
        if number < 0:
            return self.ones
        instance = netlist.instances[number]
        cell = library.cell(instance.cell)
        high = self._pulses[source]
        low = np.zeros_like(high)

        def function(clock: Words) -> Words:
            def value(pin: str) -> Words:
                own = instance.nets[pin]
                return clock if own == source else self._before[own]

            if cell.state is not None:
                data: Expression = cell.state.data
                return clock & data.words(value, self.ones)
            output = next(p for p in cell.outputs if instance.nets.get(p.name) == net)
            assert output.function is not None
            return output.function.words(value, self.ones)

        return function(high) ^ function(low)

    def before(self, nets: Sequence[int] | NDArray[np.int64]) -> Words:
        """Values before each edge, shape (nets, words)."""
        found: Words = self._before[np.asarray(nets)]
        return found

    def after(self, nets: Sequence[int] | NDArray[np.int64]) -> Words:
        """Values that have settled after each edge."""
        found: Words = self._after[np.asarray(nets)]
        return found

    def pulses(self, nets: Sequence[int] | NDArray[np.int64]) -> Words:
        """Pulses of clock nets; of another net none."""
        found = np.zeros((len(nets), len(self.ones)), np.uint64)
        for place, net in enumerate(nets):
            if int(net) in self._pulses:
                found[place] = self._pulses[int(net)]
        return found

    def is_clock(self, net: int) -> bool:
        """Whether a clock reaches the net."""
        return net in self._pulses

    def toggles(self) -> NDArray[np.int64]:
        """Transitions of every net, both edges of a clock's pulse counted."""
        found = count(self._before ^ self._after)
        for net, pulses in self._pulses.items():
            found[net] = 2 * count(pulses)
        return found

    def high(self) -> NDArray[np.int64]:
        """Half cycles in which every net is 1 (a clock: one in each cycle that it pulses in)."""
        found = 2 * count(self._before)
        for net, pulses in self._pulses.items():
            found[net] = count(pulses)
        return found


def _ones(cycles: int, words: int) -> Words:
    found = np.zeros(words, np.uint64)
    whole, rest = divmod(cycles, _WORD)
    found[:whole] = ~np.uint64(0)
    if rest:
        found[whole] = np.uint64((1 << rest) - 1)
    return found

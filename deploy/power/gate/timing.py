"""Loads, slews and arrival times of a netlist: static timing analysis with an ideal clock.

Delays and transitions come from the Liberty tables at each net's load (pins, and wire by a
wire-load model without resistance); of several inputs the latest counts, of several transitions
the slowest. The clock has no skew and one slew everywhere. Paths begin at flip-flops, memories and
inputs, and end at flip-flops, memories and clock gates with their setup time (0 where none is
stated), or at outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from deploy.power.gate.cells import Cell, Pin, TimingArc
from deploy.power.gate.library import CellLibrary
from deploy.power.gate.netlist import ONE, ZERO, Instance, Netlist
from deploy.power.gate.path import PathPoint, Timing
from deploy.power.gate.waves import clock_nets
from deploy.power.gate.wire import WireLoad
from spikeforge.errors import SpikeforgeError

__all__ = ["analyze_timing"]

_EDGES = 2  # rise, fall
Edges = tuple[float, float]


@dataclass
class _Net:
    """A net under analysis."""

    driver: tuple[int, str] | None = None
    sinks: list[tuple[int, str]] = field(default_factory=list)
    load: float = 0.0
    arrival: list[float] = field(default_factory=lambda: [0.0, 0.0])
    slew: list[float] = field(default_factory=lambda: [0.0, 0.0])
    span: float = 0.0  # of the driver's transitions; 0: whoever reads it
    source: list[tuple[int, int, int] | None] = field(default_factory=lambda: [None, None])


def analyze_timing(
    netlist: Netlist, library: CellLibrary, wire: WireLoad, *, clock_slew_ns: float,
    input_slew_ns: float,
) -> Timing:  # fmt: skip
    """Analyze a netlist.

    Args:
        netlist: The netlist.
        library: Its cells.
        wire: Capacitance of nets.
        clock_slew_ns: At every clock pin.
        input_slew_ns: At the inputs, which change with the clock edge.

    Raises:
        SpikeforgeError: If logic feeds back on itself without a flip-flop.
    """
    analysis = _Analysis(netlist, library, wire, clock_slew_ns, input_slew_ns)
    return analysis.run()


class _Analysis:
    def __init__(
        self, netlist: Netlist, library: CellLibrary, wire: WireLoad, clock_slew: float,
        input_slew: float,
    ):  # fmt: skip
        self.netlist, self.library, self.clock_slew = netlist, library, clock_slew
        self.clocks = clock_nets(netlist, library)
        self.cells = [library.cell(one.cell) for one in netlist.instances]
        self.nets = [_Net() for _ in range(netlist.net_count)]
        for number, (instance, cell) in enumerate(zip(netlist.instances, self.cells, strict=True)):
            self._connect(number, instance, cell)
        for net in self.nets:
            net.load += wire.at(len(net.sinks))
        for nets in netlist.inputs.values():
            for number in nets:
                self.nets[number].slew = [input_slew, input_slew]

    def _connect(self, number: int, instance: Instance, cell: Cell) -> None:
        for name, net in instance.nets.items():
            pin = cell.pins.get(name)
            if pin is None:
                raise SpikeforgeError(f"{cell.file}: {cell.name} has no pin {name}")
            if pin.is_input:
                self.nets[net].sinks.append((number, name))
                self.nets[net].load += pin.capacitance_pf
            else:
                self.nets[net].driver = (number, name)
                self.nets[net].span = cell.slew_span

    def run(self) -> Timing:
        for net in self.clocks:
            self.nets[net].slew = [self.clock_slew, self.clock_slew]
        for number, cell in enumerate(self.cells):
            if _starts(cell):
                self._drive(number, cell)
        for number in self._order():
            self._drive(number, self.cells[number])
        worst, ends = self._worst()
        over = sum(
            1 for number, net in enumerate(self.nets)
            if net.driver is not None and number not in self.clocks
            and 0 < self.cells[net.driver[0]].pins[net.driver[1]].most_load_pf < net.load
        )  # fmt: skip
        return Timing(
            load_pf=np.array([net.load for net in self.nets]),
            slew_ns=np.array([sum(net.slew) / _EDGES for net in self.nets]),
            arrival_ns=np.array([max(net.arrival) for net in self.nets]),
            period_ns=max(worst, 1e-6), path=tuple(self._path(*ends)), overloaded=over,
        )  # fmt: skip

    def _order(self) -> list[int]:
        """Combinational instances, each behind all that feed it."""
        waiting = {}
        for number, cell in enumerate(self.cells):
            if not _starts(cell):
                nets = {self.netlist.instances[number].nets[p.name] for p in cell.inputs
                        if p.name in self.netlist.instances[number].nets}  # fmt: skip
                waiting[number] = sum(1 for net in nets if self._from_logic(net))
        ready = [number for number, left in waiting.items() if not left]
        order = []
        while ready:
            number = ready.pop()
            order.append(number)
            for pin in self.cells[number].outputs:
                net = self.netlist.instances[number].nets.get(pin.name)
                for reader in {sink for sink, _ in self.nets[net].sinks} if net else ():
                    if reader in waiting:
                        waiting[reader] -= 1
                        if not waiting[reader]:
                            ready.append(reader)
        if len(order) < len(waiting):
            stuck = next(n for n, left in waiting.items() if left)
            name = self.netlist.instances[stuck].name
            raise SpikeforgeError(f"the netlist has a combinational loop through {name}")
        return order

    def _from_logic(self, net: int) -> bool:
        driver = self.nets[net].driver
        return driver is not None and not _starts(self.cells[driver[0]])

    def _drive(self, number: int, cell: Cell) -> None:
        """Arrival and transition of an instance's outputs."""
        instance = self.netlist.instances[number]
        for pin in cell.outputs:
            net = instance.nets.get(pin.name)
            if net is None or net in self.clocks:  # the clock is ideal
                continue
            for arc in pin.timing:
                if arc.related in instance.nets and _counts(arc, cell):
                    self._through(number, cell, instance.nets[arc.related], net, arc)

    def _through(self, number: int, cell: Cell, before: int, net: int, arc: TimingArc) -> None:
        """One arc: which edge of the input makes which of the output, and when."""
        target, origin = self.nets[net], self.nets[before]
        clocked = _starts(cell)
        for edge in range(_EDGES):
            delay, transition = arc.delays[edge], arc.transitions[edge]
            if delay is None:
                continue
            for cause in (0, 1):
                if clocked:
                    at, slew = 0.0, self.clock_slew
                    if cause:
                        continue
                else:
                    if before in (ZERO, ONE) or not _causes(arc.sense, cause, edge):
                        continue
                    at, slew = origin.arrival[cause], _slew(origin, cause, cell)
                arrival = at + delay.at(slew, target.load)
                if target.source[edge] is None or arrival > target.arrival[edge]:
                    target.arrival[edge] = arrival
                    target.source[edge] = (number, before, cause)
                if transition is not None:
                    found = transition.at(slew, target.load)
                    target.slew[edge] = max(target.slew[edge], found)

    def _worst(self) -> tuple[float, tuple[int, int, str]]:
        """The latest end of a path: the period it needs, its net and edge, and what it ends at."""
        worst, ends = 0.0, (self.netlist.clock, 0, "nothing")
        for number, (instance, cell) in enumerate(
            zip(self.netlist.instances, self.cells, strict=True)
        ):
            if cell.state is None:
                continue
            for pin in cell.inputs:
                net = instance.nets.get(pin.name)
                if net is None or net in (ZERO, ONE):
                    continue
                if net in self.clocks:
                    continue
                for edge in range(_EDGES):
                    setup = self._setup(pin, edge, _slew(self.nets[net], edge, cell))
                    if self.nets[net].arrival[edge] + setup > worst:
                        worst = self.nets[net].arrival[edge] + setup
                        ends = (net, edge, f"{self.netlist.instances[number].name}/{pin.name}")
        for name, nets in self.netlist.outputs.items():
            for net in nets:
                for edge in range(_EDGES):
                    if self.nets[net].arrival[edge] > worst:
                        worst, ends = self.nets[net].arrival[edge], (net, edge, f"output {name}")
        return worst, ends

    def _setup(self, pin: Pin, edge: int, slew: float) -> float:
        """Setup time before the clock edge; 0 where none is stated."""
        found = [arc.delays[edge] for arc in pin.timing if arc.kind.startswith("setup_")]
        return max((table.at(self.clock_slew, slew) for table in found if table), default=0.0)

    def _path(self, net: int, edge: int, end: str) -> Sequence[PathPoint]:
        points = [PathPoint(end, "", self.nets[net].arrival[edge], 0.0)]
        at: tuple[int, int] | None = (net, edge)
        while at is not None:
            one = self.nets[at[0]]
            source = one.source[at[1]]
            if source is None:
                break
            number, before, cause = source
            through = f"{self.netlist.instances[number].name} ({self.cells[number].name})"
            name = self.netlist.names.get(at[0], f"net {at[0]}")
            points.append(PathPoint(through, name, one.arrival[at[1]], one.load))
            at = None if _starts(self.cells[number]) else (before, cause)
        return points[::-1]


def _slew(net: _Net, edge: int, reader: Cell) -> float:
    """A transition as the reader's file counts it."""
    return net.slew[edge] * (reader.slew_span / net.span if net.span else 1.0)


def _starts(cell: Cell) -> bool:
    """Whether paths begin at the cell's outputs."""
    return cell.state is not None


def _counts(arc: TimingArc, cell: Cell) -> bool:
    """Arcs from the clock, of cells that keep a bit; of others all that are no constraint."""
    if cell.state is None:
        return arc.kind.startswith("combinational")
    return arc.kind in ("rising_edge", "combinational")


def _causes(sense: str, cause: int, edge: int) -> bool:
    if sense == "positive_unate":
        return cause == edge
    if sense == "negative_unate":
        return cause != edge
    return True

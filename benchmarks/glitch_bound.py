"""How much glitches add: the logic of a netlist simulated with delays, against settled values.

The gate method counts a net's change once a cycle at most. Here the combinational cells of one
block (or all) run through some recorded cycles event by event, each cell with its own delays at its
load and slew. Two ends: every pulse passes (transport delays, too many), or a pulse shorter than
the cell's delay is swallowed (inertial delays, few). Wires have no delay, the clock no skew.

Example:
    python benchmarks/glitch_bound.py models/mnist-tiny.safetensors --liberty DIR --data DIR
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deploy.power.gate.banks import gate_config
from deploy.power.gate.buffering import with_buffers
from deploy.power.gate.cells import Cell
from deploy.power.gate.estimate import gate_estimate
from deploy.power.gate.kit import Kit, load_kit
from deploy.power.gate.netlist import Netlist, read_netlist
from deploy.power.gate.path import Timing
from deploy.power.gate.record import run_images
from deploy.power.gate.technology import technology_named
from deploy.power.gate.timing import analyze_timing
from deploy.power.gate.waves import clock_nets
from hw.verilog import TOP
from spikeforge.cli.common import test_images
from spikeforge.netfile import load_network
from spikeforge.progress import console, progress

Rows = np.ndarray


def function_of(cell: Cell, output: str) -> Callable[..., int]:
    """A cell's function as Python, of the values of its pins by name."""
    expression = cell.pins[output].function
    assert expression is not None
    text = expression.verilog(str).replace("1'b", "")
    return eval(f"lambda {', '.join(sorted(expression.pins))}: ({text}) & 1")


class Glitches:
    """Event-driven simulation of the combinational cells of some blocks."""

    def __init__(self, netlist: Netlist, kit: Kit, timing: Timing, blocks: set[str]):
        self.netlist, self.timing = netlist, timing
        self.energy = 0.5 * timing.load_pf * kit.library.voltage_v**2
        self.readers: dict[int, list[int]] = {}
        self.gates: list[tuple[int, Callable[..., int], tuple[int, ...], tuple[float, float]]] = []
        clocks = clock_nets(netlist, kit.library)
        made: dict[tuple[str, str], Callable[..., int]] = {}
        for one in netlist.instances:
            cell = kit.library.cell(one.cell)
            if cell.state is not None or (blocks and one.block not in blocks):
                continue
            for pin in cell.outputs:
                net = one.nets.get(pin.name)
                if net is None or net in clocks:
                    continue
                key = (cell.name, pin.name)
                made.setdefault(key, function_of(cell, pin.name))
                assert pin.function is not None
                inputs = tuple(one.nets[name] for name in sorted(pin.function.pins))
                number = len(self.gates)
                self.gates.append((net, made[key], inputs, self._delays(cell, pin.name, one.nets)))
                for source in set(inputs):
                    self.readers.setdefault(source, []).append(number)
        self.inside = {gate[0] for gate in self.gates}

    def _delays(self, cell: Cell, output: str, nets: dict[str, int]) -> tuple[float, float]:
        """Mean delay of a rise and of a fall over the cell's arcs."""
        load = float(self.timing.load_pf[nets[output]])
        found: tuple[list[float], list[float]] = ([], [])
        for arc in cell.pins[output].timing:
            for edge, table in enumerate(arc.delays):
                if table is not None and arc.related in nets:
                    slew = float(self.timing.slew_ns[nets[arc.related]])
                    found[edge].append(max(table.at(slew, load), 1e-3))
        return tuple(sum(one) / len(one) if one else 0.1 for one in found)  # type: ignore[return-value]

    def cycle(
        self, before: Rows, after: Rows, start: Rows, *, inertial: bool
    ) -> tuple[float, float]:
        """Switching energy in pJ of one cycle: with delays, and of settled values alone."""
        value = before.copy()
        queue: list[tuple[float, int, int, int]] = []
        waiting: dict[int, list[tuple[float, int, int]]] = {}  # time, event, level; ascending
        dead: set[int] = set()
        order = 0
        for net in np.flatnonzero(before != after):
            if int(net) not in self.inside:
                heapq.heappush(queue, (float(start[net]), order, int(net), int(after[net])))
                order += 1
        spent = 0.0
        while queue:
            now, event, net, new = heapq.heappop(queue)
            if event in dead:
                continue
            mine = waiting.get(net, [])
            if mine and mine[0][1] == event:
                mine.pop(0)
            if value[net] == new:
                continue
            value[net] = new
            if net in self.inside:
                spent += float(self.energy[net])
            for number in self.readers.get(net, ()):
                out, function, inputs, delays = self.gates[number]
                level = function(*(int(value[source]) for source in inputs))
                at = now + delays[0 if level else 1]
                ahead = waiting.setdefault(out, [])
                if inertial:  # the last decision counts; one like it that waits already stays
                    kept = [one for one in ahead if one[2] == level][:1]
                else:  # what was to happen at that time or later is overtaken
                    kept = [one for one in ahead if one[0] < at]
                dead |= {one[1] for one in ahead if one not in kept}
                coming = kept[-1][2] if kept else int(value[out])
                if coming != level:
                    kept.append((at, order, level))
                    heapq.heappush(queue, (at, order, out, level))
                    order += 1
                waiting[out] = kept
        inside = np.fromiter(self.inside, np.int64)
        assert (value[inside] == after[inside]).all(), "the simulation must settle where it should"
        settled = [net for net in np.flatnonzero(before != after) if int(net) in self.inside]
        return spent, float(self.energy[settled].sum())


def main() -> None:
    """Record, simulate both ways, print the factors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("network", type=Path)
    parser.add_argument("--liberty", type=Path, required=True, metavar="DIR")
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--block", action="append", default=[], help="default: hidden1.integrate")
    parser.add_argument("--cycles", type=int, default=100)
    options = parser.parse_args()
    technology = technology_named("ihp-sg13g2")
    network = load_network(options.network)
    kit = load_kit(technology, options.liberty)
    config = gate_config(network, technology, None, None)
    levels = test_images(network, options.data, 2).levels
    folder = gate_estimate(network, config, kit, levels).folder
    netlist = with_buffers(read_netlist(folder / "netlist.json", TOP, "clk"), kit)
    slew = technology.slew_ns
    timing = analyze_timing(netlist, kit.library, kit.wire, clock_slew_ns=slew, input_slew_ns=slew)
    rows: list[Rows] = []
    run_images(folder / "model" / "libmodel.so", netlist, network, config, levels,
               lambda words, cycles: rows.append(words[:, : -(-cycles // 64)].copy()))  # fmt: skip
    bits = np.unpackbits(rows[0].view(np.uint8), axis=1, bitorder="little")
    blocks = set(options.block or ["hidden1.integrate"])
    glitches = Glitches(netlist, kit, timing, blocks)
    start = np.array(timing.arrival_ns)
    sums = np.zeros(3)
    with progress("Simulate with delays", options.cycles) as bar:
        for cycle in range(20, 20 + options.cycles):
            before, after = bits[:, cycle], bits[:, cycle + 1]
            passed, settled = glitches.cycle(before, after, start, inertial=False)
            swallowed, _ = glitches.cycle(before, after, start, inertial=True)
            sums += (settled, swallowed, passed)
            bar.advance()
    settled, swallowed, passed = sums
    console.print(
        f"{', '.join(sorted(blocks))}: {len(glitches.gates)} cells, {options.cycles} cycles; "
        f"switching of nets settled {settled:.1f} pJ; with inertial delays "
        f"{swallowed / settled:.2f} times, with transport delays {passed / settled:.2f} times"
    )


if __name__ == "__main__":
    main()

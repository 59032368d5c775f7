"""The gate method from end to end: netlist, timing, real images, energy."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from deploy.power.gate.buffering import with_buffers
from deploy.power.gate.cells import StateKind
from deploy.power.gate.clock_tree import clock_net_energies
from deploy.power.gate.equality import check_equal
from deploy.power.gate.kit import Kit
from deploy.power.gate.measure import Kind, Meter, Spent
from deploy.power.gate.memories import add_memory_cells, memory_notes
from deploy.power.gate.netlist import Netlist, read_netlist, write_netlist
from deploy.power.gate.path import Timing
from deploy.power.gate.record import NetlistRun, build_netlist_model, run_images
from deploy.power.gate.result import GateReport
from deploy.power.gate.saif import write_saif
from deploy.power.gate.synthesis import synthesize_netlist
from deploy.power.gate.timing import analyze_timing
from deploy.power.gate.waves import clock_nets
from deploy.power.scaling import SCALED_NODES, ScaledEnergy, scale
from deploy.power.sram_leakage import SRAM_LEAKAGE_SOURCE, sram_leakage_uw
from deploy.running import package_versions
from hw.census import take_inventory
from hw.composing import composition_of
from hw.config import HardwareConfig
from hw.memory.sg13g2 import MACROS
from hw.ram import ram_verilog
from hw.verilog import TOP, generate_verilog
from sim.simulate import Simulation, simulate
from spikeforge.cache import cache_folder
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network
from spikeforge.progress import progress

__all__ = ["GateRun", "gate_estimate"]

_DEFAULT_MHZ = 100.0
_METHOD_VERSION = 2  # of the netlist's making, for the cache

_NOTES = (
    "synthesized by Yosys and ABC, not placed or routed; the clock tree is estimated (20 pins a "
    "buffer), the clock has no skew",
    "glitches are not in it: nets change at most once a cycle here (docs/gate-power.md has more)",
    "internal energy by the cells' tables under their conditions, at loads and slews of the static "
    "timing analysis; conditions that the run cannot decide count as false",
    "not included: pads, clock source, test logic, loading the weights",
)


@dataclass(frozen=True, kw_only=True)
class GateRun:
    """A report, and the RTL's run of the same images."""

    report: GateReport
    simulation: Simulation
    folder: Path


def gate_estimate(
    network: Network, config: HardwareConfig, kit: Kit, levels: NDArray[np.uint8],
    clock_mhz: float | None = None, *, register_gating: bool = True,
) -> GateRun:  # fmt: skip
    """Estimate energy and power of a network on a technology's cells.

    Args:
        network: The network.
        config: Its hardware, with the technology's memories.
        kit: The technology.
        levels: Encoded images, shape (B, inputs).
        clock_mhz: The clock; None: 100 MHz, or what timing allows, rounded down to 5 MHz.
        register_gating: Registers with a common enable get a clock gate.

    Raises:
        SpikeforgeError: If there is no image, the clock is beyond what timing allows, or a tool
            fails.
        MismatchError: If the netlist differs from the RTL.
    """
    if not len(levels):
        raise SpikeforgeError("--images must be at least 1, not 0")
    if clock_mhz is not None and not 0 < clock_mhz < math.inf:
        raise SpikeforgeError(f"--clock-mhz must be above 0, not {clock_mhz:g}")
    verilog = generate_verilog(network, config)
    aim = clock_mhz or _DEFAULT_MHZ
    folder = _folder(verilog, kit, aim, register_gating)
    with FileLock(f"{folder}.lock"):
        path = folder / "netlist.json"
        if not (folder / "whole").exists():
            path = synthesize_netlist(
                verilog, kit, 1e3 / aim, folder, register_gating=register_gating
            )
            (folder / "whole").touch()
        netlist = read_netlist(path, TOP, "clk")
        add_memory_cells(kit, netlist)
        _check_tables(netlist, kit)
        netlist = with_buffers(netlist, kit)
        write_netlist(folder / "netlist.v", netlist, TOP)
        slew = kit.technology.slew_ns
        with progress("Analyze the timing", None):
            timing = analyze_timing(
                netlist, kit.library, kit.wire, clock_slew_ns=slew, input_slew_ns=slew
            )
        clock = _clock(clock_mhz, timing)
        model = build_netlist_model(
            netlist, kit.library, ram_verilog(verilog), network, config, folder
        )
    meter = Meter(netlist, kit, timing)
    run = run_images(model, netlist, network, config, levels, meter.add)
    simulation = simulate(network, config, levels)
    check_equal(run, network, config, levels)
    write_saif(folder / "activity.saif", netlist, meter.spent, clock)
    report = _report(kit, netlist, timing, run, simulation, meter.spent, clock, len(levels))
    report = replace(
        report, scaled=_scaled(report, network, config, simulation, kit.technology.node_nm)
    )
    return GateRun(report=report, simulation=simulation, folder=folder)


def _folder(verilog: str, kit: Kit, aim_mhz: float, register_gating: bool) -> Path:
    parts = [verilog, [one.sha256 for one in kit.library.files], kit.technology.name, aim_mhz,
             register_gating, _METHOD_VERSION,
             package_versions("gate-level estimates", ["pyosys"])]  # fmt: skip
    name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
    return cache_folder("netlists") / name


def _clock(asked: float | None, timing: Timing) -> float:
    most = timing.maximum_mhz
    if asked is None:
        return min(_DEFAULT_MHZ, 5.0 * max(1.0, most // 5.0)) if most >= 5 else most
    if not 0 < asked <= most:
        raise SpikeforgeError(
            f"--clock-mhz must be above 0 and at most {most:.1f}, which timing of this netlist "
            f"allows, not {asked:g}"
        )
    return asked


def _check_tables(netlist: Netlist, kit: Kit) -> None:
    """Refuse a cell that would count as nothing."""
    for name in netlist.cells:
        cell = kit.library.cell(name)
        powered = any(pin.power for pin in cell.pins.values())
        works = cell.state is not None or any(pin.timing for pin in cell.outputs)
        if works and not powered:  # ties have neither
            raise SpikeforgeError(
                f"{cell.file}: {name} has no power tables; a Liberty file with power tables is "
                "needed"
            )


def _scaled(
    report: GateReport,
    network: Network,
    config: HardwareConfig,
    simulation: Simulation,
    from_nm: int,
) -> tuple[ScaledEnergy, ...]:
    """The same design at other nodes, where its memories are macros."""
    activity = simulation.activity
    accesses = {}
    for memory in take_inventory(network, config).memories:
        built = composition_of(memory, config)
        if built is not None:
            reads = activity.reads_per_image[memory.name]
            writes = activity.writes_per_image.get(memory.name, 0.0)
            accesses[memory.name] = (built, reads, writes)
    if not accesses:
        return ()
    logic_pj = sum(pj for (_, kind), pj in report.energy_pj.items() if kind is not Kind.MEMORIES)
    return tuple(
        scale(logic_pj * 1e-6, accesses, node, volts, from_nm=from_nm, from_volts=report.voltage_v)
        for node, volts in SCALED_NODES
    )


def _report(
    kit: Kit, netlist: Netlist, timing: Timing, run: NetlistRun, simulation: Simulation,
    spent: Spent, clock: float, images: int,
) -> GateReport:  # fmt: skip
    library = kit.library
    counts = {name: len(numbers) for name, numbers in netlist.cells.items()}
    states = {name: library.cell(name).state for name in counts}
    memories = {n for n, s in states.items() if s is not None and s.kind is StateKind.MEMORY}
    scale = run.interval_cycles / spent.cycles
    bits = {cell.name: cell.width * cell.depth for same in MACROS.values() for cell in same}
    bits |= {one.cell: one.parameters["WIDTH"] * one.parameters["DEPTH"]
             for one in netlist.instances if one.parameters}  # fmt: skip
    area = {
        kind: sum(n * library.cell(name).area_um2 for name, n in counts.items()
                  if (name in memories) == (kind == "memories")) * 1e-6
        for kind in ("logic", "memories")
    }  # fmt: skip
    tree = clock_net_energies(netlist, kit, list(clock_nets(netlist, library)))
    used = {library.cell(name).file for name in counts}
    static = {
        memory: {
            block: value / spent.cycles
            for (block, own), value in spent.leakage_nw.items()
            if own is memory
        }
        for memory in (False, True)
    }
    return GateReport(
        technology=kit.technology.name, title=kit.technology.title,
        corner=library.files[0].corner, voltage_v=library.voltage_v,
        temperature_c=library.files[0].temperature_c, clock_mhz=clock,
        maximum_mhz=timing.maximum_mhz, path=timing.path, overloaded=timing.overloaded,
        interval_cycles=run.interval_cycles,
        latency_cycles=float(simulation.latency_cycles.mean()), images=images,
        energy_pj={key: value * scale for key, value in spent.energy_pj.items()},
        logic_static_nw=static[False], memory_static_nw=static[True],
        memory_leakage_uw=sram_leakage_uw(sum(counts[name] * bits[name] for name in memories)),
        cells=counts, memories={name: counts[name] for name in sorted(memories)},
        flip_flops=sum(counts[name] for name, state in states.items()
                       if state is not None and state.kind is StateKind.FLIP_FLOP),
        clock_buffers=sum(one.buffers for one in tree.values()), area_mm2=area,
        sources=tuple(f"{one.file} (SHA-256 {one.sha256[:12]})" for one in library.files
                      if one.file in used),
        notes=(*_NOTES, *kit.notes, *memory_notes(kit), SRAM_LEAKAGE_SOURCE),
        unknown=tuple(f"leakage of {name} is not stated" for name in sorted(spent.unknown_leakage)
                      if name not in memories),
    )  # fmt: skip

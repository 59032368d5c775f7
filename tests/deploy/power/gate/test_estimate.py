"""The whole gate method on a small network and the toy library: the netlist equals the RTL."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from deploy.power.gate import estimate as module
from deploy.power.gate import record
from deploy.power.gate.estimate import gate_estimate
from deploy.power.gate.measure import Kind
from deploy.power.gate.netlist import read_netlist
from deploy.power.gate.technology import CactiNode
from hw.config import configure
from spikeforge.errors import MismatchError, SpikeforgeError

pytest.importorskip("pyosys", reason="the optional extra fpga")


@pytest.fixture(scope="module")
def case(networks):
    found = networks.random_case(4, images=8, memory="load", widest=8, depth=2, bits=4)
    return replace(found, config=replace(found.config, clock_gating=True))


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "gate-cache"
    monkeypatch.setenv("SPIKEFORGE_CACHE", str(folder))


@pytest.fixture
def run(case, kit):
    return gate_estimate(case.network, case.config, kit, case.levels, 10.0)


def test_netlist_equals_rtl_and_energy_adds_up(case, kit, run):
    report = run.report
    assert report.images == len(case.levels)
    assert run.simulation.class_mismatches == 0
    assert report.flip_flops == sum(n for name, n in report.cells.items() if name == "TDFF")
    assert report.flip_flops > 50
    assert sum(report.by_block().values()) == pytest.approx(report.dynamic_uj * 1e6)
    assert sum(report.by_kind().values()) == pytest.approx(report.dynamic_uj * 1e6)
    # The blocks are those of the hierarchy.
    first = case.network.layers[0].name
    assert {f"{first}.integrate", f"{first}.weight_memory"} <= set(report.by_block())
    # Without leakage every cycle costs the same whatever the clock.
    area = sum(n * kit.library.cell(name).area_um2 for name, n in report.cells.items()) * 1e-6
    assert sum(report.area_mm2.values()) == pytest.approx(area)
    low, high = report.energy_uj
    static = sum(report.logic_static_nw.values()) * 1e-6 * report.interval_us * 1e-3
    assert low == pytest.approx(report.dynamic_uj + static)
    assert high == low  # no memories, no range


def test_interval_is_that_of_the_rtl(case, run):
    measured = run.simulation.interval_mean
    assert run.report.interval_cycles == pytest.approx(measured, rel=0.05)
    assert run.report.latency_cycles == run.simulation.latency_cycles.mean()


def test_idle_gates_save_what_they_gate(case, kit, run):
    """The loader rests: its registers and clock spend next to nothing."""
    loader = {
        kind: run.report.energy_pj[("_loader", kind)] for kind in (Kind.REGISTERS, Kind.CLOCK)
    }
    assert sum(loader.values()) < 0.01 * run.report.dynamic_uj * 1e6


def test_saif_names_nets_and_adds_up(run):
    text = (run.folder / "activity.saif").read_text()
    duration = int(re.search(r"\(DURATION (\d+)\)", text)[1])
    nets = re.findall(r"\(T0 (\d+)\) \(T1 (\d+)\) \(TX 0\) \(TC (\d+)\)", text)
    assert len(nets) > 100
    assert all(int(low) + int(high) == duration for low, high, _ in nets)
    clock = read_netlist(run.folder / "netlist.json", "accelerator", "clk").clock
    said = re.search(rf"\(n{clock} \(T0 (\d+)\) \(T1 (\d+)\) \(TX 0\) \(TC (\d+)\)", text)
    assert int(said[1]) == int(said[2]) == duration // 2
    assert int(said[3]) * 100_000 == 2 * duration  # two edges in each cycle of 100 ns
    assert f"wire n{clock};" in (run.folder / "netlist.v").read_text()


def test_json_has_the_report_and_its_method(run):
    found = json.loads(json.dumps(run.report.to_json()))
    assert found["technology"]["method"] == "gate"
    assert found["power_mw"]["total"]["low"] > 0
    assert found["gate"]["longest_path"][0]["through"].endswith("(TDFF)")
    assert found["gate"]["maximum_mhz"] >= found["clock_mhz"] == 10.0


def test_memories_without_macros_are_counted_by_cacti(networks, toy, kit):
    rng = np.random.default_rng(5)
    weight = rng.integers(-128, 128, (4, 80))  # one row an input: 80 x 32 bits
    network = networks.network_of(networks.Numbers(weight=weight, steps=4, bits=8), input_steps=4)
    technology = replace(toy, stand_in=CactiNode(65, 1.2))
    found = gate_estimate(
        network, configure(network, clock_gating=True), replace(kit, technology=technology),
        rng.integers(0, 5, (4, 80)).astype(np.uint8), 10.0,
    )  # fmt: skip
    memories = [name for name in found.report.cells if name.startswith("spikeforge_ram_")]
    assert memories, "the case has a memory of 2,048 bits or more"
    assert found.report.by_kind()["memories"] > 0
    assert any("CACTI 7" in note and "3 times" in note for note in found.report.notes)
    low, high = found.report.memory_leakage_uw
    assert high == pytest.approx(700 * low)


def test_a_broken_netlist_is_found(case, kit, run, monkeypatch):
    """Membranes of the output that stay 0: the run must not pass as equal."""
    read = module.read_netlist

    def broken(path, top, clock):
        netlist = read(path, top, clock)
        changed = [
            replace(one, nets={**one.nets, "D": 0})
            if one.cell == "TDFF" and "membrane" in netlist.names.get(one.nets["Q"], "") else one
            for one in netlist.instances
        ]  # fmt: skip
        assert changed != list(netlist.instances)
        return replace(netlist, instances=tuple(changed))

    monkeypatch.setattr(module, "read_netlist", broken)
    monkeypatch.setattr(module, "_METHOD_VERSION", 99)  # a folder of its own
    with pytest.raises(MismatchError, match=r"^the netlist differs from the RTL in \d of 8 images"):
        gate_estimate(case.network, case.config, kit, case.levels, 10.0)


def test_a_netlist_that_hangs_is_given_up(case, kit, run, monkeypatch):
    """The same with every flip-flop of the read-out: it never names a class."""
    read = module.read_netlist

    def stuck(path, top, clock):
        netlist = read(path, top, clock)
        changed = [
            replace(one, nets={**one.nets, "D": 0})
            if one.cell == "TDFF" and one.block.endswith(".readout") else one
            for one in netlist.instances
        ]  # fmt: skip
        return replace(netlist, instances=tuple(changed))

    monkeypatch.setattr(module, "read_netlist", stuck)
    monkeypatch.setattr(module, "_METHOD_VERSION", 98)
    monkeypatch.setattr(record, "_PATIENCE", 20_000)
    with pytest.raises(SpikeforgeError, match=r"^the netlist gives no result: it hangs$"):
        gate_estimate(case.network, case.config, kit, case.levels, 10.0)


def test_a_cell_without_tables_would_count_as_nothing(case, kit, run, monkeypatch):
    cell = kit.library.cell("TNAND2")
    bare = {name: replace(pin, power=()) for name, pin in cell.pins.items()}
    kit.library.add(replace(cell, pins=bare))
    with pytest.raises(SpikeforgeError, match=r"toy\.lib: TNAND2 has no power tables; a Liberty"):
        gate_estimate(case.network, case.config, kit, case.levels, 10.0)


def test_rates_beyond_what_the_clock_reaches(run):
    most = run.report.images_per_second
    run.report.check_rate(most)
    with pytest.raises(SpikeforgeError, match=r"^--images-per-second must be at most \d+, back to"):
        run.report.check_rate(1.01 * most)
    dynamic, logic, memory = run.report.at_rate(1000.0)
    assert dynamic == pytest.approx(run.report.dynamic_uj)  # a thousand microjoules a second
    assert logic == pytest.approx(sum(run.report.logic_static_nw.values()) * 1e-6)
    assert memory == (0.0, 0.0)


def test_bad_clocks_and_no_images(case, kit):
    with pytest.raises(SpikeforgeError, match=r"--images must be at least 1, not 0"):
        gate_estimate(case.network, case.config, kit, case.levels[:0])
    with pytest.raises(
        SpikeforgeError, match=r"--clock-mhz must be above 0 and at most [\d.]+, which timing of"
    ):
        gate_estimate(case.network, case.config, kit, case.levels, 5000.0)

"""Gated clocks change nothing in what the accelerator does, nor when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hw.config import configure
from hw.content import load_bytes
from hw.interface import interface
from hw.memory.technology import Technology
from hw.verilog import generate_verilog
from sim.build import build_model, prepare_rtl
from sim.cycles import count_cycles
from sim.equality import check
from sim.fuzz import random_case
from sim.items import pack_items
from sim.model import Model, Stalls
from sim.reference import run_reference
from sim.verify import verify
from spikeforge.schema import Residual, Schedule

SEEDS = {
    4: "3 lanes: up to 13 groups; biases everywhere, thresholds a layer and a neuron",
    29: "1-bit weights and 1 lane, four layers",
}


def _gated(networks, seed, images, memory="load"):
    case = networks.random_case(seed, images=images, memory=memory)
    return replace(case, config=replace(case.config, clock_gating=True))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("single", [False, True], ids=["back to back", "one by one"])
def test_compiled_rtl_equals_reference_and_cycle_model(compiled, networks, seed, single):
    built = compiled(_gated(networks, seed, 120))
    trace = run_reference(built.network, built.levels)
    batch = built.run(single=single)
    assert batch.membranes.tolist() == trace.outputs.tolist()
    assert batch.classes.tolist() == trace.classes.tolist()
    count = count_cycles(built.interface.layers, trace, single=single)
    assert batch.first.tolist() == count.first.tolist()
    assert batch.result.tolist() == count.result.tolist()


def test_an_idle_accelerator_wakes_up_for_reset_load_and_image(compiled, networks):
    built = compiled(_gated(networks, 4, 120))
    trace = run_reference(built.network, built.levels)
    with built.model() as model:
        for _ in range(2):
            model.clock.tick(1000)
            *_, batch = model.run(built.levels[:5])
            assert batch.membranes.tolist() == trace.outputs[:5].tolist()
            model.clock.tick(1000)
            model.load(load_bytes(built.network, built.config))
        model.reset()
        assert not model.io.loaded
        model.clock.tick(100)
        model.load(load_bytes(built.network, built.config))
        *_, batch = model.run(built.levels[:5])
    assert batch.membranes.tolist() == trace.outputs[:5].tolist()


def test_a_load_empties_a_block_that_nothing_else_wakes(tmp_path):
    """A join that waits for one of its sources stands still, and holds whose turn it is."""
    case = random_case(48, images=5, widest=8, deepest=2, schedule=Schedule.STEPPED)
    assert any(isinstance(layer, Residual) for layer in case.network.layers)
    config = configure(case.network, clock_gating=True)
    outside = interface(case.network, config)
    content = load_bytes(case.network, config)
    library = build_model(prepare_rtl(case.network, config), case.network, config, brief=True)
    fields = outside.fields["events__payload"]
    items, _ = pack_items(outside.input, fields, case.inputs[1:2], outside.marks_in)
    step = items[: np.flatnonzero(items == fields["last"].put(1))[0] + 1]
    trace = run_reference(case.network, case.inputs)
    with Model(library, outside, tmp_path) as model:
        model.load(content)
        for delay in range(100):  # from the first step's arrival until all is quiet
            for item in step:
                model.io.events__payload = int(item)
                model.io.events__valid = 1
                while not model.io.events__ready:
                    model.clock.tick()
                model.clock.tick()
            model.io.events__valid = 0
            model.clock.tick(delay)
            model.load(content)
            *_, batch = model.run(case.inputs)
            assert batch.membranes.tolist() == trace.outputs.tolist(), delay
            assert batch.classes.tolist() == trace.classes.tolist(), delay


@pytest.mark.parametrize("memory", ["load", "init"])
def test_latches_and_stalls_in_cocotb(networks, memory):
    """cocotb runs the cells as they are: a latch and a gate."""
    case = _gated(networks, 4, 12, memory)
    found = verify(case.network, case.config, case.levels, brief=True)
    assert found.message == ""
    assert found.images == 12


@pytest.mark.parametrize("schedule", Schedule)
def test_gates_and_macros_change_no_event_of_any_kind_of_layer(schedule):
    case = random_case(16, images=5, widest=12, schedule=schedule)
    config = configure(case.network, clock_gating=True, technology=Technology.SG13G2)
    found = check(case.network, config, case.inputs, Stalls(seed=3))
    assert found.differences == ()
    assert found.items > 50


def test_every_layer_and_the_loader_have_a_cell(networks):
    case = _gated(networks, 4, 4)
    text = generate_verilog(case.network, case.config)
    for name in ["_loader", *(layer.name for layer in case.network.layers)]:
        assert f"spikeforge_icg _icg_{name} (" in text
    plain = generate_verilog(case.network, replace(case.config, clock_gating=False))
    assert "spikeforge_icg" not in plain

"""What toggles in an accelerator at work and idle."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hw.census import take_inventory
from hw.inventory import MemoryKind
from hw.verilog import generate_rtlil
from sim.toggles import count_toggles, registers


@pytest.fixture(scope="module")
def case(networks):
    found = networks.random_case(4, images=12, memory="load")
    return replace(found, config=replace(found.config, clock_gating=True))


def test_registers_are_all_that_the_census_counts(case):
    text = generate_rtlil(case.network, case.config)
    flops, memories, gates = registers(text)
    inventory = take_inventory(case.network, case.config)
    assert sum(one.width for one in flops) == sum(one.flip_flops for one in inventory.blocks)
    assert len(memories) == len(inventory.memories)
    parameters = [one for one in inventory.memories if one.kind is MemoryKind.PARAMETERS]
    assert parameters
    assert len(gates) == len(case.network.layers) + 1 + len(parameters)  # and the loader


def test_an_idle_accelerator_with_gated_clocks_rests(case, tmp_path):
    busy, idle = count_toggles(case.network, case.config, case.levels, tmp_path)
    assert busy.unseen == 0
    assert busy.outputs > 10
    # Far more pins than bits that change: the clock is what there is to save.
    assert busy.clocks > busy.flip_flops / 2
    assert idle.outputs == 0
    assert idle.total < 0.01 * busy.total
    # Without images, only the gating cells and their own few registers see the clock.
    assert idle.clocks == 2 * (len(case.network.layers) + 1)
    assert idle.cells == idle.clocks

"""Windowed layers for less energy, and with their membranes in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hw.config import FRUGAL, configure
from hw.content import architecture_hash
from hw.geometry import WindowedGeometry, geometry
from hw.scatter.geometry import ScatterGeometry
from sim.cycles import count_cycles
from sim.equality import check
from sim.fuzz.case import random_case
from sim.fuzz.hardware import draw_hardware
from sim.reference import run_reference
from spikeforge.schema import Schedule

CHOICES = [
    {"row_register": False}, {"lane_gating": True}, {"event_pairs": True}, dict(FRUGAL),
    {"state_in_memory": True},
]  # fmt: skip


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: "+".join(choice))
@pytest.mark.parametrize("seed", range(201, 204))
def test_streams_classes_and_cycles_equal_the_models(seed, choice):
    case = random_case(seed, schedule=Schedule.WINDOWED, draw_hardware=draw_hardware)
    config = replace(case.hardware.config, skip_zero_rows=False, **choice)
    found = check(case.network, config, case.inputs, case.hardware.stalls)
    assert found.differences == ()
    assert found.items > 0


def test_without_the_register_each_layer_answers_a_cycle_earlier(networks):
    case = networks.random_case(34, images=20)
    trace = run_reference(case.network, case.levels)
    usual = replace(case.config, row_register=True)
    alone = [
        count_cycles(geometry(case.network, config), trace, single=True)
        for config in (usual, replace(usual, row_register=False))
    ]
    slow, fast = ((count.result - count.first) for count in alone)
    assert (slow - fast >= len(case.network.layers)).all()


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: "+".join(choice))
def test_each_choice_is_another_architecture(networks, choice):
    network = networks.random_case(34).network
    usual = configure(network, 2)
    assert architecture_hash(network, usual) != architecture_hash(network, replace(usual, **choice))


def test_membranes_in_memory_take_the_other_engine(networks):
    network = networks.random_case(34).network
    usual = configure(network, 2, skip_zero_rows=False)
    assert {type(node) for node in geometry(network, usual)} == {WindowedGeometry}
    kept = geometry(network, replace(usual, state_in_memory=True))
    assert {type(node) for node in kept} == {ScatterGeometry}

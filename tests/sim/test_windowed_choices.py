"""Windowed layers for less energy, and with their membranes in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from amaranth.back import rtlil

from hw.config import configure
from hw.content import architecture_hash
from hw.frugal import FRUGAL, frugal_config, is_frugal
from hw.geometry import WindowedGeometry, geometry
from hw.integrate import Integrate
from hw.scatter.geometry import ScatterGeometry
from sim.cycles import count_cycles
from sim.equality import check
from sim.model import Stalls
from sim.reference import run_reference
from spikeforge.errors import SpikeforgeError

CHOICES = [
    {"row_register": False}, {"lane_gating": True}, {"event_pairs": True}, dict(FRUGAL),
    {"state_in_memory": True},
]  # fmt: skip


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: "+".join(choice))
@pytest.mark.parametrize("seed", [4, 34])
def test_streams_classes_and_cycles_equal_the_models(networks, seed, choice):
    case = networks.random_case(seed, images=20)
    usual = replace(case.config, stall_links=True, clock_gating=True)
    rings = [node for node in geometry(case.network, usual) if isinstance(node, WindowedGeometry)]
    assert any(node.buffer_depth and node.weight_bits > 1 for node in rings)
    config = replace(usual, **choice)
    stalls = Stalls(seed=seed, offer=0.7, take=0.6, passing=0.8)
    found = check(case.network, config, case.levels, stalls)
    assert found.differences == ()
    assert found.items > 50


@pytest.fixture
def layer_of_rtl():
    """RTLIL of the integration of three lanes."""

    def text(**choice):
        layer = WindowedGeometry(
            name="layer", fan_in=4, width=3, lanes=3, steps_in=3, steps=3, weight_bits=4,
            membrane_bits=9, threshold_bits=4, threshold_per_neuron=False, bias_bits=0, **choice,
        )  # fmt: skip
        return rtlil.convert(Integrate(layer), emit_src=False)

    return text


def test_without_the_register_each_layer_answers_a_cycle_earlier(networks):
    case = networks.random_case(34, images=20)
    trace = run_reference(case.network, case.levels)
    usual = replace(case.config, row_register=True)
    alone = [
        count_cycles(geometry(case.network, config), trace, single=True)
        for config in (usual, replace(usual, row_register=False))
    ]
    slow, fast = ((count.result - count.first) for count in alone)
    layers = len(case.network.layers)
    assert ((slow - fast >= layers) & (slow - fast <= 2 * layers)).all()


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: "+".join(choice))
def test_each_choice_is_another_architecture(networks, choice):
    network = networks.random_case(34).network
    usual = configure(network, 2)
    assert architecture_hash(network, usual) != architecture_hash(network, replace(usual, **choice))


def test_gated_lanes_look_at_their_weight(layer_of_rtl):
    plain, gated = (layer_of_rtl(lane_gating=chosen) for chosen in (False, True))
    assert gated.count("cell $reduce_or") == plain.count("cell $reduce_or") + 3


def test_frugal_hardware_needs_a_layer_that_has_its_choices(networks):
    network = networks.random_case(34).network
    usual = configure(network, 2, skip_zero_rows=False)
    assert is_frugal(frugal_config(network, usual))
    assert not is_frugal(usual)
    said = r"^--frugal is for windowed dense layers, and random34 has none that go group by group"
    with pytest.raises(SpikeforgeError, match=said):
        frugal_config(network, replace(usual, state_in_memory=True))


def test_membranes_in_memory_take_the_other_engine(networks):
    network = networks.random_case(34).network
    usual = configure(network, 2, skip_zero_rows=False)
    assert {type(node) for node in geometry(network, usual)} == {WindowedGeometry}
    kept = geometry(network, replace(usual, state_in_memory=True))
    assert {type(node) for node in kept} == {ScatterGeometry}

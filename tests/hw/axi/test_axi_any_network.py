from __future__ import annotations

import pytest
from amaranth.hdl import Fragment

from hw.axi.accelerator import AxiAccelerator
from hw.axi.gate import input_rules
from hw.axi.registers import LAYER_BASE, LAYER_STRIDE
from hw.config import configure
from hw.interface import interface
from sim.fuzz.case import random_case
from spikeforge.schema import InputCoding, Schedule


@pytest.fixture(scope="module", params=range(4))
def network(request):
    schedule = list(Schedule)[request.param % 2]
    return random_case(request.param, images=2, deepest=3, schedule=schedule).network


def test_the_top_is_made_for_any_network(network):
    top = AxiAccelerator(network, configure(network))
    Fragment.get(top, None)
    counted = {part.name.partition(".")[0] for part in top.registers if "." in part.name}
    assert counted == {layer.name for layer in top.outside.layers}
    last = len(counted) - 1
    assert top.registers[-1].offset // LAYER_STRIDE == LAYER_BASE // LAYER_STRIDE + last


def test_rules_follow_the_input(network):
    rules = input_rules(network, interface(network, configure(network)))
    coding, steps = network.input.coding, network.input.steps
    windowed = network.layers[-1].neuron.schedule is Schedule.WINDOWED
    assert rules.addresses == network.input.size
    assert rules.marks == (1 if windowed else steps)
    graded = coding is InputCoding.GRADED
    assert rules.levels == ((1 << network.input.bits) - 1 if graded else steps if windowed else 1)
    assert rules.width == rules.last.width + rules.address.width + rules.level.width

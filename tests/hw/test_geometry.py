from __future__ import annotations

import pytest

from hw.config import configure
from hw.geometry import geometry
from hw.widths import address_bits


def test_every_size_follows_from_network_and_lanes(networks):
    network = networks.network_of(
        networks.Numbers(weight=[[3] * 6] * 7, steps=9, threshold=[5] * 7, per_neuron=True,
                         bias=[-3] * 7),
        networks.Numbers(weight=[[-1] * 7] * 3, steps=2, bits=2),
        input_steps=5,
    )  # fmt: skip
    hidden, output = geometry(network, configure(network, 4))
    assert (hidden.fan_in, hidden.width, hidden.lanes, hidden.groups) == (6, 7, 4, 2)
    assert (hidden.steps_in, hidden.steps) == (5, 9)
    assert (hidden.weight_bits, hidden.threshold_bits, hidden.bias_bits) == (4, 3, 3)
    assert hidden.membrane_bits == 8  # -3 + 5 * 6 * 3 = 87
    assert hidden.threshold_per_neuron
    assert hidden.fires
    assert (output.lanes, output.groups, output.buffer_depth) == (3, 1, 0)
    assert (output.steps_in, output.weight_bits, output.fires) == (9, 2, False)


@pytest.mark.parametrize(
    ("width", "lanes", "groups", "rest"),
    [(1, 1, 1, 1), (7, 7, 1, 7), (7, 4, 2, 3), (8, 4, 2, 4), (9, 4, 3, 1), (5, 1, 5, 1)],
)
def test_groups_cover_every_neuron_once(layer_geometry, width, lanes, groups, rest):
    layer = layer_geometry(width=width, lanes=lanes, fan_in=10)
    assert (layer.groups, layer.lanes_in_last_group) == (groups, rest)
    assert layer.rows == groups * 10


@pytest.mark.parametrize(
    ("fan_in", "depth"),
    [(1, 2), (3, 4), (4, 8), (5, 8), (7, 8), (8, 16), (784, 1024), (1024, 2048)],
)
def test_replay_buffer_is_the_first_power_of_two_beyond_a_whole_image(
    layer_geometry, fan_in, depth
):
    assert layer_geometry(fan_in=fan_in, width=4, lanes=2).buffer_depth == depth


def test_one_group_needs_no_replay_buffer(layer_geometry):
    assert layer_geometry(width=4, lanes=4).buffer_depth == 0


def test_event_holds_the_largest_address_and_level(layer_geometry):
    assert layer_geometry(fan_in=784, steps_in=15).event_bits == 10 + 4
    assert layer_geometry(fan_in=1, steps_in=16).event_bits == 1 + 5


@pytest.mark.parametrize(("count", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (1025, 11)])
def test_address_bits_reach_the_last_address(count, bits):
    assert address_bits(count) == bits

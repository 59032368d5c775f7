from __future__ import annotations

import pytest

from hw.config import DEFAULT_LANES, HardwareConfig, MemoryMode, configure
from spikeforge.errors import SpikeforgeError


@pytest.fixture(scope="module")
def network(networks):
    hidden = networks.Numbers(weight=[[1, 2]] * 7, threshold=3)
    return networks.network_of(hidden, networks.Numbers(weight=[[1] * 7] * 3), input_steps=4)


@pytest.mark.parametrize("lanes", [0, -1, 8])
def test_lanes_outside_the_network_are_refused_with_the_range(network, lanes):
    wanted = rf"lanes must be in 1\.\.7, the width of the widest layer of test, not {lanes}"
    with pytest.raises(SpikeforgeError, match=wanted):
        configure(network, lanes)


@pytest.mark.parametrize("lanes", [1, 7])
def test_both_ends_of_the_range_are_taken(network, lanes):
    assert configure(network, lanes).lanes == lanes


def test_default_lanes_follow_a_narrow_network(network):
    assert configure(network).lanes == 7


def test_default_lanes_stop_at_the_default_in_a_wide_network(networks):
    wide = networks.network_of(
        networks.Numbers(weight=[[1]] * 100, threshold=3),
        networks.Numbers(weight=[[1] * 100] * 2),
        input_steps=4,
    )
    assert configure(wide).lanes == DEFAULT_LANES


def test_configuration_alone_refuses_no_lanes():
    with pytest.raises(SpikeforgeError, match="lanes must be a positive integer, not 0"):
        HardwareConfig(lanes=0)


def test_architecture_depends_on_lanes_and_not_on_how_content_gets_in(network):
    def identity(lanes, memory):
        config = configure(network, lanes, memory)
        return network.architecture_hash(**config.identity())

    assert identity(2, MemoryMode.LOAD) != identity(3, MemoryMode.LOAD)
    assert identity(2, MemoryMode.LOAD) == identity(2, MemoryMode.INIT)


@pytest.mark.parametrize(("zeros", "skips"), [(0, False), (1, False), (2, True), (4, True)])
def test_zero_rows_are_skipped_where_that_saves_a_quarter_of_the_rows(networks, zeros, skips):
    """4 inputs and one block of two lanes: 4 rows, and 2 of the read-out."""
    weight = [[0 if n < zeros else 1 for n in range(4)]] * 2
    hidden = networks.Numbers(weight=weight, threshold=3)
    network = networks.network_of(hidden, networks.Numbers(weight=[[1, 1]] * 2), input_steps=4)
    assert configure(network, 2).skip_zero_rows is skips
    assert not configure(network, 2, skip_zero_rows=False).skip_zero_rows
    assert configure(network, 2, skip_zero_rows=True).skip_zero_rows


def test_weights_of_one_bit_are_never_zero(networks):
    """A stored 0 stands for +1."""
    hidden = networks.Numbers(weight=[[0, 0, 0, 0]] * 2, bits=1, threshold=3)
    readout = networks.Numbers(weight=[[1, 1]] * 2)
    network = networks.network_of(hidden, readout, input_steps=4)
    assert not configure(network, 2).skip_zero_rows


def test_rows_that_would_be_saved_are_those_of_the_lanes(networks):
    """Every input feeds one of two neurons: with a lane each, half of their rows are zero."""
    hidden = networks.Numbers(weight=[[0, 0, 1, 1], [1, 1, 0, 0]], threshold=3)
    network = networks.network_of(hidden, networks.Numbers(weight=[[1, 1]] * 2), input_steps=4)
    assert configure(network, 1).skip_zero_rows
    assert not configure(network, 2).skip_zero_rows


def test_a_named_layer_may_have_one_lane_or_its_whole_width(networks):
    network = networks.network_of(
        networks.Numbers(weight=[[1, 1]] * 3, threshold=3, name="hidden"),
        networks.Numbers(weight=[[1, 1, 1]] * 2), input_steps=4,
    )  # fmt: skip
    for lanes in (1, 3):
        assert configure(network, {"hidden": lanes}).lanes_of("hidden") == lanes
    with pytest.raises(SpikeforgeError, match=r"must be in 1\.\.3, its width, not 4"):
        configure(network, {"hidden": 4})

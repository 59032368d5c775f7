"""Shapes of maps, and where a neuron lies on the wire."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeforge.errors import SpikeforgeError
from spikeforge.schema import Conv2d, FirstSpikePool, NeuronSpec
from spikeforge.shapes import output_shape, output_size, wire_order

NEURON = NeuronSpec(schedule="windowed", steps=4, membrane_bits=16, fires=False)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
def test_channels_come_last_on_the_wire(channels, height, width):
    order = wire_order((channels, height, width))
    for c in range(channels):
        for h in range(height):
            for w in range(width):
                assert order[(h * width + w) * channels + c] == (c * height + h) * width + w


def test_a_vector_goes_over_the_wire_as_it_is():
    assert wire_order((7, 1, 1)).tolist() == list(range(7))
    assert wire_order((1, 2, 3)).tolist() == list(range(6))


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2))
def test_a_convolution_gives_one_row_for_each_place_of_its_kernel(extent, kernel, stride, padding):
    layer = Conv2d(
        name="c", weight_bits=2, channels_in=1, height=extent, width=20, channels_out=3,
        kernel=(kernel, 1), stride=(stride, 1), padding=(padding, 0), neuron=NEURON,
    )  # fmt: skip
    places = len(range(-padding, extent + padding - kernel + 1, stride))
    if places:
        assert output_shape(layer, (1, extent, 20)) == (3, places, 20)
        assert output_size(layer) == 3 * places * 20
    else:
        with pytest.raises(SpikeforgeError, match=r"c.kernel must fit into the padded"):
            output_size(layer)


def test_a_pool_beyond_its_map_is_refused():
    layer = FirstSpikePool(name="p", channels=1, height=4, width=3, kernel=4, stride=1)
    with pytest.raises(SpikeforgeError, match=r"p.kernel must be in 1\.\.3 for a 4 x 3 map, not 4"):
        output_size(layer)


def test_every_neuron_has_one_wire_address():
    assert np.array_equal(np.sort(wire_order((3, 4, 5))), np.arange(60))

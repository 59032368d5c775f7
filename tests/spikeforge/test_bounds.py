"""Worst cases: attained by some input, exceeded by none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeforge.bounds import (
    real_weights,
    signed_bits,
    signed_range,
    unsigned_bits,
    windowed_range,
)


@st.composite
def layers(draw):
    bits = draw(st.integers(1, 8))
    low, high = (-1, 0) if bits == 1 else signed_range(bits)
    inputs, outputs = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    row = st.lists(st.integers(low, high), min_size=inputs, max_size=inputs)
    weight = np.array(draw(st.lists(row, min_size=outputs, max_size=outputs)), np.int8)
    biases = st.lists(st.integers(-5000, 5000), min_size=outputs, max_size=outputs)
    bias = draw(st.none() | biases.map(np.array))
    return weight, bias, bits, draw(st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(layers())
def test_the_range_is_that_of_all_inputs(layer):
    weight, bias, bits, steps = layer
    start = np.zeros(len(weight), int) if bias is None else bias
    real = np.where(weight < 0, -1, 1) if bits == 1 else weight.astype(int)
    values = [
        start + real @ np.array(levels)
        for levels in itertools.product(range(steps + 1), repeat=weight.shape[1])
    ]
    assert windowed_range(weight, bias, bits, steps) == (np.min(values), np.max(values))


@settings(max_examples=60, deadline=None)
@given(layers(), st.randoms(use_true_random=False))
def test_no_order_of_events_leaves_the_range_on_the_way(layer, random):
    weight, bias, bits, steps = layer
    low, high = windowed_range(weight, bias, bits, steps)
    membrane = np.zeros(len(weight), int) if bias is None else bias.copy()
    order = list(range(weight.shape[1]))
    random.shuffle(order)
    for number in order:
        membrane = membrane + real_weights(weight, bits)[:, number] * random.randint(0, steps)
        assert low <= membrane.min()
        assert membrane.max() <= high


@given(st.integers(-(1 << 60), 1 << 60), st.integers(-(1 << 60), 1 << 60))
def test_signed_bits_are_the_fewest_that_hold(first, second):
    low, high = min(first, second), max(first, second)
    bits = signed_bits(low, high)
    assert signed_range(bits)[0] <= low
    assert high <= signed_range(bits)[1]
    if bits > 2:
        assert low < signed_range(bits - 1)[0] or high > signed_range(bits - 1)[1]


@pytest.mark.parametrize(("high", "bits"), [(0, 1), (1, 1), (2, 2), (255, 8), (256, 9)])
def test_unsigned_bits(high, bits):
    assert unsigned_bits(high) == bits


def test_one_bit_weights_are_minus_one_and_plus_one():
    assert real_weights(np.array([-1, 0], np.int8), 1).tolist() == [-1, 1]
    assert real_weights(np.array([-2, 0, 1], np.int8), 2).tolist() == [-2, 0, 1]

"""Pixels to spike values: the formula, and what a user may rely on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeforge.coding import encode
from spikeforge.errors import SpikeforgeError
from spikeforge.schema import InputSpec

RAMP = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)


def spec(steps=15, threshold=0, shape=(1, 16, 16)):
    return InputSpec(coding="ttfs_levels", shape=shape, steps=steps, threshold=threshold)


@given(st.integers(1, 255), st.integers(0, 255))
def test_the_formula_holds_for_every_pixel_steps_and_threshold(steps, threshold):
    found = encode(RAMP, spec(steps, threshold))[0].tolist()
    assert found == [(x * steps + 127) // 255 if x >= threshold else 0 for x in range(256)]


@given(st.integers(1, 255))
def test_brighter_is_never_later_black_is_silent_and_white_first(steps):
    found = encode(RAMP, spec(steps))[0].astype(int)
    assert (np.diff(found) >= 0).all()
    assert (found[0], found[-1]) == (0, steps)


def test_fifteen_steps_silence_the_darkest_nine_values():
    assert np.flatnonzero(encode(RAMP, spec())[0] == 0).tolist() == list(range(9))


def test_a_channel_axis_may_be_there_or_not():
    one = encode(RAMP, spec())
    assert one.shape == (1, 256)
    assert one.dtype == np.uint8
    assert np.array_equal(one, encode(RAMP[:, None], spec()))


def test_no_images_give_no_events():
    assert encode(np.zeros((0, 16, 16), np.uint8), spec()).shape == (0, 256)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 28, 28), np.uint8), r"uint8 of shape \(B, 1, 16, 16\), not .* \(2, 28, 28\)"),
        (np.zeros((2, 16, 16), np.float32), "must be uint8 .* not float32"),
    ],
)
def test_images_of_another_shape_or_kind_are_refused(images, message):
    with pytest.raises(SpikeforgeError, match=message):
        encode(images, spec())


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_graded_input_keeps_the_upper_bits(bits):
    graded = InputSpec(coding="graded", shape=(1, 16, 16), steps=300, bits=bits)
    found = encode(RAMP, graded)[0].tolist()
    assert found == [x // 2 ** (8 - bits) for x in range(256)]


def test_spikes_are_not_made_from_images():
    ready = InputSpec(coding="spikes", shape=(1, 16, 16), steps=15)
    with pytest.raises(SpikeforgeError, match=r"ttfs_levels or graded .* not spikes: .*B, 15, 256"):
        encode(RAMP, ready)


def test_long_windows_are_refused():
    with pytest.raises(SpikeforgeError, match=r"input.steps must be in 1\.\.255 .* not 256"):
        encode(RAMP, spec(steps=256))

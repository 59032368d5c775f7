"""Shifts and leaks, against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeforge.arithmetic import after_leak, shift_right
from spikeforge.schema import Leak, Rounding

EXACT = {Rounding.FLOOR: math.floor, Rounding.ZERO: math.trunc, Rounding.NEAREST_EVEN: round}
STATES = st.integers(-(1 << 47), (1 << 47) - 1)


@given(STATES, st.integers(0, 31), st.sampled_from(Rounding))
def test_shifts_round_as_they_say(value, places, rounding):
    found = shift_right(np.array([value]), places, rounding)[0]
    assert found == EXACT[rounding](Fraction(value, 1 << places))


@pytest.mark.parametrize(
    ("rounding", "halves"), [("floor", [-2, -1, 0, 1]), ("zero", [-1, 0, 0, 1]),
                             ("nearest_even", [-2, 0, 0, 2])]
)  # fmt: skip
def test_halves_go_where_the_rounding_says(rounding, halves):
    assert shift_right(np.array([-3, -1, 1, 3]), 1, Rounding(rounding)).tolist() == halves


@given(STATES, st.integers(0, 16), st.integers(0, 65535), st.sampled_from(Rounding))
def test_a_multiplied_leak_never_moves_a_state_away_from_zero(value, shift, multiplier, rounding):
    leak = Leak(kind="multiply", shift=shift, multiplier=min(multiplier, 1 << shift))
    left = int(after_leak(np.array([value]), leak, rounding)[0])
    assert left == value - EXACT[rounding](Fraction(value * leak.multiplier, 1 << shift))
    assert min(0, value) <= left <= max(0, value)


@given(STATES, st.integers(0, 31), st.sampled_from(Rounding))
def test_what_is_left_never_falls_where_the_state_rises(value, shift, rounding):
    pair = after_leak(np.array([value, value + 1]), Leak(kind="shift", shift=shift), rounding)
    assert pair[0] <= pair[1]


def test_a_whole_leak_leaves_nothing():
    assert after_leak(np.array([5, -5]), Leak(kind="all"), Rounding.FLOOR).tolist() == [0, 0]

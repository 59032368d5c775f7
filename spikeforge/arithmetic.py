"""Shifts and leaks on integer arrays: the one definition that proofs and reference share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikeforge.schema import Leak, LeakKind, Rounding

__all__ = ["after_leak", "shift_right"]

Ints = NDArray[np.int64]


def shift_right(value: Ints, places: int, rounding: Rounding) -> Ints:
    """``value / 2**places``, rounded: down, towards zero, or to the nearest (ties to even)."""
    floor: Ints = value >> places
    if rounding is Rounding.FLOOR or not places:
        return floor
    rest = value - (floor << places)
    half = 1 << (places - 1)
    up = (rest > half) | ((rest == half) & ((floor & 1) == 1))
    if rounding is Rounding.ZERO:
        up = (value < 0) & (rest != 0)
    rounded: Ints = floor + up
    return rounded


def after_leak(value: Ints, leak: Leak, rounding: Rounding) -> Ints:
    """What is left of a state after one step's leak; never further from zero than before.

    It never falls as ``value`` rises, so it maps intervals by their ends. Values have at most 48
    bits and multipliers 16, so products fit 64.
    """
    if leak.kind is LeakKind.NONE:
        return value
    if leak.kind is LeakKind.ALL:
        return np.zeros_like(value)
    if leak.kind is LeakKind.SHIFT:
        return value - shift_right(value, leak.shift, rounding)
    return value - shift_right(value * leak.multiplier, leak.shift, rounding)

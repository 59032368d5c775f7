"""Worst cases of the integer arithmetic: proves that widths hold, or derives them.

A windowed neuron sums ``w * k`` over inputs that each spike at most once with k in 1..T, in any
order, starting from its bias. Its membrane therefore stays between ``bias + T * (sum of negative
weights)`` and ``bias + T * (sum of positive weights)`` at every moment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["real_weights", "signed_bits", "signed_range", "unsigned_bits", "windowed_range"]

Ints = NDArray[np.integer]


def real_weights(weight: Ints, weight_bits: int) -> NDArray[np.int64]:
    """Weights as they count: with 1 bit, 0 stands for +1 (so -1 and 0 become -1 and +1)."""
    wide = weight.astype(np.int64)
    return np.where(wide < 0, -1, 1) if weight_bits == 1 else wide


def signed_range(bits: int) -> tuple[int, int]:
    """Smallest and largest two's complement number of ``bits`` bits."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def signed_bits(low: int, high: int) -> int:
    """Fewest two's complement bits (at least 2) that hold low..high."""
    return max(2, 1 + max((-low - 1).bit_length() if low < 0 else 0, max(high, 0).bit_length()))


def unsigned_bits(high: int) -> int:
    """Fewest bits (at least 1) that hold 0..high."""
    return max(1, high.bit_length())


def windowed_range(
    weight: Ints, bias: Ints | None, weight_bits: int, steps: int
) -> tuple[int, int]:
    """Lowest and highest membrane that any input can bring about in a windowed dense layer.

    Args:
        weight: Integer weights, shape (outputs, inputs).
        bias: Integer biases, shape (outputs,), or None.
        weight_bits: Width of the weights (1 means -1 and +1).
        steps: T of the input window, the largest k.
    """
    real = real_weights(weight, weight_bits)
    start = np.zeros(len(real), np.int64) if bias is None else bias.astype(np.int64)
    low = start + steps * np.minimum(real, 0).sum(axis=1)
    high = start + steps * np.maximum(real, 0).sum(axis=1)
    return int(low.min()), int(high.max())

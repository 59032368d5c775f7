"""Worst cases of the integer arithmetic: proves that widths hold, or derives them.

A windowed neuron sums ``w * k`` in any order, starting from its bias. Its membrane therefore stays
between ``bias + K * (sum of negative weights)`` and ``bias + K * (sum of positive weights)`` at
every moment, where K is the most that one address can add up to.

A stepped neuron's I and V are followed as intervals through all steps, each input taking its worst
value in each step on its own (:mod:`spikeforge.intervals`). That holds for any input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikeforge.intervals import Bounds, Drive, stepped_bounds
from spikeforge.schema import Conv2d, Dense, Schedule

if TYPE_CHECKING:
    from spikeforge.traffic import Traffic

__all__ = [
    "Ranges", "layer_ranges", "needed_bits", "real_weights", "signed_bits", "signed_range",
    "unsigned_bits", "windowed_range",
]  # fmt: skip

Ints = NDArray[np.integer]
_NO_RANGE = (0, 0)


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
    """Lowest and highest membrane that any input can bring about in a windowed layer.

    Args:
        weight: Integer weights, shape (outputs, inputs), or (channels, ...) of a convolution.
        bias: Integer biases, shape (outputs,), or None.
        weight_bits: Width of the weights (1 means -1 and +1).
        steps: The most that one address adds up to: T of the input window, times the addresses
            that average pooling and residual ADD merge into one.
    """
    low_sum, high_sum = _sums(weight, weight_bits)
    start = np.zeros(len(low_sum), np.int64) if bias is None else bias.astype(np.int64)
    low = start + steps * low_sum
    high = start + steps * high_sum
    return int(low.min()), int(high.max())


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """Lowest and highest values that any input can bring about in a layer, without clipping.

    Attributes:
        current: Of I after a step's sum; (0, 0) for a windowed layer.
        membrane: Of V after a step's V + I + bias.
    """

    current: tuple[int, int]
    membrane: tuple[int, int]


def layer_ranges(layer: Dense | Conv2d, tensors: Mapping[str, Ints], source: Traffic) -> Ranges:
    """Worst cases of a layer's I and V, whatever its overflow and its widths say.

    Args:
        layer: The layer.
        tensors: Tensors of the network, by name.
        source: What the layer's source sends at most.
    """
    weight = tensors[f"{layer.name}.weight"]
    bias = tensors.get(f"{layer.name}.bias")
    if layer.neuron.schedule is Schedule.WINDOWED:
        membrane = windowed_range(weight, bias, layer.weight_bits, source.total)
        return Ranges(current=_NO_RANGE, membrane=membrane)
    found = stepped_bounds(layer.neuron, _drive(layer, tensors), _column(bias, len(weight)),
                           _column(tensors.get(f"{layer.name}.threshold"), len(weight)),
                           source, layer.delay)  # fmt: skip
    return Ranges(current=_ends(found.current), membrane=_ends(found.membrane))


def needed_bits(
    layer: Dense | Conv2d, tensors: Mapping[str, Ints], source: Traffic
) -> tuple[int, int]:
    """Narrowest ``(current_bits, membrane_bits)`` of a layer that no input can overflow.

    Of a windowed layer ``current_bits`` is 0. The layer's own widths may still be anything.

    Args:
        layer: The layer.
        tensors: Tensors of the network, by name.
        source: What the layer's source sends at most (:mod:`spikeforge.traffic`).
    """
    ranges = layer_ranges(layer, tensors, source)
    stepped = layer.neuron.schedule is Schedule.STEPPED
    return signed_bits(*ranges.current) if stepped else 0, signed_bits(*ranges.membrane)


def _sums(weight: Ints, weight_bits: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sums of the negative and of the positive weights, by neuron or channel."""
    real = real_weights(weight, weight_bits).reshape(len(weight), -1)
    return np.minimum(real, 0).sum(axis=1), np.maximum(real, 0).sum(axis=1)


def _drive(layer: Dense | Conv2d, tensors: Mapping[str, Ints]) -> Drive:
    low, high = _sums(tensors[f"{layer.name}.weight"], layer.weight_bits)
    if not isinstance(layer, Dense) or layer.recurrent is None:
        return Drive(low=low, high=high)
    own = _sums(tensors[f"{layer.name}.recurrent"], layer.recurrent.weight_bits)
    return Drive(low=low, high=high, own_low=own[0], own_high=own[1])


def _column(numbers: Ints | None, neurons: int) -> NDArray[np.int64]:
    if numbers is None:
        return np.zeros(neurons, np.int64)
    return np.broadcast_to(numbers.astype(np.int64), (neurons,))


def _ends(bounds: Bounds) -> tuple[int, int]:
    return int(bounds.low.min()), int(bounds.high.max())

"""Exact integer sums over weights and over windows of maps, in numpy.

Sums of integers are exact in float32 below 2**24 and in float64 below 2**53, whatever the order in
which they are added, so the matrix products go through BLAS wherever the sum of all magnitudes
stays below. Neurons are in the contract's order, (C, H, W) row-major.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spikeforge.bounds import real_weights
from spikeforge.schema import (
    AvgPool,
    Conv2d,
    Dense,
    FirstSpikePool,
    Flatten,
    Layer,
    Residual,
    ResidualKind,
)
from spikeforge.shapes import output_shape

__all__ = ["Linear", "Tensors", "merged", "pool_any", "pool_max", "pool_sum", "recurrent_sum"]

Ints = NDArray[np.int64]
Numbers = NDArray[np.integer]
Tensors = Mapping[str, Numbers]


class Linear:
    """The weighted sums of one layer.

    Args:
        tensors: Tensors of the network, by name.
        layer: One of its dense or convolutional layers.
    """

    def __init__(self, tensors: Tensors, layer: Dense | Conv2d):
        self._layer = layer
        self._weight = real_weights(tensors[f"{layer.name}.weight"], layer.weight_bits)
        flat = self._weight.reshape(len(self._weight), -1)
        self._largest = int(np.abs(flat).sum(axis=1).max())

    @property
    def floats_per_row(self) -> int:
        """Numbers that are held at once for each row of values."""
        layer = self._layer
        if isinstance(layer, Dense):
            return layer.inputs + layer.outputs
        _, rows, columns = output_shape(layer, (0, 0, 0))
        window = layer.kernel[0] * layer.kernel[1]
        return (layer.channels_in * window + layer.channels_out) * rows * columns

    def __call__(self, values: Numbers) -> Ints:
        """Sums of weights times values: (M, inputs) to (M, outputs)."""
        kind = exact_type(self._largest * int(values.max(initial=0)))
        if isinstance(self._layer, Dense):
            return (values.astype(kind) @ self._weight.T.astype(kind)).astype(np.int64)
        return self._convolve(self._layer, values.astype(kind))

    def _convolve(self, layer: Conv2d, values: NDArray[np.generic]) -> Ints:
        count, groups = len(values), layer.groups
        high, wide = layer.padding
        maps = values.reshape(count, layer.channels_in, layer.height, layer.width)
        maps = np.pad(maps, ((0, 0), (0, 0), (high, high), (wide, wide)))
        windows = np.lib.stride_tricks.sliding_window_view(maps, layer.kernel, axis=(2, 3))
        windows = windows[:, :, :: layer.stride[0], :: layer.stride[1]]
        rows, columns = windows.shape[2:4]
        # (images, groups, channels of a group * kernel, positions)
        columns_of = windows.transpose(0, 1, 4, 5, 2, 3).reshape(count, groups, -1, rows * columns)
        weight = self._weight.reshape(groups, layer.channels_out // groups, -1)
        sums = weight.astype(values.dtype) @ columns_of
        return sums.reshape(count, -1).astype(np.int64)


def exact_type(largest: int) -> type[np.generic]:
    """The fastest type in which sums with magnitudes up to ``largest`` are exact."""
    if largest < 1 << 24:
        return np.float32
    return np.float64 if largest < 1 << 53 else np.int64


def recurrent_sum(tensors: Tensors, layer: Dense, spikes: NDArray[np.bool_]) -> Ints:
    """Sums of recurrent weights over a layer's own spikes, (B, neurons) to (B, neurons)."""
    assert layer.recurrent is not None
    real = real_weights(tensors[f"{layer.name}.recurrent"], layer.recurrent.weight_bits)
    kind = exact_type(128 * len(real))
    return (spikes.astype(kind) @ real.T.astype(kind)).astype(np.int64)


def pool_sum(layer: AvgPool, values: Numbers) -> Numbers:
    """Sums over the windows of a pool: (M, inputs) to (M, outputs), int64."""
    found = None
    for part in _window_parts(layer, values):
        found = part.astype(np.int64) if found is None else found + part
    assert found is not None
    return found.reshape(len(values), -1)


def pool_max(layer: FirstSpikePool, values: Numbers) -> Numbers:
    """Largest value of every window of a pool: (M, inputs) to (M, outputs)."""
    found = None
    for part in _window_parts(layer, values):
        found = part if found is None else np.maximum(found, part)
    assert found is not None
    return found.reshape(len(values), -1)


def merged(layer: Layer, arriving: Sequence[Numbers]) -> Numbers:
    """Average pooling, flatten and residuals: (M, inputs) of each source to (M, outputs)."""
    if isinstance(layer, AvgPool):
        return pool_sum(layer, arriving[0])
    if isinstance(layer, Flatten):
        return arriving[0]
    assert isinstance(layer, Residual)
    one, other = (part.astype(np.int64) for part in arriving)
    if layer.function is ResidualKind.ADD:
        return one + other
    return one * other if layer.function is ResidualKind.AND else (1 - one) * other


def pool_any(layer: FirstSpikePool, values: Numbers) -> NDArray[np.bool_]:
    """Whether anything in a window is above 0: (M, inputs) to (M, outputs)."""
    return pool_max(layer, values) > 0


def _window_parts(layer: AvgPool | FirstSpikePool, values: Numbers) -> Iterator[Numbers]:
    """For each place in the window the values there, shape (M, C, rows, columns)."""
    maps = values.reshape(len(values), layer.channels, layer.height, layer.width)
    _, rows, columns = output_shape(layer, (0, 0, 0))
    for down, right in itertools.product(range(layer.kernel), repeat=2):
        part = maps[:, :, down :: layer.stride, right :: layer.stride]
        yield part[:, :, :rows, :columns]

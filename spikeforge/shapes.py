"""Shapes of a network's maps, and the order in which their neurons go over the wire.

In the contract a map's neurons are numbered row-major over (C, H, W). On the wire, that is in event
streams and memories, channels come last: the address of a neuron is ``(h * W + w) * C + c``, so a
convolution that works position by position, with channels as lanes, sends ascending addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from spikeforge.schema import AvgPool, Conv2d, Dense, FirstSpikePool, Layer, Residual

if TYPE_CHECKING:
    from spikeforge.network import Network

__all__ = [
    "Shape", "input_shape", "input_size", "layer_sources", "map_shapes", "output_shape",
    "output_size", "source_names", "weight_shape", "wire_order",
]  # fmt: skip

Shape = tuple[int, int, int]


def layer_sources(layer: Layer, before: str) -> tuple[str, ...]:
    """Names of what a layer reads, where ``before`` is the layer before it (or ``input``)."""
    if isinstance(layer, Residual):
        return layer.sources
    return (layer.source or before,)


def source_names(network: Network) -> dict[str, tuple[str, ...]]:
    """For every layer the names of what it reads: one, or two for a residual."""
    names, before = {}, "input"
    for layer in network.layers:
        names[layer.name] = layer_sources(layer, before)
        before = layer.name
    return names


def input_shape(layer: Layer) -> Shape | None:
    """The (C, H, W) that a layer's source must have, or None where only its size counts."""
    if isinstance(layer, Conv2d):
        return (layer.channels_in, layer.height, layer.width)
    if isinstance(layer, AvgPool | FirstSpikePool):
        return (layer.channels, layer.height, layer.width)
    return None


def input_size(layer: Layer) -> int:
    """Number of neurons (addresses) that a layer takes from each of its sources."""
    if isinstance(layer, Dense):
        return layer.inputs
    shape = input_shape(layer)
    if shape is None:
        assert not isinstance(layer, Conv2d | AvgPool | FirstSpikePool)
        return layer.size
    return shape[0] * shape[1] * shape[2]


def output_shape(layer: Layer, source: Shape) -> Shape:
    """The (C, H, W) that a layer gives, where ``source`` is that of its (first) source.

    A dense layer gives (N, 1, 1); flatten and residual keep their source's shape.

    Raises:
        SpikeforgeError: If a kernel is larger than its (padded) map.
    """
    if isinstance(layer, Dense):
        return (layer.outputs, 1, 1)
    if isinstance(layer, Conv2d):
        rows, columns = (
            (extent + 2 * pad - kernel) // stride + 1
            for extent, pad, kernel, stride in zip(
                (layer.height, layer.width), layer.padding, layer.kernel, layer.stride, strict=True
            )
        )
        if rows < 1 or columns < 1:
            raise SpikeforgeError(
                f"{layer.name}.kernel must fit into the padded {layer.height} x {layer.width} map, "
                f"not {layer.kernel}"
            )
        return (layer.channels_out, rows, columns)
    if isinstance(layer, AvgPool | FirstSpikePool):
        if layer.kernel > min(layer.height, layer.width):
            raise SpikeforgeError(
                f"{layer.name}.kernel must be in 1..{min(layer.height, layer.width)} for a "
                f"{layer.height} x {layer.width} map, not {layer.kernel}"
            )
        rows = (layer.height - layer.kernel) // layer.stride + 1
        columns = (layer.width - layer.kernel) // layer.stride + 1
        return (layer.channels, rows, columns)
    return source


def output_size(layer: Layer) -> int:
    """Number of neurons (addresses) that a layer gives to the next one."""
    if isinstance(layer, Dense | Conv2d | AvgPool | FirstSpikePool):
        channels, rows, columns = output_shape(layer, (0, 0, 0))
        return channels * rows * columns
    return layer.size


def map_shapes(network: Network) -> dict[str, Shape]:
    """(C, H, W) of what the input (``input``) and every layer give, by name."""
    shapes: dict[str, Shape] = {"input": network.input.shape}
    sources = source_names(network)
    for layer in network.layers:
        shapes[layer.name] = output_shape(layer, shapes[sources[layer.name][0]])
    return shapes


def wire_order(shape: Shape) -> NDArray[np.int64]:
    """Contract index (C, H, W row-major) of every wire address of a map, shape (C * H * W,)."""
    numbers = np.arange(shape[0] * shape[1] * shape[2], dtype=np.int64)
    return numbers.reshape(shape).transpose(1, 2, 0).ravel()


def weight_shape(layer: Dense | Conv2d) -> tuple[int, ...]:
    """Shape that a layer's weight tensor must have.

    Raises:
        SpikeforgeError: If the groups of a convolution do not divide its channels.
    """
    if isinstance(layer, Dense):
        return (layer.outputs, layer.inputs)
    if layer.channels_in % layer.groups or layer.channels_out % layer.groups:
        raise SpikeforgeError(
            f"{layer.name}.groups must divide {layer.channels_in} and {layer.channels_out} "
            f"channels, not {layer.groups}"
        )
    return (layer.channels_out, layer.channels_in // layer.groups, *layer.kernel)

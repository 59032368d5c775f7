"""Windowed layers of the reference, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.linear import Linear, Tensors, merged, pool_max
from sim.stepped import per_neuron
from spikeforge.schema import Conv2d, Dense, FirstSpikePool, Layer
from spikeforge.shapes import output_size

__all__ = ["WindowedResult", "run_windowed_layer"]


@dataclass(frozen=True, kw_only=True)
class WindowedResult:
    """What a windowed layer did.

    Attributes:
        levels: k of every neuron, shape (B, neurons); None for a read-out layer.
        membranes: Shape (B, neurons); None for a layer without neurons.
    """

    levels: NDArray[np.int32] | None
    membranes: NDArray[np.int64] | None


def run_windowed_layer(
    layer: Layer, tensors: Tensors, arriving: list[NDArray[np.integer]]
) -> WindowedResult:
    """Run one layer of a windowed network.

    Args:
        layer: The layer.
        tensors: Tensors of its network, by name.
        arriving: k by address, shape (B, inputs), of each of its sources.
    """
    if isinstance(layer, FirstSpikePool):
        return WindowedResult(levels=pool_max(layer, arriving[0]).astype(np.int32), membranes=None)
    if not isinstance(layer, Dense | Conv2d):
        return WindowedResult(levels=merged(layer, arriving).astype(np.int32), membranes=None)
    neurons = output_size(layer)
    membranes = Linear(tensors, layer)(arriving[0])
    membranes += per_neuron(tensors.get(f"{layer.name}.bias"), neurons)
    if not layer.neuron.fires:
        return WindowedResult(levels=None, membranes=membranes)
    heights = membranes // per_neuron(tensors[f"{layer.name}.threshold"], neurons)
    levels = np.clip(heights, 0, layer.neuron.steps).astype(np.int32)
    return WindowedResult(levels=levels, membranes=membranes)

"""The memory bound: what reading the weights alone would take, with all lanes in use.

Every event that arrives at a layer needs a weight for each neuron that it reaches. A layer that
reads ``lanes`` weights a cycle takes at least ``ceil(reached / lanes)`` cycles for it; where zero
rows are left out, a cycle for each row that is stored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hw.geometry import NodeGeometry, WindowedGeometry
from hw.graph.geometry import JoinGeometry, PoolMapGeometry
from hw.node import INPUT
from hw.scatter.geometry import ScatterGeometry
from sim.reference import Trace, stepped_input
from sim.timing.scatter import rows_reached
from spikeforge.schema import ResidualKind
from spikeforge.shapes import Shape, wire_order

__all__ = ["bound_cycles", "bound_cycles_of_layers"]

Ints = NDArray[np.int64]

_ALL = 1 << 30


def bound_cycles(layers: Sequence[NodeGeometry], trace: Trace) -> Ints:
    """Memory bound of each image: that of the busiest layer, shape (B,)."""
    return np.asarray(np.max(list(bound_cycles_of_layers(layers, trace).values()), axis=0))


def bound_cycles_of_layers(layers: Sequence[NodeGeometry], trace: Trace) -> dict[str, Ints]:
    """Memory bound of each image by layer with weights, shape (B,)."""
    events = _Events(layers, trace)
    found = {}
    for layer in layers:
        cycles = _cycles_of_event(layer)
        if cycles is None:
            continue
        found[layer.name] = events.of(layer.sources[0], _steps_that_count(layer)) @ cycles
        if isinstance(layer, ScatterGeometry) and layer.recurrent_bits:
            own = events.of(layer.name, layer.steps - 1).sum(axis=1)
            found[layer.name] = found[layer.name] + own * -(-layer.width // _lanes(layer))
    return found


def _steps_that_count(layer: NodeGeometry) -> int:
    """Steps of the source whose events still reach the layer's own steps."""
    if not isinstance(layer, ScatterGeometry) or not layer.taps:
        return _ALL
    return max(0, layer.steps - min(tap.delay for tap in layer.taps))


def _lanes(layer: ScatterGeometry) -> int:
    return min(layer.lanes_given or layer.lanes, layer.width)


def _cycles_of_event(layer: NodeGeometry) -> Ints | None:
    """Cycles that an event of each wire address takes at least, or None without weights."""
    if isinstance(layer, WindowedGeometry):
        return np.full(layer.fan_in, layer.groups)
    if not isinstance(layer, ScatterGeometry) or layer.is_pool:
        return None
    if layer.row_counts:
        return np.asarray(layer.row_counts)
    # The walk's rows, as neurons: each position that is reached holds the channels of one group.
    reached = np.asarray(rows_reached(layer)) // layer.blocks * layer.channels_per_group
    return np.asarray(-(-reached // _lanes(layer)))


class _Events:
    """Counts the events of every wire address on the streams between the layers."""

    def __init__(self, layers: Sequence[NodeGeometry], trace: Trace):
        self._layers = {layer.name: layer for layer in layers}
        self._parts = {part.name: part for part in trace.layers}
        self._trace = trace
        self._stepped = trace.layers[-1].spikes is not None
        self._known: dict[tuple[str, int], Ints] = {}

    def of(self, name: str, steps: int) -> Ints:
        """Events of each image in the first steps, shape (B, addresses)."""
        key = name, steps
        if key not in self._known:
            self._known[key] = self._count(name, steps)
        return self._known[key]

    def _count(self, name: str, steps: int) -> Ints:
        if name == INPUT:
            given: NDArray[np.integer] = self._trace.inputs
            if self._stepped:
                given = stepped_input(self._trace.spec, self._trace.inputs)
            return self._of_values(given, steps, self._trace.spec.shape)
        layer = self._layers[name]
        if isinstance(layer, PoolMapGeometry):
            return _pooled(layer, self.of(layer.sources[0], steps))
        if isinstance(layer, JoinGeometry) and layer.function is ResidualKind.ADD:
            return self.of(layer.sources[0], steps) + self.of(layer.sources[1], steps)
        part = self._parts[name]
        values = part.spikes if self._stepped else part.levels
        assert values is not None  # only layers that send are asked for
        return self._of_values(values, steps, layer.out_shape)

    def _of_values(self, values: NDArray[np.integer], steps: int, shape: Shape) -> Ints:
        counts = np.count_nonzero(values[:, :steps], axis=1) if self._stepped else values != 0
        on_wire: Ints = counts.astype(np.int64)[:, wire_order(shape)]
        return on_wire


def _pooled(layer: PoolMapGeometry, events: Ints) -> Ints:
    """Events behind average pooling: the sum over every window."""
    channels, height, width = layer.in_shape
    _, rows, columns = layer.out_shape
    maps = events.reshape(-1, height, width, channels)
    vertical = _windows(layer, height, rows)
    horizontal = _windows(layer, width, columns)
    pooled = np.einsum("rh,bhwc,kw->brkc", vertical, maps, horizontal, optimize=True)
    flat: Ints = pooled.reshape(len(events), -1)
    return flat


def _windows(layer: PoolMapGeometry, extent: int, pooled: int) -> Ints:
    """1 where a row (column) lies in a pooled one's window, shape (pooled, extent)."""
    found = np.zeros((pooled, extent), np.int64)
    for place in range(extent):
        begin, count = layer.window(place, pooled)
        found[begin : begin + count, place] = 1
    return found

"""The integer reference: what every neuron of a network does, in numpy, without torch.

Windowed layers, in closed form (the architecture page, "One neuron"): a spike k of input i adds
``w[j, i] * k`` to membrane j, which starts at the bias; neuron j fires once, at the first step t
with ``V >= theta * (T - t)``, so its value is ``k = min(T, max(0, V // theta))``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeforge.bounds import real_weights
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Dense, Network
from spikeforge.schema import ReadoutKind, Schedule

__all__ = ["LayerTrace", "Trace", "event_order", "run_reference"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class LayerTrace:
    """What one layer did, for B images.

    Attributes:
        name: Name of the layer.
        levels: k of every neuron, shape (B, neurons), 0 for silence; None for a read-out layer.
        membranes: Final membranes in LSBs, shape (B, neurons).
    """

    name: str
    levels: Ints | None
    membranes: Ints


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What a network did, for B images.

    Attributes:
        inputs: k of every input, shape (B, inputs), 0 for silence.
        layers: One trace a layer.
        classes: The class, shape (B,).
    """

    inputs: NDArray[np.uint8]
    layers: tuple[LayerTrace, ...]
    classes: Ints

    @property
    def outputs(self) -> Ints:
        """Final membranes of the output layer, shape (B, classes), in LSBs."""
        return self.layers[-1].membranes


def run_reference(network: Network, inputs: NDArray[np.uint8]) -> Trace:
    """Run a network of windowed dense layers on encoded images.

    Args:
        network: The network.
        inputs: k of every input, shape (B, inputs), as :func:`spikeforge.coding.encode` gives.

    Raises:
        SpikeforgeError: If there is no image, or the network holds a layer without a reference so
            far.
    """
    if not len(inputs):
        raise SpikeforgeError("at least 1 image is needed, not 0")
    levels: Ints = inputs.astype(np.int64)
    traces = []
    for layer in network.layers:
        if not isinstance(layer, Dense) or layer.neuron.schedule is not Schedule.WINDOWED:
            raise SpikeforgeError(f"{layer.name}: the reference runs windowed dense layers so far")
        membranes = _integrate(network, layer, levels)
        fired = None
        if layer.neuron.fires:
            theta = network.threshold(layer.name)
            assert theta is not None  # a layer that fires has thresholds (checks.py)
            fired = levels = np.clip(membranes // theta, 0, layer.neuron.steps)
        traces.append(LayerTrace(name=layer.name, levels=fired, membranes=membranes))
    if network.readout.kind is not ReadoutKind.MAX_MEMBRANE or network.readout.votes != 1:
        raise SpikeforgeError("readout: the reference runs max_membrane with one vote so far")
    classes = traces[-1].membranes.argmax(axis=1)  # ties go to the lowest index
    return Trace(inputs=inputs, layers=tuple(traces), classes=classes)


def _integrate(network: Network, layer: Dense, levels: Ints) -> Ints:
    """Membranes after all events. Widths are below 2**48, so float64 (and BLAS) is exact."""
    weight = real_weights(network.weight(layer.name), layer.weight_bits)
    membranes: Ints = (levels.astype(np.float64) @ weight.T.astype(np.float64)).astype(np.int64)
    bias = network.bias(layer.name)
    return membranes if bias is None else membranes + bias


def event_order(levels: NDArray[np.integer], lanes: int, steps: int) -> Ints:
    """Addresses of one image's spikes in the order of a windowed layer's stream.

    The order is ascending neuron group (``lanes`` neurons), then step T - k, then address.

    Args:
        levels: k of every neuron, shape (neurons,), 0 for silence.
        lanes: Neurons of a group.
        steps: T of the window.
    """
    addresses = np.flatnonzero(levels)
    times = steps - levels[addresses].astype(np.int64)
    return addresses[np.lexsort((addresses, times, addresses // lanes))]

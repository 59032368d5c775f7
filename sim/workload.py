"""Workload of a network in NeuroBench's terms, from the integer reference's trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sim.linear import Linear, merged
from sim.reference import Trace, stepped_input
from spikeforge.bounds import real_weights
from spikeforge.network import AvgPool, Dense, Flatten, Network, Residual
from spikeforge.schema import Conv2d, InputCoding, Layer, ResidualKind, Schedule
from spikeforge.shapes import output_size, source_names
from spikeforge.traffic import network_schedule, source_traffic

__all__ = ["workload"]

Ints = NDArray[np.int64]


@dataclass
class _Sums:
    """Operations an image, a mean."""

    accumulates: float = 0.0
    multiplies: float = 0.0
    dense: float = 0.0
    updates: float = 0.0

    def add(self, other: _Sums) -> None:
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name) + getattr(other, item.name))


def workload(network: Network, trace: Trace) -> dict[str, object]:
    """Operations an image and sparsities over the images of a trace.

    A windowed event carries its k, and a graded one its value, so such an event times a weight
    counts as a multiply-accumulate; a spike counts as an accumulate. Effective ones have both
    different from 0, dense ones are all pairs of input and neuron, in every step of the input and
    for every tap. ``MembraneUpdates`` are additions to a membrane or current (every event reaches
    its whole fan-out), ``Footprint`` is in bytes, at the bit widths that the hardware stores.
    """
    events, sources, traffic = _events(network, trace), source_names(network), _levels(network)
    total = _Sums()
    fired = places = zeros = weights = bits = 0.0
    for layer, part in zip(network.layers, trace.layers, strict=True):
        if not isinstance(layer, Dense | Conv2d):
            continue
        source = sources[layer.name][0]
        total.add(_synapses(network, layer, events[source], len(trace.classes), traffic[source]))
        if isinstance(layer, Dense) and layer.recurrent is not None:
            total.add(_loops(network, layer, events[layer.name], len(trace.classes)))
        stored = _matrices(network, layer)
        weights += sum(matrix.size for matrix in stored)
        zeros += sum(matrix.size - np.count_nonzero(matrix) for matrix in stored)
        bits += _bits(network, layer)
        if layer.neuron.fires:
            fired += float(events[layer.name].sum()) / len(trace.classes)
            places += output_size(layer) * (1 if part.spikes is None else layer.neuron.steps)
    return {
        "SynapticOperations": {"Effective_MACs": total.multiplies,
                               "Effective_ACs": total.accumulates, "Dense": total.dense},
        "ActivationSparsity": 1 - fired / places if places else None,
        "MembraneUpdates": total.updates,
        "ConnectionSparsity": zeros / weights,
        "Footprint": bits / 8,
    }  # fmt: skip


def _levels(network: Network) -> dict[str, tuple[bool, int]]:
    """For every source whether its events carry more than a spike, and its steps."""
    windowed = network_schedule(network) is Schedule.WINDOWED
    return {
        name: (windowed or one.level > 1, 1 if windowed else one.steps)
        for name, one in source_traffic(network).items()
    }


def _events(network: Network, trace: Trace) -> dict[str, Ints]:
    """Events that the images together send, by name and address, shape (addresses,)."""
    sources = source_names(network)
    found = {"input": _input_events(network, trace)}
    for layer, part in zip(network.layers, trace.layers, strict=True):
        before = [found[name] for name in sources[layer.name]]
        if _passes_on(layer):
            found[layer.name] = merged(layer, [one[None] for one in before])[0].astype(np.int64)
            continue
        sent = part.levels if part.spikes is None else part.spikes
        axes = (0,) if part.spikes is None else (0, 1)
        found[layer.name] = np.zeros(0, np.int64) if sent is None else _count(sent, axes)
    return found


def _input_events(network: Network, trace: Trace) -> Ints:
    if network_schedule(network) is Schedule.WINDOWED:
        return _count(trace.inputs, (0,))
    if network.input.coding is InputCoding.GRADED:
        return _count(trace.inputs, (0,)) * network.input.steps
    return _count(stepped_input(network.input, trace.inputs), (0, 1))


def _count(sent: NDArray[np.integer], axes: Sequence[int]) -> Ints:
    found: Ints = np.count_nonzero(sent, axis=tuple(axes)).astype(np.int64)
    return found


def _passes_on(layer: Layer) -> bool:
    """Sends every event that arrives, so several at an address."""
    if isinstance(layer, Residual):
        return layer.function is ResidualKind.ADD
    return isinstance(layer, AvgPool | Flatten)


def _synapses(
    network: Network, layer: Dense | Conv2d, events: Ints, images: int, sent: tuple[bool, int]
) -> _Sums:
    taps = max(1, len(layer.neuron.taps))
    real = real_weights(network.weight(layer.name), layer.weight_bits)
    effective = _reached(layer, real != 0, events) * taps / images
    every = np.ones(real.shape, np.bool_)
    graded, steps = sent
    return _Sums(
        accumulates=0.0 if graded else effective, multiplies=effective if graded else 0.0,
        dense=_reached(layer, every, np.ones_like(events)) * taps * steps,
        updates=_reached(layer, every, events) * taps / images,
    )  # fmt: skip


def _reached(layer: Dense | Conv2d, chosen: NDArray[np.bool_], events: Ints) -> float:
    """Pairs of an event and a chosen weight that it meets."""
    plain = layer.model_copy(update={"weight_bits": 2})
    mask = {f"{layer.name}.weight": chosen.astype(np.int8)}
    return float(Linear(mask, plain)(events[None]).sum())


def _loops(network: Network, layer: Dense, events: Ints, images: int) -> _Sums:
    """Spikes fed back; those of the last step reach nothing, but are counted with the others."""
    assert layer.recurrent is not None
    real = real_weights(network.tensors[f"{layer.name}.recurrent"], layer.recurrent.weight_bits)
    return _Sums(
        accumulates=float(events @ np.count_nonzero(real, axis=0)) / images,
        dense=float(real.size * layer.neuron.steps),
        updates=float(events.sum() * layer.outputs) / images,
    )


def _matrices(network: Network, layer: Dense | Conv2d) -> list[Ints]:
    found = [real_weights(network.weight(layer.name), layer.weight_bits)]
    if isinstance(layer, Dense) and layer.recurrent is not None:
        own = network.tensors[f"{layer.name}.recurrent"]
        found.append(real_weights(own, layer.recurrent.weight_bits))
    return found


def _bits(network: Network, layer: Dense | Conv2d) -> int:
    """Bits of all stored numbers of a layer."""
    widths = {
        "weight": layer.weight_bits, "threshold": layer.neuron.threshold_bits,
        "bias": layer.neuron.bias_bits,
    }  # fmt: skip
    if isinstance(layer, Dense) and layer.recurrent is not None:
        widths["recurrent"] = layer.recurrent.weight_bits
    stored = {what: network.tensors.get(f"{layer.name}.{what}") for what in widths}
    return sum(array.size * widths[what] for what, array in stored.items() if array is not None)

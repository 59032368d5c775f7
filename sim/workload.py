"""Workload of a network in NeuroBench's terms, from the integer reference's trace."""

from __future__ import annotations

import numpy as np

from sim.reference import Trace
from spikeforge.bounds import real_weights
from spikeforge.network import Dense, Network

__all__ = ["workload"]


def workload(network: Network, trace: Trace) -> dict[str, object]:
    """Operations an image and sparsities over the images of a trace.

    A windowed event carries its k, so an event times a weight counts as a multiply-accumulate;
    effective ones have both different from 0, dense ones are all pairs of input and neuron.
    ``MembraneUpdates`` are additions to a membrane (every event reaches its whole fan-out),
    ``Footprint`` is in bytes, at the bit widths that the hardware stores.
    """
    effective = dense = updates = 0.0
    zero_weights = weights = 0
    spikes = neurons = 0.0
    bits = 0
    arriving = trace.inputs.astype(np.int64)
    for layer, part in zip(network.layers, trace.layers, strict=True):
        assert isinstance(layer, Dense)  # run_reference refuses the others
        weight = real_weights(network.weight(layer.name), layer.weight_bits)
        fan_out = np.count_nonzero(weight, axis=0)
        events = (arriving > 0).mean(axis=0)
        effective += float(events @ fan_out)
        dense += weight.size
        updates += float(events.sum()) * layer.outputs
        zero_weights += int(weight.size - np.count_nonzero(weight))
        weights += weight.size
        bits += weight.size * layer.weight_bits
        for key, width in (("threshold", layer.neuron.threshold_bits),
                           ("bias", layer.neuron.bias_bits)):  # fmt: skip
            numbers = network.tensors.get(f"{layer.name}.{key}")
            bits += 0 if numbers is None else numbers.size * width
        if part.levels is not None:
            spikes += float(np.count_nonzero(part.levels)) / len(part.levels)
            neurons += layer.outputs
            arriving = part.levels
    return {
        "SynapticOperations": {"Effective_MACs": effective, "Effective_ACs": 0.0, "Dense": dense},
        "ActivationSparsity": 1 - spikes / neurons if neurons else None,
        "MembraneUpdates": updates,
        "ConnectionSparsity": zero_weights / weights,
        "Footprint": bits / 8,
    }

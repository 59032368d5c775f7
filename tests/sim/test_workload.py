from __future__ import annotations

import numpy as np
import pytest

from sim.fuzz import random_case
from sim.reference import run_reference
from sim.streams import Streams
from sim.workload import workload
from spikeforge.bounds import real_weights
from spikeforge.shapes import map_shapes, output_shape, source_names, wire_order


def test_workload_by_hand(networks):
    network = networks.network_of(
        networks.Numbers(weight=[[1, 0], [2, -3]], steps=2, bits=4, threshold=2, bias=[0, 1]),
        networks.Numbers(weight=[[0, -1], [-1, 0]], bits=1), input_steps=4,
    )  # fmt: skip
    # V is 2, 2*2+1 and so both fire; then V is 0 and -3 * 1 + 1 = -2: nobody fires.
    found = workload(network, run_reference(network, np.array([[2, 0], [0, 1]], np.uint8)))
    # First image: an event with two weights, then two events with two each; second: one weight.
    assert found["SynapticOperations"] == {
        "Effective_MACs": (2 + 4 + 1) / 2, "Effective_ACs": 0.0, "Dense": 8.0,
    }  # fmt: skip
    assert found["ActivationSparsity"] == 0.5
    assert found["MembraneUpdates"] == (2 + 4 + 2) / 2
    assert found["ConnectionSparsity"] == 1 / 8  # 1-bit weights are never 0
    # 4 weights of 4 bits, a threshold of 2, two biases of 2, four weights of 1.
    assert found["Footprint"] == (16 + 2 + 4 + 4) / 8


@pytest.mark.parametrize("seed", range(12))
def test_workload_equals_brute_force(networks, seed):
    case = networks.random_case(seed, images=12, widest=8)
    trace = run_reference(case.network, case.levels)
    effective = updates = dense = zero = spikes = neurons = 0
    for number, layer in enumerate(case.network.layers):
        weight = case.network.weight(layer.name)
        arriving = trace.inputs if number == 0 else trace.layers[number - 1].levels
        for levels in arriving:
            for source in range(layer.inputs):
                if levels[source]:
                    updates += layer.outputs
                    for target in range(layer.outputs):
                        effective += layer.weight_bits == 1 or weight[target, source] != 0
        dense += layer.inputs * layer.outputs
        zero += 0 if layer.weight_bits == 1 else int((weight == 0).sum())
        if layer.neuron.fires:
            spikes += int((trace.layers[number].levels > 0).sum())
            neurons += layer.outputs
    found = workload(case.network, trace)
    assert found["SynapticOperations"]["Effective_MACs"] == pytest.approx(effective / 12)
    assert found["SynapticOperations"]["Dense"] == dense
    assert found["MembraneUpdates"] == pytest.approx(updates / 12)
    assert found["ConnectionSparsity"] == pytest.approx(zero / dense)
    if neurons:
        assert found["ActivationSparsity"] == pytest.approx(1 - spikes / 12 / neurons)
    else:
        assert found["ActivationSparsity"] is None


@pytest.mark.parametrize("seed", range(24))
def test_workload_of_any_network_equals_its_streams_event_by_event(seed):
    case = random_case(seed, images=3, widest=8)
    network, trace = case.network, run_reference(case.network, case.inputs)
    shapes, streams = map_shapes(network), Streams(network, {})
    effective = updates = 0
    for image in range(3):
        found = streams.of(trace, image)
        for layer in network.layers:
            if layer.kind not in ("dense", "conv2d"):
                continue
            source = source_names(network)[layer.name][0]
            reach = connections(network, layer)
            taps = max(1, len(layer.neuron.taps))
            for address in wire_order(shapes[source])[found[source].address]:
                effective += taps * np.count_nonzero(reach[:, address] > 0)
                updates += taps * np.count_nonzero(reach[:, address] >= 0)
            if getattr(layer, "recurrent", None):
                for part in trace.layers:
                    if part.name == layer.name:
                        spikes = part.spikes[image].sum(axis=0)
                        bits = layer.recurrent.weight_bits
                        own = real_weights(network.tensors[f"{layer.name}.recurrent"], bits)
                        effective += (own != 0).sum(axis=0) @ spikes
                        updates += layer.outputs * spikes.sum()
    operations = workload(network, trace)["SynapticOperations"]
    total = operations["Effective_MACs"] + operations["Effective_ACs"]
    assert total == pytest.approx(effective / 3)
    assert workload(network, trace)["MembraneUpdates"] == pytest.approx(updates / 3)


def connections(network, layer):
    """(neurons, inputs): 1 for a weight, 0 for a weight of 0, -1 for none."""
    weight = real_weights(network.weight(layer.name), layer.weight_bits)
    if layer.kind == "dense":
        return (weight != 0).astype(int)
    channels, rows, columns = output_shape(layer, (0, 0, 0))
    found = np.full((channels, rows, columns, layer.channels_in, layer.height, layer.width), -1)
    ins, outs = layer.channels_in // layer.groups, layer.channels_out // layer.groups
    for channel, row, column, c, y, x in np.ndindex(channels, rows, columns, ins, *layer.kernel):
        h = row * layer.stride[0] + y - layer.padding[0]
        w = column * layer.stride[1] + x - layer.padding[1]
        if 0 <= h < layer.height and 0 <= w < layer.width:
            place = channel, row, column, channel // outs * ins + c, h, w
            found[place] = weight[channel, c, y, x] != 0
    return found.reshape(channels * rows * columns, -1)

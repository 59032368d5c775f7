from __future__ import annotations

import numpy as np
import pytest

from sim.reference import run_reference
from sim.workload import workload


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

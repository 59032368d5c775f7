from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.reference import event_order, run_reference
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Dense, InputSpec, Network, Readout
from spikeforge.schema import NeuronSpec


def _windowed_layer(weight, bits, bias, theta, spikes, steps_in, steps):
    """One image through one layer, step by step; ``spikes`` maps inputs to their steps."""
    outputs, inputs = weight.shape
    current = [0] * outputs
    membrane = [0 if bias is None else int(bias[j]) for j in range(outputs)]
    for step in range(steps_in):  # integrate: no leaks, no firing
        for i in range(inputs):
            if spikes.get(i) == step:
                for j in range(outputs):
                    stored = int(weight[j, i])
                    current[j] += (-1 if stored else 1) if bits == 1 else stored
        membrane = [v + i for v, i in zip(membrane, current, strict=True)]
    if theta is None:
        return membrane, {}
    fired = {}
    for step in range(steps):  # fire: I and V frozen
        for j in range(outputs):
            limit = int(theta[j if len(theta) > 1 else 0]) * (steps - step)
            if j not in fired and membrane[j] >= limit:
                fired[j] = step
    return membrane, fired


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 100_000))
def test_reference_equals_the_equations_step_by_step(networks, seed):
    case = networks.random_case(seed, images=6, widest=10)
    network = case.network
    trace = run_reference(network, case.levels)
    for image, levels in enumerate(case.levels):
        steps_in = network.input.steps
        spikes = {i: steps_in - int(k) for i, k in enumerate(levels) if k}
        for layer, got in zip(network.layers, trace.layers, strict=True):
            steps = layer.neuron.steps
            membrane, fired = _windowed_layer(
                network.weight(layer.name), layer.weight_bits, network.bias(layer.name),
                network.threshold(layer.name), spikes, steps_in, steps,
            )  # fmt: skip
            assert got.membranes[image].tolist() == membrane
            if layer.neuron.fires:
                wanted = [steps - fired[j] if j in fired else 0 for j in range(layer.outputs)]
                assert got.levels[image].tolist() == wanted
            spikes, steps_in = fired, steps
        best = max(membrane)
        assert trace.classes[image] == membrane.index(best)
        assert trace.outputs[image].tolist() == membrane


def test_ties_go_to_the_lowest_index(networks):
    network = networks.network_of(networks.Numbers(weight=[[0], [2], [1], [2]]), input_steps=3)
    trace = run_reference(network, np.array([[0], [1], [3]], np.uint8))
    assert trace.classes.tolist() == [0, 1, 1]


def test_one_bit_weights_count_as_plus_and_minus_one(networks):
    network = networks.network_of(networks.Numbers(weight=[[0, -1], [-1, -1]], bits=1),
                                  input_steps=5)  # fmt: skip
    assert run_reference(network, np.array([[3, 5]], np.uint8)).outputs.tolist() == [[-2, -8]]


def test_hidden_value_is_floor_of_membrane_over_threshold(networks):
    network = networks.network_of(
        networks.Numbers(weight=[[1], [-1]], steps=3, bits=4, threshold=4),
        networks.Numbers(weight=[[1, 0], [0, 1]]), input_steps=20,
    )  # fmt: skip
    levels = np.array([[0], [3], [4], [7], [8], [12], [20]], np.uint8)
    hidden = run_reference(network, levels).layers[0].levels
    assert hidden[:, 0].tolist() == [0, 0, 1, 1, 2, 3, 3]  # never beyond the window
    assert not hidden[:, 1].any()


@given(st.integers(1, 12), st.integers(1, 15), st.data())
def test_events_go_by_group_then_step_then_address(lanes, steps, data):
    levels = data.draw(st.lists(st.integers(0, steps), min_size=1, max_size=30))
    wanted = []
    for begin in range(0, len(levels), lanes):
        for step in range(steps):
            for neuron in range(begin, min(begin + lanes, len(levels))):
                if levels[neuron] == steps - step:
                    wanted.append(neuron)
    assert event_order(np.array(levels), lanes, steps).tolist() == wanted


def _stepped_network(readout="max_membrane", schedule="stepped"):
    extra = {"current_bits": 12} if schedule == "stepped" else {}
    neuron = NeuronSpec(schedule=schedule, steps=4, membrane_bits=12, fires=False, **extra)
    layer = Dense(name="output", inputs=2, outputs=2, weight_bits=4, neuron=neuron)
    return Network(
        name="other", input=InputSpec(coding="ttfs_levels", shape=(1, 1, 2), steps=4),
        layers=(layer,), readout=Readout(kind=readout, classes=2),
        tensors={"output.weight": np.ones((2, 2), np.int8)},
    )  # fmt: skip


def test_a_stepped_layer_is_refused_not_misread():
    with pytest.raises(SpikeforgeError, match="output: the reference runs windowed dense layers"):
        run_reference(_stepped_network(), np.zeros((1, 2), np.uint8))


def test_another_readout_is_refused_not_misread():
    network = _stepped_network("spike_count", "windowed")
    with pytest.raises(SpikeforgeError, match="readout: the reference runs max_membrane"):
        run_reference(network, np.zeros((1, 2), np.uint8))


def test_no_images_are_refused():
    with pytest.raises(SpikeforgeError, match="at least 1 image is needed, not 0"):
        run_reference(_stepped_network(), np.zeros((0, 2), np.uint8))

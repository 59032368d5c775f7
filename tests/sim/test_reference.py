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


def _read_out(weight, theta=None, readout="max_membrane", votes=1, **fields):
    """A stepped layer of its own, one input step per column of spikes given."""
    weight = np.array(weight, np.int8)
    neuron = NeuronSpec(schedule="stepped", steps=4, membrane_bits=12, current_bits=12,
                        fires=theta is not None, threshold_bits=8 if theta else 0,
                        **fields)  # fmt: skip
    layer = Dense(name="output", inputs=weight.shape[1], outputs=len(weight), weight_bits=6,
                  neuron=neuron)  # fmt: skip
    tensors = {"output.weight": weight}
    if theta:
        tensors["output.threshold"] = np.array([theta])
    return Network(
        name="stepped", input=InputSpec(coding="spikes", shape=(1, 1, weight.shape[1]), steps=4),
        layers=(layer,), tensors=tensors,
        readout=Readout(kind=readout, classes=len(weight) // votes, votes=votes),
    )  # fmt: skip


def _spikes(*steps):
    return np.array([steps], np.uint8)


def test_current_stays_and_membrane_sums_it_without_leaks():
    trace = run_reference(_read_out([[3], [-1]]), _spikes([1], [0], [0], [1]))
    assert trace.outputs.tolist() == [[3 + 3 + 3 + 6, -1 - 1 - 1 - 2]]
    assert not trace.layers[0].spikes.any()


@pytest.mark.parametrize(("timing", "final"), [("same_step", 4), ("next_step", 11)])
def test_a_reset_of_the_last_step_counts_only_in_the_same_step(timing, final):
    network = _read_out([[5], [0]], 7, reset_timing=timing, after_spike="subtract")
    # V as compared, with the current of 5 that stays: 5, 10 (fires), 8 (fires), 6
    found = run_reference(network, _spikes([1], [0], [0], [0])).layers[0]
    assert found.spikes[0, :, 0].tolist() == [0, 1, 1, 0]
    # and with a current of 10 in the last step 11, which fires
    found = run_reference(network, _spikes([1], [0], [0], [1])).layers[0]
    assert found.spikes[0, :, 0].tolist() == [0, 1, 1, 1]
    assert found.membranes[0, 0] == final


def test_the_first_spike_decides_by_membranes_as_compared():
    network = _read_out([[9, 0], [7, 9], [0, 30]], 7, "first_spike", after_spike="zero",
                        current_leak={"kind": "all"})  # fmt: skip
    trace = run_reference(network, _spikes([0, 0], [1, 0], [0, 1], [0, 1]))
    assert trace.decided_step.tolist() == [1]
    assert trace.classes.tolist() == [0]
    assert trace.outputs.tolist() == [[9, 7, 0]]  # in that step, before the reset


def test_without_any_spike_the_largest_final_membrane_decides():
    network = _read_out([[1], [2], [2]], 7, "first_spike", current_leak={"kind": "all"})
    trace = run_reference(network, _spikes([1], [0], [1], [0]))
    assert (trace.decided_step[0], trace.classes[0]) == (-1, 1)
    assert trace.outputs.tolist() == [[2, 4, 4]]


def test_votes_add_up_and_ties_of_counts_go_by_membrane():
    network = _read_out([[4], [0], [4], [1], [4], [1]], 4, "spike_count", votes=2,
                        after_spike="subtract", current_leak={"kind": "all"})  # fmt: skip
    trace = run_reference(network, _spikes([1], [1], [0], [0]))
    assert trace.layers[0].spikes.sum(axis=1).tolist() == [[2, 0, 2, 0, 2, 0]]
    assert trace.classes.tolist() == [1]
    network = _read_out([[4], [0], [3], [2]], votes=2)
    assert run_reference(network, _spikes([1], [1], [0], [0])).classes.tolist() == [1]


def test_no_images_are_refused():
    with pytest.raises(SpikeforgeError, match="at least 1 image is needed, not 0"):
        run_reference(_read_out([[1], [1]]), np.zeros((0, 4, 1), np.uint8))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((2, 1), np.uint8), r"of shape \(B, 4, 1\) for the coding spikes, .*\(2, 1\)"),
        (np.zeros((2, 4, 1), np.float32), "must be integers .* not float32"),
        (np.full((2, 4, 1), 2, np.uint8), r"must lie in 0\.\.1 for the coding spikes, not 2"),
    ],
)
def test_inputs_of_another_kind_are_refused_not_misread(inputs, message):
    with pytest.raises(SpikeforgeError, match=message):
        run_reference(_read_out([[1], [1]]), inputs)

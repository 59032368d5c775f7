"""What goes over the streams: the reference's events, in the order that hardware sends them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.fuzz import random_case
from sim.reference import event_order, run_reference, stepped_input
from sim.streams import Streams
from spikeforge.network import Dense, InputSpec, Network, Readout
from spikeforge.schema import AvgPool, Flatten, NeuronSpec, Residual, Schedule
from spikeforge.shapes import map_shapes, wire_order


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 32))
def test_every_event_of_the_reference_is_sent_once(seed):
    case = random_case(seed, images=3, widest=12)
    network, trace = case.network, run_reference(case.network, case.inputs)
    streams = Streams(network, {})
    shapes = map_shapes(network)
    sent = {part.name: part.levels if part.spikes is None else part.spikes for part in trace.layers}
    stepped = trace.layers[-1].spikes is not None
    sent["input"] = stepped_input(network.input, trace.inputs) if stepped else trace.inputs
    for image in range(3):
        for name, stream in streams.of(trace, image).items():
            wanted = np.atleast_2d(sent[name][image])
            found = np.zeros_like(wanted, np.int64)
            index = wire_order(shapes[name])[stream.address]
            np.add.at(found, (stream.step, index), stream.level)
            assert np.array_equal(found, wanted), name
            assert stream.level.min(initial=1) > 0
            items = list(stream.items())
            assert sum(mark for mark, _, _ in items) == stream.steps == len(wanted)
            assert items[-1] == (True, 0, 0)
            events = [item[1:] for item in items if not item[0]]
            pairs = zip(stream.address.tolist(), stream.level.tolist(), strict=True)
            assert events == list(pairs)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1 << 32))
def test_sources_of_one_event_an_address_ascend_on_the_wire(seed):
    case = random_case(seed, images=2, widest=12, schedule=Schedule.STEPPED)
    trace = run_reference(case.network, case.inputs)
    plain = ["input"] + [one.name for one in case.network.layers if one.kind in ("dense", "conv2d")]
    for name, stream in Streams(case.network, {}).of(trace, 1).items():
        if name in plain:
            for step in range(stream.steps):
                assert (np.diff(stream.of_step(step)[0]) > 0).all()


def test_groups_of_a_windowed_dense_layer_send_in_turn(networks):
    case = networks.random_case(3, images=4, depth=2, widest=12)
    trace = run_reference(case.network, case.levels)
    hidden = case.network.layers[0]
    for image in range(4):
        stream = Streams(case.network, {hidden.name: 3}).of(trace, image)[hidden.name]
        levels = trace.layers[0].levels[image]
        assert stream.address.tolist() == event_order(levels, 3, hidden.neuron.steps).tolist()


def _neuron(**fields):
    return NeuronSpec(schedule="stepped", steps=2, membrane_bits=8, current_bits=8, **fields)


@pytest.fixture
def joined():
    """Two channels of 2 x 2, pooled by 2 with stride 1 (one place), and added to itself."""
    return Network(
        name="joined", input=InputSpec(coding="spikes", shape=(2, 2, 2), steps=2),
        layers=(
            Flatten(name="flat", size=8),
            Residual(name="both", sources=("flat", "input"), function="add", size=8),
            AvgPool(name="pool", channels=2, height=2, width=2, kernel=2, stride=1),
            Dense(name="out", inputs=2, outputs=2, weight_bits=2, neuron=_neuron(fires=False)),
        ),
        tensors={"out.weight": np.array([[1, 0], [0, 1]], np.int8)},
        readout=Readout(kind="max_membrane", classes=2),
    )  # fmt: skip


def test_add_sends_one_source_after_the_other_and_pools_follow_that_order(joined):
    spikes = np.zeros((1, 2, 8), np.uint8)
    spikes[0, 0, [1, 4]] = 1  # (channel 0, 0, 1): wire 2; (channel 1, 0, 0): wire 1
    spikes[0, 1, 3] = 1
    found = Streams(joined, {}).of(run_reference(joined, spikes), 0)
    mark = (True, 0, 0)
    assert list(found["input"].items()) == [
        (False, 1, 1), (False, 2, 1), mark, (False, 6, 1), mark]  # fmt: skip
    assert [at for _, at, _ in found["both"].items()] == [1, 2, 1, 2, 0, 6, 6, 0]
    assert [at for _, at, _ in found["pool"].items()] == [1, 0, 1, 0, 0, 0, 0, 0]


def test_an_event_reaches_its_pooled_addresses_in_ascending_order():
    pool = AvgPool(name="pool", channels=1, height=3, width=3, kernel=2, stride=1)
    network = Network(
        name="pooled", input=InputSpec(coding="graded", shape=(1, 3, 3), steps=2, bits=4),
        layers=(pool, Dense(name="out", inputs=4, outputs=2, weight_bits=2,
                            neuron=_neuron(fires=False, overflow="clip"))),
        tensors={"out.weight": np.zeros((2, 4), np.int8)},
        readout=Readout(kind="max_membrane", classes=2),
    )  # fmt: skip
    image = np.array([[0, 0, 3, 0, 9, 0, 0, 0, 0]], np.uint8)
    trace = run_reference(network, image)
    found = Streams(network, {}).of(trace, 0)["pool"]
    one_step = [(False, 1, 3), *((False, at, 9) for at in range(4)), (True, 0, 0)]
    assert list(found.items()) == one_step * 2
    assert trace.layers[0].spikes[0].tolist() == [[9, 12, 9, 9]] * 2

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hw.census import take_inventory
from hw.config import configure
from hw.frugal import FRUGAL
from hw.geometry import geometry
from hw.layer import PROBE_FIELDS
from hw.scatter.geometry import ScatterGeometry
from sim.activity import OperationKind
from sim.counting import activity_of
from sim.fuzz import random_case
from sim.reference import run_reference
from spikeforge.schema import ReadoutKind, Schedule


@pytest.fixture(scope="module")
def two_images(tiny):
    """Images [4, 4, 4] and [1, 0, 3] of the tiny network."""
    with tiny.model() as model:
        *_, batch = model.run(tiny.levels[1:3])
    return batch


def test_work_of_two_images_counted_by_hand(two_images):
    # hidden: 3 + 2 events, each read once for both groups of two neurons; two groups an image.
    # V is 8, 8, 8, 24 and -2, 6, 11, 8 over a threshold of 3 in 4 steps: all spike but one.
    # output: those 7 spikes, one group. Its biases were fetched before the run and stay.
    rows = two_images.counts.tolist()
    hidden, output = (dict(zip(PROBE_FIELDS, row, strict=True)) for row in rows)
    assert hidden == {
        "buffer_write": 5, "buffer_read": 10, "row_read": 10, "row_added": 10, "handover": 4,
        "compared": 2 * 2 * 4, "bias_read": 0, "threshold_read": 0,
    }  # fmt: skip
    assert output == {
        "buffer_write": 0, "buffer_read": 0, "row_read": 7, "row_added": 7, "handover": 2,
        "compared": 4, "bias_read": 0, "threshold_read": 0,
    }  # fmt: skip


@pytest.fixture(scope="module")
def activity(tiny, two_images):
    return activity_of(
        tiny.interface.layers, two_images.counts, 2, 12.5, 30.0, tiny.network.readout
    )


def test_memory_accesses_an_image(activity):
    assert activity.reads_per_image == {
        "hidden_weight": 5.0, "hidden_threshold": 0.0, "hidden_events": 5.0,
        "output_weight": 3.5, "output_bias": 0.0,
    }  # fmt: skip
    assert activity.writes_per_image == {"hidden_events": 2.5}
    assert (activity.images, activity.interval_cycles, activity.latency_cycles) == (2, 12.5, 30.0)


def test_frugal_hardware_reads_pairs_and_holds_no_rows(tiny, two_images, activity):
    layers = geometry(tiny.network, replace(tiny.config, **FRUGAL))
    found = activity_of(layers, two_images.counts, 2, 12.5, 30.0, tiny.network.readout)
    assert found.reads_per_image["hidden_events"] == activity.reads_per_image["hidden_events"] / 2
    assert found.writes_per_image == {"hidden_events": 1.25}
    registers = [
        sum(item.bits * item.count_per_image for item in each.operations
            if (item.block, item.kind) == ("hidden.integrate", OperationKind.REGISTER))
        for each in (activity, found)
    ]  # fmt: skip
    held = layers[0].lanes * layers[0].weight_bits
    assert registers[0] - registers[1] == held * 5.0  # rows of an image


def _count(activity, block, kind, bits=None):
    return sum(
        item.count_per_image
        for item in activity.operations
        if (item.block, item.kind) == (block, kind) and bits in (None, item.bits)
    )


def test_operations_an_image(activity, tiny):
    hidden, output = tiny.interface.layers
    # Every row read is two multiplications and two additions.
    for kind in (OperationKind.ADD, OperationKind.MULTIPLY):
        assert _count(activity, "hidden.integrate", kind) == 10
        assert _count(activity, "output.integrate", kind) == 7
    assert _count(activity, "hidden.integrate", OperationKind.MULTIPLY, 4 * 3) == 10
    assert _count(activity, "hidden.integrate", OperationKind.ADD, hidden.membrane_bits) == 10
    assert _count(activity, "hidden.fire", OperationKind.COMPARE) == 2 * 4 * 2
    assert _count(activity, "output.readout", OperationKind.COMPARE, output.membrane_bits) == 2
    # An event of 2 address and 3 level bits and its mark bit; 2.5 events and a mark an image.
    assert _count(activity, "hidden.replay", OperationKind.TRANSFER, 6) == 3.5
    assert _count(activity, "output.integrate", OperationKind.TRANSFER, 2 + 3 + 1) == 4.5
    # Two membranes and the class leave, with one index bit and one that marks the class.
    assert _count(activity, "output.readout", OperationKind.TRANSFER, 2 + output.membrane_bits) == 3


def test_reads_of_random_networks_are_events_times_groups(networks):
    """The sums, on counters made from the reference as the probes make them."""
    for seed in range(30):
        case = networks.random_case(seed, images=20)
        layers = geometry(case.network, case.config)
        trace = run_reference(case.network, case.levels)
        arriving = [trace.inputs, *(part.levels for part in trace.layers[:-1])]
        counts = np.zeros((len(layers), len(PROBE_FIELDS)), np.uint64)
        for row, layer, levels in zip(counts, layers, arriving, strict=True):
            row[PROBE_FIELDS.index("row_read")] = np.count_nonzero(levels) * layer.groups
            row[PROBE_FIELDS.index("handover")] = 20 * layer.groups
        activity = activity_of(layers, counts, 20, 1.0, 1.0, case.network.readout)
        for layer, levels in zip(layers, arriving, strict=True):
            events = np.count_nonzero(levels) / 20
            rows = activity.reads_per_image[f"{layer.name}_weight"]
            assert rows == pytest.approx(events * layer.groups)
            first = f"{layer.name}.{'replay' if layer.buffer_depth else 'integrate'}"
            moved = _count(activity, first, OperationKind.TRANSFER)
            assert moved == pytest.approx(events + 1)  # and the mark
            memories = {key for key in activity.reads_per_image if key.startswith(layer.name + "_")}
            assert (f"{layer.name}_bias" in memories) == (layer.bias_bits > 0)
            assert (f"{layer.name}_events" in memories) == (layer.groups > 1)


@pytest.mark.parametrize("kind", ReadoutKind)
def test_every_memory_has_its_accesses_whatever_the_readout(kind):
    """With a lane each, so that the output has several rows; what cannot be told apart is left."""
    for seed in range(12):
        network = random_case(
            seed, images=2, widest=8, schedule=Schedule.STEPPED, readout=kind
        ).network
        config = configure(network, 1)
        layers = geometry(network, config)
        counts = np.ones((len(layers), len(PROBE_FIELDS)), np.uint64)
        activity = activity_of(layers, counts, 1, 1.0, 1.0, network.readout)
        told_apart = [
            layer.name for layer in layers
            if not isinstance(layer, ScatterGeometry)
            or bool(layer.taps) + bool(layer.recurrent_bits) + bool(layer.skip_rows) <= 1
        ]  # fmt: skip
        for memory in take_inventory(network, config).memories:
            if memory.block.split(".")[0] in [*told_apart, "_readout"]:
                assert memory.name in activity.reads_per_image, (seed, memory.name)

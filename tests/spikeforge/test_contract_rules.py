"""Choices that do not go together are refused, in one line that names field, value and remedy."""

from __future__ import annotations

import numpy as np
import pytest

from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network
from spikeforge.schema import (
    AvgPool,
    Conv2d,
    Dense,
    FirstSpikePool,
    Flatten,
    InputSpec,
    NeuronSpec,
    Readout,
    Residual,
)
from spikeforge.shapes import weight_shape


def neuron(schedule="stepped", *, fires=True, steps=4, **fields):
    widths = {"current_bits": 24, "membrane_bits": 24, "threshold_bits": 4 if fires else 0}
    if schedule == "windowed":
        widths["current_bits"] = 0
        fields.setdefault("threshold_shape", "falling" if fires else "constant")
    return NeuronSpec(schedule=schedule, steps=steps, fires=fires, **widths, **fields)


def dense(name, inputs, outputs, schedule="stepped", *, source=None, delay=0, recurrent=None,
          **fields):  # fmt: skip
    return Dense(name=name, inputs=inputs, outputs=outputs, weight_bits=3, source=source,
                 delay=delay, recurrent=recurrent, neuron=neuron(schedule, **fields))  # fmt: skip


def build(*layers, shape=(4, 1, 1), steps=4, coding="ttfs_levels", bits=0, threshold=0,
          readout="max_membrane"):  # fmt: skip
    """A network of these layers, all weights 1."""
    tensors = {}
    for layer in layers:
        if isinstance(layer, Dense | Conv2d):
            count = layer.outputs if isinstance(layer, Dense) else layer.channels_out
            tensors[f"{layer.name}.weight"] = np.ones(weight_shape(layer), np.int8)
            if layer.neuron.fires:
                tensors[f"{layer.name}.threshold"] = np.array([3])
            if isinstance(layer, Dense) and layer.recurrent:
                tensors[f"{layer.name}.recurrent"] = np.ones((count, count), np.int8)
    last = layers[-1]
    classes = last.outputs if isinstance(last, Dense) else 4
    return Network(
        name="n", layers=layers, tensors=tensors, readout=Readout(kind=readout, classes=classes),
        input=InputSpec(coding=coding, shape=shape, steps=steps, bits=bits, threshold=threshold),
    )  # fmt: skip


OUT = dense("out", 4, 2, fires=False)
WINDOWED_OUT = dense("out", 4, 2, "windowed", fires=False)
HIDDEN = dense("hidden", 4, 4)


def refused(message, *layers, **options):
    with pytest.raises(SpikeforgeError, match=message) as caught:
        build(*layers, **options)
    assert "\n" not in str(caught.value)


def test_plain_networks_of_both_schedules_are_valid():
    build(HIDDEN, OUT)
    build(dense("hidden", 4, 4, "windowed"), WINDOWED_OUT)


def test_schedules_are_not_mixed():
    refused(r"out.neuron.schedule must be stepped as in .*, not windowed: .* all windowed or all",
            HIDDEN, WINDOWED_OUT)  # fmt: skip


def test_no_layer_runs_shorter_than_its_source():
    refused(r"hidden.neuron.steps must be at least 4, the steps of input, not 3",
            dense("hidden", 4, 4, steps=3), OUT)  # fmt: skip
    refused(r"out.neuron.steps must be at least 6, the steps of flat, not 4",
            dense("hidden", 4, 4, steps=6), Flatten(name="flat", size=4), OUT)  # fmt: skip
    build(dense("hidden", 4, 4, "windowed", steps=9), WINDOWED_OUT)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coding": "graded", "bits": 3}, "coding must be ttfs_levels for windowed .*not graded"),
        ({"coding": "spikes"}, "coding must be ttfs_levels for windowed layers, not spikes"),
        ({"readout": "spike_count"}, "kind must be max_membrane for windowed .*not spike_count"),
        ({"readout": "first_spike"}, "kind must be max_membrane for windowed .*not first_spike"),
        ({"bits": 2}, "input.bits must be 0 for the coding ttfs_levels, not 2"),
    ],
)
def test_windowed_networks_take_levels_and_give_membranes(options, message):
    refused(message, WINDOWED_OUT, **options)


@pytest.mark.parametrize("coding", ["graded", "spikes"])
def test_an_input_threshold_is_of_latency_coding_only(coding):
    bits = 3 if coding == "graded" else 0
    refused(rf"input.threshold must be 0 for the coding {coding}, not 9", OUT, coding=coding,
            bits=bits, threshold=9)  # fmt: skip


@pytest.mark.parametrize("kind", ["first_spike", "spike_count"])
def test_readouts_of_spikes_need_them(kind):
    refused(f"out.neuron.fires must be true for the readout {kind}, not false", OUT, readout=kind)
    build(dense("out", 4, 2), readout=kind)


def test_the_last_windowed_layer_only_integrates():
    refused("hidden.neuron.fires must be false for the last of windowed layers, not true",
            dense("hidden", 4, 4, "windowed"))  # fmt: skip


def test_the_last_layer_has_neurons():
    refused(r"the last layer must be dense or conv2d, .* not flat \(flatten\)", HIDDEN,
            Flatten(name="flat", size=4))  # fmt: skip


def test_the_last_layer_gives_one_position():
    last = Conv2d(name="out", channels_in=1, height=2, width=2, channels_out=2, kernel=(1, 2),
                  weight_bits=3, neuron=neuron(fires=False))  # fmt: skip
    refused(r"out must give a single position \(height and width 1\) as the last layer, not "
            r"\(2, 2, 1\); cover", last, shape=(1, 2, 2))  # fmt: skip


def test_what_is_sent_is_read_and_what_is_read_is_sent():
    refused("hidden is read by no layer", HIDDEN, dense("out", 4, 2, source="input", fires=False))
    refused("hidden.neuron.fires must be true for a layer that others read, not false",
            dense("hidden", 4, 4, fires=False), OUT)  # fmt: skip


def test_delays_loops_and_refractory_steps_must_have_a_meaning():
    refused("out.delay must be 0 in a windowed layer, not 1",
            dense("out", 4, 2, "windowed", fires=False, delay=1))  # fmt: skip
    refused("out.recurrent needs neurons that fire",
            dense("out", 4, 2, fires=False, recurrent={"weight_bits": 2}))  # fmt: skip
    refused("hidden.neuron.refractory must be 0 where after_spike is silent, not 2",
            dense("hidden", 4, 4, refractory=2), OUT)  # fmt: skip
    build(dense("hidden", 4, 4, refractory=2, after_spike="zero"), OUT)


def join(function, *sources):
    return Residual(name="join", sources=sources, function=function, size=4)


@pytest.mark.parametrize("function", ["and", "iand"])
def test_and_and_iand_need_spikes_of_one(function):
    refused(f"join.function must be add between windowed layers, not {function}",
            dense("hidden", 4, 4, "windowed"), join(function, "hidden", "input"),
            WINDOWED_OUT)  # fmt: skip
    refused(f"join.function {function} needs sources that send 0 or 1, but input may send 7",
            HIDDEN, join(function, "hidden", "input"), OUT, coding="graded", bits=3)  # fmt: skip
    added = Residual(name="twice", sources=("hidden", "input"), function="add", size=4)
    refused("needs sources that send 0 or 1, but twice may send 2", HIDDEN, added,
            join(function, "twice", "input"), OUT)  # fmt: skip
    build(HIDDEN, Flatten(name="flat", size=4), join(function, "flat", "input"), OUT)


def test_paths_of_a_residual_have_the_same_steps_and_shape():
    late = dense("out", 4, 2, steps=6, fires=False)
    refused(r"join.sources must have the same number of steps, not 6 \(hidden\) and 4 \(input\)",
            dense("hidden", 4, 4, steps=6), join("add", "hidden", "input"), late)  # fmt: skip
    refused(r"join.sources must have the same \(channels, height, width\), not \(4, 1, 1\) "
            r"\(hidden\) and \(1, 2, 2\) \(input\)",
            HIDDEN, join("add", "hidden", "input"), OUT, shape=(1, 2, 2))  # fmt: skip


def conv(channels, height, width):
    return Conv2d(name="maps", channels_in=channels, height=height, width=width, channels_out=4,
                  kernel=(height, width), weight_bits=3, neuron=neuron())  # fmt: skip


@pytest.mark.parametrize(
    "layer", [conv(1, 4, 3), FirstSpikePool(name="maps", channels=1, height=4, width=3, kernel=2,
                                            stride=1)]
)  # fmt: skip
def test_maps_must_have_the_shape_of_their_source(layer):
    refused(r"maps takes maps of \(channels, height, width\) \(1, 4, 3\), but input gives "
            r"\(1, 3, 4\)", layer, OUT, shape=(1, 3, 4))  # fmt: skip


def test_the_largest_of_merged_events_is_refused_in_windowed_networks():
    pools = (AvgPool(name="avg", channels=1, height=4, width=4, kernel=2, stride=1),
             FirstSpikePool(name="top", channels=1, height=3, width=3, kernel=2, stride=1),
             Flatten(name="flat", size=4))  # fmt: skip
    refused("top.source must send one event a neuron in a windowed network, but avg may send 4",
            *pools, WINDOWED_OUT, shape=(1, 4, 4))  # fmt: skip
    build(*pools, OUT, shape=(1, 4, 4))


def test_merged_events_count_for_the_width_of_a_membrane():
    pool = AvgPool(name="avg", channels=1, height=4, width=4, kernel=2, stride=2)
    flat = Flatten(name="flat", size=4)
    for schedule, states, needed in (("windowed", "membranes", 8), ("stepped", "currents", 6)):
        out = dense("out", 4, 2, schedule, fires=False)
        narrow = {"membrane_bits": 5} if schedule == "windowed" else {"current_bits": 5}
        out = out.model_copy(update={"neuron": out.neuron.model_copy(update=narrow)})
        top = 4 * 4 * 4 if schedule == "windowed" else 4 * 4
        refused(rf"must be at least {needed}, for {states} from 0 to {top} in", pool, flat, out,
                shape=(1, 4, 4))  # fmt: skip

"""Sizes of a scatter layer: sums that clip hold whatever can add up; how levels are weighted."""

from __future__ import annotations

import pytest

from hw.config import HardwareConfig
from hw.scatter.sizing import Source, scatter_geometry
from spikeforge.schema import Conv2d, Dense, NeuronSpec, Recurrent, Schedule, Tap


def _neuron(**given):
    return NeuronSpec(
        schedule="stepped", steps=4, membrane_bits=20, current_bits=20, overflow="clip",
        threshold_bits=4, **given,
    )  # fmt: skip


def _sums(layer, shape, *, levels=1, multiplicity=1):
    source = Source(shape=shape, schedule=Schedule.STEPPED, steps=4, levels=levels,
                    multiplicity=multiplicity)  # fmt: skip
    return scatter_geometry(layer, source, HardwareConfig()).acc_bits


@pytest.mark.parametrize("inputs", [1, 8, 9, 16, 17])
def test_all_lowest_weights_fit_into_a_dense_sum(inputs):
    layer = Dense(name="x", inputs=inputs, outputs=2, weight_bits=3, neuron=_neuron())
    assert _sums(layer, (inputs, 1, 1)) == (inputs * 4).bit_length() + 1


def test_levels_repeats_gains_and_own_spikes_count():
    plain = Dense(name="x", inputs=8, outputs=6, weight_bits=3, neuron=_neuron())
    shape = (8, 1, 1)
    assert _sums(plain, shape, levels=7) == (8 * 4 * 7).bit_length() + 1
    assert _sums(plain, shape, multiplicity=5) == (8 * 4 * 5).bit_length() + 1
    taps = (Tap(delay=0, gain=-3), Tap(delay=1, gain=2))
    tapped = plain.model_copy(update={"neuron": _neuron(taps=taps)})
    assert _sums(tapped, shape) == (8 * 4 * 5).bit_length() + 1
    recurrent = plain.model_copy(update={"recurrent": Recurrent(weight_bits=6)})
    assert _sums(recurrent, shape) == (8 * 4 + 6 * 32).bit_length() + 1


def test_a_convolution_sums_its_group_under_the_kernel():
    layer = Conv2d(name="x", channels_in=4, height=5, width=5, channels_out=6,
                   kernel=(3, 2), groups=2, weight_bits=2, neuron=_neuron())  # fmt: skip
    assert _sums(layer, (4, 5, 5)) == (2 * 3 * 2 * 2).bit_length() + 1


@pytest.mark.parametrize("mode", ["bitplane", "dsp"])
@pytest.mark.parametrize(
    ("schedule", "levels", "weighted"),
    [(Schedule.STEPPED, 7, True), (Schedule.STEPPED, 1, False), (Schedule.WINDOWED, 7, False)],
)
def test_only_graded_input_of_a_stepped_layer_has_a_mode(mode, schedule, levels, weighted):
    neuron = _neuron()
    if schedule is Schedule.WINDOWED:
        neuron = NeuronSpec(schedule="windowed", steps=4, membrane_bits=20, threshold_bits=4,
                            threshold_shape="falling")  # fmt: skip
    layer = Dense(name="x", inputs=8, outputs=6, weight_bits=3, neuron=neuron)
    source = Source(shape=(8, 1, 1), schedule=schedule, steps=4, levels=levels)
    made = scatter_geometry(layer, source, HardwareConfig(), graded=mode)
    assert made.graded == (mode if weighted else "")


def test_taps_are_there_only_where_something_is_delayed_or_weighted():
    source = Source(shape=(8, 1, 1), schedule=Schedule.STEPPED, steps=4, levels=1)
    plain = Dense(name="x", inputs=8, outputs=6, weight_bits=3, neuron=_neuron())
    assert scatter_geometry(plain, source, HardwareConfig()).taps == ()
    late = scatter_geometry(plain.model_copy(update={"delay": 2}), source, HardwareConfig())
    assert [(tap.delay, tap.gain) for tap in late.taps] == [(2, 1)]

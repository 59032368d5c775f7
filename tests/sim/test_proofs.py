"""Proven widths: no input leaves them, and in plain cases some input needs them."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.fuzz.fit import fit_layer
from sim.fuzz.neurons import draw_neuron
from sim.reference import run_reference
from spikeforge.bounds import layer_ranges, needed_bits, signed_bits, signed_range
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Dense, InputSpec, Network, Readout
from spikeforge.schema import NeuronSpec, Recurrent, Schedule
from spikeforge.traffic import input_traffic


def _slow():
    path = Path(__file__).parent / "slow_reference.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SLOW = _slow()
STEPS, INPUTS = 3, 2
EVERY_INPUT = np.array(
    list(itertools.product(range(2), repeat=STEPS * INPUTS)), np.uint8
).reshape(-1, STEPS, INPUTS)  # fmt: skip


def network_of(layer, tensors, spec):
    readout = Readout(kind="max_membrane", classes=layer.outputs)
    return Network(name="one", input=spec, layers=(layer,), tensors=tensors, readout=readout)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 32))
def test_no_input_at_all_leaves_a_proven_width(seed):
    """The slow reference asserts both states after every sum, for all inputs there are."""
    rng = np.random.default_rng(seed)
    spec = InputSpec(coding="spikes", shape=(1, 1, INPUTS), steps=STEPS)
    neuron = draw_neuron(rng, Schedule.STEPPED, STEPS, fires=True)
    neuron = neuron.model_copy(update={"overflow": "refuse"})
    loop = Recurrent(weight_bits=3) if rng.integers(2) else None
    layer = Dense(name="one", inputs=INPUTS, outputs=2, weight_bits=int(rng.integers(1, 5)),
                  delay=int(rng.integers(2)), neuron=neuron, recurrent=loop)  # fmt: skip
    fitted = fit_layer(rng, layer, EVERY_INPUT, input_traffic(spec, Schedule.STEPPED))
    network = network_of(fitted.layer, fitted.tensors, spec)
    for image in EVERY_INPUT:
        SLOW.run_slowly(network, image)


def _plain(coding="spikes", *, weight=((3, -2), (1, 4)), bits=0, **fields):
    """Two neurons that only integrate, over 4 steps, with the narrowest widths."""
    spec = InputSpec(coding=coding, shape=(1, 1, 2), steps=4, bits=bits)
    neuron = NeuronSpec(schedule="stepped", steps=4, membrane_bits=48, current_bits=48,
                        fires=False, **fields)  # fmt: skip
    layer = Dense(name="one", inputs=2, outputs=2, weight_bits=4, neuron=neuron)
    tensors = {"one.weight": np.array(weight, np.int8)}
    source = input_traffic(spec, Schedule.STEPPED)
    return spec, layer, tensors, source


@pytest.mark.parametrize(
    ("coding", "bits", "fields", "current", "membrane"),
    [
        # each step a new sum of -2..5
        ("spikes", 0, {"current_leak": {"kind": "all"}}, (-2, 5), (-8, 20)),
        # I keeps all sums: 1 + 2 + 3 + 4 of them in V
        ("spikes", 0, {}, (-8, 20), (-20, 50)),
        # each input spikes once at most
        ("ttfs_levels", 0, {"current_leak": {"kind": "all"}}, (-2, 5), (-2, 5)),
        ("ttfs_levels", 0, {}, (-2, 5), (-8, 20)),
        # values up to 7, in every step
        ("graded", 3, {"current_leak": {"kind": "all"}}, (-14, 35), (-56, 140)),
        # half of V is left
        ("spikes", 0, {"current_leak": {"kind": "all"}, "rounding": "zero",
                       "membrane_leak": {"kind": "shift", "shift": 1}}, (-2, 5), (-4, 10)),
        # gains of both signs, one step apart
        ("spikes", 0, {"current_leak": {"kind": "all"}, "membrane_leak": {"kind": "all"},
                       "taps": ({"delay": 0, "gain": 2}, {"delay": 1, "gain": -1})},
         (-7, 10), (-7, 10)),
    ],
)  # fmt: skip
def test_ranges_of_plain_layers_are_exact(coding, bits, fields, current, membrane):
    _, layer, tensors, source = _plain(coding, bits=bits, **fields)
    ranges = layer_ranges(layer, tensors, source)
    assert (ranges.current, ranges.membrane) == (current, membrane)
    assert needed_bits(layer, tensors, source) == (signed_bits(*current), signed_bits(*membrane))


@pytest.mark.parametrize("field", ["current_bits", "membrane_bits"])
def test_a_bit_less_is_refused_by_name(field):
    spec, layer, tensors, source = _plain()
    widths = dict(zip(("current_bits", "membrane_bits"), needed_bits(layer, tensors, source),
                      strict=True))  # fmt: skip
    proven = layer.model_copy(update={"neuron": layer.neuron.model_copy(update=widths)})
    network_of(proven, tensors, spec)
    wanted = widths[field]
    short = proven.neuron.model_copy(update={field: wanted - 1})
    message = rf"one.neuron.{field} must be at least {wanted}, for .* not {wanted - 1}"
    with pytest.raises(SpikeforgeError, match=message) as caught:
        network_of(proven.model_copy(update={"neuron": short}), tensors, spec)
    assert "\n" not in str(caught.value)


def test_a_layer_that_clips_may_be_as_narrow_as_it_likes():
    spec, layer, tensors, _ = _plain(overflow="clip")
    narrow = layer.neuron.model_copy(update={"current_bits": 3, "membrane_bits": 3})
    network = network_of(layer.model_copy(update={"neuron": narrow}), tensors, spec)
    trace = run_reference(network, np.ones((1, 4, 2), np.uint8))
    assert trace.outputs.tolist() == [[3, 3]] == [[signed_range(3)[1]] * 2]


def test_thresholds_hold_membranes_down():
    """What has fired starts again from 0, so long runs need no more bits than short ones."""
    _, layer, tensors, source = _plain(current_leak={"kind": "all"})
    fields = {"fires": True, "threshold_bits": 4, "after_spike": "zero"}
    firing = layer.model_copy(update={"neuron": NeuronSpec(**{**dict(layer.neuron), **fields})})
    tensors = {**tensors, "one.threshold": np.array([6]), "one.weight": np.array([[3, 2]] * 2)}
    assert layer_ranges(layer, tensors, source).membrane == (0, 20)
    assert layer_ranges(firing, tensors, source).membrane == (0, 5 + 5)


@pytest.mark.parametrize(("timing", "highest"), [("same_step", 25), ("next_step", 25)])
def test_what_a_reset_leaves_adds_up(timing, highest):
    """With a threshold of 1 and sums of 7, V is 7, 13, 19, 25 when it is compared."""
    _, layer, tensors, source = _plain(current_leak={"kind": "all"})
    fields = {"fires": True, "threshold_bits": 4, "after_spike": "subtract", "reset_timing": timing}
    firing = layer.model_copy(update={"neuron": NeuronSpec(**{**dict(layer.neuron), **fields})})
    tensors = {"one.threshold": np.array([1]), "one.weight": np.array([[3, 4], [-1, 1]])}
    assert layer_ranges(firing, tensors, source).membrane == (-4, highest)


def test_states_beyond_48_bits_are_refused_with_a_way_out():
    gains = ({"delay": 0, "gain": 255},) * 8
    neuron = NeuronSpec(schedule="stepped", steps=1023, membrane_bits=48, current_bits=48,
                        fires=False, taps=gains)  # fmt: skip
    spec = InputSpec(coding="graded", shape=(1, 1, 4096), steps=1023, bits=8)
    layer = Dense(name="one", inputs=4096, outputs=2, weight_bits=8, neuron=neuron)
    with pytest.raises(SpikeforgeError, match=r"one.neuron.current_bits is at most 48, .* clip"):
        network_of(layer, {"one.weight": np.full((2, 4096), 127, np.int8)}, spec)

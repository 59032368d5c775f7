"""The contract holds every field of the architecture page, and refuses what contradicts itself."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from spikeforge import schema
from spikeforge.errors import SpikeforgeError
from spikeforge.schema import Conv2d, Dense, InputSpec, Leak, NeuronSpec, Readout
from spikeforge.validation import parse

WINDOWED = {"schedule": "windowed", "steps": 15, "membrane_bits": 12, "threshold_bits": 8,
            "threshold_shape": "falling"}  # fmt: skip
STEPPED = {"schedule": "stepped", "steps": 25, "membrane_bits": 12, "threshold_bits": 8,
           "current_bits": 10}  # fmt: skip
DENSE = {"name": "hidden1", "weight_bits": 4, "inputs": 6, "outputs": 4, "neuron": WINDOWED}
CONV = {"name": "maps", "weight_bits": 4, "channels_in": 2, "height": 8, "width": 8,
        "channels_out": 4, "kernel": [3, 3], "neuron": WINDOWED}  # fmt: skip

FIELDS = {
    "Leak": "kind shift multiplier",
    "Tap": "delay gain",
    "NeuronSpec": "schedule steps membrane_bits current_bits threshold_bits threshold_per_neuron "
    "threshold_shape bias_bits fires current_leak membrane_leak compare after_spike reset_timing "
    "rounding overflow refractory taps",
    "Recurrent": "weight_bits",
    "Dense": "kind name weight_bits delay source neuron inputs outputs recurrent",
    "Conv2d": "kind name weight_bits delay source neuron channels_in height width channels_out "
    "kernel stride padding groups",
    "AvgPool": "kind name source channels height width kernel stride",
    "FirstSpikePool": "kind name source channels height width kernel stride",
    "Flatten": "kind name source size",
    "Residual": "kind name sources function size",
    "InputSpec": "coding shape steps bits threshold",
    "Readout": "kind classes votes",
}

CHOICES = {
    "Schedule": "stepped windowed",
    "LeakKind": "none all shift multiply",
    "Compare": "ge gt",
    "AfterSpike": "silent zero subtract",
    "ResetTiming": "same_step next_step",
    "Rounding": "floor zero nearest_even",
    "Overflow": "refuse clip",
    "ThresholdShape": "constant falling",
    "InputCoding": "ttfs_levels spikes graded",
    "ReadoutKind": "max_membrane first_spike spike_count",
    "ResidualKind": "add and iand",
}


@pytest.mark.parametrize("model", FIELDS)
def test_every_field_of_the_design_is_there(model):
    assert set(getattr(schema, model).model_fields) == set(FIELDS[model].split())


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_of_the_design_is_there(name):
    assert {choice.value for choice in getattr(schema, name)} == set(CHOICES[name].split())


def test_all_six_kinds_of_layers_are_read_by_their_kind():
    adapter = TypeAdapter(schema.Layer)
    pool = {"name": "p", "channels": 2, "height": 8, "width": 8, "kernel": 2, "stride": 2}
    for record, kind in [
        ({**DENSE, "kind": "dense"}, "Dense"), ({**CONV, "kind": "conv2d"}, "Conv2d"),
        ({**pool, "kind": "avg_pool"}, "AvgPool"),
        ({**pool, "kind": "first_spike_pool"}, "FirstSpikePool"),
        ({"name": "f", "size": 9, "kind": "flatten"}, "Flatten"),
        ({"name": "r", "size": 9, "sources": ["a", "b"], "function": "add", "kind": "residual"},
         "Residual"),
    ]:  # fmt: skip
        layer = adapter.validate_python(record)
        assert type(layer).__name__ == kind
        assert adapter.validate_json(layer.model_dump_json()) == layer


def test_the_paper_neurons_can_be_written_down():
    cuba = parse(NeuronSpec, {
        **STEPPED, "current_leak": {"kind": "multiply", "multiplier": 230, "shift": 8},
        "membrane_leak": {"kind": "shift", "shift": 4}, "after_spike": "zero",
        "reset_timing": "next_step", "compare": "gt", "rounding": "zero", "overflow": "clip",
        "refractory": 15, "taps": [{"delay": 0, "gain": 2}, {"delay": 4, "gain": -1}],
    }, "neuron")  # fmt: skip
    assert cuba.taps[1].gain == -1
    assert cuba.current_leak.multiplier == 230


@pytest.mark.parametrize(
    ("leak", "message"),
    [
        ({"kind": "none", "shift": 3}, "of kind none takes neither shift nor multiplier"),
        ({"kind": "all", "multiplier": 3}, "of kind all takes neither shift nor multiplier"),
        ({"kind": "shift", "shift": 3, "multiplier": 2}, "of kind shift takes no multiplier"),
        ({"kind": "multiply", "shift": 1, "multiplier": 3}, r"at most 2\*\*shift = 2"),
        ({"kind": "multiply", "shift": 32, "multiplier": 3}, "shift should be less than or equal"),
        ({"kind": "leaky"}, "kind should be 'none', 'all', 'shift' or 'multiply', not 'leaky'"),
    ],
)
def test_a_contradicting_leak_is_refused(leak, message):
    with pytest.raises(SpikeforgeError, match=message):
        parse(Leak, leak, "leak")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps should be greater than or equal to 1, not 0"),
        ({"steps": 1024}, "steps should be less than or equal to 1023, not 1024"),
        ({"steps": 15.0}, "steps should be a valid integer, not 15.0"),
        ({"steps": True}, "steps should be a valid integer, not True"),
        ({"membrane_bits": 49}, "membrane_bits should be less than or equal to 48, not 49"),
        ({"threshold_bits": 0}, r"threshold_bits must be in 1\.\.32 for a layer that fires"),
        ({"threshold_bits": 33}, "threshold_bits should be less than or equal to 32, not 33"),
        ({"refractory": 16}, "refractory should be less than or equal to 15, not 16"),
        ({"compare": "eq"}, "compare should be 'ge' or 'gt', not 'eq'"),
        ({"threshold_shape": "constant"}, "must have threshold_shape falling where fires is True"),
        ({"fires": False}, "must have threshold_shape constant where fires is False"),
        ({"treshold_bits": 8}, r"unknown key treshold_bits \(did you mean 'threshold_bits'\?\)"),
    ],
)
def test_a_neuron_out_of_range_is_refused(change, message):
    with pytest.raises(SpikeforgeError, match=message):
        parse(NeuronSpec, {**WINDOWED, **change}, "neuron")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("current_leak", {"kind": "all"}), ("membrane_leak", {"kind": "shift", "shift": 2}),
        ("compare", "gt"), ("after_spike", "zero"), ("reset_timing", "next_step"),
        ("rounding", "zero"), ("overflow", "clip"), ("refractory", 1), ("current_bits", 8),
        ("taps", [{"delay": 0, "gain": 1}]),
    ],
)  # fmt: skip
def test_a_windowed_neuron_takes_nothing_of_a_stepped_one(field, value):
    with pytest.raises(SpikeforgeError, match=f"windowed layer must leave {field} at its default"):
        parse(NeuronSpec, {**WINDOWED, field: value}, "neuron")
    assert parse(NeuronSpec, {**STEPPED, field: value}, "neuron")


@pytest.mark.parametrize("bits", [0, 1])
def test_a_stepped_neuron_needs_a_current(bits):
    with pytest.raises(SpikeforgeError, match=r"current_bits must be in 2\.\.48"):
        parse(NeuronSpec, {**STEPPED, "current_bits": bits}, "neuron")


def test_recurrence_is_for_stepped_layers():
    looped = {**DENSE, "recurrent": {"weight_bits": 4}}
    with pytest.raises(SpikeforgeError, match="windowed layer must leave recurrent at its default"):
        parse(Dense, looped, "layer")
    assert parse(Dense, {**looped, "neuron": STEPPED}, "layer").recurrent.weight_bits == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight_bits": 0}, "weight_bits should be greater than or equal to 1, not 0"),
        ({"weight_bits": 9}, "weight_bits should be less than or equal to 8, not 9"),
        ({"delay": 2}, "delay should be less than or equal to 1, not 2"),
        ({"inputs": 1 << 25}, "inputs should be less than or equal to 16777216"),
        ({"name": "Hidden 1"}, "name String should match pattern .* not 'Hidden 1'"),
    ],
)
def test_a_dense_layer_out_of_range_is_refused(change, message):
    with pytest.raises(SpikeforgeError, match=message):
        parse(Dense, {**DENSE, **change}, "layer")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": [0, 1]}, "stride.0 should be greater than or equal to 1, not 0"),
        ({"padding": [0, -1]}, "padding.1 should be greater than or equal to 0, not -1"),
        ({"kernel": [0, 3]}, "kernel.0 should be greater than or equal to 1, not 0"),
        ({"kernel": [3, 3, 3]}, "kernel Tuple should have at most 2 items"),
    ],
)
def test_a_convolution_out_of_range_is_refused(change, message):
    with pytest.raises(SpikeforgeError, match=message):
        parse(Conv2d, {**CONV, **change}, "layer")


@pytest.mark.parametrize(
    ("model", "record", "message"),
    [
        (InputSpec, {"coding": "rate", "shape": [1, 2, 3], "steps": 4}, "coding should be 'ttfs_"),
        (InputSpec, {"coding": "spikes", "shape": [1, 2], "steps": 4}, "shape.2 is missing"),
        (InputSpec, {"coding": "graded", "shape": [1, 2, 3], "steps": 4, "bits": 9}, "bits should"),
        (InputSpec, {"coding": "spikes", "shape": [1, 2, 3.0], "steps": 4}, "valid integer"),
        (Readout, {"kind": "max_membrane", "classes": 1}, "classes should be greater"),
        (Readout, {"kind": "spike_count", "classes": 10, "votes": 0}, "votes should be greater"),
    ],
)
def test_an_input_or_readout_out_of_range_is_refused(model, record, message):
    with pytest.raises(SpikeforgeError, match=message):
        parse(model, record, "record")


def test_the_input_counts_its_addresses():
    assert InputSpec(coding="ttfs_levels", shape=(3, 4, 5), steps=15).size == 60

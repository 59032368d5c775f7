"""A network in torch's evaluation mode is the integer network that it exports to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sim.reference import run_reference
from spikeforge.coding import encode
from spikeforge.schema import AvgPool, Conv2d, Dense, Residual
from train.evaluation import evaluate
from train.exporter import export
from train.recipe import Recipe
from train.rules import build_network
from train.spiking.layer import SpikingConv
from train.spiking.normalize import DriveNorm

FORMS = {
    "latency": {},
    "latency, dark pixels silent": {"input_threshold": 90},
    "graded": {"input_bits": 3},
    "leaks": {"neuron": {"current_shift": 1, "membrane_shift": 3}},
    "subtract": {"neuron": {"membrane_shift": 4, "after_spike": "subtract", "refractory": 1}},
    "counts": {"readout": "spike_count"},
    "votes": {"readout": "spike_count", "votes": 3, "neuron": {"after_spike": "subtract"}},
    "batch norm": {"batch_norm": True, "input_bits": 4},
    "thresholds": {"threshold_per_neuron": True, "readout": "spike_count", "votes": 2},
    "no bias": {"bias": False},
}
POOLED = [
    {"channels": 3, "kernel": 3, "stride": 2, "pool": 2},
    {"channels": 4, "kernel": 3, "padding": 1, "pool": 2},
]


def sew(function):
    return [{"channels": 3, "kernel": 5, "stride": 2, "pool": 2, "residual": function}]


def random_network(seed=4, **network):
    """A network with random numbers in all places, in which about a tenth of all neurons fire."""
    torch.manual_seed(seed)
    shape = {"hidden": [20], "steps": 5, **network}
    model = build_network(
        Recipe.model_validate(
            {"name": "r", "rule": "surrogate", "network": shape, "training": {"epochs": 1}}
        )
    )
    with torch.no_grad():
        for layer in model.weighted():
            if layer.bias.requires_grad:
                layer.bias.uniform_(-0.2, 0.3)
            layer.log_threshold.uniform_(-2.0, -0.5)
        for norm in model.modules():
            if isinstance(norm, DriveNorm):
                norm.mean.uniform_(-0.2, 0.2)
                norm.variance.uniform_(0.1, 0.5)
    return model


def assert_equal(model, images):
    network = export(model, name="r", input_threshold=model.form.threshold)
    trace = run_reference(network, encode(images, network.input))
    seen = evaluate(model, images, input_threshold=model.form.threshold)
    assert np.array_equal(seen.classes, trace.classes)
    assert np.array_equal(seen.membranes, trace.outputs)
    layers = [part for part in trace.layers if part.membranes is not None]
    assert len(layers) == len(seen.spikes)
    for given, wanted in zip(seen.spikes, layers, strict=True):
        assert np.array_equal(given, wanted.spikes)
    assert all(0 < spikes.mean() < 1 for spikes in seen.spikes[:-1])
    return network


@pytest.fixture
def images():
    random = np.random.default_rng(1)
    return random.integers(0, 256, (8, 28, 28)).astype(np.uint8)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("conv", [[], POOLED], ids=["dense", "conv"])
def test_a_random_network_is_its_export(form, conv, images):
    network = assert_equal(random_network(conv=conv, **FORMS[form]), images)
    kinds = [type(layer) for layer in network.layers]
    assert kinds.count(Conv2d) == kinds.count(AvgPool) == len(conv)
    assert kinds.count(Dense) == 2


@pytest.mark.parametrize("function", ["add", "and", "iand"])
@pytest.mark.parametrize("form", ["latency", "batch norm", "subtract"])
def test_a_residual_network_is_its_export(function, form, images):
    network = assert_equal(random_network(conv=sew(function), **FORMS[form]), images)
    joins = [layer for layer in network.layers if isinstance(layer, Residual)]
    assert [(join.function.value, join.sources) for join in joins] == [
        (function, ("conv3", "conv1"))
    ]


@pytest.mark.parametrize("bits", range(1, 9))
def test_weights_of_every_width(bits, images):
    model = random_network(weight_bits=bits, conv=POOLED[:1], input_bits=8)
    network = assert_equal(model, images)
    weights = [network.weight(f"{layer.name}") for layer in network.layers
               if isinstance(layer, Conv2d | Dense)]  # fmt: skip
    widest = max(int(np.abs(weight.astype(int)).max()) for weight in weights)
    assert widest <= max(1, 1 << (bits - 1))


def test_the_class_is_exact_however_many_neurons_vote():
    model = random_network(readout="spike_count", votes=3, hidden=[4])
    finals = torch.full((1, 30), 2.0**24 - 2)  # whose sums float32 cannot tell apart
    finals[0, 12] += 1
    run = model.output.run(torch.zeros(5, 1, 4))
    silent = type(run)(run.membranes, torch.zeros_like(run.spikes), finals)
    assert model._classes(silent).tolist() == [4]


def test_training_sees_the_numbers_of_evaluation(images):
    """Spikes of the pass with gradients are those of the exact one."""
    model = random_network(conv=POOLED, **FORMS["leaks"])
    x = model.form.present(model.form.code(torch.from_numpy(images).flatten(1).float()))
    layer = model.stages[0]
    assert isinstance(layer, SpikingConv)
    assert torch.equal(layer(x), layer.run(x).spikes)

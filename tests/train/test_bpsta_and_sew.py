"""BPSTA and residual blocks from training to the RTL, on networks that train in seconds."""

from __future__ import annotations

import numpy as np
import pytest

from hw.config import MemoryMode, configure
from sim.equality import check
from sim.reference import run_reference
from spikeforge.coding import encode
from spikeforge.schema import Conv2d, Residual
from train.evaluation import evaluate
from train.recipe import Recipe
from train.trainer import train


def block(function):
    return [{"channels": 4, "kernel": 5, "stride": 3, "pool": 2, "residual": function}]


VOTES = {"readout": "spike_count", "votes": 3}
LEAK = {"neuron": {"membrane_shift": 3}}
NETWORKS = {
    "bpsta": {**VOTES, **LEAK, "hidden": [30]},
    "bpsta, residual": {**VOTES, **LEAK, "conv": block("add")},
    "bpsta, reset": {"neuron": {"membrane_shift": 3, "reset_gradient": True}, "weight_bits": 1},
    "surrogate, and": {"conv": block("and"), "neuron": {"reset_gradient": True}},
    "surrogate, iand": {"conv": block("iand"), **LEAK},
}


def trained(kind, dataset):
    shape = {
        "hidden": [24], "steps": 4, "input_bits": 3, "batch_norm": True, **NETWORKS[kind],
    }  # fmt: skip
    recipe = Recipe.model_validate(
        {"name": "r", "rule": kind.split(",")[0], "network": shape,
         "training": {"epochs": 6, "batch_size": 32, "learning_rate": 0.01, "average_decay": 0.9}}
    )  # fmt: skip
    return train(recipe, dataset)


@pytest.fixture(scope="module")
def residual(blob_dataset):
    return trained("bpsta, residual", blob_dataset)


def assert_names_its_classes_and_is_its_export(result, dataset):
    assert result.accuracy_quantized > 0.8
    trace = run_reference(result.network, encode(dataset.test_images, result.network.input))
    seen = evaluate(result.model, dataset.test_images)
    assert np.array_equal(seen.classes, trace.classes)
    assert np.array_equal(seen.membranes, trace.outputs)
    assert (seen.classes == dataset.test_labels).mean() == result.accuracy_quantized
    layers = [part for part in trace.layers if part.membranes is not None]
    for given, wanted in zip(seen.spikes, layers, strict=True):
        assert np.array_equal(given, wanted.spikes)
    assert all(0 < spikes.mean() < 1 for spikes in seen.spikes[:-1])


@pytest.mark.parametrize("kind", [name for name in NETWORKS if name != "bpsta, residual"])
def test_a_trained_network_names_its_classes_and_is_its_export(kind, blob_dataset):
    assert_names_its_classes_and_is_its_export(trained(kind, blob_dataset), blob_dataset)


def test_a_residual_network_learns_by_bpsta(residual, blob_dataset):
    assert_names_its_classes_and_is_its_export(residual, blob_dataset)
    convolutions = [part for part in residual.network.layers if isinstance(part, Conv2d)]
    assert all(part.neuron.threshold_per_neuron for part in convolutions)


def test_a_residual_network_that_votes_runs_on_the_rtl(residual, blob_dataset):
    network = residual.network
    assert any(isinstance(layer, Residual) for layer in network.layers)
    found = check(
        network, configure(network, 8, MemoryMode.LOAD),
        encode(blob_dataset.test_images[:12], network.input), None,
    )  # fmt: skip
    assert found.differences == ()
    assert found.images == 12

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sim.reference import run_reference
from spikeforge.coding import encode
from spikeforge.netfile import load_network
from train.data import load_dataset
from train.recipe import Recipe, load_recipe

MODELS = Path(__file__).parents[2] / "models"
FULL = os.environ.get("SPIKEFORGE_DATA")
NAMES = ["mnist-mlp", "mnist-tiny"]


def share(network, images, labels):
    hits = [
        run_reference(network, encode(images[at : at + 1000], network.input)).classes
        == labels[at : at + 1000]
        for at in range(0, len(images), 1000)
    ]
    return float(np.concatenate(hits).mean())


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_network_knows_images_it_was_never_trained_on(name, extract_dataset):
    network = load_network(MODELS / f"{name}.safetensors")
    assert share(network, extract_dataset.test_images, extract_dataset.test_labels) > 0.975


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_network_says_where_it_comes_from(name):
    network = load_network(MODELS / f"{name}.safetensors")
    origin, recipe = network.metadata, load_recipe(name)
    assert (network.name, origin.dataset, origin.split) == (name, "MNIST", "test")
    assert Recipe.model_validate(origin.recipe) == recipe
    assert tuple(layer.outputs for layer in network.layers) == (*recipe.network.hidden, 10)
    assert {layer.weight_bits for layer in network.layers} == {4}
    assert network.threshold("hidden1").shape == (1,)
    assert len(origin.history["validation_accuracy"]) == recipe.training.epochs


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.skipif(FULL is None, reason="SPIKEFORGE_DATA is not set")
def test_the_recorded_accuracy_is_that_of_the_reference_on_all_test_images(name):
    network = load_network(MODELS / f"{name}.safetensors")
    dataset = load_dataset(Path(str(FULL)))
    measured = share(network, dataset.test_images, dataset.test_labels)
    assert measured == network.metadata.accuracy_quantized

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sim.reference import run_reference
from spikeforge.coding import encode
from spikeforge.netfile import load_network
from spikeforge.schema import Conv2d, Dense
from train.data import load_dataset
from train.recipe import Recipe, load_recipe

MODELS = Path(__file__).parents[2] / "models"
FULL = os.environ.get("SPIKEFORGE_DATA")
NAMES = ["mnist-mlp", "mnist-tiny", "mnist-frugal", "mnist-mlp-sparse", "mnist-stepped",
         "mnist-cnn"]  # fmt: skip
BY_RULE = {"stidi-bp": 0.97, "stidi-bp-binary": 0.95, "lee2016": 0.97, "tssl-bp": 0.98,
           "stdbp": 0.98, "bpsta": 0.98, "hm2-bp": 0.97, "surrogate": 0.97, "st-rsbp": 0.97,
           "sew": 0.98}  # fmt: skip
RULE_OF = {"stidi-bp-binary": "stidi-bp", "sew": "surrogate"}  # where the name says more
LANES = 64


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


@pytest.mark.parametrize(("name", "least"), BY_RULE.items())
def test_a_network_of_a_rule_knows_images_it_was_never_trained_on(name, least, extract_dataset):
    network = load_network(MODELS / f"{name}.safetensors")
    assert network.metadata.recipe["rule"] == RULE_OF.get(name, name)
    assert share(network, extract_dataset.test_images, extract_dataset.test_labels) > least


def test_every_shipped_network_is_tested():
    shipped = {path.stem for path in MODELS.glob("*.safetensors") if not path.is_symlink()}
    assert shipped == {*NAMES, *BY_RULE}


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_network_says_where_it_comes_from(name):
    network = load_network(MODELS / f"{name}.safetensors")
    origin, recipe = network.metadata, load_recipe(name)
    assert (network.name, origin.dataset, origin.split) == (name, "MNIST", "test")
    assert Recipe.model_validate(origin.recipe) == recipe
    dense = [layer.outputs for layer in network.layers if isinstance(layer, Dense)]
    maps = [layer.channels_out for layer in network.layers if isinstance(layer, Conv2d)]
    assert tuple(dense) == (*recipe.network.hidden, 10)
    assert maps == [conv.channels for conv in recipe.network.conv]
    weighted = [layer for layer in network.layers if isinstance(layer, Dense | Conv2d)]
    assert {layer.weight_bits for layer in weighted} == {recipe.network.weight_bits}
    single = network.threshold("hidden1").shape == (1,)
    assert single is not recipe.network.threshold_per_neuron
    assert len(origin.history["validation_accuracy"]) == recipe.training.epochs


def test_the_sparse_network_needs_half_the_weights_and_half_the_cycles(extract_dataset):
    network = load_network(MODELS / "mnist-mlp-sparse.safetensors")
    weight = network.weight("hidden1")
    starts = range(0, len(weight), LANES)
    kept = np.stack([(weight[at : at + LANES] != 0).any(0) for at in starts])
    sizes = np.array([[len(weight[at : at + LANES])] for at in starts])
    events = (encode(extract_dataset.test_images, network.input) > 0).mean(0)
    assert (kept * sizes).sum() / weight.size < 0.5
    assert kept.mean() < 0.5
    assert (kept * events).sum() / (len(kept) * events.sum()) < 0.5


def test_the_convolutional_network_is_small_and_quiet(extract_dataset):
    network = load_network(MODELS / "mnist-cnn.safetensors")
    assert network.weight_bits_total <= 2_000_000
    trace = run_reference(network, encode(extract_dataset.test_images, network.input))
    arriving = {"conv1": trace.inputs}
    for before, after in (("conv1", "conv2"), ("conv2", "hidden1"), ("hidden1", "readout")):
        arriving[after] = next(part.levels for part in trace.layers if part.name == before)
    cycles = 0.0
    for layer in network.layers:
        if isinstance(layer, Dense):
            cost = np.full(layer.inputs, -(-layer.outputs // LANES))
        elif isinstance(layer, Conv2d):
            cost = np.tile(positions_reached(layer).ravel(), layer.channels_in)
            assert layer.channels_out == LANES
        else:
            continue
        cycles += ((arriving[layer.name] > 0) @ cost).mean()
    assert 500 < cycles <= 2_000


def positions_reached(layer):
    """Output positions that see each input position, shape (height, width)."""
    (kernel, _), (stride, _), (padding, _) = layer.kernel, layer.stride, layer.padding
    side = layer.height + 2 * padding
    count = np.zeros((side, side), np.int64)
    for top in range(0, side - kernel + 1, stride):
        for left in range(0, side - kernel + 1, stride):
            count[top : top + kernel, left : left + kernel] += 1
    return count[padding : side - padding, padding : side - padding]


def test_the_stepped_network_decides_early(extract_dataset):
    network = load_network(MODELS / "mnist-stepped.safetensors")
    levels = encode(extract_dataset.test_images, network.input)
    decided = run_reference(network, levels).decided_step
    assert (decided >= 0).mean() > 0.99
    assert decided[decided >= 0].mean() < network.layers[-1].neuron.steps / 2
    last = np.where(decided < 0, network.layers[-1].neuron.steps, decided)
    read = (levels >= network.input.steps - last[:, None]) & (levels > 0)
    rows = -(-network.layers[0].outputs // LANES)
    assert read.sum(1).mean() * rows < 800  # cycles of the first layer until the decision


@pytest.mark.parametrize("name", [*NAMES, *BY_RULE])
@pytest.mark.skipif(FULL is None, reason="SPIKEFORGE_DATA is not set")
def test_the_recorded_accuracy_is_that_of_the_reference_on_all_test_images(name):
    network = load_network(MODELS / f"{name}.safetensors")
    dataset = load_dataset(Path(str(FULL)))
    measured = share(network, dataset.test_images, dataset.test_labels)
    assert measured == network.metadata.accuracy_quantized

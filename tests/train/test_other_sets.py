"""Training on sets of other sizes and numbers of classes than MNIST's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.reference import run_reference
from spikeforge.class_names import class_names
from spikeforge.coding import encode
from spikeforge.errors import SpikeforgeError
from train.catalogue import SETS
from train.data import Dataset
from train.evaluation import evaluate
from train.recipe import Recipe
from train.rules import build_network
from train.trainer import train


def recipe(data, **network):
    return Recipe.model_validate(
        {"name": "r", "data": data, "network": {"hidden": [20], "steps": 5, **network},
         "training": {"epochs": 2, "batch_size": 16}}
    )  # fmt: skip


def noise(data, count=80):
    """A set of noise in the form of a real one, each class a little brighter than the last."""
    random = np.random.default_rng(2)
    chosen = SETS[data]
    form = chosen.shape if chosen.shape[0] > 1 else chosen.shape[1:]
    labels = (np.arange(count) % chosen.classes).astype(np.uint8)
    images = random.integers(0, 200, (count, *form)).astype(np.uint8)
    images += labels.reshape(-1, *[1] * len(form))
    return Dataset(
        name="noise", train_images=images, train_labels=labels, test_images=images[:30],
        test_labels=labels[:30], split="test", validation_at=0, validation_size=20,
        class_names=chosen.class_names,
    )  # fmt: skip


@pytest.mark.parametrize("conv", [[], [{"channels": 4, "kernel": 5, "stride": 4}]])
def test_colour_images_train_and_export_to_the_same_integer_network(conv):
    dataset = noise("cifar10")
    result = train(recipe("cifar10", conv=conv), dataset)
    network = result.network
    assert network.input.shape == (3, 32, 32)
    seen = evaluate(result.model, dataset.test_images)
    trace = run_reference(network, encode(dataset.test_images, network.input))
    assert np.array_equal(seen.membranes, trace.outputs)
    assert np.abs(seen.membranes).sum() > 0


@pytest.mark.parametrize(("data", "classes"), [("emnist-balanced", 47), ("emnist-letters", 26)])
@pytest.mark.parametrize("rule", ["windowed", "stdbp"])
def test_the_set_decides_the_number_of_classes(data, classes, rule):
    chosen = recipe(data).model_copy(update={"rule": rule})
    assert build_network(chosen).chain()[-1].outputs == classes


def test_images_of_another_form_are_refused_before_training():
    with pytest.raises(
        SpikeforgeError,
        match=r"data = 'mnist' means .* \(1, 28, 28\) in 10 classes, but noise has \(3, 32, 32\)",
    ):
        train(recipe("mnist"), noise("cifar10"))


def test_another_known_set_of_the_same_form_is_refused_too():
    with pytest.raises(
        SpikeforgeError, match=r"its data is Fashion-MNIST, but the images are MNIST;"
    ):
        train(recipe("fashion"), replace(noise("mnist"), name="MNIST"))


def test_a_recipe_with_an_unknown_set_is_refused():
    with pytest.raises(ValueError, match=r"must be one of mnist, fashion.*mean 'fashion'"):
        recipe("fashoin")


def test_every_set_has_one_name_a_class():
    sizes = {key: each.classes for key, each in SETS.items()}
    assert sizes == {
        "mnist": 10, "fashion": 10, "emnist-balanced": 47, "emnist-bymerge": 47,
        "emnist-byclass": 62, "emnist-letters": 26, "emnist-digits": 10, "emnist-mnist": 10,
        "cifar10": 10,
    }  # fmt: skip
    for each in SETS.values():
        assert len(set(each.class_names)) == each.classes


@pytest.mark.parametrize(
    ("dataset", "classes", "third"),
    [("Fashion-MNIST", 10, "Pullover"), ("Fashion-MNIST", 4, "2"), ("mine", 3, "2")],
)
def test_classes_without_names_are_numbers(dataset, classes, third):
    names = class_names(dataset, classes)
    assert (len(names), names[2]) == (classes, third)

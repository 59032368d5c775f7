from __future__ import annotations

import numpy as np
import pytest
import torch

from spikeforge.errors import SpikeforgeError
from train.health import check_alive, check_finite
from train.network_shape import NetworkShape
from train.recipe import Recipe, Training
from train.rules import build_network
from train.trainer import train


def recipe(rule="windowed", **training):
    shape = NetworkShape(hidden=(12, 9), steps=5)
    return Recipe(name="x", rule=rule, network=shape, training=Training(epochs=2, **training))


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 256, (30, 28, 28)).astype(np.uint8)


@pytest.mark.parametrize("rule", ["windowed", "stdbp", "surrogate", "tssl-bp"])
def test_a_silent_layer_is_named(rule, images):
    torch.manual_seed(1)
    asked = recipe(rule)
    model = build_network(asked)
    with torch.no_grad():
        for layer in list(model.chain())[:2]:
            layer.log_threshold.sub_(2.0)
    check_alive(model, images, asked, 3)
    with torch.no_grad():
        list(model.chain())[1].log_threshold.fill_(20.0)
    with pytest.raises(SpikeforgeError) as error:
        check_alive(model, images, asked, 3)
    assert str(error.value) == (
        "recipe x: no neuron of hidden layer 2 of 2 fires for any of 30 images after epoch 3, so "
        "nothing behind it learns; lower training.learning_rate (it is 0.002) or training.l1 (it "
        "is 0.0), or give more steps"
    )


def test_numbers_that_are_not_finite_are_named():
    asked = recipe()
    model = build_network(asked)
    check_finite(model, 1.0, asked, 0)
    with pytest.raises(SpikeforgeError) as error:
        check_finite(model, float("nan"), asked, 4)
    assert str(error.value) == (
        "recipe x: the loss became nan in epoch 4; lower training.learning_rate (it is 0.002)"
    )
    with torch.no_grad():
        model.hidden[1].weight[0, 0] = float("inf")
    with pytest.raises(SpikeforgeError) as error:
        check_finite(model, 1.0, asked, 4)
    assert str(error.value) == (
        "recipe x: hidden.1.weight holds numbers that are not finite after epoch 4; lower "
        "training.learning_rate (it is 0.002)"
    )


def test_training_stops_at_a_silent_layer(monkeypatch, extract_dataset):
    def deaf(asked):
        model = build_network(asked)
        with torch.no_grad():
            model.hidden[0].log_threshold.fill_(20.0)
        return model

    monkeypatch.setattr("train.trainer.build_network", deaf)
    with pytest.raises(SpikeforgeError, match="hidden layer 1 of 2 fires for any of 200 images"):
        train(recipe(learning_rate=1e-9), extract_dataset)

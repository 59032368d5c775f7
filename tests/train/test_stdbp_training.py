from __future__ import annotations

import numpy as np
import pytest

from sim.reference import run_reference
from spikeforge.coding import encode
from train.evaluation import evaluate
from train.recipe import Recipe
from train.trainer import train


def trained(dataset, late):
    recipe = Recipe.model_validate(
        {
            "name": "blobs", "rule": "stdbp", "seed": 3,
            "network": {"hidden": [24], "steps": 8, "bias": False, "input_threshold": 90},
            "training": {"epochs": 10, "batch_size": 32, "learning_rate": 0.01, "l1": late},
        }
    )  # fmt: skip
    return train(recipe, dataset)


@pytest.fixture(scope="module")
def patient(blob_dataset):
    return trained(blob_dataset, late=0.0)


def test_a_network_learns_and_its_accuracy_is_that_of_the_reference(patient, blob_dataset):
    images, labels = blob_dataset.test_images, blob_dataset.test_labels
    network = patient.network
    trace = run_reference(network, encode(images, network.input))
    share = float((trace.classes == labels).mean())
    assert share == patient.accuracy_quantized == network.metadata.accuracy_quantized
    assert share > 0.9


def test_a_price_on_time_brings_the_decision_forward(patient, blob_dataset):
    hurried = trained(blob_dataset, late=0.5)
    steps = [
        evaluate(result.model, blob_dataset.test_images, input_threshold=90).decided_step
        for result in (patient, hurried)
    ]
    before, after = (np.where(part < 0, 8, part).mean() for part in steps)
    assert after < before - 0.3
    assert hurried.accuracy_quantized > 0.9

"""The RTL of networks of single-spike rules: convolution, first-spike pool, taps, 1-bit weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hw.config import configure
from sim.simulate import simulate
from spikeforge.coding import encode
from train.exporter import export
from train.recipe import Recipe
from train.rules import build_network
from train.stepped_network import stepped_layers


@pytest.fixture(scope="module")
def network():
    """A tiny binary STiDi-BP network, untrained but for a few steps on random images."""
    recipe = Recipe.model_validate(
        {"name": "tiny", "rule": "stidi-bp",
         "network": {"conv": [{"channels": 3, "kernel": 6, "stride": 3, "pool": 2}],
                     "hidden": [8], "steps": 5, "weight_bits": 1, "psp": {"rise": 2, "fall": 4}},
         "training": {"epochs": 1}}
    )  # fmt: skip
    torch.manual_seed(6)
    model = build_network(recipe)
    with torch.no_grad():
        for layer in stepped_layers(model):
            layer.log_threshold.sub_(0.6)  # so that all layers fire
    optimizer = torch.optim.Adam(model.parameter_groups(0.01))
    k = torch.randint(0, 6, (20, 784)).float() * (torch.rand(20, 784) < 0.3)
    for _ in range(15):
        optimizer.zero_grad()
        model.loss(model.scores(k)[0], torch.arange(20) % 10, 0.0).backward()
        optimizer.step()
    return export(model, name="tiny")


def test_the_rtl_is_the_reference_to_the_cycle(network):
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (12, 28, 28)) * (random.random((12, 28, 28)) < 0.3)
    levels = encode(images.astype(np.uint8), network.input)
    found = simulate(network, configure(network), levels, workers=1)
    assert (found.class_mismatches, found.cycle_mismatches, found.message) == (0, 0, "")
    fired = [layer.spikes.any() for layer in found.trace.layers]
    assert all(fired)

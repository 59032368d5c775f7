from __future__ import annotations

import numpy as np
import pytest
import torch

from sim.reference import run_reference
from spikeforge.coding import encode
from spikeforge.errors import SpikeforgeError
from train import rules
from train.evaluation import evaluate
from train.exporter import export
from train.model import SpikingNet
from train.recipe import Recipe
from train.rules import RULES, build_network

NEEDS = {  # what a rule asks of a network
    "bpsta": {"input_bits": 4, "batch_norm": True},
    "lee2016": {"neuron": {"after_spike": "subtract"}},
    "st-rsbp": {"recurrent": True},
    "stidi-bp": {"psp": {"rise": 4}},
}


def recipe(**changes):
    return Recipe.model_validate(
        {"name": "r", "network": {"hidden": [9, 7]}, "training": {"epochs": 1}, **changes}
    )


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_builds_a_network_that_learns_and_exports(rule):
    torch.manual_seed(1)
    net = build_network(recipe(rule=rule, network={"hidden": [60, 40], **NEEDS.get(rule, {})}))
    assert isinstance(net, SpikingNet)
    scores, activity = net.scores(torch.randint(0, 16, (16, 784)).float())
    assert scores.shape == (16, 10)
    (scores.square().sum() + activity).backward()
    parameters = [p for group in net.parameter_groups(0.1) for p in group["params"]]
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)
    assert len(net.chain()) == 3


def test_an_unknown_rule_gets_a_suggestion():
    with pytest.raises(
        SpikeforgeError, match=r"rule must be one of .*stdbp, .*windowed.*mean 'windowed'"
    ):
        build_network(recipe(rule="windowd"))


def test_a_new_rule_is_one_more_entry(monkeypatch):
    built = []

    def other(given):
        built.append(given.name)
        return RULES["windowed"](given)

    monkeypatch.setattr(rules, "RULES", {**RULES, "other": other})
    build_network(recipe(rule="other"))
    assert built == ["r"]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"input_bits": 8}, "network.input_bits must be 0 for rule windowed, not 8: its neurons"),
        ({"batch_norm": True}, "network.batch_norm must be false for rule windowed, not true: it "
         "learns without it; leave it out, or take rule stdbp"),
        ({"recurrent": True}, "network.recurrent must be false for rule windowed, not true: its"),
        ({"readout": "spike_count"}, "network.readout must be left out for rule windowed, not "
         "spike_count: its neurons fire once"),
        ({"neuron": {"refractory": 1}}, "network.neuron.refractory must be left out for rule wind"),
        ({"psp": {"rise": 2}}, "network.psp must be left out for rule windowed: its potentials"),
        ({"conv": [{"channels": 2, "kernel": 3, "pool": 2}]}, "network.conv.pool must be 1 for rule"
         " windowed, not 2; give the convolution a stride, or take rule stdbp"),
        ({"conv": [{"channels": 2, "kernel": 3, "residual": "add"}]}, "network.conv.residual must"
         " be left out for rule windowed, not 'add': its neurons fire once"),
    ],
)  # fmt: skip
def test_the_windowed_rule_refuses_what_it_would_ignore(network, message):
    with pytest.raises(SpikeforgeError) as caught:
        build_network(recipe(rule="windowed", network={"hidden": [5], **network}))
    assert message in str(caught.value)


def test_binary_weights_of_windowed_layers_are_exported_exactly():
    torch.manual_seed(2)
    net = build_network(recipe(rule="windowed", network={"hidden": [20], "weight_bits": 1}))
    images = np.random.default_rng(3).integers(0, 256, (40, 28, 28)).astype(np.uint8)
    network = export(net)
    assert set(np.unique(network.weight("hidden1"))) == {-1, 0}
    trace, seen = run_reference(network, encode(images, network.input)), evaluate(net, images)
    np.testing.assert_array_equal(seen.membranes, trace.outputs)
    np.testing.assert_array_equal(seen.levels[0], trace.layers[0].levels)
    assert len(np.unique(seen.levels[0])) > 3
